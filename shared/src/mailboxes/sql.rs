//! The SQL of mailboxes.

use super::types::{IdState, Mailbox};
use crate::clock::Time;
use crate::ids::{MailboxId, OutboxId, TenantId};
use crate::store::{Exec, Q, Result, Tx, sql};

fn select() -> Q {
    sql(
        "SELECT id, tenant_id, address, address_key, name, tag_separator, active, created_at, split_per_mailbox, body_marker, \
         gateways, ack_forms, tags, ids, asked_at, answered_at FROM mailboxes WHERE ",
    )
}

fn within(q: Q, tenant: Option<TenantId>) -> Q {
    match tenant {
        Some(tenant) => q.push(" AND tenant_id = ").arg(tenant),
        None => q,
    }
}

pub(super) async fn find(ex: &mut impl Exec, id: MailboxId) -> Result<Option<Mailbox>> {
    select().push("id = ").arg(id).opt(ex).await
}

pub(super) async fn list(
    ex: &mut impl Exec,
    tenant: Option<TenantId>,
    after: Option<MailboxId>,
    limit: u32,
    offset: u32,
) -> Result<Vec<Mailbox>> {
    let q = select().push("id > ").arg(after.unwrap_or(MailboxId(0)));
    within(q, tenant).push(" ORDER BY id LIMIT ").arg(limit).push(" OFFSET ").arg(offset).all(ex).await
}

pub(super) async fn count(ex: &mut impl Exec, tenant: Option<TenantId>) -> Result<i64> {
    let (n,): (i64,) = within(sql("SELECT COUNT(*) FROM mailboxes WHERE 1 = 1"), tenant).one(ex).await?;
    Ok(n)
}

pub(super) async fn tenant_has_one(ex: &mut impl Exec, tenant: TenantId) -> Result<bool> {
    let row: Option<(MailboxId,)> =
        sql("SELECT id FROM mailboxes WHERE tenant_id = $1 LIMIT 1").bind(tenant).opt(ex).await?;
    Ok(row.is_some())
}

/// The address of the first mailbox of the tenant with this slug.
pub(super) async fn first_address(ex: &mut impl Exec, slug: &str) -> Result<Option<String>> {
    let row: Option<(String,)> = sql("SELECT m.address FROM mailboxes m JOIN tenants t ON t.id = m.tenant_id \
         WHERE t.slug = $1 AND m.active ORDER BY m.id LIMIT 1")
    .bind(slug)
    .opt(ex)
    .await?;
    Ok(row.map(|(address,)| address))
}

pub(super) async fn insert(tx: &mut Tx, m: &Mailbox, tail: &'static str) -> Result<Option<MailboxId>> {
    let row: Option<(MailboxId,)> =
        sql("INSERT INTO mailboxes (tenant_id, address, address_key, name, tag_separator, active, created_at) VALUES ")
            .list([
                m.tenant_id.into(),
                m.address.as_str().into(),
                m.address_key.as_str().into(),
                m.name.as_str().into(),
                m.tag_separator.into(),
                m.active.into(),
                crate::store::Value::from(m.created_at),
            ])
            .push(tail)
            .push(" RETURNING id")
            .opt(tx)
            .await?;
    Ok(row.map(|(id,)| id))
}

pub(super) async fn update(tx: &mut Tx, m: &Mailbox) -> Result<()> {
    sql("UPDATE mailboxes SET name = $1, tag_separator = $2, active = $3, split_per_mailbox = $4, body_marker = $5, \
         gateways = $6, ack_forms = $7, tags = $8 WHERE id = $9")
    .bind(m.name.as_str())
    .bind(m.tag_separator)
    .bind(m.active)
    .bind(m.split_per_mailbox)
    .bind(m.body_marker)
    .bind(m.gateways.json())
    .bind(m.ack_forms)
    .bind(m.tags)
    .bind(m.id)
    .exec(tx)
    .await?;
    Ok(())
}

/// The mailboxes that take tags and were never asked whether they do, oldest first.
pub(super) async fn untested(ex: &mut impl Exec) -> Result<Vec<Mailbox>> {
    select().push("active AND tag_separator IS NOT NULL AND tags = 'untested' ORDER BY id").all(ex).await
}

/// Writes down that a probe is on its way.
pub(super) async fn record_asked(tx: &mut Tx, id: MailboxId, probe: OutboxId, at: Time) -> Result<()> {
    sql("UPDATE mailboxes SET tags = 'asked', ids = NULL, probe_id = $1, asked_at = $2, answered_at = NULL WHERE id = $3")
        .bind(probe)
        .bind(at)
        .bind(id)
        .exec(tx)
        .await?;
    Ok(())
}

/// Writes down that a probe came back, if it is its mailbox's latest.
pub(super) async fn record_answered(tx: &mut Tx, probe: OutboxId, ids: IdState, at: Time) -> Result<bool> {
    let changed = sql("UPDATE mailboxes SET tags = 'works', ids = $1, answered_at = $2 WHERE probe_id = $3")
        .bind(ids)
        .bind(at)
        .bind(probe)
        .exec(tx)
        .await?;
    Ok(changed > 0)
}

/// Gives up probes that cannot come back any more, or that were sent before `since`; returns their mailboxes.
pub(super) async fn record_lost(tx: &mut Tx, since: Time) -> Result<Vec<MailboxId>> {
    let lost: Vec<(MailboxId,)> = sql("UPDATE mailboxes SET tags = 'failed' WHERE tags = 'asked' AND (asked_at < ")
        .arg(since)
        .push(
            " OR EXISTS (SELECT 1 FROM outbox o WHERE o.id = probe_id AND o.state IN ('dead', 'bounced', 'suppressed', \
             'cancelled'))) RETURNING id",
        )
        .all(tx)
        .await?;
    Ok(lost.into_iter().map(|(id,)| id).collect())
}
