//! The dispatcher: claims due mail and keeps as many senders busy as the relay has connections.
//!
//! The outbox is the queue. A ring wakes the dispatcher at once, and it looks by itself every two seconds. It claims
//! ahead, so that no sender waits for the database; what it claimed stays under its lease until the result is on
//! record. Read next: `attempt` (one mail), `verdict` (what becomes of it), `recorder` (how that is written).

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::TimeDelta;
use futures::{FutureExt, StreamExt, stream};
use shared::app::App;
use shared::config::Config;
use shared::fault;
use shared::mail_out::kinds::OutboxState;
use shared::mail_out::outbox::Which;
use shared::mail_out::relays::{self, Access};
use shared::mail_out::render::{TemplateError, Templates};
use shared::mail_out::{build, outbox, slow};
use shared::store;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::attempt::Mail;
use crate::leases::Leases;
use crate::recorder::Recorder;
use crate::transport::{Failure, Phase, Smtp, SmtpOptions, UrlError};

/// How many mails are claimed at once.
const CLAIM: usize = 32;
/// How many claimed mails may wait for a sender.
const BUFFER: usize = 2 * CLAIM;
/// How often due mail is looked for without being told.
const POLL: Duration = Duration::from_secs(2);
/// How long mail that is under way may take when the worker stops.
const GRACE: Duration = Duration::from_secs(20);

/// Where mail goes.
#[derive(Debug, Clone)]
pub enum Transport {
    /// Nowhere: it is kept to be looked at.
    Capture,
    /// To a relay.
    Smtp(Smtp),
}

impl Transport {
    /// Returns the transport that the configuration names: without `SMTP_URL` mail is captured.
    ///
    /// # Errors
    /// [`UrlError`], one clear line without the password.
    pub fn from_config(config: &Config) -> Result<Transport, UrlError> {
        let Some(url) = &config.smtp_url else { return Ok(Transport::Capture) };
        let options =
            SmtpOptions { hello: hello(config), max_connections: config.smtp_connections, ..SmtpOptions::default() };
        Ok(Transport::Smtp(Smtp::from_url(url.as_str(), options)?))
    }
}

/// The name for EHLO: this host's if it is a whole one (RFC 5321 4.1.1.1), else the mail domain.
fn hello(config: &Config) -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim();
    let whole = host.contains('.') && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-".contains(&b));
    if whole { host.to_owned() } else { config.mail_domain.clone() }
}

/// Sends what the outbox holds. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Dispatcher {
    pub(crate) app: App,
    pub(crate) transport: Transport,
    pub(crate) templates: Arc<Templates>,
    pub(crate) recorder: Recorder,
    leases: Leases,
    bell: Arc<Notify>,
    /// Set when the relay turned out to be at fault; mails in the buffer are given back until then.
    paused_until: Arc<Mutex<Option<Instant>>>,
}

/// What became of the mails of one [`Dispatcher::drain`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts(pub BTreeMap<OutboxState, usize>);

impl Counts {
    /// Returns how many mails came to that state.
    pub fn of(&self, state: OutboxState) -> usize {
        self.0.get(&state).copied().unwrap_or(0)
    }

    /// Returns how many attempts there were.
    pub fn attempts(&self) -> usize {
        self.0.values().sum()
    }
}

/// What may be claimed now.
enum Turn {
    /// These mails.
    Mails(Vec<Mail>),
    /// One mail at a time: the relay was at fault, and may still be.
    Trial,
    /// Nothing before this time has gone by.
    Paused(Duration),
}

impl Dispatcher {
    /// Returns a dispatcher on the current runtime. Nothing is claimed yet.
    ///
    /// # Errors
    /// If a mail template is broken.
    pub fn new(app: App, transport: Transport) -> Result<Dispatcher, TemplateError> {
        let recorder = Recorder::start(app.clone());
        Ok(Dispatcher {
            templates: Arc::new(Templates::load(None)?),
            app,
            transport,
            recorder,
            leases: Leases::default(),
            bell: Arc::default(),
            paused_until: Arc::default(),
        })
    }

    /// Wakes the dispatcher: there may be due mail.
    pub fn wake(&self) {
        self.bell.notify_one();
    }

