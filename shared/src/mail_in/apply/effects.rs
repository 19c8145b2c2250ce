//! What a mail causes to be sent: the acknowledgement and the responsible agent's notice, within the caps (E5.11 to E5.15).

use super::people::Person;
use super::plan::touched;
use super::storms::counted_sender;
use super::{Batch, Planned};
use crate::address;
use crate::events::{By, EventKind};
use crate::ids::{MessageId, TicketId, UserId};
use crate::mail_in::decide::{Decision, Joining, Opening, Read};
use crate::mail_in::origin::Origin;
use crate::mail_in::types::Class;
use crate::mail_in::{Error, Trace};
use crate::mail_out::caps::{self, Caps, Wanted};
use crate::mail_out::digest;
use crate::mail_out::enqueue::{self, Automatic, Recipient, Trigger};
use crate::mail_out::kinds::Kind;
use crate::mail_out::outbox::Template;
use crate::mail_out::schedule::{self, Scheduled};
use crate::mail_out::unsubscribe::Sort;
use crate::store::Tx;
use crate::tickets::{Folder, Ticket, Work};
use serde_json::json;
use std::collections::{BTreeSet, HashMap};

/// The tickets that a person's mail joins: what waits for its time there is held (E9.3). What is imported is no news, and
/// nobody is told of it (E5.14).
pub(super) fn answered(mails: &[Planned]) -> Vec<TicketId> {
    let joined = mails.iter().filter(|m| !m.read.is_imported()).filter_map(|m| match &m.decision {
        Decision::Join(Joining { ticket, class: Class::Person, .. }) => Some(*ticket),
        _ => None,
    });
    joined.collect::<BTreeSet<_>>().into_iter().collect()
}

/// The agents who are responsible for tickets that mails join: they get a notice.
pub(super) async fn agents(
    tx: &mut Tx,
    work: &Work<'_>,
    mails: &[Planned],
    scheduled: &[Scheduled],
) -> Result<HashMap<UserId, Recipient>, Error> {
    let assigned = touched(mails).into_iter().filter_map(|t| work.ticket(t)).filter_map(|t| t.assigned_to);
    let assigned: BTreeSet<UserId> = assigned.collect();
    let authors: BTreeSet<UserId> = scheduled.iter().filter_map(|s| s.author).collect();
    let mut told = enqueue::notice_recipients(tx, &Vec::from_iter(assigned), Sort::Answered).await?;
    // Whose reply does not leave must know it, whichever news they want.
    told.extend(enqueue::notice_recipients(tx, &Vec::from_iter(authors), Sort::Notices).await?);
    Ok(told)
}

/// Whom an acknowledgement would go to: a web form's visitor, else the sender.
fn ack_key(mail: &Planned) -> Option<String> {
    match &mail.decision {
        Decision::Open(Opening { origin: Origin::Form(visitor), .. }) => Some(address::key(&visitor.email)),
        _ => mail.read.sender_key(),
    }
}

/// The caps of everybody who may be sent something automatic: senders an acknowledgement, agents a notice.
pub(super) async fn load_caps(
    tx: &mut Tx,
    work: &Work<'_>,
    mails: &[Planned],
    agents: &HashMap<UserId, Recipient>,
    scheduled: &[Scheduled],
) -> Result<Caps, Error> {
    let acked = || mails.iter().filter(|m| matches!(&m.decision, Decision::Open(o) if o.ack.is_ok()));
    let acks = acked().filter_map(|m| Some((m.read.kept.tenant_id, ack_key(m)?)));
    let senders = mails.iter().filter_map(counted_sender);
    let assigned = touched(mails).into_iter().filter_map(|t| Some((t, work.ticket(t)?.assigned_to?)));
    let notices = assigned
        .chain(scheduled.iter().filter_map(|s| Some((s.ticket, s.author?))))
        .filter_map(|(t, agent)| Some((work.ticket(t)?.tenant_id, address::key(&agents.get(&agent)?.email))));
    let wanted = Wanted {
        acks: acks.collect(),
        notices: notices.collect(),
        tickets: touched(mails).into_iter().collect(),
        patterns: acked().map(|m| said(&m.read)).collect(),
        senders: senders.collect(),
    };
    Ok(Caps::load(tx, wanted, work.now()).await?)
}

/// What a mail says but for its digits (E5.12): its text, else its subject.
fn said(read: &Read) -> String {
    let text = if read.mail.body_text.trim().is_empty() { &read.mail.subject } else { &read.mail.body_text };
    caps::pattern(text)
}

