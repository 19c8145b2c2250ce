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
use shared::mail_in::original::Original;

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
    pub fields: Vec<Line>,
    /// Its bytes as text.
    pub text: String,
    /// Whether they go on.
    pub more: bool,
}

/// A header field.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// Its name.
    pub name: String,
    /// Its value as written.
    pub value: String,
    /// What its encoded words say.
    pub decoded: Option<String>,
}

/// `GET /dashboard/mail/{id}/original`: a mail as received. Looking at it is audited.
///
/// # Errors
/// 401, 403, 404 `mail_not_found`, 410 `mail_erased`.
pub async fn inbound(State(api): State<Api>, visit: Visit, Path(id): Path<i64>) -> Result<Response, Problem> {
    let (found, octets) = mails::looked_at(&api.app, visit.actor()?, id).await?;
    let name = i18n::text(visit.locale, "why-mail", &[("id", &id.to_string())]);
    let ticket = found.pid.as_deref().map(TicketLink::new);
    let shown = OriginalPage::new(visit.locale, name, format!("/dashboard/mail/{id}"), ticket, &octets);
    answer(&visit, OriginalPage { href: format!("/api/mails/{id}/raw"), ..shown })
}

/// `GET /dashboard/mail/outbox/{id}/original`: a mail as it was or will be sent.
///
/// # Errors
/// 401, 403, 404 `outbox_mail_not_found`, also until the worker has built it.
pub async fn sent(State(api): State<Api>, visit: Visit, Path(id): Path<i64>) -> Result<Response, Problem> {
    let (found, octets) = outbox::looked_at(&api.app, visit.actor()?, id).await?;
    let name = i18n::text(visit.locale, "letter", &[("id", &id.to_string())]);
    let ticket = found.pid.as_deref().map(TicketLink::new);
    let shown = OriginalPage::new(visit.locale, name, format!("/dashboard/mail/outbox/{id}"), ticket, &octets);
    answer(&visit, OriginalPage { href: format!("/api/outbox/{id}/raw"), ..shown })
}

fn answer(visit: &Visit, page: OriginalPage) -> Result<Response, Problem> {
    Ok(render::page(StatusCode::OK, &visit.shell("mail"), &page))
}

impl OriginalPage {
    fn new(locale: Locale, name: String, back: String, ticket: Option<TicketLink>, octets: &[u8]) -> OriginalPage {
        let seen = Original::of(octets);
        let line = |f: shared::mail_in::original::Field| Line { name: f.name, value: f.value, decoded: f.decoded };
        OriginalPage {
            name,
            back,
            ticket,
            size: format::size(locale, octets.len() as u64),
            href: String::new(),
            fields: seen.fields.into_iter().map(line).collect(),
            text: seen.text,
            more: seen.more,
        }
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
        let ticket = Some(TicketLink::new("202611-0007"));
        let page = OriginalPage::new(Locale::En, "Mail 17".into(), "/dashboard/mail/17".into(), ticket, octets);
        vec![OriginalPage { more: true, href: "/api/mails/17/raw".into(), ..page.clone() }, page]
    }
}
