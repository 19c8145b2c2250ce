//! Changing a ticket by the page's forms. Each goes back to the page, with a line that says what was done; a refused
//! one shows the page again with what was typed.

use super::error;
use super::form_data::FormData;
use super::near::{self, List};
use super::passing::{self, How};
use super::reader::Visit;
use super::ticket_show::{self, Leftover};
use crate::Api;
use crate::extract::Path;
use crate::json::ticket_parts::read_until;
use crate::json::tickets::{judged, reference};
use crate::problem::{Problem, codes};
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use shared::access::{Actor, Capability};
use shared::customers;
use shared::drafts;
use shared::ids::{MessageId, TicketId, UserId};
use shared::messages::{self, MessageKind, Post};
use shared::redact::Redaction;
use shared::tickets::bulk::{self, Act};
use shared::tickets::{self, Priority, Status, Ticket, TicketRef};

/// How long a reply can be taken back (DESIGN 7).
pub(super) const UNDO_SECONDS: i64 = 10;

/// `POST /dashboard/support/{ticket}/messages`
///
/// # Errors
/// 401, 404; a refusal shows the page with the text that was typed.
pub async fn message(
    State(api): State<Api>,
    visit: Visit,
    Path(which): Path<String>,
    form: FormData,
) -> Result<Response, Problem> {
    let note = kind(&form) == MessageKind::Note;
    let post = Post {
        body: form.text("body").to_owned(),
        note,
        status_after: form.some("status_after").and_then(|s| s.parse().ok()),
        undo_seconds: if visit.is_agent() && !note { UNDO_SECONDS } else { 0 },
        expected_version: form.version(),
        attachments: form.attach(),
        send_after: form.some("send_after_utc").or(form.some("send_after")).and_then(minute),
        force: form.get("force") == "1",
        anyway: form.get("anyway") == "1",
        careful: visit.is_agent(),
        add: form.addresses("add"),
        without: left_out(&form),
        canned: form.all("canned").filter_map(|id| id.parse().ok()).collect(),
        bcc: form.addresses("bcc"),
        answer_to: form.some("reply_to").map(str::to_owned),
    };
    let which = reference(&which);
    let finishes = post.status_after.filter(|status| !note && status.is_done());
    let leaves = match finishes {
        Some(to) => leaves(&api, &visit, &which).await?.map(|left| (left, to)),
        None => None,
    };
    match (messages::post(&api.app, visit.actor()?, &which, post).await, leaves) {
        (Ok(id), Some(((list, stood), to))) => passing::on(&api, &visit, &list, &stood, to, How::With(id)).await,
        (Ok(id), None) => back(&api, &visit, &which, if note { "note" } else { "reply" }, Some(id)).await,
        (Err(e), _) => refuse(&api, &visit, &which, e.into(), Some(&form)).await,
    }
}

/// Whom the page showed as recipients, and the form has no longer.
fn left_out(form: &FormData) -> Vec<UserId> {
    let ids = |name| form.all(name).filter_map(|id| id.parse().ok()).collect::<Vec<UserId>>();
    let to = ids("to");
    ids("shown").into_iter().filter(|id| !to.contains(id)).collect()
}

/// `POST /dashboard/support/{ticket}/draft/discard`
///
/// # Errors
/// 401, 404.
pub async fn discard(
    State(api): State<Api>,
    visit: Visit,
    Path(which): Path<String>,
    form: FormData,
) -> Result<Response, Problem> {
    let which = reference(&which);
    drafts::discard(&api.app, visit.actor()?, &which, kind(&form)).await?;
    back(&api, &visit, &which, "discard", None).await
}

fn kind(form: &FormData) -> MessageKind {
    if form.get("kind") == "note" { MessageKind::Note } else { MessageKind::Reply }
}

/// Reads what a browser's field for date and time gives, in UTC.
fn minute(text: &str) -> Option<shared::clock::Time> {
    chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M").ok().map(|t| t.and_utc())
}

/// `POST /dashboard/support/{ticket}/messages/{message}/withdraw`
///
/// # Errors
/// 401, 404; a refusal shows the page.
pub async fn withdraw(
    State(api): State<Api>,
    visit: Visit,
    Path((which, message)): Path<(String, MessageId)>,
    _: FormData,
) -> Result<Response, Problem> {
    let which = reference(&which);
    match messages::withdraw(&api.app, visit.actor()?, &which, message).await {
        Ok(()) => back(&api, &visit, &which, "withdraw", Some(message)).await,
        Err(e) => refuse(&api, &visit, &which, e.into(), None).await,
    }
}