    /// Sends until `stop`; then what is under way finishes within 20 s, and what was claimed but not begun is given
    /// back. Everything is on record when it returns.
    pub async fn run(&self, stop: CancellationToken) {
        let renewing = tokio::spawn(self.leases.clone().keep_alive(self.app.db.clone(), self.app.config.lease));
        let hard = CancellationToken::new();
        let (to_senders, mails) = mpsc::channel(BUFFER);
        let mails = Arc::new(tokio::sync::Mutex::new(mails));
        let mut senders = JoinSet::new();
        for _ in 0..self.app.config.smtp_connections {
            senders.spawn(self.clone().sender(mails.clone(), stop.clone(), hard.clone()));
        }
        self.claim_until(to_senders, &stop, &hard).await;
        let finish = async { while senders.join_next().await.is_some() {} };
        tokio::pin!(finish);
        if timeout(GRACE, &mut finish).await.is_err() {
            tracing::warn!("mail is still under way after {} s, stopping without its answer", GRACE.as_secs());
            hard.cancel();
            finish.await;
        }
        self.recorder.flush().await;
        renewing.abort();
        if let Transport::Smtp(smtp) = &self.transport {
            smtp.close().await;
        }
    }

    /// Claims and sends everything that is due now, and returns what became of it. Never waits for something to
    /// become due.
    ///
    /// # Errors
    /// If the store cannot be asked.
    pub async fn drain(&self) -> store::Result<Counts> {
        let hard = CancellationToken::new();
        let mut counts = Counts::default();
        loop {
            let mails = match self.turn().await? {
                Turn::Mails(mails) if mails.is_empty() => break,
                Turn::Mails(mails) => mails,
                Turn::Trial => match self.claim(1).await? {
                    none if none.is_empty() => break,
                    mails => mails,
                },
                Turn::Paused(_) => break,
            };
            let attempts = stream::iter(mails).map(|mail| async {
                let attempted = match self.is_paused() {
                    true => self.release(mail).await,
                    false => self.attempt(mail, &hard).await,
                };
                let _ = attempted.recorded.await;
                (attempted.state, attempted.judged)
            });
            let mut attempts = attempts.buffer_unordered(self.app.config.smtp_connections);
            let mut judged = false;
            while let Some((state, this)) = attempts.next().await {
                judged |= this;
                if let Some(state) = state {
                    *counts.0.entry(state).or_default() += 1;
                }
            }
            if judged {
                self.reopen_relay().await;
            }
        }
        Ok(counts)
    }

