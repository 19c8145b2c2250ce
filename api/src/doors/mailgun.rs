//! `POST /api/inbound/mailgun` and `/api/inbound/mailgun/mime`: a route's `forward()` action. Mailgun sends the mail's
//! octets (`body-mime`) if the address ends in `mime`, else a parsed form.

use super::answer::{Manners, deliver, unusable};
use super::call::{Call, Signature};
use super::form::{Field, Form};
use super::rebuild::{Piece, Pieces, RECONSTRUCTED, rebuild};
use super::vouch::{self, Head};
use super::{path, verify};
use crate::Api;
use crate::problem::{Problem, codes};
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use serde_json::Value;
use shared::config::Secret;
use shared::doors::{self, Shown};
use shared::mail_in::types::Facts;
use shared::mail_in::{Arrival, Door};
use std::collections::HashMap;

const MANNERS: Manners = Manners::MAILGUN;

/// The handler.
pub async fn mailgun(State(api): State<Api>, request: Request) -> Response {
    MANNERS.answer(receive(&api, request).await)
}

async fn receive(api: &Api, request: Request) -> Result<Response, Problem> {
    let mut call = Call::read(request).await?;
    let form = Form::read(&call).await?;
    let part = |name: &str| form.text(name).unwrap_or_default();
    let signed = Signed { timestamp: part("timestamp"), token: part("token"), signature: part("signature") };
    let signature = signed.check(&api.app.config.doors.mailgun);
    let is_signed = matches!(signature, Signature::Fits);
    let deliverer = call.admit(api, MANNERS.door, signature).await?;
    let (raw, flags) = octets(&form)?;
    let sender = path(&part("sender")).to_owned();
    let recipient = form.required("recipient")?;
    let door_ref = verify::digest(&[sender.as_bytes(), recipient.as_bytes(), &raw]);
    signed.claim(api, &door_ref).await?;
    let facts = Facts {
        vouched: is_signed.then(|| vouch::mailgun(&head(&form, &raw), &sender)),
        envelope_from: form.bytes("sender").is_some().then_some(sender),
        envelope_to: recipient.split(',').map(path).filter(|a| !a.is_empty()).map(str::to_owned).collect(),
        flags,
        ..Facts::default()
    };
    let arrival = Arrival { door: Door::Mailgun, door_ref: Some(door_ref), tenant: deliverer.tenant, facts, raw };
    deliver(api, arrival, MANNERS).await
}

/// The three values by which Mailgun signs a form or an event.
pub struct Signed {
    /// Seconds since 1970.
    pub timestamp: String,
    /// Another one each time.
    pub token: String,
    /// HMAC-SHA256 of the two, in hex.
    pub signature: String,
}

impl Signed {
    /// E10.1: of the last 15 minutes, under one of the keys.
    pub fn check(&self, keys: &[Secret]) -> Signature {
        if keys.is_empty() {
            return Signature::NotAsked;
        }
        if !verify::hmac_fits(keys, &[self.timestamp.as_bytes(), self.token.as_bytes()], &self.signature) {
            return Signature::Wrong("the signature does not fit");
        }
        match verify::is_fresh(&self.timestamp) {
            true => Signature::Fits,
            false => Signature::Wrong("the signature is too old"),
        }
    }

    /// A token is good for one delivery: it is signed alone, so whoever overheard it could send other contents with it.
    /// The same contents again are the provider's retry, and harmless.
    ///
    /// # Errors
    /// 401 if it came with other contents, 503.
    pub async fn claim(&self, api: &Api, content: &str) -> Result<(), Problem> {
        if self.token.is_empty() {
            return Ok(());
        }
        match doors::show(&api.app, MANNERS.door, &self.token, content).await? {
            Shown::First | Shown::Again => Ok(()),
            Shown::Otherwise => {
                doors::refused(&api.app, MANNERS.door).await;
                Err(Problem::new(codes::SIGNATURE_INVALID).detail("the token was used for another delivery"))
            }
        }
    }
}

/// The mail's head: as it stands in the octets, or as the parsed form lists it.
fn head(form: &Form, raw: &[u8]) -> Head {
    let listed = form.text("message-headers").filter(|_| form.bytes("body-mime").is_none());
    match listed.and_then(|h| serde_json::from_str::<Vec<(String, String)>>(&h).ok()) {
        Some(fields) => Head::listed(&fields),
        None => Head::of(raw),
    }
}

/// The mail's octets, or what can be made of the parsed form.
fn octets(form: &Form) -> Result<(Bytes, Vec<String>), Problem> {
    if let Some(raw) = form.bytes("body-mime") {
        return match raw.is_empty() {
            true => Err(unusable("body-mime is empty")),
            false => Ok((raw.clone(), Vec::new())),
        };
    }
    let headers = form.required("message-headers")?;
    let headers: Vec<(String, String)> =
        serde_json::from_str(&headers).map_err(|_| unusable("message-headers is no list of pairs"))?;
    let pieces = Pieces {
        headers,
        text: form.text("body-plain").filter(|t| !t.is_empty()),
        html: form.text("body-html").filter(|t| !t.is_empty()),
        files: files(form),
    };
    Ok((rebuild(pieces)?, vec![RECONSTRUCTED.to_owned()]))
}

/// Files are `attachment-1`, …; `content-id-map` says which of them stand in the body.
fn files(form: &Form) -> Vec<Piece> {
    let map = form.text("content-id-map").and_then(|m| serde_json::from_str::<HashMap<String, Value>>(&m).ok());
    let by_field: HashMap<String, String> =
        map.unwrap_or_default().into_iter().filter_map(|(id, field)| Some((field.as_str()?.to_owned(), id))).collect();
    let is_file = |f: &&Field| f.name.starts_with("attachment-") && f.filename.is_some();
    let piece = |f: &Field| Piece {
        filename: f.filename.clone(),
        content_type: f.content_type.clone(),
        bytes: f.bytes.clone(),
        content_id: by_field.get(&f.name).cloned(),
    };
    form.0.iter().filter(is_file).map(piece).collect()
}
