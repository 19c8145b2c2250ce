//! Canned replies as a page of settings: one's own, and everybody's.

use super::error;
use super::form_data::FormData;
use super::format::When;
use super::mail;
use super::parts::Refused;
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
use shared::access::{Actor, Capability, Refused as Denied};
use shared::canned::{self, Canned, CannedChange, NewCanned, VARIABLES};
use shared::i18n::{self, Locale};
use shared::ids::CannedId;

/// Where the page is.
const HERE: &str = "/dashboard/settings/canned";

/// `canned.hbs`
#[derive(Debug, Clone, Serialize)]
pub struct CannedPage {
    /// The pages of settings that the reader may see.
    pub tabs: Vec<Tab>,
    /// The replies.
    pub rows: Vec<Row>,
    /// What was typed for a new one.
    pub typed: Typed,
    /// The places that a text can have.
    pub variables: Vec<String>,
    /// Whether the reader may write those of all.
    pub may_share: bool,
    /// What was just done.
    pub done: Option<String>,
    /// Why the form was refused.
    pub refused: Option<Refused>,
}

/// A canned reply.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// Its row.
    pub id: CannedId,
    /// What stands in its form.
    pub typed: Typed,
    /// How often it was used, in words.
    pub used: String,
    /// When last.
    pub used_at: Option<When>,
    /// Whether the reader may change it.
    pub may_change: bool,
    /// Whether its form was refused, and stands open.
    pub open: bool,
}

/// The fields of a form.
#[derive(Debug, Clone, Default, Serialize)]
#[allow(missing_docs)]
pub struct Typed {
    pub name: String,
    pub shortcut: String,
    pub body: String,
    pub shared: bool,
}

impl Typed {
    fn of(form: &FormData) -> Typed {
        Typed {
            name: form.get("name").to_owned(),
            shortcut: form.get("shortcut").to_owned(),
            body: form.text("body").to_owned(),
            shared: form.get("shared") == "1",
        }
    }
}

/// The address's parameters.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Params {
    did: String,
}

/// `GET /dashboard/settings/canned`
///
/// # Errors
/// 401, 403.
pub async fn show(State(api): State<Api>, visit: Visit, Query(params): Query<Params>) -> Result<Response, Problem> {
    let mut page = page(&api, &visit).await?;
    page.done = mail::done(visit.locale, Some(&params.did));
    Ok(render::page(StatusCode::OK, &visit.shell("settings"), &page))
}

/// `POST /dashboard/settings/canned`
///
/// # Errors
/// 401, 403; wrong values show the page with what was typed.
pub async fn create(State(api): State<Api>, visit: Visit, form: FormData) -> Result<Response, Problem> {
    let typed = Typed::of(&form);
    let new = NewCanned {
        tenant: None,
        name: typed.name.clone(),
        shortcut: Some(typed.shortcut.clone()),
        body: typed.body.clone(),
        shared: typed.shared,
    };
    match canned::create(&api.app.db, visit.actor()?, new).await {
        Ok(_) => back("canned"),
        Err(e) => refuse(&api, &visit, e, None, typed).await,
    }
}

/// `POST /dashboard/settings/canned/{id}`
///
/// # Errors
/// 401, 403, 404; wrong values show the page with what was typed.
pub async fn save(
    State(api): State<Api>,
    visit: Visit,
    Path(id): Path<CannedId>,
    form: FormData,
) -> Result<Response, Problem> {
    let typed = Typed::of(&form);
    let change = CannedChange {
        name: Some(typed.name.clone()),
        shortcut: Some(typed.shortcut.clone()),
        body: Some(typed.body.clone()),
    };
    match canned::update(&api.app.db, visit.actor()?, id, change).await {
        Ok(_) => back("canned"),
        Err(e) => refuse(&api, &visit, e, Some(id), typed).await,
    }
}

