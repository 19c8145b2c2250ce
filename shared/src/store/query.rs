//! Queries: text as `&'static str` only, values by binding only, so that no input can become SQL.

use super::pool::{Inner, Pools};
use super::{Read, Result, Tx, Value};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Arguments, AssertSqlSafe, FromRow};
use std::fmt::Write;

/// A type that can be read from a row of either database; `#[derive(sqlx::FromRow)]` gives both.
pub trait Row: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}
impl<T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin> Row for T {}

/// A query under construction: text with `$1`, `$2`, … and the values for them.
#[derive(Debug, Clone)]
pub struct Q {
    sql: String,
    values: Vec<Value>,
}

/// Begins a query.
pub fn sql(text: &'static str) -> Q {
    Q { sql: text.to_owned(), values: Vec::new() }
}

impl Q {
    /// Adds text.
    pub fn push(mut self, text: &'static str) -> Q {
        self.sql.push_str(text);
        self
    }

    /// Gives the value for the next `$n` that the text already names.
    pub fn bind(mut self, value: impl Into<Value>) -> Q {
        self.values.push(value.into());
        self
    }

    /// Adds `$n` to the text and gives its value.
    pub fn arg(mut self, value: impl Into<Value>) -> Q {
        self.values.push(value.into());
        let _ = write!(self.sql, "${}", self.values.len());
        self
    }

    /// Adds `($n, $n+1, …)`: a list for IN. An empty list becomes `(NULL)`, which nothing is in.
    pub fn list<V: Into<Value>>(mut self, values: impl IntoIterator<Item = V>) -> Q {
        self.sql.push('(');
        let before = self.values.len();
        for v in values {
            if self.values.len() > before {
                self.sql.push_str(", ");
            }
            self = self.arg(v);
        }
        if self.values.len() == before {
            self.sql.push_str("NULL");
        }
        self.sql.push(')');
        self
    }

    /// Hands the query through `f`: keeps a chain of calls whole where a part is optional.
    pub fn apply(self, f: impl FnOnce(Q) -> Q) -> Q {
        f(self)
    }

    /// Returns all rows.
    ///
    /// # Errors
    /// See [`super::Error`].
    pub async fn all<T: Row>(self, ex: &mut impl Exec) -> Result<Vec<T>> {
        ex.all(self).await
    }

    /// Returns the first row, if there is one.
    ///
    /// # Errors
    /// See [`super::Error`].
    pub async fn opt<T: Row>(self, ex: &mut impl Exec) -> Result<Option<T>> {
        ex.opt(self).await
    }

    /// Returns the first row.
    ///
    /// # Errors
    /// `NotFound` if there is none.
    pub async fn one<T: Row>(self, ex: &mut impl Exec) -> Result<T> {
        ex.opt(self).await?.ok_or(super::Error::NotFound)
    }

    /// Runs it and returns the number of rows changed.
    ///
    /// # Errors
    /// See [`super::Error`].
    pub async fn exec(self, ex: &mut impl Exec) -> Result<u64> {
        ex.exec(self).await
    }
}

/// Something that can run queries: a transaction, or reads outside one.
pub trait Exec: Send {
    /// See [`Q::all`].
    fn all<T: Row>(&mut self, q: Q) -> impl Future<Output = Result<Vec<T>>> + Send;
    /// See [`Q::opt`].
    fn opt<T: Row>(&mut self, q: Q) -> impl Future<Output = Result<Option<T>>> + Send;
    /// See [`Q::exec`].
    fn exec(&mut self, q: Q) -> impl Future<Output = Result<u64>> + Send;
    /// Whether this is SQLite (else PostgreSQL).
    fn is_sqlite(&self) -> bool;
}

/// Runs a query's text and values on one connection or pool of one database. The only place where text is
/// asserted to be safe, which it is as [`Q`] takes static text alone.
macro_rules! run {
    ($make:ident, $q:expr, $args:ident, $method:ident, $on:expr) => {
        sqlx::$make(AssertSqlSafe($q.sql), $args($q.values)).$method($on).await
    };
}

impl Exec for Tx {
    async fn all<T: Row>(&mut self, q: Q) -> Result<Vec<T>> {
        match &mut self.inner {
            Inner::Sqlite(t) => Ok(run!(query_as_with, q, sqlite_args, fetch_all, &mut **t)?),
            Inner::Postgres(t) => Ok(run!(query_as_with, q, pg_args, fetch_all, &mut **t)?),
        }
    }
    async fn opt<T: Row>(&mut self, q: Q) -> Result<Option<T>> {
        match &mut self.inner {
            Inner::Sqlite(t) => Ok(run!(query_as_with, q, sqlite_args, fetch_optional, &mut **t)?),
            Inner::Postgres(t) => Ok(run!(query_as_with, q, pg_args, fetch_optional, &mut **t)?),
        }
    }
    async fn exec(&mut self, q: Q) -> Result<u64> {
        match &mut self.inner {
            Inner::Sqlite(t) => Ok(run!(query_with, q, sqlite_args, execute, &mut **t)?.rows_affected()),
            Inner::Postgres(t) => Ok(run!(query_with, q, pg_args, execute, &mut **t)?.rows_affected()),
        }
    }
    fn is_sqlite(&self) -> bool {
        Tx::is_sqlite(self)
    }
}

