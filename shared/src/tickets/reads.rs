//! How far each agent has read each ticket: what stands behind the unread dot, `is:unread`, and the line "new since you
//! looked".

use super::{Result, sql};
use crate::access::{Actor, Capability};
use crate::app::App;
use crate::compiled_here;
use crate::ids::{TenantId, TicketId, UserId};
use crate::store::Q;
use std::collections::HashSet;

/// Notes that the actor has a ticket's messages up to `seq` before them, and returns how far they had read before; None:
/// they had never looked. Nothing is kept of customers.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn look(app: &App, actor: &Actor, tenant: TenantId, ticket: TicketId, seq: i64) -> Result<Option<i64>> {
    let Some(user) = reader(actor) else { return Ok(None) };
    let before = sql::read_up_to(&mut app.db.read(actor.tickets().rows()), user, ticket).await?;
    if before.is_none_or(|before| before < seq) {
        let mut tx = app.db.write(actor.tickets().rows()).await?;
        sql::note_read(&mut tx, user, tenant, ticket, seq).await?;
        tx.commit().await?;
    }
    Ok(before)
}

/// Notes that the actor has seen a ticket's messages up to `seq`, as a page says that was fetched ahead. Whatever it claims, what
/// comes later is new.
///
/// # Errors
/// `NotFound` out of scope.
#[compiled_here]
pub async fn seen(app: &App, actor: &Actor, ticket: TicketId, seq: i64) -> super::Result<()> {
    let ticket = super::view(app, actor, &ticket.into()).await?.ticket;
    look(app, actor, ticket.tenant_id, ticket.id, seq.min(ticket.version)).await?;
    Ok(())
}

/// Returns up to where the actor has read a ticket, and notes nothing: a browser that fetches a page ahead shows it to nobody.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn read_before(app: &App, actor: &Actor, ticket: TicketId) -> Result<Option<i64>> {
    let Some(user) = reader(actor) else { return Ok(None) };
    Ok(sql::read_up_to(&mut app.db.read(actor.tickets().rows()), user, ticket).await?)
}

/// Returns those of the tickets that have a message by somebody else which the actor has not seen.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn unread(app: &App, actor: &Actor, tickets: &[TicketId]) -> Result<HashSet<TicketId>> {
    let Some(user) = reader(actor) else { return Ok(HashSet::new()) };
    Ok(sql::unread(&mut app.db.read(actor.tickets().rows()), user, tickets).await?.into_iter().collect())
}

/// Adds that tickets `t` have a message that the actor has not seen.
pub(crate) fn unread_by(q: Q, actor: &Actor) -> Q {
    sql::has_unread(q.push(" AND "), reader(actor))
}

/// Whose looks are kept: agents'.
fn reader(actor: &Actor) -> Option<UserId> {
    actor.user.filter(|_| actor.can(Capability::TicketsNote))
}
