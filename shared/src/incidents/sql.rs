//! The SQL of incidents.

use super::types::{Filter, Incident, IncidentView, Told};
use crate::access::TicketScope;
use crate::clock::Time;
use crate::ids::{IncidentChangeId, IncidentId, MessageId, TenantId, TicketId, UserId};
use crate::store::{Exec, Q, Result, Tx, dialect, sql};

const COLUMNS: &str = "i.id, i.tenant_id, i.title, i.severity, i.state, i.external_id, i.created_by, i.created_at, \
     i.updated_at, i.resolved_at";

/// An incident, and the tickets of `scope` that are linked to it.
fn select(scope: TicketScope) -> Q {
    let linked = |q: Q| {
        let q = q.push("(SELECT COUNT(*) FROM tickets t WHERE t.incident_id = i.id AND t.erased_at IS NULL");
        scope.filter(q)
    };
    let q = linked(sql("SELECT ").push(COLUMNS).push(", ")).push(") AS tickets, ");
    linked(q)
        .push(" AND t.folder = 'inbox' AND t.status NOT IN ('solved', 'closed')) AS open_tickets, ")
        .push("EXISTS (SELECT 1 FROM incident_changes c WHERE c.incident_id = i.id AND c.done_at IS NULL) AS telling ")
        .push("FROM incidents i WHERE ")
}

pub(super) async fn find(ex: &mut impl Exec, id: IncidentId) -> Result<Option<Incident>> {
    sql("SELECT ").push(COLUMNS).push(" FROM incidents i WHERE i.id = ").arg(id).opt(ex).await
}

pub(super) async fn lock(tx: &mut Tx, id: IncidentId) -> Result<Option<Incident>> {
    let lock = dialect::for_update(tx);
    sql("SELECT ").push(COLUMNS).push(" FROM incidents i WHERE i.id = ").arg(id).push(lock).opt(tx).await
}

pub(super) async fn view(ex: &mut impl Exec, scope: TicketScope, id: IncidentId) -> Result<Option<IncidentView>> {
    select(scope).push("i.id = ").arg(id).opt(ex).await
}

/// Those of `tenant` and of the platform, newest first; every one for None.
pub(super) async fn list(
    ex: &mut impl Exec,
    scope: TicketScope,
    tenant: Option<TenantId>,
    filter: &Filter,
    before: Option<IncidentId>,
    (limit, offset): (u32, u32),
) -> Result<Vec<IncidentView>> {
    let q = select(scope).push("i.id < ").arg(before.unwrap_or(IncidentId(i64::MAX)));
    let q = filtered(q, tenant, filter);
    q.push(" ORDER BY i.id DESC LIMIT ").arg(limit).push(" OFFSET ").arg(offset).all(ex).await
}

pub(super) async fn count(ex: &mut impl Exec, tenant: Option<TenantId>, filter: &Filter) -> Result<i64> {
    let q = filtered(sql("SELECT COUNT(*) FROM incidents i WHERE 1 = 1"), tenant, filter);
    let (n,): (i64,) = q.one(ex).await?;
    Ok(n)
}

fn filtered(mut q: Q, tenant: Option<TenantId>, filter: &Filter) -> Q {
    for tenant in [tenant, filter.tenant].into_iter().flatten() {
        q = q.push(" AND (i.tenant_id IS NULL OR i.tenant_id = ").arg(tenant).push(")");
    }
    if !filter.states.is_empty() {
        q = q.push(" AND i.state IN ").list(filter.states.iter().copied());
    }
    match &filter.external_id {
        Some(id) => q.push(" AND i.external_id = ").arg(id.as_str()),
        None => q,
    }
}

pub(super) async fn insert(tx: &mut Tx, i: &Incident) -> Result<IncidentId> {
    let (id,): (IncidentId,) =
        sql("INSERT INTO incidents (tenant_id, title, severity, state, external_id, created_by, \
         created_at, updated_at, resolved_at) VALUES ")
        .list([
            i.tenant_id.into(),
            i.title.as_str().into(),
            i.severity.into(),
            i.state.into(),
            i.external_id.clone().into(),
            i.created_by.into(),
            i.created_at.into(),
            i.updated_at.into(),
            crate::store::Value::from(i.resolved_at),
        ])
        .push(" RETURNING id")
        .one(tx)
        .await?;
    Ok(id)
}

pub(super) async fn update(tx: &mut Tx, i: &Incident) -> Result<()> {
    sql("UPDATE incidents SET title = $1, severity = $2, state = $3, external_id = $4, updated_at = $5, \
         resolved_at = $6 WHERE id = $7")
    .bind(i.title.as_str())
    .bind(i.severity)
    .bind(i.state)
    .bind(i.external_id.clone())
    .bind(i.updated_at)
    .bind(i.resolved_at)
    .bind(i.id)
    .exec(tx)
    .await?;
    Ok(())
}

