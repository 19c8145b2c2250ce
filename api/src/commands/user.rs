//! `postroom user add|password`.

use super::{find_tenant, read_password};
use anyhow::bail;
use clap::{Args, Subcommand};
use shared::access::{Actor, Capabilities, Role};
use shared::app::App;
use shared::keys;
use shared::users::{self, NewUser};

#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Make a user
    Add(AddUser),
    /// Set a user's password
    Password(SetPassword),
}

#[derive(Debug, Args)]
pub struct AddUser {
    /// The address to log in with
    pub email: String,
    /// customer, staff, manager, support, agent, sub_admin, admin or owner
    #[arg(long, default_value = "agent")]
    pub role: Role,
    /// The user's tenant, by slug or id; without it, agents' roles make users of the whole platform, the others users
    /// of the default tenant
    #[arg(long)]
    pub tenant: Option<String>,
    /// The user's name
    #[arg(long)]
    pub name: Option<String>,
    /// The password; `-` reads a line from standard input; without it one is made up and printed
    #[arg(long, conflicts_with = "invite")]
    pub password: Option<String>,
    /// Mail an invitation instead of setting a password
    #[arg(long)]
    pub invite: bool,
}

#[derive(Debug, Args)]
pub struct SetPassword {
    /// The user's address
    pub email: String,
    /// The user's tenant, by slug or id; without it the user of the whole platform
    #[arg(long)]
    pub tenant: Option<String>,
    /// The password; `-` reads a line from standard input; without it one is made up and printed
    #[arg(long)]
    pub password: Option<String>,
}

/// Runs the command and returns what to print.
///
/// # Errors
/// What went wrong, to be shown as one line.
pub async fn run(app: &App, command: UserCommand) -> anyhow::Result<String> {
    match command {
        UserCommand::Add(args) => add(app, args).await,
        UserCommand::Password(args) => set_password(app, args).await,
    }
}

async fn add(app: &App, args: AddUser) -> anyhow::Result<String> {
    let tenant = find_tenant(app, args.tenant.as_deref()).await?;
    let (password, made_up) = if args.invite { (None, false) } else { chosen(args.password)? };
    let new = NewUser {
        tenant: tenant.map(|t| t.id),
        email: args.email,
        name: args.name,
        role: args.role,
        locale: None,
        password: password.clone(),
        extra: Capabilities::default(),
    };
    let user = users::create(app, &Actor::system(), new).await.map_err(super::plain)?;
    let place = user.tenant.as_ref().map_or("the whole platform".to_owned(), |t| format!("tenant {}", t.slug));
    let mut text = format!("user {} {} ({} of {place})\n", user.id, user.email, user.role);
    match password {
        Some(password) if made_up => text.push_str(&format!("password {password} (shown only now)\n")),
        Some(_) => {}
        None => text.push_str("an invitation is on its way\n"),
    }
    Ok(text)
}

async fn set_password(app: &App, args: SetPassword) -> anyhow::Result<String> {
    let tenant = find_tenant(app, args.tenant.as_deref()).await?.map(|t| t.id);
    let (password, made_up) = chosen(args.password)?;
    let Some(password) = password else { bail!("no password was given") };
    let done = users::operator_password(&app.db, tenant, &args.email, password.clone()).await;
    let user = done.map_err(super::plain)?;
    let mut text = format!("user {} {}: password set, sessions ended\n", user.id, user.email);
    if made_up {
        text.push_str(&format!("password {password} (shown only now)\n"));
    }
    Ok(text)
}

/// Returns the password, and whether it was made up.
fn chosen(given: Option<String>) -> anyhow::Result<(Option<String>, bool)> {
    Ok(match read_password(given)? {
        Some(password) => (Some(password), false),
        None => (Some(keys::new_token()[..20].to_owned()), true),
    })
}
