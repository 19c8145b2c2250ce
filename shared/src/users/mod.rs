//! Users: made, invited, changed; their passwords. Logging in is [`crate::sessions`].

mod own;
pub(crate) mod password;
pub(crate) mod sql;
#[cfg(test)]
mod tests;
mod types;

pub use own::{OwnChange, change_own, preferences, time_zone};
pub use types::{Filter, NewUser, PrintedOnce, TenantRef, User, UserChange};

use crate::access::refused::Checks;
use crate::access::{Actor, Capabilities, Capability, Denied, Noun, Refused, Role};
use crate::address;
use crate::app::App;
use crate::audit::{self, AuditKind, Entry};
use crate::clock::now;
use crate::compiled_here;
use crate::ids::{TenantId, UserId};
use crate::sessions::{self, links};
use crate::store::{self, Db, Exec, Scope, Tx};
use crate::tenants;
use serde_json::json;

/// Returns a user of the actor's scope: of their tenant, or any for the platform's. Asks no capability.
///
/// # Errors
/// See [`store::Error`].
#[compiled_here]
pub async fn find(db: &Db, actor: &Actor, id: UserId) -> store::Result<Option<User>> {
    let found = sql::find(&mut db.read(actor.rows()), id).await?;
    Ok(found.filter(|u| sees(actor, u)))
}

fn sees(actor: &Actor, user: &User) -> bool {
    match &user.tenant {
        Some(tenant) => actor.sees_tenant(tenant.id),
        None => actor.is_platform(),
    }
}

/// Returns a user; for the program's own use.
///
/// # Errors
/// `NotFound`, see [`store::Error`].
pub async fn load(ex: &mut impl Exec, id: UserId) -> store::Result<User> {
    sql::find(ex, id).await?.ok_or(store::Error::NotFound)
}

/// Returns the user of a tenant (None: of the platform) with an address; for the program's own use.
///
/// # Errors
/// See [`store::Error`].
pub async fn find_by_address(ex: &mut impl Exec, tenant: Option<TenantId>, email: &str) -> store::Result<Option<User>> {
    sql::find_by_key(ex, tenant, &address::key(email)).await
}

/// Returns the agents who can be given a tenant's tickets (None: those of all tenants), oldest first, at most 1000.
/// For lists to choose from: asks no capability.
///
/// # Errors
/// See [`store::Error`].
#[compiled_here]
pub async fn agents(db: &Db, tenant: Option<TenantId>) -> store::Result<Vec<User>> {
    sql::agents(&mut db.read(tenant.map_or(Scope::All, Scope::Tenant)), tenant).await
}

/// The same within a transaction.
///
/// # Errors
/// See [`store::Error`].
pub(crate) async fn agents_in(ex: &mut impl store::Exec, tenant: Option<TenantId>) -> store::Result<Vec<User>> {
    sql::agents(ex, tenant).await
}

/// Returns a user.
///
/// # Errors
/// `NotFound` outside the scope; `Denied` without `support.users.manage`.
#[compiled_here]
pub async fn get(db: &Db, actor: &Actor, id: UserId) -> Result<User, Refused> {
    let found = find(db, actor, id).await?.ok_or(Refused::NotFound(Noun::User))?;
    actor.require(Capability::UsersManage)?;
    Ok(found)
}

/// Returns a user whom the actor may change: with no more rights than their own.
///
/// # Errors
/// As [`get`].
pub(crate) async fn manageable(db: &Db, actor: &Actor, id: UserId) -> Result<User, Refused> {
    let user = get(db, actor, id).await?;
    grantable(actor, user.role, user.extra)?;
    Ok(user)
}

/// Invites a user once more, who has not chosen a password yet.
///
/// # Errors
/// As [`get`]; `Invalid` if they have a password, or may not log in.
#[compiled_here]
pub async fn invite_again(app: &App, actor: &Actor, id: UserId) -> Result<User, Refused> {
    let user = manageable(&app.db, actor, id).await?;
    if user.has_password || !user.active {
        return Err(Refused::invalid("id", "has a password already, or may not log in"));
    }
    let mut tx = app.db.write(Scope::All).await?;
    let mail = links::invite(app, &mut tx, &user).await?;
    audit::record(&mut tx, actor, entry(&user, AuditKind::LinkMade, json!({"kind": "invite"}))).await?;
    tx.commit().await?;
    app.bell.ring(&[mail]);
    Ok(user)
}

