//! The SQL of users.

use super::types::{Filter, TenantRef, User};
use crate::access::{Capabilities, Role};
use crate::clock::Time;
use crate::i18n::Locale;
use crate::ids::{TenantId, UserId};
use crate::store::{Exec, Q, Result, Tx, dialect, sql};
use crate::tenants::{Audience, Settings};

#[derive(sqlx::FromRow)]
pub(crate) struct Row {
    id: UserId,
    email: String,
    name: Option<String>,
    role: Role,
    member: bool,
    active: bool,
    locale: Option<Locale>,
    has_password: bool,
    two_factor: bool,
    capabilities: String,
    created_at: Time,
    updated_at: Time,
    tenant_id: Option<TenantId>,
    slug: Option<String>,
    tenant_name: Option<String>,
    tenant_active: Option<bool>,
    audience: Option<Audience>,
    settings: Option<String>,
}

impl From<Row> for User {
    fn from(r: Row) -> User {
        let tenant = match (r.tenant_id, r.slug, r.tenant_name) {
            (Some(id), Some(slug), Some(name)) => {
                Some(TenantRef { id, slug, name, active: r.tenant_active.unwrap_or(true) })
            }
            _ => None,
        };
        User {
            id: r.id,
            // A platform user is a member of all tenants.
            member: r.member || tenant.is_none(),
            tenant,
            email: r.email,
            name: r.name,
            role: r.role,
            active: r.active,
            locale: r.locale,
            has_password: r.has_password,
            two_factor: r.two_factor,
            extra: Capabilities::from_json(&r.capabilities),
            shares_tickets: r.audience == Some(Audience::Organisation),
            agents_may_assign: r.settings.is_some_and(|s| Settings::from_json(&s).agents_may_assign),
            created_at: r.created_at,
            updated_at: r.updated_at,
        }
    }
}

/// The columns of [`Row`], for `users u LEFT JOIN tenants n`.
pub(crate) const COLUMNS: &str = "u.id, u.email, u.name, u.role, u.member, u.active, u.locale, \
     u.password_hash IS NOT NULL AS has_password, \
     EXISTS (SELECT 1 FROM two_factor f WHERE f.user_id = u.id AND f.confirmed_at IS NOT NULL) AS two_factor, u.capabilities, u.created_at, u.updated_at, u.tenant_id, n.slug, \
     n.name AS tenant_name, n.active AS tenant_active, n.audience, n.settings";

fn select() -> Q {
    sql("SELECT ").push(COLUMNS).push(" FROM users u LEFT JOIN tenants n ON n.id = u.tenant_id WHERE ")
}

pub(super) async fn find(ex: &mut impl Exec, id: UserId) -> Result<Option<User>> {
    Ok(select().push("u.id = ").arg(id).opt::<Row>(ex).await?.map(User::from))
}

pub(super) async fn find_by_key(ex: &mut impl Exec, tenant: Option<TenantId>, key: &str) -> Result<Option<User>> {
    let q = select().push("u.email_key = ").arg(key);
    let q = match tenant {
        Some(tenant) => q.push(" AND u.tenant_id = ").arg(tenant),
        None => q.push(" AND u.tenant_id IS NULL"),
    };
    Ok(q.opt::<Row>(ex).await?.map(User::from))
}

/// Active users with an address: of a tenant and of the platform, or of all.
pub(crate) async fn find_active(ex: &mut impl Exec, key: &str, tenant: Option<TenantId>) -> Result<Vec<User>> {
    let mut q = select().push("u.active AND u.email_key = ").arg(key);
    if let Some(tenant) = tenant {
        q = q.push(" AND (u.tenant_id IS NULL OR u.tenant_id = ").arg(tenant).push(")");
    }
    let rows: Vec<Row> = q.push(" ORDER BY u.id LIMIT 20").all(ex).await?;
    Ok(rows.into_iter().map(User::from).collect())
}

pub(crate) async fn password_hash(ex: &mut impl Exec, id: UserId) -> Result<Option<String>> {
    let row: Option<(Option<String>,)> = sql("SELECT password_hash FROM users WHERE id = $1").bind(id).opt(ex).await?;
    Ok(row.and_then(|(hash,)| hash))
}

pub(super) async fn lock(tx: &mut Tx, id: UserId) -> Result<()> {
    let lock = dialect::for_update(tx);
    let _: (UserId,) = sql("SELECT id FROM users WHERE id = ").arg(id).push(lock).one(tx).await?;
    Ok(())
}

