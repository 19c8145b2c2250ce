//! The SQL of canned replies.

use crate::clock::Time;
use crate::ids::{CannedId, TenantId, UserId};
use crate::store::{Exec, Q, Result, Tx, sql};

/// A canned reply.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Canned {
    /// Its row.
    pub id: CannedId,
    /// Whose tickets it is for; None: all tenants'.
    pub tenant_id: Option<TenantId>,
    /// Whose alone it is; None: everybody's.
    pub owner_id: Option<UserId>,
    /// What it is called.
    pub name: String,
    /// What is typed after `/`.
    pub shortcut: String,
    /// The text: Markdown with variables.
    pub body: String,
    /// How many messages were sent with it.
    pub usage_count: i64,
    /// When the last one was.
    pub used_at: Option<Time>,
    /// When it was made.
    pub created_at: Time,
    /// When it was last changed.
    pub updated_at: Time,
}

fn select() -> Q {
    sql("SELECT id, tenant_id, owner_id, name, shortcut, body, usage_count, used_at, created_at, updated_at \
         FROM canned_replies WHERE ")
}

pub(super) async fn find(ex: &mut impl Exec, id: CannedId) -> Result<Option<Canned>> {
    select().push("id = ").arg(id).opt(ex).await
}

/// Everybody's and `user`'s own, of all tenants for None, else of `tenant` and of all.
pub(super) async fn list(ex: &mut impl Exec, user: Option<UserId>, tenant: Option<TenantId>) -> Result<Vec<Canned>> {
    let mut q = select().push("(owner_id IS NULL OR owner_id = ").arg(user).push(")");
    if let Some(tenant) = tenant {
        q = q.push(" AND (tenant_id IS NULL OR tenant_id = ").arg(tenant).push(")");
    }
    q.push(" ORDER BY usage_count DESC, name, id LIMIT 500").all(ex).await
}

pub(super) async fn insert(tx: &mut Tx, c: &Canned) -> Result<CannedId> {
    let (id,): (CannedId,) = sql("INSERT INTO canned_replies \
         (tenant_id, owner_id, name, shortcut, body, usage_count, created_at, updated_at) VALUES ")
    .list([
        c.tenant_id.into(),
        c.owner_id.into(),
        c.name.as_str().into(),
        c.shortcut.as_str().into(),
        c.body.as_str().into(),
        c.usage_count.into(),
        c.created_at.into(),
        crate::store::Value::from(c.updated_at),
    ])
    .push(" RETURNING id")
    .one(tx)
    .await?;
    Ok(id)
}

pub(super) async fn update(tx: &mut Tx, c: &Canned) -> Result<u64> {
    sql("UPDATE canned_replies SET name = $1, shortcut = $2, body = $3, updated_at = $4 WHERE id = $5")
        .bind(c.name.as_str())
        .bind(c.shortcut.as_str())
        .bind(c.body.as_str())
        .bind(c.updated_at)
        .bind(c.id)
        .exec(tx)
        .await
}

pub(super) async fn delete(tx: &mut Tx, id: CannedId) -> Result<u64> {
    sql("DELETE FROM canned_replies WHERE id = ").arg(id).exec(tx).await
}

/// Counts that a message of `user` on a tenant's ticket was written with these; others' are passed over.
///
/// # Errors
/// See [`crate::store::Error`].
pub(crate) async fn count_use(
    tx: &mut Tx,
    user: Option<UserId>,
    tenant: TenantId,
    ids: &[CannedId],
    at: Time,
) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    sql("UPDATE canned_replies SET usage_count = usage_count + 1, used_at = ")
        .arg(at)
        .push(" WHERE (owner_id IS NULL OR owner_id = ")
        .arg(user)
        .push(") AND (tenant_id IS NULL OR tenant_id = ")
        .arg(tenant)
        .push(") AND id IN ")
        .among(ids.iter().copied())
        .exec(tx)
        .await?;
    Ok(())
}
