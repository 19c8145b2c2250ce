//! What was sent automatically of late, what came in, and to whom nothing may be sent.

use super::{ARRIVALS, Wanted};
use crate::address;
use crate::clock::Time;
use crate::ids::TenantId;
use crate::store::{Exec, Result, sql};
use chrono::Duration;
use std::collections::BTreeSet;

/// What stands against automatic mail (E5.12, E5.13): one line each.
#[derive(Debug, sqlx::FromRow)]
pub struct AutoCount {
    pub tenant_id: TenantId,
    /// `address`, `domain`, `ticket`, `arrivals`, `storm`, `suppressed`; anything else is a pattern.
    pub what: String,
    /// The address key or the domain.
    pub to_whom: String,
    pub last_hour: i64,
    /// Of `ticket`: its id.
    pub last_day: i64,
}

/// Counts the automatic mail to addresses and domains since yesterday, that about tickets in the last hour, the mail of
/// senders in the last ten minutes, and finds those who get nothing.
pub(super) async fn automatic(ex: &mut impl Exec, wanted: &Wanted, at: Time) -> Result<Vec<AutoCount>> {
    let addresses: BTreeSet<(TenantId, &str)> =
        wanted.acks.iter().chain(&wanted.notices).map(|(t, a)| (*t, a.as_str())).collect();
    let domains: BTreeSet<(TenantId, String)> =
        wanted.acks.iter().filter_map(|(t, a)| Some((*t, address::domain(a)?))).collect();
    let everybody: BTreeSet<(TenantId, &str)> =
        addresses.iter().copied().chain(wanted.senders.iter().map(|(t, a)| (*t, a.as_str()))).collect();
    if everybody.is_empty() {
        return Ok(Vec::new());
    }
    let (hour, day) = (at - Duration::hours(1), at - Duration::days(1));
    let mut q = sql("SELECT tenant_id, 'suppressed' AS what, email_key AS to_whom, CAST(0 AS BIGINT) AS last_hour, \
         CAST(0 AS BIGINT) AS last_day FROM suppressions WHERE until_at > ")
    .arg(at)
    .push(" AND ")
    .pairs(["tenant_id", "email_key"], everybody.iter().copied())
    .push(" UNION ALL SELECT tenant_id, 'storm', email_key, 0, 0 FROM storms WHERE quiet_until > ")
    .arg(at)
    .push(" AND ")
    .pairs(["tenant_id", "email_key"], everybody.iter().copied());
    if !addresses.is_empty() {
        q = q
            .push(" UNION ALL SELECT tenant_id, 'address', to_key, CAST(SUM(CASE WHEN created_at > ")
            .arg(hour)
            .push(" THEN 1 ELSE 0 END) AS BIGINT), COUNT(*) FROM outbox WHERE automatic AND created_at > ")
            .arg(day)
            .push(" AND ")
            .pairs(["tenant_id", "to_key"], addresses.iter().copied())
            .push(" GROUP BY tenant_id, to_key");
    }
    if !domains.is_empty() {
        q = q
            .push(" UNION ALL SELECT tenant_id, 'domain', to_domain, COUNT(*), 0 FROM outbox WHERE automatic AND created_at > ")
            .arg(hour)
            .push(" AND ")
            .pairs(["tenant_id", "to_domain"], domains.iter().map(|(t, d)| (*t, d.as_str())))
            .push(" GROUP BY tenant_id, to_domain");
    }
    if !domains.is_empty() && !wanted.patterns.is_empty() {
        q = q
            .push(" UNION ALL SELECT tenant_id, pattern, to_domain, COUNT(*), 0 FROM outbox WHERE automatic AND pattern IN ")
            .among(wanted.patterns.iter().map(String::as_str))
            .push(" AND created_at > ")
            .arg(hour)
            .push(" AND ")
            .pairs(["tenant_id", "to_domain"], domains.iter().map(|(t, d)| (*t, d.as_str())))
            .push(" GROUP BY tenant_id, pattern, to_domain");
    }
    if !wanted.tickets.is_empty() {
        q = q
            .push(" UNION ALL SELECT tenant_id, 'ticket', '', COUNT(*), ticket_id FROM outbox WHERE automatic AND created_at > ")
            .arg(hour)
            .push(" AND ticket_id IN ")
            .among(wanted.tickets.iter().copied())
            .push(" GROUP BY tenant_id, ticket_id");
    }
    if !wanted.senders.is_empty() {
        // No further than it matters: a storm must not make each of its mails dearer than the one before.
        q = q
            .push(
                " UNION ALL SELECT s.column1, 'arrivals', s.column2, (SELECT COUNT(*) FROM (SELECT 1 FROM inbound_mails m \
                 WHERE m.tenant_id = s.column1 AND m.from_key = s.column2 AND m.door <> 'import' AND m.received_at > ",
            )
            .arg(at - Duration::minutes(10))
            .push(" LIMIT ")
            .arg(ARRIVALS)
            .push(") a), 0 FROM ")
            .rows(wanted.senders.iter().map(|(t, a)| (*t, a.as_str())))
            .push(" s");
    }
    q.all(ex).await
}
