//! The customer's own tickets: a list in plain words, and one ticket as a conversation. Whoever is no agent lands here.

use super::conversation::{File, Parts};
use super::form_data::FormData;
use super::format::When;
use super::incidents::Badge;
use super::parts::{Choice, Refused, choices};
use super::reader::Visit;
use super::render::{self, Page};
use super::ticket::Entry;
use super::{clocks, error, mail};
use crate::Api;
use crate::extract::page::cursor;
use crate::extract::{self, Path, Query};
use crate::json::tickets::reference;
use crate::problem::Problem;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};
use shared::access::{Actor, Capability};
use shared::i18n::{self, Locale};
use shared::ids::MessageId;
use shared::mail_out::outbox;
use shared::messages::{self, Post};
use shared::ratings;
use shared::tickets::{self, Cursor, Filter, Status, StatusFilter, TicketRef, TicketView};
use std::collections::HashMap;

/// How many tickets a page lists.
const PAGE: i64 = 30;
/// How many messages a ticket's page shows; earlier ones on demand.
const MESSAGES: i64 = 50;
/// How many mails are read along.
const MAILS: i64 = 2_000;
/// What the list can be narrowed to.
const KINDS: [&str; 3] = ["you", "open", "done"];

/// Where a ticket stands, in plain words.
#[derive(Debug, Clone, Serialize)]
pub struct Plain {
    /// The word's key: `received`, `working`, `you`, `solved`, `closed`.
    pub key: &'static str,
    /// The icon.
    pub glyph: &'static str,
    /// Whether it is the reader's turn.
    pub you: bool,
}

impl Plain {
    fn of(status: Status) -> Plain {
        let (key, glyph) = match status {
            Status::New | Status::Triaged => ("received", "s-new"),
            Status::InProgress | Status::NeedsEngineering => ("working", "s-in_progress"),
            Status::WaitingOnCustomer => ("you", "reply"),
            Status::Solved => ("solved", "s-solved"),
            Status::Closed => ("closed", "s-closed"),
        };
        Plain { key, glyph, you: status == Status::WaitingOnCustomer }
    }
}

/// `portal.hbs`
#[derive(Debug, Clone, Default, Serialize)]
pub struct PortalPage {
    /// The search.
    pub q: String,
    /// What the list is narrowed to.
    pub kinds: Vec<Choice>,
    /// The tickets, last active first.
    pub tickets: Vec<Row>,
    /// Whether the list is narrowed or searched.
    pub narrowed: bool,
    /// The next page.
    pub next: Option<String>,
}

/// One ticket of the list.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// The public id.
    pub pid: String,
    /// Its page.
    pub href: String,
    /// Subject.
    pub subject: String,
    /// Where it stands.
    pub plain: Plain,
    /// Whose it is, where that is somebody else of the company.
    pub who: Option<String>,
    /// When an answer is due, while none was given.
    pub due: Option<When>,
    /// The incident that it is linked to.
    pub incident: Option<Badge>,
    /// The last activity.
    pub at: When,
}

impl Row {
    fn new(visit: &Visit, actor: &Actor, view: &TicketView) -> Row {
        let ticket = &view.ticket;
        let other = actor.user != Some(ticket.requester_id);
        let who = view.requester_name.clone().unwrap_or_else(|| view.requester_email.clone());
        Row {
            pid: ticket.pid.clone(),
            href: format!("/portal/{}", ticket.pid),
            subject: clocks::subject(visit.locale, &ticket.subject),
            plain: Plain::of(ticket.status),
            who: other.then(|| shared::mail_in::deceit::shown(&who)),
            due: ticket.answer_due(*visit.now).map(|at| When::new(visit.locale, at, visit.now)),
            incident: Badge::of(view),
            at: When::new(visit.locale, ticket.last_activity_at, visit.now),
        }
    }
}

/// The list's parameters.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ListParams {
    q: String,
    show: String,
    cursor: String,
}

impl ListParams {
    fn filter(&self) -> Filter {
        let status = match self.show.as_str() {
            "you" => Some(StatusFilter::In(vec![Status::WaitingOnCustomer])),
            "open" => Some(StatusFilter::Open),
            "done" => Some(StatusFilter::In(vec![Status::Solved, Status::Closed])),
            _ => None,
        };
        let text = Some(self.q.trim().to_owned()).filter(|q| !q.is_empty());
        Filter { status, text, ..Filter::default() }
    }
}

