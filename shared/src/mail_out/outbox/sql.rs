//! The SQL of the outbox.

use super::NewOutbox;
use super::read::{Attempt, Listed, OutboxFilter};
use crate::address;
use crate::clock::Time;
use crate::compiled_here;
use crate::ids::{OutboxId, TenantId};
use crate::mail_out::handle;
use crate::store::{Db, Exec, Q, Result, Scope, Tx, insert_many, sql};

/// An attempt that is over.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct PastAttempt {
    /// When its end was recorded.
    pub at: Time,
    /// `sent`, `temporary`, `permanent`, `relay_fault`, `unknown`, `lost`, `cancelled`.
    pub result: String,
}

/// Returns what was tried with a mail so far, newest first.
///
/// # Errors
/// See [`crate::store::Error`].
pub async fn past_attempts(ex: &mut impl Exec, id: OutboxId) -> Result<Vec<PastAttempt>> {
    sql("SELECT at, result FROM outbox_attempts WHERE outbox_id = $1 ORDER BY n DESC LIMIT 500").bind(id).all(ex).await
}

/// Inserts rows, and the handles that their addresses bear.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn insert(tx: &mut Tx, mut new: Vec<NewOutbox>, at: Time) -> Result<()> {
    let handles = new.iter_mut().flat_map(|o| std::mem::take(&mut o.handles).into_iter().map(|h| (o.tenant_id, h)));
    handle::insert(tx, handles.collect()).await?;
    let rows = new
        .into_iter()
        .map(|o| {
            let key = address::key(&o.to_email);
            let domain = address::domain(&key).unwrap_or_default().to_owned();
            let draft = serde_json::to_string(&o.draft).expect("a draft is plain data");
            vec![
                o.id.into(),
                o.tenant_id.into(),
                o.kind.into(),
                o.ticket_id.into(),
                o.ticket_message_id.into(),
                o.user_id.into(),
                o.cause_mail_id.into(),
                o.to_email.into(),
                key.into(),
                domain.into(),
                o.to_name.into(),
                o.kind.is_automatic().into(),
                o.subject.into(),
                o.message_id.into(),
                o.envelope_from.into(),
                draft.into(),
                o.state.into(),
                o.due_at.into(),
                o.kind.urgency().into(),
                0_i64.into(),
                0_i64.into(),
                at.into(),
                at.into(),
                o.pattern.into(),
            ]
        })
        .collect();
    insert_many(
        tx,
        "INSERT INTO outbox (id, tenant_id, kind, ticket_id, ticket_message_id, user_id, cause_mail_id, to_email, to_key, \
         to_domain, to_name, automatic, subject, message_id, envelope_from, letter, state, due_at, urgency, attempts, maybes, \
         created_at, updated_at, pattern)",
        rows,
        "",
    )
    .await?;
    Ok(())
}

#[derive(sqlx::FromRow)]
pub(super) struct Octets {
    pub(super) tenant_id: TenantId,
    pub(super) mime: Option<Vec<u8>>,
    pub(super) mime_blob: Option<String>,
}

fn select(scope: Scope) -> Q {
    let q = sql("SELECT o.id, o.tenant_id, o.kind, o.ticket_id, o.ticket_message_id, o.to_email, o.subject, o.state, \
         o.message_id, o.due_at, o.attempts, o.reply_code, o.enhanced, o.reply_text, o.created_at, o.sent_at, \
         o.envelope_from, t.pid \
         FROM outbox o LEFT JOIN tickets t ON t.id = o.ticket_id WHERE 1 = 1");
    match scope {
        Scope::All => q,
        Scope::Tenant(tenant) => q.push(" AND o.tenant_id = ").arg(tenant),
    }
}

pub(super) async fn list(db: &Db, scope: Scope, filter: &OutboxFilter, limit: i64) -> Result<Vec<Listed>> {
    let mut q = select(scope);
    if !filter.states.is_empty() {
        q = q.push(" AND o.state IN ").list(filter.states.iter().copied());
    }
    if let Some(ticket) = filter.ticket {
        q = q.push(" AND o.ticket_id = ").arg(ticket);
    }
    if let Some(before) = filter.before {
        q = q.push(" AND o.id < ").arg(before);
    }
    q.push(" ORDER BY o.id DESC LIMIT ").arg(limit).all(&mut db.read(scope)).await
}

pub(super) async fn get(db: &Db, scope: Scope, id: OutboxId) -> Result<Option<Listed>> {
    select(scope).push(" AND o.id = ").arg(id).opt(&mut db.read(scope)).await
}

pub(super) async fn attempts(db: &Db, scope: Scope, ids: &[OutboxId]) -> Result<Vec<Attempt>> {
    let q =
        sql("SELECT outbox_id, n, at, phase, result, code, enhanced, text FROM outbox_attempts WHERE outbox_id IN ")
            .list(ids.iter().copied());
    let q = match scope {
        Scope::All => q,
        Scope::Tenant(tenant) => q.push(" AND tenant_id = ").arg(tenant),
    };
    q.push(" ORDER BY outbox_id, n").all(&mut db.read(scope)).await
}

pub(super) async fn octets(db: &Db, scope: Scope, id: OutboxId) -> Result<Option<Octets>> {
    let mut q = sql("SELECT tenant_id, mime, mime_blob FROM outbox WHERE id = $1").bind(id);
    if let Scope::Tenant(tenant) = scope {
        q = q.push(" AND tenant_id = ").arg(tenant);
    }
    q.opt(&mut db.read(scope)).await
}
