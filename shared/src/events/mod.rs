//! The timeline: what happened to a ticket, append-only and hash-chained.
//!
//! Events are computed in memory by [`crate::tickets::Work`] after the ticket row was locked, and written with it in
//! one transaction. `data` holds ids, enum values and salted digests, never text or addresses: those lie in
//! `event_values`, so that erasing empties them and leaves the chain whole (DESIGN 3).

mod kinds;

pub use kinds::EventKind;

use crate::clock::Time;
use crate::ids::{TenantId, TicketId, UserId};
use crate::keys::Keys;
use crate::text_enum;
use chrono::SecondsFormat;

text_enum! {
    /// Who or what made a change.
    pub enum ByKind ("actor kind") {
        /// A user, by API or page.
        User = "user",
        /// The engine itself: rules, clocks.
        System = "system",
        /// A received mail; the id is its sender's.
        Mail = "mail",
        /// The worker that sends.
        Worker = "worker",
    }
}

/// Who made a change: a kind and, where one is behind it, a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct By {
    /// The kind.
    pub kind: ByKind,
    /// The user behind it.
    pub id: Option<UserId>,
}

impl By {
    /// A user, by API or page.
    pub fn user(id: UserId) -> By {
        By { kind: ByKind::User, id: Some(id) }
    }
    /// A mail from that user.
    pub fn mail(id: UserId) -> By {
        By { kind: ByKind::Mail, id: Some(id) }
    }
    /// The engine itself.
    pub const SYSTEM: By = By { kind: ByKind::System, id: None };
    /// The worker.
    pub const WORKER: By = By { kind: ByKind::Worker, id: None };
}

/// An event as it is stored.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Event {
    /// The ticket.
    pub ticket_id: TicketId,
    /// Equal to the ticket's version right after it: gapless from 1.
    pub seq: i64,
    /// The ticket's tenant.
    pub tenant_id: TenantId,
    /// What happened.
    pub kind: EventKind,
    /// Who made it.
    pub actor_kind: ByKind,
    /// The user behind it.
    pub actor_id: Option<UserId>,
    /// Canonical JSON: ids, enum values, salted digests.
    pub data: String,
    /// When.
    pub at: Time,
    /// HMAC over the previous event's hash and this one's content.
    pub hash: Vec<u8>,
}

impl Event {
    /// Returns the hash that this event must have after one whose hash is `previous` (empty for the first).
    pub fn expected_hash(&self, keys: &Keys, previous: &[u8]) -> [u8; 32] {
        let content = format!(
            "{}\n{}\n{}\n{}\n{}\n{}\n{}",
            self.ticket_id,
            self.seq,
            self.kind,
            self.actor_kind,
            self.actor_id.map_or(0, |id| id.0),
            self.at.to_rfc3339_opts(SecondsFormat::Micros, true),
            self.data
        );
        keys.chain_hash(previous, content.as_bytes())
    }
}
