//! Mailboxes: what each is told about the mail that comes to it, and whether its tagged addresses work (E3.1).

use super::error;
use super::form_data::FormData;
use super::format::When;
use super::mail;
use super::parts::Refused;
use super::reader::Visit;
use super::render::{self, Page};
use super::settings::{self, Tab};
use crate::Api;
use crate::extract::{Path, Query};
use crate::problem::Problem;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};
use shared::access::Capability;
use shared::i18n::{self, Locale};
use shared::ids::MailboxId;
use shared::mailboxes::{self, IdState, Mailbox, MailboxChange, TagState, probe};

const PATH: &str = "/dashboard/settings/mailboxes";
/// How many mailboxes a page lists.
const PAGE: u32 = 50;

/// `mailboxes.hbs`
#[derive(Debug, Clone, Default, Serialize)]
pub struct MailboxesPage {
    /// The pages of settings that the reader may see.
    pub tabs: Vec<Tab>,
    /// The mailboxes, oldest first.
    pub mailboxes: Vec<MailboxForm>,
    /// What was just done.
    pub done: Option<String>,
    /// Why the last form was refused.
    pub refused: Option<Refused>,
    /// The next page.
    pub next: Option<String>,
}

/// A mailbox and its form.
#[derive(Debug, Clone, Serialize)]
pub struct MailboxForm {
    /// Its row.
    pub id: i64,
    /// Its address.
    pub address: String,
    /// What its probe has shown, in words.
    pub tags: String,
    /// How that looks: `warn`, `bad`, or none.
    pub chip: Option<&'static str>,
    /// Whether our Message-IDs survive, in words.
    pub ids: Option<String>,
    /// When it was asked.
    pub asked: Option<When>,
    /// When the probe came back.
    pub answered: Option<When>,
    /// Whether a probe can be sent.
    pub may_ask: bool,
    /// See [`Mailbox`].
    pub split_per_mailbox: bool,
    /// See [`Mailbox`].
    pub body_marker: bool,
    /// See [`Mailbox`].
    pub ack_forms: bool,
    /// One address a line.
    pub gateways: String,
}

impl MailboxForm {
    fn new(visit: &Visit, captured: bool, m: &Mailbox) -> MailboxForm {
        let locale = visit.locale;
        let key = match (m.tag_separator, m.tags) {
            (None, _) => "tags-none",
            (_, TagState::Untested) => "tags-untested",
            (_, TagState::Asked) => "tags-asked",
            (_, TagState::Works) => "tags-works",
            (_, TagState::Failed) => "tags-failed",
        };
        let ids = m.ids.map(|ids| match ids {
            IdState::Kept => "ids-kept",
            IdState::Replaced => "ids-replaced",
        });
        let chip = match m.tags {
            TagState::Failed => Some("bad"),
            TagState::Asked => Some("warn"),
            TagState::Untested | TagState::Works => None,
        };
        let when = |at| When::new(locale, at, visit.now);
        MailboxForm {
            id: m.id.0,
            address: m.address.clone(),
            tags: i18n::text(locale, key, &[]),
            chip,
            ids: ids.map(|key| i18n::text(locale, key, &[])),
            asked: m.asked_at.map(when),
            answered: m.answered_at.map(when),
            may_ask: !captured && m.active && m.tag_separator.is_some(),
            split_per_mailbox: m.split_per_mailbox,
            body_marker: m.body_marker,
            ack_forms: m.ack_forms,
            gateways: m.gateways.0.join("\n"),
        }
    }
}

impl Page for MailboxesPage {
    const TEMPLATE: &'static str = "mailboxes";

    fn title(&self, locale: Locale) -> String {
        i18n::text(locale, "settings-mailboxes", &[])
    }

