//! What the worker that fetches an account asks and writes down. Only the holder of an account's lease fetches it; should
//! two do so for a moment, references keep each message to one arrival.

use super::sealed_for;
use super::sql::{self, Failed};
use super::types::{Cursor, Failure, ImapAccount};
use crate::app::App;
use crate::clock::{Time, now};
use crate::compiled_here;
use crate::config::Secret;
use crate::ids::ImapAccountId;
use crate::store::{Result, Scope, dialect};
use std::collections::BTreeSet;
use std::time::Duration;

/// Returns the active accounts that nobody fetches.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn unheld(app: &App) -> Result<Vec<ImapAccountId>> {
    let mut read = app.db.read(Scope::All);
    let at = dialect::now(&mut read).await?;
    sql::unheld(&mut read, at).await
}

/// Takes an account for `length`, under `token`; None if somebody else was first.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn claim(app: &App, id: ImapAccountId, token: &str, length: Duration) -> Result<Option<ImapAccount>> {
    let mut tx = app.db.write(Scope::All).await?;
    let at = dialect::now(&mut tx).await?;
    if !sql::claim(&mut tx, id, token, at, at + length).await? {
        return Ok(None);
    }
    let account = sql::find(&mut tx, id).await?;
    tx.commit().await?;
    Ok(account)
}

/// Keeps an account for another `length`; false if it was changed, removed, switched off or lost.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn renew(app: &App, id: ImapAccountId, token: &str, length: Duration) -> Result<bool> {
    let mut tx = app.db.write(Scope::All).await?;
    let at = dialect::now(&mut tx).await?;
    let held = sql::renew(&mut tx, id, token, at + length).await?;
    tx.commit().await?;
    Ok(held)
}

/// Gives an account back.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn release(app: &App, id: ImapAccountId, token: &str) -> Result<()> {
    let mut tx = app.db.write(Scope::All).await?;
    sql::release(&mut tx, id, token).await?;
    tx.commit().await
}

/// Returns an account as it is now.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn load(app: &App, id: ImapAccountId) -> Result<Option<ImapAccount>> {
    sql::find(&mut app.db.read(Scope::All), id).await
}

/// Returns an account's password or token; None if it was sealed with other keys than these.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn secret(app: &App, account: &ImapAccount) -> Result<Option<Secret>> {
    let sealed = sql::secret(&mut app.db.read(Scope::Tenant(account.tenant_id)), account.id).await?;
    let open = app.keys.unseal(&sealed_for(account.tenant_id), &sealed);
    Ok(open.and_then(|bytes| String::from_utf8(bytes).ok()).map(Secret::new))
}

/// Returns how far a folder was read.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn cursor(app: &App, account: &ImapAccount, folder: &str) -> Result<Option<Cursor>> {
    sql::cursor(&mut app.db.read(Scope::Tenant(account.tenant_id)), account.id, folder).await
}

/// Writes down how far a folder was read, and what still waits.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn advance(
    app: &App,
    account: &ImapAccount,
    folder: &str,
    cursor: Cursor,
    waiting: (i64, Option<Time>),
) -> Result<()> {
    let mut tx = app.db.write(Scope::Tenant(account.tenant_id)).await?;
    sql::set_cursor(&mut tx, account, folder, cursor, now()).await?;
    sql::set_waiting(&mut tx, account.id, waiting.0, waiting.1).await?;
    tx.commit().await
}

/// Begins an account anew under another reference, as its server gave UIDs a second time.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn restart(app: &App, account: &ImapAccount) -> Result<()> {
    let mut tx = app.db.write(Scope::Tenant(account.tenant_id)).await?;
    sql::restart(&mut tx, account.id, &super::ref_key(), now() - super::RESCAN).await?;
    tx.commit().await
}

/// Writes down that a login succeeded.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn connected(app: &App, account: &ImapAccount) -> Result<()> {
    let mut tx = app.db.write(Scope::Tenant(account.tenant_id)).await?;
    sql::record_connected(&mut tx, account.id, now()).await?;
    tx.commit().await
}

