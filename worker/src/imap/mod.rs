//! Fetches mailboxes on other servers (E10.5, E10.6). One process at a time holds an account, by a lease; it keeps one
//! connection, reads by UID, and waits by IDLE.
//!
//! Read next: [`folder`], what is read and written down; [`wire`], the connection.

mod folder;
mod name;
mod stub;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use serde_json::Value;
use shared::app::App;
use shared::clock::now;
use shared::ids::ImapAccountId;
use shared::imap_accounts::{ImapAccount, work};
use shared::mail_in::Ingest;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use folder::{Counts, Reader, Stop};
pub use wire::{Imap, Opened, Trouble};

/// The times of fetching.
#[derive(Debug, Clone)]
pub struct Pace {
    /// How often accounts that nobody fetches are looked for.
    pub look: Duration,
    /// How long IDLE lasts until it is begun anew (RFC 2177 allows 29 min).
    pub idle: Duration,
    /// How often the folder is read though the server said nothing.
    pub poll: Duration,
    /// The same where the server cannot tell of new mail.
    pub poll_without_idle: Duration,
    /// How long after a failure the server is tried again; doubled each time.
    pub least_pause: Duration,
    /// And never longer than this.
    pub most_pause: Duration,
    /// How long a message that could not be fetched rests.
    pub retry: Duration,
    /// How often folder and arrivals are compared.
    pub reconcile: Duration,
    /// Authorities that are trusted beside the world's.
    pub roots: Vec<CertificateDer<'static>>,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace {
            look: Duration::from_secs(5),
            idle: Duration::from_secs(9 * 60),
            poll: Duration::from_secs(5 * 60),
            poll_without_idle: Duration::from_secs(60),
            least_pause: Duration::from_secs(5),
            most_pause: Duration::from_secs(5 * 60),
            retry: Duration::from_secs(60),
            reconcile: Duration::from_secs(3600),
            roots: Vec::new(),
        }
    }
}

/// Fetches every account that no other process holds, until `stop`.
pub async fn run(app: App, ingest: Ingest, pace: Pace, stop: CancellationToken) {
    let mut held = JoinSet::new();
    loop {
        match work::unheld(&app).await {
            Ok(accounts) => {
                for id in accounts {
                    let (app, ingest, pace, stop) = (app.clone(), ingest.clone(), pace.clone(), stop.clone());
                    let token = format!("{:032x}", rand::random::<u128>());
                    match work::claim(&app, id, &token, app.config.lease).await {
                        Ok(Some(account)) => drop(held.spawn(hold(app, ingest, pace, account, token, stop))),
                        Ok(None) => {}
                        Err(e) => tracing::warn!(error = &e as &dyn std::error::Error, "an account cannot be claimed"),
                    }
                }
            }
            Err(e) => tracing::warn!(error = &e as &dyn std::error::Error, "accounts cannot be looked for"),
        }
        while held.try_join_next().is_some() {}
        if stop.run_until_cancelled(tokio::time::sleep(pace.look)).await.is_none() {
            break;
        }
    }
    while held.join_next().await.is_some() {}
}

/// Fetches one account while its lease is held.
async fn hold(app: App, ingest: Ingest, pace: Pace, account: ImapAccount, token: String, stop: CancellationToken) {
    let (id, stop) = (account.id, stop.child_token());
    let asked = Arc::new(Notify::new());
    let renewal = tokio::spawn(renew(app.clone(), id, token.clone(), asked.clone(), stop.clone()));
    let mut pause = pace.least_pause;
    let mut careful = false;
    while !stop.is_cancelled() {
        let began = tokio::time::Instant::now();
        let stopped = stop.run_until_cancelled(connected(&app, &ingest, &pace, &account, (&asked, careful))).await;
        let Some(Err(why)) = stopped else { break };
        careful = matches!(why, Stop::Imap(Trouble::Lost(_)));
        metrics::counter!("imap_faults_total").increment(1);
        tracing::warn!(imap_account.id = id.0, error = %why, "fetching broke off, tried again in {} s", pause.as_secs());
        // With the database away there is nowhere to write to.
        let _ = work::went_wrong(&app, &account, &why.to_string()).await;
        // What worked for a while is tried again soon.
        if began.elapsed() > pace.most_pause.min(Duration::from_secs(60)) {
            pause = pace.least_pause;
        }
        let jitter = pause.mul_f64(rand::random_range(0.0..0.2));
        if stop.run_until_cancelled(tokio::time::sleep(pause + jitter)).await.is_none() {
            break;
        }
        pause = (pause * 2).min(pace.most_pause);
    }
    stop.cancel();
    let _ = renewal.await;
    let _ = work::release(&app, id, &token).await;
}

