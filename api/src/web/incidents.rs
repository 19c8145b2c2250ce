//! Incidents: the badge that tickets show, and the settings page that lists, makes, changes and resolves them.

use super::error;
use super::form_data::FormData;
use super::format::When;
use super::lists;
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
use shared::access::{Actor, Capability};
use shared::i18n::{self, Locale};
use shared::ids::{IncidentId, TenantId};
use shared::incidents::{self, Filter, IncidentChange, IncidentState, IncidentView, NewIncident, Severity};
use shared::tickets::TicketView;

const PATH: &str = "/dashboard/settings/incidents";
/// How many incidents a page lists.
const PAGE: u32 = 50;
/// How many a ticket can be linked to by its page.
const OFFERED: u32 = 50;

/// The incident that a ticket is linked to, with its state.
#[derive(Debug, Clone, Serialize)]
pub struct Badge {
    /// What happened.
    pub title: String,
    /// `low`, `medium`, `high`, `critical`.
    pub severity: &'static str,
    /// `open`, `monitoring`, `resolved`.
    pub state: &'static str,
    /// How that looks: `bad`, `warn`, `ok`.
    pub class: &'static str,
}

impl Badge {
    /// Returns the badge of a ticket that is linked to one.
    pub fn of(view: &TicketView) -> Option<Badge> {
        let title = view.incident_title.clone()?;
        Some(Badge::new(title, view.incident_severity?, view.incident_state?))
    }

    fn new(title: String, severity: Severity, state: IncidentState) -> Badge {
        Badge { title, severity: severity.as_str(), state: state.as_str(), class: class(state) }
    }

    /// Returns one for samples of pages.
    #[cfg(test)]
    pub fn sample() -> Badge {
        Badge::new("Frankfurt is slow".into(), Severity::High, IncidentState::Open)
    }
}

fn class(state: IncidentState) -> &'static str {
    match state {
        IncidentState::Open => "bad",
        IncidentState::Monitoring => "warn",
        IncidentState::Resolved => "ok",
    }
}

/// Returns the incidents that a ticket can be linked to: none, those that are not over, and the one that it is linked to.
///
/// # Errors
/// If the store fails.
pub async fn offered(api: &Api, visit: &Visit, view: &TicketView) -> Result<Vec<Choice>, Problem> {
    let linked = view.ticket.incident_id;
    let filter = Filter {
        states: vec![IncidentState::Open, IncidentState::Monitoring],
        tenant: Some(view.ticket.tenant_id),
        ..Filter::default()
    };
    let found = incidents::list(&api.app.db, visit.actor()?, &filter, None, (OFFERED, 0)).await?;
    let none = i18n::text(visit.locale, "none", &[]);
    let mut all = vec![Choice { value: String::new(), label: none, chosen: linked.is_none() }];
    if let (Some(id), Some(title)) = (linked, &view.incident_title)
        && !found.iter().any(|v| v.incident.id == id)
    {
        all.push(Choice { value: id.to_string(), label: title.clone(), chosen: true });
    }
    all.extend(found.into_iter().map(|v| Choice {
        value: v.incident.id.to_string(),
        chosen: linked == Some(v.incident.id),
        label: v.incident.title,
    }));
    Ok(all)
}

/// `incidents.hbs`
#[derive(Debug, Clone, Default, Serialize)]
pub struct IncidentsPage {
    /// The pages of settings that the reader may see.
    pub tabs: Vec<Tab>,
    /// The incidents, newest first.
    pub rows: Vec<IncidentForm>,
    /// One to be made.
    pub new: Option<IncidentForm>,
    /// What was just done.
    pub done: Option<String>,
    /// Why the last form was refused.
    pub refused: Option<Refused>,
    /// The next page.
    pub next: Option<String>,
}

/// An incident and its forms.
#[derive(Debug, Clone, Serialize)]
pub struct IncidentForm {
    /// Its row; `new` for one to be made.
    pub id: String,
    /// Whether the form is open.
    pub open: bool,
    /// Whether the one that resolves it is.
    pub resolving: bool,
    /// What happened.
    pub title: String,
    /// How bad it is.
    pub severity: &'static str,
    /// The same, to choose from.
    pub severities: Vec<Choice>,
    /// Where it stands.
    pub state: &'static str,
    /// How that looks.
    pub class: &'static str,
    /// Where it can be said to stand, without resolving it.
    pub states: Vec<Choice>,
    /// Its name elsewhere.
    pub external_id: String,
    /// What is said to those who are linked.
    pub message: String,
    /// The tenants to choose from, for one to be made; empty where there is no choice.
    pub tenants: Vec<Choice>,
    /// The tenant's name; None: the platform's.
    pub tenant: Option<String>,
    /// Its tickets.
    pub tickets: Option<Tickets>,
    /// Since when.
    pub since: Option<When>,
    /// When it was over.
    pub resolved: Option<When>,
    /// Whether linked tickets are still being told.
    pub telling: bool,
    /// Whether the reader may change it.
    pub may_change: bool,
}

