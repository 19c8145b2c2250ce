//! One act on many tickets, each in a transaction of its own, and how it is taken back.
//!
//! Every act says how to undo it: what the ticket was like before. That is done only where nothing changed since, and asks
//! for the same rights as the act itself: what comes back from a page or a program is not trusted.

use super::change::{Change, assign_capability, by};
use super::error::Result;
use super::snooze::Until;
use super::types::{Folder, Priority, Status, Ticket};
use super::{Error, TicketRef, change::check_tag};
use crate::access::{Actor, Capability};
use crate::app::App;
use crate::clock::{Time, now};
use crate::compiled_here;
use crate::ids::{TicketId, UserId};
use chrono::DateTime;
use data_encoding::HEXLOWER;
use std::fmt;
use std::str::FromStr;

/// The most tickets that one act may be for.
pub const MOST: usize = 200;

/// What is to be done with each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Make somebody responsible, or nobody.
    Assign(Option<UserId>),
    /// Change the status.
    Status(Status),
    /// Change the priority.
    Priority(Priority),
    /// Put a tag on.
    Tag(String),
    /// Take a tag off.
    Untag(String),
    /// Close.
    Close,
    /// Move to a folder: spam, trash, or back.
    Move(Folder),
    /// Put off, or wake.
    Snooze(Option<Until>),
}

impl Act {
    fn capability(&self, actor: &Actor) -> Capability {
        match self {
            Act::Assign(to) => assign_capability(actor, *to),
            Act::Tag(_) | Act::Untag(_) => Capability::TicketsTag,
            Act::Close => Capability::TicketsClose,
            Act::Status(_) | Act::Priority(_) | Act::Move(_) | Act::Snooze(_) => Capability::TicketsUpdate,
        }
    }
}

/// What became of one ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// The ticket.
    pub id: TicketId,
    /// Its PID.
    pub pid: String,
    /// Its version now.
    pub version: i64,
    /// How to take it back; None if nothing changed.
    pub undo: Option<Undo>,
}

/// How an act on one ticket is taken back. As text `TICKET.VERSION.WHAT`, to travel by a page or a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undo {
    /// The ticket.
    pub ticket: TicketId,
    /// Its version after the act.
    pub version: i64,
    /// What it was like before.
    pub before: Before,
}

/// What a ticket was like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Before {
    /// Where it stood.
    State {
        /// Its status.
        status: Status,
        /// Its priority.
        priority: Priority,
        /// Its folder.
        folder: Folder,
        /// Who was responsible.
        assigned_to: Option<UserId>,
    },
    /// It had this tag.
    Tagged(String),
    /// It had not.
    Untagged(String),
    /// It was put off until then, or not at all.
    Snoozed(Option<Time>),
    /// It was not merged into another one.
    Apart,
}

impl Before {
    fn of(t: &Ticket) -> Before {
        Before::State { status: t.status, priority: t.priority, folder: t.folder, assigned_to: t.assigned_to }
    }
}

/// Does it with one ticket. `expected` is the version that the actor saw.
///
/// # Errors
/// As the verb of the same name for one ticket.
#[compiled_here]
pub async fn act(app: &App, actor: &Actor, which: &TicketRef, act: &Act, expected: Option<i64>) -> Result<Done> {
    let mut change = Change::begin(app, actor, which, act.capability(actor), expected).await?;
    let (was, mut before) = (change.ticket().version, Before::of(change.ticket()));
    let (id, who) = (change.id, by(actor));
    match act {
        Act::Assign(to) => change.assign(*to).await?,
        Act::Status(status) => change.set_status(*status, None).await?,
        Act::Priority(priority) => drop(change.work.set_priority(id, *priority, who)),
        Act::Close => drop(change.work.set_status(id, Status::Closed, who, "closed")),
        Act::Move(folder) => drop(change.work.set_folder(id, *folder, who)),
        Act::Tag(name) => {
            let name = check_tag(name)?;
            change.change_tags(std::slice::from_ref(&name), &[]).await?;
            before = Before::Untagged(name);
        }
        Act::Untag(name) => {
            let name = check_tag(name)?;
            change.change_tags(&[], std::slice::from_ref(&name)).await?;
            before = Before::Tagged(name);
        }
        Act::Snooze(until) => {
            before = Before::Snoozed(change.ticket().snoozed_until);
            change.snooze(*until)?;
        }
    }
    finish(change, was, before).await
}