/// `POST /dashboard/support/{ticket}/messages/{message}/send`
///
/// # Errors
/// 401, 404; a refusal shows the page.
pub async fn send(
    State(api): State<Api>,
    visit: Visit,
    Path((which, message)): Path<(String, MessageId)>,
    _: FormData,
) -> Result<Response, Problem> {
    let which = reference(&which);
    match messages::send_now(&api.app, visit.actor()?, &which, message).await {
        Ok(()) => back(&api, &visit, &which, "send", Some(message)).await,
        Err(e) => refuse(&api, &visit, &which, e.into(), None).await,
    }
}

/// `POST /dashboard/support/{ticket}/status`
///
/// # Errors
/// 401, 404; a refusal shows the page.
pub async fn status(
    State(api): State<Api>,
    visit: Visit,
    Path(which): Path<String>,
    form: FormData,
) -> Result<Response, Problem> {
    let which = reference(&which);
    let Ok(status) = form.get("status").parse::<Status>() else {
        let wrong = unknown(&api, visit.actor()?, &which, "status").await;
        return refuse(&api, &visit, &which, wrong, None).await;
    };
    if status.is_done()
        && let Some((list, stood)) = leaves(&api, &visit, &which).await?
    {
        return finish(&api, &visit, (&list, &stood), (Act::Status(status), status), form.version()).await;
    }
    let done = tickets::set_status(&api.app, visit.actor()?, &which, status, None, form.version()).await;
    answer(&api, &visit, &which, done, "status").await
}

/// `POST /dashboard/support/{ticket}/priority`
///
/// # Errors
/// 401, 404; a refusal shows the page.
pub async fn priority(
    State(api): State<Api>,
    visit: Visit,
    Path(which): Path<String>,
    form: FormData,
) -> Result<Response, Problem> {
    let which = reference(&which);
    let Ok(priority) = form.get("priority").parse::<Priority>() else {
        let wrong = unknown(&api, visit.actor()?, &which, "priority").await;
        return refuse(&api, &visit, &which, wrong, None).await;
    };
    let done = tickets::set_priority(&api.app, visit.actor()?, &which, priority, form.version()).await;
    answer(&api, &visit, &which, done, "priority").await
}

/// `POST /dashboard/support/{ticket}/assign`: to nobody if the field is empty.
///
/// # Errors
/// 401, 404; a refusal shows the page.
pub async fn assign(
    State(api): State<Api>,
    visit: Visit,
    Path(which): Path<String>,
    form: FormData,
) -> Result<Response, Problem> {
    let which = reference(&which);
    let to = match form.some("assigned_to").map(str::parse) {
        None => None,
        Some(Ok(id)) => Some(id),
        Some(Err(_)) => {
            let wrong = unknown(&api, visit.actor()?, &which, "assigned_to").await;
            return refuse(&api, &visit, &which, wrong, None).await;
        }
    };
    let done = tickets::assign(&api.app, visit.actor()?, &which, to, form.version()).await;
    answer(&api, &visit, &which, done, "assign").await
}

/// `POST /dashboard/support/{ticket}/link-incident`: to none if the field is empty.
///
/// # Errors
/// 401, 404; a refusal shows the page.
pub async fn link_incident(
    State(api): State<Api>,
    visit: Visit,
    Path(which): Path<String>,
    form: FormData,
) -> Result<Response, Problem> {
    let which = reference(&which);
    let to = match form.some("incident_id").map(str::parse) {
        None => None,
        Some(Ok(id)) => Some(id),
        Some(Err(_)) => {
            let wrong = unknown(&api, visit.actor()?, &which, "incident_id").await;
            return refuse(&api, &visit, &which, wrong, None).await;
        }
    };
    let done = shared::incidents::link(&api.app, visit.actor()?, &which, to, form.version()).await;
    answer(&api, &visit, &which, done, "incident-link").await
}

/// `POST /dashboard/support/{ticket}/tags`: puts a tag on, or takes one off.
///
/// # Errors
/// 401, 404; a refusal shows the page.
pub async fn tags(
    State(api): State<Api>,
    visit: Visit,
    Path(which): Path<String>,
    form: FormData,
) -> Result<Response, Problem> {
    let which = reference(&which);
    let add: Vec<String> = form.get("add").split(',').map(str::to_owned).filter(|t| !t.trim().is_empty()).collect();
    let remove: Vec<String> = form.all("remove").map(str::to_owned).collect();
    let done = tickets::change_tags(&api.app, visit.actor()?, &which, &add, &remove, form.version()).await;
    answer(&api, &visit, &which, done, "tags").await
}

