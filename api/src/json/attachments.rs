//! Files: uploaded for a message to be written, and fetched.

use super::input::{Name, WithFiles, json, tenant};
use super::shapes;
use crate::Api;
use crate::extract::{Caller, Path};
use crate::problem::{FieldError, Problem, codes};
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::Value;
use shared::attachments::{self, Attach};
use shared::ids::AttachmentId;
use shared::store::Scope;
use shared::tenants;

/// The fields beside an uploaded file.
#[derive(Debug, Deserialize)]
pub struct UploadFields {
    #[serde(alias = "company_id", alias = "entity_scope", alias = "tenant")]
    tenant_id: Option<Name>,
}

/// `POST /api/support/attachments`: one file as multipart; its id is named by a message later.
///
/// # Errors
/// 401, 404 for another tenant, 413, 415, 422 without a file.
pub async fn create(
    State(api): State<Api>,
    caller: Caller,
    body: WithFiles<UploadFields>,
) -> Result<(StatusCode, axum::Json<Value>), Problem> {
    let (app, actor) = (&api.app, caller.actor());
    let named = tenant(app, actor, body.fields.tenant_id.as_ref()).await?;
    let tenant = match named.or(actor.within) {
        Some(tenant) => tenant,
        None => {
            let found = tenants::find(&mut app.db.read(Scope::All), tenants::DEFAULT_SLUG).await?;
            found.ok_or_else(|| Problem::new(codes::TENANT_NOT_FOUND))?.id
        }
    };
    let mut files = body.files.into_iter();
    let (Some(Attach::File(file)), None) = (files.next(), files.next()) else {
        return Err(Problem::validation(vec![FieldError::new("file", "required", "send exactly one file")]));
    };
    let stored = attachments::upload(app, actor, tenant, file).await?;
    Ok((StatusCode::CREATED, axum::Json(json(shapes::file(stored)))))
}

/// `GET /api/support/attachments/{id}`: the bytes. Never run by a browser (DESIGN 12): images of a few kinds are shown,
/// everything else is a download.
///
/// # Errors
/// 401, 404.
pub async fn show(State(api): State<Api>, caller: Caller, Path(id): Path<i64>) -> Result<Response, Problem> {
    let (file, bytes) = attachments::get(&api.app, caller.actor(), AttachmentId(id)).await.map_err(|e| match e {
        shared::tickets::Error::NotFound => Problem::new(codes::ATTACHMENT_NOT_FOUND),
        e => e.into(),
    })?;
    let shown = file.picture_type();
    let how = if shown.is_some() && file.inline { "inline" } else { "attachment" };
    download(bytes, &file.filename, shown.unwrap_or("application/octet-stream"), how)
}

/// Answers with a file's bytes, never run by a browser (DESIGN 12).
pub fn download(bytes: bytes::Bytes, filename: &str, kind: &str, how: &str) -> Result<Response, Problem> {
    let mut response = Body::from(bytes).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_str(kind).map_err(Problem::internal)?);
    headers.insert(header::CONTENT_DISPOSITION, disposition(how, filename)?);
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
    // Addressed by an id whose bytes never change, but only for those who may see them.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=3600"));
    Ok(response)
}

/// Says what a browser does with a file, and what it is called (RFC 6266).
pub fn disposition(how: &str, filename: &str) -> Result<HeaderValue, Problem> {
    let value = format!("{how}; filename*=UTF-8''{}", percent(filename));
    HeaderValue::from_str(&value).map_err(Problem::internal)
}

/// A name in a header (RFC 8187).
fn percent(name: &str) -> String {
    name.bytes().fold(String::new(), |mut out, b| {
        match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_' => out.push(b as char),
            _ => out.push_str(&format!("%{b:02X}")),
        }
        out
    })
}
