//! Showing a ticket: reads what belongs to it and fills the page, fresh or after a form that was refused.

use super::conversation::{File, Parts};
use super::customer::Customer;
use super::format::When;
use super::incidents::{self, Badge};
use super::near::{self, Leafed, List};
use super::parts::{Person, Refused, TicketLink, choices};
use super::passing::Passed;
use super::reader::Visit;
use super::render;
use super::snoozed::Snoozed;
use super::ticket::{Can, Colleague, Crossed, MergeOffer, MergedLine, Participant, RatingView, TicketPage};
use super::{clocks, lists, mail, recipients};
use crate::Api;
use crate::extract::{Path, Query};
use crate::json::tickets::reference;
use crate::problem::Problem;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use shared::access::{Actor, Capability};
use shared::address;
use shared::drafts;
use shared::i18n;
use shared::ids::{MessageId, UserId};
use shared::mail_in::cards::MailView;
use shared::mail_out::outbox;
use shared::messages::{self, MessageKind, Side};
use shared::ratings;
use shared::tickets::{self, EventView, ParticipantKind, ParticipantState, Priority, Status, TicketRef, TicketView};
use shared::users::{self, User};
use std::collections::HashMap;

/// How many messages a page shows at most; earlier ones on demand.
const MESSAGES: i64 = 50;
/// How many of the newest it shows where fewer are new to the reader.
const NEWEST: usize = 20;
/// How much of the conversation follows a message that was looked for, in seqs.
const AROUND: i64 = 25;
/// How many events and deliveries are read along; more belong to earlier messages.
const EVENTS: i64 = 2_000;

/// The address's parameters.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Params {
    before: Option<i64>,
    /// A message that is to be on the page.
    at: Option<i64>,
    did: String,
    /// How that is taken back.
    undo: String,
    /// With how many tickets that was not possible.
    refused: String,
    /// The column ends above this place of the list.
    above: String,
    /// It begins below this one.
    below: String,
}

/// What a refused form leaves behind on the page.
#[derive(Debug, Default)]
pub struct Leftover {
    /// The text of a reply.
    pub reply: String,
    /// The text of a note.
    pub note: String,
    /// The composer stands on note.
    pub note_mode: bool,
    /// Somebody wrote since this version, which the form's author saw.
    pub crossed: Option<i64>,
    /// It can be sent all the same.
    pub anyway: bool,
    /// The status that the ticket was to get with it.
    pub status_after: Option<String>,
    /// Who was to join.
    pub add: String,
    /// Who was to get it unseen.
    pub bcc: String,
    /// When it was to leave.
    pub send_after: String,
    /// Who was not to get it.
    pub without: Vec<UserId>,
    /// Until when it was to be put off.
    pub snooze: Option<String>,
    /// What was to be kept in mind about the customer.
    pub customer_note: Option<String>,
    /// Why it was refused.
    pub refused: Option<Refused>,
}

/// `GET /dashboard/support/{ticket}`
///
/// # Errors
/// 401, 404 `ticket_not_found`.
pub async fn show(
    State(api): State<Api>,
    visit: Visit,
    Path(which): Path<String>,
    Query(params): Query<Params>,
) -> Result<Response, Problem> {
    answer(&api, &visit, &reference(&which), &params, Leftover::default(), StatusCode::OK).await
}

/// Leaves the newest messages of a page, from the last that the reader knows.
fn begin_at_news(page: &mut messages::Page, had_read: Option<i64>) {
    let new = page.messages.iter().filter(|m| had_read.is_some_and(|read| m.seq > read)).count();
    let over = page.messages.len().saturating_sub(NEWEST.max(new + 1));
    page.messages.drain(..over);
    if over > 0 {
        page.earlier = page.messages.first().map(|m| m.seq);
    }
}

