//! Moving messages between tickets: a split takes some to a ticket of their own (E4.8), a join takes all of one ticket to
//! the one it belongs to (E4.4). Moved messages keep their ids, so that answers to them follow; mails are never sent
//! again, and nobody gets what was not addressed to them.

mod sql;

use super::error::{Error, Result};
use super::types::{ParticipantKind, ParticipantState, Status, snippet};
use super::work::{NewTicket, Work};
use super::{Change, TicketRef, by, create};
use crate::access::{Actor, Capability};
use crate::app::App;
use crate::events::{By, EventKind};
use crate::ids::{MessageId, TicketId, UserId};
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

/// Moves all of `from` into `into`, which goes on for both: `from` is closed, its mail reaches `into` from now on (E4.7).
/// Both are locked.
///
/// # Errors
/// See [`crate::store::Error`].
pub(super) async fn merge(tx: &mut Tx, work: &mut Work<'_>, who: By, from: TicketId, into: TicketId) -> Result<()> {
    let moved = sql::messages(tx, from, None).await?;
    let by_customer = moved.iter().any(|m| m.side != Side::Agent && m.kind == MessageKind::Reply);
    move_messages(tx, work, who, (from, into), moved).await?;
    unite(tx, work, who, from, into).await?;
    let (old, new) = match (work.ticket(from), work.ticket(into)) {
        (Some(old), Some(new)) => (old.clone(), new.clone()),
        _ => return Err(Error::NotFound),
    };
    work.update(from, |t| t.merged_into = Some(into));
    work.event(from, EventKind::Merged, who, json!({"into": into}), Some(json!({"pid": new.pid})));
    work.event(into, EventKind::Merged, who, json!({"from": from}), Some(json!({"pid": old.pid})));
    work.set_status(from, Status::Closed, who, "merged");
    if by_customer && (new.status.is_done() || new.status == Status::WaitingOnCustomer) {
        work.set_status(into, Status::InProgress, who, "joined");
    }
    Ok(())
}

/// Who took part in `from` takes part in `into`.
async fn unite(tx: &mut Tx, work: &mut Work<'_>, who: By, from: TicketId, into: TicketId) -> Result<()> {
    let all = super::participants(tx, &[from, into]).await?;
    let here: BTreeSet<UserId> = all.iter().filter(|p| p.ticket_id == into).map(|p| p.user_id).collect();
    for p in all.iter().filter(|p| p.ticket_id == from && !here.contains(&p.user_id)) {
        let kind = if p.kind == ParticipantKind::Follower { ParticipantKind::Follower } else { ParticipantKind::Cc };
        work.add_participant(into, p.user_id, kind, p.state, who);
    }
    // Whom an agent joins is nobody new any more.
    for p in all.iter().filter(|p| p.ticket_id == from && p.kind == ParticipantKind::Requester) {
        let waits =
            all.iter().any(|o| o.ticket_id == into && o.user_id == p.user_id && o.state == ParticipantState::NewSender);
        if waits {
            super::sql::accept_participant(tx, into, p.user_id).await?;
            let data = json!({"user_id": p.user_id, "state": ParticipantState::Accepted});
            work.event(into, EventKind::ParticipantChanged, who, data, None);
        }
    }
    Ok(())
}

/// Moves messages with their files, mails, Message-IDs and deliveries. Each gets an event in its new ticket, whose seq it
/// has from now on.
async fn move_messages(
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
