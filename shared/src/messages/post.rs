//! Writing a message: a reply, which leaves as mail, or an internal note.

use super::guard;
use super::mentions::{self, Names};
use super::types::{MessageKind, Side};
use crate::access::{Actor, Capability, Role};
use crate::address;
use crate::app::App;
use crate::attachments::{self, Attach};
use crate::canned;
use crate::clock::Time;
use crate::compiled_here;
use crate::drafts;
use crate::events::EventKind;
use crate::ids::{CannedId, MessageId, OutboxId, UserId};
use crate::mail_in::html;
use crate::mail_out::answered::{self, Answered};
use crate::mail_out::enqueue::{self, Recipient, Reply};
use crate::mail_out::outbox::Template;
use crate::mail_out::schedule;
use crate::markdown::{self, Written};
use crate::store::dialect;
use crate::tickets::{
    self, Change, Error, NewMessage, ParticipantKind, ParticipantState, Result, Status, TicketRef, by,
};
use chrono::Duration;
use serde_json::json;
use std::collections::BTreeSet;

/// A message to write.
#[derive(Debug, Clone, Default)]
pub struct Post {
    /// The text: Markdown if an agent writes it.
    pub body: String,
    /// Internal: agents only, never mailed.
    pub note: bool,
    /// The status that the ticket gets with it.
    pub status_after: Option<Status>,
    /// When it is to leave; None: now.
    pub send_after: Option<Time>,
    /// How long it can still be taken back, 0 to 60 s.
    pub undo_seconds: i64,
    /// The version of the ticket that its author saw.
    pub expected_version: Option<i64>,
    /// Files.
    pub attachments: Vec<Attach>,
    /// Whether suppressed addresses are tried all the same (E9.13).
    pub force: bool,
    /// Whether a text is taken that may not have been meant so: a note's in a reply, one that speaks of a missing file.
    pub anyway: bool,
    /// Whether a reply is refused that speaks of a file and has none.
    pub careful: bool,
    /// Addresses that join the conversation with this reply.
    pub add: Vec<String>,
    /// Who takes part and does not get this one reply.
    pub without: Vec<UserId>,
    /// The canned replies that it was written with.
    pub canned: Vec<CannedId>,
    /// Who gets a reply unseen by the others (E8.8).
    pub bcc: Vec<String>,
    /// The address outside the customer's domain that their mail wants its answer at, if the agent chose it (E8.2); None: the
    /// answer goes to From.
    pub answer_to: Option<String>,
}

/// How many may join by one reply, and how many may get it unseen.
const MOST_ADDRESSES: usize = 20;

/// Writes a message. An agent's reply is queued to every participant in the same transaction; a requester's brings a
/// waiting or solved ticket back to work.
///
/// # Errors
/// `Closed` if a requester writes to a closed ticket; else see [`Error`].
#[compiled_here]
pub async fn post(app: &App, actor: &Actor, which: &TicketRef, post: Post) -> Result<MessageId> {
    let capability = if post.note { Capability::TicketsNote } else { Capability::TicketsReply };
    let agent = is_agents_side(actor);
    // Before the transaction: it may ask the blob store.
    let answered = match agent && !post.note {
        true => answered::look(app, tickets::find(app, actor, which).await?).await?,
        false => Answered::default(),
    };
    let mut change = Change::begin(app, actor, which, capability, post.expected_version).await?;
    let kind = kind_of(&post);
    let id = write(&mut change, post, &answered).await?;
    if let Some(author) = actor.user {
        drafts::take(&mut change.tx, author, change.id, kind).await?;
    }
    change.commit().await?;
    Ok(id)
}

fn kind_of(post: &Post) -> MessageKind {
    if post.note { MessageKind::Note } else { MessageKind::Reply }
}