/// Returns a page of users, oldest first. `page`: how many, and how many to skip.
///
/// # Errors
/// `NotFound` for another tenant's; `Denied` without `support.users.manage`.
#[compiled_here]
pub async fn list(
    db: &Db,
    actor: &Actor,
    filter: &Filter,
    after: Option<UserId>,
    page: (u32, u32),
) -> Result<Vec<User>, Refused> {
    may_list(actor, filter)?;
    Ok(sql::list(&mut db.read(actor.rows()), actor.within, filter, after, page).await?)
}

/// Returns how many [`list`] gives in all.
///
/// # Errors
/// As [`list`].
#[compiled_here]
pub async fn count(db: &Db, actor: &Actor, filter: &Filter) -> Result<i64, Refused> {
    may_list(actor, filter)?;
    Ok(sql::count(&mut db.read(actor.rows()), actor.within, filter).await?)
}

fn may_list(actor: &Actor, filter: &Filter) -> Result<(), Refused> {
    if filter.tenant.is_some_and(|t| !actor.sees_tenant(t)) {
        return Err(Refused::NotFound(Noun::Tenant));
    }
    Ok(actor.require(Capability::UsersManage)?)
}

/// Makes a user: with the given password, or without one; then they are invited by mail. Who so far only mailed becomes
/// what is asked for.
///
/// # Errors
/// `Denied` without `support.users.manage` or for rights that the actor lacks; `NotFound` for another tenant; wrong
/// values; `Taken` if the address has a user already who is a member.
#[compiled_here]
pub async fn create(app: &App, actor: &Actor, new: NewUser) -> Result<User, Refused> {
    let db = &app.db;
    actor.require(Capability::UsersManage)?;
    let tenant = match new.tenant.or(actor.within) {
        None if new.role.is_agent() => None,
        named => Some(tenants::target(db, actor, named).await?.id),
    };
    let email = new.email.trim().to_owned();
    let name = new.name.as_deref().map(str::trim).filter(|n| !n.is_empty());
    let mut checks = Checks::default();
    checks.email("email", &email);
    if let Some(name) = name {
        checks.line("name", name, 200);
    }
    checks.done()?;
    grantable(actor, new.role, new.extra)?;
    let password_hash = match new.password {
        Some(password) => {
            password::check(&password)?;
            Some(password::hash(password).await)
        }
        None => None,
    };
    let invited = password_hash.is_none();
    let mut tx = db.write(Scope::All).await?;
    let at = now();
    let id = match sql::find_by_key(&mut tx, tenant, &address::key(&email)).await? {
        Some(known) if known.member || known.has_password => return Err(Refused::Taken { field: "email" }),
        Some(mut known) => {
            known.name = name.map(str::to_owned).or(known.name);
            (known.role, known.member, known.active, known.extra) = (new.role, true, true, new.extra);
            known.locale = new.locale.or(known.locale);
            sql::update(&mut tx, &known, at).await?;
            if let Some(hash) = &password_hash {
                sql::set_password(&mut tx, known.id, hash, at).await?;
            }
            known.id
        }
        None => {
            let (role, locale, extra) = (new.role, new.locale, new.extra);
            let write =
                sql::Write { tenant, email: &email, name, role, member: true, locale, password_hash, extra, at };
            sql::insert(&mut tx, write).await.map_err(Refused::taken("email"))?
        }
    };
    let user = load(&mut tx, id).await?;
    audit::record(&mut tx, actor, entry(&user, AuditKind::UserMade, json!({"role": user.role}))).await?;
    let mail = match invited {
        true => Some(links::invite(app, &mut tx, &user).await?),
        false => None,
    };
    tx.commit().await?;
    app.bell.ring(mail.as_slice());
    Ok(user)
}

