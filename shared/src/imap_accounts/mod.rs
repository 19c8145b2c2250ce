//! Mailboxes on other servers that are fetched by IMAP (E10.5, E10.6): what an operator sets, and what the worker that
//! fetches them writes down. The protocol is the worker's; passwords and tokens lie sealed with the instance's keys.

mod sql;
mod types;
pub mod work;

pub use types::{
    AfterFetch, Cursor, Failure, ImapAccount, ImapAccountChange, ImapAuth, ImapTls, NewImapAccount, Since,
};

use crate::access::refused::Checks;
use crate::access::{Actor, Capability, Noun, Refused};
use crate::app::App;
use crate::audit::{self, AuditKind, Entry};
use crate::clock::now;
use crate::compiled_here;
use crate::config::{Secret, is_loopback_host};
use crate::ids::{ImapAccountId, TenantId};
use crate::store::{self, Scope};
use crate::{keys, mailboxes, tenants};
use chrono::Duration;
use serde_json::json;

/// How far back the first reading and a reading anew go (E10.5).
pub const RESCAN: Duration = Duration::days(30);

/// Returns a page of the actor's accounts, oldest first.
///
/// # Errors
/// `Denied` without `support.mailboxes.manage`.
#[compiled_here]
pub async fn list(
    app: &App,
    actor: &Actor,
    after: Option<ImapAccountId>,
    limit: u32,
    offset: u32,
) -> Result<Vec<ImapAccount>, Refused> {
    actor.require(Capability::MailboxesManage)?;
    let after = after.unwrap_or(ImapAccountId(0));
    Ok(sql::list(&mut app.db.read(actor.rows()), actor.within, after, limit, offset).await?)
}

/// Returns how many accounts the actor sees.
///
/// # Errors
/// `Denied` without `support.mailboxes.manage`.
#[compiled_here]
pub async fn count(app: &App, actor: &Actor) -> Result<i64, Refused> {
    actor.require(Capability::MailboxesManage)?;
    Ok(sql::count(&mut app.db.read(actor.rows()), actor.within).await?)
}

/// Returns an account.
///
/// # Errors
/// `NotFound` outside the scope; `Denied` without `support.mailboxes.manage`.
#[compiled_here]
pub async fn get(app: &App, actor: &Actor, id: ImapAccountId) -> Result<ImapAccount, Refused> {
    let found = sql::find(&mut app.db.read(actor.rows()), id).await?;
    let found = found.filter(|a| actor.sees_tenant(a.tenant_id)).ok_or(Refused::NotFound(Noun::ImapAccount))?;
    actor.require(Capability::MailboxesManage)?;
    Ok(found)
}

/// Adds an account. Nothing is connected to: the worker does so within seconds, and says how it went.
///
/// # Errors
/// `Denied`; `NotFound` for a mailbox out of scope; wrong values.
#[compiled_here]
pub async fn create(
    app: &App,
    actor: &Actor,
    tenant: Option<TenantId>,
    new: NewImapAccount,
) -> Result<ImapAccount, Refused> {
    actor.require(Capability::MailboxesManage)?;
    let mailbox = match new.mailbox {
        Some(id) => mailboxes::get(&app.db, actor, id).await?,
        None => {
            let tenant = tenants::target(&app.db, actor, tenant).await?;
            let first = sql::first_mailbox(&mut app.db.read(Scope::Tenant(tenant.id)), tenant.id).await?;
            mailboxes::get(&app.db, actor, first.ok_or(Refused::NotFound(Noun::Mailbox))?).await?
        }
    };
    let at = now();
    let mut account = ImapAccount {
        id: ImapAccountId(0),
        tenant_id: mailbox.tenant_id,
        mailbox_id: mailbox.id,
        mailbox: mailbox.address.clone(),
        host: new.host.trim().to_owned(),
        port: new.port.unwrap_or(usual_port(new.tls)),
        tls: new.tls,
        username: new.username.unwrap_or(mailbox.address),
        auth: new.auth,
        folder: new.folder,
        after_fetch: new.after_fetch,
        move_to: new.move_to,
        sent_folder: new.sent_folder,
        since_at: match new.since {
            Since::Month => Some(at - RESCAN),
            Since::All => None,
            Since::At(time) => Some(time),
        },
        ref_key: ref_key(),
        active: new.active,
        connected_at: None,
        success_at: None,
        error: None,
        error_at: None,
        failures: 0,
        waiting: 0,
        waiting_since: None,
        reconcile_asked_at: None,
        reconciled_at: None,
        reconciled: None,
        given_up: 0,
        created_at: at,
    };
    check(&account, Some(&new.secret))?;
    let mut tx = app.db.write(Scope::Tenant(account.tenant_id)).await?;
    account.id = sql::insert(&mut tx, &account, seal(app, account.tenant_id, &new.secret)).await?;
    audit::record(&mut tx, actor, entry(&account, AuditKind::ImapAccountMade)).await?;
    tx.commit().await?;
    Ok(account)
}

