//! A small SMTP server that accepts everything and sends nothing on.
//!
//! It stands in for the relay in tests and benchmarks, where it can be told to refuse, stall, drop or talk nonsense
//! at any step, and it is the command `postroom sink`, which shows a developer or operator what would be sent.
//! It is no way into the helpdesk: mail to it makes no ticket.

mod conversation;
mod script;
mod stream;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use script::{Act, Rule, Step};

/// What happens to accepted mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keep {
    /// In memory, for [`Sink::received`].
    Memory,
    /// It is counted only.
    Count,
    /// One `.eml` file each, with `Return-Path` and `Delivered-To` before the mail (RFC 5321 4.4).
    Folder(PathBuf),
}

/// Settings of a sink.
#[derive(Debug, Clone)]
pub struct SinkOptions {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// What happens to accepted mail.
    pub keep: Keep,
    /// Print one line per mail.
    pub print: bool,
    /// User and password; with them MAIL needs AUTH first.
    pub login: Option<(String, String)>,
    /// The largest mail, as offered by SIZE.
    pub max_bytes: usize,
    /// Offer 8BITMIME.
    pub eight_bit_mime: bool,
    /// Offer SMTPUTF8.
    pub smtp_utf8: bool,
    /// Offer PIPELINING.
    pub pipelining: bool,
    /// Whether REQUIRETLS is offered (RFC 8689).
    pub require_tls: bool,
}

impl Default for SinkOptions {
    fn default() -> Self {
        SinkOptions {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            keep: Keep::Memory,
            print: false,
            login: None,
            max_bytes: 256 * 1024 * 1024,
            eight_bit_mime: true,
            smtp_utf8: true,
            pipelining: true,
            require_tls: false,
        }
    }
}

/// A mail that the sink accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Envelope sender; empty for `<>`.
    pub mail_from: String,
    /// What followed the sender: `SIZE=123 BODY=8BITMIME`.
    pub parameters: String,
    /// Envelope recipients.
    pub rcpt: Vec<String>,
    /// The mail, dots unstuffed.
    pub data: Vec<u8>,
    /// The connection it came by, counted from 1.
    pub connection: usize,
}

/// A running sink. Dropping it closes its port and every connection.
#[derive(Debug)]
pub struct Sink {
    shared: Arc<Shared>,
    addr: SocketAddr,
    stop: CancellationToken,
}

#[derive(Debug)]
struct Shared {
    options: SinkOptions,
    rules: Mutex<Vec<Rule>>,
    /// Spares the lock while there are no rules.
    has_rules: AtomicBool,
    received: Mutex<Vec<Received>>,
    count: watch::Sender<usize>,
    connections: AtomicUsize,
    open: AtomicUsize,
    most_open: AtomicUsize,
}

impl Sink {
    /// Listens and serves in the background.
    ///
    /// # Errors
    /// The address is taken, or the folder cannot be made.
    pub async fn start(options: SinkOptions) -> io::Result<Sink> {
        if let Keep::Folder(folder) = &options.keep {
            tokio::fs::create_dir_all(folder).await?;
        }
        let listener = TcpListener::bind(options.listen).await?;
        let addr = listener.local_addr()?;
        let shared = Arc::new(Shared {
            options,
            rules: Mutex::default(),
            has_rules: AtomicBool::new(false),
            received: Mutex::default(),
            count: watch::Sender::new(0),
            connections: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            most_open: AtomicUsize::new(0),
        });
        let stop = CancellationToken::new();
        tokio::spawn(stop.clone().run_until_cancelled_owned(accept(listener, shared.clone(), stop.clone())));
        Ok(Sink { shared, addr, stop })
    }

    /// Returns where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Returns the `SMTP_URL` that leads here.
    pub fn url(&self) -> String {
        format!("smtp://{}", self.addr)
    }

    /// Returns copies of the accepted mails in order of acceptance; none unless kept in memory.
    pub fn received(&self) -> Vec<Received> {
        self.shared.received().clone()
    }

    /// Returns how many mails were accepted and kept.
    pub fn count(&self) -> usize {
        *self.shared.count.borrow()
    }

    /// Waits until so many mails were accepted. False when that takes longer than `limit`.
    pub async fn wait_for(&self, mails: usize, limit: Duration) -> bool {
        let mut count = self.shared.count.subscribe();
        let reached = count.wait_for(|n| *n >= mails);
        matches!(tokio::time::timeout(limit, reached).await, Ok(Ok(_)))
    }

    /// Returns how many connections were made so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Returns how many connections are open now.
    pub fn open_connections(&self) -> usize {
        self.shared.open.load(Ordering::SeqCst)
    }

