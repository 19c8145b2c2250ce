//! An agent answered by another mail program, and the answer lies in a fetched account's folder of sent mail (E10.5).

use super::rows::Line;
use super::{Batch, Planned};
use crate::events::{By, ByKind};
use crate::ids::TicketId;
use crate::mail_in::cards::MailView;
use crate::mail_in::outcome::Outcome;
use crate::messages::{MessageKind, Side};
use crate::tickets::NewMessage;

impl Batch<'_> {
    /// Adds the mail as an agent's message. It has left already, and nothing follows from it: no mail, no change of status.
    /// That somebody answered is a fact, so that the response clock rests.
    pub(super) fn sent_elsewhere(&mut self, mail: &Planned, ticket: TicketId) -> Line {
        let read = &mail.read;
        let key = read.sender_key().unwrap_or_default();
        let agent = self.known.user(read.kept.tenant_id, &key).filter(|u| u.role.is_agent()).map(|u| u.id);
        let from = read.mail.from.as_ref();
        let message = NewMessage {
            id: self.messages.pop_front().expect("one was taken for each mail"),
            tenant_id: read.kept.tenant_id,
            ticket_id: ticket,
            seq: 0,
            kind: MessageKind::Reply,
            side: Side::Agent,
            author_id: agent,
            author_name: from.and_then(|f| f.name.clone()),
            author_email: from.map(|f| f.email.clone()),
            body: read.mail.body_text.clone(),
            body_html: read.mail.body_html.clone(),
            visible_text: read.mail.visible_text.clone(),
            class: Some(read.classified.class),
            verdict: Some(read.verdict),
            mail_id: Some(read.kept.id),
            mail_view: MailView::of(&read.mail).to_json(),
            message_id: read.mail.message_id.clone(),
            created_at: Some(read.kept.facts.dated.unwrap_or(read.kept.received_at)),
            forwarded_by: None,
            written_at: read.mail.date,
        };
        let id = message.id;
        self.work.message(message, By { kind: ByKind::Mail, id: agent });
        // The customer's answer will name its id.
        self.ids(mail, ticket, id, true);
        let at = self.now;
        self.work.update(ticket, |t| t.first_response_at = t.first_response_at.or(Some(at)));
        self.line(mail, Outcome::MessageAdded, Some(ticket), Some(id))
    }
}
