//! `postroom mail import`.

use crate::commands::{find_tenant, open};
use anyhow::Context;
use clap::Args;
use shared::access::Actor;
use shared::address;
use shared::archive::{self, Folder, Letter, Mbox, Quoting, Tally, Target, Unreadable};
use shared::config::Config;
use shared::mail_in::Ingest;
use shared::mailboxes;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How often the progress is told: on a terminal, and elsewhere.
const OFTEN: Duration = Duration::from_millis(500);
const SELDOM: Duration = Duration::from_secs(10);

#[derive(Debug, Args)]
pub struct Options {
    /// An mbox file, a Maildir, or a folder of .eml files
    path: PathBuf,
    /// The mailbox that the mails were sent to; else each mail's own headers say it
    #[arg(long, value_name = "ADDRESS")]
    mailbox: Option<String>,
    /// The tenant of mails that name no mailbox; else the default one
    #[arg(long, value_name = "SLUG")]
    tenant: Option<String>,
    /// How the mbox quotes lines: mboxrd, mboxo, mboxcl or mboxcl2; else each mail tells
    #[arg(long)]
    format: Option<Quoting>,
}

/// Takes the mails in, and says what became of them. Returns 1 if one could not be read.
///
/// # Errors
/// If there is nothing to read, or the database refuses; what was taken in until then stays.
pub async fn run(config: Config, options: Options) -> anyhow::Result<u8> {
    let most = config.max_mail_bytes;
    let named = || format!("{} cannot be read", options.path.display());
    let (letters, size): (Box<dyn Iterator<Item = Result<Letter, Unreadable>>>, u64) =
        match std::fs::metadata(&options.path).with_context(named)? {
            info if info.is_dir() => {
                let (folder, size) = Folder::open(&options.path, most).with_context(named)?;
                (Box::new(folder), size)
            }
            info => (Box::new(Mbox::open(&options.path, options.format, most).with_context(named)?), info.len()),
        };
    let app = open(config).await?;
    let tenant = find_tenant(&app, options.tenant.as_deref()).await?.map(|t| t.id);
    if let Some(mailbox) = &options.mailbox {
        let key = address::key(mailbox);
        let all = mailboxes::list(&app.db, &Actor::system(), None, 10_000, 0).await?;
        anyhow::ensure!(all.iter().any(|m| address::key(&m.address) == key), "no mailbox {mailbox}");
    }
    let ingest = Ingest::start(app.clone());
    let target = Target { mailbox: options.mailbox, tenant };
    let mut progress = Progress::new(size);
    let result = archive::import(&app, &ingest, letters, &target, |tally| progress.tell(tally)).await;
    progress.end();
    let took = progress.began.elapsed();
    let tally = match result {
        Ok(tally) => tally,
        Err(e) => {
            app.db.close().await;
            return Err(e).context("the import broke off; run it again to go on");
        }
    };
    for line in &tally.unreadable {
        eprintln!("postroom: not taken in: {line}");
    }
    println!("{}", summary(&tally, took));
    app.db.close().await;
    Ok(u8::from(!tally.unreadable.is_empty()))
}

fn summary(tally: &Tally, took: Duration) -> String {
    let mut parts: Vec<String> = tally.outcomes.iter().map(|(outcome, n)| format!("{n} {outcome}")).collect();
    parts.push(format!("{} already there", tally.known));
    parts.push(format!("{} unreadable", tally.unreadable.len()));
    format!("imported {} of {} mails in {:.1} s: {}", tally.taken(), tally.found, took.as_secs_f64(), parts.join(", "))
}

/// Tells on standard error how far it is: on a terminal one line that changes, elsewhere a line now and then.
struct Progress {
    began: Instant,
    told: Option<Instant>,
    size: u64,
    on_terminal: bool,
}

impl Progress {
    fn new(size: u64) -> Progress {
        Progress { began: Instant::now(), told: None, size, on_terminal: std::io::stderr().is_terminal() }
    }

    fn tell(&mut self, tally: &Tally) {
        let pause = if self.on_terminal { OFTEN } else { SELDOM };
        if self.told.unwrap_or(self.began).elapsed() < pause {
            return;
        }
        self.told = Some(Instant::now());
        let percent = (tally.read_bytes * 100).checked_div(self.size).unwrap_or(100).min(100);
        let rate = tally.found as f64 / self.began.elapsed().as_secs_f64().max(0.001);
        let text = format!("{} mails, {percent} %, {rate:.0}/s", tally.found);
        let mut out = std::io::stderr().lock();
        // Whoever does not look misses nothing.
        let _ = if self.on_terminal {
            write!(out, "\r{text}\x1b[K").and_then(|()| out.flush())
        } else {
            writeln!(out, "{text}")
        };
    }

    fn end(&self) {
        if self.on_terminal && self.told.is_some() {
            eprint!("\r\x1b[K");
        }
    }
}
