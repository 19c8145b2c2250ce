//! Canned replies: texts that are written again and again, with places for what differs from ticket to ticket.
//!
//! A shared one is everybody's of its tenant, or of all; a personal one its writer's alone. Written in Markdown.

mod sql;
mod variables;

pub use sql::Canned;
pub(crate) use sql::count_use;
pub use variables::VARIABLES;

use crate::access::refused::{Checks, Wrong};
use crate::access::{Actor, Capability, Noun, Refused};
use crate::app::App;
use crate::audit::{self, AuditKind, Entry};
use crate::clock::now;
use crate::compiled_here;
use crate::ids::{CannedId, TenantId};
use crate::markdown::{self, Written};
use crate::store::{Db, Tx};
use crate::tickets::{self, TicketRef};
use serde_json::json;
use variables::Values;

/// The longest text, in characters.
const LONGEST: usize = 20_000;

/// What makes a canned reply.
#[derive(Debug, Clone, Default)]
pub struct NewCanned {
    /// Whose tenant's; None: the actor's, or every tenant's where the actor has none.
    pub tenant: Option<TenantId>,
    /// What it is called.
    pub name: String,
    /// What is typed after `/`; None: made from the name.
    pub shortcut: Option<String>,
    /// The text: Markdown with [`VARIABLES`].
    pub body: String,
    /// For everybody, and not the actor alone.
    pub shared: bool,
}

/// What changes; None leaves as it is.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct CannedChange {
    pub name: Option<String>,
    pub shortcut: Option<String>,
    pub body: Option<String>,
}

/// Returns the canned replies that the actor can use, most used first. `tenant`: those that fit its tickets.
///
/// # Errors
/// `Denied` without `support.canned.use`.
#[compiled_here]
pub async fn list(db: &Db, actor: &Actor, tenant: Option<TenantId>) -> Result<Vec<Canned>, Refused> {
    actor.require(Capability::CannedUse)?;
    Ok(sql::list(&mut db.read(actor.rows()), actor.user, tenant.or(actor.within)).await?)
}

/// Returns one that the actor can use.
///
/// # Errors
/// `NotFound` for somebody else's and another tenant's; `Denied`.
#[compiled_here]
pub async fn get(db: &Db, actor: &Actor, id: CannedId) -> Result<Canned, Refused> {
    let found = sql::find(&mut db.read(actor.rows()), id).await?;
    let seen = found
        .filter(|c| c.tenant_id.is_none_or(|t| actor.sees_tenant(t)))
        .filter(|c| c.owner_id.is_none() || c.owner_id == actor.user);
    let seen = seen.ok_or(Refused::NotFound(Noun::CannedReply))?;
    actor.require(Capability::CannedUse)?;
    Ok(seen)
}

/// Makes one.
///
/// # Errors
/// `Denied`: a shared one needs `support.canned.manage`; wrong or taken values.
#[compiled_here]
pub async fn create(db: &Db, actor: &Actor, new: NewCanned) -> Result<Canned, Refused> {
    actor.require(Capability::CannedUse)?;
    if new.shared || actor.user.is_none() {
        actor.require(Capability::CannedManage)?;
    }
    let at = now();
    let mut canned = Canned {
        id: CannedId(0),
        tenant_id: new.tenant.or(actor.within),
        owner_id: actor.user.filter(|_| !new.shared),
        shortcut: new.shortcut.filter(|s| !s.trim().is_empty()).map_or_else(|| shortcut_of(&new.name), |s| trimmed(&s)),
        name: new.name.trim().to_owned(),
        body: new.body,
        usage_count: 0,
        used_at: None,
        created_at: at,
        updated_at: at,
    };
    check(&canned)?;
    let mut tx = db.write(actor.rows()).await?;
    canned.id = sql::insert(&mut tx, &canned).await.map_err(Refused::taken("shortcut"))?;
    note(&mut tx, actor, &canned, AuditKind::CannedMade).await?;
    tx.commit().await?;
    Ok(canned)
}

