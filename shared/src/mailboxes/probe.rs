//! Probes: a mail to a mailbox's tagged address, by the way that all mail goes. When it comes back in, tags work (E3.1), and
//! it tells whether the relay leaves our Message-ID alone (E3.7). Until then the mailbox's mail bears no tags.
//!
//! Where mail is captured nothing can come back: nobody is asked, and tags are used, as what is answered at `/dev/mail`
//! comes in by the same address.

use super::{IdState, Mailbox, TagState, entry, get, sql};
use crate::access::{Actor, Refused};
use crate::app::App;
use crate::audit::{self, AuditKind};
use crate::clock::{Time, now};
use crate::compiled_here;
use crate::ids::{MailboxId, OutboxId, TenantId};
use crate::keys::Keys;
use crate::mail_out::enqueue;
use crate::store::{self, Db, Scope, Tx};
use chrono::Duration;
use serde_json::json;

/// How long a probe may take.
const PATIENCE_HOURS: i64 = 1;

/// Sends a mailbox's probe, again if one is out already.
///
/// # Errors
/// `NotFound` outside the scope, `Denied`; `Invalid` where mail is captured, or for a mailbox without tags.
#[compiled_here]
pub async fn ask(app: &App, actor: &Actor, id: MailboxId) -> Result<Mailbox, Refused> {
    let mailbox = get(&app.db, actor, id).await?;
    if mailbox.tag_separator.is_none() || !mailbox.active {
        return Err(Refused::invalid("tag_separator", "the mailbox takes no tags"));
    }
    if app.config.smtp_url.is_none() {
        return Err(Refused::invalid("mailbox", "mail is captured here, so no probe can come back"));
    }
    let mut tx = app.db.write(Scope::Tenant(mailbox.tenant_id)).await?;
    let probe = send(&mut tx, &app.keys, mailbox.tenant_id, mailbox.id).await?;
    audit::record(&mut tx, actor, entry(&mailbox, AuditKind::MailboxChanged, json!({"probe": probe}))).await?;
    tx.commit().await?;
    app.bell.ring(&[probe]);
    get(&app.db, actor, id).await
}

/// Sends the probes of all mailboxes that were never asked; none where mail is captured. Returns how many.
///
/// # Errors
/// See [`store::Error`].
#[compiled_here]
pub async fn ask_untested(app: &App) -> store::Result<usize> {
    if app.config.smtp_url.is_none() {
        return Ok(0);
    }
    let mut tx = app.db.write(Scope::All).await?;
    let mut probes = Vec::new();
    for mailbox in sql::untested(&mut tx).await? {
        probes.push(send(&mut tx, &app.keys, mailbox.tenant_id, mailbox.id).await?);
    }
    tx.commit().await?;
    app.bell.ring(&probes);
    Ok(probes.len())
}

/// Queues a mailbox's probe: until it is back, the mailbox's mail bears no tags. Returns its id, for the doorbell after
/// commit.
///
/// # Errors
/// See [`store::Error`].
#[compiled_here]
pub async fn send(tx: &mut Tx, keys: &Keys, tenant: TenantId, mailbox: MailboxId) -> store::Result<OutboxId> {
    let probe = enqueue::probe(tx, keys, tenant, mailbox).await?;
    sql::record_asked(tx, mailbox, probe, now()).await?;
    Ok(probe)
}

/// A probe came in: its mailbox's tags work. False: it was not the latest one.
///
/// # Errors
/// See [`store::Error`].
pub async fn came_back(tx: &mut Tx, probe: OutboxId, ids: IdState, at: Time) -> store::Result<bool> {
    sql::record_answered(tx, probe, ids, at).await
}

/// Gives up the probes that did not come back in time, or could not be delivered. Returns how many. One that comes later
/// counts all the same.
///
/// # Errors
/// See [`store::Error`].
#[compiled_here]
pub async fn give_up(db: &Db) -> store::Result<usize> {
    let mut tx = db.write(Scope::All).await?;
    let lost = sql::record_lost(&mut tx, now() - Duration::hours(PATIENCE_HOURS)).await?;
    tx.commit().await?;
    for id in &lost {
        tracing::warn!(
            mailbox.id = id.0,
            "mail to the mailbox's tagged address does not come in: its mail bears no tags"
        );
    }
    Ok(lost.len())
}

impl Mailbox {
    /// Whether its mail bears tags now.
    pub fn uses_tags(&self) -> bool {
        self.tag_separator.is_some() && matches!(self.tags, TagState::Untested | TagState::Works)
    }
}