/// Answers with the ticket's page.
///
/// # Errors
/// 401, 404 `ticket_not_found`.
pub async fn answer(
    api: &Api,
    visit: &Visit,
    which: &TicketRef,
    params: &Params,
    left: Leftover,
    status: StatusCode,
) -> Result<Response, Problem> {
    let actor = visit.actor()?;
    let app = &api.app;
    let view = tickets::view(app, actor, which).await?;
    let which = TicketRef::Id(view.ticket.id);
    let mut page = messages::page(app, actor, &which, params.before, MESSAGES).await?;
    if let Some(at) = params.at
        && page.earlier.is_some_and(|first| at < first)
    {
        page = messages::page(app, actor, &which, Some(at + AROUND), MESSAGES).await?;
    }
    let newest = page.messages.last().map_or(0, |m| m.seq);
    let had_read = match visit.ahead || newest == 0 {
        true => tickets::read_before(app, actor, view.ticket.id).await?,
        false => tickets::look(app, actor, view.ticket.tenant_id, view.ticket.id, newest).await?,
    };
    if params.before.is_none() && params.at.is_none() {
        begin_at_news(&mut page, had_read);
    }
    let ids: Vec<MessageId> = page.messages.iter().map(|m| m.id).collect();
    let mut read = app.db.read(actor.tickets().rows());
    let files = shared::attachments::of_messages(&mut read, &ids).await?;
    let people = tickets::participants(&mut read, &[view.ticket.id]).await?;
    let events = tickets::events(app, actor, &which, view.ticket.version - EVENTS, EVENTS).await?;
    let deliveries = outbox::of_ticket(app, actor, &which, EVENTS).await?;
    let agents = if visit.is_agent() { users::agents(&app.db, Some(view.ticket.tenant_id)).await? } else { Vec::new() };
    let rating = match visit.is_agent() {
        true => ratings::of_ticket(&mut read, view.ticket.tenant_id, view.ticket.id).await?,
        false => None,
    };
    let rating = rating.and_then(|r| Some(RatingView { score: r.score?.to_string(), comment: r.comment }));
    let names = names(&view, &events, &people, &agents);
    let list = List::of(api, visit).await?;
    let near = match &list {
        Some(list) => {
            Some(list.column(api, visit, &view, Leafed { above: &params.above, below: &params.below }).await?)
        }
        None => None,
    };
    let from = near::query(visit);
    let from = if from.is_empty() { from } else { format!("?{from}") };
    let url = TicketLink::new(&view.ticket.pid).href;
    let files: Vec<File> = files.into_iter().filter_map(File::of).collect();
    let joins = tickets::joins_of(app, actor, view.ticket.id).await?;
    let merged_into = match view.ticket.merged_into {
        Some(id) => tickets::view(app, actor, &id.into()).await.ok().map(|v| TicketLink::new(&v.ticket.pid)),
        None => None,
    };
    let merged_here = tickets::merged_here(app, actor, view.ticket.id).await?;
    let merge_with = tickets::merges_offered(app, actor, &view.ticket).await?;
    let also_addressed = match visit.is_agent() {
        true => tickets::also_addressed(app, actor, &view.ticket).await?,
        false => Vec::new(),
    };
    let parts = Parts {
        may_split: actor.can(Capability::TicketsMerge) && view.ticket.message_count > 1,
        may_redact: actor.can(Capability::TicketsRedact) && view.ticket.erased_at.is_none(),
        url: &url,
        from: &from,
        locale: visit.locale,
        now: visit.now,
        reader: actor.user,
        agent: visit.is_agent(),
        may_explain: actor.can(Capability::MailRead),
        may_raw: actor.can(Capability::MailRaw),
        may_act: actor.can(Capability::MailReplay),
        cut: page.earlier.is_some(),
        read: had_read,
        messages: &page.messages,
        files: &files,
        deliveries: &deliveries,
        events: &events,
        names: &names,
    };
    let can = can(actor, &view);
    let entries = parts.entries();
    let begun = if can.write { drafts::of(app, actor, &which).await? } else { Vec::new() };
    let begun = |kind| begun.iter().find(|d| d.kind == kind).map_or_else(String::new, |d| d.body.clone());
    let fresh = left.reply.is_empty() && left.note.is_empty();
    let reply_draft = if left.reply.is_empty() { begun(MessageKind::Reply) } else { left.reply };
    let note_draft = if left.note.is_empty() { begun(MessageKind::Note) } else { left.note };
    let to = match visit.is_agent() && can.reply {
        true => recipients::shown(visit.locale, messages::recipients(app, actor, &which).await?, &left.without),
        false => recipients::To::default(),
    };
    let (can_erase, can_update) = (can.erase, can.update);
    let snoozed = view.ticket.snoozed_until.map(|at| Snoozed::new(visit, at));
    let locale = visit.locale;
    // What was to be taken back may have changed since.
    let did = if ["", "0"].contains(&params.refused.as_str()) { params.did.as_str() } else { "not-undone" };
    let ticket = &view.ticket;
    let me = |id: Option<UserId>| id.is_some() && id == actor.user;
    let shown = TicketPage {
        list: list.map_or_else(|| "/dashboard/support".to_owned(), |l| format!("{}#t-{}", l.href(None), ticket.pid)),
        near,
        subject: clocks::subject(locale, &ticket.subject),
        newest,
        version: ticket.version,
        status: ticket.status.as_str().to_owned(),
        priority: ticket.priority.as_str().to_owned(),
        channel: ticket.channel.as_str().to_owned(),
        created: When::in_full(locale, ticket.created_at, visit.now),
        category: view.category_name.clone(),
        tags: view.tags.clone(),
        sla: if visit.is_agent() { clocks::next(locale, visit.now, ticket) } else { None },
        clocks: if visit.is_agent() { clocks::both(locale, visit.now, ticket) } else { Vec::new() },
        requester: Customer::of(api, visit, &view, left.customer_note).await?,
        assignee: ticket.assigned_to.map(|id| {
            let email = view.assignee_email.as_deref().unwrap_or_default();
            Person::new(view.assignee_name.as_deref(), email, me(Some(id)))
        }),
        participants: people
            .iter()
            .filter(|p| p.kind != ParticipantKind::Requester && (visit.is_agent() || !p.is_unseen()))
            .map(participant)
            .collect(),
        stale: left.crossed.map(|seen| Crossed::of(&entries, seen)),
        entries,
        joins: joins.iter().map(|j| super::joins::hint(locale, visit.now, Some(ticket.id), j)).collect(),
        merged_into,
        merged_here: merged_here.into_iter().map(|m| merged_line(visit, m)).collect(),
        merge_with: merge_with.into_iter().map(|o| MergeOffer { pid: o.pid, subject: o.subject }).collect(),
        no_requester: can.update && has_no_requester(&view),
        also_addressed,
        earlier: page.earlier.map(|seq| near::href(visit, &ticket.pid, &[("before", &seq.to_string())])),
        trail: parts.trail(),
        agent: visit.is_agent(),
        closed_text: (!can.write && can.reopen).then(|| i18n::text(locale, "closed-customer", &[])),
        to,
        colleagues: if can.note { colleagues(&agents) } else { Vec::new() },
        tenant_id: ticket.tenant_id.0,
        most_bytes: app.config.max_file_bytes,
        most: super::format::size(locale, app.config.max_file_bytes as u64),
        add: left.add,
        bcc: left.bcc,
        send_after: left.send_after,
        status_after: left.status_after,
        anyway: left.anyway,
        answer_to: if visit.is_agent() { offered(&view, &page.messages) } else { None },
        rating,
        can,
        snoozed,
        snooze_words: left.snooze,
        undo: Some(params.undo.clone()).filter(|undo| !undo.is_empty()),
        undelivered: if reply_draft.trim().is_empty() { None } else { parts.undelivered() },
        note_mode: left.note_mode || (fresh && reply_draft.is_empty() && !note_draft.is_empty()),
        reply_draft,
        note_draft,
        refused: left.refused,
        done: mail::done(locale, Some(did)),
        passed: Passed::next(visit, &near::params(visit)).filter(|_| visit.is_agent()),
        erased: ticket.erased_at.map(|at| When::new(locale, at, visit.now)),
        erasable: (can_erase && view.requester_email.contains('@')).then(|| view.requester_email.clone()),
        statuses: choices(locale, "status", &texts(Status::ALL, Status::as_str), ticket.status.as_str(), None),
        priorities: choices(
            locale,
            "priority",
            &texts(Priority::ALL, Priority::as_str),
            ticket.priority.as_str(),
            None,
        ),
        assignees: match visit.is_agent() {
            true => lists::owners(visit, agents, ticket.assigned_to),
            false => Vec::new(),
        },
        incident: Badge::of(&view),
        incidents: match actor.can(Capability::TicketsLinkIncident) && can_update {
            true => incidents::offered(api, visit, &view).await?,
            false => Vec::new(),
        },
        pid: ticket.pid.clone(),
        url,
        from,
    };
    Ok(render::page(status, &visit.shell(""), &shown))
}

