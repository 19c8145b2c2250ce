//! Tells the author of a reply that it does not arrive (E9.8), and gives them its text back once it is given up.

use super::record::Record;
use crate::clock::Time;
use crate::drafts;
use crate::ids::{MessageId, OutboxId, UserId};
use crate::mail_out::enqueue::{self, Automatic, Trigger};
use crate::mail_out::kinds::Kind;
use crate::mail_out::outbox::Template;
use crate::mail_out::unsubscribe::Sort;
use crate::mail_out::{caps, digest};
use crate::store::{Result, Tx, dialect, sql};
use crate::tickets::Work;

/// Queues a notice to the author of the reply that `record` is about, within the caps.
pub(super) async fn tell_author(tx: &mut Tx, work: &mut Work<'_>, record: &Record, now: Time) -> Result<()> {
    let Some(ticket) = record.ticket_id.and_then(|t| work.ticket(t)).cloned() else { return Ok(()) };
    let found: Option<(MessageId, UserId)> = sql("SELECT m.id, m.author_id FROM outbox o \
         JOIN ticket_messages m ON m.id = o.ticket_message_id WHERE m.author_id IS NOT NULL AND o.id = ")
    .arg(record.id)
    .opt(tx)
    .await?;
    let Some((message, author)) = found else { return Ok(()) };
    let Some(agent) = enqueue::notice_recipients(tx, &[author], Sort::Notices).await?.remove(&author) else {
        return Ok(());
    };
    if let Err(reason) = caps::may_notify(tx, ticket.tenant_id, &agent.email, ticket.id, work.now()).await? {
        if reason == digest::CAP {
            digest::keep(tx, ticket.tenant_id, author, ticket.id, Template::NoticeUndelivered).await?;
        }
        return Ok(());
    }
    let desk = enqueue::desk(tx, ticket.tenant_id, ticket.mailbox_id).await?;
    let row = OutboxId(dialect::take_ids(tx, dialect::IdTable::Outbox, 1).await?[0]);
    let notice = Automatic {
        kind: Kind::Notice,
        template: Template::NoticeUndelivered,
        to: &agent,
        to_agent: true,
        trigger: Trigger::default(),
        ticket_message_id: Some(message),
        due_at: now,
        pattern: None,
    };
    enqueue::automatic(work, &desk, &ticket, notice, row);
    Ok(())
}

/// Makes the text of a reply that reaches nobody its author's draft again, once its last mail is given up. Returns the
/// message, if its text was given back.
pub(super) async fn give_back(
    tx: &mut Tx,
    work: &Work<'_>,
    record: &Record,
    given: &[MessageId],
    now: Time,
) -> Result<Option<MessageId>> {
    let Some(ticket) = record.ticket_id.and_then(|t| work.ticket(t)) else { return Ok(None) };
    // What reached somebody, or still may, is no draft: it would be sent to them twice.
    let found: Option<(MessageId, UserId, String)> = sql("SELECT m.id, m.author_id, m.body FROM outbox o \
         JOIN ticket_messages m ON m.id = o.ticket_message_id WHERE o.kind = 'reply' AND m.side = 'agent' \
         AND m.author_id IS NOT NULL AND m.withdrawn_at IS NULL AND NOT EXISTS (SELECT 1 FROM outbox x \
         WHERE x.ticket_message_id = m.id AND x.kind = 'reply' AND x.state NOT IN ('dead', 'suppressed', 'cancelled')) \
         AND o.id = ")
    .arg(record.id)
    .opt(tx)
    .await?;
    match found {
        Some((message, author, body)) if !given.contains(&message) => {
            drafts::give_back(tx, author, ticket, &body, now).await?;
            Ok(Some(message))
        }
        _ => Ok(None),
    }
}
