//! `postroom mail …`: what an operator does with received mail.

mod explain;
mod replay;

use clap::Subcommand;
use shared::config::Config;

#[derive(Debug, Subcommand)]
pub enum MailCommand {
    /// Say why a mail is where it is, or what would become of one: nothing is written
    Explain(explain::Options),
    /// Read mail again from the octets as received, and show what is different today: nothing is sent
    Replay(replay::Options),
}

/// Does what the command line says; returns the process's exit code.
pub async fn run(config: Config, command: MailCommand) -> anyhow::Result<u8> {
    match command {
        MailCommand::Explain(options) => explain::run(config, options).await,
        MailCommand::Replay(options) => replay::run(config, options).await,
    }
}
