//! The SQL of sessions, tokens, links and failed logins.

use super::types::{ApiToken, LinkKind};
use crate::access::Capabilities;
use crate::clock::Time;
use crate::ids::{SessionId, TokenId, UserId};
use crate::store::{Exec, Result, Tx, sql};
use crate::users::sql::{COLUMNS, Row as UserRow};

// ---- sessions

#[derive(sqlx::FromRow)]
pub(super) struct SessionRow {
    pub session_id: SessionId,
    pub last_seen_at: Time,
    pub must_enrol: bool,
    #[sqlx(flatten)]
    pub user: UserRow,
}

pub(super) async fn find_session(ex: &mut impl Exec, hash: &str, now: Time) -> Result<Option<SessionRow>> {
    sql("SELECT s.id AS session_id, s.last_seen_at, s.must_enrol, ")
        .push(COLUMNS)
        .push(" FROM sessions s JOIN users u ON u.id = s.user_id LEFT JOIN tenants n ON n.id = u.tenant_id")
        .push(" WHERE u.active AND s.token_hash = ")
        .arg(hash)
        .push(" AND s.expires_at > ")
        .arg(now)
        .opt(ex)
        .await
}

/// A session's facts as they are written.
pub(super) struct NewSession<'a> {
    pub user: UserId,
    pub hash: &'a str,
    pub address: Option<&'a str>,
    pub user_agent: Option<&'a str>,
    pub at: Time,
    pub expires_at: Time,
    pub must_enrol: bool,
}

pub(super) async fn insert_session(tx: &mut Tx, s: NewSession<'_>) -> Result<()> {
    sql(
        "INSERT INTO sessions (user_id, token_hash, address, user_agent, created_at, last_seen_at, expires_at, must_enrol) \
         VALUES ",
    )
    .list([
        s.user.into(),
        s.hash.into(),
        s.address.map(str::to_owned).into(),
        s.user_agent.map(str::to_owned).into(),
        s.at.into(),
        s.at.into(),
        s.expires_at.into(),
        crate::store::Value::from(s.must_enrol),
    ])
    .exec(tx)
    .await?;
    Ok(())
}

pub(super) async fn touch_session(tx: &mut Tx, id: SessionId, at: Time, expires_at: Time) -> Result<()> {
    sql("UPDATE sessions SET last_seen_at = $1, expires_at = $2 WHERE id = $3")
        .bind(at)
        .bind(expires_at)
        .bind(id)
        .exec(tx)
        .await?;
    Ok(())
}

pub(super) async fn delete_session(tx: &mut Tx, hash: &str) -> Result<u64> {
    sql("DELETE FROM sessions WHERE token_hash = $1").bind(hash).exec(tx).await
}

pub(super) async fn delete_sessions_of(tx: &mut Tx, user: UserId, keep: Option<&str>) -> Result<u64> {
    sql("DELETE FROM sessions WHERE user_id = $1 AND token_hash <> $2")
        .bind(user)
        .bind(keep.unwrap_or_default())
        .exec(tx)
        .await
}

/// A session's row, for its owner.
#[derive(sqlx::FromRow)]
pub(super) struct OwnRow {
    pub id: SessionId,
    pub token_hash: String,
    pub address: Option<String>,
    pub user_agent: Option<String>,
    pub created_at: Time,
    pub last_seen_at: Time,
}

pub(super) async fn sessions_of(ex: &mut impl Exec, user: UserId, now: Time) -> Result<Vec<OwnRow>> {
    sql("SELECT id, token_hash, address, user_agent, created_at, last_seen_at FROM sessions \
         WHERE user_id = $1 AND expires_at > $2 ORDER BY last_seen_at DESC, id DESC LIMIT 200")
    .bind(user)
    .bind(now)
    .all(ex)
    .await
}

pub(super) async fn delete_own_session(tx: &mut Tx, user: UserId, id: SessionId) -> Result<bool> {
    Ok(sql("DELETE FROM sessions WHERE user_id = $1 AND id = $2").bind(user).bind(id).exec(tx).await? == 1)
}