/// Renews the lease; ends the fetching when it is lost: somebody changed, removed or switched off the account, or took it
/// over while this process hung. Wakes the fetching when a comparison was asked for.
async fn renew(app: App, id: ImapAccountId, token: String, asked: Arc<Notify>, stop: CancellationToken) {
    let length = app.config.lease;
    let mut last = tokio::time::Instant::now();
    while stop.run_until_cancelled(tokio::time::sleep(length / 4)).await.is_some() {
        match work::renew(&app, id, &token, length).await {
            Ok(true) => last = tokio::time::Instant::now(),
            Ok(false) => return stop.cancel(),
            Err(_) if last.elapsed() > length => return stop.cancel(),
            Err(_) => {}
        }
        if let Ok(Some(account)) = work::load(&app, id).await
            && account.reconcile_asked_at.is_some()
        {
            asked.notify_one();
        }
    }
}

/// Opens a connection and reads until something breaks.
async fn connected(
    app: &App,
    ingest: &Ingest,
    pace: &Pace,
    account: &ImapAccount,
    (asked, mut careful): (&Notify, bool),
) -> Result<(), Stop> {
    let mut imap = open(app, account, pace).await?;
    work::connected(app, account).await?;
    loop {
        let Some(account) = work::load(app, account.id).await? else { return Ok(()) };
        let mut reader = Reader::new(app, ingest, &account, &mut imap, pace);
        reader.careful = careful;
        let counts = reader.pass().await?;
        careful = false;
        let complaint = reader.complaint.take();
        if counts.fetched > 0 {
            tracing::info!(imap_account.id = account.id.0, mails = counts.fetched, "fetched");
        }
        // What came meanwhile is read before anything is waited for.
        if imap.news() {
            continue;
        }
        work::succeeded(app, &account).await?;
        if let Some(complaint) = complaint {
            work::went_wrong(app, &account, &complaint).await?;
        }
        let overdue =
            account.reconciled_at.is_none_or(|at| (now() - at).to_std().is_ok_and(|age| age >= pace.reconcile));
        if overdue || account.reconcile_asked_at.is_some() {
            let found = Reader::new(app, ingest, &account, &mut imap, pace).reconcile().await?;
            if found["missing"] != 0 {
                tracing::warn!(imap_account.id = account.id.0, %found, "messages were missing here");
            }
            continue;
        }
        let wait = if counts.failed > 0 { pace.retry.min(pace.poll) } else { pace.poll };
        rest(&mut imap, wait, pace, asked).await?;
    }
}

/// Waits for news, until it is time to look, or until a comparison is asked for.
async fn rest(imap: &mut Imap, wait: Duration, pace: &Pace, asked: &Notify) -> Result<(), Stop> {
    if imap.idles {
        return Ok(imap.idle(wait.min(pace.idle), asked.notified()).await?);
    }
    let _ = tokio::time::timeout(wait.min(pace.poll_without_idle), asked.notified()).await;
    Ok(())
}

/// Logs in.
///
/// # Errors
/// What stopped it.
pub async fn open(app: &App, account: &ImapAccount, pace: &Pace) -> Result<Imap, Stop> {
    let secret = work::secret(app, account).await?.ok_or_else(|| {
        let text = "the password was sealed with another POSTROOM_SECRET: set it again";
        Stop::Imap(Trouble::Refused(text.to_owned()))
    })?;
    Ok(Imap::open(account, &secret, &pace.roots).await?)
}

/// Tries an account: logs in and opens its folder. Fetches nothing.
///
/// # Errors
/// What stopped it, for the operator.
pub async fn test(app: &App, account: &ImapAccount) -> Result<Opened, Stop> {
    let mut imap = open(app, account, &Pace::default()).await?;
    let opened = imap.select(&account.folder).await?;
    imap.close().await;
    Ok(opened)
}

/// Compares an account's folder with its arrivals once, now, and fetches what is missing.
///
/// # Errors
/// See [`Reader::reconcile`].
pub async fn reconcile(app: &App, ingest: &Ingest, account: &ImapAccount, pace: &Pace) -> Result<Value, Stop> {
    let mut imap = open(app, account, pace).await?;
    let found = Reader::new(app, ingest, account, &mut imap, pace).reconcile().await?;
    imap.close().await;
    Ok(found)
}
