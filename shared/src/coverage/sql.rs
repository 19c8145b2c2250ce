//! The SQL of coverage.

use crate::ids::UserId;
use crate::store::{Exec, Result, Tx, insert_many, sql};

pub(super) async fn list(ex: &mut impl Exec, user: UserId) -> Result<Vec<String>> {
    let mut rows: Vec<(String, String)> =
        sql("SELECT subject_key, subject FROM coverage WHERE user_id = $1").bind(user).all(ex).await?;
    // Not by ORDER BY: PostgreSQL's locale would sort otherwise than SQLite.
    rows.sort_unstable();
    Ok(rows.into_iter().map(|(_, subject)| subject).collect())
}

/// `subjects`: each as written and in the form by which it is unique.
pub(super) async fn replace(tx: &mut Tx, user: UserId, subjects: &[(String, String)]) -> Result<()> {
    sql("DELETE FROM coverage WHERE user_id = $1").bind(user).exec(tx).await?;
    let rows = subjects.iter().map(|(s, key)| vec![user.into(), s.into(), key.into()]).collect();
    insert_many(tx, "INSERT INTO coverage (user_id, subject, subject_key)", rows, "").await?;
    Ok(())
}
