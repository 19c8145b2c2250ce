//! Hands mail over to an SMTP relay: one recipient per transaction (E9.6), over a pool of lettre connections.
//!
//! Each step has its own timer, and the outcome says for certain whether the mail can have been accepted: only a
//! body whose end was handed over and never answered is [`SendOutcome::Unknown`] (E9.9). Nothing is ever sent twice
//! from here; whether and when to try again is the dispatcher's to decide.
//!
//! Read next: `open` and `session` (the steps), `outcome` (the rules), `wire` (what lettre needed put right).

mod address;
mod body;
mod capabilities;
mod open;
mod outcome;
mod pool;
mod relay;
mod session;
mod wire;

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use tokio::sync::OwnedSemaphorePermit;

pub use outcome::{Failure, Phase, Reply, SendOutcome};
pub use relay::UrlError;

use outcome::Halt;
use pool::Pool;
use relay::Relay;
use session::{Letter, Session};

/// Any error of the caller's.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// One mail to one recipient.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'a> {
    /// Envelope sender; empty is the null sender `<>`.
    pub envelope_from: &'a str,
    /// Envelope recipient.
    pub rcpt: &'a str,
    /// The whole mail as it shall arrive. Line ends other than CRLF become CRLF.
    pub mime: &'a [u8],
}

/// How long each step may take; the defaults are those of RFC 5321 4.5.3.2 (E9.5).
#[derive(Debug, Clone)]
pub struct Timeouts {
    /// Name lookup, TCP and TLS handshake, each.
    pub connect: Duration,
    /// Banner and answer to EHLO.
    pub greeting: Duration,
    /// STARTTLS, AUTH, MAIL, RCPT, RSET.
    pub command: Duration,
    /// DATA.
    pub data: Duration,
    /// Each block of 64 KiB of the body.
    pub block: Duration,
    /// The final dot. A short one makes doubles: many relays scan before they answer.
    pub dot: Duration,
    /// QUIT, and a last word after the relay stopped taking the body.
    pub quit: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts {
            connect: Duration::from_secs(30),
            greeting: Duration::from_secs(300),
            command: Duration::from_secs(300),
            data: Duration::from_secs(120),
            block: Duration::from_secs(180),
            dot: Duration::from_secs(600),
            quit: Duration::from_secs(5),
        }
    }
}

/// Settings of a relay's connections.
#[derive(Debug, Clone)]
pub struct SmtpOptions {
    /// The name given in EHLO: this host's, else `[127.0.0.1]`.
    pub hello: String,
    /// Connections open at once (E9.10).
    pub max_connections: usize,
    /// Mails per connection; several relays hang up on more.
    pub max_mails: u32,
    /// How long an unused connection stays open.
    pub idle: Duration,
    /// Timers.
    pub timeouts: Timeouts,
    /// Authorities trusted beside the public ones, for relays with a certificate of the house.
    pub extra_roots: Vec<CertificateDer<'static>>,
}

impl Default for SmtpOptions {
    fn default() -> Self {
        SmtpOptions {
            hello: "[127.0.0.1]".to_owned(),
            max_connections: 4,
            max_mails: 100,
            idle: Duration::from_secs(30),
            timeouts: Timeouts::default(),
            extra_roots: Vec::new(),
        }
    }
}

/// A relay and the connections to it. Cheap to clone; clones share the connections.
#[derive(Clone)]
pub struct Smtp {
    inner: Arc<Inner>,
}

struct Inner {
    relay: Relay,
    options: SmtpOptions,
    pool: Arc<Pool>,
    /// What the relay said it can do, the last time that it was asked.
    offers: Mutex<Option<Offers>>,
}

/// What a relay can do, as far as it matters to how a mail is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offers {
    /// The largest mail that it takes, if it named one (RFC 1870).
    pub max_bytes: Option<usize>,
    /// Addresses with letters outside ASCII (RFC 6531).
    pub smtp_utf8: bool,
}

impl Smtp {
    /// Reads `smtp://[user:password@]host[:port][?tls=required|off]` or `smtps://...`. Nothing is connected yet.
    ///
    /// TLS is required unless the host is loopback or `tls=off` (E9.16).
    ///
    /// # Errors
    /// [`UrlError`], one clear line without the password.
    pub fn from_url(url: &str, options: SmtpOptions) -> Result<Smtp, UrlError> {
        let relay = Relay::from_url(url, &options.extra_roots)?;
        let pool = Pool::new(options.max_connections, options.idle);
        Ok(Smtp { inner: Arc::new(Inner { relay, options, pool, offers: Mutex::default() }) })
    }

    /// Returns `host:port`: the name under which the relay is paused and shown.
    pub fn name(&self) -> String {
        self.inner.relay.name()
    }

