//! The SQL of domains that are held back.

use super::Slow;
use crate::clock::Time;
use crate::store::{Exec, Result, Tx, dialect, sql};

const COLUMNS: &str = "SELECT domain, per_minute, next_at, faster_at, reason FROM slow_domains WHERE relay = $1";

pub(super) async fn all(ex: &mut impl Exec, relay: &str) -> Result<Vec<Slow>> {
    sql(COLUMNS).bind(relay).push(" ORDER BY domain").all(ex).await
}

pub(super) async fn lock(tx: &mut Tx, relay: &str, domain: &str) -> Result<Option<Slow>> {
    let lock = dialect::for_update(tx);
    sql(COLUMNS).bind(relay).push(" AND domain = $2").bind(domain).push(lock).opt(tx).await
}

pub(super) async fn put(tx: &mut Tx, relay: &str, slow: &Slow) -> Result<()> {
    sql("INSERT INTO slow_domains (relay, domain, per_minute, next_at, faster_at, reason) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (relay, domain) DO UPDATE SET per_minute = $3, next_at = $4, faster_at = $5, reason = $6")
    .bind(relay)
    .bind(slow.domain.as_str())
    .bind(slow.per_minute)
    .bind(slow.next_at)
    .bind(slow.faster_at)
    .bind(slow.reason.as_str())
    .exec(tx)
    .await?;
    Ok(())
}

pub(super) async fn forget(tx: &mut Tx, relay: &str, domain: &str) -> Result<()> {
    sql("DELETE FROM slow_domains WHERE relay = $1 AND domain = $2").bind(relay).bind(domain).exec(tx).await?;
    Ok(())
}

pub(super) async fn take(tx: &mut Tx, relay: &str, domain: &str, now: Time, next: Time) -> Result<bool> {
    let taken = sql("UPDATE slow_domains SET next_at = $1 WHERE relay = $2 AND domain = $3 AND next_at <= $4")
        .bind(next)
        .bind(relay)
        .bind(domain)
        .bind(now)
        .exec(tx)
        .await?;
    Ok(taken > 0)
}
