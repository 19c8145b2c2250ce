//! Tenants: made, found, changed. A default one exists from the first start.

pub mod spam_rules;
mod sql;
mod types;

pub use types::{Audience, NewTenant, PidInSubject, Settings, Tenant, TenantChange};

use crate::access::refused::Checks;
use crate::access::{Actor, Capability, Noun, Refused, Wrong};
use crate::audit::{self, AuditKind, Entry};
use crate::clock::now;
use crate::compiled_here;
use crate::i18n::Locale;
use crate::ids::TenantId;
use crate::mailboxes;
use crate::store::{self, Db, Exec, Scope, Tx};
use serde_json::json;

/// The slug of the tenant that the first start makes.
pub const DEFAULT_SLUG: &str = "default";

/// Returns the default tenant, made if there is none. Hosts that start together agree.
///
/// # Errors
/// See [`store::Error`].
pub async fn ensure_default(tx: &mut Tx) -> store::Result<Tenant> {
    if let Some(found) = sql::find_by_slug(tx, DEFAULT_SLUG).await? {
        return Ok(found);
    }
    let tenant = Tenant {
        id: TenantId(0),
        slug: DEFAULT_SLUG.to_owned(),
        name: "Support".to_owned(),
        audience: Audience::Public,
        pid_prefix: None,
        locale: Locale::En,
        active: true,
        settings: Settings::default(),
        created_at: now(),
    };
    sql::insert(tx, &tenant, " ON CONFLICT (slug) DO NOTHING").await?;
    sql::find_by_slug(tx, DEFAULT_SLUG).await?.ok_or(store::Error::NotFound)
}

/// Returns the tenant that a client's word names: an id or a slug.
///
/// # Errors
/// See [`store::Error`].
pub async fn find(ex: &mut impl Exec, name: &str) -> store::Result<Option<Tenant>> {
    let name = name.trim();
    if let Some(found) = sql::find_by_slug(ex, name).await? {
        return Ok(Some(found));
    }
    match name.parse() {
        Ok(id) => sql::find_by_id(ex, id).await,
        Err(_) => Ok(None),
    }
}

/// Returns the default tenant, if the first start has made it.
///
/// # Errors
/// See [`store::Error`].
pub async fn find_default(ex: &mut impl Exec) -> store::Result<Option<Tenant>> {
    sql::find_by_slug(ex, DEFAULT_SLUG).await
}

/// Returns a tenant; for the program's own use, it asks no capability.
///
/// # Errors
/// `NotFound`, see [`store::Error`].
pub async fn load(ex: &mut impl Exec, id: TenantId) -> store::Result<Tenant> {
    sql::find_by_id(ex, id).await?.ok_or(store::Error::NotFound)
}

/// Returns a tenant of the actor's scope.
///
/// # Errors
/// `NotFound` outside the scope; `Denied` without `support.settings.manage`.
#[compiled_here]
pub async fn get(db: &Db, actor: &Actor, id: TenantId) -> Result<Tenant, Refused> {
    let found = match actor.sees_tenant(id) {
        true => sql::find_by_id(&mut db.read(Scope::All), id).await?,
        false => None,
    };
    let found = found.ok_or(Refused::NotFound(Noun::Tenant))?;
    actor.require(Capability::SettingsManage)?;
    Ok(found)
}

/// Returns a page of the actor's tenants, oldest first.
///
/// # Errors
/// `Denied` without `support.settings.manage`.
#[compiled_here]
pub async fn list(
    db: &Db,
    actor: &Actor,
    after: Option<TenantId>,
    limit: u32,
    offset: u32,
) -> Result<Vec<Tenant>, Refused> {
    actor.require(Capability::SettingsManage)?;
    Ok(sql::list(&mut db.read(actor.rows()), actor.within, after, limit, offset).await?)
}

