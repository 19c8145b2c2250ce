//! What the doctor reads, a window or page at a time. The texts of the probes stand with them.

use crate::clock::Time;
use crate::events::{ByKind, Event};
use crate::ids::{MessageId, TenantId, TicketId, UserId};
use crate::store::{Db, Result, Scope, sql};

/// Tables that are gone through by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    Mails,
    Messages,
    Tickets,
    Outbox,
    Attachments,
    ImapAccounts,
    Categories,
    Storms,
    AuditEvents,
    SavedViews,
    Incidents,
}

impl Table {
    pub(super) const ALL: &[Table] = &[
        Table::Mails,
        Table::Messages,
        Table::Tickets,
        Table::Outbox,
        Table::Attachments,
        Table::ImapAccounts,
        Table::Categories,
        Table::Storms,
        Table::AuditEvents,
        Table::SavedViews,
        Table::Incidents,
    ];

    fn name(self) -> &'static str {
        match self {
            Table::Mails => "inbound_mails",
            Table::Messages => "ticket_messages",
            Table::Tickets => "tickets",
            Table::Outbox => "outbox",
            Table::Attachments => "attachments",
            Table::ImapAccounts => "imap_accounts",
            Table::Categories => "categories",
            Table::Storms => "storms",
            Table::AuditEvents => "audit_events",
            Table::SavedViews => "saved_views",
            Table::Incidents => "incidents",
        }
    }
}

/// Returns the last id and the number of the next 1,000 rows after `after`; None at the end.
pub(super) async fn window(db: &Db, table: Table, after: i64) -> Result<Option<(i64, u64)>> {
    let q = sql("SELECT MAX(id), COUNT(*) FROM (SELECT id FROM ")
        .push(table.name())
        .push(" WHERE id > $1 ORDER BY id LIMIT 1000) AS page");
    let (last, rows): (Option<i64>, i64) = q.bind(after).one(&mut db.read(Scope::All)).await?;
    Ok(last.map(|last| (last, rows.unsigned_abs())))
}

pub(super) async fn labels(
    db: &Db,
    text: &'static str,
    after: i64,
    last: i64,
    from: Option<Time>,
) -> Result<Vec<String>> {
    let mut q = sql(text).bind(after).bind(last);
    if let Some(from) = from {
        q = q.bind(from);
    }
    let rows: Vec<(String,)> = q.all(&mut db.read(Scope::All)).await?;
    Ok(rows.into_iter().map(|(label,)| label).collect())
}

#[derive(sqlx::FromRow)]
pub(super) struct RawName {
    pub id: i64,
    pub tenant_id: TenantId,
    pub sha256: String,
}

pub(super) async fn raws_in_blobs(db: &Db, after: i64) -> Result<Vec<RawName>> {
    sql("SELECT id, tenant_id, sha256 FROM raw_mails WHERE id > $1 AND encoding = 'blob' ORDER BY id LIMIT 1000")
        .bind(after)
        .all(&mut db.read(Scope::All))
        .await
}

#[derive(sqlx::FromRow)]
pub(super) struct Raw {
    pub id: i64,
    pub tenant_id: TenantId,
    pub sha256: String,
    pub size_bytes: i64,
    pub encoding: String,
    pub bytes: Option<Vec<u8>>,
}

/// A page of bytes: at most 100 × 64 KiB.
pub(super) async fn raws(db: &Db, after: i64) -> Result<Vec<Raw>> {
    sql("SELECT id, tenant_id, sha256, size_bytes, encoding, bytes FROM raw_mails WHERE id > $1 ORDER BY id LIMIT 100")
        .bind(after)
        .all(&mut db.read(Scope::All))
        .await
}

pub(super) async fn counters(db: &Db) -> Result<Vec<(TenantId, String, i64)>> {
    sql("SELECT tenant_id, period, last FROM pid_counters ORDER BY tenant_id, period")
        .all(&mut db.read(Scope::All))
        .await
}

pub(super) async fn pids(db: &Db, after: i64) -> Result<Vec<(i64, TenantId, String)>> {
    sql("SELECT id, tenant_id, pid FROM tickets WHERE id > $1 ORDER BY id LIMIT 1000")
        .bind(after)
        .all(&mut db.read(Scope::All))
        .await
}

/// Where a ticket's chain must end.
#[derive(sqlx::FromRow)]
pub(super) struct TicketHead {
    pub id: TicketId,
    pub pid: String,
    pub version: i64,
    pub chain_head: Vec<u8>,
}

pub(super) async fn heads(db: &Db, after: TicketId) -> Result<Vec<TicketHead>> {
    sql("SELECT id, pid, version, chain_head FROM tickets WHERE id > $1 ORDER BY id LIMIT 1000")
        .bind(after)
        .all(&mut db.read(Scope::All))
        .await
}

/// An event whose kind may be anything: what somebody wrote over it is a broken link, no failure of the check.
#[derive(sqlx::FromRow)]
pub(super) struct RawEvent {
    pub ticket_id: TicketId,
    pub seq: i64,
    tenant_id: TenantId,
    kind: String,
    actor_kind: ByKind,
    actor_id: Option<UserId>,
    data: String,
    at: Time,
    hash: Vec<u8>,
}

impl RawEvent {
    pub(super) fn event(self) -> Option<Event> {
        Some(Event {
            ticket_id: self.ticket_id,
            seq: self.seq,
            tenant_id: self.tenant_id,
            kind: self.kind.parse().ok()?,
            actor_kind: self.actor_kind,
            actor_id: self.actor_id,
            data: self.data,
            at: self.at,
            hash: self.hash,
        })
    }
}

