//! `If-Match: <version>`: the ticket's version that the client has seen.

use crate::problem::{Problem, codes};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

/// The version in If-Match; None: whatever it is now (no header, or `*`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpectedVersion(pub Option<i64>);

impl ExpectedVersion {
    /// Returns the expected version: the header's, or else the body's `expected_version`.
    ///
    /// # Errors
    /// 422 if both are given and differ.
    pub fn or_body(self, body: Option<i64>) -> Result<Option<i64>, Problem> {
        match (self.0, body) {
            (Some(a), Some(b)) if a != b => {
                Err(Problem::field("expected_version", "invalid", "differs from the If-Match header"))
            }
            (header, body) => Ok(header.or(body)),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ExpectedVersion {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        read(&parts.headers)
    }
}

/// Bare, quoted and weak forms are one: `7`, `"7"`, `W/"7"`.
fn read(headers: &HeaderMap) -> Result<ExpectedVersion, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(ExpectedVersion(None)) };
    let wrong = || Problem::new(codes::INVALID_HEADER).detail("If-Match must be a ticket's version");
    let text = value.to_str().map_err(|_| wrong())?.trim();
    if text == "*" {
        return Ok(ExpectedVersion(None));
    }
    let text = text.strip_prefix("W/").unwrap_or(text).trim_matches('"');
    text.parse().map(|v| ExpectedVersion(Some(v))).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(value: &str) -> Result<ExpectedVersion, Problem> {
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_MATCH, value.parse().unwrap());
        read(&headers)
    }

    #[test]
    fn all_forms_of_a_version() {
        for form in ["7", "\"7\"", "W/\"7\"", " 7 "] {
            assert_eq!(header(form).unwrap(), ExpectedVersion(Some(7)), "{form}");
        }
        assert_eq!(header("*").unwrap(), ExpectedVersion(None));
        assert_eq!(header("seven").unwrap_err().code(), "invalid_header");
        assert_eq!(read(&HeaderMap::new()).unwrap(), ExpectedVersion(None));
    }

    #[test]
    fn header_and_body_must_not_contradict() {
        assert_eq!(ExpectedVersion(Some(7)).or_body(None).unwrap(), Some(7));
        assert_eq!(ExpectedVersion(None).or_body(Some(8)).unwrap(), Some(8));
        assert!(ExpectedVersion(Some(7)).or_body(Some(8)).is_err());
    }
}
