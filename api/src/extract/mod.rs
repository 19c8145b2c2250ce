//! Facts about a request, each as an extractor that answers with a [`Problem`] where the fact is wrong.

pub mod caller;
pub mod json;
pub mod origin;
pub mod page;
pub mod peer;
pub mod version;

pub use caller::Caller;
pub use json::{Json, Unread};
pub use page::Page;
pub use peer::Peer;
pub use version::ExpectedVersion;

use crate::problem::{Problem, codes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use serde::de::DeserializeOwned;

/// The path's parameters; what cannot be read names nothing: 404.
#[derive(Debug, Clone)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let axum::extract::Path(value) = axum::extract::Path::from_request_parts(parts, state).await?;
        Ok(Path(value))
    }
}

/// The query string, in snake_case or camelCase; a parameter given several times is one list with commas.
#[derive(Debug, Clone)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Query(read_query(parts.uri.query().unwrap_or_default())?))
    }
}

/// Reads a query string as [`Query`] does.
///
/// # Errors
/// 400 `invalid_query`.
pub fn read_query<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    let mut all: Vec<(String, String)> = Vec::new();
    for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let key = json::snake_case(&key);
        match all.iter_mut().find(|(k, _)| *k == key) {
            Some((_, list)) => {
                list.push(',');
                list.push_str(&value);
            }
            None => all.push((key, value.into_owned())),
        }
    }
    let normal: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(all).finish();
    let uri: axum::http::Uri = format!("/?{normal}").parse().map_err(|_| Problem::new(codes::INVALID_QUERY))?;
    let axum::extract::Query(value) = axum::extract::Query::try_from_uri(&uri)?;
    Ok(value)
}

/// The body's bytes, within the route's limit.
#[derive(Debug, Clone)]
pub struct Body(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Problem;

    async fn from_request(req: Request, state: &S) -> Result<Self, Problem> {
        Ok(Body(Bytes::from_request(req, state).await?))
    }
}

/// Returns the token of `Authorization: Bearer …`.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|t| !t.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_query_in_any_spelling() {
        let read = |q: &str| read_query::<BTreeMap<String, String>>(q).unwrap();
        assert_eq!(read("tenantId=5&status=new&status=open")["tenant_id"], "5");
        assert_eq!(read("status=new&status=open")["status"], "new,open");
        assert_eq!(read("q=a%20b%26c+d")["q"], "a b&c d");
        assert_eq!(read("%ff=%fe&&=").len(), 2);
    }
}
