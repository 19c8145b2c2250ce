//! `postroom demo`: a day at the desk, played by the ways that everything always goes.
//!
//! Nothing is written into tables here. Customers' mails are octets that pass the pipeline, agents act by the verbs of
//! the API, mail leaves by the worker's dispatcher into capture, and what customers answer goes to the addresses that
//! those captured mails name. A server may run on the same database meanwhile. Read next: [`plot`].

mod cast;
mod files;
mod mails;
mod plot;
mod stage;

use anyhow::{Context, bail};
use clap::Args;
use shared::access::Actor;
use shared::app::App;
use shared::config::Config;
use shared::mail_out::outbox::read::{self, OutboxFilter};
use shared::store::Scope;
use shared::tickets;
use stage::Stage;
use std::io::Write;

/// How many of the newest outgoing mails are looked at for one that really left.
const LOOK_BACK: i64 = 200;

#[derive(Debug, Args)]
pub struct Options {
    /// Play in production mode too, among real tickets
    #[arg(long)]
    yes: bool,
}

/// Plays the demo and says what there is to see.
///
/// # Errors
/// Where mail could leave; or something did not go as it always should.
pub async fn run(config: Config, options: Options) -> anyhow::Result<()> {
    if config.smtp_url.is_some() {
        bail!("SMTP_URL is set: sample mail must not leave, so the demo plays only where mail is captured");
    }
    if !config.is_development() && !options.yes {
        bail!("this is production: `postroom demo --yes` puts sample tickets among the real ones");
    }
    let app = super::open(config).await?;
    let played = play(&app).await;
    app.db.close().await;
    played
}

async fn play(app: &App) -> anyhow::Result<()> {
    if sends_for_real(app).await? {
        bail!("this installation sends mail by a relay: sample mail must not leave, so the demo does not play here");
    }
    let stage = Stage::set(app).await?;
    let cast = cast::gather(app, stage.tenant, say).await?;
    let told = plot::play(&stage, &cast).await?;
    match told.len() {
        0 => say("The demo is here already; nothing was added."),
        n => say(&format!("\n{n} customers wrote:\n")),
    }
    for (ticket, what) in told {
        let t = tickets::view(app, &Actor::system(), &ticket.into()).await?.ticket;
        say(&format!("  {}  {:<19}  {what}", t.pid, t.status.as_str()));
    }
    let base = &app.config.base_url;
    say(&format!("\n  dashboard    {base}/dashboard/support\n  sent mail    {base}/dev/mail"));
    say("\n`postroom serve` starts the server, if it does not run.");
    Ok(())
}

/// Whether a relay was ever asked to take one of the newest mails: somebody else's settings may name one.
async fn sends_for_real(app: &App) -> anyhow::Result<bool> {
    let newest = read::list(&app.db, Scope::All, &OutboxFilter::default(), LOOK_BACK).await?;
    let ids: Vec<_> = newest.iter().map(|l| l.mail.id).collect();
    let attempts = read::attempts(&app.db, Scope::All, &ids).await.context("past mail cannot be looked at")?;
    Ok(attempts.iter().any(|a| !matches!(a.phase.as_str(), "captured" | "build")))
}

/// Prints a line; a reader that went away is no reason to stop half-way.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
