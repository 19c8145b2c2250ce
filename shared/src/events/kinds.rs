//! The registry of event kinds: for each its name on the timeline and its two audit names (DESIGN 3).

use crate::text_enum;

macro_rules! kinds {
    ($($(#[$meta:meta])* $variant:ident = $timeline:literal, $upper:literal, $dotted:literal, $conflict:literal;)+) => {
        text_enum! {
            /// What happened to a ticket.
            pub enum EventKind ("event kind") { $($(#[$meta])* $variant = $timeline),+ }
        }
        impl EventKind {
            /// Returns the audit's names: upper case and dotted.
            pub fn audit(self) -> [&'static str; 2] {
                match self { $(EventKind::$variant => [$upper, $dotted]),+ }
            }
            /// Whether somebody who drew the page before it must look again before changing the ticket
            /// (`last_conflict_seq`): messages, status, assignee, participants, priority, merge, split, trash.
            pub fn conflicts(self) -> bool {
                match self { $(EventKind::$variant => $conflict),+ }
            }
        }
    };
}

kinds! {
    /// The ticket was made.
    Created = "CREATED", "SUPPORT_TICKET_CREATED", "ticket.create", true;
    /// A reply, note or received mail was added.
    MessageAdded = "MESSAGE_ADDED", "SUPPORT_MESSAGE_ADDED", "ticket.message.create", true;
    /// A held reply was taken back.
    MessageWithdrawn = "MESSAGE_WITHDRAWN", "SUPPORT_MESSAGE_WITHDRAWN", "ticket.message.withdraw", true;
    /// The status changed.
    StatusChanged = "STATUS_CHANGED", "SUPPORT_STATUS_CHANGED", "ticket.status.update", true;
    /// The priority changed.
    PriorityChanged = "PRIORITY_CHANGED", "SUPPORT_PRIORITY_CHANGED", "ticket.priority.update", true;
    /// Somebody was made responsible, or nobody.
    Assigned = "ASSIGNED", "SUPPORT_TICKET_ASSIGNED", "ticket.assign", true;
    /// The category changed.
    CategoryChanged = "CATEGORY_CHANGED", "SUPPORT_CATEGORY_CHANGED", "ticket.category.update", false;
    /// Subject, sub-subject, type or resolution notes changed.
    Updated = "UPDATED", "SUPPORT_TICKET_UPDATED", "ticket.update", false;
    /// Tags were added or removed.
    Tagged = "TAGGED", "SUPPORT_TICKET_TAGGED", "ticket.tags.update", false;
    /// Somebody joined the conversation.
    ParticipantAdded = "PARTICIPANT_ADDED", "SUPPORT_PARTICIPANT_ADDED", "ticket.participant.add", true;
    /// Somebody left the conversation.
    ParticipantRemoved = "PARTICIPANT_REMOVED", "SUPPORT_PARTICIPANT_REMOVED", "ticket.participant.remove", true;
    /// Linked to an incident.
    IncidentLinked = "INCIDENT_LINKED", "SUPPORT_INCIDENT_LINKED", "ticket.incident.link", false;
    /// The incident that it is linked to changed.
    IncidentChanged = "INCIDENT_CHANGED", "SUPPORT_INCIDENT_CHANGED", "ticket.incident.update", false;
    /// Linked to another ticket: a follow-up, or a mail that may belong there.
    TicketLinked = "TICKET_LINKED", "SUPPORT_TICKET_LINKED", "ticket.link", false;
    /// Merged into another ticket.
    Merged = "MERGED", "SUPPORT_TICKET_MERGED", "ticket.merge", true;
    /// A merge was undone.
    Unmerged = "UNMERGED", "SUPPORT_TICKET_UNMERGED", "ticket.unmerge", true;
    /// Messages were moved to a new ticket.
    Split = "SPLIT", "SUPPORT_TICKET_SPLIT", "ticket.split", true;
    /// Put off until later.
    Snoozed = "SNOOZED", "SUPPORT_TICKET_SNOOZED", "ticket.snooze", false;
    /// No longer put off: the time has come, the customer wrote, or somebody said so.
    Woken = "WOKEN", "SUPPORT_TICKET_WOKEN", "ticket.wake", false;
    /// Moved to the trash.
    Trashed = "TRASHED", "SUPPORT_TICKET_TRASHED", "ticket.trash", true;
    /// Moved to spam.
    MarkedSpam = "MARKED_SPAM", "SUPPORT_TICKET_MARKED_SPAM", "ticket.spam", true;
    /// Brought back from trash or spam.
    Restored = "RESTORED", "SUPPORT_TICKET_RESTORED", "ticket.restore", true;
    /// Bodies and files were erased for good.
    Erased = "ERASED", "SUPPORT_TICKET_ERASED", "ticket.erase", true;
    /// A relay took a mail over.
    MailSent = "MAIL_SENT", "SUPPORT_MAIL_SENT", "ticket.mail.sent", false;
    /// A mail could not be sent yet.
    MailDeferred = "MAIL_DEFERRED", "SUPPORT_MAIL_DEFERRED", "ticket.mail.deferred", false;
    /// A mail was handed over but nobody answered.
    MailMaybeSent = "MAIL_MAYBE_SENT", "SUPPORT_MAIL_MAYBE_SENT", "ticket.mail.maybe_sent", false;
    /// A mail will not be sent any more.
    MailFailed = "MAIL_FAILED", "SUPPORT_MAIL_FAILED", "ticket.mail.failed", false;
    /// A mail was stopped before it left.
    MailCancelled = "MAIL_CANCELLED", "SUPPORT_MAIL_CANCELLED", "ticket.mail.cancelled", false;
    /// A mail was not made, or not sent, as its address is suppressed.
    MailSuppressed = "MAIL_SUPPRESSED", "SUPPORT_MAIL_SUPPRESSED", "ticket.mail.suppressed", false;
    /// A mail came back, or a report about one did.
    MailBounced = "MAIL_BOUNCED", "SUPPORT_MAIL_BOUNCED", "ticket.mail.bounced", false;
    /// A report that is no failure: delivered, delayed, read, complained.
    MailReported = "MAIL_REPORTED", "SUPPORT_MAIL_REPORTED", "ticket.mail.reported", false;
    /// An automatic mail was not made, with the reason (E5.12, E5.14).
    AutoSuppressed = "AUTO_SUPPRESSED", "SUPPORT_AUTO_SUPPRESSED", "ticket.mail.auto_suppressed", false;
    /// A failed mail was queued again by hand.
    MailRetried = "MAIL_RETRIED", "SUPPORT_MAIL_RETRIED", "ticket.mail.retried", false;
    /// Mail of ours came back and was not taken as a message (E5.2).
    LoopIgnored = "LOOP_IGNORED", "SUPPORT_LOOP_IGNORED", "ticket.mail.loop_ignored", false;
    /// A mail for this ticket was held for somebody to look at.
    MailQuarantined = "MAIL_QUARANTINED", "SUPPORT_MAIL_QUARANTINED", "ticket.mail.quarantined", false;
    /// A file was not taken.
    AttachmentRefused = "ATTACHMENT_REFUSED", "SUPPORT_ATTACHMENT_REFUSED", "ticket.attachment.refused", false;
    /// A clock ran out.
    SlaBreached = "SLA_BREACHED", "SUPPORT_SLA_BREACHED", "ticket.sla.breach", false;
    /// Raised to somebody else.
    Escalated = "ESCALATED", "SUPPORT_TICKET_ESCALATED", "ticket.escalate", false;
    /// The customer rated the help.
    Rated = "RATED", "SUPPORT_TICKET_RATED", "ticket.rate", false;
    /// Secrets were cut from a message.
    Redacted = "REDACTED", "SUPPORT_MESSAGE_REDACTED", "ticket.redact", false;
    /// A scheduled reply is held back, as a person wrote before its time (E9.3).
    MailHeld = "MAIL_HELD", "SUPPORT_MAIL_HELD", "ticket.mail.held", false;
    /// A file went out as a link, as the mail would have been too large with it (E8.5).
    FileLinked = "FILE_LINKED", "SUPPORT_FILE_LINKED", "ticket.mail.file_linked", false;
    /// Somebody else's problem from now on.
    RequesterChanged = "REQUESTER_CHANGED", "SUPPORT_REQUESTER_CHANGED", "ticket.requester.update", true;
    /// Somebody new was accepted in the conversation, or not.
    ParticipantChanged = "PARTICIPANT_CHANGED", "SUPPORT_PARTICIPANT_CHANGED", "ticket.participant.update", true;
    /// What may have belonged to another ticket does not.
    KeptApart = "KEPT_APART", "SUPPORT_TICKET_KEPT_APART", "ticket.keep_apart", false;
    /// A note named a colleague.
    Mentioned = "MENTIONED", "SUPPORT_AGENT_MENTIONED", "ticket.mention", false;
}
