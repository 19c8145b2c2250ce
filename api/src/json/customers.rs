//! The note about a customer, reached by any ticket of theirs.

use super::Answer;
use super::tickets::{judged, reference};
use crate::Api;
use crate::extract::{Caller, ExpectedVersion, Json, Path};
use crate::problem::Problem;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::access::Capability;
use shared::customers::{self, CustomerNote};

/// What is to be kept in mind.
#[derive(Debug, Deserialize)]
pub struct NoteBody {
    #[serde(alias = "body")]
    note: String,
    expected_version: Option<i64>,
}

/// Returns a note as it is shown: of version 0 while there never was one.
pub fn shape(note: Option<&CustomerNote>) -> Value {
    match note {
        Some(n) => json!({"note": n.body, "version": n.version, "noted_by": n.noted_by, "noted_at": n.noted_at}),
        None => json!({"note": "", "version": 0, "noted_by": null, "noted_at": null}),
    }
}

/// `GET /api/support/tickets/{id}/customer-note`
///
/// # Errors
/// 401, 403, 404.
pub async fn show(State(api): State<Api>, caller: Caller, Path(which): Path<String>) -> Answer {
    let found = customers::note(&api.app, caller.actor(), &reference(&which)).await?;
    Ok(axum::Json(shape(found.as_ref())))
}

/// `PUT /api/support/tickets/{id}/customer-note {note}`: an empty one empties it. `If-Match` is the note's version.
///
/// # Errors
/// 401, 403, 404, 409 `stale_note`, 422.
pub async fn write(
    State(api): State<Api>,
    caller: Caller,
    Path(which): Path<String>,
    version: ExpectedVersion,
    body: Result<Json<NoteBody>, Problem>,
) -> Answer {
    let (app, actor, which) = (&api.app, caller.actor(), reference(&which));
    let Json(b) = judged(app, actor, &which, Capability::TicketsNote, body).await?;
    let expected = version.or_body(b.expected_version)?;
    let kept = customers::set_note(app, actor, &which, &b.note, expected).await?;
    Ok(axum::Json(shape(kept.as_ref())))
}
