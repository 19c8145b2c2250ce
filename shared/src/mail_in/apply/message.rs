//! A mail becomes a message of a ticket, with its files and its Message-IDs. An agent's forward becomes two: the note and
//! the original (E6.3).

use super::people::Person;
use super::{Batch, Planned};
use crate::events::By;
use crate::ids::{MessageId, TicketId, UserId};
use crate::mail_in::cards::MailView;
use crate::mail_in::impostor;
use crate::mail_in::origin::Forwarded;
use crate::mail_in::types::{Class, Part};
use crate::mail_out::message_id;
use crate::messages::{MessageKind, Side};
use crate::tickets::{NewAttachment, NewMessage, NewMessageId};

impl Batch<'_> {
    /// Adds the mail as a message of `author`'s, with its files and its Message-ID.
    pub(super) fn message(
        &mut self,
        mail: &Planned,
        ticket: TicketId,
        (kind, class): (MessageKind, Class),
        side: Side,
        author: &Person,
    ) -> MessageId {
        self.marked(mail, ticket, (kind, class), side, author, std::iter::empty())
    }

    /// The same with marks that the page shows beside those of the mail itself.
    pub(super) fn marked(
        &mut self,
        mail: &Planned,
        ticket: TicketId,
        (kind, class): (MessageKind, Class),
        side: Side,
        author: &Person,
        marks: impl Iterator<Item = &'static str>,
    ) -> MessageId {
        let read = &mail.read;
        let warnings = impostor::warnings(read, self.known).into_iter().chain(marks).map(str::to_owned);
        let view = MailView::of(&read.mail).with(warnings);
        let message = NewMessage {
            kind,
            side,
            body: read.mail.body_text.clone(),
            body_html: read.mail.body_html.clone(),
            visible_text: read.mail.visible_text.clone(),
            class: Some(class),
            verdict: Some(read.verdict),
            mail_view: view.to_json(),
            message_id: read.mail.message_id.clone(),
            ..self.blank(mail, ticket, author)
        };
        let id = message.id;
        self.work.message(message, By::mail(author.id));
        self.ids(mail, ticket, id, kind == MessageKind::Reply);
        id
    }

    /// Adds an internal note of the agent's who sent the mail.
    pub(super) fn note(&mut self, mail: &Planned, ticket: TicketId, text: &str, agent: &Person) {
        let message = NewMessage {
            kind: MessageKind::Note,
            side: Side::Agent,
            body: text.to_owned(),
            visible_text: text.to_owned(),
            class: Some(Class::Person),
            verdict: Some(mail.read.verdict),
            // One mail is one message: the original's.
            mail_id: None,
            ..self.blank(mail, ticket, agent)
        };
        self.work.message(message, By::mail(agent.id));
    }

    /// Adds what an agent forwarded as the requester's own message. The forward's Message-ID is no part of what the
    /// requester ever saw, so no reply names it; the original's is (E6.4).
    pub(super) fn requesters_message(
        &mut self,
        mail: &Planned,
        ticket: TicketId,
        forwarded: &Forwarded,
        requester: &Person,
        agent: UserId,
    ) -> MessageId {
        let message = NewMessage {
            body: forwarded.body.clone(),
            visible_text: forwarded.body.clone(),
            class: Some(Class::Person),
            mail_view: MailView::of(&mail.read.mail).to_json(),
            message_id: forwarded.message_id.clone(),
            forwarded_by: Some(agent),
            written_at: forwarded.written_at,
            ..self.blank(mail, ticket, requester)
        };
        let id = message.id;
        self.work.message(message, By::mail(agent));
        if let Some(original) = &forwarded.message_id {
            self.work.message_id(NewMessageId {
                tenant_id: mail.read.kept.tenant_id,
                message_id: original.clone(),
                ticket_id: ticket,
                ticket_message_id: Some(id),
                kind: "received",
                public: true,
            });
        }
        self.ids(mail, ticket, id, false);
        id
    }

    /// A public message of `author`'s without any text yet.
    fn blank(&mut self, mail: &Planned, ticket: TicketId, author: &Person) -> NewMessage {
        NewMessage {
            id: self.messages.pop_front().expect("as many as the batch needs were taken"),
            tenant_id: mail.read.kept.tenant_id,
            ticket_id: ticket,
            seq: 0,
            kind: MessageKind::Reply,
            side: Side::Customer,
            author_id: Some(author.id),
            author_name: author.name.clone(),
            author_email: author.email.clone(),
            body: String::new(),
            body_html: None,
            visible_text: String::new(),
            class: None,
            verdict: None,
            mail_id: Some(mail.read.kept.id),
            mail_view: None,
            message_id: None,
            // What was received keeps the time of its arrival, whenever it is applied (E2.3).
            created_at: Some(mail.read.kept.facts.dated.unwrap_or(mail.read.kept.received_at)),
            forwarded_by: None,
            written_at: None,
        }
    }

    /// The mail's Message-ID leads to the ticket from now on, and so do those that it refers to; its files are the
    /// message's.
    pub(super) fn ids(&mut self, mail: &Planned, ticket: TicketId, message: MessageId, public: bool) {
        let read = &mail.read;
        let row = |message_id: &String, kind, public| NewMessageId {
            tenant_id: read.kept.tenant_id,
            message_id: message_id.clone(),
            ticket_id: ticket,
            ticket_message_id: Some(message),
            kind,
            public,
        };
        if let Some(message_id) = &read.mail.message_id {
            self.work.message_id(row(message_id, "received", public));
        }
        // What it refers to leads here too, though nobody here has it (E4.1(5)). Ids of ours need no row for that.
        let keys = self.work.keys();
        let foreign = |id: &&String| message_id::parse(keys, read.kept.tenant_id, id).is_none();
        for named in read.ids.iter().filter(foreign) {
            self.work.message_id(row(named, "referenced", false));
        }
        self.files(mail, ticket, message, |_| true);
    }

    /// Adds those of the mail's parts that are wanted as files of a message.
    pub(super) fn files(
        &mut self,
        mail: &Planned,
        ticket: TicketId,
        message: MessageId,
        wanted: impl Fn(&Part) -> bool,
    ) {
        for (part, sha256) in mail.read.mail.parts.iter().zip(&mail.files).filter(|(p, _)| wanted(p)) {
            let attachment = self.attachments.pop_front().expect("one was taken for each part");
            self.work.attachment(NewAttachment {
                id: attachment,
                tenant_id: mail.read.kept.tenant_id,
                ticket_id: ticket,
                ticket_message_id: message,
                uploaded_by: None,
                filename: part.filename.clone(),
                original_filename: part.original_filename.clone(),
                content_type: part.content_type.clone(),
                sniffed_type: infer::get(&part.bytes).map(|t| t.mime_type().to_owned()),
                size_bytes: part.bytes.len() as i64,
                sha256: Some(sha256.clone()),
                inline: part.inline,
                content_id: part.content_id.clone(),
                meta: None,
            });
        }
    }
}
