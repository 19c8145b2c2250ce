//! Carries the doorbell's rings from the processes that commit outbox rows to those that send mail.
//!
//! With Redis the rings travel as apalis jobs on the queue `deliver`; without, they stay in the process. Either way
//! they are hints: the outbox table is the queue of record and the dispatcher polls it, so the queue may lose
//! everything at any time, is kept short on purpose, and is emptied rather than repaired.
//!
//! Must not hold delays, retries or schedules (they live in the rows), and never makes a request wait.

mod consumer;
mod producer;
mod redis_store;

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use shared::clock::{self, Time};
use shared::doorbell::BellReceiver;
use shared::ids::OutboxId;
use tokio_util::sync::CancellationToken;

pub use consumer::consume;
pub use producer::produce;

/// A wake-up: these outbox rows were committed. Its receiver looks for due rows, these and others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deliver {
    /// A few rows, so that a burst spreads over several workers.
    pub outbox_ids: Vec<i64>,
}

/// The Redis that carries the rings, and how full the queue may get.
#[derive(Debug, Clone)]
pub struct RedisQueue {
    client: redis::Client,
    /// Name of the queue, the first part of all its keys.
    name: String,
    /// Jobs that may wait at once; further rings are dropped. apalis-redis dies of about 8,000 (each fetch unpacks
    /// all due ids on Lua's stack), and a dispatcher that is awake needs no more.
    bound: u64,
}

/// `REDIS_URL` cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the Redis URL is not usable: {reason}; expected redis://[user:password@]host:port/[db]")]
pub struct UrlError {
    reason: String,
}

impl RedisQueue {
    /// Reads a `redis://` URL. Nothing is connected yet.
    ///
    /// # Errors
    /// [`UrlError`], one clear line without the password.
    pub fn from_url(url: &str) -> Result<RedisQueue, UrlError> {
        let client = redis::Client::open(url).map_err(|e| UrlError { reason: e.to_string() })?;
        Ok(RedisQueue { client, name: "deliver".to_owned(), bound: 2000 })
    }

    /// Returns the same queue with another bound on the jobs that wait.
    pub fn bound(mut self, bound: u64) -> RedisQueue {
        self.bound = bound;
        self
    }

    fn key(&self, part: &str) -> String {
        format!("{}:{part}", self.name)
    }
}

/// How the queue fares, for `/readyz` and the logs. Clones share it.
#[derive(Debug, Clone)]
pub struct Health(Arc<Mutex<Report>>);

/// A moment of [`Health`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// `redis` or `in_process`.
    pub carrier: &'static str,
    /// The last exchange succeeded. Always true in process.
    pub connected: bool,
    /// Jobs that wait, as last counted.
    pub waiting: u64,
    /// Why it is not connected.
    pub error: Option<String>,
    /// Since when it is as it is.
    pub since: Time,
}

impl Health {
    /// Returns the health of a queue in Redis, not connected yet.
    pub fn redis() -> Health {
        let error = Some("not connected yet".to_owned());
        Health::new(Report { carrier: "redis", connected: false, waiting: 0, error, since: clock::now() })
    }

    /// Returns the health of a queue in this process: there is nothing that could fail.
    pub fn in_process() -> Health {
        Health::new(Report { carrier: "in_process", connected: true, waiting: 0, error: None, since: clock::now() })
    }

    fn new(report: Report) -> Health {
        Health(Arc::new(Mutex::new(report)))
    }

    /// Returns the present state.
    pub fn report(&self) -> Report {
        self.lock().clone()
    }

    /// Notes a success. True if that is news.
    fn up(&self, waiting: Option<u64>) -> bool {
        let mut report = self.lock();
        if let Some(waiting) = waiting {
            report.waiting = waiting;
            metrics::gauge!("queue_waiting").set(waiting as f64);
        }
        let news = !report.connected;
        if news {
            report.connected = true;
            report.error = None;
            report.since = clock::now();
        }
        news
    }

    /// Notes a failure. True if that is news.
    fn down(&self, error: &str) -> bool {
        let mut report = self.lock();
        let news = report.connected || report.error.as_deref() == Some("not connected yet");
        if report.connected {
            report.since = clock::now();
        }
        report.connected = false;
        report.error = Some(error.to_owned());
        news
    }

    fn lock(&self) -> MutexGuard<'_, Report> {
        self.0.lock().expect("no code panics while it holds the report")
    }
}

/// Hands each ring to `on_wake` in this process until the bells or `stop` end it.
pub async fn in_process(mut rings: BellReceiver, on_wake: impl Fn(Vec<OutboxId>), stop: CancellationToken) {
    while let Some(Some(ids)) = stop.run_until_cancelled(rings.next()).await {
        on_wake(ids);
    }
}

/// Waits between attempts that fail: 0.2 s at first, doubling up to 10 s, with up to a quarter more by chance so
/// that many processes do not come back in step.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    pub(crate) fn next(&mut self) -> Duration {
        let base = Duration::from_millis(200) * 2u32.pow(self.failures.min(6));
        self.failures += 1;
        base.min(Duration::from_secs(10)).mul_f64(1.0 + rand::random_range(0.0..0.25))
    }

    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::doorbell::Doorbell;

    #[test]
    fn url_errors_are_one_line_without_the_password() {
        for url in ["", "localhost", "http://u:geheim@h", "redis://u:geheim@h:port"] {
            let text = RedisQueue::from_url(url).unwrap_err().to_string();
            assert!(!text.contains('\n') && !text.contains("geheim"), "{text}");
        }
        RedisQueue::from_url("redis://127.0.0.1:6379/1").unwrap();
    }

    #[test]
    fn health_tells_news_once() {
        let health = Health::redis();
        assert!(health.down("refused"));
        assert!(!health.down("refused"));
        assert!(health.up(Some(3)));
        assert!(!health.up(None));
        let report = health.report();
        assert_eq!((report.connected, report.waiting, report.error), (true, 3, None));
        assert!(health.down("gone"));
    }

    #[test]
    fn backoff_grows_to_a_limit() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..20).map(|_| backoff.next()).collect();
        assert!(waits[0] < Duration::from_millis(251));
        assert!(waits[19] >= Duration::from_secs(10) && waits[19] < Duration::from_millis(12_501));
        backoff.reset();
        assert!(backoff.next() < Duration::from_millis(251));
    }

    #[tokio::test]
    async fn without_redis_rings_stay_in_the_process() {
        let (bell, rings) = Doorbell::in_process();
        bell.ring(&[OutboxId(1), OutboxId(2)]);
        drop(bell);
        let heard = Mutex::new(Vec::new());
        in_process(rings, |ids| heard.lock().unwrap().extend(ids), CancellationToken::new()).await;
        assert_eq!(*heard.lock().unwrap(), [OutboxId(1), OutboxId(2)]);
    }
}
