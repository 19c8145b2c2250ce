//! The audit of what concerns no ticket, and one view over it and all tickets' timelines.
//!
//! Append-only (the database refuses changes). Written in the transaction of the change that it tells of. `data` holds
//! ids, enum values and names of fields, never texts or addresses of users.

mod kinds;
mod sql;

pub use kinds::AuditKind;
pub use sql::{AuditRow, Place};

use crate::access::{Actor, ActorKind, Capability, Denied, Refused};
use crate::clock::{Time, now};
use crate::compiled_here;
use crate::events::EventKind;
use crate::ids::{TenantId, TicketId, UserId};
use crate::store::{self, Db, Tx};
use serde_json::Value as Json;

/// What happened.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Whose audit it belongs to; None: the installation's.
    pub tenant: Option<TenantId>,
    /// What kind.
    pub kind: AuditKind,
    /// What it happened to, for example `user:5`.
    pub subject: String,
    /// Ids, enum values, names of changed fields.
    pub data: Json,
}

/// Writes an entry, as part of the change that it tells of.
///
/// # Errors
/// See [`store::Error`].
#[compiled_here]
pub async fn record(tx: &mut Tx, actor: &Actor, entry: Entry) -> store::Result<()> {
    sql::insert(tx, actor, &entry, now()).await
}

/// Which rows are wanted.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// One kind, by any of its names.
    pub kind: Option<KindName>,
    /// What this user did.
    pub actor: Option<UserId>,
    /// One ticket's.
    pub ticket: Option<TicketId>,
    /// One tenant's.
    pub tenant: Option<TenantId>,
    /// Not before.
    pub since: Option<Time>,
    /// Before.
    pub until: Option<Time>,
}

/// A kind of either source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KindName {
    /// Of a ticket's timeline.
    Ticket(EventKind),
    /// Of the audit proper.
    Audit(AuditKind),
}

impl std::str::FromStr for KindName {
    type Err = ();

    /// Reads any of a kind's names: `STATUS_CHANGED`, `SUPPORT_STATUS_CHANGED`, `ticket.status.update`.
    fn from_str(s: &str) -> Result<Self, ()> {
        let ticket = EventKind::ALL.iter().find(|k| k.as_str() == s || k.audit().contains(&s));
        let audit = AuditKind::ALL.iter().find(|k| k.audit().contains(&s));
        ticket.copied().map(KindName::Ticket).or(audit.copied().map(KindName::Audit)).ok_or(())
    }
}

/// Returns a page of the audit, newest first: at most `limit` rows after `after`.
///
/// # Errors
/// `NotFound` for another tenant's, `Denied` without `support.audit.read`.
#[compiled_here]
pub async fn list(
    db: &Db,
    actor: &Actor,
    filter: &Filter,
    after: Option<&Place>,
    limit: u32,
) -> Result<Vec<AuditRow>, Refused> {
    may_read(actor, filter)?;
    Ok(sql::list(db, actor, filter, after, limit).await?)
}

/// # Errors
/// See [`list`].
fn may_read(actor: &Actor, filter: &Filter) -> Result<(), Refused> {
    if let Some(tenant) = filter.tenant
        && !actor.sees_tenant(tenant)
    {
        return Err(Refused::NotFound(crate::access::Noun::Tenant));
    }
    let read: Result<(), Denied> = actor.require(Capability::AuditRead);
    Ok(read?)
}

/// Returns the id of the user behind an actor, as stored with what it did.
pub(crate) fn actor_id(actor: &Actor) -> Option<UserId> {
    actor.user.filter(|_| actor.kind == ActorKind::User)
}

/// Writes that the audit was exported.
///
/// # Errors
/// See [`store::Error`].
#[compiled_here]
pub async fn record_export(db: &Db, actor: &Actor, data: Json) -> store::Result<()> {
    let mut tx = db.write(actor.rows()).await?;
    let entry = Entry { tenant: actor.within, kind: AuditKind::Exported, subject: "audit".to_owned(), data };
    record(&mut tx, actor, entry).await?;
    tx.commit().await
}
