//! Tenants: who is here, opening another one, and what can be set for each.

use super::error;
use super::form_data::FormData;
use super::format::When;
use super::mail;
use super::parts::{Choice, Refused, choices};
use super::reader::Visit;
use super::render::{self, Page};
use super::settings::{self, Tab};
use crate::Api;
use crate::extract::{Path, Query};
use crate::problem::Problem;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use shared::access::{Actor, Capability};
use shared::i18n::{self, Locale};
use shared::ids::TenantId;
use shared::mailboxes::probe;
use shared::tenants::{self, Audience, NewTenant, PidInSubject, Settings, Tenant, TenantChange};

const PATH: &str = "/dashboard/settings/tenants";
/// How many tenants a page lists.
const PAGE: u32 = 50;
/// Settings that are yes or no.
const SWITCHES: [&str; 3] = ["agents_may_assign", "ask_rating", "require_two_factor"];

/// `tenants.hbs`
#[derive(Debug, Clone, Default, Serialize)]
pub struct TenantsPage {
    /// The pages of settings that the reader may see.
    pub tabs: Vec<Tab>,
    /// The tenants, oldest first.
    pub rows: Vec<TenantForm>,
    /// A tenant to be opened, for who may.
    pub new: Option<TenantForm>,
    /// What was just done.
    pub done: Option<String>,
    /// Why the last form was refused.
    pub refused: Option<Refused>,
    /// The next page.
    pub next: Option<String>,
}

/// A tenant and its form.
#[derive(Debug, Clone, Serialize)]
pub struct TenantForm {
    /// Its row; `new` for one to be opened.
    pub id: String,
    /// Whether the form is open.
    pub open: bool,
    /// Its name for people.
    pub name: String,
    /// Its name in addresses and headers.
    pub slug: String,
    /// Whether it is open.
    pub active: bool,
    /// Whether the reader may close and open it.
    pub may_close: bool,
    /// Whether slug, prefix and audience can be changed.
    pub may_rename: bool,
    /// In front of its tickets' numbers.
    pub pid_prefix: String,
    /// The address of its first mailbox; None once it is open.
    pub mailbox: Option<String>,
    /// Who its customers are to one another.
    pub audience: String,
    /// The same, to choose from.
    pub audiences: Vec<Choice>,
    /// The languages.
    pub locales: Vec<Choice>,
    /// Since when it is here.
    pub since: Option<When>,
    /// What can be set; None for one to be opened.
    pub settings: Option<SettingsForm>,
}

/// What can be set for a tenant.
#[derive(Debug, Clone, Serialize)]
pub struct SettingsForm {
    /// What is yes or no: name, words, on or off.
    pub switches: Vec<Choice>,
    /// After how many days solved tickets close.
    pub auto_close_days: String,
    /// For how many days a mail opens a closed ticket again.
    pub reopen_days: String,
    /// How many tickets a day may be opened; empty: the audience's default.
    pub tickets_per_day: String,
    /// Whose addresses make members, one a line.
    pub verified_domains: String,
    /// Whether the ticket's number stands in subjects.
    pub subjects: Vec<Choice>,
}

impl SettingsForm {
    fn new(locale: Locale, s: &Settings) -> SettingsForm {
        let on = [s.agents_may_assign, s.ask_rating, s.require_two_factor];
        let switch = |(name, chosen): (&str, bool)| Choice {
            value: name.to_owned(),
            label: i18n::word(locale, "tenant-set", name),
            chosen,
        };
        let places: Vec<&str> = PidInSubject::ALL.iter().map(|p| p.as_str()).collect();
        SettingsForm {
            switches: SWITCHES.into_iter().zip(on).map(switch).collect(),
            auto_close_days: s.auto_close_days.to_string(),
            reopen_days: s.reopen_days.to_string(),
            tickets_per_day: s.tickets_per_day.map(|n| n.to_string()).unwrap_or_default(),
            verified_domains: s.verified_domains.join("\n"),
            subjects: choices(locale, "pid-in-subject", &places, s.pid_in_subject.as_str(), None),
        }
    }

    /// What was typed stands in it again.
    fn typed(&mut self, form: &FormData) {
        for switch in &mut self.switches {
            switch.chosen = form.some(&switch.value).is_some();
        }
        let fields = [&mut self.auto_close_days, &mut self.reopen_days, &mut self.tickets_per_day];
        for (field, name) in fields.into_iter().zip(["auto_close_days", "reopen_days", "tickets_per_day"]) {
            form.get(name).clone_into(field);
        }
        form.text("verified_domains").clone_into(&mut self.verified_domains);
        choose(&mut self.subjects, form.get("pid_in_subject"));
    }
}

fn choose(choices: &mut [Choice], value: &str) {
    for choice in choices {
        choice.chosen = choice.value == value;
    }
}