/// As [`post`], within a change that holds the ticket and is for the caller to commit; drafts stay as they are. `answered` is
/// what the mail says that an agent's reply answers.
///
/// # Errors
/// As [`post`].
pub(crate) async fn write(change: &mut Change<'_>, post: Post, answered: &Answered) -> Result<MessageId> {
    let (app, actor) = (change.app, change.actor);
    let agent = is_agents_side(actor);
    if post.status_after.is_some() {
        actor.require(Capability::TicketsUpdate)?;
    }
    check(&post)?;
    if agent && !post.note && !post.anyway {
        guard::no_note_in(&mut change.tx, actor.user, change.id, &post.body).await?;
    }
    let ticket = change.ticket().clone();
    if !agent && ticket.status == Status::Closed {
        return Err(Error::Closed);
    }
    let id = MessageId(dialect::take_ids(&mut change.tx, dialect::IdTable::Messages, 1).await?[0]);
    let (queued, left_out) = match agent && !post.note {
        true => queue(change, id, &post, answered).await.map(|(sent_as, left_out)| (Some(sent_as), left_out))?,
        false => (None, Vec::new()),
    };
    let side = match (agent, actor.role) {
        (true, _) => Side::Agent,
        (false, Role::Staff | Role::Manager) => Side::Staff,
        (false, _) => Side::Customer,
    };
    let kind = kind_of(&post);
    let names = if agent && post.note { mentions::names(change, &post.body).await? } else { Names::default() };
    // Agents write Markdown, all others plain text (E12.8).
    let find = |text: &str| names.find(text).map(|(start, end, _)| (start, end));
    let written = (agent && !post.body.trim().is_empty()).then(|| markdown::render_with(&post.body, &find));
    let (visible_text, body_html) = match written {
        Some(Written { html, text }) => (text, Some(html)),
        None => (post.body.clone(), None),
    };
    let message = NewMessage {
        id,
        tenant_id: ticket.tenant_id,
        ticket_id: ticket.id,
        seq: 0,
        kind,
        side,
        author_id: actor.user,
        author_name: actor.name.clone(),
        author_email: Some(actor.email.clone()),
        visible_text,
        body: post.body,
        body_html,
        class: None,
        verdict: None,
        mail_id: None,
        mail_view: None,
        message_id: queued,
        created_at: None,
        forwarded_by: None,
        written_at: None,
    };
    // Names in code and quotes name nobody: they are not marked.
    let said = marked(message.body_html.as_deref().unwrap_or_default());
    change.work.message_without(message, by(actor), &left_out);
    attachments::attach(app, &mut change.tx, &mut change.work, actor, &ticket, id, post.attachments).await?;
    mentions::tell(change, &names, id, &said, post.anyway).await?;
    canned::count_use(&mut change.tx, actor.user, ticket.tenant_id, &post.canned, change.work.now()).await?;
    if agent {
        after_agent(change, kind, post.status_after);
    } else {
        after_requester(change, id).await?;
    }
    Ok(id)
}

/// What stands within marks, a line each.
fn marked(html: &str) -> String {
    let marks = html.split("<mark>").skip(1).filter_map(|rest| rest.split("</mark>").next());
    marks.map(html::entities).collect::<Vec<_>>().join("\n")
}

/// An agent who is a ticket's requester writes as an agent all the same: what counts is the side of the desk.
fn is_agents_side(actor: &Actor) -> bool {
    actor.is_agent()
}

