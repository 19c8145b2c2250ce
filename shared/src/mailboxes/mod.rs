//! Mailboxes: the addresses by which tenants receive and send.

pub mod probe;
mod sql;
mod types;

pub use types::{Gateways, IdState, Mailbox, MailboxChange, NewMailbox, TagSeparator, TagState};

use crate::access::refused::Checks;
use crate::access::{Actor, Capability, Noun, Refused};
use crate::address;
use crate::audit::{self, AuditKind, Entry};
use crate::clock::now;
use crate::compiled_here;
use crate::ids::{MailboxId, TenantId};
use crate::store::{self, Db, Scope, Tx};
use crate::tenants;
use serde_json::json;
use std::collections::BTreeSet;

/// Makes the default tenant's first mailbox, if it has none.
///
/// # Errors
/// See [`store::Error`].
pub async fn ensure_first(tx: &mut Tx, tenant: TenantId, email: &str, name: &str) -> store::Result<()> {
    if sql::tenant_has_one(tx, tenant).await? {
        return Ok(());
    }
    let mailbox = made(tenant, email, name.to_owned(), Some(TagSeparator::Plus));
    sql::insert(tx, &mailbox, " ON CONFLICT (address_key) DO NOTHING").await?;
    Ok(())
}

/// Makes a new tenant's first mailbox: the given address, else the tenant's slug at the domain that the default
/// tenant's mail comes in by. A derived address that is taken is left alone.
///
/// # Errors
/// `Taken` if the given address belongs to somebody; see [`store::Error`].
pub async fn create_first(
    tx: &mut Tx,
    actor: &Actor,
    tenant: &tenants::Tenant,
    address: Option<String>,
) -> Result<(), Refused> {
    let (address, on_conflict) = match address {
        Some(address) => (address, ""),
        None => {
            let sibling = sql::first_address(tx, tenants::DEFAULT_SLUG).await?;
            let domain = sibling.as_deref().and_then(|s| s.rsplit_once('@')).map(|(_, domain)| domain);
            let Some(domain) = domain else { return Ok(()) };
            (format!("{}@{domain}", tenant.slug), " ON CONFLICT (address_key) DO NOTHING")
        }
    };
    let mut mailbox = made(tenant.id, &address, tenant.name.clone(), Some(TagSeparator::Plus));
    let id = sql::insert(tx, &mailbox, on_conflict).await.map_err(Refused::taken("mailbox"))?;
    let Some(id) = id else { return Ok(()) };
    mailbox.id = id;
    audit::record(tx, actor, entry(&mailbox, AuditKind::MailboxMade, json!({}))).await?;
    Ok(())
}

/// Returns a page of the actor's mailboxes, oldest first.
///
/// # Errors
/// `Denied` without `support.mailboxes.manage`.
#[compiled_here]
pub async fn list(
    db: &Db,
    actor: &Actor,
    after: Option<MailboxId>,
    limit: u32,
    offset: u32,
) -> Result<Vec<Mailbox>, Refused> {
    actor.require(Capability::MailboxesManage)?;
    Ok(sql::list(&mut db.read(actor.rows()), actor.within, after, limit, offset).await?)
}

/// Returns how many mailboxes the actor sees.
///
/// # Errors
/// `Denied` without `support.mailboxes.manage`.
#[compiled_here]
pub async fn count(db: &Db, actor: &Actor) -> Result<i64, Refused> {
    actor.require(Capability::MailboxesManage)?;
    Ok(sql::count(&mut db.read(actor.rows()), actor.within).await?)
}

/// Returns a mailbox.
///
/// # Errors
/// `NotFound` outside the scope; `Denied` without `support.mailboxes.manage`.
#[compiled_here]
pub async fn get(db: &Db, actor: &Actor, id: MailboxId) -> Result<Mailbox, Refused> {
    let found = sql::find(&mut db.read(actor.rows()), id).await?;
    let found = found.filter(|m| actor.sees_tenant(m.tenant_id)).ok_or(Refused::NotFound(Noun::Mailbox))?;
    actor.require(Capability::MailboxesManage)?;
    Ok(found)
}

