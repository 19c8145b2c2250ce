//! `postroom search`: looks after the index.

use clap::Subcommand;
use shared::app::App;

#[derive(Debug, Subcommand)]
pub enum Search {
    /// Have every message indexed again; what was indexed is found meanwhile
    Rebuild,
}

/// Runs it; returns what it says.
pub async fn run(app: &App, command: Search) -> anyhow::Result<String> {
    match command {
        Search::Rebuild => {
            let waiting = shared::search::rebuild(&app.db).await?;
            let mut done = 0;
            loop {
                match shared::search::index_some(&app.db).await? {
                    0 => return Ok(format!("{waiting} messages are indexed again\n")),
                    n => done += n,
                }
                tracing::debug!(done, waiting, "indexing");
            }
        }
    }
}
