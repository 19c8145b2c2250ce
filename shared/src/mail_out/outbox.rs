//! The queue of record: one row is one mail to one recipient, and what became of it (DESIGN 7, E9).
//!
//! A row is made in the transaction of what it tells. The worker claims it by a lease, builds its octets once, sends
//! them, and records each step; every write but a 250 must match the lease. Read next: [`super::enqueue`].

mod claim;
mod manage;
pub mod read;
mod record;
mod sql;
mod undelivered;

pub use claim::{Claimed, Which, claim, free_expired, renew};
pub use manage::{cancel, find, list, of_ticket, retry};
pub use record::{Record, Step, record};
pub use sql::{PastAttempt, insert, past_attempts};

use crate::clock::Time;
use crate::i18n::Locale;
use crate::ids::{MailId, MessageId, OutboxId, TenantId, TicketId, UserId};
use crate::mail_in::types::Address;
use crate::mail_out::contents::{DigestLine, NoticeEvent};
use crate::mail_out::handle::Handle;
use crate::mail_out::kinds::{Kind, OutboxState};
use crate::text_enum;
use serde::{Deserialize, Serialize};

text_enum! {
    /// Which template a mail is rendered by.
    pub enum Template ("mail template") {
        /// An agent's reply.
        Reply = "reply",
        /// The acknowledgement of a new ticket.
        Ack = "ack",
        /// To an agent: a ticket was made.
        NoticeCreated = "notice_created",
        /// To an agent: a ticket is theirs now.
        NoticeAssigned = "notice_assigned",
        /// To an agent: the customer wrote.
        NoticeAnswered = "notice_answered",
        /// To the author of a scheduled reply: somebody wrote first, it waits for them to decide (E9.3).
        NoticeHeld = "notice_held",
        /// To the author of a reply: it could not be delivered for hours, or at all (E9.8).
        NoticeUndelivered = "notice_undelivered",
        /// To an agent: several notices in one.
        Digest = "digest",
        /// To the requester: the ticket was solved.
        NoticeSolved = "notice_solved",
        /// To the requester: how was it?
        Csat = "csat",
        /// To an agent: somebody named them in a note.
        Mention = "mention",
        /// To a new user.
        Invite = "invite",
        /// A link for a new password.
        Password = "password",
        /// A sign-in link.
        Link = "link",
        /// To a mailbox's own tagged address.
        Probe = "probe",
    }
}

impl Template {
    /// Returns the event that a notice to an agent tells of; `created` for what is no such notice.
    pub fn notice_event(self) -> NoticeEvent {
        match self {
            Template::NoticeAssigned => NoticeEvent::Assigned,
            Template::NoticeAnswered => NoticeEvent::Answered,
            Template::NoticeHeld => NoticeEvent::Held,
            Template::NoticeUndelivered => NoticeEvent::Undelivered,
            _ => NoticeEvent::Created,
        }
    }
}

/// What a mail will say, fixed when its row is made, so that every attempt is the same mail (E9.1).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Draft {
    /// What renders it.
    pub template: Template,
    /// The recipient's language.
    pub locale: Locale,
    /// From: the team's name, or "Agent – Team", and the mailbox's address.
    pub from: Address,
    /// Reply-To: the mailbox's address with this recipient's token.
    pub reply_to: Option<String>,
    /// To, as all copies show it.
    pub to: Address,
    /// Cc, as all copies show it.
    pub cc: Vec<Address>,
    /// The id answered, bare.
    pub in_reply_to: Option<String>,
    /// The ids of the thread, bare, oldest first.
    pub references: Vec<String>,
    /// The row that Message-ID and loop guard name.
    pub row: i64,
    /// The link that account mail carries.
    pub link: Option<String>,
    /// The lines of a digest, and how many more there were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<(Vec<DigestLine>, usize)>,
    /// Thread-Index and Thread-Topic, where the answered mail has them (E8.3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<(String, Option<String>)>,
    /// Whether its recipient stands in none of its headers.
    #[serde(default)]
    pub bcc: bool,
    /// The ticket's signed mark, its last line (E3.8).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
}

/// A row to insert.
#[derive(Debug, Clone)]
pub struct NewOutbox {
    /// Taken before, as the envelope sender names it.
    pub id: OutboxId,
    /// Whose it is.
    pub tenant_id: TenantId,
    /// What sort of mail.
    pub kind: Kind,
    /// The ticket it is about.
    pub ticket_id: Option<TicketId>,
    /// The message it carries.
    pub ticket_message_id: Option<MessageId>,
    /// The recipient, if a user.
    pub user_id: Option<UserId>,
    /// The received mail that caused it.
    pub cause_mail_id: Option<MailId>,
    /// The recipient's address.
    pub to_email: String,
    /// The recipient's name.
    pub to_name: Option<String>,
    /// The subject line.
    pub subject: String,
    /// Bare.
    pub message_id: String,
    /// MAIL FROM.
    pub envelope_from: String,
    /// What it will say.
    pub draft: Draft,
    /// `held`, `queued` or `suppressed`.
    pub state: OutboxState,
    /// When it may leave, by the database's clock; None at rest.
    pub due_at: Option<Time>,
    /// What its addresses bear instead of tokens that are too long for them.
    pub handles: Vec<Handle>,
    /// Of an acknowledgement: what it answers says but for its digits, as a digest (E5.12).
    pub pattern: Option<String>,
}

/// Where a mail's octets are kept, so that every attempt sends the same (E9.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// In the row.
    Row(Vec<u8>),
    /// In the blob store, by this name.
    Blob(String),
}

/// A row as lists and pages show it.
#[derive(Debug, Clone, sqlx::FromRow)]
#[allow(missing_docs)]
pub struct OutboxMail {
    pub id: OutboxId,
    pub tenant_id: TenantId,
    pub kind: Kind,
    pub ticket_id: Option<TicketId>,
    pub ticket_message_id: Option<MessageId>,
    pub to_email: String,
    pub subject: String,
    pub state: OutboxState,
    pub message_id: String,
    pub due_at: Option<Time>,
    pub attempts: i64,
    pub reply_code: Option<i64>,
    pub enhanced: Option<String>,
    pub reply_text: Option<String>,
    pub created_at: Time,
    pub sent_at: Option<Time>,
}