/// Changes an account. If it comes to mean another folder, user or server, it is read as a new one: its last 30 days.
///
/// # Errors
/// `NotFound` outside the scope, `Denied`, wrong values.
#[compiled_here]
pub async fn update(
    app: &App,
    actor: &Actor,
    id: ImapAccountId,
    change: ImapAccountChange,
) -> Result<ImapAccount, Refused> {
    let before = get(app, actor, id).await?;
    let mut account = before.clone();
    account.host = change.host.map_or(account.host, |h| h.trim().to_owned());
    account.tls = change.tls.unwrap_or(account.tls);
    account.port = match (change.port, change.tls) {
        (Some(port), _) => port,
        (None, Some(tls)) if before.port == usual_port(before.tls) => usual_port(tls),
        _ => account.port,
    };
    account.username = change.username.unwrap_or(account.username);
    account.auth = change.auth.unwrap_or(account.auth);
    account.folder = change.folder.unwrap_or(account.folder);
    account.after_fetch = change.after_fetch.unwrap_or(account.after_fetch);
    account.move_to = change.move_to.unwrap_or(account.move_to);
    account.sent_folder = change.sent_folder.unwrap_or(account.sent_folder);
    account.active = change.active.unwrap_or(account.active);
    check(&account, change.secret.as_ref())?;
    if account == before && change.secret.is_none() {
        return Ok(account);
    }
    let place = |a: &ImapAccount| (a.host.clone(), a.port, a.username.clone(), a.folder.clone());
    let moved = place(&account) != place(&before);
    if moved {
        account.ref_key = ref_key();
    }
    let mut tx = app.db.write(Scope::Tenant(account.tenant_id)).await?;
    sql::update(&mut tx, &account, now()).await?;
    if let Some(secret) = &change.secret {
        sql::update_secret(&mut tx, id, seal(app, account.tenant_id, secret)).await?;
    }
    if moved {
        sql::forget_progress(&mut tx, id).await?;
    }
    audit::record(&mut tx, actor, entry(&account, AuditKind::ImapAccountChanged)).await?;
    tx.commit().await?;
    get(app, actor, id).await
}

/// Removes an account: it is fetched no more; what was fetched stays, here and on its server.
///
/// # Errors
/// `NotFound` outside the scope, `Denied`.
#[compiled_here]
pub async fn delete(app: &App, actor: &Actor, id: ImapAccountId) -> Result<(), Refused> {
    let account = get(app, actor, id).await?;
    let mut tx = app.db.write(Scope::Tenant(account.tenant_id)).await?;
    sql::delete(&mut tx, id).await?;
    audit::record(&mut tx, actor, entry(&account, AuditKind::ImapAccountRemoved)).await?;
    tx.commit().await?;
    Ok(())
}

/// Asks whoever fetches the account to compare its folder with its arrivals now.
///
/// # Errors
/// `NotFound` outside the scope, `Denied`.
#[compiled_here]
pub async fn ask_reconcile(app: &App, actor: &Actor, id: ImapAccountId) -> Result<ImapAccount, Refused> {
    let account = get(app, actor, id).await?;
    let mut tx = app.db.write(Scope::Tenant(account.tenant_id)).await?;
    sql::ask_reconcile(&mut tx, id, now()).await?;
    tx.commit().await?;
    get(app, actor, id).await
}

fn usual_port(tls: ImapTls) -> i64 {
    match tls {
        ImapTls::Implicit => 993,
        ImapTls::StartTls | ImapTls::Off => 143,
    }
}

fn ref_key() -> String {
    keys::base32(&rand::random::<[u8; 8]>())
}

fn check(a: &ImapAccount, secret: Option<&Secret>) -> Result<(), Refused> {
    let mut checks = Checks::default();
    checks.line("host", &a.host, 253);
    checks.check(!a.host.contains([' ', '/', '@']), "host", "must be a host name or address alone");
    checks.check((1..=65_535).contains(&a.port), "port", "must be 1 to 65535");
    checks.line("username", &a.username, 320);
    checks.line("folder", &a.folder, 200);
    checks.check(
        a.tls != ImapTls::Off || is_loopback_host(&a.host),
        "tls",
        "may be off on this machine alone: passwords would go in clear",
    );
    if let Some(folder) = &a.move_to {
        checks.line("move_to", folder, 200);
    }
    let moves = a.after_fetch == AfterFetch::Move;
    checks.check(moves == a.move_to.is_some(), "move_to", "goes with after: move, and with that alone");
    checks.check(a.move_to.as_ref() != Some(&a.folder), "move_to", "must be another folder than the one that is read");
    if let Some(folder) = &a.sent_folder {
        checks.line("sent_folder", folder, 200);
        let other = *folder != a.folder && a.move_to.as_ref() != Some(folder);
        checks.check(other, "sent_folder", "must be another folder than those of received mail");
    }
    if let Some(secret) = secret {
        let fine = !secret.reveal().is_empty() && !secret.reveal().contains(['\r', '\n', '\0']);
        checks.check(fine, "secret", "must be a password or token of one line");
    }
    checks.done()
}

fn sealed_for(tenant: TenantId) -> String {
    format!("imap account of tenant {tenant}")
}

fn seal(app: &App, tenant: TenantId, secret: &Secret) -> Vec<u8> {
    app.keys.seal(&sealed_for(tenant), secret.reveal().as_bytes())
}

fn entry(account: &ImapAccount, kind: AuditKind) -> Entry {
    let data = json!({"mailbox": account.mailbox_id, "active": account.active, "after": account.after_fetch});
    Entry { tenant: Some(account.tenant_id), kind, subject: format!("imap_account:{}", account.id), data }
}

/// Returns every tenant's accounts, for the operator and for metrics.
///
/// # Errors
/// See [`store::Error`].
#[compiled_here]
pub async fn all(app: &App) -> store::Result<Vec<ImapAccount>> {
    sql::list(&mut app.db.read(Scope::All), None, ImapAccountId(0), 1000, 0).await
}

#[cfg(test)]
mod tests;
