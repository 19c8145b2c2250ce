//! Mailboxes over HTTP.

use super::{TenantName, counts, listed, nullable, tenant_named, window};
use crate::Api;
use crate::extract::page::List;
use crate::extract::{Caller, Page, Path, Unread};
use crate::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use shared::access::Capability;
use shared::clock::Time;
use shared::ids::{MailboxId, TenantId};
use shared::mailboxes::{self, Mailbox, MailboxChange, NewMailbox, TagSeparator};

/// A mailbox.
#[derive(Debug, Serialize)]
pub struct Shape {
    id: MailboxId,
    tenant_id: TenantId,
    address: String,
    name: String,
    tag_separator: Option<TagSeparator>,
    active: bool,
    created_at: Time,
}

fn shape(m: Mailbox) -> Shape {
    Shape {
        id: m.id,
        tenant_id: m.tenant_id,
        address: m.address,
        name: m.name,
        tag_separator: m.tag_separator,
        active: m.active,
        created_at: m.created_at,
    }
}

/// `GET /api/mailboxes`
pub async fn list(State(api): State<Api>, caller: Caller, page: Page) -> Result<Json<List<Shape>>, Problem> {
    let (db, actor) = (&api.app.db, &caller.actor);
    actor.require(Capability::MailboxesManage)?;
    let total = if counts(&page) { Some(mailboxes::count(db, actor).await?) } else { None };
    let (limit, offset) = window(&page);
    let rows = mailboxes::list(db, actor, page.after()?, limit, offset).await?;
    Ok(Json(listed(rows, &page, total, |m| m.id, shape)))
}

/// `GET /api/mailboxes/{id}`
pub async fn get(State(api): State<Api>, caller: Caller, Path(id): Path<MailboxId>) -> Result<Json<Shape>, Problem> {
    Ok(Json(shape(mailboxes::get(&api.app.db, &caller.actor, id).await?)))
}

#[derive(Debug, Deserialize)]
pub struct NewBody {
    #[serde(alias = "email")]
    address: String,
    name: Option<String>,
    #[serde(default, alias = "tenant", alias = "company_id", alias = "company")]
    tenant_id: Option<TenantName>,
    #[serde(default, deserialize_with = "nullable")]
    tag_separator: Option<Option<TagSeparator>>,
}

/// `POST /api/mailboxes`
pub async fn create(
    State(api): State<Api>,
    caller: Caller,
    body: Unread,
) -> Result<(StatusCode, Json<Shape>), Problem> {
    let (db, actor) = (&api.app.db, &caller.actor);
    actor.require(Capability::MailboxesManage)?;
    let body: NewBody = body.read()?;
    let new = NewMailbox {
        tenant: tenant_named(db, actor, body.tenant_id.as_ref()).await?,
        address: body.address,
        name: body.name,
        // Most hosts deliver plus tags; who knows better says null or another sign.
        tag_separator: body.tag_separator.unwrap_or(Some(TagSeparator::Plus)),
    };
    Ok((StatusCode::CREATED, Json(shape(mailboxes::create(db, actor, new).await?))))
}

#[derive(Debug, Deserialize)]
pub struct ChangeBody {
    name: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    tag_separator: Option<Option<TagSeparator>>,
    active: Option<bool>,
}

/// `PATCH /api/mailboxes/{id}`
pub async fn update(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<MailboxId>,
    body: Unread,
) -> Result<Json<Shape>, Problem> {
    let (db, actor) = (&api.app.db, &caller.actor);
    mailboxes::get(db, actor, id).await?;
    let body: ChangeBody = body.read()?;
    let change = MailboxChange { name: body.name, tag_separator: body.tag_separator, active: body.active };
    Ok(Json(shape(mailboxes::update(db, actor, id, change).await?)))
}
