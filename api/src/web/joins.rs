//! The tray: doubtful joins, and what an agent says about them (E4.4, E4.10).

use super::error;
use super::form_data::FormData;
use super::format::{Now, When};
use super::parts::{Refused, TicketLink};
use super::reader::Visit;
use super::render::{self, Page};
use super::{clocks, mail};
use crate::Api;
use crate::extract::{Path, Query};
use crate::problem::{Problem, codes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};
use shared::i18n::{self, Locale};
use shared::ids::{JoinId, TicketId};
use shared::tickets::{self, JoinKind, JoinState, JoinView, TicketRef};

/// How many doubts a page lists.
const PAGE: i64 = 50;

/// `joins.hbs`
#[derive(Debug, Clone, Default, Serialize)]
pub struct JoinsPage {
    /// The doubts, newest first.
    pub joins: Vec<Hint>,
    /// What was just done.
    pub done: Option<String>,
    /// Why the last form was refused.
    pub refused: Option<Refused>,
    /// The next page.
    pub next: Option<String>,
}

/// A doubt, in words, with both answers.
#[derive(Debug, Clone, Serialize)]
pub struct Hint {
    /// Its row.
    pub id: i64,
    /// What is in doubt: `linked`, `new_sender`, `split`.
    pub kind: &'static str,
    /// In words.
    pub text: String,
    /// The ticket that the mail is on, where the page is not that ticket's.
    pub ticket: Option<TicketLink>,
    /// The other one, where the page is not that one's.
    pub other: Option<TicketLink>,
    /// When.
    pub at: When,
}

/// Returns a doubt in words; `on` is the ticket whose page shows it.
pub fn hint(locale: Locale, now: Now, on: Option<TicketId>, j: &JoinView) -> Hint {
    let who = j.user_name.as_deref().or(j.user_email.as_deref()).unwrap_or_default();
    let subject = clocks::subject(locale, &j.subject);
    let other_subject = clocks::subject(locale, j.other_subject.as_deref().unwrap_or_default());
    let is_other = on.is_some() && on == j.other_id;
    let key = match (j.kind, is_other) {
        (JoinKind::Linked, true) => "join-linked-other",
        (JoinKind::Linked, false) => "join-linked",
        (JoinKind::NewSender, _) => "join-new-sender",
        (JoinKind::Split, _) => "join-split",
    };
    let args = [("name", who), ("subject", subject.as_str()), ("other", other_subject.as_str())];
    Hint {
        id: j.id.0,
        kind: j.kind.as_str(),
        text: i18n::text(locale, key, &args),
        ticket: (on != Some(j.ticket_id)).then(|| TicketLink::new(&j.pid)),
        other: j.other_pid.as_deref().filter(|_| !is_other).map(TicketLink::new),
        at: When::new(locale, j.created_at, now),
    }
}

impl Page for JoinsPage {
    const TEMPLATE: &'static str = "joins";

    fn title(&self, locale: Locale) -> String {
        i18n::text(locale, "joins", &[])
    }

    #[cfg(test)]
    fn samples() -> Vec<Self> {
        let at = When { short: "1 d".into(), exact: "Fri 20 Nov 2026".into(), iso: "2026-11-20T10:00:00Z".into() };
        let hint = |id, kind, other: Option<&str>| Hint {
            id,
            kind,
            text: "Daniel wrote".into(),
            ticket: Some(TicketLink::new("202611-0001")),
            other: other.map(TicketLink::new),
            at: at.clone(),
        };
        vec![
            JoinsPage {
                joins: vec![
                    hint(1, "linked", Some("202611-0002")),
                    hint(2, "new_sender", None),
                    hint(3, "split", None),
                ],
                done: Some("Joined".into()),
                refused: None,
                next: Some("/dashboard/support/joins?before=1".into()),
            },
            JoinsPage::default(),
        ]
    }
}

/// The address's parameters.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Params {
    before: Option<i64>,
    did: String,
}

/// `GET /dashboard/support/joins`
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
    let before = params.before.map(JoinId);
    let mut rows = tickets::joins(&api.app, visit.actor()?, JoinState::Open, before, PAGE + 1).await?;
    let more = rows.len() as i64 > PAGE;
    rows.truncate(PAGE as usize);
    let last = rows.last().filter(|_| more);
    let shown = JoinsPage {
        next: last.map(|j| format!("/dashboard/support/joins?before={}", j.id)),
        joins: rows.iter().map(|j| hint(visit.locale, visit.now, None, j)).collect(),
        done: mail::done(visit.locale, Some(&params.did)),
        refused,
    };
    Ok(render::page(status, &visit.shell("joins"), &shown))
}

/// `POST /dashboard/support/joins/{id}/join`
///
/// # Errors
/// 401, 403, 404; a refusal shows the tray.
pub async fn join(State(api): State<Api>, visit: Visit, Path(id): Path<i64>, _: FormData) -> Result<Response, Problem> {
    let done = tickets::join(&api.app, visit.actor()?, JoinId(id), true).await;
    answer(&api, &visit, done, "join").await
}

/// `POST /dashboard/support/joins/{id}/new`
///
/// # Errors
/// 401, 403, 404; a refusal shows the tray.
pub async fn keep_apart(
    State(api): State<Api>,
    visit: Visit,
    Path(id): Path<i64>,
    _: FormData,
) -> Result<Response, Problem> {
    let done = tickets::keep_apart(&api.app, visit.actor()?, JoinId(id)).await;
    answer(&api, &visit, done, "apart").await
}

/// Leads to the ticket where the message is now.
async fn answer(api: &Api, visit: &Visit, done: tickets::Result<TicketId>, did: &str) -> Result<Response, Problem> {
    let actor = visit.actor()?;
    match done {
        Ok(ticket) => {
            let pid = tickets::view(&api.app, actor, &TicketRef::Id(ticket)).await?.ticket.pid;
            Ok(Redirect::to(&format!("{}?did={did}", TicketLink::new(&pid).href)).into_response())
        }
        Err(tickets::Error::NotFound) => Err(Problem::new(codes::JOIN_NOT_FOUND)),
        Err(tickets::Error::Denied(e)) => Err(e.into()),
        Err(e) => {
            let problem: Problem = e.into();
            let shown = problem.shown();
            let status = shown.http_status();
            let refused = error::refused(visit.locale, shown, |_| None);
            page(api, visit, &Params::default(), Some(refused), status).await
        }
    }
}
