//! The listening side: an apalis worker that wakes the dispatcher, and its keeper.

use std::sync::Arc;
use std::time::Duration;

use apalis::prelude::{BackendExt, BoxDynError, Monitor, WorkerBuilder};
use futures::StreamExt;
use redis::aio::{ConnectionManager, PubSub};
use shared::ids::OutboxId;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::{Backoff, Deliver, Health, RedisQueue};

/// How often finished jobs are cleared away.
const TIDY: Duration = Duration::from_secs(5);
/// A worker that lived longer than this was well.
const WELL: Duration = Duration::from_secs(30);
/// After so many failures in a row with Redis reachable, something in the queue must be the cause.
const POISONED: u32 = 3;
/// How long a worker may take to put its jobs back at the end.
const LEAVE: Duration = Duration::from_secs(5);

/// Hands each ring that arrives by Redis to `on_wake` until `stop` ends it.
///
/// `on_wake` must not block; it is a nudge for the dispatcher, may come twice, late or never, and names rows that
/// may be done already. Redis may be restarted, emptied or unreachable for any time: the worker is started anew,
/// with growing pauses, until it lives. A queue that keeps killing it is emptied.
pub async fn consume<F>(queue: RedisQueue, on_wake: F, health: Health, stop: CancellationToken)
where
    F: Fn(Vec<OutboxId>) + Send + Sync + 'static,
{
    let on_wake = Arc::new(on_wake);
    let mut backoff = Backoff::default();
    let mut failures = 0;
    while !stop.is_cancelled() {
        let began = Instant::now();
        let Some(ended) = stop.run_until_cancelled(queue.connect()).await else { return };
        let error = match ended {
            Ok(conn) => match attend(&queue, conn, on_wake.clone(), &health, &stop, failures).await {
                Ok(()) => return,
                Err(error) => {
                    failures += 1;
                    error
                }
            },
            Err(e) => {
                failures = 0;
                e.to_string()
            }
        };
        if began.elapsed() > WELL {
            backoff.reset();
            failures = failures.min(1);
        }
        if health.down(&error) {
            tracing::warn!(error, "no wake-ups from Redis: mail leaves by polling until it is back");
        }
        if stop.run_until_cancelled(tokio::time::sleep(backoff.next())).await.is_none() {
            return;
        }
    }
}

/// Runs one apalis worker until it fails, or ends in good order by `stop`.
async fn attend<F>(
    queue: &RedisQueue,
    mut conn: ConnectionManager,
    on_wake: Arc<F>,
    health: &Health,
    stop: &CancellationToken,
    failures: u32,
) -> Result<(), String>
where
    F: Fn(Vec<OutboxId>) + Send + Sync + 'static,
{
    make_fit(queue, &mut conn, failures).await.map_err(|e| e.to_string())?;
    // Two workers of one name would both get every job, so a name is never used twice.
    let name = format!("{}-{}-{:016x}", queue.name, std::process::id(), rand::random::<u64>());
    let storage = queue.storage(conn.clone());
    let calls = queue.calls().await.map_err(|e| e.to_string())?;
    let called = Arc::new(Notify::new());
    let (worker_name, wakers, look) = (name.clone(), health.clone(), called.clone());
    let monitor = Monitor::new().register(move |_| {
        let (on_wake, health) = (on_wake.clone(), wakers.clone());
        let calls = futures::stream::unfold(look.clone(), |look| async move {
            look.notified().await;
            Some(((), look))
        });
        let backend = storage.clone().poll_with_stream(calls.boxed());
        WorkerBuilder::new(worker_name.as_str()).backend(backend).build(move |job: Deliver| {
            if health.up(None) {
                tracing::info!("Redis carries wake-ups");
            }
            on_wake(job.outbox_ids.into_iter().map(OutboxId).collect());
            // Always Ok: apalis would try a failed job again by itself, without end (the rows do that).
            std::future::ready(Ok::<(), BoxDynError>(()))
        })
    });
    let context = monitor.context();
    let run = monitor.run();
    tokio::pin!(run);
    let ended = tokio::select! {
        ended = &mut run => ended.map_err(|e| e.to_string()),
        failed = keep_tidy(queue, conn.clone(), health) => Err(failed),
        () = pass_on(calls, &called) => Err("the subscription ended".to_owned()),
        () = stop.cancelled() => {
            // Errors on the way out change nothing: unfinished jobs pass to another worker.
            let _ = context.shutdown();
            let _ = timeout(LEAVE, &mut run).await;
            let _ = timeout(LEAVE, queue.forget_worker(&mut conn, &name)).await;
            return Ok(());
        }
    };
    let _ = timeout(LEAVE, queue.forget_worker(&mut conn, &name)).await;
    match ended {
        Err(error) => Err(error),
        Ok(()) => Err("the worker ended without being asked to".to_owned()),
    }
}

/// Empties the queue when it is the cause of failures: overfull (apalis-redis dies of 8,000 jobs and would do so
/// at each start), or holding a job that cannot be read.
async fn make_fit(queue: &RedisQueue, conn: &mut ConnectionManager, failures: u32) -> Result<(), redis::RedisError> {
    let waiting = queue.waiting(conn).await?;
    if waiting > queue.bound * 2 || failures >= POISONED {
        let removed = queue.empty(conn).await?;
        tracing::warn!(waiting, failures, removed, "emptied the wake-up queue; the outbox has it all");
    }
    Ok(())
}

/// Makes the worker look into the queue when a producer called. By itself it looks at each heartbeat only.
async fn pass_on(calls: PubSub, called: &Notify) {
    let mut calls = calls.into_on_message();
    while calls.next().await.is_some() {
        called.notify_one();
        // A second look: apalis misses a call that comes while a fetch is under way.
        tokio::time::sleep(Duration::from_millis(10)).await;
        called.notify_one();
    }
}

/// Counts and clears away on a timer. Ends with the reason when Redis fails.
async fn keep_tidy(queue: &RedisQueue, mut conn: ConnectionManager, health: &Health) -> String {
    loop {
        match queue.waiting(&mut conn).await {
            Ok(waiting) => {
                if health.up(Some(waiting)) {
                    tracing::info!("Redis carries wake-ups");
                }
            }
            Err(e) => return e.to_string(),
        }
        tokio::time::sleep(TIDY).await;
        if let Err(e) = queue.forget_finished(&mut conn).await {
            return e.to_string();
        }
    }
}
