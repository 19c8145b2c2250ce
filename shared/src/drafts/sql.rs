//! The SQL of drafts.

use crate::clock::Time;
use crate::ids::{MessageId, TenantId, TicketId, UserId};
use crate::messages::MessageKind;
use crate::store::{Exec, Result, Tx, sql};

/// What somebody began to write.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Draft {
    /// Reply or note.
    pub kind: MessageKind,
    /// The text: Markdown if an agent writes it.
    pub body: String,
    /// When it was last kept.
    pub updated_at: Time,
}

/// Returns a user's drafts on a ticket.
pub(crate) async fn of(ex: &mut impl Exec, user: UserId, ticket: TicketId) -> Result<Vec<Draft>> {
    sql("SELECT kind, body, updated_at FROM drafts WHERE user_id = $1 AND ticket_id = $2 ORDER BY kind")
        .bind(user)
        .bind(ticket)
        .all(ex)
        .await
}

pub(super) async fn put(tx: &mut Tx, user: UserId, tenant: TenantId, ticket: TicketId, draft: &Draft) -> Result<()> {
    sql("INSERT INTO drafts (user_id, ticket_id, kind, tenant_id, body, updated_at) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (user_id, ticket_id, kind) DO UPDATE SET body = EXCLUDED.body, updated_at = EXCLUDED.updated_at")
    .bind(user)
    .bind(ticket)
    .bind(draft.kind)
    .bind(tenant)
    .bind(draft.body.as_str())
    .bind(draft.updated_at)
    .exec(tx)
    .await?;
    Ok(())
}

pub(super) async fn delete(tx: &mut Tx, user: UserId, ticket: TicketId, kind: MessageKind) -> Result<()> {
    sql("DELETE FROM drafts WHERE user_id = $1 AND ticket_id = $2 AND kind = $3")
        .bind(user)
        .bind(ticket)
        .bind(kind)
        .exec(tx)
        .await?;
    Ok(())
}

/// What a user posted last on a ticket, if that was after `since` and still stands.
pub(super) async fn just_posted(
    ex: &mut impl Exec,
    user: UserId,
    ticket: TicketId,
    kind: MessageKind,
    since: Time,
) -> Result<Option<String>> {
    let found: Option<(String,)> =
        sql("SELECT body FROM ticket_messages WHERE ticket_id = $1 AND author_id = $2 AND kind = $3 \
         AND created_at > $4 AND withdrawn_at IS NULL ORDER BY seq DESC LIMIT 1")
        .bind(ticket)
        .bind(user)
        .bind(kind)
        .bind(since)
        .opt(ex)
        .await?;
    Ok(found.map(|(body,)| body))
}

/// Returns those of `tickets` on which a user has a draft.
pub(crate) async fn tickets_with(ex: &mut impl Exec, user: UserId, tickets: &[TicketId]) -> Result<Vec<TicketId>> {
    let found: Vec<(TicketId,)> = sql("SELECT DISTINCT ticket_id FROM drafts WHERE user_id = ")
        .arg(user)
        .push(" AND ticket_id IN ")
        .among(tickets.iter().copied())
        .all(ex)
        .await?;
    Ok(found.into_iter().map(|(id,)| id).collect())
}

/// Removes what was begun on tickets that are being erased (E13.1).
pub(crate) async fn erase(tx: &mut Tx, tickets: &[TicketId]) -> Result<()> {
    sql("DELETE FROM drafts WHERE ticket_id IN ").among(tickets.iter().copied()).exec(tx).await?;
    Ok(())
}

/// Removes all that a person began, who is being erased (E13.1).
pub(crate) async fn erase_of(tx: &mut Tx, user: UserId) -> Result<()> {
    sql("DELETE FROM drafts WHERE user_id = $1").bind(user).exec(tx).await?;
    Ok(())
}

/// Removes the draft that is nothing but the text of a message.
pub(crate) async fn drop_text_of(tx: &mut Tx, message: MessageId) -> Result<()> {
    sql("DELETE FROM drafts WHERE kind = 'reply' AND EXISTS (SELECT 1 FROM ticket_messages m WHERE m.id = ")
        .arg(message)
        .push(" AND m.ticket_id = drafts.ticket_id AND m.author_id = drafts.user_id AND m.body = drafts.body)")
        .exec(tx)
        .await?;
    Ok(())
}
