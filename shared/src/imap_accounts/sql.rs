//! The SQL of fetched mailboxes.

use super::types::{Cursor, Failure, ImapAccount};
use crate::clock::Time;
use crate::ids::{ImapAccountId, MailboxId, TenantId};
use crate::store::{Exec, Q, Result, Tx, Value, sql};

fn select() -> Q {
    sql(
        "SELECT a.id, a.tenant_id, a.mailbox_id, m.address AS mailbox, a.host, a.port, a.tls, a.username, a.auth, a.folder, \
         a.after_fetch, a.move_to, a.sent_folder, a.since_at, a.ref_key, a.active, a.connected_at, a.success_at, a.error, a.error_at, \
         a.failures, a.waiting, a.waiting_since, a.reconcile_asked_at, a.reconciled_at, a.reconciled, \
         (SELECT COUNT(*) FROM imap_failures f WHERE f.account_id = a.id AND f.stubbed) AS given_up, a.created_at \
         FROM imap_accounts a JOIN mailboxes m ON m.id = a.mailbox_id WHERE ",
    )
}

pub(super) async fn find(ex: &mut impl Exec, id: ImapAccountId) -> Result<Option<ImapAccount>> {
    select().push("a.id = ").arg(id).opt(ex).await
}

pub(super) async fn list(
    ex: &mut impl Exec,
    tenant: Option<TenantId>,
    after: ImapAccountId,
    limit: u32,
    offset: u32,
) -> Result<Vec<ImapAccount>> {
    let q = select().push("a.id > ").arg(after);
    let q = match tenant {
        Some(tenant) => q.push(" AND a.tenant_id = ").arg(tenant),
        None => q,
    };
    q.push(" ORDER BY a.id LIMIT ").arg(limit).push(" OFFSET ").arg(offset).all(ex).await
}

pub(super) async fn count(ex: &mut impl Exec, tenant: Option<TenantId>) -> Result<i64> {
    let q = sql("SELECT COUNT(*) FROM imap_accounts WHERE 1 = 1");
    let q = match tenant {
        Some(tenant) => q.push(" AND tenant_id = ").arg(tenant),
        None => q,
    };
    let (n,): (i64,) = q.one(ex).await?;
    Ok(n)
}

pub(super) async fn first_mailbox(ex: &mut impl Exec, tenant: TenantId) -> Result<Option<MailboxId>> {
    let row: Option<(MailboxId,)> = sql("SELECT id FROM mailboxes WHERE tenant_id = $1 AND active ORDER BY id LIMIT 1")
        .bind(tenant)
        .opt(ex)
        .await?;
    Ok(row.map(|(id,)| id))
}

pub(super) async fn insert(tx: &mut Tx, a: &ImapAccount, secret: Vec<u8>) -> Result<ImapAccountId> {
    let (id,): (ImapAccountId,) = sql(
        "INSERT INTO imap_accounts (tenant_id, mailbox_id, host, port, tls, username, auth, secret, folder, after_fetch, \
         move_to, sent_folder, since_at, ref_key, active, failures, waiting, created_at, updated_at) VALUES ",
    )
    .list([
        a.tenant_id.into(),
        a.mailbox_id.into(),
        a.host.as_str().into(),
        a.port.into(),
        a.tls.into(),
        a.username.as_str().into(),
        a.auth.into(),
        secret.into(),
        a.folder.as_str().into(),
        a.after_fetch.into(),
        a.move_to.as_deref().into(),
        a.sent_folder.as_deref().into(),
        a.since_at.into(),
        a.ref_key.as_str().into(),
        a.active.into(),
        0_i64.into(),
        0_i64.into(),
        a.created_at.into(),
        Value::from(a.created_at),
    ])
    .push(" RETURNING id")
    .one(tx)
    .await?;
    Ok(id)
}

/// A change ends the lease: whoever fetches reads the account anew.
pub(super) async fn update(tx: &mut Tx, a: &ImapAccount, at: Time) -> Result<()> {
    sql("UPDATE imap_accounts SET host = $1, port = $2, tls = $3, username = $4, auth = $5, folder = $6, after_fetch = $7, \
         move_to = $8, ref_key = $9, active = $10, failures = 0, error = NULL, error_at = NULL, lease_token = NULL, \
         lease_until = NULL, updated_at = $11, sent_folder = $12 WHERE id = $13")
    .bind(a.host.as_str())
    .bind(a.port)
    .bind(a.tls)
    .bind(a.username.as_str())
    .bind(a.auth)
    .bind(a.folder.as_str())
    .bind(a.after_fetch)
    .bind(a.move_to.as_deref())
    .bind(a.ref_key.as_str())
    .bind(a.active)
    .bind(at)
    .bind(a.sent_folder.as_deref())
    .bind(a.id)
    .exec(tx)
    .await?;
    Ok(())
}

pub(super) async fn update_secret(tx: &mut Tx, id: ImapAccountId, secret: Vec<u8>) -> Result<()> {
    sql("UPDATE imap_accounts SET secret = $1 WHERE id = $2").bind(secret).bind(id).exec(tx).await?;
    Ok(())
}

