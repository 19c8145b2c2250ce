//! Drafts: what somebody began to write on a ticket and has not sent. No change of the ticket: no event, no version.
//!
//! A draft goes in the transaction that posts it ([`take`]) and comes back when a reply is taken back, or reaches
//! nobody ([`give_back`]).

mod sql;

pub use sql::Draft;
pub(crate) use sql::{drop_text_of, erase, erase_of, of as of_user, tickets_with};

use crate::access::{Actor, Capability};
use crate::app::App;
use crate::clock::Time;
use crate::compiled_here;
use crate::ids::{TicketId, UserId};
use crate::messages::MessageKind;
use crate::store::{self, Tx};
use crate::tickets::{self, Change, Result, Ticket, TicketRef};
use chrono::TimeDelta;

/// How long after a message was posted what its author's browser still had on the way is not taken for a new draft.
const ECHO: TimeDelta = TimeDelta::seconds(30);

/// Returns the actor's drafts on a ticket.
///
/// # Errors
/// `NotFound` out of scope.
#[compiled_here]
pub async fn of(app: &App, actor: &Actor, which: &TicketRef) -> Result<Vec<Draft>> {
    let id = tickets::find(app, actor, which).await?;
    let Some(user) = actor.user else { return Ok(Vec::new()) };
    Ok(sql::of(&mut app.db.read(actor.tickets().rows()), user, id).await?)
}

/// Keeps the actor's draft; an empty one goes. Returns it as it is kept.
///
/// # Errors
/// `NotFound` out of scope, `Denied` to who may not write such a message, `Erased`.
#[compiled_here]
pub async fn save(app: &App, actor: &Actor, which: &TicketRef, kind: MessageKind, body: &str) -> Result<Option<Draft>> {
    // The ticket is locked, so that a message which is being posted is seen before or after, and not missed.
    let mut change = Change::begin(app, actor, which, needed(kind), None).await?;
    let Some(user) = actor.user else { return Ok(None) };
    let (id, tenant, now) = (change.id, change.ticket().tenant_id, change.work.now());
    let tx = &mut change.tx;
    let kept = if body.trim().is_empty() || is_echo(tx, user, id, kind, body, now).await? {
        sql::delete(tx, user, id, kind).await?;
        None
    } else {
        let draft = Draft { kind, body: body.to_owned(), updated_at: now };
        sql::put(tx, user, tenant, id, &draft).await?;
        Some(draft)
    };
    change.tx.commit().await?;
    Ok(kept)
}

/// Throws the actor's draft away.
///
/// # Errors
/// `NotFound` out of scope.
#[compiled_here]
pub async fn discard(app: &App, actor: &Actor, which: &TicketRef, kind: MessageKind) -> Result<()> {
    let id = tickets::find(app, actor, which).await?;
    let Some(user) = actor.user else { return Ok(()) };
    let mut tx = app.db.write(actor.tickets().rows()).await?;
    sql::delete(&mut tx, user, id, kind).await?;
    tx.commit().await?;
    Ok(())
}

/// Removes a draft whose message is being posted.
///
/// # Errors
/// See [`crate::store::Error`].
pub(crate) async fn take(tx: &mut Tx, user: UserId, ticket: TicketId, kind: MessageKind) -> store::Result<()> {
    sql::delete(tx, user, ticket, kind).await
}

/// Makes a reply that was taken back, or reaches nobody, a draft again, above what its author wrote since.
///
/// # Errors
/// See [`crate::store::Error`].
pub(crate) async fn give_back(tx: &mut Tx, user: UserId, ticket: &Ticket, body: &str, now: Time) -> store::Result<()> {
    let since = sql::of(tx, user, ticket.id).await?.into_iter().find(|d| d.kind == MessageKind::Reply);
    let body = match since {
        Some(since) => format!("{}\n\n{}", body.trim_end(), since.body),
        None => body.to_owned(),
    };
    if body.trim().is_empty() {
        return Ok(());
    }
    sql::put(tx, user, ticket.tenant_id, ticket.id, &Draft { kind: MessageKind::Reply, body, updated_at: now }).await
}

fn needed(kind: MessageKind) -> Capability {
    match kind {
        MessageKind::Note => Capability::TicketsNote,
        MessageKind::Reply | MessageKind::System => Capability::TicketsReply,
    }
}

/// Whether this is what the author just posted, or its beginning: a keystroke's draft that arrives after the message.
async fn is_echo(
    tx: &mut Tx,
    user: UserId,
    ticket: TicketId,
    kind: MessageKind,
    body: &str,
    now: Time,
) -> Result<bool> {
    let posted = sql::just_posted(tx, user, ticket, kind, now - ECHO).await?;
    Ok(posted.is_some_and(|posted| posted.trim().starts_with(body.trim())))
}
