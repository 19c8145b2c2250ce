//! The SQL of received mail.

use super::authenticate::Authentication;
use super::decide::Read;
use super::known::{FirstArrival, KnownUser, TenantFacts};
use super::recipients::Place;
use super::types::Facts;
use super::{Door, MailState, Trace};
use crate::access::Role;
use crate::clock::{Time, now};
use crate::ids::{MailId, MailboxId, MessageId, OutboxId, RawId, TenantId, TicketId, UserId};
use crate::mail_out::kinds::{Kind, OutboxState};
use crate::store::{
    Db, Exec, Q, Result, Scope, Tx, Value, dialect, insert_many, insert_many_returning, sql, update_many,
};
use crate::tickets::Ticket;
use chrono::Duration;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};

// ---- keep

pub(super) async fn mailboxes_by_key(db: &Db, keys: &BTreeSet<String>) -> Result<HashMap<String, Place>> {
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<PlaceRow> =
        sql("SELECT address_key, tenant_id, id, split_per_mailbox FROM mailboxes WHERE active AND address_key IN ")
            .among(keys.iter().map(String::as_str))
            .all(&mut db.read(Scope::All))
            .await?;
    Ok(rows.into_iter().map(|r| (r.address_key, r.place)).collect())
}

#[derive(sqlx::FromRow)]
struct PlaceRow {
    address_key: String,
    #[sqlx(flatten)]
    place: Place,
}

/// Every active mailbox, the default tenant's first: few rows, read for mail to postmasters alone.
pub(super) async fn all_mailboxes(db: &Db) -> Result<Vec<(String, Place)>> {
    let rows: Vec<PlaceRow> = sql("SELECT m.address_key, m.tenant_id, m.id, m.split_per_mailbox FROM mailboxes m JOIN tenants t ON t.id = m.tenant_id \
         WHERE m.active ORDER BY CASE WHEN t.slug = 'default' THEN 0 ELSE 1 END, m.id")
    .all(&mut db.read(Scope::All))
    .await?;
    Ok(rows.into_iter().map(|r| (r.address_key, r.place)).collect())
}

pub(super) async fn default_tenant(db: &Db) -> Result<TenantId> {
    let (id,): (TenantId,) =
        sql("SELECT id FROM tenants ORDER BY CASE WHEN slug = 'default' THEN 0 ELSE 1 END, id LIMIT 1")
            .one(&mut db.read(Scope::All))
            .await?;
    Ok(id)
}

pub(super) async fn insert_raws(tx: &mut Tx, rows: Vec<Vec<Value>>) -> Result<u64> {
    insert_many(
        tx,
        "INSERT INTO raw_mails (id, tenant_id, sha256, size_bytes, encoding, bytes, created_at)",
        rows,
        "ON CONFLICT (tenant_id, sha256) DO NOTHING",
    )
    .await
}

pub(super) async fn find_raws(
    tx: &mut Tx,
    wanted: impl Iterator<Item = (TenantId, &str)>,
) -> Result<HashMap<(TenantId, String), RawId>> {
    let rows: Vec<(RawId, TenantId, String)> = sql("SELECT id, tenant_id, sha256 FROM raw_mails WHERE ")
        .pairs(["tenant_id", "sha256"], wanted)
        .all(tx)
        .await?;
    Ok(rows.into_iter().map(|(id, tenant, sha)| ((tenant, sha), id)).collect())
}

pub(super) async fn insert_inbound(tx: &mut Tx, rows: Vec<Vec<Value>>) -> Result<Vec<MailId>> {
    let rows = rows
        .into_iter()
        .map(|mut r| {
            r.extend([MailState::Kept.into(), "[]".into(), "[]".into(), 0_i64.into()]);
            r
        })
        .collect();
    let ids: Vec<(MailId,)> = insert_many_returning(
        tx,
        "INSERT INTO inbound_mails (id, tenant_id, raw_id, mailbox_id, door, door_ref, envelope_from, envelope_to, peer_ip, \
         helo, vouched, tls, door_facts, received_at, own_tickets, state, flags, trace, tries)",
        rows,
        "ON CONFLICT (tenant_id, door, door_ref) DO NOTHING RETURNING id",
    )
    .await?;
    Ok(ids.into_iter().map(|(id,)| id).collect())
}