/// `GET /portal`
///
/// # Errors
/// 401; 400 for a cursor that is none.
pub async fn list(State(api): State<Api>, visit: Visit, Query(params): Query<ListParams>) -> Result<Response, Problem> {
    let actor = visit.actor()?;
    if actor.is_agent() {
        return Ok(Redirect::to("/dashboard/support").into_response());
    }
    let place = Some(params.cursor.clone()).filter(|c| !c.is_empty());
    let after: Option<Cursor> = extract::Page { limit: PAGE as u32, cursor: place, page: None }.after()?;
    let (rows, next) = tickets::list(&api.app, actor, &params.filter(), after.as_ref(), PAGE).await?;
    let next = next.map(|place| {
        let query = [("q", params.q.as_str()), ("show", &params.show), ("cursor", &cursor(&place))];
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        format!("/portal?{query}")
    });
    let page = PortalPage {
        kinds: choices(visit.locale, "portal-show", &KINDS, &params.show, Some("portal-show-all")),
        tickets: rows.iter().map(|view| Row::new(&visit, actor, view)).collect(),
        narrowed: !params.q.trim().is_empty() || KINDS.contains(&params.show.as_str()),
        next,
        q: params.q,
    };
    Ok(render::page(StatusCode::OK, &visit.shell("portal"), &page))
}

/// `portal_ticket.hbs`
#[derive(Debug, Clone, Serialize)]
pub struct PortalTicketPage {
    /// The public id.
    pub pid: String,
    /// This page's address.
    pub url: String,
    /// Subject.
    pub subject: String,
    /// Where it stands.
    pub plain: Plain,
    /// When an answer is due, while none was given.
    pub due: Option<When>,
    /// The incident that it is linked to.
    pub incident: Option<Badge>,
    /// The conversation, oldest first.
    pub entries: Vec<Entry>,
    /// The page of earlier messages.
    pub earlier: Option<String>,
    /// Whether the reader may answer.
    pub may_reply: bool,
    /// Whether the reader may close it.
    pub may_close: bool,
    /// Whether the reader may open it again.
    pub may_reopen: bool,
    /// The scores to rate with, best first; empty where there is nothing to rate.
    pub scores: Vec<Choice>,
    /// The answer as typed.
    pub draft: String,
    /// Files were chosen on a form that was refused, and must be chosen again.
    pub files_again: bool,
    /// What was just done.
    pub done: Option<String>,
    /// Why a form was refused.
    pub refused: Option<Refused>,
}

/// A ticket's parameters.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Params {
    before: Option<i64>,
    did: Option<String>,
}

/// What a refused form leaves behind on the page.
#[derive(Debug, Default)]
struct Leftover {
    draft: String,
    files: bool,
    refused: Option<Refused>,
}

/// `GET /portal/{ticket}`
///
/// # Errors
/// 401, 404 `ticket_not_found`.
pub async fn show(
    State(api): State<Api>,
    visit: Visit,
    Path(which): Path<String>,
    Query(params): Query<Params>,
) -> Result<Response, Problem> {
    if visit.actor()?.is_agent() {
        tickets::find(&api.app, visit.actor()?, &reference(&which)).await?;
        return Ok(Redirect::to(&format!("/dashboard/support/{which}")).into_response());
    }
    answer(&api, &visit, &which, &params, Leftover::default(), StatusCode::OK).await
}