fn check(post: &Post) -> Result<()> {
    if post.body.trim().is_empty() && post.attachments.is_empty() {
        return Err(Error::invalid("body", "reply_empty", "a message needs a text or a file"));
    }
    if post.careful && !post.anyway && !post.note && post.attachments.is_empty() && guard::speaks_of_file(&post.body) {
        return Err(Error::invalid("body", "file_missing", "the text speaks of a file, and there is none"));
    }
    for (field, addresses) in [("bcc", &post.bcc), ("add", &post.add)] {
        if addresses.len() > MOST_ADDRESSES {
            return Err(Error::invalid(field, "too_many", "at most 20 addresses"));
        }
    }
    if post.note && !(post.add.is_empty() && post.without.is_empty()) {
        return Err(Error::invalid("add", "not_sent", "a note is not sent"));
    }
    if post.bcc.iter().any(|a| !address::is_valid(a.trim()) || a.chars().any(char::is_control)) {
        return Err(Error::invalid("bcc", "address_invalid", "not a mail address"));
    }
    if post.note && post.answer_to.is_some() {
        return Err(Error::invalid("reply_to", "not_offered", "a note is not sent"));
    }
    if !(0..=60).contains(&post.undo_seconds) {
        return Err(Error::invalid("undo_seconds", "out_of_range", "between 0 and 60"));
    }
    Ok(())
}

/// Queues the reply to the requester and the accepted cc; returns the Message-ID it leaves with, and who is left out of it.
async fn queue(
    change: &mut Change<'_>,
    id: MessageId,
    post: &Post,
    answered: &Answered,
) -> Result<(String, Vec<UserId>)> {
    let ticket = change.ticket().clone();
    let all = tickets::participants(&mut change.tx, &[ticket.id]).await?;
    let mut wanted: Vec<UserId> =
        all.iter().filter(|p| guard::gets_replies(p, change.actor.user)).map(|p| p.user_id).collect();
    wanted.extend(joining(change, &all, &post.add).await?);
    let (left_out, wanted): (Vec<UserId>, Vec<UserId>) =
        wanted.into_iter().partition(|user| post.without.contains(user));
    if !left_out.is_empty() && wanted.is_empty() && post.bcc.is_empty() {
        return Err(Error::invalid("without", "nobody_left", "nobody would get the reply"));
    }
    let known = enqueue::recipients(&mut change.tx, &wanted).await?;
    let mut to: Vec<Recipient> = wanted.iter().filter_map(|u| known.get(u)).cloned().collect();
    if let Some(requester) = to.iter_mut().find(|r| r.user_id == ticket.requester_id)
        && let Some(better) = answered.better_address(&requester.email)
    {
        requester.email = better.to_owned();
    }
    if let Some(chosen) = &post.answer_to {
        let wrong = || Error::invalid("reply_to", "not_offered", "the customer's mail does not ask for answers there");
        let requester = to.iter_mut().find(|r| r.user_id == ticket.requester_id).ok_or_else(wrong)?;
        let offered = answered.offered_address(&requester.email).map(str::to_owned).ok_or_else(wrong)?;
        if address::key(&offered) != address::key(chosen) {
            return Err(wrong());
        }
        requester.email = offered;
    }
    let bcc = unseen(change, &all, &post.bcc).await?;
    let keys: Vec<String> = to.iter().chain(&bcc).map(|r| address::key(&r.email)).collect();
    let suppressed = enqueue::suppressed(&mut change.tx, ticket.tenant_id, &keys).await?;
    let desk = enqueue::desk(&mut change.tx, ticket.tenant_id, ticket.mailbox_id).await?;
    let thread = enqueue::thread_of(&mut change.tx, ticket.id).await?;
    let ids = dialect::take_ids(&mut change.tx, dialect::IdTable::Outbox, to.len() + bcc.len()).await?;
    let ids: Vec<OutboxId> = ids.into_iter().map(OutboxId).collect();
    let now = dialect::now(&mut change.tx).await?;
    let undo = now + Duration::seconds(post.undo_seconds);
    let due_at = post.send_after.map_or(undo, |at| at.max(undo));
    let reply = Reply {
        message_id: id,
        agent_name: change.actor.name.as_deref(),
        to: &to,
        bcc: &bcc,
        thread,
        answered,
        suppressed: &suppressed,
        force: post.force,
        due_at,
        held: due_at > now,
    };
    let message_id = enqueue::reply(&mut change.work, &desk, &ticket, reply, &ids);
    if !post.force {
        for (recipient, row) in
            to.iter().chain(&bcc).zip(&ids).filter(|(r, _)| suppressed.contains(&address::key(&r.email)))
        {
            let data = json!({"outbox_id": row, "user_id": recipient.user_id});
            change.work.event(ticket.id, EventKind::MailSuppressed, by(change.actor), data, None);
        }
    }
    Ok((message_id, left_out))
}

