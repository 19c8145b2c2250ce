//! Files that are too large to send go out as links (E8.5): signed, so that nobody can guess one, expiring, revocable. A
//! file has one link, whoever gets it, so that all copies of a mail say the same; who has it needs no login, as who has
//! the file in a mail needs none.

mod sql;

use crate::access::{Actor, Capability};
use crate::app::App;
use crate::audit::{self, AuditKind, Entry};
use crate::clock::{Time, now};
use crate::compiled_here;
use crate::events::{By, EventKind};
use crate::ids::{AttachmentId, FileLinkId, TenantId, TicketId};
use crate::keys::{Keys, base32, from_base32};
use crate::store::{Db, Result, Scope};
use crate::tickets::{self, Error, TicketRef, Work};
use chrono::Duration;
use serde_json::json;

/// How long a link leads to its file.
pub const DAYS: i64 = 30;
const DOMAIN: &str = "file link";
const MAC_OCTETS: usize = 16;

/// A link to a file.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct FileLink {
    /// Its row.
    pub id: FileLinkId,
    /// Whose it is.
    pub tenant_id: TenantId,
    /// The ticket.
    pub ticket_id: TicketId,
    /// The file.
    pub attachment_id: AttachmentId,
    /// The file's name.
    pub filename: String,
    /// The file's size.
    pub size_bytes: i64,
    /// The file's bytes.
    pub sha256: String,
    /// When it was made.
    pub created_at: Time,
    /// Until when it leads there.
    pub expires_at: Time,
    /// Since when it does not any more.
    pub revoked_at: Option<Time>,
    /// How often it was followed.
    pub downloads: i64,
}

impl FileLink {
    /// Returns the address that a mail names.
    pub fn url(&self, keys: &Keys, base_url: &str) -> String {
        let id = self.id.0.to_be_bytes();
        let mac = keys.tenant_mac(self.tenant_id, DOMAIN, &[&id]);
        format!("{base_url}/files/{}", base32(&[&id[..], &mac[..MAC_OCTETS]].concat()))
    }
}

/// Why a link leads nowhere.
#[derive(Debug, thiserror::Error)]
pub enum Dead {
    /// We never signed it, or the file is gone.
    #[error("no such link")]
    Unknown,
    /// Its time is over, or somebody revoked it.
    #[error("the link leads nowhere any more")]
    Over,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] crate::store::Error),
}

/// Makes the links of files of a ticket, or finds those they have, with an event for each new one. A link whose time is
/// over lives again; one that was revoked does not.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn ensure(
    db: &Db,
    keys: &Keys,
    tenant: TenantId,
    ticket: TicketId,
    files: &[AttachmentId],
) -> Result<Vec<FileLink>> {
    let mut tx = db.write(Scope::Tenant(tenant)).await?;
    let mut work = Work::new(keys);
    work.lock(&mut tx, &[ticket]).await?;
    let at = now();
    let until = at + Duration::days(DAYS);
    for file in files {
        let Some(id) = sql::insert(&mut tx, tenant, ticket, *file, at, until).await? else {
            sql::prolong(&mut tx, *file, at, until).await?;
            continue;
        };
        if work.ticket(ticket).is_some() {
            let data = json!({"attachment_id": file, "file_link_id": id, "days": DAYS});
            work.event(ticket, EventKind::FileLinked, By::WORKER, data, None);
        }
    }
    let links = sql::of_files(&mut tx, files).await?;
    work.flush(&mut tx).await?;
    tx.commit().await?;
    Ok(links)
}

/// Follows a link: returns the file that it leads to, and counts that.
///
/// # Errors
/// See [`Dead`].
#[compiled_here]
pub async fn follow(db: &Db, keys: &Keys, token: &str) -> std::result::Result<FileLink, Dead> {
    let bytes = from_base32(token).ok_or(Dead::Unknown)?;
    let (id, mac) = bytes.split_at_checked(8).ok_or(Dead::Unknown)?;
    let number = i64::from_be_bytes(id.try_into().map_err(|_| Dead::Unknown)?);
    let found = sql::find(&mut db.read(Scope::All), FileLinkId(number)).await?.ok_or(Dead::Unknown)?;
    if mac.len() != MAC_OCTETS || !keys.tenant_mac_fits(None, found.tenant_id, DOMAIN, &[id], mac) {
        return Err(Dead::Unknown);
    }
    if found.revoked_at.is_some() || found.expires_at <= now() {
        return Err(Dead::Over);
    }
    let mut tx = db.write(Scope::Tenant(found.tenant_id)).await?;
    sql::count(&mut tx, found.id).await?;
    tx.commit().await?;
    Ok(found)
}

/// Returns the links of a ticket's files that the actor sees.
///
/// # Errors
/// `NotFound` out of scope, `Denied` to who is no agent.
#[compiled_here]
pub async fn of_ticket(app: &App, actor: &Actor, which: &TicketRef) -> tickets::Result<Vec<FileLink>> {
    let id = tickets::find(app, actor, which).await?;
    actor.require(Capability::TicketsNote)?;
    Ok(sql::of_ticket(&mut app.db.read(actor.tickets().rows()), id).await?)
}

/// Revokes a link of a ticket's file: it leads nowhere from now on.
///
/// # Errors
/// `NotFound` out of scope, `Denied` to who is no agent.
#[compiled_here]
pub async fn revoke(app: &App, actor: &Actor, which: &TicketRef, id: FileLinkId) -> tickets::Result<FileLink> {
    let ticket = tickets::find(app, actor, which).await?;
    let found = sql::find(&mut app.db.read(Scope::All), id).await?;
    let mut link = found.filter(|l| l.ticket_id == ticket).ok_or(Error::NotFound)?;
    actor.require(Capability::TicketsNote)?;
    if link.revoked_at.is_none() {
        let at = now();
        let mut tx = app.db.write(Scope::Tenant(link.tenant_id)).await?;
        sql::revoke(&mut tx, id, at).await?;
        let data = json!({"ticket_id": ticket, "attachment_id": link.attachment_id});
        let subject = format!("file_link:{id}");
        audit::record(
            &mut tx,
            actor,
            Entry { tenant: Some(link.tenant_id), kind: AuditKind::FileLinkRevoked, subject, data },
        )
        .await?;
        tx.commit().await?;
        link.revoked_at = Some(at);
    }
    Ok(link)
}
