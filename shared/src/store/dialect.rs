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

/// Returns the database's kind and version: `SQLite 3.51.3`, `PostgreSQL 15.18`.
///
/// # Errors
/// See [`super::Error`].
pub async fn version(ex: &mut impl Exec) -> Result<String> {
    let (kind, q) = match ex.is_sqlite() {
        true => ("SQLite", sql("SELECT sqlite_version()")),
        false => ("PostgreSQL", sql("SELECT current_setting('server_version')")),
    };
    let (version,): (String,) = q.one(ex).await?;
    Ok(format!("{kind} {}", version.split_whitespace().next().unwrap_or_default()))
}

/// Returns an expression for the present moment by the database's clock, to be read beside other columns as
/// `Option<Time>`; NULL where that is this host's.
pub fn clock(ex: &impl Exec) -> &'static str {
    if ex.is_sqlite() { "NULL" } else { "clock_timestamp()" }
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

impl IdTable {
    fn name(self) -> &'static str {
        match self {
            IdTable::Tickets => "tickets",
            IdTable::Messages => "ticket_messages",
            IdTable::Events => "ticket_events",
            IdTable::Outbox => "outbox",
            IdTable::Attachments => "attachments",
            IdTable::Users => "users",
            IdTable::InboundMails => "inbound_mails",
            IdTable::RawMails => "raw_mails",
        }
    }
}

/// Takes `n` fresh ids of `table`, ascending. A rolled-back transaction leaves holes on PostgreSQL, none on
/// SQLite; row ids promise nothing else.
///
/// # Errors
/// See [`super::Error`].
pub async fn take_ids(tx: &mut Tx, table: IdTable, n: usize) -> Result<Vec<i64>> {
    let [ids] = take_ids_of(tx, [(table, n)]).await?;
    Ok(ids)
}

/// As [`take_ids`], of several tables at once.
///
/// # Errors
/// See [`super::Error`].
pub async fn take_ids_of<const N: usize>(tx: &mut Tx, wanted: [(IdTable, usize); N]) -> Result<[Vec<i64>; N]> {
    let mut ids = wanted.map(|(_, n)| Vec::with_capacity(n));
    let sqlite = tx.is_sqlite();
    let mut q = sql("");
    let mut parts = 0;
    for (i, (table, n)) in wanted.into_iter().enumerate().filter(|(_, (_, n))| *n > 0) {
        q = q.push(if parts > 0 { " UNION ALL SELECT " } else { "SELECT " });
        // Safe on SQLite inside BEGIN IMMEDIATE: nobody else inserts. The maximum, not a sequence: what is never
        // deleted cannot be given twice. Of these tables `raw_mails` alone loses rows, whose ids nobody holds (E13.1).
        q = match sqlite {
            true => q.arg(i as i64).push(", COALESCE(MAX(id), 0) FROM ").push(table.name()),
            false => {
                let q = q.arg(i as i64).push(", nextval('").push(table.name()).push("_id_seq')");
                q.push(" FROM generate_series(1, ").arg(n as i64).push(")")
            }
        };
        parts += 1;
    }
    if parts == 0 {
        return Ok(ids);
    }
    let rows: Vec<(i64, i64)> = q.all(tx).await?;
    for (i, id) in rows {
        match sqlite {
            true => ids[i as usize].extend((1..=wanted[i as usize].1 as i64).map(|n| id + n)),
            false => ids[i as usize].push(id),
        }
    }
    ids.iter_mut().for_each(|ids| ids.sort_unstable());
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