/// Returns how many tenants the actor sees.
///
/// # Errors
/// `Denied` without `support.settings.manage`.
#[compiled_here]
pub async fn count(db: &Db, actor: &Actor) -> Result<i64, Refused> {
    actor.require(Capability::SettingsManage)?;
    Ok(if actor.within.is_some() { 1 } else { sql::count(&mut db.read(Scope::All)).await? })
}

/// Makes a tenant with its first mailbox, as without one its tickets could not be answered. Prefix and address are
/// derived from the slug if none is given.
///
/// # Errors
/// `Denied` without `support.tenants.manage` or for a tenant's own user; wrong or taken values.
#[compiled_here]
pub async fn create(db: &Db, actor: &Actor, new: NewTenant) -> Result<Tenant, Refused> {
    by_the_platform(actor)?;
    let settings = Settings::default().merged(&new.settings).map_err(|w| Refused::Invalid(vec![w]))?;
    let name = new.name.unwrap_or_else(|| new.slug.clone()).trim().to_owned();
    let pid_prefix = new.pid_prefix.map(|p| p.trim().to_ascii_uppercase()).filter(|p| !p.is_empty());
    check(&new.slug, &name, pid_prefix.as_deref())?;
    if let Some(address) = &new.mailbox {
        let mut checks = Checks::default();
        checks.email("mailbox", address);
        checks.done()?;
    }
    let mut tx = db.write(Scope::All).await?;
    let pid_prefix = match pid_prefix {
        Some(prefix) => prefix,
        None => free_prefix(&mut tx, &new.slug).await?,
    };
    if sql::find_by_slug(&mut tx, &new.slug).await?.is_some() {
        return Err(Refused::Taken { field: "slug" });
    }
    let mut tenant = Tenant {
        id: TenantId(0),
        slug: new.slug,
        name,
        audience: new.audience,
        pid_prefix: Some(pid_prefix),
        locale: new.locale,
        active: true,
        settings,
        created_at: now(),
    };
    tenant.id = sql::insert(&mut tx, &tenant, "").await.map_err(taken)?.ok_or(store::Error::NotFound)?;
    mailboxes::create_first(&mut tx, actor, &tenant, new.mailbox).await?;
    let data = json!({"audience": tenant.audience});
    audit::record(&mut tx, actor, entry(&tenant, AuditKind::TenantMade, data)).await?;
    tx.commit().await?;
    Ok(tenant)
}

/// Changes a tenant. Slug, prefix and audience are for the installation's owner, the rest for the tenant's admins. Closing
/// and opening are for the platform's: one's own tenant would shut one out. One tenant stays open.
/// A prefix can be changed until the first ticket bears it: freed, another tenant could take it and give out the same
/// PIDs again.
///
/// # Errors
/// `NotFound` outside the scope, `Denied`, wrong or taken values.
#[compiled_here]
pub async fn update(db: &Db, actor: &Actor, id: TenantId, change: TenantChange) -> Result<Tenant, Refused> {
    let before = get(db, actor, id).await?;
    if change.slug.is_some() || change.pid_prefix.is_some() || change.audience.is_some() {
        actor.require(Capability::TenantsManage)?;
    }
    if change.active.is_some() {
        by_the_platform(actor)?;
    }
    let mut tx = db.write(Scope::All).await?;
    if change.active == Some(false) && sql::lock_active(&mut tx).await? == [id] {
        let wrong = Wrong::new("active", "last_tenant", "one tenant must stay open");
        return Err(Refused::Invalid(vec![wrong]));
    }
    let mut tenant = sql::lock(&mut tx, id).await?.ok_or(Refused::NotFound(Noun::Tenant))?;
    tenant.settings = tenant.settings.merged(&change.settings).map_err(|w| Refused::Invalid(vec![w]))?;
    tenant.slug = change.slug.unwrap_or(tenant.slug);
    tenant.name = change.name.map_or(tenant.name, |n| n.trim().to_owned());
    tenant.audience = change.audience.unwrap_or(tenant.audience);
    tenant.locale = change.locale.unwrap_or(tenant.locale);
    tenant.active = change.active.unwrap_or(tenant.active);
    if let Some(prefix) = change.pid_prefix {
        tenant.pid_prefix = Some(prefix.trim().to_ascii_uppercase());
        if tenant.pid_prefix != before.pid_prefix && sql::has_pids(&mut tx, id).await? {
            return Err(Refused::invalid("pid_prefix", "tickets bear the present one already"));
        }
    }
    check(&tenant.slug, &tenant.name, tenant.pid_prefix.as_deref())?;
    if before.slug == DEFAULT_SLUG && tenant.slug != DEFAULT_SLUG {
        return Err(Refused::invalid("slug", "the default tenant keeps its slug"));
    }
    sql::update(&mut tx, &tenant).await.map_err(taken)?;
    let changed: Vec<&str> = [
        ("slug", before.slug != tenant.slug),
        ("name", before.name != tenant.name),
        ("audience", before.audience != tenant.audience),
        ("pid_prefix", before.pid_prefix != tenant.pid_prefix),
        ("locale", before.locale != tenant.locale),
        ("settings", before.settings != tenant.settings),
        ("active", before.active != tenant.active),
    ]
    .into_iter()
    .filter_map(|(name, changed)| changed.then_some(name))
    .collect();
    if !changed.is_empty() {
        let data = json!({"changed": changed, "active": tenant.active});
        audit::record(&mut tx, actor, entry(&tenant, AuditKind::TenantChanged, data)).await?;
        tx.commit().await?;
    }
    Ok(tenant)
}