/// The tickets of an incident.
#[derive(Debug, Clone, Serialize)]
pub struct Tickets {
    /// How many, in words.
    pub text: String,
    /// How many get the message of its end, in words.
    pub open: String,
    /// Their list.
    pub href: String,
}

impl IncidentForm {
    fn blank(visit: &Visit, mut tenants: Vec<Choice>) -> IncidentForm {
        if !tenants.is_empty() {
            let label = i18n::text(visit.locale, "incidents-everybodys", &[]);
            tenants.insert(0, Choice { value: String::new(), label, chosen: true });
        }
        IncidentForm {
            id: "new".to_owned(),
            open: false,
            resolving: false,
            title: String::new(),
            severity: Severity::Medium.as_str(),
            severities: severities(visit.locale, Severity::Medium),
            state: IncidentState::Open.as_str(),
            class: class(IncidentState::Open),
            states: states(visit.locale, IncidentState::Open),
            external_id: String::new(),
            message: String::new(),
            tenants,
            tenant: None,
            tickets: None,
            since: None,
            resolved: None,
            telling: false,
            may_change: true,
        }
    }

    fn new(visit: &Visit, actor: &Actor, tenants: &[Choice], v: &IncidentView) -> IncidentForm {
        let (locale, i) = (visit.locale, &v.incident);
        let name = |id: TenantId| {
            let known = tenants.iter().find(|t| t.value == id.to_string()).map(|t| t.label.clone());
            known.unwrap_or_else(|| i18n::text(locale, "categories-own", &[]))
        };
        let count = |key: &str, n: i64| i18n::text(locale, key, &[("count", &n.to_string())]);
        IncidentForm {
            id: i.id.to_string(),
            title: i.title.clone(),
            severity: i.severity.as_str(),
            severities: severities(locale, i.severity),
            state: i.state.as_str(),
            class: class(i.state),
            states: states(locale, i.state),
            external_id: i.external_id.clone().unwrap_or_default(),
            tenants: Vec::new(),
            tenant: i.tenant_id.map(name),
            tickets: Some(Tickets {
                text: count("incidents-tickets", v.tickets),
                open: count("incidents-reach", v.open_tickets),
                href: format!("/dashboard/support?view=all&incident={}", i.id),
            }),
            since: Some(When::new(locale, i.created_at, visit.now)),
            resolved: i.resolved_at.map(|at| When::new(locale, at, visit.now)),
            telling: v.telling,
            may_change: i.tenant_id.is_some() || actor.is_platform(),
            ..IncidentForm::blank(visit, Vec::new())
        }
    }

    fn typed(&mut self, form: &FormData) {
        let resolves = form.get("act") == "resolve";
        (self.open, self.resolving) = (!resolves, resolves);
        if resolves {
            form.text("message").clone_into(&mut self.message);
            return;
        }
        form.get("title").clone_into(&mut self.title);
        form.get("external_id").clone_into(&mut self.external_id);
        for (choices, name) in
            [(&mut self.severities, "severity"), (&mut self.states, "state"), (&mut self.tenants, "tenant")]
        {
            choices.iter_mut().for_each(|choice| choice.chosen = choice.value == form.get(name));
        }
    }
}

fn severities(locale: Locale, chosen: Severity) -> Vec<Choice> {
    let all: Vec<&str> = Severity::ALL.iter().map(|s| s.as_str()).collect();
    choices(locale, "severity", &all, chosen.as_str(), None)
}

/// Resolving has a form of its own.
fn states(locale: Locale, chosen: IncidentState) -> Vec<Choice> {
    let offered = IncidentState::ALL.iter().filter(|s| **s != IncidentState::Resolved || **s == chosen);
    let all: Vec<&str> = offered.map(|s| s.as_str()).collect();
    choices(locale, "incident", &all, chosen.as_str(), None)
}

/// The address's parameters.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Params {
    before: Option<IncidentId>,
    did: Option<String>,
}

async fn page(api: &Api, visit: &Visit, params: &Params) -> Result<IncidentsPage, Problem> {
    let actor = visit.actor()?;
    actor.require(Capability::IncidentsManage)?;
    let tenants = lists::tenants(api, actor, "").await?;
    let mut found = incidents::list(&api.app.db, actor, &Filter::default(), params.before, (PAGE + 1, 0)).await?;
    let more = found.len() > PAGE as usize;
    found.truncate(PAGE as usize);
    Ok(IncidentsPage {
        tabs: settings::tabs(actor, "incidents"),
        next: found.last().filter(|_| more).map(|v| format!("{PATH}?before={}", v.incident.id)),
        rows: found.iter().map(|v| IncidentForm::new(visit, actor, &tenants, v)).collect(),
        new: Some(IncidentForm::blank(visit, tenants)),
        done: mail::done(visit.locale, params.did.as_deref()),
        refused: None,
    })
}

fn shown(visit: &Visit, page: &IncidentsPage, status: StatusCode) -> Response {
    render::page(status, &visit.shell("settings"), page)
}

/// `GET /dashboard/settings/incidents`
///
/// # Errors
/// 401, 403 without `support.incidents.manage`.
pub async fn list(State(api): State<Api>, visit: Visit, Query(params): Query<Params>) -> Result<Response, Problem> {
    let page = page(&api, &visit, &params).await?;
    Ok(shown(&visit, &page, StatusCode::OK))
}