/// `POST /dashboard/support/{ticket}/customer-note`: keeps in mind what there is to know about the customer.
///
/// # Errors
/// 401, 404; a refusal shows the page with the text that was typed.
pub async fn customer_note(
    State(api): State<Api>,
    visit: Visit,
    Path(which): Path<String>,
    form: FormData,
) -> Result<Response, Problem> {
    let which = reference(&which);
    let text = form.text("customer_note");
    match customers::set_note(&api.app, visit.actor()?, &which, text, form.version()).await {
        Ok(_) => back(&api, &visit, &which, "customer-note", None).await,
        Err(e) => refuse(&api, &visit, &which, e.into(), Some(&form)).await,
    }
}

/// `POST /dashboard/support/{ticket}/take`
///
/// # Errors
/// 401, 404; a refusal shows the page.
pub async fn take(
    State(api): State<Api>,
    visit: Visit,
    Path(which): Path<String>,
    form: FormData,
) -> Result<Response, Problem> {
    let which = reference(&which);
    let done = tickets::take(&api.app, visit.actor()?, &which, form.version()).await;
    answer(&api, &visit, &which, done, "assign").await
}

/// `POST /dashboard/support/{ticket}/close`
///
/// # Errors
/// 401, 404; a refusal shows the page.
pub async fn close(
    State(api): State<Api>,
    visit: Visit,
    Path(which): Path<String>,
    form: FormData,
) -> Result<Response, Problem> {
    let which = reference(&which);
    if let Some((list, stood)) = leaves(&api, &visit, &which).await? {
        return finish(&api, &visit, (&list, &stood), (Act::Close, Status::Closed), form.version()).await;
    }
    let done = tickets::close(&api.app, visit.actor()?, &which, form.version()).await;
    answer(&api, &visit, &which, done, "close").await
}

/// `POST /dashboard/support/{ticket}/reopen`
///
/// # Errors
/// 401, 404; a refusal shows the page.
pub async fn reopen(
    State(api): State<Api>,
    visit: Visit,
    Path(which): Path<String>,
    form: FormData,
) -> Result<Response, Problem> {
    let which = reference(&which);
    let done = tickets::reopen(&api.app, visit.actor()?, &which, form.version()).await;
    answer(&api, &visit, &which, done, "reopen").await
}

/// `POST /dashboard/support/{ticket}/erase`: for good, once the ticket's public id was typed (E13.1).
///
/// # Errors
/// 401, 404; a refusal shows the page.
pub async fn erase(
    State(api): State<Api>,
    visit: Visit,
    Path(which): Path<String>,
    form: FormData,
) -> Result<Response, Problem> {
    let which = reference(&which);
    let view = tickets::view(&api.app, visit.actor()?, &which).await?;
    visit.actor()?.require(Capability::TicketsErase)?;
    if form.get("confirm").trim() != view.ticket.pid {
        return refuse(&api, &visit, &which, Problem::new(codes::NOT_CONFIRMED), None).await;
    }
    let done = shared::erase::ticket(&api.app, visit.actor()?, &which, form.version()).await;
    answer(&api, &visit, &which, done, "erase").await
}

/// `POST /dashboard/support/{ticket}/erase-requester`: the person and all of their tickets, once their address was typed.
///
/// # Errors
/// 401, 404; a refusal shows the page.
pub async fn erase_requester(
    State(api): State<Api>,
    visit: Visit,
    Path(which): Path<String>,
    form: FormData,
) -> Result<Response, Problem> {
    let which = reference(&which);
    let view = tickets::view(&api.app, visit.actor()?, &which).await?;
    visit.actor()?.require(Capability::TicketsErase)?;
    if !form.get("confirm").trim().eq_ignore_ascii_case(&view.requester_email) {
        return refuse(&api, &visit, &which, Problem::new(codes::NOT_CONFIRMED), None).await;
    }
    match shared::erase::person(&api.app, visit.actor()?, view.ticket.requester_id).await {
        Ok(_) => back(&api, &visit, &which, "erase-person", None).await,
        Err(e) => refuse(&api, &visit, &which, e.into(), None).await,
    }
}

/// `POST /dashboard/support/{ticket}/requester`
///
/// # Errors
/// 401, 404; a refusal shows the page.
pub async fn requester(
    State(api): State<Api>,
    visit: Visit,
    Path(which): Path<String>,
    form: FormData,
) -> Result<Response, Problem> {
    let which = reference(&which);
    let (email, name) = (form.get("email"), form.some("name"));
    let done = tickets::set_requester(&api.app, visit.actor()?, &which, email, name, form.version()).await;
    answer(&api, &visit, &which, done, "requester").await
}

