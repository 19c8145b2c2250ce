//! A mail opens a ticket.

use super::people::Person;
use super::rows::{Line, cut};
use super::{Batch, Planned};
use crate::events::{By, EventKind};
use crate::ids::{MessageId, TicketId, UserId};
use crate::mail_in::decide::Opening;
use crate::mail_in::origin::{Forwarded, Origin};
use crate::mail_in::outcome::Outcome;
use crate::mail_in::{Error, Trace};
use crate::messages::{MessageKind, Side};
use crate::store::Tx;
use crate::tickets::{self, Channel, Folder, JoinKind, NewJoin, NewTicket, Priority};
use serde_json::json;
use std::collections::VecDeque;

impl Batch<'_> {
    pub(super) async fn open(
        &mut self,
        tx: &mut Tx,
        mail: &Planned,
        opening: &Opening,
        trace: &mut Trace,
    ) -> Result<Line, Error> {
        let read = &mail.read;
        let tenant = read.kept.tenant_id;
        let pid = match self.pids.get_mut(&tenant).and_then(VecDeque::pop_front) {
            Some(pid) => pid,
            // Planned to join, and decided otherwise under the lock.
            None => {
                let prefix = self.known.tenant(tenant).pid_prefix.clone();
                tickets::take_pids(tx, tenant, prefix.as_deref(), self.now, 1).await?.remove(0)
            }
        };
        let sender = self.sender(read);
        let requester = self.requester(read, &opening.origin);
        let id = self.tickets.pop_front().expect("one was taken for each mail");
        let desk = self.known.desk(tenant, read.kept.mailbox_id).cloned();
        let (subject, created_by) = match &opening.origin {
            Origin::Forward(forwarded) => (cut(&forwarded.subject), Some(sender)),
            _ => (cut(&read.mail.subject), None),
        };
        let new = NewTicket {
            id,
            tenant_id: tenant,
            pid,
            subject,
            sub_subject: None,
            priority: Priority::Medium,
            kind: "support".to_owned(),
            channel: Channel::Email,
            folder: Folder::Inbox,
            category_id: None,
            mailbox_id: read.kept.mailbox_id.or(desk.as_ref().map(|d| d.mailbox_id)),
            requester_id: requester.id,
            created_by,
            follow_up_of: opening.follow_up_of,
        };
        let by = By::mail(sender);
        self.work.create(new, by);
        if let Some(dated) = read.kept.facts.dated {
            self.work.predate(id, dated);
        }
        let message = match &opening.origin {
            Origin::Forward(forwarded) => self.forwarded(mail, id, forwarded, &requester, sender),
            _ => self.message(mail, id, (MessageKind::Reply, read.classified.class), Side::Customer, &requester),
        };
        self.link(mail, id, opening, message, sender);
        if opening.origin == Origin::Sender {
            self.add_others(mail, id, by);
        }
        if let Some(desk) = desk {
            self.acknowledge(mail, (id, message), &desk, &requester, opening.ack, trace);
        }
        let outcome = if read.mail.flags.iter().any(|f| f == "degraded") {
            Outcome::KeptUnparsed
        } else {
            Outcome::TicketCreated
        };
        Ok(self.line(mail, outcome, Some(id), Some(message)))
    }

    /// An agent's forward: what stands above it is the agent's note, the rest is the requester's message (E6.3).
    fn forwarded(
        &mut self,
        mail: &Planned,
        ticket: TicketId,
        forwarded: &Forwarded,
        requester: &Person,
        agent: UserId,
    ) -> MessageId {
        if !forwarded.note.is_empty() {
            let author = self.author(&mail.read);
            self.note(mail, ticket, &forwarded.note, &author);
        }
        self.requesters_message(mail, ticket, forwarded, requester, agent)
    }

    /// Links the new ticket with those that it may belong to (E4.4: they wait in the tray), that it follows (E4.9), and
    /// whose mail was handed on to another mailbox (E4.6).
    fn link(&mut self, mail: &Planned, id: TicketId, opening: &Opening, message: MessageId, sender: UserId) {
        let doubtful = opening.links.iter().map(|t| (*t, "may_belong"));
        let sure = opening.follow_up_of.iter().map(|t| (*t, "follow_up"));
        let beside = opening.beside.iter().map(|t| (*t, "other_mailbox"));
        for (other, why) in doubtful.chain(sure).chain(beside).collect::<Vec<_>>() {
            self.work.event(id, EventKind::TicketLinked, By::SYSTEM, json!({"ticket_id": other, "why": why}), None);
            if self.work.ticket(other).is_some() {
                let data = json!({"ticket_id": id, "why": why});
                self.work.event(other, EventKind::TicketLinked, By::SYSTEM, data, None);
            }
            if why == "may_belong" {
                self.work.offer(NewJoin {
                    tenant_id: mail.read.kept.tenant_id,
                    kind: JoinKind::Linked,
                    ticket_id: id,
                    other_id: Some(other),
                    user_id: Some(sender),
                    ticket_message_id: Some(message),
                    why: format!("E4.1({})", opening.rule),
                });
            }
        }
    }
}