pub(super) async fn find_arrival(tx: &mut Tx, tenant: TenantId, door: Door, door_ref: &str) -> Result<MailId> {
    let (id,): (MailId,) = sql("SELECT id FROM inbound_mails WHERE tenant_id = $1 AND door = $2 AND door_ref = $3")
        .bind(tenant)
        .bind(door)
        .bind(door_ref)
        .one(tx)
        .await?;
    Ok(id)
}

/// Which of these references a door brought already: the mails they became, and where those stand.
pub(super) async fn arrivals_by_ref(db: &Db, door: Door, refs: &[String]) -> Result<Vec<(String, MailId, MailState)>> {
    if refs.is_empty() {
        return Ok(Vec::new());
    }
    sql("SELECT door_ref, id, state FROM inbound_mails WHERE door = $1 AND door_ref IN ")
        .bind(door)
        .among(refs.iter().map(String::as_str))
        .all(&mut db.read(Scope::All))
        .await
}

/// Where a mail's bytes lie.
#[derive(Debug, sqlx::FromRow)]
pub struct RawRow {
    pub sha256: String,
    pub size_bytes: i64,
    pub encoding: String,
    pub bytes: Option<Vec<u8>>,
}

/// An arrival with its bytes.
#[derive(Debug, sqlx::FromRow)]
pub struct KeptRow {
    pub tenant_id: TenantId,
    pub mailbox_id: Option<MailboxId>,
    pub own_tickets: bool,
    pub door: Door,
    pub envelope_from: Option<String>,
    pub envelope_to: String,
    pub peer_ip: Option<String>,
    pub helo: Option<String>,
    pub vouched: Option<String>,
    pub authentication: Option<String>,
    pub tls: Option<String>,
    pub door_facts: Option<String>,
    pub received_at: Time,
    pub released_at: Option<Time>,
    pub sha256: String,
    pub size_bytes: i64,
    pub encoding: String,
    pub bytes: Option<Vec<u8>>,
}

/// What the column `door_facts` holds.
#[derive(Default, Serialize, Deserialize)]
struct DoorFacts {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    flags: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dated: Option<Time>,
}

/// Returns the facts that have no column of their own; None if there are none.
pub(super) fn door_facts(facts: &Facts) -> Option<String> {
    if facts.flags.is_empty() && facts.dated.is_none() {
        return None;
    }
    let more = DoorFacts { flags: facts.flags.clone(), dated: facts.dated };
    Some(serde_json::to_string(&more).expect("plain data"))
}

impl KeptRow {
    pub fn raw_row(&self) -> RawRow {
        RawRow {
            sha256: self.sha256.clone(),
            size_bytes: self.size_bytes,
            encoding: self.encoding.clone(),
            bytes: self.bytes.clone(),
        }
    }

    pub fn facts(&self) -> Facts {
        let more: DoorFacts = self.door_facts.as_deref().and_then(|t| serde_json::from_str(t).ok()).unwrap_or_default();
        Facts {
            flags: more.flags,
            dated: more.dated,
            envelope_from: self.envelope_from.clone(),
            envelope_to: serde_json::from_str(&self.envelope_to).unwrap_or_default(),
            peer_ip: self.peer_ip.as_deref().and_then(|ip| ip.parse().ok()),
            helo: self.helo.clone(),
            vouched: self.vouched.as_deref().and_then(|v| serde_json::from_str(v).ok()),
            tls: self.tls.clone(),
        }
    }

