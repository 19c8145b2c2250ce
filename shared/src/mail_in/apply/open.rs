//! A mail opens a ticket.

use super::rows::{Line, cut};
use super::{Batch, Planned};
use crate::events::{By, EventKind};
use crate::ids::TicketId;
use crate::mail_in::outcome::Outcome;
use crate::mail_in::{Error, Trace};
use crate::messages::{MessageKind, Side};
use crate::store::Tx;
use crate::tickets::{self, Channel, Folder, NewTicket, Priority};
use serde_json::json;
use std::collections::VecDeque;

impl Batch<'_> {
    pub(super) async fn open(
        &mut self,
        tx: &mut Tx,
        mail: &Planned,
        links: &[TicketId],
        follow_up_of: Option<TicketId>,
        ack: Result<(), &'static str>,
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
        let id = self.tickets.pop_front().expect("one was taken for each mail");
        let desk = self.known.desk(tenant, read.kept.mailbox_id).cloned();
        let new = NewTicket {
            id,
            tenant_id: tenant,
            pid,
            subject: cut(&read.mail.subject),
            sub_subject: None,
            priority: Priority::Medium,
            kind: "support".to_owned(),
            channel: Channel::Email,
            folder: Folder::Inbox,
            category_id: None,
            mailbox_id: read.kept.mailbox_id.or(desk.as_ref().map(|d| d.mailbox_id)),
            requester_id: sender,
            created_by: None,
            follow_up_of,
        };
        self.work.create(new, By::mail(sender));
        let message =
            self.message(mail, id, (MessageKind::Reply, read.classified.class), Side::Customer, By::mail(sender));
        for other in links.iter().chain(&follow_up_of) {
            let why = if Some(*other) == follow_up_of { "follow_up" } else { "may_belong" };
            self.work.event(id, EventKind::TicketLinked, By::SYSTEM, json!({"ticket_id": other, "why": why}), None);
            if self.work.ticket(*other).is_some() {
                self.work.event(
                    *other,
                    EventKind::TicketLinked,
                    By::SYSTEM,
                    json!({"ticket_id": id, "why": why}),
                    None,
                );
            }
        }
        self.add_others(mail, id, By::mail(sender));
        if let Some(desk) = desk {
            self.acknowledge(mail, id, &desk, message, ack, trace);
        }
        let outcome = if read.mail.flags.iter().any(|f| f == "degraded") {
            Outcome::KeptUnparsed
        } else {
            Outcome::TicketCreated
        };
        Ok(self.line(mail, outcome, Some(id), Some(message)))
    }
}
