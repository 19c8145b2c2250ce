//! Rating the help by the link in a mail (E8.1): asking for the page changes nothing, as mail scanners do that; the POST
//! rates, without login or cookie. The signed address is the proof.

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
use shared::ratings::{self, RatingLink};

/// `rate.hbs`
#[derive(Debug, Clone, Serialize)]
pub struct RatePage {
    /// `ask`, `thanks`, or `choose` where nothing was chosen.
    pub state: &'static str,
    /// This page's address.
    pub url: String,
    /// The choices, best first.
    pub scores: Vec<Score>,
    /// What was added.
    pub comment: String,
}

/// A choice.
#[derive(Debug, Clone, Serialize)]
pub struct Score {
    /// Its value.
    pub value: String,
    /// Whether it is the present one.
    pub chosen: bool,
}

impl RatePage {
    fn new(state: &'static str, token: &str, score: Option<i64>, comment: &str) -> RatePage {
        let one = |n: i64| Score { value: n.to_string(), chosen: score == Some(n) };
        let scores = (1..=5).rev().map(one).collect();
        RatePage { state, url: format!("/rate/{token}"), scores, comment: comment.to_owned() }
    }
}

impl Page for RatePage {
    const TEMPLATE: &'static str = "rate";

    fn title(&self, locale: Locale) -> String {
        i18n::text(locale, "rate-title", &[])
    }

    #[cfg(test)]
    fn samples() -> Vec<Self> {
        ["ask", "choose", "thanks"].map(|state| RatePage::new(state, "abc234", Some(4), "Fine.")).to_vec()
    }
}

async fn find(api: &Api, token: &str) -> Result<(RatingLink, ratings::Rating), Problem> {
    let link = RatingLink::parse(&api.app.keys, token).ok_or_else(|| Problem::new(codes::NOT_FOUND))?;
    let asked = ratings::asked(&api.app, link).await?;
    Ok((link, asked.ok_or_else(|| Problem::new(codes::NOT_FOUND))?))
}

/// `GET /rate/{token}`
///
/// # Errors
/// 404 for what we never signed or asked.
pub async fn show(State(api): State<Api>, visit: Visit, Path(token): Path<String>) -> Result<Response, Problem> {
    let (_, rating) = find(&api, &token).await?;
    let page = RatePage::new("ask", &token, rating.score, rating.comment.as_deref().unwrap_or_default());
    Ok(render::page(StatusCode::OK, &visit.shell(""), &page))
}

/// `POST /rate/{token}`
///
/// # Errors
/// 404 for what we never signed or asked; without a choice the page asks again (422).
pub async fn act(
    State(api): State<Api>,
    visit: Visit,
    Path(token): Path<String>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let (link, _) = find(&api, &token).await?;
    let field = |wanted: &str| {
        let found = url::form_urlencoded::parse(&body).find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.into_owned()).unwrap_or_default()
    };
    let comment = field("comment");
    let Some(score) = field("score").parse::<i64>().ok().filter(|n| (1..=5).contains(n)) else {
        let page = RatePage::new("choose", &token, None, &comment);
        return Ok(render::page(StatusCode::UNPROCESSABLE_ENTITY, &visit.shell(""), &page));
    };
    if !ratings::rate(&api.app, link, score, Some(&comment)).await? {
        return Err(Problem::new(codes::NOT_FOUND));
    }
    let page = RatePage::new("thanks", &token, Some(score), &comment);
    Ok(render::page(StatusCode::OK, &visit.shell(""), &page))
}
