//! What surrounds every request: its id, span, time limit, panic net, security headers and counters.
//!
//! One layer rather than five, so that an answer to a panic or a timeout is made in the same place and form as
//! every other.

use crate::extract::origin;
use crate::ops::latency;
use crate::problem::{Problem, REQUEST_ID, Shown, codes};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use futures::FutureExt;
use shared::app::App;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::Instrument;
use url::Url;

/// The longest that a request may take; uploads over slow lines are the slowest.
const TIME_LIMIT: Duration = Duration::from_secs(60);

const REQUEST_ID_HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// No inline script or style, nothing from elsewhere; mail is shown in a sandboxed frame of our own.
const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
                   connect-src 'self'; frame-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; \
                   frame-ancestors 'none'";

/// The layer.
pub async fn frame(State(app): State<App>, mut req: Request, next: Next) -> Response {
    let id = request_id(req.headers());
    let method = req.method().clone();
    // The pattern, not the path: links that are secrets have their token in it.
    let route = req.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let for_page = wants_page(&req).then(|| req.headers().clone());
    let here = page_of(&req);
    let span = tracing::info_span!("http.request", request.id = %id, %method, route);
    req.extensions_mut().insert(id.clone());
    let began = Instant::now();
    let run = async {
        let response = match origin::check(req.method(), req.headers(), &app.config.base_url) {
            Ok(()) => answer(req, next).await,
            Err(problem) => problem.into_response(),
        };
        let response = match &for_page {
            Some(headers) => as_page(response, headers, &here),
            None => as_problem(response),
        };
        tracing::debug!(status = response.status().as_u16(), ms = began.elapsed().as_millis() as u64, "answered");
        response
    };
    let mut response = REQUEST_ID.scope(id.clone(), run.instrument(span)).await;
    count(&method, &route, response.status(), began);
    protect(response.headers_mut(), &app);
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID_HEADER, value);
    }
    response
}

/// The page to come back to: the one asked for, or the one whose form was sent.
fn page_of(req: &Request) -> String {
    let asked = req.uri().path_and_query().map_or("/", |p| p.as_str());
    if matches!(*req.method(), Method::GET | Method::HEAD) {
        return asked.to_owned();
    }
    let from = req.headers().get(header::REFERER).and_then(|v| v.to_str().ok()).and_then(|v| Url::parse(v).ok());
    let path = from.map(|url| url[url::Position::BeforePath..url::Position::AfterQuery].to_owned());
    path.filter(|path| crate::web::reader::own_path(path).is_some()).unwrap_or_else(|| asked.to_owned())
}

/// Runs the handler within the time limit and inside a panic net.
async fn answer(req: Request, next: Next) -> Response {
    let run = AssertUnwindSafe(next.run(req)).catch_unwind();
    match tokio::time::timeout(TIME_LIMIT, run).await {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => {
            let said = panic
                .downcast_ref::<&str>()
                .map(|s| (*s).to_owned())
                .or_else(|| panic.downcast_ref::<String>().cloned())
                .unwrap_or_else(|| "no message".to_owned());
            Problem::internal(format!("panic: {said}")).into_response()
        }
        Err(_) => Problem::new(codes::TIMED_OUT).into_response(),
    }
}

