//! The verbs that change one ticket. Each is one transaction: find it within the actor's scope, lock it, compare the
//! version that the actor saw, change it in memory, write it with its events and outgoing mail, ring the doorbell.

use super::create;
use super::error::{Error, Result};
use super::types::{Folder, Priority, Status, Ticket};
use super::{TicketRef, Work, sql};
use crate::access::{Actor, Capability};
use crate::app::App;
use crate::events::{By, EventKind};
use crate::ids::{MessageId, OutboxId, TicketId, UserId};
use crate::mail_out::caps;
use crate::mail_out::digest;
use crate::mail_out::enqueue::{self, Automatic, Trigger};
use crate::mail_out::kinds::Kind;
use crate::mail_out::outbox::Template;
use crate::mail_out::unsubscribe::Sort;
use crate::store::{Tx, dialect};
use serde_json::json;

/// What PATCH changes; None leaves a field as it is.
#[derive(Debug, Clone, Default, PartialEq)]
#[allow(missing_docs)]
pub struct Patch {
    pub subject: Option<String>,
    pub sub_subject: Option<Option<String>>,
    pub status: Option<Status>,
    pub priority: Option<Priority>,
    pub category: Option<Option<String>>,
    pub kind: Option<String>,
    pub assigned_to: Option<Option<UserId>>,
    pub tags: Option<Vec<String>>,
    /// Name and address.
    pub requester: Option<(Option<String>, String)>,
    pub resolution_notes: Option<Option<String>>,
}

impl Patch {
    /// Returns what it takes to change these fields: tags have a right of their own, whichever way they are set.
    pub fn needs(&self) -> Capability {
        let is_only_tags = self.tags.is_some() && Patch { tags: self.tags.clone(), ..Patch::default() } == *self;
        if is_only_tags { Capability::TicketsTag } else { Capability::TicketsUpdate }
    }
}

/// How an actor stands behind a change, for events.
pub fn by(actor: &Actor) -> By {
    actor.user.map_or(By::SYSTEM, By::user)
}

/// A ticket locked for a change, and everything the change needs.
pub struct Change<'a> {
    /// The application.
    pub app: &'a App,
    /// Who changes it.
    pub actor: &'a Actor,
    /// The transaction.
    pub tx: Tx,
    /// The unit of work that holds the ticket.
    pub work: Work<'a>,
    /// The ticket.
    pub id: TicketId,
}

