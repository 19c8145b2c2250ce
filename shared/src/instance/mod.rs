//! What makes this installation itself: its secret and its epoch, made once and kept.
//!
//! The secret lies beside a SQLite database, not in it, so that a copied database file alone signs nothing; on
//! PostgreSQL it lies in the database, so that all hosts agree. Its fingerprint is kept with the data: a data
//! folder that lost its secret must not silently get another, which would break every timeline and reply address.

mod sql;

use crate::compiled_here;
use crate::config::{Config, Secret};
use crate::keys::{self, Keys};
use crate::store::{self, Db, Scope};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// The installation's keys cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The secret's file cannot be read or made.
    #[error("the secret in {path} cannot be read or made")]
    File {
        /// Its path.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is there and holds no secret.
    #[error("{0} holds no secret: put the lost one back, or set POSTROOM_SECRET to it")]
    Empty(PathBuf),
    /// The secret is another one than the data was made with.
    #[error(
        "the secret is not the one this database was made with: set POSTROOM_SECRET to that one, or put its file back"
    )]
    WrongSecret,
}

/// Returns the installation's keys, making secret and epoch at the first start.
///
/// # Errors
/// See [`Error`].
#[compiled_here]
pub async fn keys(config: &Config, db: &Db) -> Result<Keys, Error> {
    let secret = match &config.secret {
        Some(secret) => secret.clone(),
        None if db.is_sqlite() => file_secret(&config.data_dir.join("secret"))?,
        None => Secret::new(kept(db, "secret", keys::new_token).await?),
    };
    // Mail signed before a restore is told apart by it (a restore makes a new one).
    let epoch = kept(db, "epoch", keys::new_token).await?;
    let keys = Keys::new(secret.reveal().as_bytes(), &epoch);
    let fingerprint = kept(db, "fingerprint", || keys.instance().to_owned()).await?;
    if fingerprint != keys.instance() {
        return Err(Error::WrongSecret);
    }
    Ok(keys)
}

/// Returns the value kept under `name`; if there is none, keeps what `make` gives. Hosts that race agree.
async fn kept(db: &Db, name: &str, make: impl FnOnce() -> String) -> Result<String, store::Error> {
    if let Some(value) = sql::find(&mut db.read(Scope::All), name).await? {
        return Ok(value);
    }
    let mut tx = db.write(Scope::All).await?;
    sql::insert(&mut tx, name, &make()).await?;
    let value = sql::find(&mut tx, name).await?.ok_or(store::Error::NotFound)?;
    tx.commit().await?;
    Ok(value)
}

/// Reads the secret's file, or makes it, readable by its owner alone. Of two processes that start together the
/// first one's file holds, as a link never replaces a file.
fn file_secret(path: &Path) -> Result<Secret, Error> {
    let failed = |source| Error::File { path: path.to_owned(), source };
    match std::fs::read_to_string(path) {
        Ok(text) if text.trim().is_empty() => return Err(Error::Empty(path.to_owned())),
        Ok(text) => return Ok(Secret::new(text.trim())),
        Err(e) if e.kind() == ErrorKind::NotFound => {}
        Err(e) => return Err(failed(e)),
    }
    let draft = path.with_extension(format!("{}.new", std::process::id()));
    let made = write_private(&draft).and_then(|()| match std::fs::hard_link(&draft, path) {
        Err(e) if e.kind() != ErrorKind::AlreadyExists => Err(e),
        _ => Ok(()),
    });
    let _ = std::fs::remove_file(&draft);
    made.map_err(failed)?;
    if let Some(folder) = path.parent().and_then(|p| std::fs::File::open(p).ok()) {
        folder.sync_all().map_err(failed)?;
    }
    Ok(Secret::new(std::fs::read_to_string(path).map_err(failed)?.trim()))
}

fn write_private(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(keys::new_token().as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn fresh() -> (tempfile::TempDir, Config, Db) {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/p.db", dir.path().display());
        let config = Config::read(|name| (name == "DATABASE_URL").then(|| url.clone())).unwrap();
        let db = Db::open(&url, 1).await.unwrap();
        (dir, config, db)
    }

    #[tokio::test]
    async fn a_second_start_finds_the_same_keys() {
        let (dir, config, db) = fresh().await;
        let first = keys(&config, &db).await.unwrap();
        let second = keys(&config, &db).await.unwrap();
        assert_eq!(first.csrf_token(b"s"), second.csrf_token(b"s"));
        let file = dir.path().join("secret");
        assert_eq!(std::fs::read_to_string(&file).unwrap().len(), 43);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(
            std::fs::read_dir(dir.path())
                .unwrap()
                .filter(|e| { e.as_ref().unwrap().file_name().to_string_lossy().ends_with(".new") })
                .count(),
            0
        );
    }

    #[tokio::test]
    async fn a_lost_secret_stops_the_start() {
        let (dir, config, db) = fresh().await;
        keys(&config, &db).await.unwrap();
        std::fs::remove_file(dir.path().join("secret")).unwrap();
        assert!(matches!(keys(&config, &db).await, Err(Error::WrongSecret)));
        std::fs::write(dir.path().join("secret"), "").unwrap();
        assert!(matches!(keys(&config, &db).await, Err(Error::Empty(_))));
    }

    #[test]
    fn two_that_start_together_agree() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        let first = file_secret(&path).unwrap();
        assert_eq!(file_secret(&path).unwrap(), first);
    }
}
