//! Suppressed addresses over HTTP.

use super::{TenantName, listed, tenant_named};
use crate::Api;
use crate::extract::page::List;
use crate::extract::{Caller, Page, Path, Query, Unread};
use crate::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::access::Capability;
use shared::clock::Time;
use shared::ids::TenantId;
use shared::mail_out::suppress::{self, Reason, Suppression};

/// An address that automatic mail does not go to.
#[derive(Debug, Serialize)]
pub struct Shape {
    email: String,
    tenant_id: TenantId,
    reason: Reason,
    /// Ids and codes of what shows it.
    evidence: Value,
    created_at: Time,
    until_at: Time,
}

fn shape(s: Suppression) -> Shape {
    Shape {
        email: s.email_key,
        tenant_id: s.tenant_id,
        reason: s.reason,
        evidence: serde_json::from_str(&s.evidence).unwrap_or_default(),
        created_at: s.created_at,
        until_at: s.until_at,
    }
}

#[derive(Debug, Deserialize)]
pub struct ListQuery {
    #[serde(alias = "email")]
    q: Option<String>,
}

/// `GET /api/suppressions`
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    page: Page,
    Query(query): Query<ListQuery>,
) -> Result<Json<List<Shape>>, Problem> {
    caller.actor.require(Capability::MailRead)?;
    let after = page.after()?;
    let rows = suppress::list(&api.app.db, &caller.actor, query.q.as_deref(), after, page.limit + 1).await?;
    Ok(Json(listed(rows, &page, None, |s| (s.tenant_id, s.email_key.clone()), shape)))
}

#[derive(Debug, Deserialize)]
pub struct NewBody {
    email: String,
    #[serde(alias = "untilAt", alias = "until")]
    until_at: Option<Time>,
    #[serde(default, alias = "tenantId", alias = "tenant", alias = "company_id", alias = "companyId")]
    tenant_id: Option<TenantName>,
}

/// `POST /api/suppressions`
pub async fn create(
    State(api): State<Api>,
    caller: Caller,
    body: Unread,
) -> Result<(StatusCode, Json<Shape>), Problem> {
    let (db, actor) = (&api.app.db, &caller.actor);
    actor.require(Capability::MailReplay)?;
    let body: NewBody = body.read()?;
    let tenant = tenant_named(db, actor, body.tenant_id.as_ref()).await?;
    let made = suppress::add(db, actor, tenant, &body.email, body.until_at).await?;
    Ok((StatusCode::CREATED, Json(shape(made))))
}

/// `DELETE /api/suppressions/{email}`
pub async fn remove(State(api): State<Api>, caller: Caller, Path(email): Path<String>) -> Result<Json<Value>, Problem> {
    suppress::remove(&api.app.db, &caller.actor, &email).await?;
    Ok(Json(json!({"email": shared::address::key(&email), "removed": true})))
}
