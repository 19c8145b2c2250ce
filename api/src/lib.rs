//! Postroom's server: HTTP API, pages, inbound doors, and the operator's commands.
//!
//! A handler extracts, calls one verb of `shared`, and answers. Read next: [`routes`].

pub mod commands;
pub mod doors;
pub mod extract;
mod frame;
mod idempotency;
pub mod json;
pub mod ops;
pub mod problem;
pub mod routes;
pub mod serve;
mod state;
pub mod web;

use axum::Router;
use axum::http::{Extensions, HeaderMap, StatusCode, Version, header};
use tower_http::compression::CompressionLayer;

pub use state::Api;

/// Returns the whole server as a service: the door that tests use too.
pub fn router(api: Api) -> Router {
    routes::router(&api)
        .layer(axum::middleware::from_fn_with_state(api.clone(), frame::frame))
        .layer(CompressionLayer::new().compress_when(is_page))
        .with_state(api)
}

/// Pages and what belongs to them; mail and JSON go as they are, as their readers are near or programs.
fn is_page(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(|v| v.as_bytes()).unwrap_or_default();
    [&b"text/html"[..], b"text/css", b"text/javascript", b"image/svg+xml"].iter().any(|k| kind.starts_with(k))
}