/// Makes a mailbox.
///
/// # Errors
/// `Denied`; `NotFound` for another tenant; wrong or taken values.
#[compiled_here]
pub async fn create(db: &Db, actor: &Actor, new: NewMailbox) -> Result<Mailbox, Refused> {
    actor.require(Capability::MailboxesManage)?;
    let tenant = tenants::target(db, actor, new.tenant).await?;
    let name = new.name.unwrap_or_else(|| tenant.name.clone()).trim().to_owned();
    let mut checks = Checks::default();
    checks.email("address", &new.address);
    checks.line("name", &name, 200);
    checks.done()?;
    let mut mailbox = made(tenant.id, &new.address, name, new.tag_separator);
    let mut tx = db.write(Scope::Tenant(tenant.id)).await?;
    let id = sql::insert(&mut tx, &mailbox, "").await.map_err(Refused::taken("address"))?;
    mailbox.id = id.ok_or(store::Error::NotFound)?;
    audit::record(&mut tx, actor, entry(&mailbox, AuditKind::MailboxMade, json!({}))).await?;
    tx.commit().await?;
    Ok(mailbox)
}

/// The most senders of web forms that a mailbox may have.
const MOST_GATEWAYS: usize = 100;

/// Changes how a mailbox is. Its address stays: mail in the world names it.
///
/// # Errors
/// `NotFound` outside the scope, `Denied`, wrong values.
#[compiled_here]
pub async fn update(db: &Db, actor: &Actor, id: MailboxId, change: MailboxChange) -> Result<Mailbox, Refused> {
    let mut mailbox = get(db, actor, id).await?;
    let before = mailbox.clone();
    mailbox.name = change.name.map_or(mailbox.name, |n| n.trim().to_owned());
    mailbox.tag_separator = change.tag_separator.unwrap_or(mailbox.tag_separator);
    mailbox.active = change.active.unwrap_or(mailbox.active);
    mailbox.split_per_mailbox = change.split_per_mailbox.unwrap_or(mailbox.split_per_mailbox);
    mailbox.body_marker = change.body_marker.unwrap_or(mailbox.body_marker);
    mailbox.ack_forms = change.ack_forms.unwrap_or(mailbox.ack_forms);
    let mut checks = Checks::default();
    checks.line("name", &mailbox.name, 200);
    if let Some(gateways) = change.gateways {
        checks.at_most("gateways", gateways.len(), MOST_GATEWAYS);
        if let Some(wrong) = gateways.iter().find(|g| !address::is_valid(g.trim())) {
            checks.email("gateways", wrong);
        }
        let keys: BTreeSet<String> = gateways.iter().map(|g| address::key(g.trim())).collect();
        mailbox.gateways = Gateways(keys.into_iter().collect());
    }
    checks.done()?;
    if mailbox.tag_separator != before.tag_separator {
        // What was found out is about other addresses.
        mailbox.tags = TagState::Untested;
    }
    if mailbox == before {
        return Ok(mailbox);
    }
    let mut tx = db.write(Scope::Tenant(mailbox.tenant_id)).await?;
    sql::update(&mut tx, &mailbox).await?;
    let data =
        json!({"active": mailbox.active, "gateways": mailbox.gateways, "split_per_mailbox": mailbox.split_per_mailbox});
    audit::record(&mut tx, actor, entry(&mailbox, AuditKind::MailboxChanged, data)).await?;
    tx.commit().await?;
    Ok(mailbox)
}

fn made(tenant_id: TenantId, email: &str, name: String, tag_separator: Option<TagSeparator>) -> Mailbox {
    let email = email.trim().to_owned();
    let address_key = address::key(&email);
    Mailbox {
        id: MailboxId(0),
        tenant_id,
        address: email,
        address_key,
        name,
        tag_separator,
        active: true,
        created_at: now(),
        split_per_mailbox: false,
        body_marker: false,
        gateways: Gateways::default(),
        ack_forms: false,
        tags: TagState::Untested,
        ids: None,
        asked_at: None,
        answered_at: None,
    }
}

fn entry(mailbox: &Mailbox, kind: AuditKind, data: serde_json::Value) -> Entry {
    Entry { tenant: Some(mailbox.tenant_id), kind, subject: format!("mailbox:{}", mailbox.id), data }
}
