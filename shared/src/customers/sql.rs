//! The SQL of notes about customers.

use super::CustomerNote;
use crate::clock::Time;
use crate::ids::{TenantId, UserId};
use crate::store::{Exec, Result, Tx, sql};

pub(super) async fn find(ex: &mut impl Exec, tenant: TenantId, user: UserId) -> Result<Option<CustomerNote>> {
    sql("SELECT n.body, n.version, COALESCE(b.name, b.email) AS noted_by, n.noted_at \
         FROM customer_notes n LEFT JOIN users b ON b.id = n.noted_by WHERE n.user_id = $1 AND n.tenant_id = $2")
    .bind(user)
    .bind(tenant)
    .opt(ex)
    .await
}

pub(super) async fn put(
    tx: &mut Tx,
    tenant: TenantId,
    user: UserId,
    body: &str,
    by: Option<UserId>,
    at: Time,
) -> Result<()> {
    sql("INSERT INTO customer_notes (tenant_id, user_id, body, version, noted_by, noted_at) VALUES ($1, $2, $3, 1, $4, $5) \
         ON CONFLICT (user_id, tenant_id) DO UPDATE SET body = EXCLUDED.body, version = customer_notes.version + 1, \
         noted_by = EXCLUDED.noted_by, noted_at = EXCLUDED.noted_at")
    .bind(tenant)
    .bind(user)
    .bind(body)
    .bind(by)
    .bind(at)
    .exec(tx)
    .await?;
    Ok(())
}
