//! Putting a ticket off: it leaves the views that people work through until a time, or until the customer writes. Its clocks
//! go on: what was promised does not wait with us.
//!
//! Whoever wakes it (the worker when the time has come, [`Work::message`](super::Work::message) when the customer writes, an
//! agent by hand, whoever is done with it) empties the field, so that lists and counts agree at every moment.

mod sql;
pub mod words;

use super::error::{Error, Result};
use super::{Change, Work, by};
use crate::access::Actor;
use crate::app::App;
use crate::clock::{Time, now};
use crate::compiled_here;
use crate::events::{By, EventKind};
use crate::ids::TicketId;
use crate::store::{self, Scope};
use crate::users;
use crate::zone::Zone;
use chrono::{DateTime, SubsecRound};
use serde_json::json;
use words::{FARTHEST, Unclear, When};

/// How many tickets one transaction wakes.
const BATCH: i64 = 200;
/// What is stored for "until the customer writes": the last second of the year 9999.
const REPLY: i64 = 253_402_300_799;

/// Until when a ticket is put off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// This moment.
    Time(Time),
    /// The customer writes.
    Reply,
}

impl Until {
    /// Reads what is stored.
    pub fn of(stored: Time) -> Until {
        if stored.timestamp() == REPLY { Until::Reply } else { Until::Time(stored) }
    }

    /// Returns the moment; None: the customer writes.
    pub fn time(self) -> Option<Time> {
        match self {
            Until::Time(at) => Some(at),
            Until::Reply => None,
        }
    }

    pub(super) fn stored(self) -> Time {
        match self {
            Until::Time(at) => at,
            Until::Reply => DateTime::from_timestamp(REPLY, 0).unwrap_or(DateTime::<chrono::Utc>::MAX_UTC),
        }
    }

    /// Takes a moment that a program names.
    ///
    /// # Errors
    /// `Invalid` if it is over, or more than five years ahead.
    pub fn at(at: Time) -> Result<Until> {
        // What is stored is what is compared with.
        let (at, now) = (at.trunc_subsecs(6), now());
        match at {
            _ if at <= now => Err(unclear("until", Unclear::Past)),
            _ if at - now > FARTHEST => Err(unclear("until", Unclear::TooFar)),
            _ => Ok(Until::Time(at)),
        }
    }

    /// Reads what somebody wrote: "tomorrow 9", "in 3 Tagen", "until reply" (see [`words`]).
    ///
    /// # Errors
    /// `Invalid` if it cannot be understood, is over, or is too far ahead.
    pub fn read(text: &str, zone: &Zone) -> Result<Until> {
        let now = now();
        let at = match words::read(text, zone.local(now)).map_err(|e| unclear("words", e))? {
            When::In(length) => now + length,
            When::At(local) => zone.moment(local),
            When::Reply => return Ok(Until::Reply),
        };
        // Where clocks go back, what lies ahead on the wall may lie behind.
        if at > now { Ok(Until::Time(at)) } else { Err(unclear("words", Unclear::Past)) }
    }
}

fn unclear(field: &'static str, why: Unclear) -> Error {
    match why {
        Unclear::Words => Error::invalid(
            field,
            "when_unclear",
            "expected for example tomorrow 9, in 2 hours, next monday, until reply",
        ),
        Unclear::Past => Error::invalid(field, "when_past", "that time is over"),
        Unclear::TooFar => Error::invalid(field, "when_too_far", "at most five years ahead"),
    }
}

/// Returns the zone that somebody's words are meant in: their own choice, else the one that their program or page names, else
/// UTC.
///
/// # Errors
/// `Invalid` if a zone is named that does not exist and there is no choice; see [`crate::store::Error`].
#[compiled_here]
pub async fn zone(app: &App, actor: &Actor, named: Option<&str>) -> Result<Zone> {
    if let Some(user) = actor.user
        && let Some(own) = users::time_zone(&app.db, user).await?
        && let Some(zone) = Zone::named(&own)
    {
        return Ok(zone);
    }
    match named {
        None => Ok(Zone::default()),
        Some(name) => Zone::named(name)
            .ok_or_else(|| Error::invalid("time_zone", "time_zone_unknown", "no time zone has this name")),
    }
}

impl Change<'_> {
    /// Puts the ticket off, or wakes it.
    ///
    /// # Errors
    /// `Invalid` for a ticket that is done: nobody waits for it.
    pub(super) fn snooze(&mut self, until: Option<Until>) -> Result<()> {
        let (id, who) = (self.id, by(self.actor));
        match until {
            None => drop(self.work.wake(id, who, "by_hand")),
            Some(_) if self.ticket().status.is_done() => {
                return Err(Error::invalid("until", "ticket_done", "a ticket that is solved or closed is not put off"));
            }
            Some(until) => drop(self.work.snooze(id, until, who)),
        }
        Ok(())
    }
}

impl Work<'_> {
    /// Puts a ticket off; nothing happens if it is put off so already.
    pub(super) fn snooze(&mut self, id: TicketId, until: Until, by: By) -> bool {
        let stored = Some(until.stored());
        if self.ticket(id).is_none_or(|t| t.snoozed_until == stored) {
            return false;
        }
        self.update(id, |t| t.snoozed_until = stored);
        self.event(id, EventKind::Snoozed, by, json!({"until": until.time()}), None);
        true
    }

    /// Brings a ticket back that is put off; nothing happens to others. `why` is for the timeline.
    pub(super) fn wake(&mut self, id: TicketId, by: By, why: &str) -> bool {
        if self.ticket(id).is_none_or(|t| t.snoozed_until.is_none()) {
            return false;
        }
        self.update(id, |t| t.snoozed_until = None);
        self.event(id, EventKind::Woken, by, json!({"why": why}), None);
        true
    }
}

/// Wakes the tickets whose time has come; they stand in front of the lists again. Returns how many.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn wake_due(app: &App) -> store::Result<usize> {
    let mut woken = 0;
    loop {
        let ids = sql::due(&mut app.db.read(Scope::All), now(), BATCH).await?;
        if ids.is_empty() {
            return Ok(woken);
        }
        let mut tx = app.db.write(Scope::All).await?;
        let mut work = Work::new(&app.keys);
        work.lock(&mut tx, &ids).await?;
        let at = work.now();
        for &id in &ids {
            // It may have been put off anew since it was read.
            let due = work.ticket(id).is_some_and(|t| t.snoozed_until.is_some_and(|until| until <= at));
            if due && work.wake(id, By::SYSTEM, "due") {
                work.update(id, |t| t.last_activity_at = at);
                woken += 1;
            }
        }
        work.flush(&mut tx).await?;
        tx.commit().await?;
        if (ids.len() as i64) < BATCH {
            return Ok(woken);
        }
    }
}
