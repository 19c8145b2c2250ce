//! The tray (E4.4): doubtful joins wait until an agent says **join** or **new**. A ticket whose mail may belong to another
//! one, a new sender on a ticket, a message that seems to be about something else (E4.10).

mod sql;

use super::error::{Error, Result};
use super::types::{ParticipantState, Ticket};
use super::work::Work;
use super::{Change, TicketRef, by, merging};
use crate::access::{Actor, Capability};
use crate::app::App;
use crate::clock::Time;
use crate::compiled_here;
use crate::events::EventKind;
use crate::ids::{JoinId, MailId, MailboxId, MessageId, TenantId, TicketId, UserId};
use crate::text_enum;
use serde_json::json;
use std::collections::BTreeSet;

text_enum! {
    /// What is in doubt.
    pub enum JoinKind ("join kind") {
        /// The ticket may belong to another one.
        Linked = "linked",
        /// Somebody new wrote to the ticket by its reply address.
        NewSender = "new_sender",
        /// The message seems to be about something else than its ticket.
        Split = "split",
    }
}

text_enum! {
    /// What an agent said.
    pub enum JoinState ("join state") {
        /// Nothing yet.
        Open = "open",
        /// They belong together.
        Joined = "joined",
        /// They do not.
        Apart = "apart",
    }
}

/// A doubt to put into the tray.
#[derive(Debug, Clone)]
pub struct NewJoin {
    /// The tenant.
    pub tenant_id: TenantId,
    /// What is in doubt.
    pub kind: JoinKind,
    /// The ticket that the mail is on.
    pub ticket_id: TicketId,
    /// The one that it may belong to.
    pub other_id: Option<TicketId>,
    /// Who wrote it.
    pub user_id: Option<UserId>,
    /// The message.
    pub ticket_message_id: Option<MessageId>,
    /// The rule that found it, for example `E4.1(4)`.
    pub why: String,
}

/// A doubt, with the names of what it is about.
#[derive(Debug, Clone, sqlx::FromRow)]
#[allow(missing_docs)]
pub struct JoinView {
    pub id: JoinId,
    pub tenant_id: TenantId,
    pub kind: JoinKind,
    pub state: JoinState,
    pub why: String,
    pub ticket_id: TicketId,
    pub pid: String,
    pub subject: String,
    pub other_id: Option<TicketId>,
    pub other_pid: Option<String>,
    pub other_subject: Option<String>,
    pub user_id: Option<UserId>,
    pub user_email: Option<String>,
    pub user_name: Option<String>,
    pub ticket_message_id: Option<MessageId>,
    pub mail_id: Option<MailId>,
    pub created_at: Time,
    pub decided_at: Option<Time>,
    pub decided_by: Option<UserId>,
}

/// Returns the tray: open doubts about tickets that the actor sees, or decided ones, newest first.
///
/// # Errors
/// `Denied` without the right to change tickets.
#[compiled_here]
pub async fn joins(
    app: &App,
    actor: &Actor,
    state: JoinState,
    before: Option<JoinId>,
    limit: i64,
) -> Result<Vec<JoinView>> {
    actor.require(Capability::TicketsUpdate)?;
    let scope = actor.tickets();
    Ok(sql::list(&mut app.db.read(scope.rows()), scope, state, before, limit).await?)
}

/// Returns the open doubts about one ticket, whichever side of them it is on.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn joins_of(app: &App, actor: &Actor, ticket: TicketId) -> Result<Vec<JoinView>> {
    if !actor.can(Capability::TicketsUpdate) {
        return Ok(Vec::new());
    }
    let scope = actor.tickets();
    Ok(sql::of_ticket(&mut app.db.read(scope.rows()), scope, ticket).await?)
}

/// Returns the addresses of further mailboxes that a ticket's mail was sent to (E1.12).
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn also_addressed(app: &App, actor: &Actor, ticket: &Ticket) -> Result<Vec<String>> {
    let mut read = app.db.read(actor.tickets().rows());
    let mut ids = BTreeSet::new();
    for (mailbox, also) in sql::mailboxes_of(&mut read, ticket.id).await? {
        let also: Vec<MailboxId> = also.and_then(|a| serde_json::from_str(&a).ok()).unwrap_or_default();
        ids.extend(also.into_iter().chain(mailbox));
    }
    ids.retain(|id| Some(*id) != ticket.mailbox_id);
    Ok(sql::addresses(&mut read, ids).await?)
}

/// Returns one doubt about a ticket that the actor sees.
///
/// # Errors
/// `NotFound`, `Denied`.
#[compiled_here]
pub async fn join_view(app: &App, actor: &Actor, id: JoinId) -> Result<JoinView> {
    let scope = actor.tickets();
    let view = sql::find(&mut app.db.read(scope.rows()), scope, id).await?.ok_or(Error::NotFound)?;
    actor.require(Capability::TicketsUpdate)?;
    Ok(view)
}

