//! Where somebody is signed in, and ending that.

use super::sql;
use super::types::{Caller, OwnSession, Via};
use crate::access::{Noun, Refused};
use crate::audit::{self, AuditKind};
use crate::clock::now;
use crate::compiled_here;
use crate::ids::SessionId;
use crate::store::{self, Db, Scope};
use crate::users;
use serde_json::json;

/// Returns the caller's living sessions, last used first.
///
/// # Errors
/// See [`store::Error`].
#[compiled_here]
pub async fn list(db: &Db, caller: &Caller) -> store::Result<Vec<OwnSession>> {
    let rows = sql::sessions_of(&mut db.read(Scope::All), caller.user.id, now()).await?;
    let shown = |row: sql::OwnRow| OwnSession {
        current: caller.via == Via::Session { token_hash: row.token_hash },
        id: row.id,
        address: row.address,
        user_agent: row.user_agent,
        created_at: row.created_at,
        last_seen_at: row.last_seen_at,
    };
    Ok(rows.into_iter().map(shown).collect())
}

/// Ends one of the caller's sessions.
///
/// # Errors
/// `NotFound` if they have none such.
#[compiled_here]
pub async fn revoke(db: &Db, caller: &Caller, id: SessionId) -> Result<(), Refused> {
    let mut tx = db.write(Scope::All).await?;
    if !sql::delete_own_session(&mut tx, caller.user.id, id).await? {
        return Err(Refused::NotFound(Noun::Session));
    }
    let entry = users::entry(&caller.user, AuditKind::SessionRevoked, json!({"session_id": id}));
    audit::record(&mut tx, &caller.actor, entry).await?;
    tx.commit().await?;
    Ok(())
}

/// Ends the caller's sessions but the one that they show; returns how many.
///
/// # Errors
/// See [`store::Error`].
#[compiled_here]
pub async fn revoke_others(db: &Db, caller: &Caller) -> store::Result<u64> {
    let keep = match &caller.via {
        Via::Session { token_hash } => Some(token_hash.as_str()),
        Via::Token { .. } => None,
    };
    let mut tx = db.write(Scope::All).await?;
    let ended = sql::delete_sessions_of(&mut tx, caller.user.id, keep).await?;
    if ended > 0 {
        let entry = users::entry(&caller.user, AuditKind::SessionRevoked, json!({"ended": ended}));
        audit::record(&mut tx, &caller.actor, entry).await?;
    }
    tx.commit().await?;
    Ok(ended)
}
