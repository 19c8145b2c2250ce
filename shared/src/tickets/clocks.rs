//! A ticket's clocks (DESIGN 3): until when an answer and a solution are owed, and how that stands. Pure; lists ask the same
//! of the database by [`Ticket::risk_at`].

use super::types::{Status, Ticket};
use crate::clock::Time;
use crate::text_enum;

/// A clock is at risk in the last quarter of its time.
const RISK: i32 = 4;

text_enum! {
    /// How a clock stands.
    pub enum ClockState ("clock state") {
        /// There is time.
        Ok = "ok",
        /// Its last quarter runs.
        AtRisk = "at_risk",
        /// It ran out.
        Breached = "breached",
        /// It does not count while the customer has to answer, even if it ran out meanwhile.
        Paused = "paused",
        /// What was owed was done in time.
        Met = "met",
    }
}

/// One of a ticket's clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// Until when it is owed.
    pub due: Time,
    /// When it was done; None: it is still owed.
    pub ended: Option<Time>,
    /// How it stands.
    pub state: ClockState,
}

impl Ticket {
    /// Returns the clock of the first answer; None: none is owed by any time. A ticket that was solved without an answer is
    /// answered by that.
    pub fn response_clock(&self, now: Time) -> Option<Clock> {
        Some(self.clock(self.response_due_at?, self.first_response_at.or(self.done_at()), now))
    }

    /// Returns the clock of the solution.
    pub fn resolution_clock(&self, now: Time) -> Option<Clock> {
        Some(self.clock(self.resolution_due_at?, self.done_at(), now))
    }

    /// Returns how both clocks stand together: `met` or `breached` once the ticket is done, `paused` while the customer has
    /// to answer, else as the worse of the two, also of one that ended too late.
    pub fn sla(&self, now: Time) -> Option<ClockState> {
        let both = [self.response_clock(now), self.resolution_clock(now)];
        let states: Vec<ClockState> = both.into_iter().flatten().map(|clock| clock.state).collect();
        let has = |state| states.contains(&state);
        let state = match self.status {
            _ if states.is_empty() => return None,
            Status::WaitingOnCustomer => ClockState::Paused,
            _ if has(ClockState::Breached) => ClockState::Breached,
            status if status.is_done() => ClockState::Met,
            _ if has(ClockState::AtRisk) => ClockState::AtRisk,
            _ => ClockState::Ok,
        };
        Some(state)
    }

    /// Returns until when the requester can expect an answer: while none was given, the clock runs, and there is time.
    pub fn answer_due(&self, now: Time) -> Option<Time> {
        let clock = self.response_clock(now)?;
        matches!(clock.state, ClockState::Ok | ClockState::AtRisk).then_some(clock.due)
    }

    /// Returns from when on it is at risk: the last quarter of the clock that gets there first. None while no clock runs:
    /// it is done, or the customer has to answer.
    pub fn risk_at(&self) -> Option<Time> {
        if self.status.is_done() || self.status == Status::WaitingOnCustomer {
            return None;
        }
        let response = self.response_due_at.filter(|_| self.first_response_at.is_none());
        [response, self.resolution_due_at].into_iter().flatten().map(|due| self.last_quarter(due)).min()
    }

    fn done_at(&self) -> Option<Time> {
        self.solved_at.or(self.closed_at).filter(|_| self.status.is_done())
    }

    fn last_quarter(&self, due: Time) -> Time {
        due - (due - self.created_at) / RISK
    }

