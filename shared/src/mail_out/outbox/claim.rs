//! Claims: a worker takes due rows under a lease (E9.4).

use super::Draft;
use crate::clock::Time;
use crate::ids::{MessageId, OutboxId, TenantId, TicketId};
use crate::mail_out::kinds::{Kind, OutboxState};
use crate::store::{Db, Exec, Result, Scope, Tx, dialect, sql};
use chrono::Duration;

/// How long a lease lasts unless it is renewed. A killed worker's mail moves on when it ran out.
pub const LEASE_SECONDS: i64 = 60;

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
    /// How often it was tried before.
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

/// Takes up to `n` due rows under the lease `token`, the most urgent and longest due first.
///
/// # Errors
/// See [`crate::store::Error`].
pub async fn claim(db: &Db, token: &str, n: i64) -> Result<Vec<Claimed>> {
    let mut tx = db.write(Scope::All).await?;
    let now = dialect::now(&mut tx).await?;
    let until = now + Duration::seconds(LEASE_SECONDS);
    let skip = dialect::for_update_skip_locked(&tx);
    // A `maybe_sent` row that is due passes through `queued` here (E9.9): nobody could see it there.
    // The free-condition stands again outside the sub-select, so that a row that changed meanwhile is not taken.
    let mut rows: Vec<Claimed> = sql("UPDATE outbox SET state = 'sending', phase = 'before_body', lease_token = ")
        .arg(token)
        .push(", lease_until = ")
        .arg(until)
        .push(", due_at = NULL, attempts = attempts + 1, updated_at = ")
        .arg(now)
        .push(" WHERE due_at IS NOT NULL AND id IN (SELECT id FROM outbox WHERE due_at IS NOT NULL AND due_at <= ")
        .arg(now)
        .push(" ORDER BY urgency, due_at, id LIMIT ")
        .arg(n)
        .push(skip)
        .push(
            ") RETURNING id, tenant_id, kind, ticket_id, ticket_message_id, to_email, to_name, subject, message_id, \
               envelope_from, letter, mime, mime_blob, attempts, maybes, created_at, lease_token",
        )
        .all(&mut tx)
        .await?;
    tx.commit().await?;
    rows.sort_by_key(|r| (r.kind.urgency(), r.id));
    Ok(rows)
}

/// Renews the lease of the rows that are still under `token`, for another [`LEASE_SECONDS`].
///
/// # Errors
/// See [`crate::store::Error`].
pub async fn renew(db: &Db, token: &str) -> Result<u64> {
    let mut tx = db.write(Scope::All).await?;
    let until = dialect::now(&mut tx).await? + Duration::seconds(LEASE_SECONDS);
    let renewed = sql("UPDATE outbox SET lease_until = $1 WHERE state = 'sending' AND lease_token = $2")
        .bind(until)
        .bind(token)
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

/// Frees rows whose lease ran out: before the body they are queued again; in the body nobody knows whether the mail
/// arrived, and E9.9 decides. Returns the rows that are due again.
///
/// # Errors
/// See [`crate::store::Error`].
pub async fn free_expired(db: &Db, keys: &crate::keys::Keys) -> Result<Vec<OutboxId>> {
    let mut tx = db.write(Scope::All).await?;
    let now = dialect::now(&mut tx).await?;
    let skip = dialect::for_update_skip_locked(&tx);
    let rows: Vec<Expired> = sql("SELECT id, tenant_id, ticket_id, kind, phase, attempts, maybes FROM outbox \
         WHERE state = 'sending' AND lease_until < $1 ORDER BY id LIMIT 200")
    .bind(now)
    .push(skip)
    .all(&mut tx)
    .await?;
    let mut due = Vec::new();
    let mut steps = Vec::new();
    for row in rows {
        let in_body = row.phase.as_deref() == Some("body");
        tracing::warn!(outbox.id = row.id.0, in_body, "a worker died with this mail; its lease ran out");
        let (state, due_at) = if !in_body {
            (OutboxState::Queued, Some(now))
        } else {
            let again = row.kind.is_resent_after_maybe() && row.maybes == 0;
            (OutboxState::MaybeSent, again.then_some(now))
        };
        if due_at.is_some() {
            due.push(row.id);
        }
        free(&mut tx, &row, state, due_at, now, in_body).await?;
        steps.push((row, state));
    }
    for (row, state) in steps.iter().filter(|(_, s)| *s == OutboxState::MaybeSent) {
        super::record::maybe_event(&mut tx, keys, row.ticket_id, row.id, *state).await?;
    }
    tx.commit().await?;
    Ok(due)
}

async fn free(
    tx: &mut Tx,
    row: &Expired,
    state: OutboxState,
    due: Option<Time>,
    now: Time,
    in_body: bool,
) -> Result<()> {
    sql("UPDATE outbox SET state = $1, due_at = $2, lease_token = NULL, lease_until = NULL, phase = NULL, \
         maybes = maybes + $3, updated_at = $4 WHERE id = $5")
    .bind(state)
    .bind(due)
    .bind(i64::from(in_body))
    .bind(now)
    .bind(row.id)
    .exec(tx)
    .await?;
    let phase = if in_body { "body" } else { "before_body" };
    lost_attempt(tx, row, phase, now).await
}

async fn lost_attempt(tx: &mut impl Exec, row: &Expired, phase: &'static str, now: Time) -> Result<()> {
    sql("INSERT INTO outbox_attempts (outbox_id, n, tenant_id, at, phase, result, text) VALUES ($1, $2, $3, $4, $5, 'lost', $6) \
         ON CONFLICT (outbox_id, n) DO NOTHING")
    .bind(row.id)
    .bind(row.attempts)
    .bind(row.tenant_id)
    .bind(now)
    .bind(phase)
    .bind("the worker died")
    .exec(tx)
    .await?;
    Ok(())
}
