//! A mail's HTML as a document of its own, for a sandboxed frame: no script, no form, nothing from other hosts.

use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};

/// Mail styles itself inline, so that is allowed here, and nothing else is. The frame keeps our origin so that the page
/// can give it its height; script is refused twice, by `default-src` and by the sandbox, and forms and navigation too.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; sandbox allow-popups \
                      allow-popups-to-escape-sandbox allow-same-origin; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

/// A white sheet, as mail is written for it; links open elsewhere.
const HEAD: &str = "<!doctype html><html><head><meta charset=\"utf-8\"><base target=\"_blank\"><style>body{margin:0;\
                    padding:14px 16px;background:#fff;color:#222;font:14px/1.5 system-ui,sans-serif;\
                    overflow-wrap:anywhere}img{max-width:100%;height:auto}</style></head><body>";

/// Answers with a part of a mail's HTML that was made safe.
pub fn sanitised(html: &str) -> Response {
    answer(format!("{HEAD}{html}</body></html>"))
}

/// Answers with a whole document of our own making.
pub fn document(html: String) -> Response {
    answer(html)
}

fn answer(html: String) -> Response {
    let mut response = Html(html).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
