//! The tenant's rules on spam (E5.10), one a line: `spam domain casino.example`, `not_spam address ann@casino.example`.

use super::error;
use super::form_data::FormData;
use super::mail;
use super::parts::Refused;
use super::reader::Visit;
use super::render::{self, Page};
use super::settings::{self, Tab};
use crate::Api;
use crate::extract::Query;
use crate::problem::Problem;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use shared::access::Refused as Denied;
use shared::i18n::{self, Locale};
use shared::tenants::spam_rules::{SpamField, SpamRule, SpamVerdict};
use shared::tenants::{self, Tenant, TenantChange};

/// Where the page is.
pub const HERE: &str = "/dashboard/settings/spam";

/// `spam_rules.hbs`
#[derive(Debug, Clone, Serialize)]
pub struct SpamRulesPage {
    /// The pages of settings that the reader may see.
    pub tabs: Vec<Tab>,
    /// Whose rules they are.
    pub tenant: String,
    /// The rules, one a line.
    pub rules: String,
    /// What was just done.
    pub done: Option<String>,
    /// Why the form was refused.
    pub refused: Option<Refused>,
}

impl Page for SpamRulesPage {
    const TEMPLATE: &'static str = "spam_rules";

    fn title(&self, locale: Locale) -> String {
        i18n::text(locale, "settings-spam", &[])
    }

    #[cfg(test)]
    fn samples() -> Vec<Self> {
        let refused = Refused { text: "Something is wrong.".into(), fields: Vec::new() };
        let page = SpamRulesPage {
            tabs: settings::tabs(&shared::access::Actor::system(), "spam"),
            tenant: "Support".into(),
            rules: "spam domain casino.example".into(),
            done: Some("Saved".into()),
            refused: None,
        };
        vec![page.clone(), SpamRulesPage { done: None, refused: Some(refused), ..page }]
    }
}

/// The address's parameters.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Params {
    did: String,
}

/// `GET /dashboard/settings/spam`
///
/// # Errors
/// 401, 403 without `support.settings.manage`, 404 outside the scope.
pub async fn show(State(api): State<Api>, visit: Visit, Query(params): Query<Params>) -> Result<Response, Problem> {
    let tenant = of(&api, &visit).await?;
    let page = SpamRulesPage {
        tabs: settings::tabs(visit.actor()?, "spam"),
        rules: tenant.settings.spam_rules.iter().map(line).collect::<Vec<_>>().join("\n"),
        tenant: tenant.name,
        done: mail::done(visit.locale, Some(&params.did)),
        refused: None,
    };
    Ok(render::page(StatusCode::OK, &visit.shell("settings"), &page))
}

/// `POST /dashboard/settings/spam`
///
/// # Errors
/// As [`show`]; a rule that is wrong shows the page with what was typed.
pub async fn save(State(api): State<Api>, visit: Visit, form: FormData) -> Result<Response, Problem> {
    let tenant = of(&api, &visit).await?;
    let rules = form.text("rules").to_owned();
    let done = match read(&rules) {
        Ok(all) => {
            let settings = Map::from_iter([("spam_rules".to_owned(), json!(all))]);
            let change = TenantChange { settings, ..TenantChange::default() };
            tenants::update(&api.app.db, visit.actor()?, tenant.id, change).await.map_err(Problem::from)
        }
        Err(number) => Err(unreadable(number)),
    };
    match done {
        Ok(_) => Ok(Redirect::to(&format!("{HERE}?did=spam-rules")).into_response()),
        Err(problem) if problem.shown().status == 422 => {
            let refused = error::refused(visit.locale, problem.shown(), |_| Some("rules"));
            let tabs = settings::tabs(visit.actor()?, "spam");
            let page = SpamRulesPage { tabs, tenant: tenant.name, rules, done: None, refused: Some(refused) };
            Ok(render::page(StatusCode::UNPROCESSABLE_ENTITY, &visit.shell("settings"), &page))
        }
        Err(problem) => Err(problem),
    }
}

/// The tenant that the visitor acts within, if they may set it.
async fn of(api: &Api, visit: &Visit) -> Result<Tenant, Problem> {
    let actor = visit.actor()?;
    let tenant = tenants::target(&api.app.db, actor, None).await?;
    tenants::get(&api.app.db, actor, tenant.id).await.map_err(|e: Denied| e.into())
}

fn unreadable(number: usize) -> Problem {
    Problem::field(
        "settings",
        "invalid",
        format!("spam_rules: rule {number} is not of the form: spam domain casino.example"),
    )
}

fn line(rule: &SpamRule) -> String {
    format!("{} {} {}", rule.verdict, rule.field, rule.value)
}

/// Reads the lines; the number of the first that cannot be read.
fn read(text: &str) -> Result<Vec<Value>, usize> {
    let lines = text.lines().map(str::trim).filter(|l| !l.is_empty()).enumerate();
    let one = |(n, line): (usize, &str)| {
        let mut words = line.splitn(3, char::is_whitespace);
        let verdict = words.next().and_then(|w| w.parse::<SpamVerdict>().ok());
        let field = words.next().and_then(|w| w.parse::<SpamField>().ok());
        match (verdict, field, words.next()) {
            (Some(verdict), Some(field), Some(value)) => {
                Ok(json!({"field": field, "value": value, "verdict": verdict}))
            }
            _ => Err(n + 1),
        }
    };
    lines.map(one).collect()
}