/// Writes down that all there is in the folder is here.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn succeeded(app: &App, account: &ImapAccount) -> Result<()> {
    let mut tx = app.db.write(Scope::Tenant(account.tenant_id)).await?;
    sql::record_success(&mut tx, account.id, now()).await?;
    tx.commit().await
}

/// Writes down what went wrong.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn went_wrong(app: &App, account: &ImapAccount, error: &str) -> Result<()> {
    let mut tx = app.db.write(Scope::Tenant(account.tenant_id)).await?;
    sql::record_error(&mut tx, account.id, error, now()).await?;
    tx.commit().await
}

/// Writes down what a comparison found.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn reconciled(app: &App, account: &ImapAccount, found: &serde_json::Value) -> Result<()> {
    let mut tx = app.db.write(Scope::Tenant(account.tenant_id)).await?;
    sql::record_reconciled(&mut tx, account.id, &found.to_string(), now()).await?;
    tx.commit().await
}

/// Returns all messages of a folder that could not be fetched.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn failures(app: &App, account: &ImapAccount, folder: &str, uidvalidity: u32) -> Result<Vec<Failure>> {
    let mut read = app.db.read(Scope::Tenant(account.tenant_id));
    sql::failures(&mut read, account.id, folder, uidvalidity.into()).await
}

/// Returns those of them whose next try is due.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn due_failures(app: &App, account: &ImapAccount, folder: &str, uidvalidity: u32) -> Result<Vec<Failure>> {
    let mut read = app.db.read(Scope::Tenant(account.tenant_id));
    sql::due_failures(&mut read, account.id, folder, uidvalidity.into(), now()).await
}

/// Writes down that a message could not be fetched; its next try is due after `pause`. Returns how often it was tried.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn failed(
    app: &App,
    account: &ImapAccount,
    (folder, uidvalidity, uid): (&str, u32, u32),
    error: &str,
    pause: Duration,
) -> Result<i64> {
    let mut tx = app.db.write(Scope::Tenant(account.tenant_id)).await?;
    let at = now();
    let failure = Failed { account, folder, uidvalidity: uidvalidity.into(), uid: uid.into(), error };
    let tries = sql::record_failure(&mut tx, &failure, at + pause, at).await?;
    tx.commit().await?;
    Ok(tries)
}

/// Writes down that a stub stands for a message.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn stubbed(app: &App, account: &ImapAccount, folder: &str, uidvalidity: u32, uid: u32) -> Result<()> {
    let mut tx = app.db.write(Scope::Tenant(account.tenant_id)).await?;
    sql::set_stubbed(&mut tx, account.id, folder, uidvalidity.into(), uid.into()).await?;
    tx.commit().await
}

/// Forgets that messages could not be fetched: they are here, or gone from their server.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn forget(app: &App, account: &ImapAccount, folder: &str, uidvalidity: u32, uids: &[u32]) -> Result<()> {
    if uids.is_empty() {
        return Ok(());
    }
    let uids: Vec<i64> = uids.iter().map(|uid| i64::from(*uid)).collect();
    let mut tx = app.db.write(Scope::Tenant(account.tenant_id)).await?;
    sql::forget_failures(&mut tx, account.id, folder, uidvalidity.into(), &uids).await?;
    tx.commit().await
}

/// How many references are asked for at once.
const AT_ONCE: usize = 500;

/// Returns those of `uids` that have an arrival, be it the message itself or its stub.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn known(
    app: &App,
    account: &ImapAccount,
    folder: &str,
    uidvalidity: u32,
    uids: &[u32],
) -> Result<BTreeSet<u32>> {
    let mut found = BTreeSet::new();
    for some in uids.chunks(AT_ONCE) {
        let refs: Vec<String> = some.iter().map(|uid| account.door_ref(folder, uidvalidity, *uid)).collect();
        let mut read = app.db.read(Scope::Tenant(account.tenant_id));
        let known: BTreeSet<String> = sql::known_refs(&mut read, account.tenant_id, &refs).await?.into_iter().collect();
        found.extend(some.iter().zip(&refs).filter(|(_, r)| known.contains(*r)).map(|(uid, _)| *uid));
    }
    Ok(found)
}
