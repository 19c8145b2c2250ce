//! `postroom mail replay ID|--all`.

use super::super::doctor::open;
use anyhow::{Context, ensure};
use clap::Args;
use shared::access::Actor;
use shared::app::App;
use shared::clock::Time;
use shared::config::Config;
use shared::ids::MailId;
use shared::mail_in::replay::{self, Mode, Replayed};
use shared::mail_in::{self, Ingest};
use shared::store::Scope;

/// How many ids are asked for at once.
const ROUND: i64 = 500;

#[derive(Debug, Args)]
pub struct Options {
    /// A received mail's number
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    id: Option<i64>,
    /// Every mail there is, oldest first
    #[arg(long)]
    all: bool,
    /// With --all: only what was received since, 2026-11-21 or 2026-11-21T08:00:00Z
    #[arg(long, value_name = "TIME", requires = "all", value_parser = since)]
    since: Option<Time>,
    /// Only show the difference (this is what happens without any of the three)
    #[arg(long, alias = "diff", conflicts_with_all = ["apply_failed", "apply_view"])]
    dry_run: bool,
    /// Decide mail that could not be decided; no mail goes out for it
    #[arg(long, conflicts_with = "apply_view")]
    apply_failed: bool,
    /// Write texts, trimming and files of applied mail anew
    #[arg(long)]
    apply_view: bool,
    /// One JSON object a line, of every mail that was read
    #[arg(long)]
    json: bool,
}

impl Options {
    fn mode(&self) -> Mode {
        match (self.apply_failed, self.apply_view) {
            (true, _) => Mode::ApplyFailed,
            (_, true) => Mode::ApplyView,
            _ => Mode::Diff,
        }
    }
}

fn since(text: &str) -> Result<Time, String> {
    let day = || chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0).map(|t| t.and_utc());
    let exact = chrono::DateTime::parse_from_rfc3339(text).ok().map(|t| t.to_utc());
    exact.or_else(day).ok_or_else(|| "is neither a day like 2026-11-21 nor a time like 2026-11-21T08:00:00Z".to_owned())
}

#[derive(Default)]
struct Sum {
    read: usize,
    differ: usize,
    changed: usize,
    unread: usize,
}

/// Replays, and prints what differs. The exit code is 1 if a mail could not be read.
pub async fn run(config: Config, options: Options) -> anyhow::Result<u8> {
    let app = open(config).await?;
    let done = match options.id {
        Some(id) => one(&app, MailId(id), &options).await,
        None => all(&app, &options).await,
    };
    app.db.close().await;
    done
}

async fn one(app: &App, id: MailId, options: &Options) -> anyhow::Result<u8> {
    let mut sum = Sum::default();
    ensure!(again(app, &Ingest::start(app.clone()), id, options, &mut sum).await?, "no mail {id}");
    Ok(0)
}

async fn all(app: &App, options: &Options) -> anyhow::Result<u8> {
    let ingest = Ingest::start(app.clone());
    let (mut after, mut sum) = (MailId(0), Sum::default());
    loop {
        let ids = replay::arrivals(app, after, options.since, ROUND).await?;
        let Some(last) = ids.last() else { break };
        after = *last;
        for id in ids {
            // One that cannot be read must not hold up the others.
            if let Err(e) = again(app, &ingest, id, options, &mut sum).await {
                sum.unread += 1;
                eprintln!("Mail {id}: {e:#}");
            }
        }
    }
    let Sum { read, differ, changed, unread } = sum;
    eprintln!("{read} read again: {differ} differ, {changed} changed, {unread} could not be read");
    Ok(u8::from(unread > 0))
}

/// Replays one, unless it is gone.
async fn again(app: &App, ingest: &Ingest, id: MailId, options: &Options, sum: &mut Sum) -> anyhow::Result<bool> {
    let Some(mail) = mail_in::get(app, Scope::All, id).await? else { return Ok(false) };
    let done = replay::replay_by(app, ingest, &Actor::system(), &mail, options.mode()).await.context("not replayed")?;
    sum.read += 1;
    sum.differ += usize::from(!done.differences.is_empty());
    sum.changed += usize::from(done.applied);
    if options.json {
        println!("{}", serde_json::to_string(&done)?);
    } else if !options.all || !done.differences.is_empty() || done.applied {
        print!("{}", told(&done));
    }
    Ok(true)
}

fn told(done: &Replayed) -> String {
    let outcome = done.outcome.map_or("undecided", |o| o.as_str());
    let what = match (done.applied, done.differences.len()) {
        (true, 0) => "decided".to_owned(),
        (true, n) => format!("{n} differences, written anew"),
        (false, 0) => "nothing is different".to_owned(),
        (false, n) => format!("{n} differences, nothing changed"),
    };
    let mut text = format!("Mail {}, {outcome}: {what}\n", done.mail_id);
    for difference in &done.differences {
        let proposed = if difference.proposed { " (only proposed)" } else { "" };
        text.push_str(&format!("  {}{proposed}\n", difference.field));
        let (stored, today) = difference.lines();
        stored.iter().for_each(|line| text.push_str(&format!("    - {line}\n")));
        today.iter().for_each(|line| text.push_str(&format!("    + {line}\n")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use shared::mail_in::Outcome;
    use shared::mail_in::replay::Difference;

    #[test]
    fn a_day_or_a_time() {
        assert_eq!(since("2026-11-21").map(|t| t.to_rfc3339()), Ok("2026-11-21T00:00:00+00:00".to_owned()));
        assert_eq!(
            since("2026-11-21T08:00:00+01:00").map(|t| t.to_rfc3339()),
            Ok("2026-11-21T07:00:00+00:00".to_owned())
        );
        assert!(since("yesterday").is_err());
    }

    /// E14.3.
    #[test]
    fn differences_are_told_in_lines() {
        let differences =
            vec![Difference { field: "class", stored: json!("person"), today: json!("auto_reply"), proposed: true }];
        let done = Replayed {
            mail_id: MailId(7),
            mode: Mode::Diff,
            differences,
            applied: false,
            outcome: Some(Outcome::MessageAdded),
        };
        assert_eq!(
            told(&done),
            "Mail 7, message_added: 1 differences, nothing changed\n  class (only proposed)\n    - person\n    + auto_reply\n"
        );
    }
}
