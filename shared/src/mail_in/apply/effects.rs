//! What a mail causes to be sent: the acknowledgement and the responsible agent's notice, within the caps (E5.11 to E5.15).

use super::plan::touched;
use super::{Batch, Planned};
use crate::address;
use crate::events::{By, EventKind};
use crate::ids::{MessageId, TicketId, UserId};
use crate::mail_in::decide::{Decision, Read};
use crate::mail_in::{Error, Trace};
use crate::mail_out::caps::Caps;
use crate::mail_out::enqueue::{self, Automatic, Recipient, Trigger};
use crate::mail_out::kinds::Kind;
use crate::mail_out::outbox::Template;
use crate::store::Tx;
use crate::tickets::{Folder, Work};
use serde_json::json;
use std::collections::{BTreeSet, HashMap};

/// The agents who are responsible for tickets that mails join: they get a notice.
pub(super) async fn agents(
    tx: &mut Tx,
    work: &Work<'_>,
    mails: &[Planned],
) -> Result<HashMap<UserId, Recipient>, Error> {
    let ids: BTreeSet<UserId> =
        touched(mails).into_iter().filter_map(|t| work.ticket(t)).filter_map(|t| t.assigned_to).collect();
    Ok(enqueue::notice_recipients(tx, &ids.into_iter().collect::<Vec<_>>()).await?)
}

/// The caps of everybody who may be sent something automatic: senders an acknowledgement, agents a notice.
pub(super) async fn load_caps(
    tx: &mut Tx,
    work: &Work<'_>,
    mails: &[Planned],
    agents: &HashMap<UserId, Recipient>,
) -> Result<Caps, Error> {
    let acks = mails
        .iter()
        .filter(|m| matches!(m.decision, Decision::Open { ack: Ok(()), .. }))
        .filter_map(|m| Some((m.read.kept.tenant_id, m.read.sender_key()?)));
    let notices = touched(mails).into_iter().filter_map(|t| {
        let ticket = work.ticket(t)?;
        Some((ticket.tenant_id, address::key(&agents.get(&ticket.assigned_to?)?.email)))
    });
    Ok(Caps::load(tx, acks.collect(), notices.collect(), work.now()).await?)
}

impl Batch<'_> {
    /// Queues the acknowledgement, or says on the timeline why there is none (E5.12, E5.14).
    pub(super) fn acknowledge(
        &mut self,
        mail: &Planned,
        ticket: TicketId,
        desk: &enqueue::Desk,
        message: MessageId,
        ack: Result<(), &'static str>,
        trace: &mut Trace,
    ) {
        let read = &mail.read;
        let tenant = read.kept.tenant_id;
        let Some(from) = &read.mail.from else { return };
        let key = address::key(&from.email);
        let allowed = ack.and_then(|()| self.caps.ack(tenant, &key));
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
            user_id: self.sender(read),
            email: from.email.clone(),
            name: from.name.clone(),
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
        if locked.folder != Folder::Inbox || Some(address::key(&agent.email)) == read.sender_key() {
            return;
        }
        let Some(desk) = self.known.desk(locked.tenant_id, locked.mailbox_id).cloned() else { return };
        if let Err(reason) = self.caps.notice(locked.tenant_id, &address::key(&agent.email)) {
            self.work.event(
                ticket,
                EventKind::AutoSuppressed,
                By::SYSTEM,
                json!({"kind": "notice", "reason": reason}),
                None,
            );
            return;
        }
        trace.add("apply", "E5.11", "agent notified", "");
        let row = self.outbox.pop_front().expect("one was taken for each mail");
        let mail = Automatic {
            kind: Kind::Notice,
            template: Template::NoticeAnswered,
            to: &agent,
            to_agent: true,
            trigger: Trigger { mail_id: Some(read.kept.id), ..Trigger::default() },
            ticket_message_id: Some(message),
            due_at: self.due,
        };
        enqueue::automatic(&mut self.work, &desk, &locked, mail, row);
    }
}

fn trigger(read: &Read) -> Trigger {
    Trigger {
        mail_id: Some(read.kept.id),
        message_id: read.mail.message_id.clone(),
        references: enqueue::thread(read.mail.references.clone()),
    }
}
