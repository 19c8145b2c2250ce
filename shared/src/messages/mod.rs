//! Messages: the entries of a ticket's conversation.

mod guard;
mod mentions;
mod post;
mod release;
mod sql;
pub mod types;
mod withdraw;

pub use guard::{Recipient, Recipients, recipients, speaks_of_file};
pub use mentions::Names;
pub(crate) use post::write;
pub use post::{Post, post};
pub use release::send_now;
pub(crate) use sql::SAID;
pub use sql::{Delivery, by_ids, last_said, list};
pub use types::{Message, MessageKind, Side};
pub use withdraw::withdraw;

use crate::access::{Actor, Capability};
use crate::address;
use crate::app::App;
use crate::compiled_here;
use crate::ids::{MessageId, TicketId};
use crate::store::{self, Exec};
use crate::tickets::{self, TicketRef};

/// Returns what became of a ticket's mails, as far as the actor may know: who got a reply as Bcc is for agents alone
/// (E8.8).
///
/// # Errors
/// See [`crate::store::Error`].
pub async fn deliveries(ex: &mut impl Exec, actor: &Actor, ticket: TicketId) -> store::Result<Vec<Delivery>> {
    let mut found = sql::deliveries(ex, ticket).await?;
    if !actor.is_agent() {
        let all = tickets::participants(ex, &[ticket]).await?;
        let unseen: Vec<String> = all.iter().filter(|p| p.is_unseen()).map(|p| address::key(&p.email)).collect();
        found.retain(|d| !unseen.contains(&address::key(&d.to_email)));
    }
    Ok(found)
}

/// One page of a conversation.
#[derive(Debug, Clone)]
pub struct Page {
    /// The entries, oldest first.
    pub messages: Vec<Message>,
    /// The seq before which earlier ones lie; None if there are none.
    pub earlier: Option<i64>,
}

/// Returns the newest `limit` entries of a ticket before `before`. To those who may not read internal notes neither these
/// nor replies that were taken back or still wait.
///
/// # Errors
/// `NotFound` out of scope, `Denied` without the right to read.
#[compiled_here]
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
/// `NotFound` if there is none, or the actor may not read it.
#[compiled_here]
pub async fn get(app: &App, actor: &Actor, ticket: TicketId, id: MessageId) -> tickets::Result<Message> {
    let mut read = app.db.read(actor.tickets().rows());
    let found = sql::get(&mut read, ticket, id, actor.can(Capability::TicketsNote)).await?;
    found.ok_or(tickets::Error::NotFound)
}