/// Takes an act back: the ticket is as it was before.
///
/// # Errors
/// `Stale` if something that matters happened since; else as [`act`].
#[compiled_here]
pub async fn undo(app: &App, actor: &Actor, undo: &Undo) -> Result<Done> {
    if undo.before == Before::Apart {
        let id = super::unmerge(app, actor, &undo.ticket.into(), Some(undo.version)).await?;
        let ticket = super::view(app, actor, &id.into()).await?.ticket;
        return Ok(Done { id, pid: ticket.pid, version: ticket.version, undo: None });
    }
    let capability = match undo.before {
        Before::State { .. } | Before::Snoozed(_) => Capability::TicketsUpdate,
        Before::Tagged(_) | Before::Untagged(_) => Capability::TicketsTag,
        Before::Apart => Capability::TicketsMerge,
    };
    let mut change = Change::begin(app, actor, &undo.ticket.into(), capability, Some(undo.version)).await?;
    let was = change.ticket().version;
    let mut now_is = Before::of(change.ticket());
    let (id, who) = (change.id, by(actor));
    match &undo.before {
        Before::Apart => {}
        Before::State { status, priority, folder, assigned_to } => {
            let holder = change.ticket().assigned_to;
            if holder != *assigned_to {
                // Who may take a ticket may give it back; to somebody else is another matter.
                let own = assigned_to.is_none() && holder.is_some() && holder == actor.user;
                actor.require(if own { Capability::TicketsTake } else { assign_capability(actor, *assigned_to) })?;
                change.assign(*assigned_to).await?;
            }
            change.work.set_priority(id, *priority, who);
            change.work.set_folder(id, *folder, who);
            change.work.set_status(id, *status, who, "undone");
        }
        Before::Tagged(name) => {
            change.change_tags(&[check_tag(name)?], &[]).await?;
            now_is = Before::Untagged(name.clone());
        }
        Before::Untagged(name) => {
            change.change_tags(&[], &[check_tag(name)?]).await?;
            now_is = Before::Tagged(name.clone());
        }
        Before::Snoozed(until) => {
            now_is = Before::Snoozed(change.ticket().snoozed_until);
            // Its time may have come since.
            change.snooze(until.filter(|at| *at > now()).map(Until::of))?;
        }
    }
    finish(change, was, now_is).await
}

/// Merges a ticket into another one.
///
/// # Errors
/// As [`super::merge`], for each on its own.
#[compiled_here]
pub async fn merge(app: &App, actor: &Actor, which: &TicketRef, into: &TicketRef) -> Result<Done> {
    let id = super::find(app, actor, which).await?;
    super::merge(app, actor, which, into, None).await?;
    let ticket = super::view(app, actor, &id.into()).await?.ticket;
    let undo = Undo { ticket: id, version: ticket.version, before: Before::Apart };
    Ok(Done { id, pid: ticket.pid, version: ticket.version, undo: Some(undo) })
}

async fn finish(change: Change<'_>, was: i64, before: Before) -> Result<Done> {
    let (id, pid, version) = (change.id, change.ticket().pid.clone(), change.ticket().version);
    change.commit().await?;
    let undo = (version > was).then_some(Undo { ticket: id, version, before });
    Ok(Done { id, pid, version, undo })
}

/// Reads what [`write_undo`] wrote.
///
/// # Errors
/// `Invalid` if it is nothing of ours, or for too many tickets.
pub fn read_undo(text: &str) -> Result<Vec<Undo>> {
    let wrong = || Error::invalid("undo", "invalid", "is not what an act gave");
    let all: Option<Vec<Undo>> = text.split('~').map(|one| one.parse().ok()).collect();
    all.filter(|all| all.len() <= MOST).ok_or_else(wrong)
}

