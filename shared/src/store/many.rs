//! Many rows in one statement, its text the same however many they are, so that it is prepared once.
//!
//! PostgreSQL takes each column as an array. SQLite has no arrays: its rows are filled up to a round number, and what
//! was filled in is left out by the statement itself.

use super::query::{Q, sql};
use super::value::Value;
use std::fmt::Write;

/// The most rows in one of SQLite's statements, which may have 32,766 values.
const MOST: usize = 32;

/// Returns `n` as a number of rows or values for which a text exists.
fn round(n: usize) -> usize {
    const SIZES: [usize; 9] = [1, 2, 3, 4, 6, 8, 12, 16, 24];
    SIZES.into_iter().find(|size| n <= *size).unwrap_or_else(|| n.next_multiple_of(MOST))
}

/// Repeats the last of `values` up to a round number: to IN it is all the same.
pub(super) fn pad<T: Clone>(values: &mut Vec<T>) {
    if let Some(last) = values.last().cloned() {
        values.resize(round(values.len()), last);
    }
}

/// Returns the statements that insert `rows`.
pub(super) fn inserts(head: &'static str, rows: Vec<Vec<Value>>, tail: &'static str, sqlite: bool) -> Vec<Q> {
    if rows.is_empty() {
        return Vec::new();
    }
    if !sqlite {
        return vec![columns(sql(head).push(" SELECT * FROM "), rows).push(" ").push(tail)];
    }
    let insert = |rows: Vec<Vec<Value>>| {
        let width = rows[0].len();
        // Each row ends in its own number; the number of rows that count comes last.
        let n = rows.len() as i64;
        let mut q = sql(head).push(" SELECT ");
        for i in 1..=width {
            let _ = write!(q.sql, "{}column{i}", if i > 1 { ", " } else { "" });
        }
        q = filled(q.push(" FROM (VALUES "), rows);
        let _ = write!(q.sql, ") WHERE column{} <= ? ", width + 1);
        q.bind(n).push(tail)
    };
    runs(rows).into_iter().map(insert).collect()
}

/// Returns the statements that update `rows`, each known by its first value.
pub(super) fn updates(head: &'static str, rows: Vec<Vec<Value>>, on: &'static str, sqlite: bool) -> Vec<Q> {
    if rows.is_empty() {
        return Vec::new();
    }
    if !sqlite {
        let width = rows[0].len();
        let mut q = columns(sql(head).push(" FROM "), rows).push(" AS v (");
        for i in 1..=width {
            let _ = write!(q.sql, "{}column{i}", if i > 1 { ", " } else { "" });
        }
        return vec![q.push(") WHERE ").push(on)];
    }
    // Rows that were filled in have no key, so nothing is joined to them.
    let update = |rows| filled(sql(head).push(" FROM (VALUES "), rows).push(") AS v WHERE ").push(on);
    runs(rows).into_iter().map(update).collect()
}

fn runs(rows: Vec<Vec<Value>>) -> Vec<Vec<Vec<Value>>> {
    let mut rows = rows.into_iter();
    let mut runs = Vec::new();
    while rows.len() > 0 {
        runs.push(rows.by_ref().take(MOST).collect());
    }
    runs
}

/// Adds rows of values, each with its number at the end, and rows of NULL up to a round number. The values are named
/// `?`, not `$n`: SQLite looks a name up among all names of the statement, once for each of hundreds of values.
fn filled(mut q: Q, rows: Vec<Vec<Value>>) -> Q {
    let (width, n) = (rows[0].len(), rows.len());
    let nulls = (n..round(n)).map(|_| vec![Value::Int(None); width]);
    for (i, row) in rows.into_iter().chain(nulls).enumerate() {
        q.sql.push_str(if i > 0 { ", (" } else { "(" });
        for value in row {
            q = q.bind(value).push("?, ");
        }
        let _ = write!(q.sql, "{})", i + 1);
    }
    q
}