pub(super) async fn forget_progress(tx: &mut Tx, id: ImapAccountId) -> Result<()> {
    sql("DELETE FROM imap_cursors WHERE account_id = $1").bind(id).exec(tx).await?;
    sql("DELETE FROM imap_failures WHERE account_id = $1").bind(id).exec(tx).await?;
    sql("UPDATE imap_accounts SET success_at = NULL, waiting = 0, waiting_since = NULL, reconciled_at = NULL, \
         reconciled = NULL WHERE id = $1")
    .bind(id)
    .exec(tx)
    .await?;
    Ok(())
}

pub(super) async fn restart(tx: &mut Tx, id: ImapAccountId, ref_key: &str, since: Time) -> Result<()> {
    forget_progress(tx, id).await?;
    sql("UPDATE imap_accounts SET ref_key = $1, since_at = $2 WHERE id = $3")
        .bind(ref_key)
        .bind(since)
        .bind(id)
        .exec(tx)
        .await?;
    Ok(())
}

pub(super) async fn delete(tx: &mut Tx, id: ImapAccountId) -> Result<()> {
    sql("DELETE FROM imap_cursors WHERE account_id = $1").bind(id).exec(tx).await?;
    sql("DELETE FROM imap_failures WHERE account_id = $1").bind(id).exec(tx).await?;
    sql("DELETE FROM imap_accounts WHERE id = $1").bind(id).exec(tx).await?;
    Ok(())
}

pub(super) async fn secret(ex: &mut impl Exec, id: ImapAccountId) -> Result<Vec<u8>> {
    let (secret,): (Vec<u8>,) = sql("SELECT secret FROM imap_accounts WHERE id = $1").bind(id).one(ex).await?;
    Ok(secret)
}

// ---- leases

pub(super) async fn unheld(ex: &mut impl Exec, now: Time) -> Result<Vec<ImapAccountId>> {
    let rows: Vec<(ImapAccountId,)> = sql("SELECT id FROM imap_accounts WHERE active \
         AND (lease_until IS NULL OR lease_until < $1) ORDER BY id")
    .bind(now)
    .all(ex)
    .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

pub(super) async fn claim(tx: &mut Tx, id: ImapAccountId, token: &str, now: Time, until: Time) -> Result<bool> {
    let n = sql("UPDATE imap_accounts SET lease_token = $1, lease_until = $2 WHERE id = $3 AND active \
         AND (lease_until IS NULL OR lease_until < $4)")
    .bind(token)
    .bind(until)
    .bind(id)
    .bind(now)
    .exec(tx)
    .await?;
    Ok(n > 0)
}

pub(super) async fn renew(tx: &mut Tx, id: ImapAccountId, token: &str, until: Time) -> Result<bool> {
    let n = sql("UPDATE imap_accounts SET lease_until = $1 WHERE id = $2 AND lease_token = $3 AND active")
        .bind(until)
        .bind(id)
        .bind(token)
        .exec(tx)
        .await?;
    Ok(n > 0)
}

pub(super) async fn release(tx: &mut Tx, id: ImapAccountId, token: &str) -> Result<()> {
    sql("UPDATE imap_accounts SET lease_token = NULL, lease_until = NULL WHERE id = $1 AND lease_token = $2")
        .bind(id)
        .bind(token)
        .exec(tx)
        .await?;
    Ok(())
}

// ---- progress

pub(super) async fn cursor(ex: &mut impl Exec, id: ImapAccountId, folder: &str) -> Result<Option<Cursor>> {
    sql("SELECT uidvalidity, last_uid FROM imap_cursors WHERE account_id = $1 AND folder = $2")
        .bind(id)
        .bind(folder)
        .opt(ex)
        .await
}

pub(super) async fn set_cursor(tx: &mut Tx, a: &ImapAccount, folder: &str, c: Cursor, at: Time) -> Result<()> {
    sql("INSERT INTO imap_cursors (account_id, folder, tenant_id, uidvalidity, last_uid, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (account_id, folder) \
         DO UPDATE SET uidvalidity = $4, last_uid = $5, updated_at = $6")
    .bind(a.id)
    .bind(folder)
    .bind(a.tenant_id)
    .bind(c.uidvalidity)
    .bind(c.last_uid)
    .bind(at)
    .exec(tx)
    .await?;
    Ok(())
}

pub(super) async fn set_waiting(tx: &mut Tx, id: ImapAccountId, waiting: i64, since: Option<Time>) -> Result<()> {
    sql("UPDATE imap_accounts SET waiting = $1, waiting_since = $2 WHERE id = $3")
        .bind(waiting)
        .bind(since)
        .bind(id)
        .exec(tx)
        .await?;
    Ok(())
}

pub(super) async fn record_connected(tx: &mut Tx, id: ImapAccountId, at: Time) -> Result<()> {
    sql("UPDATE imap_accounts SET connected_at = $1 WHERE id = $2").bind(at).bind(id).exec(tx).await?;
    Ok(())
}

pub(super) async fn record_success(tx: &mut Tx, id: ImapAccountId, at: Time) -> Result<()> {
    sql("UPDATE imap_accounts SET success_at = $1, waiting = 0, waiting_since = NULL, failures = 0, error = NULL, \
         error_at = NULL WHERE id = $2")
    .bind(at)
    .bind(id)
    .exec(tx)
    .await?;
    Ok(())
}

pub(super) async fn record_error(tx: &mut Tx, id: ImapAccountId, error: &str, at: Time) -> Result<()> {
    sql("UPDATE imap_accounts SET error = $1, error_at = $2, failures = failures + 1 WHERE id = $3")
        .bind(error)
        .bind(at)
        .bind(id)
        .exec(tx)
        .await?;
    Ok(())
}

pub(super) async fn ask_reconcile(tx: &mut Tx, id: ImapAccountId, at: Time) -> Result<()> {
    sql("UPDATE imap_accounts SET reconcile_asked_at = $1 WHERE id = $2").bind(at).bind(id).exec(tx).await?;
    Ok(())
}

pub(super) async fn record_reconciled(tx: &mut Tx, id: ImapAccountId, found: &str, at: Time) -> Result<()> {
    sql("UPDATE imap_accounts SET reconciled = $1, reconciled_at = $2, reconcile_asked_at = NULL WHERE id = $3")
        .bind(found)
        .bind(at)
        .bind(id)
        .exec(tx)
        .await?;
    Ok(())
}

// ---- failures

pub(super) async fn failures(
    ex: &mut impl Exec,
    id: ImapAccountId,
    folder: &str,
    uidvalidity: i64,
) -> Result<Vec<Failure>> {
    sql("SELECT uid, tries, stubbed FROM imap_failures WHERE account_id = $1 AND folder = $2 AND uidvalidity = $3 ORDER BY uid")
        .bind(id)
        .bind(folder)
        .bind(uidvalidity)
        .all(ex)
        .await
}

pub(super) async fn due_failures(
    ex: &mut impl Exec,
    id: ImapAccountId,
    folder: &str,
    uidvalidity: i64,
    now: Time,
) -> Result<Vec<Failure>> {
    sql("SELECT uid, tries, stubbed FROM imap_failures WHERE account_id = $1 AND folder = $2 AND uidvalidity = $3 \
         AND NOT stubbed AND next_try_at <= $4 ORDER BY uid")
    .bind(id)
    .bind(folder)
    .bind(uidvalidity)
    .bind(now)
    .all(ex)
    .await
}

/// What a failure is about.
pub struct Failed<'a> {
    pub account: &'a ImapAccount,
    pub folder: &'a str,
    pub uidvalidity: i64,
    pub uid: i64,
    pub error: &'a str,
}

