//! The SQL of search. What the databases say differently stands side by side.

use crate::clock::Time;
use crate::ids::{MessageId, TenantId, TicketId};
use crate::messages::MessageKind;
use crate::store::{Exec, Q, Result, Tx, sql};

/// A message that waits to be indexed.
#[derive(Debug, sqlx::FromRow)]
#[allow(missing_docs)]
pub(super) struct Waiting {
    pub id: MessageId,
    pub tenant_id: TenantId,
    pub seq: i64,
    pub kind: MessageKind,
    pub author_name: Option<String>,
    pub author_email: Option<String>,
    pub body: String,
    pub visible_text: String,
    pub subject: String,
    pub mailbox: Option<String>,
}

/// Returns messages that wait, oldest first, each for one worker alone.
pub(super) async fn waiting(tx: &mut Tx, n: i64) -> Result<Vec<Waiting>> {
    let lock = if tx.is_sqlite() { "" } else { " FOR UPDATE OF m SKIP LOCKED" };
    sql("SELECT m.id, m.tenant_id, m.seq, m.kind, m.author_name, m.author_email, m.body, m.visible_text, t.subject, \
         b.address AS mailbox FROM ticket_messages m JOIN tickets t ON t.id = m.ticket_id \
         LEFT JOIN mailboxes b ON b.id = t.mailbox_id WHERE m.indexed_at IS NULL ORDER BY m.id LIMIT ")
    .arg(n)
    .push(lock)
    .all(tx)
    .await
}

/// Tells whether any message waits.
pub(super) async fn something_waits(ex: &mut impl Exec) -> Result<bool> {
    let found: Option<(MessageId,)> =
        sql("SELECT id FROM ticket_messages WHERE indexed_at IS NULL ORDER BY id LIMIT 1").opt(ex).await?;
    Ok(found.is_some())
}

/// Returns the addresses that messages were sent to.
pub(super) async fn recipients(tx: &mut Tx, messages: &[MessageId]) -> Result<Vec<(MessageId, String)>> {
    sql("SELECT ticket_message_id, to_email FROM outbox WHERE kind = 'reply' AND ticket_message_id IN ")
        .among(messages.iter().copied())
        .all(tx)
        .await
}

/// Returns the names of messages' files.
pub(super) async fn files(tx: &mut Tx, messages: &[MessageId]) -> Result<Vec<(MessageId, String)>> {
    sql("SELECT ticket_message_id, filename FROM attachments WHERE ticket_message_id IN ")
        .among(messages.iter().copied())
        .all(tx)
        .await
}

/// Writes documents over those that were there.
pub(super) async fn put(tx: &mut Tx, documents: &[(MessageId, String)]) -> Result<()> {
    let mut q = if tx.is_sqlite() {
        sql("INSERT OR REPLACE INTO search_index (rowid, terms) VALUES ")
    } else {
        sql("INSERT INTO search_index (message_id, terms) VALUES ")
    };
    let cast = if tx.is_sqlite() { ")" } else { "::tsvector)" };
    for (i, (message, terms)) in documents.iter().enumerate() {
        q = q.push(if i > 0 { ", (" } else { "(" }).arg(*message).push(", ").arg(terms.as_str()).push(cast);
    }
    if !tx.is_sqlite() {
        q = q.push(" ON CONFLICT (message_id) DO UPDATE SET terms = excluded.terms");
    }
    q.exec(tx).await?;
    Ok(())
}

/// Takes messages out of the index at once.
pub(super) async fn remove(tx: &mut Tx, messages: &[MessageId]) -> Result<()> {
    let q = match tx.is_sqlite() {
        true => sql("DELETE FROM search_index WHERE rowid IN "),
        false => sql("DELETE FROM search_index WHERE message_id IN "),
    };
    q.among(messages.iter().copied()).exec(tx).await?;
    Ok(())
}

pub(super) async fn mark_indexed(tx: &mut Tx, messages: &[MessageId], at: Time) -> Result<()> {
    sql("UPDATE ticket_messages SET indexed_at = ")
        .arg(at)
        .push(" WHERE id IN ")
        .list(messages.iter().copied())
        .exec(tx)
        .await?;
    Ok(())
}

