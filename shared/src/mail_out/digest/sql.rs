//! The SQL of digests.

use crate::clock::Time;
use crate::ids::{TenantId, TicketId, UserId};
use crate::mail_out::outbox::Template;
use crate::store::{Exec, Result, Tx, sql};

pub(super) async fn insert(
    tx: &mut Tx,
    tenant: TenantId,
    user: UserId,
    ticket: TicketId,
    template: Template,
    at: Time,
) -> Result<()> {
    sql("INSERT INTO digest_items (tenant_id, user_id, ticket_id, template, created_at) VALUES ($1, $2, $3, $4, $5)")
        .bind(tenant)
        .bind(user)
        .bind(ticket)
        .bind(template)
        .bind(at)
        .exec(tx)
        .await?;
    Ok(())
}

/// Whose oldest notice waits since before `before`. The table holds only what waits.
pub(super) async fn due(ex: &mut impl Exec, before: Time, limit: i64) -> Result<Vec<(TenantId, UserId)>> {
    sql("SELECT tenant_id, user_id FROM digest_items GROUP BY tenant_id, user_id HAVING MIN(created_at) <= ")
        .arg(before)
        .push(" ORDER BY MIN(created_at) LIMIT ")
        .arg(limit)
        .all(ex)
        .await
}

/// A notice that waits.
#[derive(sqlx::FromRow)]
pub(super) struct Item {
    pub ticket_id: TicketId,
    pub template: Template,
    pub pid: String,
    pub subject: String,
}

/// Takes all that waits for an agent, oldest first: of two that take at once one gets nothing.
pub(super) async fn take(tx: &mut Tx, tenant: TenantId, user: UserId) -> Result<Vec<Item>> {
    let rows: Vec<(i64, TicketId, Template)> =
        sql("DELETE FROM digest_items WHERE tenant_id = $1 AND user_id = $2 RETURNING id, ticket_id, template")
            .bind(tenant)
            .bind(user)
            .all(tx)
            .await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mut ids: Vec<TicketId> = rows.iter().map(|(_, t, _)| *t).collect();
    ids.sort_unstable();
    ids.dedup();
    let tickets: Vec<(TicketId, String, String)> =
        sql("SELECT id, pid, subject FROM tickets WHERE id IN ").list(ids).all(tx).await?;
    let mut rows = rows;
    rows.sort_by_key(|(id, ..)| *id);
    let item = |(_, ticket_id, template): (i64, TicketId, Template)| {
        let (_, pid, subject) = tickets.iter().find(|(id, ..)| *id == ticket_id)?;
        Some(Item { ticket_id, template, pid: pid.clone(), subject: subject.clone() })
    };
    Ok(rows.into_iter().filter_map(item).collect())
}