    #[cfg(test)]
    fn samples() -> Vec<Self> {
        let at = When { short: "1 d".into(), exact: "Fri 20 Nov 2026".into(), iso: "2026-11-20T10:00:00Z".into() };
        let works = MailboxForm {
            id: 1,
            address: "support@desk.example".into(),
            tags: "They work".into(),
            chip: None,
            ids: Some("Kept".into()),
            asked: Some(at.clone()),
            answered: Some(at.clone()),
            may_ask: true,
            split_per_mailbox: true,
            body_marker: false,
            ack_forms: true,
            gateways: "forms@shop.example".into(),
        };
        let failed = MailboxForm { id: 2, chip: Some("bad"), ids: None, answered: None, ..works.clone() };
        let captured = MailboxForm { id: 3, asked: None, may_ask: false, ..failed.clone() };
        vec![
            MailboxesPage {
                tabs: settings::tabs(&shared::access::Actor::system(), "mailboxes"),
                mailboxes: vec![works, failed, captured],
                done: Some("Stored".into()),
                refused: None,
                next: Some(format!("{PATH}?after=3")),
            },
            MailboxesPage::default(),
        ]
    }
}

/// The address's parameters.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Params {
    after: Option<i64>,
    did: String,
}

/// `GET /dashboard/settings/mailboxes`
///
/// # Errors
/// 401, 403.
pub async fn list(State(api): State<Api>, visit: Visit, Query(params): Query<Params>) -> Result<Response, Problem> {
    page(&api, &visit, &params, None, StatusCode::OK).await
}

async fn page(
    api: &Api,
    visit: &Visit,
    params: &Params,
    refused: Option<Refused>,
    status: StatusCode,
) -> Result<Response, Problem> {
    let (db, actor) = (&api.app.db, visit.actor()?);
    actor.require(Capability::MailboxesManage)?;
    let mut rows = mailboxes::list(db, actor, params.after.map(MailboxId), PAGE + 1, 0).await?;
    let more = rows.len() > PAGE as usize;
    rows.truncate(PAGE as usize);
    let captured = api.app.config.smtp_url.is_none();
    let shown = MailboxesPage {
        tabs: settings::tabs(visit.actor()?, "mailboxes"),
        next: rows.last().filter(|_| more).map(|m| format!("{PATH}?after={}", m.id)),
        mailboxes: rows.iter().map(|m| MailboxForm::new(visit, captured, m)).collect(),
        done: mail::done(visit.locale, Some(&params.did)),
        refused,
    };
    Ok(render::page(status, &visit.shell("settings"), &shown))
}

/// `POST /dashboard/settings/mailboxes/{id}`
///
/// # Errors
/// 401, 403, 404; a refusal shows the page.
pub async fn change(
    State(api): State<Api>,
    visit: Visit,
    Path(id): Path<i64>,
    form: FormData,
) -> Result<Response, Problem> {
    let on = |name| Some(!form.get(name).is_empty());
    let change = MailboxChange {
        split_per_mailbox: on("split_per_mailbox"),
        body_marker: on("body_marker"),
        ack_forms: on("ack_forms"),
        gateways: Some(form.get("gateways").split_whitespace().map(str::to_owned).collect()),
        ..MailboxChange::default()
    };
    let done = mailboxes::update(&api.app.db, visit.actor()?, MailboxId(id), change).await;
    answer(&api, &visit, done, "mailbox").await
}

/// `POST /dashboard/settings/mailboxes/{id}/probe`: mails the tagged address, to see whether it comes in.
///
/// # Errors
/// 401, 403, 404; a refusal shows the page.
pub async fn ask(State(api): State<Api>, visit: Visit, Path(id): Path<i64>, _: FormData) -> Result<Response, Problem> {
    let done = probe::ask(&api.app, visit.actor()?, MailboxId(id)).await;
    answer(&api, &visit, done, "probe").await
}

async fn answer(
    api: &Api,
    visit: &Visit,
    done: Result<Mailbox, shared::access::Refused>,
    did: &str,
) -> Result<Response, Problem> {
    match done {
        Ok(mailbox) => Ok(Redirect::to(&format!("{PATH}?did={did}#mailbox-{}", mailbox.id)).into_response()),
        Err(e @ shared::access::Refused::Invalid(_)) => {
            let problem: Problem = e.into();
            let shown = problem.shown();
            let status = shown.http_status();
            let refused = error::refused(visit.locale, shown, |_| None);
            page(api, visit, &Params::default(), Some(refused), status).await
        }
        Err(e) => Err(e.into()),
    }
}
