//! A database of each kind for a test alone.

use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// A fresh database; dropped with the value on SQLite, by [`Database::drop_it`] on PostgreSQL.
pub struct Database {
    /// Data folder: the SQLite file, blobs, secret.
    pub folder: tempfile::TempDir,
    pub url: String,
    postgres: Option<(String, String)>,
}

impl Database {
    pub fn sqlite() -> Database {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let url = format!("sqlite://{}/postroom.db", folder.path().display());
        Database { folder, url, postgres: None }
    }

    /// None if no server is named by TEST_POSTGRES_URL.
    pub async fn postgres() -> Option<Database> {
        let server = std::env::var("TEST_POSTGRES_URL").ok()?;
        let name = format!("api{:016x}", rand::random::<u64>());
        run(&server, format!("CREATE DATABASE {name}")).await;
        let mut url: url::Url = server.parse().expect("TEST_POSTGRES_URL is a URL");
        url.set_path(&name);
        let folder = tempfile::tempdir().expect("a temporary folder");
        Some(Database { folder, url: url.to_string(), postgres: Some((server, name)) })
    }

    pub async fn drop_it(self) {
        if let Some((server, name)) = &self.postgres {
            run(server, format!("DROP DATABASE {name} WITH (FORCE)")).await;
        }
    }
}

/// Database names cannot be bound; these are made of hex digits.
async fn run(server: &str, text: String) {
    let mut connection = PgConnection::connect(server).await.expect("PostgreSQL answers");
    sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut connection).await.expect("the statement runs");
    connection.close().await.expect("the connection closes");
}
