//! API tokens over HTTP: everybody's own.

use super::{counts, listed, window};
use crate::Api;
use crate::extract::page::List;
use crate::extract::{Caller, Page, Path, Unread};
use crate::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::access::{Capabilities, Capability};
use shared::clock::Time;
use shared::ids::TokenId;
use shared::sessions::ApiToken;
use shared::sessions::tokens::{self, NewToken};

/// A token; its secret only in the answer that makes it.
#[derive(Debug, Serialize)]
pub struct TokenShape {
    id: TokenId,
    name: String,
    /// None: all that its user may.
    capabilities: Option<Vec<Capability>>,
    created_at: Time,
    expires_at: Option<Time>,
    last_used_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

fn shape(t: ApiToken) -> TokenShape {
    TokenShape {
        id: t.id,
        name: t.name,
        capabilities: t.limit.map(|l| l.iter().collect()),
        created_at: t.created_at,
        expires_at: t.expires_at,
        last_used_at: t.last_used_at,
        token: None,
    }
}

/// `GET /api/tokens`
pub async fn list(State(api): State<Api>, caller: Caller, page: Page) -> Result<Json<List<TokenShape>>, Problem> {
    let (db, user) = (&api.app.db, caller.user.id);
    let total = if counts(&page) { Some(tokens::count(db, user).await?) } else { None };
    let rows = tokens::list(db, user, page.after()?, window(&page)).await?;
    Ok(Json(listed(rows, &page, total, |t| t.id, shape)))
}

#[derive(Debug, Deserialize)]
pub struct NewBody {
    name: String,
    expires_at: Option<Time>,
    capabilities: Option<Vec<Capability>>,
}

/// `POST /api/tokens`
pub async fn create(
    State(api): State<Api>,
    caller: Caller,
    body: Unread,
) -> Result<(StatusCode, Json<TokenShape>), Problem> {
    let body: NewBody = body.read()?;
    let limit = body.capabilities.map(Capabilities::from_iter);
    let new = NewToken { name: body.name, expires_at: body.expires_at, limit };
    let (made, secret) = tokens::create(&api.app.db, &caller, new).await?;
    Ok((StatusCode::CREATED, Json(TokenShape { token: Some(secret), ..shape(made) })))
}

/// `DELETE /api/tokens/{id}`
pub async fn revoke(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<TokenId>,
) -> Result<Json<serde_json::Value>, Problem> {
    tokens::revoke(&api.app.db, &caller, id).await?;
    Ok(Json(json!({"id": id, "revoked": true})))
}
