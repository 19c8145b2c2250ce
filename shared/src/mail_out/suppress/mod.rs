//! Addresses that automatic mail no longer goes to, and what puts them there (E9.13, E9.14).
//!
//! One hard failure suppresses for 180 days; five full or passing ones in a week for a week. Only what is proven
//! counts: a report by a valid bounce token, or the relay's own refusal. An entry bears its evidence, can be removed by
//! hand, and lifts by itself when somebody writes from there whose mail is authenticated. People's own replies are
//! warned about it, not stopped: `force` sends them.

mod sql;

use crate::access::refused::Checks;
use crate::access::{Actor, Capability, Noun, Refused};
use crate::address;
use crate::audit::{self, AuditKind, Entry};
use crate::clock::{Time, now};
use crate::compiled_here;
use crate::ids::{OutboxId, TenantId};
use crate::mail_in::bounce;
use crate::mail_in::types::BounceKind;
use crate::mail_out::complaints;
use crate::store::{Db, Result, Scope, Tx};
use crate::tenants;
use crate::text_enum;
use chrono::Duration;
use serde_json::{Value as Json, json};

/// How long a hard failure, a complaint or an operator keeps automatic mail from an address.
const LONG_DAYS: i64 = 180;
/// How long failures that pass keep it away, and within which time they count.
const SHORT_DAYS: i64 = 7;
/// How many of them there must be.
const MANY: i64 = 5;
/// Fewer failures in an hour than these are no alarm, whatever their share.
const FEWEST_FOR_ALARM: i64 = 5;
/// The share of failures that is one, in per cent.
const ALARM_PER_CENT: i64 = 5;

text_enum! {
    /// Why an address gets no automatic mail.
    pub enum Reason ("suppression reason") {
        /// There is no such mailbox.
        HardBounce = "hard_bounce",
        /// It was full, or failed for a time, again and again.
        Full = "full",
        /// It complained.
        Complaint = "complaint",
        /// Somebody said so.
        Manual = "manual",
    }
}

text_enum! {
    /// What a proven failure says of its address.
    pub enum FailureKind ("failure kind") {
        /// It will never work.
        Hard = "hard",
        /// There is no room.
        Full = "full",
        /// Not now.
        Soft = "soft",
    }
}

impl FailureKind {
    /// Returns what a failure for good says of the address, by its enhanced status, else by its text (E9.12). None if it
    /// says nothing: it is about the mail, or about us.
    pub fn of(status: Option<&str>, text: &str) -> Option<FailureKind> {
        if status.is_some_and(|s| s.ends_with(".2.2")) || status.is_none() && bounce::says_full(text) {
            return Some(FailureKind::Full);
        }
        match bounce::kind("failed", status, text) {
            BounceKind::Hard => Some(FailureKind::Hard),
            _ if status.is_some_and(|s| s.starts_with("4.")) => Some(FailureKind::Soft),
            _ => None,
        }
    }
}

/// A proven failure of one delivery.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Whose mail.
    pub tenant: TenantId,
    /// The address, as it is compared.
    pub email_key: String,
    /// The delivery.
    pub outbox: OutboxId,
    /// What it says of the address.
    pub kind: FailureKind,
    /// What proves it, beside the delivery: ids and codes.
    pub evidence: Json,
}

/// Writes a failure down, and suppresses the address if that makes it due. Returns why, if it was.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn failed(tx: &mut Tx, failure: &Failure, at: Time) -> Result<Option<Reason>> {
    sql::insert_failure(tx, failure, at).await?;
    let (reason, days) = match failure.kind {
        FailureKind::Hard => (Reason::HardBounce, LONG_DAYS),
        FailureKind::Full | FailureKind::Soft => {
            let since = at - Duration::days(SHORT_DAYS);
            if sql::passing_failures(tx, failure.tenant, &failure.email_key, since).await? < MANY {
                return Ok(None);
            }
            (Reason::Full, SHORT_DAYS)
        }
    };
    put(tx, failure.tenant, &failure.email_key, reason, &failure.evidence, at + Duration::days(days), at).await?;
    Ok(Some(reason))
}

/// Suppresses an address that complained about a mail whose state says so already, and raises the alarm if there are too
/// many (E5.4).
///
/// # Errors
/// See [`crate::store::Error`].
pub async fn complained(tx: &mut Tx, tenant: TenantId, email_key: &str, evidence: &Json, at: Time) -> Result<()> {
    put(tx, tenant, email_key, Reason::Complaint, evidence, at + Duration::days(LONG_DAYS), at).await?;
    complaints::check(tx, tenant, at).await
}

async fn put(
    tx: &mut Tx,
    tenant: TenantId,
    email_key: &str,
    reason: Reason,
    evidence: &Json,
    until: Time,
    at: Time,
) -> Result<()> {
    let row = Suppression {
        tenant_id: tenant,
        email_key: email_key.to_owned(),
        reason,
        evidence: evidence.to_string(),
        created_at: at,
        until_at: until,
    };
    sql::upsert(tx, &row).await
}

