//! `POST /api/inbound/postmark`: Postmark's inbound webhook, JSON. With "include raw email content" it has the mail's
//! octets (`RawEmail`). Postmark signs nothing: it shows user and password.

use super::answer::{Manners, deliver, unusable};
use super::call::{Call, Signature};
use super::rebuild::{Piece, Pieces, RECONSTRUCTED, rebuild};
use super::vouch::{self, Head};
use super::{path, verify};
use crate::Api;
use crate::problem::Problem;
use axum::extract::{Request, State};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use shared::config::Secret;
use shared::mail_in::types::Facts;
use shared::mail_in::{Arrival, Door};

const MANNERS: Manners = Manners::POSTMARK;

/// What Postmark posts, as far as it is read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
struct Inbound {
    #[serde(rename = "MessageID")]
    message_id: String,
    original_recipient: String,
    from: String,
    from_full: Option<FromFull>,
    to: String,
    cc: String,
    reply_to: String,
    subject: String,
    date: String,
    text_body: String,
    html_body: String,
    headers: Vec<Header>,
    attachments: Vec<Attachment>,
    raw_email: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FromFull {
    #[serde(default)]
    email: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Header {
    name: String,
    #[serde(default)]
    value: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attachment {
    name: Option<String>,
    #[serde(default)]
    content: String,
    content_type: Option<String>,
    #[serde(rename = "ContentID")]
    content_id: Option<String>,
}

/// The handler.
pub async fn postmark(State(api): State<Api>, request: Request) -> Response {
    MANNERS.answer(receive(&api, request).await)
}

async fn receive(api: &Api, request: Request) -> Result<Response, Problem> {
    let mut call = Call::read(request).await?;
    let shown = credentials(&call, &api.app.config.doors.postmark);
    let is_shown = matches!(shown, Signature::Fits);
    let deliverer = call.admit(api, MANNERS.door, shown).await?;
    let inbound: Inbound =
        serde_json::from_slice(&call.body).map_err(|e| unusable("the body is not what Postmark sends").caused_by(e))?;
    let door_ref = match inbound.message_id.trim() {
        "" => verify::digest(&[&call.body]),
        id => id.to_owned(),
    };
    let mut facts = Facts {
        envelope_to: Some(path(&inbound.original_recipient).to_owned()).filter(|a| !a.is_empty()).into_iter().collect(),
        ..Facts::default()
    };
    let from = inbound.from_full.as_ref().map_or(inbound.from.as_str(), |f| f.email.as_str()).to_owned();
    let listed: Vec<(String, String)> = inbound.headers.iter().map(|h| (h.name.clone(), h.value.clone())).collect();
    let mut head = Head::listed(&listed);
    let raw = match inbound.raw_email.as_deref().filter(|r| !r.trim().is_empty()) {
        Some(raw) => {
            head = Head::of(raw.as_bytes());
            Bytes::copy_from_slice(raw.as_bytes())
        }
        None => {
            facts.flags = vec![RECONSTRUCTED.to_owned()];
            rebuild(pieces(inbound)?)?
        }
    };
    facts.vouched = is_shown.then(|| vouch::postmark(&head, &from));
    let arrival = Arrival { door: Door::Postmark, door_ref: Some(door_ref), tenant: deliverer.tenant, facts, raw };
    deliver(api, arrival, MANNERS).await
}

/// Whether the call shows one of the configured `user:password`.
pub fn credentials(call: &Call, known: &[Secret]) -> Signature {
    if known.is_empty() {
        return Signature::NotAsked;
    }
    let shown = call.basic().map(|(user, password)| format!("{user}:{password}"));
    match shown.is_some_and(|s| known.iter().any(|k| verify::same(k.reveal(), &s))) {
        true => Signature::Fits,
        false => Signature::Wrong("user and password are not those of POSTROOM_POSTMARK_AUTH"),
    }
}

/// The parsed form: what stands in fields of its own is not among the headers.
fn pieces(inbound: Inbound) -> Result<Pieces, Problem> {
    let named = [
        ("From", inbound.from),
        ("To", inbound.to),
        ("Cc", inbound.cc),
        ("Reply-To", inbound.reply_to),
        ("Subject", inbound.subject),
        ("Date", inbound.date),
    ];
    let headers: Vec<(String, String)> = inbound.headers.into_iter().map(|h| (h.name, h.value)).collect();
    let missing = named
        .into_iter()
        .filter(|(name, value)| !value.is_empty() && !headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name)));
    let missing: Vec<(String, String)> = missing.map(|(n, v)| (n.to_owned(), v)).collect();
    let files = inbound.attachments.into_iter().map(|a| {
        let compact: String = a.content.chars().filter(|c| !c.is_whitespace()).collect();
        let bytes = STANDARD.decode(compact).map_err(|_| unusable("an attachment is no base64"))?;
        let content_id = a.content_id.filter(|id| !id.is_empty());
        Ok(Piece { filename: a.name, content_type: a.content_type, bytes: bytes.into(), content_id })
    });
    let files = files.collect::<Result<_, Problem>>()?;
    let body = |text: String| Some(text).filter(|t| !t.is_empty());
    Ok(Pieces {
        headers: headers.into_iter().chain(missing).collect(),
        text: body(inbound.text_body),
        html: body(inbound.html_body),
        files,
    })
}
