//! Looking at the outbox, and putting right what failed: list, one mail with its attempts, retry, cancel.

use super::OutboxMail;
use crate::access::{Actor, Capability};
use crate::address;
use crate::app::App;
use crate::clock::Time;
use crate::events::EventKind;
use crate::ids::{OutboxId, TicketId};
use crate::mail_out::kinds::OutboxState;
use crate::store::{Exec, Q, Scope, dialect, sql};
use crate::tickets::{self, Error, Result, TicketRef, Work, by};
use serde_json::json;

/// One try at sending a mail.
#[derive(Debug, Clone, sqlx::FromRow)]
#[allow(missing_docs)]
pub struct Attempt {
    pub outbox_id: OutboxId,
    pub n: i64,
    pub at: Time,
    pub phase: String,
    pub result: String,
    pub code: Option<i64>,
    pub enhanced: Option<String>,
    pub text: String,
}

/// Which outbox mails to list.
#[derive(Debug, Clone, Default)]
pub struct OutboxFilter {
    /// Only those in one of these states.
    pub states: Vec<OutboxState>,
    /// Only those about this ticket.
    pub ticket: Option<TicketId>,
    /// Only those before this one: the cursor.
    pub before: Option<OutboxId>,
}

const COLUMNS: &str = "SELECT o.id, o.tenant_id, o.kind, o.ticket_id, t.pid, o.ticket_message_id, o.to_email, o.subject, o.state, \
     o.message_id, o.due_at, o.attempts, o.reply_code, o.enhanced, o.reply_text, o.created_at, o.sent_at \
     FROM outbox o LEFT JOIN tickets t ON t.id = o.ticket_id WHERE 1 = 1";

fn within(scope: Scope) -> Q {
    match scope {
        Scope::All => sql(COLUMNS),
        Scope::Tenant(tenant) => sql(COLUMNS).push(" AND o.tenant_id = ").arg(tenant),
    }
}

/// Lists outbox mails within what the actor sees, newest first.
///
/// # Errors
/// `Denied` if the actor may not see mail.
pub async fn list(app: &App, actor: &Actor, filter: &OutboxFilter, limit: i64) -> Result<Vec<OutboxMail>> {
    actor.require(Capability::MailRead)?;
    let scope = actor.rows();
    let mut q = within(scope);
    if !filter.states.is_empty() {
        q = q.push(" AND o.state IN ").list(filter.states.iter().copied());
    }
    if let Some(ticket) = filter.ticket {
        q = q.push(" AND o.ticket_id = ").arg(ticket);
    }
    if let Some(before) = filter.before {
        q = q.push(" AND o.id < ").arg(before);
    }
    Ok(q.push(" ORDER BY o.id DESC LIMIT ").arg(limit).all(&mut app.db.read(scope)).await?)
}

/// Returns all mail about a ticket that the actor sees, oldest first: what was sent and what became of it.
///
/// # Errors
/// `NotFound` out of scope.
pub async fn of_ticket(app: &App, actor: &Actor, which: &TicketRef) -> Result<Vec<OutboxMail>> {
    let id = tickets::find(app, actor, which).await?;
    let scope = actor.tickets().rows();
    let mut q = within(scope).push(" AND o.ticket_id = ").arg(id);
    if !actor.can(Capability::TicketsNote) {
        // Agents' notices are the helping side's own affair.
        q = q.push(" AND o.user_id = ").arg(actor.user);
    }
    Ok(q.push(" ORDER BY o.id").all(&mut app.db.read(scope)).await?)
}

/// Returns one outbox mail that the actor sees.
///
/// # Errors
/// `NotFound` out of scope, `Denied` if the actor may not see mail.
pub async fn get(app: &App, actor: &Actor, id: OutboxId) -> Result<OutboxMail> {
    let scope = actor.rows();
    let found = within(scope).push(" AND o.id = ").arg(id).opt(&mut app.db.read(scope)).await?;
    let found = found.ok_or(Error::NotFound)?;
    actor.require(Capability::MailRead)?;
    Ok(found)
}

/// Returns the attempts at sending mails, in order.
///
/// # Errors
/// See [`crate::store::Error`].
pub async fn attempts(ex: &mut impl Exec, ids: &[OutboxId]) -> crate::store::Result<Vec<Attempt>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    sql("SELECT outbox_id, n, at, phase, result, code, enhanced, text FROM outbox_attempts WHERE outbox_id IN ")
        .list(ids.iter().copied())
        .push(" ORDER BY outbox_id, n")
        .all(ex)
        .await
}

