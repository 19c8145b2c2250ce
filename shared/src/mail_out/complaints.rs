//! How many of those we write to call it abuse (E5.4): more than one in a thousand of what was sent in a day, and mail
//! providers begin to refuse all of it.

use crate::access::Actor;
use crate::audit::{self, AuditKind, Entry};
use crate::clock::Time;
use crate::compiled_here;
use crate::ids::TenantId;
use crate::store::{Exec, Result, Tx, sql};
use chrono::Duration;
use serde_json::json;

/// What is counted: mail and complaints of so long.
const WINDOW: Duration = Duration::hours(24);
/// The share that is too much: 1 in so many.
const ONE_IN: i64 = 1000;
/// Fewer readers than these say nothing about the mail: of less than a thousand mails a single complaint would be too
/// large a share already, and may be one person's slip of the hand. Two different ones are no slip.
const LEAST_READERS: i64 = 2;

/// A tenant's mail of the last day, and what its readers think of it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Complaints {
    /// Whose mail.
    pub tenant_id: TenantId,
    /// Its slug.
    pub slug: String,
    /// How many mails a relay took.
    pub sent: i64,
    /// How many addresses complained.
    pub readers: i64,
}

impl Complaints {
    /// Whether that is too many.
    pub fn is_alarm(&self) -> bool {
        self.readers >= LEAST_READERS && self.readers * ONE_IN > self.sent
    }

    /// The share in per cent, with two places.
    pub fn percent(&self) -> String {
        format!("{:.2}", self.share() * 100.0)
    }

    /// The share, 0 to 1.
    pub fn share(&self) -> f64 {
        self.readers as f64 / self.sent.max(1) as f64
    }
}

/// Returns the tenants about whose mail of the last day somebody complained; of one tenant, if one is named.
///
/// # Errors
/// See [`crate::store::Error`].
pub async fn recent(ex: &mut impl Exec, tenant: Option<TenantId>, now: Time) -> Result<Vec<Complaints>> {
    let since = now - WINDOW;
    let q = sql(
        "SELECT c.tenant_id, t.slug, (SELECT COUNT(*) FROM outbox s WHERE s.tenant_id = c.tenant_id AND s.sent_at > $1) AS sent, \
                 c.readers FROM (SELECT tenant_id, COUNT(DISTINCT to_key) AS readers FROM outbox \
                 WHERE state = 'complained' AND updated_at > $1 GROUP BY tenant_id) c JOIN tenants t ON t.id = c.tenant_id",
    );
    let q = q.bind(since);
    let q = match tenant {
        Some(tenant) => q.push(" WHERE c.tenant_id = ").arg(tenant),
        None => q,
    };
    q.push(" ORDER BY c.tenant_id").all(ex).await
}

/// Raises the alarm, once in the window, if a complaint that was just recorded is one too many: in the audit and the log.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn check(tx: &mut Tx, tenant: TenantId, now: Time) -> Result<()> {
    let Some(found) = recent(tx, Some(tenant), now).await?.pop().filter(Complaints::is_alarm) else { return Ok(()) };
    if was_raised(tx, tenant, now - WINDOW).await? {
        return Ok(());
    }
    let data = json!({"sent": found.sent, "complained": found.readers});
    let subject = format!("tenant:{tenant}");
    let entry = Entry { tenant: Some(tenant), kind: AuditKind::MailComplaints, subject, data };
    audit::record(tx, &Actor::mail(), entry).await?;
    let (sent, complained) = (found.sent, found.readers);
    tracing::error!(tenant.id = tenant.0, sent, complained, "ALARM: too many readers call our mail abuse");
    Ok(())
}

async fn was_raised(tx: &mut Tx, tenant: TenantId, since: Time) -> Result<bool> {
    let (n,): (i64,) = sql("SELECT COUNT(*) FROM audit_events WHERE tenant_id = $1 AND kind = $2 AND at > $3")
        .bind(tenant)
        .bind(AuditKind::MailComplaints)
        .bind(since)
        .one(tx)
        .await?;
    Ok(n > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// E5.4: more than 0.1 %, and not by one reader alone.
    #[test]
    fn when_there_are_too_many() {
        for (readers, sent, alarm) in [
            (0, 5, false),
            (1, 10, false),
            (1, 5000, false),
            (2, 1999, true),
            (2, 2000, false),
            (3, 2999, true),
            (2, 2, true),
        ] {
            let found = Complaints { tenant_id: TenantId(1), slug: "a".into(), sent, readers };
            assert_eq!(found.is_alarm(), alarm, "{readers} of {sent}");
        }
    }
}
