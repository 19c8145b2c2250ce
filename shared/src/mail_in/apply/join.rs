//! A mail joins a ticket.

use super::rows::Line;
use super::{Batch, Planned};
use crate::events::{By, EventKind};
use crate::ids::TicketId;
use crate::mail_in::Trace;
use crate::mail_in::outcome::Outcome;
use crate::mail_in::senders::Cell;
use crate::mail_in::types::Class;
use crate::messages::{MessageKind, Side};
use crate::tickets::{ParticipantKind, ParticipantState, Status};
use serde_json::json;

impl Batch<'_> {
    pub(super) fn join(
        &mut self,
        mail: &Planned,
        ticket: TicketId,
        (cell, class): (Cell, Class),
        revive: Option<&'static str>,
        links: &[TicketId],
        trace: &mut Trace,
    ) -> Line {
        let read = &mail.read;
        let sender = self.sender(read);
        let by = By::mail(sender);
        let (kind, side) = match cell {
            Cell::JoinUnseen => (MessageKind::Note, Side::Customer),
            internal if internal.is_internal() => (MessageKind::Note, Side::Agent),
            _ => (MessageKind::Reply, Side::Customer),
        };
        let key = read.sender_key().unwrap_or_default();
        if !self.known.is_on_ticket(ticket, &key) {
            match cell {
                Cell::JoinAddCc => {
                    self.work.add_participant(ticket, sender, ParticipantKind::Cc, ParticipantState::Accepted, by)
                }
                Cell::JoinNewSender => {
                    self.work.add_participant(ticket, sender, ParticipantKind::Cc, ParticipantState::NewSender, by);
                }
                _ => {}
            }
        }
        let message = self.message(mail, ticket, (kind, class), side, by);
        if let Some(why) = revive {
            self.work.set_status(ticket, Status::InProgress, by, why);
        }
        for other in links.iter().filter(|t| self.work.ticket(**t).is_some()).copied().collect::<Vec<_>>() {
            self.work.event(
                other,
                EventKind::TicketLinked,
                By::SYSTEM,
                json!({"ticket_id": ticket, "why": "same_mail"}),
                None,
            );
        }
        if cell == Cell::Join {
            self.add_others(mail, ticket, by);
        }
        let notifies = match class {
            // Nothing is sent for an agent's address without proof (E11.5).
            Class::Person => !cell.is_internal() || cell == Cell::JoinUnseen,
            Class::ListBulk => cell == Cell::Join,
            _ => false,
        };
        if notifies {
            self.notify(mail, ticket, message, trace);
        }
        let outcome = if class == Class::AutoReply { Outcome::AutoReplyStored } else { Outcome::MessageAdded };
        self.line(mail, outcome, Some(ticket), Some(message))
    }
}
