//! What must happen although nobody asks for it.

use std::time::Duration;

use shared::app::App;
use shared::erase;
use shared::housekeeping;
use shared::incidents;
use shared::mail_in::{Ingest, authenticate, replay};
use shared::mail_out::{digest, outbox, suppress};
use shared::mailboxes::probe;
use shared::ratings;
use shared::tickets::snooze;
use shared::{ses, spool};
use tokio_util::sync::CancellationToken;

use crate::dispatch::Dispatcher;
use crate::inbound;

/// How often expired leases and undecided mail are looked for.
pub(crate) const OFTEN: Duration = Duration::from_secs(5);
/// How often old things are closed and forgotten.
const SELDOM: Duration = Duration::from_secs(60);
/// How often messages that are not indexed yet, and files without a thumbnail, are looked for.
const INDEXING: Duration = Duration::from_secs(1);
/// How often changes of the counts are added up: many at a time.
const FOLDING: Duration = Duration::from_secs(2);
/// How long indexing rests between two batches.
const BREATH: Duration = Duration::from_millis(20);
/// How many batches are forgotten in one round.
const ROUNDS: usize = 20;

/// Frees the leases of dead workers, takes up undecided mail and wakes tickets whose time has come, until `stop`.
pub(crate) async fn often(dispatcher: Dispatcher, ingest: Ingest, stop: CancellationToken) {
    let app = dispatcher.app.clone();
    // Shortened leases, as tests use them, are looked at more often.
    let pause = OFTEN.min(app.config.lease / 2);
    loop {
        match outbox::free_expired(&app.db, &app.keys).await {
            Ok(due) if due.is_empty() => {}
            Ok(_) => dispatcher.wake(),
            Err(e) => tracing::warn!(error = &e as &dyn std::error::Error, "expired leases could not be freed"),
        }
        match inbound::sweep(&app, &ingest).await {
            Ok(0) => {}
            Ok(mails) => tracing::info!(mails, "took up mail that was kept but not decided"),
            Err(e) => tracing::warn!(error = &e as &dyn std::error::Error, "undecided mail could not be looked for"),
        }
        match authenticate::recheck(&app).await {
            Ok(0) => {}
            Ok(mails) => tracing::info!(mails, "checked senders again whom no name server knew before"),
            Err(e) => tracing::warn!(error = &e as &dyn std::error::Error, "senders could not be checked again"),
        }
        match snooze::wake_due(&app).await {
            Ok(0) => {}
            Ok(tickets) => tracing::info!(tickets, "woke tickets that were put off until now"),
            Err(e) => {
                tracing::warn!(error = &e as &dyn std::error::Error, "tickets that were put off could not be woken")
            }
        }
        match incidents::tell_due(&app).await {
            Ok(0) => {}
            Ok(tickets) => tracing::info!(tickets, "told linked tickets of an incident's change"),
            Err(e) => tracing::warn!(error = &e as &dyn std::error::Error, "linked tickets could not be told"),
        }
        take_up_spool(&app, &ingest).await;
        if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
            return;
        }
    }
}

/// Indexes what was written for search, until `stop`: what is written is found within two seconds.
pub(crate) async fn index(app: App, stop: CancellationToken) {
    loop {
        let pause = match shared::search::index_some(&app.db).await {
            Ok(0) => INDEXING,
            // More may wait; others may want the database meanwhile.
            Ok(_) => BREATH,
            Err(e) => {
                tracing::warn!(error = &e as &dyn std::error::Error, "messages could not be indexed for search");
                SELDOM
            }
        };
        if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
            return;
        }
    }
}

/// Makes thumbnails of files that came, until `stop`; one at a time, so that a worker stops within its time.
pub(crate) async fn previews(app: App, stop: CancellationToken) {
    loop {
        let pause = match shared::previews::make_one(&app).await {
            Ok(false) => INDEXING,
            Ok(true) => BREATH,
            Err(e) => {
                tracing::warn!(error = &e as &dyn std::error::Error, "a thumbnail could not be made");
                SELDOM
            }
        };
        if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
            return;
        }
    }
}

/// Adds up what changed about the counts of the views, until `stop`. Who reads them adds what is not added up yet, so
/// nobody waits for it.
pub(crate) async fn fold_counts(app: App, stop: CancellationToken) {
    loop {
        let pause = match shared::tickets::counts::fold(&app.db).await {
            Ok(0) => FOLDING,
            Ok(_) => BREATH,
            Err(e) => {
                tracing::warn!(error = &e as &dyn std::error::Error, "the counts of views could not be added up");
                SELDOM
            }
        };
        if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
            return;
        }
    }
}

