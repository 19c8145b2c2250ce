//! Looking at the outbox: lists, one mail with its tries, and the octets that went out.

use super::{OutboxMail, sql};
use crate::app::App;
use crate::blobs;
use crate::clock::Time;
use crate::compiled_here;
use crate::ids::{OutboxId, TicketId};
use crate::mail_out::kinds::OutboxState;
use crate::store::{self, Db, Scope};
use bytes::Bytes;

/// A row with the public id of its ticket.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Listed {
    /// The row.
    #[sqlx(flatten)]
    pub mail: OutboxMail,
    /// The ticket's public id.
    pub pid: Option<String>,
    /// MAIL FROM: where reports go.
    pub envelope_from: String,
}

/// Which rows to list.
#[derive(Debug, Clone, Default)]
pub struct OutboxFilter {
    /// Only those in one of these states; empty: all.
    pub states: Vec<OutboxState>,
    /// Only those about this ticket.
    pub ticket: Option<TicketId>,
    /// Only those made before this one: the cursor.
    pub before: Option<OutboxId>,
}

/// One try at sending.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Attempt {
    /// The mail.
    pub outbox_id: OutboxId,
    /// Its number, from 1.
    pub n: i64,
    /// When it ended.
    pub at: Time,
    /// How far it came.
    pub phase: String,
    /// What came of it.
    pub result: String,
    /// The SMTP reply's code.
    pub code: Option<i64>,
    /// The enhanced status (RFC 3463).
    pub enhanced: Option<String>,
    /// What the other side said.
    pub text: String,
}

/// The octets cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum OctetsError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The blob store failed.
    #[error(transparent)]
    Blobs(#[from] blobs::Error),
}

/// Lists rows within `scope`, newest first, at most `limit`.
///
/// # Errors
/// See [`store::Error`].
#[compiled_here]
pub async fn list(db: &Db, scope: Scope, filter: &OutboxFilter, limit: i64) -> store::Result<Vec<Listed>> {
    sql::list(db, scope, filter, limit).await
}

/// Returns one row within `scope`, if it is there.
///
/// # Errors
/// See [`store::Error`].
#[compiled_here]
pub async fn get(db: &Db, scope: Scope, id: OutboxId) -> store::Result<Option<Listed>> {
    sql::get(db, scope, id).await
}

/// Returns the tries at sending mails within `scope`, each mail's oldest first.
///
/// # Errors
/// See [`store::Error`].
#[compiled_here]
pub async fn attempts(db: &Db, scope: Scope, ids: &[OutboxId]) -> store::Result<Vec<Attempt>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    sql::attempts(db, scope, ids).await
}

/// Returns the octets that go out, or went: the same at every try (E9.1). None before the first try.
///
/// # Errors
/// See [`OctetsError`].
#[compiled_here]
pub async fn octets(app: &App, scope: Scope, id: OutboxId) -> Result<Option<Bytes>, OctetsError> {
    let Some(row) = sql::octets(&app.db, scope, id).await? else { return Ok(None) };
    Ok(match (row.mime, row.mime_blob) {
        (Some(bytes), _) => Some(bytes.into()),
        (None, Some(name)) => Some(app.blobs.get(row.tenant_id, &name).await?),
        (None, None) => None,
    })
}