/// Returns how acts are taken back, as one text that needs no escaping in an address.
pub fn write_undo(all: &[Undo]) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join("~")
}

impl fmt::Display for Undo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.", self.ticket, self.version)?;
        match &self.before {
            Before::State { status, priority, folder, assigned_to } => {
                let assigned_to = assigned_to.map_or(0, |user| user.0);
                write!(
                    f,
                    "{}{}{}.{assigned_to}",
                    place(Status::ALL, status),
                    place(Priority::ALL, priority),
                    place(Folder::ALL, folder)
                )
            }
            Before::Tagged(name) => write!(f, "t.{}", HEXLOWER.encode(name.as_bytes())),
            Before::Untagged(name) => write!(f, "u.{}", HEXLOWER.encode(name.as_bytes())),
            Before::Apart => f.write_str("m.0"),
            Before::Snoozed(until) => write!(f, "s.{}", until.map_or(0, |at| at.timestamp_micros())),
        }
    }
}

impl FromStr for Undo {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Undo, ()> {
        let mut parts = text.split('.');
        let mut next = || parts.next().ok_or(());
        let ticket = next()?.parse().map_err(|_| ())?;
        let version = next()?.parse().map_err(|_| ())?;
        let (what, rest) = (next()?, next()?);
        let before = match what {
            "t" => Before::Tagged(unhex(rest).ok_or(())?),
            "u" => Before::Untagged(unhex(rest).ok_or(())?),
            "m" if rest == "0" => Before::Apart,
            "s" => Before::Snoozed(match rest.parse().map_err(|_| ())? {
                0 => None,
                micros => Some(DateTime::from_timestamp_micros(micros).ok_or(())?),
            }),
            _ => {
                let at: Vec<usize> = what.bytes().map(|b| usize::from(b.wrapping_sub(b'0'))).collect();
                let [status, priority, folder] = at[..] else { return Err(()) };
                let user: i64 = rest.parse().map_err(|_| ())?;
                Before::State {
                    status: *Status::ALL.get(status).ok_or(())?,
                    priority: *Priority::ALL.get(priority).ok_or(())?,
                    folder: *Folder::ALL.get(folder).ok_or(())?,
                    assigned_to: (user != 0).then_some(UserId(user)),
                }
            }
        };
        if parts.next().is_some() { Err(()) } else { Ok(Undo { ticket, version, before }) }
    }
}

fn place<T: PartialEq>(all: &[T], one: &T) -> usize {
    all.iter().position(|other| other == one).unwrap_or(0)
}

fn unhex(text: &str) -> Option<String> {
    String::from_utf8(HEXLOWER.decode(text.as_bytes()).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_before() -> impl Strategy<Value = Before> {
        let state =
            (0usize..7, 0usize..4, 0usize..3, proptest::option::of(1i64..1_000_000)).prop_map(|(s, p, f, a)| {
                Before::State {
                    status: Status::ALL[s],
                    priority: Priority::ALL[p],
                    folder: Folder::ALL[f],
                    assigned_to: a.map(UserId),
                }
            });
        let snoozed = proptest::option::of(1i64..253_402_300_799_000_000)
            .prop_map(|at| Before::Snoozed(at.and_then(DateTime::from_timestamp_micros)));
        prop_oneof![
            Just(Before::Apart),
            state,
            snoozed,
            ".{1,50}".prop_map(Before::Tagged),
            ".{1,50}".prop_map(Before::Untagged)
        ]
    }

    proptest! {
        #[test]
        fn an_undo_comes_back_as_it_went(all in proptest::collection::vec((1i64.., 1i64.., any_before()), 1..9)) {
            let all: Vec<Undo> =
                all.into_iter().map(|(t, version, before)| Undo { ticket: TicketId(t), version, before }).collect();
            let text = write_undo(&all);
            prop_assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._~-".contains(&b)), "{}", text);
            prop_assert_eq!(read_undo(&text).unwrap(), all);
        }

        #[test]
        fn anything_else_is_refused_and_never_a_panic(text in ".{0,40}|[0-9mtus.~]{0,20}") {
            let _ = read_undo(&text);
        }
    }
}
