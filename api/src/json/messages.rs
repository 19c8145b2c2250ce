//! A ticket's conversation.

use super::input::{self, FileRef, WithFiles, json};
use super::tickets::reference;
use super::{Answer, shapes};
use crate::Api;
use crate::extract::page::{List, cursor};
use crate::extract::{Caller, ExpectedVersion, Page, Path};
use crate::problem::{FieldError, Problem, codes};
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use shared::access::{Actor, Capability};
use shared::app::App;
use shared::attachments;
use shared::clock::Time;
use shared::ids::{CannedId, MessageId, TicketId, UserId};
use shared::messages::{self, Message, MessageKind, Post};
use shared::tickets::{self, Status};

/// What a message is written by.
#[derive(Debug, Deserialize)]
pub struct PostBody {
    #[serde(alias = "message")]
    body: Option<String>,
    kind: Option<MessageKind>,
    #[serde(default)]
    is_internal: bool,
    status_after: Option<Status>,
    send_after: Option<Time>,
    #[serde(default)]
    undo_seconds: i64,
    expected_version: Option<i64>,
    #[serde(default)]
    force: bool,
    #[serde(default)]
    attachments: Vec<FileRef>,
    /// Whether a text that speaks of a file without one is refused.
    #[serde(default)]
    careful: bool,
    /// Who joins the conversation with it.
    #[serde(default)]
    add: Addresses,
    /// The canned replies that it was written with.
    #[serde(default)]
    canned_replies: Vec<CannedId>,
    /// Participants who do not get this one.
    #[serde(default)]
    without: Vec<UserId>,
    /// Who gets it unseen by the others.
    #[serde(default)]
    bcc: Addresses,
    /// The address outside the customer's domain that a message's `reply_to_offered` names (E8.2).
    reply_to: Option<String>,
}

/// Addresses as a list, or as one text with commas.
#[derive(Debug, Default, Deserialize)]
#[serde(untagged)]
enum Addresses {
    #[default]
    None,
    One(String),
    Many(Vec<String>),
}

impl Addresses {
    fn list(self) -> Vec<String> {
        let split = |text: &str| text.split(',').map(|a| a.trim().to_owned()).filter(|a| !a.is_empty()).collect();
        match self {
            Addresses::None => Vec::new(),
            Addresses::One(text) => split(&text),
            Addresses::Many(all) => all,
        }
    }
}

/// `POST /api/support/tickets/{id}/messages`.
///
/// # Errors
/// 401, 403, 404, 409, 413, 415, 422.
pub async fn create(
    State(api): State<Api>,
    caller: Caller,
    Path(which): Path<String>,
    version: ExpectedVersion,
    body: Result<WithFiles<PostBody>, Problem>,
) -> Result<(StatusCode, axum::Json<Value>), Problem> {
    let (app, actor, which) = (&api.app, caller.actor(), reference(&which));
    // Outside the scope is 404 whatever the body says (DESIGN 4).
    let id = tickets::find(app, actor, &which).await?;
    if body.is_err() {
        actor.require(Capability::TicketsReply)?;
    }
    let WithFiles { fields: b, mut files, .. } = body?;
    files.extend(input::files(b.attachments)?);
    if b.kind == Some(MessageKind::System) {
        return Err(Problem::field("kind", "unknown_value", "must be reply or note"));
    }
    if b.body.is_none() && files.is_empty() {
        return Err(Problem::validation(vec![FieldError::required("body")]));
    }
    let post = Post {
        body: b.body.unwrap_or_default(),
        note: b.is_internal || b.kind == Some(MessageKind::Note),
        status_after: b.status_after,
        send_after: b.send_after,
        undo_seconds: b.undo_seconds,
        expected_version: version.or_body(b.expected_version)?,
        attachments: files,
        force: b.force,
        anyway: b.force,
        careful: b.careful,
        add: b.add.list(),
        canned: b.canned_replies,
        without: b.without,
        bcc: b.bcc.list(),
        answer_to: b.reply_to.filter(|a| !a.trim().is_empty()),
    };
    let message = messages::post(app, actor, &id.into(), post).await?;
    let message = messages::get(app, actor, id, message).await?;
    let shape = shaped(app, actor, id, vec![message]).await?.remove(0);
    Ok((StatusCode::CREATED, axum::Json(json(shape))))
}

