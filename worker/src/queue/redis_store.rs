//! The queue's keys in Redis: connecting, counting, tidying, emptying.

use std::time::Duration;

use apalis_redis::{Config, RedisStorage};
use redis::RedisError;
use redis::aio::{ConnectionManager, ConnectionManagerConfig, PubSub};

use super::{Deliver, RedisQueue};

/// A job's holder is given up when it was silent for interval times count.
const HEARTBEAT: Duration = Duration::from_secs(1);
const MISSED_HEARTBEATS: usize = 5;
/// More per fetch runs into Redis timeouts.
const BATCH: usize = 10;
/// Finished jobs cleared away per call; Redis does nothing else meanwhile.
const FORGET_AT_ONCE: u64 = 500;
const FORGET_FINISHED: &str = r"
    local ids = redis.call('SPOP', KEYS[1], ARGV[1])
    for _, id in ipairs(ids) do
        redis.call('HDEL', KEYS[2], id)
        redis.call('HDEL', KEYS[3] .. ':result', id)
        redis.call('DEL', KEYS[3] .. ':' .. id)
    end
    return #ids";

impl RedisQueue {
    /// Connects; gives up within a few seconds, so that the caller can count and wait.
    pub(crate) async fn connect(&self) -> Result<ConnectionManager, RedisError> {
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(1)
            .set_connection_timeout(Some(Duration::from_secs(2)))
            .set_response_timeout(Some(Duration::from_secs(2)));
        let mut conn = self.client.get_connection_manager_with_config(config).await?;
        redis::cmd("PING").query_async::<()>(&mut conn).await?;
        Ok(conn)
    }

    /// Returns the apalis side of the queue.
    pub(super) fn storage(&self, conn: ConnectionManager) -> RedisStorage<Deliver> {
        let config = Config::default()
            .queue(&self.name)
            .batch_size(BATCH)
            .heartbeat_interval(HEARTBEAT)
            .missed_heartbeats(MISSED_HEARTBEATS)
            // A wake-up takes no time, so there is no lease to renew, and nobody listens to the events.
            .lock_tasks(false)
            .emit_events(false);
        RedisStorage::new(conn).with_config(config)
    }

    /// Returns a subscription to the producers' calls.
    pub(super) async fn calls(&self) -> Result<PubSub, RedisError> {
        self.subscribe(&self.key("call")).await
    }

    /// Returns a subscription to a channel.
    pub(crate) async fn subscribe(&self, channel: &str) -> Result<PubSub, RedisError> {
        let mut heard = self.client.get_async_pubsub().await?;
        heard.subscribe(channel).await?;
        Ok(heard)
    }

    /// Tells idle consumers that there are new jobs.
    pub(super) async fn call(&self, conn: &mut ConnectionManager) -> Result<(), RedisError> {
        redis::cmd("PUBLISH").arg(self.key("call")).arg(1).query_async(conn).await
    }

    /// Returns how many jobs wait.
    pub(super) async fn waiting(&self, conn: &mut ConnectionManager) -> Result<u64, RedisError> {
        let (scheduled, active): (u64, u64) = redis::pipe()
            .cmd("ZCARD")
            .arg(self.key("scheduled"))
            .cmd("LLEN")
            .arg(self.key("active"))
            .query_async(conn)
            .await?;
        Ok(scheduled + active)
    }

    /// Forgets finished jobs, of which apalis keeps arguments, result and a set member for ever. Its own vacuum
    /// reads all jobs at once and leaves the set; this goes by the set, a few hundred at a time.
    pub(super) async fn forget_finished(&self, conn: &mut ConnectionManager) -> Result<u64, RedisError> {
        let script = redis::Script::new(FORGET_FINISHED);
        let mut forgotten = 0;
        for set in ["done", "dead"] {
            loop {
                let n: u64 = script
                    .key(self.key(set))
                    .key(self.key("data"))
                    .key(self.key("meta"))
                    .arg(FORGET_AT_ONCE)
                    .invoke_async(conn)
                    .await?;
                forgotten += n;
                if n < FORGET_AT_ONCE {
                    break;
                }
            }
        }
        Ok(forgotten)
    }

    /// Forgets a worker that ended: its name is never used again.
    pub(super) async fn forget_worker(&self, conn: &mut ConnectionManager, name: &str) -> Result<(), RedisError> {
        redis::cmd("DEL").arg(self.key(&format!("workers:metadata:{name}"))).query_async(conn).await
    }

    /// Removes every job, whatever its state. Costs nothing but the time until the next poll.
    pub(super) async fn empty(&self, conn: &mut ConnectionManager) -> Result<u64, RedisError> {
        let workers = self.key("workers");
        let (mut cursor, mut removed) = (0u64, 0);
        loop {
            let (next, keys): (u64, Vec<String>) = redis::cmd("SCAN")
                .arg(cursor)
                .arg("MATCH")
                .arg(self.key("*"))
                .arg("COUNT")
                .arg(1000)
                .query_async(conn)
                .await?;
            let jobs: Vec<&String> = keys.iter().filter(|key| !key.starts_with(&workers)).collect();
            if !jobs.is_empty() {
                removed += redis::cmd("UNLINK").arg(jobs).query_async::<u64>(conn).await?;
            }
            if next == 0 {
                return Ok(removed);
            }
            cursor = next;
        }
    }
}
