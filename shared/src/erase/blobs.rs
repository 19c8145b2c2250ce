//! Bytes that no row names any more: removed from the blob store after the commit that left them so.

use super::sql;
use crate::app::App;
use crate::clock::now;
use crate::store::{Result, Scope};
use chrono::Duration;

/// How many blobs one round removes.
const BATCH: i64 = 100;
/// The longest wait between two tries.
const MOST_MINUTES: i64 = 60;

/// Removes what is due, a batch of it, and returns how many are gone. What the blob store does not let go is tried again
/// later: after 1, 2, 4, … minutes, an hour at most.
///
/// # Errors
/// See [`crate::store::Error`]; a blob store that refuses is no error but a line in the log.
pub async fn remove_blobs(app: &App) -> Result<u64> {
    let due = sql::due_blobs(&app.db, now(), BATCH).await?;
    let mut removed = 0;
    for blob in due {
        // The same bytes may have come again since: then somebody needs them.
        let named = sql::is_named(&app.db, &blob).await?;
        let gone = match named {
            true => Ok(()),
            false => app.blobs.delete(blob.tenant_id, &blob.sha256).await,
        };
        let mut tx = app.db.write(Scope::Tenant(blob.tenant_id)).await?;
        match gone {
            Ok(()) => {
                sql::forget_blob(&mut tx, &blob).await?;
                removed += u64::from(!named);
            }
            Err(e) => {
                tracing::warn!(error = &e as &dyn std::error::Error, "erased bytes could not be removed yet");
                let wait = Duration::minutes((1 << blob.tries.clamp(0, 6)).min(MOST_MINUTES));
                sql::postpone_blob(&mut tx, &blob, now() + wait).await?;
            }
        }
        tx.commit().await?;
    }
    Ok(removed)
}

/// As [`remove_blobs`], right after an erasure: what fails is the housekeeping's to try again.
pub(crate) async fn remove_now(app: &App) {
    if let Err(e) = remove_blobs(app).await {
        tracing::warn!(error = &e as &dyn std::error::Error, "erased bytes are removed later");
    }
}