/// Locks all owners' rows, so that two of them cannot take the last one's place away at once.
pub(super) async fn active_platform_owners(tx: &mut Tx) -> Result<Vec<UserId>> {
    let lock = dialect::for_update(tx);
    let rows: Vec<(UserId,)> = sql("SELECT id FROM users WHERE tenant_id IS NULL AND active AND role = ")
        .arg(Role::Owner)
        .push(" ORDER BY id")
        .push(lock)
        .all(tx)
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

pub(super) async fn list(
    ex: &mut impl Exec,
    within: Option<TenantId>,
    filter: &Filter,
    after: Option<UserId>,
    page: (u32, u32),
) -> Result<Vec<User>> {
    let q = wanted(select().push("u.id > ").arg(after.unwrap_or(UserId(0))), within, filter);
    let (limit, offset) = page;
    let rows: Vec<Row> = q.push(" ORDER BY u.id LIMIT ").arg(limit).push(" OFFSET ").arg(offset).all(ex).await?;
    Ok(rows.into_iter().map(User::from).collect())
}

pub(super) async fn count(ex: &mut impl Exec, within: Option<TenantId>, filter: &Filter) -> Result<i64> {
    let q = sql("SELECT COUNT(*) FROM users u WHERE 1 = 1");
    let (n,): (i64,) = wanted(q, within, filter).one(ex).await?;
    Ok(n)
}

fn wanted(mut q: Q, within: Option<TenantId>, filter: &Filter) -> Q {
    for tenant in [within, filter.tenant].into_iter().flatten() {
        q = q.push(" AND u.tenant_id = ").arg(tenant);
    }
    if let Some(role) = filter.role {
        q = q.push(" AND u.role = ").arg(role);
    }
    if filter.team {
        q = q.push(" AND u.role IN ").list(Role::ALL.iter().copied().filter(|r| r.is_agent()));
    }
    if let Some(active) = filter.active {
        q = q.push(" AND u.active = ").arg(active);
    }
    if let Some(email) = &filter.email {
        q = q.push(" AND u.email_key = ").arg(crate::address::key(email));
    }
    if let Some(text) = &filter.q {
        let pattern = format!("{}%", text.to_lowercase().replace(['\\', '%', '_'], ""));
        q = q.push(" AND (u.email_key LIKE ").arg(&pattern).push(" OR LOWER(u.name) LIKE ").arg(&pattern).push(")");
    }
    q
}

/// All agents who can be given a tenant's tickets, by name: those of the tenant and of the platform.
pub(super) async fn agents(ex: &mut impl Exec, tenant: Option<TenantId>) -> Result<Vec<User>> {
    let mut q = select().push("u.active AND u.role IN ").list(Role::ALL.iter().copied().filter(|r| r.is_agent()));
    if let Some(tenant) = tenant {
        q = q.push(" AND (u.tenant_id IS NULL OR u.tenant_id = ").arg(tenant).push(")");
    }
    let rows: Vec<Row> = q.push(" ORDER BY u.id LIMIT 1000").all(ex).await?;
    Ok(rows.into_iter().map(User::from).collect())
}

/// A user's row as it is written.
pub(super) struct Write<'a> {
    pub tenant: Option<TenantId>,
    pub email: &'a str,
    pub name: Option<&'a str>,
    pub role: Role,
    pub member: bool,
    pub locale: Option<Locale>,
    pub password_hash: Option<String>,
    pub extra: Capabilities,
    pub at: Time,
}

pub(super) async fn insert(tx: &mut Tx, w: Write<'_>) -> Result<UserId> {
    let (id,): (UserId,) = sql("INSERT INTO users (tenant_id, email, email_key, name, role, member, active, locale, \
         password_hash, capabilities, preferences, created_at, updated_at) VALUES ")
    .list([
        w.tenant.into(),
        w.email.into(),
        crate::address::key(w.email).into(),
        w.name.into(),
        w.role.into(),
        w.member.into(),
        true.into(),
        w.locale.into(),
        w.password_hash.into(),
        w.extra.to_json().into(),
        "{}".into(),
        w.at.into(),
        crate::store::Value::from(w.at),
    ])
    .push(" RETURNING id")
    .one(tx)
    .await?;
    Ok(id)
}

pub(super) async fn update(tx: &mut Tx, u: &User, at: Time) -> Result<()> {
    sql("UPDATE users SET name = $1, role = $2, member = $3, active = $4, locale = $5, capabilities = $6, \
         updated_at = $7 WHERE id = $8")
    .bind(u.name.clone())
    .bind(u.role)
    .bind(u.member)
    .bind(u.active)
    .bind(u.locale)
    .bind(u.extra.to_json())
    .bind(at)
    .bind(u.id)
    .exec(tx)
    .await?;
    Ok(())
}

pub(super) async fn set_password(tx: &mut Tx, id: UserId, hash: &str, at: Time) -> Result<()> {
    sql("UPDATE users SET password_hash = $1, updated_at = $2 WHERE id = $3")
        .bind(hash)
        .bind(at)
        .bind(id)
        .exec(tx)
        .await?;
    Ok(())
}

pub(super) async fn preferences(tx: &mut Tx, id: UserId) -> Result<Option<String>> {
    let lock = crate::store::dialect::for_update(tx);
    let row: Option<(String,)> = sql("SELECT preferences FROM users WHERE id = ").arg(id).push(lock).opt(tx).await?;
    Ok(row.map(|(text,)| text))
}

pub(super) async fn read_preferences(ex: &mut impl Exec, id: UserId) -> Result<String> {
    let (text,): (String,) = sql("SELECT preferences FROM users WHERE id = ").arg(id).one(ex).await?;
    Ok(text)
}

pub(super) async fn set_preferences(tx: &mut Tx, id: UserId, text: String, at: Time) -> Result<()> {
    sql("UPDATE users SET preferences = $1, updated_at = $2 WHERE id = $3")
        .bind(text)
        .bind(at)
        .bind(id)
        .exec(tx)
        .await?;
    Ok(())
}

pub(super) async fn any_user_of(ex: &mut impl Exec, role: Role) -> Result<bool> {
    let row: Option<(UserId,)> =
        sql("SELECT id FROM users WHERE tenant_id IS NULL AND role = $1 LIMIT 1").bind(role).opt(ex).await?;
    Ok(row.is_some())
}
