//! Whether the whole works, for whoever decides if traffic should come here.

pub mod flow;
mod sql;

use crate::clock::Time;
use crate::compiled_here;
use crate::store::{self, Db, Scope, dialect};
use std::time::Instant;

/// A worker that was not seen for so long is dead: it writes every few seconds.
pub const WORKER_SILENT_S: i64 = 30;
/// Mail that is due for so long shows that sending does not keep up, or does not happen.
pub const UNSENT_LATE_S: i64 = 300;

/// What was found. Ages are whole seconds by the database's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// How long the database took to answer, in milliseconds.
    pub database_ms: u64,
    /// How long ago a worker was last seen; None: never.
    pub worker_seen_s: Option<i64>,
    /// For how long the oldest unsent mail has been due; None: nothing is due.
    pub oldest_unsent_s: Option<i64>,
    /// For how long the oldest kept mail has waited for a decision; None: none waits.
    pub oldest_undecided_s: Option<i64>,
}

impl Health {
    /// Returns the codes of what is wrong; empty: ready.
    pub fn complaints(&self) -> Vec<&'static str> {
        let mut out = Vec::new();
        if self.worker_seen_s.is_none_or(|s| s > WORKER_SILENT_S) {
            out.push("worker_silent");
        }
        if self.oldest_unsent_s.is_some_and(|s| s > UNSENT_LATE_S) {
            out.push("mail_unsent");
        }
        if self.oldest_undecided_s.is_some_and(|s| s > UNSENT_LATE_S) {
            out.push("mail_undecided");
        }
        out
    }
}

/// Looks at the database, the workers' heartbeats and the mail that waits.
///
/// # Errors
/// If the database cannot be asked.
#[compiled_here]
pub async fn check(db: &Db) -> Result<Health, store::Error> {
    let mut read = db.read(Scope::All);
    let began = Instant::now();
    let now = dialect::now(&mut read).await?;
    let seen = sql::last_worker_seen(&mut read).await?;
    let database_ms = began.elapsed().as_millis() as u64;
    let due = sql::oldest_due(&mut read, now).await?;
    let kept = sql::oldest_kept(&mut read).await?;
    let age = |at: Option<Time>| at.map(|at| (now - at).num_seconds().max(0));
    Ok(Health { database_ms, worker_seen_s: age(seen), oldest_unsent_s: age(due), oldest_undecided_s: age(kept) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health(worker: Option<i64>, unsent: Option<i64>) -> Health {
        Health { database_ms: 1, worker_seen_s: worker, oldest_unsent_s: unsent, oldest_undecided_s: None }
    }

    #[test]
    fn complaints_name_what_is_wrong() {
        assert!(health(Some(3), None).complaints().is_empty());
        assert!(health(Some(3), Some(10)).complaints().is_empty());
        assert_eq!(health(None, None).complaints(), ["worker_silent"]);
        assert_eq!(health(Some(31), Some(301)).complaints(), ["worker_silent", "mail_unsent"]);
    }
}