/// Lets messages with ids above `after` be indexed again, at most `n`; returns the last one's id and how many.
pub(super) async fn unmark(tx: &mut Tx, after: MessageId, n: i64) -> Result<(Option<MessageId>, u64)> {
    let ids: Vec<(MessageId,)> =
        sql("SELECT id FROM ticket_messages WHERE id > $1 ORDER BY id LIMIT $2").bind(after).bind(n).all(tx).await?;
    let ids: Vec<MessageId> = ids.into_iter().map(|(id,)| id).collect();
    sql("UPDATE ticket_messages SET indexed_at = NULL WHERE id IN ").among(ids.iter().copied()).exec(tx).await?;
    Ok((ids.last().copied(), ids.len() as u64))
}

/// Begins a query over documents `s`, their messages `m` and tickets `t`, with what is to be selected from them.
pub(super) fn over_documents(select: &'static str, sqlite: bool) -> Q {
    sql("SELECT ")
        .push(select)
        .push(" FROM search_index s JOIN ticket_messages m ON m.id = ")
        .push(document_id(sqlite))
        .push(" JOIN tickets t ON t.id = m.ticket_id WHERE ")
        .push(fits(sqlite))
}

/// The comparison of a document with the expression that comes next.
pub(super) fn fits(sqlite: bool) -> &'static str {
    if sqlite { "search_index MATCH " } else { "s.terms @@ " }
}

/// Adds the expression that documents must fit.
pub(super) fn fitting(q: Q, expression: String, sqlite: bool) -> Q {
    q.arg(expression).push(if sqlite { "" } else { "::tsquery" })
}

/// The column that documents are counted by.
pub(super) fn document_id(sqlite: bool) -> &'static str {
    if sqlite { "s.rowid" } else { "s.message_id" }
}

/// A ticket's newest hit.
#[derive(Debug, Clone, Copy, sqlx::FromRow)]
pub(super) struct HitRow {
    pub message_id: MessageId,
    pub ticket_id: TicketId,
}

/// Adds a SELECT of the tickets that need no index: by PID, requester's address, or how their subject begins.
pub(super) fn at_once(q: Q, text: &str, sqlite: bool) -> Q {
    let c = by_octets(sqlite);
    let prefix = text.to_lowercase();
    q.push("SELECT id FROM tickets WHERE pid = ")
        .arg(text.to_ascii_uppercase())
        .push(" UNION SELECT o.id FROM tickets o JOIN users w ON w.id = o.requester_id WHERE w.email_key")
        .push(c)
        .push(" = ")
        .arg(crate::address::key(text))
        .push(" UNION SELECT id FROM tickets WHERE LOWER(subject)")
        .push(c)
        .push(" >= ")
        .arg(prefix.as_str())
        .push(" AND LOWER(subject)")
        .push(c)
        .push(" < ")
        .arg(format!("{prefix}\u{10ffff}"))
}

/// What compares texts by their octets, as an index for beginnings needs.
fn by_octets(sqlite: bool) -> &'static str {
    if sqlite { "" } else { " COLLATE \"C\"" }
}

/// Somebody who was found.
#[derive(Debug, Clone, sqlx::FromRow, serde::Serialize)]
pub struct Somebody {
    /// Who.
    pub id: crate::ids::UserId,
    /// Their address.
    pub email: String,
    /// Their name.
    pub name: Option<String>,
}

/// Returns people whose address or name begins so (`prefix` in lower case), at most `n`.
pub(super) async fn people(
    ex: &mut impl Exec,
    tenant: Option<TenantId>,
    prefix: &str,
    n: i64,
) -> Result<Vec<Somebody>> {
    let end = format!("{prefix}\u{10ffff}");
    let by = |column: &'static str, q: Q, sqlite: bool| {
        let c = by_octets(sqlite);
        q.push(column).push(c).push(" >= ").arg(prefix).push(" AND ").push(column).push(c).push(" < ").arg(end.as_str())
    };
    let sqlite = ex.is_sqlite();
    let mut q = sql("SELECT u.id, u.email, u.name FROM users u WHERE (");
    q = by("u.email_key", q, sqlite).push(" OR ");
    q = by("LOWER(u.name)", q, sqlite).push(")");
    if let Some(tenant) = tenant {
        q = q.push(" AND u.tenant_id = ").arg(tenant);
    }
    q.push(" ORDER BY u.email_key LIMIT ").arg(n).all(ex).await
}
