//! Canned replies over HTTP.

use super::input::Name;
use super::tickets::reference;
use super::{Answer, TenantName, tenant_named};
use crate::Api;
use crate::extract::{Caller, Path, Query, Unread};
use crate::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::access::{Capability, Noun, Refused};
use shared::canned::{self, Canned, CannedChange, NewCanned};
use shared::clock::Time;
use shared::ids::{CannedId, TenantId, UserId};
use shared::markdown;
use shared::tickets;

/// A canned reply.
#[derive(Debug, Serialize)]
pub struct Shape {
    id: CannedId,
    tenant_id: Option<TenantId>,
    owner_id: Option<UserId>,
    shared: bool,
    name: String,
    shortcut: String,
    body: String,
    usage_count: i64,
    used_at: Option<Time>,
    created_at: Time,
    updated_at: Time,
}

fn shape(c: Canned) -> Shape {
    Shape {
        id: c.id,
        tenant_id: c.tenant_id,
        owner_id: c.owner_id,
        shared: c.owner_id.is_none(),
        name: c.name,
        shortcut: c.shortcut,
        body: c.body,
        usage_count: c.usage_count,
        used_at: c.used_at,
        created_at: c.created_at,
        updated_at: c.updated_at,
    }
}

/// For which ticket they are to fit.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ListQuery {
    ticket: String,
}

/// `GET /api/support/canned-replies?ticket=`: those that the caller can use, most used first.
///
/// # Errors
/// 401, 403, 404 for a ticket out of scope.
pub async fn list(State(api): State<Api>, caller: Caller, Query(q): Query<ListQuery>) -> Answer {
    let (app, actor) = (&api.app, caller.actor());
    actor.require(Capability::CannedUse)?;
    let tenant = match q.ticket.trim() {
        "" => None,
        ticket => Some(tickets::view(app, actor, &reference(ticket)).await?.ticket.tenant_id),
    };
    let data: Vec<Shape> = canned::list(&app.db, actor, tenant).await?.into_iter().map(shape).collect();
    Ok(Json(json!({"data": data, "next_cursor": null})))
}

/// `GET /api/support/canned-replies/{id}`
///
/// # Errors
/// 401, 403, 404.
pub async fn get(State(api): State<Api>, caller: Caller, Path(id): Path<CannedId>) -> Result<Json<Shape>, Problem> {
    Ok(Json(shape(canned::get(&api.app.db, caller.actor(), id).await?)))
}

/// What makes one.
#[derive(Debug, Deserialize)]
pub struct NewBody {
    name: String,
    shortcut: Option<String>,
    body: String,
    #[serde(default)]
    shared: bool,
    #[serde(default, alias = "tenant", alias = "company_id", alias = "company")]
    tenant_id: Option<TenantName>,
}

/// `POST /api/support/canned-replies {name, shortcut, body, shared}`
///
/// # Errors
/// 401, 403, 404 for another tenant, 409 for a taken shortcut, 422.
pub async fn create(
    State(api): State<Api>,
    caller: Caller,
    body: Unread,
) -> Result<(StatusCode, Json<Shape>), Problem> {
    let (db, actor) = (&api.app.db, caller.actor());
    actor.require(Capability::CannedUse)?;
    let b: NewBody = body.read()?;
    let tenant = tenant_named(db, actor, b.tenant_id.as_ref()).await?;
    let new = NewCanned { tenant, name: b.name, shortcut: b.shortcut, body: b.body, shared: b.shared };
    Ok((StatusCode::CREATED, Json(shape(canned::create(db, actor, new).await?))))
}

/// What changes.
#[derive(Debug, Deserialize)]
pub struct ChangeBody {
    name: Option<String>,
    shortcut: Option<String>,
    body: Option<String>,
}

/// `PATCH /api/support/canned-replies/{id}`
///
/// # Errors
/// 401, 403, 404, 409, 422.
pub async fn update(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<CannedId>,
    body: Unread,
) -> Result<Json<Shape>, Problem> {
    let (db, actor) = (&api.app.db, caller.actor());
    let known = canned::get(db, actor, id).await?;
    if known.owner_id.is_none() {
        actor.require(Capability::CannedManage)?;
    }
    let b: ChangeBody = body.read()?;
    let change = CannedChange { name: b.name, shortcut: b.shortcut, body: b.body };
    Ok(Json(shape(canned::update(db, actor, id, change).await?)))
}

/// `DELETE /api/support/canned-replies/{id}`: answers with what it was.
///
/// # Errors
/// 401, 403, 404.
pub async fn delete(State(api): State<Api>, caller: Caller, Path(id): Path<CannedId>) -> Result<Json<Shape>, Problem> {
    let (db, actor) = (&api.app.db, caller.actor());
    let was = canned::get(db, actor, id).await?;
    canned::delete(db, actor, id).await?;
    Ok(Json(shape(was)))
}

/// On which ticket.
#[derive(Debug, Deserialize)]
pub struct ResolveBody {
    #[serde(alias = "ticket_id", alias = "pid")]
    ticket: Name,
}

/// `POST /api/support/canned-replies/{id}/resolve {ticket}`: `{body, html, text}` with the ticket's values.
///
/// # Errors
/// 401, 403, 404.
pub async fn resolve(State(api): State<Api>, caller: Caller, Path(id): Path<CannedId>, body: Unread) -> Answer {
    let (app, actor) = (&api.app, caller.actor());
    canned::get(&app.db, actor, id).await?;
    let b: ResolveBody = body.read()?;
    let ticket = reference(&b.ticket.text().unwrap_or_default());
    let found = canned::resolve(app, actor, id, &ticket).await.map_err(|e| match e {
        tickets::Error::NotFound => Refused::NotFound(Noun::CannedReply).into(),
        e => Problem::from(e),
    })?;
    Ok(Json(json!({"body": found.body, "html": markdown::clean(&found.written.html), "text": found.written.text})))
}
