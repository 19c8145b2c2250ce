//! Erasing for good (E13.1), and forgetting what was held back long enough (E13.2).
//!
//! What somebody said goes: messages with all that was derived from them, the search index, files, received mail with its
//! octets, outgoing mail. What happened stays: rows, events and their chain, PIDs. A received mail's line and dedupe key
//! outlive it as a tombstone for [`TOMBSTONE_DAYS`], so that the same mail, coming again, brings nothing back. All in one
//! transaction but for the bytes in the blob store: these go after its commit, and are tried again until they are gone.
//! Read next: `reach` (what an erasure takes), `blobs`, `forget`.

mod blobs;
mod forget;
mod reach;
mod sql;
#[cfg(test)]
mod tests;

pub use blobs::remove_blobs;
pub(crate) use blobs::remove_now;
pub use forget::{Forgotten, forget};

use crate::access::{Actor, Capability, Refused};
use crate::app::App;
use crate::audit::{self, AuditKind, Entry};
use crate::clock::Time;
use crate::compiled_here;
use crate::drafts;
use crate::events::{By, EventKind};
use crate::ids::{AttachmentId, MailId, MessageId, TenantId, TicketId, UserId};
use crate::mail_out::kinds::OutboxState;
use crate::store::{self, Scope, Tx};
use crate::tickets::{self, Change, Error, Folder, Status, Ticket, TicketRef, Work, by};
use crate::users::{self, User};
use reach::Reach;
use serde_json::json;

/// How long an erased mail's dedupe key stays (E13.1).
pub const TOMBSTONE_DAYS: i64 = 90;

/// What an erasure took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Erased {
    /// Tickets that were emptied whole.
    pub tickets: usize,
    /// Messages, on whichever ticket.
    pub messages: usize,
    /// Files.
    pub files: usize,
    /// Received mails.
    pub mails: usize,
    /// Outgoing mails.
    pub outgoing: usize,
    /// Of these, how many had not left, and are cancelled.
    pub cancelled: usize,
}

/// Empties a ticket for good: nothing that was said in it can be read again by anybody. It is closed and lies in the
/// trash from then on; its row, PID and timeline stay.
///
/// # Errors
/// `NotFound` out of scope; `Denied` without `support.tickets.erase`; `Stale`; `Erased` if it was erased before; `InFlight`
/// while a worker hands one of its mails over.
#[compiled_here]
pub async fn ticket(app: &App, actor: &Actor, which: &TicketRef, expected: Option<i64>) -> tickets::Result<TicketId> {
    let mut change = Change::begin(app, actor, which, Capability::TicketsErase, expected).await?;
    let (id, tenant) = (change.id, change.ticket().tenant_id);
    let reach = Reach::tickets(&mut change.tx, tenant, &[id]).await?;
    empty(&mut change.tx, &mut change.work, &reach, by(actor), "asked").await?;
    change.commit().await?;
    blobs::remove_now(app).await;
    Ok(id)
}

/// Erases a person: the tickets that they opened whole, on others' tickets what they wrote, the mail that they sent and
/// were sent, and their name and address. Their row stays, as nobody, so that what points to it does.
///
/// # Errors
/// `NotFound` out of scope; `Denied` without `support.tickets.erase`; `Invalid` for somebody of the helping side; `InFlight`
/// while a worker hands mail to them over.
#[compiled_here]
pub async fn person(app: &App, actor: &Actor, id: UserId) -> Result<Erased, Refused> {
    let user = users::find(&app.db, actor, id).await?.ok_or(Refused::NotFound(crate::access::Noun::User))?;
    actor.require(Capability::TicketsErase)?;
    let Some(tenant) = user.tenant.as_ref().map(|t| t.id).filter(|_| !user.role.is_agent()) else {
        return Err(Refused::invalid("id", "is somebody of the helping side: only who asks for help can be erased"));
    };
    let mut tx = app.db.write(Scope::Tenant(tenant)).await?;
    let mut work = Work::new(&app.keys);
    let erased = take_person(&mut tx, &mut work, tenant, &user, by(actor)).await.map_err(refused)?;
    let data = json!({
        "tickets": erased.tickets, "messages": erased.messages, "mails": erased.mails, "outgoing": erased.outgoing,
    });
    let entry = Entry { tenant: Some(tenant), kind: AuditKind::UserErased, subject: format!("user:{id}"), data };
    audit::record(&mut tx, actor, entry).await?;
    work.flush(&mut tx).await?;
    tx.commit().await?;
    blobs::remove_now(app).await;
    Ok(erased)
}

