//! `postroom doctor`: the promises of DESIGN 11, checked on a live database.
//!
//! One file per group of promises; the SQL stands in `sql.rs`. Big tables are read in windows of 1,000 rows, so memory
//! stays constant (but for one bit per ticket, see [`pids`]) and no statement runs long. Nothing is written and nothing
//! locked: each statement sees one moment, and what is compared over several statements is read in an order in which a
//! running server cannot make it look wrong.

mod chain;
mod counts;
mod files;
mod finding;
mod mails;
mod outbox;
mod pids;
mod sql;
#[cfg(test)]
mod tests;
mod walls;

pub use chain::{BrokenLink, Chains, chains};
pub use finding::{Fault, Finding, Invariant};

use crate::app::App;
use crate::clock::Time;
use crate::compiled_here;
use crate::store::{Scope, dialect};
use chrono::Duration;

/// How much is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Rows only; files must be there, their bytes are not read.
    Quick,
    /// Every byte is hashed.
    Full,
}

/// The check itself could not be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database failed.
    #[error("the database cannot be read")]
    Store(#[from] crate::store::Error),
    /// The blob store failed (a missing blob is a finding, no error).
    #[error("the blob store cannot be read")]
    Blobs(#[source] crate::blobs::Error),
}

/// What the checks return.
pub type Result<T> = std::result::Result<T, Error>;

/// Checks every invariant and returns one finding each, in their order, whether all is well with it or not.
///
/// # Errors
/// If database or blob store cannot be read.
#[compiled_here]
pub async fn run(app: &App, depth: Depth) -> Result<Vec<Finding>> {
    let now = dialect::now(&mut app.db.read(Scope::All)).await?;
    Ok(vec![
        mails::kept(app, now).await?,
        mails::once(app).await?,
        pids::gapless(app).await?,
        chain::whole(app).await?,
        outbox::posted(app, now).await?,
        files::attachments(app, depth).await?,
        walls::standing(app).await?,
        mails::unaltered(app, depth).await?,
        outbox::self_reliant(app).await?,
        counts::right(app).await?,
    ])
}

/// Something that can be wrong with the rows of one table (or with what hangs on them).
struct Probe {
    /// What a row that the text finds is.
    what: &'static str,
    /// Selects one text per bad row among those of the table with `id > $1 AND id <= $2`; `$3`, if used, is the moment
    /// `age` ago.
    text: &'static str,
    /// Makes `$3`.
    age: Option<Duration>,
}

impl Probe {
    const fn new(what: &'static str, text: &'static str) -> Probe {
        Probe { what, text, age: None }
    }

    const fn older(what: &'static str, age: Duration, text: &'static str) -> Probe {
        Probe { what, text, age: Some(age) }
    }
}

/// Runs probes over a whole table, window by window.
async fn sweep<P: std::borrow::Borrow<Probe>>(
    app: &App,
    finding: &mut Finding,
    table: sql::Table,
    probes: &[P],
    now: Time,
) -> Result<()> {
    let mut after = 0;
    while let Some((last, rows)) = sql::window(&app.db, table, after).await? {
        for probe in probes.iter().map(std::borrow::Borrow::borrow) {
            let from = probe.age.map(|age| now - age);
            for label in sql::labels(&app.db, probe.text, after, last, from).await? {
                finding.fault(probe.what, label);
            }
        }
        finding.looked(rows);
        after = last;
    }
    Ok(())
}