impl Batch<'_> {
    /// Queues the acknowledgement, or says on the timeline why there is none (E5.12, E5.14).
    pub(super) fn acknowledge(
        &mut self,
        mail: &Planned,
        (ticket, message): (TicketId, MessageId),
        desk: &enqueue::Desk,
        requester: &Person,
        ack: Result<(), &'static str>,
        trace: &mut Trace,
    ) {
        let read = &mail.read;
        let tenant = read.kept.tenant_id;
        let Some(email) = requester.email.clone() else { return };
        let key = address::key(&email);
        let pattern = said(read);
        let allowed = ack.and_then(|()| self.caps.ack(tenant, &key, &pattern));
        if let Err(reason) = allowed {
            if ack.is_ok() {
                trace.add("apply", "E5.12", "no acknowledgement", reason);
            }
            self.work.event(
                ticket,
                EventKind::AutoSuppressed,
                By::SYSTEM,
                json!({"kind": "ack", "reason": reason}),
                None,
            );
            return;
        }
        trace.add("apply", "E5.11", "acknowledged", "");
        let to = Recipient {
            user_id: requester.id,
            email,
            name: requester.name.clone(),
            locale: self.known.user(tenant, &key).and_then(|u| u.locale),
        };
        let row = self.outbox.pop_front().expect("one was taken for each mail");
        let subject = self.work.ticket(ticket).expect("it was just made").clone();
        let mail = Automatic {
            kind: Kind::Ack,
            template: Template::Ack,
            to: &to,
            to_agent: false,
            trigger: trigger(read),
            ticket_message_id: Some(message),
            due_at: self.due,
            pattern: Some(pattern),
        };
        enqueue::automatic(&mut self.work, desk, &subject, mail, row);
    }

    /// Tells the responsible agent that the customer wrote (E5.11), within the caps (E5.12).
    pub(super) fn notify(&mut self, mail: &Planned, ticket: TicketId, message: MessageId, trace: &mut Trace) {
        let read = &mail.read;
        if read.kept.quiet {
            return;
        }
        let Some(locked) = self.work.ticket(ticket).cloned() else { return };
        let Some(agent) = locked.assigned_to.and_then(|a| self.agents.get(&a)).cloned() else { return };
        if self.scheduled.iter().any(|s| s.ticket == ticket && s.author == Some(agent.user_id)) {
            // Told of the same mail by what it held back.
            return;
        }
        if locked.folder != Folder::Inbox || Some(address::key(&agent.email)) == read.sender_key() {
            return;
        }
        self.tell(mail, &locked, &agent, Template::NoticeAnswered, Some(message), trace);
    }

    /// Queues a notice to an agent, or keeps it for their digest, or says why there is none (E5.12).
    fn tell(
        &mut self,
        mail: &Planned,
        ticket: &Ticket,
        agent: &Recipient,
        template: Template,
        message: Option<MessageId>,
        trace: &mut Trace,
    ) {
        let Some(desk) = self.known.desk(ticket.tenant_id, ticket.mailbox_id).cloned() else { return };
        if let Err(reason) = self.caps.notice(ticket.tenant_id, &address::key(&agent.email), ticket.id) {
            let data = json!({"kind": "notice", "reason": reason});
            self.work.event(ticket.id, EventKind::AutoSuppressed, By::SYSTEM, data, None);
            if reason == digest::CAP {
                self.digests.push((ticket.tenant_id, agent.user_id, ticket.id, template));
            }
            return;
        }
        trace.add("apply", "E5.11", "agent notified", "");
        let row = self.outbox.pop_front().expect("one was taken for each mail and each scheduled reply");
        let notice = Automatic {
            kind: Kind::Notice,
            template,
            to: agent,
            to_agent: true,
            trigger: Trigger { mail_id: Some(mail.read.kept.id), ..Trigger::default() },
            ticket_message_id: message,
            due_at: self.due,
            pattern: None,
        };
        enqueue::automatic(&mut self.work, &desk, ticket, notice, row);
    }

    /// Holds what was scheduled on the ticket, as a person wrote first, and tells its authors (E9.3).
    pub(super) async fn hold_scheduled(
        &mut self,
        tx: &mut Tx,
        mail: &Planned,
        ticket: TicketId,
        message: Option<MessageId>,
        trace: &mut Trace,
    ) -> Result<(), Error> {
        let (held, rest) = std::mem::take(&mut self.scheduled).into_iter().partition(|s| s.ticket == ticket);
        self.scheduled = rest;
        let held: Vec<Scheduled> = held;
        let by = By::mail(self.sender(&mail.read));
        for reply in &held {
            schedule::hold(tx, &mut self.work, reply, by).await?;
            trace.add("apply", "E9.3", "scheduled reply held", "");
            let agent = reply.author.and_then(|a| self.agents.get(&a)).cloned();
            if let (Some(agent), Some(locked)) = (agent, self.work.ticket(ticket).cloned()) {
                self.tell(mail, &locked, &agent, Template::NoticeHeld, message, trace);
            }
        }
        Ok(())
    }
}

fn trigger(read: &Read) -> Trigger {
    Trigger {
        mail_id: Some(read.kept.id),
        message_id: read.mail.message_id.clone(),
        references: enqueue::thread(read.mail.references.clone()),
    }
}
