//! Asking for a mailed link: to sign in, or to choose another password. The answer never tells whether an address has
//! an account.

use super::error;
use super::form_data::FormData;
use super::parts::{Field, Refused};
use super::reader::{self, Visit};
use super::render::{self, Page};
use crate::Api;
use crate::extract::Query;
use crate::problem::{FieldError, Problem};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use shared::i18n::{self, Locale};
use shared::sessions::{LinkKind, links};

/// `ask_link.hbs`
#[derive(Debug, Clone, Serialize)]
pub struct AskLinkPage {
    /// What the link is for: `password` or `link`.
    pub kind: LinkKind,
    /// Where the form goes.
    pub action: &'static str,
    /// The address as typed.
    pub email: Field,
    /// Where to go after signing in: a path of our own.
    pub next: String,
    /// Whether it was asked for.
    pub sent: bool,
    /// For how long the link works, in words.
    pub lasts: String,
    /// Why it was refused.
    pub refused: Option<Refused>,
}

/// The address's parameters.
#[derive(Debug, Default, Deserialize)]
pub struct Params {
    next: Option<String>,
}

impl AskLinkPage {
    fn new(locale: Locale, kind: LinkKind, email: &str, next: &str) -> AskLinkPage {
        let minutes = kind.lasts().num_minutes().to_string();
        AskLinkPage {
            kind,
            action: if kind == LinkKind::Link { "/link" } else { "/forgot" },
            email: Field::of(email),
            next: reader::own_path(next).unwrap_or_default().to_owned(),
            sent: false,
            lasts: i18n::text(locale, "link-lasts", &[("minutes", &minutes)]),
            refused: None,
        }
    }
}

/// `GET /forgot`
pub async fn forgot(visit: Visit, Query(params): Query<Params>) -> Response {
    show(&visit, LinkKind::Password, &params)
}

/// `GET /link`
pub async fn link(visit: Visit, Query(params): Query<Params>) -> Response {
    show(&visit, LinkKind::Link, &params)
}

fn show(visit: &Visit, kind: LinkKind, params: &Params) -> Response {
    let page = AskLinkPage::new(visit.locale, kind, "", params.next.as_deref().unwrap_or_default());
    render::page(StatusCode::OK, &visit.shell(""), &page)
}

/// `POST /forgot`
///
/// # Errors
/// If the store fails; a refusal shows the page again.
pub async fn mail_password(State(api): State<Api>, visit: Visit, form: FormData) -> Result<Response, Problem> {
    mail(&api, &visit, &form, LinkKind::Password).await
}

/// `POST /link`: from its own page, or from the login's second button.
///
/// # Errors
/// If the store fails; a refusal shows the page again.
pub async fn mail_link(State(api): State<Api>, visit: Visit, form: FormData) -> Result<Response, Problem> {
    mail(&api, &visit, &form, LinkKind::Link).await
}

async fn mail(api: &Api, visit: &Visit, form: &FormData, kind: LinkKind) -> Result<Response, Problem> {
    let mut page = AskLinkPage::new(visit.locale, kind, form.get("email"), form.get("next"));
    let problem = match asked(api, visit, &page).await {
        Ok(()) => {
            page.sent = true;
            return Ok(render::page(StatusCode::OK, &visit.shell(""), &page));
        }
        Err(problem) => problem,
    };
    let shown = problem.shown();
    if shown.status >= 500 {
        return Err(problem);
    }
    page.email.error = shown.errors.first().map(|e| error::field_text(visit.locale, e));
    page.refused = Some(error::refused(visit.locale, shown, |_| Some("email")));
    Ok(render::page(shown.http_status(), &visit.shell(""), &page))
}

async fn asked(api: &Api, visit: &Visit, page: &AskLinkPage) -> Result<(), Problem> {
    let email = page.email.value.as_str();
    if !shared::address::is_valid(email) {
        let wrong = match email.is_empty() {
            true => FieldError::required("email"),
            false => FieldError::new("email", "invalid", "not a mail address"),
        };
        return Err(Problem::validation(vec![wrong]));
    }
    let next = Some(page.next.as_str()).filter(|n| !n.is_empty());
    let request = links::Request { email, tenant: None, next, origin: visit.origin.clone() };
    Ok(links::request(&api.app, page.kind, request).await?)
}

impl Page for AskLinkPage {
    const TEMPLATE: &'static str = "ask_link";

    fn title(&self, locale: Locale) -> String {
        i18n::word(locale, "ask-heading", self.kind.as_str())
    }

    #[cfg(test)]
    fn samples() -> Vec<Self> {
        let of = |kind| AskLinkPage::new(Locale::En, kind, "ruth@studio.example", "/portal");
        let refused = Refused { text: "Something is wrong.".into(), fields: vec![] };
        vec![
            of(LinkKind::Password),
            AskLinkPage { sent: true, ..of(LinkKind::Link) },
            AskLinkPage {
                refused: Some(refused),
                email: Field { value: "ruth".into(), error: Some("No address.".into()) },
                ..of(LinkKind::Link)
            },
        ]
    }
}
