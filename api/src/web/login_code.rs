//! The second step of signing in: a code of the authenticator app, or a recovery code. What the first step left is a
//! cookie that is no session.

use super::error;
use super::form_data::FormData;
use super::login;
use super::parts::Refused;
use super::reader::{self, Visit};
use super::render::{self, Page};
use crate::Api;
use crate::extract::Query;
use crate::extract::caller::{set_step, step};
use crate::problem::Problem;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};
use shared::i18n::{self, Locale};
use shared::ids::UserId;
use shared::sessions::{LoginError, second};

/// `login_code.hbs`
#[derive(Debug, Clone, Serialize)]
pub struct LoginCodePage {
    /// Where to go after it: a path of our own.
    pub next: String,
    /// Why it was refused.
    pub refused: Option<Refused>,
}

/// The address's parameters.
#[derive(Debug, Default, Deserialize)]
pub struct Params {
    next: Option<String>,
}

/// Where somebody starts again whose first step is too old.
const AGAIN: &str = "/login?did=step";

/// Leads a browser from the first step to the second.
///
/// # Errors
/// If the store fails.
pub async fn lead(api: &Api, user: UserId, next: &str) -> Result<Response, Problem> {
    let token = second::begin(&api.app.db, user).await?;
    let next: String =
        url::form_urlencoded::byte_serialize(reader::own_path(next).unwrap_or_default().as_bytes()).collect();
    let cookie = set_step(&api.app.config, Some(&token));
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(&format!("/login/code?next={next}"))).into_response())
}

/// `GET /login/code`
///
/// # Errors
/// If the store fails; without a first step it leads to the login.
pub async fn show(
    State(api): State<Api>,
    visit: Visit,
    headers: HeaderMap,
    Query(params): Query<Params>,
) -> Result<Response, Problem> {
    let waits = match step(&headers, &api.app.config) {
        Some(token) => second::waits(&api.app.db, token).await?,
        None => false,
    };
    if !waits {
        return Ok(Redirect::to(AGAIN).into_response());
    }
    let next = params.next.as_deref().and_then(reader::own_path).unwrap_or_default().to_owned();
    Ok(render::page(StatusCode::OK, &visit.shell(""), &LoginCodePage { next, refused: None }))
}

/// `POST /login/code`: opens the session.
///
/// # Errors
/// If the store fails; a refusal shows the page again.
pub async fn finish(
    State(api): State<Api>,
    visit: Visit,
    headers: HeaderMap,
    form: FormData,
) -> Result<Response, Problem> {
    let Some(token) = step(&headers, &api.app.config) else { return Ok(Redirect::to(AGAIN).into_response()) };
    let problem = match second::finish(&api.app, token, form.get("code"), visit.browser()).await {
        Ok(opened) => {
            let mut response = login::welcome(&api, &opened, form.get("next"));
            if let Ok(over) = HeaderValue::from_str(&set_step(&api.app.config, None)) {
                response.headers_mut().append(header::SET_COOKIE, over);
            }
            return Ok(response);
        }
        Err(LoginError::Wrong) => return Ok(Redirect::to(AGAIN).into_response()),
        Err(e @ LoginError::Store(_)) => return Err(e.into()),
        Err(e) => Problem::from(e),
    };
    let shown = problem.shown();
    let next = reader::own_path(form.get("next")).unwrap_or_default().to_owned();
    let page = LoginCodePage { next, refused: Some(error::refused(visit.locale, shown, |_| None)) };
    Ok(render::page(shown.http_status(), &visit.shell(""), &page))
}

impl Page for LoginCodePage {
    const TEMPLATE: &'static str = "login_code";

    fn title(&self, locale: Locale) -> String {
        i18n::text(locale, "code-heading", &[])
    }

    #[cfg(test)]
    fn samples() -> Vec<Self> {
        let refused = Refused { text: "This code is wrong.".into(), fields: vec![] };
        vec![
            LoginCodePage { next: String::new(), refused: None },
            LoginCodePage { next: "/portal".into(), refused: Some(refused) },
        ]
    }
}
