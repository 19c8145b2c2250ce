//! Taking a reply back before it leaves: one compare-and-swap over all its mails (DESIGN 7, E9.3).

use super::sql;
use super::types::MessageKind;
use crate::access::{Actor, Capability};
use crate::app::App;
use crate::compiled_here;
use crate::drafts;
use crate::events::EventKind;
use crate::ids::MessageId;
use crate::mail_out::kinds::OutboxState;
use crate::tickets::{Change, Error, Result, Status, TicketRef, by};
use serde_json::json;

/// Takes a reply back: none of its mails leaves, the message is marked as withdrawn, and status and first response are
/// as before if nothing changed since; its text is its author's draft again.
///
/// # Errors
/// `TooLate` if any of its mails is on its way or gone; `NotFound` if it is no reply of this ticket.
#[compiled_here]
pub async fn withdraw(app: &App, actor: &Actor, which: &TicketRef, message: MessageId) -> Result<()> {
    let mut change = Change::begin(app, actor, which, Capability::TicketsReply, None).await?;
    let found = sql::get(&mut change.tx, change.id, message, true).await?.ok_or(Error::NotFound)?;
    if found.kind != MessageKind::Reply || found.author_id.is_none() || found.author_id != actor.user {
        return Err(Error::NotFound);
    }
    let outgoing = sql::lock_outgoing(&mut change.tx, message).await?;
    let open = |s: OutboxState| OutboxState::CANCELLABLE.contains(&s);
    let stuck = outgoing.iter().any(|o| !open(o.state) && o.state != OutboxState::Suppressed);
    if found.withdrawn_at.is_some() || stuck || !outgoing.iter().any(|o| open(o.state)) {
        return Err(Error::TooLate);
    }
    let now = change.work.now();
    sql::cancel(&mut change.tx, message, now).await?;
    sql::mark_withdrawn(&mut change.tx, message, now).await?;
    restore(&mut change, &found).await?;
    if let Some(author) = actor.user {
        let ticket = change.ticket().clone();
        drafts::give_back(&mut change.tx, author, &ticket, &found.body, now).await?;
    }
    let id = change.id;
    for mail in outgoing.iter().filter(|o| open(o.state)) {
        change.work.event(id, EventKind::MailCancelled, by(actor), json!({"outbox_id": mail.id}), None);
    }
    change.work.event(id, EventKind::MessageWithdrawn, by(actor), json!({"message_id": message}), None);
    change.commit().await?;
    Ok(())
}

/// Puts back what the reply changed, unless somebody changed it since: the only later events are the reply's own.
async fn restore(change: &mut Change<'_>, reply: &super::Message) -> Result<()> {
    let (id, who) = (change.id, by(change.actor));
    if change.ticket().first_response_at == Some(reply.created_at) {
        change.work.update(id, |t| t.first_response_at = None);
    }
    let since = crate::tickets::events_since(&mut change.tx, id, reply.seq).await?;
    let own = |data: &serde_json::Value| matches!(data["why"].as_str(), Some("first_reply" | "sent_with_reply"));
    let statuses: Vec<serde_json::Value> = since
        .iter()
        .filter(|e| e.kind == EventKind::StatusChanged)
        .filter_map(|e| serde_json::from_str(&e.data).ok())
        .collect();
    let others = since.iter().any(|e| e.kind.conflicts() && e.kind != EventKind::StatusChanged);
    if let (false, [only]) = (others, statuses.as_slice())
        && own(only)
        && let Some(before) = only["from"].as_str().and_then(|s| s.parse::<Status>().ok())
    {
        change.work.set_status(id, before, who, "reply_withdrawn");
    }
    Ok(())
}
