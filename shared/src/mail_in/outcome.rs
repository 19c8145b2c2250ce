//! What became of a mail.

use crate::ids::{MailId, MessageId, TicketId};
use crate::text_enum;

text_enum! {
    /// What was decided about a mail (DESIGN 6).
    pub enum Outcome ("outcome") {
        /// It opened a ticket.
        TicketCreated = "ticket_created",
        /// It joined a ticket.
        MessageAdded = "message_added",
        /// It came before; the first arrival's ticket is named.
        Duplicate = "duplicate",
        /// It is held for somebody to look at.
        Quarantined = "quarantined",
        /// It reported about mail of ours.
        BounceRecorded = "bounce_recorded",
        /// An automatic answer, kept collapsed on its ticket.
        AutoReplyStored = "auto_reply_stored",
        /// Mail of ours that came back.
        LoopIgnored = "loop_ignored",
        /// A read receipt or an abuse report.
        ReportRecorded = "report_recorded",
        /// Held as spam.
        SpamHeld = "spam_held",
        /// Not readable as mail; kept and visible.
        KeptUnparsed = "kept_unparsed",
        /// It could not be decided; it is tried again.
        Failed = "failed",
    }
}

text_enum! {
    /// Where an arrival stands (E1.3).
    pub enum MailState ("mail state") {
        /// Stored, not decided.
        Kept = "kept",
        /// Decided, effects done.
        Applied = "applied",
        /// Held for somebody to look at.
        Quarantined = "quarantined",
        /// Gave an error; tried again until it is given up.
        Failed = "failed",
    }
}

/// What a door is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// This arrival.
    pub mail_id: MailId,
    /// What became of it; None if that is not known yet.
    pub outcome: Option<Outcome>,
    /// The ticket it led to.
    pub ticket_id: Option<TicketId>,
    /// That ticket's PID.
    pub pid: Option<String>,
    /// The message it became.
    pub ticket_message_id: Option<MessageId>,
}

impl Applied {
    /// A mail that is kept but not decided: the worker finishes it.
    pub fn not_yet(mail_id: MailId) -> Applied {
        Applied { mail_id, outcome: None, ticket_id: None, pid: None, ticket_message_id: None }
    }
}
