//! `POST /api/inbound/postal`: an HTTP endpoint of Postal, best as "raw message" in JSON. Postal signs the body with its
//! own key, waits 5 s, and bounces what is answered 5xx: so every fault of ours is answered in time, and as 429.

use super::answer::{Manners, deliver, unusable};
use super::call::{Call, Signature};
use super::form::Form;
use super::path;
use super::rebuild::{Piece, Pieces, RECONSTRUCTED, rebuild};
use super::verify::{self, Scheme};
use super::vouch::{self, Head};
use crate::Api;
use crate::problem::{Problem, REQUEST_ID, codes, request_id};
use axum::extract::{Request, State};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value};
use shared::mail_in::types::Facts;
use shared::mail_in::{Arrival, Door};
use std::time::Duration;

/// RSA over the body with SHA-1, and in newer versions with SHA-256 too.
const SIGNATURE: &str = "x-postal-signature";
const SIGNATURE_256: &str = "x-postal-signature-256";
/// Postal hangs up after 5 s.
const LIMIT: Duration = Duration::from_millis(4500);

/// The handler.
pub async fn postal(State(api): State<Api>, request: Request) -> Response {
    let manners = Manners::postal(api.app.config.doors.postal_busy);
    // A task of its own: neither a panic nor the store's patience may reach Postal as another answer.
    let work = tokio::spawn(REQUEST_ID.scope(request_id(), async move { receive(&api, request, manners).await }));
    let result = match tokio::time::timeout(LIMIT, work).await {
        Ok(Ok(result)) => result,
        Ok(Err(broken)) => Err(Problem::internal(broken)),
        // Should it still be kept later, the same delivery will be known when it comes again.
        Err(_) => Err(Problem::new(codes::TIMED_OUT)),
    };
    manners.answer(result)
}

async fn receive(api: &Api, request: Request, manners: Manners) -> Result<Response, Problem> {
    let mut call = Call::read(request).await?;
    let signature = check(&call, &api.app.config.doors.postal);
    let is_signed = matches!(signature, Signature::Fits);
    let deliverer = call.admit(api, manners.door, signature).await?;
    let told = fields(&call).await?;
    let part = |name: &str| told.get(name).and_then(text).unwrap_or_default();
    let (raw, flags) = octets(&told)?;
    let digest = verify::digest(&[part("rcpt_to").as_bytes(), &raw]);
    let status = told.get("spam_status").and_then(text);
    let vouched = vouch::postal(&Head::of(&raw), status.as_deref());
    let facts = Facts {
        // It says nothing about the sender: without a word on spam the mail is looked at as any other.
        vouched: Some(vouched).filter(|v| is_signed && v.spam.is_some()),
        envelope_from: told.get("mail_from").map(|_| path(&part("mail_from")).to_owned()),
        envelope_to: Some(path(&part("rcpt_to")).to_owned()).filter(|a| !a.is_empty()).into_iter().collect(),
        flags,
        ..Facts::default()
    };
    // Ids count from 1 on each of Postal's servers: alone they are no name.
    let door_ref = Some(format!("{}-{}", part("id"), &digest[..32]));
    let arrival = Arrival { door: Door::Postal, door_ref, tenant: deliverer.tenant, facts, raw };
    deliver(api, arrival, manners).await
}

fn check(call: &Call, keys: &[Vec<u8>]) -> Signature {
    if keys.is_empty() {
        return Signature::NotAsked;
    }
    let fits = |header: &str, scheme: Scheme| {
        let signature = call.header(header).and_then(|s| STANDARD.decode(s).ok());
        signature.map(|s| keys.iter().any(|k| verify::public_key_fits(k, scheme, &call.body, &s)))
    };
    // The stronger one decides, where there are both.
    match fits(SIGNATURE_256, Scheme::RsaSha256).or_else(|| fits(SIGNATURE, Scheme::RsaSha1)) {
        Some(true) => Signature::Fits,
        Some(false) => Signature::Wrong("the signature does not fit"),
        None => Signature::Wrong("the signature is missing"),
    }
}

/// The endpoint can be set to JSON or to a form.
async fn fields(call: &Call) -> Result<Map<String, Value>, Problem> {
    if call.header("content-type").is_some_and(|t| t.to_ascii_lowercase().contains("json")) {
        return serde_json::from_slice(&call.body)
            .map_err(|e| unusable("the body is not what Postal sends").caused_by(e));
    }
    let form = Form::read(call).await?;
    let pair = |f: &super::form::Field| (f.name.clone(), Value::from(String::from_utf8_lossy(&f.bytes).into_owned()));
    Ok(form.0.iter().map(pair).collect())
}

/// A value as text, numbers included.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn unpacked(base64: &str) -> Result<Bytes, Problem> {
    let compact: String = base64.chars().filter(|c| !c.is_whitespace()).collect();
    Ok(STANDARD.decode(compact).map_err(|_| unusable("the message is no base64"))?.into())
}

/// The mail's octets, or what can be made of a processed message.
fn octets(told: &Map<String, Value>) -> Result<(Bytes, Vec<String>), Problem> {
    if let Some(message) = told.get("message").and_then(Value::as_str) {
        let is_plain = matches!(told.get("base64"), Some(Value::Bool(false)));
        let raw = if is_plain { Bytes::copy_from_slice(message.as_bytes()) } else { unpacked(message)? };
        return match raw.is_empty() {
            true => Err(unusable("the message is empty")),
            false => Ok((raw, Vec::new())),
        };
    }
    let named = [
        ("From", "from"),
        ("To", "to"),
        ("Cc", "cc"),
        ("Subject", "subject"),
        ("Date", "date"),
        ("Message-ID", "message_id"),
        ("In-Reply-To", "in_reply_to"),
        ("References", "references"),
        ("Reply-To", "reply_to"),
        ("Auto-Submitted", "auto_submitted"),
    ];
    let value = |v: &Value| match v {
        Value::Array(list) => list.last().and_then(text),
        other => text(other),
    };
    let headers: Vec<(String, String)> = named
        .into_iter()
        .filter_map(|(name, key)| Some((name.to_owned(), told.get(key).and_then(value).filter(|v| !v.is_empty())?)))
        .map(|(name, value)| match name == "Message-ID" && !value.starts_with('<') {
            true => (name, format!("<{value}>")),
            false => (name, value),
        })
        .collect();
    if headers.is_empty() {
        return Err(unusable("neither a message nor its headers"));
    }
    let body = |name: &str| told.get(name).and_then(text).filter(|t| !t.is_empty());
    let files = told.get("attachments").and_then(Value::as_array).into_iter().flatten().map(|a| {
        let part = |name: &str| a.get(name).and_then(text);
        let bytes = unpacked(&part("data").unwrap_or_default())?;
        Ok(Piece { filename: part("filename"), content_type: part("content_type"), bytes, content_id: None })
    });
    let files = files.collect::<Result<_, Problem>>()?;
    let pieces = Pieces { headers, text: body("plain_body"), html: body("html_body"), files };
    Ok((rebuild(pieces)?, vec![RECONSTRUCTED.to_owned()]))
}