pub(super) async fn record_failure(tx: &mut Tx, f: &Failed<'_>, next: Time, at: Time) -> Result<i64> {
    let (tries,): (i64,) =
        sql("INSERT INTO imap_failures (account_id, folder, uidvalidity, uid, tenant_id, tries, next_try_at, \
         stubbed, error, created_at) VALUES ($1, $2, $3, $4, $5, 1, $6, $7, $8, $9) \
         ON CONFLICT (account_id, folder, uidvalidity, uid) \
         DO UPDATE SET tries = imap_failures.tries + 1, next_try_at = $6, error = $8 RETURNING tries")
        .bind(f.account.id)
        .bind(f.folder)
        .bind(f.uidvalidity)
        .bind(f.uid)
        .bind(f.account.tenant_id)
        .bind(next)
        .bind(false)
        .bind(f.error)
        .bind(at)
        .one(tx)
        .await?;
    Ok(tries)
}

pub(super) async fn set_stubbed(
    tx: &mut Tx,
    id: ImapAccountId,
    folder: &str,
    uidvalidity: i64,
    uid: i64,
) -> Result<()> {
    sql("UPDATE imap_failures SET stubbed = $1, next_try_at = NULL WHERE account_id = $2 AND folder = $3 \
         AND uidvalidity = $4 AND uid = $5")
    .bind(true)
    .bind(id)
    .bind(folder)
    .bind(uidvalidity)
    .bind(uid)
    .exec(tx)
    .await?;
    Ok(())
}

pub(super) async fn forget_failures(
    tx: &mut Tx,
    id: ImapAccountId,
    folder: &str,
    uidvalidity: i64,
    uids: &[i64],
) -> Result<()> {
    sql("DELETE FROM imap_failures WHERE account_id = $1 AND folder = $2 AND uidvalidity = $3 AND uid IN ")
        .bind(id)
        .bind(folder)
        .bind(uidvalidity)
        .among(uids.iter().copied())
        .exec(tx)
        .await?;
    Ok(())
}

pub(super) async fn known_refs(ex: &mut impl Exec, tenant: TenantId, refs: &[String]) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = sql("SELECT door_ref FROM inbound_mails WHERE door = 'imap' AND tenant_id = ")
        .arg(tenant)
        .push(" AND door_ref IN ")
        .among(refs.iter().map(String::as_str))
        .all(ex)
        .await?;
    Ok(rows.into_iter().map(|(r,)| r).collect())
}
