//! What is forgotten by itself (E13.2): held mail, spam, repeats of erased mail, and the tombstones of all these.

use super::reach::Reach;
use super::{TOMBSTONE_DAYS, blobs, empty, sql};
use crate::access::Actor;
use crate::app::App;
use crate::audit::{self, AuditKind, Entry};
use crate::clock::Time;
use crate::compiled_here;
use crate::events::By;
use crate::ids::{MailId, TenantId, TicketId};
use crate::store::Scope;
use crate::tickets::{self, Error, Work};
use chrono::Duration;
use serde_json::json;
use std::collections::BTreeMap;

/// How much one round forgets of each.
const BATCH: i64 = 100;
/// A repeat of an erased mail is erased in the round after it came; a worker that was away this long still finds it.
const REPEATS_DAYS: i64 = 7;

/// What one round forgot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Mails held in quarantine.
    pub quarantined: u64,
    /// Mails held as spam.
    pub spam: u64,
    /// Tickets in the spam folder.
    pub tickets: u64,
    /// Mails that were erased before, and came again.
    pub repeats: u64,
    /// Dedupe keys of mails erased long ago.
    pub tombstones: u64,
}

impl Forgotten {
    /// Whether there was anything to forget: then there may be more.
    pub fn is_some(&self) -> bool {
        *self != Forgotten::default()
    }

    /// What was forgotten, by the names that metrics and logs use.
    pub fn counts(&self) -> [(&'static str, u64); 5] {
        [
            ("quarantine", self.quarantined),
            ("spam", self.spam),
            ("spam_tickets", self.tickets),
            ("repeats", self.repeats),
            ("tombstones", self.tombstones),
        ]
    }
}

/// Forgets a small batch of what was due at `now`.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn forget(app: &App, now: Time) -> crate::store::Result<Forgotten> {
    let mut done = Forgotten::default();
    if let Some(before) = age(app.config.keep_quarantine_days, now) {
        let due = sql::held_before(&app.db, before, false, BATCH).await?;
        done.quarantined = erase_mails(app, due, "quarantine", now).await?;
    }
    if let Some(before) = age(app.config.keep_spam_days, now) {
        let due = sql::held_before(&app.db, before, true, BATCH).await?;
        done.spam = erase_mails(app, due, "spam", now).await?;
        for (tenant, ticket) in sql::spam_before(&app.db, before, BATCH).await? {
            done.tickets += u64::from(erase_ticket(app, tenant, ticket, before).await?);
        }
    }
    let repeats = sql::repeats_of_erased(&app.db, now - Duration::days(REPEATS_DAYS), BATCH).await?;
    done.repeats = erase_mails(app, repeats, "repeat", now).await?;
    let mut tx = app.db.write(Scope::All).await?;
    done.tombstones = sql::forget_tombstones(&mut tx, now - Duration::days(TOMBSTONE_DAYS), BATCH).await?;
    tx.commit().await?;
    blobs::remove_blobs(app).await?;
    Ok(done)
}

/// The moment before which things are old; None if nothing ever is.
fn age(days: u64, now: Time) -> Option<Time> {
    let days = i64::try_from(days).ok().filter(|d| *d > 0)?;
    now.checked_sub_signed(Duration::try_days(days)?)
}

async fn erase_mails(
    app: &App,
    due: Vec<(TenantId, MailId)>,
    why: &'static str,
    now: Time,
) -> crate::store::Result<u64> {
    let mut by_tenant: BTreeMap<TenantId, Vec<MailId>> = BTreeMap::new();
    for (tenant, mail) in due {
        by_tenant.entry(tenant).or_default().push(mail);
    }
    let mut erased = 0;
    for (tenant, mut mails) in by_tenant {
        let mut tx = app.db.write(Scope::Tenant(tenant)).await?;
        mails.extend(sql::repeats_of(&mut tx, &mails).await?);
        erased += sql::empty_mails(&mut tx, tenant, &mails, now).await?;
        sql::release_blobs(&mut tx, tenant).await?;
        let data = json!({"why": why, "mails": mails.len()});
        let entry = Entry { tenant: Some(tenant), kind: AuditKind::MailPurged, subject: "mail".to_owned(), data };
        audit::record(&mut tx, &Actor::system(), entry).await?;
        tx.commit().await?;
    }
    Ok(erased)
}

/// Empties a ticket that still lies in the spam folder untouched. Returns whether it did.
async fn erase_ticket(app: &App, tenant: TenantId, id: TicketId, before: Time) -> crate::store::Result<bool> {
    let mut tx = app.db.write(Scope::Tenant(tenant)).await?;
    let mut work = Work::new(&app.keys);
    work.lock(&mut tx, &[id]).await?;
    let due = work
        .ticket(id)
        .is_some_and(|t| t.folder == tickets::Folder::Spam && t.updated_at < before && t.erased_at.is_none());
    if !due {
        return Ok(false);
    }
    let reach = Reach::tickets(&mut tx, tenant, &[id]).await?;
    match empty(&mut tx, &mut work, &reach, By::SYSTEM, "spam").await {
        Ok(_) => {
            work.flush(&mut tx).await?;
            tx.commit().await?;
            Ok(true)
        }
        Err(Error::Store(e)) => Err(e),
        // A mail of it is on its way: the next round finds it again.
        Err(_) => Ok(false),
    }
}
