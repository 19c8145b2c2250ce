//! The queue's views over HTTP.

use crate::Api;
use crate::extract::Caller;
use crate::extract::page::List;
use crate::problem::Problem;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use shared::tickets::View;
use shared::tickets::counts::{self, Count};

/// A view.
#[derive(Debug, Serialize)]
pub struct Shape {
    /// `mine`, `unassigned`, `open`, `waiting`, `at_risk`, `all`.
    view: View,
    /// How many tickets it has.
    count: i64,
    /// Whether there are more: nobody counted on.
    more: bool,
}

/// `GET /api/support/views`: the caller's views, each with how many tickets it has.
///
/// # Errors
/// 401, 403.
pub async fn index(State(api): State<Api>, caller: Caller) -> Result<Json<List<Shape>>, Problem> {
    let counts = counts::of_views(&api.app, caller.actor()).await?;
    let shape = |(view, Count { n, more }): (View, Count)| Shape { view, count: n, more };
    Ok(Json(List { data: counts.into_iter().map(shape).collect(), next_cursor: None, total: None }))
}
