//! The table `instance`: facts about this installation by name.

use crate::store::{Exec, Result, Tx, sql};

pub(super) async fn find(ex: &mut impl Exec, name: &str) -> Result<Option<String>> {
    let row: Option<(String,)> = sql("SELECT value FROM instance WHERE name = $1").bind(name).opt(ex).await?;
    Ok(row.map(|(value,)| value))
}

/// Keeps what is there: of two hosts that start together, the first one's value holds for both.
pub(super) async fn insert(tx: &mut Tx, name: &str, value: &str) -> Result<()> {
    sql("INSERT INTO instance (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING")
        .bind(name)
        .bind(value)
        .exec(tx)
        .await?;
    Ok(())
}
