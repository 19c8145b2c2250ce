//! The second step of a login: a code of an authenticator app ([`totp`]), or one of ten recovery codes. The secret is
//! sealed under the instance's secret, a code counts once, and too many wrong ones are throttled like passwords.
//!
//! What the first step opens is no session: a [`begin`]-made token that can do nothing but be shown with a code.

mod sql;
pub mod totp;

use super::types::{Browser, Caller, LoginError, Opened};
use super::{ChangeError, keep_of, throttle};
use crate::access::{Actor, Capability, Denied, Origin, Refused};
use crate::app::App;
use crate::audit::{self, AuditKind};
use crate::clock::{Time, now};
use crate::compiled_here;
use crate::ids::UserId;
use crate::keys::{self, Keys};
use crate::store::{self, Db, Exec, Scope, Tx};
use crate::tenants;
use crate::users::{self, User};
use chrono::Duration;
use serde_json::json;

/// How many recovery codes are made at once.
const CODES: usize = 10;
/// How long somebody may take to find their telephone.
const STEP_MINUTES: i64 = 10;

/// Where somebody stands with their second step.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Since when it is on.
    pub since: Option<Time>,
    /// How many recovery codes are unused.
    pub codes_left: i64,
    /// Whether their tenant asks for it.
    pub required: bool,
}

/// What an authenticator app needs.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The secret as people type it: base32.
    pub secret: String,
    /// The same as apps read it from a picture.
    pub uri: String,
}

/// What shows that somebody is who they are, once more.
#[derive(Debug, Clone, Default)]
pub struct Proof {
    /// Their password.
    pub password: Option<String>,
    /// A code of their app, or a recovery code.
    pub code: Option<String>,
}

/// Returns where the user stands.
///
/// # Errors
/// See [`store::Error`].
#[compiled_here]
pub async fn standing(db: &Db, user: &User) -> store::Result<Standing> {
    let mut read = db.read(Scope::All);
    let since = sql::find(&mut read, user.id).await?.and_then(|row| row.confirmed_at);
    let codes_left = sql::codes_left(&mut read, user.id).await?;
    Ok(Standing { since, codes_left, required: is_required(&mut read, user).await? })
}

/// Whether the tenant asks for it: a user's own, the default one for the platform's.
///
/// # Errors
/// See [`store::Error`].
pub(super) async fn is_required(ex: &mut impl Exec, user: &User) -> store::Result<bool> {
    if !user.role.is_agent() {
        return Ok(false);
    }
    let tenant = match &user.tenant {
        Some(tenant) => Some(tenants::load(ex, tenant.id).await?),
        None => tenants::find_default(ex).await?,
    };
    Ok(tenant.is_some_and(|t| t.settings.require_two_factor))
}

/// Makes a secret for the caller, or gives the one that they have not confirmed yet.
///
/// # Errors
/// `Denied` for who is no agent; `Taken` if it is on already.
#[compiled_here]
pub async fn begin_setup(app: &App, caller: &Caller) -> Result<Setup, Refused> {
    if !caller.user.role.is_agent() {
        return Err(Denied { capability: Capability::TicketsNote }.into());
    }
    let user = &caller.user;
    let mut tx = app.db.write(Scope::All).await?;
    users::lock(&mut tx, user.id).await?;
    let secret = match sql::find(&mut tx, user.id).await? {
        Some(row) if row.confirmed_at.is_some() => return Err(Refused::Taken { field: "two_factor" }),
        Some(row) => app.keys.unseal(&purpose(user.id), &row.secret),
        None => None,
    };
    let secret = match secret {
        Some(secret) => secret,
        None => {
            let made = keys::random_octets::<{ totp::SECRET_OCTETS }>().to_vec();
            sql::keep(&mut tx, user.id, app.keys.seal(&purpose(user.id), &made), now()).await?;
            made
        }
    };
    let issuer = match &user.tenant {
        Some(tenant) => tenant.name.clone(),
        None => tenants::find_default(&mut tx).await?.map(|t| t.name).unwrap_or_default(),
    };
    tx.commit().await?;
    Ok(Setup { secret: totp::shown(&secret), uri: totp::uri(&secret, &issuer, &user.email) })
}

