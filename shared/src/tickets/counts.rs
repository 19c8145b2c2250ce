//! How many tickets each view has, without counting them (DESIGN 12).
//!
//! A ticket of the inbox stands in one [`Place`]: tenant, status, assignee, put off or not. Every change of a ticket goes through a unit
//! of work, and that is where the counts are kept: [`Work::flush`](super::Work::flush) knows where its tickets stood
//! before and writes one row for each place whose number changed, in one statement, however many tickets took part.
//! (Triggers could not be forgotten either, but on SQLite they write a row for each ticket, and what they save is one
//! call.) The rows are new ones always, so no mail waits for another. The worker adds them up; who reads adds what is not
//! added up yet. `postroom doctor` compares with a full count, [`rebuild`] makes one.

mod cache;
mod sql;

pub use cache::Cache;
pub use sql::Difference;

use super::types::{Folder, Status, Ticket};
use super::{Filter, Result, View, list};
use crate::access::{Actor, Capability};
use crate::app::App;
use crate::compiled_here;
use crate::ids::{TenantId, UserId};
use crate::store::{self, Db, Scope, Tx};
use std::collections::BTreeMap;

/// Beyond this many nobody waits for a count that is not kept.
const MOST: i64 = 1000;
/// How many deltas are added up in one transaction.
const BATCH: i64 = 500;

/// A number of tickets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// How many.
    pub n: i64,
    /// Whether there are more: nobody counted on.
    pub more: bool,
}

impl Count {
    fn kept(n: i64) -> Count {
        Count { n, more: false }
    }

    /// Of what was counted up to [`MOST`].
    fn capped(n: i64) -> Count {
        Count { n: n.min(MOST - 1), more: n >= MOST }
    }
}

/// Where a ticket of the inbox is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    tenant: TenantId,
    status: Status,
    assigned_to: Option<UserId>,
    snoozed: bool,
}

impl Place {
    /// Returns where a ticket is counted; spam and trash are not.
    pub(super) fn of(t: &Ticket) -> Option<Place> {
        let place = Place {
            tenant: t.tenant_id,
            status: t.status,
            assigned_to: t.assigned_to,
            snoozed: t.snoozed_until.is_some(),
        };
        (t.folder == Folder::Inbox).then_some(place)
    }
}

/// What a unit of work changes about the counts.
#[derive(Debug, Default)]
pub(super) struct Moves(BTreeMap<Place, i64>);

impl Moves {
    /// A ticket goes from one place to another.
    pub(super) fn one(&mut self, from: Option<Place>, to: Option<Place>) {
        if from != to {
            from.into_iter().for_each(|place| self.add(place, -1));
            to.into_iter().for_each(|place| self.add(place, 1));
        }
    }

    fn add(&mut self, place: Place, n: i64) {
        *self.0.entry(place).or_default() += n;
    }

    /// The places whose number is another one now, in one order for all.
    fn changed(self) -> impl Iterator<Item = (Place, i64)> {
        self.0.into_iter().filter(|(_, n)| *n != 0)
    }

    /// Writes them: one statement, none if nothing moved.
    ///
    /// # Errors
    /// See [`store::Error`].
    pub(super) async fn write(self, tx: &mut Tx) -> store::Result<()> {
        sql::insert_deltas(tx, self.changed()).await
    }
}

/// Returns how many tickets the actor sees in each of their views. Whose scope is a tenant or all of them reads what is
/// kept; for others it is counted by index, up to 999, and kept for a few seconds.
///
/// # Errors
/// `Denied` if the actor may not read tickets; else see [`crate::store::Error`].
#[compiled_here]
pub async fn of_views(app: &App, actor: &Actor) -> Result<Vec<(View, Count)>> {
    actor.require(Capability::TicketsRead)?;
    let scope = actor.tickets();
    let views = View::of(actor);
    if !scope.is_whole() {
        let mut all = Vec::with_capacity(views.len());
        for view in views {
            all.push((*view, app.counts.of(app, actor, view.as_str(), &view.filter()).await?));
        }
        return Ok(all);
    }
    let kept = sql::totals(&mut app.db.read(scope.rows()), scope.tenant(), actor).await?;
    let at_risk = match views.contains(&View::AtRisk) {
        true => capped(app, actor, &View::AtRisk.filter()).await?,
        false => Count::default(),
    };
    let count = |view: &View| match view {
        View::Mine => Count::kept(kept.mine),
        View::Unassigned => Count::kept(kept.unassigned),
        View::Open => Count::kept(kept.open),
        View::Waiting => Count::kept(kept.waiting),
        View::AtRisk => at_risk,
        View::Snoozed => Count::kept(kept.snoozed),
        View::All => Count::kept(kept.everything),
    };
    Ok(views.iter().map(|view| (*view, count(view))).collect())
}

/// Counts by index, up to 999.
async fn capped(app: &App, actor: &Actor, filter: &Filter) -> Result<Count> {
    Ok(Count::capped(list::count(app, actor, filter, MOST).await?))
}

/// Adds deltas up, one transaction's worth; any number of workers may. Returns how many; more may wait if it is not 0.
///
/// # Errors
/// See [`store::Error`].
#[compiled_here]
pub async fn fold(db: &Db) -> store::Result<usize> {
    // Asked outside a transaction: most of the time nothing waits, and a transaction holds SQLite's writer.
    if !sql::something_waits(&mut db.read(Scope::All)).await? {
        return Ok(0);
    }
    let mut tx = db.write(Scope::All).await?;
    let deltas = sql::take_deltas(&mut tx, BATCH).await?;
    let n = deltas.len();
    let mut sum = Moves::default();
    deltas.into_iter().for_each(|(place, change)| sum.add(place, change));
    sql::add(&mut tx, sum.changed()).await?;
    tx.commit().await?;
    Ok(n)
}

/// Counts everything anew while tickets go on changing: writers wait for the moment that it takes. Returns how many tickets
/// were counted.
///
/// # Errors
/// See [`store::Error`].
#[compiled_here]
pub async fn rebuild(db: &Db) -> store::Result<i64> {
    let mut tx = db.write(Scope::All).await?;
    let counted = sql::recount(&mut tx).await?;
    tx.commit().await?;
    Ok(counted)
}

/// Returns where the counts differ from the tickets, and how many tickets there are; one statement, so one moment.
///
/// # Errors
/// See [`store::Error`].
pub async fn differences(db: &Db) -> store::Result<(Vec<Difference>, i64)> {
    let mut read = db.read(Scope::All);
    Ok((sql::differences(&mut read).await?, sql::counted(&mut read).await?))
}
