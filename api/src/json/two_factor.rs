//! The second step of the login, over HTTP: everybody's own, and an admin's way to take it away.

use super::users::{UserShape, shape};
use crate::Api;
use crate::extract::{Caller, Path, Unread};
use crate::problem::Problem;
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use shared::clock::Time;
use shared::ids::UserId;
use shared::sessions::second::{self, Proof};

/// Where somebody stands.
#[derive(Debug, Serialize)]
pub struct StandingShape {
    on: bool,
    since: Option<Time>,
    recovery_codes_left: i64,
    required: bool,
}

/// What an authenticator app needs.
#[derive(Debug, Serialize)]
pub struct SetupShape {
    secret: String,
    uri: String,
}

/// Recovery codes: only in the answer that makes them.
#[derive(Debug, Serialize)]
pub struct CodesShape {
    recovery_codes: Vec<String>,
}

async fn standing(api: &Api, caller: &Caller) -> Result<Json<StandingShape>, Problem> {
    let s = second::standing(&api.app.db, &caller.user).await?;
    let (on, since) = (s.since.is_some(), s.since);
    Ok(Json(StandingShape { on, since, recovery_codes_left: s.codes_left, required: s.required }))
}

/// `GET /api/auth/two-factor`
pub async fn show(State(api): State<Api>, caller: Caller) -> Result<Json<StandingShape>, Problem> {
    standing(&api, &caller).await
}

/// `POST /api/auth/two-factor`: begins; what it answers counts once it is confirmed.
pub async fn begin(State(api): State<Api>, caller: Caller) -> Result<Json<SetupShape>, Problem> {
    let setup = second::begin_setup(&api.app, &caller).await?;
    Ok(Json(SetupShape { secret: setup.secret, uri: setup.uri }))
}

#[derive(Debug, Deserialize)]
pub struct CodeBody {
    code: String,
}

/// `POST /api/auth/two-factor/confirm`
pub async fn confirm(State(api): State<Api>, caller: Caller, body: Unread) -> Result<Json<CodesShape>, Problem> {
    let body: CodeBody = body.read()?;
    Ok(Json(CodesShape { recovery_codes: second::confirm(&api.app, &caller, &body.code).await? }))
}

#[derive(Debug, Deserialize)]
pub struct ProofBody {
    password: Option<String>,
    code: Option<String>,
}

impl From<ProofBody> for Proof {
    fn from(body: ProofBody) -> Proof {
        Proof { password: body.password, code: body.code }
    }
}

/// `POST /api/auth/two-factor/disable`
pub async fn disable(State(api): State<Api>, caller: Caller, body: Unread) -> Result<Json<StandingShape>, Problem> {
    let body: ProofBody = body.read()?;
    second::disable(&api.app, &caller, body.into()).await?;
    standing(&api, &caller).await
}

/// `POST /api/auth/two-factor/recovery-codes`: new ones, in place of the old.
pub async fn renew(State(api): State<Api>, caller: Caller, body: Unread) -> Result<Json<CodesShape>, Problem> {
    let body: ProofBody = body.read()?;
    Ok(Json(CodesShape { recovery_codes: second::renew_codes(&api.app, &caller, body.into()).await? }))
}

/// `DELETE /api/users/{id}/two-factor`: for who lost it.
pub async fn reset(State(api): State<Api>, caller: Caller, Path(id): Path<UserId>) -> Result<Json<UserShape>, Problem> {
    Ok(Json(shape(second::reset(&api.app.db, &caller.actor, id).await?)))
}
