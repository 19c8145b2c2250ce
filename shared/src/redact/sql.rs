//! The SQL of redactions.

use crate::clock::Time;
use crate::ids::{AttachmentId, MailId, MessageId, OutboxId, TicketId, UserId};
use crate::mail_out::kinds::{Kind, OutboxState};
use crate::messages::{Message, MessageKind};
use crate::store::{Result, Tx, dialect, sql};

pub(super) async fn messages(tx: &mut Tx, ticket: TicketId) -> Result<Vec<Message>> {
    sql("SELECT * FROM ticket_messages WHERE ticket_id = ").arg(ticket).push(" ORDER BY seq").all(tx).await
}

/// A message's files that have bytes.
pub(super) async fn files(tx: &mut Tx, message: MessageId) -> Result<Vec<AttachmentId>> {
    let found: Vec<(AttachmentId,)> =
        sql("SELECT id FROM attachments WHERE sha256 IS NOT NULL AND ticket_message_id = ")
            .arg(message)
            .all(tx)
            .await?;
    Ok(found.into_iter().map(|(id,)| id).collect())
}

pub(super) async fn write_message(tx: &mut Tx, m: &Message) -> Result<()> {
    sql("UPDATE ticket_messages SET body = $1, body_html = $2, visible_text = $3, mail_view = $4 WHERE id = $5")
        .bind(m.body.as_str())
        .bind(m.body_html.clone())
        .bind(m.visible_text.as_str())
        .bind(m.mail_view.clone())
        .bind(m.id)
        .exec(tx)
        .await?;
    Ok(())
}

pub(super) async fn index_again(tx: &mut Tx, ticket: TicketId) -> Result<()> {
    sql("UPDATE ticket_messages SET indexed_at = NULL WHERE ticket_id = ").arg(ticket).exec(tx).await?;
    Ok(())
}

/// Mails about a ticket whose subject fits; with `reports` also those that are no message: bounces and automatic answers quote
/// what we sent.
pub(super) async fn mails(
    tx: &mut Tx,
    ticket: TicketId,
    reports: bool,
    fits: impl Fn(&str) -> bool,
) -> Result<Vec<MailId>> {
    let all: Vec<(MailId, Option<String>, Option<MessageId>)> =
        sql("SELECT id, subject, ticket_message_id FROM inbound_mails WHERE erased_at IS NULL AND ticket_id = ")
            .arg(ticket)
            .all(tx)
            .await?;
    let says = |(_, subject, message): &(MailId, Option<String>, Option<MessageId>)| {
        reports && message.is_none() || subject.as_deref().is_some_and(&fits)
    };
    Ok(all.into_iter().filter(says).map(|(id, ..)| id).collect())
}

/// A letter about a ticket.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Letter {
    pub id: OutboxId,
    pub kind: Kind,
    pub ticket_message_id: Option<MessageId>,
    pub state: OutboxState,
    pub subject: String,
    pub letter: String,
}

/// Letters about a ticket, locked.
pub(super) async fn letters(tx: &mut Tx, ticket: TicketId) -> Result<Vec<Letter>> {
    let lock = dialect::for_update(tx);
    sql("SELECT id, kind, ticket_message_id, state, subject, letter FROM outbox WHERE ticket_id = ")
        .arg(ticket)
        .push(" ORDER BY id")
        .push(lock)
        .all(tx)
        .await
}

/// Writes a letter; its octets, which may say more, go. What waits is built again from the letter.
pub(super) async fn write_letter(tx: &mut Tx, id: OutboxId, letter: &str, subject: &str, at: Time) -> Result<()> {
    sql("INSERT INTO doomed_blobs (tenant_id, sha256, since, due_at, tries) SELECT tenant_id, mime_blob, $1, $1, 0 \
         FROM outbox WHERE mime_blob IS NOT NULL AND id = $2 ON CONFLICT (tenant_id, sha256) DO NOTHING")
    .bind(at)
    .bind(id)
    .exec(tx)
    .await?;
    sql("UPDATE outbox SET letter = $1, subject = $2, mime = NULL, mime_blob = NULL, updated_at = $3 WHERE id = $4")
        .bind(letter)
        .bind(subject)
        .bind(at)
        .bind(id)
        .exec(tx)
        .await?;
    Ok(())
}

pub(super) async fn cut_drafts(tx: &mut Tx, ticket: TicketId, cut: impl Fn(&str) -> Option<String>) -> Result<()> {
    let all: Vec<(UserId, MessageKind, String)> =
        sql("SELECT user_id, kind, body FROM drafts WHERE ticket_id = ").arg(ticket).all(tx).await?;
    for (user, kind, body) in all {
        let Some(body) = cut(&body) else { continue };
        sql("UPDATE drafts SET body = $1 WHERE user_id = $2 AND ticket_id = $3 AND kind = $4")
            .bind(body)
            .bind(user)
            .bind(ticket)
            .bind(kind)
            .exec(tx)
            .await?;
    }
    Ok(())
}

pub(super) async fn cut_ratings(tx: &mut Tx, ticket: TicketId, cut: impl Fn(&str) -> Option<String>) -> Result<()> {
    let all: Vec<(String,)> =
        sql("SELECT comment FROM ratings WHERE comment IS NOT NULL AND ticket_id = ").arg(ticket).all(tx).await?;
    for (comment,) in all {
        let Some(without) = cut(&comment) else { continue };
        sql("UPDATE ratings SET comment = $1 WHERE ticket_id = $2 AND comment = $3")
            .bind(without)
            .bind(ticket)
            .bind(comment)
            .exec(tx)
            .await?;
    }
    Ok(())
}

pub(super) async fn cut_events(tx: &mut Tx, ticket: TicketId, cut: impl Fn(&str) -> Option<String>) -> Result<()> {
    let all: Vec<(i64, String)> =
        sql("SELECT seq, content FROM event_values WHERE ticket_id = ").arg(ticket).all(tx).await?;
    for (seq, content) in all {
        let Some(content) = cut(&content) else { continue };
        sql("UPDATE event_values SET content = $1 WHERE ticket_id = $2 AND seq = $3")
            .bind(content)
            .bind(ticket)
            .bind(seq)
            .exec(tx)
            .await?;
    }
    Ok(())
}
