//! Categories: nested subjects of tickets, a tenant's own or all tenants'.

mod sql;
mod types;

pub use types::{Category, CategoryChange, NewCategory};

use crate::access::refused::Checks;
use crate::access::{Actor, Capability, Noun, Refused};
use crate::audit::{self, AuditKind, Entry};
use crate::clock::now;
use crate::compiled_here;
use crate::ids::{CategoryId, TenantId};
use crate::store::{self, Db, Exec, Tx};
use crate::tenants;
use serde_json::json;

/// What every installation starts with.
const SEED: &[(&str, &str)] = &[
    ("deploy", "Deployment"),
    ("billing", "Billing"),
    ("preview", "Preview"),
    ("bug", "Bug"),
    ("question", "Question"),
];

/// Makes the categories that every installation starts with, at the first start only: none that an admin renamed
/// comes back. Call it where the default tenant is made.
///
/// # Errors
/// See [`store::Error`].
pub async fn ensure_seeded(tx: &mut Tx) -> store::Result<()> {
    if sql::count(tx, None).await? > 0 {
        return Ok(());
    }
    for (slug, name) in SEED {
        let category = Category {
            id: CategoryId(0),
            tenant_id: None,
            parent_id: None,
            slug: (*slug).to_owned(),
            name: (*name).to_owned(),
            description: None,
            default_assignee: None,
            active: true,
            created_at: now(),
        };
        sql::insert(tx, &category, " ON CONFLICT DO NOTHING").await?;
    }
    Ok(())
}

/// Returns the category that a tenant's ticket may have by this name: an id or a slug, in any case.
///
/// # Errors
/// See [`store::Error`].
pub async fn find(ex: &mut impl Exec, tenant: TenantId, name: &str) -> store::Result<Option<Category>> {
    let name = name.trim();
    if let Some(found) = sql::find_by_slug(ex, tenant, name).await? {
        return Ok(Some(found));
    }
    let Ok(id) = name.parse() else { return Ok(None) };
    Ok(sql::find(ex, id).await?.filter(|c| c.tenant_id.is_none_or(|t| t == tenant)))
}

/// Returns a page of the categories that the actor's tickets may have, oldest first.
///
/// # Errors
/// `Denied` without `support.categories.read`.
#[compiled_here]
pub async fn list(
    db: &Db,
    actor: &Actor,
    after: Option<CategoryId>,
    limit: u32,
    offset: u32,
) -> Result<Vec<Category>, Refused> {
    actor.require(Capability::CategoriesRead)?;
    Ok(sql::list(&mut db.read(actor.rows()), actor.within, after, limit, offset).await?)
}

/// Returns how many [`list`] gives in all.
///
/// # Errors
/// `Denied` without `support.categories.read`.
#[compiled_here]
pub async fn count(db: &Db, actor: &Actor) -> Result<i64, Refused> {
    actor.require(Capability::CategoriesRead)?;
    Ok(sql::count(&mut db.read(actor.rows()), actor.within).await?)
}

/// Returns a category.
///
/// # Errors
/// `NotFound` outside the scope; `Denied` without `support.categories.read`.
#[compiled_here]
pub async fn get(db: &Db, actor: &Actor, id: CategoryId) -> Result<Category, Refused> {
    let found = sql::find(&mut db.read(actor.rows()), id).await?;
    let found = found.filter(|c| c.tenant_id.is_none_or(|t| actor.sees_tenant(t)));
    let found = found.ok_or(Refused::NotFound(Noun::Category))?;
    actor.require(Capability::CategoriesRead)?;
    Ok(found)
}

