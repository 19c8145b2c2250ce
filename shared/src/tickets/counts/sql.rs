//! The SQL of counts.

use super::Place;
use crate::access::Actor;
use crate::ids::{TenantId, UserId};
use crate::store::{Exec, Result, Tx, Value, insert_many, sql};
use crate::tickets::Status;

/// The kept counts of the views.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Totals {
    pub mine: i64,
    pub unassigned: i64,
    pub open: i64,
    pub waiting: i64,
    pub snoozed: i64,
    pub everything: i64,
}

/// A place whose count is not that of its tickets.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Difference {
    /// Whose tickets.
    pub tenant_id: TenantId,
    /// Where they stand.
    pub status: Status,
    /// Whose they are; 0: nobody's.
    pub assigned_to: UserId,
    /// Whether they are put off.
    pub snoozed: bool,
    /// By how many the count is too high.
    pub too_many: i64,
}

fn rows(places: impl Iterator<Item = (Place, i64)>) -> Vec<Vec<Value>> {
    let row = |(place, n): (Place, i64)| {
        let assigned_to = place.assigned_to.unwrap_or(UserId(0));
        vec![place.tenant.into(), place.status.into(), assigned_to.into(), place.snoozed.into(), n.into()]
    };
    places.map(row).collect()
}

pub(super) async fn insert_deltas(tx: &mut Tx, places: impl Iterator<Item = (Place, i64)>) -> Result<()> {
    let head = "INSERT INTO ticket_count_deltas (tenant_id, status, assigned_to, snoozed, change)";
    insert_many(tx, head, rows(places), "").await?;
    Ok(())
}

pub(super) async fn something_waits(ex: &mut impl Exec) -> Result<bool> {
    let found: Option<(i64,)> = sql("SELECT id FROM ticket_count_deltas ORDER BY id LIMIT 1").opt(ex).await?;
    Ok(found.is_some())
}

#[derive(sqlx::FromRow)]
struct Delta {
    id: i64,
    tenant_id: TenantId,
    status: Status,
    assigned_to: i64,
    snoozed: bool,
    change: i64,
}

/// Takes the oldest deltas away, each for one worker alone.
pub(super) async fn take_deltas(tx: &mut Tx, n: i64) -> Result<Vec<(Place, i64)>> {
    let lock = if tx.is_sqlite() { "" } else { " FOR UPDATE SKIP LOCKED" };
    let q =
        sql("SELECT id, tenant_id, status, assigned_to, snoozed, change FROM ticket_count_deltas ORDER BY id LIMIT ")
            .arg(n);
    let found: Vec<Delta> = q.push(lock).all(tx).await?;
    if !found.is_empty() {
        let gone = sql("DELETE FROM ticket_count_deltas WHERE id IN ").among(found.iter().map(|d| d.id));
        gone.exec(tx).await?;
    }
    let place = |d: Delta| {
        let assigned_to = (d.assigned_to != 0).then_some(UserId(d.assigned_to));
        (Place { tenant: d.tenant_id, status: d.status, assigned_to, snoozed: d.snoozed }, d.change)
    };
    Ok(found.into_iter().map(place).collect())
}

/// Adds to the totals, in the order of their places, so that workers that meet cannot deadlock.
pub(super) async fn add(tx: &mut Tx, places: impl Iterator<Item = (Place, i64)>) -> Result<()> {
    insert_many(
        tx,
        "INSERT INTO ticket_counts (tenant_id, status, assigned_to, snoozed, total)",
        rows(places),
        "ON CONFLICT (tenant_id, status, assigned_to, snoozed) DO UPDATE SET total = ticket_counts.total + excluded.total",
    )
    .await?;
    Ok(())
}

