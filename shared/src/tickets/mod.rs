//! Tickets: the record of one problem each.

mod sql;
pub mod types;
mod work;

pub use types::{Channel, Folder, Participant, ParticipantKind, ParticipantState, Priority, Status, Ticket};
pub use work::{NewAttachment, NewMessage, NewMessageId, NewParticipant, NewTicket, Work};

use crate::clock::Time;
use crate::clock::period;
use crate::ids::{TenantId, TicketId};
use crate::store::{Exec, Result, Tx};

/// Takes `n` PIDs of a tenant for tickets made at `at`, in order. Rolled back with the transaction, so that no hole
/// is left.
///
/// # Errors
/// See [`crate::store::Error`].
pub async fn take_pids(tx: &mut Tx, tenant: TenantId, prefix: Option<&str>, at: Time, n: usize) -> Result<Vec<String>> {
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
pub async fn participants(ex: &mut impl Exec, tickets: &[TicketId]) -> Result<Vec<Participant>> {
    let mut all = sql::participants(ex, tickets).await?;
    all.sort_by_key(|p| (p.ticket_id, p.kind != ParticipantKind::Requester));
    Ok(all)
}
