//! Who calls: a session's cookie or a bearer token, and the tenant that the request names.

use super::{Peer, bearer};
use crate::Api;
use crate::problem::{Problem, codes, request_id};
use crate::web::reader::cookie;
use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use shared::access::{Actor, Origin};
use shared::config::Config;
use shared::keys::Keys;
use shared::sessions::{self, Credential, Via};
use std::ops::Deref;
use std::sync::Arc;

/// Somebody with a valid session or token; its fields are those of [`sessions::Caller`]. As an `Option`: None if the
/// request shows nothing, or a session that has ended.
#[derive(Debug, Clone)]
pub struct Caller(Arc<sessions::Caller>);

impl Deref for Caller {
    type Target = sessions::Caller;

    fn deref(&self) -> &sessions::Caller {
        &self.0
    }
}

impl FromRequestParts<Api> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        // Layers ask before the handler does: once is enough.
        if let Some(known) = parts.extensions.get::<Caller>() {
            return Ok(known.clone());
        }
        let origin = origin(parts, api).await;
        let caller = Caller::of(&parts.headers, api, origin).await?;
        parts.extensions.insert(caller.clone());
        Ok(caller)
    }
}

impl OptionalFromRequestParts<Api> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Option<Self>, Problem> {
        match <Caller as FromRequestParts<Api>>::from_request_parts(parts, api).await {
            Ok(caller) => Ok(Some(caller)),
            // A browser keeps a cookie longer than the session lasts; a wrong token is a mistake worth telling.
            Err(p) if p.code() == codes::UNAUTHENTICATED.code && bearer(&parts.headers).is_none() => Ok(None),
            Err(p) => Err(p),
        }
    }
}

/// Returns where a request came from, for the audit.
pub async fn origin(parts: &mut Parts, api: &Api) -> Origin {
    let Ok(peer) = Peer::from_request_parts(parts, api).await;
    Origin { address: Some(peer.ip.to_string()), request_id: Some(request_id().to_string()) }
}

/// The names that the session cookie can have: without TLS, and with it.
pub const COOKIES: [&str; 2] = ["postroom", "__Host-postroom"];

/// Returns the session cookie's name: bound to host and TLS where there is TLS.
pub fn cookie_name(config: &Config) -> &'static str {
    if config.is_tls() { "__Host-postroom" } else { "postroom" }
}

/// Returns the Set-Cookie value that carries a session; None ends it.
pub fn set_cookie(config: &Config, token: Option<&str>) -> String {
    let secure = if config.is_tls() { "; Secure" } else { "" };
    let (value, age) = match token {
        // Longer than any session rests: the database says when it has ended.
        Some(token) => (token, 400 * 86_400),
        None => ("", 0),
    };
    format!("{}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}{secure}", cookie_name(config))
}

fn step_name(config: &Config) -> &'static str {
    if config.is_tls() { "__Host-postroom-step" } else { "postroom-step" }
}

/// Returns the Set-Cookie value that carries a login's first step to its second; None ends it.
pub fn set_step(config: &Config, token: Option<&str>) -> String {
    let secure = if config.is_tls() { "; Secure" } else { "" };
    let (value, age) = token.map_or(("", 0), |token| (token, 600));
    format!("{}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}{secure}", step_name(config))
}

/// Returns what the browser keeps of a login's first step.
pub fn step<'a>(headers: &'a HeaderMap, config: &Config) -> Option<&'a str> {
    cookie(headers, step_name(config)).filter(|token| !token.is_empty())
}

/// A token before a cookie: who sends one means it.
fn credential<'a>(headers: &'a HeaderMap, config: &Config) -> Option<Credential<'a>> {
    bearer(headers)
        .map(Credential::Bearer)
        .or_else(|| cookie(headers, cookie_name(config)).filter(|c| !c.is_empty()).map(Credential::Session))
}

/// Returns the tenant that a request names: `X-Tenant`, or `X-Company-Id`, an id or a slug.
pub fn tenant(headers: &HeaderMap) -> Option<&str> {
    ["x-tenant", "x-company-id"]
        .into_iter()
        .find_map(|name| headers.get(name)?.to_str().ok().map(str::trim).filter(|t| !t.is_empty()))
}

impl Caller {
    async fn of(headers: &HeaderMap, api: &Api, origin: Origin) -> Result<Caller, Problem> {
        let credential = credential(headers, &api.app.config).ok_or(Problem::new(codes::UNAUTHENTICATED))?;
        let found = sessions::authenticate(&api.app.db, credential, tenant(headers), origin).await?;
        Ok(Caller(Arc::new(found)))
    }

    /// Returns who brings mail by a user's token, of a closed tenant too.
    ///
    /// # Errors
    /// 401, 404 for a tenant that is not theirs.
    pub async fn deliverer(parts: &mut Parts, api: &Api, token: &str) -> Result<Caller, Problem> {
        let origin = origin(parts, api).await;
        let found = sessions::authenticate_deliverer(&api.app.db, token, tenant(&parts.headers), origin).await?;
        Ok(Caller(Arc::new(found)))
    }

    /// Asks anew who calls, for a request that lasts: sessions end and rights change meanwhile.
    ///
    /// # Errors
    /// 401, 404 as at the beginning.
    pub async fn again(headers: &HeaderMap, api: &Api) -> Result<Caller, Problem> {
        Caller::of(headers, api, Origin::default()).await
    }

    /// Returns who acts.
    pub fn actor(&self) -> &Actor {
        &self.0.actor
    }

    /// Returns the token that this caller's HTML forms carry.
    pub fn csrf(&self, keys: &Keys) -> String {
        keys.csrf_token(self.form_owner().as_bytes())
    }

    /// Checks a form's token.
    ///
    /// # Errors
    /// 403 `csrf_failed`.
    pub fn check_csrf(&self, keys: &Keys, token: &str) -> Result<(), Problem> {
        match keys.csrf_fits(self.form_owner().as_bytes(), token) {
            true => Ok(()),
            false => Err(Problem::new(codes::CSRF_FAILED)),
        }
    }

    fn form_owner(&self) -> String {
        match &self.0.via {
            Via::Session { token_hash } => token_hash.clone(),
            Via::Token { id } => format!("token {id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(base: &str) -> Config {
        Config::read(|name| (name == "POSTROOM_BASE_URL").then(|| base.to_owned())).unwrap()
    }

    #[test]
    fn the_cookie_is_bound_to_tls_where_there_is_tls() {
        let plain = set_cookie(&config("http://localhost:8080"), Some("t"));
        assert_eq!(plain, "postroom=t; Path=/; HttpOnly; SameSite=Lax; Max-Age=34560000");
        let tls = set_cookie(&config("https://desk.example"), Some("t"));
        assert!(tls.starts_with("__Host-postroom=t; Path=/;") && tls.ends_with("; Secure"));
        assert!(set_cookie(&config("https://desk.example"), None).contains("Max-Age=0"));
    }

    #[test]
    fn a_token_goes_before_a_cookie() {
        let config = config("http://localhost:8080");
        let mut headers = HeaderMap::new();
        headers.insert("cookie", "postroom=c".parse().unwrap());
        assert!(matches!(credential(&headers, &config), Some(Credential::Session("c"))));
        headers.insert("authorization", "bearer  t ".parse().unwrap());
        assert!(matches!(credential(&headers, &config), Some(Credential::Bearer("t"))));
        assert!(credential(&HeaderMap::new(), &config).is_none());
    }
}
