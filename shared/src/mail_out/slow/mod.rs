//! Domains that ask for less mail (E9.10): after a 421 or 4.7.x for a domain its mail leaves at half the rate, and gets
//! faster again step by step. All processes share this by the database; a domain without a row is not held back.

mod sql;

use crate::clock::Time;
use crate::compiled_here;
use crate::store::{Db, Result, Scope, dialect};
use chrono::Duration;

/// What a domain is taken to have got a minute when it first complains; half of it is the first rate.
const FIRST_PER_MINUTE: i64 = 60;
/// Once this rate is reached again, the domain is as good as any.
const FAST_PER_MINUTE: i64 = 240;
/// How long a rate must go without complaint before it doubles.
const STEP: Duration = Duration::minutes(5);
/// Complaints within this time are about mail of the same rate: the senders do not wait for one another.
const SAME: Duration = Duration::seconds(10);

/// A domain that is held back.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Slow {
    /// The domain.
    pub domain: String,
    /// How many mails it gets a minute.
    pub per_minute: i64,
    /// When the next may leave.
    pub next_at: Time,
    /// When it gets faster.
    pub faster_at: Time,
    /// What it said.
    pub reason: String,
}

/// Whether an answer asks for less mail to the recipient's domain rather than refuse this one: 421, or 4.7.x, except
/// greylisting, which wants the same mail again and no less of it.
pub fn asks_for_less(code: Option<u16>, enhanced: Option<&str>, text: &str) -> bool {
    let greylisted = super::retry::Failure::from_reply(text) == super::retry::Failure::Greylisted;
    let temporary = code.is_some_and(|c| (400..500).contains(&c));
    temporary && !greylisted && (code == Some(421) || enhanced.is_some_and(|e| e.starts_with("4.7.")))
}

/// Halves a domain's rate.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn slow_down(db: &Db, relay: &str, domain: &str, reason: &str) -> Result<i64> {
    let mut tx = db.write(Scope::All).await?;
    let now = dialect::now(&mut tx).await?;
    let before = sql::lock(&mut tx, relay, domain).await?;
    let per_minute = match &before {
        Some(slow) if slow.faster_at - STEP > now - SAME => slow.per_minute,
        Some(slow) => (slow.per_minute / 2).max(1),
        None => FIRST_PER_MINUTE / 2,
    };
    let slow = Slow {
        domain: domain.to_owned(),
        per_minute,
        next_at: now + interval(per_minute),
        faster_at: now + STEP,
        reason: reason.to_owned(),
    };
    sql::put(&mut tx, relay, &slow).await?;
    tx.commit().await?;
    Ok(per_minute)
}

/// Returns the domains that are held back, after letting those get faster whose time has come. In most moments there
/// are none, and that costs one look at an empty table.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn current(db: &Db, relay: &str) -> Result<Vec<Slow>> {
    let mut read = db.read(Scope::All);
    let all = sql::all(&mut read, relay).await?;
    if all.is_empty() {
        return Ok(all);
    }
    let now = dialect::now(&mut read).await?;
    if all.iter().all(|s| s.faster_at > now) {
        return Ok(all);
    }
    let mut tx = db.write(Scope::All).await?;
    for slow in all.iter().filter(|s| s.faster_at <= now) {
        let Some(held) = sql::lock(&mut tx, relay, &slow.domain).await?.filter(|h| h.faster_at <= now) else {
            continue;
        };
        match held.per_minute * 2 {
            fast if fast >= FAST_PER_MINUTE => sql::forget(&mut tx, relay, &held.domain).await?,
            faster => {
                let slow = Slow { per_minute: faster, faster_at: now + STEP, ..held };
                sql::put(&mut tx, relay, &slow).await?;
            }
        }
    }
    tx.commit().await?;
    sql::all(&mut read, relay).await
}

/// Takes a place for one mail to a domain that is held back, for all processes; false if its time has not come.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn take_turn(db: &Db, relay: &str, slow: &Slow) -> Result<bool> {
    let mut tx = db.write(Scope::All).await?;
    let now = dialect::now(&mut tx).await?;
    let taken = sql::take(&mut tx, relay, &slow.domain, now, now + interval(slow.per_minute)).await?;
    tx.commit().await?;
    Ok(taken)
}

fn interval(per_minute: i64) -> Duration {
    Duration::milliseconds(60_000 / per_minute.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::{on_both, seed};

    const PAST: &str = "UPDATE slow_domains SET faster_at = '2026-01-01T00:00:00+00:00', \
                        next_at = '2026-01-01T00:00:00+00:00'";

    /// E9.10.
    #[test]
    fn only_a_domain_that_asks_for_less_is_slowed_down() {
        for (code, enhanced, text, asks) in [
            (Some(421), Some("4.7.0"), "too many messages, slow down", true),
            (Some(421), None, "try again later", true),
            (Some(451), Some("4.7.650"), "temporarily rate limited due to IP reputation", true),
            (Some(450), Some("4.7.1"), "greylisted, come back in 5 minutes", false),
            (Some(450), Some("4.2.1"), "mailbox busy", false),
            (Some(550), Some("5.7.1"), "blocked", false),
            (None, None, "connection reset", false),
        ] {
            assert_eq!(asks_for_less(code, enhanced, text), asks, "{code:?} {enhanced:?} {text}");
        }
    }

    /// E9.10: halved with each complaint, regained by steps, shared by all that use the database.
    #[tokio::test]
    async fn a_rate_halves_and_doubles_by_steps() {
        on_both(async |db| {
            let rate = async || current(&db, "r").await.unwrap().first().map(|s| s.per_minute);
            assert_eq!(rate().await, None);
            assert_eq!(slow_down(&db, "r", "x.example", "421").await.unwrap(), 30);
            assert_eq!(slow_down(&db, "r", "x.example", "421").await.unwrap(), 30, "mail that was under way too");
            for expected in [60, 120] {
                seed(&db, PAST).await;
                assert_eq!(rate().await, Some(expected));
            }
            seed(&db, PAST).await;
            assert_eq!(rate().await, None, "as fast as any");
            slow_down(&db, "r", "x.example", "421").await.unwrap();
            let mut rates = Vec::new();
            for _ in 0..6 {
                seed(&db, PAST).await;
                rates.push(slow_down(&db, "r", "x.example", "421").await.unwrap());
            }
            assert_eq!(rates, [15, 7, 3, 1, 1, 1]);
            assert!(current(&db, "other").await.unwrap().is_empty());
        })
        .await;
    }

    /// E9.10: of all processes one gets each turn.
    #[tokio::test]
    async fn turns_are_taken_once() {
        on_both(async |db| {
            slow_down(&db, "r", "x.example", "421").await.unwrap();
            let slow = current(&db, "r").await.unwrap().remove(0);
            assert!(!take_turn(&db, "r", &slow).await.unwrap(), "its time has not come");
            seed(&db, "UPDATE slow_domains SET next_at = '2026-01-01T00:00:00+00:00'").await;
            let turns = futures::future::join_all((0..4).map(|_| take_turn(&db, "r", &slow))).await;
            assert_eq!(turns.into_iter().filter(|t| *t.as_ref().unwrap()).count(), 1);
        })
        .await;
    }
}
