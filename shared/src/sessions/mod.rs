//! Who is at the door: logging in, sessions, API tokens and mailed links. Only hashes of secrets are kept.
//!
//! Browsers show a cookie, programs a bearer token; [`authenticate`] makes an actor of either.

pub mod links;
pub mod own;
pub mod second;
mod sql;
mod throttle;
pub mod tokens;
mod types;

pub use types::{
    ApiToken, AuthError, Browser, Caller, Credential, FoundLink, LinkKind, LinkState, LoginError, Opened, OwnSession,
    Via,
};

use crate::access::{Actor, Capabilities, Origin, Refused};
use crate::address;
use crate::app::App;
use crate::audit::{self, AuditKind};
use crate::clock::{Time, now};
use crate::compiled_here;
use crate::ids::UserId;
use crate::keys;
use crate::store::{self, Db, Scope, Tx};
use crate::tenants;
use crate::users::{self, User};
use chrono::Duration;
use serde_json::json;

/// A session ends so long after it was last used.
const LASTS_DAYS: i64 = 14;
/// How stale "last used" may be: a write for each request would be too many.
const SESSION_TOUCH_MINUTES: i64 = 10;
const TOKEN_TOUCH_MINUTES: i64 = 5;

/// What somebody who logs in says.
#[derive(Debug, Clone)]
pub struct Attempt<'a> {
    /// The address.
    pub email: &'a str,
    /// The password.
    pub password: &'a str,
    /// The tenant, if they name one: an id or a slug.
    pub tenant: Option<&'a str>,
    /// The second step's code, if it comes along.
    pub code: Option<&'a str>,
    /// Who asks.
    pub browser: Browser<'a>,
}

/// Logs somebody in by password. The answer takes as long for an address that has no user.
///
/// # Errors
/// See [`LoginError`].
pub async fn login(app: &App, attempt: Attempt<'_>) -> Result<Opened, LoginError> {
    let db = &app.db;
    let account = address::key(attempt.email);
    let from = attempt.browser.origin.address.clone().unwrap_or_default();
    throttle::count(db, &account, &from).await?;
    match find_by_password(db, &account, &attempt).await {
        Ok(user) => {
            let mut tx = db.write(Scope::All).await?;
            throttle::forgive(&mut tx, &account).await?;
            tx.commit().await?;
            enter(app, user, attempt.code, attempt.browser).await
        }
        Err(LoginError::Wrong) => {
            failed(db, &account, attempt.browser.origin).await?;
            Err(LoginError::Wrong)
        }
        Err(e) => Err(e),
    }
}

async fn find_by_password(db: &Db, account: &str, attempt: &Attempt<'_>) -> Result<User, LoginError> {
    let mut read = db.read(Scope::All);
    let (tenant, known) = match attempt.tenant {
        Some(name) => {
            let found = tenants::find(&mut read, name).await?.map(|t| t.id);
            (found, found.is_some())
        }
        None => (None, true),
    };
    let candidates = if known { users::sql::find_active(&mut read, account, tenant).await? } else { Vec::new() };
    let mut fitting = Vec::new();
    let mut compared = false;
    for user in candidates {
        let Some(hash) = users::sql::password_hash(&mut read, user.id).await? else { continue };
        compared = true;
        if users::password::fits(attempt.password.to_owned(), Some(hash)).await {
            fitting.push(user);
        }
    }
    if !compared {
        users::password::fits(attempt.password.to_owned(), None).await;
    }
    // Where one of them can enter, the others do not count.
    if fitting.iter().any(User::may_enter) {
        fitting.retain(User::may_enter);
    }
    // Where a tenant is named, its own user comes before the platform's.
    if tenant.is_some() {
        fitting.sort_by_key(|u| u.tenant.is_none());
        fitting.truncate(1);
    }
    match fitting.len() {
        0 => Err(LoginError::Wrong),
        1 => Ok(fitting.remove(0)),
        _ => Err(LoginError::TenantRequired),
    }
}

async fn failed(db: &Db, account: &str, origin: Origin) -> store::Result<()> {
    let known = users::sql::find_active(&mut db.read(Scope::All), account, None).await?;
    let mut tx = db.write(Scope::All).await?;
    let actor = Actor::system().from(origin);
    // Not the address that was tried: people type passwords there.
    let entry = match known.first() {
        Some(user) => users::entry(user, AuditKind::LoginFailed, json!({})),
        None => {
            audit::Entry { tenant: None, kind: AuditKind::LoginFailed, subject: "login".to_owned(), data: json!({}) }
        }
    };
    audit::record(&mut tx, &actor, entry).await?;
    tx.commit().await
}

