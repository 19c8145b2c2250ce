//! DKIM keys over HTTP.

use super::{TenantName, listed, tenant_named};
use crate::Api;
use crate::extract::page::List;
use crate::extract::{Caller, Page, Path, Unread};
use crate::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use shared::access::Capability;
use shared::clock::Time;
use shared::ids::{DkimKeyId, TenantId};
use shared::mail_out::dkim::{self, Algorithm, DkimKey, NewKey};

/// A key, with the DNS record that its domain must have.
#[derive(Debug, Serialize)]
pub struct Shape {
    id: DkimKeyId,
    /// None: it signs the mail of all tenants from its domain.
    tenant_id: Option<TenantId>,
    domain: String,
    selector: String,
    algorithm: Algorithm,
    record: Record,
    created_at: Time,
    retired_at: Option<Time>,
}

/// A DNS record.
#[derive(Debug, Serialize)]
pub struct Record {
    #[serde(rename = "type")]
    kind: &'static str,
    name: String,
    value: String,
}

fn shape(k: DkimKey) -> Shape {
    Shape {
        record: Record { kind: "TXT", name: k.record_name(), value: k.record_value() },
        id: k.id,
        tenant_id: k.tenant_id,
        domain: k.domain,
        selector: k.selector,
        algorithm: k.algorithm,
        created_at: k.created_at,
        retired_at: k.retired_at,
    }
}

/// `GET /api/dkim`
pub async fn list(State(api): State<Api>, caller: Caller, page: Page) -> Result<Json<List<Shape>>, Problem> {
    let rows = dkim::list(&api.app.db, &caller.actor, page.after()?, page.limit + 1).await?;
    Ok(Json(listed(rows, &page, None, |k| k.id, shape)))
}

#[derive(Debug, Deserialize)]
pub struct NewBody {
    domain: String,
    selector: Option<String>,
    algorithm: Option<Algorithm>,
    /// PEM.
    #[serde(alias = "private_key", alias = "privateKey", alias = "pem")]
    key: Option<String>,
    #[serde(default, alias = "tenantId", alias = "tenant", alias = "company_id", alias = "companyId")]
    tenant_id: Option<TenantName>,
}

/// `POST /api/dkim`
pub async fn create(
    State(api): State<Api>,
    caller: Caller,
    body: Unread,
) -> Result<(StatusCode, Json<Shape>), Problem> {
    let (app, actor) = (&api.app, &caller.actor);
    actor.require(Capability::MailboxesManage)?;
    let body: NewBody = body.read()?;
    let new = NewKey {
        tenant: tenant_named(&app.db, actor, body.tenant_id.as_ref()).await?,
        domain: body.domain,
        selector: body.selector,
        algorithm: body.algorithm,
        pem: body.key,
    };
    Ok((StatusCode::CREATED, Json(shape(dkim::add(app, actor, new).await?))))
}

/// `DELETE /api/dkim/{id}`: it signs no more.
pub async fn retire(State(api): State<Api>, caller: Caller, Path(id): Path<DkimKeyId>) -> Result<Json<Shape>, Problem> {
    Ok(Json(shape(dkim::retire(&api.app, &caller.actor, id).await?)))
}
