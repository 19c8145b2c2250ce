//! API tokens: made by users for themselves, never with more rights than their own.

use super::sql;
use super::types::{ApiToken, Caller, Via};
use crate::access::refused::Checks;
use crate::access::{Actor, Capabilities, Noun, Refused};
use crate::audit::{self, AuditKind};
use crate::clock::{Time, now};
use crate::compiled_here;
use crate::ids::{TokenId, UserId};
use crate::keys;
use crate::store::{self, Db, Scope};
use crate::users::{self, User};
use serde_json::json;

/// A token to be made.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// What it is for.
    pub name: String,
    /// None: never.
    pub expires_at: Option<Time>,
    /// What it may do at most; None: all that its user may.
    pub limit: Option<Capabilities>,
}

/// Returns a page of a user's own living tokens, oldest first. `page`: how many, and how many to skip.
///
/// # Errors
/// See [`store::Error`].
#[compiled_here]
pub async fn list(db: &Db, user: UserId, after: Option<TokenId>, page: (u32, u32)) -> store::Result<Vec<ApiToken>> {
    sql::tokens(&mut db.read(Scope::All), user, after, page).await
}

/// Returns how many living tokens a user has.
///
/// # Errors
/// See [`store::Error`].
#[compiled_here]
pub async fn count(db: &Db, user: UserId) -> store::Result<i64> {
    sql::count_tokens(&mut db.read(Scope::All), user).await
}

/// Makes a token for the caller and returns its secret, which is kept nowhere. One made by a token may no more than
/// that one.
///
/// # Errors
/// Wrong values.
#[compiled_here]
pub async fn create(db: &Db, caller: &Caller, mut new: NewToken) -> Result<(ApiToken, String), Refused> {
    let own = caller.actor.capabilities();
    new.limit = match (&caller.via, new.limit) {
        (Via::Session { .. }, limit) => limit,
        (Via::Token { .. }, Some(limit)) => Some(limit.and(own)),
        (Via::Token { .. }, None) if own.includes(caller.user.capabilities()) => None,
        (Via::Token { .. }, None) => Some(own),
    };
    made(db, &caller.actor, &caller.user, new).await
}

/// Makes a token for any user, as the operator on the host may.
///
/// # Errors
/// Wrong values.
#[compiled_here]
pub async fn operator_create(db: &Db, user: &User, name: &str) -> Result<(ApiToken, String), Refused> {
    let new = NewToken { name: name.to_owned(), expires_at: None, limit: None };
    made(db, &Actor::system(), user, new).await
}

async fn made(db: &Db, actor: &Actor, user: &User, new: NewToken) -> Result<(ApiToken, String), Refused> {
    let at = now();
    let mut checks = Checks::default();
    checks.line("name", &new.name, 200);
    checks.check(new.expires_at.is_none_or(|end| end > at), "expires_at", "must lie in the future");
    checks.done()?;
    let secret = keys::new_api_token();
    let mut token = ApiToken {
        id: TokenId(0),
        user_id: user.id,
        name: new.name.trim().to_owned(),
        limit: new.limit,
        created_at: at,
        expires_at: new.expires_at,
        last_used_at: None,
    };
    let mut tx = db.write(Scope::All).await?;
    token.id = sql::insert_token(&mut tx, &token, &super::hash(&secret)).await?;
    let data = json!({"token_id": token.id, "limited": token.limit.is_some()});
    audit::record(&mut tx, actor, users::entry(user, AuditKind::TokenMade, data)).await?;
    tx.commit().await?;
    Ok((token, secret))
}

/// Revokes one of the caller's own tokens, for good.
///
/// # Errors
/// `NotFound` if they have none such.
#[compiled_here]
pub async fn revoke(db: &Db, caller: &Caller, id: TokenId) -> Result<(), Refused> {
    let mut tx = db.write(Scope::All).await?;
    if !sql::revoke_token(&mut tx, caller.user.id, id, now()).await? {
        return Err(Refused::NotFound(Noun::Token));
    }
    let entry = users::entry(&caller.user, AuditKind::TokenRevoked, json!({"token_id": id}));
    audit::record(&mut tx, &caller.actor, entry).await?;
    tx.commit().await?;
    Ok(())
}
