//! Incidents over HTTP.

use super::input::list as parts;
use super::{TenantName, counts, listed, nullable, read_enum, tenant_named, window};
use crate::Api;
use crate::extract::page::List;
use crate::extract::{Caller, Page, Path, Query, Unread};
use crate::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use shared::access::{Actor, Capability};
use shared::clock::Time;
use shared::ids::{IncidentId, TenantId, UserId};
use shared::incidents::{self, Filter, IncidentChange, IncidentState, IncidentView, NewIncident, Severity};
use shared::store::Db;

/// An incident.
#[derive(Debug, Serialize)]
pub struct Shape {
    id: IncidentId,
    /// Null: the platform's.
    tenant_id: Option<TenantId>,
    title: String,
    severity: Severity,
    state: IncidentState,
    external_id: Option<String>,
    /// How many tickets are linked.
    tickets: i64,
    /// How many of them are not solved or closed.
    open_tickets: i64,
    /// Whether linked tickets are still being told of a change.
    telling: bool,
    created_by: Option<UserId>,
    created_at: Time,
    updated_at: Time,
    resolved_at: Option<Time>,
}

fn shape(v: IncidentView) -> Shape {
    let i = v.incident;
    Shape {
        id: i.id,
        tenant_id: i.tenant_id,
        title: i.title,
        severity: i.severity,
        state: i.state,
        external_id: i.external_id,
        tickets: v.tickets,
        open_tickets: v.open_tickets,
        telling: v.telling,
        created_by: i.created_by,
        created_at: i.created_at,
        updated_at: i.updated_at,
        resolved_at: i.resolved_at,
    }
}

/// Which incidents to list.
#[derive(Debug, Default, Deserialize)]
pub struct ListParams {
    state: Option<String>,
    #[serde(alias = "company_id", alias = "tenant")]
    tenant_id: Option<String>,
    external_id: Option<String>,
}

async fn filter(db: &Db, actor: &Actor, p: ListParams) -> Result<Filter, Problem> {
    let named = p.tenant_id.filter(|t| !t.trim().is_empty()).map(TenantName::Name);
    let states = parts(p.state.as_deref().unwrap_or_default()).map(|s| read_enum("state", Some(s)));
    Ok(Filter {
        states: states.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect(),
        tenant: tenant_named(db, actor, named.as_ref()).await?,
        external_id: p.external_id.filter(|id| !id.is_empty()),
    })
}

/// `GET /api/support/incidents`
///
/// # Errors
/// 401, 403, 404 for another tenant, 422 for a wrong filter.
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    page: Page,
    Query(p): Query<ListParams>,
) -> Result<Json<List<Shape>>, Problem> {
    let (db, actor) = (&api.app.db, &caller.actor);
    actor.require(Capability::IncidentsRead)?;
    let filter = filter(db, actor, p).await?;
    let total = if counts(&page) { Some(incidents::count(db, actor, &filter).await?) } else { None };
    let rows = incidents::list(db, actor, &filter, page.after()?, window(&page)).await?;
    Ok(Json(listed(rows, &page, total, |v| v.incident.id, shape)))
}

/// `GET /api/support/incidents/{id}`
///
/// # Errors
/// 401, 403, 404.
pub async fn get(State(api): State<Api>, caller: Caller, Path(id): Path<IncidentId>) -> Result<Json<Shape>, Problem> {
    Ok(Json(shape(incidents::get(&api.app.db, &caller.actor, id).await?)))
}

#[derive(Debug, Deserialize)]
struct NewBody {
    title: String,
    severity: Option<Severity>,
    state: Option<IncidentState>,
    external_id: Option<String>,
    #[serde(default, alias = "tenant", alias = "company_id", alias = "company")]
    tenant_id: Option<TenantName>,
}

/// `POST /api/support/incidents`: of medium severity and open, unless told.
///
/// # Errors
/// 401, 403, 404, 409, 422.
pub async fn create(
    State(api): State<Api>,
    caller: Caller,
    body: Unread,
) -> Result<(StatusCode, Json<Shape>), Problem> {
    let (db, actor) = (&api.app.db, &caller.actor);
    actor.require(Capability::IncidentsManage)?;
    let body: NewBody = body.read()?;
    let new = NewIncident {
        tenant: tenant_named(db, actor, body.tenant_id.as_ref()).await?,
        title: body.title,
        severity: body.severity.unwrap_or(Severity::Medium),
        state: body.state.unwrap_or(IncidentState::Open),
        external_id: body.external_id,
    };
    Ok((StatusCode::CREATED, Json(shape(incidents::create(db, actor, new).await?))))
}

#[derive(Debug, Deserialize)]
struct ChangeBody {
    title: Option<String>,
    severity: Option<Severity>,
    state: Option<IncidentState>,
    #[serde(default, deserialize_with = "nullable")]
    external_id: Option<Option<String>>,
    message: Option<String>,
}

/// `PATCH /api/support/incidents/{id}`: with `{state: resolved, message}` the message goes to all linked open tickets.
///
/// # Errors
/// 401, 403, 404, 409, 422.
pub async fn update(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<IncidentId>,
    body: Unread,
) -> Result<Json<Shape>, Problem> {
    let (app, actor) = (&api.app, &caller.actor);
    incidents::get(&app.db, actor, id).await?;
    actor.require(Capability::IncidentsManage)?;
    let body: ChangeBody = body.read()?;
    let change = IncidentChange {
        title: body.title,
        severity: body.severity,
        state: body.state,
        external_id: body.external_id,
        message: body.message,
    };
    Ok(Json(shape(incidents::update(app, actor, id, change).await?)))
}
