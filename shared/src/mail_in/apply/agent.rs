//! An agent answers a notice by mail (E11.5, E11.6): what is new in it goes out to the customer.

use super::rows::Line;
use super::{Batch, Planned};
use crate::address;
use crate::events::{By, EventKind};
use crate::ids::{MessageId, OutboxId, TicketId};
use crate::mail_in::commands::{self, Command};
use crate::mail_in::outcome::Outcome;
use crate::mail_in::types::Part;
use crate::mail_in::{Error, Trace};
use crate::mail_out::answered::Answered;
use crate::mail_out::enqueue::{self, Recipient, Reply};
use crate::messages::{MessageKind, Side};
use crate::store::Tx;
use crate::store::dialect::{self, IdTable};
use crate::tickets::{NewMessage, NewMessageId, Status};
use serde_json::json;

impl Batch<'_> {
    /// Adds an agent's mail as their reply, or as a note if it is to be one or says nothing, and does what its leading
    /// lines tell. Only the new text and real files are part of it: quoted history and inline images are the mail's alone,
    /// which can be looked at.
    pub(super) async fn agent_answers(
        &mut self,
        tx: &mut Tx,
        mail: &Planned,
        ticket: TicketId,
        trace: &mut Trace,
    ) -> Result<Line, Error> {
        let read = &mail.read;
        let agent = self.sender(read);
        let by = By::mail(agent);
        let (told, text) = commands::read(&read.mail.visible_text);
        let files = read.mail.parts.iter().any(is_file);
        let says_nothing = commands::is_only_quote(text) && !files;
        // A replay sends nothing (E14.3).
        let is_note = says_nothing || read.kept.quiet || told.contains(&Command::Note);
        let id = self.messages.pop_front().expect("one was taken for each mail");
        let sent_as = match is_note {
            true => None,
            false => self.send_to_participants(tx, mail, ticket, id).await?,
        };
        trace.add("apply", "E11.6", if is_note { "agent's note" } else { "agent's reply" }, format!("{told:?}"));
        let name =
            self.known.user(read.kept.tenant_id, &read.sender_key().unwrap_or_default()).and_then(|u| u.name.clone());
        let message = NewMessage {
            id,
            tenant_id: read.kept.tenant_id,
            ticket_id: ticket,
            seq: 0,
            kind: if is_note { MessageKind::Note } else { MessageKind::Reply },
            side: Side::Agent,
            author_id: Some(agent),
            author_name: name.or_else(|| read.mail.from.as_ref().and_then(|f| f.name.clone())),
            author_email: read.mail.from.as_ref().map(|f| f.email.clone()),
            body: if says_nothing { read.mail.visible_text.clone() } else { text.to_owned() },
            body_html: None,
            visible_text: if says_nothing { read.mail.visible_text.clone() } else { text.to_owned() },
            class: Some(read.classified.class),
            verdict: Some(read.verdict),
            mail_id: Some(read.kept.id),
            mail_view: None,
            message_id: sent_as.or_else(|| read.mail.message_id.clone()),
            created_at: Some(read.kept.received_at),
            forwarded_by: None,
            written_at: None,
        };
        self.work.message(message, by);
        if let Some(message_id) = &read.mail.message_id {
            // The agent's own id leads here, but no customer's mail refers to it.
            self.work.message_id(NewMessageId {
                tenant_id: read.kept.tenant_id,
                message_id: message_id.clone(),
                ticket_id: ticket,
                ticket_message_id: Some(id),
                kind: "received",
                public: false,
            });
        }
        self.files(mail, ticket, id, is_file);
        self.obey(ticket, is_note, &told, by);
        Ok(self.line(mail, Outcome::MessageAdded, Some(ticket), Some(id)))
    }

    /// Queues the reply to everybody who gets the ticket's mail; returns the Message-ID it leaves with.
    async fn send_to_participants(
        &mut self,
        tx: &mut Tx,
        mail: &Planned,
        ticket: TicketId,
        message: MessageId,
    ) -> Result<Option<String>, Error> {
        let tenant = mail.read.kept.tenant_id;
        let agent = self.sender(&mail.read);
        let to: Vec<Recipient> = self
            .known
            .mailed_participants(ticket)
            .filter(|p| p.user_id != agent && address::is_valid(&p.email))
            .map(|p| Recipient { user_id: p.user_id, email: p.email.clone(), name: p.name.clone(), locale: None })
            .collect();
        let Some(locked) = self.work.ticket(ticket).cloned() else { return Ok(None) };
        let Some(desk) = self.known.desk(tenant, locked.mailbox_id).cloned() else { return Ok(None) };
        let keys: Vec<String> = to.iter().map(|r| address::key(&r.email)).collect();
        let suppressed = enqueue::suppressed(tx, tenant, &keys).await?;
        let thread = enqueue::thread_of(tx, ticket).await?;
        let ids: Vec<OutboxId> =
            dialect::take_ids(tx, IdTable::Outbox, to.len()).await?.into_iter().map(OutboxId).collect();
        let key = mail.read.sender_key().unwrap_or_default();
        let name = self.known.user(tenant, &key).and_then(|u| u.name.clone());
        let reply = Reply {
            message_id: message,
            agent_name: name.as_deref(),
            to: &to,
            bcc: &[],
            thread,
            answered: &Answered::default(),
            suppressed: &suppressed,
            force: false,
            due_at: self.due,
            held: false,
        };
        let sent_as = enqueue::reply(&mut self.work, &desk, &locked, reply, &ids);
        for (recipient, row) in to.iter().zip(&ids).filter(|(r, _)| suppressed.contains(&address::key(&r.email))) {
            let data = json!({"outbox_id": row, "user_id": recipient.user_id});
            self.work.event(ticket, EventKind::MailSuppressed, By::mail(agent), data, None);
        }
        Ok(Some(sent_as))
    }

    /// The first public answer stops the response clock and starts the work, as everywhere; then what the mail tells.
    fn obey(&mut self, ticket: TicketId, is_note: bool, told: &[Command], by: By) {
        let Some(before) = self.work.ticket(ticket).cloned() else { return };
        let now = self.now;
        let sets_status = told.iter().any(|c| matches!(c, Command::Status(_)));
        if !is_note {
            if before.first_response_at.is_none() {
                self.work.update(ticket, |t| t.first_response_at = Some(now));
            }
            if !sets_status && matches!(before.status, Status::New | Status::Triaged) {
                self.work.set_status(ticket, Status::InProgress, by, "first_reply");
            }
        }
        for command in told {
            match command {
                Command::Note => {}
                Command::Status(status) => {
                    self.work.set_status(ticket, *status, by, "mail_command");
                }
                Command::Take => {
                    self.work.assign(ticket, by.id, by);
                }
            }
        }
    }
}

/// A file that was attached as such; images within the text (a signature's logo) are none.
fn is_file(part: &Part) -> bool {
    !part.inline
}