    async fn claim_until(&self, to_senders: mpsc::Sender<Mail>, stop: &CancellationToken, hard: &CancellationToken) {
        let mut failing = false;
        while !stop.is_cancelled() {
            let Some(Ok(room)) = stop.run_until_cancelled(to_senders.reserve_many(CLAIM)).await else { break };
            let wait = match self.turn().await {
                Ok(Turn::Mails(mails)) => {
                    let more = mails.len() == CLAIM;
                    room.zip(mails).for_each(|(place, mail)| place.send(mail));
                    if more { Duration::ZERO } else { POLL }
                }
                Ok(Turn::Trial) => {
                    drop(room);
                    self.try_one(hard).await
                }
                Ok(Turn::Paused(left)) => left.min(POLL),
                Err(e) => {
                    if !failing {
                        tracing::warn!(error = &e as &dyn std::error::Error, "due mail cannot be claimed");
                    }
                    failing = true;
                    POLL
                }
            };
            failing &= wait == POLL;
            if !wait.is_zero() {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = self.bell.notified() => {}
                    () = tokio::time::sleep(wait) => {}
                }
            }
        }
    }

    async fn sender(
        self,
        mails: Arc<tokio::sync::Mutex<mpsc::Receiver<Mail>>>,
        stop: CancellationToken,
        hard: CancellationToken,
    ) {
        loop {
            let Some(mail) = mails.lock().await.recv().await else { return };
            if stop.is_cancelled() || self.is_paused() {
                self.release(mail).await;
                continue;
            }
            let id = mail.row.id;
            // A fault of ours in one mail must not cost a sender; its lease runs out, and a sweep frees it.
            if AssertUnwindSafe(self.attempt(mail, &hard)).catch_unwind().await.is_err() {
                tracing::error!(outbox.id = id.0, "sending a mail failed by a fault of the program");
            }
        }
    }

    async fn turn(&self) -> store::Result<Turn> {
        if let Transport::Smtp(smtp) = &self.transport {
            match relays::access(&self.app.db, &smtp.name()).await? {
                Access::Open => {}
                Access::Trial => return Ok(Turn::Trial),
                Access::Paused(left) => return Ok(Turn::Paused(left.to_std().unwrap_or_default())),
            }
        }
        Ok(Turn::Mails(self.claim(CLAIM).await?))
    }

    /// Claims due mail; of domains that asked for less, one mail each when its turn has come (E9.10).
    async fn claim(&self, n: usize) -> store::Result<Vec<Mail>> {
        let Transport::Smtp(smtp) = &self.transport else { return self.claim_of(n, Which::AllBut(&[])).await };
        let relay = smtp.name();
        let slow = slow::current(&self.app.db, &relay).await?;
        let domains: Vec<String> = slow.iter().map(|s| s.domain.clone()).collect();
        let mut mails = self.claim_of(n, Which::AllBut(&domains)).await?;
        for slow in &slow {
            if mails.len() < n && slow::take_turn(&self.app.db, &relay, slow).await? {
                mails.extend(self.claim_of(1, Which::Domain(&slow.domain)).await?);
            }
        }
        Ok(mails)
    }

    async fn claim_of(&self, n: usize, which: Which<'_>) -> store::Result<Vec<Mail>> {
        let (app, token) = (&self.app, Leases::token());
        let rows = outbox::claim(&app.db, &token, n as i64, app.config.lease, which).await?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        fault::point("after_claim");
        let leases: Vec<_> = rows.iter().map(|_| self.leases.hold(&token)).collect();
        // If it fails, the leases are let go here and run out.
        let materials = build::load(&app.db, &app.keys, &app.config.base_url, &rows).await?;
        let mails = rows.into_iter().zip(materials).zip(leases);
        Ok(mails.map(|((row, material), lease)| Mail { row, material, lease }).collect())
    }

    /// Tries one mail at a relay that was at fault. Returns how long to wait then.
    async fn try_one(&self, hard: &CancellationToken) -> Duration {
        let mail = match self.claim(1).await {
            Ok(mails) => mails.into_iter().next(),
            Err(e) => {
                tracing::warn!(error = &e as &dyn std::error::Error, "due mail cannot be claimed");
                None
            }
        };
        let Some(mail) = mail else { return POLL };
        let attempted = self.attempt(mail, hard).await;
        let _ = attempted.recorded.await;
        if attempted.judged {
            self.reopen_relay().await;
        }
        Duration::ZERO
    }

    /// Sends a domain less mail from now on, if that is what it asked for (E9.10).
    pub(crate) async fn heed(&self, smtp: &Smtp, domain: Option<&str>, failure: &Failure) {
        let asks = slow::asks_for_less(failure.code, failure.enhanced.as_deref(), &failure.text);
        let Some(domain) = domain.filter(|_| asks && failure.phase >= Phase::Mail) else { return };
        match slow::slow_down(&self.app.db, &smtp.name(), domain, &failure.text).await {
            Ok(per_minute) => tracing::warn!(per_minute, reason = failure.text, "a domain asks for less mail"),
            Err(e) => tracing::warn!(error = &e as &dyn std::error::Error, "a domain could not be slowed down"),
        }
    }

    /// Stops all mail to the relay for a while (E9.7). Returns for how long.
    pub(crate) async fn pause_relay(&self, smtp: &Smtp, failure: &Failure) -> TimeDelta {
        let relay = smtp.name();
        let pause = match relays::pause(&self.app.db, &relay, &failure.text).await {
            Ok(pause) => pause,
            Err(e) => {
                tracing::warn!(error = &e as &dyn std::error::Error, "the relay's pause could not be recorded");
                TimeDelta::minutes(1)
            }
        };
        tracing::error!(
            relay,
            code = failure.code,
            reason = failure.text,
            pause_s = pause.num_seconds(),
            "ALARM: the relay refuses us; mail waits until it is tried again"
        );
        metrics::counter!("relay_faults_total").increment(1);
        *self.pause() = pause.to_std().ok().map(|pause| Instant::now() + pause);
        pause
    }

    async fn reopen_relay(&self) {
        let Transport::Smtp(smtp) = &self.transport else { return };
        *self.pause() = None;
        match relays::reopen(&self.app.db, &smtp.name()).await {
            Ok(true) => tracing::info!(relay = smtp.name(), "the relay takes mail again"),
            Ok(false) => {}
            Err(e) => tracing::warn!(error = &e as &dyn std::error::Error, "the relay's pause could not be ended"),
        }
    }

    fn is_paused(&self) -> bool {
        self.pause().is_some_and(|until| Instant::now() < until)
    }

    fn pause(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.paused_until.lock().expect("no code panics while it holds the pause")
    }
}
