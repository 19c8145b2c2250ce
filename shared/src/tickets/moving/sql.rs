//! The SQL of moving messages.

use crate::ids::{MailId, MessageId, TicketId};
use crate::messages::Message;
use crate::store::{Exec, Result, Tx, sql, update_many};
use std::collections::BTreeSet;

/// A ticket's messages, or those of the given ones that are on it, oldest first.
pub(in crate::tickets) async fn messages(
    ex: &mut impl Exec,
    ticket: TicketId,
    ids: Option<&BTreeSet<MessageId>>,
) -> Result<Vec<Message>> {
    let mut q = sql("SELECT * FROM ticket_messages WHERE ticket_id = ").arg(ticket);
    if let Some(ids) = ids {
        q = q.push(" AND id IN ").list(ids.iter().copied());
    }
    q.push(" ORDER BY seq").all(ex).await
}

/// The subject of the first mail among messages.
pub(super) async fn mails_subject(ex: &mut impl Exec, messages: &[Message]) -> Result<Option<String>> {
    let Some(mail): Option<MailId> = messages.iter().find_map(|m| m.mail_id) else { return Ok(None) };
    let row: Option<(Option<String>,)> = sql("SELECT subject FROM inbound_mails WHERE id = ").arg(mail).opt(ex).await?;
    Ok(row.and_then(|(subject,)| subject).filter(|s| !s.trim().is_empty()))
}

/// Moves messages, each with its new seq, and all that hangs on them.
pub(in crate::tickets) async fn move_messages(
    tx: &mut Tx,
    from: TicketId,
    to: TicketId,
    places: &[(MessageId, i64)],
) -> Result<()> {
    if places.is_empty() {
        return Ok(());
    }
    let ids = || places.iter().map(|(id, _)| *id);
    let rows = places.iter().map(|(id, seq)| vec![(*id).into(), to.into(), (*seq).into()]).collect();
    update_many(
        tx,
        "UPDATE ticket_messages SET ticket_id = v.column2, seq = v.column3",
        rows,
        "ticket_messages.id = v.column1",
    )
    .await?;
    sql("UPDATE attachments SET ticket_id = ")
        .arg(to)
        .push(" WHERE ticket_message_id IN ")
        .list(ids())
        .exec(tx)
        .await?;
    sql("UPDATE inbound_mails SET ticket_id = ")
        .arg(to)
        .push(" WHERE ticket_id = ")
        .arg(from)
        .push(" AND ticket_message_id IN ")
        .list(ids())
        .exec(tx)
        .await?;
    sql("UPDATE outbox SET ticket_id = ").arg(to).push(" WHERE ticket_message_id IN ").list(ids()).exec(tx).await?;
    // An id that is on the other ticket already stays there; a mail that is here counts for more than a reference.
    sql("INSERT INTO message_ids (tenant_id, message_id, ticket_id, ticket_message_id, kind, public, created_at, moved_from) \
         SELECT tenant_id, message_id, ")
    .arg(to)
    .push(", ticket_message_id, kind, public, created_at, ticket_id FROM message_ids WHERE ticket_id = ")
    .arg(from)
    .push(" AND ticket_message_id IN ")
    .list(ids())
    .push(
        " ON CONFLICT (tenant_id, message_id, ticket_id) DO UPDATE SET kind = excluded.kind, public = excluded.public, \
         ticket_message_id = excluded.ticket_message_id, created_at = excluded.created_at, moved_from = excluded.moved_from \
         WHERE message_ids.kind = 'referenced' AND excluded.kind <> 'referenced'",
    )
    .exec(tx)
    .await?;
    // What the moved messages only refer to, others here may refer to as well.
    sql("DELETE FROM message_ids WHERE kind <> 'referenced' AND ticket_id = ")
        .arg(from)
        .push(" AND ticket_message_id IN ")
        .list(ids())
        .exec(tx)
        .await?;
    Ok(())
}
