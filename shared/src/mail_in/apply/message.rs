//! A mail becomes a message of a ticket, with its files and its Message-IDs.

use super::{Batch, Planned};
use crate::events::By;
use crate::ids::{MessageId, TicketId};
use crate::mail_in::cards::MailView;
use crate::mail_in::impostor;
use crate::mail_in::types::{Class, Part};
use crate::mail_out::message_id;
use crate::messages::{MessageKind, Side};
use crate::tickets::{NewAttachment, NewMessage, NewMessageId};

impl Batch<'_> {
    /// Adds the mail as a message, with its files and its Message-ID.
    pub(super) fn message(
        &mut self,
        mail: &Planned,
        ticket: TicketId,
        (kind, class): (MessageKind, Class),
        side: Side,
        by: By,
    ) -> MessageId {
        let read = &mail.read;
        let id = self.messages.pop_front().expect("one was taken for each mail");
        let warnings = impostor::warnings(read, self.known).into_iter().map(str::to_owned);
        let view = MailView::of(&read.mail).with(warnings);
        self.work.message(
            NewMessage {
                id,
                tenant_id: read.kept.tenant_id,
                ticket_id: ticket,
                seq: 0,
                kind,
                side,
                author_id: by.id,
                author_name: read.mail.from.as_ref().and_then(|f| f.name.clone()),
                author_email: read.mail.from.as_ref().map(|f| f.email.clone()),
                body: read.mail.body_text.clone(),
                body_html: read.mail.body_html.clone(),
                visible_text: read.mail.visible_text.clone(),
                class: Some(class),
                verdict: Some(read.verdict),
                mail_id: Some(read.kept.id),
                mail_view: view.to_json(),
                message_id: read.mail.message_id.clone(),
                // What was received keeps the time of its arrival, whenever it is applied (E2.3).
                created_at: Some(read.kept.received_at),
            },
            by,
        );
        if let Some(message_id) = &read.mail.message_id {
            self.work.message_id(NewMessageId {
                tenant_id: read.kept.tenant_id,
                message_id: message_id.clone(),
                ticket_id: ticket,
                ticket_message_id: Some(id),
                kind: "received",
                public: kind == MessageKind::Reply,
            });
        }
        // What it refers to leads here too, though nobody here has it (E4.1(5)). Ids of ours need no row for that.
        let keys = self.work.keys();
        let foreign = |id: &&String| message_id::parse(keys, read.kept.tenant_id, id).is_none();
        for named in read.ids.iter().filter(foreign) {
            self.work.message_id(NewMessageId {
                tenant_id: read.kept.tenant_id,
                message_id: named.clone(),
                ticket_id: ticket,
                ticket_message_id: Some(id),
                kind: "referenced",
                public: false,
            });
        }
        self.files(mail, ticket, id, |_| true);
        id
    }

    /// Adds those of the mail's parts that are wanted as files of a message.
    pub(super) fn files(&mut self, mail: &Planned, ticket: TicketId, id: MessageId, wanted: impl Fn(&Part) -> bool) {
        let read = &mail.read;
        for (part, sha256) in read.mail.parts.iter().zip(&mail.files).filter(|(p, _)| wanted(p)) {
            let attachment = self.attachments.pop_front().expect("one was taken for each part");
            self.work.attachment(NewAttachment {
                id: attachment,
                tenant_id: read.kept.tenant_id,
                ticket_id: ticket,
                ticket_message_id: id,
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