    /// What was found about the sender before.
    pub fn authentication(&self) -> Option<Authentication> {
        serde_json::from_str(self.authentication.as_deref()?).ok()
    }
}

pub(super) async fn load(db: &Db, id: MailId) -> Result<Option<KeptRow>> {
    sql("SELECT m.tenant_id, m.mailbox_id, m.own_tickets, m.door, m.envelope_from, m.envelope_to, m.peer_ip, m.helo, m.vouched, m.tls, \
         m.authentication, m.door_facts, m.received_at, m.released_at, r.sha256, r.size_bytes, r.encoding, r.bytes FROM inbound_mails m JOIN raw_mails r ON r.id = m.raw_id WHERE m.id = $1")
    .bind(id)
    .opt(&mut db.read(Scope::All))
    .await
}

pub(super) async fn record_failure(db: &Db, id: MailId, error: &str) -> Result<()> {
    let mut tx = db.write(Scope::All).await?;
    let (tries,): (i64,) =
        sql("UPDATE inbound_mails SET tries = tries + 1, state = 'failed', outcome = 'failed', error = $1, \
         pipeline = $2 WHERE id = $3 AND state IN ('kept', 'failed') RETURNING tries")
        .bind(error)
        .bind(super::PIPELINE)
        .bind(id)
        .opt(&mut tx)
        .await?
        .unwrap_or((0,));
    let next = match tries {
        1 => Some(Duration::minutes(1)),
        2 => Some(Duration::minutes(10)),
        3 => Some(Duration::hours(1)),
        _ => None,
    };
    sql("UPDATE inbound_mails SET next_try_at = $1 WHERE id = $2")
        .bind(next.map(|d| now() + d))
        .bind(id)
        .exec(&mut tx)
        .await?;
    tx.commit().await
}

pub(super) async fn undecided(db: &Db, n: i64) -> Result<Vec<MailId>> {
    let at = now();
    let rows: Vec<(MailId,)> = sql("SELECT id FROM inbound_mails WHERE (state = 'kept' AND received_at < $1) \
         OR (state = 'failed' AND next_try_at < $2) ORDER BY id LIMIT $3")
    .bind(at - Duration::seconds(10))
    .bind(at)
    .bind(n)
    .all(&mut db.read(Scope::All))
    .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Takes a mail out of quarantine, to be decided again; false if it is not there any more.
pub(super) async fn release(tx: &mut Tx, id: MailId, at: Time) -> Result<bool> {
    let n =
        sql("UPDATE inbound_mails SET state = 'kept', outcome = NULL, reason = NULL, spam = NULL, released_at = $1 \
                 WHERE id = $2 AND state = 'quarantined'")
        .bind(at)
        .bind(id)
        .exec(tx)
        .await?;
    Ok(n > 0)
}

/// The authserv-ids that a tenant trusts beside the instance's (E11.2).
pub(super) async fn trusted_authserv(db: &Db, tenant: TenantId) -> Result<Vec<String>> {
    let (settings,): (String,) =
        sql("SELECT settings FROM tenants WHERE id = ").arg(tenant).one(&mut db.read(Scope::Tenant(tenant))).await?;
    Ok(crate::tenants::Settings::from_json(&settings).trusted_authserv)
}

// ---- checks of senders that got no answer

pub(super) async fn due_checks(db: &Db, at: Time, n: i64) -> Result<Vec<(MailId, i64)>> {
    sql("SELECT id, checks FROM inbound_mails WHERE check_due_at IS NOT NULL AND check_due_at <= $1 \
         ORDER BY check_due_at LIMIT $2")
    .bind(at)
    .bind(n)
    .all(&mut db.read(Scope::All))
    .await
}

/// Writes down what a later check found: at the arrival and at the message that it became.
pub(super) async fn record_check(
    db: &Db,
    id: MailId,
    found: &Authentication,
    checks: i64,
    due: Option<Time>,
    more: Trace,
) -> Result<()> {
    let mut tx = db.write(Scope::All).await?;
    let lock = dialect::for_update(&tx);
    let row: Option<(String, Option<MessageId>)> =
        sql("SELECT trace, ticket_message_id FROM inbound_mails WHERE id = ").arg(id).push(lock).opt(&mut tx).await?;
    let Some((trace, message)) = row else { return Ok(()) };
    let mut trace: Trace = serde_json::from_str(&trace).unwrap_or_default();
    trace.0.extend(more.0);
    sql("UPDATE inbound_mails SET authentication = $1, verdict = $2, checks = $3, check_due_at = $4, trace = $5 WHERE id = $6")
        .bind(serde_json::to_string(found).expect("plain data"))
        .bind(found.verdict)
        .bind(checks)
        .bind(due)
        .bind(serde_json::to_string(&trace).expect("plain data"))
        .bind(id)
        .exec(&mut tx)
        .await?;
    if let Some(message) = message {
        sql("UPDATE ticket_messages SET verdict = $1 WHERE id = $2")
            .bind(found.verdict)
            .bind(message)
            .exec(&mut tx)
            .await?;
    }
    tx.commit().await
}

// ---- what is known

pub(super) async fn find_keys(ex: &mut impl Exec, mails: &[&Read]) -> Result<Vec<(TenantId, String, MailId)>> {
    let keys = mails.iter().map(|m| (m.kept.tenant_id, m.dedupe_key.as_str()));
    sql("SELECT tenant_id, dedupe_key, mail_id FROM mail_keys WHERE ")
        .pairs(["tenant_id", "dedupe_key"], keys)
        .all(ex)
        .await
}

/// The first and the newest mail of a Message-ID.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct VariantRow {
    pub tenant_id: TenantId,
    pub variant_key: String,
    pub first_mail_id: MailId,
    pub newest_mail_id: MailId,
}

