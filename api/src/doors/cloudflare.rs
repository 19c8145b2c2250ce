//! `POST /api/inbound/cloudflare`: a Cloudflare email worker of the operator's (docs/operations.md has it) hands the octets
//! on, signed as [`super::signed`] says.

use super::answer::{Manners, deliver, unusable};
use super::call::Call;
use super::{path, signed, verify};
use crate::Api;
use crate::problem::Problem;
use axum::extract::{Request, State};
use axum::response::Response;
use shared::mail_in::types::Facts;
use shared::mail_in::{Arrival, Door};

const MANNERS: Manners = Manners::CLOUDFLARE;

/// The handler.
pub async fn cloudflare(State(api): State<Api>, request: Request) -> Response {
    MANNERS.answer(receive(&api, request).await)
}

async fn receive(api: &Api, request: Request) -> Result<Response, Problem> {
    let mut call = Call::read(request).await?;
    let from = call.header("x-envelope-from").map(str::to_owned);
    let to = call.header("x-envelope-to").unwrap_or_default().to_owned();
    let signature = signed::check(&call, &api.app.config.doors.cloudflare, from.as_deref().unwrap_or_default(), &to);
    let deliverer = call.admit(api, MANNERS.door, signature).await?;
    let raw = call.body;
    if raw.is_empty() {
        return Err(unusable("the body must be a mail"));
    }
    let facts = Facts {
        envelope_from: from.map(|f| path(&f).to_owned()),
        envelope_to: to.split(',').map(path).filter(|a| !a.is_empty()).map(str::to_owned).collect(),
        ..Facts::default()
    };
    let told = format!("{:?} {:?}", facts.envelope_from, facts.envelope_to);
    let door_ref = Some(verify::digest(&[told.as_bytes(), &raw]));
    deliver(api, Arrival { door: Door::Cloudflare, door_ref, tenant: deliverer.tenant, facts, raw }, MANNERS).await
}