pub(super) async fn delete_expired(tx: &mut Tx, now: Time) -> Result<u64> {
    sql("DELETE FROM sessions WHERE expires_at <= $1").bind(now).exec(tx).await
}

// ---- API tokens

#[derive(sqlx::FromRow)]
pub(super) struct BearerRow {
    pub token_id: TokenId,
    pub token_capabilities: Option<String>,
    pub last_used_at: Option<Time>,
    #[sqlx(flatten)]
    pub user: UserRow,
}

pub(super) async fn find_bearer(ex: &mut impl Exec, hash: &str, now: Time) -> Result<Option<BearerRow>> {
    sql("SELECT k.id AS token_id, k.capabilities AS token_capabilities, k.last_used_at, ")
        .push(COLUMNS)
        .push(" FROM api_tokens k JOIN users u ON u.id = k.user_id LEFT JOIN tenants n ON n.id = u.tenant_id")
        .push(" WHERE u.active AND k.revoked_at IS NULL AND k.token_hash = ")
        .arg(hash)
        .push(" AND (k.expires_at IS NULL OR k.expires_at > ")
        .arg(now)
        .push(")")
        .opt(ex)
        .await
}

#[derive(sqlx::FromRow)]
struct TokenRow {
    id: TokenId,
    user_id: UserId,
    name: String,
    capabilities: Option<String>,
    created_at: Time,
    expires_at: Option<Time>,
    last_used_at: Option<Time>,
}

pub(super) async fn tokens(
    ex: &mut impl Exec,
    user: UserId,
    after: Option<TokenId>,
    page: (u32, u32),
) -> Result<Vec<ApiToken>> {
    let (limit, offset) = page;
    let rows: Vec<TokenRow> = sql("SELECT id, user_id, name, capabilities, created_at, expires_at, last_used_at \
         FROM api_tokens WHERE revoked_at IS NULL AND user_id = $1 AND id > $2 ORDER BY id LIMIT $3 OFFSET $4")
    .bind(user)
    .bind(after.unwrap_or(TokenId(0)))
    .bind(limit)
    .bind(offset)
    .all(ex)
    .await?;
    let made = |r: TokenRow| ApiToken {
        id: r.id,
        user_id: r.user_id,
        name: r.name,
        limit: r.capabilities.as_deref().map(Capabilities::from_json),
        created_at: r.created_at,
        expires_at: r.expires_at,
        last_used_at: r.last_used_at,
    };
    Ok(rows.into_iter().map(made).collect())
}

pub(super) async fn count_tokens(ex: &mut impl Exec, user: UserId) -> Result<i64> {
    let (n,): (i64,) =
        sql("SELECT COUNT(*) FROM api_tokens WHERE revoked_at IS NULL AND user_id = $1").bind(user).one(ex).await?;
    Ok(n)
}

pub(super) async fn insert_token(tx: &mut Tx, t: &ApiToken, hash: &str) -> Result<TokenId> {
    let (id,): (TokenId,) =
        sql("INSERT INTO api_tokens (user_id, name, token_hash, capabilities, created_at, expires_at) VALUES ")
            .list([
                t.user_id.into(),
                t.name.as_str().into(),
                hash.into(),
                t.limit.map(Capabilities::to_json).into(),
                t.created_at.into(),
                crate::store::Value::from(t.expires_at),
            ])
            .push(" RETURNING id")
            .one(tx)
            .await?;
    Ok(id)
}

pub(super) async fn touch_token(tx: &mut Tx, id: TokenId, at: Time) -> Result<()> {
    sql("UPDATE api_tokens SET last_used_at = $1 WHERE id = $2").bind(at).bind(id).exec(tx).await?;
    Ok(())
}

pub(super) async fn revoke_token(tx: &mut Tx, user: UserId, id: TokenId, at: Time) -> Result<bool> {
    let changed = sql("UPDATE api_tokens SET revoked_at = $1 WHERE id = $2 AND user_id = $3 AND revoked_at IS NULL")
        .bind(at)
        .bind(id)
        .bind(user)
        .exec(tx)
        .await?;
    Ok(changed == 1)
}

