//! The ringing side: from this process's doorbell into Redis.

use std::time::Duration;

use apalis::prelude::TaskSink;
use redis::aio::ConnectionManager;
use shared::doorbell::BellReceiver;
use shared::ids::OutboxId;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::{Backoff, Deliver, Health, RedisQueue};

/// Ids per job: half of what a dispatcher claims at once.
const IDS_PER_JOB: usize = 16;
/// How often an unused connection is tried, so that `/readyz` knows.
const PROBE: Duration = Duration::from_secs(5);
/// No exchange may take longer; the rings are worth no more.
const LIMIT: Duration = Duration::from_secs(3);

/// Carries rings into Redis until the bells or `stop` end it.
///
/// While Redis is away, or the queue is full, rings are dropped: the dispatcher's poll finds the rows. It comes back
/// by itself, whatever happened to Redis meanwhile.
pub async fn produce(queue: RedisQueue, mut rings: BellReceiver, health: Health, stop: CancellationToken) {
    let mut link = Link { queue, health, conn: None, backoff: Backoff::default(), retry_at: Instant::now() };
    // At once, so that it is known from the start whether Redis is there.
    let mut ids = Vec::new();
    loop {
        if Instant::now() < link.retry_at {
            metrics::counter!("queue_rings_dropped_total").increment(ids.len() as u64);
        } else if stop.run_until_cancelled(link.carry(ids)).await.is_none() {
            // Not worth finishing on the way out: the poll finds the rows.
            return;
        }
        ids = tokio::select! {
            () = stop.cancelled() => return,
            ids = rings.next() => match ids {
                Some(ids) => ids,
                None => return,
            },
            () = tokio::time::sleep_until(link.retry_at.max(Instant::now() + PROBE)) => Vec::new(),
        };
    }
}

struct Link {
    queue: RedisQueue,
    health: Health,
    conn: Option<ConnectionManager>,
    backoff: Backoff,
    /// Before this moment nothing is tried.
    retry_at: Instant,
}

impl Link {
    async fn carry(&mut self, ids: Vec<OutboxId>) {
        let pushed = match timeout(LIMIT, self.push(&ids)).await {
            Ok(result) => result,
            Err(_) => Err(format!("no answer within {} s", LIMIT.as_secs())),
        };
        match pushed {
            Ok(waiting) => {
                self.backoff.reset();
                if self.health.up(Some(waiting)) {
                    tracing::info!("Redis carries wake-ups");
                }
            }
            Err(error) => {
                metrics::counter!("queue_rings_dropped_total").increment(ids.len() as u64);
                self.conn = None;
                self.retry_at = Instant::now() + self.backoff.next();
                if self.health.down(&error) {
                    tracing::warn!(error, "Redis is unreachable: mail leaves by polling until it is back");
                }
            }
        }
    }

    /// Pushes the ids as far as the queue has room and returns how many jobs wait.
    async fn push(&mut self, ids: &[OutboxId]) -> Result<u64, String> {
        let conn = match &mut self.conn {
            Some(conn) => conn,
            none => none.insert(self.queue.connect().await.map_err(|e| e.to_string())?),
        };
        let waiting = self.queue.waiting(conn).await.map_err(|e| e.to_string())?;
        let mut jobs: Vec<Deliver> =
            ids.chunks(IDS_PER_JOB).map(|ids| Deliver { outbox_ids: ids.iter().map(|id| id.0).collect() }).collect();
        let room = self.queue.bound.saturating_sub(waiting);
        let dropped = jobs.len().saturating_sub(room as usize);
        if dropped > 0 {
            metrics::counter!("queue_jobs_dropped_total").increment(dropped as u64);
            jobs.truncate(room as usize);
        }
        if jobs.is_empty() {
            return Ok(waiting);
        }
        let pushed = jobs.len() as u64;
        self.queue.storage(conn.clone()).push_bulk(jobs).await.map_err(|e| e.to_string())?;
        self.queue.call(conn).await.map_err(|e| e.to_string())?;
        Ok(waiting + pushed)
    }
}