/// Returns the octets of a mail as it was or will be sent; None until the worker built them.
///
/// # Errors
/// `NotFound` out of scope, `Denied` if the actor may not see raw mail.
pub async fn octets(app: &App, actor: &Actor, id: OutboxId) -> Result<Option<Vec<u8>>> {
    let mail = get(app, actor, id).await?;
    actor.require(Capability::MailRaw)?;
    Ok(load_octets(app, &mail).await?)
}

/// Returns the octets of a mail, whoever asks.
///
/// # Errors
/// See [`crate::store::Error`].
pub async fn load_octets(app: &App, mail: &OutboxMail) -> crate::store::Result<Option<Vec<u8>>> {
    let (row, blob): (Option<Vec<u8>>, Option<String>) = sql("SELECT mime, mime_blob FROM outbox WHERE id = $1")
        .bind(mail.id)
        .one(&mut app.db.read(Scope::Tenant(mail.tenant_id)))
        .await?;
    let Some(blob) = blob.filter(|_| row.is_none()) else { return Ok(row) };
    match app.blobs.get(mail.tenant_id, &blob).await {
        Ok(bytes) => Ok(Some(bytes.to_vec())),
        Err(e) => {
            tracing::error!(outbox.id = mail.id.0, error = &e as &dyn std::error::Error, "the octets cannot be read");
            Ok(None)
        }
    }
}

/// The states from which somebody may have a mail sent again.
const RETRYABLE: [OutboxState; 5] =
    [OutboxState::Dead, OutboxState::MaybeSent, OutboxState::Suppressed, OutboxState::Bounced, OutboxState::Deferred];

/// Queues a mail again that failed, or that waits for its next try; perhaps to a corrected address, for which the octets
/// are built anew.
///
/// # Errors
/// `TooLate` if it is on its way or was sent; `Invalid` for an address that cannot be one.
pub async fn retry(app: &App, actor: &Actor, id: OutboxId, to: Option<&str>) -> Result<()> {
    let mail = get(app, actor, id).await?;
    actor.require(Capability::MailReplay)?;
    if to.is_some_and(|t| !address::is_valid(t)) {
        return Err(Error::invalid("to", "address_invalid", "not a mail address"));
    }
    let mut tx = app.db.write(Scope::Tenant(mail.tenant_id)).await?;
    let now = dialect::now(&mut tx).await?;
    let mut q =
        sql("UPDATE outbox SET state = 'queued', maybes = 0, due_at = ").arg(now).push(", updated_at = ").arg(now);
    if let Some(to) = to {
        let key = address::key(to);
        let domain = address::domain(&key).unwrap_or_default();
        q = q.push(", mime = NULL, mime_blob = NULL, to_email = ").arg(to).push(", to_key = ").arg(key);
        q = q.push(", to_domain = ").arg(domain);
    }
    let changed = q.push(" WHERE id = ").arg(id).push(" AND state IN ").list(RETRYABLE).exec(&mut tx).await?;
    if changed == 0 {
        return Err(Error::TooLate);
    }
    finish(app, actor, tx, &mail, EventKind::MailRetried, json!({"outbox_id": id, "readdressed": to.is_some()}))
        .await?;
    app.bell.ring(&[id]);
    Ok(())
}

/// Stops a mail that has not left.
///
/// # Errors
/// `TooLate` if it is on its way or was sent.
pub async fn cancel(app: &App, actor: &Actor, id: OutboxId) -> Result<()> {
    let mail = get(app, actor, id).await?;
    actor.require(Capability::MailReplay)?;
    let mut tx = app.db.write(Scope::Tenant(mail.tenant_id)).await?;
    let now = dialect::now(&mut tx).await?;
    let changed = sql("UPDATE outbox SET state = 'cancelled', due_at = NULL, updated_at = $1 WHERE id = $2 \
         AND state IN ('held', 'queued')")
    .bind(now)
    .bind(id)
    .exec(&mut tx)
    .await?;
    if changed == 0 {
        return Err(Error::TooLate);
    }
    finish(app, actor, tx, &mail, EventKind::MailCancelled, json!({"outbox_id": id})).await
}

async fn finish(
    app: &App,
    actor: &Actor,
    mut tx: crate::store::Tx,
    mail: &OutboxMail,
    kind: EventKind,
    data: serde_json::Value,
) -> Result<()> {
    let mut work = Work::new(&app.keys);
    if let Some(ticket) = mail.ticket_id {
        work.lock(&mut tx, &[ticket]).await?;
        work.event(ticket, kind, by(actor), data, None);
    }
    work.flush(&mut tx).await?;
    tx.commit().await?;
    Ok(())
}
