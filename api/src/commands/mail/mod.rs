//! `postroom mail …`: mail in by other ways than doors that listen, and what an operator does with received mail.

mod explain;
pub mod import;
pub mod pipe;
mod replay;

use clap::Subcommand;
use shared::config::Config;

/// What can be done with mail.
#[derive(Debug, Subcommand)]
pub enum MailCommand {
    /// Take a mail from standard input, as a mail server's pipe gives it; 0 once it lies on the disk, 75 to come again
    Pipe(pipe::Options),
    /// Take in the mails of an mbox file, a Maildir, or a folder of .eml files; may be stopped and run again
    Import(import::Options),
    /// Say why a mail is where it is, or what would become of one: nothing is written
    Explain(explain::Options),
    /// Read mail again from the octets as received, and show what is different today: nothing is sent
    Replay(replay::Options),
}

/// Does what the command line says; returns the process's exit code.
///
/// # Errors
/// What stopped it.
pub async fn run(config: Config, command: MailCommand) -> anyhow::Result<u8> {
    match command {
        // It was run before anything asynchronous was.
        MailCommand::Pipe(_) => Ok(pipe::TEMPFAIL),
        MailCommand::Import(options) => import::run(config, options).await,
        MailCommand::Explain(options) => explain::run(config, options).await,
        MailCommand::Replay(options) => replay::run(config, options).await,
    }
}