/// Takes the octets of some mails of a ticket, and some of its files, as erasing takes them; also answers kept for repeated
/// requests. Returns how many mails there were, repeats included. The bytes themselves go with [`remove_now`], after the
/// commit.
///
/// # Errors
/// See [`crate::store::Error`].
pub(crate) async fn octets(
    tx: &mut Tx,
    ticket: &Ticket,
    mails: &[MailId],
    files: &[AttachmentId],
    at: Time,
) -> store::Result<usize> {
    let repeats = sql::repeats_of(tx, mails).await?;
    let mails = [mails, &repeats].concat();
    sql::empty_files(tx, files, at).await?;
    let n = sql::empty_mails(tx, ticket.tenant_id, &mails, at).await?;
    sql::forget_answers(tx, &ticket.pid).await?;
    sql::release_blobs(tx, ticket.tenant_id).await?;
    Ok(n as usize)
}

/// Of a ticket's refusals only these two can meet a person's erasure.
fn refused(e: Error) -> Refused {
    match e {
        Error::Store(e) => Refused::Store(e),
        _ => Refused::InFlight,
    }
}

async fn take_person(
    tx: &mut Tx,
    work: &mut Work<'_>,
    tenant: TenantId,
    user: &User,
    who: By,
) -> tickets::Result<Erased> {
    let key = crate::address::key(&user.email);
    let own = sql::tickets_of(tx, tenant, user.id).await?;
    // Everything is locked at once, in one order, as everybody does.
    let touched = sql::tickets_with(tx, tenant, user.id, &key).await?;
    work.lock(tx, &touched).await?;
    let mut reach = Reach::tickets(tx, tenant, &own).await?;
    reach.add_person(tx, user.id, &key).await?;
    let erased = empty(tx, work, &reach, who, "person").await?;
    for (ticket, messages) in reach.elsewhere() {
        // What lists show of it may have been theirs.
        let text = sql::latest_text(tx, ticket).await?;
        work.update(ticket, |t| t.snippet = tickets::snippet(&text));
        work.event(ticket, EventKind::Erased, who, json!({"user_id": user.id, "messages": messages}), None);
    }
    drafts::erase_of(tx, user.id).await?;
    for ticket in sql::leave(tx, user.id).await? {
        work.event(ticket, EventKind::ParticipantRemoved, who, json!({"user_id": user.id}), None);
    }
    sql::empty_values(tx, &touched, Some(&key)).await?;
    sql::readdress_outgoing(tx, &reach.of_person, &nobody(user.id)).await?;
    sql::forget_facts(tx, tenant, user.id, &key).await?;
    sql::make_nobody(tx, user.id, &nobody(user.id), work.now()).await?;
    Ok(erased)
}

/// The address of who is nobody any more: no mail can go there (RFC 2606).
fn nobody(id: UserId) -> String {
    format!("erased-{id}@erased.invalid")
}

/// Takes what `reach` names: the tickets are locked, and written by the caller's flush.
async fn empty(tx: &mut Tx, work: &mut Work<'_>, reach: &Reach, who: By, why: &'static str) -> tickets::Result<Erased> {
    if reach.outgoing.iter().any(|o| o.state == OutboxState::Sending) {
        return Err(Error::InFlight);
    }
    let at = work.now();
    let mut erased = Erased {
        tickets: reach.tickets.len(),
        messages: reach.messages.len(),
        mails: reach.mails.len(),
        outgoing: reach.outgoing.len(),
        ..Erased::default()
    };
    for mail in reach.outgoing.iter().filter(|o| o.waits()) {
        erased.cancelled += 1;
        if let Some(ticket) = mail.ticket_id {
            work.event(ticket, EventKind::MailCancelled, who, json!({"outbox_id": mail.id, "why": "erased"}), None);
        }
    }
    erased.files = reach.files.len();
    sql::empty_outgoing(tx, reach, at).await?;
    sql::empty_files(tx, &reach.files, at).await?;
    sql::empty_messages(tx, &reach.messages).await?;
    sql::empty_mails(tx, reach.tenant, &reach.mails, at).await?;
    sql::empty_values(tx, &reach.tickets, None).await?;
    sql::empty_ratings(tx, &reach.tickets).await?;
    drafts::erase(tx, &reach.tickets).await?;
    sql::forget_ids(tx, &reach.tickets).await?;
    for &id in &reach.tickets {
        close(work, id, who, why, at);
        let pid = work.ticket(id).map(|t| t.pid.clone()).unwrap_or_default();
        sql::forget_answers(tx, &pid).await?;
    }
    sql::release_blobs(tx, reach.tenant).await?;
    Ok(erased)
}

/// An erased ticket is done with: closed, in the trash, without a subject. Mail that belongs to it opens a new one (E4.9).
fn close(work: &mut Work<'_>, id: TicketId, who: By, why: &'static str, at: Time) {
    work.set_status(id, Status::Closed, who, "erased");
    work.set_folder(id, Folder::Trash, who);
    work.update(id, |t| {
        t.subject = String::new();
        t.sub_subject = None;
        t.snippet = String::new();
        t.resolution_notes = None;
        t.erased_at = Some(at);
    });
    work.event(id, EventKind::Erased, who, json!({"why": why}), None);
}

/// A message of a person on somebody else's ticket.
type Elsewhere = (MessageId, TicketId);
