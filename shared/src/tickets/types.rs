//! What a ticket is: data, no I/O.

use crate::clock::Time;
use crate::ids::{CategoryId, IncidentId, MailboxId, TenantId, TicketId, UserId};
use crate::text_enum;
use chrono::Duration;

text_enum! {
    /// Where a ticket stands. Older and other names are accepted on input (DESIGN 3).
    pub enum Status ("status") {
        /// Nobody has looked yet.
        New = "new",
        /// Somebody is responsible.
        Triaged = "triaged" | "assigned",
        /// Being worked on.
        InProgress = "in_progress" | "open",
        /// The customer has to answer.
        WaitingOnCustomer = "waiting_on_customer" | "waiting" | "waiting_on_tenant" | "pending",
        /// Handed to engineering.
        NeedsEngineering = "needs_engineering",
        /// Answered.
        Solved = "solved" | "resolved",
        /// Done with.
        Closed = "closed",
    }
}

impl Status {
    /// Whether work on it is over.
    pub fn is_done(self) -> bool {
        matches!(self, Status::Solved | Status::Closed)
    }
}

text_enum! {
    /// How much a ticket presses.
    pub enum Priority ("priority") {
        /// Can wait.
        Low = "low",
        /// As usual.
        Medium = "medium" | "normal",
        /// Soon.
        High = "high",
        /// Now.
        Urgent = "urgent" | "critical" | "blocking",
    }
}

impl Priority {
    /// Returns the default policy: time to the first response and to the resolution (DESIGN 3).
    pub fn default_sla(self) -> (Duration, Duration) {
        let (response, resolution) = match self {
            Priority::Urgent => (1, 8),
            Priority::High => (4, 24),
            Priority::Medium => (8, 72),
            Priority::Low => (24, 120),
        };
        (Duration::hours(response), Duration::hours(resolution))
    }
}

text_enum! {
    /// Where a ticket is kept. There is no deleted flag: trash is a folder.
    pub enum Folder ("folder") {
        /// Where work is.
        Inbox = "inbox",
        /// Unwanted mail.
        Spam = "spam",
        /// Thrown away, restorable.
        Trash = "trash",
    }
}

text_enum! {
    /// How a ticket came.
    pub enum Channel ("channel") {
        /// By mail.
        Email = "email",
        /// By form or page.
        Web = "web",
        /// By API.
        Api = "api",
        /// By chat.
        Chat = "chat",
    }
}

text_enum! {
    /// Why somebody is on a ticket.
    pub enum ParticipantKind ("participant kind") {
        /// Whose problem it is.
        Requester = "requester",
        /// Gets replies too.
        Cc = "cc",
        /// An agent who wants to know.
        Follower = "follower",
        /// Got a reply unseen by the others (E8.8): stays out of Cc, and what it answers stays internal, until an agent
        /// accepts.
        Bcc = "bcc",
    }
}

text_enum! {
    /// Whether a participant is sent mail.
    pub enum ParticipantState ("participant state") {
        /// Is sent what concerns it.
        Accepted = "accepted",
        /// Wrote to the ticket, but is sent nothing until an agent accepts (E4.4).
        NewSender = "new_sender",
    }
}