impl Exec for Read<'_> {
    async fn all<T: Row>(&mut self, q: Q) -> Result<Vec<T>> {
        match &self.db.pools {
            Pools::Sqlite { readers, .. } => Ok(run!(query_as_with, q, sqlite_args, fetch_all, readers)?),
            Pools::Postgres(pool) => Ok(run!(query_as_with, q, pg_args, fetch_all, pool)?),
        }
    }
    async fn opt<T: Row>(&mut self, q: Q) -> Result<Option<T>> {
        match &self.db.pools {
            Pools::Sqlite { readers, .. } => Ok(run!(query_as_with, q, sqlite_args, fetch_optional, readers)?),
            Pools::Postgres(pool) => Ok(run!(query_as_with, q, pg_args, fetch_optional, pool)?),
        }
    }
    async fn exec(&mut self, q: Q) -> Result<u64> {
        match &self.db.pools {
            Pools::Sqlite { readers, .. } => Ok(run!(query_with, q, sqlite_args, execute, readers)?.rows_affected()),
            Pools::Postgres(pool) => Ok(run!(query_with, q, pg_args, execute, pool)?.rows_affected()),
        }
    }
    fn is_sqlite(&self) -> bool {
        self.db.is_sqlite()
    }
}

fn sqlite_args(values: Vec<Value>) -> SqliteArguments {
    let mut args = SqliteArguments::default();
    for v in values {
        let added = match v {
            Value::Int(v) => Arguments::add(&mut args, v),
            Value::Text(v) => Arguments::add(&mut args, v.map(String::from)),
            Value::Bool(v) => Arguments::add(&mut args, v),
            Value::Time(v) => Arguments::add(&mut args, v),
            Value::Bytes(v) => Arguments::add(&mut args, v),
        };
        added.expect("these kinds always encode");
    }
    args
}

fn pg_args(values: Vec<Value>) -> PgArguments {
    let mut args = PgArguments::default();
    for v in values {
        let added = match v {
            Value::Int(v) => Arguments::add(&mut args, v),
            // E1.6: PostgreSQL refuses U+0000 in text; views never hold it, and a stray one must not lose a mail.
            Value::Text(v) => Arguments::add(&mut args, v.map(without_nul)),
            Value::Bool(v) => Arguments::add(&mut args, v),
            Value::Time(v) => Arguments::add(&mut args, v),
            Value::Bytes(v) => Arguments::add(&mut args, v),
        };
        added.expect("these kinds always encode");
    }
    args
}

fn without_nul(text: Box<str>) -> String {
    if text.contains('\0') { text.replace('\0', "\u{FFFD}") } else { text.into() }
}

/// Inserts `rows` into the table and columns that `head` names (`INSERT INTO t (a, b)`), `tail` following the
/// values (`ON CONFLICT … DO NOTHING`, or empty). Returns the number of rows inserted.
///
/// # Errors
/// See [`super::Error`].
pub async fn insert_many(
    tx: &mut impl Exec,
    head: &'static str,
    rows: Vec<Vec<Value>>,
    tail: &'static str,
) -> Result<u64> {
    let mut inserted = 0;
    for values in runs(rows) {
        inserted += rows_of(sql(head).push(" VALUES "), values).push(" ").push(tail).exec(tx).await?;
    }
    Ok(inserted)
}

/// As [`insert_many`]; `tail` ends in RETURNING, and what it returns is returned.
///
/// # Errors
/// See [`super::Error`].
pub async fn insert_many_returning<T: Row>(
    tx: &mut impl Exec,
    head: &'static str,
    rows: Vec<Vec<Value>>,
    tail: &'static str,
) -> Result<Vec<T>> {
    let mut returned = Vec::new();
    for values in runs(rows) {
        returned.extend(rows_of(sql(head).push(" VALUES "), values).push(" ").push(tail).all::<T>(tx).await?);
    }
    Ok(returned)
}

/// Updates many rows, each to its own values: `head` is the text up to its assignments, which name the values of a
/// row `v.column1`, `v.column2`, …; `on` joins the rows. Returns the number of rows changed.
///
/// # Errors
/// See [`super::Error`].
pub async fn update_many(
    tx: &mut impl Exec,
    head: &'static str,
    rows: Vec<Vec<Value>>,
    on: &'static str,
) -> Result<u64> {
    let mut changed = 0;
    for values in runs(rows) {
        changed += rows_of(sql(head).push(" FROM (VALUES "), values).push(") AS v WHERE ").push(on).exec(tx).await?;
    }
    Ok(changed)
}

/// Cuts rows into runs of 32, 16, 8, 4, 2 and 1, so that only six texts exist for each statement and every one stays
/// prepared.
fn runs(rows: Vec<Vec<Value>>) -> Vec<Vec<Vec<Value>>> {
    let mut rows = rows.into_iter();
    let mut runs = Vec::new();
    while rows.len() > 0 {
        let n = [32, 16, 8, 4, 2, 1].into_iter().find(|n| *n <= rows.len()).expect("one fits");
        runs.push(rows.by_ref().take(n).collect());
    }
    runs
}

fn rows_of(mut q: Q, rows: Vec<Vec<Value>>) -> Q {
    for (i, row) in rows.into_iter().enumerate() {
        if i > 0 {
            q = q.push(", ");
        }
        q = q.list(row);
    }
    q
}