/// Returns the next events after `position` (ticket, seq) up to the ticket `to`.
pub(super) async fn events(db: &Db, position: (TicketId, i64), to: TicketId) -> Result<Vec<RawEvent>> {
    sql("SELECT ticket_id, seq, tenant_id, kind, actor_kind, actor_id, data, at, hash FROM ticket_events \
         WHERE (ticket_id, seq) > ($1, $2) AND ticket_id <= $3 ORDER BY ticket_id, seq LIMIT 1000")
    .bind(position.0)
    .bind(position.1)
    .bind(to)
    .all(&mut db.read(Scope::All))
    .await
}

/// Returns the agents' replies with a participant who got no mail of it, and that participant's address. Who joined
/// later got none; once people joined or left since, or where the reply's author left somebody out, only a reply without
/// any mail is certain to be wrong.
pub(super) async fn unposted(db: &Db, after: i64, last: i64) -> Result<Vec<(MessageId, String)>> {
    sql("SELECT m.id, u.email FROM ticket_messages m JOIN ticket_participants p ON p.ticket_id = m.ticket_id \
         JOIN users u ON u.id = p.user_id WHERE m.id > $1 AND m.id <= $2 AND m.kind = 'reply' AND m.side = 'agent' \
         AND NOT EXISTS (SELECT 1 FROM ticket_events a WHERE a.ticket_id = m.ticket_id AND a.seq = m.seq \
             AND a.data LIKE '%moved_from%') \
         AND NOT EXISTS (SELECT 1 FROM inbound_mails s WHERE s.id = m.mail_id \
             AND (s.erased_at IS NOT NULL OR s.door_facts LIKE '%sent_folder%')) \
         AND m.withdrawn_at IS NULL AND p.state = 'accepted' AND p.kind <> 'follower' \
         AND p.created_at <= m.created_at AND (m.author_id IS NULL OR m.author_id <> p.user_id) \
         AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.ticket_message_id = m.id AND o.kind = 'reply' \
             AND (o.user_id = p.user_id OR EXISTS (SELECT 1 FROM ticket_events e WHERE e.ticket_id = m.ticket_id \
                 AND (e.seq > m.seq AND e.kind IN ('PARTICIPANT_ADDED', 'PARTICIPANT_REMOVED') \
                     OR e.seq = m.seq AND e.data LIKE '%\"left_out\"%')))) \
         ORDER BY m.id, p.user_id")
    .bind(after)
    .bind(last)
    .all(&mut db.read(Scope::All))
    .await
}

pub(super) async fn worker_lives(db: &Db, since: Time) -> Result<bool> {
    let row: Option<(String,)> =
        sql("SELECT name FROM workers WHERE seen_at >= $1 LIMIT 1").bind(since).opt(&mut db.read(Scope::All)).await?;
    Ok(row.is_some())
}

pub(super) async fn relay_paused(db: &Db, now: Time) -> Result<bool> {
    let row: Option<(String,)> =
        sql("SELECT relay FROM relays WHERE paused_until > $1 LIMIT 1").bind(now).opt(&mut db.read(Scope::All)).await?;
    Ok(row.is_some())
}

/// A blob's key, for paging.
#[derive(Default)]
pub(super) struct BlobName {
    tenant_id: i64,
    sha256: String,
}

/// A blob that an attachment names.
#[derive(sqlx::FromRow)]
pub(super) struct Blob {
    pub tenant_id: TenantId,
    pub sha256: String,
    pub size_bytes: i64,
    pub label: String,
}

impl Blob {
    pub(super) fn name(&self) -> BlobName {
        BlobName { tenant_id: self.tenant_id.0, sha256: self.sha256.clone() }
    }
}

pub(super) async fn blobs(db: &Db, after: &BlobName) -> Result<Vec<Blob>> {
    sql("SELECT b.tenant_id, b.sha256, b.size_bytes, 'attachment ' || CAST(a.id AS TEXT) AS label FROM \
         (SELECT b.tenant_id, b.sha256, b.size_bytes, (SELECT MIN(a.id) FROM attachments a \
             WHERE a.tenant_id = b.tenant_id AND a.sha256 = b.sha256) AS first FROM blobs b) AS b \
         JOIN attachments a ON a.id = b.first WHERE (b.tenant_id, b.sha256) > ($1, $2) \
         ORDER BY b.tenant_id, b.sha256 LIMIT 1000")
    .bind(after.tenant_id)
    .bind(&after.sha256)
    .all(&mut db.read(Scope::All))
    .await
}

/// Bytes that an erasure doomed before `before`, and that the blob store still holds.
pub(super) async fn lingering(db: &Db, before: Time) -> Result<Vec<String>> {
    let rows: Vec<(TenantId, String)> =
        sql("SELECT tenant_id, sha256 FROM doomed_blobs WHERE since < $1 ORDER BY since LIMIT 1000")
            .bind(before)
            .all(&mut db.read(Scope::All))
            .await?;
    Ok(rows.into_iter().map(|(tenant, sha)| format!("tenant {tenant} {}", &sha[..sha.len().min(12)])).collect())
}

/// Outgoing mail whose octets lie in the blob store and may still be needed.
pub(super) async fn large_letters(db: &Db, after: i64) -> Result<Vec<(i64, TenantId, String)>> {
    sql("SELECT id, tenant_id, mime_blob FROM outbox WHERE id > $1 AND mime_blob IS NOT NULL ORDER BY id LIMIT 1000")
        .bind(after)
        .all(&mut db.read(Scope::All))
        .await
}
