//! Mailed links: invitations, new passwords, signing in. Each works once, for a while.

use super::sql;
use super::throttle;
use super::types::{LinkKind, LoginError, Opened};
use crate::access::{Actor, Origin, Refused};
use crate::address;
use crate::app::App;
use crate::audit::{self, AuditKind};
use crate::clock::now;
use crate::ids::OutboxId;
use crate::keys;
use crate::mail_out::enqueue::{AccountMail, Recipient, account_mail};
use crate::store::{self, Db, Scope, Tx};
use crate::tenants;
use crate::users::{self, User};
use chrono::Duration;
use serde_json::json;
use std::time::Instant;

/// Links that a user is mailed in an hour, invitations aside.
const MOST_PER_HOUR: i64 = 5;
/// Asking takes at least so long, so that the time does not tell whether an address has a user.
const FLOOR: std::time::Duration = std::time::Duration::from_millis(150);

/// Who asks for a link, and where from.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The address that the link is mailed to, if it has users.
    pub email: &'a str,
    /// The tenant, if they name one: an id or a slug.
    pub tenant: Option<&'a str>,
    /// Where the request came from.
    pub origin: Origin,
}

/// Mails a link to each active user with the address. Says nothing about whether there are any.
///
/// # Errors
/// `Throttled`, or the store failed.
pub async fn request(app: &App, kind: LinkKind, request: Request<'_>) -> Result<(), LoginError> {
    let began = Instant::now();
    let key = address::key(request.email);
    let from = request.origin.address.clone().unwrap_or_default();
    throttle::count(&app.db, &format!("{kind} for {key}"), &from).await?;
    let mut read = app.db.read(Scope::All);
    let (tenant, known) = match request.tenant {
        Some(name) => {
            let found = tenants::find(&mut read, name).await?.map(|t| t.id);
            (found, found.is_some())
        }
        None => (None, true),
    };
    let found = if known { users::sql::find_active(&mut read, &key, tenant).await? } else { Vec::new() };
    for user in found {
        if sql::links_since(&mut read, user.id, now() - Duration::hours(1)).await? < MOST_PER_HOUR {
            match mail(app, &user, kind, &Actor::system().from(request.origin.clone())).await {
                // Must look to the asker as if the address had no user.
                Err(store::Error::NotFound) => tracing::error!(user = user.id.0, "no mailbox to mail a link from"),
                other => other?,
            }
        }
    }
    tokio::time::sleep(FLOOR.saturating_sub(began.elapsed())).await;
    Ok(())
}

/// Queues an invitation, as part of the user's making. Returns the mail's id, for the doorbell after commit.
///
/// # Errors
/// `Invalid` if the tenant has no mailbox to send from.
pub(crate) async fn invite(app: &App, tx: &mut Tx, user: &User) -> Result<OutboxId, Refused> {
    match enqueue(app, tx, user, LinkKind::Invite).await {
        Err(store::Error::NotFound) => Err(Refused::invalid("password", "the tenant has no mailbox to invite from")),
        other => Ok(other?),
    }
}

async fn mail(app: &App, user: &User, kind: LinkKind, actor: &Actor) -> store::Result<()> {
    let mut tx = app.db.write(Scope::All).await?;
    let id = enqueue(app, &mut tx, user, kind).await?;
    audit::record(&mut tx, actor, users::entry(user, AuditKind::LinkMade, json!({"kind": kind}))).await?;
    tx.commit().await?;
    app.bell.ring(&[id]);
    Ok(())
}

async fn enqueue(app: &App, tx: &mut Tx, user: &User, kind: LinkKind) -> store::Result<OutboxId> {
    let token = keys::new_token();
    sql::insert_link(tx, user.id, kind, &super::hash(&token), now()).await?;
    let tenant_id = match &user.tenant {
        Some(tenant) => tenant.id,
        None => tenants::ensure_default(tx).await?.id,
    };
    let link = format!("{}{}{token}", app.config.base_url.trim_end_matches('/'), kind.path());
    let to = Recipient { user_id: user.id, email: user.email.clone(), name: user.name.clone(), locale: user.locale };
    account_mail(tx, &app.keys, AccountMail { tenant_id, kind: kind.mail(), to, link: &link }).await
}

/// Returns whose link a token is, and of what kind, without using it up: for the page that it leads to.
///
/// # Errors
/// See [`store::Error`].
pub async fn find(db: &Db, token: &str) -> store::Result<Option<(User, LinkKind)>> {
    let mut read = db.read(Scope::All);
    let Some((id, kind)) = sql::find_link(&mut read, &super::hash(token), now()).await? else { return Ok(None) };
    let user = users::load(&mut read, id).await?;
    Ok(user.active.then_some((user, kind)))
}

/// Logs in by a sign-in link, which it uses up.
///
/// # Errors
/// `Wrong` if it works no more.
pub async fn login(db: &Db, token: &str, user_agent: Option<&str>, origin: Origin) -> Result<Opened, LoginError> {
    let (user, _) = find(db, token).await?.filter(|(_, k)| *k == LinkKind::Link).ok_or(LoginError::Wrong)?;
    let mut tx = db.write(Scope::All).await?;
    if !sql::use_link(&mut tx, &super::hash(token), now()).await? {
        return Err(LoginError::Wrong);
    }
    let token = super::open(&mut tx, &user, user_agent, origin).await?;
    tx.commit().await?;
    Ok(Opened { user, token })
}

/// Sets a password by an invitation or a password link, which it uses up with all others of the kind; all sessions
/// end. Returns the user.
///
/// # Errors
/// `Invalid`: the link works no more, or the password cannot be taken.
pub async fn set_password(db: &Db, token: &str, password: String, origin: Origin) -> Result<User, Refused> {
    let spent = || Refused::invalid("token", "works no more: ask for another link");
    let (user, _) = find(db, token).await?.filter(|(_, k)| *k != LinkKind::Link).ok_or_else(spent)?;
    users::password::check(&password)?;
    let hash = users::password::hash(password).await;
    let mut tx = db.write(Scope::All).await?;
    if !sql::use_link(&mut tx, &super::hash(token), now()).await? {
        return Err(spent());
    }
    sql::use_password_links(&mut tx, user.id, now()).await?;
    let actor = Actor::of(user.who(), None, None).from(origin);
    users::store_password(&mut tx, &actor, &user, &hash, None).await?;
    tx.commit().await?;
    Ok(user)
}
