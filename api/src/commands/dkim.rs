//! `postroom dkim add|list|retire`: keys that sign outgoing mail.

use super::find_tenant;
use anyhow::Context;
use clap::{Args, Subcommand};
use shared::access::Actor;
use shared::app::App;
use shared::ids::DkimKeyId;
use shared::mail_out::dkim::{self, Algorithm, DkimKey, NewKey};
use std::fmt::Write;
use std::io::Read;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub enum DkimCommand {
    /// Make a key for a domain, or take one from a PEM file, and print the DNS record to publish
    Add(AddKey),
    /// List the keys with their DNS records
    List,
    /// Let a key sign no more; leave its DNS record for some days
    Retire {
        /// The key's number, as the list has it
        id: i64,
    },
}

#[derive(Debug, Args)]
pub struct AddKey {
    /// The domain behind the @ of the mailboxes
    pub domain: String,
    /// The key's name below the domain; without it `pr` and the month
    #[arg(long)]
    pub selector: Option<String>,
    /// A private key as PEM (RSA of 2048 bits or more, or Ed25519); `-` reads it from standard input
    #[arg(long)]
    pub key: Option<PathBuf>,
    /// How a new key signs: rsa (which every receiver checks) or ed25519 (best beside an rsa key)
    #[arg(long)]
    pub algorithm: Option<String>,
    /// Only for this tenant's mail, by slug or id; without it for every tenant's from this domain
    #[arg(long)]
    pub tenant: Option<String>,
}

/// Runs the command and returns what to print.
///
/// # Errors
/// What went wrong, to be shown as one line.
pub async fn run(app: &App, command: DkimCommand) -> anyhow::Result<String> {
    let operator = Actor::system();
    match command {
        DkimCommand::Add(args) => {
            let new = NewKey {
                tenant: find_tenant(app, args.tenant.as_deref()).await?.map(|t| t.id),
                domain: args.domain,
                selector: args.selector,
                algorithm: args.algorithm.map(|a| a.parse::<Algorithm>()).transpose()?,
                pem: args.key.map(read_key).transpose()?,
            };
            let key = dkim::add(app, &operator, new).await.map_err(super::plain)?;
            Ok(format!("Publish this TXT record; mail is signed from now on.\n\n{}", told(&key)))
        }
        DkimCommand::List => {
            let mut text = String::new();
            let mut after = None;
            loop {
                let keys = dkim::list(&app.db, &operator, after, 100).await.map_err(super::plain)?;
                let Some(last) = keys.last() else { return Ok(text) };
                after = Some(last.id);
                keys.iter().for_each(|key| text.push_str(&told(key)));
            }
        }
        DkimCommand::Retire { id } => {
            let key = dkim::retire(app, &operator, DkimKeyId(id)).await.map_err(super::plain)?;
            Ok(format!("{} signs no more\n", key.record_name()))
        }
    }
}

fn read_key(path: PathBuf) -> anyhow::Result<String> {
    if path.as_os_str() != "-" {
        return std::fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()));
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).context("standard input cannot be read")?;
    Ok(text)
}

fn told(key: &DkimKey) -> String {
    let mut text = format!("{} {} {}", key.id, key.record_name(), key.algorithm);
    if let Some(tenant) = key.tenant_id {
        let _ = write!(text, " tenant {tenant}");
    }
    if key.retired_at.is_some() {
        text.push_str(" retired");
    }
    let _ = write!(text, "\n{}\n\n", key.zone_line());
    text
}
