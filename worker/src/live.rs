//! Carries the hints of `shared::live` between processes: by Redis while it answers, else by PostgreSQL. All listen to
//! both, so that it does not matter which of them who speaks can reach. On SQLite alone there is one server, and what
//! commands change it finds by itself.

use crate::queue::{Backoff, RedisQueue};
use redis::aio::ConnectionManager;
use shared::app::App;
use shared::live::{Live, Signal};
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

/// The name that hints go by in both.
const CHANNEL: &str = "postroom_live";
/// One hint for all that commits so close together.
const GATHER: Duration = Duration::from_millis(50);
/// No exchange may take longer; a hint is worth no more.
const LIMIT: Duration = Duration::from_secs(2);

/// Carries hints until `stop`. Never fails: what cannot be carried is found two seconds later.
pub async fn carry(app: App, stop: CancellationToken) {
    // A URL that is of no use stops the start elsewhere.
    let redis = app.config.redis_url.as_ref().and_then(|url| RedisQueue::from_url(url.as_str()).ok());
    if redis.is_none() && app.db.is_sqlite() {
        return;
    }
    let work = async {
        tokio::join!(
            speak(&app, redis.clone()),
            async {
                match &redis {
                    Some(queue) => hear_redis(queue, &app.live).await,
                    None => std::future::pending().await,
                }
            },
            hear_database(&app),
        )
    };
    stop.run_until_cancelled(work).await;
}

/// Tells the others what happens here.
async fn speak(app: &App, redis: Option<RedisQueue>) {
    let mut committed = app.db.committed();
    let mut outgoing = app.live.outgoing();
    let mut redis = redis.map(Redis::new);
    loop {
        let signal = tokio::select! {
            _ = committed.changed() => {
                tokio::time::sleep(GATHER).await;
                committed.borrow_and_update();
                Signal::Look
            }
            signal = outgoing.recv() => match signal {
                Ok(signal) => signal,
                Err(RecvError::Lagged(_)) => continue,
                Err(RecvError::Closed) => return,
            },
        };
        let letter = app.live.seal(signal);
        if let Some(redis) = &mut redis
            && redis.publish(&letter).await
        {
            continue;
        }
        if let Err(e) = app.db.notify(CHANNEL, &letter).await {
            tracing::debug!(error = &e as &dyn std::error::Error, "a hint to the other processes is lost");
        }
    }
}

/// The speaking end in Redis.
struct Redis {
    queue: RedisQueue,
    conn: Option<ConnectionManager>,
    backoff: Backoff,
    retry_at: Instant,
}

impl Redis {
    fn new(queue: RedisQueue) -> Redis {
        Redis { queue, conn: None, backoff: Backoff::default(), retry_at: Instant::now() }
    }

    /// Whether Redis took it.
    async fn publish(&mut self, letter: &str) -> bool {
        if Instant::now() < self.retry_at {
            return false;
        }
        match timeout(LIMIT, self.try_publish(letter)).await {
            Ok(Ok(())) => {
                self.backoff.reset();
                true
            }
            _ => {
                self.conn = None;
                self.retry_at = Instant::now() + self.backoff.next();
                false
            }
        }
    }

    async fn try_publish(&mut self, letter: &str) -> Result<(), redis::RedisError> {
        let conn = match &mut self.conn {
            Some(conn) => conn,
            none => none.insert(self.queue.connect().await?),
        };
        redis::cmd("PUBLISH").arg(CHANNEL).arg(letter).query_async(conn).await
    }
}

async fn hear_redis(queue: &RedisQueue, live: &Live) {
    use futures::StreamExt;
    let mut backoff = Backoff::default();
    loop {
        if let Ok(Ok(mut heard)) = timeout(LIMIT, queue.subscribe(CHANNEL)).await {
            backoff.reset();
            let mut messages = heard.on_message();
            while let Some(message) = messages.next().await {
                if let Ok(letter) = message.get_payload::<String>() {
                    live.hear(&letter);
                }
            }
        }
        tokio::time::sleep(backoff.next()).await;
    }
}

/// PostgreSQL's end; on SQLite there is none.
async fn hear_database(app: &App) {
    let mut backoff = Backoff::default();
    loop {
        match app.db.listen(CHANNEL).await {
            Ok(None) => return,
            Ok(Some(mut heard)) => {
                backoff.reset();
                while let Ok(letter) = heard.next().await {
                    app.live.hear(&letter);
                }
            }
            Err(e) => tracing::debug!(error = &e as &dyn std::error::Error, "hints by the database are not heard"),
        }
        tokio::time::sleep(backoff.next()).await;
    }
}