fn texts<T: Copy>(all: &[T], text: fn(T) -> &'static str) -> Vec<&'static str> {
    all.iter().map(|v| text(*v)).collect()
}

/// What the reader may do: the page offers what the verbs would allow.
fn can(actor: &Actor, view: &TicketView) -> Can {
    // Nothing changes in what was erased.
    if view.ticket.erased_at.is_some() {
        return Can::default();
    }
    let merge = actor.can(Capability::TicketsMerge);
    // Nor in what went into another ticket, until that is undone.
    if view.ticket.merged_into.is_some() {
        return Can { merge, erase: actor.can(Capability::TicketsErase), ..Can::default() };
    }
    let status = view.ticket.status;
    let agent = actor.is_agent();
    let open = agent || status != Status::Closed;
    let reply = open && actor.can(Capability::TicketsReply);
    let note = actor.can(Capability::TicketsNote);
    let close = actor.can(Capability::TicketsClose);
    Can {
        write: reply || note,
        reply,
        note,
        update: actor.can(Capability::TicketsUpdate),
        snooze: actor.can(Capability::TicketsUpdate) && !status.is_done(),
        assign: actor.can(Capability::TicketsAssign),
        tag: actor.can(Capability::TicketsTag),
        take: actor.can(Capability::TicketsTake) && view.ticket.assigned_to != actor.user,
        merge,
        erase: actor.can(Capability::TicketsErase),
        close: close && status != Status::Closed,
        reopen: close && status.is_done(),
    }
}

/// Colleagues by the names that a note can use.
fn colleagues(agents: &[User]) -> Vec<Colleague> {
    let names = messages::Names::of(agents.to_vec());
    let one =
        |a: &User| Colleague { handle: names.handle(a), name: Person::new(a.name.as_deref(), &a.email, false).name };
    agents.iter().map(one).collect()
}

/// Whether nobody has said yet whose ticket it is: the agent who forwarded its mail stands in, or our own mailbox (E6.3,
/// E6.6).
fn has_no_requester(view: &TicketView) -> bool {
    let t = &view.ticket;
    let by_forward = t.channel == tickets::Channel::Email && t.created_by == Some(t.requester_id);
    by_forward || !view.requester_email.contains('@')
}

fn merged_line(visit: &Visit, m: tickets::Merged) -> MergedLine {
    let at = When::new(visit.locale, m.merged_at, visit.now);
    MergedLine {
        href: TicketLink::new(&m.pid).href,
        pid: m.pid,
        subject: clocks::subject(visit.locale, &m.subject),
        at,
    }
}

fn participant(p: &tickets::Participant) -> Participant {
    let person = Person::new(p.name.as_deref(), &p.email, false);
    let kind = match p.state {
        ParticipantState::NewSender => "new_sender",
        ParticipantState::Accepted => p.kind.as_str(),
    };
    Participant { initials: person.initials, name: person.name, email: person.email, kind: kind.to_owned() }
}

/// The address that the customer's newest mail wants its answer at, where that is outside their domain.
fn offered(view: &TicketView, messages: &[messages::Message]) -> Option<String> {
    let of_requester = |m: &&messages::Message| m.mail_id.is_some() && matches!(m.side, Side::Customer | Side::Staff);
    let newest = messages.iter().filter(of_requester).max_by_key(|m| m.seq)?;
    let own = newest.author_id == Some(view.ticket.requester_id) && newest.forwarded_by.is_none();
    let reply_to = MailView::from_json(newest.mail_view.as_deref()).reply_to?;
    (own && address::key(&reply_to) != address::key(&view.requester_email)).then_some(reply_to)
}

/// What users are called, as far as the page names any.
fn names(
    view: &TicketView,
    events: &[EventView],
    people: &[tickets::Participant],
    agents: &[User],
) -> HashMap<UserId, String> {
    let name = |name: Option<&str>, email: &str| Person::new(name, email, false).name;
    let mut names = HashMap::new();
    for user in agents {
        names.insert(user.id, name(user.name.as_deref(), &user.email));
    }
    for person in people {
        names.insert(person.user_id, name(person.name.as_deref(), &person.email));
    }
    for e in events {
        if let (Some(id), Some(email)) = (e.event.actor_id, &e.actor_email) {
            names.insert(id, name(e.actor_name.as_deref(), email));
        }
    }
    if let (Some(id), Some(email)) = (view.ticket.assigned_to, &view.assignee_email) {
        names.insert(id, name(view.assignee_name.as_deref(), email));
    }
    names
}
