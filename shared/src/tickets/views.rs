//! The queue's built-in views: which tickets each shows.

use super::list::{AssigneeFilter, Filter, StatusFilter};
use super::types::Status;
use crate::access::Actor;
use crate::text_enum;

text_enum! {
    /// A view that everybody has, in the order of the rail.
    pub enum View ("view") {
        /// Open tickets that the reader is responsible for.
        Mine = "mine",
        /// Open tickets that nobody is responsible for.
        Unassigned = "unassigned",
        /// Neither solved nor closed.
        Open = "open",
        /// The customer has to answer.
        Waiting = "waiting",
        /// A clock is in its last quarter, or late.
        AtRisk = "at_risk",
        /// Put off until later.
        Snoozed = "snoozed",
        /// The whole inbox.
        All = "all",
    }
}

impl View {
    /// Returns the views that an actor has: those of an agent, or of somebody who asks for help.
    pub fn of(actor: &Actor) -> &'static [View] {
        if actor.is_agent() { View::ALL } else { &[View::Open, View::Waiting, View::All] }
    }

    /// Returns what the view lists; more may be asked of it. What is put off is in nobody's way until its time.
    pub fn filter(self) -> Filter {
        Filter {
            status: match self {
                View::All | View::Snoozed => None,
                View::Waiting => Some(StatusFilter::In(vec![Status::WaitingOnCustomer])),
                View::Mine | View::Unassigned | View::Open | View::AtRisk => Some(StatusFilter::Open),
            },
            assigned_to: match self {
                View::Mine => Some(AssigneeFilter::Me),
                View::Unassigned => Some(AssigneeFilter::Nobody),
                _ => None,
            },
            at_risk: self == View::AtRisk,
            snoozed: match self {
                View::All => None,
                view => Some(view == View::Snoozed),
            },
            ..Filter::default()
        }
    }
}