/// Takes up mail that `postroom mail pipe` left in this host's spool (E10.8).
pub(crate) async fn take_up_spool(app: &App, ingest: &Ingest) {
    match spool::take_up(app, ingest).await {
        Ok(0) => {}
        Ok(mails) => tracing::info!(mails, "took up mail from the spool"),
        Err(e) => tracing::warn!(error = &e as &dyn std::error::Error, "mail in the spool could not be kept yet"),
    }
}

/// Looks through the buckets of Amazon SES for mail that nobody told of (E10.3), until `stop`.
pub(crate) async fn buckets(app: App, ingest: Ingest, stop: CancellationToken) {
    loop {
        match ses::sweep(&app, &ingest).await {
            Ok(0) => {}
            Ok(mails) => tracing::warn!(mails, "found mail in a bucket that no notification told of"),
            Err(e) => tracing::warn!(error = &e as &dyn std::error::Error, "buckets could not be looked through"),
        }
        if stop.run_until_cancelled(tokio::time::sleep(SELDOM)).await.is_none() {
            return;
        }
    }
}

/// Closes and forgets what is old, until `stop`.
pub(crate) async fn seldom(app: App, ingest: Ingest, stop: CancellationToken) {
    let mut alarmed = false;
    loop {
        match housekeeping::close_solved(&app).await {
            Ok(0) => {}
            Ok(tickets) => tracing::info!(tickets, "closed tickets that were solved long ago"),
            Err(e) => tracing::warn!(error = &e as &dyn std::error::Error, "solved tickets could not be closed"),
        }
        watch_failures(&app, &mut alarmed).await;
        if let Err(e) = probe::give_up(&app.db).await {
            tracing::warn!(error = &e as &dyn std::error::Error, "probes of mailboxes could not be given up");
        }
        match replay::after_upgrade(&app, &ingest).await {
            Ok(0) => {}
            Ok(mails) => tracing::info!(mails, "mail of an older version was read again"),
            Err(e) => {
                tracing::warn!(error = &e as &dyn std::error::Error, "mail of an older version is not read again")
            }
        }
        match ratings::ask_due(&app).await {
            Ok(0) => {}
            Ok(mails) => tracing::info!(mails, "queued requests to rate the help"),
            Err(e) => tracing::warn!(error = &e as &dyn std::error::Error, "requests to rate could not be queued"),
        }
        match digest::send_due(&app).await {
            Ok(0) => {}
            Ok(digests) => tracing::info!(digests, "queued digests of notices above their cap"),
            Err(e) => tracing::warn!(error = &e as &dyn std::error::Error, "digests could not be queued"),
        }
        forget_mail(&app).await;
        if let Err(e) = spool::tidy(&app.config.doors.spool) {
            tracing::warn!(error = %e, "old drafts in the spool could not be removed");
        }
        for _ in 0..ROUNDS {
            match housekeeping::forget_old(&app.db).await {
                Ok(0) => break,
                Ok(_) => {}
                Err(e) => {
                    tracing::warn!(error = &e as &dyn std::error::Error, "old rows could not be deleted");
                    break;
                }
            }
        }
        if stop.run_until_cancelled(tokio::time::sleep(SELDOM)).await.is_none() {
            return;
        }
    }
}

/// Forgets held mail and spam after their time, and what was erased and came again (E13.2): small batches, so that
/// nobody waits long for the writer.
pub(crate) async fn forget_mail(app: &App) {
    for _ in 0..ROUNDS {
        match erase::forget(app, shared::clock::now()).await {
            Ok(done) if !done.is_some() => break,
            Ok(done) => {
                for (what, n) in done.counts() {
                    metrics::counter!("mail_forgotten_total", "what" => what).increment(n);
                }
                tracing::info!(
                    quarantined = done.quarantined,
                    spam = done.spam,
                    spam_tickets = done.tickets,
                    repeats = done.repeats,
                    tombstones = done.tombstones,
                    "forgot mail after its time"
                );
            }
            Err(e) => {
                tracing::warn!(error = &e as &dyn std::error::Error, "old mail could not be forgotten");
                break;
            }
        }
    }
}

/// Tells once when too much of the last hour's mail failed for good (E9.13), and again only after it went down.
async fn watch_failures(app: &App, alarmed: &mut bool) {
    let rate = match suppress::rate(&app.db).await {
        Ok(rate) => rate,
        Err(e) => {
            tracing::warn!(error = &e as &dyn std::error::Error, "failed mail could not be counted");
            return;
        }
    };
    metrics::gauge!("mail_failed_last_hour").set(rate.failed as f64);
    if rate.is_alarming() && !*alarmed {
        tracing::error!(failed = rate.failed, sent = rate.sent, "ALARM: more than 5 % of the last hour's mail failed");
    }
    *alarmed = rate.is_alarming();
}
