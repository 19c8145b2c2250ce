//! Telling linked tickets of an incident's change: an event on each timeline, and to the open ones the public reply that goes
//! with resolving it. Each ticket is a transaction of its own, which also notes that it has heard: whoever goes on after a
//! crash, or tells at the same time, passes over it. So a ticket hears of a change once.

use super::sql;
use super::types::Told;
use crate::access::{Actor, Capabilities, Capability, Role, Who};
use crate::app::App;
use crate::clock::now;
use crate::compiled_here;
use crate::events::EventKind;
use crate::ids::{IncidentChangeId, TicketId};
use crate::mail_out::answered;
use crate::messages::{self, Post};
use crate::store::{self, Scope};
use crate::tickets::{Change, Error, Folder, Result, by};
use chrono::Duration;

/// How long the process that made a change has for the first tickets before a worker takes it up.
pub(super) const HEAD_START: Duration = Duration::seconds(30);
/// How many tickets are told before the change is answered.
const FIRST: i64 = 100;
/// How many are read at a time.
const BATCH: i64 = 100;
/// The longest wait after tickets that could not be told, in seconds.
const LONGEST_WAIT_S: i64 = 3_600;

/// Tells the first tickets of a change at once; the worker goes on with the rest, and where this failed.
pub(super) async fn begin(app: &App, id: IncidentChangeId) {
    if let Err(e) = some(app, id, Some(FIRST)).await {
        tracing::warn!(incident.change = id.0, error = &e as &dyn std::error::Error, "tickets are told later");
    }
}

/// Goes on telling what was not told to the end; returns how many tickets heard.
///
/// # Errors
/// See [`store::Error`].
#[compiled_here]
pub async fn tell_due(app: &App) -> store::Result<usize> {
    let mut heard = 0;
    for id in sql::due(&mut app.db.read(Scope::All), now()).await? {
        heard += some(app, id, None).await?;
    }
    Ok(heard)
}

/// Tells at most so many tickets, batch by batch. What could not be told is tried again, later each time.
async fn some(app: &App, id: IncidentChangeId, most: Option<i64>) -> store::Result<usize> {
    let Some(change) = sql::change(&mut app.db.read(Scope::All), id).await? else { return Ok(0) };
    let actor = actor(app, &change).await?;
    let (mut after, mut seen, mut heard, mut failed) = (TicketId(0), 0, 0, false);
    let more = loop {
        let n = most.map_or(BATCH, |most| BATCH.min(most - seen));
        if n == 0 {
            break true;
        }
        let batch = sql::untold(&mut app.db.read(Scope::All), &change, after, n).await?;
        seen += batch.len() as i64;
        let Some(last) = batch.last() else { break false };
        after = *last;
        for ticket in batch {
            match one(app, &actor, &change, ticket).await {
                Ok(true) => heard += 1,
                // It has heard, or is none of those that hear any more.
                Ok(false) | Err(Error::NotFound | Error::Erased | Error::Merged { .. }) => {}
                Err(e) => {
                    failed = true;
                    let error = &e as &dyn std::error::Error;
                    tracing::warn!(
                        incident = change.incident_id.0,
                        ticket = ticket.0,
                        error,
                        "a ticket could not be told"
                    );
                }
            }
        }
    };
    let mut tx = app.db.write(Scope::All).await?;
    match (failed, more) {
        (true, _) => {
            let tries = change.tries + 1;
            let wait = (30i64 << tries.min(10)).min(LONGEST_WAIT_S);
            sql::later(&mut tx, id, tries, now() + Duration::seconds(wait)).await?;
        }
        (false, true) => sql::later(&mut tx, id, change.tries, now()).await?,
        (false, false) => sql::done(&mut tx, id, now()).await?,
    }
    tx.commit().await?;
    Ok(heard)
}

/// Who made the change, with what they could then: what was said may be told to the end, whatever they may do by now.
async fn actor(app: &App, change: &Told) -> store::Result<Actor> {
    let known = match change.changed_by {
        Some(user) => sql::person(&mut app.db.read(Scope::All), user).await?.map(|person| (user, person)),
        None => None,
    };
    let Some((user, (email, name))) = known else { return Ok(Actor::system()) };
    let extra = Capabilities::default();
    let (tenant, role) = (change.tenant_id, Role::Admin);
    let who =
        Who { user, tenant, role, member: true, email, name, extra, shares_tickets: false, agents_may_assign: false };
    Ok(Actor::of(who, None, None))
}

/// Tells one ticket; false if it has heard.
async fn one(app: &App, actor: &Actor, told: &Told, id: TicketId) -> Result<bool> {
    // Before the transaction: it may ask the blob store.
    let answered = match told.body {
        Some(_) => answered::look(app, id).await?,
        None => Default::default(),
    };
    let mut change = Change::begin(app, actor, &id.into(), Capability::TicketsLinkIncident, None).await?;
    let ticket = change.ticket().clone();
    // It may have been linked to another one since it was read.
    if ticket.incident_id != Some(told.incident_id) {
        return Ok(false);
    }
    let at = change.work.now();
    if !sql::hear(&mut change.tx, told.id, (id, ticket.tenant_id), at).await? {
        return Ok(false);
    }
    let data = serde_json::from_str(&told.data).map_err(|e| store::Error::Corrupt(sqlx::Error::Decode(Box::new(e))))?;
    change.work.event(id, EventKind::IncidentChanged, by(actor), data, None);
    if let Some(body) = &told.body
        && !ticket.status.is_done()
        && ticket.folder == Folder::Inbox
        && actor.is_agent()
    {
        let post = Post { body: body.clone(), anyway: true, ..Post::default() };
        let message = messages::write(&mut change, post, &answered).await?;
        sql::heard_by(&mut change.tx, told.id, id, message).await?;
    }
    change.commit().await?;
    Ok(true)
}
