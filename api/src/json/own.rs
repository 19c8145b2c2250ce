//! What everybody sees and changes about themselves over HTTP: name, language, which mail, and where they are signed in.

use super::auth::Me;
use super::nullable;
use super::users::shape;
use crate::Api;
use crate::extract::page::List;
use crate::extract::{Caller, Path, Unread};
use crate::problem::Problem;
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::clock::Time;
use shared::i18n::Locale;
use shared::ids::SessionId;
use shared::mail_out::unsubscribe::Sort;
use shared::sessions::own;
use shared::users::{self, OwnChange};
use std::collections::BTreeMap;

/// `GET /api/auth/me`
pub async fn me(State(api): State<Api>, caller: Caller) -> Result<Json<Me>, Problem> {
    let mut user = shape(caller.user.clone());
    // A token may do less than its user, and a setting of the chosen tenant may add something.
    user.capabilities = caller.actor.capabilities().iter().collect();
    let preferences = users::preferences(&api.app.db, &caller.user).await?;
    let time_zone = users::time_zone(&api.app.db, caller.user.id).await?;
    Ok(Json(Me { user, preferences: Some(preferences), time_zone: Some(time_zone) }))
}

#[derive(Debug, Deserialize)]
pub struct MeBody {
    #[serde(default, deserialize_with = "nullable")]
    name: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    locale: Option<Option<Locale>>,
    #[serde(default)]
    preferences: BTreeMap<Sort, bool>,
    #[serde(default, deserialize_with = "nullable")]
    time_zone: Option<Option<String>>,
}

/// `PATCH /api/auth/me`
pub async fn change(State(api): State<Api>, caller: Caller, body: Unread) -> Result<Json<Me>, Problem> {
    let body: MeBody = body.read()?;
    let change =
        OwnChange { name: body.name, locale: body.locale, preferences: body.preferences, time_zone: body.time_zone };
    let user = users::change_own(&api.app.db, &caller.actor, caller.user.id, change).await?;
    let preferences = users::preferences(&api.app.db, &user).await?;
    let time_zone = users::time_zone(&api.app.db, user.id).await?;
    Ok(Json(Me { user: shape(user), preferences: Some(preferences), time_zone: Some(time_zone) }))
}

/// A session.
#[derive(Debug, Serialize)]
pub struct SessionShape {
    id: SessionId,
    address: Option<String>,
    user_agent: Option<String>,
    created_at: Time,
    last_used_at: Time,
    current: bool,
}

/// `GET /api/auth/sessions`
pub async fn sessions(State(api): State<Api>, caller: Caller) -> Result<Json<List<SessionShape>>, Problem> {
    let shown = |s: shared::sessions::OwnSession| SessionShape {
        id: s.id,
        address: s.address,
        user_agent: s.user_agent,
        created_at: s.created_at,
        last_used_at: s.last_seen_at,
        current: s.current,
    };
    let data = own::list(&api.app.db, &caller).await?.into_iter().map(shown).collect();
    Ok(Json(List { data, next_cursor: None, total: None }))
}

/// `DELETE /api/auth/sessions/{id}`
pub async fn end(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<SessionId>,
) -> Result<Json<serde_json::Value>, Problem> {
    own::revoke(&api.app.db, &caller, id).await?;
    Ok(Json(json!({"id": id, "ended": true})))
}

/// `DELETE /api/auth/sessions`: all but the one that asks.
pub async fn end_others(State(api): State<Api>, caller: Caller) -> Result<Json<serde_json::Value>, Problem> {
    Ok(Json(json!({"ended": own::revoke_others(&api.app.db, &caller).await?})))
}
