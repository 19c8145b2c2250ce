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
use shared::mailboxes::{self, Gateways, IdState, Mailbox, MailboxChange, NewMailbox, TagSeparator, TagState, probe};

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
    split_per_mailbox: bool,
    body_marker: bool,
    gateways: Gateways,
    ack_forms: bool,
    tags: Tags,
}

/// What the mailbox's probe has shown (E3.1, E3.7).
#[derive(Debug, Serialize)]
pub struct Tags {
    state: TagState,
    /// Whether its mail bears tags now.
    used: bool,
    message_ids: Option<IdState>,
    asked_at: Option<Time>,
    answered_at: Option<Time>,
}

fn shape(m: Mailbox) -> Shape {
    let used = m.uses_tags();
    Shape {
        id: m.id,
        tenant_id: m.tenant_id,
        address: m.address,
        name: m.name,
        tag_separator: m.tag_separator,
        active: m.active,
        created_at: m.created_at,
        split_per_mailbox: m.split_per_mailbox,
        body_marker: m.body_marker,
        gateways: m.gateways,
        ack_forms: m.ack_forms,
        tags: Tags { state: m.tags, used, message_ids: m.ids, asked_at: m.asked_at, answered_at: m.answered_at },
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
    let made = mailboxes::create(db, actor, new).await?;
    probe::ask_untested(&api.app).await?;
    Ok((StatusCode::CREATED, Json(shape(mailboxes::get(db, actor, made.id).await?))))
}

#[derive(Debug, Deserialize)]
pub struct ChangeBody {
    name: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    tag_separator: Option<Option<TagSeparator>>,
    active: Option<bool>,
    #[serde(alias = "splitPerMailbox")]
    split_per_mailbox: Option<bool>,
    #[serde(alias = "bodyMarker")]
    body_marker: Option<bool>,
    gateways: Option<Vec<String>>,
    #[serde(alias = "ackForms")]
    ack_forms: Option<bool>,
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
    let change = MailboxChange {
        name: body.name,
        tag_separator: body.tag_separator,
        active: body.active,
        split_per_mailbox: body.split_per_mailbox,
        body_marker: body.body_marker,
        gateways: body.gateways,
        ack_forms: body.ack_forms,
    };
    mailboxes::update(db, actor, id, change).await?;
    // Another separator makes other addresses: they are tried before they are used.
    probe::ask_untested(&api.app).await?;
    Ok(Json(shape(mailboxes::get(db, actor, id).await?)))
}

/// `POST /api/mailboxes/{id}/probe`: mails the tagged address again, to see whether it comes in.
pub async fn ask(State(api): State<Api>, caller: Caller, Path(id): Path<MailboxId>) -> Result<Json<Shape>, Problem> {
    Ok(Json(shape(probe::ask(&api.app, &caller.actor, id).await?)))
}