    /// Sends one mail to one recipient and says what became of it.
    ///
    /// `before_body` is awaited once, after the relay's 354 and before the body's first octet leaves: the place to
    /// record that from now on the mail may arrive. If it fails, the mail certainly does not leave.
    ///
    /// Waits while `max_connections` mails are under way. A connection that was idle and turns out dead before the
    /// body is replaced once by a fresh one. Dropping the future closes the connection; if that is after
    /// `before_body`, the mail may or may not arrive.
    pub async fn send<F, Fut>(&self, delivery: Delivery<'_>, before_body: F) -> SendOutcome
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<(), BoxError>>,
    {
        let letter = match letter(delivery) {
            Ok(letter) => letter,
            Err(refusal) => return refusal,
        };
        let slot = self.inner.pool.slot().await;
        let mut session = match self.begin(&letter).await {
            Ok(session) => session,
            Err(halt) => return halt.outcome(),
        };
        if let Err(e) = before_body().await {
            // There is no way back from DATA but to hang up.
            return SendOutcome::Temporary(Failure {
                phase: Phase::BeforeBody,
                code: None,
                enhanced: None,
                text: format!("not sent: {e}"),
            });
        }
        let outcome = session.finish(&letter.body).await;
        self.put_back(session, Some(slot));
        outcome
    }

    /// Connects, authenticates and takes leave: tells whether a relay at fault would take mail again.
    ///
    /// # Errors
    /// What stands in the way.
    pub async fn probe(&self) -> Result<(), Failure> {
        let _slot = self.inner.pool.slot().await;
        match Session::open(&self.inner.relay, &self.inner.options).await {
            Ok(session) => {
                self.note(&session);
                session.quit().await;
                Ok(())
            }
            Err(halt) => match halt.outcome() {
                SendOutcome::Temporary(f) | SendOutcome::Permanent(f) | SendOutcome::RelayFault(f) => Err(f),
                SendOutcome::Sent(_) | SendOutcome::Unknown { .. } => Ok(()),
            },
        }
    }

    /// Returns what the relay offers, as it said last; None before the first connection.
    pub fn offers(&self) -> Option<Offers> {
        *self.inner.offers.lock().expect("no code panics while it holds the offers")
    }

    /// As [`Smtp::offers`], asking the relay if nobody has yet.
    ///
    /// # Errors
    /// Why it cannot be asked.
    pub async fn ask_offers(&self) -> Result<Option<Offers>, Failure> {
        if self.offers().is_none() {
            self.probe().await?;
        }
        Ok(self.offers())
    }

    fn note(&self, session: &Session) {
        let caps = &session.caps;
        let offers = Offers { max_bytes: caps.size, smtp_utf8: caps.smtp_utf8 };
        *self.inner.offers.lock().expect("no code panics while it holds the offers") = Some(offers);
    }

    /// Returns how many connections wait for the next mail.
    pub fn idle_connections(&self) -> usize {
        self.inner.pool.parked()
    }

    /// Takes leave on the idle connections, for an orderly end.
    pub async fn close(&self) {
        self.inner.pool.close().await;
    }

    /// Brings a connection up to the relay's 354.
    async fn begin(&self, letter: &Letter) -> Result<Session, Halt> {
        if let Some(mut session) = self.inner.pool.take() {
            match session.begin(letter).await {
                Ok(()) => return Ok(session),
                Err(halt) if halt.lost_connection() => {}
                Err(halt) => {
                    self.put_back(session, None);
                    return Err(halt);
                }
            }
        }
        let mut session = Session::open(&self.inner.relay, &self.inner.options).await?;
        metrics::counter!("smtp_connections_total").increment(1);
        self.note(&session);
        match session.begin(letter).await {
            Ok(()) => Ok(session),
            Err(halt) => {
                self.put_back(session, None);
                Err(halt)
            }
        }
    }

    /// Parks the connection, or ends it when it is worn out. The slot, where there is one, goes along: until the
    /// relay has let go of the connection, it counts.
    fn put_back(&self, session: Session, slot: Option<OwnedSemaphorePermit>) {
        if session.broken {
            return;
        }
        if session.mails < self.inner.options.max_mails {
            self.inner.pool.park(session);
            return;
        }
        tokio::spawn(async move {
            session.quit().await;
            drop(slot);
        });
    }
}

impl std::fmt::Debug for Smtp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Smtp").field(&self.name()).finish()
    }
}

fn letter(delivery: Delivery<'_>) -> Result<Letter, SendOutcome> {
    let to = address::parse(delivery.rcpt).map_err(|why| unsendable("5.1.3", why))?;
    let from = match delivery.envelope_from {
        "" => None,
        text => Some(address::parse(text).map_err(|why| unsendable("5.1.7", why))?),
    };
    Ok(Letter { from, to, body: body::encode(delivery.mime), eight_bit: !delivery.mime.is_ascii() })
}

/// Returns a failure of ours, found before any connection was made.
fn unsendable(enhanced: &str, text: &str) -> SendOutcome {
    SendOutcome::Permanent(Failure {
        phase: Phase::Connect,
        code: None,
        enhanced: Some(enhanced.to_owned()),
        text: text.to_owned(),
    })
}