// ---- links

pub(super) async fn links_since(ex: &mut impl Exec, user: UserId, since: Time) -> Result<i64> {
    let (n,): (i64,) = sql("SELECT COUNT(*) FROM links WHERE user_id = $1 AND kind <> 'invite' AND created_at > $2")
        .bind(user)
        .bind(since)
        .one(ex)
        .await?;
    Ok(n)
}

pub(super) async fn insert_link(tx: &mut Tx, user: UserId, kind: LinkKind, hash: &str, at: Time) -> Result<()> {
    sql("INSERT INTO links (user_id, kind, token_hash, created_at, expires_at) VALUES ")
        .list([user.into(), kind.into(), hash.into(), at.into(), crate::store::Value::from(at + kind.lasts())])
        .exec(tx)
        .await?;
    Ok(())
}

/// A link's row.
#[derive(sqlx::FromRow)]
pub(super) struct LinkRow {
    pub user_id: UserId,
    pub kind: LinkKind,
    pub used_at: Option<Time>,
    pub expires_at: Time,
}

/// Whose link it is, whether or not it still works.
pub(super) async fn find_link(ex: &mut impl Exec, hash: &str) -> Result<Option<LinkRow>> {
    sql("SELECT user_id, kind, used_at, expires_at FROM links WHERE token_hash = $1").bind(hash).opt(ex).await
}

/// Uses a link up; of two that try at once one succeeds.
pub(super) async fn use_link(tx: &mut Tx, hash: &str, now: Time) -> Result<bool> {
    let changed = sql("UPDATE links SET used_at = $1 WHERE token_hash = $2 AND used_at IS NULL AND expires_at > $1")
        .bind(now)
        .bind(hash)
        .exec(tx)
        .await?;
    Ok(changed == 1)
}

/// Uses up the user's other links that set a password: an old mail must not undo a new password.
pub(super) async fn use_password_links(tx: &mut Tx, user: UserId, now: Time) -> Result<()> {
    sql("UPDATE links SET used_at = $1 WHERE user_id = $2 AND used_at IS NULL AND kind IN ('invite', 'password')")
        .bind(now)
        .bind(user)
        .exec(tx)
        .await?;
    Ok(())
}

// ---- failed logins

pub(super) async fn insert_failure(tx: &mut Tx, account: &str, address: &str, at: Time) -> Result<()> {
    sql("INSERT INTO login_failures (account_key, address, at) VALUES ")
        .list([account.into(), address.into(), crate::store::Value::from(at)])
        .exec(tx)
        .await?;
    Ok(())
}

/// Returns how many failures an account has since, and when the oldest of them was.
pub(super) async fn account_failures(ex: &mut impl Exec, account: &str, since: Time) -> Result<(i64, Option<Time>)> {
    sql("SELECT COUNT(*), MIN(at) FROM login_failures WHERE account_key = $1 AND at > $2")
        .bind(account)
        .bind(since)
        .one(ex)
        .await
}

/// Returns how many failures an address has since, and when the oldest of them was.
pub(super) async fn address_failures(ex: &mut impl Exec, address: &str, since: Time) -> Result<(i64, Option<Time>)> {
    sql("SELECT COUNT(*), MIN(at) FROM login_failures WHERE address = $1 AND at > $2")
        .bind(address)
        .bind(since)
        .one(ex)
        .await
}

pub(super) async fn forget_failures(tx: &mut Tx, account: &str) -> Result<()> {
    sql("DELETE FROM login_failures WHERE account_key = $1").bind(account).exec(tx).await?;
    Ok(())
}

pub(super) async fn forget_old_failures(tx: &mut Tx, account: &str, address: &str, until: Time) -> Result<()> {
    sql("DELETE FROM login_failures WHERE (account_key = $1 OR address = $2) AND at <= $3")
        .bind(account)
        .bind(address)
        .bind(until)
        .exec(tx)
        .await?;
    Ok(())
}
