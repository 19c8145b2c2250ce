//! The JSON API: shapes and handlers, one file per noun. Handlers extract, call one verb of `shared`, and answer.

pub mod attachments;
pub mod events;
mod input;
pub mod mails;
pub mod messages;
pub mod outbox;
pub mod shapes;
pub mod tickets;

use crate::problem::Problem;
use axum::Json;
use serde_json::Value;

/// What a handler answers.
pub type Answer = Result<Json<Value>, Problem>;