/// `GET /api/support/tickets/{id}/recipients`: who would get a reply now, and how that differs from our last one.
///
/// # Errors
/// 401, 403, 404.
pub async fn recipients(State(api): State<Api>, caller: Caller, Path(which): Path<String>) -> Answer {
    let found = messages::recipients(&api.app, caller.actor(), &reference(&which)).await?;
    let to = |r: messages::Recipient| {
        serde_json::json!({
            "user_id": r.user_id, "email": r.email, "name": r.name, "kind": r.kind, "is_new": r.is_new,
            "outside": r.outside, "suppressed": r.suppressed,
        })
    };
    let to: Vec<Value> = found.to.into_iter().map(to).collect();
    Ok(axum::Json(serde_json::json!({"to": to, "gone": found.gone})))
}

/// `POST /api/support/tickets/{id}/messages/{message}/send`: a reply that waits leaves now.
///
/// # Errors
/// 401, 403, 404, 409 `too_late`.
pub async fn send(State(api): State<Api>, caller: Caller, Path((which, message)): Path<(String, MessageId)>) -> Answer {
    let (app, actor) = (&api.app, caller.actor());
    let id = tickets::find(app, actor, &reference(&which)).await?;
    messages::send_now(app, actor, &id.into(), message).await.map_err(of_message)?;
    one(app, actor, id, message).await
}

/// `POST /api/support/tickets/{id}/messages/{message}/cancel`: a reply that has not left is taken back.
///
/// # Errors
/// 401, 403, 404, 409 `too_late`.
pub async fn cancel(
    State(api): State<Api>,
    caller: Caller,
    Path((which, message)): Path<(String, MessageId)>,
) -> Answer {
    let (app, actor) = (&api.app, caller.actor());
    let id = tickets::find(app, actor, &reference(&which)).await?;
    messages::withdraw(app, actor, &id.into(), message).await.map_err(of_message)?;
    one(app, actor, id, message).await
}

async fn one(app: &App, actor: &Actor, ticket: TicketId, message: MessageId) -> Answer {
    let message = messages::get(app, actor, ticket, message).await?;
    Ok(axum::Json(json(shaped(app, actor, ticket, vec![message]).await?.remove(0))))
}

/// What is not found here is a message: the ticket was.
fn of_message(e: tickets::Error) -> Problem {
    match e {
        tickets::Error::NotFound => Problem::new(codes::MESSAGE_NOT_FOUND),
        e => e.into(),
    }
}

/// `GET /api/support/tickets/{id}/messages`: the newest first page, each page oldest first; the cursor leads to earlier
/// ones.
///
/// # Errors
/// 401, 403, 404.
pub async fn index(State(api): State<Api>, caller: Caller, Path(which): Path<String>, page: Page) -> Answer {
    let (app, actor) = (&api.app, caller.actor());
    let id = tickets::find(app, actor, &reference(&which)).await?;
    let found = messages::page(app, actor, &id.into(), page.after()?, i64::from(page.limit)).await?;
    let next_cursor = found.earlier.map(|seq| cursor(&seq));
    let data = shaped(app, actor, id, found.messages).await?;
    Ok(axum::Json(json(List { data, next_cursor, total: None })))
}

async fn shaped(
    app: &App,
    actor: &Actor,
    ticket: TicketId,
    all: Vec<Message>,
) -> Result<Vec<shapes::MessageShape>, Problem> {
    let mut read = app.db.read(actor.tickets().rows());
    let files = attachments::of_messages(&mut read, &all.iter().map(|m| m.id).collect::<Vec<_>>()).await?;
    let mails = messages::deliveries(&mut read, actor, ticket).await?;
    Ok(shapes::messages(actor, all, files, &mails))
}
