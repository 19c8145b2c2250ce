//! Fresh databases for tests: each case runs on SQLite and, if `TEST_POSTGRES_URL` names a server, on PostgreSQL.

use super::pool::Pools;
use super::{Db, sql};
use crate::app::App;
use crate::config::Config;

/// Runs `case` on a new database of each kind.
pub async fn on_both<F: Future<Output = ()>>(case: impl Fn(Db) -> F) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("test.db");
    let db = Db::open(&format!("sqlite://{}", path.display()), 1).await.expect("SQLite opens");
    case(db.clone()).await;
    db.close().await;

    with_empty_postgres(async |url| {
        let db = Db::open(&url, 8).await.expect("a new database opens");
        case(db.clone()).await;
        db.close().await;
    })
    .await;
}

/// Database names cannot be bound; these are made of hex digits.
async fn run(db: &Db, text: String) {
    let Pools::Postgres(pool) = &db.pools else { unreachable!("the server is PostgreSQL") };
    sqlx::raw_sql(sqlx::AssertSqlSafe(text)).execute(pool).await.expect("the statement runs");
}

/// Runs `text` in a transaction of its own: for rows that a case starts from.
pub async fn seed(db: &Db, text: &'static str) {
    let mut tx = db.write(super::Scope::All).await.expect("a transaction begins");
    for statement in text.split(';').map(str::trim).filter(|s| !s.is_empty()) {
        sql(statement).exec(&mut tx).await.unwrap_or_else(|e| panic!("{statement}: {e:?}"));
    }
    tx.commit().await.expect("it commits");
}

/// Runs `case` on a new application of each kind, with one tenant and one mailbox (`support@desk.example`).
pub async fn on_both_apps<F: Future<Output = ()>>(case: impl Fn(App) -> F) {
    on_both_apps_with(|_| None, case).await;
}

/// As [`on_both_apps`], with settings of the case's own.
pub async fn on_both_apps_with<F: Future<Output = ()>>(
    settings: impl Fn(&str) -> Option<String>,
    case: impl Fn(App) -> F,
) {
    const ROWS: &str = "
        INSERT INTO tenants (slug, name, audience, pid_prefix, locale, settings, created_at) VALUES
            ('default', 'Desk', 'public', NULL, 'en', '{}', '2026-11-01T00:00:00+00:00');
        INSERT INTO mailboxes (tenant_id, address, address_key, name, tag_separator, active, created_at) VALUES
            (1, 'support@desk.example', 'support@desk.example', 'Desk', '+', TRUE, '2026-11-01T00:00:00+00:00')";
    let start = async |url: String| {
        // Each application has a folder of its own: its secret lies there.
        let folder = tempfile::tempdir().expect("a temporary folder");
        let data = folder.path().display().to_string();
        let url = if url.is_empty() { format!("sqlite://{data}/test.db") } else { url };
        let config = Config::read(|name| match name {
            "DATABASE_URL" => Some(url.clone()),
            "BLOB_URL" => Some(format!("file://{data}/blobs")),
            // No test asks the world.
            "POSTROOM_DNS" => settings(name).or_else(|| Some("off".to_owned())),
            _ => settings(name),
        })
        .expect("the settings are right");
        let app = App::start(config).await.expect("the application starts");
        seed(&app.db, ROWS).await;
        case(app.clone()).await;
        app.db.close().await;
    };
    start(String::new()).await;
    with_empty_postgres(start).await;
}

/// Runs `case` with the URL of a new PostgreSQL database without any table.
pub async fn with_empty_postgres(case: impl AsyncFnOnce(String)) {
    let Ok(server) = std::env::var("TEST_POSTGRES_URL") else {
        println!("skipped on PostgreSQL: TEST_POSTGRES_URL is not set");
        return;
    };
    let admin = Db::connect(&server, 1).await.expect("PostgreSQL answers");
    let name = format!("t{:016x}", rand::random::<u64>());
    run(&admin, format!("CREATE DATABASE {name}")).await;
    let mut url: url::Url = server.parse().expect("TEST_POSTGRES_URL is a URL");
    url.set_path(&name);
    case(url.to_string()).await;
    run(&admin, format!("DROP DATABASE {name} WITH (FORCE)")).await;
}
