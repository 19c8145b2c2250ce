//! A mail's HTML as its reader sees it: in a frame of its own, its images from the mail itself and, if the reader asks for
//! them, from other hosts by way of us (E12.3 to E12.5).

use super::reader::Visit;
use super::{format, frame};
use crate::Api;
use crate::extract::{Path, Query};
use crate::json::tickets::reference;
use crate::problem::{Problem, codes};
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use shared::attachments::Attachment;
use shared::fetch;
use shared::ids::MessageId;
use shared::keys::Keys;
use shared::mail_in::sanitise;
use shared::messages::{self, Message};
use shared::tickets;
use std::collections::HashMap;
use url::Url;

/// The largest image that is put into the document itself, in bytes.
const MOST_INLINE: i64 = 1024 * 1024;
/// The largest image that is fetched from another host, in bytes (E12.4).
const MOST_REMOTE: usize = 10 * 1024 * 1024;
/// What a signed image address is signed as.
const SIGNED: &str = "remote image";

/// How the frame is asked for.
#[derive(Debug, Deserialize)]
pub struct Asked {
    /// `1`: with images from other hosts.
    images: Option<String>,
}

/// `GET /dashboard/support/{ticket}/messages/{message}/html`: a mail's HTML, made safe, for the frame. `?images=1` shows
/// images on other hosts too.
///
/// # Errors
/// 401, 404 `ticket_not_found` or `message_not_found`.
pub async fn html(
    State(api): State<Api>,
    visit: Visit,
    Path((which, message)): Path<(String, MessageId)>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let mut found = message_of(&api, &visit, &which, message).await?;
    let html = found.body_html.take().ok_or_else(missing)?;
    let actor = visit.actor()?;
    let files = shared::attachments::of_messages(&mut api.app.db.read(actor.tickets().rows()), &[message]).await?;
    let own = inline_images(&api, files).await?;
    let own = |cid: &str| own.get(cid).cloned();
    let safe = if asked.images.as_deref() == Some("1") {
        let keys = api.app.keys.clone();
        let proxy = move |url: &str| {
            let query = url::form_urlencoded::Serializer::new(String::new())
                .append_pair("url", url)
                .append_pair("mac", &mac(&keys, &found, url))
                .finish();
            format!("/dashboard/support/{which}/messages/{message}/image?{query}")
        };
        sanitise::html_with_images(&html, own, Box::new(proxy))
    } else {
        sanitise::html(&html, own)
    };
    Ok(frame::sanitised(&safe.html))
}

/// An image on another host that a message names.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Remote {
    url: String,
    mac: String,
}

/// `GET /dashboard/support/{ticket}/messages/{message}/image?url=&mac=`: an image on another host, fetched by us, so
/// that its owner learns neither who reads nor from where. Only addresses that the message's own HTML names are
/// signed, and only images are passed on.
///
/// # Errors
/// 401, 404 `ticket_not_found`, `message_not_found`, or `image_not_shown` if it cannot or may not be fetched; 422 for an
/// address that is not signed.
pub async fn image(
    State(api): State<Api>,
    visit: Visit,
    Path((which, message)): Path<(String, MessageId)>,
    Query(remote): Query<Remote>,
) -> Result<Response, Problem> {
    let found = message_of(&api, &visit, &which, message).await?;
    let tag = URL_SAFE_NO_PAD.decode(&remote.mac).unwrap_or_default();
    let parts: [&[u8]; 2] = [&found.id.0.to_be_bytes(), remote.url.as_bytes()];
    if !api.app.keys.tenant_mac_fits(None, found.tenant_id, SIGNED, &parts, &tag) {
        return Err(Problem::field("mac", "invalid", "does not sign this address for this message"));
    }
    let not_shown = || Problem::new(codes::IMAGE_NOT_SHOWN);
    let url: Url = remote.url.parse().map_err(|_| not_shown())?;
    let host = url.origin().ascii_serialization();
    let bytes = api.app.fetcher().get(url, MOST_REMOTE).await.map_err(|e: fetch::Error| {
        tracing::info!(message.id = %found.id, host, error = &e as &dyn std::error::Error, "an image in a mail is not shown");
        not_shown()
    })?;
    let kind = shown_as(&bytes).ok_or_else(not_shown)?;
    let mut answer = bytes.into_response();
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=3600"));
    Ok(answer)
}

/// The type of an image that may be shown, by its bytes; none of one pixel, which only tells that the mail was read.
fn shown_as(bytes: &[u8]) -> Option<&'static str> {
    let kind = infer::get(bytes)?.mime_type();
    let kind = ["image/png", "image/jpeg", "image/gif", "image/webp"].into_iter().find(|k| *k == kind)?;
    let size = imagesize::blob_size(bytes).ok()?;
    (size.width > 1 || size.height > 1).then_some(kind)
}

fn mac(keys: &Keys, message: &Message, url: &str) -> String {
    let parts: [&[u8]; 2] = [&message.id.0.to_be_bytes(), url.as_bytes()];
    URL_SAFE_NO_PAD.encode(&keys.tenant_mac(message.tenant_id, SIGNED, &parts)[..16])
}

fn missing() -> Problem {
    Problem::new(codes::MESSAGE_NOT_FOUND)
}

async fn message_of(api: &Api, visit: &Visit, which: &str, message: MessageId) -> Result<Message, Problem> {
    let actor = visit.actor()?;
    let which = reference(which);
    let ticket = tickets::find(&api.app, actor, &which).await?;
    messages::get(&api.app, actor, ticket, message).await.map_err(|e| match e {
        tickets::Error::NotFound => missing(),
        e => e.into(),
    })
}

/// Returns a message's inline images as `data:` addresses by Content-ID: the frame has no session to ask with.
async fn inline_images(api: &Api, files: Vec<Attachment>) -> Result<HashMap<String, String>, Problem> {
    let mut images = HashMap::new();
    for file in files.into_iter().filter(|f| f.size_bytes <= MOST_INLINE) {
        let (Some(cid), Some(sha256), true) = (&file.content_id, &file.sha256, format::is_image(&file.content_type))
        else {
            continue;
        };
        let bytes = api.app.blobs.get(file.tenant_id, sha256).await?;
        images.insert(cid.clone(), format::data_url(&file.content_type, &bytes));
    }
    Ok(images)
}
