//! The SQL of DKIM keys.

use super::DkimKey;
use crate::clock::Time;
use crate::ids::{DkimKeyId, TenantId};
use crate::store::{Exec, Q, Result, Tx, Value, sql};

fn select() -> Q {
    sql("SELECT id, tenant_id, domain, selector, algorithm, public_key, created_at, retired_at FROM dkim_keys WHERE ")
}

pub(super) async fn find(ex: &mut impl Exec, id: DkimKeyId) -> Result<Option<DkimKey>> {
    select().push("id = ").arg(id).opt(ex).await
}

pub(super) async fn list(
    ex: &mut impl Exec,
    tenant: Option<TenantId>,
    after: Option<DkimKeyId>,
    limit: u32,
) -> Result<Vec<DkimKey>> {
    let q = select().push("id > ").arg(after.unwrap_or(DkimKeyId(0)));
    let q = match tenant {
        Some(tenant) => q.push(" AND (tenant_id IS NULL OR tenant_id = ").arg(tenant).push(")"),
        None => q,
    };
    q.push(" ORDER BY id LIMIT ").arg(limit).all(ex).await
}

pub(super) async fn insert(tx: &mut Tx, key: &DkimKey, sealed: Vec<u8>) -> Result<DkimKeyId> {
    let values: [Value; 7] = [
        key.tenant_id.into(),
        key.domain.as_str().into(),
        key.selector.as_str().into(),
        key.algorithm.into(),
        sealed.into(),
        key.public_key.as_str().into(),
        key.created_at.into(),
    ];
    let (id,): (DkimKeyId,) = sql(
        "INSERT INTO dkim_keys (tenant_id, domain, selector, algorithm, sealed_key, public_key, created_at) VALUES ",
    )
    .list(values)
    .push(" RETURNING id")
    .one(tx)
    .await?;
    Ok(id)
}

pub(super) async fn retire(tx: &mut Tx, id: DkimKeyId, at: Option<Time>) -> Result<()> {
    sql("UPDATE dkim_keys SET retired_at = $1 WHERE id = $2").bind(at).bind(id).exec(tx).await?;
    Ok(())
}

/// Whether the tenant has a mailbox in the domain; they are few for each tenant.
pub(super) async fn has_mailbox(ex: &mut impl Exec, tenant: Option<TenantId>, domain: &str) -> Result<bool> {
    let rows: Vec<(String,)> = sql("SELECT address_key FROM mailboxes WHERE tenant_id = ").arg(tenant).all(ex).await?;
    Ok(rows.iter().any(|(key,)| crate::address::domain(key).as_deref() == Some(domain)))
}

/// A key that signs.
#[derive(sqlx::FromRow)]
pub(super) struct Active {
    pub id: DkimKeyId,
    pub tenant_id: Option<TenantId>,
    pub domain: String,
    pub selector: String,
    pub algorithm: super::Algorithm,
    pub sealed_key: Vec<u8>,
}

/// Returns the keys of the given domains that sign, newest first.
pub(super) async fn active(ex: &mut impl Exec, domains: &[String]) -> Result<Vec<Active>> {
    sql("SELECT id, tenant_id, domain, selector, algorithm, sealed_key FROM dkim_keys \
         WHERE retired_at IS NULL AND domain IN ")
    .list(domains.iter().map(String::as_str))
    .push(" ORDER BY id DESC")
    .all(ex)
    .await
}
