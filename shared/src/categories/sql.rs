//! The SQL of categories.

use super::types::Category;
use crate::ids::{CategoryId, TenantId, UserId};
use crate::store::{Exec, Q, Result, Tx, sql};

fn select() -> Q {
    sql(
        "SELECT id, tenant_id, parent_id, slug, name, description, default_assignee, active, created_at FROM categories WHERE ",
    )
}

pub(super) async fn find(ex: &mut impl Exec, id: CategoryId) -> Result<Option<Category>> {
    select().push("id = ").arg(id).opt(ex).await
}

/// A tenant's own category comes before the one of all tenants with the same slug.
pub(super) async fn find_by_slug(ex: &mut impl Exec, tenant: TenantId, slug: &str) -> Result<Option<Category>> {
    select()
        .push("(tenant_id = ")
        .arg(tenant)
        .push(" OR tenant_id IS NULL) AND slug = ")
        .arg(slug)
        .push(" COLLATE folded ORDER BY CASE WHEN tenant_id IS NULL THEN 1 ELSE 0 END, id LIMIT 1")
        .opt(ex)
        .await
}

/// Those of `tenant` and of all tenants; every one for None.
pub(super) async fn list(
    ex: &mut impl Exec,
    tenant: Option<TenantId>,
    after: Option<CategoryId>,
    limit: u32,
    offset: u32,
) -> Result<Vec<Category>> {
    let q = within(select().push("id > ").arg(after.unwrap_or(CategoryId(0))), tenant);
    q.push(" ORDER BY id LIMIT ").arg(limit).push(" OFFSET ").arg(offset).all(ex).await
}

pub(super) async fn count(ex: &mut impl Exec, tenant: Option<TenantId>) -> Result<i64> {
    let (n,): (i64,) = within(sql("SELECT COUNT(*) FROM categories WHERE 1 = 1"), tenant).one(ex).await?;
    Ok(n)
}

fn within(q: Q, tenant: Option<TenantId>) -> Q {
    match tenant {
        Some(tenant) => q.push(" AND (tenant_id IS NULL OR tenant_id = ").arg(tenant).push(")"),
        None => q,
    }
}

/// Whether `below` lies in `category`, at any depth, or is it.
pub(super) async fn lies_in(ex: &mut impl Exec, below: CategoryId, category: CategoryId) -> Result<bool> {
    let row: Option<(CategoryId,)> = sql("WITH RECURSIVE up (id, parent_id) AS (\
         SELECT id, parent_id FROM categories WHERE id = $1 \
         UNION SELECT c.id, c.parent_id FROM categories c JOIN up ON c.id = up.parent_id) \
         SELECT id FROM up WHERE id = $2")
    .bind(below)
    .bind(category)
    .opt(ex)
    .await?;
    Ok(row.is_some())
}

/// Whether a user may get a tenant's tickets: an agent of it, or of the platform.
pub(super) async fn can_be_assigned(ex: &mut impl Exec, user: UserId, tenant: Option<TenantId>) -> Result<bool> {
    let q = sql(
        "SELECT id FROM users WHERE active AND role IN ('support', 'agent', 'sub_admin', 'admin', 'owner') AND id = ",
    )
    .arg(user)
    .push(" AND (tenant_id IS NULL OR tenant_id = ")
    .arg(tenant)
    .push(")");
    let row: Option<(UserId,)> = q.opt(ex).await?;
    Ok(row.is_some())
}

pub(super) async fn insert(tx: &mut Tx, c: &Category, tail: &'static str) -> Result<Option<CategoryId>> {
    let row: Option<(CategoryId,)> = sql("INSERT INTO categories (tenant_id, parent_id, slug, name, description, \
         default_assignee, created_at) VALUES ")
    .list([
        c.tenant_id.into(),
        c.parent_id.into(),
        c.slug.as_str().into(),
        c.name.as_str().into(),
        c.description.clone().into(),
        c.default_assignee.into(),
        crate::store::Value::from(c.created_at),
    ])
    .push(tail)
    .push(" RETURNING id")
    .opt(tx)
    .await?;
    Ok(row.map(|(id,)| id))
}

pub(super) async fn update(tx: &mut Tx, c: &Category) -> Result<()> {
    sql("UPDATE categories SET parent_id = $1, slug = $2, name = $3, description = $4, default_assignee = $5, active = $6 WHERE id = $7")
        .bind(c.parent_id)
        .bind(c.slug.as_str())
        .bind(c.name.as_str())
        .bind(c.description.clone())
        .bind(c.default_assignee)
        .bind(c.active)
        .bind(c.id)
        .exec(tx)
        .await?;
    Ok(())
}
