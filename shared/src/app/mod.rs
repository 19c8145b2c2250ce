//! What every part of the program works with: configuration, database, keys, files, doorbell.

pub mod health;
pub mod idempotency;

use crate::blobs::{self, Blobs};
use crate::compiled_here;
use crate::config::Config;
use crate::doorbell::{BellReceiver, Doorbell};
use crate::fetch::Fetcher;
use crate::instance;
use crate::keys::Keys;
use crate::live::Live;
use crate::mail_in::authenticate::Dns;
use crate::store::{self, Db};
use crate::tickets::counts;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

/// Connections to PostgreSQL per process. Many more make a busy tenant slower, not faster, as its counter row is
/// one (STACK 2).
const MAX_CONNECTIONS: u32 = 16;

/// The application. Cheap to clone; its parts are read as fields.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// The parts of an [`App`].
pub struct Parts {
    /// The configuration.
    pub config: Config,
    /// The database.
    pub db: Db,
    /// The installation's keys.
    pub keys: Keys,
    /// Files and large mails.
    pub blobs: Blobs,
    /// The name servers that tell whether senders are who they say (E11.1).
    pub dns: Dns,
    /// Rung after outbox rows were committed.
    pub bell: Doorbell,
    /// What open pages hear of.
    pub live: Live,
    /// Counts of tickets that this process took lately.
    pub counts: counts::Cache,
    listener: Mutex<Option<BellReceiver>>,
    fetcher: OnceLock<Fetcher>,
}

/// The program cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The data folder cannot be made.
    #[error("the data folder {path} cannot be made")]
    DataFolder {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The database cannot be opened or brought up to date.
    #[error("the database cannot be opened")]
    Store(#[from] store::Error),
    /// Secret or epoch cannot be had.
    #[error(transparent)]
    Instance(#[from] instance::Error),
    /// The blob store cannot be opened.
    #[error(transparent)]
    Blobs(#[from] blobs::Error),
}

impl App {
    /// Opens everything the configuration names: data folder, database (brought up to date), keys, blob store.
    ///
    /// # Errors
    /// See [`Error`].
    #[compiled_here(?Send)]
    pub async fn start(config: Config) -> Result<App, Error> {
        if config.is_sqlite() {
            let failed = |source| Error::DataFolder { path: config.data_dir.clone(), source };
            make_data_folder(&config.data_dir).map_err(failed)?;
        }
        let db = Db::open(&config.database_url, MAX_CONNECTIONS).await?;
        let keys = instance::keys(&config, &db).await?;
        let blobs = Blobs::in_folder(&config.blob_dir)?;
        let dns = Dns::new(&config.dns).unwrap_or_else(|e| {
            tracing::warn!(error = &e as &dyn std::error::Error, "senders of mail are not checked");
            Dns::default()
        });
        let (bell, listener) = Doorbell::in_process();
        let listener = Mutex::new(Some(listener));
        Ok(App(Arc::new(Parts {
            config,
            db,
            keys,
            blobs,
            dns,
            bell,
            live: Live::new(),
            counts: counts::Cache::default(),
            listener,
            fetcher: OnceLock::new(),
        })))
    }

    /// Returns what asks other hosts, made when it is first needed.
    pub fn fetcher(&self) -> &Fetcher {
        self.fetcher.get_or_init(|| Fetcher::new(self.config.fetch_networks.clone()))
    }

    /// Returns the doorbell's listening end, once: it belongs to whoever sends mail, or carries the rings to Redis.
    pub fn take_listener(&self) -> Option<BellReceiver> {
        self.listener.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take()
    }
}

/// Makes the folder of this host's own files, if it is not there: open to its owner alone, as it holds people's mail.
///
/// # Errors
/// If it cannot be made.
pub fn make_data_folder(path: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("config", &self.config).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup;

    #[tokio::test]
    async fn starts_in_a_folder_that_is_not_there_and_again() {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/deep/er/p.db", dir.path().display());
        let config = Config::read(|name| (name == "DATABASE_URL").then(|| url.clone())).unwrap();
        let app = App::start(config.clone()).await.unwrap();
        assert!(dir.path().join("deep/er/blobs").is_dir());
        assert!(app.take_listener().is_some() && app.take_listener().is_none());
        let admin = setup::ensure(&app).await.unwrap().expect("the first start makes an admin");
        assert_eq!((admin.email.as_str(), admin.password.is_some()), ("admin@postroom.localhost", true));
        app.db.close().await;
        let again = App::start(config).await.unwrap();
        assert!(setup::ensure(&again).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_file_in_the_folders_place_stops_the_start() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("data"), "").unwrap();
        let url = format!("sqlite://{}/data/p.db", dir.path().display());
        let config = Config::read(|name| (name == "DATABASE_URL").then(|| url.clone())).unwrap();
        assert!(matches!(App::start(config).await, Err(Error::DataFolder { .. })));
    }
}
