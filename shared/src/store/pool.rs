//! Connections and transactions.

use super::sqlite::{Lenders, Lent, Writing};
use super::{Error, Result, migrate};
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, PgPool, Postgres, Transaction};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

use crate::ids::TenantId;

/// How long after its last use a connection to PostgreSQL is taken to live without asking it.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// The rows that a piece of work may touch: those of one tenant, or of all (the operator's work, platform users,
/// finding out which tenant an address belongs to).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// One tenant's rows only.
    Tenant(TenantId),
    /// Every tenant's rows.
    All,
}

/// The database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Db {
    pub(super) pools: Pools,
    committed: Arc<watch::Sender<u64>>,
}

#[derive(Debug, Clone)]
pub(super) enum Pools {
    /// One writer, so that writers queue here and never meet SQLITE_BUSY; several readers.
    Sqlite {
        writer: Lenders,
        readers: Lenders,
    },
    Postgres(PgPool),
}

/// Reads, each statement on its own.
#[derive(Debug, Clone)]
pub struct Read<'a> {
    pub(super) db: &'a Db,
    _scope: Scope,
}

/// Reads on one connection, held until this is dropped. For several reads in a row: taking a connection and giving it
/// back costs as much as a small query. Hold it for reads alone; who waits for a second connection meanwhile may wait
/// for ever.
pub struct Reader {
    pub(super) connection: Connection,
    _scope: Scope,
}

pub(super) enum Connection {
    Sqlite(Lent),
    Postgres(PoolConnection<Postgres>),
}

/// A transaction. Dropped without [`Tx::commit`], it is rolled back.
pub struct Tx {
    pub(super) inner: Inner,
    _scope: Scope,
    /// Told when this commits, if there is something to tell.
    committed: Arc<watch::Sender<u64>>,
    tells: bool,
}

pub(super) enum Inner {
    Sqlite(Writing),
    Postgres(Transaction<'static, Postgres>),
}

impl Db {
    /// Opens the database named by `url` (`sqlite://path` or `postgres://…`) and brings its schema up to date.
    ///
    /// # Errors
    /// If it cannot be reached or a migration fails.
    pub async fn open(url: &str, max_connections: u32) -> Result<Db> {
        let db = Self::connect(url, max_connections).await?;
        migrate::run(&db).await?;
        Ok(db)
    }

    /// Opens the database without touching its schema.
    ///
    /// # Errors
    /// If it cannot be reached.
    pub async fn connect(url: &str, max_connections: u32) -> Result<Db> {
        let pools = if url.starts_with("sqlite:") {
            connect_sqlite(url).await?
        } else {
            let options: PgConnectOptions = url.parse().map_err(Error::from)?;
            let options = options.statement_cache_capacity(500).disable_statement_logging();
            let connected = PgPoolOptions::new()
                .max_connections(max_connections)
                .acquire_timeout(Duration::from_secs(5))
                // Asking before every use costs a round trip each time; a connection that worked a moment ago is taken
                // at its word.
                .test_before_acquire(false)
                .before_acquire(|connection, meta| {
                    Box::pin(async move {
                        Ok(meta.idle_for < TRUSTED_FOR || sqlx::Connection::ping(connection).await.is_ok())
                    })
                })
                .connect_with(options.clone())
                .await;
            Pools::Postgres(match connected {
                // The pool tried again and again, and does not say why: ask once more, without it.
                Err(sqlx::Error::PoolTimedOut) => {
                    return Err(options.connect().await.err().unwrap_or(sqlx::Error::PoolTimedOut).into());
                }
                other => other?,
            })
        };
        Ok(Db { pools, committed: Arc::default() })
    }

    /// Reads within `scope`.
    pub fn read(&self, scope: Scope) -> Read<'_> {
        Read { db: self, _scope: scope }
    }

    /// Takes a connection to read several things within `scope`.
    ///
    /// # Errors
    /// If no connection can be had in 5 s.
    pub async fn reader(&self, scope: Scope) -> Result<Reader> {
        let connection = match &self.pools {
            Pools::Sqlite { readers, .. } => Connection::Sqlite(readers.lend().await?),
            Pools::Postgres(pool) => Connection::Postgres(pool.acquire().await?),
        };
        Ok(Reader { connection, _scope: scope })
    }

