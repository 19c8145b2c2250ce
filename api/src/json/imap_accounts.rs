//! Fetched mailboxes over HTTP.

use super::{TenantName, counts, listed, nullable, tenant_named, window};
use crate::Api;
use crate::extract::page::List;
use crate::extract::{Caller, Page, Path, Unread};
use crate::problem::{FieldError, Problem};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::access::Capability;
use shared::clock::{Time, now};
use shared::config::Secret;
use shared::ids::{ImapAccountId, MailboxId, TenantId};
use shared::imap_accounts::{
    self, AfterFetch, ImapAccount, ImapAccountChange, ImapAuth, ImapTls, NewImapAccount, Since,
};

/// A fetched mailbox; its password is never told.
#[derive(Debug, Serialize)]
pub struct Shape {
    id: ImapAccountId,
    tenant_id: TenantId,
    mailbox_id: MailboxId,
    mailbox: String,
    host: String,
    port: i64,
    tls: ImapTls,
    username: String,
    auth: ImapAuth,
    folder: String,
    after: AfterFetch,
    move_to: Option<String>,
    sent_folder: Option<String>,
    since: Option<Time>,
    active: bool,
    state: &'static str,
    lag_s: Option<i64>,
    waiting: i64,
    given_up: i64,
    connected_at: Option<Time>,
    success_at: Option<Time>,
    error: Option<String>,
    error_at: Option<Time>,
    reconciled_at: Option<Time>,
    reconciled: Option<Value>,
    created_at: Time,
}

fn shape(a: ImapAccount) -> Shape {
    Shape {
        state: a.state(),
        lag_s: a.lag_s(now()),
        reconciled: a.reconciled.as_deref().and_then(|r| serde_json::from_str(r).ok()),
        id: a.id,
        tenant_id: a.tenant_id,
        mailbox_id: a.mailbox_id,
        mailbox: a.mailbox,
        host: a.host,
        port: a.port,
        tls: a.tls,
        username: a.username,
        auth: a.auth,
        folder: a.folder,
        after: a.after_fetch,
        move_to: a.move_to,
        sent_folder: a.sent_folder,
        since: a.since_at,
        active: a.active,
        waiting: a.waiting,
        given_up: a.given_up,
        connected_at: a.connected_at,
        success_at: a.success_at,
        error: a.error,
        error_at: a.error_at,
        reconciled_at: a.reconciled_at,
        created_at: a.created_at,
    }
}

/// `GET /api/imap-accounts`
pub async fn list(State(api): State<Api>, caller: Caller, page: Page) -> Result<Json<List<Shape>>, Problem> {
    let (app, actor) = (&api.app, &caller.actor);
    actor.require(Capability::MailboxesManage)?;
    let total = if counts(&page) { Some(imap_accounts::count(app, actor).await?) } else { None };
    let (limit, offset) = window(&page);
    let rows = imap_accounts::list(app, actor, page.after()?, limit, offset).await?;
    Ok(Json(listed(rows, &page, total, |a| a.id, shape)))
}

/// `GET /api/imap-accounts/{id}`
pub async fn get(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<ImapAccountId>,
) -> Result<Json<Shape>, Problem> {
    Ok(Json(shape(imap_accounts::get(&api.app, &caller.actor, id).await?)))
}

#[derive(Debug, Deserialize)]
pub struct NewBody {
    mailbox_id: Option<MailboxId>,
    #[serde(default, alias = "tenant", alias = "company_id", alias = "company")]
    tenant_id: Option<TenantName>,
    host: String,
    port: Option<i64>,
    tls: Option<ImapTls>,
    #[serde(alias = "user")]
    username: Option<String>,
    auth: Option<ImapAuth>,
    #[serde(alias = "token", alias = "secret")]
    password: String,
    folder: Option<String>,
    after: Option<AfterFetch>,
    move_to: Option<String>,
    sent_folder: Option<String>,
    /// `all`, or a time as in RFC 3339.
    since: Option<String>,
    active: Option<bool>,
}

/// `POST /api/imap-accounts`
pub async fn create(
    State(api): State<Api>,
    caller: Caller,
    body: Unread,
) -> Result<(StatusCode, Json<Shape>), Problem> {
    let (app, actor) = (&api.app, &caller.actor);
    actor.require(Capability::MailboxesManage)?;
    let body: NewBody = body.read()?;
    let tenant = tenant_named(&app.db, actor, body.tenant_id.as_ref()).await?;
    let new = NewImapAccount {
        mailbox: body.mailbox_id,
        host: body.host,
        port: body.port,
        tls: body.tls.unwrap_or(ImapTls::Implicit),
        username: body.username,
        auth: body.auth.unwrap_or(ImapAuth::Password),
        secret: Secret::new(body.password),
        folder: body.folder.unwrap_or_else(|| "INBOX".to_owned()),
        after_fetch: body.after.unwrap_or(AfterFetch::Seen),
        move_to: body.move_to,
        sent_folder: body.sent_folder,
        since: since(body.since.as_deref())?,
        active: body.active.unwrap_or(true),
    };
    Ok((StatusCode::CREATED, Json(shape(imap_accounts::create(app, actor, tenant, new).await?))))
}

fn since(text: Option<&str>) -> Result<Since, Problem> {
    let wrong = || FieldError::new("since", "invalid", "must be \"all\", or a time as in RFC 3339");
    match text {
        None => Ok(Since::Month),
        Some("all") => Ok(Since::All),
        Some(text) => chrono::DateTime::parse_from_rfc3339(text)
            .map(|at| Since::At(at.to_utc()))
            .map_err(|_| Problem::validation(vec![wrong()])),
    }
}

#[derive(Debug, Deserialize)]
pub struct ChangeBody {
    host: Option<String>,
    port: Option<i64>,
    tls: Option<ImapTls>,
    #[serde(alias = "user")]
    username: Option<String>,
    auth: Option<ImapAuth>,
    #[serde(alias = "token", alias = "secret")]
    password: Option<String>,
    folder: Option<String>,
    after: Option<AfterFetch>,
    #[serde(default, deserialize_with = "nullable")]
    move_to: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    sent_folder: Option<Option<String>>,
    active: Option<bool>,
}

/// `PATCH /api/imap-accounts/{id}`
pub async fn update(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<ImapAccountId>,
    body: Unread,
) -> Result<Json<Shape>, Problem> {
    let (app, actor) = (&api.app, &caller.actor);
    imap_accounts::get(app, actor, id).await?;
    let body: ChangeBody = body.read()?;
    let change = ImapAccountChange {
        host: body.host,
        port: body.port,
        tls: body.tls,
        username: body.username,
        auth: body.auth,
        secret: body.password.map(Secret::new),
        folder: body.folder,
        after_fetch: body.after,
        move_to: body.move_to,
        sent_folder: body.sent_folder,
        active: body.active,
    };
    Ok(Json(shape(imap_accounts::update(app, actor, id, change).await?)))
}

/// `DELETE /api/imap-accounts/{id}`
pub async fn delete(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<ImapAccountId>,
) -> Result<Json<Value>, Problem> {
    imap_accounts::delete(&api.app, &caller.actor, id).await?;
    Ok(Json(json!({"id": id, "deleted": true})))
}

/// `POST /api/imap-accounts/{id}/reconcile`
pub async fn reconcile(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<ImapAccountId>,
) -> Result<Json<Shape>, Problem> {
    Ok(Json(shape(imap_accounts::ask_reconcile(&api.app, &caller.actor, id).await?)))
}