/// `POST /dashboard/support/{ticket}/messages/{message}/split`: leads to the new ticket.
///
/// # Errors
/// 401, 404; a refusal shows the page.
pub async fn split(
    State(api): State<Api>,
    visit: Visit,
    Path((which, message)): Path<(String, MessageId)>,
    _: FormData,
) -> Result<Response, Problem> {
    let which = reference(&which);
    match tickets::split(&api.app, visit.actor()?, &which, &[message], None, None).await {
        Ok(new) => back(&api, &visit, &TicketRef::Id(new), "apart", None).await,
        Err(e) => refuse(&api, &visit, &which, e.into(), None).await,
    }
}

/// `POST /dashboard/support/{ticket}/snooze`: puts it off, or wakes it.
///
/// # Errors
/// 401, 404; a refusal shows the page.
pub async fn snooze(
    State(api): State<Api>,
    visit: Visit,
    Path(which): Path<String>,
    form: FormData,
) -> Result<Response, Problem> {
    let (app, actor, which) = (&api.app, visit.actor()?, reference(&which));
    let words = form.some("preset").unwrap_or(form.get("words"));
    let until = match form.get("wake") {
        "1" => Ok(None),
        _ => read_until(app, actor, words, form.some("time_zone")).await.map(Some),
    };
    let until = match judged(app, actor, &which, Capability::TicketsUpdate, until).await {
        Ok(until) => until,
        Err(problem) => return refuse(&api, &visit, &which, problem, Some(&form)).await,
    };
    match bulk::act(app, actor, &which, &Act::Snooze(until), form.version()).await {
        Ok(done) => {
            let did = if until.is_some() { "snooze" } else { "wake" };
            let undo = done.undo.map_or_else(String::new, |undo| bulk::write_undo(&[undo]));
            Ok(Redirect::to(&near::href(&visit, &done.pid, &[("did", did), ("undo", &undo)])).into_response())
        }
        Err(e) => {
            let problem: Problem = e.into();
            // Words that came too late are no reply that crossed another one.
            let typed = (problem.shown().code != codes::STALE_TICKET.code).then_some(&form);
            refuse(&api, &visit, &which, problem, typed).await
        }
    }
}

/// `POST /dashboard/support/{ticket}/messages/{message}/redact`: words, one passage a line, and files, once it was confirmed.
///
/// # Errors
/// 401, 404; a refusal shows the page.
pub async fn redact(
    State(api): State<Api>,
    visit: Visit,
    Path((which, message)): Path<(String, MessageId)>,
    form: FormData,
) -> Result<Response, Problem> {
    let which = reference(&which);
    let actor = visit.actor()?;
    tickets::find(&api.app, actor, &which).await?;
    actor.require(Capability::TicketsRedact)?;
    if form.get("confirm") != "1" {
        return refuse(&api, &visit, &which, Problem::new(codes::NOT_CONFIRMED), None).await;
    }
    let what = Redaction {
        message,
        words: form.text("words").lines().map(str::to_owned).collect(),
        files: form.all("file").filter_map(|id| id.parse().ok()).collect(),
        expected_version: None,
    };
    match shared::redact::redact(&api.app, actor, &which, what).await {
        Ok(_) => back(&api, &visit, &which, "redact", Some(message)).await,
        Err(e) => refuse(&api, &visit, &which, e.into(), None).await,
    }
}

/// `POST /dashboard/support/{ticket}/merge`: leads to the ticket that goes on for both.
///
/// # Errors
/// 401, 404; a refusal shows the page.
pub async fn merge(
    State(api): State<Api>,
    visit: Visit,
    Path(which): Path<String>,
    form: FormData,
) -> Result<Response, Problem> {
    let (which, into) = (reference(&which), reference(form.get("into").trim()));
    match tickets::merge(&api.app, visit.actor()?, &which, &into, form.version()).await {
        Ok(into) => back(&api, &visit, &TicketRef::Id(into), "merge", None).await,
        Err(e) => refuse(&api, &visit, &which, e.into(), None).await,
    }
}

/// `POST /dashboard/support/{ticket}/unmerge`: leads to the ticket, which has its messages again.
///
/// # Errors
/// 401, 404; a refusal shows the page.
pub async fn unmerge(
    State(api): State<Api>,
    visit: Visit,
    Path(which): Path<String>,
    _: FormData,
) -> Result<Response, Problem> {
    let which = reference(&which);
    let done = tickets::unmerge(&api.app, visit.actor()?, &which, None).await;
    answer(&api, &visit, &which, done, "unmerge").await
}

