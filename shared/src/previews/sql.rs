//! The SQL of previews.

use super::{Picture, Preview};
use crate::clock::now;
use crate::ids::{AttachmentId, TenantId};
use crate::store::{Db, Exec, Result, Scope, sql};

/// A small picture as it is stored.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Thumbnail {
    /// `image/png` or `image/jpeg`.
    pub content_type: String,
    /// In pixels.
    pub width: i64,
    /// In pixels.
    pub height: i64,
    /// The file.
    pub bytes: Vec<u8>,
}

/// A file that nobody has tried to draw yet.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Waiting {
    pub id: AttachmentId,
    pub tenant_id: TenantId,
    pub sniffed_type: String,
    pub sha256: String,
}

/// Returns the oldest file to draw; PDF only where that can be done here.
pub(super) async fn waiting(db: &Db, pdf: bool) -> Result<Option<Waiting>> {
    // As the index over them says it.
    let q = sql(
        "SELECT id, tenant_id, sniffed_type, sha256 FROM attachments WHERE preview IS NULL AND sha256 IS NOT NULL \
         AND sniffed_type IN ('image/png', 'image/jpeg', 'image/gif', 'image/webp', 'application/pdf')",
    );
    let q = if pdf { q } else { q.push(" AND sniffed_type <> 'application/pdf'") };
    q.push(" ORDER BY id LIMIT 1").opt(&mut db.read(Scope::All)).await
}

/// Takes a file to draw; false if another worker did, or its bytes are gone.
pub(super) async fn begin(db: &Db, file: &Waiting) -> Result<bool> {
    Ok(mark(db, file, None, Some(Preview::Drawing)).await? > 0)
}

/// Leaves a file that could not be read to be tried again.
pub(super) async fn give_back(db: &Db, file: &Waiting) -> Result<()> {
    mark(db, file, Some(Preview::Drawing), None).await?;
    Ok(())
}

async fn mark(db: &Db, file: &Waiting, from: Option<Preview>, to: Option<Preview>) -> Result<u64> {
    let mut tx = db.write(Scope::Tenant(file.tenant_id)).await?;
    let done =
        sql("UPDATE attachments SET preview = $1 WHERE id = $2 AND sha256 = $3 AND preview IS NOT DISTINCT FROM $4")
            .bind(to.map(Preview::as_str))
            .bind(file.id)
            .bind(file.sha256.as_str())
            .bind(from.map(Preview::as_str))
            .exec(&mut tx)
            .await?;
    tx.commit().await?;
    Ok(done)
}

/// Writes down a file's thumbnail, or that it has none; nothing if its bytes were erased meanwhile.
pub(super) async fn store(db: &Db, file: &Waiting, drawn: Option<Picture>) -> Result<()> {
    let mut tx = db.write(Scope::Tenant(file.tenant_id)).await?;
    let state = if drawn.is_some() { Preview::Ready } else { Preview::None };
    let done = sql("UPDATE attachments SET preview = $1 WHERE id = $2 AND sha256 = $3 AND preview = 'drawing'")
        .bind(state.as_str())
        .bind(file.id)
        .bind(file.sha256.as_str())
        .exec(&mut tx)
        .await?;
    if let Some(drawn) = drawn.filter(|_| done > 0) {
        sql("INSERT INTO thumbnails (attachment_id, tenant_id, content_type, width, height, bytes, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)")
        .bind(file.id)
        .bind(file.tenant_id)
        .bind(drawn.content_type)
        .bind(i64::from(drawn.width))
        .bind(i64::from(drawn.height))
        .bind(drawn.bytes)
        .bind(now())
        .exec(&mut tx)
        .await?;
    }
    tx.commit().await
}

pub(super) async fn thumbnail(ex: &mut impl Exec, id: AttachmentId) -> Result<Option<Thumbnail>> {
    sql("SELECT content_type, width, height, bytes FROM thumbnails WHERE attachment_id = ").arg(id).opt(ex).await
}