async fn answer(
    api: &Api,
    visit: &Visit,
    which: &str,
    params: &Params,
    left: Leftover,
    status: StatusCode,
) -> Result<Response, Problem> {
    let actor = visit.actor()?;
    let view = tickets::view(&api.app, actor, &reference(which)).await?;
    let ticket = &view.ticket;
    let (entries, earlier) = entries(api, visit, &view, params.before).await?;
    let erased = ticket.erased_at.is_some();
    let may = |capability| !erased && actor.can(capability);
    let url = format!("/portal/{}", ticket.pid);
    let own = actor.user == Some(ticket.requester_id);
    let scores = match own && !erased && ticket.status.is_done() {
        true => {
            let mut read = api.app.db.read(actor.tickets().rows());
            let given = ratings::of_ticket(&mut read, ticket.tenant_id, ticket.id).await?.and_then(|r| r.score);
            let given = given.map(|score| score.to_string()).unwrap_or_default();
            choices(visit.locale, "rate-score", &["5", "4", "3", "2", "1"], &given, None)
        }
        false => Vec::new(),
    };
    let page = PortalTicketPage {
        subject: clocks::subject(visit.locale, &ticket.subject),
        plain: Plain::of(ticket.status),
        due: ticket.answer_due(*visit.now).map(|at| When::in_full(visit.locale, at, visit.now)),
        incident: Badge::of(&view),
        entries,
        earlier: earlier.map(|seq| format!("{url}?before={seq}")),
        may_reply: ticket.status != Status::Closed && may(Capability::TicketsReply),
        may_close: ticket.status != Status::Closed && may(Capability::TicketsClose),
        may_reopen: ticket.status.is_done() && may(Capability::TicketsClose),
        scores,
        draft: left.draft,
        files_again: left.files,
        done: mail::done(visit.locale, params.did.as_deref()),
        refused: left.refused,
        pid: ticket.pid.clone(),
        url,
    };
    Ok(render::page(status, &visit.shell("portal"), &page))
}

/// The conversation as customers see it: no notes, nothing of how we work, nothing that can still be taken back.
async fn entries(
    api: &Api,
    visit: &Visit,
    view: &TicketView,
    before: Option<i64>,
) -> Result<(Vec<Entry>, Option<i64>), Problem> {
    let (app, actor) = (&api.app, visit.actor()?);
    let which = TicketRef::Id(view.ticket.id);
    let page = messages::page(app, actor, &which, before, MESSAGES).await?;
    let ids: Vec<MessageId> = page.messages.iter().map(|m| m.id).collect();
    let files = shared::attachments::of_messages(&mut app.db.read(actor.tickets().rows()), &ids).await?;
    let files: Vec<File> = files.into_iter().filter_map(File::of).collect();
    let deliveries = outbox::of_ticket(app, actor, &which, MAILS).await?;
    let parts = Parts {
        read: None,
        url: &format!("/dashboard/support/{}", view.ticket.pid),
        from: "",
        locale: visit.locale,
        now: visit.now,
        reader: actor.user,
        agent: false,
        may_explain: false,
        may_raw: false,
        may_act: false,
        may_split: false,
        may_redact: false,
        cut: page.earlier.is_some(),
        messages: &page.messages,
        files: &files,
        deliveries: &deliveries,
        // Where it stands is said once, at the top.
        events: &[],
        names: &HashMap::new(),
    };
    Ok((parts.entries(), page.earlier))
}

/// `POST /portal/{ticket}/messages`
///
/// # Errors
/// 401, 404; a refusal shows the page with what was typed.
pub async fn reply(
    State(api): State<Api>,
    visit: Visit,
    Path(which): Path<String>,
    form: FormData,
) -> Result<Response, Problem> {
    let post = Post { body: form.text("body").to_owned(), attachments: form.attach(), ..Post::default() };
    match messages::post(&api.app, visit.actor()?, &reference(&which), post).await {
        Ok(id) => back(&api, &visit, &which, "reply", &format!("#m-{id}")).await,
        Err(e) => refuse(&api, &visit, &which, e.into(), &form).await,
    }
}

/// `POST /portal/{ticket}/close`
///
/// # Errors
/// 401, 404; a refusal shows the page.
pub async fn close(
    State(api): State<Api>,
    visit: Visit,
    Path(which): Path<String>,
    form: FormData,
) -> Result<Response, Problem> {
    match tickets::close(&api.app, visit.actor()?, &reference(&which), None).await {
        Ok(_) => back(&api, &visit, &which, "close", "").await,
        Err(e) => refuse(&api, &visit, &which, e.into(), &form).await,
    }
}

/// `POST /portal/{ticket}/reopen`
///
/// # Errors
/// 401, 404; a refusal shows the page.
pub async fn reopen(
    State(api): State<Api>,
    visit: Visit,
    Path(which): Path<String>,
    form: FormData,
) -> Result<Response, Problem> {
    match tickets::reopen(&api.app, visit.actor()?, &reference(&which), None).await {
        Ok(_) => back(&api, &visit, &which, "reopen", "").await,
        Err(e) => refuse(&api, &visit, &which, e.into(), &form).await,
    }
}

