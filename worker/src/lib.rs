//! Postroom's background worker: sends what the outbox holds, takes up mail that was left undecided, and sweeps.
//!
//! Any number may run, inside servers and on their own; the database is all they share. Read next: [`dispatch`].

mod attempt;
pub mod dispatch;
mod heartbeat;
pub mod imap;
pub mod inbound;
mod leases;
pub mod live;
pub mod queue;
mod recorder;
pub mod sink;
mod sweeps;
pub mod transport;
mod verdict;

use async_recursion::async_recursion;
use std::time::Duration;

use shared::app::App;
use shared::mail_in::Ingest;
use shared::mail_out::render::TemplateError;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use dispatch::{Counts, Dispatcher, Transport};
use queue::{Health, RedisQueue};

/// The longest that a worker takes to stop.
const STOP: Duration = Duration::from_secs(28);

/// The worker cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `SMTP_URL` cannot be used.
    #[error(transparent)]
    Relay(#[from] transport::UrlError),
    /// `REDIS_URL` cannot be used.
    #[error(transparent)]
    Queue(#[from] queue::UrlError),
    /// A mail template is broken.
    #[error(transparent)]
    Templates(#[from] TemplateError),
    /// The store cannot be asked.
    #[error("store failed")]
    Store(#[from] shared::store::Error),
    /// Undecided mail cannot be asked for.
    #[error(transparent)]
    Inbound(#[from] shared::mail_in::Error),
}

/// Works until `stop`: then nothing more is begun, what is under way finishes, and what was claimed is given back, all
/// within 30 s. Takes the application's doorbell.
///
/// # Errors
/// If a setting or a template is of no use; nothing was begun then.
#[async_recursion]
pub async fn run(app: App, ingest: Ingest, stop: CancellationToken) -> Result<(), Error> {
    let dispatcher = Dispatcher::new(app.clone(), Transport::from_config(&app.config)?)?;
    run_with(dispatcher, ingest, stop).await
}

/// As [`run`], with a dispatcher that was made before.
///
/// # Errors
/// If `REDIS_URL` is of no use.
#[async_recursion]
pub async fn run_with(dispatcher: Dispatcher, ingest: Ingest, stop: CancellationToken) -> Result<(), Error> {
    let app = dispatcher.app.clone();
    let mut tasks = JoinSet::new();
    let waking = dispatcher.clone();
    let wake = move |_| waking.wake();
    match &app.config.redis_url {
        Some(url) => {
            let queue = RedisQueue::from_url(url.as_str())?;
            let health = Health::redis();
            if let Some(rings) = app.take_listener() {
                // Rings of this process reach the others by Redis; it hears them there, too, and polls meanwhile.
                tasks.spawn(queue::produce(queue.clone(), rings, Health::redis(), stop.clone()));
            }
            tasks.spawn(queue::consume(queue, wake, health, stop.clone()));
        }
        None => {
            if let Some(rings) = app.take_listener() {
                tasks.spawn(queue::in_process(rings, wake, stop.clone()));
            }
        }
    }
    tasks.spawn(heartbeat::run(app.clone(), stop.clone()));
    tasks.spawn(imap::run(app.clone(), ingest.clone(), imap::Pace::default(), stop.clone()));
    tasks.spawn(sweeps::often(dispatcher.clone(), ingest.clone(), stop.clone()));
    tasks.spawn(sweeps::index(app.clone(), stop.clone()));
    tasks.spawn(sweeps::previews(app.clone(), stop.clone()));
    tasks.spawn(sweeps::fold_counts(app.clone(), stop.clone()));
    tasks.spawn(sweeps::buckets(app.clone(), ingest.clone(), stop.clone()));
    tasks.spawn(sweeps::seldom(app, ingest, stop.clone()));
    tasks.spawn({
        let (dispatcher, stop) = (dispatcher.clone(), stop.clone());
        async move { dispatcher.run(stop).await }
    });
    stop.cancelled().await;
    let end = async {
        while let Some(ended) = tasks.join_next().await {
            if let Err(e) = ended {
                tracing::error!(error = %e, "a part of the worker broke off");
            }
        }
    };
    if tokio::time::timeout(STOP, end).await.is_err() {
        tracing::warn!("the worker did not come to an end in {} s; its leases will run out", STOP.as_secs());
    }
    Ok(())
}

/// Carries this process's rings to the workers, for a process that sends no mail itself. Without Redis there is
/// nothing to do: workers find due mail by polling.
///
/// # Errors
/// If `REDIS_URL` is of no use.
#[async_recursion]
pub async fn ring_only(app: App, health: Health, stop: CancellationToken) -> Result<(), Error> {
    let Some(url) = &app.config.redis_url else { return Ok(()) };
    let queue = RedisQueue::from_url(url.as_str())?;
    if let Some(rings) = app.take_listener() {
        queue::produce(queue, rings, health, stop).await;
    }
    Ok(())
}

/// Takes up this host's spool until `stop`, for a server whose mail other processes send: they may be on other hosts.
#[async_recursion]
pub async fn spool_only(app: App, ingest: Ingest, stop: CancellationToken) {
    loop {
        sweeps::take_up_spool(&app, &ingest).await;
        if stop.run_until_cancelled(tokio::time::sleep(sweeps::OFTEN)).await.is_none() {
            return;
        }
    }
}

/// Does once, without sleeping, what [`run`] does again and again: undecided mail is taken up, expired leases are
/// freed, and everything due is sent. Returns what became of the outgoing mail.
///
/// # Errors
/// See [`Error`].
#[async_recursion]
pub async fn run_once(dispatcher: &Dispatcher, ingest: &Ingest) -> Result<Counts, Error> {
    let app = dispatcher.app.clone();
    inbound::sweep(&app, ingest).await?;
    shared::spool::take_up(&app, ingest).await?;
    shared::mail_out::outbox::free_expired(&app.db, &app.keys).await?;
    shared::incidents::tell_due(&app).await?;
    Ok(dispatcher.drain().await?)
}
