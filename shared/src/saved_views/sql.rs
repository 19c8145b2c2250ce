//! The SQL of saved views.

use super::types::SavedView;
use crate::ids::{SavedViewId, TenantId, UserId};
use crate::store::{Exec, Q, Result, Tx, Value, sql};

fn select() -> Q {
    sql(
        "SELECT id, tenant_id, owner_id, shared, name, query, sort, position, created_at, updated_at FROM saved_views WHERE ",
    )
}

pub(super) async fn find(ex: &mut impl Exec, id: SavedViewId) -> Result<Option<SavedView>> {
    select().push("id = ").arg(id).opt(ex).await
}

/// A user's own ones, and those that are shared in the tenant, or among those of no tenant.
pub(super) async fn list(ex: &mut impl Exec, user: UserId, within: Option<TenantId>) -> Result<Vec<SavedView>> {
    let q = select().push("owner_id = ").arg(user).push(" OR (shared AND tenant_id ");
    let q = match within {
        Some(tenant) => q.push("= ").arg(tenant),
        None => q.push("IS NULL"),
    };
    q.push(") ORDER BY shared, position, id").all(ex).await
}

/// How many views somebody has, and the last one's position.
pub(super) async fn of_owner(ex: &mut impl Exec, owner: UserId) -> Result<(i64, i64)> {
    sql("SELECT COUNT(*), COALESCE(MAX(position), 0) FROM saved_views WHERE owner_id = ").arg(owner).one(ex).await
}

pub(super) async fn insert(tx: &mut Tx, v: &SavedView) -> Result<SavedViewId> {
    let (id,): (SavedViewId,) =
        sql("INSERT INTO saved_views (tenant_id, owner_id, shared, name, query, sort, position, \
         created_at, updated_at) VALUES ")
        .list([
            v.tenant_id.into(),
            v.owner_id.into(),
            v.shared.into(),
            v.name.as_str().into(),
            v.query.as_str().into(),
            v.sort.as_str().into(),
            v.position.into(),
            v.created_at.into(),
            Value::from(v.updated_at),
        ])
        .push(" RETURNING id")
        .one(tx)
        .await?;
    Ok(id)
}

pub(super) async fn update(tx: &mut Tx, v: &SavedView) -> Result<()> {
    sql("UPDATE saved_views SET shared = $1, name = $2, query = $3, sort = $4, position = $5, updated_at = $6 WHERE id = $7")
        .bind(v.shared)
        .bind(v.name.as_str())
        .bind(v.query.as_str())
        .bind(v.sort.as_str())
        .bind(v.position)
        .bind(v.updated_at)
        .bind(v.id)
        .exec(tx)
        .await?;
    Ok(())
}

pub(super) async fn delete(tx: &mut Tx, id: SavedViewId) -> Result<()> {
    sql("DELETE FROM saved_views WHERE id = ").arg(id).exec(tx).await?;
    Ok(())
}
