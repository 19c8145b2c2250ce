//! Users: who is here, inviting, roles, and helping who cannot sign in.

use super::error;
use super::form_data::FormData;
use super::format::When;
use super::parts::{Choice, Field, Refused, choices};
use super::reader::Visit;
use super::render::{self, Page};
use super::settings::{self, Tab};
use super::{lists, mail};
use crate::Api;
use crate::extract::{Path, Query};
use crate::problem::Problem;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};
use shared::access::{Actor, Capabilities, Capability, Role};
use shared::i18n::{self, Locale};
use shared::ids::UserId;
use shared::sessions::second;
use shared::users::{self, Filter, NewUser, User, UserChange};

const PATH: &str = "/dashboard/settings/users";
/// How many users a page lists.
const PAGE: u32 = 50;

/// `users.hbs`
#[derive(Debug, Clone, Default, Serialize)]
pub struct UsersPage {
    /// The pages of settings that the reader may see.
    pub tabs: Vec<Tab>,
    /// The search: how a name or an address begins.
    pub q: String,
    /// Whom the list is narrowed to.
    pub kinds: Vec<Choice>,
    /// The users, oldest first.
    pub rows: Vec<Row>,
    /// The address of somebody to be invited.
    pub email: Field,
    /// Their name.
    pub name: Field,
    /// The roles that the reader can give.
    pub roles: Vec<Choice>,
    /// The tenants to choose from; empty where there is no choice.
    pub tenants: Vec<Choice>,
    /// What was just done.
    pub done: Option<String>,
    /// Why the last form was refused.
    pub refused: Option<Refused>,
    /// The next page.
    pub next: Option<String>,
}

/// A user.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// Their row.
    pub id: i64,
    /// Name, else address.
    pub name: String,
    /// Address.
    pub email: String,
    /// The tenant's name; None: of the platform.
    pub tenant: Option<String>,
    /// The role, where the reader may not change it.
    pub role: String,
    /// The roles to choose from; empty where the reader may not change it.
    pub roles: Vec<Choice>,
    /// `active`, `invited`, `mail` for who only ever mailed, `off`.
    pub state: &'static str,
    /// Whether their login has a second step.
    pub two_factor: bool,
    /// Whether the reader may do something with them.
    pub may: bool,
    /// Since when they are here.
    pub since: When,
}

impl Row {
    fn new(visit: &Visit, actor: &Actor, user: User) -> Row {
        let may = actor.user != Some(user.id) && actor.may_grant(user.role, user.extra);
        let state = match () {
            () if !user.active => "off",
            () if user.has_password => "active",
            () if user.member => "invited",
            () => "mail",
        };
        Row {
            id: user.id.0,
            name: user.name.filter(|n| !n.trim().is_empty()).unwrap_or_else(|| user.email.clone()),
            email: user.email,
            tenant: user.tenant.map(|t| t.name),
            role: user.role.as_str().to_owned(),
            roles: if may { roles(visit.locale, actor, user.role) } else { Vec::new() },
            state,
            two_factor: user.two_factor,
            may,
            since: When::new(visit.locale, user.created_at, visit.now),
        }
    }
}

/// The roles that the actor can give, in words.
fn roles(locale: Locale, actor: &Actor, chosen: Role) -> Vec<Choice> {
    let can = Role::ALL.iter().filter(|r| actor.may_grant(**r, Capabilities::default())).map(|r| r.as_str());
    choices(locale, "role", &can.collect::<Vec<_>>(), chosen.as_str(), None)
}

/// The address's parameters.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Params {
    q: String,
    show: String,
    after: Option<UserId>,
    did: Option<String>,
}

impl Params {
    fn filter(&self) -> Filter {
        let q = Some(self.q.trim().to_owned()).filter(|q| !q.is_empty());
        Filter { q, team: self.show != "all", ..Filter::default() }
    }
}

async fn page(api: &Api, visit: &Visit, params: &Params) -> Result<UsersPage, Problem> {
    let actor = visit.actor()?;
    let mut found = users::list(&api.app.db, actor, &params.filter(), params.after, (PAGE + 1, 0)).await?;
    let more = found.len() > PAGE as usize;
    found.truncate(PAGE as usize);
    let next = found.last().filter(|_| more).map(|last| {
        let after = last.id.to_string();
        let query = [("q", params.q.as_str()), ("show", &params.show), ("after", &after)];
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        format!("{PATH}?{query}")
    });
    let mut tenants = lists::tenants(api, actor, "").await?;
    if !tenants.is_empty() {
        let label = i18n::text(visit.locale, "users-no-tenant", &[]);
        tenants.insert(0, Choice { value: String::new(), label, chosen: true });
    }
    Ok(UsersPage {
        tabs: settings::tabs(actor, "users"),
        kinds: choices(
            visit.locale,
            "users-show",
            &["team", "all"],
            if params.show == "all" { "all" } else { "team" },
            None,
        ),
        rows: found.into_iter().map(|user| Row::new(visit, actor, user)).collect(),
        roles: roles(visit.locale, actor, Role::Agent),
        tenants,
        next,
        done: mail::done(visit.locale, params.did.as_deref()),
        q: params.q.clone(),
        ..UsersPage::default()
    })
}

fn shown(visit: &Visit, page: &UsersPage, status: StatusCode) -> Response {
    render::page(status, &visit.shell("settings"), page)
}

/// `GET /dashboard/settings/users`
///
/// # Errors
/// 401, 403 without `support.users.manage`.
pub async fn list(State(api): State<Api>, visit: Visit, Query(params): Query<Params>) -> Result<Response, Problem> {
    let page = page(&api, &visit, &params).await?;
    Ok(shown(&visit, &page, StatusCode::OK))
}

