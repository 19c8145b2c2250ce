//! `POST /api/inbound/sendgrid`: SendGrid's Inbound Parse. With "send raw" the form has the mail's octets (`email`). It is
//! signed if a security policy is set; else the secret stands in the address: `/api/inbound/sendgrid/{secret}`.

use super::answer::{Manners, deliver, unusable};
use super::call::{Call, Signature};
use super::form::{Field, Form};
use super::path;
use super::rebuild::{Piece, Pieces, RECONSTRUCTED, header_block, rebuild};
use super::verify::{self, Scheme};
use crate::Api;
use crate::extract::Path;
use crate::problem::{Problem, codes};
use axum::extract::{Request, State};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use shared::mail_in::authenticate::{Dkim, Method, Results, Spf, Vouched};
use shared::mail_in::types::Facts;
use shared::mail_in::{Arrival, Door};
use shared::{address, doors};
use std::collections::HashMap;

const MANNERS: Manners = Manners::SENDGRID;
const SIGNATURE: &str = "x-twilio-email-event-webhook-signature";
const TIMESTAMP: &str = "x-twilio-email-event-webhook-timestamp";

/// SendGrid tells SpamAssassin's score and no verdict: this is where SpamAssassin itself sees spam, unless told otherwise.
const SPAM_SCORE: f64 = 5.0;

/// The form's `envelope`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Envelope {
    from: Option<String>,
    to: Vec<String>,
}

/// The handler of the signed form.
pub async fn sendgrid(State(api): State<Api>, request: Request) -> Response {
    MANNERS.answer(receive(&api, request, None).await)
}

/// The handler of the secret address.
pub async fn sendgrid_secret(State(api): State<Api>, Path(secret): Path<String>, request: Request) -> Response {
    MANNERS.answer(receive(&api, request, Some(secret)).await)
}

async fn receive(api: &Api, request: Request, secret: Option<String>) -> Result<Response, Problem> {
    let mut call = Call::read(request).await?;
    let mut is_signed = false;
    let tenant = match secret {
        Some(secret) => {
            let known = api.app.config.inbound_token.as_ref();
            if !known.is_some_and(|t| verify::same(t.reveal(), &secret)) {
                doors::refused(&api.app, MANNERS.door).await;
                return Err(Problem::new(codes::SIGNATURE_INVALID).detail("the address's secret is wrong"));
            }
            None
        }
        None => {
            let signature = check(&call, &api.app.config.doors.sendgrid);
            is_signed = matches!(signature, Signature::Fits);
            call.admit(api, MANNERS.door, signature).await?.tenant
        }
    };
    let form = Form::read(&call).await?;
    let envelope: Envelope = form.text("envelope").and_then(|e| serde_json::from_str(&e).ok()).unwrap_or_default();
    let (raw, flags) = octets(&form)?;
    let facts = Facts {
        envelope_from: envelope.from.as_deref().map(|f| path(f).to_owned()),
        envelope_to: envelope.to.iter().map(|a| path(a)).filter(|a| !a.is_empty()).map(str::to_owned).collect(),
        peer_ip: form.text("sender_ip").and_then(|ip| ip.trim().parse().ok()),
        vouched: is_signed.then(|| vouched(&form, envelope.from.as_deref())),
        flags,
        ..Facts::default()
    };
    let told = format!("{:?} {:?}", facts.envelope_from, facts.envelope_to);
    let door_ref = Some(verify::digest(&[told.as_bytes(), &raw]));
    deliver(api, Arrival { door: Door::Sendgrid, door_ref, tenant, facts, raw }, MANNERS).await
}

