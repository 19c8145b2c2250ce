//! The SQL of merging.

use crate::access::TicketScope;
use crate::clock::Time;
use crate::ids::{TicketId, UserId};
use crate::store::{Exec, Result, Tx, sql};
use crate::tickets::types::Ticket;
use std::collections::BTreeSet;

/// A ticket that was merged into another one.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Merged {
    /// Its id.
    pub ticket_id: TicketId,
    /// Its public id.
    pub pid: String,
    /// Its subject.
    pub subject: String,
    /// When it was merged.
    pub merged_at: Time,
}

/// A merge that was not undone.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct OpenMerge {
    pub id: i64,
    pub into_id: TicketId,
    pub undo: String,
}

pub(super) async fn open_merge(ex: &mut impl Exec, ticket: TicketId) -> Result<Option<OpenMerge>> {
    let q = sql("SELECT id, into_id, undo FROM ticket_merges WHERE undone_at IS NULL AND ticket_id = ");
    q.arg(ticket).opt(ex).await
}

pub(super) async fn insert(
    tx: &mut Tx,
    from: &Ticket,
    into: TicketId,
    undo: &str,
    user: Option<UserId>,
    at: Time,
) -> Result<()> {
    sql("INSERT INTO ticket_merges (tenant_id, ticket_id, into_id, undo, merged_at, merged_by) \
         VALUES ($1, $2, $3, $4, $5, $6)")
    .bind(from.tenant_id)
    .bind(from.id)
    .bind(into)
    .bind(undo)
    .bind(at)
    .bind(user)
    .exec(tx)
    .await?;
    Ok(())
}

pub(super) async fn undone(tx: &mut Tx, id: i64, user: Option<UserId>, at: Time) -> Result<()> {
    let q = sql("UPDATE ticket_merges SET undone_at = $1, undone_by = $2 WHERE id = $3");
    q.bind(at).bind(user).bind(id).exec(tx).await?;
    Ok(())
}

pub(super) async fn merged_into(ex: &mut impl Exec, into: TicketId) -> Result<Vec<Merged>> {
    sql("SELECT m.ticket_id, t.pid, t.subject, m.merged_at FROM ticket_merges m JOIN tickets t ON t.id = m.ticket_id \
         WHERE m.undone_at IS NULL AND m.into_id = ")
    .arg(into)
    .push(" ORDER BY m.id DESC")
    .all(ex)
    .await
}

/// A ticket's name.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Offered {
    /// Its public id.
    pub pid: String,
    /// Its subject.
    pub subject: String,
}

pub(super) async fn of_requester(
    ex: &mut impl Exec,
    scope: TicketScope,
    ticket: &Ticket,
    limit: i64,
) -> Result<Vec<Offered>> {
    let q =
        scope.filter(sql("SELECT t.pid, t.subject FROM tickets t WHERE t.requester_id = ").arg(ticket.requester_id));
    q.push(" AND t.tenant_id = ")
        .arg(ticket.tenant_id)
        .push(" AND t.id <> ")
        .arg(ticket.id)
        .push(
            " AND t.folder = 'inbox' AND t.merged_into IS NULL AND t.erased_at IS NULL \
             ORDER BY CASE WHEN t.status IN ('solved', 'closed') THEN 1 ELSE 0 END, t.last_activity_at DESC LIMIT ",
        )
        .arg(limit)
        .all(ex)
        .await
}

pub(super) async fn pointer(ex: &mut impl Exec, id: TicketId) -> Result<Option<TicketId>> {
    let row: Option<(Option<TicketId>,)> = sql("SELECT merged_into FROM tickets WHERE id = ").arg(id).opt(ex).await?;
    Ok(row.and_then(|(into,)| into))
}

pub(super) async fn pid(ex: &mut impl Exec, id: TicketId) -> Result<String> {
    let (pid,): (String,) = sql("SELECT pid FROM tickets WHERE id = ").arg(id).one(ex).await?;
    Ok(pid)
}

/// The last of a ticket's messages.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Last {
    /// When it came.
    pub at: Option<Time>,
    /// What the last reply says.
    pub text: Option<String>,
}

pub(super) async fn last(ex: &mut impl Exec, ticket: TicketId) -> Result<Last> {
    sql("SELECT (SELECT MAX(created_at) FROM ticket_messages WHERE ticket_id = $1) AS at, \
         (SELECT visible_text FROM ticket_messages WHERE ticket_id = $1 AND kind = 'reply' ORDER BY seq DESC LIMIT 1) AS text")
    .bind(ticket)
    .one(ex)
    .await
}

/// Who wrote on a ticket.
pub(super) async fn authors(ex: &mut impl Exec, ticket: TicketId) -> Result<BTreeSet<UserId>> {
    let q = sql("SELECT DISTINCT author_id FROM ticket_messages WHERE author_id IS NOT NULL AND ticket_id = ");
    let rows: Vec<(UserId,)> = q.arg(ticket).all(ex).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}
