//! What open pages hear of: changes of tickets as they commit, and who else is looking at one (DESIGN 8, UI 3 and 4).
//!
//! The database is the truth here as well. A change is a row of `ticket_events`; [`tail`] reads what is new after a
//! commit in this process, after a hint from another one, and every two seconds. Hints travel between processes by what
//! the worker crate carries them with; one that is lost costs those two seconds. Presence is nothing but hints: it is
//! stored nowhere, and ends by itself.

pub mod presence;
mod sql;
pub mod tail;

use crate::access::{Actor, Capability};
use crate::clock::Time;
use crate::compiled_here;
use crate::events::{ByKind, EventKind};
use crate::ids::{TenantId, TicketId, UserId};
use crate::store::{self, Db};
use chrono::{DateTime, TimeDelta};
use presence::{Beat, Presence, Viewer};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, broadcast};
use tokio_util::sync::CancellationToken;

/// What a listener may lag behind before it is told to look for itself.
const CAPACITY: usize = 2048;

/// How far apart the moments of two changes may be that commit in the other order: the longest transaction that is
/// usual, and what the clocks of two hosts may differ by.
const OVERLAP: TimeDelta = TimeDelta::seconds(3);

/// The most that a listener is told again when it comes back; beyond it, it is told to look for itself.
const REPLAY: usize = 500;

/// Where a change stands among all: what a listener names when it comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark {
    /// When.
    pub at: Time,
    /// The ticket.
    pub ticket: TicketId,
    /// The event's number on the ticket's timeline.
    pub seq: i64,
}

/// A change of a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct Change {
    /// The ticket.
    pub ticket_id: TicketId,
    /// Its tenant.
    #[serde(skip)]
    pub tenant_id: TenantId,
    /// Its PID.
    pub pid: String,
    /// The event's number on the ticket's timeline.
    pub seq: i64,
    /// What happened.
    pub kind: EventKind,
    /// What kind of actor made it.
    pub actor_kind: ByKind,
    /// The user behind it.
    pub actor_id: Option<UserId>,
    /// When.
    pub at: Time,
    /// Whether it is about an internal note.
    #[serde(skip)]
    pub note: bool,
}

impl Change {
    /// Returns where it stands.
    pub fn mark(&self) -> Mark {
        Mark { at: self.at, ticket: self.ticket_id, seq: self.seq }
    }

    /// Whether those hear of it who may not see internal notes: only of what their own page shows.
    fn public(&self) -> bool {
        let shown = matches!(
            self.kind,
            EventKind::Created
                | EventKind::MessageAdded
                | EventKind::MessageWithdrawn
                | EventKind::StatusChanged
                | EventKind::IncidentLinked
                | EventKind::IncidentChanged
        );
        shown && !self.note
    }
}

/// What listeners are told.
#[derive(Debug, Clone)]
pub enum Said {
    /// A ticket changed.
    Change(Arc<Change>),
    /// Somebody came to a ticket, went, or began to write.
    Presence(TicketId),
}

/// What one process tells the others.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// Something was committed.
    Look,
    /// Somebody is at a ticket.
    Beat(Beat),
}

#[derive(Serialize, Deserialize)]
struct Letter {
    /// The process that says it, which hears itself, too.
    from: u64,
    signal: Signal,
}

/// The exchange of one process. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Live(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    process: u64,
    said: broadcast::Sender<Said>,
    out: broadcast::Sender<Signal>,
    look: Notify,
    present: Mutex<Presence>,
    end: CancellationToken,
}

impl Live {
    pub(crate) fn new() -> Live {
        Live(Arc::new(Inner {
            process: rand::random(),
            said: broadcast::channel(CAPACITY).0,
            out: broadcast::channel(CAPACITY).0,
            look: Notify::new(),
            present: Mutex::default(),
            end: CancellationToken::new(),
        }))
    }

    /// Returns what is told from now on; whoever is too slow for it is told so, and looks for themselves.
    pub fn listen(&self) -> broadcast::Receiver<Said> {
        // The tail slept while nobody listened.
        self.0.look.notify_one();
        self.0.said.subscribe()
    }

    /// Whether anybody listens.
    fn is_heard(&self) -> bool {
        self.0.said.receiver_count() > 0
    }

    /// Returns what the other processes are to be told, for whoever carries it.
    pub fn outgoing(&self) -> broadcast::Receiver<Signal> {
        self.0.out.subscribe()
    }

    /// Returns a signal as it travels.
    pub fn seal(&self, signal: Signal) -> String {
        serde_json::to_string(&Letter { from: self.0.process, signal }).expect("plain data")
    }