/// Switches it on, once a code shows that the app has the secret; other sessions end. Returns the recovery codes, which
/// are shown nowhere else.
///
/// # Errors
/// `Invalid` if the code is wrong or nothing was begun; `Throttled` after too many wrong ones.
#[compiled_here]
pub async fn confirm(app: &App, caller: &Caller, code: &str) -> Result<Vec<String>, ChangeError> {
    let user = &caller.user;
    let account = account(user.id);
    throttle::count(&app.db, &account, &address(&caller.actor.origin)).await?;
    let mut tx = app.db.write(Scope::All).await?;
    let fits = by_app(&app.keys, &mut tx, user.id, &plain(code)).await?;
    if !fits || !sql::confirm(&mut tx, user.id, now()).await? {
        return Err(Refused::invalid("code", "is wrong, or nothing was begun").into());
    }
    throttle::forgive(&mut tx, &account).await?;
    let codes = renew(app, &mut tx, user.id).await?;
    sql::enrolled(&mut tx, user.id).await?;
    super::end_all(&mut tx, user.id, keep_of(&caller.via)).await?;
    audit::record(&mut tx, &caller.actor, users::entry(user, AuditKind::TwoFactorOn, json!({}))).await?;
    tx.commit().await?;
    Ok(codes)
}

/// Switches it off.
///
/// # Errors
/// `Invalid` if the proof is wrong, or where the tenant asks for it; `Throttled` after too many wrong ones.
#[compiled_here]
pub async fn disable(app: &App, caller: &Caller, proof: Proof) -> Result<(), ChangeError> {
    if is_required(&mut app.db.read(Scope::All), &caller.user).await? {
        return Err(Refused::invalid("two_factor", "is asked for here").into());
    }
    prove(app, caller, proof).await?;
    let mut tx = app.db.write(Scope::All).await?;
    if sql::remove(&mut tx, caller.user.id).await? {
        sql::forget_steps(&mut tx, caller.user.id).await?;
        audit::record(&mut tx, &caller.actor, users::entry(&caller.user, AuditKind::TwoFactorOff, json!({}))).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Makes new recovery codes, in place of the old ones.
///
/// # Errors
/// `Invalid` if the proof is wrong or it is off; `Throttled` after too many wrong ones.
#[compiled_here]
pub async fn renew_codes(app: &App, caller: &Caller, proof: Proof) -> Result<Vec<String>, ChangeError> {
    if !caller.user.two_factor {
        return Err(Refused::invalid("two_factor", "is off").into());
    }
    prove(app, caller, proof).await?;
    let mut tx = app.db.write(Scope::All).await?;
    let codes = renew(app, &mut tx, caller.user.id).await?;
    let entry = users::entry(&caller.user, AuditKind::RecoveryCodesMade, json!({"count": codes.len()}));
    audit::record(&mut tx, &caller.actor, entry).await?;
    tx.commit().await?;
    Ok(codes)
}

/// Takes somebody's second step away, who lost it; their sessions end.
///
/// # Errors
/// `NotFound` outside the scope; `Denied` without `support.users.manage`, or for a user with more rights.
#[compiled_here]
pub async fn reset(db: &Db, actor: &Actor, id: UserId) -> Result<User, Refused> {
    let user = users::manageable(db, actor, id).await?;
    let mut tx = db.write(Scope::All).await?;
    if sql::remove(&mut tx, id).await? {
        sql::forget_steps(&mut tx, id).await?;
        super::end_all(&mut tx, id, None).await?;
        audit::record(&mut tx, actor, users::entry(&user, AuditKind::TwoFactorReset, json!({}))).await?;
    }
    let user = users::load(&mut tx, id).await?;
    tx.commit().await?;
    Ok(user)
}

/// Begins a second step for a user whose password or link was right. Returns what their browser keeps of it.
///
/// # Errors
/// See [`store::Error`].
#[compiled_here]
pub async fn begin(db: &Db, user: UserId) -> store::Result<String> {
    let token = keys::new_token();
    let at = now();
    let mut tx = db.write(Scope::All).await?;
    sql::insert_step(&mut tx, user, &super::hash(&token), (at, at + Duration::minutes(STEP_MINUTES))).await?;
    tx.commit().await?;
    Ok(token)
}

/// Whether a step still waits for its code.
///
/// # Errors
/// See [`store::Error`].
#[compiled_here]
pub async fn waits(db: &Db, token: &str) -> store::Result<bool> {
    Ok(sql::find_step(&mut db.read(Scope::All), &super::hash(token), now()).await?.is_some())
}

/// Ends a step with a code, which opens the session.
///
/// # Errors
/// `Wrong` if the step is over, `WrongCode`, `Throttled`.
pub async fn finish(app: &App, token: &str, code: &str, browser: Browser<'_>) -> Result<Opened, LoginError> {
    let hash = super::hash(token);
    let id = sql::find_step(&mut app.db.read(Scope::All), &hash, now()).await?.ok_or(LoginError::Wrong)?;
    let user = users::load(&mut app.db.read(Scope::All), id).await?;
    if !user.active {
        return Err(LoginError::Wrong);
    }
    check(app, &user, code, &browser.origin).await?;
    let mut tx = app.db.write(Scope::All).await?;
    if !sql::use_step(&mut tx, &hash).await? {
        return Err(LoginError::Wrong);
    }
    let token = super::open(&mut tx, &user, browser).await?;
    tx.commit().await?;
    Ok(Opened { user, token })
}

/// Checks a code of the app, or a recovery code, and uses it up.
///
/// # Errors
/// `WrongCode`, `Throttled`.
pub(super) async fn check(app: &App, user: &User, code: &str, origin: &Origin) -> Result<(), LoginError> {
    let account = account(user.id);
    throttle::count(&app.db, &account, &address(origin)).await?;
    let code = plain(code);
    let actor = Actor::of(user.who(), None, None).from(origin.clone());
    let mut tx = app.db.write(Scope::All).await?;
    let by_app = user.two_factor && by_app(&app.keys, &mut tx, user.id, &code).await?;
    if !by_app {
        let hash = app.keys.recovery_hash(user.id, &code);
        if !user.two_factor || !sql::use_code(&mut tx, user.id, &hash, now()).await? {
            let failed = users::entry(user, AuditKind::LoginFailed, json!({"step": "code"}));
            audit::record(&mut tx, &Actor::system().from(origin.clone()), failed).await?;
            tx.commit().await?;
            return Err(LoginError::WrongCode);
        }
        let left = sql::codes_left(&mut tx, user.id).await?;
        let used = users::entry(user, AuditKind::RecoveryCodeUsed, json!({"left": left}));
        audit::record(&mut tx, &actor, used).await?;
    }
    throttle::forgive(&mut tx, &account).await?;
    Ok(tx.commit().await?)
}

/// Whether it is a code of the user's app that was not used before; it is now.
async fn by_app(keys: &Keys, tx: &mut Tx, user: UserId, code: &str) -> store::Result<bool> {
    let Some(row) = sql::find(tx, user).await? else { return Ok(false) };
    let Some(secret) = keys.unseal(&purpose(user), &row.secret) else {
        tracing::error!(user = user.0, "a second step's secret cannot be opened: the instance's secret is another one");
        return Ok(false);
    };
    match totp::find(&secret, code, now()) {
        Some(step) => sql::take_step(tx, user, step).await,
        None => Ok(false),
    }
}

async fn prove(app: &App, caller: &Caller, proof: Proof) -> Result<(), ChangeError> {
    match (proof.code, proof.password) {
        (Some(code), _) => match check(app, &caller.user, &code, &caller.actor.origin).await {
            Err(LoginError::WrongCode) => Err(Refused::invalid("code", "is wrong").into()),
            other => Ok(other?),
        },
        (None, Some(password)) => super::prove_password(&app.db, caller, &password, "password").await,
        (None, None) => Err(Refused::invalid("code", "is missing: a code, or the password").into()),
    }
}

async fn renew(app: &App, tx: &mut Tx, user: UserId) -> store::Result<Vec<String>> {
    let codes: Vec<String> = (0..CODES).map(|_| recovery_code()).collect();
    let hashes: Vec<String> = codes.iter().map(|code| app.keys.recovery_hash(user, &plain(code))).collect();
    sql::set_codes(tx, user, &hashes, now()).await?;
    Ok(codes)
}

/// Fifty random bits, in two halves to type.
fn recovery_code() -> String {
    let text = keys::base32(&keys::random_octets::<7>());
    format!("{}-{}", &text[..5], &text[5..10])
}

/// A code as it is compared: people type spaces, dashes and capitals.
fn plain(code: &str) -> String {
    code.chars().filter(|c| c.is_ascii_alphanumeric()).map(|c| c.to_ascii_lowercase()).collect()
}

fn account(user: UserId) -> String {
    format!("code of {user}")
}

fn address(origin: &Origin) -> String {
    origin.address.clone().unwrap_or_default()
}

fn purpose(user: UserId) -> String {
    format!("two factor of {user}")
}
