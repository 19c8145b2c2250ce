//! The SQL of the second step.

use crate::clock::Time;
use crate::ids::UserId;
use crate::store::{Exec, Result, Tx, sql};

/// A user's secret.
#[derive(sqlx::FromRow)]
pub(super) struct Row {
    pub secret: Vec<u8>,
    pub confirmed_at: Option<Time>,
}

pub(super) async fn find(ex: &mut impl Exec, user: UserId) -> Result<Option<Row>> {
    sql("SELECT secret, confirmed_at FROM two_factor WHERE user_id = ").arg(user).opt(ex).await
}

/// Keeps a secret that counts once it is confirmed, in place of another such.
pub(super) async fn keep(tx: &mut Tx, user: UserId, secret: Vec<u8>, at: Time) -> Result<()> {
    sql("INSERT INTO two_factor (user_id, secret, last_step, created_at) VALUES ")
        .list([user.into(), secret.into(), 0i64.into(), crate::store::Value::from(at)])
        .push(" ON CONFLICT (user_id) DO UPDATE SET secret = excluded.secret, last_step = 0, created_at = excluded.created_at")
        .push(" WHERE two_factor.confirmed_at IS NULL")
        .exec(tx)
        .await?;
    Ok(())
}

pub(super) async fn confirm(tx: &mut Tx, user: UserId, at: Time) -> Result<bool> {
    let changed = sql("UPDATE two_factor SET confirmed_at = $1 WHERE user_id = $2 AND confirmed_at IS NULL")
        .bind(at)
        .bind(user)
        .exec(tx)
        .await?;
    Ok(changed == 1)
}

/// Takes a step, if it is later than all that were taken: of two that show the same code one succeeds.
pub(super) async fn take_step(tx: &mut Tx, user: UserId, step: i64) -> Result<bool> {
    let changed = sql("UPDATE two_factor SET last_step = $1 WHERE user_id = $2 AND last_step < $1")
        .bind(step)
        .bind(user)
        .exec(tx)
        .await?;
    Ok(changed == 1)
}

pub(super) async fn remove(tx: &mut Tx, user: UserId) -> Result<bool> {
    sql("DELETE FROM recovery_codes WHERE user_id = ").arg(user).exec(tx).await?;
    Ok(sql("DELETE FROM two_factor WHERE user_id = ").arg(user).exec(tx).await? == 1)
}

/// Replaces a user's recovery codes.
pub(super) async fn set_codes(tx: &mut Tx, user: UserId, hashes: &[String], at: Time) -> Result<()> {
    sql("DELETE FROM recovery_codes WHERE user_id = ").arg(user).exec(tx).await?;
    for hash in hashes {
        sql("INSERT INTO recovery_codes (user_id, code_hash, created_at) VALUES ")
            .list([user.into(), hash.as_str().into(), crate::store::Value::from(at)])
            .exec(tx)
            .await?;
    }
    Ok(())
}

pub(super) async fn use_code(tx: &mut Tx, user: UserId, hash: &str, at: Time) -> Result<bool> {
    let changed =
        sql("UPDATE recovery_codes SET used_at = $1 WHERE user_id = $2 AND code_hash = $3 AND used_at IS NULL")
            .bind(at)
            .bind(user)
            .bind(hash)
            .exec(tx)
            .await?;
    Ok(changed == 1)
}

pub(super) async fn codes_left(ex: &mut impl Exec, user: UserId) -> Result<i64> {
    let (n,): (i64,) =
        sql("SELECT COUNT(*) FROM recovery_codes WHERE used_at IS NULL AND user_id = ").arg(user).one(ex).await?;
    Ok(n)
}

/// The user's sessions need nothing more.
pub(super) async fn enrolled(tx: &mut Tx, user: UserId) -> Result<()> {
    sql("UPDATE sessions SET must_enrol = FALSE WHERE user_id = ").arg(user).exec(tx).await?;
    Ok(())
}

pub(super) async fn insert_step(tx: &mut Tx, user: UserId, hash: &str, times: (Time, Time)) -> Result<()> {
    let (at, expires_at) = times;
    sql("DELETE FROM login_steps WHERE expires_at <= ").arg(at).exec(tx).await?;
    sql("INSERT INTO login_steps (user_id, token_hash, created_at, expires_at) VALUES ")
        .list([user.into(), hash.into(), at.into(), crate::store::Value::from(expires_at)])
        .exec(tx)
        .await?;
    Ok(())
}

pub(super) async fn find_step(ex: &mut impl Exec, hash: &str, at: Time) -> Result<Option<UserId>> {
    let row: Option<(UserId,)> = sql("SELECT user_id FROM login_steps WHERE token_hash = $1 AND expires_at > $2")
        .bind(hash)
        .bind(at)
        .opt(ex)
        .await?;
    Ok(row.map(|(id,)| id))
}

/// Uses a step up; of two that try at once one succeeds.
pub(super) async fn use_step(tx: &mut Tx, hash: &str) -> Result<bool> {
    Ok(sql("DELETE FROM login_steps WHERE token_hash = ").arg(hash).exec(tx).await? == 1)
}

/// Forgets what was begun before a password or the second step changed.
pub(super) async fn forget_steps(tx: &mut Tx, user: UserId) -> Result<()> {
    sql("DELETE FROM login_steps WHERE user_id = ").arg(user).exec(tx).await?;
    Ok(())
}