    fn clock(&self, due: Time, ended: Option<Time>, now: Time) -> Clock {
        let state = match ended {
            Some(at) if at <= due => ClockState::Met,
            Some(_) => ClockState::Breached,
            None if self.status == Status::WaitingOnCustomer => ClockState::Paused,
            None if now >= due => ClockState::Breached,
            None if now >= self.last_quarter(due) => ClockState::AtRisk,
            None => ClockState::Ok,
        };
        Clock { due, ended, state }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{TenantId, TicketId, UserId};
    use crate::tickets::{Channel, Folder, Priority};
    use Status::*;
    use chrono::Duration;

    fn at(hours: i64) -> Time {
        "2026-11-21T00:00:00Z".parse::<Time>().unwrap() + Duration::hours(hours)
    }

    /// A ticket opened at 0, whose answer is due at 8 and whose solution at 72.
    fn ticket(status: Status, first: Option<i64>, solved: Option<i64>) -> Ticket {
        Ticket {
            id: TicketId(1),
            tenant_id: TenantId(1),
            pid: String::new(),
            subject: String::new(),
            sub_subject: None,
            status,
            priority: Priority::Medium,
            kind: String::new(),
            folder: Folder::Inbox,
            channel: Channel::Api,
            category_id: None,
            mailbox_id: None,
            requester_id: UserId(1),
            created_by: None,
            assigned_to: None,
            version: 1,
            last_conflict_seq: 1,
            chain_head: Vec::new(),
            merged_into: None,
            follow_up_of: None,
            snippet: String::new(),
            message_count: 1,
            created_at: at(0),
            updated_at: at(0),
            last_activity_at: at(0),
            first_response_at: first.map(at),
            response_due_at: Some(at(8)),
            resolution_due_at: Some(at(72)),
            solved_at: solved.map(at),
            solved_by: None,
            closed_at: None,
            closed_by: None,
            resolution_notes: None,
            erased_at: None,
            snoozed_until: None,
            incident_id: None,
        }
    }

    fn together(status: Status, now: i64, first: Option<i64>, solved: Option<i64>) -> &'static str {
        ticket(status, first, solved).sla(at(now)).unwrap().as_str()
    }

    #[test]
    fn both_clocks_together() {
        assert_eq!(together(New, 1, None, None), "ok");
        assert_eq!(together(New, 7, None, None), "at_risk");
        assert_eq!(together(New, 8, None, None), "breached");
        assert_eq!(together(InProgress, 9, Some(2), None), "ok");
        assert_eq!(together(InProgress, 60, Some(2), None), "at_risk");
        assert_eq!(together(InProgress, 73, Some(2), None), "breached");
        assert_eq!(together(Solved, 100, Some(2), Some(70)), "met");
        assert_eq!(together(Solved, 100, None, Some(3)), "met");
        assert_eq!(together(Closed, 100, Some(2), Some(80)), "breached");
        let none = Ticket { response_due_at: None, resolution_due_at: None, ..ticket(New, None, None) };
        assert_eq!(none.sla(at(1)), None);
    }

    /// A late ticket that waits for its customer is put down to nobody, wherever that is asked.
    #[test]
    fn a_clock_that_waits_for_the_customer_is_paused() {
        for (now, first) in [(60, Some(2)), (100, Some(2)), (100, None)] {
            let t = ticket(WaitingOnCustomer, first, None);
            assert_eq!(together(WaitingOnCustomer, now, first, None), "paused");
            assert_eq!(t.resolution_clock(at(now)).unwrap().state, ClockState::Paused);
            assert_eq!((t.risk_at(), t.answer_due(at(now))), (None, None));
        }
    }

    /// Lists ask the database by the moment from which on a ticket is at risk.
    #[test]
    fn a_ticket_is_at_risk_when_the_lists_say_so() {
        for status in [New, Triaged, InProgress, NeedsEngineering, WaitingOnCustomer, Solved] {
            for (now, first) in
                [(1, None), (5, None), (6, None), (9, None), (53, Some(2)), (54, Some(2)), (80, Some(2))]
            {
                let t = ticket(status, first, (status == Solved).then_some(1));
                let listed = t.risk_at().is_some_and(|at_risk| at_risk <= at(now));
                let told = matches!(t.sla(at(now)).unwrap(), ClockState::AtRisk | ClockState::Breached);
                assert_eq!(listed, told, "{status} at {now}");
            }
        }
    }

    #[test]
    fn an_answer_is_due_until_it_is_given_or_late() {
        for (status, now, first, due) in [
            (New, 1, None, true),
            (InProgress, 7, None, true),
            (New, 8, None, false),
            (InProgress, 3, Some(2), false),
            (WaitingOnCustomer, 3, None, false),
            (Solved, 3, None, false),
        ] {
            let t = ticket(status, first, (status == Solved).then_some(1));
            assert_eq!(t.answer_due(at(now)), due.then(|| at(8)), "{status} at {now}");
        }
    }
}
