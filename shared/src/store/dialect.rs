//! What the two dialects say differently, side by side. Everything else is one text for both.

use super::{Db, Exec, Result, Tx, sql};
use crate::clock::Time;

/// Returns the present moment by the database's clock: leases and due times use it, so that hosts whose clocks
/// differ agree (DESIGN 7).
///
/// # Errors
/// See [`super::Error`].
pub async fn now(ex: &mut impl Exec) -> Result<Time> {
    // SQLite has no clock of its own: it is this host's, which is the only one that can write.
    if ex.is_sqlite() {
        return Ok(crate::clock::now());
    }
    let (at,): (Time,) = sql("SELECT clock_timestamp()").one(ex).await?;
    Ok(at)
}

/// Returns the row lock's text for a SELECT: SQLite's one writer needs none.
pub fn for_update(ex: &impl Exec) -> &'static str {
    if ex.is_sqlite() { "" } else { " FOR UPDATE" }
}

/// Returns the row lock's text that skips rows others hold, for claims.
pub fn for_update_skip_locked(ex: &impl Exec) -> &'static str {
    if ex.is_sqlite() { "" } else { " FOR UPDATE SKIP LOCKED" }
}

/// Tables whose ids are taken before their rows are inserted, so that many rows go in one statement.
#[derive(Debug, Clone, Copy)]
pub enum IdTable {
    /// `tickets`.
    Tickets,
    /// `ticket_messages`.
    Messages,
    /// `ticket_events`.
    Events,
    /// `outbox`.
    Outbox,
    /// `attachments`.
    Attachments,
    /// `users`.
    Users,
    /// `inbound_mails`.
    InboundMails,
    /// `raw_mails`.
    RawMails,
}

/// Takes `n` fresh ids of `table`, ascending. A rolled-back transaction leaves holes on PostgreSQL, none on
/// SQLite; row ids promise nothing else.
///
/// # Errors
/// See [`super::Error`].
pub async fn take_ids(tx: &mut Tx, table: IdTable, n: usize) -> Result<Vec<i64>> {
    if n == 0 {
        return Ok(Vec::new());
    }
    if tx.is_sqlite() {
        // Safe inside BEGIN IMMEDIATE: nobody else inserts. The maximum, not a sequence: what is never deleted
        // (all of these tables) cannot be given twice.
        let q = match table {
            IdTable::Tickets => sql("SELECT COALESCE(MAX(id), 0) FROM tickets"),
            IdTable::Messages => sql("SELECT COALESCE(MAX(id), 0) FROM ticket_messages"),
            IdTable::Events => sql("SELECT COALESCE(MAX(id), 0) FROM ticket_events"),
            IdTable::Outbox => sql("SELECT COALESCE(MAX(id), 0) FROM outbox"),
            IdTable::Attachments => sql("SELECT COALESCE(MAX(id), 0) FROM attachments"),
            IdTable::Users => sql("SELECT COALESCE(MAX(id), 0) FROM users"),
            IdTable::InboundMails => sql("SELECT COALESCE(MAX(id), 0) FROM inbound_mails"),
            IdTable::RawMails => sql("SELECT COALESCE(MAX(id), 0) FROM raw_mails"),
        };
        let (max,): (i64,) = q.one(tx).await?;
        return Ok((1..=n as i64).map(|i| max + i).collect());
    }
    let name = match table {
        IdTable::Tickets => "tickets_id_seq",
        IdTable::Messages => "ticket_messages_id_seq",
        IdTable::Events => "ticket_events_id_seq",
        IdTable::Outbox => "outbox_id_seq",
        IdTable::Attachments => "attachments_id_seq",
        IdTable::Users => "users_id_seq",
        IdTable::InboundMails => "inbound_mails_id_seq",
        IdTable::RawMails => "raw_mails_id_seq",
    };
    let rows: Vec<(i64,)> =
        sql("SELECT nextval($1::regclass) FROM generate_series(1, $2)").bind(name).bind(n as i64).all(tx).await?;
    let mut ids: Vec<i64> = rows.into_iter().map(|(id,)| id).collect();
    ids.sort_unstable();
    Ok(ids)
}

/// Returns the size of the database in bytes, for the operator's page.
///
/// # Errors
/// See [`super::Error`].
pub async fn size_bytes(db: &Db) -> Result<i64> {
    let mut read = db.read(super::Scope::All);
    let q = if db.is_sqlite() {
        sql("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
    } else {
        sql("SELECT pg_database_size(current_database())")
    };
    let (size,): (i64,) = q.one(&mut read).await?;
    Ok(size)
}
