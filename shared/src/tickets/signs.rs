//! What a list shows beside a ticket without opening it: that it has files, that a mail about it failed.

use super::{Result, TicketView, sql};
use crate::access::Actor;
use crate::app::App;
use crate::compiled_here;
use crate::drafts;
use crate::ids::TicketId;
use std::collections::{HashMap, HashSet};

/// What is to be known of the tickets of a page.
#[derive(Debug, Clone, Default)]
pub struct Signs {
    /// Tickets with at least one file of its own (not an image within a mail's HTML).
    pub files: HashSet<TicketId>,
    /// Tickets with a mail that was refused for good or came back.
    pub failed: HashSet<TicketId>,
    /// Tickets with a message by somebody else that the reader has not seen.
    pub unread: HashSet<TicketId>,
    /// Tickets that stand for a storm, with how many untouched others they stand for (E5.13).
    pub storms: HashMap<TicketId, i64>,
    /// Tickets on which the actor has begun to write.
    pub drafts: HashSet<TicketId>,
}

/// Reads the signs of `rows`, as far as the actor sees them.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn signs(app: &App, actor: &Actor, rows: &[TicketView]) -> Result<Signs> {
    let ids: Vec<TicketId> = rows.iter().map(|r| r.ticket.id).collect();
    if ids.is_empty() {
        return Ok(Signs::default());
    }
    let mut read = app.db.read(actor.tickets().rows());
    Ok(Signs {
        files: sql::with_files(&mut read, &ids).await?.into_iter().collect(),
        failed: sql::with_failed_mail(&mut read, &ids).await?.into_iter().collect(),
        unread: super::reads::unread(app, actor, &ids).await?,
        storms: sql::storms_of(&mut read, &ids).await?.into_iter().collect(),
        drafts: match actor.user {
            Some(user) => drafts::tickets_with(&mut read, user, &ids).await?.into_iter().collect(),
            None => HashSet::new(),
        },
    })
}
