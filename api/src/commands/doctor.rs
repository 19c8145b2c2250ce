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
