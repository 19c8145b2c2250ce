//! `POST /api/inbound/mock`: a mail from fields, for trying things out and for tests.

use super::answer::{Manners, deliver, deliver_explained};
use super::compose::{Defaults, Draft, build};
use super::{Deliverer, Envelope, not_compressed, path};
use crate::Api;
use crate::extract::Json;
use crate::problem::Problem;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use shared::mail_in::{Arrival, Door};

/// The handler.
///
/// # Errors
/// 401, 403, 413, 415, 422 naming the field, 503 if the mail could not be kept.
pub async fn mock(
    State(api): State<Api>,
    deliverer: Deliverer,
    Envelope { mut facts, explain, .. }: Envelope,
    headers: HeaderMap,
    draft: Result<Json<Draft>, Problem>,
) -> Result<Response, Problem> {
    not_compressed(&headers)?;
    let Json(draft) = draft?;
    if draft.from.is_none() && draft.text.is_none() && draft.html.is_none() && draft.headers.is_empty() {
        return Err(Problem::validation(vec![crate::problem::FieldError::required("from")]));
    }
    let token = format!("{:016x}", rand::random::<u64>());
    let defaults = Defaults {
        date: shared::clock::now().to_rfc2822(),
        message_id: format!("<{token}@mock.{}>", api.app.config.mail_domain),
        boundary: format!("mock-{token}"),
    };
    let raw = build(&draft, &defaults).map_err(Problem::validation)?;
    if let Some(from) = &draft.envelope_from {
        facts.envelope_from = Some(path(from).to_owned());
    }
    if let Some(to) = draft.envelope_to {
        facts.envelope_to = to.list().iter().map(|a| path(a).to_owned()).filter(|a| !a.is_empty()).collect();
    }
    let arrival = Arrival { door: Door::Mock, door_ref: None, tenant: deliverer.tenant, facts, raw: raw.into() };
    match explain {
        true => deliver_explained(&api, arrival, Manners::PLAIN).await,
        false => deliver(&api, arrival, Manners::PLAIN).await,
    }
}
