//! What readiness asks of the database.

use crate::clock::Time;
use crate::ids::TenantId;
use crate::mail_in::{Door, MailState};
use crate::mail_out::kinds::OutboxState;
use crate::store::{Exec, Q, Result, sql};

/// The newest heartbeat of any worker.
pub(super) async fn last_worker_seen(ex: &mut impl Exec) -> Result<Option<Time>> {
    let row: Option<(Time,)> = sql("SELECT seen_at FROM workers ORDER BY seen_at DESC LIMIT 1").opt(ex).await?;
    Ok(row.map(|(at,)| at))
}

/// The due time of the mail that should have left first.
pub(super) async fn oldest_due(ex: &mut impl Exec, now: Time) -> Result<Option<Time>> {
    let row: Option<(Time,)> = sql("SELECT due_at FROM outbox WHERE state IN ('held', 'queued', 'deferred') \
         AND due_at <= $1 ORDER BY due_at LIMIT 1")
    .bind(now)
    .opt(ex)
    .await?;
    Ok(row.map(|(at,)| at))
}

/// When the mail that has waited longest for a decision arrived.
pub(super) async fn oldest_kept(ex: &mut impl Exec) -> Result<Option<Time>> {
    let row: Option<(Time,)> =
        sql("SELECT received_at FROM inbound_mails WHERE state = 'kept' ORDER BY received_at LIMIT 1").opt(ex).await?;
    Ok(row.map(|(at,)| at))
}

fn within(q: Q, tenant: Option<TenantId>) -> Q {
    match tenant {
        Some(tenant) => q.push(" AND tenant_id = ").arg(tenant),
        None => q,
    }
}

/// Arrivals by state. Walks an index from end to end: callers keep the answer for a while.
pub(super) async fn inbound_by_state(ex: &mut impl Exec, tenant: Option<TenantId>) -> Result<Vec<(MailState, i64)>> {
    let q = within(sql("SELECT state, COUNT(*) FROM inbound_mails WHERE 1 = 1"), tenant);
    q.push(" GROUP BY state ORDER BY state").all(ex).await
}

/// Outgoing mails by state, likewise.
pub(super) async fn outbox_by_state(ex: &mut impl Exec, tenant: Option<TenantId>) -> Result<Vec<(OutboxState, i64)>> {
    let q = within(sql("SELECT state, COUNT(*) FROM outbox WHERE 1 = 1"), tenant);
    q.push(" GROUP BY state ORDER BY state").all(ex).await
}

/// When each door's oldest undecided arrival came.
pub(super) async fn oldest_by_door(ex: &mut impl Exec, tenant: Option<TenantId>) -> Result<Vec<(Door, Time)>> {
    let q = within(sql("SELECT door, MIN(received_at) FROM inbound_mails WHERE state = 'kept'"), tenant);
    q.push(" GROUP BY door ORDER BY door").all(ex).await
}

/// As [`oldest_due`], of one tenant or of all.
pub(super) async fn oldest_due_of(ex: &mut impl Exec, tenant: Option<TenantId>, now: Time) -> Result<Option<Time>> {
    let q = sql("SELECT due_at FROM outbox WHERE state IN ('held', 'queued', 'deferred') AND due_at <= ").arg(now);
    let row: Option<(Time,)> = within(q, tenant).push(" ORDER BY due_at LIMIT 1").opt(ex).await?;
    Ok(row.map(|(at,)| at))
}
