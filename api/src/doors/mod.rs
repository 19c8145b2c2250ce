//! Inbound mail over HTTP: verify, make an arrival, hand it to the pipeline, say what became of it.
//!
//! A door says yes only after the mail is durable (E10.1); a database that is away is 503, and the sender comes again.
//! Each provider has a file; what they share: [`call`] reads a request and admits its sender, [`verify`] knows
//! signatures, [`form`] reads forms, [`rebuild`] makes a mail of a parsed one, [`answer`] says yes and no.

mod answer;
mod call;
mod cloudflare;
pub mod compose;
pub mod events;
mod form;
mod mailgun;
mod mock;
mod postal;
mod postmark;
mod raw;
mod rebuild;
mod sendgrid;
mod ses;
mod signed;
pub mod smtp;
mod sns;
mod verify;
mod vouch;

pub use cloudflare::cloudflare;
pub use mailgun::mailgun;
pub use mock::mock;
pub use postal::postal;
pub use postmark::postmark;
pub use raw::raw;
pub use sendgrid::{sendgrid, sendgrid_secret};
pub use ses::ses;

use crate::Api;
use crate::extract::peer::Peer;
use crate::extract::{Caller, bearer};
use crate::problem::{Problem, codes};
use axum::extract::{FromRequestParts, Query};
use axum::http::header;
use axum::http::request::Parts;
use serde::Deserialize;
use shared::access::Capability;
use shared::ids::TenantId;
use shared::keys::hash_token;
use shared::mail_in::types::Facts;
use std::time::Duration;

/// How long a door waits for the mail to be applied before it answers that it is kept (DESIGN 6).
const PATIENCE: Duration = Duration::from_secs(5);

/// Somebody who may put mail in: what their token says about whose mail it is.
#[derive(Debug, Clone, Copy)]
pub struct Deliverer {
    /// The tenant of an admin's token; None: the recipients decide.
    pub tenant: Option<TenantId>,
}

impl FromRequestParts<Api> for Deliverer {
    type Rejection = Problem;

    /// DESIGN 6: the inbound token, or an admin's bearer token; in development nothing, from this machine.
    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let config = &api.app.config;
        let Some(token) = bearer(&parts.headers) else {
            let Ok(peer) = Peer::from_request_parts(parts, api).await;
            return match config.is_development() && peer.local {
                true => Ok(Deliverer { tenant: None }),
                false => Err(Problem::new(codes::UNAUTHENTICATED)),
            };
        };
        // Hashes are compared: how long that takes says nothing about the token.
        if config.inbound_token.as_ref().is_some_and(|t| hash_token(t.reveal()) == hash_token(token)) {
            return Ok(Deliverer { tenant: None });
        }
        let token = token.to_owned();
        let caller = Caller::deliverer(parts, api, &token).await?;
        caller.actor.require(Capability::MailDeliver)?;
        Ok(Deliverer { tenant: caller.actor.within })
    }
}

/// The envelope as the door was told it: `?from=&to=`, or headers of the same meaning.
#[derive(Debug, Clone, Default)]
pub struct Envelope {
    facts: Facts,
    /// The sender and the recipients, as they were given: what a signature covers.
    from: String,
    to: String,
    /// Whether the answer is to tell the mail's trace (E10.4).
    explain: bool,
}

#[derive(Debug, Default, Deserialize)]
struct Params {
    from: Option<String>,
    to: Option<String>,
    explain: Option<String>,
}

impl FromRequestParts<Api> for Envelope {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let Query(params) = Query::<Params>::from_request_parts(parts, api).await?;
        let Ok(peer) = Peer::from_request_parts(parts, api).await;
        let header = |name: &str| parts.headers.get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
        let from = params.from.or_else(|| header("x-envelope-from"));
        let to = params.to.or_else(|| header("x-envelope-to")).unwrap_or_default();
        let facts = Facts {
            envelope_from: from.as_deref().map(|f| path(f).to_owned()),
            envelope_to: to.split(',').map(path).filter(|a| !a.is_empty()).map(str::to_owned).collect(),
            // Of a mail that a relay or a script hands in this is the relay's address, not the sender's: it says
            // nothing about the sender, and no check may rest on it.
            peer_ip: Some(peer.ip),
            ..Facts::default()
        };
        let explain = params.explain.is_some_and(|e| !matches!(e.as_str(), "" | "0" | "false"));
        Ok(Envelope { facts, from: from.unwrap_or_default(), to, explain })
    }
}

/// `<>` is the null path (RFC 5321, 4.5.5); brackets are no part of an address.
fn path(text: &str) -> &str {
    let text = text.trim();
    text.strip_prefix('<').and_then(|t| t.strip_suffix('>')).unwrap_or(text).trim()
}

/// Refuses what was compressed on its way: a small body could hide a huge mail (E10.9).
fn not_compressed(headers: &axum::http::HeaderMap) -> Result<(), Problem> {
    match headers.get(header::CONTENT_ENCODING).map(|v| v.as_bytes()) {
        None | Some(b"identity") => Ok(()),
        Some(_) => Err(Problem::new(codes::UNSUPPORTED_MEDIA_TYPE).detail("Content-Encoding is not taken here")),
    }
}
