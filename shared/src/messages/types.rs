//! What an entry of the conversation is.

use crate::clock::Time;
use crate::ids::{MailId, MessageId, TenantId, TicketId, UserId};
use crate::mail_in::types::{Class, Verdict};
use crate::text_enum;

text_enum! {
    /// Whom an entry is for.
    pub enum MessageKind ("message kind") {
        /// Public: participants get it by mail.
        Reply = "reply",
        /// Internal: agents only.
        Note = "note",
        /// Said by the engine.
        System = "system",
    }
}

text_enum! {
    /// Which side of the desk the author sits on.
    pub enum Side ("author side") {
        /// Who asks.
        Customer = "customer",
        /// A colleague of who asks (staff, manager).
        Staff = "staff",
        /// Who helps.
        Agent = "agent",
        /// The engine.
        System = "system",
    }
}

/// One entry of the conversation as it is stored.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// The ticket's tenant.
    pub tenant_id: TenantId,
    /// The ticket.
    pub ticket_id: TicketId,
    /// The seq of the event that added it.
    pub seq: i64,
    /// Whom it is for.
    pub kind: MessageKind,
    /// The author's side.
    pub side: Side,
    /// The author, if a user.
    pub author_id: Option<UserId>,
    /// The author's name when it was written.
    pub author_name: Option<String>,
    /// The author's address when it was written.
    pub author_email: Option<String>,
    /// The text as it was written or received; what agents write here is Markdown.
    pub body: String,
    /// The HTML as received, or rendered from an agent's Markdown; never shown unsanitised.
    pub body_html: Option<String>,
    /// The new text without quotes and signature (E7).
    pub visible_text: String,
    /// A received mail's class.
    pub class: Option<Class>,
    /// A received mail's verdict.
    pub verdict: Option<Verdict>,
    /// The received mail that it is.
    pub mail_id: Option<MailId>,
    /// Its Message-ID, normalised: of the received mail, or the one it leaves with.
    pub message_id: Option<String>,
    /// What a page shows of a received mail beside its text ([`crate::mail_in::cards::MailView`] as JSON); None if nothing.
    pub mail_view: Option<String>,
    /// When it was taken back before it left.
    pub withdrawn_at: Option<Time>,
    /// When it was written or received.
    pub created_at: Time,
    /// The agent who forwarded it (E6.3).
    pub forwarded_by: Option<UserId>,
    /// When its author wrote it, where that is not when it was received (E6.2).
    pub written_at: Option<Time>,
}

impl Message {
    /// Returns the HTML of what was written here as Markdown, and did not come by mail; not cleaned.
    pub fn markdown_html(&self) -> Option<&str> {
        self.body_html.as_deref().filter(|_| self.mail_id.is_none())
    }
}