/// `POST /portal/{ticket}/rate`
///
/// # Errors
/// 401, 404; a refusal shows the page.
pub async fn rate(
    State(api): State<Api>,
    visit: Visit,
    Path(which): Path<String>,
    form: FormData,
) -> Result<Response, Problem> {
    let score = form.get("score").parse().unwrap_or_default();
    match ratings::rate_own(&api.app, visit.actor()?, &reference(&which), score, form.some("comment")).await {
        Ok(()) => back(&api, &visit, &which, "rate", "").await,
        Err(e) => refuse(&api, &visit, &which, e.into(), &form).await,
    }
}

/// Back to the ticket by its public id, however it was named.
async fn back(api: &Api, visit: &Visit, which: &str, did: &str, at: &str) -> Result<Response, Problem> {
    let view = tickets::view(&api.app, visit.actor()?, &reference(which)).await?;
    Ok(Redirect::to(&format!("/portal/{}?did={did}{at}", view.ticket.pid)).into_response())
}

/// The page again, with what was typed.
async fn refuse(api: &Api, visit: &Visit, which: &str, problem: Problem, form: &FormData) -> Result<Response, Problem> {
    let shown = problem.shown();
    if [401, 404].contains(&shown.status) || shown.status >= 500 {
        return Err(problem);
    }
    let id_of = |field: &str| match field {
        "body" => Some("reply"),
        field if field.starts_with("attachments") => Some("files"),
        "score" => Some("rate"),
        _ => None,
    };
    let left = Leftover {
        draft: form.text("body").to_owned(),
        files: form.has_files(),
        refused: Some(error::refused(visit.locale, shown, id_of)),
    };
    answer(api, visit, which, &Params::default(), left, shown.http_status()).await
}

impl Page for PortalPage {
    const TEMPLATE: &'static str = "portal";

    fn title(&self, locale: Locale) -> String {
        i18n::text(locale, "nav-tickets", &[])
    }

    #[cfg(test)]
    fn samples() -> Vec<Self> {
        let now = shared::clock::now();
        let at = When::new(Locale::En, now, now);
        let row = |status: Status| Row {
            pid: "202611-0007".into(),
            href: "/portal/202611-0007".into(),
            subject: "Release 48 stuck".into(),
            plain: Plain::of(status),
            who: (status == Status::Solved).then(|| "Ruth".into()),
            due: (status == Status::New).then(|| at.clone()),
            incident: (status == Status::New).then(Badge::sample),
            at: at.clone(),
        };
        let kinds = choices(Locale::En, "portal-show", &KINDS, "you", Some("portal-show-all"));
        vec![
            PortalPage {
                kinds: kinds.clone(),
                tickets: Status::ALL.iter().map(|s| row(*s)).collect(),
                next: Some("/portal?cursor=x".into()),
                ..PortalPage::default()
            },
            PortalPage { kinds: kinds.clone(), ..PortalPage::default() },
            PortalPage { kinds, q: "deploy".into(), narrowed: true, ..PortalPage::default() },
        ]
    }
}

impl Page for PortalTicketPage {
    const TEMPLATE: &'static str = "portal_ticket";

    fn title(&self, _: Locale) -> String {
        format!("{} · {}", self.pid, self.subject)
    }

    #[cfg(test)]
    fn samples() -> Vec<Self> {
        let now = shared::clock::now();
        let page = |status: Status| PortalTicketPage {
            pid: "202611-0007".into(),
            url: "/portal/202611-0007".into(),
            subject: "Release 48 stuck".into(),
            plain: Plain::of(status),
            due: (status == Status::New).then(|| When::new(Locale::En, now, now)),
            incident: (status == Status::New).then(Badge::sample),
            entries: super::ticket::TicketPage::samples().remove(0).entries,
            earlier: Some("/portal/202611-0007?before=9".into()),
            may_reply: status != Status::Closed,
            may_close: status != Status::Closed,
            may_reopen: status == Status::Closed,
            scores: choices(Locale::En, "rate-score", &["5", "4", "3", "2", "1"], "4", None),
            draft: "typed".into(),
            files_again: true,
            done: Some("Sent.".into()),
            refused: Some(Refused { text: "No.".into(), fields: vec![] }),
        };
        Status::ALL.iter().map(|s| page(*s)).collect()
    }
}
