//! What forms let people choose from: categories, agents, tenants.

use super::parts::Choice;
use super::reader::Visit;
use crate::Api;
use crate::problem::Problem;
use shared::access::{Actor, Capability};
use shared::i18n;
use shared::ids::{TenantId, UserId};
use shared::{categories, tenants, users};

/// The most that a choice offers; longer lists need a search.
const MOST: u32 = 200;

/// Returns the categories by slug that are active, or chosen, `first` (a text's key) before them with an empty value.
///
/// # Errors
/// If the store fails.
pub async fn categories(
    api: &Api,
    visit: &Visit,
    actor: &Actor,
    chosen: &str,
    first: &str,
) -> Result<Vec<Choice>, Problem> {
    let found = categories::list(&api.app.db, actor, None, MOST, 0).await?;
    let none = Choice { value: String::new(), label: i18n::text(visit.locale, first, &[]), chosen: chosen.is_empty() };
    let offered = found.into_iter().filter(|c| c.active || c.slug == chosen);
    let rest = offered.map(|c| Choice { chosen: c.slug == chosen, value: c.slug, label: c.name });
    Ok([none].into_iter().chain(rest).collect())
}

/// Returns whom the list can be filtered by: anybody, the reader, nobody, and each agent.
///
/// # Errors
/// If the store fails.
pub async fn assignees(api: &Api, visit: &Visit, actor: &Actor, chosen: &str) -> Result<Vec<Choice>, Problem> {
    let mut all = super::parts::choices(visit.locale, "assigned", &["me", "unassigned"], chosen, Some("assigned-any"));
    all.extend(agents(api, actor.within, chosen).await?);
    Ok(all)
}

/// Returns whom many tickets can be given to at once: the reader first, nobody, and each agent.
///
/// # Errors
/// If the store fails.
pub async fn assignable(api: &Api, visit: &Visit, actor: &Actor) -> Result<Vec<Choice>, Problem> {
    let nobody = Choice { value: "nobody".into(), label: i18n::text(visit.locale, "unassigned", &[]), chosen: false };
    let others = agents(api, actor.within, "").await?;
    Ok(me(visit).into_iter().chain([nobody]).chain(others).collect())
}

/// Returns the reader as the one choice.
pub fn me(visit: &Visit) -> Vec<Choice> {
    vec![Choice { value: "me".into(), label: i18n::word(visit.locale, "assigned", "me"), chosen: false }]
}

/// Returns whom a ticket can be given to: nobody, and each agent.
pub fn owners(visit: &Visit, agents: Vec<users::User>, chosen: Option<UserId>) -> Vec<Choice> {
    let nobody = i18n::text(visit.locale, "unassigned", &[]);
    let chosen = chosen.map(|id| id.to_string()).unwrap_or_default();
    let none = Choice { value: String::new(), label: nobody, chosen: chosen.is_empty() };
    [none].into_iter().chain(agents.into_iter().map(|user| agent(user, &chosen))).collect()
}

/// Returns the tenants that a platform user sees tickets of; nothing for others, and where there is but one.
///
/// # Errors
/// If the store fails.
pub async fn tenants(api: &Api, actor: &Actor, chosen: &str) -> Result<Vec<Choice>, Problem> {
    Ok(named(all_tenants(api, actor).await?, chosen))
}

/// Returns the tenants that a platform user can open tickets in: those that are not closed.
///
/// # Errors
/// If the store fails.
pub async fn open_tenants(api: &Api, actor: &Actor, chosen: &str) -> Result<Vec<Choice>, Problem> {
    let mut found = all_tenants(api, actor).await?;
    found.retain(|t| t.active);
    Ok(named(found, chosen))
}

async fn all_tenants(api: &Api, actor: &Actor) -> Result<Vec<tenants::Tenant>, Problem> {
    if actor.within.is_some() || !actor.can(Capability::SettingsManage) {
        return Ok(Vec::new());
    }
    let found = tenants::list(&api.app.db, actor, None, MOST, 0).await?;
    Ok(if found.len() < 2 { Vec::new() } else { found })
}

fn named(tenants: Vec<tenants::Tenant>, chosen: &str) -> Vec<Choice> {
    let choice = |t: tenants::Tenant| {
        let value = t.id.to_string();
        Choice { chosen: value == chosen, value, label: t.name }
    };
    tenants.into_iter().map(choice).collect()
}

async fn agents(api: &Api, tenant: Option<TenantId>, chosen: &str) -> Result<Vec<Choice>, Problem> {
    let found = users::agents(&api.app.db, tenant).await?;
    Ok(found.into_iter().map(|user| agent(user, chosen)).collect())
}

fn agent(user: users::User, chosen: &str) -> Choice {
    let value = user.id.to_string();
    let label = user.name.filter(|n| !n.is_empty()).unwrap_or(user.email);
    Choice { chosen: value == chosen, value, label }
}
