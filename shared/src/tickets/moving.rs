//! Moving messages between tickets: a split takes some to a ticket of their own (E4.8), a merge takes all of one ticket to
//! the one it belongs to (`merging`). Moved messages keep their ids, so that answers to them follow; mails are never sent
//! again, and nobody gets what was not addressed to them.

pub(super) mod sql;

use super::error::{Error, Result};
use super::types::snippet;
use super::work::{NewTicket, Work};
use super::{Change, TicketRef, by, create};
use crate::access::{Actor, Capability};
use crate::app::App;
use crate::compiled_here;
use crate::events::{By, EventKind};
use crate::ids::{MessageId, TicketId};
use crate::mail_in::forward;
use crate::messages::{Message, MessageKind, Side};
use crate::store::{Tx, dialect};
use serde_json::json;
use std::collections::BTreeSet;

/// How many messages one split moves at the most.
const MOST_MOVED: usize = 500;

/// Moves messages of a ticket to a new one, which is returned. The new ticket is the first customer's who wrote among
/// them; its subject is the given one, else that of the first mail among them.
///
/// # Errors
/// `Invalid` for messages that are not on the ticket, for none, and for all of them; else see [`Error`].
#[compiled_here]
pub async fn split(
    app: &App,
    actor: &Actor,
    which: &TicketRef,
    messages: &[MessageId],
    subject: Option<&str>,
    expected: Option<i64>,
) -> Result<TicketId> {
    let mut change = Change::begin(app, actor, which, Capability::TicketsMerge, expected).await?;
    let new = change.split(messages, subject).await?;
    change.commit().await?;
    Ok(new)
}

impl Change<'_> {
    /// See [`split`].
    ///
    /// # Errors
    /// See [`split`].
    pub(super) async fn split(&mut self, ids: &[MessageId], subject: Option<&str>) -> Result<TicketId> {
        let from = self.ticket().clone();
        let ids: BTreeSet<MessageId> = ids.iter().copied().collect();
        let moved = self.chosen(&ids).await?;
        if let Some(subject) = subject {
            create::check_subject(subject)?;
        }
        let tenant = from.tenant_id;
        let id = TicketId(dialect::take_ids(&mut self.tx, dialect::IdTable::Tickets, 1).await?[0]);
        let prefix = super::sql::pid_prefix(&mut self.tx, tenant).await?;
        let pid = super::take_pids(&mut self.tx, tenant, prefix.as_deref(), self.work.now(), 1).await?.remove(0);
        let customer = moved.iter().find(|m| m.side != Side::Agent).and_then(|m| m.author_id);
        let subject = match subject {
            Some(subject) => subject.trim().to_owned(),
            None => sql::mails_subject(&mut self.tx, &moved).await?.map_or(from.subject.clone(), |s| own_subject(&s)),
        };
        let who = by(self.actor);
        self.work.create(
            NewTicket {
                id,
                tenant_id: tenant,
                pid,
                subject,
                sub_subject: None,
                priority: from.priority,
                kind: from.kind.clone(),
                channel: from.channel,
                folder: from.folder,
                category_id: None,
                mailbox_id: from.mailbox_id,
                requester_id: customer.unwrap_or(from.requester_id),
                created_by: self.actor.user,
                follow_up_of: None,
            },
            who,
        );
        self.work.event(id, EventKind::Split, who, json!({"from": from.id, "message_ids": ids}), None);
        self.work.event(from.id, EventKind::Split, who, json!({"to": id, "message_ids": ids}), None);
        // Everything else that is asked of the new ticket's row must find it.
        self.work.flush_new(&mut self.tx).await?;
        move_messages(&mut self.tx, &mut self.work, who, (from.id, id), moved).await?;
        Ok(id)
    }

    /// The messages to move, oldest first.
    async fn chosen(&mut self, ids: &BTreeSet<MessageId>) -> Result<Vec<Message>> {
        let wrong = |code, message| Err(Error::invalid("message_ids", code, message));
        if ids.is_empty() {
            return wrong("required", "which messages?");
        }
        if ids.len() > MOST_MOVED {
            return wrong("too_many", "at most 500 at a time");
        }
        let moved = sql::messages(&mut self.tx, self.id, Some(ids)).await?;
        if moved.len() < ids.len() {
            return wrong("message_unknown", "not all of them are on this ticket");
        }
        if moved.len() as i64 >= self.ticket().message_count {
            return wrong("split_all", "at least one message must stay");
        }
        Ok(moved)
    }
}

/// The subject of a mail as a ticket's own: without prefixes, and without the PID of the ticket it came to.
fn own_subject(subject: &str) -> String {
    let subject = forward::without_prefix(subject);
    match subject.rfind('[') {
        Some(at) if subject.ends_with(']') && crate::mail_in::looks_like_pid(&subject[at + 1..subject.len() - 1]) => {
            subject[..at].trim_end().to_owned()
        }
        _ => subject,
    }
}

/// Moves messages with their files, mails, Message-IDs and deliveries. Each gets an event in its new ticket, whose seq it
/// has from now on.
pub(super) async fn move_messages(
    tx: &mut Tx,
    work: &mut Work<'_>,
    who: By,
    (from, to): (TicketId, TicketId),
    moved: Vec<Message>,
) -> Result<()> {
    let mut places = Vec::with_capacity(moved.len());
    for m in &moved {
        let data = json!({
            "message_id": m.id, "kind": m.kind, "side": m.side, "mail_id": m.mail_id, "moved_from": from,
        });
        places.push((m.id, work.event(to, EventKind::MessageAdded, who, data, None)));
        let now = work.now();
        work.update(to, |t| {
            t.message_count += 1;
            t.last_activity_at = now;
            if m.kind == MessageKind::Reply {
                t.snippet = snippet(&m.visible_text);
            }
        });
    }
    let n = moved.len() as i64;
    work.update(from, |t| t.message_count -= n);
    sql::move_messages(tx, from, to, &places).await?;
    Ok(())
}