/// Takes the client's id if it is a sane one, so that its logs and ours meet; else makes one.
fn request_id(headers: &HeaderMap) -> Arc<str> {
    let sane = |v: &&str| {
        (1..=64).contains(&v.len()) && v.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    match headers.get(REQUEST_ID_HEADER).and_then(|v| v.to_str().ok()).filter(sane) {
        Some(given) => given.into(),
        None => format!("{:016x}", rand::random::<u64>()).into(),
    }
}

/// Whether a browser asks for a page rather than a program for data.
fn wants_page(req: &Request) -> bool {
    let accepts = req.headers().get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    accepts.contains("text/html") && !req.uri().path().starts_with("/api/")
}

/// What axum itself refuses comes as plain text: gives it the form of every other refusal.
fn as_problem(response: Response) -> Response {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let explained = response.extensions().get::<Arc<Shown>>().is_some()
        || response.headers().get(header::CONTENT_TYPE).is_some_and(|t| !t.as_bytes().starts_with(b"text/plain"));
    if !is_error || explained {
        return response;
    }
    let allow = response.headers().get(header::ALLOW).cloned();
    let mut problem = Problem::new(codes::for_status(status)).into_response();
    if let Some(allow) = allow {
        problem.headers_mut().insert(header::ALLOW, allow);
    }
    problem
}

/// Shows a problem as a page; who is not logged in is led to the login.
fn as_page(response: Response, headers: &HeaderMap, here: &str) -> Response {
    let response = as_problem(response);
    let Some(shown) = response.extensions().get::<Arc<Shown>>().cloned() else { return response };
    if shown.code == codes::UNAUTHENTICATED.code {
        let next: String = url::form_urlencoded::byte_serialize(here.as_bytes()).collect();
        return Redirect::to(&format!("/login?next={next}")).into_response();
    }
    if shown.code == codes::SECOND_FACTOR_SETUP_REQUIRED.code {
        let next: String = url::form_urlencoded::byte_serialize(here.as_bytes()).collect();
        return Redirect::to(&format!("/account/two-factor?next={next}")).into_response();
    }
    let mut out = crate::web::error::answer(headers, &shown, here);
    for name in [header::RETRY_AFTER, header::ALLOW] {
        if let Some(value) = response.headers().get(&name) {
            out.headers_mut().insert(name, value.clone());
        }
    }
    out
}

fn count(method: &Method, route: &str, status: StatusCode, began: Instant) {
    let labels =
        [("method", method_label(method)), ("route", route.to_owned()), ("status", status.as_u16().to_string())];
    metrics::counter!("http_requests_total", &labels).increment(1);
    let took = began.elapsed();
    metrics::histogram!("http_request_seconds", &labels[..2]).record(took.as_secs_f64());
    latency::record(method.as_str(), route, took);
}

/// A label has few values, whatever a client invents.
fn method_label(method: &Method) -> String {
    match *method {
        Method::GET | Method::POST | Method::PUT | Method::PATCH | Method::DELETE | Method::HEAD | Method::OPTIONS => {
            method.to_string()
        }
        _ => "other".to_owned(),
    }
}

/// Sets what keeps a browser from doing us harm; a handler's own value stands.
fn protect(headers: &mut HeaderMap, app: &App) {
    let mut unless_set = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    unless_set(header::CONTENT_SECURITY_POLICY, CSP);
    unless_set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    // Not no-referrer: browsers send `Origin: null` with it, and the origin is what tells our forms from others'.
    unless_set(header::REFERRER_POLICY, "same-origin");
    unless_set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    unless_set(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    unless_set(HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()");
    // Tickets are nobody's to keep: no proxy, no back button after logout.
    unless_set(header::CACHE_CONTROL, "no-store");
    if app.config.is_tls() {
        unless_set(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
}

/// The answer where no route matches.
pub async fn not_found() -> Problem {
    Problem::new(codes::NOT_FOUND)
}

/// The answer where a route does not know the method; axum adds Allow.
pub async fn method_not_allowed() -> Problem {
    Problem::new(codes::METHOD_NOT_ALLOWED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id_of(value: &str) -> Arc<str> {
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID_HEADER, HeaderValue::from_str(value).unwrap());
        request_id(&headers)
    }

    #[test]
    fn a_clients_request_id_is_kept_if_sane() {
        assert_eq!(&*id_of("abc-1.2_Z"), "abc-1.2_Z");
        for odd in ["", "a b", "{\"x\":1}", &"a".repeat(65)] {
            assert_eq!(id_of(odd).len(), 16, "{odd}");
        }
    }

    #[test]
    fn what_nobody_explained_becomes_a_problem() {
        let plain = (StatusCode::PAYLOAD_TOO_LARGE, "length limit exceeded").into_response();
        let shown = as_problem(plain).extensions().get::<Arc<Shown>>().cloned().unwrap();
        assert_eq!(shown.code, "body_too_large");
        let json = (StatusCode::SERVICE_UNAVAILABLE, axum::Json(1)).into_response();
        assert!(as_problem(json).extensions().get::<Arc<Shown>>().is_none());
    }
}