    /// Takes in what another process sent. What cannot be read comes from another version, and is left.
    pub fn hear(&self, letter: &str) {
        let Ok(letter) = serde_json::from_str::<Letter>(letter) else {
            tracing::debug!("a hint from another process cannot be read");
            return;
        };
        match letter.signal {
            _ if letter.from == self.0.process => {}
            Signal::Look => self.0.look.notify_one(),
            Signal::Beat(beat) => self.note(beat),
        }
    }

    /// Notes that somebody is at a ticket, here and in the other processes. The caller has seen to it that they see the
    /// ticket.
    pub fn beat(&self, beat: Beat) {
        // Nobody carries it: there is one process.
        let _ = self.0.out.send(Signal::Beat(beat.clone()));
        self.note(beat);
    }

    fn note(&self, beat: Beat) {
        let ticket = beat.ticket;
        if self.present().note(beat) {
            let _ = self.0.said.send(Said::Presence(ticket));
        }
    }

    /// Returns who is at a ticket.
    pub fn viewers(&self, ticket: TicketId) -> Vec<Viewer> {
        self.present().of(ticket)
    }

    fn present(&self) -> MutexGuard<'_, Presence> {
        self.0.present.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Resolves when listeners are to end, as the process stops.
    #[compiled_here]
    pub async fn ended(&self) {
        self.0.end.cancelled().await;
    }

    /// Ends all listening.
    pub fn end(&self) {
        self.0.end.cancel();
    }
}

/// Returns those of `changes` that `actor` may hear of. One question to the database for all of them, and none for those
/// who see all of a tenant.
///
/// # Errors
/// See [`store::Error`].
#[compiled_here]
pub async fn heard_by(db: &Db, actor: &Actor, changes: Vec<Arc<Change>>) -> store::Result<Vec<Arc<Change>>> {
    let notes = actor.can(Capability::TicketsNote);
    let mut heard = changes;
    heard.retain(|c| actor.sees_tenant(c.tenant_id) && (notes || c.public()));
    let scope = actor.tickets();
    if heard.is_empty() || scope.is_whole() {
        return Ok(heard);
    }
    let tickets: BTreeSet<TicketId> = heard.iter().map(|c| c.ticket_id).collect();
    let seen = sql::seen(&mut db.read(scope.rows()), scope, tickets).await?;
    heard.retain(|c| seen.contains(&c.ticket_id));
    Ok(heard)
}

/// Returns the changes after `mark`, and a few from before it that may not have been told, oldest first; None if there
/// are too many to tell.
///
/// # Errors
/// See [`store::Error`].
#[compiled_here]
pub async fn since(db: &Db, actor: &Actor, mark: Mark) -> store::Result<Option<Vec<Arc<Change>>>> {
    let from = Mark { at: mark.at - OVERLAP, ticket: TicketId(0), seq: 0 };
    let found = sql::changes(&mut db.read(actor.rows()), actor.within, from, REPLAY as i64 + 1).await?;
    Ok((found.len() <= REPLAY).then(|| found.into_iter().filter(|c| c.mark() != mark).map(Arc::new).collect()))
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.at.timestamp_micros(), self.ticket, self.seq)
    }
}

/// It is no mark of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no mark of a change")]
pub struct NoMark;

impl FromStr for Mark {
    type Err = NoMark;

    fn from_str(text: &str) -> Result<Mark, NoMark> {
        let mut parts = text.splitn(3, '.').map(|part| part.parse::<i64>().map_err(|_| NoMark));
        let mut part = || parts.next().ok_or(NoMark)?;
        let at = DateTime::from_timestamp_micros(part()?).ok_or(NoMark)?;
        Ok(Mark { at, ticket: TicketId(part()?), seq: part()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_mark_comes_back_as_it_went(micros in 0i64..4_000_000_000_000_000, ticket: i64, seq: i64) {
            let mark = Mark { at: DateTime::from_timestamp_micros(micros).unwrap(), ticket: TicketId(ticket), seq };
            prop_assert_eq!(mark.to_string().parse(), Ok(mark));
        }

        #[test]
        fn anything_else_is_refused_and_never_a_panic(text in ".{0,40}") {
            if let Ok(mark) = text.parse::<Mark>() {
                prop_assert_eq!(mark.to_string().parse(), Ok(mark));
            }
        }
    }

    #[test]
    fn what_comes_back_from_itself_or_from_elsewhere_changes_nothing() {
        let (here, there) = (Live::new(), Live::new());
        let beat =
            |user| Beat { ticket: TicketId(1), user: UserId(user), name: "Ann".into(), typing: false, gone: false };
        let sealed = here.seal(Signal::Beat(beat(1)));
        here.hear(&sealed);
        here.hear("{}");
        assert_eq!(here.viewers(TicketId(1)), []);
        there.hear(&sealed);
        assert_eq!(there.viewers(TicketId(1)).len(), 1);
    }
}