/// `POST /dashboard/settings/users`: invites somebody.
///
/// # Errors
/// 401, 403; a refusal shows the page again.
pub async fn invite(State(api): State<Api>, visit: Visit, form: FormData) -> Result<Response, Problem> {
    let actor = visit.actor()?;
    actor.require(Capability::UsersManage)?;
    let Ok(role) = form.get("role").parse() else {
        return Err(Problem::field("role", "unknown_value", "is no role"));
    };
    let new = NewUser {
        tenant: form.some("tenant").and_then(|t| t.parse().ok()),
        email: form.get("email").to_owned(),
        name: form.some("name").map(str::to_owned),
        role,
        locale: None,
        password: None,
        extra: Capabilities::default(),
    };
    match users::create(&api.app, actor, new).await {
        Ok(_) => Ok(back("invite")),
        Err(e) => refuse(&api, &visit, e.into(), &form).await,
    }
}

/// `POST /dashboard/settings/users/{id}`: the role, or whether they may sign in.
///
/// # Errors
/// 401, 403, 404; a refusal shows the page again.
pub async fn change(
    State(api): State<Api>,
    visit: Visit,
    Path(id): Path<UserId>,
    form: FormData,
) -> Result<Response, Problem> {
    let role = form.some("role").map(str::parse).transpose();
    let role = role.map_err(|_| Problem::field("role", "unknown_value", "is no role"))?;
    let active = form.some("active").map(|active| active == "1");
    // Who gets a role is here to stay, even if they only mailed so far.
    let change = UserChange { role, active, member: role.map(|_| true), ..UserChange::default() };
    match users::update(&api.app.db, visit.actor()?, id, change).await {
        Ok(_) => Ok(back("user")),
        Err(e) => refuse(&api, &visit, e.into(), &form).await,
    }
}

/// `POST /dashboard/settings/users/{id}/invite`: once more.
///
/// # Errors
/// 401, 403, 404; a refusal shows the page again.
pub async fn invite_again(
    State(api): State<Api>,
    visit: Visit,
    Path(id): Path<UserId>,
    form: FormData,
) -> Result<Response, Problem> {
    match users::invite_again(&api.app, visit.actor()?, id).await {
        Ok(_) => Ok(back("invite")),
        Err(e) => refuse(&api, &visit, e.into(), &form).await,
    }
}

/// `POST /dashboard/settings/users/{id}/two-factor`: takes a lost second step away.
///
/// # Errors
/// 401, 403, 404.
pub async fn reset_two_factor(
    State(api): State<Api>,
    visit: Visit,
    Path(id): Path<UserId>,
    _: FormData,
) -> Result<Response, Problem> {
    second::reset(&api.app.db, visit.actor()?, id).await?;
    Ok(back("two-factor-reset"))
}

fn back(did: &str) -> Response {
    Redirect::to(&format!("{PATH}?did={did}")).into_response()
}

async fn refuse(api: &Api, visit: &Visit, problem: Problem, form: &FormData) -> Result<Response, Problem> {
    let problem = error::shown_at_form(problem)?;
    let said = problem.shown();
    let mut page = page(api, visit, &Params::default()).await?;
    (page.email.value, page.name.value) = (form.get("email").to_owned(), form.get("name").to_owned());
    for choice in &mut page.roles {
        choice.chosen = choice.value == form.get("role");
    }
    for choice in &mut page.tenants {
        choice.chosen = choice.value == form.get("tenant");
    }
    for wrong in &said.errors {
        let text = Some(error::field_text(visit.locale, wrong));
        match wrong.field.as_str() {
            "email" => page.email.error = text,
            "name" => page.name.error = text,
            _ => {}
        }
    }
    let id_of = |field: &str| ["email", "name"].into_iter().find(|id| *id == field);
    page.refused = Some(error::refused(visit.locale, said, id_of));
    Ok(shown(visit, &page, said.http_status()))
}

impl Page for UsersPage {
    const TEMPLATE: &'static str = "users";

    fn title(&self, locale: Locale) -> String {
        i18n::text(locale, "settings-users", &[])
    }

    #[cfg(test)]
    fn samples() -> Vec<Self> {
        let now = shared::clock::now();
        let row = |(id, state): (i64, &'static str)| Row {
            id,
            name: "Mara Lindqvist".into(),
            email: "mara@desk.example".into(),
            tenant: (id == 2).then(|| "Kaiwerk".into()),
            role: "agent".into(),
            roles: if id == 4 { vec![] } else { choices(Locale::En, "role", &["agent", "admin"], "agent", None) },
            state,
            two_factor: id == 1,
            may: id != 4,
            since: When::new(Locale::En, now, now),
        };
        let full = UsersPage {
            tabs: vec![Tab { key: "users", href: PATH, current: true }],
            kinds: choices(Locale::En, "users-show", &["team", "all"], "team", None),
            rows: [(1, "active"), (2, "invited"), (3, "off"), (4, "mail")].map(row).to_vec(),
            roles: choices(
                Locale::En,
                "role",
                &Role::ALL.iter().map(|r| r.as_str()).collect::<Vec<_>>(),
                "agent",
                None,
            ),
            tenants: vec![Choice { value: "1".into(), label: "Kaiwerk".into(), chosen: true }],
            done: Some("Invited.".into()),
            next: Some(format!("{PATH}?after=4")),
            ..UsersPage::default()
        };
        let wrong = Field { value: "mara".into(), error: Some("No address.".into()) };
        let refused = Refused { text: "No.".into(), fields: vec![] };
        vec![
            UsersPage { email: wrong.clone(), name: wrong, refused: Some(refused), ..full.clone() },
            full,
            UsersPage::default(),
        ]
    }
}
