//! A mail joins a ticket.

use super::rows::Line;
use super::{Batch, Planned};
use crate::events::{By, EventKind};
use crate::ids::TicketId;
use crate::mail_in::Trace;
use crate::mail_in::decide::Joining;
use crate::mail_in::outcome::Outcome;
use crate::mail_in::senders::Cell;
use crate::mail_in::spam::SUSPECTED;
use crate::mail_in::types::{Class, Spam};
use crate::messages::{MessageKind, Side};
use crate::tickets::{JoinKind, NewJoin, ParticipantKind, ParticipantState, Status};
use serde_json::json;

impl Batch<'_> {
    pub(super) fn join(&mut self, mail: &Planned, joining: &Joining, trace: &mut Trace) -> Line {
        let read = &mail.read;
        let (ticket, cell, class) = (joining.ticket, joining.cell, joining.class);
        let sender = self.sender(read);
        let by = By::mail(sender);
        let (kind, side) = match cell {
            Cell::JoinUnseen => (MessageKind::Note, Side::Customer),
            internal if internal.is_internal() => (MessageKind::Note, Side::Agent),
            _ => (MessageKind::Reply, Side::Customer),
        };
        let key = read.sender_key().unwrap_or_default();
        let is_new = !self.known.is_on_ticket(ticket, &key);
        if is_new {
            match cell {
                Cell::JoinAddCc => {
                    self.work.add_participant(ticket, sender, ParticipantKind::Cc, ParticipantState::Accepted, by)
                }
                Cell::JoinNewSender => {
                    self.work.add_participant(ticket, sender, ParticipantKind::Cc, ParticipantState::NewSender, by);
                }
                // E4.7: whoever took part in what was merged takes part in what it became.
                Cell::Join if self.known.is_participant(ticket, &key) => {
                    self.work.add_participant(ticket, sender, ParticipantKind::Cc, ParticipantState::Accepted, by);
                }
                _ => {}
            }
        }
        let author = self.author(read);
        let is_suspected = joining.spam == Spam::Suspected;
        let marks = is_suspected.then_some(SUSPECTED).into_iter();
        let message = self.marked(mail, ticket, (kind, class), side, &author, marks);
        if cell == Cell::JoinNewSender && is_new {
            self.offer(mail, joining, JoinKind::NewSender, message, sender);
        }
        if joining.offer_split {
            self.offer(mail, joining, JoinKind::Split, message, sender);
        }
        let mut capped = false;
        if let Some(why) = joining.revive {
            capped = !self.may_reopen(ticket);
            if capped {
                trace.add("apply", "E5.12", "not reopened", "mail reopened it too often without an agent's act");
                let data = json!({"kind": "reopen", "reason": "cap_reopens_day"});
                self.work.event(ticket, EventKind::AutoSuppressed, By::SYSTEM, data, None);
            } else {
                self.work.set_status(ticket, Status::InProgress, by, why);
            }
        }
        self.tell_links(joining);
        if cell == Cell::Join {
            self.add_others(mail, ticket, by);
        }
        let notifies = match class {
            // E5.14: an import tells nobody.
            _ if read.is_imported() => false,
            // Nothing is sent for an agent's address without proof (E11.5).
            Class::Person => !cell.is_internal() || cell == Cell::JoinUnseen,
            Class::ListBulk => cell == Cell::Join,
            _ => false,
        };
        if notifies {
            self.notify(mail, ticket, message, trace);
        }
        let outcome = if class == Class::AutoReply { Outcome::AutoReplyStored } else { Outcome::MessageAdded };
        let mut line = self.line(mail, outcome, Some(ticket), Some(message));
        if capped {
            line.flags.push("reopen_capped");
        }
        if is_suspected {
            line.flags.push(SUSPECTED);
        }
        line.spam = Some(joining.spam);
        line
    }

    fn offer(
        &mut self,
        mail: &Planned,
        joining: &Joining,
        kind: JoinKind,
        message: crate::ids::MessageId,
        sender: crate::ids::UserId,
    ) {
        self.work.offer(NewJoin {
            tenant_id: mail.read.kept.tenant_id,
            kind,
            ticket_id: joining.ticket,
            other_id: None,
            user_id: Some(sender),
            ticket_message_id: Some(message),
            why: format!("E4.1({})", joining.rule),
        });
    }

    /// The tickets of further tokens learn of it (E4.3), and the one that a merged ticket's mail reached says which PID it
    /// was sent to (E4.7).
    fn tell_links(&mut self, joining: &Joining) {
        let others: Vec<TicketId> = joining.links.iter().filter(|t| self.work.ticket(**t).is_some()).copied().collect();
        for other in others {
            let data = json!({"ticket_id": joining.ticket, "why": "same_mail"});
            self.work.event(other, EventKind::TicketLinked, By::SYSTEM, data, None);
        }
        if let Some(merged) = joining.merged {
            let data = json!({"ticket_id": merged, "why": "merged"});
            let pid = json!({"pid": self.known.pid(merged)});
            self.work.event(joining.ticket, EventKind::TicketLinked, By::SYSTEM, data, Some(pid));
        }
    }
}
