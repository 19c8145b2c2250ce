//! Signing in and out.

use super::error;
use super::form_data::FormData;
use super::login_code;
use super::mail;
use super::parts::Refused;
use super::reader::{self, Visit};
use super::render::{self, Page};
use crate::Api;
use crate::extract::Query;
use crate::extract::caller::set_cookie;
use crate::problem::{Problem, codes};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};
use shared::i18n::{self, Locale};
use shared::sessions::{self, Attempt, LoginError, Opened};

/// `login.hbs`
#[derive(Debug, Clone, Default, Serialize)]
pub struct LoginPage {
    /// The address as typed.
    pub email: String,
    /// Where to go after it: a path of our own.
    pub next: String,
    /// A page asked for it, rather than the reader.
    pub asked: bool,
    /// The password fits in more than one tenant.
    pub ask_tenant: bool,
    /// What was done before it, in words.
    pub done: Option<String>,
    /// Why it was refused.
    pub refused: Option<Refused>,
}

/// The address's parameters.
#[derive(Debug, Default, Deserialize)]
pub struct Params {
    next: Option<String>,
    did: Option<String>,
}

/// The answer that opens a session in a browser and leads on.
pub fn welcome(api: &Api, opened: &Opened, next: &str) -> Response {
    let onward = reader::own_path(next).unwrap_or(render::home(opened.user.role.is_agent()));
    let cookie = set_cookie(&api.app.config, Some(&opened.token));
    ([(header::SET_COOKIE, cookie)], Redirect::to(onward)).into_response()
}

/// `GET /login`
pub async fn show(visit: Visit, Query(params): Query<Params>) -> Response {
    let next = params.next.as_deref().and_then(reader::own_path);
    if visit.known().is_some() {
        return Redirect::to(next.unwrap_or(render::home(visit.is_agent()))).into_response();
    }
    let page = LoginPage {
        asked: next.is_some(),
        next: next.unwrap_or_default().to_owned(),
        done: mail::done(visit.locale, params.did.as_deref()),
        ..Default::default()
    };
    render::page(StatusCode::OK, &visit.shell(""), &page)
}

/// `POST /login`
///
/// # Errors
/// If the store fails; a refusal shows the page again.
pub async fn login(State(api): State<Api>, visit: Visit, form: FormData) -> Result<Response, Problem> {
    let attempt = Attempt {
        email: form.get("email"),
        password: form.text("password"),
        tenant: form.some("tenant"),
        code: None,
        browser: visit.browser(),
    };
    let problem = match sessions::login(&api.app, attempt).await {
        Ok(opened) => return Ok(welcome(&api, &opened, form.get("next"))),
        Err(LoginError::SecondFactor { user }) => return login_code::lead(&api, user, form.get("next")).await,
        Err(e @ LoginError::Store(_)) => return Err(e.into()),
        Err(e) => Problem::from(e),
    };
    let shown = problem.shown();
    let page = LoginPage {
        email: form.get("email").to_owned(),
        next: reader::own_path(form.get("next")).unwrap_or_default().to_owned(),
        asked: false,
        ask_tenant: shown.code == codes::TENANT_REQUIRED.code,
        done: None,
        refused: Some(error::refused(visit.locale, shown, |_| None)),
    };
    let status = shown.http_status();
    Ok(render::page(status, &visit.shell(""), &page))
}

/// `POST /logout`
///
/// # Errors
/// If the store fails.
pub async fn logout(State(api): State<Api>, visit: Visit, _: FormData) -> Result<Response, Problem> {
    if let Some(caller) = visit.known() {
        sessions::logout(&api.app.db, caller).await?;
    }
    let cookie = set_cookie(&api.app.config, None);
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/login")).into_response())
}

/// `POST /theme`: remembers the appearance in a cookie and leads back.
pub async fn theme(State(api): State<Api>, form: FormData) -> Response {
    let back = reader::own_path(form.get("back")).unwrap_or("/");
    let (value, age) = match form.get("theme") {
        chosen @ ("light" | "dark") => (chosen, 365 * 24 * 3600),
        _ => ("", 0),
    };
    let secure = if api.app.config.is_tls() { "; Secure" } else { "" };
    let cookie = format!("{}={value}; Path=/; SameSite=Lax; Max-Age={age}{secure}", reader::THEME_COOKIE);
    ([(header::SET_COOKIE, cookie)], Redirect::to(back)).into_response()
}

impl Page for LoginPage {
    const TEMPLATE: &'static str = "login";
    fn title(&self, locale: Locale) -> String {
        i18n::text(locale, "sign-in", &[])
    }
    #[cfg(test)]
    fn samples() -> Vec<Self> {
        let refused = Refused { text: "Address and password do not match.".into(), fields: vec![] };
        vec![
            LoginPage { next: "/dashboard/support".into(), asked: true, ..Default::default() },
            LoginPage { done: Some("The password is set.".into()), ..Default::default() },
            LoginPage { email: "a@b.example".into(), ask_tenant: true, refused: Some(refused), ..Default::default() },
        ]
    }
}
