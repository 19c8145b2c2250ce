//! The SQL of paused relays.

use crate::clock::Time;
use crate::store::{Exec, Result, Tx, dialect, sql};

const PAUSE: &str = "SELECT paused_until, updated_at FROM relays WHERE paused_until IS NOT NULL AND relay = $1";

/// The last pause's end and beginning, unless the relay was reopened since.
pub(super) async fn find(ex: &mut impl Exec, relay: &str) -> Result<Option<(Time, Time)>> {
    sql(PAUSE).bind(relay).opt(ex).await
}

pub(super) async fn lock(tx: &mut Tx, relay: &str) -> Result<Option<(Time, Time)>> {
    let lock = dialect::for_update(tx);
    sql(PAUSE).bind(relay).push(lock).opt(tx).await
}

/// Makes the row, so that there is something to lock.
pub(super) async fn touch(tx: &mut Tx, relay: &str, now: Time) -> Result<()> {
    sql("INSERT INTO relays (relay, updated_at) VALUES ($1, $2) ON CONFLICT (relay) DO NOTHING")
        .bind(relay)
        .bind(now)
        .exec(tx)
        .await?;
    Ok(())
}

pub(super) async fn pause(tx: &mut Tx, relay: &str, until: Time, reason: &str, now: Time) -> Result<()> {
    sql("UPDATE relays SET paused_until = $1, reason = $2, updated_at = $3 WHERE relay = $4")
        .bind(until)
        .bind(reason)
        .bind(now)
        .bind(relay)
        .exec(tx)
        .await?;
    Ok(())
}

pub(super) async fn reopen(tx: &mut Tx, relay: &str, now: Time) -> Result<bool> {
    let q = sql(
        "UPDATE relays SET paused_until = NULL, reason = NULL, updated_at = $1 WHERE relay = $2 AND paused_until < $1",
    );
    Ok(q.bind(now).bind(relay).exec(tx).await? > 0)
}