/// Totals and what is not added up yet, in one statement: a delta is seen in one of the two, whatever a worker does. What
/// agents put off is out of their way, and still a customer's open ticket.
pub(super) async fn totals(ex: &mut impl Exec, tenant: Option<TenantId>, actor: &Actor) -> Result<Totals> {
    let within = |q: crate::store::Q| match tenant {
        Some(tenant) => q.push(" WHERE tenant_id = ").arg(tenant),
        None => q,
    };
    let q = sql("SELECT CAST(COALESCE(SUM(CASE WHEN running AND assigned_to = ")
        .arg(actor.user)
        .push(
            " THEN n END), 0) AS BIGINT) AS mine, \
             CAST(COALESCE(SUM(CASE WHEN running AND assigned_to = 0 THEN n END), 0) AS BIGINT) AS unassigned, \
             CAST(COALESCE(SUM(CASE WHEN running THEN n END), 0) AS BIGINT) AS open, \
             CAST(COALESCE(SUM(CASE WHEN running AND status = 'waiting_on_customer' THEN n END), 0) AS BIGINT) AS waiting, \
             CAST(COALESCE(SUM(CASE WHEN snoozed THEN n END), 0) AS BIGINT) AS snoozed, \
             CAST(COALESCE(SUM(n), 0) AS BIGINT) AS everything FROM (SELECT status, assigned_to, snoozed, n, \
             status NOT IN ('solved', 'closed') AND NOT (snoozed AND ",
        )
        .arg(actor.is_agent())
        .push(") AS running FROM (SELECT status, assigned_to, snoozed, total AS n FROM ticket_counts")
        .apply(within)
        .push(" UNION ALL SELECT status, assigned_to, snoozed, change FROM ticket_count_deltas")
        .apply(within);
    q.push(") AS both_of_them) AS places").one(ex).await
}

/// The tickets by their places, to be inserted or compared.
const TICKETS: &str = "SELECT tenant_id, status, COALESCE(assigned_to, 0), snoozed_until IS NOT NULL, COUNT(*) FROM tickets \
     WHERE folder = 'inbox' GROUP BY 1, 2, 3, 4";

pub(super) async fn recount(tx: &mut Tx) -> Result<i64> {
    if !tx.is_sqlite() {
        // Whoever moves a ticket has written its delta before this, and is counted; or waits until the count stands.
        sql("LOCK TABLE ticket_count_deltas IN EXCLUSIVE MODE").exec(tx).await?;
    }
    sql("DELETE FROM ticket_count_deltas").exec(tx).await?;
    sql("DELETE FROM ticket_counts").exec(tx).await?;
    sql("INSERT INTO ticket_counts (tenant_id, status, assigned_to, snoozed, total) ").push(TICKETS).exec(tx).await?;
    let (n,): (i64,) = sql("SELECT CAST(COALESCE(SUM(total), 0) AS BIGINT) FROM ticket_counts").one(tx).await?;
    Ok(n)
}

pub(super) async fn differences(ex: &mut impl Exec) -> Result<Vec<Difference>> {
    sql("SELECT tenant_id, status, assigned_to, snoozed, CAST(SUM(n) AS BIGINT) AS too_many FROM (\
         SELECT tenant_id, status, assigned_to, snoozed, total AS n FROM ticket_counts \
         UNION ALL SELECT tenant_id, status, assigned_to, snoozed, change FROM ticket_count_deltas \
         UNION ALL SELECT tenant_id, status, COALESCE(assigned_to, 0), snoozed_until IS NOT NULL, -COUNT(*) FROM tickets \
         WHERE folder = 'inbox' GROUP BY 1, 2, 3, 4) AS places \
         GROUP BY tenant_id, status, assigned_to, snoozed HAVING SUM(n) <> 0 ORDER BY 1, 2, 3, 4")
    .all(ex)
    .await
}

pub(super) async fn counted(ex: &mut impl Exec) -> Result<i64> {
    let (n,): (i64,) = sql("SELECT COUNT(*) FROM tickets WHERE folder = 'inbox'").one(ex).await?;
    Ok(n)
}