pub(super) async fn find_variants(
    ex: &mut impl Exec,
    mails: &[&Read],
) -> Result<HashMap<(TenantId, String), VariantRow>> {
    let wanted: BTreeSet<(TenantId, String)> =
        mails.iter().filter_map(|m| Some((m.kept.tenant_id, m.variant_key()?))).collect();
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<VariantRow> = sql("SELECT tenant_id, variant_key, first_mail_id, newest_mail_id FROM mail_variants \
         WHERE ")
    .pairs(["tenant_id", "variant_key"], wanted)
    .all(ex)
    .await?;
    Ok(rows.into_iter().map(|r| ((r.tenant_id, r.variant_key.clone()), r)).collect())
}

/// The newest mails that differ from the first with their Message-ID, newest first.
pub(super) async fn newest_variants(ex: &mut impl Exec, first: MailId, n: i64) -> Result<Vec<MailId>> {
    let rows: Vec<(MailId,)> = sql("SELECT id FROM inbound_mails WHERE variant_of = ")
        .arg(first)
        .push(" AND duplicate_of IS NULL ORDER BY id DESC LIMIT ")
        .arg(n)
        .all(ex)
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

pub(super) async fn tenant_facts(ex: &mut impl Exec, ids: &[TenantId]) -> Result<HashMap<TenantId, TenantFacts>> {
    let rows: Vec<(TenantId, String, Option<String>, bool, String)> =
        sql("SELECT id, name, pid_prefix, active, settings FROM tenants WHERE id IN ")
            .among(ids.iter().copied())
            .all(ex)
            .await?;
    let facts = |(id, name, prefix, active, settings): (TenantId, String, Option<String>, bool, String)| {
        (id, TenantFacts::new(&name, prefix.as_deref(), active, &settings))
    };
    Ok(rows.into_iter().map(facts).collect())
}

/// The users with these addresses and, if asked, everybody of the helping side; who is both comes twice.
pub(super) async fn find_users(
    ex: &mut impl Exec,
    tenants: &[TenantId],
    keys: &BTreeSet<String>,
    and_agents: bool,
) -> Result<Vec<KnownUser>> {
    const COLUMNS: &str = "SELECT id, tenant_id, email_key, role, name, locale, active FROM users WHERE ";
    let within = |q: Q| q.push(" AND (tenant_id IS NULL OR tenant_id IN ").among(tenants.iter().copied()).push(")");
    if keys.is_empty() && !and_agents {
        return Ok(Vec::new());
    }
    let q = within(sql(COLUMNS).push("email_key IN ").among(keys.iter().map(String::as_str)));
    let agents = || Role::ALL.iter().copied().filter(|r| r.is_agent());
    let q = match and_agents {
        true => within(q.push(" UNION ALL ").push(COLUMNS).push("role IN ").list(agents())),
        false => q,
    };
    q.all(ex).await
}

/// A Message-ID that a mail names or bears, and where it leads.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct FoundId {
    pub tenant_id: TenantId,
    pub message_id: String,
    pub ticket_id: TicketId,
    /// Whether the ticket only refers to it.
    pub referenced: bool,
    /// The ticket that its message was moved from.
    pub moved_from: Option<TicketId>,
}