    /// Returns how many connections were open at the same time at most.
    pub fn most_open_connections(&self) -> usize {
        self.shared.most_open.load(Ordering::SeqCst)
    }

    /// Adds a rule after those that there are; the first that fits a step decides.
    pub fn add_rule(&self, rule: Rule) {
        self.shared.rules().push(rule);
        self.shared.has_rules.store(true, Ordering::SeqCst);
    }

    /// Removes all rules: from now on everything is accepted.
    pub fn clear_rules(&self) {
        self.shared.rules().clear();
        self.shared.has_rules.store(false, Ordering::SeqCst);
    }

    /// Forgets the mails kept in memory and starts counting anew.
    pub fn forget(&self) {
        self.shared.received().clear();
        self.shared.count.send_replace(0);
    }

    /// Closes the port and every connection. What was received can still be read.
    pub fn stop(&self) {
        self.stop.cancel();
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Shared {
    fn rules(&self) -> MutexGuard<'_, Vec<Rule>> {
        self.rules.lock().expect("no code panics while it holds the rules")
    }

    fn received(&self) -> MutexGuard<'_, Vec<Received>> {
        self.received.lock().expect("no code panics while it holds the mails")
    }

    fn act(&self, step: Step, rcpts: &[String]) -> Option<Act> {
        match self.has_rules.load(Ordering::SeqCst) {
            true => script::choose(&mut self.rules(), step, rcpts),
            false => None,
        }
    }

    /// Keeps an accepted mail. Only then may its sender be told so.
    async fn keep(&self, mail: Received) -> io::Result<()> {
        if self.options.print {
            println!("{}", line(&mail));
        }
        match &self.options.keep {
            Keep::Memory => self.received().push(mail),
            Keep::Count => {}
            Keep::Folder(folder) => {
                let name = format!("{}.eml", shared::clock::now().format("%Y%m%dT%H%M%S%.6f"));
                let name = format!("{:06}-{name}", *self.count.borrow() + 1);
                let mut bytes = format!("Return-Path: <{}>\r\n", mail.mail_from).into_bytes();
                for rcpt in &mail.rcpt {
                    bytes.extend_from_slice(format!("Delivered-To: {rcpt}\r\n").as_bytes());
                }
                bytes.extend_from_slice(&mail.data);
                tokio::fs::write(folder.join(name), bytes).await?;
            }
        }
        self.count.send_modify(|n| *n += 1);
        Ok(())
    }
}

/// The command `postroom sink`: shows each mail until `stop`, keeps it in `folder` if there is one.
///
/// # Errors
/// The address is taken, or the folder cannot be made.
pub async fn run(listen: SocketAddr, folder: Option<PathBuf>, stop: impl Future<Output = ()>) -> io::Result<()> {
    let keep = folder.map_or(Keep::Count, Keep::Folder);
    let sink = Sink::start(SinkOptions { listen, keep: keep.clone(), print: true, ..SinkOptions::default() }).await?;
    println!("Accepting mail at {}; nothing is sent on. Start the server with SMTP_URL={}", sink.addr(), sink.url());
    if let Keep::Folder(folder) = keep {
        println!("Mails are kept in {}", folder.display());
    }
    stop.await;
    Ok(())
}

/// Returns the line that is printed for a mail: `12:00:01 <a@b> -> <c@d> 1234 bytes  Subject text`.
fn line(mail: &Received) -> String {
    let subject = mail
        .data
        .split(|b| *b == b'\n')
        .take_while(|l| !matches!(l, [] | [b'\r']))
        .find_map(|l| l.get(..8).filter(|n| n.eq_ignore_ascii_case(b"subject:")).map(|_| &l[8..]))
        .map(|l| String::from_utf8_lossy(l).into_owned())
        .unwrap_or_default();
    let text = format!(
        "{} <{}> -> <{}> {} bytes  {}",
        shared::clock::now().format("%H:%M:%S"),
        mail.mail_from,
        mail.rcpt.join(">, <"),
        mail.data.len(),
        subject.trim(),
    );
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, stop: CancellationToken) {
    loop {
        let tcp = match listener.accept().await {
            Ok((tcp, _)) => tcp,
            // Out of file descriptors, for example: others may close theirs.
            Err(_) => {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let shared = shared.clone();
        let number = shared.connections.fetch_add(1, Ordering::SeqCst) + 1;
        let open = shared.open.fetch_add(1, Ordering::SeqCst) + 1;
        shared.most_open.fetch_max(open, Ordering::SeqCst);
        let stop = stop.clone();
        tokio::spawn(async move {
            // An error here is a client that hung up, which is its right.
            let _ = stop.run_until_cancelled(conversation::hold(tcp, &shared, number)).await;
            shared.open.fetch_sub(1, Ordering::SeqCst);
        });
    }
}
