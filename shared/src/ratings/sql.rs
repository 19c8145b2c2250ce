//! The SQL of ratings.

use crate::access::Role;
use crate::clock::Time;
use crate::ids::{OutboxId, TenantId, TicketId, UserId};
use crate::mail_in::types::Class;
use crate::mail_out::unsubscribe::Sort;
use crate::store::{Exec, Result, Tx, sql};

/// What is known of a ticket's rating.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Rating {
    /// Whom it is of.
    pub user_id: UserId,
    /// The mail that asked; None: nobody was asked.
    pub outbox_id: Option<OutboxId>,
    /// 1 to 5; None: not rated.
    pub score: Option<i64>,
    /// What they added.
    pub comment: Option<String>,
    /// When.
    pub rated_at: Option<Time>,
}

/// Returns a ticket's rating; None as long as it was not asked about.
///
/// # Errors
/// See [`crate::store::Error`].
pub async fn of_ticket(ex: &mut impl Exec, tenant: TenantId, ticket: TicketId) -> Result<Option<Rating>> {
    sql("SELECT user_id, outbox_id, score, comment, rated_at FROM ratings WHERE tenant_id = $1 AND ticket_id = $2")
        .bind(tenant)
        .bind(ticket)
        .opt(ex)
        .await
}

pub(super) async fn tenants(ex: &mut impl Exec) -> Result<Vec<(TenantId, String)>> {
    sql("SELECT id, settings FROM tenants ORDER BY id").all(ex).await
}

/// Tickets that agents answered and that were done between `since` and `before`, and nobody asked about.
pub(super) async fn due(
    ex: &mut impl Exec,
    tenant: TenantId,
    since: Time,
    before: Time,
    limit: i64,
) -> Result<Vec<TicketId>> {
    let rows: Vec<(TicketId,)> = sql("SELECT t.id FROM tickets t WHERE t.tenant_id = $1 AND t.status IN ('solved', 'closed') \
         AND t.folder = 'inbox' AND t.merged_into IS NULL AND COALESCE(t.solved_at, t.closed_at) > $2 \
         AND COALESCE(t.solved_at, t.closed_at) <= $3 \
         AND NOT EXISTS (SELECT 1 FROM ratings r WHERE r.ticket_id = t.id) \
         AND EXISTS (SELECT 1 FROM ticket_messages m WHERE m.ticket_id = t.id AND m.kind = 'reply' AND m.side = 'agent') \
         ORDER BY t.id LIMIT $4")
    .bind(tenant)
    .bind(since)
    .bind(before)
    .bind(limit)
    .all(ex)
    .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Notes that a ticket is asked about; false if it was before.
pub(super) async fn insert(tx: &mut Tx, tenant: TenantId, ticket: TicketId, user: UserId, at: Time) -> Result<bool> {
    let n = sql("INSERT INTO ratings (ticket_id, tenant_id, user_id, asked_at) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (ticket_id) DO NOTHING")
    .bind(ticket)
    .bind(tenant)
    .bind(user)
    .bind(at)
    .exec(tx)
    .await?;
    Ok(n > 0)
}

/// Notes the mail that asks, once it is written.
pub(super) async fn set_outbox(tx: &mut Tx, ticket: TicketId, row: OutboxId) -> Result<()> {
    sql("UPDATE ratings SET outbox_id = $1 WHERE ticket_id = $2").bind(row).bind(ticket).exec(tx).await?;
    Ok(())
}

pub(super) async fn rate(tx: &mut Tx, ticket: TicketId, score: i64, comment: Option<String>, at: Time) -> Result<()> {
    sql("UPDATE ratings SET score = $1, comment = $2, rated_at = $3 WHERE ticket_id = $4")
        .bind(score)
        .bind(comment)
        .bind(at)
        .bind(ticket)
        .exec(tx)
        .await?;
    Ok(())
}

/// A requester, as far as it matters to whether they are asked.
pub(super) struct Requester {
    pub email: String,
    role: Role,
    preferences: String,
    /// Whether their newest message was a machine's.
    pub by_machine: bool,
}

impl Requester {
    pub(super) fn is_agent(&self) -> bool {
        self.role.is_agent()
    }

    pub(super) fn wants(&self, sort: Sort) -> bool {
        let all: serde_json::Value = serde_json::from_str(&self.preferences).unwrap_or_default();
        all[sort.as_str()].as_bool().unwrap_or(true)
    }
}

pub(super) async fn requester(ex: &mut impl Exec, ticket: TicketId, user: UserId) -> Result<Requester> {
    let (email, role, preferences): (String, Role, String) =
        sql("SELECT email, role, preferences FROM users WHERE id = ").arg(user).one(ex).await?;
    // Automatic answers say nothing about who wrote before them.
    let newest: Option<(Option<Class>,)> =
        sql("SELECT class FROM ticket_messages WHERE ticket_id = $1 AND kind = 'reply' \
         AND side IN ('customer', 'staff') AND (class IS NULL OR class <> 'auto_reply') ORDER BY seq DESC LIMIT 1")
        .bind(ticket)
        .opt(ex)
        .await?;
    let by_machine = newest.and_then(|(class,)| class).is_some_and(|class| class != Class::Person);
    Ok(Requester { email, role, preferences, by_machine })
}

pub(super) async fn is_mailbox(ex: &mut impl Exec, key: &str) -> Result<bool> {
    let (n,): (i64,) = sql("SELECT COUNT(*) FROM mailboxes WHERE address_key = ").arg(key).one(ex).await?;
    Ok(n > 0)
}

/// The id of the newest answer that went out.
pub(super) async fn last_reply(ex: &mut impl Exec, ticket: TicketId) -> Result<Option<String>> {
    let row: Option<(String,)> = sql("SELECT message_id FROM ticket_messages WHERE ticket_id = $1 AND kind = 'reply' \
         AND side = 'agent' AND message_id IS NOT NULL AND withdrawn_at IS NULL ORDER BY seq DESC LIMIT 1")
    .bind(ticket)
    .opt(ex)
    .await?;
    Ok(row.map(|(id,)| id))
}
