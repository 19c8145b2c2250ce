//! Where mailed links lead: signing in, accepting an invitation, choosing another password. Asking for the page changes
//! nothing, as mail scanners do that; only its button uses the link up. One that works no more offers the next act.

use super::error;
use super::form_data::FormData;
use super::login;
use super::login_code;
use super::parts::{Field, Refused};
use super::reader::{self, Visit};
use super::render::{self, Page};
use crate::Api;
use crate::extract::{Path, Query};
use crate::problem::Problem;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};
use shared::i18n::{self, Locale};
use shared::ids::UserId;
use shared::sessions::{self, LinkKind, LinkState, LoginError, Opened, links};

/// `mailed_link.hbs`
#[derive(Debug, Clone, Serialize)]
pub struct MailedLinkPage {
    /// What it is for.
    pub kind: LinkKind,
    /// `works`, `spent`, `expired`, or `unknown` for what is no link of ours.
    pub state: &'static str,
    /// This page's address, where its form goes.
    pub url: String,
    /// Whose it is; empty if unknown.
    pub email: String,
    /// What to call them, for an invitation.
    pub name: Field,
    /// What is wrong with the password.
    pub password: Field,
    /// Where to go after signing in: a path of our own.
    pub next: String,
    /// Where another link is asked for.
    pub again: &'static str,
    /// Why it was refused.
    pub refused: Option<Refused>,
}

/// The address's parameters.
#[derive(Debug, Default, Deserialize)]
pub struct Params {
    next: Option<String>,
}

async fn find(api: &Api, kind: LinkKind, token: &str, next: &str) -> Result<MailedLinkPage, Problem> {
    let found = links::find(&api.app.db, token).await?.filter(|l| l.kind == kind);
    Ok(MailedLinkPage {
        kind,
        state: found.as_ref().map_or("unknown", |l| l.state.as_str()),
        url: format!("{}{token}", kind.path()),
        email: found.as_ref().map(|l| l.user.email.clone()).unwrap_or_default(),
        name: Field::of(found.and_then(|l| l.user.name).unwrap_or_default()),
        password: Field::default(),
        next: reader::own_path(next).unwrap_or_default().to_owned(),
        // Who was invited and came late chooses a first password in the same way as a new one.
        again: if kind == LinkKind::Link { "/link" } else { "/forgot" },
        refused: None,
    })
}

impl MailedLinkPage {
    fn works(&self) -> bool {
        self.state == LinkState::Works.as_str()
    }

    fn answer(&self, visit: &Visit) -> Response {
        let status = match (self.state, self.works()) {
            (_, true) => StatusCode::OK,
            ("unknown", _) => StatusCode::NOT_FOUND,
            _ => StatusCode::GONE,
        };
        render::page(status, &visit.shell(""), self)
    }
}

/// `GET /link/{token}`
///
/// # Errors
/// If the store fails; a link that works no more says so (410), one that never was as well (404).
pub async fn show_link(
    State(api): State<Api>,
    visit: Visit,
    Path(token): Path<String>,
    Query(params): Query<Params>,
) -> Result<Response, Problem> {
    let next = params.next.unwrap_or_default();
    Ok(find(&api, LinkKind::Link, &token, &next).await?.answer(&visit))
}

/// `POST /link/{token}`: signs in.
///
/// # Errors
/// If the store fails.
pub async fn sign_in(
    State(api): State<Api>,
    visit: Visit,
    Path(token): Path<String>,
    form: FormData,
) -> Result<Response, Problem> {
    match signed_in(&api, &visit, &token).await {
        Ok(Signed::In(opened)) => Ok(login::welcome(&api, &opened, form.get("next"))),
        Ok(Signed::CodeFor(user)) => login_code::lead(&api, user, form.get("next")).await,
        // Between the page and its button it was used, or became too old: the page says which.
        Err(LoginError::Wrong) => Ok(find(&api, LinkKind::Link, &token, form.get("next")).await?.answer(&visit)),
        Err(e) => Err(e.into()),
    }
}

/// What a sign-in link did.
enum Signed {
    In(Opened),
    /// It is used up, and a code must follow.
    CodeFor(UserId),
}

async fn signed_in(api: &Api, visit: &Visit, token: &str) -> Result<Signed, LoginError> {
    match links::login(&api.app, token, None, visit.browser()).await {
        Err(LoginError::SecondFactor { user }) => {
            links::spend(&api.app.db, token).await?;
            Ok(Signed::CodeFor(user))
        }
        other => Ok(Signed::In(other?)),
    }
}

