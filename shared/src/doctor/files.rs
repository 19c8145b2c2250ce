//! Attachments: every blob exists and hashes right (6).

use super::sql::Table;
use super::{Depth, Error, Finding, Invariant, Probe, Result, sql, sweep};
use crate::app::App;
use crate::{blobs, clock};
use chrono::Duration;

const SIZES: &[Probe] = &[Probe::new(
    "attachments differ in size from their file",
    "SELECT 'attachment ' || CAST(a.id AS TEXT) FROM attachments a \
     JOIN blobs b ON b.tenant_id = a.tenant_id AND b.sha256 = a.sha256 \
     WHERE a.id > $1 AND a.id <= $2 AND a.size_bytes <> b.size_bytes ORDER BY a.id",
)];

/// What was erased leaves the blob store at once, or within some tries (E13.1).
const LINGERING: Duration = Duration::hours(1);

/// Promise 6: Every attachment's blob exists and hashes right; likewise the octets of large mail on its way out. Blobs that
/// nothing names are the sweep's business.
pub(super) async fn attachments(app: &App, depth: Depth) -> Result<Finding> {
    let mut finding = Finding::new(Invariant::Attachments);
    sweep(app, &mut finding, Table::Attachments, SIZES, clock::now()).await?;
    if depth == Depth::Quick {
        finding.left_out = Some("not hashed");
    }
    let mut after = sql::BlobName::default();
    loop {
        let page = sql::blobs(&app.db, &after).await?;
        let Some(last) = page.last() else { break };
        after = last.name();
        for blob in &page {
            if let Some(what) = look(app, depth, blob).await? {
                finding.fault(what, format!("{} ({})", blob.label, &blob.sha256[..blob.sha256.len().min(12)]));
            }
        }
    }
    for name in sql::lingering(&app.db, clock::now() - LINGERING).await? {
        finding.fault("erased bytes are still there after an hour", name);
    }
    let mut after = 0;
    loop {
        let page = sql::large_letters(&app.db, after).await?;
        let Some((last, ..)) = page.last() else { return Ok(finding) };
        after = *last;
        for (id, tenant, sha256) in page {
            if !app.blobs.exists(tenant, &sha256).await.map_err(Error::Blobs)? {
                finding.fault("outgoing mails' octets are missing", format!("outbox {id}"));
            }
        }
    }
}

/// Returns what is wrong with a blob.
async fn look(app: &App, depth: Depth, blob: &sql::Blob) -> Result<Option<&'static str>> {
    const MISSING: &str = "files are missing";
    if depth == Depth::Quick {
        let there = app.blobs.exists(blob.tenant_id, &blob.sha256).await.map_err(Error::Blobs)?;
        return Ok((!there).then_some(MISSING));
    }
    match app.blobs.get(blob.tenant_id, &blob.sha256).await {
        Ok(bytes) if bytes.len() as i64 == blob.size_bytes && blobs::sha256_hex(&bytes) == blob.sha256 => Ok(None),
        Ok(_) => Ok(Some("files are not what was kept")),
        Err(blobs::Error::Missing { .. } | blobs::Error::Name(_)) => Ok(Some(MISSING)),
        Err(e) => Err(Error::Blobs(e)),
    }
}