impl<'a> Change<'a> {
    /// Finds and locks a ticket for a change that needs `capability`, and refuses if the actor has not seen what
    /// happened since `expected`.
    ///
    /// # Errors
    /// `NotFound` out of scope, then `Denied`, then `Stale`.
    pub async fn begin(
        app: &'a App,
        actor: &'a Actor,
        which: &TicketRef,
        capability: Capability,
        expected: Option<i64>,
    ) -> Result<Change<'a>> {
        let scope = actor.tickets();
        let mut tx = app.db.write(scope.rows()).await?;
        let id = sql::find_id(&mut tx, which, scope).await?.ok_or(Error::NotFound)?;
        actor.require(capability)?;
        let mut change = Change::lock(app, actor, tx, id, &[], expected).await?;
        // What is left of a merged ticket can be erased, nothing else.
        if capability != Capability::TicketsErase {
            change.refuse_merged().await?;
        }
        Ok(change)
    }

    /// Locks a ticket that was found in the actor's scope, and others that change with it.
    ///
    /// # Errors
    /// `NotFound` if it is gone, `Erased`, `Stale`.
    pub(super) async fn lock(
        app: &'a App,
        actor: &'a Actor,
        mut tx: Tx,
        id: TicketId,
        others: &[TicketId],
        expected: Option<i64>,
    ) -> Result<Change<'a>> {
        let mut work = Work::new(&app.keys);
        work.lock(&mut tx, &[&[id], others].concat()).await?;
        let ticket = work.ticket(id).ok_or(Error::NotFound)?;
        if ticket.erased_at.is_some() {
            return Err(Error::Erased);
        }
        if let Some(seen) = expected
            && (ticket.last_conflict_seq > seen || seen > ticket.version)
        {
            let version = ticket.version;
            let since = super::events_after(&mut tx, id, seen.min(version), 50).await?;
            return Err(Error::Stale { version, since });
        }
        Ok(Change { app, actor, tx, work, id })
    }

    /// The ticket as it stands after the changes so far.
    pub fn ticket(&self) -> &Ticket {
        self.work.ticket(self.id).expect("it was locked")
    }

    /// Writes everything, and rings for the mail that it queued.
    ///
    /// # Errors
    /// See [`crate::store::Error`].
    pub async fn commit(mut self) -> Result<TicketId> {
        let rung = self.work.queued();
        self.work.flush(&mut self.tx).await?;
        self.tx.commit().await?;
        self.app.bell.ring(&rung);
        Ok(self.id)
    }

    /// Tells somebody who is responsible now, unless they made the change themselves (DESIGN 7).
    async fn notify_assigned(&mut self, to: UserId) -> Result<()> {
        if self.actor.user == Some(to) {
            return Ok(());
        }
        self.notify(to, Template::NoticeAssigned, None).await
    }

    /// Queues a notice to an agent, or says on the timeline why there is none (E5.12, E5.15).
    ///
    /// # Errors
    /// See [`crate::store::Error`].
    pub async fn notify(&mut self, to: UserId, template: Template, message: Option<MessageId>) -> Result<()> {
        let sort = match template {
            Template::NoticeAssigned => Sort::Assigned,
            Template::NoticeAnswered => Sort::Answered,
            _ => Sort::Notices,
        };
        let Some(agent) = enqueue::notice_recipients(&mut self.tx, &[to], sort).await?.remove(&to) else {
            return Ok(());
        };
        let ticket = self.ticket().clone();
        let at = self.work.now();
        if let Err(reason) = caps::may_notify(&mut self.tx, ticket.tenant_id, &agent.email, ticket.id, at).await? {
            let data = json!({"kind": "notice", "reason": reason});
            self.work.event(self.id, EventKind::AutoSuppressed, By::SYSTEM, data, None);
            if reason == digest::CAP {
                digest::keep(&mut self.tx, ticket.tenant_id, to, self.id, template).await?;
            }
            return Ok(());
        }
        let desk = enqueue::desk(&mut self.tx, ticket.tenant_id, ticket.mailbox_id).await?;
        let row = OutboxId(dialect::take_ids(&mut self.tx, dialect::IdTable::Outbox, 1).await?[0]);
        let mail = Automatic {
            kind: Kind::Notice,
            template,
            to: &agent,
            to_agent: true,
            trigger: Trigger::default(),
            ticket_message_id: message,
            due_at: dialect::now(&mut self.tx).await?,
            pattern: None,
        };
        enqueue::automatic(&mut self.work, &desk, &ticket, mail, row);
        Ok(())
    }

    /// Changes the status, with what follows from it.
    ///
    /// # Errors
    /// See [`crate::store::Error`].
    pub async fn set_status(&mut self, status: Status, notes: Option<String>) -> Result<()> {
        if let Some(notes) = notes {
            self.work.update(self.id, |t| t.resolution_notes = Some(notes));
        }
        self.work.set_status(self.id, status, by(self.actor), "set");
        Ok(())
    }

    /// Makes somebody responsible, or nobody.
    ///
    /// # Errors
    /// `Invalid` if they are no active agent who can see the ticket's tenant.
    pub async fn assign(&mut self, to: Option<UserId>) -> Result<()> {
        let tenant = self.ticket().tenant_id;
        if let Some(to) = to
            && !sql::is_assignable(&mut self.tx, to, tenant).await?
        {
            return Err(Error::invalid(
                "assigned_to",
                "assignee_unknown",
                "no active agent of this tenant has this id",
            ));
        }
        if self.work.assign(self.id, to, by(self.actor))
            && let Some(to) = to
        {
            self.notify_assigned(to).await?;
        }
        Ok(())
    }

    async fn set_category(&mut self, category: Option<&str>) -> Result<()> {
        let tenant = self.ticket().tenant_id;
        let from = self.ticket().category_id;
        let to = match category {
            Some(name) => Some(create::find_category(&mut self.tx, tenant, name, from).await?),
            None => None,
        };
        if from != to {
            self.work.update(self.id, |t| t.category_id = to);
            let data = json!({"from": from, "to": to});
            self.work.event(self.id, EventKind::CategoryChanged, by(self.actor), data, None);
        }
        Ok(())
    }

    async fn set_tags(&mut self, tags: Vec<String>) -> Result<()> {
        let tenant = self.ticket().tenant_id;
        let (added, removed) = sql::set_tags(&mut self.tx, tenant, self.id, &tags).await?;
        if !added.is_empty() || !removed.is_empty() {
            let data = json!({"added": added.len(), "removed": removed.len()});
            let values = json!({"added": added, "removed": removed});
            self.work.event(self.id, EventKind::Tagged, by(self.actor), data, Some(values));
        }
        Ok(())
    }

    /// Puts tags on and takes others off; what is there already, or is not, stays so.
    ///
    /// # Errors
    /// See [`crate::store::Error`].
    pub(super) async fn change_tags(&mut self, add: &[String], remove: &[String]) -> Result<()> {
        let same = |a: &str, b: &str| a.to_lowercase() == b.to_lowercase();
        let mut tags = sql::tags_of(&mut self.tx, self.id).await?;
        tags.retain(|tag| !remove.iter().any(|other| same(tag, other)));
        for name in add {
            if !tags.iter().any(|tag| same(tag, name)) {
                tags.push(name.clone());
            }
        }
        self.set_tags(tags).await
    }

    fn set_texts(&mut self, patch: &Patch) {
        let mut changed = Vec::new();
        let before = self.ticket().clone();
        self.work.update(self.id, |t| {
            if let Some(subject) = &patch.subject {
                t.subject.clone_from(subject);
            }
            if let Some(sub) = &patch.sub_subject {
                t.sub_subject.clone_from(sub);
            }
            if let Some(kind) = &patch.kind {
                t.kind.clone_from(kind);
            }
            if let Some(notes) = &patch.resolution_notes {
                t.resolution_notes.clone_from(notes);
            }
        });
        let after = self.ticket();
        let fields = [
            ("subject", before.subject != after.subject),
            ("sub_subject", before.sub_subject != after.sub_subject),
            ("type", before.kind != after.kind),
            ("resolution_notes", before.resolution_notes != after.resolution_notes),
        ];
        changed.extend(fields.iter().filter(|(_, c)| *c).map(|(n, _)| *n));
        if !changed.is_empty() {
            let values = json!({"subject": {"from": before.subject, "to": after.subject}});
            self.work.event(self.id, EventKind::Updated, by(self.actor), json!({"fields": changed}), Some(values));
        }
    }
}

