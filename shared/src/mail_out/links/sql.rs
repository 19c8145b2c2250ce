//! The SQL of links to sent files.

use super::FileLink;
use crate::clock::Time;
use crate::ids::{AttachmentId, FileLinkId, TenantId, TicketId};
use crate::store::{Exec, Q, Result, Tx, sql};

fn select() -> Q {
    sql("SELECT l.id, l.tenant_id, l.ticket_id, l.attachment_id, a.filename, a.size_bytes, a.sha256, l.created_at, \
         l.expires_at, l.revoked_at, l.downloads FROM file_links l JOIN attachments a ON a.id = l.attachment_id \
         WHERE a.sha256 IS NOT NULL AND ")
}

/// Returns the new link's id; None if the file has one.
pub(super) async fn insert(
    tx: &mut Tx,
    tenant: TenantId,
    ticket: TicketId,
    file: AttachmentId,
    at: Time,
    until: Time,
) -> Result<Option<FileLinkId>> {
    let row: Option<(FileLinkId,)> =
        sql("INSERT INTO file_links (tenant_id, ticket_id, attachment_id, created_at, expires_at, downloads) \
             VALUES ($1, $2, $3, $4, $5, 0) ON CONFLICT (attachment_id) DO NOTHING RETURNING id")
        .bind(tenant)
        .bind(ticket)
        .bind(file)
        .bind(at)
        .bind(until)
        .opt(tx)
        .await?;
    Ok(row.map(|(id,)| id))
}

pub(super) async fn prolong(tx: &mut Tx, file: AttachmentId, at: Time, until: Time) -> Result<()> {
    sql("UPDATE file_links SET expires_at = $1 WHERE attachment_id = $2 AND expires_at <= $3 AND revoked_at IS NULL")
        .bind(until)
        .bind(file)
        .bind(at)
        .exec(tx)
        .await?;
    Ok(())
}

pub(super) async fn of_files(ex: &mut impl Exec, files: &[AttachmentId]) -> Result<Vec<FileLink>> {
    if files.is_empty() {
        return Ok(Vec::new());
    }
    select().push("l.attachment_id IN ").list(files.iter().copied()).push(" ORDER BY l.attachment_id").all(ex).await
}

pub(super) async fn of_ticket(ex: &mut impl Exec, ticket: TicketId) -> Result<Vec<FileLink>> {
    select().push("l.ticket_id = ").arg(ticket).push(" ORDER BY l.id").all(ex).await
}

pub(super) async fn find(ex: &mut impl Exec, id: FileLinkId) -> Result<Option<FileLink>> {
    select().push("l.id = ").arg(id).opt(ex).await
}

pub(super) async fn count(tx: &mut Tx, id: FileLinkId) -> Result<()> {
    sql("UPDATE file_links SET downloads = downloads + 1 WHERE id = $1").bind(id).exec(tx).await?;
    Ok(())
}

pub(super) async fn revoke(tx: &mut Tx, id: FileLinkId, at: Time) -> Result<()> {
    sql("UPDATE file_links SET revoked_at = $1 WHERE id = $2").bind(at).bind(id).exec(tx).await?;
    Ok(())
}
