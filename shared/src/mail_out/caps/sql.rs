//! What was sent automatically of late, and to whom nothing may be.

use crate::clock::Time;
use crate::ids::TenantId;
use crate::store::{Exec, Result, sql};
use chrono::Duration;

/// What stands against automatic mail to an address or a domain (E5.12): one line each.
#[derive(Debug, sqlx::FromRow)]
pub struct AutoCount {
    pub tenant_id: TenantId,
    /// `address`, `domain` or `suppressed`.
    pub what: String,
    /// The address key or the domain.
    pub to_whom: String,
    pub last_hour: i64,
    pub last_day: i64,
}

/// Counts the automatic mail to addresses and domains since yesterday, and finds the suppressed ones among them.
pub(super) async fn automatic(
    ex: &mut impl Exec,
    addresses: &[(TenantId, &str)],
    domains: &[(TenantId, &str)],
    at: Time,
) -> Result<Vec<AutoCount>> {
    if addresses.is_empty() {
        return Ok(Vec::new());
    }
    let (hour, day) = (at - Duration::hours(1), at - Duration::days(1));
    let mut q = sql("SELECT tenant_id, 'address' AS what, to_key AS to_whom, \
         CAST(SUM(CASE WHEN created_at > $1 THEN 1 ELSE 0 END) AS BIGINT) AS last_hour, COUNT(*) AS last_day \
         FROM outbox WHERE automatic AND created_at > $2 AND (tenant_id, to_key) IN ")
    .bind(hour)
    .bind(day)
    .pairs(addresses.iter().copied())
    .push(" GROUP BY tenant_id, to_key");
    if !domains.is_empty() {
        q = q
            .push(
                " UNION ALL SELECT tenant_id, 'domain', to_domain, COUNT(*), 0 FROM outbox \
                   WHERE automatic AND created_at > $1 AND (tenant_id, to_domain) IN ",
            )
            .pairs(domains.iter().copied())
            .push(" GROUP BY tenant_id, to_domain");
    }
    q.push(" UNION ALL SELECT tenant_id, 'suppressed', email_key, 0, 0 FROM suppressions WHERE until_at > ")
        .arg(at)
        .push(" AND (tenant_id, email_key) IN ")
        .pairs(addresses.iter().copied())
        .all(ex)
        .await
}