fn by_the_platform(actor: &Actor) -> Result<(), Refused> {
    actor.require(Capability::TenantsManage)?;
    match actor.is_platform() {
        true => Ok(()),
        false => Err(crate::access::Denied { capability: Capability::TenantsManage }.into()),
    }
}

fn entry(tenant: &Tenant, kind: AuditKind, data: serde_json::Value) -> Entry {
    Entry { tenant: Some(tenant.id), kind, subject: format!("tenant:{}", tenant.id), data }
}

fn check(slug: &str, name: &str, prefix: Option<&str>) -> Result<(), Refused> {
    let mut checks = Checks::default();
    checks.slug("slug", slug);
    // A slug of digits alone could be taken for another tenant's id.
    checks.check(!slug.bytes().all(|b| b.is_ascii_digit()), "slug", "must not be a number");
    checks.line("name", name, 200);
    let fine = prefix.is_none_or(types::is_prefix);
    checks.check(fine, "pid_prefix", "must be 1 to 8 of A-Z and 0-9, beginning with a letter");
    checks.done()
}

/// The first derived prefix that is free now; the unique index decides about races.
async fn free_prefix(tx: &mut Tx, slug: &str) -> Result<String, Refused> {
    for prefix in types::prefixes(slug) {
        if !sql::prefix_exists(tx, &prefix).await? {
            return Ok(prefix);
        }
    }
    Err(Refused::Invalid(vec![Wrong::new("pid_prefix", "required", "none could be derived: give one")]))
}

fn taken(e: store::Error) -> Refused {
    match &e {
        store::Error::Conflict { constraint, .. } if e.is_unique() => {
            Refused::Taken { field: if constraint.contains("prefix") { "pid_prefix" } else { "slug" } }
        }
        _ => e.into(),
    }
}

/// Returns the tenant that something new is to belong to: the one named, else the one the actor acts within, else the
/// default one.
///
/// # Errors
/// `NotFound` if it is outside the actor's scope or there is none.
#[compiled_here]
pub async fn target(db: &Db, actor: &Actor, named: Option<TenantId>) -> Result<Tenant, Refused> {
    let mut read = db.read(Scope::All);
    let found = match named.or(actor.within) {
        Some(id) if !actor.sees_tenant(id) => None,
        Some(id) => sql::find_by_id(&mut read, id).await?,
        None => sql::find_by_slug(&mut read, DEFAULT_SLUG).await?,
    };
    found.ok_or(Refused::NotFound(Noun::Tenant))
}