impl TenantForm {
    fn blank(locale: Locale) -> TenantForm {
        TenantForm {
            id: "new".to_owned(),
            open: false,
            name: String::new(),
            slug: String::new(),
            active: true,
            may_close: false,
            may_rename: true,
            pid_prefix: String::new(),
            mailbox: Some(String::new()),
            audience: Audience::Organisation.to_string(),
            audiences: audiences(locale, Audience::Organisation),
            locales: locales(locale, locale),
            since: None,
            settings: None,
        }
    }

    fn new(visit: &Visit, actor: &Actor, t: &Tenant) -> TenantForm {
        TenantForm {
            id: t.id.to_string(),
            open: false,
            name: t.name.clone(),
            slug: t.slug.clone(),
            active: t.active,
            may_close: may_open(actor),
            may_rename: actor.can(Capability::TenantsManage),
            pid_prefix: t.pid_prefix.clone().unwrap_or_default(),
            mailbox: None,
            audience: t.audience.to_string(),
            audiences: audiences(visit.locale, t.audience),
            locales: locales(visit.locale, t.locale),
            since: Some(When::new(visit.locale, t.created_at, visit.now)),
            settings: Some(SettingsForm::new(visit.locale, &t.settings)),
        }
    }

    fn typed(&mut self, form: &FormData) {
        self.open = true;
        form.get("name").clone_into(&mut self.name);
        choose(&mut self.locales, form.get("locale"));
        if self.may_rename {
            form.get("slug").clone_into(&mut self.slug);
            form.get("pid_prefix").clone_into(&mut self.pid_prefix);
            choose(&mut self.audiences, form.get("audience"));
        }
        self.mailbox.iter_mut().for_each(|mailbox| form.get("mailbox").clone_into(mailbox));
        self.settings.iter_mut().for_each(|settings| settings.typed(form));
    }
}

fn audiences(locale: Locale, chosen: Audience) -> Vec<Choice> {
    let all: Vec<&str> = Audience::ALL.iter().map(|a| a.as_str()).collect();
    choices(locale, "audience", &all, chosen.as_str(), None)
}

fn locales(locale: Locale, chosen: Locale) -> Vec<Choice> {
    let all: Vec<&str> = Locale::ALL.iter().map(|l| l.as_str()).collect();
    choices(locale, "language", &all, chosen.as_str(), None)
}

/// The address's parameters.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Params {
    after: Option<TenantId>,
    did: Option<String>,
}

async fn page(api: &Api, visit: &Visit, params: &Params) -> Result<TenantsPage, Problem> {
    let actor = visit.actor()?;
    let mut found = tenants::list(&api.app.db, actor, params.after, PAGE + 1, 0).await?;
    let more = found.len() > PAGE as usize;
    found.truncate(PAGE as usize);
    Ok(TenantsPage {
        tabs: settings::tabs(actor, "tenants"),
        next: found.last().filter(|_| more).map(|t| format!("{PATH}?after={}", t.id)),
        rows: found.iter().map(|t| TenantForm::new(visit, actor, t)).collect(),
        new: may_open(actor).then(|| TenantForm::blank(visit.locale)),
        done: mail::done(visit.locale, params.did.as_deref()),
        refused: None,
    })
}

fn may_open(actor: &Actor) -> bool {
    actor.can(Capability::TenantsManage) && actor.is_platform()
}

fn shown(visit: &Visit, page: &TenantsPage, status: StatusCode) -> Response {
    render::page(status, &visit.shell("settings"), page)
}

/// `GET /dashboard/settings/tenants`
///
/// # Errors
/// 401, 403 without `support.settings.manage`.
pub async fn list(State(api): State<Api>, visit: Visit, Query(params): Query<Params>) -> Result<Response, Problem> {
    let page = page(&api, &visit, &params).await?;
    Ok(shown(&visit, &page, StatusCode::OK))
}

/// `POST /dashboard/settings/tenants`: opens one, with its first mailbox.
///
/// # Errors
/// 401, 403; a refusal shows the page again.
pub async fn create(State(api): State<Api>, visit: Visit, form: FormData) -> Result<Response, Problem> {
    let actor = visit.actor()?;
    actor.require(Capability::TenantsManage)?;
    let new = NewTenant {
        slug: form.get("slug").trim().to_owned(),
        name: form.some("name").map(str::to_owned),
        pid_prefix: form.some("pid_prefix").map(str::to_owned),
        audience: form.get("audience").parse().unwrap_or(Audience::Organisation),
        locale: form.get("locale").parse().unwrap_or(visit.locale),
        settings: Map::new(),
        mailbox: form.some("mailbox").map(str::to_owned),
    };
    match tenants::create(&api.app.db, actor, new).await {
        Ok(made) => {
            probe::ask_untested(&api.app).await?;
            Ok(back("tenant-made", made.id))
        }
        Err(e) => refuse(&api, &visit, e.into(), "new", &form).await,
    }
}

