//! Why a verb on a ticket refused.

use crate::access::{Capability, Denied};
use crate::events::Event;
use crate::store;

/// Why a verb on a ticket refused. Nothing was changed then.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such ticket in the actor's scope.
    #[error("no such ticket")]
    NotFound,
    /// In scope, but the actor may not.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The ticket changed since the actor looked at it.
    #[error("the ticket changed meanwhile")]
    Stale {
        /// Its version now.
        version: i64,
        /// What happened since.
        since: Vec<Event>,
    },
    /// A requester wrote to a closed ticket.
    #[error("the ticket is closed")]
    Closed,
    /// The tenant is closed: it takes nothing new but mail.
    #[error("the tenant is closed")]
    TenantClosed,
    /// The ticket was merged: what is said belongs to the other one.
    #[error("the ticket was merged into {pid}")]
    Merged {
        /// The other one's public id.
        pid: String,
    },
    /// What undoing needs is no longer as it was.
    #[error("{0}")]
    CannotUndo(&'static str),
    /// The note about the customer changed since the actor read it; here as it is now.
    #[error("the note about the customer changed meanwhile")]
    StaleNote(Option<Box<crate::customers::CustomerNote>>),
    /// The ticket was erased for good: nothing in it changes any more.
    #[error("the ticket was erased")]
    Erased,
    /// A worker hands a mail of it over at this moment.
    #[error("mail is on its way just now")]
    InFlight,
    /// What was to be taken back has left already.
    #[error("too late to take it back")]
    TooLate,
    /// A value cannot be taken.
    #[error("{field}: {message}")]
    Invalid {
        /// The field, as the API names it.
        field: &'static str,
        /// A stable name of the fault.
        code: &'static str,
        /// One clause for people.
        message: String,
    },
    /// The store refused.
    #[error("store failed")]
    Store(#[from] store::Error),
}

impl Error {
    /// A field's value cannot be taken.
    pub fn invalid(field: &'static str, code: &'static str, message: impl Into<String>) -> Error {
        Error::Invalid { field, code, message: message.into() }
    }

    /// The actor may not.
    pub fn denied(capability: Capability) -> Error {
        Error::Denied(Denied { capability })
    }
}

/// What verbs on tickets return.
pub type Result<T> = std::result::Result<T, Error>;
