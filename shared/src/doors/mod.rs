//! What the doors remember together, whichever process they stand in: what was shown at them once, and how many wrong
//! signatures came. Nothing here knows a provider.

mod sql;

use crate::app::App;
use crate::clock::now;
use crate::compiled_here;
use crate::store::{Result, Scope, Tx};
use chrono::Duration;
use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

/// From how many refusals an hour on somebody must look: a key that was changed on one side alone loses mail (E10.2).
pub const ALARM_AT: i64 = 10;
/// What was shown once is remembered for so long; every signature is stale by then.
const REMEMBERED: Duration = Duration::days(3);

/// How often something was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Never before.
    First,
    /// Before, with the same content: the same delivery once more.
    Again,
    /// Before, with other content: somebody uses what belongs to another delivery.
    Otherwise,
}

/// Notes that `token` was shown at a door with this content, and tells whether it was before.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn show(app: &App, door: &str, token: &str, content: &str) -> Result<Shown> {
    let mut tx = app.db.write(Scope::All).await?;
    let shown = show_in(&mut tx, door, token, content).await?;
    tx.commit().await?;
    Ok(shown)
}

/// As [`show`], within a transaction: what is done about it commits together with it.
///
/// # Errors
/// See [`crate::store::Error`].
pub async fn show_in(tx: &mut Tx, door: &str, token: &str, content: &str) -> Result<Shown> {
    if sql::insert(tx, door, token, content, now()).await? {
        return Ok(Shown::First);
    }
    let before = sql::content(tx, door, token).await?;
    Ok(if before.as_deref() == Some(content) { Shown::Again } else { Shown::Otherwise })
}

/// Counts a wrong signature at a door, over all processes; at the tenth of an hour says so in the log and in the
/// metric `door_alarms_total`. A store that cannot be reached counts nothing: the refusal stands all the same.
#[compiled_here]
pub async fn refused(app: &App, door: &'static str) {
    metrics::counter!("door_refusals_total", "door" => door).increment(1);
    let hour = now().format("%Y-%m-%dT%H").to_string();
    if is_known_to_be_many(door, &hour) {
        return;
    }
    let counted = async {
        let mut tx = app.db.write(Scope::All).await?;
        let refused = sql::count_refusal(&mut tx, door, &hour).await?;
        tx.commit().await?;
        Ok::<i64, crate::store::Error>(refused)
    };
    match counted.await {
        Ok(refused) if refused >= ALARM_AT => {
            if refused == ALARM_AT {
                metrics::counter!("door_alarms_total", "door" => door).increment(1);
                tracing::error!(
                    door,
                    refused,
                    "ALARM: a door refuses wrong signatures again and again: is its key the provider's?"
                );
            }
            *alarmed().entry(door).or_default() = hour;
        }
        Ok(_) => {}
        Err(e) => tracing::warn!(door, error = &e as &dyn std::error::Error, "a refusal could not be counted"),
    }
}

/// The hours for which this process knows that the alarm was given: a flood of refusals must not become one of writes.
fn alarmed() -> std::sync::MutexGuard<'static, HashMap<&'static str, String>> {
    static ALARMED: LazyLock<Mutex<HashMap<&'static str, String>>> = LazyLock::new(Mutex::default);
    ALARMED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_known_to_be_many(door: &str, hour: &str) -> bool {
    alarmed().get(door).is_some_and(|known| known == hour)
}

/// Forgets what is too old to be shown again, at most `n` of each. Returns how many.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn forget_old(tx: &mut Tx, n: i64) -> Result<u64> {
    let before = now() - REMEMBERED;
    let hour = before.format("%Y-%m-%dT%H").to_string();
    Ok(sql::forget_tokens(tx, before, n).await? + sql::forget_refusals(tx, &hour).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::on_both_apps;

    /// E10.1.
    #[tokio::test]
    async fn what_is_shown_twice_is_known() {
        on_both_apps(async |app| {
            assert_eq!(show(&app, "mailgun", "t", "a").await.unwrap(), Shown::First);
            assert_eq!(show(&app, "mailgun", "t", "a").await.unwrap(), Shown::Again);
            assert_eq!(show(&app, "mailgun", "t", "b").await.unwrap(), Shown::Otherwise);
            assert_eq!(show(&app, "ses", "t", "b").await.unwrap(), Shown::First);
        })
        .await;
    }

    /// E10.2.
    #[tokio::test]
    async fn refusals_are_counted_up_to_the_alarm() {
        on_both_apps(async |app| {
            alarmed().clear();
            for _ in 0..ALARM_AT + 5 {
                refused(&app, "postal").await;
            }
            let mut tx = app.db.write(Scope::All).await.unwrap();
            let hour = now().format("%Y-%m-%dT%H").to_string();
            let counted = sql::count_refusal(&mut tx, "postal", &hour).await.unwrap();
            assert_eq!(counted, ALARM_AT + 1, "after the alarm nothing more is written");
        })
        .await;
    }
}
