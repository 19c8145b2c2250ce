//! The SQL of the tray.

use super::{JoinKind, JoinState, JoinView};
use crate::access::TicketScope;
use crate::clock::Time;
use crate::ids::{JoinId, MailboxId, MessageId, TicketId, UserId};
use crate::store::{Exec, Q, Result, Tx, sql};
use std::collections::BTreeSet;

fn select(scope: TicketScope) -> Q {
    scope.filter(sql(
        "SELECT j.id, j.tenant_id, j.kind, j.state, j.why, j.ticket_id, t.pid, t.subject, j.other_id, o.pid AS other_pid, \
         o.subject AS other_subject, j.user_id, u.email AS user_email, u.name AS user_name, j.ticket_message_id, m.mail_id, \
         j.created_at, j.decided_at, j.decided_by FROM ticket_joins j JOIN tickets t ON t.id = j.ticket_id \
         LEFT JOIN tickets o ON o.id = j.other_id LEFT JOIN users u ON u.id = j.user_id \
         LEFT JOIN ticket_messages m ON m.id = j.ticket_message_id WHERE 1 = 1",
    ))
}

pub(super) async fn list(
    ex: &mut impl Exec,
    scope: TicketScope,
    state: JoinState,
    before: Option<JoinId>,
    limit: i64,
) -> Result<Vec<JoinView>> {
    let q = match state {
        // As the index over the open ones says it.
        JoinState::Open => select(scope).push(" AND j.state = 'open' AND t.folder = 'inbox' AND t.merged_into IS NULL"),
        decided => select(scope).push(" AND j.state = ").arg(decided),
    };
    let q = match scope.tenant() {
        Some(tenant) => q.push(" AND j.tenant_id = ").arg(tenant),
        None => q,
    };
    let q = match before {
        Some(before) => q.push(" AND j.id < ").arg(before),
        None => q,
    };
    q.push(" ORDER BY j.id DESC LIMIT ").arg(limit).all(ex).await
}

pub(super) async fn of_ticket(ex: &mut impl Exec, scope: TicketScope, ticket: TicketId) -> Result<Vec<JoinView>> {
    let q = select(scope).push(" AND j.state = 'open' AND (j.ticket_id = ").arg(ticket).push(" OR j.other_id = ");
    q.arg(ticket).push(") ORDER BY j.id").all(ex).await
}

pub(super) async fn find(ex: &mut impl Exec, scope: TicketScope, id: JoinId) -> Result<Option<JoinView>> {
    select(scope).push(" AND j.id = ").arg(id).opt(ex).await
}

/// The mailboxes that a ticket's arrivals came by, and those that they name besides.
pub(super) async fn mailboxes_of(
    ex: &mut impl Exec,
    ticket: TicketId,
) -> Result<Vec<(Option<MailboxId>, Option<String>)>> {
    sql("SELECT DISTINCT mailbox_id, also_mailboxes FROM inbound_mails WHERE ticket_id = ").arg(ticket).all(ex).await
}

pub(super) async fn addresses(ex: &mut impl Exec, ids: BTreeSet<MailboxId>) -> Result<Vec<String>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<(String,)> =
        sql("SELECT address FROM mailboxes WHERE id IN ").list(ids).push(" ORDER BY id").all(ex).await?;
    Ok(rows.into_iter().map(|(a,)| a).collect())
}

pub(super) async fn decide(tx: &mut Tx, id: JoinId, to: JoinState, user: Option<UserId>, at: Time) -> Result<()> {
    sql("UPDATE ticket_joins SET state = $1, decided_by = $2, decided_at = $3 WHERE id = $4")
        .bind(to)
        .bind(user)
        .bind(at)
        .bind(id)
        .exec(tx)
        .await?;
    Ok(())
}

/// Decides all open doubts of one kind about a ticket.
pub(super) async fn decide_all(
    tx: &mut Tx,
    ticket: TicketId,
    kind: JoinKind,
    to: JoinState,
    user: Option<UserId>,
    at: Time,
) -> Result<()> {
    sql("UPDATE ticket_joins SET state = $1, decided_by = $2, decided_at = $3 \
         WHERE ticket_id = $4 AND kind = $5 AND state = 'open'")
    .bind(to)
    .bind(user)
    .bind(at)
    .bind(ticket)
    .bind(kind)
    .exec(tx)
    .await?;
    Ok(())
}

/// What somebody wrote on a ticket by mail, from the given message on.
pub(super) async fn messages_of(
    ex: &mut impl Exec,
    ticket: TicketId,
    user: UserId,
    first: Option<MessageId>,
) -> Result<Vec<MessageId>> {
    let rows: Vec<(MessageId,)> = sql("SELECT id FROM ticket_messages WHERE ticket_id = $1 AND author_id = $2 \
         AND mail_id IS NOT NULL AND id >= $3 ORDER BY id")
    .bind(ticket)
    .bind(user)
    .bind(first.map_or(0, |m| m.0))
    .all(ex)
    .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}
