//! The SQL of messages.

use super::types::Message;
use crate::clock::Time;
use crate::ids::{MessageId, OutboxId, TenantId, TicketId, UserId};
use crate::mail_out::kinds::{Kind, OutboxState};
use crate::store::{Exec, Q, Result, sql};

/// What those read of messages `m` who see no notes: neither these, nor a reply that was taken back or that still waits
/// for its hour (DESIGN 7, E9.3).
pub(crate) const SAID: &str = " AND m.kind <> 'note' AND m.withdrawn_at IS NULL AND NOT (m.side = 'agent' AND EXISTS \
     (SELECT 1 FROM outbox w WHERE w.ticket_message_id = m.id AND w.kind = 'reply' AND w.state = 'held'))";

fn readable(q: Q, notes: bool) -> Q {
    if notes { q } else { q.push(SAID) }
}

/// Returns a ticket's newest entries before `before`, newest first; without `notes` those alone that were [`SAID`].
///
/// # Errors
/// See [`crate::store::Error`].
pub async fn list(
    ex: &mut impl Exec,
    ticket: TicketId,
    notes: bool,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Message>> {
    let mut q = readable(sql("SELECT m.* FROM ticket_messages m WHERE m.ticket_id = ").arg(ticket), notes);
    if let Some(before) = before {
        q = q.push(" AND m.seq < ").arg(before);
    }
    q.push(" ORDER BY m.seq DESC LIMIT ").arg(limit).all(ex).await
}

/// Returns entries by their ids, in no order.
///
/// # Errors
/// See [`crate::store::Error`].
pub async fn by_ids(ex: &mut impl Exec, ids: &[MessageId]) -> Result<Vec<Message>> {
    sql("SELECT * FROM ticket_messages WHERE id IN ").list(ids.iter().copied()).all(ex).await
}

pub(super) async fn get(ex: &mut impl Exec, ticket: TicketId, id: MessageId, notes: bool) -> Result<Option<Message>> {
    let q = sql("SELECT m.* FROM ticket_messages m WHERE m.ticket_id = ").arg(ticket).push(" AND m.id = ").arg(id);
    readable(q, notes).opt(ex).await
}

/// The last thing that was [`SAID`] on each of some tickets.
///
/// # Errors
/// See [`crate::store::Error`].
pub async fn last_said(ex: &mut impl Exec, tickets: &[TicketId]) -> Result<Vec<(TicketId, String)>> {
    sql("SELECT l.ticket_id, l.visible_text FROM (SELECT m.ticket_id, MAX(m.seq) AS seq FROM ticket_messages m \
         WHERE m.ticket_id IN ")
    .list(tickets.iter().copied())
    .push(SAID)
    .push(" GROUP BY m.ticket_id) n JOIN ticket_messages l ON l.ticket_id = n.ticket_id AND l.seq = n.seq")
    .all(ex)
    .await
}

/// What became of one mail of a message.
#[derive(Debug, Clone, sqlx::FromRow)]
#[allow(missing_docs)]
pub struct Delivery {
    pub id: OutboxId,
    pub kind: Kind,
    pub ticket_message_id: Option<MessageId>,
    pub to_email: String,
    pub state: OutboxState,
    pub due_at: Option<Time>,
    pub reply_code: Option<i64>,
    pub reply_text: Option<String>,
    pub sent_at: Option<Time>,
}

/// Returns what became of all mail about a ticket, oldest first.
///
/// # Errors
/// See [`crate::store::Error`].
pub(super) async fn deliveries(ex: &mut impl Exec, ticket: TicketId) -> Result<Vec<Delivery>> {
    sql("SELECT id, kind, ticket_message_id, to_email, state, due_at, reply_code, reply_text, sent_at FROM outbox \
         WHERE ticket_id = $1 ORDER BY id")
    .bind(ticket)
    .all(ex)
    .await
}

/// The outgoing mails of a message, locked.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Outgoing {
    pub id: OutboxId,
    pub state: OutboxState,
}

pub(super) async fn lock_outgoing(tx: &mut crate::store::Tx, message: MessageId) -> Result<Vec<Outgoing>> {
    let lock = crate::store::dialect::for_update(tx);
    sql("SELECT id, state FROM outbox WHERE kind = 'reply' AND ticket_message_id = ")
        .arg(message)
        .push(" ORDER BY id")
        .push(lock)
        .all(tx)
        .await
}

pub(super) async fn cancel(tx: &mut crate::store::Tx, message: MessageId, at: Time) -> Result<u64> {
    sql("UPDATE outbox SET state = 'cancelled', due_at = NULL, updated_at = $1 WHERE kind = 'reply' \
         AND ticket_message_id = $2 AND state IN ")
    .bind(at)
    .bind(message)
    .list(OutboxState::CANCELLABLE)
    .exec(tx)
    .await
}

pub(super) async fn mark_withdrawn(tx: &mut crate::store::Tx, message: MessageId, at: Time) -> Result<u64> {
    sql("UPDATE ticket_messages SET withdrawn_at = $1 WHERE id = $2").bind(at).bind(message).exec(tx).await
}

/// Who got our last reply on a ticket that still stands, and at which address.
pub(super) async fn last_recipients(ex: &mut impl Exec, ticket: TicketId) -> Result<Vec<(Option<UserId>, String)>> {
    sql("SELECT o.user_id, o.to_email FROM outbox o WHERE o.kind = 'reply' AND o.ticket_id = $1 AND o.ticket_message_id = \
         (SELECT m.id FROM ticket_messages m WHERE m.ticket_id = $1 AND m.kind = 'reply' AND m.side = 'agent' \
          AND m.withdrawn_at IS NULL AND EXISTS (SELECT 1 FROM outbox x WHERE x.ticket_message_id = m.id AND x.kind = 'reply') \
          ORDER BY m.seq DESC LIMIT 1) ORDER BY o.id")
    .bind(ticket)
    .all(ex)
    .await
}

/// The texts of a ticket's newest notes.
pub(super) async fn notes(ex: &mut impl Exec, ticket: TicketId) -> Result<Vec<String>> {
    let found: Vec<(String,)> = sql(
        "SELECT visible_text FROM ticket_messages WHERE ticket_id = $1 AND kind = 'note' ORDER BY seq DESC LIMIT 200",
    )
    .bind(ticket)
    .all(ex)
    .await?;
    Ok(found.into_iter().map(|(text,)| text).collect())
}

/// Notes that a message on a tenant's ticket names somebody. The message itself is written at the end of the transaction.
pub(super) async fn insert_mention(
    tx: &mut crate::store::Tx,
    (tenant, ticket): (TenantId, TicketId),
    message: MessageId,
    user: UserId,
    at: Time,
) -> Result<u64> {
    sql("INSERT INTO mentions (ticket_message_id, user_id, tenant_id, ticket_id, created_at) VALUES ($1, $2, $3, $4, $5)")
        .bind(message)
        .bind(user)
        .bind(tenant)
        .bind(ticket)
        .bind(at)
        .exec(tx)
        .await
}
