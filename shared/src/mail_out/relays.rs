//! Relays at fault: one that refuses us, not a mail, is paused for all workers, and its mail stays queued (E9.7).

mod sql;

use crate::clock::Time;
use crate::compiled_here;
use crate::store::{Db, Result, Scope, dialect};
use chrono::Duration;

/// The first pause, in minutes; each further one is twice the one before.
const FIRST_MINUTES: i64 = 1;
/// The longest pause, in minutes.
const LONGEST_MINUTES: i64 = 15;

/// Whether mail may go to a relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// As much as there is.
    Open,
    /// The pause is over, the fault perhaps not: one mail at a time, until one of them was not refused for our fault.
    Trial,
    /// None for this long.
    Paused(Duration),
}

/// Returns whether mail may go to the relay now.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn access(db: &Db, relay: &str) -> Result<Access> {
    let mut read = db.read(Scope::All);
    let Some((until, _)) = sql::find(&mut read, relay).await? else { return Ok(Access::Open) };
    let left = until - dialect::now(&mut read).await?;
    Ok(if left > Duration::zero() { Access::Paused(left) } else { Access::Trial })
}

/// Pauses the relay, or finds it paused by somebody else. Returns for how long from now.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn pause(db: &Db, relay: &str, reason: &str) -> Result<Duration> {
    let mut tx = db.write(Scope::All).await?;
    let now = dialect::now(&mut tx).await?;
    sql::touch(&mut tx, relay, now).await?;
    let before = sql::lock(&mut tx, relay).await?;
    let pause = match before {
        Some((until, _)) if until > now => until - now,
        before => {
            let pause = next_pause(before);
            sql::pause(&mut tx, relay, now + pause, reason, now).await?;
            pause
        }
    };
    tx.commit().await?;
    Ok(pause)
}

/// Ends a relay's trial: it took a mail, or refused one for the mail's own sake. Returns whether there was one; a pause
/// that still runs goes on.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn reopen(db: &Db, relay: &str) -> Result<bool> {
    if sql::find(&mut db.read(Scope::All), relay).await?.is_none() {
        return Ok(false);
    }
    let mut tx = db.write(Scope::All).await?;
    let now = dialect::now(&mut tx).await?;
    let ended = sql::reopen(&mut tx, relay, now).await?;
    tx.commit().await?;
    Ok(ended)
}

/// The pause after `before`, which is an earlier pause's end and beginning.
fn next_pause(before: Option<(Time, Time)>) -> Duration {
    let first = Duration::minutes(FIRST_MINUTES);
    let longest = Duration::minutes(LONGEST_MINUTES);
    before.map_or(first, |(until, since)| ((until - since) * 2).clamp(first, longest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::on_both;

    #[test]
    fn pauses_double_up_to_a_quarter_of_an_hour() {
        let mut before = None;
        let mut minutes = Vec::new();
        for _ in 0..6 {
            let pause = next_pause(before);
            let since = crate::clock::now();
            before = Some((since + pause, since));
            minutes.push(pause.num_minutes());
        }
        assert_eq!(minutes, [1, 2, 4, 8, 15, 15]);
    }

    #[tokio::test]
    async fn a_relay_is_paused_once_and_reopened_after_a_trial() {
        on_both(async |db| {
            assert_eq!(access(&db, "r:25").await.unwrap(), Access::Open);
            let first = pause(&db, "r:25", "535").await.unwrap();
            let second = pause(&db, "r:25", "535").await.unwrap();
            assert!(first == Duration::minutes(1) && second <= first, "{second}");
            assert!(matches!(access(&db, "r:25").await.unwrap(), Access::Paused(left) if left <= first));
            assert_eq!(access(&db, "other:25").await.unwrap(), Access::Open);
            assert!(!reopen(&db, "r:25").await.unwrap(), "a mail that was under way does not end it");
            crate::store::testing::seed(&db, "UPDATE relays SET paused_until = '2026-01-01T00:00:00+00:00'").await;
            assert_eq!(access(&db, "r:25").await.unwrap(), Access::Trial);
            assert!(reopen(&db, "r:25").await.unwrap());
            assert_eq!(access(&db, "r:25").await.unwrap(), Access::Open);
        })
        .await;
    }
}