/// Adds `UNNEST($n::bigint[], …)`.
fn columns(mut q: Q, rows: Vec<Vec<Value>>) -> Q {
    let mut columns: Vec<Vec<Value>> = rows[0].iter().map(|_| Vec::with_capacity(rows.len())).collect();
    for row in rows {
        for (column, value) in columns.iter_mut().zip(row) {
            column.push(value);
        }
    }
    q.sql.push_str("UNNEST(");
    for (i, column) in columns.into_iter().enumerate() {
        let kind = match column[0] {
            Value::Int(_) => "::bigint[]",
            Value::Text(_) => "::text[]",
            Value::Bool(_) => "::boolean[]",
            Value::Time(_) => "::timestamptz[]",
            Value::Bytes(_) => "::bytea[]",
            Value::Column(_) => unreachable!("columns do not nest"),
        };
        q = q.push(if i > 0 { ", " } else { "" }).arg(Value::Column(column)).push(kind);
    }
    q.push(")")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::{on_both, seed};
    use crate::store::{Scope, insert_many, insert_many_returning, update_many};

    fn row(i: i64, text: Option<&str>) -> Vec<Value> {
        vec![i.into(), text.into(), (i % 2 == 0).into(), text.map(str::as_bytes).map(<[u8]>::to_vec).into()]
    }

    const INSERT: &str = "INSERT INTO many (id, text, even, bytes)";

    #[tokio::test]
    async fn any_number_of_rows_is_inserted_and_updated_whole() {
        on_both(async |db| {
            match db.is_sqlite() {
                true => {
                    seed(&db, "CREATE TABLE many (id INTEGER PRIMARY KEY, text TEXT, even INTEGER, bytes BLOB) STRICT")
                        .await
                }
                false => {
                    seed(&db, "CREATE TABLE many (id BIGINT PRIMARY KEY, text TEXT, even BOOLEAN, bytes BYTEA)").await
                }
            }
            let mut expected = Vec::new();
            for n in [0, 1, 5, 31, 32, 33, 70] {
                let from = expected.len() as i64;
                let rows: Vec<i64> = (from..from + n).collect();
                let text = |i: i64| (i % 3 > 0).then(|| format!("text {i}"));
                let mut tx = db.write(Scope::All).await.unwrap();
                let values = rows.iter().map(|i| row(*i, text(*i).as_deref())).collect();
                assert_eq!(insert_many(&mut tx, INSERT, values, "").await.unwrap(), n as u64);
                let again = rows.iter().take(1).chain(&[from + n]).map(|i| row(*i, None)).collect();
                let tail = "ON CONFLICT (id) DO NOTHING RETURNING id";
                let new: Vec<(i64,)> = insert_many_returning(&mut tx, INSERT, again, tail).await.unwrap();
                assert_eq!(new, [(from + n,)]);
                let changes = rows.iter().map(|i| vec![(*i).into(), format!("changed {i}").into()]).collect();
                let head = "UPDATE many SET text = v.column2";
                assert_eq!(update_many(&mut tx, head, changes, "many.id = v.column1").await.unwrap(), n as u64);
                tx.commit().await.unwrap();
                expected.extend(rows.iter().map(|i| (*i, Some(format!("changed {i}")), i % 2 == 0, text(*i))));
                expected.push((from + n, None, (from + n) % 2 == 0, None));
            }
            type Row = (i64, Option<String>, bool, Option<Vec<u8>>);
            let rows: Vec<Row> =
                sql("SELECT id, text, even, bytes FROM many ORDER BY id").all(&mut db.read(Scope::All)).await.unwrap();
            let rows: Vec<_> =
                rows.into_iter().map(|(i, t, e, b)| (i, t, e, b.map(|b| String::from_utf8(b).unwrap()))).collect();
            assert_eq!(rows, expected);
        })
        .await;
    }

    #[tokio::test]
    async fn lists_and_pairs_of_any_length_find_the_same() {
        on_both(async |db| {
            seed(&db, "CREATE TABLE few (id BIGINT PRIMARY KEY, name TEXT NOT NULL)").await;
            seed(&db, "INSERT INTO few (id, name) VALUES (1, 'a'), (2, 'b'), (3, 'c')").await;
            let mut read = db.read(Scope::All);
            for n in [0_i64, 1, 2, 5, 40] {
                let of = |text| sql(text).push(" IN ");
                let list: Vec<(i64,)> = of("SELECT id FROM few WHERE id").among(1..=n).all(&mut read).await.unwrap();
                assert_eq!(list.len() as i64, n.min(3));
                if n > 0 {
                    let q = sql("SELECT id FROM few WHERE ").pairs(["id", "name"], (1..=n).map(|i| (i, "b")));
                    let pairs: Vec<(i64,)> = q.all(&mut read).await.unwrap();
                    assert_eq!(pairs.len(), usize::from(n > 1));
                    let q = sql("SELECT id FROM few WHERE ").pairs(["name", "id"], (1..=n).map(|i| ("b", i)));
                    let alike: Vec<(i64,)> = q.all(&mut read).await.unwrap();
                    assert_eq!(alike.len(), usize::from(n > 1));
                }
            }
        })
        .await;
    }
}
