//! A provider's request: its body as it came, and whether its sender may put mail in.

use super::{Deliverer, not_compressed};
use crate::Api;
use crate::extract::bearer;
use crate::problem::{Problem, codes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header;
use axum::http::request::Parts;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use shared::doors;
use shared::keys::hash_token;

/// A request with its whole body: signatures are made over bytes, so they are kept as they came.
pub struct Call {
    /// The head.
    pub parts: Parts,
    /// The body.
    pub body: Bytes,
}

/// What a door found out about a request's signature.
pub enum Signature {
    /// No key of this provider is configured.
    NotAsked,
    /// It is the provider's.
    Fits,
    /// It is not, and why, for whoever set it up; never what would have fitted.
    Wrong(&'static str),
}

impl Call {
    /// Reads the request within the route's limit.
    ///
    /// # Errors
    /// 413, 415 for a compressed body, 400 for one that breaks off.
    pub async fn read(request: Request) -> Result<Call, Problem> {
        not_compressed(request.headers())?;
        let (parts, body) = request.into_parts();
        let body = Bytes::from_request(Request::from_parts(parts.clone(), body), &()).await?;
        Ok(Call { parts, body })
    }

    /// Returns a header's value, if it is plain text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.parts.headers.get(name).and_then(|v| v.to_str().ok()).map(str::trim)
    }

    /// Lets in who shows the provider's signature, or the inbound token (as a bearer's, or as the password of HTTP's
    /// basic authentication, which most providers can send). Where no key of the provider is configured, whoever may use
    /// the raw door. A wrong signature is counted (E10.2).
    ///
    /// # Errors
    /// 401, 403.
    pub async fn admit(&mut self, api: &Api, door: &'static str, signature: Signature) -> Result<Deliverer, Problem> {
        let shown = bearer(&self.parts.headers).is_some();
        let refused = match signature {
            Signature::Fits => return Ok(Deliverer { tenant: None }),
            _ if self.has_token_as_password(api) => return Ok(Deliverer { tenant: None }),
            Signature::Wrong(why) if !shown => Problem::new(codes::SIGNATURE_INVALID).detail(why),
            Signature::NotAsked | Signature::Wrong(_) => {
                match Deliverer::from_request_parts(&mut self.parts, api).await {
                    Ok(deliverer) => return Ok(deliverer),
                    Err(problem) => problem,
                }
            }
        };
        // Nobody's fault but ours: nothing was refused.
        if refused.shown().status < 500 {
            doors::refused(&api.app, door).await;
        }
        Err(refused)
    }

    fn has_token_as_password(&self, api: &Api) -> bool {
        let Some((_, password)) = self.basic() else { return false };
        api.app.config.inbound_token.as_ref().is_some_and(|t| hash_token(t.reveal()) == hash_token(&password))
    }

    /// Returns user and password of `Authorization: Basic …`.
    pub fn basic(&self) -> Option<(String, String)> {
        let (scheme, value) = self.parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?.trim().split_once(' ')?;
        let plain = scheme.eq_ignore_ascii_case("basic").then(|| STANDARD.decode(value.trim()).ok()).flatten()?;
        let (user, password) = std::str::from_utf8(&plain).ok()?.split_once(':')?;
        Some((user.to_owned(), password.to_owned()))
    }
}