pub(super) async fn find_message_ids(ex: &mut impl Exec, mails: &[&Read]) -> Result<Vec<FoundId>> {
    let all = |m: &&Read| -> Vec<(TenantId, String)> {
        m.ids.iter().chain(&m.mail.message_id).map(|id| (m.kept.tenant_id, id.clone())).collect()
    };
    let wanted: BTreeSet<(TenantId, String)> = mails.iter().flat_map(all).collect();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    sql("SELECT tenant_id, message_id, ticket_id, kind = 'referenced' AS referenced, moved_from FROM message_ids \
         WHERE ")
    .pairs(["tenant_id", "message_id"], wanted)
    .push(" ORDER BY created_at, ticket_id")
    .all(ex)
    .await
}

/// When each of these addresses was last sent something about each of these tickets.
pub(super) async fn last_mailed(
    ex: &mut impl Exec,
    tickets: &[TicketId],
    keys: &BTreeSet<String>,
) -> Result<Vec<(TicketId, String, Time)>> {
    sql("SELECT ticket_id, to_key, MAX(created_at) FROM outbox WHERE ticket_id IN ")
        .among(tickets.iter().copied())
        .push(" AND to_key IN ")
        .among(keys.iter().map(String::as_str))
        .push(" GROUP BY ticket_id, to_key")
        .all(ex)
        .await
}

pub(super) async fn find_pids(ex: &mut impl Exec, mails: &[&Read]) -> Result<Vec<(TenantId, String, TicketId)>> {
    let pids = |m: &&'_ Read| -> Vec<String> { m.subject_pids.iter().chain(&m.marks).cloned().collect() };
    let wanted: BTreeSet<String> = mails.iter().flat_map(pids).collect();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    sql("SELECT tenant_id, pid, id FROM tickets WHERE pid IN ").among(wanted).all(ex).await
}

pub(super) async fn find_tickets(ex: &mut impl Exec, ids: &BTreeSet<TicketId>) -> Result<Vec<Ticket>> {
    sql("SELECT * FROM tickets WHERE id IN ").among(ids.iter().copied()).all(ex).await
}

/// An outbox mail that a report is about.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct OutboxRef {
    pub id: OutboxId,
    pub tenant_id: TenantId,
    pub kind: Kind,
    pub ticket_id: Option<TicketId>,
    pub to_key: String,
    pub message_id: String,
    pub state: OutboxState,
}

