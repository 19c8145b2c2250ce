//! The SQL of what is new.

use super::{Change, Mark};
use crate::access::TicketScope;
use crate::ids::{TenantId, TicketId};
use crate::store::{Exec, Result, sql};
use std::collections::{BTreeSet, HashSet};

/// Returns the changes after `mark`, oldest first, at most `limit`: of one tenant, or of all.
pub(super) async fn changes(
    ex: &mut impl Exec,
    tenant: Option<TenantId>,
    mark: Mark,
    limit: i64,
) -> Result<Vec<Change>> {
    let q = sql("SELECT e.ticket_id, e.tenant_id, t.pid, e.seq, e.kind, e.actor_kind, e.actor_id, e.at, \
                e.data LIKE '%\"kind\":\"note\"%' AS note \
         FROM ticket_events e JOIN tickets t ON t.id = e.ticket_id WHERE e.at >= ")
    .arg(mark.at)
    .push(" AND (e.at, e.ticket_id, e.seq) > (")
    .arg(mark.at)
    .push(", ")
    .arg(mark.ticket)
    .push(", ")
    .arg(mark.seq)
    .push(")");
    let q = match tenant {
        Some(tenant) => q.push(" AND e.tenant_id = ").arg(tenant),
        None => q,
    };
    q.push(" ORDER BY e.at, e.ticket_id, e.seq LIMIT ").arg(limit).all(ex).await
}

/// Returns those of `tickets` that lie within `scope`.
pub(super) async fn seen(
    ex: &mut impl Exec,
    scope: TicketScope,
    tickets: BTreeSet<TicketId>,
) -> Result<HashSet<TicketId>> {
    let q = sql("SELECT t.id FROM tickets t WHERE t.id IN ").among(tickets);
    let rows: Vec<(TicketId,)> = scope.filter(q).all(ex).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}
