//! `POST /api/inbound/raw`: a mail as it is, byte for byte.

use super::{Deliverer, Envelope, deliver, not_compressed};
use crate::Api;
use crate::extract::{Body, json::media_type};
use crate::problem::{Problem, codes};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use shared::mail_in::{Arrival, Door};

/// Types that a mail may be sent as; without one it is taken for a mail too.
const TYPES: &[&str] = &["message/rfc822", "message/global", "text/plain", "application/octet-stream"];

/// The handler.
///
/// # Errors
/// 401, 403, 413, 415, 422 for an empty body, 503 if the mail could not be kept.
pub async fn raw(
    State(api): State<Api>,
    deliverer: Deliverer,
    Envelope(facts): Envelope,
    headers: HeaderMap,
    body: Result<Body, Problem>,
) -> Result<Response, Problem> {
    not_compressed(&headers)?;
    if media_type(&headers).is_some_and(|t| !TYPES.contains(&t.as_str())) {
        return Err(Problem::new(codes::UNSUPPORTED_MEDIA_TYPE).detail("expected message/rfc822"));
    }
    let Body(raw) = body?;
    if raw.is_empty() {
        return Err(Problem::field("", "required", "the body must be a mail"));
    }
    deliver(&api, Arrival { door: Door::Raw, door_ref: None, tenant: deliverer.tenant, facts, raw }).await
}
