//! The SQL of scheduled replies.

use crate::clock::Time;
use crate::ids::{MessageId, OutboxId, TicketId, UserId};
use crate::store::{Result, Tx, dialect, sql};

#[derive(sqlx::FromRow)]
pub(super) struct Waiting {
    pub id: OutboxId,
    pub ticket_id: TicketId,
    pub message_id: MessageId,
    pub author_id: Option<UserId>,
    pub created_at: Time,
    pub due_at: Time,
}

pub(super) async fn waiting(tx: &mut Tx, tickets: &[TicketId]) -> Result<Vec<Waiting>> {
    let lock = if tx_is_sqlite(tx) { "" } else { " FOR UPDATE OF o" };
    sql("SELECT o.id, o.ticket_id, m.id AS message_id, m.author_id, o.created_at, o.due_at FROM outbox o \
         JOIN ticket_messages m ON m.id = o.ticket_message_id \
         WHERE o.state = 'held' AND o.kind = 'reply' AND o.due_at IS NOT NULL AND o.ticket_id IN ")
    .among(tickets.iter().copied())
    .push(" ORDER BY o.id")
    .push(lock)
    .all(tx)
    .await
}

fn tx_is_sqlite(tx: &Tx) -> bool {
    dialect::for_update(tx).is_empty()
}

pub(super) async fn hold(tx: &mut Tx, mails: &[OutboxId], at: Time) -> Result<u64> {
    sql("UPDATE outbox SET due_at = NULL, updated_at = ")
        .arg(at)
        .push(" WHERE state = 'held' AND id IN ")
        .list(mails.iter().copied())
        .exec(tx)
        .await
}

pub(super) async fn release(tx: &mut Tx, message: MessageId) -> Result<Vec<OutboxId>> {
    let now = dialect::now(tx).await?;
    let rows: Vec<(OutboxId,)> = sql("UPDATE outbox SET state = 'queued', due_at = $1, updated_at = $1 \
         WHERE ticket_message_id = $2 AND kind = 'reply' AND state = 'held' RETURNING id")
    .bind(now)
    .bind(message)
    .all(tx)
    .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}
