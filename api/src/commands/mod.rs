//! The command line: `postroom serve` and the operator's commands.

mod flags;

use anyhow::Context;
use clap::{Parser, Subcommand};
use flags::Flags;
use shared::config::Config;
use shared::store::Db;

/// Email-first ticketing: mail comes in, tickets are answered, mail goes out.
#[derive(Debug, Parser)]
#[command(name = "postroom", version, subcommand_required = false)]
struct Cli {
    #[command(flatten)]
    flags: Flags,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server (the default)
    Serve,
    /// Bring the database's schema up to date, and stop
    Migrate,
    /// Show the effective settings, secrets masked
    Config,
}

/// Runs what the command line says; returns the process's exit code.
///
/// # Errors
/// What stopped it, to be shown as one line.
pub fn run() -> anyhow::Result<u8> {
    let cli = Cli::parse();
    let config = match Config::read(|name| cli.flags.lookup(name)) {
        Ok(config) => config,
        Err(wrong) => {
            for line in wrong.0 {
                eprintln!("postroom: {line}");
            }
            return Ok(2);
        }
    };
    if let Some(Command::Config) = cli.command {
        for (name, value) in config.effective() {
            println!("{name}={value}");
        }
        return Ok(0);
    }
    shared::logging::start(&config.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no runtime")?;
    runtime.block_on(dispatch(cli.command.unwrap_or(Command::Serve), config))
}

async fn dispatch(command: Command, config: Config) -> anyhow::Result<u8> {
    match command {
        Command::Serve => {
            crate::ops::metrics::start()?;
            crate::serve::run(config).await?;
        }
        Command::Migrate => {
            if config.is_sqlite() {
                std::fs::create_dir_all(&config.data_dir)?;
            }
            let db = Db::open(&config.database_url, 1).await?;
            for (version, name) in shared::store::applied_migrations(&mut db.read(shared::store::Scope::All)).await? {
                println!("{version:04} {name}");
            }
            db.close().await;
        }
        Command::Config => unreachable!("answered before anything is opened"),
    }
    Ok(0)
}
