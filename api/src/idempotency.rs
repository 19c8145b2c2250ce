//! `Idempotency-Key` on POSTs that create: a layer around the handler. Without the header it does nothing.

use crate::Api;
use crate::extract::{Caller, Peer};
use crate::problem::{Problem, REQUEST_ID, codes, request_id};
use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use shared::app::idempotency::{self as keys, Begun};
use tracing::Instrument;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// The answer to a creating POST is one object; a larger one than this is not ours.
const MAX_ANSWER_BYTES: usize = 8 * 1024 * 1024;

/// The layer. It must lie inside the layers that know the caller and the body's limit.
pub async fn layer(State(api): State<Api>, req: Request, next: Next) -> Response {
    let key = match key(req.headers()) {
        Ok(None) => return next.run(req).await,
        Ok(Some(key)) => key,
        Err(problem) => return problem.into_response(),
    };
    once(api, key, req, next).await.unwrap_or_else(IntoResponse::into_response)
}

fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(KEY) else { return Ok(None) };
    match value.to_str().map(str::trim) {
        Ok(key) if (1..=255).contains(&key.len()) => Ok(Some(key.to_owned())),
        _ => Err(Problem::new(codes::INVALID_HEADER).detail("Idempotency-Key must be 1 to 255 visible characters")),
    }
}

async fn once(api: Api, key: String, req: Request, next: Next) -> Result<Response, Problem> {
    let (mut parts, body) = req.into_parts();
    let owner = owner(&mut parts, &api).await;
    let body = Bytes::from_request(Request::from_parts(parts.clone(), body), &()).await?;
    match keys::begin(&api.app.db, &owner, &key, &hash(&parts, &body)).await? {
        Begun::First => {}
        Begun::Done { status, body } => return Ok(replay(status, body)),
        Begun::InUse => return Err(Problem::new(codes::IDEMPOTENCY_KEY_IN_USE).retry_after(2)),
        Begun::Reused => return Err(Problem::new(codes::IDEMPOTENCY_KEY_REUSED)),
    }
    // A task of its own: a client that hangs up must not leave the work done and the key unanswered.
    let id = request_id();
    let run = async move {
        let response = next.run(Request::from_parts(parts, Body::from(body))).await;
        settle(&api.app, &owner, &key, response).await
    };
    tokio::spawn(REQUEST_ID.scope(id, run).in_current_span()).await.map_err(Problem::internal)
}

async fn owner(parts: &mut Parts, api: &Api) -> String {
    match <Caller as FromRequestParts<Api>>::from_request_parts(parts, api).await {
        Ok(caller) => format!("user:{}", caller.user.id),
        Err(_) => {
            let Ok(peer) = Peer::from_request_parts(parts, api).await;
            format!("peer:{}", peer.ip)
        }
    }
}

/// What makes two requests the same: method, address, tenant and body. A multipart body has a new random boundary
/// each time a client sends it, which says nothing.
fn hash(parts: &Parts, body: &[u8]) -> String {
    let kind = parts.headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let boundary = std::str::from_utf8(kind)
        .ok()
        .and_then(|k| k.split_once("boundary="))
        .map(|(_, b)| b.split(';').next().unwrap_or_default().trim().trim_matches('"'))
        .filter(|b| !b.is_empty());
    let mut all = Vec::with_capacity(body.len() + 256);
    let mut add = |bytes: &[u8]| {
        all.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        all.extend_from_slice(bytes);
    };
    add(parts.method.as_str().as_bytes());
    add(parts.uri.path_and_query().map_or("", |p| p.as_str()).as_bytes());
    for name in ["x-tenant", "x-company-id"] {
        add(parts.headers.get(name).map(HeaderValue::as_bytes).unwrap_or_default());
    }
    match boundary {
        Some(boundary) => add(&without(body, boundary.as_bytes())),
        None => add(body),
    }
    shared::blobs::sha256_hex(&all)
}

/// Returns `bytes` without any `cut`.
fn without(bytes: &[u8], cut: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, tail)) = rest.split_first() {
        match rest.strip_prefix(cut) {
            Some(after) => rest = after,
            None => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    out
}

/// Keeps the answer of a success; anything else changed nothing, so a repeat is judged anew.
async fn settle(app: &shared::app::App, owner: &str, key: &str, response: Response) -> Response {
    let status = response.status();
    if !status.is_success() {
        log(keys::forget(&app.db, owner, key).await);
        return response;
    }
    let (parts, body) = response.into_parts();
    match axum::body::to_bytes(body, MAX_ANSWER_BYTES).await {
        Ok(bytes) => {
            log(keys::finish(&app.db, owner, key, status.as_u16(), &String::from_utf8_lossy(&bytes)).await);
            Response::from_parts(parts, Body::from(bytes))
        }
        Err(e) => Problem::internal(e).into_response(),
    }
}

/// The work is done: the client gets its answer, whether or not it could be kept.
fn log(kept: shared::store::Result<()>) {
    if let Err(e) = kept {
        tracing::warn!(error = crate::problem::chain(&e), "an idempotency key could not be settled");
    }
}

fn replay(status: u16, body: String) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (REPLAYED, HeaderValue::from_static("true")),
    ];
    (status, headers, body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash_of(tenant: &str, kind: &str, body: &str) -> String {
        let req = Request::builder().method("POST").uri("/x?y=1").header("x-tenant", tenant);
        let (parts, ()) = req.header("content-type", kind).body(()).unwrap().into_parts();
        hash(&parts, body.as_bytes())
    }

    #[test]
    fn a_boundary_says_nothing() {
        let a = hash_of("t", "multipart/form-data; boundary=aaa", "--aaa\r\nx\r\n--aaa--");
        let b = hash_of("t", "multipart/form-data; boundary=\"bbbb\"", "--bbbb\r\nx\r\n--bbbb--");
        assert_eq!(a, b);
        assert_ne!(a, hash_of("t", "multipart/form-data; boundary=aaa", "--aaa\r\ny\r\n--aaa--"));
    }

    #[test]
    fn body_and_tenant_count() {
        let a = hash_of("t", "application/json", "{}");
        assert_ne!(a, hash_of("u", "application/json", "{}"));
        assert_ne!(a, hash_of("t", "application/json", "{ }"));
    }
}
