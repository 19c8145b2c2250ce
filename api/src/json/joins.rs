//! The tray: doubtful joins, until an agent says join or new (E4.4).

use super::{Answer, listed, window};
use crate::Api;
use crate::extract::json::{from_slice, is_json};
use crate::extract::{Body, Caller, Page, Path, Query};
use crate::problem::{Problem, codes};
use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::access::{Actor, Capability};
use shared::app::App;
use shared::clock::Time;
use shared::ids::{JoinId, MailId, MessageId, TicketId, UserId};
use shared::tickets::{self, JoinKind, JoinState, JoinView};

/// A doubt.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct JoinShape {
    pub id: JoinId,
    pub kind: JoinKind,
    pub state: JoinState,
    pub why: String,
    pub ticket: Named,
    pub other: Option<Named>,
    pub sender: Option<Sender>,
    pub ticket_message_id: Option<MessageId>,
    pub mail_id: Option<MailId>,
    pub created_at: Time,
    pub decided_at: Option<Time>,
    pub decided_by: Option<UserId>,
}

/// A ticket's names.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct Named {
    pub id: TicketId,
    pub pid: String,
    pub subject: String,
}

/// Who wrote.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct Sender {
    pub id: UserId,
    pub email: String,
    pub name: Option<String>,
}

/// Returns a doubt's shape.
pub fn shape(j: JoinView) -> JoinShape {
    let other = match (j.other_id, j.other_pid, j.other_subject) {
        (Some(id), Some(pid), Some(subject)) => Some(Named { id, pid, subject }),
        _ => None,
    };
    let sender = match (j.user_id, j.user_email) {
        (Some(id), Some(email)) => Some(Sender { id, email, name: j.user_name }),
        _ => None,
    };
    JoinShape {
        id: j.id,
        kind: j.kind,
        state: j.state,
        why: j.why,
        ticket: Named { id: j.ticket_id, pid: j.pid, subject: j.subject },
        other,
        sender,
        ticket_message_id: j.ticket_message_id,
        mail_id: j.mail_id,
        created_at: j.created_at,
        decided_at: j.decided_at,
        decided_by: j.decided_by,
    }
}

/// Which doubts to list.
#[derive(Debug, Deserialize)]
pub struct Params {
    state: Option<String>,
}

/// `GET /api/support/joins`: newest first; open ones unless `state` says otherwise.
///
/// # Errors
/// 400, 401, 403, 422 for an unknown state.
pub async fn index(State(api): State<Api>, caller: Caller, page: Page, Query(p): Query<Params>) -> Answer {
    let actor = caller.actor();
    actor.require(Capability::TicketsUpdate)?;
    let state = match p.state.as_deref().filter(|s| !s.is_empty()) {
        Some(text) => super::input::parsed("state", text)?,
        None => JoinState::Open,
    };
    let (limit, _) = window(&page);
    let rows = tickets::joins(&api.app, actor, state, page.after()?, i64::from(limit)).await?;
    Ok(axum::Json(super::input::json(listed(rows, &page, None, |j| j.id, shape))))
}

/// What may be said along with "join".
#[derive(Debug, Deserialize)]
struct JoinBody {
    /// Whether a new sender gets what is written from now on.
    #[serde(default = "yes", alias = "add_participant")]
    accept: bool,
}

fn yes() -> bool {
    true
}

/// `POST /api/support/joins/{id}/join`: they belong together.
///
/// # Errors
/// 401, 403, 404, 422 if somebody decided otherwise.
pub async fn join(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<i64>,
    headers: HeaderMap,
    Body(body): Body,
) -> Answer {
    let (app, actor) = (&api.app, caller.actor());
    let read = match body.is_empty() || !is_json(&headers) {
        true => Ok(JoinBody { accept: true }),
        false => from_slice(&body),
    };
    let body: JoinBody = match read {
        Ok(body) => body,
        // Who may not learns that first.
        Err(wrong) => return Err(tickets::may_decide(app, actor, JoinId(id)).await.map_or_else(refused, |()| wrong)),
    };
    let ticket = tickets::join(app, actor, JoinId(id), body.accept).await.map_err(refused)?;
    decided(app, actor, JoinId(id), ticket).await
}

/// `POST /api/support/joins/{id}/new`: they do not.
///
/// # Errors
/// 401, 403, 404, 422 if somebody decided otherwise.
pub async fn keep_apart(State(api): State<Api>, caller: Caller, Path(id): Path<i64>) -> Answer {
    let (app, actor) = (&api.app, caller.actor());
    let ticket = tickets::keep_apart(app, actor, JoinId(id)).await.map_err(refused)?;
    decided(app, actor, JoinId(id), ticket).await
}

/// What is not there is a doubt, not a ticket.
fn refused(e: tickets::Error) -> Problem {
    match e {
        tickets::Error::NotFound => Problem::new(codes::JOIN_NOT_FOUND),
        e => e.into(),
    }
}

/// The doubt as it stands now, and the ticket where its message is.
async fn decided(app: &App, actor: &Actor, id: JoinId, ticket: TicketId) -> Answer {
    let view = tickets::join_view(app, actor, id).await.map_err(refused)?;
    let mut shape = super::input::json(shape(view));
    shape["now_on"] = json!(ticket);
    Ok(axum::Json(shape))
}