/// Returns the list that an agent leaves a ticket for, and the ticket as it stands there; None for others.
async fn leaves(api: &Api, visit: &Visit, which: &TicketRef) -> Result<Option<(List, Ticket)>, Problem> {
    let Some(list) = List::of(api, visit).await? else { return Ok(None) };
    let stood = tickets::view(&api.app, visit.actor()?, which).await?.ticket;
    Ok(Some((list, stood)))
}

/// Solves or closes a ticket, and goes on to the next one of the list.
async fn finish(
    api: &Api,
    visit: &Visit,
    (list, stood): (&List, &Ticket),
    (act, to): (Act, Status),
    version: Option<i64>,
) -> Result<Response, Problem> {
    let which = TicketRef::Id(stood.id);
    match bulk::act(&api.app, visit.actor()?, &which, &act, version).await {
        Ok(done) => {
            let undo = done.undo.map_or_else(String::new, |undo| bulk::write_undo(&[undo]));
            passing::on(api, visit, list, stood, to, How::Alone(&undo)).await
        }
        Err(e) => refuse(api, visit, &which, e.into(), None).await,
    }
}

/// What is wrong with an act whose value is not known: that comes after whether the actor may act (DESIGN 4).
async fn unknown(api: &Api, actor: &Actor, which: &TicketRef, field: &str) -> Problem {
    match tickets::find(&api.app, actor, which).await {
        Err(e) => e.into(),
        Ok(_) => match actor.require(Capability::TicketsUpdate) {
            Err(denied) => denied.into(),
            Ok(()) => Problem::field(field, "unknown_value", "is not known"),
        },
    }
}

async fn answer(
    api: &Api,
    visit: &Visit,
    which: &TicketRef,
    done: tickets::Result<TicketId>,
    did: &str,
) -> Result<Response, Problem> {
    match done {
        Ok(_) => back(api, visit, which, did, None).await,
        Err(e) => refuse(api, visit, which, e.into(), None).await,
    }
}

/// Leads back to the ticket's page, at the message that was written.
async fn back(
    api: &Api,
    visit: &Visit,
    which: &TicketRef,
    did: &str,
    at: Option<MessageId>,
) -> Result<Response, Problem> {
    let pid = tickets::view(&api.app, visit.actor()?, which).await?.ticket.pid;
    let at = at.map(|id| format!("#m-{id}")).unwrap_or_default();
    Ok(Redirect::to(&format!("{}{at}", near::href(visit, &pid, &[("did", did)]))).into_response())
}

/// Shows the page again with why, and with what was typed; if not even that can be done, the text stands on the page
/// that says so.
async fn refuse(
    api: &Api,
    visit: &Visit,
    which: &TicketRef,
    problem: Problem,
    form: Option<&FormData>,
) -> Result<Response, Problem> {
    let shown = problem.shown();
    if [401, 404].contains(&shown.status) {
        return Err(problem);
    }
    let typed = form.map_or("", |f| f.text("body"));
    let mut left = Leftover::default();
    if let Some(form) = form {
        left = leftover(form, shown.code);
        // What was not sent is kept, wherever its author reads on; a failure here must not hide the refusal.
        if !typed.is_empty() {
            let _ = drafts::save(&api.app, visit.actor()?, which, kind(form), typed).await;
        }
    }
    if left.crossed.is_none() {
        left.refused = Some(error::refused(visit.locale, shown, |field| match field {
            "words" | "until" | "time_zone" => Some("snooze-words"),
            "note" => Some("customer-note"),
            _ => Some(if left.note_mode { "note" } else { "reply" }),
        }));
    }
    let status = shown.http_status();
    match ticket_show::answer(api, visit, which, &Default::default(), left, status).await {
        Ok(page) => Ok(page),
        Err(_) if !typed.is_empty() => Ok(error::with_draft(visit, shown, typed)),
        Err(_) => Err(problem),
    }
}

/// What a refused message leaves on the page.
fn leftover(form: &FormData, code: &str) -> Leftover {
    let note_mode = kind(form) == MessageKind::Note;
    let typed = form.text("body").to_owned();
    let (reply, note) = if note_mode { (String::new(), typed) } else { (typed, String::new()) };
    Leftover {
        reply,
        note,
        note_mode,
        crossed: form.version().filter(|_| code == codes::STALE_TICKET.code),
        anyway: [codes::NOTE_IN_REPLY.code, codes::FILE_MISSING.code].contains(&code),
        status_after: form.some("status_after").map(str::to_owned),
        add: form.get("add").to_owned(),
        bcc: form.get("bcc").to_owned(),
        send_after: form.get("send_after").to_owned(),
        without: left_out(form),
        snooze: form.some("words").map(str::to_owned),
        customer_note: form.some("customer_note").map(|_| form.text("customer_note").to_owned()),
        refused: None,
    }
}