/// Changes a user. Who may no longer log in, or gets another password, is logged out.
///
/// # Errors
/// `NotFound` outside the scope; `Denied`, also for a user with more rights than the actor; wrong values.
#[compiled_here]
pub async fn update(db: &Db, actor: &Actor, id: UserId, change: UserChange) -> Result<User, Refused> {
    let before = get(db, actor, id).await?;
    grantable(actor, before.role, before.extra)?;
    let new_hash = match change.password {
        Some(password) => {
            password::check(&password)?;
            Some(password::hash(password).await)
        }
        None => None,
    };
    let mut tx = db.write(Scope::All).await?;
    sql::lock(&mut tx, id).await?;
    let before = load(&mut tx, id).await?;
    let mut user = before.clone();
    user.name = change.name.unwrap_or(user.name).map(|n| n.trim().to_owned()).filter(|n| !n.is_empty());
    user.role = change.role.unwrap_or(user.role);
    user.member = change.member.unwrap_or(user.member);
    user.active = change.active.unwrap_or(user.active);
    user.locale = change.locale.unwrap_or(user.locale);
    user.extra = change.extra.unwrap_or(user.extra);
    grantable(actor, user.role, user.extra)?;
    if let Some(name) = &user.name {
        let mut checks = Checks::default();
        checks.line("name", name, 200);
        checks.done()?;
    }
    keeps_an_owner(&mut tx, &before, &user).await?;
    let at = now();
    sql::update(&mut tx, &user, at).await?;
    if let Some(hash) = &new_hash {
        sql::set_password(&mut tx, id, hash, at).await?;
        audit::record(&mut tx, actor, entry(&user, AuditKind::PasswordChanged, json!({}))).await?;
    }
    if new_hash.is_some() || (before.active && !user.active) {
        sessions::end_all(&mut tx, id, None).await?;
    }
    let changed: Vec<&str> = [
        ("name", before.name != user.name),
        ("role", before.role != user.role),
        ("member", before.member != user.member),
        ("active", before.active != user.active),
        ("locale", before.locale != user.locale),
        ("capabilities", before.extra != user.extra),
    ]
    .into_iter()
    .filter_map(|(name, changed)| changed.then_some(name))
    .collect();
    if !changed.is_empty() {
        let data = json!({"changed": changed, "role": user.role, "active": user.active});
        audit::record(&mut tx, actor, entry(&user, AuditKind::UserChanged, data)).await?;
    }
    let user = load(&mut tx, id).await?;
    tx.commit().await?;
    Ok(user)
}

/// Sets a user's password and ends their sessions, but for `keep` (a session's token hash).
///
/// # Errors
/// Too short or too long.
pub(crate) async fn set_password(
    db: &Db,
    actor: &Actor,
    user: &User,
    new: String,
    keep: Option<&str>,
) -> Result<(), Refused> {
    password::check(&new)?;
    let hash = password::hash(new).await;
    let mut tx = db.write(Scope::All).await?;
    store_password(&mut tx, actor, user, &hash, keep).await?;
    tx.commit().await?;
    Ok(())
}

/// Gives a user the name that they say they have.
pub(crate) async fn rename(tx: &mut Tx, actor: &Actor, user: &User, name: &str) -> store::Result<()> {
    if user.name.as_deref() == Some(name) {
        return Ok(());
    }
    sql::lock(tx, user.id).await?;
    let mut user = load(tx, user.id).await?;
    user.name = Some(name.to_owned());
    sql::update(tx, &user, now()).await?;
    let data = json!({"changed": ["name"], "role": user.role, "active": user.active});
    audit::record(tx, actor, entry(&user, AuditKind::UserChanged, data)).await
}

pub(crate) async fn store_password(
    tx: &mut Tx,
    actor: &Actor,
    user: &User,
    hash: &str,
    keep: Option<&str>,
) -> store::Result<()> {
    sql::set_password(tx, user.id, hash, now()).await?;
    sessions::end_all(tx, user.id, keep).await?;
    audit::record(tx, actor, entry(user, AuditKind::PasswordChanged, json!({}))).await
}

