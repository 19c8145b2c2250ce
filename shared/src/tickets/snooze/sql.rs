//! The SQL of tickets that are put off.

use crate::clock::Time;
use crate::ids::TicketId;
use crate::store::{Exec, Result, sql};

/// Tickets whose time has come, the longest over first.
pub(super) async fn due(ex: &mut impl Exec, at: Time, n: i64) -> Result<Vec<TicketId>> {
    let q = sql("SELECT id FROM tickets WHERE snoozed_until <= ").arg(at).push(" ORDER BY snoozed_until LIMIT ").arg(n);
    let rows: Vec<(TicketId,)> = q.all(ex).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}
