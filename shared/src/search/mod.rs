//! Search: which tickets and messages have which words.
//!
//! One tokeniser of ours ([`tokens`]) feeds SQLite's FTS5 and PostgreSQL's tsvector alike, so that both find the same
//! (DESIGN 12). Workers index what waits ([`index_some`]); a PID, an address and the beginning of a subject are found at
//! once, without the index (`tickets::list`). Read next: [`query`], the grammar, then `find`.

mod document;
mod expression;
mod find;
mod index;
pub mod query;
mod snippet;
mod sql;
#[cfg(test)]
mod tests;
pub mod tokens;

pub(crate) use find::among_tickets;
pub use find::{Found, Hit, hits_of, people, search};
pub(crate) use index::unindex;
pub use index::{index_some, rebuild};
pub use snippet::Piece;
pub use sql::Somebody;
