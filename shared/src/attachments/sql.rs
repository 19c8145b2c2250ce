//! The SQL of files.

use crate::clock::Time;
use crate::ids::{AttachmentId, MessageId, TenantId, TicketId, UserId};
use crate::previews::Preview;
use crate::store::{Exec, Result, Tx, sql};

/// A file as it is stored.
#[derive(Debug, Clone, sqlx::FromRow)]
#[allow(missing_docs)]
pub struct Attachment {
    pub id: AttachmentId,
    pub tenant_id: TenantId,
    pub ticket_id: Option<TicketId>,
    pub ticket_message_id: Option<MessageId>,
    pub uploaded_by: Option<UserId>,
    pub filename: String,
    pub content_type: String,
    pub sniffed_type: Option<String>,
    pub size_bytes: i64,
    pub sha256: Option<String>,
    pub inline: bool,
    pub content_id: Option<String>,
    pub preview: Option<Preview>,
    pub created_at: Time,
}

/// Pictures that browsers show and nothing runs in.
const PICTURES: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];

impl Attachment {
    /// Returns the type of a picture that browsers may show: as its bytes say, where its sender says nothing else.
    pub fn picture_type(&self) -> Option<&'static str> {
        let sniffed = self.sniffed_type.as_deref()?;
        let kind = PICTURES.into_iter().find(|kind| *kind == sniffed)?;
        let declared = self.content_type.as_str();
        (declared == kind || ["application/octet-stream", "image/jpg", "image/pjpeg"].contains(&declared))
            .then_some(kind)
    }
}

const COLUMNS: &str = "SELECT id, tenant_id, ticket_id, ticket_message_id, uploaded_by, filename, content_type, sniffed_type, \
     size_bytes, sha256, inline, content_id, preview, created_at FROM attachments WHERE ";

/// An upload that no message has yet.
pub(super) struct Loose {
    pub id: AttachmentId,
    pub tenant_id: TenantId,
    pub uploaded_by: Option<UserId>,
    pub filename: String,
    pub original_filename: Option<String>,
    pub content_type: String,
    pub sniffed_type: Option<String>,
    pub size_bytes: i64,
    pub sha256: String,
}

pub(super) async fn insert_loose(tx: &mut Tx, file: Loose) -> Result<Attachment> {
    let at = crate::clock::now();
    sql("INSERT INTO blobs (tenant_id, sha256, size_bytes, created_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (tenant_id, sha256) DO NOTHING")
    .bind(file.tenant_id)
    .bind(file.sha256.as_str())
    .bind(file.size_bytes)
    .bind(at)
    .exec(tx)
    .await?;
    sql(
        "INSERT INTO attachments (id, tenant_id, uploaded_by, filename, original_filename, content_type, sniffed_type, \
         size_bytes, sha256, inline, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(file.id)
    .bind(file.tenant_id)
    .bind(file.uploaded_by)
    .bind(file.filename)
    .bind(file.original_filename)
    .bind(file.content_type)
    .bind(file.sniffed_type)
    .bind(file.size_bytes)
    .bind(file.sha256)
    .bind(false)
    .bind(at)
    .exec(tx)
    .await?;
    sql(COLUMNS).push("id = ").arg(file.id).one(tx).await
}

pub(super) async fn get(ex: &mut impl Exec, id: AttachmentId) -> Result<Option<Attachment>> {
    sql(COLUMNS).push("id = ").arg(id).opt(ex).await
}

/// Returns the size of an upload that is the user's own and on no message yet.
pub(super) async fn unused_upload(
    tx: &mut Tx,
    id: AttachmentId,
    tenant: TenantId,
    user: Option<UserId>,
) -> Result<Option<i64>> {
    let row: Option<(i64,)> =
        sql("SELECT size_bytes FROM attachments WHERE id = $1 AND tenant_id = $2 AND uploaded_by = $3 \
         AND ticket_message_id IS NULL")
        .bind(id)
        .bind(tenant)
        .bind(user)
        .opt(tx)
        .await?;
    Ok(row.map(|(size,)| size))
}

/// Returns the files of messages, in the order they were added.
///
/// # Errors
/// See [`crate::store::Error`].
pub async fn of_messages(ex: &mut impl Exec, messages: &[MessageId]) -> Result<Vec<Attachment>> {
    if messages.is_empty() {
        return Ok(Vec::new());
    }
    sql(COLUMNS).push("ticket_message_id IN ").list(messages.iter().copied()).push(" ORDER BY id").all(ex).await
}

/// Returns the files of a ticket, or of one of its messages, in the order they were added. Without `inside` only those of
/// replies that were said: not taken back, and not held any more.
pub(super) async fn of_ticket(
    ex: &mut impl Exec,
    ticket: TicketId,
    message: Option<MessageId>,
    inside: bool,
) -> Result<Vec<Attachment>> {
    let mut q = sql(COLUMNS).push("sha256 IS NOT NULL AND ticket_id = ").arg(ticket);
    if let Some(message) = message {
        q = q.push(" AND ticket_message_id = ").arg(message);
    }
    if !inside {
        q = q.push(
            " AND EXISTS (SELECT 1 FROM ticket_messages m WHERE m.id = attachments.ticket_message_id AND m.kind <> 'note' \
             AND m.withdrawn_at IS NULL AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.ticket_message_id = m.id \
             AND o.kind = 'reply' AND o.state = 'held'))",
        );
    }
    q.push(" ORDER BY id").all(ex).await
}

pub(super) async fn ticket_bytes(ex: &mut impl Exec, ticket: TicketId) -> Result<i64> {
    let (n,): (i64,) = sql("SELECT CAST(COALESCE(SUM(size_bytes), 0) AS BIGINT) FROM attachments WHERE ticket_id = $1 AND sha256 IS NOT NULL")
        .bind(ticket)
        .one(ex)
        .await?;
    Ok(n)
}
