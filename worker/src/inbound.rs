//! Mail that a door kept but nobody decided: the process died between the two, or a part was out of reach (E1.3).

use std::error::Error as _;

use futures::{StreamExt, stream};
use shared::app::App;
use shared::mail_in::{self, Error, Ingest};

/// How many are looked for at once.
const BATCH: i64 = 100;
/// How many go through the pipeline at the same time; they are applied together.
const TOGETHER: usize = 16;

/// Takes every mail whose turn it is through the pipeline again. Returns how many were decided.
///
/// # Errors
/// If the store cannot be asked.
pub async fn sweep(app: &App, ingest: &Ingest) -> Result<usize, Error> {
    let mut decided = 0;
    loop {
        let ids = mail_in::undecided(app, BATCH).await?;
        let found = ids.len();
        let applied = stream::iter(ids)
            .map(|id| async move {
                match mail_in::resume(app, ingest, id).await {
                    Ok(applied) => applied.outcome.is_some(),
                    Err(e) => {
                        let cause = e.source().map(ToString::to_string);
                        tracing::error!(mail.id = id.0, error = %e, cause, "a kept mail cannot be loaded");
                        false
                    }
                }
            })
            .buffer_unordered(TOGETHER)
            .filter(|decided| std::future::ready(*decided))
            .count()
            .await;
        decided += applied;
        // A failed one has its next try later; without progress the rest waits for the next round.
        if (found as i64) < BATCH || applied == 0 {
            return Ok(decided);
        }
    }
}