/// `POST /dashboard/settings/tenants/{id}`
///
/// # Errors
/// 401, 403, 404; a refusal shows the page again.
pub async fn change(
    State(api): State<Api>,
    visit: Visit,
    Path(id): Path<TenantId>,
    form: FormData,
) -> Result<Response, Problem> {
    let (db, actor) = (&api.app.db, visit.actor()?);
    tenants::get(db, actor, id).await?;
    // A form of its own closes and opens it.
    if let Some(active) = form.some("active").map(|active| active == "1") {
        let change = TenantChange { active: Some(active), ..TenantChange::default() };
        return match tenants::update(db, actor, id, change).await {
            Ok(_) => Ok(back(if active { "tenant-opened" } else { "tenant-closed" }, id)),
            Err(e) => closing_refused(&api, &visit, e.into()).await,
        };
    }
    let owner = actor.can(Capability::TenantsManage);
    let own = |name: &str| form.some(name).filter(|_| owner).map(|text| text.trim().to_owned());
    let change = TenantChange {
        slug: own("slug"),
        name: Some(form.get("name").to_owned()),
        pid_prefix: own("pid_prefix"),
        audience: own("audience").and_then(|a| a.parse().ok()),
        locale: form.get("locale").parse().ok(),
        active: None,
        settings: settings_of(&form),
    };
    match tenants::update(db, actor, id, change).await {
        Ok(_) => Ok(back("tenant", id)),
        Err(e) => refuse(&api, &visit, e.into(), &id.to_string(), &form).await,
    }
}

/// What the form says about settings; what is no number is left to be refused.
fn settings_of(form: &FormData) -> Map<String, Value> {
    let number = |name: &str| match form.get(name).trim() {
        "" => Value::Null,
        text => text.parse::<i64>().map_or_else(|_| json!(text), Value::from),
    };
    let mut all: Map<String, Value> =
        SWITCHES.iter().map(|name| ((*name).to_owned(), json!(form.some(name).is_some()))).collect();
    for name in ["auto_close_days", "reopen_days", "tickets_per_day"] {
        all.insert(name.to_owned(), number(name));
    }
    let domains: Vec<&str> = form.text("verified_domains").split_whitespace().collect();
    all.insert("verified_domains".to_owned(), json!(domains));
    all.insert("pid_in_subject".to_owned(), json!(form.get("pid_in_subject")));
    all
}

fn back(did: &str, id: TenantId) -> Response {
    Redirect::to(&format!("{PATH}?did={did}#tenant-{id}")).into_response()
}

async fn closing_refused(api: &Api, visit: &Visit, problem: Problem) -> Result<Response, Problem> {
    let problem = error::shown_at_form(problem)?;
    let said = problem.shown();
    let mut page = page(api, visit, &Params::default()).await?;
    page.refused = Some(error::refused(visit.locale, said, |_| None));
    Ok(shown(visit, &page, said.http_status()))
}

async fn refuse(api: &Api, visit: &Visit, problem: Problem, id: &str, form: &FormData) -> Result<Response, Problem> {
    let problem = error::shown_at_form(problem)?;
    let said = problem.shown();
    let mut page = page(api, visit, &Params::default()).await?;
    page.rows.iter_mut().chain(&mut page.new).filter(|t| t.id == id).for_each(|t| t.typed(form));
    page.refused = Some(error::refused_of(visit.locale, said, id, |field| match field {
        "name" => Some("name"),
        "slug" => Some("slug"),
        "pid_prefix" => Some("pid_prefix"),
        "mailbox" => Some("mailbox"),
        "settings" => Some("settings"),
        _ => None,
    }));
    Ok(shown(visit, &page, said.http_status()))
}

impl Page for TenantsPage {
    const TEMPLATE: &'static str = "tenants";

    fn title(&self, locale: Locale) -> String {
        i18n::text(locale, "settings-tenants", &[])
    }

    #[cfg(test)]
    fn samples() -> Vec<Self> {
        let now = shared::clock::now();
        let row = TenantForm {
            id: "1".into(),
            open: true,
            name: "Kaiwerk".into(),
            slug: "kaiwerk".into(),
            pid_prefix: "KA".into(),
            mailbox: None,
            since: Some(When::new(Locale::En, now, now)),
            settings: Some(SettingsForm::new(Locale::En, &Settings::default())),
            may_close: true,
            ..TenantForm::blank(Locale::En)
        };
        let full = TenantsPage {
            tabs: settings::tabs(&Actor::system(), "tenants"),
            rows: vec![
                row.clone(),
                TenantForm { id: "2".into(), may_rename: false, open: false, active: false, ..row },
            ],
            new: Some(TenantForm::blank(Locale::En)),
            done: Some("Kept".into()),
            refused: Some(Refused { text: "No.".into(), fields: vec![] }),
            next: Some(format!("{PATH}?after=2")),
        };
        vec![full, TenantsPage::default()]
    }
}
