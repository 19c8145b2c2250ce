//! Messages: the entries of a ticket's conversation.

mod post;
mod sql;
pub mod types;
mod withdraw;

pub use post::{Post, post};
pub use sql::{Delivery, by_ids, deliveries, list};
pub use types::{Message, MessageKind, Side};
pub use withdraw::withdraw;

use crate::access::{Actor, Capability};
use crate::app::App;
use crate::ids::{MessageId, TicketId};
use crate::tickets::{self, TicketRef};

/// One page of a conversation.
#[derive(Debug, Clone)]
pub struct Page {
    /// The entries, oldest first.
    pub messages: Vec<Message>,
    /// The seq before which earlier ones lie; None if there are none.
    pub earlier: Option<i64>,
}

/// Returns the newest `limit` entries of a ticket before `before`. Internal notes only to those who may read them.
///
/// # Errors
/// `NotFound` out of scope, `Denied` without the right to read.
pub async fn page(
    app: &App,
    actor: &Actor,
    which: &TicketRef,
    before: Option<i64>,
    limit: i64,
) -> tickets::Result<Page> {
    let id = tickets::find(app, actor, which).await?;
    let mut read = app.db.read(actor.tickets().rows());
    let notes = actor.can(Capability::TicketsNote);
    let mut messages = sql::list(&mut read, id, notes, before, limit + 1).await?;
    let more = messages.len() as i64 > limit;
    messages.truncate(limit.max(0) as usize);
    messages.reverse();
    let earlier = if more { messages.first().map(|m| m.seq) } else { None };
    Ok(Page { messages, earlier })
}

/// Returns one entry of a ticket that the actor sees.
///
/// # Errors
/// `NotFound` if there is none, or it is a note and the actor may not read notes.
pub async fn get(app: &App, actor: &Actor, ticket: TicketId, id: MessageId) -> tickets::Result<Message> {
    let mut read = app.db.read(actor.tickets().rows());
    let found = sql::get(&mut read, ticket, id).await?;
    found.filter(|m| m.kind != MessageKind::Note || actor.can(Capability::TicketsNote)).ok_or(tickets::Error::NotFound)
}
