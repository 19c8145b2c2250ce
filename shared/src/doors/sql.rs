//! The SQL of what doors remember.

use crate::clock::Time;
use crate::store::{Result, Tx, sql};

pub(super) async fn insert(tx: &mut Tx, door: &str, token: &str, content: &str, at: Time) -> Result<bool> {
    let inserted = sql("INSERT INTO door_tokens (door, token, content, used_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (door, token) DO NOTHING")
    .bind(door)
    .bind(token)
    .bind(content)
    .bind(at)
    .exec(tx)
    .await?;
    Ok(inserted > 0)
}

pub(super) async fn content(tx: &mut Tx, door: &str, token: &str) -> Result<Option<String>> {
    let row: Option<(String,)> =
        sql("SELECT content FROM door_tokens WHERE door = $1 AND token = $2").bind(door).bind(token).opt(tx).await?;
    Ok(row.map(|(content,)| content))
}

pub(super) async fn count_refusal(tx: &mut Tx, door: &str, hour: &str) -> Result<i64> {
    let (refused,): (i64,) = sql("INSERT INTO door_refusals (door, hour, refused) VALUES ($1, $2, 1) \
         ON CONFLICT (door, hour) DO UPDATE SET refused = door_refusals.refused + 1 RETURNING refused")
    .bind(door)
    .bind(hour)
    .one(tx)
    .await?;
    Ok(refused)
}

pub(super) async fn forget_tokens(tx: &mut Tx, before: Time, n: i64) -> Result<u64> {
    sql("DELETE FROM door_tokens WHERE (door, token) IN \
         (SELECT door, token FROM door_tokens WHERE used_at < $1 ORDER BY used_at LIMIT $2)")
    .bind(before)
    .bind(n)
    .exec(tx)
    .await
}

pub(super) async fn forget_refusals(tx: &mut Tx, hour: &str) -> Result<u64> {
    sql("DELETE FROM door_refusals WHERE hour < $1").bind(hour).exec(tx).await
}