/// A ticket as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Ticket {
    /// Its id.
    pub id: TicketId,
    /// Whose it is.
    pub tenant_id: TenantId,
    /// Its public id, `YYYYMM-NNNN` with the tenant's prefix.
    pub pid: String,
    /// What it is about.
    pub subject: String,
    /// A narrower subject.
    pub sub_subject: Option<String>,
    /// Where it stands.
    pub status: Status,
    /// How much it presses.
    pub priority: Priority,
    /// `support`, `website_design`, or another short slug.
    #[sqlx(rename = "type")]
    pub kind: String,
    /// Where it is kept.
    pub folder: Folder,
    /// How it came.
    pub channel: Channel,
    /// Its subject in the tenant's tree.
    pub category_id: Option<CategoryId>,
    /// The mailbox it came by, and is answered from.
    pub mailbox_id: Option<MailboxId>,
    /// Whose problem it is.
    pub requester_id: UserId,
    /// Who made it, if not the requester.
    pub created_by: Option<UserId>,
    /// Who is responsible.
    pub assigned_to: Option<UserId>,
    /// The number of changes; the seq of the last event.
    pub version: i64,
    /// The seq of the last event that makes an earlier look at the ticket stale.
    pub last_conflict_seq: i64,
    /// The hash of the last event.
    pub chain_head: Vec<u8>,
    /// The ticket it was merged into.
    pub merged_into: Option<TicketId>,
    /// The closed ticket that it follows.
    pub follow_up_of: Option<TicketId>,
    /// The first words of the last public message, for lists.
    pub snippet: String,
    /// How many messages it has.
    pub message_count: i64,
    /// When it was made.
    pub created_at: Time,
    /// When anything last changed.
    pub updated_at: Time,
    /// When a message was last added, or the ticket came back by itself after it was put off.
    pub last_activity_at: Time,
    /// When an agent first answered.
    pub first_response_at: Option<Time>,
    /// By when an agent has to answer.
    pub response_due_at: Option<Time>,
    /// By when it has to be solved.
    pub resolution_due_at: Option<Time>,
    /// When it was solved.
    pub solved_at: Option<Time>,
    /// Who solved it.
    pub solved_by: Option<UserId>,
    /// When it was closed.
    pub closed_at: Option<Time>,
    /// Who closed it.
    pub closed_by: Option<UserId>,
    /// How it was solved.
    pub resolution_notes: Option<String>,
    /// When it was erased for good (E13.1); nothing in it changes after.
    pub erased_at: Option<Time>,
    /// Until when it is put off, as [`super::snooze::Until`] reads it; None: it is not.
    pub snoozed_until: Option<Time>,
    /// The incident that it is linked to.
    pub incident_id: Option<IncidentId>,
}

/// A participant as it is stored.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Participant {
    /// The ticket.
    pub ticket_id: TicketId,
    /// Who.
    pub user_id: UserId,
    /// Why.
    pub kind: ParticipantKind,
    /// Whether it is sent mail.
    pub state: ParticipantState,
    /// The address, as received.
    pub email: String,
    /// The name.
    pub name: Option<String>,
}

impl Participant {
    /// Whether they got a reply as Bcc and no agent has accepted them yet: the others are not told of them (E8.8).
    pub fn is_unseen(&self) -> bool {
        self.kind == ParticipantKind::Bcc && self.state == ParticipantState::NewSender
    }
}

/// Returns the PID of the `n`th ticket of a period: at least four digits, then as many as needed.
pub fn pid(prefix: Option<&str>, period: &str, n: i64) -> String {
    match prefix {
        Some(prefix) => format!("{prefix}-{period}-{n:04}"),
        None => format!("{period}-{n:04}"),
    }
}

/// The length of a snippet in characters.
const SNIPPET_CHARS: usize = 160;

/// Returns the first words of a text for lists: one line, at most 160 characters.
pub fn snippet(text: &str) -> String {
    let mut out = String::with_capacity(SNIPPET_CHARS);
    let mut chars = 0;
    for word in text.split_whitespace() {
        let len = word.chars().count();
        if chars + len + 1 > SNIPPET_CHARS {
            if chars == 0 {
                out.extend(word.chars().take(SNIPPET_CHARS));
            }
            break;
        }
        if chars > 0 {
            out.push(' ');
            chars += 1;
        }
        out.push_str(word);
        chars += len;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_has_at_least_four_digits() {
        assert_eq!(pid(None, "202611", 1), "202611-0001");
        assert_eq!(pid(Some("KA"), "202611", 12345), "KA-202611-12345");
    }

    #[test]
    fn a_snippet_is_one_short_line() {
        assert_eq!(snippet("a\n b\t c"), "a b c");
        assert_eq!(snippet(&"x".repeat(500)).len(), 160);
        assert!(snippet(&"word ".repeat(100)).len() <= 160);
    }

    #[test]
    fn other_names_of_a_status_are_accepted() {
        assert_eq!("open".parse::<Status>().expect("known"), Status::InProgress);
        assert_eq!("waiting_on_tenant".parse::<Status>().expect("known"), Status::WaitingOnCustomer);
        assert_eq!("critical".parse::<Priority>().expect("known"), Priority::Urgent);
        assert!("gone".parse::<Status>().is_err());
    }
}
