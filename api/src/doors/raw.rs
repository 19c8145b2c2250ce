//! `POST /api/inbound/raw`: a mail as it is, byte for byte.

use super::answer::{Manners, deliver, deliver_explained};
use super::call::Call;
use super::{Deliverer, Envelope, not_compressed, signed};
use crate::Api;
use crate::extract::json::media_type;
use crate::problem::{Problem, codes};
use axum::RequestExt;
use axum::extract::{Request, State};
use axum::response::Response;
use shared::mail_in::{Arrival, Door};

/// Types that a mail may be sent as; without one it is taken for a mail too.
const TYPES: &[&str] = &["message/rfc822", "message/global", "text/plain", "application/octet-stream"];

/// The handler. Its sender shows the inbound token or an admin's, or signs the mail with the inbound token as the key
/// ([`signed`]).
///
/// # Errors
/// 401, 403, 413, 415, 422 for an empty body, 503 if the mail could not be kept.
pub async fn raw(State(api): State<Api>, mut request: Request) -> Result<Response, Problem> {
    let envelope: Envelope = request.extract_parts_with_state(&api).await?;
    // Who may not put mail in is told so before the mail is read; a signature covers it, so it must be read first.
    let deliverer = match request.headers().contains_key(signed::SIGNATURE) {
        true => None,
        false => Some(request.extract_parts_with_state::<Deliverer, _>(&api).await?),
    };
    not_compressed(request.headers())?;
    if media_type(request.headers()).is_some_and(|t| !TYPES.contains(&t.as_str())) {
        return Err(Problem::new(codes::UNSUPPORTED_MEDIA_TYPE).detail("expected message/rfc822"));
    }
    let mut call = Call::read(request).await?;
    let deliverer = match deliverer {
        Some(deliverer) => deliverer,
        None => {
            let keys: Vec<_> = api.app.config.inbound_token.iter().cloned().collect();
            let signature = signed::check(&call, &keys, &envelope.from, &envelope.to);
            call.admit(&api, Manners::PLAIN.door, signature).await?
        }
    };
    if call.body.is_empty() {
        return Err(Problem::field("", "required", "the body must be a mail"));
    }
    let Envelope { facts, explain, .. } = envelope;
    let arrival = Arrival { door: Door::Raw, door_ref: None, tenant: deliverer.tenant, facts, raw: call.body };
    match explain {
        true => deliver_explained(&api, arrival, Manners::PLAIN).await,
        false => deliver(&api, arrival, Manners::PLAIN).await,
    }
}