/// Changes a ticket's fields.
///
/// # Errors
/// See [`Error`].
pub async fn update(
    app: &App,
    actor: &Actor,
    which: &TicketRef,
    patch: Patch,
    expected: Option<i64>,
) -> Result<TicketId> {
    let mut change = Change::begin(app, actor, which, patch.needs(), expected).await?;
    if patch.tags.is_some() {
        actor.require(Capability::TicketsTag)?;
    }
    if let Some(to) = patch.assigned_to {
        actor.require(assign_capability(actor, to))?;
    }
    if let Some(subject) = &patch.subject {
        create::check_subject(subject)?;
    }
    change.set_texts(&patch);
    if let Some((name, email)) = &patch.requester {
        change.set_requester(email, name.as_deref()).await?;
    }
    if let Some(category) = &patch.category {
        change.set_category(category.as_deref()).await?;
    }
    if let Some(tags) = patch.tags.clone() {
        change.set_tags(tags).await?;
    }
    if let Some(priority) = patch.priority {
        change.work.set_priority(change.id, priority, by(actor));
    }
    if let Some(to) = patch.assigned_to {
        change.assign(to).await?;
    }
    if let Some(status) = patch.status {
        change.set_status(status, None).await?;
    }
    change.commit().await
}

/// Returns a tag's name as it is kept.
pub(super) fn check_tag(name: &str) -> Result<String> {
    let name = name.trim();
    let wrong = |code, message| Err(Error::invalid("tags", code, message));
    match name.chars().count() {
        0 => wrong("required", "a tag must not be empty"),
        51.. => wrong("too_long", "a tag has at most 50 characters"),
        _ if name.chars().any(|c| c.is_control() || c == ',') => wrong("invalid", "a tag has no commas or line breaks"),
        _ => Ok(name.to_owned()),
    }
}

