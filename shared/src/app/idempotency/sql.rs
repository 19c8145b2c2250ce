//! The table `idempotency_keys`.

use crate::clock::Time;
use crate::store::{Exec, Result, Tx, sql};

/// A request that was made before: its hash, and its answer once it has one.
pub(super) type Found = (String, Option<i64>, Option<String>);

pub(super) async fn insert(tx: &mut Tx, owner: &str, key: &str, hash: &str, now: Time) -> Result<bool> {
    let inserted = sql("INSERT INTO idempotency_keys (owner, idempotency_key, request_hash, created_at) \
         VALUES ($1, $2, $3, $4) ON CONFLICT (owner, idempotency_key) DO NOTHING")
    .bind(owner)
    .bind(key)
    .bind(hash)
    .bind(now)
    .exec(tx)
    .await?;
    Ok(inserted == 1)
}

pub(super) async fn find(ex: &mut impl Exec, owner: &str, key: &str) -> Result<Option<Found>> {
    sql("SELECT request_hash, status, body FROM idempotency_keys WHERE owner = $1 AND idempotency_key = $2")
        .bind(owner)
        .bind(key)
        .opt(ex)
        .await
}

/// Takes over what was begun before `stale` and never answered.
pub(super) async fn take_over(tx: &mut Tx, owner: &str, key: &str, stale: Time, now: Time) -> Result<bool> {
    let taken = sql("UPDATE idempotency_keys SET created_at = $1 \
         WHERE owner = $2 AND idempotency_key = $3 AND status IS NULL AND created_at < $4")
    .bind(now)
    .bind(owner)
    .bind(key)
    .bind(stale)
    .exec(tx)
    .await?;
    Ok(taken == 1)
}

pub(super) async fn answer(tx: &mut Tx, owner: &str, key: &str, status: u16, body: &str) -> Result<u64> {
    sql("UPDATE idempotency_keys SET status = $1, body = $2 WHERE owner = $3 AND idempotency_key = $4")
        .bind(i64::from(status))
        .bind(body)
        .bind(owner)
        .bind(key)
        .exec(tx)
        .await
}

pub(super) async fn delete(tx: &mut Tx, owner: &str, key: &str) -> Result<u64> {
    sql("DELETE FROM idempotency_keys WHERE owner = $1 AND idempotency_key = $2 AND status IS NULL")
        .bind(owner)
        .bind(key)
        .exec(tx)
        .await
}

pub(super) async fn delete_before(tx: &mut Tx, before: Time) -> Result<u64> {
    sql("DELETE FROM idempotency_keys WHERE created_at < $1").bind(before).exec(tx).await
}
