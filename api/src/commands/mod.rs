//! The command line: `postroom serve` and the operator's commands.

mod audit;
mod counts;
mod demo;
pub mod dkim;
mod doctor;
mod flags;
pub mod imap;
pub mod mail;
mod search;
mod sink;
pub mod tenant;
pub mod token;
pub mod user;

use anyhow::Context;
use clap::{Parser, Subcommand};
use flags::Flags;
use mail::MailCommand;
use shared::access::Refused;
use shared::app::App;
use shared::config::Config;
use shared::setup;
use shared::store::{Db, Scope};
use shared::tenants::{self, Tenant};
use shared::users::PrintedOnce;

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
    /// Users
    #[command(subcommand)]
    User(user::UserCommand),
    /// API tokens
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Tenants
    #[command(subcommand)]
    Tenant(tenant::TenantCommand),
    /// Keys that sign outgoing mail
    #[command(subcommand)]
    Dkim(dkim::DkimCommand),
    /// Mailboxes on other servers that are fetched
    #[command(subcommand)]
    Imap(imap::ImapCommand),
    /// Mail from a local mail server, or from files
    #[command(subcommand)]
    Mail(MailCommand),
    /// Check on the live database that everything promised holds; exits with 1 if something does not
    Doctor(doctor::Options),
    /// Look after the tickets' timelines
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Look after the search index
    #[command(subcommand)]
    Search(search::Search),
    /// Look after the counts of the queue's views
    #[command(subcommand)]
    Counts(counts::Counts),
    /// Fill the dashboard with a day's worth of sample mail, tickets and answers; none of it leaves
    Demo(demo::Options),
    /// Run an SMTP server that shows what is sent to it and sends nothing on (--listen, 127.0.0.1:2525 by default)
    Sink(sink::Options),
}

/// Runs what the command line says; returns the process's exit code.
///
/// # Errors
/// What stopped it, to be shown as one line.
pub fn run() -> anyhow::Result<u8> {
    match mail::pipe::is_meant() {
        true => Ok(mail::pipe::guarded(parsed)),
        false => parsed(),
    }
}

fn parsed() -> anyhow::Result<u8> {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => {
            // Help and version are such errors, too.
            let _ = e.print();
            return Ok(u8::try_from(e.exit_code()).unwrap_or(2));
        }
    };
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
    let command = cli.command.unwrap_or(Command::Serve);
    // What a command answers says it all; its log would only stand in between.
    let quiet = !matches!(command, Command::Serve | Command::Sink(_)) && cli.flags.lookup("POSTROOM_LOG").is_none();
    shared::logging::start(if quiet { "warn" } else { &config.log })?;
    if let Command::Mail(MailCommand::Pipe(options)) = command {
        return mail::pipe::run(config, options);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no runtime")?;
    runtime.block_on(dispatch(command, &cli.flags, config))
}

async fn dispatch(command: Command, flags: &Flags, config: Config) -> anyhow::Result<u8> {
    match command {
        Command::Serve => {
            crate::ops::metrics::start()?;
            crate::serve::run(config).await?;
        }
        Command::Migrate => {
            if config.is_sqlite() {
                shared::app::make_data_folder(&config.data_dir)?;
            }
            let db = Db::open(&config.database_url, 1).await?;
            for (version, name) in shared::store::applied_migrations(&mut db.read(Scope::All)).await? {
                println!("{version:04} {name}");
            }
            db.close().await;
        }
        Command::User(command) => {
            let app = open(config).await?;
            let said = user::run(&app, command).await;
            app.db.close().await;
            say(said)?;
        }
        Command::Token(command) => {
            let app = open(config).await?;
            let said = token::run(&app, command).await;
            app.db.close().await;
            say(said)?;
        }
        Command::Search(command) => {
            let app = open(config).await?;
            let said = search::run(&app, command).await;
            app.db.close().await;
            say(said)?;
        }
        Command::Counts(command) => {
            let app = open(config).await?;
            let said = counts::run(&app, command).await;
            app.db.close().await;
            say(said)?;
        }
        Command::Tenant(command) => {
            let app = open(config).await?;
            let said = tenant::run(&app, command).await;
            app.db.close().await;
            say(said)?;
        }
        Command::Dkim(command) => {
            let app = open(config).await?;
            let said = dkim::run(&app, command).await;
            app.db.close().await;
            say(said)?;
        }
        Command::Imap(command) => {
            let app = open(config).await?;
            let said = imap::run(&app, command).await;
            app.db.close().await;
            say(said)?;
        }
        Command::Config => unreachable!("answered before anything is opened"),
        Command::Doctor(options) => return doctor::run(config, options).await,
        Command::Mail(command) => return mail::run(config, command).await,
        Command::Audit(what) => return audit::run(config, what).await,
        Command::Demo(options) => demo::run(config, options).await?,
        Command::Sink(options) => sink::run(options, flags.given("POSTROOM_LISTEN")).await?,
    }
    Ok(0)
}

/// Opens the application for a command: an empty installation gets what its first start would.
async fn open(config: Config) -> anyhow::Result<App> {
    let app = App::start(config).await?;
    if let Some(PrintedOnce { email, password: Some(password) }) = setup::ensure(&app).await.map_err(plain)? {
        eprintln!("The first admin is {email}, password {password} (shown only now)");
    }
    Ok(app)
}

fn say(text: anyhow::Result<String>) -> anyhow::Result<()> {
    print!("{}", text?);
    Ok(())
}

/// Says what is wrong with which value, in one line.
fn plain(refused: Refused) -> anyhow::Error {
    match refused {
        Refused::Invalid(wrong) => {
            let all: Vec<String> = wrong.into_iter().map(|w| format!("{} {}", w.field, w.message)).collect();
            anyhow::anyhow!(all.join("; "))
        }
        other => other.into(),
    }
}

async fn find_tenant(app: &App, name: Option<&str>) -> anyhow::Result<Option<Tenant>> {
    let Some(name) = name else { return Ok(None) };
    let found = tenants::find(&mut app.db.read(Scope::All), name).await?;
    Ok(Some(found.with_context(|| format!("no tenant {name}"))?))
}

/// Returns the password that was given; `-` reads it from standard input, where no other user of the machine sees it.
fn read_password(given: Option<String>) -> anyhow::Result<Option<String>> {
    if given.as_deref() != Some("-") {
        return Ok(given);
    }
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).context("standard input cannot be read")?;
    Ok(Some(line.trim_end_matches(['\r', '\n']).to_owned()))
}
