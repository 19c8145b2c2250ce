//! What replaying reads and writes.

use super::view::Said;
use super::{InboundMail, Read, today_flags};
use crate::clock::{Time, now};
use crate::ids::{AttachmentId, MailId, MessageId};
use crate::mail_in::{MailState, PIPELINE, Trace, apply};
use crate::store::{Db, Result, Scope, Tx, sql};
use serde_json::json;

pub(super) async fn arrivals(db: &Db, after: MailId, since: Option<Time>, n: i64) -> Result<Vec<MailId>> {
    let q = sql("SELECT id FROM inbound_mails WHERE erased_at IS NULL AND id > ").arg(after);
    let q = match since {
        Some(since) => q.push(" AND received_at >= ").arg(since),
        None => q,
    };
    let rows: Vec<(MailId,)> = q.push(" ORDER BY id LIMIT ").arg(n).all(&mut db.read(Scope::All)).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Failed mail that was given up, and degraded mail, of versions before `version`.
pub(super) async fn unread(db: &Db, version: i64, n: i64) -> Result<Vec<(MailId, MailState)>> {
    sql("SELECT id, state FROM inbound_mails WHERE (degraded OR state = 'failed') AND pipeline < $1 AND erased_at IS NULL \
         AND (state <> 'failed' OR next_try_at IS NULL) ORDER BY pipeline, id LIMIT $2")
    .bind(version)
    .bind(n)
    .all(&mut db.read(Scope::All))
    .await
}

pub(super) async fn note_version(db: &Db, id: MailId, version: i64) -> Result<()> {
    let mut tx = db.write(Scope::All).await?;
    sql("UPDATE inbound_mails SET pipeline = $1 WHERE id = $2").bind(version).bind(id).exec(&mut tx).await?;
    tx.commit().await
}

/// A message as it stands.
#[derive(sqlx::FromRow)]
pub(super) struct Stands {
    pub mail_id: Option<MailId>,
    pub body: String,
    pub body_html: Option<String>,
    pub visible_text: String,
    pub mail_view: Option<String>,
}

pub(super) async fn message(db: &Db, id: MessageId) -> Result<Option<Stands>> {
    sql("SELECT mail_id, body, body_html, visible_text, mail_view FROM ticket_messages WHERE id = ")
        .arg(id)
        .opt(&mut db.read(Scope::All))
        .await
}

/// A file of a message.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(super) struct StoredFile {
    pub id: AttachmentId,
    pub filename: String,
    pub content_type: String,
    pub sha256: Option<String>,
    pub inline: bool,
    pub content_id: Option<String>,
}

impl StoredFile {
    /// Whether both are the same file, whatever their rows.
    pub(super) fn same(&self, other: &StoredFile) -> bool {
        StoredFile { id: self.id, ..other.clone() } == *self
    }
}

pub(super) async fn files(db: &Db, message: MessageId) -> Result<Vec<StoredFile>> {
    sql("SELECT id, filename, content_type, sha256, inline, content_id FROM attachments \
         WHERE uploaded_by IS NULL AND ticket_message_id = ")
    .arg(message)
    .push(" ORDER BY id")
    .all(&mut db.read(Scope::All))
    .await
}

pub(super) async fn write_message(tx: &mut Tx, id: MessageId, said: &Said) -> Result<()> {
    sql("UPDATE ticket_messages SET body = $1, body_html = $2, visible_text = $3, mail_view = $4 WHERE id = $5")
        .bind(said.body.as_str())
        .bind(said.body_html.clone())
        .bind(said.visible_text.as_str())
        .bind(said.mail_view.clone())
        .bind(id)
        .exec(tx)
        .await?;
    Ok(())
}

pub(super) async fn insert_file(
    tx: &mut Tx,
    mail: &InboundMail,
    message: MessageId,
    id: AttachmentId,
    file: &StoredFile,
    bytes: &[u8],
) -> Result<()> {
    sql("INSERT INTO blobs (tenant_id, sha256, size_bytes, created_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (tenant_id, sha256) DO NOTHING")
    .bind(mail.tenant_id)
    .bind(file.sha256.clone())
    .bind(bytes.len() as i64)
    .bind(now())
    .exec(tx)
    .await?;
    // The ticket is the message's of today: it may have been moved since.
    sql("INSERT INTO attachments (id, tenant_id, ticket_id, ticket_message_id, filename, content_type, sniffed_type, \
         size_bytes, sha256, inline, content_id, created_at) \
         SELECT $1, $2, ticket_id, id, $3, $4, $5, $6, $7, $8, $9, $10 FROM ticket_messages WHERE id = $11")
    .bind(id)
    .bind(mail.tenant_id)
    .bind(file.filename.as_str())
    .bind(file.content_type.as_str())
    .bind(infer::get(bytes).map(|t| t.mime_type().to_owned()))
    .bind(bytes.len() as i64)
    .bind(file.sha256.clone())
    .bind(file.inline)
    .bind(file.content_id.clone())
    .bind(now())
    .bind(message)
    .exec(tx)
    .await?;
    Ok(())
}

pub(super) async fn delete_files(tx: &mut Tx, ids: &[AttachmentId]) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    sql("DELETE FROM attachments WHERE id IN ").list(ids.iter().copied()).exec(tx).await?;
    Ok(())
}

/// Writes the arrival's own view: subject, name and flags. What deciding flagged stays.
pub(super) async fn write_mail(tx: &mut Tx, stored: &InboundMail, read: &Read, trace: &Trace) -> Result<()> {
    let kept: Vec<String> = serde_json::from_str(&stored.flags).unwrap_or_default();
    let (before, mut flags) = (super::flags(stored, read), today_flags(read));
    flags.extend(kept.into_iter().filter(|f| !before.contains(f)));
    sql("UPDATE inbound_mails SET subject = $1, from_name = $2, flags = $3, degraded = $4, pipeline = $5, trace = $6 \
         WHERE id = $7")
    .bind(apply::cut(&read.mail.subject))
    .bind(read.mail.from.as_ref().and_then(|f| f.name.clone()))
    .bind(json!(flags))
    .bind(read.mail.flags.iter().any(|f| f == "degraded"))
    .bind(PIPELINE)
    .bind(serde_json::to_string(trace).expect("plain data"))
    .bind(stored.id)
    .exec(tx)
    .await?;
    Ok(())
}
