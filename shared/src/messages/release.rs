//! Sending a reply at once that waits for its time, or was held because the customer wrote first (E9.3).

use super::sql;
use super::types::MessageKind;
use crate::access::{Actor, Capability};
use crate::app::App;
use crate::compiled_here;
use crate::events::EventKind;
use crate::ids::MessageId;
use crate::mail_out::schedule;
use crate::tickets::{Change, Error, Result, TicketRef, by};
use serde_json::json;

/// Lets a reply leave now, that waits. Its author may, and who may send any mail again.
///
/// # Errors
/// `TooLate` if none of its mails waits; `NotFound` if it is no reply of this ticket, or somebody else's.
#[compiled_here]
pub async fn send_now(app: &App, actor: &Actor, which: &TicketRef, message: MessageId) -> Result<()> {
    let mut change = Change::begin(app, actor, which, Capability::TicketsReply, None).await?;
    let found = sql::get(&mut change.tx, change.id, message, true).await?.ok_or(Error::NotFound)?;
    let own = found.author_id.is_some() && found.author_id == actor.user;
    if found.kind != MessageKind::Reply || !(own || actor.can(Capability::MailReplay)) {
        return Err(Error::NotFound);
    }
    let released = match found.withdrawn_at {
        Some(_) => Vec::new(),
        None => schedule::release(&mut change.tx, message).await?,
    };
    if released.is_empty() {
        return Err(Error::TooLate);
    }
    let id = change.id;
    for mail in &released {
        let data = json!({"outbox_id": mail, "why": "sent_now"});
        change.work.event(id, EventKind::MailRetried, by(actor), data, None);
    }
    change.commit().await?;
    app.bell.ring(&released);
    Ok(())
}
