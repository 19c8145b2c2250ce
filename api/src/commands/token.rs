//! `postroom token add`.

use super::find_tenant;
use anyhow::Context;
use clap::{Args, Subcommand};
use shared::app::App;
use shared::sessions::tokens;
use shared::store::Scope;
use shared::users;

#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make an API token for a user
    Add(AddToken),
}

#[derive(Debug, Args)]
pub struct AddToken {
    /// The user's address; without it the first admin's
    pub email: Option<String>,
    /// The user's tenant, by slug or id; without it the user of the whole platform
    #[arg(long)]
    pub tenant: Option<String>,
    /// What the token is for
    #[arg(long, default_value = "made on the host")]
    pub name: String,
}

/// Runs the command and returns what to print: the token alone, so that scripts can take it.
///
/// # Errors
/// What went wrong, to be shown as one line.
pub async fn run(app: &App, command: TokenCommand) -> anyhow::Result<String> {
    let TokenCommand::Add(args) = command;
    let tenant = find_tenant(app, args.tenant.as_deref()).await?.map(|t| t.id);
    let email = args.email.unwrap_or_else(|| app.config.admin_email.clone());
    let found = users::find_by_address(&mut app.db.read(Scope::All), tenant, &email).await?;
    let user = found.with_context(|| format!("no user {email} there"))?;
    let (_, secret) = tokens::operator_create(&app.db, &user, &args.name).await.map_err(super::plain)?;
    Ok(format!("{secret}\n"))
}