/// Lifts what failures brought on, for addresses that somebody wrote from whose mail is authenticated: they work. What a
/// person or a complaint decided stays. Returns how many entries are gone.
///
/// # Errors
/// See [`crate::store::Error`].
pub async fn lift(tx: &mut Tx, senders: &[(TenantId, String)]) -> Result<u64> {
    if senders.is_empty() {
        return Ok(0);
    }
    sql::lift(tx, senders).await
}

/// A suppressed address.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Suppression {
    /// Whose mail does not go there.
    pub tenant_id: TenantId,
    /// The address, as it is compared.
    pub email_key: String,
    /// Why.
    pub reason: Reason,
    /// What shows it: JSON of ids and codes.
    pub evidence: String,
    /// Since when.
    pub created_at: Time,
    /// Until when.
    pub until_at: Time,
}

/// The place of an entry in the list.
pub type Place = (TenantId, String);

/// Returns a page of the addresses that are suppressed now, in the order of tenant and address; with `containing` only
/// those that have this text.
///
/// # Errors
/// `Denied` without `support.mail.read`.
#[compiled_here]
pub async fn list(
    db: &Db,
    actor: &Actor,
    containing: Option<&str>,
    after: Option<Place>,
    limit: u32,
) -> std::result::Result<Vec<Suppression>, Refused> {
    actor.require(Capability::MailRead)?;
    let containing = containing.map(str::trim).filter(|t| !t.is_empty()).map(str::to_lowercase);
    Ok(sql::list(&mut db.read(actor.rows()), actor.within, containing.as_deref(), after, limit, now()).await?)
}

/// Suppresses an address by hand.
///
/// # Errors
/// `Denied` without `support.mail.replay`; a wrong address.
#[compiled_here]
pub async fn add(
    db: &Db,
    actor: &Actor,
    tenant: Option<TenantId>,
    email: &str,
    until: Option<Time>,
) -> std::result::Result<Suppression, Refused> {
    actor.require(Capability::MailReplay)?;
    let tenant = tenants::target(db, actor, tenant).await?.id;
    let at = now();
    let mut checks = Checks::default();
    checks.email("email", email);
    checks.check(until.is_none_or(|u| u > at), "until_at", "must lie ahead");
    checks.done()?;
    let mut tx = db.write(Scope::Tenant(tenant)).await?;
    let row = Suppression {
        tenant_id: tenant,
        email_key: address::key(email),
        reason: Reason::Manual,
        evidence: json!({"by": actor.user}).to_string(),
        created_at: at,
        until_at: until.unwrap_or(at + Duration::days(LONG_DAYS)),
    };
    sql::upsert(&mut tx, &row).await?;
    audit::record(&mut tx, actor, entry(tenant, AuditKind::SuppressionMade)).await?;
    tx.commit().await?;
    Ok(row)
}

/// Lets an address have mail again, in every tenant that the actor sees. What failed before counts no more.
///
/// # Errors
/// `NotFound` if it is not suppressed there; `Denied` without `support.mail.replay`.
#[compiled_here]
pub async fn remove(db: &Db, actor: &Actor, email: &str) -> std::result::Result<(), Refused> {
    let key = address::key(email);
    let found = sql::of_address(&mut db.read(actor.rows()), actor.within, &key).await?;
    if found.is_empty() {
        return Err(Refused::NotFound(Noun::Suppression));
    }
    actor.require(Capability::MailReplay)?;
    let mut tx = db.write(actor.rows()).await?;
    for tenant in found {
        sql::remove(&mut tx, tenant, &key).await?;
        audit::record(&mut tx, actor, entry(tenant, AuditKind::SuppressionLifted)).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// The address itself is no part of the audit: erasing it must not leave it there.
fn entry(tenant: TenantId, kind: AuditKind) -> Entry {
    Entry { tenant: Some(tenant), kind, subject: "suppression".to_owned(), data: json!({}) }
}

/// How many deliveries failed for good within the last hour, and how many were sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Proven failures.
    pub failed: i64,
    /// Deliveries that a relay took.
    pub sent: i64,
}

impl Rate {
    /// Whether somebody should look (E9.13): more than one in twenty, and not just one or two.
    pub fn is_alarming(self) -> bool {
        self.failed >= FEWEST_FOR_ALARM && self.failed * 100 > (self.sent.max(self.failed)) * ALARM_PER_CENT
    }
}

/// Returns the last hour's rate of failures.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn rate(db: &Db) -> Result<Rate> {
    let since = now() - Duration::hours(1);
    let mut read = db.read(Scope::All);
    let failed = sql::failures_since(&mut read, since).await?;
    // Counting what was sent is only worth it if enough failed.
    let sent = if failed >= FEWEST_FOR_ALARM { sql::sent_since(&mut read, since).await? } else { 0 };
    Ok(Rate { failed, sent })
}

#[cfg(test)]
mod tests;
