//! Who is at which ticket. Kept in memory alone: who says nothing for a while has gone.

use crate::ids::{TicketId, UserId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

/// Who was not heard of for so long is gone (UI 4); pages tell every five seconds.
const STAYS: Duration = Duration::from_secs(12);

/// So long after the last key somebody counts as writing.
const TYPES: Duration = Duration::from_secs(6);

/// What a page tells: somebody is at a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beat {
    /// The ticket.
    pub ticket: TicketId,
    /// Who.
    pub user: UserId,
    /// Their name, or address.
    pub name: String,
    /// Whether they are writing.
    pub typing: bool,
    /// Whether they leave.
    pub gone: bool,
}

/// Somebody at a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Viewer {
    /// Who.
    pub id: UserId,
    /// Their name, or address.
    pub name: String,
    /// Whether they are writing.
    pub typing: bool,
}

#[derive(Debug)]
struct Seen {
    name: String,
    at: Instant,
    typed: Option<Instant>,
}

impl Seen {
    fn is_here(&self) -> bool {
        self.at.elapsed() < STAYS
    }

    fn types(&self) -> bool {
        self.typed.is_some_and(|at| at.elapsed() < TYPES)
    }
}

/// All that are at some ticket.
#[derive(Debug, Default)]
pub(super) struct Presence {
    tickets: HashMap<TicketId, BTreeMap<UserId, Seen>>,
}

impl Presence {
    /// Notes a beat and tells whether anything looks different now.
    pub(super) fn note(&mut self, beat: Beat) -> bool {
        // Beats of a few seconds ago are all there is: who left without a word is dropped here.
        self.tickets.retain(|_, people| {
            people.retain(|_, seen| seen.is_here());
            !people.is_empty()
        });
        if beat.gone {
            return self.tickets.get_mut(&beat.ticket).is_some_and(|people| people.remove(&beat.user).is_some());
        }
        let now = Instant::now();
        let people = self.tickets.entry(beat.ticket).or_default();
        let before = people.get(&beat.user).map(Seen::types);
        let seen = Seen { name: beat.name, at: now, typed: beat.typing.then_some(now) };
        people.insert(beat.user, seen);
        before != Some(beat.typing)
    }

    /// Returns who is at a ticket, in a steady order.
    pub(super) fn of(&self, ticket: TicketId) -> Vec<Viewer> {
        let people = self.tickets.get(&ticket).into_iter().flatten().filter(|(_, seen)| seen.is_here());
        people.map(|(id, seen)| Viewer { id: *id, name: seen.name.clone(), typing: seen.types() }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beat(user: i64, typing: bool, gone: bool) -> Beat {
        Beat { ticket: TicketId(1), user: UserId(user), name: format!("U{user}"), typing, gone }
    }

    #[test]
    fn who_comes_types_and_goes() {
        let mut all = Presence::default();
        assert!(all.note(beat(2, false, false)), "somebody came");
        assert!(!all.note(beat(2, false, false)), "they are still there");
        assert!(all.note(beat(1, true, false)));
        let seen: Vec<_> = all.of(TicketId(1)).into_iter().map(|v| (v.id.0, v.typing)).collect();
        assert_eq!(seen, [(1, true), (2, false)]);
        assert!(all.of(TicketId(2)).is_empty());
        assert!(all.note(beat(1, false, false)), "they stopped writing");
        assert!(all.note(beat(1, false, true)) && !all.note(beat(1, false, true)));
        assert_eq!(all.of(TicketId(1)).len(), 1);
    }

    #[test]
    fn who_falls_silent_has_gone() {
        let mut all = Presence::default();
        all.note(beat(1, true, false));
        let seen = all.tickets.get_mut(&TicketId(1)).unwrap().get_mut(&UserId(1)).unwrap();
        let Some(long_ago) = Instant::now().checked_sub(STAYS) else { return };
        seen.at = long_ago;
        assert!(all.of(TicketId(1)).is_empty());
        all.note(Beat { ticket: TicketId(2), ..beat(2, false, false) });
        assert_eq!(all.tickets.len(), 1, "nothing of them is kept");
    }
}
