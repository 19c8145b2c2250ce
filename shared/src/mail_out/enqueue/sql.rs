//! What queueing a mail must look up.

use super::{Desk, Recipient};
use crate::i18n::Locale;
use crate::ids::{MailboxId, TenantId, TicketId, UserId};
use crate::mail_out::unsubscribe::Sort;
use crate::store::{Exec, Result, sql};
use std::collections::HashMap;

const DESK: &str = "SELECT m.tenant_id, t.locale, t.name AS tenant_name, t.active AS tenant_active, t.pid_prefix, m.id AS mailbox_id, m.address, m.name, \
     CASE WHEN m.tags IN ('untested', 'works') THEN m.tag_separator END AS tag_separator, t.settings, \
     m.body_marker, m.gateways, m.ack_forms, m.split_per_mailbox \
     FROM mailboxes m JOIN tenants t ON t.id = m.tenant_id WHERE ";

/// Returns whom a tenant sends as: the given mailbox if it is its own, else the tenant's first.
///
/// # Errors
/// `NotFound` if the tenant has no mailbox.
pub async fn desk(ex: &mut impl Exec, tenant: TenantId, mailbox: Option<MailboxId>) -> Result<Desk> {
    sql(DESK)
        .push("m.tenant_id = ")
        .arg(tenant)
        .push(" ORDER BY CASE WHEN m.id = ")
        .arg(mailbox.map_or(0, |m| m.0))
        .push(" THEN 0 ELSE 1 END, m.id LIMIT 1")
        .one(ex)
        .await
}

/// Returns what a mailbox puts in front of a tag, whether that is known to work or not.
pub(super) async fn separator(ex: &mut impl Exec, mailbox: MailboxId) -> Result<Option<String>> {
    let (found,): (Option<String>,) =
        sql("SELECT tag_separator FROM mailboxes WHERE id = ").arg(mailbox).one(ex).await?;
    Ok(found)
}

/// Returns all desks of the given tenants, each tenant's first one first.
///
/// # Errors
/// See [`crate::store::Error`].
pub async fn desks(ex: &mut impl Exec, tenants: &[TenantId]) -> Result<Vec<Desk>> {
    sql(DESK).push("m.tenant_id IN ").among(tenants.iter().copied()).push(" ORDER BY m.id").all(ex).await
}

/// Returns those of the given address keys that are suppressed now.
///
/// # Errors
/// See [`crate::store::Error`].
pub async fn suppressed(ex: &mut impl Exec, tenant: TenantId, keys: &[String]) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = sql("SELECT email_key FROM suppressions WHERE tenant_id = ")
        .arg(tenant)
        .push(" AND until_at > ")
        .arg(crate::clock::now())
        .push(" AND email_key IN ")
        .list(keys.iter().map(String::as_str))
        .all(ex)
        .await?;
    Ok(rows.into_iter().map(|(k,)| k).collect())
}

/// A public Message-ID of a ticket.
#[derive(sqlx::FromRow)]
pub(super) struct ThreadId {
    pub message_id: String,
    /// Whether its mail came in.
    pub received: bool,
}

/// Returns the public Message-IDs of a ticket, oldest first; ids of notes are never among them (E8.3).
pub(super) async fn thread_ids(ex: &mut impl Exec, ticket: TicketId) -> Result<Vec<ThreadId>> {
    sql("SELECT message_id, kind = 'received' AS received FROM message_ids \
         WHERE ticket_id = $1 AND public AND kind <> 'alias' ORDER BY created_at, ticket_message_id")
    .bind(ticket)
    .all(ex)
    .await
}

#[derive(sqlx::FromRow)]
struct Notified {
    id: UserId,
    email: String,
    name: Option<String>,
    locale: Option<Locale>,
    preferences: String,
    active: bool,
}

/// Returns users as recipients.
///
/// # Errors
/// See [`crate::store::Error`].
pub async fn recipients(ex: &mut impl Exec, ids: &[UserId]) -> Result<HashMap<UserId, Recipient>> {
    Ok(notified(ex, ids).await?.into_iter().map(|n| (n.id, n.into())).collect())
}

/// Returns the active users among `ids` as recipients of a sort of mail, those left out who want none.
///
/// # Errors
/// See [`crate::store::Error`].
pub async fn notice_recipients(ex: &mut impl Exec, ids: &[UserId], sort: Sort) -> Result<HashMap<UserId, Recipient>> {
    let wants = |n: &Notified| {
        let preferences: serde_json::Value = serde_json::from_str(&n.preferences).unwrap_or_default();
        n.active && sort.is_wanted(&preferences)
    };
    Ok(notified(ex, ids).await?.into_iter().filter(wants).map(|n| (n.id, n.into())).collect())
}

async fn notified(ex: &mut impl Exec, ids: &[UserId]) -> Result<Vec<Notified>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    sql("SELECT id, email, name, locale, preferences, active FROM users WHERE id IN ")
        .among(ids.iter().copied())
        .all(ex)
        .await
}

impl From<Notified> for Recipient {
    fn from(n: Notified) -> Recipient {
        Recipient { user_id: n.id, email: n.email, name: n.name, locale: n.locale }
    }
}