/// `POST /dashboard/settings/incidents`
///
/// # Errors
/// 401, 403; a refusal shows the page again.
pub async fn create(State(api): State<Api>, visit: Visit, form: FormData) -> Result<Response, Problem> {
    let actor = visit.actor()?;
    actor.require(Capability::IncidentsManage)?;
    let new = NewIncident {
        tenant: form.some("tenant").and_then(|t| t.parse().ok()),
        title: form.get("title").to_owned(),
        severity: form.get("severity").parse().unwrap_or(Severity::Medium),
        state: form.get("state").parse().unwrap_or(IncidentState::Open),
        external_id: form.some("external_id").map(str::to_owned),
    };
    match incidents::create(&api.app.db, actor, new).await {
        Ok(made) => Ok(back("incident-made", made.incident.id)),
        Err(e) => refuse(&api, &visit, e.into(), "new", &form).await,
    }
}

/// `POST /dashboard/settings/incidents/{id}`: changes it, or resolves it with a message to the linked tickets.
///
/// # Errors
/// 401, 403, 404; a refusal shows the page again.
pub async fn change(
    State(api): State<Api>,
    visit: Visit,
    Path(id): Path<IncidentId>,
    form: FormData,
) -> Result<Response, Problem> {
    let resolves = form.get("act") == "resolve";
    let change = match resolves {
        true => IncidentChange {
            state: Some(IncidentState::Resolved),
            message: form.some("message").map(|_| form.text("message").to_owned()),
            ..IncidentChange::default()
        },
        false => IncidentChange {
            title: Some(form.get("title").to_owned()),
            severity: form.get("severity").parse().ok(),
            state: form.get("state").parse().ok(),
            external_id: Some(form.some("external_id").map(str::to_owned)),
            message: None,
        },
    };
    match incidents::update(&api.app, visit.actor()?, id, change).await {
        Ok(_) => Ok(back(if resolves { "incident-resolved" } else { "incident" }, id)),
        Err(e) => refuse(&api, &visit, e.into(), &id.to_string(), &form).await,
    }
}

fn back(did: &str, id: IncidentId) -> Response {
    Redirect::to(&format!("{PATH}?did={did}#incident-{id}")).into_response()
}

async fn refuse(api: &Api, visit: &Visit, problem: Problem, id: &str, form: &FormData) -> Result<Response, Problem> {
    let problem = error::shown_at_form(problem)?;
    let said = problem.shown();
    let mut page = page(api, visit, &Params::default()).await?;
    page.rows.iter_mut().chain(&mut page.new).filter(|i| i.id == id).for_each(|i| i.typed(form));
    page.refused = Some(error::refused_of(visit.locale, said, id, |field| match field {
        "title" => Some("title"),
        "external_id" => Some("external_id"),
        "message" => Some("message"),
        _ => None,
    }));
    Ok(shown(visit, &page, said.http_status()))
}

impl Page for IncidentsPage {
    const TEMPLATE: &'static str = "incidents";

    fn title(&self, locale: Locale) -> String {
        i18n::text(locale, "settings-incidents", &[])
    }

    #[cfg(test)]
    fn samples() -> Vec<Self> {
        let at = When { short: "1 d".into(), exact: "Fri 20 Nov 2026".into(), iso: "2026-11-20T10:00:00Z".into() };
        let form = |state: IncidentState| IncidentForm {
            id: state.as_str().into(),
            open: true,
            resolving: true,
            title: "Frankfurt is slow".into(),
            severity: "high",
            severities: severities(Locale::En, Severity::High),
            state: state.as_str(),
            class: class(state),
            states: states(Locale::En, state),
            external_id: "PD-4711".into(),
            message: "It is over.".into(),
            tenants: vec![],
            tenant: Some("Kaiwerk".into()),
            tickets: Some(Tickets {
                text: "3 tickets".into(),
                open: "It goes to 2 open tickets.".into(),
                href: "/dashboard/support?view=all&incident=1".into(),
            }),
            since: Some(at.clone()),
            resolved: (state == IncidentState::Resolved).then(|| at.clone()),
            telling: state == IncidentState::Resolved,
            may_change: state != IncidentState::Monitoring,
        };
        let tenants = vec![Choice { value: "1".into(), label: "Kaiwerk".into(), chosen: true }];
        let new = IncidentForm { id: "new".into(), tenants, tickets: None, since: None, ..form(IncidentState::Open) };
        let platforms = IncidentForm { tenant: None, external_id: String::new(), ..form(IncidentState::Monitoring) };
        let full = IncidentsPage {
            tabs: settings::tabs(&Actor::system(), "incidents"),
            rows: vec![form(IncidentState::Open), platforms, form(IncidentState::Resolved)],
            new: Some(new),
            done: Some("Kept".into()),
            refused: Some(Refused { text: "No.".into(), fields: vec![] }),
            next: Some("/dashboard/settings/incidents?before=1".into()),
        };
        vec![full, IncidentsPage::default()]
    }
}
