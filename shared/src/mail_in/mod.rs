//! How a mail comes in. One function reads as the pipeline:
//!
//! **keep** (bytes and arrival committed: now the sender may forget it) → **parse** → **dedupe** → **authenticate** →
//! **classify** → **match** → **apply** (one transaction) → **ring** the doorbell.
//!
//! [`receive`] is what every door calls. Keep and apply are each group-committed by a loop that takes what waits and
//! never sleeps for company ([`Ingest`]). Stages between are plain functions: bytes and facts in, decision out. What a
//! stage saw and decided is kept as the mail's trace, so that every decision can be explained and run again (E G6).

mod apply;
pub mod authenticate;
pub mod bounce;
pub mod cards;
pub mod classify;
pub mod commands;
pub mod deceit;
pub mod decide;
pub mod explain;
pub mod fingerprint;
pub mod forward;
pub mod headers;
pub mod html;
mod impostor;
mod ingest;
mod keep;
mod known;
mod matching;
pub mod origin;
pub mod original;
mod outcome;
pub mod parse;
pub mod quote;
mod recipients;
pub mod relay_events;
pub mod release;
pub mod replay;
pub mod sanitise;
mod senders;
pub mod spam;
mod sql;
#[cfg(test)]
mod tests;
mod trace;
pub mod types;
pub mod unpack;
pub mod variants;
mod view;

pub use fingerprint::dedupe_key;
pub use ingest::Ingest;
pub use keep::{Arrival, Door, Kept};
pub(crate) use matching::looks_like_pid;
pub use outcome::{Applied, MailState, Outcome};
pub use recipients::{Recipient, recipient, recipients_of_tenant};
pub use trace::{PIPELINE, Trace, TraceLine};
pub use view::{InboundMail, MailFilter, get, list, look_at, raw, understood};

use crate::app::App;
use crate::compiled_here;
use crate::ids::MailId;

/// A mail could not be decided now: try again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store refused.
    #[error("store failed")]
    Store(#[from] crate::store::Error),
    /// The blob store refused.
    #[error("blob store failed")]
    Blobs(#[from] crate::blobs::Error),
    /// No mail has this id.
    #[error("no such mail")]
    NotFound,
    /// Another arrival with the same Message-ID was decided since this one was compared with those there were.
    #[error("another mail with this id came at the same moment")]
    Overtaken,
    /// The engine is shutting down.
    #[error("shutting down")]
    Closed,
}

impl Error {
    /// Whether the same call may well succeed a moment later.
    pub fn is_transient(&self) -> bool {
        match self {
            Error::Store(e) => e.is_transient(),
            Error::Blobs(_) | Error::Closed | Error::Overtaken => true,
            Error::NotFound => false,
        }
    }
}

/// Receives a mail from a door: returns when it was applied, with what became of it. As soon as the keeping half has
/// returned, the sender may forget the mail (E1.1); an error after that leaves it `kept` for the worker.
///
/// A mail for mailboxes of several tenants becomes one arrival each (E10.2); the first one's outcome is returned.
///
/// # Errors
/// `Store` or `Blobs` if it could not even be kept: the door must ask the sender to come again.
#[compiled_here]
pub async fn receive(app: &App, ingest: &Ingest, arrival: Arrival) -> Result<Applied, Error> {
    let kept = ingest.keep(arrival).await?;
    let mut first = None;
    for kept in kept {
        let applied = process(app, ingest, kept).await;
        first.get_or_insert(applied);
    }
    Ok(first.expect("every arrival belongs to a tenant"))
}

/// Takes a kept mail through the rest of the pipeline. Running it twice does nothing new. A failure is written down
/// at the mail, which stays visible and is tried again by the worker (E1.3).
#[compiled_here]
pub async fn process(app: &App, ingest: &Ingest, kept: Kept) -> Applied {
    let id = kept.id;
    let applied = match decide::read(app, kept).await {
        Ok(read) => ingest.apply(read).await,
        Err(error) => Err(error),
    };
    match applied {
        Ok(applied) => {
            let outcome = applied.outcome.map(Outcome::as_str);
            tracing::info!(mail.id = id.0, ticket.pid = applied.pid, outcome, "mail received");
            applied
        }
        Err(error) => {
            tracing::warn!(mail.id = id.0, error = &error as &dyn std::error::Error, "mail kept, but not applied yet");
            // A store that cannot be reached says nothing about the mail: it stays kept, and the sweep takes it.
            if error.is_transient() {
                return Applied::not_yet(id);
            }
            if let Err(e) = keep::record_failure(app, id, &error).await {
                tracing::error!(mail.id = id.0, error = &e as &dyn std::error::Error, "failure could not be recorded");
            }
            Applied { outcome: Some(Outcome::Failed), ..Applied::not_yet(id) }
        }
    }
}

/// Takes a mail that an earlier process kept, or that failed, through the pipeline again.
///
/// # Errors
/// If it cannot be loaded.
#[compiled_here]
pub async fn resume(app: &App, ingest: &Ingest, id: MailId) -> Result<Applied, Error> {
    let kept = keep::load(app, id).await?;
    Ok(process(app, ingest, kept).await)
}

/// Returns which of these references a door brought already: the mails they became, and where those stand.
///
/// # Errors
/// See [`crate::store::Error`].
pub async fn brought(app: &App, door: Door, refs: &[String]) -> Result<Vec<(String, MailId, MailState)>, Error> {
    Ok(sql::arrivals_by_ref(&app.db, door, refs).await?)
}

/// Returns mails that a door kept but nobody decided: those left for 10 s (so that door and sweep never race), and
/// failed ones whose next try is due. At most `n`.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn undecided(app: &App, n: i64) -> Result<Vec<MailId>, Error> {
    Ok(sql::undecided(&app.db, n).await?)
}