/// Opens a session for a user whose password or link was right, if they need no second step or the code is its.
///
/// # Errors
/// `TenantClosed`; `SecondFactor` if a code must follow; `WrongCode`, `Throttled`.
pub async fn enter(app: &App, user: User, code: Option<&str>, browser: Browser<'_>) -> Result<Opened, LoginError> {
    if !user.may_enter() {
        return Err(LoginError::TenantClosed);
    }
    match code {
        _ if !user.two_factor => {}
        Some(code) => second::check(app, &user, code, &browser.origin).await?,
        None => return Err(LoginError::SecondFactor { user: user.id }),
    }
    let mut tx = app.db.write(Scope::All).await?;
    let token = open(&mut tx, &user, browser).await?;
    tx.commit().await?;
    Ok(Opened { user, token })
}

/// Opens a session and returns the cookie's value.
///
/// # Errors
/// See [`store::Error`].
pub(crate) async fn open(tx: &mut Tx, user: &User, browser: Browser<'_>) -> store::Result<String> {
    let token = keys::new_token();
    let at = now();
    sql::delete_expired(tx, at).await?;
    let user_agent = browser.user_agent.map(|name| name.chars().take(300).collect::<String>());
    let session = sql::NewSession {
        user: user.id,
        hash: &hash(&token),
        address: browser.origin.address.as_deref(),
        user_agent: user_agent.as_deref(),
        at,
        expires_at: at + Duration::days(LASTS_DAYS),
        must_enrol: !user.two_factor && second::is_required(tx, user).await?,
    };
    sql::insert_session(tx, session).await?;
    let actor = Actor::of(user.who(), None, None).from(browser.origin);
    audit::record(tx, &actor, users::entry(user, AuditKind::LoggedIn, json!({}))).await?;
    Ok(token)
}

/// Ends the session that the caller showed; a token's caller has none.
///
/// # Errors
/// See [`store::Error`].
#[compiled_here]
pub async fn logout(db: &Db, caller: &Caller) -> store::Result<()> {
    let Via::Session { token_hash } = &caller.via else { return Ok(()) };
    let mut tx = db.write(Scope::All).await?;
    if sql::delete_session(&mut tx, token_hash).await? > 0 {
        audit::record(&mut tx, &caller.actor, users::entry(&caller.user, AuditKind::LoggedOut, json!({}))).await?;
    }
    tx.commit().await
}

/// Ends all of a user's sessions but `keep`, a token's hash.
pub(crate) async fn end_all(tx: &mut Tx, user: UserId, keep: Option<&str>) -> store::Result<()> {
    sql::delete_sessions_of(tx, user, keep).await?;
    Ok(())
}

/// Why a password was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// Values are wrong, or the store failed.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Too many wrong ones.
    #[error(transparent)]
    Throttled(#[from] LoginError),
}

impl From<store::Error> for ChangeError {
    fn from(e: store::Error) -> Self {
        ChangeError::Refused(e.into())
    }
}

/// Changes the caller's own password; other sessions end.
///
/// # Errors
/// `Invalid` if the present one is wrong (where there is one) or the new one cannot be taken; `Throttled` after too
/// many wrong ones.
#[compiled_here]
pub async fn change_password(db: &Db, caller: &Caller, present: &str, new: String) -> Result<(), ChangeError> {
    if caller.user.has_password {
        prove_password(db, caller, present, "current_password").await?;
    }
    let keep = keep_of(&caller.via);
    Ok(users::set_password(db, &caller.actor, &caller.user, new, keep).await?)
}

/// Asks the caller's password once more. `field` names it in the refusal.
async fn prove_password(db: &Db, caller: &Caller, typed: &str, field: &'static str) -> Result<(), ChangeError> {
    let stored = users::sql::password_hash(&mut db.read(Scope::All), caller.user.id).await?;
    let account = format!("password of {}", caller.user.id);
    let from = caller.actor.origin.address.clone().unwrap_or_default();
    throttle::count(db, &account, &from).await?;
    if !users::password::fits(typed.to_owned(), stored).await {
        return Err(Refused::invalid(field, "is wrong").into());
    }
    let mut tx = db.write(Scope::All).await?;
    throttle::forgive(&mut tx, &account).await?;
    Ok(tx.commit().await?)
}

