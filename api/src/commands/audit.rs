//! `postroom audit verify`.

use clap::Subcommand;
use shared::config::Config;
use shared::doctor;

#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Recompute the hash chains of all tickets' timelines; exits with 1 and names the first broken link of each
    Verify,
}

/// Prints what was found; returns 1 if a chain is broken.
pub async fn run(config: Config, what: Audit) -> anyhow::Result<u8> {
    let Audit::Verify = what;
    let app = super::doctor::open(config).await?;
    let chains = doctor::chains(&app).await?;
    for link in &chains.broken {
        println!("{} event {}: {}", link.pid, link.seq, link.what);
    }
    let (tickets, events) = (chains.tickets, chains.events);
    match chains.broken_count {
        0 => println!("whole: {events} events of {tickets} tickets"),
        n => println!("broken: the timelines of {n} of {tickets} tickets ({events} events)"),
    }
    app.db.close().await;
    Ok(u8::from(chains.broken_count > 0))
}