/// `POST /dashboard/settings/canned/{id}/delete`
///
/// # Errors
/// 401, 403, 404.
pub async fn delete(
    State(api): State<Api>,
    visit: Visit,
    Path(id): Path<CannedId>,
    _: FormData,
) -> Result<Response, Problem> {
    canned::delete(&api.app.db, visit.actor()?, id).await?;
    back("canned-delete")
}

fn back(did: &str) -> Result<Response, Problem> {
    Ok(Redirect::to(&format!("{HERE}?did={did}")).into_response())
}

async fn refuse(api: &Api, visit: &Visit, e: Denied, id: Option<CannedId>, typed: Typed) -> Result<Response, Problem> {
    let problem = Problem::from(e);
    let shown = problem.shown();
    if ![409, 422].contains(&shown.status) {
        return Err(problem);
    }
    let mut page = page(api, visit).await?;
    page.refused = Some(error::refused(visit.locale, shown, |field| match (id, field) {
        (None, "name") => Some("canned-name"),
        (None, "shortcut") => Some("canned-shortcut"),
        (None, _) => Some("canned-body"),
        (Some(_), _) => None,
    }));
    match page.rows.iter_mut().find(|r| Some(r.id) == id) {
        Some(row) => {
            row.typed = Typed { shared: row.typed.shared, ..typed };
            row.open = true;
        }
        None => page.typed = typed,
    }
    Ok(render::page(shown.http_status(), &visit.shell("settings"), &page))
}

async fn page(api: &Api, visit: &Visit) -> Result<CannedPage, Problem> {
    let actor = visit.actor()?;
    let all = canned::list(&api.app.db, actor, None).await?;
    Ok(CannedPage {
        tabs: settings::tabs(actor, "canned"),
        rows: all.into_iter().map(|c| row(visit, actor, c)).collect(),
        typed: Typed::default(),
        variables: VARIABLES.iter().map(|v| format!("{{{{{v}}}}}")).collect(),
        may_share: actor.can(Capability::CannedManage),
        done: None,
        refused: None,
    })
}

fn row(visit: &Visit, actor: &Actor, c: Canned) -> Row {
    let shared = c.owner_id.is_none();
    Row {
        id: c.id,
        used: i18n::text(visit.locale, "canned-used", &[("count", &c.usage_count.to_string())]),
        used_at: c.used_at.map(|at| When::new(visit.locale, at, visit.now)),
        may_change: !shared || (actor.can(Capability::CannedManage) && (c.tenant_id.is_some() || actor.is_platform())),
        open: false,
        typed: Typed { name: c.name, shortcut: c.shortcut, body: c.body, shared },
    }
}

impl Page for CannedPage {
    const TEMPLATE: &'static str = "canned";

    fn title(&self, locale: Locale) -> String {
        i18n::text(locale, "settings-canned", &[])
    }

    #[cfg(test)]
    fn samples() -> Vec<Self> {
        let typed = |shared| Typed { name: "Greeting".into(), shortcut: "hi".into(), body: "Hello".into(), shared };
        let at = When { short: "1 d".into(), exact: "Fri 20 Nov 2026".into(), iso: "2026-11-20T10:00:00Z".into() };
        let row = |may_change: bool| Row {
            id: CannedId(1),
            typed: typed(!may_change),
            used: "used 3 times".into(),
            used_at: may_change.then(|| at.clone()),
            may_change,
            open: may_change,
        };
        let empty = CannedPage {
            tabs: settings::tabs(&Actor::system(), "canned"),
            rows: vec![],
            typed: Typed::default(),
            variables: vec!["{{ticket.pid}}".into()],
            may_share: false,
            done: None,
            refused: None,
        };
        let full = CannedPage {
            rows: vec![row(true), row(false)],
            typed: typed(true),
            may_share: true,
            done: Some("Saved".into()),
            refused: Some(Refused { text: "No".into(), fields: vec![] }),
            ..empty.clone()
        };
        vec![empty, full]
    }
}
