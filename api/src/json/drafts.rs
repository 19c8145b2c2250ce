//! Drafts: what the caller began to write on a ticket.

use super::Answer;
use super::tickets::{judged, reference};
use crate::Api;
use crate::extract::{Caller, Json, Path, Query};
use crate::problem::Problem;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::access::Capability;
use shared::drafts::{self, Draft};
use shared::messages::MessageKind;

/// What is being written.
#[derive(Debug, Deserialize)]
pub struct DraftBody {
    #[serde(default = "reply")]
    kind: MessageKind,
    #[serde(alias = "message")]
    body: String,
}

/// Which draft.
#[derive(Debug, Deserialize)]
pub struct Which {
    #[serde(default = "reply")]
    kind: MessageKind,
}

fn reply() -> MessageKind {
    MessageKind::Reply
}

fn shape(draft: Option<&Draft>) -> Value {
    draft.map_or(Value::Null, |d| json!({"body": d.body, "updated_at": d.updated_at}))
}

fn known(kind: MessageKind) -> Result<MessageKind, Problem> {
    match kind {
        MessageKind::System => Err(Problem::field("kind", "unknown_value", "must be reply or note")),
        kind => Ok(kind),
    }
}

/// `GET /api/support/tickets/{id}/draft`: `{reply, note}`, each `{body, updated_at}` or null. Nobody sees anybody else's.
///
/// # Errors
/// 401, 404.
pub async fn show(State(api): State<Api>, caller: Caller, Path(which): Path<String>) -> Answer {
    let found = drafts::of(&api.app, caller.actor(), &reference(&which)).await?;
    let of = |kind| shape(found.iter().find(|d| d.kind == kind));
    Ok(axum::Json(json!({"reply": of(MessageKind::Reply), "note": of(MessageKind::Note)})))
}

/// `PUT /api/support/tickets/{id}/draft {kind, body}`: keeps it; an empty one goes. Answers with what is kept.
///
/// # Errors
/// 401, 403, 404, 422.
pub async fn save(
    State(api): State<Api>,
    caller: Caller,
    Path(which): Path<String>,
    body: Result<Json<DraftBody>, Problem>,
) -> Answer {
    let (app, actor, which) = (&api.app, caller.actor(), reference(&which));
    let Json(b) = judged(app, actor, &which, Capability::TicketsReply, body).await?;
    let kept = drafts::save(app, actor, &which, known(b.kind)?, &b.body).await?;
    Ok(axum::Json(json!({"kind": b.kind, "draft": shape(kept.as_ref())})))
}

/// `DELETE /api/support/tickets/{id}/draft?kind=reply`: throws it away.
///
/// # Errors
/// 401, 404.
pub async fn discard(
    State(api): State<Api>,
    caller: Caller,
    Path(which): Path<String>,
    Query(q): Query<Which>,
) -> Answer {
    drafts::discard(&api.app, caller.actor(), &reference(&which), known(q.kind)?).await?;
    Ok(axum::Json(json!({"kind": q.kind, "draft": null})))
}
