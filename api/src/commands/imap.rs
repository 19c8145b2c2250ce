//! `postroom imap`.

use super::{find_tenant, plain, read_password};
use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use shared::access::Actor;
use shared::app::App;
use shared::config::Secret;
use shared::ids::ImapAccountId;
use shared::imap_accounts::{self, AfterFetch, ImapAccount, ImapAuth, ImapTls, NewImapAccount, Since};
use shared::mail_in::Ingest;
use shared::mailboxes;
use worker::imap::{self, Pace};

#[derive(Debug, Subcommand)]
pub enum ImapCommand {
    /// Have a mailbox on another server fetched; it is tried at once
    Add(Box<AddAccount>),
    /// Show the fetched mailboxes, and how they are
    List,
    /// Log in to a fetched mailbox and open its folder; fetches nothing
    Test(Which),
    /// Compare a mailbox's folder with what was received, and fetch what is missing; without an id all of them
    Reconcile(Whichever),
    /// Fetch a mailbox no more; what was received stays
    Remove(Which),
}

#[derive(Debug, Args)]
pub struct AddAccount {
    /// The mailbox's address here
    pub mailbox: String,
    /// The server
    #[arg(long)]
    pub host: String,
    /// Its port; without it 993, or 143
    #[arg(long)]
    pub port: Option<i64>,
    /// implicit, starttls, or off (on this machine alone)
    #[arg(long, default_value = "implicit")]
    pub tls: ImapTls,
    /// Who logs in; without it the mailbox's address
    #[arg(long)]
    pub user: Option<String>,
    /// The password or token; `-` reads it from standard input, where no other user of the machine sees it
    #[arg(long, default_value = "-")]
    pub password: String,
    /// password, xoauth2 or oauthbearer
    #[arg(long, default_value = "password")]
    pub auth: ImapAuth,
    /// The folder that is fetched
    #[arg(long, default_value = "INBOX")]
    pub folder: String,
    /// What becomes of a message once it is here: seen, move or delete
    #[arg(long, default_value = "seen")]
    pub after: AfterFetch,
    /// The folder to move to
    #[arg(long)]
    pub move_to: Option<String>,
    /// The folder of sent mail, to be read too: what agents send by their own mail programs becomes messages here
    #[arg(long)]
    pub sent_folder: Option<String>,
    /// From when on: all, or a time as in RFC 3339; without it the last 30 days
    #[arg(long)]
    pub since: Option<String>,
    /// The mailbox's tenant, by slug or id
    #[arg(long)]
    pub tenant: Option<String>,
}

#[derive(Debug, Args)]
pub struct Which {
    /// The account's id, as `imap list` shows it
    pub id: ImapAccountId,
}

#[derive(Debug, Args)]
pub struct Whichever {
    /// The account's id, as `imap list` shows it
    pub id: Option<ImapAccountId>,
}

/// Runs the command and returns what to print.
///
/// # Errors
/// What went wrong, to be shown as one line.
pub async fn run(app: &App, command: ImapCommand) -> anyhow::Result<String> {
    let actor = Actor::system();
    match command {
        ImapCommand::Add(args) => add(app, actor, *args).await,
        ImapCommand::List => {
            let all = imap_accounts::all(app).await?;
            Ok(all.iter().map(|a| line(a) + "\n").collect())
        }
        ImapCommand::Test(which) => {
            let account = imap_accounts::get(app, &actor, which.id).await.map_err(plain)?;
            let opened = imap::test(app, &account).await.map_err(|e| anyhow::anyhow!("{e}"))?;
            Ok(format!("{}: {} messages in {}\n", account.host, opened.exists, account.folder))
        }
        ImapCommand::Reconcile(which) => reconcile(app, actor, which.id).await,
        ImapCommand::Remove(which) => {
            imap_accounts::delete(app, &actor, which.id).await.map_err(plain)?;
            Ok(format!("imap account {} is fetched no more\n", which.id))
        }
    }
}

async fn add(app: &App, mut actor: Actor, args: AddAccount) -> anyhow::Result<String> {
    actor.within = find_tenant(app, args.tenant.as_deref()).await?.map(|t| t.id);
    let all = mailboxes::list(&app.db, &actor, None, 10_000, 0).await.map_err(plain)?;
    let key = shared::address::key(&args.mailbox);
    let mailbox = all.into_iter().find(|m| m.address_key == key);
    let mailbox = mailbox.with_context(|| format!("no mailbox {}", args.mailbox))?;
    let since = match args.since.as_deref() {
        None => Since::Month,
        Some("all") => Since::All,
        Some(text) => match chrono::DateTime::parse_from_rfc3339(text) {
            Ok(at) => Since::At(at.to_utc()),
            Err(_) => bail!("--since {text}: expected all, or a time as 2026-11-01T00:00:00Z"),
        },
    };
    let new = NewImapAccount {
        mailbox: Some(mailbox.id),
        host: args.host,
        port: args.port,
        tls: args.tls,
        username: args.user,
        auth: args.auth,
        secret: Secret::new(read_password(Some(args.password))?.unwrap_or_default()),
        folder: args.folder,
        after_fetch: args.after,
        move_to: args.move_to,
        sent_folder: args.sent_folder,
        since,
        active: true,
    };
    let account = imap_accounts::create(app, &actor, None, new).await.map_err(plain)?;
    let tried = match imap::test(app, &account).await {
        Ok(opened) => format!("it opens: {} messages in {}\n", opened.exists, account.folder),
        Err(e) => format!("but it cannot be opened now: {e}\n"),
    };
    Ok(format!("{}\n{tried}", line(&account)))
}

async fn reconcile(app: &App, actor: Actor, id: Option<ImapAccountId>) -> anyhow::Result<String> {
    let accounts = match id {
        Some(id) => vec![imap_accounts::get(app, &actor, id).await.map_err(plain)?],
        None => imap_accounts::all(app).await?,
    };
    let ingest = Ingest::start(app.clone());
    let mut text = String::new();
    for account in accounts {
        let found = imap::reconcile(app, &ingest, &account, &Pace::default()).await;
        let found = found.map_err(|e| anyhow::anyhow!("account {}: {e}", account.id))?;
        text.push_str(&format!(
            "{} {}: {} on the server, {} here, {} missing, {} fetched, {} given up\n",
            account.id,
            account.mailbox,
            found["on_server"],
            found["here"],
            found["missing"],
            found["fetched"],
            found["given_up"],
        ));
    }
    Ok(text)
}

/// One account in a line.
pub fn line(a: &ImapAccount) -> String {
    let now = shared::clock::now();
    let mut text = format!("{} {} ← {}@{}:{}/{} {}", a.id, a.mailbox, a.username, a.host, a.port, a.folder, a.state());
    if let Some(lag) = a.lag_s(now).filter(|lag| *lag > 0) {
        text.push_str(&format!(", {lag} s behind"));
    }
    if a.waiting > 0 {
        text.push_str(&format!(", {} waiting", a.waiting));
    }
    if a.given_up > 0 {
        text.push_str(&format!(", {} given up", a.given_up));
    }
    if let Some(error) = &a.error {
        text.push_str(&format!(": {error}"));
    }
    text
}
