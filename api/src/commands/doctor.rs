//! `postroom doctor`.

use anyhow::Context;
use clap::Args;
use shared::app::App;
use shared::config::Config;
use shared::doctor::{self, Depth};

#[derive(Debug, Args)]
pub struct Options {
    /// Look at rows only: whether files are there, not what is in them
    #[arg(long)]
    quick: bool,
}

/// Prints one line per invariant; returns 1 if one does not hold.
pub async fn run(config: Config, options: Options) -> anyhow::Result<u8> {
    let app = open(config).await?;
    let depth = if options.quick { Depth::Quick } else { Depth::Full };
    let findings = doctor::run(&app, depth).await?;
    for finding in &findings {
        println!("{finding}");
    }
    print!("{}", flow(&app).await?);
    app.db.close().await;
    Ok(u8::from(findings.iter().any(|f| !f.is_ok())))
}

/// Opens what is there. Unlike `serve`, nothing is made: an empty database would be found very healthy.
pub async fn open(config: Config) -> anyhow::Result<App> {
    if let Some(path) = config.database_url.strip_prefix("sqlite:") {
        let path = path.trim_start_matches("//").split('?').next().unwrap_or_default();
        std::fs::metadata(path).with_context(|| format!("there is no database at {path}"))?;
    }
    Ok(App::start(config).await?)
}

/// What flows and what waits: no promise, so it is told beside them.
async fn flow(app: &App) -> anyhow::Result<String> {
    let flow = shared::app::health::flow::flow(app).await?;
    let received: Vec<String> = flow.inbound.iter().map(|(state, n)| format!("{n} {state}")).collect();
    let outgoing: Vec<String> = flow.outbox.iter().map(|(state, n)| format!("{n} {state}")).collect();
    let mut text = String::new();
    for (what, counts) in [("received", received), ("outgoing", outgoing)] {
        if !counts.is_empty() {
            text.push_str(&format!("mail  {what}: {}\n", counts.join(", ")));
        }
    }
    for (door, lag) in &flow.door_lag_s {
        text.push_str(&format!("mail  door {door}: the oldest undecided mail has waited for {lag} s\n"));
    }
    if let Some(age) = flow.oldest_unsent_s {
        text.push_str(&format!("mail  the oldest unsent mail has been due for {age} s\n"));
    }
    text.push_str(&spooled(&app.config.doors.spool));
    for found in flow.complaints.iter().filter(|c| c.is_alarm()) {
        let (slug, readers, sent, percent) = (&found.slug, found.readers, found.sent, found.percent());
        text.push_str(&format!(
            "mail  ALARM {slug}: {readers} readers call our mail abuse, of {sent} mails in 24 hours ({percent} %)\n"
        ));
    }
    for account in shared::imap_accounts::all(app).await? {
        text.push_str(&format!("imap  {}\n", super::imap::line(&account)));
    }
    Ok(text)
}

/// What lies in this host's spool (E10.8); nothing if it is empty.
fn spooled(spool: &std::path::Path) -> String {
    let found = match shared::spool::backlog(spool) {
        Ok(found) => found,
        Err(e) => return format!("spool {}: cannot be read: {e}\n", spool.display()),
    };
    let mut text = String::new();
    if found.waiting > 0 {
        let oldest = found.oldest_s.unwrap_or_default();
        text.push_str(&format!("spool {} mails wait to be taken up, the oldest for {oldest} s\n", found.waiting));
    }
    if found.stale > 0 {
        text.push_str(&format!("spool {} drafts of writers that died; their senders came again\n", found.stale));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::spooled;

    /// E10.8.
    #[test]
    fn the_spool_is_told_of_if_anything_lies_there() {
        let dir = tempfile::tempdir().expect("a folder");
        assert_eq!(spooled(dir.path()), "");
        std::fs::create_dir(dir.path().join("new")).expect("a folder");
        std::fs::write(dir.path().join("new/1"), "x").expect("a file");
        assert_eq!(spooled(dir.path()), "spool 1 mails wait to be taken up, the oldest for 0 s\n");
        std::fs::write(dir.path().join("tmp"), "no folder").expect("a file");
        assert!(spooled(dir.path()).contains("cannot be read"));
    }
}
