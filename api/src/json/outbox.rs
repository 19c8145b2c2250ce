//! Outgoing mail: what was sent, what became of it, and putting right what failed.

use super::Answer;
use super::input::{json, list, parsed};
use super::tickets::reference;
use crate::Api;
use crate::extract::json::from_slice;
use crate::extract::page::{List, cursor};
use crate::extract::{Body, Caller, Page, Path, Query};
use crate::problem::{Problem, codes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use shared::access::{Actor, Capability};
use shared::app::App;
use shared::clock::Time;
use shared::ids::{MessageId, OutboxId, TicketId};
use shared::mail_out::kinds::{Kind, OutboxState};
use shared::mail_out::outbox;
use shared::mail_out::outbox::read::{self, Attempt, Listed, OctetsError, OutboxFilter};
use shared::tickets;

/// An outgoing mail (DESIGN 8).
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct OutboxShape {
    pub id: OutboxId,
    pub kind: Kind,
    pub ticket_id: Option<TicketId>,
    pub pid: Option<String>,
    pub ticket_message_id: Option<MessageId>,
    pub to: String,
    pub subject: String,
    pub state: OutboxState,
    pub attempts: Vec<AttemptShape>,
    pub next_attempt_at: Option<Time>,
    pub message_id: String,
    pub created_at: Time,
    pub sent_at: Option<Time>,
}

/// One try.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct AttemptShape {
    pub n: i64,
    pub at: Time,
    pub phase: String,
    pub result: String,
    pub code: Option<i64>,
    pub enhanced: Option<String>,
    pub text: String,
}

fn shape(listed: Listed, tries: &[Attempt]) -> OutboxShape {
    let Listed { mail: m, pid, envelope_from: _ } = listed;
    let own = tries.iter().filter(|a| a.outbox_id == m.id);
    OutboxShape {
        attempts: own
            .map(|a| AttemptShape {
                n: a.n,
                at: a.at,
                phase: a.phase.clone(),
                result: a.result.clone(),
                code: a.code,
                enhanced: a.enhanced.clone(),
                text: a.text.clone(),
            })
            .collect(),
        next_attempt_at: m.due_at,
        id: m.id,
        kind: m.kind,
        ticket_id: m.ticket_id,
        pid,
        ticket_message_id: m.ticket_message_id,
        to: m.to_email,
        subject: m.subject,
        state: m.state,
        message_id: m.message_id,
        created_at: m.created_at,
        sent_at: m.sent_at,
    }
}

async fn shaped(app: &App, actor: &Actor, mails: Vec<Listed>) -> Result<Vec<OutboxShape>, Problem> {
    let ids: Vec<OutboxId> = mails.iter().map(|m| m.mail.id).collect();
    let tries = read::attempts(&app.db, actor.tickets().rows(), &ids).await?;
    Ok(mails.into_iter().map(|m| shape(m, &tries)).collect())
}

/// Which mails to list.
#[derive(Debug, Deserialize)]
pub struct Params {
    state: Option<String>,
    ticket_id: Option<String>,
}

/// `GET /api/outbox`: newest first.
///
/// # Errors
/// 400, 401, 403, 422 for an unknown state.
pub async fn index(State(api): State<Api>, caller: Caller, page: Page, Query(p): Query<Params>) -> Answer {
    let (app, actor) = (&api.app, caller.actor());
    let states = list(p.state.as_deref().unwrap_or_default()).map(|s| parsed("state", s)).collect::<Result<_, _>>()?;
    let ticket = match p.ticket_id.as_deref().filter(|t| !t.is_empty()) {
        Some(which) => Some(tickets::find(app, actor, &reference(which)).await?),
        None => None,
    };
    let filter = OutboxFilter { states, ticket, before: page.after()? };
    let mut mails = outbox::list(app, actor, &filter, i64::from(page.limit) + 1).await?;
    let more = mails.len() > page.limit as usize;
    mails.truncate(page.limit as usize);
    let next_cursor = mails.last().filter(|_| more).map(|m| cursor(&m.mail.id));
    let data = shaped(app, actor, mails).await?;
    Ok(axum::Json(json(List { data, next_cursor, total: None })))
}

