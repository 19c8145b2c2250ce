//! The SQL of previews.

use super::{Picture, Preview};
use crate::clock::{Time, now};
use crate::ids::{AttachmentId, TenantId};
use crate::store::{Db, Exec, Q, Result, Scope, sql};

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

/// A file to draw.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Waiting {
    pub id: AttachmentId,
    pub tenant_id: TenantId,
    pub sniffed_type: String,
    pub sha256: String,
    /// How often somebody began.
    pub preview_tries: i64,
}

fn select() -> Q {
    sql("SELECT id, tenant_id, sniffed_type, sha256, preview_tries FROM attachments WHERE ")
}

/// Returns the oldest file to draw that nobody has tried yet, else one whose worker died of it or with it; PDF only where
/// that can be done here.
pub(super) async fn waiting(db: &Db, pdf: bool, at: Time) -> Result<Option<Waiting>> {
    let drawable = |q: Q| if pdf { q } else { q.push(" AND sniffed_type <> 'application/pdf'") };
    let mut read = db.read(Scope::All);
    // As the index over them says it.
    let unseen = select().push(
        "preview IS NULL AND sha256 IS NOT NULL \
         AND sniffed_type IN ('image/png', 'image/jpeg', 'image/gif', 'image/webp', 'application/pdf')",
    );
    if let Some(found) = drawable(unseen).push(" ORDER BY id LIMIT 1").opt(&mut read).await? {
        return Ok(Some(found));
    }
    let lapsed = select().push("preview = 'drawing' AND sha256 IS NOT NULL AND preview_until <= ").arg(at);
    drawable(lapsed).push(" ORDER BY preview_until LIMIT 1").opt(&mut read).await
}

/// Takes a file to draw until a moment; false if another worker did, or its bytes are gone.
pub(super) async fn begin(db: &Db, file: &Waiting, at: Time, until: Time) -> Result<bool> {
    let claim = sql("UPDATE attachments SET preview = 'drawing', preview_tries = preview_tries + 1, preview_until = ")
        .arg(until)
        .push(" WHERE (preview IS NULL OR preview = 'drawing' AND preview_until <= ")
        .arg(at)
        .push(")");
    change(db, file, claim, file.preview_tries).await
}

/// Leaves a file that could not be read to be tried again: that is not the file's fault.
pub(super) async fn give_back(db: &Db, file: &Waiting) -> Result<()> {
    let back = "UPDATE attachments SET preview = NULL, preview_until = NULL, preview_tries = preview_tries - 1 \
                WHERE preview = 'drawing'";
    change(db, file, sql(back), file.preview_tries + 1).await.map(drop)
}

/// Leaves a file alone from now on, without a picture.
pub(super) async fn give_up(db: &Db, file: &Waiting, at: Time) -> Result<()> {
    let done = sql("UPDATE attachments SET preview = 'none', preview_until = NULL WHERE preview = 'drawing' \
                    AND preview_until <= ")
    .arg(at);
    change(db, file, done, file.preview_tries).await.map(drop)
}

/// Changes a file, if nobody else has begun with it since, and its bytes are what they were.
async fn change(db: &Db, file: &Waiting, q: Q, tries: i64) -> Result<bool> {
    let mut tx = db.write(Scope::Tenant(file.tenant_id)).await?;
    let changed = of_claim(q, file, tries).exec(&mut tx).await?;
    tx.commit().await?;
    Ok(changed > 0)
}

fn of_claim(q: Q, file: &Waiting, tries: i64) -> Q {
    let q = q.push(" AND id = ").arg(file.id).push(" AND sha256 = ").arg(file.sha256.as_str());
    q.push(" AND preview_tries = ").arg(tries)
}

/// Writes down a file's thumbnail, or that it has none; nothing if its bytes were erased meanwhile, or somebody else has
/// begun with it as this took too long.
pub(super) async fn store(db: &Db, file: &Waiting, drawn: Option<Picture>) -> Result<()> {
    let mut tx = db.write(Scope::Tenant(file.tenant_id)).await?;
    let state = if drawn.is_some() { Preview::Ready } else { Preview::None };
    let done = sql("UPDATE attachments SET preview_until = NULL, preview = ").arg(state.as_str());
    let done = done.push(" WHERE preview = 'drawing'");
    let done = of_claim(done, file, file.preview_tries + 1).exec(&mut tx).await?;
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
