//! What runs here, for those who run it: versions, and the doctor when they ask for it. All of the installation, so for
//! platform users alone.

use crate::access::{Actor, Capability, Denied};
use crate::app::App;
use crate::app::health::{self, Health};
use crate::clock::{Time, now};
use crate::compiled_here;
use crate::doctor::{self, Depth, Finding};
use crate::store::{self, Scope, dialect};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// What is known of the installation.
#[derive(Debug, Clone)]
pub struct About {
    /// The program's version.
    pub version: &'static str,
    /// The database's kind and version: `SQLite 3.51.3`, `PostgreSQL 15.18`.
    pub database: String,
    /// Versions and names of the migrations that were applied, oldest first.
    pub migrations: Vec<(i64, String)>,
    /// Whether the whole works.
    pub health: Health,
}

/// Why nothing is told.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The actor may not.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The store refused.
    #[error("store failed")]
    Store(#[from] store::Error),
}

/// Asks that the actor runs the installation: a platform user with `support.settings.manage`.
///
/// # Errors
/// `Denied`.
pub fn require(actor: &Actor) -> Result<(), Denied> {
    match actor.is_platform() {
        true => actor.require(Capability::SettingsManage),
        false => Err(Denied { capability: Capability::SettingsManage }),
    }
}

/// Returns what runs here.
///
/// # Errors
/// `Denied` to who does not run it.
#[compiled_here]
pub async fn about(app: &App, actor: &Actor) -> Result<About, Error> {
    require(actor)?;
    let mut read = app.db.read(Scope::All);
    Ok(About {
        version: env!("CARGO_PKG_VERSION"),
        database: dialect::version(&mut read).await?,
        migrations: store::applied_migrations(&mut read).await?,
        health: health::check(&app.db).await?,
    })
}

/// One look of the doctor.
#[derive(Debug, Clone)]
pub struct Checked {
    /// When it began.
    pub at: Time,
    /// How long it took.
    pub took: Duration,
    /// What was found; or why nothing could be looked at.
    pub findings: Result<Vec<Finding>, String>,
}

/// The doctor of a process: looks when asked, once at a time, and remembers what it saw last. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Checkup {
    last: Arc<Mutex<Option<Checked>>>,
    running: Arc<watch::Sender<bool>>,
}

impl Default for Checkup {
    fn default() -> Self {
        Checkup { last: Arc::default(), running: Arc::new(watch::Sender::new(false)) }
    }
}

impl Checkup {
    /// Returns what was seen last; None before the first look.
    pub fn last(&self) -> Option<Checked> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether it looks at this moment.
    pub fn is_running(&self) -> bool {
        *self.running.borrow()
    }

    /// Has the rows looked at, unless that goes on already, and waits for the end for `patience` at most: a large database takes
    /// longer, and is looked at in the background.
    ///
    /// # Errors
    /// `Denied` to who does not run the installation.
    #[compiled_here]
    pub async fn look(&self, app: &App, actor: &Actor, patience: Duration) -> Result<(), Denied> {
        require(actor)?;
        let mut ended = self.running.subscribe();
        if !self.running.send_if_modified(|running| !std::mem::replace(running, true)) {
            return Ok(());
        }
        let (this, app) = (self.clone(), app.clone());
        tokio::spawn(async move {
            let _end = End(this.running.clone());
            let (at, began) = (now(), Instant::now());
            let findings = doctor::run(&app, Depth::Quick).await.map_err(|e| {
                tracing::error!(error = &e as &dyn std::error::Error, "the doctor could not look");
                e.to_string()
            });
            let checked = Checked { at, took: began.elapsed(), findings };
            *this.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(checked);
        });
        let _ = tokio::time::timeout(patience, ended.wait_for(|running| !running)).await;
        Ok(())
    }
}

/// However a look ends, the next one can begin.
struct End(Arc<watch::Sender<bool>>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.send_replace(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::{on_both_apps, seed};

    #[tokio::test]
    async fn it_is_looked_at_when_somebody_asks() {
        on_both_apps(async |app| {
            let (checkup, system) = (Checkup::default(), Actor::system());
            assert!(checkup.last().is_none() && !checkup.is_running());
            checkup.look(&app, &system, Duration::from_secs(30)).await.expect("it may");
            let first = checkup.last().expect("it looked");
            assert!(first.findings.expect("it could").iter().all(Finding::is_ok) && !checkup.is_running());
            seed(&app.db, "INSERT INTO pid_counters (tenant_id, period, last) VALUES (1, '202611', 3)").await;
            checkup.look(&app, &system, Duration::ZERO).await.expect("it may");
            while checkup.is_running() {
                tokio::task::yield_now().await;
            }
            let second = checkup.last().expect("it looked").findings.expect("it could");
            assert!(second.iter().any(|f| !f.is_ok()), "three numbers were given out, and no ticket has them");
            let about = about(&app, &system).await.expect("it may");
            assert!(about.database.contains(' ') && about.migrations.len() > 10, "{about:?}");
        })
        .await;
    }
}
