//! Claims: a worker takes due rows under a lease (E9.4).

use super::Draft;
use crate::clock::Time;
use crate::compiled_here;
use crate::events::{By, EventKind};
use crate::ids::{MessageId, OutboxId, TenantId, TicketId};
use crate::keys::Keys;
use crate::mail_out::kinds::{Kind, OutboxState};
use crate::mail_out::retry::{self, Maybe};
use crate::store::{Db, Q, Result, Scope, Tx, dialect, insert_many, sql};
use crate::tickets::Work;
use chrono::TimeDelta;
use serde_json::json;

/// A row under this worker's lease.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Claimed {
    /// Its id.
    pub id: OutboxId,
    /// Whose it is.
    pub tenant_id: TenantId,
    /// What sort of mail.
    pub kind: Kind,
    /// The ticket it is about.
    pub ticket_id: Option<TicketId>,
    /// The message it carries.
    pub ticket_message_id: Option<MessageId>,
    /// The recipient, if a user.
    pub user_id: Option<crate::ids::UserId>,
    /// RCPT TO.
    pub to_email: String,
    /// The recipient's name.
    pub to_name: Option<String>,
    /// The subject line.
    pub subject: String,
    /// Bare.
    pub message_id: String,
    /// MAIL FROM.
    pub envelope_from: String,
    /// What it says, see [`Claimed::draft`].
    pub letter: String,
    /// The octets, once built, if they are small.
    pub mime: Option<Vec<u8>>,
    /// The blob of the octets, once built, if they are large.
    pub mime_blob: Option<String>,
    /// Which try this is, from 1.
    pub attempts: i64,
    /// How often nobody answered.
    pub maybes: i64,
    /// When the row was made: the Date of the mail.
    pub created_at: Time,
    /// What every write must match.
    pub lease_token: String,
}

impl Claimed {
    /// Returns what the mail says.
    ///
    /// # Errors
    /// If the stored text is not a draft.
    pub fn draft(&self) -> serde_json::Result<Draft> {
        serde_json::from_str(&self.letter)
    }
}

/// Which due mail to claim.
#[derive(Debug, Clone, Copy)]
pub enum Which<'a> {
    /// All but that of these domains, which are held back (E9.10).
    AllBut(&'a [String]),
    /// That of one domain.
    Domain(&'a str),
}

/// Takes up to `n` due rows for `lease` under `token`, which must be fresh, the most urgent and longest due first.
///
/// # Errors
/// See [`crate::store::Error`].
pub async fn claim(db: &Db, token: &str, n: i64, lease: std::time::Duration, which: Which<'_>) -> Result<Vec<Claimed>> {
    let mut tx = db.write(Scope::All).await?;
    let now = dialect::now(&mut tx).await?;
    let until = now + lease;
    let skip = dialect::for_update_skip_locked(&tx);
    // A `maybe_sent` row that is due passes through `queued` here (E9.9): nobody could see it there.
    // The free-condition stands again outside the sub-select, so that a row that changed meanwhile is not taken.
    let only = |q: Q| match which {
        Which::AllBut([]) => q,
        Which::AllBut(domains) => q.push(" AND to_domain NOT IN ").list(domains.iter().map(String::as_str)),
        Which::Domain(domain) => q.push(" AND to_domain = ").arg(domain),
    };
    let mut rows: Vec<Claimed> = sql("UPDATE outbox SET state = 'sending', phase = 'before_body', lease_token = ")
        .arg(token)
        .push(", lease_until = ")
        .arg(until)
        .push(", due_at = NULL, attempts = attempts + 1, updated_at = ")
        .arg(now)
        .push(" WHERE due_at IS NOT NULL AND id IN (SELECT id FROM outbox WHERE due_at IS NOT NULL AND due_at <= ")
        .arg(now)
        .apply(only)
        .push(" ORDER BY urgency, due_at, id LIMIT ")
        .arg(n)
        .push(skip)
        .push(
            ") RETURNING id, tenant_id, kind, ticket_id, ticket_message_id, user_id, to_email, to_name, subject, \
               message_id, envelope_from, letter, mime, mime_blob, attempts, maybes, created_at, lease_token",
        )
        .all(&mut tx)
        .await?;
    tx.commit().await?;
    rows.sort_by_key(|r| (r.kind.urgency(), r.id));
    Ok(rows)
}

/// Renews the lease of the rows that are still under one of `tokens`, for `lease` from now.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn renew(db: &Db, tokens: &[String], lease: std::time::Duration) -> Result<u64> {
    let mut tx = db.write(Scope::All).await?;
    let until = dialect::now(&mut tx).await? + lease;
    let renewed = sql("UPDATE outbox SET lease_until = ")
        .arg(until)
        .push(" WHERE state = 'sending' AND lease_token IN ")
        .list(tokens)
        .exec(&mut tx)
        .await?;
    tx.commit().await?;
    Ok(renewed)
}

