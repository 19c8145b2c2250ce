//! Fresh databases of both kinds, and what they cost.

use crate::process;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use std::time::Duration;

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

impl Kind {
    pub const ALL: [Kind; 2] = [Kind::Sqlite, Kind::Postgres];

    /// Returns those that the command line names; both if it names none.
    pub fn wanted() -> Vec<Kind> {
        let named: Vec<Kind> = Kind::ALL.into_iter().filter(|k| std::env::args().any(|a| a == k.word())).collect();
        if named.is_empty() { Kind::ALL.to_vec() } else { named }
    }

    /// Returns its name on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Sqlite => "sqlite",
            Kind::Postgres => "postgres",
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Kind::Sqlite => "SQLite",
            Kind::Postgres => "PostgreSQL",
        }
    }
}

/// An empty database; its folder goes with the value, PostgreSQL's database by [`Database::drop_it`].
pub struct Database {
    pub kind: Kind,
    pub url: String,
    pub folder: tempfile::TempDir,
    /// On PostgreSQL the server's URL and the database's name.
    on: Option<(String, String)>,
}

/// A pool to either, with the settings that the product uses.
pub enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

fn server() -> Option<String> {
    std::env::var("TEST_POSTGRES_URL").ok()
}

/// Returns the version of a database, None if it is not to be had.
pub async fn version(kind: Kind) -> Option<String> {
    let (version,): (String,) = match kind {
        Kind::Sqlite => {
            let mut one = SqliteConnection::connect("sqlite::memory:").await.expect("SQLite opens");
            sqlx::query_as("SELECT sqlite_version()").fetch_one(&mut one).await.expect("SQLite answers")
        }
        Kind::Postgres => {
            let mut one = PgConnection::connect(&server()?).await.expect("PostgreSQL answers");
            sqlx::query_as(
                "SELECT current_setting('server_version') || ', fsync ' || current_setting('fsync') || \
                            ', synchronous_commit ' || current_setting('synchronous_commit')",
            )
            .fetch_one(&mut one)
            .await
            .expect("PostgreSQL answers")
        }
    };
    Some(format!("{} {version}", kind.name()))
}

impl Database {
    /// Makes an empty database; None if there is no PostgreSQL server.
    pub async fn fresh(kind: Kind) -> Option<Database> {
        // Not the system's temporary folder: that may lie in memory, where nothing is ever written to disk.
        let folder = tempfile::Builder::new().prefix("postroom-bench.").tempdir_in(place()).expect("a folder");
        if kind == Kind::Sqlite {
            let url = format!("sqlite://{}/postroom.db", folder.path().display());
            return Some(Database { kind, url, folder, on: None });
        }
        let server = server()?;
        let name = format!("bench{:016x}", rand::random::<u64>());
        on_server(&server, format!("CREATE DATABASE {name}")).await;
        let mut url: url::Url = server.parse().expect("TEST_POSTGRES_URL is a URL");
        url.set_path(&name);
        Some(Database { kind, url: url.to_string(), folder, on: Some((server, name)) })
    }

    pub async fn drop_it(self) {
        if let Some((server, name)) = &self.on {
            on_server(server, format!("DROP DATABASE {name} WITH (FORCE)")).await;
        }
    }

    /// Opens it as the product does; `connections` counts on PostgreSQL only, as SQLite has one writer.
    pub async fn pool(&self, connections: u32) -> Pool {
        match self.kind {
            Kind::Sqlite => Pool::Sqlite(sqlite_writer(&self.url).await),
            Kind::Postgres => {
                let options: PgConnectOptions = self.url.parse().expect("the URL was made here");
                let pool = PgPoolOptions::new().min_connections(connections).max_connections(connections);
                Pool::Postgres(
                    pool.connect_with(options.disable_statement_logging()).await.expect("PostgreSQL answers"),
                )
            }
        }
    }

    /// Returns the single figure that `query` selects.
    pub async fn count(&self, query: &'static str) -> i64 {
        match self.pool(1).await {
            Pool::Sqlite(pool) => sqlx::query_scalar(query).fetch_one(&pool).await.expect("it answers"),
            Pool::Postgres(pool) => sqlx::query_scalar(query).fetch_one(&pool).await.expect("it answers"),
        }
    }

    /// Returns the processor time that the database's own processes took so far, in seconds: all of PostgreSQL's, as
    /// part of the work is done by its writers. SQLite has none.
    pub async fn cpu(&self) -> f64 {
        let Some((server, _)) = &self.on else { return 0.0 };
        let mut one = PgConnection::connect(server).await.expect("PostgreSQL answers");
        let pid: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut one).await.expect("it answers");
        let postmaster = process::parent(pid as u32).expect("a backend has a parent");
        let cpu = process::cpu_of_family(postmaster);
        one.close().await.expect("the connection closes");
        cpu
    }
}

/// The build's own folder lies on a disk.
fn place() -> std::path::PathBuf {
    let target = std::env::current_exe().ok().and_then(|exe| Some(exe.ancestors().nth(3)?.to_owned()));
    target.filter(|t| t.is_dir()).unwrap_or_else(std::env::temp_dir)
}

async fn sqlite_writer(url: &str) -> SqlitePool {
    let options: SqliteConnectOptions = url.parse().expect("the URL was made here");
    let options = options
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5))
        .pragma("cache_size", "-20000")
        .pragma("mmap_size", "268435456")
        .collation("folded", |a, b| a.to_lowercase().cmp(&b.to_lowercase()))
        .disable_statement_logging();
    let pool = SqlitePoolOptions::new().min_connections(1).max_connections(1).acquire_timeout(Duration::from_secs(60));
    pool.connect_with(options).await.expect("SQLite opens")
}

/// Database names cannot be bound; these are made of hex digits.
async fn on_server(server: &str, text: String) {
    let mut connection = PgConnection::connect(server).await.expect("PostgreSQL answers");
    sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut connection).await.expect("the statement runs");
    connection.close().await.expect("the connection closes");
}
