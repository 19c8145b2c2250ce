//! A mail as it came, or as it was sent: its header and its bytes on a page, and whole for download.

use super::format;
use super::parts::TicketLink;
use super::reader::Visit;
use super::render::{self, Page};
use crate::Api;
use crate::extract::Path;
use crate::json::{mails, outbox};
use crate::problem::Problem;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use shared::i18n::{self, Locale};
use shared::mail_in::original::{Field, Original};

/// `original.hbs`
#[derive(Debug, Clone, Serialize)]
pub struct OriginalPage {
    /// What it is, in words.
    pub name: String,
    /// The mail's own page.
    pub back: String,
    /// Its ticket.
    pub ticket: Option<TicketLink>,
    /// Its size in words.
    pub size: String,
    /// Its bytes, for download.
    pub href: String,
    /// Its header.
    pub fields: Vec<Field>,
    /// Its bytes as text.
    pub text: String,
    /// Whether they go on.
    pub more: bool,
}

/// `GET /dashboard/mail/{id}/original`: a mail as received. Looking at it is audited.
///
/// # Errors
/// 401, 403, 404 `mail_not_found`, 410 `mail_erased`.
pub async fn inbound(State(api): State<Api>, visit: Visit, Path(id): Path<i64>) -> Result<Response, Problem> {
    let (found, octets) = mails::looked_at(&api.app, visit.actor()?, id).await?;
    let name = i18n::text(visit.locale, "why-mail", &[("id", &id.to_string())]);
    let (back, href) = (format!("/dashboard/mail/{id}"), format!("/api/mails/{id}/raw"));
    Ok(answer(&visit, &OriginalPage::new(visit.locale, name, (back, href), found.pid.as_deref(), &octets)))
}

/// `GET /dashboard/mail/outbox/{id}/original`: a mail as it was or will be sent.
///
/// # Errors
/// 401, 403, 404 `outbox_mail_not_found`, also until the worker has built it.
pub async fn sent(State(api): State<Api>, visit: Visit, Path(id): Path<i64>) -> Result<Response, Problem> {
    let (found, octets) = outbox::looked_at(&api.app, visit.actor()?, id).await?;
    let name = i18n::text(visit.locale, "letter", &[("id", &id.to_string())]);
    let (back, href) = (format!("/dashboard/mail/outbox/{id}"), format!("/api/outbox/{id}/raw"));
    Ok(answer(&visit, &OriginalPage::new(visit.locale, name, (back, href), found.pid.as_deref(), &octets)))
}

fn answer(visit: &Visit, page: &OriginalPage) -> Response {
    render::page(StatusCode::OK, &visit.shell("mail"), page)
}

impl OriginalPage {
    /// Returns a mail to look at; its own page and its bytes stand at `(back, href)`.
    fn new(
        locale: Locale,
        name: String,
        (back, href): (String, String),
        pid: Option<&str>,
        octets: &[u8],
    ) -> OriginalPage {
        let Original { fields, text, more } = Original::of(octets);
        let size = format::size(locale, octets.len() as u64);
        OriginalPage { name, back, ticket: pid.map(TicketLink::new), size, href, fields, text, more }
    }
}

impl Page for OriginalPage {
    const TEMPLATE: &'static str = "original";

    fn title(&self, locale: Locale) -> String {
        format!("{} · {}", i18n::text(locale, "original-short", &[]), self.name)
    }

    #[cfg(test)]
    fn samples() -> Vec<Self> {
        let octets = b"From: a@b.example\r\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\n\r\nHi <b>\r\n";
        let places = ("/dashboard/mail/17".into(), "/api/mails/17/raw".into());
        let page = OriginalPage::new(Locale::En, "Mail 17".into(), places, Some("202611-0007"), octets);
        vec![OriginalPage { more: true, ..page.clone() }, page]
    }
}
