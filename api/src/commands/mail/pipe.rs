//! `postroom mail pipe`: what a mail server runs for each mail (E10.8). The mail is in the spool, durable, before anything
//! else is tried; from then on the answer is 0, whatever is down. Anything unexpected before that is 75 (EX_TEMPFAIL): a
//! mail server takes most other codes for a refusal, and bounces.

use anyhow::Context;
use clap::Args;
use shared::app::App;
use shared::config::Config;
use shared::mail_in::Ingest;
use shared::spool::{self, Note};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Duration;

/// Come again later (sysexits.h).
pub const TEMPFAIL: u8 = 75;
/// How long the database may take before the mail is left to the server.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Args)]
pub struct Options {
    /// To whom, as the mail server was told; else $ORIGINAL_RECIPIENT, $RECIPIENT, else the mail's own headers
    #[arg(long, value_name = "ADDRESS", num_args = 1..)]
    to: Vec<String>,
    /// From whom, as the mail server was told; else $SENDER
    #[arg(long, value_name = "ADDRESS", allow_hyphen_values = true)]
    from: Option<String>,
    /// Leave the mail in the spool for the server to take up, without asking the database
    #[arg(long)]
    spool_only: bool,
    /// The exit code for a mail that is larger than any may be: 65 and 69 make the mail server bounce it
    #[arg(long, value_name = "CODE", default_value_t = TEMPFAIL, value_parser = refusal)]
    too_large: u8,
}

fn refusal(text: &str) -> Result<u8, String> {
    match text {
        "65" => Ok(65),
        "69" => Ok(69),
        "75" => Ok(TEMPFAIL),
        _ => Err("expected 65, 69 or 75".to_owned()),
    }
}

/// Whether the command line means this command: then even a mistake in it must not bounce mail.
pub fn is_meant() -> bool {
    let args: Vec<String> = std::env::args_os().skip(1).map(|a| a.to_string_lossy().into_owned()).collect();
    args.windows(2).any(|pair| pair[0] == "mail" && pair[1] == "pipe")
}

/// Runs the program so that whatever goes wrong with it ends as [`TEMPFAIL`].
pub fn guarded(run: impl FnOnce() -> anyhow::Result<u8>) -> u8 {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(code @ (0 | 65 | 69))) => code,
        Ok(Ok(_)) | Err(_) => TEMPFAIL,
        Ok(Err(e)) => {
            eprintln!("postroom: {e:#}");
            TEMPFAIL
        }
    }
}

/// Runs the command; returns the exit code.
///
/// # Errors
/// If the mail could not be put into the spool.
pub fn run(config: Config, options: Options) -> anyhow::Result<u8> {
    let env = |name: &str| std::env::var(name).ok().filter(|v| !v.trim().is_empty());
    let to = match options.to.is_empty() {
        true => env("ORIGINAL_RECIPIENT").or_else(|| env("RECIPIENT")).into_iter().collect(),
        false => options.to,
    };
    let note = Note {
        id: spool::new_id(),
        from: options.from.or_else(|| std::env::var("SENDER").ok()).map(|f| sender(&f)),
        to: to.iter().map(|a| bare(a).to_owned()).filter(|a| !a.is_empty()).collect(),
    };
    let spool = config.doors.spool.clone();
    let file = match spool::put(&spool, &note, &mut std::io::stdin().lock(), config.max_mail_bytes as u64) {
        Ok(file) => file,
        Err(e @ spool::Error::TooLarge { .. }) => {
            eprintln!("postroom: {e}");
            return Ok(options.too_large);
        }
        Err(e) => return Err(e).context("the mail was not taken"),
    };
    shared::fault::point("after_spool");
    if !options.spool_only {
        // It is ours now: nothing below may become another answer than 0.
        let tried = catch_unwind(AssertUnwindSafe(|| deliver(config, &file)));
        match tried {
            Ok(Ok(())) => {}
            Ok(Err(e)) => tracing::info!(error = format!("{e:#}"), "the mail waits in the spool"),
            Err(_) => tracing::warn!("the mail waits in the spool"),
        }
    }
    Ok(0)
}

fn bare(address: &str) -> &str {
    let address = address.trim();
    address.strip_prefix('<').and_then(|a| a.strip_suffix('>')).unwrap_or(address).trim()
}

/// The null path has a name where a command line cannot hold nothing.
fn sender(text: &str) -> String {
    match bare(text) {
        daemon if daemon.eq_ignore_ascii_case("mailer-daemon") => String::new(),
        other => other.to_owned(),
    }
}

/// Takes the mail up at once, if there is a database that answers.
fn deliver(config: Config, file: &Path) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
    let work = async {
        // What is not there is not made: it would belong to the mail server's user.
        let app: App = crate::commands::doctor::open(config).await?;
        let ingest = Ingest::start(app.clone());
        let taken = spool::take_one(&app, &ingest, file).await;
        app.db.close().await;
        taken.map(drop).map_err(anyhow::Error::from)
    };
    let done = runtime.block_on(async { tokio::time::timeout(PATIENCE, work).await });
    // A thread that still waits for the database must not hold up the answer.
    runtime.shutdown_background();
    done.context("the database does not answer")?
}

#[cfg(test)]
mod tests {
    use super::*;

    /// E10.8: 75, never 1.
    #[test]
    fn whatever_goes_wrong_is_come_again() {
        assert_eq!(guarded(|| Ok(0)), 0);
        assert_eq!(guarded(|| Ok(69)), 69);
        for code in [1, 2, 64, 70, 75, 101] {
            assert_eq!(guarded(|| Ok(code)), TEMPFAIL, "{code}");
        }
        assert_eq!(guarded(|| anyhow::bail!("no")), TEMPFAIL);
        assert_eq!(guarded(|| panic!("a test's own")), TEMPFAIL);
    }

    #[test]
    fn addresses_as_mail_servers_write_them() {
        assert_eq!((sender("<ann@example.com>").as_str(), sender("MAILER-DAEMON").as_str()), ("ann@example.com", ""));
        assert_eq!((sender("<>").as_str(), bare(" a@b.example ")), ("", "a@b.example"));
    }
}