pub(super) async fn find_outbox(
    ex: &mut impl Exec,
    ids: &[OutboxId],
    message_ids: &[(TenantId, String)],
) -> Result<Vec<OutboxRef>> {
    const COLUMNS: &str = "SELECT id, tenant_id, kind, ticket_id, to_key, message_id, state FROM outbox WHERE ";
    let mut found: Vec<OutboxRef> = Vec::new();
    if !ids.is_empty() {
        found.extend(sql(COLUMNS).push("id IN ").among(ids.iter().copied()).all::<OutboxRef>(ex).await?);
    }
    if !message_ids.is_empty() {
        let wanted = message_ids.iter().map(|(t, id)| (*t, id.as_str()));
        let q = sql(COLUMNS).pairs(["tenant_id", "message_id"], wanted);
        found.extend(q.push(" ORDER BY id DESC").all::<OutboxRef>(ex).await?);
    }
    Ok(found)
}

/// Outbox mails that a relay gave one of these ids.
pub(super) async fn outbox_by_relay_id(ex: &mut impl Exec, ids: &[&str]) -> Result<Vec<OutboxRef>> {
    sql("SELECT id, tenant_id, kind, ticket_id, to_key, message_id, state FROM outbox WHERE relay_id IN ")
        .among(ids.iter().copied())
        .all(ex)
        .await
}

