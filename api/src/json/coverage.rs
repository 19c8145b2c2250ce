//! Coverage over HTTP: what a support agent sees tickets of.

use crate::Api;
use crate::extract::{Caller, Path, Unread};
use crate::problem::Problem;
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use shared::access::Capability;
use shared::coverage;
use shared::ids::UserId;

/// What a user covers.
#[derive(Debug, Serialize)]
pub struct Shape {
    user_id: UserId,
    subjects: Vec<String>,
}

/// `GET /api/support/coverage/{user_id}`
pub async fn get(State(api): State<Api>, caller: Caller, Path(user_id): Path<UserId>) -> Result<Json<Shape>, Problem> {
    let subjects = coverage::get(&api.app.db, &caller.actor, user_id).await?;
    Ok(Json(Shape { user_id, subjects }))
}

#[derive(Debug, Deserialize)]
pub struct Body {
    subjects: Vec<String>,
}

/// `PUT /api/support/coverage/{user_id}`
pub async fn set(
    State(api): State<Api>,
    caller: Caller,
    Path(user_id): Path<UserId>,
    body: Unread,
) -> Result<Json<Shape>, Problem> {
    let (db, actor) = (&api.app.db, &caller.actor);
    coverage::get(db, actor, user_id).await?;
    actor.require(Capability::CoverageManage)?;
    let body: Body = body.read()?;
    let subjects = coverage::set(db, actor, user_id, &body.subjects).await?;
    Ok(Json(Shape { user_id, subjects }))
}