/// What SendGrid found out about the sender (E11.2): the form is signed.
fn vouched(form: &Form, sender: Option<&str>) -> Vouched {
    let method = |word: &str| word.trim().to_ascii_lowercase().parse::<Method>().unwrap_or(Method::None);
    let spf = form.text("SPF").map(|said| Spf { domain: sender.and_then(address::domain), result: method(&said) });
    // `{@example.com : pass, @example.net : fail}`.
    let said = form.text("dkim").unwrap_or_default();
    let pairs = said.trim_matches(['{', '}', ' ']).split(',').filter_map(|pair| pair.rsplit_once(':'));
    let dkim = pairs.map(|(domain, result)| Dkim {
        domain: Some(domain.trim().trim_start_matches('@').to_ascii_lowercase()).filter(|d| !d.is_empty()),
        selector: None,
        result: method(result),
        detail: None,
    });
    Vouched {
        by: "sendgrid".to_owned(),
        results: Results { dkim: dkim.collect(), spf, dmarc: None, arc: None },
        spam: form.text("spam_score").and_then(|s| s.trim().parse::<f64>().ok()).map(|score| score >= SPAM_SCORE),
        spam_score: form.text("spam_score").filter(|s| !s.is_empty()),
    }
}

/// ECDSA over the time and the body as it came.
fn check(call: &Call, keys: &[Vec<u8>]) -> Signature {
    if keys.is_empty() {
        return Signature::NotAsked;
    }
    let (Some(signature), Some(timestamp)) = (call.header(SIGNATURE), call.header(TIMESTAMP)) else {
        return Signature::Wrong("the signature is missing");
    };
    let Ok(signature) = STANDARD.decode(signature) else { return Signature::Wrong("the signature is no base64") };
    let signed = [timestamp.as_bytes(), &call.body].concat();
    if !keys.iter().any(|k| verify::public_key_fits(k, Scheme::EcdsaP256, &signed, &signature)) {
        return Signature::Wrong("the signature does not fit");
    }
    match verify::is_fresh(timestamp) {
        true => Signature::Fits,
        false => Signature::Wrong("the signature is too old"),
    }
}

/// The mail's octets, or what can be made of the parsed form.
fn octets(form: &Form) -> Result<(Bytes, Vec<String>), Problem> {
    if let Some(raw) = form.bytes("email").filter(|r| !r.is_empty()) {
        return Ok((raw.clone(), Vec::new()));
    }
    let mut headers = header_block(&form.required("headers").map_err(|_| unusable("neither email nor headers"))?);
    for (name, field) in [("From", "from"), ("To", "to"), ("Cc", "cc"), ("Subject", "subject")] {
        if !headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name)) {
            headers.extend(form.text(field).filter(|v| !v.is_empty()).map(|v| (name.to_owned(), v)));
        }
    }
    let charsets: HashMap<String, String> =
        form.text("charsets").and_then(|c| serde_json::from_str(&c).ok()).unwrap_or_default();
    let text = |name: &str| {
        let bytes = form.bytes(name).filter(|b| !b.is_empty())?;
        let charset = charsets.get(name).map_or("utf-8", String::as_str);
        Some(shared::mail_in::parse::charset::decode(bytes, Some(charset)).text.into_owned())
    };
    let pieces = Pieces { text: text("text"), html: text("html"), headers, files: files(form) };
    Ok((rebuild(pieces)?, vec![RECONSTRUCTED.to_owned()]))
}

/// Files are `attachment1`, …; `content-ids` says which of them stand in the body.
fn files(form: &Form) -> Vec<Piece> {
    let ids: HashMap<String, String> =
        form.text("content-ids").and_then(|m| serde_json::from_str(&m).ok()).unwrap_or_default();
    let by_field: HashMap<String, String> = ids.into_iter().map(|(id, field)| (field, id)).collect();
    let is_file = |f: &&Field| f.name.starts_with("attachment") && f.filename.is_some();
    let piece = |f: &Field| Piece {
        filename: f.filename.clone(),
        content_type: f.content_type.clone(),
        bytes: f.bytes.clone(),
        content_id: by_field.get(&f.name).cloned(),
    };
    form.0.iter().filter(is_file).map(piece).collect()
}
