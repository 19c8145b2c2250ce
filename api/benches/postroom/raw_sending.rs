//! The database alone, doing what a worker commits for each mail, by as many clients as there are connections: 32 rows
//! claimed in one commit, then for each a commit before its body leaves (phase and octets) and one after it (state,
//! attempt, the ticket's version, event). The other limit of sending.

use crate::database::{Database, Kind, Pool};
use sqlx::AssertSqlSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

/// The tables, with keys and what a claim looks for. `BYTES` and `UNIT` differ by database.
const TABLES: &str = "CREATE TABLE outbox (id BIGINT PRIMARY KEY, ticket_id BIGINT NOT NULL, letter TEXT NOT NULL, state TEXT \
        NOT NULL, phase TEXT, lease TEXT, mime BYTES, due BIGINT, reply TEXT);
    CREATE INDEX outbox_due ON outbox (due, id) WHERE due IS NOT NULL;
    CREATE TABLE attempts (outbox_id BIGINT NOT NULL, n BIGINT NOT NULL, result TEXT NOT NULL, text TEXT NOT NULL, PRIMARY KEY \
        (outbox_id, n));
    CREATE TABLE tickets (id BIGINT PRIMARY KEY, version BIGINT NOT NULL, head BYTES NOT NULL);
    CREATE TABLE events (ticket_id BIGINT NOT NULL, seq BIGINT NOT NULL, kind TEXT NOT NULL, data TEXT NOT NULL, hash BYTES NOT \
        NULL, PRIMARY KEY (ticket_id, seq))";
const CLAIM: &str = "UPDATE outbox SET state = 'sending', lease = $1, due = NULL WHERE due IS NOT NULL AND id IN (SELECT id FROM \
        outbox WHERE due IS NOT NULL ORDER BY due, id LIMIT 32 LOCK) RETURNING id, ticket_id, letter";

macro_rules! claim {
    ($begin:expr, $text:expr, $lease:expr) => {{
        let mut tx = $begin.await?;
        let rows: Vec<(i64, i64, String)> =
            sqlx::query_as(AssertSqlSafe($text)).bind($lease).fetch_all(&mut *tx).await?;
        tx.commit().await?;
        Ok(rows)
    }};
}

macro_rules! send_one {
    ($begin:expr, $id:expr, $ticket:expr, $lease:expr, $mime:expr) => {{
        let mut tx = $begin.await?;
        sqlx::query("UPDATE outbox SET phase = 'body', mime = $1 WHERE id = $2 AND lease = $3")
            .bind($mime)
            .bind($id)
            .bind($lease)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        let mut tx = $begin.await?;
        sqlx::query(
            "UPDATE outbox SET state = 'sent', phase = NULL, lease = NULL, reply = $1 WHERE id = $2 AND lease = $3",
        )
        .bind("2.0.0 taken")
        .bind($id)
        .bind($lease)
        .execute(&mut *tx)
        .await?;
        sqlx::query("INSERT INTO attempts (outbox_id, n, result, text) VALUES ($1, $2, $3, $4)")
            .bind($id)
            .bind(1_i64)
            .bind("sent")
            .bind("2.0.0 taken")
            .execute(&mut *tx)
            .await?;
        let version: i64 =
            sqlx::query_scalar("UPDATE tickets SET version = version + 1, head = $1 WHERE id = $2 RETURNING version")
                .bind(vec![7_u8; 32])
                .bind($ticket)
                .fetch_one(&mut *tx)
                .await?;
        sqlx::query("INSERT INTO events (ticket_id, seq, kind, data, hash) VALUES ($1, $2, $3, $4, $5)")
            .bind($ticket)
            .bind(version)
            .bind("mail_sent")
            .bind("{\"attempt\":1,\"code\":250,\"enhanced\":\"2.0.0\",\"outbox_id\":12345,\"result\":\"sent\"}")
            .bind(vec![7_u8; 32])
            .execute(&mut *tx)
            .await?;
        tx.commit().await
    }};
}

/// A database with the tables of the least.
pub struct RawSending {
    database: Database,
    filled: AtomicI64,
}

impl RawSending {
    /// Makes it; None without a PostgreSQL server.
    pub async fn fresh(kind: Kind) -> Option<RawSending> {
        let database = Database::fresh(kind).await?;
        let bytes = if kind == Kind::Sqlite { "BLOB" } else { "BYTEA" };
        run(&database, TABLES.replace("BYTES", bytes)).await;
        Some(RawSending { database, filled: AtomicI64::new(0) })
    }

    /// Returns how many of `n` mails of `mime` a second `clients` carry through.
    pub async fn rate(&self, clients: usize, n: usize, mime: Vec<u8>) -> f64 {
        let first = self.filled.fetch_add(n as i64, Ordering::Relaxed) + 1;
        let last = first + n as i64 - 1;
        let numbers = format!(
            "(WITH RECURSIVE s (i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM s WHERE i < {last}) SELECT i FROM s) AS s"
        );
        let letter = "y".repeat(600);
        let zero = if self.database.kind == Kind::Sqlite { "x'00'" } else { "'\\x00'::bytea" };
        run(
            &self.database,
            format!(
                "INSERT INTO outbox (id, ticket_id, letter, state, due) SELECT i, i, '{letter}', 'queued', 1 FROM {numbers};
                 INSERT INTO tickets (id, version, head) SELECT i, 2, {zero} FROM {numbers}"
            ),
        )
        .await;
        let pool = Arc::new(self.database.pool(clients as u32).await);
        let mime = Arc::new(mime);
        let began = Instant::now();
        let tasks: Vec<_> = (0..clients)
            .map(|client| {
                let (pool, mime) = (pool.clone(), mime.clone());
                tokio::spawn(async move { work(&pool, &format!("lease of {client}"), &mime).await })
            })
            .collect();
        let mut done = 0;
        for task in tasks {
            done += task.await.expect("no client panics").expect("the transactions commit");
        }
        assert_eq!(done, n, "every row was claimed once");
        let rate = n as f64 / began.elapsed().as_secs_f64();
        match &*pool {
            Pool::Sqlite(pool) => pool.close().await,
            Pool::Postgres(pool) => pool.close().await,
        }
        rate
    }

    pub async fn drop_it(self) {
        self.database.drop_it().await;
    }
}

async fn work(pool: &Pool, lease: &str, mime: &[u8]) -> sqlx::Result<usize> {
    let mut done = 0;
    loop {
        let rows: sqlx::Result<Vec<(i64, i64, String)>> = match pool {
            Pool::Sqlite(pool) => claim!(pool.begin_with("BEGIN IMMEDIATE"), CLAIM.replace("LOCK", ""), lease),
            Pool::Postgres(pool) => claim!(pool.begin(), CLAIM.replace("LOCK", "FOR UPDATE SKIP LOCKED"), lease),
        };
        let rows = rows?;
        if rows.is_empty() {
            return Ok(done);
        }
        for (id, ticket, _) in rows {
            match pool {
                Pool::Sqlite(pool) => send_one!(pool.begin_with("BEGIN IMMEDIATE"), id, ticket, lease, mime),
                Pool::Postgres(pool) => send_one!(pool.begin(), id, ticket, lease, mime),
            }?;
            done += 1;
        }
    }
}

async fn run(database: &Database, text: String) {
    match database.pool(1).await {
        Pool::Sqlite(pool) => sqlx::raw_sql(AssertSqlSafe(text)).execute(&pool).await.map(drop),
        Pool::Postgres(pool) => sqlx::raw_sql(AssertSqlSafe(text)).execute(&pool).await.map(drop),
    }
    .expect("the tables are made and filled");
}