/// Lets addresses join the conversation, and returns those who were not in it.
async fn joining(change: &mut Change<'_>, all: &[tickets::Participant], addresses: &[String]) -> Result<Vec<UserId>> {
    let mut found = Vec::new();
    if !addresses.is_empty() {
        change.actor.require(Capability::TicketsUpdate)?;
    }
    for email in addresses {
        let user = change.user_of("add", email, None).await?;
        let known = all.iter().find(|p| p.user_id == user);
        if found.contains(&user) || known.is_some_and(|p| guard::gets_replies(p, change.actor.user)) {
            continue;
        }
        match known {
            Some(p) if p.state == ParticipantState::NewSender => change.accept(user).await?,
            Some(_) => continue,
            None => change.add_cc(user),
        }
        found.push(user);
    }
    Ok(found)
}

/// Returns those of `addresses` who do not get the reply openly, and notes them on the ticket: what they answer is for
/// agents alone until one accepts them (E8.8).
async fn unseen(change: &mut Change<'_>, all: &[tickets::Participant], addresses: &[String]) -> Result<Vec<Recipient>> {
    let (id, tenant) = (change.id, change.ticket().tenant_id);
    let mut found: Vec<Recipient> = Vec::new();
    for email in addresses {
        let person = tickets::ensure_user(&mut change.tx, tenant, email.trim()).await?;
        let on_ticket = all.iter().find(|p| p.user_id == person.user_id);
        let open =
            on_ticket.is_some_and(|p| p.state == ParticipantState::Accepted && p.kind != ParticipantKind::Follower);
        if open || Some(person.user_id) == change.actor.user || found.iter().any(|f| f.user_id == person.user_id) {
            continue;
        }
        if on_ticket.is_none() {
            change.work.add_unseen(id, person.user_id);
        }
        found.push(person);
    }
    Ok(found)
}

/// The first public answer stops the response clock and starts the work (DESIGN 3).
fn after_agent(change: &mut Change<'_>, kind: MessageKind, status_after: Option<Status>) {
    let (id, now) = (change.id, change.work.now());
    let who = by(change.actor);
    let before = change.ticket().status;
    if kind == MessageKind::Reply {
        if change.ticket().first_response_at.is_none() {
            change.work.update(id, |t| t.first_response_at = Some(now));
        }
        if status_after.is_none() && matches!(before, Status::New | Status::Triaged) {
            change.work.set_status(id, Status::InProgress, who, "first_reply");
        }
    }
    if let Some(status) = status_after {
        change.work.set_status(id, status, who, "sent_with_reply");
    }
}

/// A requester's message brings a waiting or solved ticket back, and tells the agent who is responsible.
async fn after_requester(change: &mut Change<'_>, message: MessageId) -> Result<()> {
    let id = change.id;
    let waiting = schedule::find(&mut change.tx, &[id]).await?;
    for reply in &waiting {
        schedule::hold(&mut change.tx, &mut change.work, reply, by(change.actor)).await?;
    }
    let authors: BTreeSet<UserId> = waiting.iter().filter_map(|r| r.author).collect();
    for author in &authors {
        change.notify(*author, Template::NoticeHeld, Some(message)).await?;
    }
    if matches!(change.ticket().status, Status::WaitingOnCustomer | Status::Solved) {
        change.work.set_status(id, Status::InProgress, by(change.actor), "customer_replied");
    }
    match change.ticket().assigned_to.filter(|a| Some(*a) != change.actor.user && !authors.contains(a)) {
        Some(agent) => change.notify(agent, Template::NoticeAnswered, Some(message)).await,
        None => Ok(()),
    }
}