/// Sets one of a user's preferences; without a value mail is wanted. A user who is gone has none.
///
/// # Errors
/// See [`store::Error`].
pub async fn set_preference(tx: &mut Tx, id: UserId, name: &str, value: serde_json::Value) -> store::Result<()> {
    let Some(text) = sql::preferences(tx, id).await? else { return Ok(()) };
    let mut all: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text).unwrap_or_default();
    let unset = all.get(name).is_none() && (value == true || value.is_null());
    if unset || all.get(name) == Some(&value) {
        return Ok(());
    }
    all.insert(name.to_owned(), value);
    sql::set_preferences(tx, id, serde_json::Value::Object(all).to_string(), now()).await
}

/// Sets the password of a user found by their address, as the operator on the host may.
///
/// # Errors
/// `NotFound` if there is none; wrong values.
#[compiled_here]
pub async fn operator_password(
    db: &Db,
    tenant: Option<TenantId>,
    email: &str,
    password: String,
) -> Result<User, Refused> {
    let found = find_by_address(&mut db.read(Scope::All), tenant, email).await?;
    let user = found.ok_or(Refused::NotFound(Noun::User))?;
    set_password(db, &Actor::system(), &user, password, None).await?;
    Ok(user)
}

/// Makes the first admin, a platform user of role `owner`, if there is no such user yet. Returns what to print; None
/// if one exists. Of hosts that start together one makes it.
///
/// # Errors
/// Wrong values, see [`store::Error`].
pub async fn ensure_first_admin(db: &Db, email: &str, password: Option<&str>) -> Result<Option<PrintedOnce>, Refused> {
    if sql::any_user_of(&mut db.read(Scope::All), Role::Owner).await? {
        return Ok(None);
    }
    let mut checks = Checks::default();
    checks.email("POSTROOM_ADMIN_EMAIL", email);
    checks.check(password != Some(""), "POSTROOM_ADMIN_PASSWORD", "must not be empty");
    checks.done()?;
    let made_up = password.is_none().then(|| crate::keys::new_token()[..20].to_owned());
    let chosen = made_up.as_deref().or(password).unwrap_or_default().to_owned();
    let hash = password::hash(chosen).await;
    let mut tx = db.write(Scope::All).await?;
    if sql::any_user_of(&mut tx, Role::Owner).await? {
        return Ok(None);
    }
    let write = sql::Write {
        tenant: None,
        email,
        name: None,
        role: Role::Owner,
        member: true,
        locale: None,
        password_hash: Some(hash),
        extra: Capabilities::default(),
        at: now(),
    };
    let id = match sql::insert(&mut tx, write).await {
        Ok(id) => id,
        Err(e) if e.is_unique() => return Ok(None),
        Err(e) => return Err(e.into()),
    };
    let user = load(&mut tx, id).await?;
    audit::record(&mut tx, &Actor::system(), entry(&user, AuditKind::UserMade, json!({"role": Role::Owner}))).await?;
    tx.commit().await?;
    Ok(Some(PrintedOnce { email: email.to_owned(), password: made_up }))
}

/// Locks a user's row until the transaction ends.
///
/// # Errors
/// `NotFound`, see [`store::Error`].
pub(crate) async fn lock(tx: &mut Tx, id: UserId) -> store::Result<()> {
    sql::lock(tx, id).await
}

/// Nobody gives, or takes away, rights that they have not.
fn grantable(actor: &Actor, role: Role, extra: Capabilities) -> Result<(), Denied> {
    if actor.may_grant(role, extra) { Ok(()) } else { Err(Denied { capability: Capability::UsersManage }) }
}

/// The installation must not lose its last owner: nobody could make another one.
async fn keeps_an_owner(tx: &mut Tx, before: &User, after: &User) -> Result<(), Refused> {
    let owns = |u: &User| u.tenant.is_none() && u.active && u.role == Role::Owner;
    if !owns(before) || owns(after) || sql::active_platform_owners(tx).await?.iter().any(|id| *id != before.id) {
        return Ok(());
    }
    let field = if after.active { "role" } else { "active" };
    Err(Refused::invalid(field, "this is the installation's last owner"))
}

pub(crate) fn entry(user: &User, kind: AuditKind, data: serde_json::Value) -> Entry {
    Entry { tenant: user.tenant.as_ref().map(|t| t.id), kind, subject: format!("user:{}", user.id), data }
}
