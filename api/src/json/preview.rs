//! What Markdown will look like, for who is still writing it.

use super::Answer;
use crate::extract::{Caller, Json};
use crate::problem::Problem;
use serde::Deserialize;
use serde_json::json;
use shared::access::Capability;
use shared::markdown;

/// What is being written.
#[derive(Debug, Deserialize)]
pub struct PreviewBody {
    body: String,
}

/// `POST /api/support/preview {body}`: `{html, text}`, as the page and the mail will show it. Keeps nothing.
///
/// # Errors
/// 401, 403, 422.
pub async fn show(caller: Caller, body: Result<Json<PreviewBody>, Problem>) -> Answer {
    caller.actor().require(Capability::TicketsNote)?;
    let Json(PreviewBody { body }) = body?;
    let written = markdown::render(&body);
    Ok(axum::Json(json!({"html": markdown::clean(&written.html), "text": written.text})))
}
