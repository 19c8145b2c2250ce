//! Mailed links: invitations, new passwords, signing in. Each works once, for a while.

use super::second;
use super::sql;
use super::throttle;
use super::types::{Browser, FoundLink, LinkKind, LinkState, LoginError, Opened};
use crate::access::refused::Checks;
use crate::access::{Actor, Origin, Refused};
use crate::address;
use crate::app::App;
use crate::audit::{self, AuditKind};
use crate::clock::now;
use crate::compiled_here;
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
    /// The page that they want to see once they have signed in: a path of our own.
    pub next: Option<&'a str>,
    /// Where the request came from.
    pub origin: Origin,
}

/// A password that somebody chooses by a mailed link.
#[derive(Debug, Clone)]
pub struct NewPassword<'a> {
    /// What stands in the link.
    pub token: &'a str,
    /// The password.
    pub password: String,
    /// What to call them from now on; None leaves it.
    pub name: Option<&'a str>,
    /// Where the request came from.
    pub origin: Origin,
}

/// Mails a link to each user with the address who may log in. Says nothing about whether there are any.
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
    for user in found.into_iter().filter(User::may_enter) {
        if sql::links_since(&mut read, user.id, now() - Duration::hours(1)).await? < MOST_PER_HOUR {
            let actor = Actor::system().from(request.origin.clone());
            match mail(app, &user, (kind, request.next), &actor).await {
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
    match enqueue(app, tx, user, (LinkKind::Invite, None)).await {
        Err(store::Error::NotFound) => Err(Refused::invalid("password", "the tenant has no mailbox to invite from")),
        other => Ok(other?),
    }
}

/// What a link is for, and where it leads on to.
type Purpose<'a> = (LinkKind, Option<&'a str>);

async fn mail(app: &App, user: &User, (kind, next): Purpose<'_>, actor: &Actor) -> store::Result<()> {
    let mut tx = app.db.write(Scope::All).await?;
    let id = enqueue(app, &mut tx, user, (kind, next)).await?;
    audit::record(&mut tx, actor, users::entry(user, AuditKind::LinkMade, json!({"kind": kind}))).await?;
    tx.commit().await?;
    app.bell.ring(&[id]);
    Ok(())
}

async fn enqueue(app: &App, tx: &mut Tx, user: &User, (kind, next): Purpose<'_>) -> store::Result<OutboxId> {
    let token = keys::new_token();
    sql::insert_link(tx, user.id, kind, &super::hash(&token), now()).await?;
    let tenant_id = match &user.tenant {
        Some(tenant) => tenant.id,
        None => tenants::ensure_default(tx).await?.id,
    };
    let next = next.map(|path| {
        let path: String = url::form_urlencoded::byte_serialize(path.as_bytes()).collect();
        format!("?next={path}")
    });
    let base = app.config.base_url.trim_end_matches('/');
    let link = format!("{base}{}{token}{}", kind.path(), next.unwrap_or_default());
    let to = Recipient { user_id: user.id, email: user.email.clone(), name: user.name.clone(), locale: user.locale };
    account_mail(tx, &app.keys, AccountMail { tenant_id, kind: kind.mail(), to, link: &link }).await
}

/// Returns whose link a token is, and whether it still works, without using it up: for the page that it leads to. None
/// if it is no link of ours, or its user may not log in.
///
/// # Errors
/// See [`store::Error`].
#[compiled_here]
pub async fn find(db: &Db, token: &str) -> store::Result<Option<FoundLink>> {
    let mut read = db.read(Scope::All);
    let Some(row) = sql::find_link(&mut read, &super::hash(token)).await? else { return Ok(None) };
    let user = users::load(&mut read, row.user_id).await?;
    let state = match row.used_at {
        Some(_) => LinkState::Spent,
        None if row.expires_at <= now() => LinkState::Expired,
        None => LinkState::Works,
    };
    Ok(user.active.then_some(FoundLink { user, kind: row.kind, state }))
}

/// The user of a link that still works and is of one of these kinds.
async fn owner(db: &Db, token: &str, kinds: &[LinkKind]) -> store::Result<Option<User>> {
    let found = find(db, token).await?;
    Ok(found.filter(|l| l.state == LinkState::Works && kinds.contains(&l.kind)).map(|l| l.user))
}

/// Logs in by a sign-in link, which it uses up; not yet where a code must follow that did not come along.
///
/// # Errors
/// `Wrong` if it works no more; `TenantClosed`, `SecondFactor`, `WrongCode`, `Throttled`.
pub async fn login(app: &App, token: &str, code: Option<&str>, browser: Browser<'_>) -> Result<Opened, LoginError> {
    let user = owner(&app.db, token, &[LinkKind::Link]).await?.ok_or(LoginError::Wrong)?;
    if !user.may_enter() {
        return Err(LoginError::TenantClosed);
    }
    match code {
        _ if !user.two_factor => {}
        // Before the link is used up: a wrong code must not cost it.
        Some(code) => second::check(app, &user, code, &browser.origin).await?,
        None => return Err(LoginError::SecondFactor { user: user.id }),
    }
    spend(&app.db, token).await?;
    let mut tx = app.db.write(Scope::All).await?;
    let token = super::open(&mut tx, &user, browser).await?;
    tx.commit().await?;
    Ok(Opened { user, token })
}

/// Uses a sign-in link up whose second step begins.
///
/// # Errors
/// `Wrong` if it works no more.
#[compiled_here]
pub async fn spend(db: &Db, token: &str) -> Result<(), LoginError> {
    let mut tx = db.write(Scope::All).await?;
    if !sql::use_link(&mut tx, &super::hash(token), now()).await? {
        return Err(LoginError::Wrong);
    }
    Ok(tx.commit().await?)
}

/// Sets a password, and perhaps the name, by an invitation or a password link, which it uses up with all others of the
/// kind; all sessions end. Returns the user.
///
/// # Errors
/// `Invalid`: the link works no more, or a value cannot be taken.
pub async fn set_password(db: &Db, new: NewPassword<'_>) -> Result<User, Refused> {
    let spent = || Refused::invalid("token", "works no more: ask for another link");
    let user = owner(db, new.token, &[LinkKind::Invite, LinkKind::Password]).await?.ok_or_else(spent)?;
    let name = new.name.map(str::trim).filter(|n| !n.is_empty());
    if let Some(name) = name {
        let mut checks = Checks::default();
        checks.line("name", name, 200);
        checks.done()?;
    }
    users::password::check(&new.password)?;
    let hash = users::password::hash(new.password).await;
    let mut tx = db.write(Scope::All).await?;
    if !sql::use_link(&mut tx, &super::hash(new.token), now()).await? {
        return Err(spent());
    }
    sql::use_password_links(&mut tx, user.id, now()).await?;
    let actor = Actor::of(user.who(), None, None).from(new.origin);
    if let Some(name) = name {
        users::rename(&mut tx, &actor, &user, name).await?;
    }
    users::store_password(&mut tx, &actor, &user, &hash, None).await?;
    let user = users::load(&mut tx, user.id).await?;
    tx.commit().await?;
    Ok(user)
}
