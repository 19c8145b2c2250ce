//! The SQL of tenants.

use super::types::{Audience, Settings, Tenant};
use crate::clock::Time;
use crate::i18n::Locale;
use crate::ids::TenantId;
use crate::store::{Exec, Q, Result, Tx, dialect, sql};

#[derive(sqlx::FromRow)]
struct Row {
    id: TenantId,
    slug: String,
    name: String,
    audience: Audience,
    pid_prefix: Option<String>,
    locale: Locale,
    active: bool,
    settings: String,
    created_at: Time,
}

impl From<Row> for Tenant {
    fn from(r: Row) -> Tenant {
        Tenant {
            id: r.id,
            slug: r.slug,
            name: r.name,
            audience: r.audience,
            pid_prefix: r.pid_prefix,
            locale: r.locale,
            active: r.active,
            settings: Settings::from_json(&r.settings),
            created_at: r.created_at,
        }
    }
}

fn select() -> Q {
    sql("SELECT id, slug, name, audience, pid_prefix, locale, active, settings, created_at FROM tenants WHERE ")
}

async fn find(ex: &mut impl Exec, q: Q) -> Result<Option<Tenant>> {
    Ok(q.opt::<Row>(ex).await?.map(Tenant::from))
}

pub(super) async fn find_by_id(ex: &mut impl Exec, id: TenantId) -> Result<Option<Tenant>> {
    find(ex, select().push("id = ").arg(id)).await
}

pub(super) async fn find_by_slug(ex: &mut impl Exec, slug: &str) -> Result<Option<Tenant>> {
    find(ex, select().push("slug = ").arg(slug)).await
}

pub(super) async fn lock(tx: &mut Tx, id: TenantId) -> Result<Option<Tenant>> {
    let lock = dialect::for_update(tx);
    find(tx, select().push("id = ").arg(id).push(lock)).await
}

/// Locks the tenants that are open, in the order in which everybody does.
pub(super) async fn lock_active(tx: &mut Tx) -> Result<Vec<TenantId>> {
    let lock = dialect::for_update(tx);
    let rows: Vec<(TenantId,)> = sql("SELECT id FROM tenants WHERE active ORDER BY id").push(lock).all(tx).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

pub(super) async fn list(
    ex: &mut impl Exec,
    only: Option<TenantId>,
    after: Option<TenantId>,
    limit: u32,
    offset: u32,
) -> Result<Vec<Tenant>> {
    let mut q = select().push("id > ").arg(after.unwrap_or(TenantId(0)));
    if let Some(id) = only {
        q = q.push(" AND id = ").arg(id);
    }
    let rows: Vec<Row> = q.push(" ORDER BY id LIMIT ").arg(limit).push(" OFFSET ").arg(offset).all(ex).await?;
    Ok(rows.into_iter().map(Tenant::from).collect())
}

pub(super) async fn count(ex: &mut impl Exec) -> Result<i64> {
    let (n,): (i64,) = sql("SELECT COUNT(*) FROM tenants").one(ex).await?;
    Ok(n)
}

pub(super) async fn prefix_exists(ex: &mut impl Exec, prefix: &str) -> Result<bool> {
    let row: Option<(TenantId,)> = sql("SELECT id FROM tenants WHERE pid_prefix = $1").bind(prefix).opt(ex).await?;
    Ok(row.is_some())
}

pub(super) async fn has_pids(ex: &mut impl Exec, id: TenantId) -> Result<bool> {
    let row: Option<(TenantId,)> =
        sql("SELECT tenant_id FROM pid_counters WHERE tenant_id = $1 LIMIT 1").bind(id).opt(ex).await?;
    Ok(row.is_some())
}

pub(super) async fn insert(tx: &mut Tx, t: &Tenant, tail: &'static str) -> Result<Option<TenantId>> {
    let row: Option<(TenantId,)> =
        sql("INSERT INTO tenants (slug, name, audience, pid_prefix, locale, settings, created_at) VALUES ")
            .list([
                t.slug.as_str().into(),
                t.name.as_str().into(),
                t.audience.into(),
                t.pid_prefix.clone().into(),
                t.locale.into(),
                json(&t.settings),
                crate::store::Value::from(t.created_at),
            ])
            .push(tail)
            .push(" RETURNING id")
            .opt(tx)
            .await?;
    Ok(row.map(|(id,)| id))
}

pub(super) async fn update(tx: &mut Tx, t: &Tenant) -> Result<()> {
    sql("UPDATE tenants SET slug = $1, name = $2, audience = $3, pid_prefix = $4, locale = $5, settings = $6, active = $7 WHERE id = $8")
        .bind(t.slug.as_str())
        .bind(t.name.as_str())
        .bind(t.audience)
        .bind(t.pid_prefix.clone())
        .bind(t.locale)
        .bind(json(&t.settings))
        .bind(t.active)
        .bind(t.id)
        .exec(tx)
        .await?;
    Ok(())
}

fn json(settings: &Settings) -> crate::store::Value {
    serde_json::to_string(settings).expect("settings are plain data").into()
}
