//! The SQL of housekeeping.

use crate::clock::Time;
use crate::ids::{TenantId, TicketId};
use crate::store::{Exec, Result, Tx, sql};

pub(super) async fn beat(tx: &mut Tx, worker: &str, now: Time) -> Result<()> {
    sql("INSERT INTO workers (name, started_at, seen_at) VALUES ($1, $2, $2) \
         ON CONFLICT (name) DO UPDATE SET seen_at = excluded.seen_at")
    .bind(worker)
    .bind(now)
    .exec(tx)
    .await?;
    Ok(())
}

pub(super) async fn leave(tx: &mut Tx, worker: &str) -> Result<()> {
    sql("DELETE FROM workers WHERE name = $1").bind(worker).exec(tx).await?;
    Ok(())
}

pub(super) async fn tenants(ex: &mut impl Exec) -> Result<Vec<(TenantId, String)>> {
    sql("SELECT id, settings FROM tenants ORDER BY id").all(ex).await
}

pub(super) async fn solved_before(ex: &mut impl Exec, tenant: TenantId, before: Time, n: i64) -> Result<Vec<TicketId>> {
    let rows: Vec<(TicketId,)> = sql("SELECT id FROM tickets WHERE tenant_id = $1 AND folder = 'inbox' \
         AND status = 'solved' AND solved_at < $2 ORDER BY id LIMIT $3")
    .bind(tenant)
    .bind(before)
    .bind(n)
    .all(ex)
    .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

pub(super) async fn forget_sessions(tx: &mut Tx, before: Time, n: i64) -> Result<u64> {
    sql("DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)")
        .bind(before)
        .bind(n)
        .exec(tx)
        .await
}

pub(super) async fn forget_answers(tx: &mut Tx, before: Time, n: i64) -> Result<u64> {
    sql("DELETE FROM idempotency_keys WHERE (owner, idempotency_key) IN (SELECT owner, idempotency_key \
         FROM idempotency_keys WHERE created_at < $1 ORDER BY created_at LIMIT $2)")
    .bind(before)
    .bind(n)
    .exec(tx)
    .await
}

pub(super) async fn forget_login_failures(tx: &mut Tx, before: Time, n: i64) -> Result<u64> {
    sql("DELETE FROM login_failures WHERE id IN (SELECT id FROM login_failures WHERE at < $1 ORDER BY id LIMIT $2)")
        .bind(before)
        .bind(n)
        .exec(tx)
        .await
}

pub(super) async fn forget_workers(tx: &mut Tx, before: Time) -> Result<u64> {
    sql("DELETE FROM workers WHERE seen_at < $1").bind(before).exec(tx).await
}
