//! The views of the rail by themselves: pages that are open ask for them when tickets change.

use super::reader::Visit;
use super::render::{self, Page};
use crate::problem::Problem;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use shared::i18n::{self, Locale};

/// The part `views.hbs`: nothing but what the frame knows.
#[derive(Debug, Clone, Serialize)]
pub struct RailViews {}

impl Page for RailViews {
    const TEMPLATE: &'static str = "views";
    fn title(&self, locale: Locale) -> String {
        i18n::text(locale, "nav-views", &[])
    }
    #[cfg(test)]
    fn samples() -> Vec<Self> {
        vec![RailViews {}]
    }
}

/// `GET /dashboard/support/rail`
///
/// # Errors
/// 401.
pub async fn views(visit: Visit) -> Result<Response, Problem> {
    visit.actor()?;
    Ok(render::page(StatusCode::OK, &visit.shell(""), &RailViews {}))
}