pub(super) async fn tenant_ids(ex: &mut impl Exec) -> Result<Vec<TenantId>> {
    let rows: Vec<(TenantId,)> = sql("SELECT id FROM tenants ORDER BY id").all(ex).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

pub(super) async fn first_arrivals(ex: &mut impl Exec, ids: &BTreeSet<MailId>) -> Result<Vec<FirstArrival>> {
    sql(
        "SELECT m.ticket_id, t.pid, m.ticket_message_id FROM inbound_mails m LEFT JOIN tickets t ON t.id = m.ticket_id \
         WHERE m.id IN ",
    )
    .among(ids.iter().copied())
    .all(ex)
    .await
}

// ---- apply

/// Takes the mails that nobody decided yet: those whose rows this transaction now holds. Tells the time by the
/// database's clock, too.
pub(super) async fn lock_undecided(tx: &mut Tx, ids: &[MailId]) -> Result<(BTreeSet<MailId>, Time)> {
    let (clock, lock) = (dialect::clock(tx), dialect::for_update(tx));
    let rows: Vec<(MailId, Option<Time>)> = sql("SELECT id, ")
        .push(clock)
        .push(" FROM inbound_mails WHERE state IN ('kept', 'failed') AND id IN ")
        .among(ids.iter().copied())
        .push(" ORDER BY id")
        .push(lock)
        .all(tx)
        .await?;
    let at = rows.first().and_then(|(_, at)| *at).unwrap_or_else(now);
    Ok((rows.into_iter().map(|(id, _)| id).collect(), at))
}

/// Claims dedupe keys, in sorted order; returns the mails that got theirs.
pub(super) async fn insert_keys(tx: &mut Tx, mut keys: Vec<(TenantId, &str, MailId)>) -> Result<BTreeSet<MailId>> {
    keys.sort_unstable();
    let rows = keys.into_iter().map(|(t, k, m)| vec![t.into(), k.into(), m.into()]).collect();
    let got: Vec<(MailId,)> = insert_many_returning(
        tx,
        "INSERT INTO mail_keys (tenant_id, dedupe_key, mail_id)",
        rows,
        "ON CONFLICT (tenant_id, dedupe_key) DO NOTHING RETURNING mail_id",
    )
    .await?;
    Ok(got.into_iter().map(|(id,)| id).collect())
}

/// Makes a row for each Message-ID that nobody bore before; returns those that are the first with theirs (E1.9). `rows` in
/// sorted order, as all take these locks.
pub(super) async fn insert_variants(tx: &mut Tx, rows: &[(TenantId, String, MailId)]) -> Result<BTreeSet<MailId>> {
    let rows = rows.iter().map(|(t, k, m)| vec![(*t).into(), k.as_str().into(), (*m).into(), (*m).into()]).collect();
    let got: Vec<(MailId,)> = insert_many_returning(
        tx,
        "INSERT INTO mail_variants (tenant_id, variant_key, first_mail_id, newest_mail_id)",
        rows,
        "ON CONFLICT (tenant_id, variant_key) DO NOTHING RETURNING first_mail_id",
    )
    .await?;
    Ok(got.into_iter().map(|(id,)| id).collect())
}

/// Locks the rows of these Message-IDs; returns the newest mail of each.
pub(super) async fn lock_variants(
    tx: &mut Tx,
    rows: &[(TenantId, String, MailId)],
) -> Result<HashMap<(TenantId, String), MailId>> {
    let lock = dialect::for_update(tx);
    let found: Vec<(TenantId, String, MailId)> =
        sql("SELECT tenant_id, variant_key, newest_mail_id FROM mail_variants WHERE ")
            .pairs(["tenant_id", "variant_key"], rows.iter().map(|(t, k, _)| (*t, k.as_str())))
            .push(" ORDER BY tenant_id, variant_key")
            .push(lock)
            .all(tx)
            .await?;
    Ok(found.into_iter().map(|(t, k, m)| ((t, k), m)).collect())
}

/// Writes down the newest mail of each of these Message-IDs.
pub(super) async fn renew_variants(tx: &mut Tx, rows: &[(TenantId, String, MailId)]) -> Result<u64> {
    let rows = rows.iter().map(|(t, k, m)| vec![(*t).into(), k.as_str().into(), (*m).into()]).collect();
    update_many(
        tx,
        "UPDATE mail_variants SET newest_mail_id = v.column3",
        rows,
        "mail_variants.tenant_id = v.column1 AND mail_variants.variant_key = v.column2",
    )
    .await
}

/// Makes users of addresses that never wrote before; returns those that were made, not those that were there.
pub(super) async fn insert_users(
    tx: &mut Tx,
    new: Vec<(TenantId, String, String, Option<String>)>,
    at: Time,
) -> Result<Vec<(UserId, TenantId, String)>> {
    let rows = new
        .into_iter()
        .map(|(tenant, key, email, name)| {
            vec![
                tenant.into(),
                email.into(),
                key.into(),
                name.into(),
                crate::access::Role::Customer.into(),
                false.into(),
                true.into(),
                "[]".into(),
                "{}".into(),
                at.into(),
                at.into(),
            ]
        })
        .collect();
    insert_many_returning(
        tx,
        "INSERT INTO users (tenant_id, email, email_key, name, role, member, active, capabilities, preferences, created_at, \
         updated_at)",
        rows,
        "ON CONFLICT DO NOTHING RETURNING id, tenant_id, email_key",
    )
    .await
}

pub(super) async fn record_decisions(tx: &mut Tx, rows: Vec<Vec<Value>>) -> Result<u64> {
    update_many(
        tx,
        "UPDATE inbound_mails SET state = v.column2, outcome = v.column3, class = v.column4, verdict = v.column5, \
         reason = v.column6, message_id = v.column7, from_email = v.column8, from_name = v.column9, subject = v.column10, \
         flags = v.column11, trace = v.column12, ticket_id = v.column13, ticket_message_id = v.column14, \
         duplicate_of = v.column15, decided_at = v.column16, authentication = v.column17, \
         check_due_at = v.column18, pipeline = v.column19, degraded = v.column20, also_mailboxes = v.column21, \
         from_key = v.column22, spam = v.column23, variant_of = v.column24, error = NULL, next_try_at = NULL",
        rows,
        "inbound_mails.id = v.column1",
    )
    .await
}

/// Marks an outbox mail as bounced or complained about, if it may become so.
pub(super) async fn report_outbox(
    tx: &mut Tx,
    id: OutboxId,
    state: OutboxState,
    text: Option<&str>,
    at: Time,
) -> Result<bool> {
    let changed =
        sql("UPDATE outbox SET state = $1, reply_text = COALESCE($2, reply_text), due_at = NULL, updated_at = $3 \
         WHERE id = $4 AND state IN ('sent', 'maybe_sent', 'sending', 'bounced')")
        .bind(state)
        .bind(text)
        .bind(at)
        .bind(id)
        .exec(tx)
        .await?;
    Ok(changed > 0)
}

/// A mail of ours of which nobody knows whether its relay took it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Maybe {
    /// Its row.
    pub id: OutboxId,
    /// Its ticket.
    pub ticket_id: TicketId,
    /// Whom it went to, by address key.
    pub to_key: String,
    /// Its Message-ID.
    pub message_id: String,
}