/// `GET /invite/{token}`
///
/// # Errors
/// As [`show_link`].
pub async fn show_invite(State(api): State<Api>, visit: Visit, Path(token): Path<String>) -> Result<Response, Problem> {
    Ok(find(&api, LinkKind::Invite, &token, "").await?.answer(&visit))
}

/// `POST /invite/{token}`: sets name and password, and signs in.
///
/// # Errors
/// If the store fails; a refusal shows the page again.
pub async fn accept(
    State(api): State<Api>,
    visit: Visit,
    Path(token): Path<String>,
    form: FormData,
) -> Result<Response, Problem> {
    let user = match choose(&api, &visit, LinkKind::Invite, &token, &form).await? {
        Ok(user) => user,
        Err(again) => return Ok(again),
    };
    match sessions::enter(&api.app, user, None, visit.browser()).await {
        Ok(opened) => Ok(login::welcome(&api, &opened, "")),
        Err(LoginError::SecondFactor { user }) => login_code::lead(&api, user, "").await,
        Err(e) => Err(e.into()),
    }
}

/// `GET /reset/{token}`
///
/// # Errors
/// As [`show_link`].
pub async fn show_reset(State(api): State<Api>, visit: Visit, Path(token): Path<String>) -> Result<Response, Problem> {
    Ok(find(&api, LinkKind::Password, &token, "").await?.answer(&visit))
}

/// `POST /reset/{token}`: sets the password, and leads to the login: the old sessions have ended.
///
/// # Errors
/// If the store fails; a refusal shows the page again.
pub async fn reset(
    State(api): State<Api>,
    visit: Visit,
    Path(token): Path<String>,
    form: FormData,
) -> Result<Response, Problem> {
    match choose(&api, &visit, LinkKind::Password, &token, &form).await? {
        Ok(_) => Ok(Redirect::to("/login?did=password").into_response()),
        Err(again) => Ok(again),
    }
}

/// Sets what the form says; a refusal is the page again.
async fn choose(
    api: &Api,
    visit: &Visit,
    kind: LinkKind,
    token: &str,
    form: &FormData,
) -> Result<Result<shared::users::User, Response>, Problem> {
    let mut page = find(api, kind, token, "").await?;
    if !page.works() {
        return Ok(Err(page.answer(visit)));
    }
    let new = links::NewPassword {
        token,
        password: form.text("password").to_owned(),
        name: form.some("name"),
        origin: visit.origin.clone(),
    };
    let problem = match links::set_password(&api.app.db, new).await {
        Ok(user) => return Ok(Ok(user)),
        Err(e) => Problem::from(e),
    };
    let shown = problem.shown();
    if shown.status >= 500 {
        return Err(problem);
    }
    page.name.value = form.get("name").to_owned();
    for wrong in &shown.errors {
        let text = Some(error::field_text(visit.locale, wrong));
        match wrong.field.as_str() {
            "name" => page.name.error = text,
            "password" => page.password.error = text,
            _ => return Ok(Err(find(api, kind, token, "").await?.answer(visit))),
        }
    }
    page.refused = Some(error::refused(visit.locale, shown, field_id));
    Ok(Err(render::page(shown.http_status(), &visit.shell(""), &page)))
}

fn field_id(field: &str) -> Option<&'static str> {
    ["name", "password"].into_iter().find(|id| *id == field)
}

impl Page for MailedLinkPage {
    const TEMPLATE: &'static str = "mailed_link";

    fn title(&self, locale: Locale) -> String {
        i18n::word(locale, "mailed-heading", self.kind.as_str())
    }

    #[cfg(test)]
    fn samples() -> Vec<Self> {
        let states = ["works", "spent", "expired", "unknown"];
        let page = |kind: LinkKind, state: &'static str| MailedLinkPage {
            kind,
            state,
            url: format!("{}abc", kind.path()),
            email: if state == "unknown" { String::new() } else { "ruth@studio.example".into() },
            name: Field::of("Ruth"),
            password: Field { value: String::new(), error: Some("Too short.".into()) },
            next: "/portal".into(),
            again: "/link",
            refused: Some(Refused { text: "Something is wrong.".into(), fields: vec![] }),
        };
        LinkKind::ALL.iter().flat_map(|kind| states.map(|state| page(*kind, state))).collect()
    }
}
