//! Saved views: searches that people keep in the queue's rail, for themselves or shared with everybody of their tenant.
//!
//! What a view lists is decided by who looks, as for every search: a shared view shows nobody a ticket beyond their scope.

mod sql;
mod types;

pub use types::{NewView, SavedView, ViewChange};

use crate::access::refused::Checks;
use crate::access::{Actor, Capability, Noun, Refused};
use crate::clock::now;
use crate::compiled_here;
use crate::ids::SavedViewId;
use crate::search::query::Query;
use crate::store::{self, Db};
use crate::tickets::Sort;

/// How many views one person may keep.
const MOST: i64 = 100;

/// Returns the views that the actor sees, in the order of the rail: their own, and those that are shared with them.
/// Nothing for those who cannot have any.
///
/// # Errors
/// See [`store::Error`].
#[compiled_here]
pub async fn list(db: &Db, actor: &Actor) -> store::Result<Vec<SavedView>> {
    match actor.user.filter(|_| actor.can(Capability::ViewsSave)) {
        Some(user) => sql::list(&mut db.read(actor.rows()), user, actor.within).await,
        None => Ok(Vec::new()),
    }
}

/// Returns a view that the actor sees.
///
/// # Errors
/// `NotFound` outside the scope, somebody else's own ones included; `Denied` without `support.views.save`.
#[compiled_here]
pub async fn get(db: &Db, actor: &Actor, id: SavedViewId) -> Result<SavedView, Refused> {
    let found = sql::find(&mut db.read(actor.rows()), id).await?;
    let own = |v: &SavedView| Some(v.owner_id) == actor.user;
    let with_me = |v: &SavedView| v.shared && v.tenant_id == actor.within;
    let found = found.filter(|v| own(v) || with_me(v)).ok_or(Refused::NotFound(Noun::SavedView))?;
    actor.require(Capability::ViewsSave)?;
    Ok(found)
}

/// Keeps a search as the last view of its owner's.
///
/// # Errors
/// `Denied` without `support.views.save`, or without `support.views.share` for one that is shared; wrong values.
#[compiled_here]
pub async fn create(db: &Db, actor: &Actor, new: NewView) -> Result<SavedView, Refused> {
    actor.require(Capability::ViewsSave)?;
    if new.shared {
        actor.require(Capability::ViewsShare)?;
    }
    let owner = actor.user.ok_or(Refused::NotFound(Noun::User))?;
    let at = now();
    let mut view = SavedView {
        id: SavedViewId(0),
        tenant_id: actor.within,
        owner_id: owner,
        shared: new.shared,
        name: new.name.trim().to_owned(),
        query: new.query.trim().to_owned(),
        sort: new.sort.unwrap_or_else(|| Sort::default().to_string()),
        position: 0,
        created_at: at,
        updated_at: at,
    };
    check(&view)?;
    let mut tx = db.write(actor.rows()).await?;
    let (count, last) = sql::of_owner(&mut tx, owner).await?;
    if count >= MOST {
        return Err(Refused::invalid("name", format!("there are {MOST} views already; remove one first")));
    }
    view.position = last + 1;
    view.id = sql::insert(&mut tx, &view).await?;
    tx.commit().await?;
    Ok(view)
}

/// Changes a view: one's own, or a shared one with `support.views.share`.
///
/// # Errors
/// `NotFound` outside the scope, `Denied`, wrong values.
#[compiled_here]
pub async fn update(db: &Db, actor: &Actor, id: SavedViewId, change: ViewChange) -> Result<SavedView, Refused> {
    let mut view = get(db, actor, id).await?;
    if view.shared || change.shared == Some(true) {
        actor.require(Capability::ViewsShare)?;
    }
    view.name = change.name.map_or(view.name, |n| n.trim().to_owned());
    view.query = change.query.map_or(view.query, |q| q.trim().to_owned());
    view.sort = change.sort.unwrap_or(view.sort);
    view.shared = change.shared.unwrap_or(view.shared);
    view.position = change.position.unwrap_or(view.position);
    view.updated_at = now();
    check(&view)?;
    let mut tx = db.write(actor.rows()).await?;
    sql::update(&mut tx, &view).await?;
    tx.commit().await?;
    Ok(view)
}

/// Removes a view: one's own, or a shared one with `support.views.share`.
///
/// # Errors
/// `NotFound` outside the scope, `Denied`.
#[compiled_here]
pub async fn remove(db: &Db, actor: &Actor, id: SavedViewId) -> Result<(), Refused> {
    let view = get(db, actor, id).await?;
    if view.shared {
        actor.require(Capability::ViewsShare)?;
    }
    let mut tx = db.write(actor.rows()).await?;
    sql::delete(&mut tx, id).await?;
    tx.commit().await?;
    Ok(())
}

fn check(view: &SavedView) -> Result<(), Refused> {
    let mut checks = Checks::default();
    checks.line("name", &view.name, 60);
    checks.check(view.query.chars().count() <= 1000, "query", "must have at most 1000 characters");
    if let Err(wrong) = Query::parse(&view.query) {
        checks.check(false, "query", &wrong.to_string());
    }
    let sorts =
        "must be created_at, updated_at, last_activity_at, priority or status, with - before it for the largest first";
    checks.check(view.sort.parse::<Sort>().is_ok(), "sort", sorts);
    checks.done()
}
