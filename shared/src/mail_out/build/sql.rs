//! What building mails must look up, for many at once.

use crate::clock::Time;
use crate::ids::{AttachmentId, MailId, MessageId, TicketId, UserId};
use crate::messages::types::MessageKind;
use crate::store::{Exec, Result, sql};

/// A ticket, as mails name it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(super) struct TicketFacts {
    pub id: TicketId,
    pub pid: String,
    pub subject: String,
    pub resolution_notes: Option<String>,
    pub requester_name: Option<String>,
    pub requester_email: String,
}

pub(super) async fn tickets(ex: &mut impl Exec, ids: &[TicketId]) -> Result<Vec<TicketFacts>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    sql("SELECT t.id, t.pid, t.subject, t.resolution_notes, u.name AS requester_name, u.email AS requester_email \
         FROM tickets t JOIN users u ON u.id = t.requester_id WHERE t.id IN ")
    .list(ids.iter().copied())
    .all(ex)
    .await
}

/// A message that a mail carries or tells of.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(super) struct MessageFacts {
    pub id: MessageId,
    pub kind: MessageKind,
    pub body: String,
    pub body_html: Option<String>,
    pub visible_text: String,
    pub mail_id: Option<MailId>,
    pub author_name: Option<String>,
    pub author_email: Option<String>,
}

pub(super) async fn messages(ex: &mut impl Exec, ids: &[MessageId]) -> Result<Vec<MessageFacts>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    sql("SELECT id, kind, body, body_html, visible_text, mail_id, author_name, author_email FROM ticket_messages WHERE id IN ")
        .list(ids.iter().copied())
        .all(ex)
        .await
}

/// A file of a message.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(super) struct FileFacts {
    pub id: AttachmentId,
    pub size_bytes: i64,
    pub ticket_message_id: MessageId,
    pub filename: String,
    pub content_type: String,
    pub content_id: Option<String>,
    pub sha256: String,
}

pub(super) async fn files(ex: &mut impl Exec, messages: &[MessageId]) -> Result<Vec<FileFacts>> {
    if messages.is_empty() {
        return Ok(Vec::new());
    }
    sql("SELECT id, size_bytes, ticket_message_id, filename, content_type, content_id, sha256 FROM attachments \
         WHERE sha256 IS NOT NULL AND ticket_message_id IN ")
    .list(messages.iter().copied())
    .push(" ORDER BY id")
    .all(ex)
    .await
}

/// The customer's last public message before a reply, and when it joined the conversation.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(super) struct LastWords {
    pub reply_id: MessageId,
    pub ticket_id: TicketId,
    pub author_id: Option<UserId>,
    pub author_name: Option<String>,
    pub author_email: Option<String>,
    pub visible_text: String,
    pub created_at: Time,
    pub applied_at: Time,
}

pub(super) async fn last_words(ex: &mut impl Exec, replies: &[MessageId]) -> Result<Vec<LastWords>> {
    if replies.is_empty() {
        return Ok(Vec::new());
    }
    sql("SELECT r.id AS reply_id, q.ticket_id, q.author_id, q.author_name, q.author_email, q.visible_text, q.created_at, \
         e.at AS applied_at FROM ticket_messages r \
         JOIN ticket_messages q ON q.id = (SELECT x.id FROM ticket_messages x WHERE x.ticket_id = r.ticket_id \
             AND x.seq < r.seq AND x.kind = 'reply' AND x.side IN ('customer', 'staff') AND x.withdrawn_at IS NULL \
             ORDER BY x.seq DESC LIMIT 1) \
         JOIN ticket_events e ON e.ticket_id = q.ticket_id AND e.seq = q.seq WHERE r.id IN ")
    .list(replies.iter().copied())
    .all(ex)
    .await
}

/// Since when somebody is party to a ticket's conversation.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(super) struct Party {
    pub ticket_id: TicketId,
    pub user_id: UserId,
    pub created_at: Time,
}

pub(super) async fn parties(ex: &mut impl Exec, tickets: &[TicketId]) -> Result<Vec<Party>> {
    if tickets.is_empty() {
        return Ok(Vec::new());
    }
    sql("SELECT ticket_id, user_id, created_at FROM ticket_participants WHERE state = 'accepted' AND ticket_id IN ")
        .list(tickets.iter().copied())
        .all(ex)
        .await
}
