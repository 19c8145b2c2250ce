//! The outbox as an actor sees it, and putting right what failed: retry, cancel.

use super::OutboxMail;
use super::read::{self, Listed, OutboxFilter};
use crate::access::{Actor, Capability};
use crate::address;
use crate::app::App;
use crate::compiled_here;
use crate::drafts;
use crate::events::EventKind;
use crate::ids::OutboxId;
use crate::mail_out::kinds::{Kind, OutboxState};
use crate::store::{Scope, Tx, dialect, sql};
use crate::tickets::{self, Error, Result, TicketRef, Work, by};
use serde_json::json;

/// Lists outbox mails within what the actor sees, newest first.
///
/// # Errors
/// `Denied` if the actor may not see mail.
#[compiled_here]
pub async fn list(app: &App, actor: &Actor, filter: &OutboxFilter, limit: i64) -> Result<Vec<Listed>> {
    actor.require(Capability::MailRead)?;
    Ok(read::list(&app.db, actor.rows(), filter, limit).await?)
}

/// Returns the mail about a ticket that the actor sees, newest first: what was sent and what became of it.
///
/// # Errors
/// `NotFound` out of scope.
#[compiled_here]
pub async fn of_ticket(app: &App, actor: &Actor, which: &TicketRef, limit: i64) -> Result<Vec<Listed>> {
    let id = tickets::find(app, actor, which).await?;
    let filter = OutboxFilter { ticket: Some(id), ..OutboxFilter::default() };
    let mut found = read::list(&app.db, actor.tickets().rows(), &filter, limit).await?;
    if !actor.can(Capability::TicketsNote) {
        // Who got a reply as Bcc is for agents alone (E8.8).
        let all = tickets::participants(&mut app.db.read(actor.tickets().rows()), &[id]).await?;
        let unseen: Vec<String> = all.iter().filter(|p| p.is_unseen()).map(|p| address::key(&p.email)).collect();
        found.retain(|l| !unseen.contains(&address::key(&l.mail.to_email)));
        // Agents' notices are the helping side's own affair.
        found.retain(|l| {
            l.mail.kind != Kind::Notice || crate::address::key(&l.mail.to_email) == crate::address::key(&actor.email)
        });
    }
    Ok(found)
}

/// Returns one outbox mail that the actor sees.
///
/// # Errors
/// `NotFound` out of scope, `Denied` if the actor may not see mail.
#[compiled_here]
pub async fn find(app: &App, actor: &Actor, id: OutboxId) -> Result<Listed> {
    let found = read::get(&app.db, actor.rows(), id).await?.ok_or(Error::NotFound)?;
    actor.require(Capability::MailRead)?;
    Ok(found)
}

/// The states from which somebody may have a mail sent again.
const RETRYABLE: [OutboxState; 5] =
    [OutboxState::Dead, OutboxState::MaybeSent, OutboxState::Suppressed, OutboxState::Bounced, OutboxState::Deferred];

/// Queues a mail again that failed, or that waits for its next try; perhaps to a corrected address, for which the octets
/// are built anew.
///
/// # Errors
/// `TooLate` if it is on its way or was sent; `Invalid` for an address that cannot be one.
#[compiled_here]
pub async fn retry(app: &App, actor: &Actor, id: OutboxId, to: Option<&str>) -> Result<()> {
    let mail = find(app, actor, id).await?.mail;
    actor.require(Capability::MailReplay)?;
    if to.is_some_and(|t| !address::is_valid(t)) {
        return Err(Error::invalid("to", "address_invalid", "not a mail address"));
    }
    if let Some(ticket) = mail.ticket_id
        && tickets::is_erased(&mut app.db.read(actor.rows()), ticket).await?
    {
        return Err(Error::Erased);
    }
    let (mut tx, work) = begin(app, &mail).await?;
    let now = dialect::now(&mut tx).await?;
    let mut q =
        sql("UPDATE outbox SET state = 'queued', maybes = 0, due_at = ").arg(now).push(", updated_at = ").arg(now);
    if let Some(to) = to {
        let key = address::key(to);
        let domain = address::domain(&key).unwrap_or_default();
        q = q.push(", mime = NULL, mime_blob = NULL, to_email = ").arg(to).push(", to_key = ").arg(key);
        q = q.push(", to_domain = ").arg(domain);
    }
    let changed =
        q.push(" WHERE id = ").arg(id).push(" AND letter <> '{}' AND state IN ").list(RETRYABLE).exec(&mut tx).await?;
    if changed == 0 {
        return Err(Error::TooLate);
    }
    // What leaves after all is no draft any more.
    if let Some(message) = mail.ticket_message_id {
        drafts::drop_text_of(&mut tx, message).await?;
    }
    let data = json!({"outbox_id": id, "readdressed": to.is_some()});
    finish(actor, (tx, work), &mail, EventKind::MailRetried, data).await?;
    app.bell.ring(&[id]);
    Ok(())
}

/// Stops a mail that has not left.
///
/// # Errors
/// `TooLate` if it is on its way or was sent.
#[compiled_here]
pub async fn cancel(app: &App, actor: &Actor, id: OutboxId) -> Result<()> {
    let mail = find(app, actor, id).await?.mail;
    actor.require(Capability::MailReplay)?;
    let (mut tx, work) = begin(app, &mail).await?;
    let now = dialect::now(&mut tx).await?;
    let changed = sql("UPDATE outbox SET state = 'cancelled', due_at = NULL, updated_at = $1 WHERE id = $2 \
         AND state IN ")
    .bind(now)
    .bind(id)
    .list(OutboxState::CANCELLABLE)
    .exec(&mut tx)
    .await?;
    if changed == 0 {
        return Err(Error::TooLate);
    }
    finish(actor, (tx, work), &mail, EventKind::MailCancelled, json!({"outbox_id": id})).await
}

/// Begins a change: the ticket is locked before the outbox row, as everybody does.
async fn begin<'a>(app: &'a App, mail: &OutboxMail) -> Result<(Tx, Work<'a>)> {
    let mut tx = app.db.write(Scope::Tenant(mail.tenant_id)).await?;
    let mut work = Work::new(&app.keys);
    work.lock(&mut tx, &mail.ticket_id.into_iter().collect::<Vec<_>>()).await?;
    Ok((tx, work))
}

async fn finish(
    actor: &Actor,
    (mut tx, mut work): (Tx, Work<'_>),
    mail: &OutboxMail,
    kind: EventKind,
    data: serde_json::Value,
) -> Result<()> {
    if let Some(ticket) = mail.ticket_id {
        work.event(ticket, kind, by(actor), data, None);
    }
    work.flush(&mut tx).await?;
    tx.commit().await?;
    Ok(())
}