    /// Begins a transaction within `scope`. On SQLite it takes the one writer at once.
    ///
    /// # Errors
    /// If no connection can be had in 5 s.
    pub async fn write(&self, scope: Scope) -> Result<Tx> {
        let inner = match &self.pools {
            Pools::Sqlite { writer, .. } => Inner::Sqlite(Writing::begin(writer.lend().await?).await?),
            Pools::Postgres(pool) => Inner::Postgres(pool.begin().await?),
        };
        Ok(Tx { inner, _scope: scope, committed: self.committed.clone(), tells: false })
    }

    /// Returns what changes each time that something was committed which open pages show ([`Tx::tell`]).
    pub fn committed(&self) -> watch::Receiver<u64> {
        self.committed.subscribe()
    }

    /// Whether this is SQLite (else PostgreSQL).
    pub fn is_sqlite(&self) -> bool {
        matches!(self.pools, Pools::Sqlite { .. })
    }

    /// Closes all connections, waiting for those in use.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }
}

async fn connect_sqlite(url: &str) -> Result<Pools> {
    let options: SqliteConnectOptions = url.parse().map_err(Error::from)?;
    let options = options
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // An acknowledged mail survives a power cut (DESIGN 5); batching pays for it.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5))
        .pragma("cache_size", "-20000")
        .pragma("mmap_size", "268435456")
        .pragma("temp_store", "memory")
        // The log goes into the database every 16 MB, not every 4: pages that many commits touch are copied less often.
        .pragma("wal_autocheckpoint", "4000")
        // PostgreSQL's schema has one of the same name: comparing without regard to case, beyond ASCII too.
        .collation("folded", |a, b| a.to_lowercase().cmp(&b.to_lowercase()))
        .statement_cache_capacity(500)
        .optimize_on_close(true, None)
        .disable_statement_logging();
    let writer = Lenders::new(options.clone(), 1, Duration::from_secs(10));
    // Opened now: it makes the file, and turns it to WAL.
    once_free(async || writer.lend().await).await?;
    let readers = Lenders::new(options.read_only(true), 4, Duration::from_secs(5));
    Ok(Pools::Sqlite { writer, readers })
}

impl Tx {
    /// Makes the transaction's changes durable.
    ///
    /// # Errors
    /// If the database refuses or cannot be reached; then whether it was committed is not known.
    pub async fn commit(self) -> Result<()> {
        match self.inner {
            Inner::Sqlite(t) => t.commit().await?,
            Inner::Postgres(t) => t.commit().await?,
        }
        if self.tells {
            self.committed.send_modify(|n| *n += 1);
        }
        Ok(())
    }

    /// Has the commit told to [`Db::committed`].
    pub fn tell(&mut self) {
        self.tells = true;
    }

    /// Marks a point in the transaction that [`Tx::rollback_to`] returns to. Points do not nest.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn savepoint(&mut self) -> Result<()> {
        super::sql("SAVEPOINT mail").exec(self).await.map(drop)
    }

    /// Undoes everything since the last [`Tx::savepoint`].
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn rollback_to(&mut self) -> Result<()> {
        super::sql("ROLLBACK TO SAVEPOINT mail").exec(self).await?;
        self.release().await
    }

    /// Forgets the last [`Tx::savepoint`], keeping what was done since.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn release(&mut self) -> Result<()> {
        super::sql("RELEASE SAVEPOINT mail").exec(self).await.map(drop)
    }

    /// Takes the transaction's changes back.
    ///
    /// # Errors
    /// If the database cannot be reached; it rolls back by itself then.
    pub async fn rollback(self) -> Result<()> {
        match self.inner {
            Inner::Sqlite(t) => t.rollback().await?,
            Inner::Postgres(t) => t.rollback().await?,
        }
        Ok(())
    }

    /// Returns what changes each time that something was committed which open pages show ([`Tx::tell`]).
    pub fn committed(&self) -> watch::Receiver<u64> {
        self.committed.subscribe()
    }

    /// Whether this is SQLite (else PostgreSQL).
    pub fn is_sqlite(&self) -> bool {
        matches!(self.inner, Inner::Sqlite(_))
    }
}

/// Does what needs SQLite's file to itself, again while others hold it, for a minute. Processes that start together on a
/// new file all turn it to WAL and migrate it: whoever would have to wait for another's switch is told "busy" at once,
/// whatever the timeout (sqlite.org/c3ref/busy_handler), and a migration may take longer than a statement may wait.
///
/// # Errors
/// Those of `work`; of being busy, the last.
pub(super) async fn once_free<T>(work: impl AsyncFn() -> Result<T>) -> Result<T> {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        match work().await {
            Err(Error::Busy(_)) if Instant::now() < until => tokio::time::sleep(Duration::from_millis(50)).await,
            done => return done,
        }
    }
}
