//! `postroom tenant add`.

use clap::{Args, Subcommand};
use shared::access::Actor;
use shared::app::App;
use shared::i18n::Locale;
use shared::mailboxes::{self, probe};
use shared::tenants::{self, Audience, NewTenant};

#[derive(Debug, Subcommand)]
pub enum TenantCommand {
    /// Make a tenant
    Add(AddTenant),
}

#[derive(Debug, Args)]
pub struct AddTenant {
    /// The tenant's name in addresses and headers: a-z, 0-9, - and _
    pub slug: String,
    /// The tenant's name for people; without it the slug
    #[arg(long)]
    pub name: Option<String>,
    /// What its tickets' numbers begin with; without it made from the slug
    #[arg(long)]
    pub prefix: Option<String>,
    /// organisation (members share its tickets) or public (each sees their own)
    #[arg(long, default_value = "organisation")]
    pub audience: Audience,
    /// en or de
    #[arg(long, default_value = "en")]
    pub locale: Locale,
    /// The address of its first mailbox; without it the slug at the domain of the default tenant's
    #[arg(long)]
    pub mailbox: Option<String>,
}

/// Runs the command and returns what to print.
///
/// # Errors
/// What went wrong, to be shown as one line.
pub async fn run(app: &App, command: TenantCommand) -> anyhow::Result<String> {
    let TenantCommand::Add(args) = command;
    let mut actor = Actor::system();
    let new = NewTenant {
        slug: args.slug,
        name: args.name,
        pid_prefix: args.prefix,
        audience: args.audience,
        locale: args.locale,
        settings: serde_json::Map::new(),
        mailbox: args.mailbox,
    };
    let tenant = tenants::create(&app.db, &actor, new).await.map_err(super::plain)?;
    probe::ask_untested(app).await?;
    let prefix = tenant.pid_prefix.as_deref().unwrap_or_default();
    let mut text = format!("tenant {} {} ({}, tickets {prefix}-…)\n", tenant.id, tenant.slug, tenant.audience);
    actor.within = Some(tenant.id);
    for mailbox in mailboxes::list(&app.db, &actor, None, 1, 0).await.map_err(super::plain)? {
        text.push_str(&format!("mailbox {} {}\n", mailbox.id, mailbox.address));
    }
    Ok(text)
}
