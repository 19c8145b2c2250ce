//! Cross-site requests: what a foreign page makes a browser send is refused (CSRF).
//!
//! Browsers name the origin of every request that changes something; programs name none. So a foreign origin means a
//! foreign page, whatever cookies or neighbourhood (a developer's open door on this machine) it tries to use. Session
//! cookies are SameSite=Lax besides, and forms carry a token.

use crate::extract::bearer;
use crate::problem::{Problem, codes};
use axum::http::{HeaderMap, Method, header};
use url::Url;

/// Refuses a change that a page of another site asks for.
///
/// # Errors
/// 403 `csrf_failed`.
pub fn check(method: &Method, headers: &HeaderMap, base_url: &str) -> Result<(), Problem> {
    // A token is nothing that a browser adds by itself: who has it may call from anywhere.
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) || bearer(headers).is_some() {
        return Ok(());
    }
    let text = |name| headers.get(name).map(|v: &axum::http::HeaderValue| v.to_str().unwrap_or("null"));
    let ours = match (text(header::ORIGIN), text(header::HeaderName::from_static("sec-fetch-site"))) {
        (Some(origin), _) => is_ours(origin, headers, base_url),
        (None, Some(site)) => matches!(site, "same-origin" | "none"),
        (None, None) => true,
    };
    if ours { Ok(()) } else { Err(Problem::new(codes::CSRF_FAILED)) }
}

/// The base URL's origin, or the host that the request was sent to (a laptop is reached by several names).
fn is_ours(origin: &str, headers: &HeaderMap, base_url: &str) -> bool {
    let Ok(origin) = Url::parse(origin) else { return false };
    if Url::parse(base_url).is_ok_and(|base| base.origin() == origin.origin()) {
        return true;
    }
    let host = headers.get(header::HOST).and_then(|v| v.to_str().ok()).unwrap_or_default();
    Url::parse(&format!("{}://{host}", origin.scheme())).is_ok_and(|here| here.origin() == origin.origin())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(method: Method, pairs: &[(&'static str, &str)]) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert("host", "desk.example".parse().unwrap());
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        check(&method, &headers, "https://help.example").is_err()
    }

    #[test]
    fn a_foreign_page_changes_nothing() {
        for origin in ["https://evil.example", "null", "https://help.example.evil.example", "http://help.example", "x"]
        {
            assert!(refused(Method::POST, &[("origin", origin)]), "{origin}");
            assert!(refused(Method::DELETE, &[("origin", origin)]), "{origin}");
            assert!(!refused(Method::GET, &[("origin", origin)]), "{origin}");
            assert!(!refused(Method::POST, &[("origin", origin), ("authorization", "Bearer t")]), "{origin}");
        }
        assert!(refused(Method::POST, &[("sec-fetch-site", "cross-site")]));
    }

    #[test]
    fn our_pages_and_programs_may() {
        for origin in
            ["https://help.example", "https://help.example:443", "https://desk.example", "http://desk.example"]
        {
            assert!(!refused(Method::POST, &[("origin", origin)]), "{origin}");
        }
        assert!(!refused(Method::POST, &[]));
        assert!(!refused(Method::POST, &[("sec-fetch-site", "same-origin")]));
    }
}