/// The session that stays when the caller's others end.
fn keep_of(via: &Via) -> Option<&str> {
    match via {
        Via::Session { token_hash } => Some(token_hash),
        Via::Token { .. } => None,
    }
}

/// Makes an actor of a credential. `tenant` is the one that the request names (`X-Tenant`: an id or a slug): a tenant
/// user's must be their own, a platform user acts within it.
///
/// # Errors
/// See [`AuthError`]. A closed tenant's people are unauthenticated.
pub async fn authenticate(
    db: &Db,
    credential: Credential<'_>,
    tenant: Option<&str>,
    origin: Origin,
) -> Result<Caller, AuthError> {
    let caller = known(db, credential, tenant, origin).await?;
    if caller.user.may_enter() { Ok(caller) } else { Err(AuthError::Unauthenticated) }
}

/// Makes an actor of the token that somebody shows who brings mail: a closed tenant's mail still comes in.
///
/// # Errors
/// See [`AuthError`].
#[compiled_here]
pub async fn authenticate_deliverer(
    db: &Db,
    token: &str,
    tenant: Option<&str>,
    origin: Origin,
) -> Result<Caller, AuthError> {
    known(db, Credential::Bearer(token), tenant, origin).await
}

async fn known(db: &Db, credential: Credential<'_>, tenant: Option<&str>, origin: Origin) -> Result<Caller, AuthError> {
    let at = now();
    let Shown { mut user, via, limit, must_enrol } = match credential {
        Credential::Session(token) => by_session(db, token, at).await?,
        Credential::Bearer(token) => by_bearer(db, token, at).await?,
    };
    let chosen = match (tenant, &user.tenant) {
        (None, _) => None,
        (Some(name), Some(own)) if name == own.slug || name.parse() == Ok(own.id.0) => None,
        (Some(_), Some(_)) => return Err(AuthError::NoTenant),
        (Some(name), None) => {
            let found = tenants::find(&mut db.read(Scope::All), name).await?.ok_or(AuthError::NoTenant)?;
            user.agents_may_assign = found.settings.agents_may_assign;
            Some(found.id)
        }
    };
    let actor = Actor::of(user.who(), chosen, limit).from(origin);
    Ok(Caller { actor, user, via, must_enrol })
}

/// What a credential says.
struct Shown {
    user: User,
    via: Via,
    limit: Option<Capabilities>,
    must_enrol: bool,
}

async fn by_session(db: &Db, token: &str, at: Time) -> Result<Shown, AuthError> {
    let token_hash = hash(token);
    let found = sql::find_session(&mut db.read(Scope::All), &token_hash, at).await?;
    let row = found.ok_or(AuthError::Unauthenticated)?;
    if at - row.last_seen_at > Duration::minutes(SESSION_TOUCH_MINUTES) {
        let mut tx = db.write(Scope::All).await?;
        sql::touch_session(&mut tx, row.session_id, at, at + Duration::days(LASTS_DAYS)).await?;
        tx.commit().await?;
    }
    let via = Via::Session { token_hash };
    Ok(Shown { user: row.user.into(), via, limit: None, must_enrol: row.must_enrol })
}

async fn by_bearer(db: &Db, token: &str, at: Time) -> Result<Shown, AuthError> {
    let found = sql::find_bearer(&mut db.read(Scope::All), &hash(token), at).await?;
    let row = found.ok_or(AuthError::Unauthenticated)?;
    if row.last_used_at.is_none_or(|used| at - used > Duration::minutes(TOKEN_TOUCH_MINUTES)) {
        let mut tx = db.write(Scope::All).await?;
        sql::touch_token(&mut tx, row.token_id, at).await?;
        tx.commit().await?;
    }
    let limit = row.token_capabilities.as_deref().map(Capabilities::from_json);
    Ok(Shown { user: row.user.into(), via: Via::Token { id: row.token_id }, limit, must_enrol: false })
}

fn hash(token: &str) -> String {
    data_encoding::HEXLOWER.encode(&keys::hash_token(token))
}
