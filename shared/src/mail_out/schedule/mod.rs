//! Replies that wait for a time their author set (E9.3): when a person writes before it, they are held, and the author
//! is told and decides. What waits for its undo window alone is not: it is on its way as far as anybody can tell.

mod sql;

use crate::compiled_here;
use crate::events::{By, EventKind};
use crate::ids::{MessageId, OutboxId, TicketId, UserId};
use crate::store::{Result, Tx};
use crate::tickets::Work;
use chrono::Duration;
use serde_json::json;
use std::collections::BTreeMap;

/// The longest undo window is 60 s, and the row is made a moment before its time is reckoned: what waits longer than this
/// was scheduled.
const LONGEST_UNDO: Duration = Duration::seconds(90);

/// A scheduled reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scheduled {
    /// The ticket it answers.
    pub ticket: TicketId,
    /// The message.
    pub message: MessageId,
    /// Who wrote it.
    pub author: Option<UserId>,
    /// Its mails.
    pub mails: Vec<OutboxId>,
}

/// Returns the scheduled replies of tickets, and locks their mails; the tickets must be locked before.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn find(tx: &mut Tx, tickets: &[TicketId]) -> Result<Vec<Scheduled>> {
    if tickets.is_empty() {
        return Ok(Vec::new());
    }
    let mut found: BTreeMap<MessageId, Scheduled> = BTreeMap::new();
    for row in sql::waiting(tx, tickets).await? {
        if row.due_at - row.created_at <= LONGEST_UNDO {
            continue;
        }
        let new =
            Scheduled { ticket: row.ticket_id, message: row.message_id, author: row.author_id, mails: Vec::new() };
        found.entry(row.message_id).or_insert(new).mails.push(row.id);
    }
    Ok(found.into_values().collect())
}

/// Holds a scheduled reply until its author decides: its mails are due at no time, and the timeline says why.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn hold(tx: &mut Tx, work: &mut Work<'_>, reply: &Scheduled, by: By) -> Result<()> {
    sql::hold(tx, &reply.mails, work.now()).await?;
    let data = json!({"message_id": reply.message, "outbox_ids": reply.mails, "why": "customer_wrote"});
    work.event(reply.ticket, EventKind::MailHeld, by, data, None);
    Ok(())
}

/// Lets the held mails of a message leave now. Returns them.
///
/// # Errors
/// See [`crate::store::Error`].
pub(crate) async fn release(tx: &mut Tx, message: MessageId) -> Result<Vec<OutboxId>> {
    sql::release(tx, message).await
}
