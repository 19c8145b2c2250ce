//! One-click unsubscription (RFC 8058, E8.10): the address in a mail's List-Unsubscribe. Asking for the page changes
//! nothing, as mail scanners do that; the POST acts, without login or cookie.

use super::reader::Visit;
use super::render::{self, Page};
use crate::Api;
use crate::extract::{Body, Path};
use crate::problem::{Problem, codes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use shared::i18n::{self, Locale};
use shared::mail_out::unsubscribe::{self, Unsubscribe};

/// `unsubscribe.hbs`
#[derive(Debug, Clone, Serialize)]
pub struct UnsubscribePage {
    /// `ask`, `off` or `on`.
    pub state: &'static str,
    /// The sort of mail.
    pub sort: &'static str,
    /// Whether it is off now: the button then switches it on again.
    pub off: bool,
    /// This page's address.
    pub url: String,
}

impl Page for UnsubscribePage {
    const TEMPLATE: &'static str = "unsubscribe";

    fn title(&self, locale: Locale) -> String {
        i18n::text(locale, "unsubscribe-title", &[])
    }

    #[cfg(test)]
    fn samples() -> Vec<Self> {
        let page =
            |state, sort| UnsubscribePage { state, sort, off: state == "off", url: "/unsubscribe/abc234".into() };
        vec![page("ask", "notices"), page("off", "notices"), page("on", "notices"), page("ask", "ratings")]
    }
}

fn parse(api: &Api, token: &str) -> Result<Unsubscribe, Problem> {
    Unsubscribe::parse(&api.app.keys, token).ok_or_else(|| Problem::new(codes::NOT_FOUND))
}

/// `GET /unsubscribe/{token}`
///
/// # Errors
/// 404 for what we never signed.
pub async fn show(State(api): State<Api>, visit: Visit, Path(token): Path<String>) -> Result<Response, Problem> {
    let what = parse(&api, &token)?;
    let url = format!("/unsubscribe/{token}");
    let page = UnsubscribePage { state: "ask", sort: what.sort.as_str(), off: false, url };
    Ok(render::page(StatusCode::OK, &visit.shell(""), &page))
}

/// `POST /unsubscribe/{token}`: what a mail program sends (`List-Unsubscribe=One-Click`), and the page's button. With
/// `on=1` such mail is wanted again.
///
/// # Errors
/// 404 for what we never signed.
pub async fn act(
    State(api): State<Api>,
    visit: Visit,
    Path(token): Path<String>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let what = parse(&api, &token)?;
    // No token of ours stands in what a mail program sends; the address itself is the proof.
    let on = url::form_urlencoded::parse(&body).any(|(name, value)| name == "on" && value == "1");
    unsubscribe::act(&api.app.db, what, on).await?;
    let state = if on { "on" } else { "off" };
    let url = format!("/unsubscribe/{token}");
    let page = UnsubscribePage { state, sort: what.sort.as_str(), off: !on, url };
    Ok(render::page(StatusCode::OK, &visit.shell(""), &page))
}
