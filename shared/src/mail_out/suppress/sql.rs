//! The SQL of suppressed addresses.

use super::{Failure, Place, Suppression};
use crate::clock::Time;
use crate::ids::TenantId;
use crate::store::{Exec, Result, Tx, sql};

/// Rows of the outbox that the share of failures looks back on, at most.
const MOST_SENT: i64 = 20_000;

pub(super) async fn insert_failure(tx: &mut Tx, f: &Failure, at: Time) -> Result<()> {
    sql("INSERT INTO delivery_failures (tenant_id, email_key, outbox_id, kind, at) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (tenant_id, email_key, outbox_id) DO NOTHING")
    .bind(f.tenant)
    .bind(f.email_key.as_str())
    .bind(f.outbox)
    .bind(f.kind)
    .bind(at)
    .exec(tx)
    .await?;
    Ok(())
}

pub(super) async fn passing_failures(ex: &mut impl Exec, tenant: TenantId, key: &str, since: Time) -> Result<i64> {
    let (n,): (i64,) = sql("SELECT COUNT(*) FROM delivery_failures \
         WHERE tenant_id = $1 AND email_key = $2 AND kind <> 'hard' AND at > $3")
    .bind(tenant)
    .bind(key)
    .bind(since)
    .one(ex)
    .await?;
    Ok(n)
}

pub(super) async fn upsert(tx: &mut Tx, row: &Suppression) -> Result<()> {
    sql("INSERT INTO suppressions (tenant_id, email_key, reason, evidence, created_at, until_at) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (tenant_id, email_key) DO UPDATE SET reason = $3, evidence = $4, created_at = $5, until_at = $6")
    .bind(row.tenant_id)
    .bind(row.email_key.as_str())
    .bind(row.reason)
    .bind(row.evidence.as_str())
    .bind(row.created_at)
    .bind(row.until_at)
    .exec(tx)
    .await?;
    Ok(())
}

pub(super) async fn lift(tx: &mut Tx, senders: &[(TenantId, String)]) -> Result<u64> {
    let gone = sql("DELETE FROM suppressions WHERE reason IN ('hard_bounce', 'full') AND ")
        .pairs(["tenant_id", "email_key"], senders.iter().map(|(t, k)| (*t, k.as_str())))
        .exec(tx)
        .await?;
    if gone > 0 {
        sql("DELETE FROM delivery_failures WHERE ")
            .pairs(["tenant_id", "email_key"], senders.iter().map(|(t, k)| (*t, k.as_str())))
            .exec(tx)
            .await?;
    }
    Ok(gone)
}

pub(super) async fn list(
    ex: &mut impl Exec,
    tenant: Option<TenantId>,
    containing: Option<&str>,
    after: Option<Place>,
    limit: u32,
    at: Time,
) -> Result<Vec<Suppression>> {
    let mut q = sql("SELECT tenant_id, email_key, reason, evidence, created_at, until_at FROM suppressions \
         WHERE until_at > ")
    .arg(at);
    if let Some(tenant) = tenant {
        q = q.push(" AND tenant_id = ").arg(tenant);
    }
    if let Some((tenant, key)) = after {
        q = q.push(" AND (tenant_id, email_key) > (").arg(tenant).push(", ").arg(key).push(")");
    }
    if let Some(text) = containing {
        // Neither % nor _ of an address is a wildcard.
        let escaped = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        q = q.push(" AND email_key LIKE ").arg(format!("%{escaped}%")).push(" ESCAPE '\\'");
    }
    q.push(" ORDER BY tenant_id, email_key LIMIT ").arg(limit).all(ex).await
}

pub(super) async fn of_address(ex: &mut impl Exec, tenant: Option<TenantId>, key: &str) -> Result<Vec<TenantId>> {
    let q = sql("SELECT t.id FROM tenants t JOIN suppressions s ON s.tenant_id = t.id AND s.email_key = ").arg(key);
    let q = match tenant {
        Some(tenant) => q.push(" WHERE t.id = ").arg(tenant),
        None => q,
    };
    let rows: Vec<(TenantId,)> = q.push(" ORDER BY t.id").all(ex).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

pub(super) async fn remove(tx: &mut Tx, tenant: TenantId, key: &str) -> Result<()> {
    sql("DELETE FROM suppressions WHERE tenant_id = $1 AND email_key = $2").bind(tenant).bind(key).exec(tx).await?;
    sql("DELETE FROM delivery_failures WHERE tenant_id = $1 AND email_key = $2")
        .bind(tenant)
        .bind(key)
        .exec(tx)
        .await?;
    Ok(())
}

pub(super) async fn failures_since(ex: &mut impl Exec, since: Time) -> Result<i64> {
    let (n,): (i64,) = sql("SELECT COUNT(*) FROM delivery_failures WHERE at > ").arg(since).one(ex).await?;
    Ok(n)
}

/// Goes back over the newest sent rows only: what an hour sends is among them, or so much that its share needs no more.
pub(super) async fn sent_since(ex: &mut impl Exec, since: Time) -> Result<i64> {
    let (n,): (i64,) =
        sql("SELECT COUNT(*) FROM (SELECT sent_at FROM outbox WHERE state = 'sent' ORDER BY id DESC LIMIT ")
            .arg(MOST_SENT)
            .push(") AS newest WHERE sent_at > ")
            .arg(since)
            .one(ex)
            .await?;
    Ok(n)
}
