//! Reads what was committed since, and tells those who listen.

use super::{Change, Mark, OVERLAP, Said, sql};
use crate::app::App;
use crate::clock::now;
use crate::compiled_here;
use crate::ids::TicketId;
use crate::store;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// How long a change waits at most if every hint of it is lost.
const POLL: Duration = Duration::from_secs(2);
/// Changes that commit close together are read together.
const GATHER: Duration = Duration::from_millis(20);
/// How often is looked once more at what was read already: a transaction may commit after one whose events are younger.
const LOOK_BACK: Duration = Duration::from_secs(1);
const BATCH: i64 = 500;

/// Tells those who listen what changes, until `stop`; then ends their listening. Asks nothing of the database while
/// nobody listens.
#[compiled_here]
pub async fn run(app: App, stop: CancellationToken) {
    let mut committed = app.db.committed();
    let mut tail = Tail::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => return app.live.end(),
            // The database outlives this loop.
            _ = committed.changed() => {}
            () = app.live.0.look.notified() => {}
            () = tokio::time::sleep(POLL) => {}
        }
        if !app.live.is_heard() {
            tail = Tail::new();
            continue;
        }
        match tail.read(&app).await {
            Ok(changes) => changes.into_iter().for_each(|c| drop(app.live.0.said.send(Said::Change(Arc::new(c))))),
            Err(e) => {
                tracing::warn!(error = &e as &dyn std::error::Error, "open pages are not told what changes");
                tokio::time::sleep(POLL).await;
            }
        }
        tokio::time::sleep(GATHER).await;
    }
}

/// What was told already.
struct Tail {
    /// The youngest change told.
    upto: Mark,
    /// What was told of the time that is looked back at.
    told: BTreeSet<Mark>,
    looked_back: Instant,
}

impl Tail {
    /// From now on.
    fn new() -> Tail {
        let upto = Mark { at: now() - OVERLAP, ticket: TicketId(0), seq: 0 };
        Tail { upto, told: BTreeSet::new(), looked_back: Instant::now() }
    }

    async fn read(&mut self, app: &App) -> store::Result<Vec<Change>> {
        let mut from = self.upto;
        if self.looked_back.elapsed() >= LOOK_BACK {
            from = Mark { at: self.upto.at - OVERLAP, ticket: TicketId(0), seq: 0 };
            self.looked_back = Instant::now();
        }
        let mut new = Vec::new();
        loop {
            let found = sql::changes(&mut app.db.read(store::Scope::All), None, from, BATCH).await?;
            let full = found.len() as i64 == BATCH;
            for change in found {
                from = change.mark();
                if self.told.insert(from) {
                    new.push(change);
                }
            }
            if !full {
                break;
            }
        }
        // A clock that is ahead must not hide what the others say meanwhile.
        let youngest = self.told.last().copied().unwrap_or(self.upto);
        self.upto = if youngest.at <= now() { youngest.max(self.upto) } else { self.upto };
        self.told = self.told.split_off(&Mark { at: self.upto.at - OVERLAP, ticket: TicketId(0), seq: 0 });
        Ok(new)
    }
}
