//! Queries: text as `&'static str` only, values by binding only, so that no input can become SQL.

use super::many;
use super::pool::{Connection, Inner, Pools};
use super::{Read, Reader, Result, Tx, Value};
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
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
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

    /// As [`Q::list`], for lists of any length in statements that run often: the last value is repeated up to a round
    /// number, so that few texts exist and each stays prepared. Not for VALUES.
    pub fn among<V: Into<Value>>(self, values: impl IntoIterator<Item = V>) -> Q {
        let mut values: Vec<Value> = values.into_iter().map(Into::into).collect();
        many::pad(&mut values);
        self.list(values)
    }

    /// Adds that two columns are one of these pairs, as long as [`Q::among`]. Where all begin alike, as a batch of one
    /// tenant's does, that is one value and one list. Else each column is named alone, too: by a list of pairs SQLite finds no
    /// index, and would read the whole table.
    pub fn pairs<A: Into<Value>, B: Into<Value>>(
        mut self,
        columns: [&'static str; 2],
        pairs: impl IntoIterator<Item = (A, B)>,
    ) -> Q {
        let mut pairs: Vec<(Value, Value)> = pairs.into_iter().map(|(a, b)| (a.into(), b.into())).collect();
        if let Some((one, _)) = pairs.first().cloned()
            && pairs.iter().all(|(a, _)| *a == one)
        {
            let q = self.push(columns[0]).push(" = ").arg(one).push(" AND ").push(columns[1]).push(" IN ");
            return q.among(pairs.into_iter().map(|(_, b)| b));
        }
        many::pad(&mut pairs);
        let (mut first, second): (Vec<Value>, Vec<Value>) = pairs.iter().cloned().unzip();
        // Mostly one tenant.
        first.dedup();
        many::pad(&mut first);
        self = self.push("(").push(columns[0]).push(", ").push(columns[1]).push(") IN (VALUES ");
        for (i, (a, b)) in pairs.into_iter().enumerate() {
            self = self.push(if i > 0 { ", (" } else { "(" }).arg(a).push(", ").arg(b).push(")");
        }
        let q = self.push(") AND ").push(columns[0]).push(" IN ").list(first);
        q.push(" AND ").push(columns[1]).push(" IN ").list(second)
    }

    /// Adds rows of two values, `(VALUES (a, b), …)`, as long as [`Q::among`]: the last one stands there more than once.
    pub fn rows<A: Into<Value>, B: Into<Value>>(mut self, rows: impl IntoIterator<Item = (A, B)>) -> Q {
        let mut rows: Vec<(Value, Value)> = rows.into_iter().map(|(a, b)| (a.into(), b.into())).collect();
        many::pad(&mut rows);
        for (i, (a, b)) in rows.into_iter().enumerate() {
            self = self.push(if i > 0 { ", (" } else { "(VALUES (" }).arg(a).push(", ").arg(b).push(")");
        }
        self.push(")")
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

/// As `run!`, on a lent connection to SQLite.
macro_rules! lite {
    ($make:ident, $q:expr, $method:ident, $lent:expr) => {
        $lent.run(async |c| run!($make, $q, sqlite_args, $method, c)).await
    };
}

impl Exec for Tx {
    async fn all<T: Row>(&mut self, q: Q) -> Result<Vec<T>> {
        match &mut self.inner {
            Inner::Sqlite(t) => lite!(query_as_with, q, fetch_all, t.lent()?),
            Inner::Postgres(t) => Ok(run!(query_as_with, q, pg_args, fetch_all, &mut **t)?),
        }
    }
    async fn opt<T: Row>(&mut self, q: Q) -> Result<Option<T>> {
        match &mut self.inner {
            Inner::Sqlite(t) => lite!(query_as_with, q, fetch_optional, t.lent()?),
            Inner::Postgres(t) => Ok(run!(query_as_with, q, pg_args, fetch_optional, &mut **t)?),
        }
    }
    async fn exec(&mut self, q: Q) -> Result<u64> {
        match &mut self.inner {
            Inner::Sqlite(t) => lite!(query_with, q, execute, t.lent()?).map(|done| done.rows_affected()),
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
            Pools::Sqlite { readers, .. } => lite!(query_as_with, q, fetch_all, readers.lend().await?),
            Pools::Postgres(pool) => Ok(run!(query_as_with, q, pg_args, fetch_all, pool)?),
        }
    }
    async fn opt<T: Row>(&mut self, q: Q) -> Result<Option<T>> {
        match &self.db.pools {
            Pools::Sqlite { readers, .. } => lite!(query_as_with, q, fetch_optional, readers.lend().await?),
            Pools::Postgres(pool) => Ok(run!(query_as_with, q, pg_args, fetch_optional, pool)?),
        }
    }
    async fn exec(&mut self, q: Q) -> Result<u64> {
        match &self.db.pools {
            Pools::Sqlite { readers, .. } => {
                lite!(query_with, q, execute, readers.lend().await?).map(|done| done.rows_affected())
            }
            Pools::Postgres(pool) => Ok(run!(query_with, q, pg_args, execute, pool)?.rows_affected()),
        }
    }
    fn is_sqlite(&self) -> bool {
        self.db.is_sqlite()
    }
}

impl Exec for Reader {
    async fn all<T: Row>(&mut self, q: Q) -> Result<Vec<T>> {
        match &mut self.connection {
            Connection::Sqlite(c) => lite!(query_as_with, q, fetch_all, c),
            Connection::Postgres(c) => Ok(run!(query_as_with, q, pg_args, fetch_all, &mut **c)?),
        }
    }
    async fn opt<T: Row>(&mut self, q: Q) -> Result<Option<T>> {
        match &mut self.connection {
            Connection::Sqlite(c) => lite!(query_as_with, q, fetch_optional, c),
            Connection::Postgres(c) => Ok(run!(query_as_with, q, pg_args, fetch_optional, &mut **c)?),
        }
    }
    async fn exec(&mut self, q: Q) -> Result<u64> {
        match &mut self.connection {
            Connection::Sqlite(c) => lite!(query_with, q, execute, c).map(|done| done.rows_affected()),
            Connection::Postgres(c) => Ok(run!(query_with, q, pg_args, execute, &mut **c)?.rows_affected()),
        }
    }
    fn is_sqlite(&self) -> bool {
        matches!(self.connection, Connection::Sqlite(_))
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
            Value::Column(_) => unreachable!("SQLite has no arrays: its rows are bound value by value"),
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
            Value::Column(column) => pg_array(&mut args, column),
        };
        added.expect("these kinds always encode");
    }
    args
}

/// A column of rows as one array.
fn pg_array(args: &mut PgArguments, column: Vec<Value>) -> std::result::Result<(), sqlx::error::BoxDynError> {
    macro_rules! array {
        ($kind:ident, $map:expr) => {{
            let one = |v| match v {
                Value::$kind(v) => v.map($map),
                other => unreachable!("a column's values are of one kind, here is {other:?}"),
            };
            Arguments::add(args, column.into_iter().map(one).collect::<Vec<_>>())
        }};
    }
    match column.first() {
        None | Some(Value::Int(_)) => array!(Int, |v| v),
        Some(Value::Text(_)) => array!(Text, without_nul),
        Some(Value::Bool(_)) => array!(Bool, |v| v),
        Some(Value::Time(_)) => array!(Time, |v| v),
        Some(Value::Bytes(_)) => array!(Bytes, |v| v),
        Some(Value::Column(_)) => unreachable!("columns do not nest"),
    }
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
    for q in many::inserts(head, rows, tail, tx.is_sqlite()) {
        inserted += q.exec(tx).await?;
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
    for q in many::inserts(head, rows, tail, tx.is_sqlite()) {
        returned.extend(q.all::<T>(tx).await?);
    }
    Ok(returned)
}

/// Updates many rows, each to its own values: `head` is the text up to its assignments, which name the values of a
/// row `v.column1`, `v.column2`, …; `on` joins the rows by `v.column1`. Returns the number of rows changed.
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
    for q in many::updates(head, rows, on, tx.is_sqlite()) {
        changed += q.exec(tx).await?;
    }
    Ok(changed)
}
