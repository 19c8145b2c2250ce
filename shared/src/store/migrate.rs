//! Migrations: two folders with the same names, embedded in the binary, run at start under a lock.

use super::pool::{Pools, once_free};
use super::{Db, Error, Read, Result, sql};
use sqlx::migrate::Migrator;
use sqlx::{Connection, SqliteConnection};

static SQLITE: Migrator = sqlx::migrate!("../migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("../migrations/postgres");

/// Runs what is pending, under a lock, so that processes that start together do not race: an advisory one on
/// PostgreSQL, which the migrator takes itself; on SQLite, where it takes none, the writer's.
pub(super) async fn run(db: &Db) -> Result<()> {
    match &db.pools {
        Pools::Sqlite { writer, .. } => {
            // The driver's own transaction: the migrator begins one within it for each migration.
            let migrated = async |c: &mut SqliteConnection| {
                let mut tx = c.begin_with("BEGIN IMMEDIATE").await?;
                SQLITE.run(&mut *tx).await.map_err(|e| sqlx::Error::Migrate(Box::new(e)))?;
                tx.commit().await
            };
            once_free(async || writer.lend().await?.run(migrated).await).await
        }
        Pools::Postgres(pool) => POSTGRES.run(pool).await.map_err(Error::Migrate),
    }
}

/// Returns the versions and names of the migrations that were applied, oldest first.
///
/// # Errors
/// See [`Error`].
pub async fn applied_migrations(read: &mut Read<'_>) -> Result<Vec<(i64, String)>> {
    sql("SELECT version, description FROM _sqlx_migrations ORDER BY version").all(read).await
}

/// Returns every table's columns as `table.column`, those that may be empty with ` null`, sorted: a test holds the two
/// databases' schemas together. The search index is each one's own.
///
/// # Errors
/// See [`Error`].
pub async fn schema_columns(db: &Db) -> Result<Vec<String>> {
    let q = if db.is_sqlite() {
        sql(
            "SELECT m.name || '.' || c.name || CASE WHEN c.\"notnull\" = 1 OR c.pk > 0 THEN '' ELSE ' null' END FROM sqlite_master m JOIN pragma_table_info(m.name) c \
             WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name NOT LIKE '_sqlx%' AND m.name NOT LIKE 'search_index%' ORDER BY 1",
        )
    } else {
        sql("SELECT table_name || '.' || column_name || CASE is_nullable WHEN 'YES' THEN ' null' ELSE '' END \
             FROM information_schema.columns \
             WHERE table_schema = 'public' AND table_name NOT LIKE '_sqlx%' AND table_name <> 'search_index' ORDER BY 1")
    };
    let rows: Vec<(String,)> = q.all(&mut db.read(super::Scope::All)).await?;
    let mut names: Vec<String> = rows.into_iter().map(|(n,)| n).collect();
    names.sort();
    Ok(names)
}

/// Returns every column with a foreign key, as `table.column` and the table that it names; of a key of several columns each.
/// A test holds the doctor's checks against them.
///
/// # Errors
/// See [`Error`].
pub async fn schema_links(db: &Db) -> Result<Vec<(String, String)>> {
    let q = if db.is_sqlite() {
        sql(
            "SELECT m.name || '.' || f.\"from\", f.\"table\" FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f \
             WHERE m.type = 'table' ORDER BY 1, 2",
        )
    } else {
        sql(
            "SELECT t.relname || '.' || a.attname, p.relname::text FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid \
             JOIN pg_class p ON p.oid = c.confrelid JOIN pg_namespace n ON n.oid = t.relnamespace \
             JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = ANY (c.conkey) \
             WHERE c.contype = 'f' AND n.nspname = 'public' ORDER BY 1, 2",
        )
    };
    q.all(&mut db.read(super::Scope::All)).await
}

/// Returns every index that has a name of ours as `index table`, sorted: a test holds the two databases' schemas
/// together.
///
/// # Errors
/// See [`Error`].
pub async fn schema_indexes(db: &Db) -> Result<Vec<String>> {
    let q = if db.is_sqlite() {
        sql("SELECT name || ' ' || tbl_name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
    } else {
        sql("SELECT i.relname || ' ' || t.relname FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid \
             JOIN pg_class t ON t.oid = x.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace \
             WHERE n.nspname = 'public' AND t.relname NOT LIKE '_sqlx%' AND t.relname <> 'search_index' \
             AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = i.oid)")
    };
    let rows: Vec<(String,)> = q.all(&mut db.read(super::Scope::All)).await?;
    let mut names: Vec<String> = rows.into_iter().map(|(n,)| n).collect();
    names.sort();
    Ok(names)
}

/// Returns each table with the text that its CHECK constraints stand in: its own statement on SQLite, one row for each
/// constraint on PostgreSQL. A test compares them with the program's enums.
///
/// # Errors
/// See [`Error`].
pub async fn schema_checks(db: &Db) -> Result<Vec<(String, String)>> {
    let q = if db.is_sqlite() {
        sql("SELECT name, sql FROM sqlite_master WHERE type = 'table' AND sql IS NOT NULL")
    } else {
        sql(
            "SELECT t.relname::text, pg_get_constraintdef(c.oid) FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid \
             JOIN pg_namespace n ON n.oid = t.relnamespace WHERE c.contype = 'c' AND n.nspname = 'public'",
        )
    };
    q.all(&mut db.read(super::Scope::All)).await
}
