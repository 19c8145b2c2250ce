//! What agents keep in mind about a customer: one note for each customer of a tenant, beside all of their tickets. Whoever
//! sees a ticket of theirs and may write notes reads and writes it; customers never do.

mod sql;

use crate::access::{Actor, Capability};
use crate::app::App;
use crate::audit::{self, AuditKind, Entry};
use crate::clock::{Time, now};
use crate::compiled_here;
use crate::tickets::{self, Error, Result, Ticket, TicketRef};
use crate::users;

use serde_json::json;

/// The most characters that a note holds: a screenful; what is longer belongs into a ticket.
pub const MOST: usize = 4_000;

/// What is kept in mind about a customer.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct CustomerNote {
    /// Plain text; empty once it was emptied.
    pub body: String,
    /// How often it was changed.
    pub version: i64,
    /// Who changed it last: name, else address.
    pub noted_by: Option<String>,
    /// When.
    pub noted_at: Time,
}

/// Returns the note about a ticket's requester; None if there never was one.
///
/// # Errors
/// `NotFound` out of scope, `Denied` to who may not write notes.
#[compiled_here]
pub async fn note(app: &App, actor: &Actor, which: &TicketRef) -> Result<Option<CustomerNote>> {
    let ticket = named(app, actor, which).await?;
    note_beside(app, actor, &ticket).await
}

/// Returns the note about the requester of a ticket that the actor was shown.
///
/// # Errors
/// `Denied` to who may not write notes.
#[compiled_here]
pub async fn note_beside(app: &App, actor: &Actor, ticket: &Ticket) -> Result<Option<CustomerNote>> {
    actor.require(Capability::TicketsNote)?;
    Ok(sql::find(&mut app.db.read(actor.tickets().rows()), ticket.tenant_id, ticket.requester_id).await?)
}

/// Writes the note about a ticket's requester; an empty one empties it, the same once more changes nothing. `expected` is
/// the version that its writer has read (0: there was none).
///
/// # Errors
/// `NotFound` out of scope, `Denied`, `Erased`; `StaleNote` if it changed meanwhile; `Invalid` if it is too long.
#[compiled_here]
pub async fn set_note(
    app: &App,
    actor: &Actor,
    which: &TicketRef,
    body: &str,
    expected: Option<i64>,
) -> Result<Option<CustomerNote>> {
    let ticket = named(app, actor, which).await?;
    if ticket.erased_at.is_some() {
        return Err(Error::Erased);
    }
    let body = body.trim();
    if body.chars().count() > MOST {
        return Err(Error::invalid("note", "too_long", format!("must have at most {MOST} characters")));
    }
    let (tenant, user) = (ticket.tenant_id, ticket.requester_id);
    let mut tx = app.db.write(actor.tickets().rows()).await?;
    // Two who write at once come one after the other, also where there is no note yet.
    users::lock(&mut tx, user).await?;
    let before = sql::find(&mut tx, tenant, user).await?;
    if expected.is_some_and(|seen| seen != before.as_ref().map_or(0, |n| n.version)) {
        return Err(Error::StaleNote(before.map(Box::new)));
    }
    if body == before.as_ref().map_or("", |n| n.body.as_str()) {
        return Ok(before);
    }
    sql::put(&mut tx, tenant, user, body, actor.user, now()).await?;
    let entry = Entry {
        tenant: Some(tenant),
        kind: AuditKind::CustomerNoted,
        subject: format!("user:{user}"),
        data: json!({"ticket_id": ticket.id, "characters": body.chars().count()}),
    };
    audit::record(&mut tx, actor, entry).await?;
    let after = sql::find(&mut tx, tenant, user).await?;
    tx.commit().await?;
    Ok(after)
}

async fn named(app: &App, actor: &Actor, which: &TicketRef) -> Result<Ticket> {
    let view = tickets::view(app, actor, which).await?;
    actor.require(Capability::TicketsNote)?;
    Ok(view.ticket)
}