/// Makes a category.
///
/// # Errors
/// `Denied`; `NotFound` for another tenant; wrong or taken values.
#[compiled_here]
pub async fn create(db: &Db, actor: &Actor, new: NewCategory) -> Result<Category, Refused> {
    actor.require(Capability::CategoriesManage)?;
    let tenant_id = match new.tenant.or(actor.within) {
        Some(named) => Some(tenants::target(db, actor, Some(named)).await?.id),
        None => None,
    };
    let mut category = Category {
        id: CategoryId(0),
        tenant_id,
        parent_id: new.parent,
        slug: new.slug.unwrap_or_else(|| types::slug_of(&new.name)),
        name: new.name.trim().to_owned(),
        description: new.description.filter(|d| !d.trim().is_empty()),
        default_assignee: new.default_assignee,
        active: true,
        created_at: now(),
    };
    let mut tx = db.write(actor.rows()).await?;
    check(&mut tx, &category).await?;
    let id = sql::insert(&mut tx, &category, "").await.map_err(Refused::taken("slug"))?;
    category.id = id.ok_or(store::Error::NotFound)?;
    let data = json!({"parent_id": category.parent_id});
    audit::record(&mut tx, actor, entry(&category, AuditKind::CategoryMade, data)).await?;
    tx.commit().await?;
    Ok(category)
}

/// Changes a category. Those of all tenants are for platform users.
///
/// # Errors
/// `NotFound` outside the scope, `Denied`, wrong or taken values.
#[compiled_here]
pub async fn update(db: &Db, actor: &Actor, id: CategoryId, change: CategoryChange) -> Result<Category, Refused> {
    let mut category = get(db, actor, id).await?;
    actor.require(Capability::CategoriesManage)?;
    if category.tenant_id.is_none() && !actor.is_platform() {
        return Err(crate::access::Denied { capability: Capability::CategoriesManage }.into());
    }
    let before = category.clone();
    category.parent_id = change.parent.unwrap_or(category.parent_id);
    category.slug = change.slug.unwrap_or(category.slug);
    category.name = change.name.map_or(category.name, |n| n.trim().to_owned());
    category.description = change.description.unwrap_or(category.description).filter(|d| !d.trim().is_empty());
    category.default_assignee = change.default_assignee.unwrap_or(category.default_assignee);
    category.active = change.active.unwrap_or(category.active);
    if category == before {
        return Ok(category);
    }
    let mut tx = db.write(actor.rows()).await?;
    check(&mut tx, &category).await?;
    sql::update(&mut tx, &category).await.map_err(Refused::taken("slug"))?;
    let data = json!({
        "parent_id": category.parent_id, "default_assignee": category.default_assignee, "active": category.active,
    });
    audit::record(&mut tx, actor, entry(&category, AuditKind::CategoryChanged, data)).await?;
    tx.commit().await?;
    Ok(category)
}

async fn check(tx: &mut Tx, category: &Category) -> Result<(), Refused> {
    let mut checks = Checks::default();
    checks.slug("slug", &category.slug);
    checks.line("name", &category.name, 200);
    checks.check(
        category.description.as_ref().is_none_or(|d| d.chars().count() <= 2000),
        "description",
        "must have at most 2000 characters",
    );
    if let Some(parent) = category.parent_id {
        // A category of all tenants lies in such a one only; a tenant's own in its own or in one of all tenants.
        let found = sql::find(tx, parent).await?;
        let fits = found.is_some_and(|p| p.tenant_id.is_none() || p.tenant_id == category.tenant_id);
        checks.check(fits, "parent_id", "names no category of this tenant");
        if fits && category.id.0 != 0 {
            let below = sql::lies_in(tx, parent, category.id).await?;
            checks.check(!below, "parent_id", "lies within this category");
        }
    }
    if let Some(user) = category.default_assignee {
        let fits = sql::can_be_assigned(tx, user, category.tenant_id).await?;
        checks.check(fits, "default_assignee", "names no agent of this tenant");
    }
    checks.done()
}

fn entry(category: &Category, kind: AuditKind, data: serde_json::Value) -> Entry {
    Entry { tenant: category.tenant_id, kind, subject: format!("category:{}", category.id), data }
}
