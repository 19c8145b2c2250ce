//! What readiness asks of the database.

use crate::clock::Time;
use crate::store::{Exec, Result, sql};

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