/// Whether the actor may decide about a doubt.
///
/// # Errors
/// `NotFound`, `Denied`.
#[compiled_here]
pub async fn may_decide(app: &App, actor: &Actor, id: JoinId) -> Result<()> {
    join_view(app, actor, id).await.map(drop)
}

/// Says that they belong together. A linked ticket's messages move to the other ticket; a new sender stays on the ticket,
/// and gets what is written from now on if `accept`; a message that seemed to be about something else stays. Returns the
/// ticket where the message is now. Nobody is sent anything.
///
/// # Errors
/// `NotFound` if either ticket is out of scope, `Denied`; `Invalid` if it was decided otherwise.
#[compiled_here]
pub async fn join(app: &App, actor: &Actor, id: JoinId, accept: bool) -> Result<TicketId> {
    let (view, change) = begin(app, actor, id, JoinState::Joined).await?;
    let Some(mut change) = change else { return Ok(view.ticket_id) };
    let at = change.work.now();
    let mut now_on = view.ticket_id;
    match (view.kind, view.other_id) {
        (JoinKind::Linked, Some(other)) => {
            change.merge(other).await?;
            now_on = other;
            sql::decide_all(&mut change.tx, view.ticket_id, JoinKind::Linked, JoinState::Joined, actor.user, at)
                .await?;
        }
        (JoinKind::NewSender, _) => {
            let waits =
                |p: &super::Participant| Some(p.user_id) == view.user_id && p.state == ParticipantState::NewSender;
            let all = super::participants(&mut change.tx, &[change.id]).await?;
            if let Some(user) = all.iter().find(|p| waits(p)).filter(|_| accept) {
                change.accept(user.user_id).await?;
            }
        }
        _ => {}
    }
    sql::decide(&mut change.tx, id, JoinState::Joined, actor.user, at).await?;
    change.commit().await?;
    Ok(now_on)
}

/// Says that they do not belong together. A linked ticket stays one of its own; what a new sender wrote, or the message
/// that is about something else, gets a ticket of its own. Returns the ticket where the message is now.
///
/// # Errors
/// As [`join`].
#[compiled_here]
pub async fn keep_apart(app: &App, actor: &Actor, id: JoinId) -> Result<TicketId> {
    let (view, change) = begin(app, actor, id, JoinState::Apart).await?;
    let Some(mut change) = change else { return Ok(view.ticket_id) };
    let (at, who) = (change.work.now(), by(actor));
    let mut now_on = view.ticket_id;
    match view.kind {
        JoinKind::Linked => {
            let data = json!({"ticket_id": view.other_id});
            change.work.event(view.ticket_id, EventKind::KeptApart, who, data, None);
            if let Some(other) = view.other_id.filter(|o| change.work.ticket(*o).is_some()) {
                let data = json!({"ticket_id": view.ticket_id});
                change.work.event(other, EventKind::KeptApart, who, data, None);
            }
        }
        JoinKind::NewSender => {
            let theirs = match view.user_id {
                Some(user) => sql::messages_of(&mut change.tx, view.ticket_id, user, view.ticket_message_id).await?,
                None => Vec::new(),
            };
            now_on = change.split(&theirs, None).await?;
            if let Some(user) = view.user_id {
                change.remove(user).await?;
            }
        }
        JoinKind::Split => {
            let message: Vec<MessageId> = view.ticket_message_id.into_iter().collect();
            now_on = change.split(&message, None).await?;
        }
    }
    sql::decide(&mut change.tx, id, JoinState::Apart, actor.user, at).await?;
    change.commit().await?;
    Ok(now_on)
}

/// Finds a doubt within the actor's scope and locks its tickets; None for the change if it was decided so before.
async fn begin<'a>(
    app: &'a App,
    actor: &'a Actor,
    id: JoinId,
    to: JoinState,
) -> Result<(JoinView, Option<Change<'a>>)> {
    let scope = actor.tickets();
    let mut tx = app.db.write(scope.rows()).await?;
    let seen = sql::find(&mut tx, scope, id).await?.ok_or(Error::NotFound)?;
    actor.require(Capability::TicketsUpdate)?;
    let mut work = Work::new(&app.keys);
    let other = match seen.other_id {
        Some(other) => Some(merging::survivor(&mut tx, other).await?),
        None => None,
    };
    if let Some(other) = other {
        // Both must be the actor's to touch.
        super::sql::find_id(&mut tx, &TicketRef::Id(other), scope).await?.ok_or(Error::NotFound)?;
    }
    work.lock(&mut tx, &[Some(seen.ticket_id), other].into_iter().flatten().collect::<Vec<_>>()).await?;
    // Somebody else may have decided while this waited for the lock.
    let view = sql::find(&mut tx, scope, id).await?.ok_or(Error::NotFound)?;
    if view.state == to {
        return Ok((view, None));
    }
    if view.state != JoinState::Open {
        return Err(Error::invalid("id", "join_decided", "somebody decided otherwise meanwhile"));
    }
    let view = JoinView { other_id: other, ..view };
    let ticket = view.ticket_id;
    Ok((view, Some(Change { app, actor, tx, work, id: ticket })))
}