/// A row whose worker died.
#[derive(Debug, sqlx::FromRow)]
struct Expired {
    id: OutboxId,
    tenant_id: TenantId,
    ticket_id: Option<TicketId>,
    kind: Kind,
    phase: Option<String>,
    attempts: i64,
    maybes: i64,
}

/// How many leases are freed in one transaction.
const MOST_FREED: i64 = 200;
const EXPIRED: &str = "SELECT id, tenant_id, ticket_id, kind, phase, attempts, maybes FROM outbox \
     WHERE state = 'sending' AND lease_until < $1";

/// Frees rows whose lease ran out: before the body they are queued again; in the body nobody knows whether the mail
/// arrived, and E9.9 decides. Returns the rows that are due again.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn free_expired(db: &Db, keys: &Keys) -> Result<Vec<OutboxId>> {
    let mut read = db.read(Scope::All);
    let now = dialect::now(&mut read).await?;
    let seen: Vec<Expired> = sql(EXPIRED).bind(now).push(" ORDER BY id LIMIT ").arg(MOST_FREED).all(&mut read).await?;
    if seen.is_empty() {
        return Ok(Vec::new());
    }
    let mut tx = db.write(Scope::All).await?;
    // Tickets before outbox rows, as everybody locks them.
    let mut work = Work::new(keys);
    work.lock(&mut tx, &seen.iter().filter_map(|r| r.ticket_id).collect::<Vec<_>>()).await?;
    let skip = dialect::for_update_skip_locked(&tx);
    let rows: Vec<Expired> = sql(EXPIRED)
        .bind(now)
        .push(" AND id IN ")
        .list(seen.iter().map(|r| r.id))
        .push(" ORDER BY id")
        .push(skip)
        .all(&mut tx)
        .await?;
    let mut due = Vec::new();
    let mut attempts = Vec::new();
    for row in rows {
        let in_body = row.phase.as_deref() == Some("body");
        tracing::warn!(outbox.id = row.id.0, in_body, "a worker died with this mail; its lease ran out");
        let (state, due_at) = match in_body {
            false => (OutboxState::Queued, Some(now)),
            true => (OutboxState::MaybeSent, due_after_maybe(&row, now)),
        };
        due.extend(due_at.map(|_| row.id));
        free(&mut tx, &row, state, due_at, now).await?;
        attempts.push(vec![
            row.id.into(),
            row.attempts.into(),
            row.tenant_id.into(),
            now.into(),
            if in_body { "body" } else { "before_body" }.into(),
            "lost".into(),
            "the worker died".into(),
        ]);
        if let Some(ticket) = row.ticket_id.filter(|_| in_body) {
            let data = json!({"outbox_id": row.id, "attempt": row.attempts, "result": "lost"});
            work.event(ticket, EventKind::MailMaybeSent, By::WORKER, data, None);
        }
    }
    insert_many(
        &mut tx,
        "INSERT INTO outbox_attempts (outbox_id, n, tenant_id, at, phase, result, text)",
        attempts,
        "ON CONFLICT (outbox_id, n) DO NOTHING",
    )
    .await?;
    work.flush(&mut tx).await?;
    tx.commit().await?;
    Ok(due)
}

fn due_after_maybe(row: &Expired, now: Time) -> Option<Time> {
    let maybes = u32::try_from(row.maybes + 1).unwrap_or(u32::MAX);
    match retry::after_maybe(row.kind, maybes, true, TimeDelta::zero()) {
        Maybe::RetryAfter(wait) => Some(now + wait),
        Maybe::Rest => None,
    }
}

async fn free(tx: &mut Tx, row: &Expired, state: OutboxState, due: Option<Time>, now: Time) -> Result<()> {
    sql("UPDATE outbox SET state = $1, due_at = $2, lease_token = NULL, lease_until = NULL, phase = NULL, \
         maybes = maybes + $3, updated_at = $4 WHERE id = $5")
    .bind(state)
    .bind(due)
    .bind(i64::from(state == OutboxState::MaybeSent))
    .bind(now)
    .bind(row.id)
    .exec(tx)
    .await?;
    Ok(())
}
