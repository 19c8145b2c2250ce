//! Idempotency keys: a repeated request gets the first one's answer and makes nothing again.
//!
//! The key is taken in a transaction before the work and answered after it. A process that dies between the work's
//! commit and the answer leaves the key taken; a minute and a half after that a repeat is let through, since a
//! client that can never get an answer is worse off than one with a duplicate.

mod sql;

use crate::clock::now;
use crate::compiled_here;
use crate::store::{Db, Result, Scope};
use chrono::Duration;

/// Longer than any request may run.
const STALE_S: i64 = 90;
/// For how long answers are kept.
const KEEP_DAYS: i64 = 2;

/// What a key says about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// New: do the work, then [`finish`] or [`forget`].
    First,
    /// Done before: this was the answer.
    Done {
        /// The HTTP status.
        status: u16,
        /// The body.
        body: String,
    },
    /// The same request is still at work.
    InUse,
    /// The key was used for another request.
    Reused,
}

/// Takes a key for a request of `owner` (who it is, so that keys of two users never meet).
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn begin(db: &Db, owner: &str, key: &str, request_hash: &str) -> Result<Begun> {
    let mut tx = db.write(Scope::All).await?;
    let at = now();
    if sql::insert(&mut tx, owner, key, request_hash, at).await? {
        tx.commit().await?;
        return Ok(Begun::First);
    }
    let Some((hash, status, body)) = sql::find(&mut tx, owner, key).await? else {
        // Forgotten between the two statements: its owner was told to try again.
        return Ok(Begun::InUse);
    };
    if hash != request_hash {
        return Ok(Begun::Reused);
    }
    if let (Some(status), Some(body)) = (status, body) {
        return Ok(Begun::Done { status: u16::try_from(status).unwrap_or(200), body });
    }
    let taken = sql::take_over(&mut tx, owner, key, at - Duration::seconds(STALE_S), at).await?;
    tx.commit().await?;
    Ok(if taken { Begun::First } else { Begun::InUse })
}

/// Keeps the answer for repeats.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn finish(db: &Db, owner: &str, key: &str, status: u16, body: &str) -> Result<()> {
    let mut tx = db.write(Scope::All).await?;
    sql::answer(&mut tx, owner, key, status, body).await?;
    tx.commit().await
}

/// Gives the key back: the request was refused and changed nothing.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn forget(db: &Db, owner: &str, key: &str) -> Result<()> {
    let mut tx = db.write(Scope::All).await?;
    sql::delete(&mut tx, owner, key).await?;
    tx.commit().await
}

/// Removes keys older than two days; returns how many.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn sweep(db: &Db) -> Result<u64> {
    let mut tx = db.write(Scope::All).await?;
    let removed = sql::delete_before(&mut tx, now() - Duration::days(KEEP_DAYS)).await?;
    tx.commit().await?;
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::on_both;

    #[tokio::test]
    async fn a_key_is_taken_answered_and_repeated() {
        on_both(|db| async move {
            assert_eq!(begin(&db, "user:1", "k", "h").await.unwrap(), Begun::First);
            assert_eq!(begin(&db, "user:1", "k", "h").await.unwrap(), Begun::InUse);
            assert_eq!(begin(&db, "user:1", "k", "other").await.unwrap(), Begun::Reused);
            assert_eq!(begin(&db, "user:2", "k", "other").await.unwrap(), Begun::First);
            finish(&db, "user:1", "k", 201, "{}").await.unwrap();
            let done = Begun::Done { status: 201, body: "{}".to_owned() };
            assert_eq!(begin(&db, "user:1", "k", "h").await.unwrap(), done);
            forget(&db, "user:1", "k").await.unwrap();
            assert_eq!(begin(&db, "user:1", "k", "h").await.unwrap(), done, "an answer stays");
        })
        .await;
    }

    #[tokio::test]
    async fn of_many_at_once_one_is_first() {
        on_both(|db| async move {
            let all = (0..12).map(|_| begin(&db, "user:1", "k", "h"));
            let all = futures::future::join_all(all).await;
            assert_eq!(all.iter().filter(|b| matches!(b, Ok(Begun::First))).count(), 1);
            assert!(all.iter().all(|b| matches!(b, Ok(Begun::First | Begun::InUse))));
        })
        .await;
    }

    #[tokio::test]
    async fn a_key_given_back_is_free_and_a_dead_ones_too() {
        on_both(|db| async move {
            begin(&db, "user:1", "k", "h").await.unwrap();
            forget(&db, "user:1", "k").await.unwrap();
            assert_eq!(begin(&db, "user:1", "k", "other").await.unwrap(), Begun::First);
            crate::store::testing::seed(&db, "UPDATE idempotency_keys SET created_at = '2020-01-01T00:00:00.000000Z'")
                .await;
            assert_eq!(begin(&db, "user:1", "k", "other").await.unwrap(), Begun::First, "its process died");
            crate::store::testing::seed(&db, "UPDATE idempotency_keys SET created_at = '2020-01-01T00:00:00.000000Z'")
                .await;
            assert_eq!(sweep(&db).await.unwrap(), 1);
        })
        .await;
    }
}