/// Puts tags on a ticket and takes others off.
///
/// # Errors
/// `Invalid` for what is no tag; else see [`Error`].
pub async fn change_tags(
    app: &App,
    actor: &Actor,
    which: &TicketRef,
    add: &[String],
    remove: &[String],
    expected: Option<i64>,
) -> Result<TicketId> {
    let mut change = Change::begin(app, actor, which, Capability::TicketsTag, expected).await?;
    let add = add.iter().map(|name| check_tag(name)).collect::<Result<Vec<_>>>()?;
    change.change_tags(&add, remove).await?;
    change.commit().await
}

/// Taking a ticket oneself needs less than giving it to others.
pub(super) fn assign_capability(actor: &Actor, to: Option<UserId>) -> Capability {
    if to.is_some() && to == actor.user { Capability::TicketsTake } else { Capability::TicketsAssign }
}

/// Changes the status.
///
/// # Errors
/// See [`Error`].
pub async fn set_status(
    app: &App,
    actor: &Actor,
    which: &TicketRef,
    status: Status,
    notes: Option<String>,
    expected: Option<i64>,
) -> Result<TicketId> {
    let mut change = Change::begin(app, actor, which, Capability::TicketsUpdate, expected).await?;
    change.set_status(status, notes).await?;
    change.commit().await
}

/// Changes the priority.
///
/// # Errors
/// See [`Error`].
pub async fn set_priority(
    app: &App,
    actor: &Actor,
    which: &TicketRef,
    priority: Priority,
    expected: Option<i64>,
) -> Result<TicketId> {
    let mut change = Change::begin(app, actor, which, Capability::TicketsUpdate, expected).await?;
    change.work.set_priority(change.id, priority, by(actor));
    change.commit().await
}

/// Makes somebody responsible, or nobody.
///
/// # Errors
/// See [`Error`].
pub async fn assign(
    app: &App,
    actor: &Actor,
    which: &TicketRef,
    to: Option<UserId>,
    expected: Option<i64>,
) -> Result<TicketId> {
    let mut change = Change::begin(app, actor, which, assign_capability(actor, to), expected).await?;
    change.assign(to).await?;
    change.commit().await
}

/// Makes the actor responsible.
///
/// # Errors
/// See [`Error`].
pub async fn take(app: &App, actor: &Actor, which: &TicketRef, expected: Option<i64>) -> Result<TicketId> {
    let mut change = Change::begin(app, actor, which, Capability::TicketsTake, expected).await?;
    change.assign(actor.user).await?;
    change.commit().await
}

/// Closes a ticket.
///
/// # Errors
/// See [`Error`].
pub async fn close(app: &App, actor: &Actor, which: &TicketRef, expected: Option<i64>) -> Result<TicketId> {
    let mut change = Change::begin(app, actor, which, Capability::TicketsClose, expected).await?;
    change.work.set_status(change.id, Status::Closed, by(actor), "closed");
    change.commit().await
}

/// Opens a solved or closed ticket again; nothing happens to others.
///
/// # Errors
/// See [`Error`].
pub async fn reopen(app: &App, actor: &Actor, which: &TicketRef, expected: Option<i64>) -> Result<TicketId> {
    let mut change = Change::begin(app, actor, which, Capability::TicketsClose, expected).await?;
    if change.ticket().status.is_done() {
        change.work.set_status(change.id, Status::InProgress, by(actor), "reopened");
    }
    change.commit().await
}

/// Moves a ticket to a folder: trash, spam, or back to the inbox.
///
/// # Errors
/// See [`Error`].
pub async fn set_folder(
    app: &App,
    actor: &Actor,
    which: &TicketRef,
    folder: Folder,
    expected: Option<i64>,
) -> Result<TicketId> {
    let mut change = Change::begin(app, actor, which, Capability::TicketsUpdate, expected).await?;
    change.work.set_folder(change.id, folder, by(actor));
    change.commit().await
}
