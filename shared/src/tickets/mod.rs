//! Tickets: the record of one problem each.

pub mod bulk;
mod change;
mod clocks;
pub mod counts;
mod create;
mod error;
mod joins;
mod list;
mod merging;
mod moving;
mod people;
mod reads;
mod signs;
pub mod snooze;
mod sql;
#[cfg(test)]
mod tests;
pub mod types;
mod views;
mod work;

pub use change::{
    Change, Patch, assign, by, change_tags, close, reopen, set_folder, set_priority, set_status, take, update,
};
pub use clocks::{Clock, ClockState};
pub use create::{Create, create};
pub use error::{Error, Result};
pub use joins::{
    JoinKind, JoinState, JoinView, NewJoin, also_addressed, join, join_view, joins, joins_of, keep_apart, may_decide,
};
pub use list::{
    AssigneeFilter, CategoryFilter, Cursor, CursorValue, Filter, Sort, SortKey, StatusFilter, TicketView, Way, beside,
    count, list, view, views,
};
pub(crate) use list::{at_risk, put_off, tagged};
pub use merging::{Merged, Offered, merge, merged_here, merges_offered, unmerge};
pub use moving::split;
pub use people::{Participation, Whom, set_participant, set_requester};
pub(crate) use reads::unread_by;
pub use reads::{look, read_before, seen, unread};
pub use signs::{Signs, signs};
pub(crate) use types::snippet;
pub use types::{Channel, Folder, Participant, ParticipantKind, ParticipantState, Priority, Status, Ticket};
pub use views::View;
pub use work::{NewAttachment, NewMessage, NewMessageId, NewParticipant, NewTicket, Work};

use crate::access::{Actor, Capability};
use crate::app::App;
use crate::clock::{Time, period};
use crate::compiled_here;
use crate::events::Event;
use crate::ids::{TenantId, TicketId};
use crate::store::{self, Exec, Q, Tx};

/// Whether a ticket is in somebody's scope.
///
/// # Errors
/// See [`crate::store::Error`].
pub(crate) async fn is_seen(
    ex: &mut impl crate::store::Exec,
    id: TicketId,
    scope: crate::access::wall::TicketScope,
) -> crate::store::Result<bool> {
    Ok(sql::find_id(ex, &id.into(), scope).await?.is_some())
}

/// How a request names a ticket: by row id or by PID, everywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TicketRef {
    /// By row id.
    Id(TicketId),
    /// By PID, upper case.
    Pid(String),
}

impl std::str::FromStr for TicketRef {
    type Err = std::convert::Infallible;

    /// A PID has a hyphen, an id has only digits; what is neither names no ticket.
    fn from_str(s: &str) -> std::result::Result<TicketRef, Self::Err> {
        Ok(s.parse().map_or_else(|_| TicketRef::Pid(s.trim().to_ascii_uppercase()), TicketRef::Id))
    }
}

impl From<TicketId> for TicketRef {
    fn from(id: TicketId) -> TicketRef {
        TicketRef::Id(id)
    }
}

impl TicketRef {
    /// Adds ` AND …` to a query over `tickets t`.
    fn condition(&self, q: Q) -> Q {
        match self {
            TicketRef::Id(id) => q.push(" AND t.id = ").arg(*id),
            TicketRef::Pid(pid) => q.push(" AND t.pid = ").arg(pid.as_str()),
        }
    }
}

/// An event with its actor's name and its texts.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct EventView {
    /// The event.
    #[sqlx(flatten)]
    pub event: Event,
    /// The actor's name now.
    pub actor_name: Option<String>,
    /// The actor's address now.
    pub actor_email: Option<String>,
    /// Texts and addresses that erasing empties: JSON.
    pub content: Option<String>,
}

/// Takes `n` PIDs of a tenant for tickets made at `at`, in order. Rolled back with the transaction, so that no hole
/// is left.
///
/// # Errors
/// See [`crate::store::Error`].
pub async fn take_pids(
    tx: &mut Tx,
    tenant: TenantId,
    prefix: Option<&str>,
    at: Time,
    n: usize,
) -> store::Result<Vec<String>> {
    if n == 0 {
        return Ok(Vec::new());
    }
    let period = period(at);
    let last = sql::take_numbers(tx, tenant, &period, n as i64).await?;
    Ok((last - n as i64 + 1..=last).map(|i| types::pid(prefix, &period, i)).collect())
}

/// Returns the participants of tickets, each ticket's requester first.
///
/// # Errors
/// See [`crate::store::Error`].
pub async fn participants(ex: &mut impl Exec, tickets: &[TicketId]) -> store::Result<Vec<Participant>> {
    let mut all = sql::participants(ex, tickets).await?;
    all.sort_by_key(|p| (p.ticket_id, p.kind != ParticipantKind::Requester));
    Ok(all)
}

/// Returns the tenant's user with this address, or the platform's, or makes one who only ever mailed.
///
/// # Errors
/// See [`store::Error`].
pub(crate) async fn ensure_user(
    tx: &mut Tx,
    tenant: TenantId,
    email: &str,
) -> store::Result<crate::mail_out::enqueue::Recipient> {
    sql::ensure_user(tx, tenant, email, None).await
}

/// Whether a ticket was erased for good; for the program's own use.
///
/// # Errors
/// See [`crate::store::Error`].
pub async fn is_erased(ex: &mut impl Exec, id: TicketId) -> store::Result<bool> {
    sql::is_erased(ex, id).await
}

/// Returns a ticket that the actor sees.
///
/// # Errors
/// `NotFound` out of scope, `Denied` without the right to read.
#[compiled_here]
pub async fn find(app: &App, actor: &Actor, which: &TicketRef) -> Result<TicketId> {
    let scope = actor.tickets();
    let id = sql::find_id(&mut app.db.read(scope.rows()), which, scope).await?.ok_or(Error::NotFound)?;
    actor.require(Capability::TicketsRead)?;
    Ok(id)
}

/// Returns a ticket's timeline after `after`, oldest first, at most `limit`. Those who may not see internal notes do not
/// see that there are any.
///
/// # Errors
/// `NotFound` out of scope, `Denied` without the right to read.
#[compiled_here]
pub async fn events(app: &App, actor: &Actor, which: &TicketRef, after: i64, limit: i64) -> Result<Vec<EventView>> {
    let scope = actor.tickets();
    let mut read = app.db.read(scope.rows());
    let id = sql::find_id(&mut read, which, scope).await?.ok_or(Error::NotFound)?;
    actor.require(Capability::TimelineRead)?;
    let mut events = sql::events(&mut read, id, after, limit).await?;
    if !actor.can(Capability::TicketsNote) {
        events.retain(|e| !e.event.data.contains(r#""kind":"note""#));
    }
    Ok(events)
}

/// Returns a ticket's events after `seq`, within a transaction that holds the ticket.
///
/// # Errors
/// See [`crate::store::Error`].
pub async fn events_since(tx: &mut Tx, ticket: TicketId, seq: i64) -> store::Result<Vec<Event>> {
    sql::events_after(tx, ticket, seq, 200).await
}

/// Returns a ticket's events after `seq`, for those who look at a stale page.
async fn events_after(ex: &mut impl Exec, ticket: TicketId, seq: i64, limit: i64) -> store::Result<Vec<Event>> {
    sql::events_after(ex, ticket, seq, limit).await
}