/// Returns the mails about `tickets` of which nobody knows whether they were sent, those that wait for their second try
/// among them.
pub(super) async fn maybes(ex: &mut impl Exec, tickets: &[TicketId]) -> Result<Vec<Maybe>> {
    sql("SELECT id, ticket_id, to_key, message_id FROM outbox WHERE ticket_id IN ")
        .among(tickets.iter().copied())
        .push(" AND (state = 'maybe_sent' OR state = 'queued' AND maybes > 0)")
        .all(ex)
        .await
}

/// Settles a mail of which nobody knew whether the relay took it, also where it waits for its second try: it did.
pub(super) async fn settle_maybe(tx: &mut Tx, id: OutboxId, at: Time) -> Result<bool> {
    let changed =
        sql("UPDATE outbox SET state = 'sent', due_at = NULL, sent_at = COALESCE(sent_at, $1), updated_at = $1 \
                       WHERE id = $2 AND (state = 'maybe_sent' OR state = 'queued' AND maybes > 0)")
        .bind(at)
        .bind(id)
        .exec(tx)
        .await?;
    Ok(changed > 0)
}

/// How often mail brought tickets back to work since `since`, without any act of an agent after it (E5.12).
pub(super) async fn reopens(tx: &mut Tx, tickets: &[TicketId], since: Time) -> Result<Vec<(TicketId, i64)>> {
    sql("SELECT e.ticket_id, COUNT(*) FROM ticket_events e WHERE e.ticket_id IN ")
        .among(tickets.iter().copied())
        .push(" AND e.kind = 'STATUS_CHANGED' AND e.actor_kind = 'mail' AND e.at > ")
        .arg(since)
        .push(
            " AND NOT EXISTS (SELECT 1 FROM ticket_events u JOIN users a ON a.id = u.actor_id \
             WHERE u.ticket_id = e.ticket_id AND u.seq > e.seq AND u.actor_kind = 'user' \
             AND a.role NOT IN ('customer', 'staff', 'manager')) GROUP BY e.ticket_id",
        )
        .all(tx)
        .await
}

/// Writes a storm down; the ticket that stands for it is the first that the sender opened since it began.
pub(super) async fn insert_storm(
    tx: &mut Tx,
    (tenant, user, key, lead): (TenantId, UserId, &str, Option<TicketId>),
    (began, ended, quiet): (Time, Time, Time),
) -> Result<()> {
    sql("INSERT INTO storms (tenant_id, user_id, email_key, lead_ticket_id, began_at, ended_at, quiet_until) \
         VALUES ($1, $2, $3, COALESCE((SELECT MIN(id) FROM tickets WHERE requester_id = $2 AND created_at >= $5), $4), \
         $5, $6, $7)")
    .bind(tenant)
    .bind(user)
    .bind(key)
    .bind(lead)
    .bind(began)
    .bind(ended)
    .bind(quiet)
    .exec(tx)
    .await?;
    Ok(())
}

pub(super) async fn extend_storm(tx: &mut Tx, tenant: TenantId, key: &str, at: Time, quiet: Time) -> Result<()> {
    sql("UPDATE storms SET ended_at = $1, quiet_until = $2 WHERE tenant_id = $3 AND email_key = $4 AND quiet_until > $1")
        .bind(at)
        .bind(quiet)
        .bind(tenant)
        .bind(key)
        .exec(tx)
        .await?;
    Ok(())
}