/// `GET /api/support/tickets/{id}/mails`: all mail about a ticket, oldest first.
///
/// # Errors
/// 401, 404.
pub async fn of_ticket(State(api): State<Api>, caller: Caller, Path(which): Path<String>) -> Answer {
    let (app, actor) = (&api.app, caller.actor());
    let mut mails = outbox::of_ticket(app, actor, &reference(&which), MOST_OF_TICKET).await?;
    mails.reverse();
    let data = shaped(app, actor, mails).await?;
    Ok(axum::Json(json(List { data, next_cursor: None, total: None })))
}

/// `GET /api/outbox/{id}`.
///
/// # Errors
/// 401, 403, 404.
pub async fn show(State(api): State<Api>, caller: Caller, Path(id): Path<i64>) -> Answer {
    answer(&api.app, caller.actor(), OutboxId(id)).await
}

async fn answer(app: &App, actor: &Actor, id: OutboxId) -> Answer {
    let mail = outbox::find(app, actor, id).await.map_err(named)?;
    Ok(axum::Json(json(shaped(app, actor, vec![mail]).await?.remove(0))))
}

/// What is not found here is a mail, not a ticket.
fn named(e: tickets::Error) -> Problem {
    match e {
        tickets::Error::NotFound => Problem::new(codes::OUTBOX_MAIL_NOT_FOUND),
        e => e.into(),
    }
}

/// `GET /api/outbox/{id}/raw`: the MIME as it was or will be sent.
///
/// # Errors
/// 401, 403, 404, also until the worker has built it.
pub async fn raw(State(api): State<Api>, caller: Caller, Path(id): Path<i64>) -> Result<Response, Problem> {
    let (_, octets) = looked_at(&api.app, caller.actor(), id).await?;
    Ok(mail_bytes(octets, &format!("outbox-{id}.eml")))
}

/// Returns an outbox mail and its octets to who may look at them.
///
/// # Errors
/// 403, 404 `outbox_mail_not_found`, also until the worker has built it.
pub async fn looked_at(app: &App, actor: &Actor, id: i64) -> Result<(Listed, bytes::Bytes), Problem> {
    let found = outbox::find(app, actor, OutboxId(id)).await.map_err(named)?;
    actor.require(Capability::MailRaw)?;
    let octets = read::octets(app, actor.rows(), found.mail.id).await.map_err(|e| match e {
        OctetsError::Store(e) => Problem::from(e),
        OctetsError::Blobs(e) => e.into(),
    })?;
    let octets = octets.ok_or_else(|| Problem::new(codes::OUTBOX_MAIL_NOT_FOUND).detail("it is not built yet"))?;
    Ok((found, octets))
}

/// Answers with a mail's octets, never to be shown by a browser.
pub fn mail_bytes(octets: bytes::Bytes, filename: &str) -> Response {
    let disposition = format!("attachment; filename=\"{filename}\"");
    let headers = [(header::CONTENT_TYPE, "message/rfc822".to_owned()), (header::CONTENT_DISPOSITION, disposition)];
    (headers, octets).into_response()
}

/// A ticket's mails beyond so many are in the outbox's own list.
const MOST_OF_TICKET: i64 = 500;

/// What a retry may change.
#[derive(Debug, Default, Deserialize)]
pub struct RetryBody {
    to: Option<String>,
}

/// `POST /api/outbox/{id}/retry`.
///
/// # Errors
/// 401, 403, 404, 409, 422.
pub async fn retry(State(api): State<Api>, caller: Caller, Path(id): Path<i64>, Body(body): Body) -> Answer {
    let (app, actor) = (&api.app, caller.actor());
    outbox::find(app, actor, OutboxId(id)).await.map_err(named)?;
    actor.require(Capability::MailReplay)?;
    // Without a body the address stays.
    let RetryBody { to } = from_slice(&body)?;
    outbox::retry(app, actor, OutboxId(id), to.as_deref()).await.map_err(named)?;
    answer(app, actor, OutboxId(id)).await
}

/// `POST /api/outbox/{id}/cancel`.
///
/// # Errors
/// 401, 403, 404, 409.
pub async fn cancel(State(api): State<Api>, caller: Caller, Path(id): Path<i64>) -> Answer {
    outbox::cancel(&api.app, caller.actor(), OutboxId(id)).await.map_err(named)?;
    answer(&api.app, caller.actor(), OutboxId(id)).await
}