/// Changes one: one's own, or a shared one with `support.canned.manage`.
///
/// # Errors
/// `NotFound`, `Denied`, wrong or taken values.
#[compiled_here]
pub async fn update(db: &Db, actor: &Actor, id: CannedId, change: CannedChange) -> Result<Canned, Refused> {
    let mut canned = changeable(db, actor, id).await?;
    let before = canned.clone();
    canned.name = change.name.map_or(canned.name, |n| n.trim().to_owned());
    canned.shortcut = change.shortcut.map_or(canned.shortcut, |s| trimmed(&s));
    canned.body = change.body.unwrap_or(canned.body);
    if canned == before {
        return Ok(canned);
    }
    canned.updated_at = now();
    check(&canned)?;
    let mut tx = db.write(actor.rows()).await?;
    sql::update(&mut tx, &canned).await.map_err(Refused::taken("shortcut"))?;
    note(&mut tx, actor, &canned, AuditKind::CannedChanged).await?;
    tx.commit().await?;
    Ok(canned)
}

/// Removes one: one's own, or a shared one with `support.canned.manage`.
///
/// # Errors
/// `NotFound`, `Denied`.
#[compiled_here]
pub async fn delete(db: &Db, actor: &Actor, id: CannedId) -> Result<(), Refused> {
    let canned = changeable(db, actor, id).await?;
    let mut tx = db.write(actor.rows()).await?;
    sql::delete(&mut tx, id).await?;
    note(&mut tx, actor, &canned, AuditKind::CannedRemoved).await?;
    tx.commit().await?;
    Ok(())
}

/// What a canned reply says on a ticket.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The Markdown to put into the composer.
    pub body: String,
    /// What that looks like; not cleaned yet.
    pub written: Written,
}

/// Puts a ticket's values into a canned reply.
///
/// # Errors
/// `NotFound` for one that the actor cannot use, a ticket out of scope, or one of another tenant than the reply's.
#[compiled_here]
pub async fn resolve(app: &App, actor: &Actor, id: CannedId, ticket: &TicketRef) -> tickets::Result<Resolved> {
    let view = tickets::view(app, actor, ticket).await?;
    let canned = get(&app.db, actor, id).await.map_err(|e| match e {
        Refused::Denied(e) => tickets::Error::Denied(e),
        Refused::Store(e) => tickets::Error::Store(e),
        _ => tickets::Error::NotFound,
    })?;
    if canned.tenant_id.is_some_and(|t| t != view.ticket.tenant_id) {
        return Err(tickets::Error::NotFound);
    }
    let values = Values {
        requester_name: view.requester_name.as_deref().unwrap_or_default(),
        requester_email: &view.requester_email,
        pid: &view.ticket.pid,
        subject: &view.ticket.subject,
        agent: actor.name.as_deref().unwrap_or(&actor.email),
        tenant: &view.tenant_name,
    };
    let body = variables::fill(&canned.body, &values);
    Ok(Resolved { written: markdown::render(&body), body })
}

async fn changeable(db: &Db, actor: &Actor, id: CannedId) -> Result<Canned, Refused> {
    let canned = get(db, actor, id).await?;
    if canned.owner_id.is_none() {
        actor.require(Capability::CannedManage)?;
        // What all tenants use is for those who see all.
        if canned.tenant_id.is_none() && !actor.is_platform() {
            return Err(crate::access::Denied { capability: Capability::CannedManage }.into());
        }
    }
    Ok(canned)
}

fn check(canned: &Canned) -> Result<(), Refused> {
    let mut checks = Checks::default();
    checks.line("name", &canned.name, 120);
    checks.slug("shortcut", &canned.shortcut);
    checks.check(!canned.body.trim().is_empty(), "body", "must not be empty");
    checks.check(canned.body.chars().count() <= LONGEST, "body", "must have at most 20000 characters");
    checks.done()?;
    match variables::unknown(&canned.body) {
        None => Ok(()),
        Some(name) => {
            let message = format!("{name} is none of: {}", VARIABLES.join(", "));
            Err(Refused::Invalid(vec![Wrong::new("body", "variable_unknown", message)]))
        }
    }
}

/// What the audit keeps of what concerns all: personal ones are nobody's business.
async fn note(tx: &mut Tx, actor: &Actor, canned: &Canned, kind: AuditKind) -> crate::store::Result<()> {
    if canned.owner_id.is_some() {
        return Ok(());
    }
    let subject = format!("canned_reply:{}", canned.id);
    audit::record(tx, actor, Entry { tenant: canned.tenant_id, kind, subject, data: json!({}) }).await
}

fn trimmed(shortcut: &str) -> String {
    shortcut.trim().trim_start_matches('/').to_lowercase()
}

/// Returns what is typed for a name: its words' ASCII letters and digits.
fn shortcut_of(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty());
    words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-")
}