// ---- what linked tickets are told

/// A change to be told, from `due_at` on by whichever worker.
pub(super) struct NewChange<'a> {
    pub incident: &'a Incident,
    pub data: String,
    pub body: Option<String>,
    pub by: Option<UserId>,
    pub at: Time,
    pub due_at: Time,
}

pub(super) async fn insert_change(tx: &mut Tx, c: NewChange<'_>) -> Result<IncidentChangeId> {
    let (id,): (IncidentChangeId,) =
        sql("INSERT INTO incident_changes (tenant_id, incident_id, data, body, changed_by, \
         changed_at, due_at, tries) VALUES ")
        .list([
            c.incident.tenant_id.into(),
            c.incident.id.into(),
            c.data.into(),
            c.body.into(),
            c.by.into(),
            c.at.into(),
            c.due_at.into(),
            crate::store::Value::from(0i64),
        ])
        .push(" RETURNING id")
        .one(tx)
        .await?;
    Ok(id)
}

/// The message that went with an incident's last change that had one.
pub(super) async fn last_body(ex: &mut impl Exec, id: IncidentId) -> Result<Option<String>> {
    let q = sql("SELECT body FROM incident_changes WHERE body IS NOT NULL AND incident_id = ").arg(id);
    let row: Option<(String,)> = q.push(" ORDER BY id DESC LIMIT 1").opt(ex).await?;
    Ok(row.map(|(body,)| body))
}

pub(super) async fn change(ex: &mut impl Exec, id: IncidentChangeId) -> Result<Option<Told>> {
    sql("SELECT id, tenant_id, incident_id, data, body, changed_by, tries FROM incident_changes \
         WHERE done_at IS NULL AND id = ")
    .arg(id)
    .opt(ex)
    .await
}

pub(super) async fn due(ex: &mut impl Exec, now: Time) -> Result<Vec<IncidentChangeId>> {
    let q = sql("SELECT id FROM incident_changes WHERE done_at IS NULL AND due_at <= ").arg(now);
    let rows: Vec<(IncidentChangeId,)> = q.push(" ORDER BY due_at, id LIMIT 20").all(ex).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// The next linked tickets that have not heard of a change, by id. What was merged or erased hears nothing.
pub(super) async fn untold(ex: &mut impl Exec, c: &Told, after: TicketId, n: i64) -> Result<Vec<TicketId>> {
    let rows: Vec<(TicketId,)> = sql("SELECT t.id FROM tickets t WHERE t.incident_id = ")
        .arg(c.incident_id)
        .push(" AND t.id > ")
        .arg(after)
        .push(" AND t.erased_at IS NULL AND t.merged_into IS NULL AND NOT EXISTS (SELECT 1 FROM incident_told h ")
        .push("WHERE h.change_id = ")
        .arg(c.id)
        .push(" AND h.ticket_id = t.id) ORDER BY t.id LIMIT ")
        .arg(n)
        .all(ex)
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Notes that a ticket hears of a change; false if it has heard.
pub(super) async fn hear(
    tx: &mut Tx,
    change: IncidentChangeId,
    ticket: (TicketId, TenantId),
    at: Time,
) -> Result<bool> {
    let q = sql("INSERT INTO incident_told (change_id, ticket_id, tenant_id, told_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (change_id, ticket_id) DO NOTHING");
    Ok(q.bind(change).bind(ticket.0).bind(ticket.1).bind(at).exec(tx).await? == 1)
}

pub(super) async fn heard_by(
    tx: &mut Tx,
    change: IncidentChangeId,
    ticket: TicketId,
    message: MessageId,
) -> Result<()> {
    sql("UPDATE incident_told SET ticket_message_id = $1 WHERE change_id = $2 AND ticket_id = $3")
        .bind(message)
        .bind(change)
        .bind(ticket)
        .exec(tx)
        .await?;
    Ok(())
}

pub(super) async fn done(tx: &mut Tx, id: IncidentChangeId, at: Time) -> Result<()> {
    sql("UPDATE incident_changes SET done_at = $1 WHERE done_at IS NULL AND id = $2")
        .bind(at)
        .bind(id)
        .exec(tx)
        .await?;
    Ok(())
}

pub(super) async fn later(tx: &mut Tx, id: IncidentChangeId, tries: i64, due_at: Time) -> Result<()> {
    sql("UPDATE incident_changes SET tries = $1, due_at = $2 WHERE done_at IS NULL AND id = $3")
        .bind(tries)
        .bind(due_at)
        .bind(id)
        .exec(tx)
        .await?;
    Ok(())
}

/// A user's address and name.
pub(super) async fn person(ex: &mut impl Exec, id: UserId) -> Result<Option<(String, Option<String>)>> {
    sql("SELECT email, name FROM users WHERE id = ").arg(id).opt(ex).await
}
