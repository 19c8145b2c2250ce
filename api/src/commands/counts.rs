//! `postroom counts`: looks after the counts of the queue's views.

use clap::Subcommand;
use shared::app::App;

#[derive(Debug, Subcommand)]
pub enum Counts {
    /// Count all tickets anew; whoever changes one meanwhile waits for a moment
    Rebuild,
}

/// Runs it; returns what it says.
pub async fn run(app: &App, command: Counts) -> anyhow::Result<String> {
    match command {
        Counts::Rebuild => {
            let tickets = shared::tickets::counts::rebuild(&app.db).await?;
            Ok(format!("{tickets} tickets are counted\n"))
        }
    }
}
