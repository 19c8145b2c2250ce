//! After an upgrade, what an older version could not read is read again, a little at a time (E14.4).

use super::{Mode, replay, sql};
use crate::app::App;
use crate::compiled_here;
use crate::mail_in::{Error, Ingest, MailState, PIPELINE};

/// How many are read again in one round: new mail comes first.
const ROUND: i64 = 20;

/// Reads failed and degraded mail of older versions again: the failed is decided without sending anything, the degraded
/// gets its text and files. Each is tried once by a version. Returns how many were tried.
///
/// # Errors
/// If the store cannot be asked.
#[compiled_here]
pub async fn after_upgrade(app: &App, ingest: &Ingest) -> Result<usize, Error> {
    let waiting = sql::unread(&app.db, PIPELINE, ROUND).await?;
    let found = waiting.len();
    for (id, state) in waiting {
        let mode = if state == MailState::Failed { Mode::ApplyFailed } else { Mode::ApplyView };
        // The version is noted first: what makes this one stumble must not be tried for ever.
        sql::note_version(&app.db, id, PIPELINE).await?;
        match replay(app, ingest, id, mode).await {
            Ok(done) => tracing::info!(mail.id = id.0, applied = done.applied, "mail read again by a newer version"),
            Err(e) => {
                tracing::warn!(mail.id = id.0, error = &e as &dyn std::error::Error, "mail cannot be read again");
            }
        }
    }
    Ok(found)
}
