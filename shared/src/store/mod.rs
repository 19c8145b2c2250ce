//! The store: one way to SQLite and PostgreSQL, with one SQL text for both wherever their dialects agree.
//!
//! Owns connections, transactions, migrations and the conversion of values. Must not know any noun. All access
//! goes through [`Db::read`] and [`Db::write`], which take the [`Scope`] that the rows lie in: the wall between
//! tenants can so be put up in one place. SQL texts live in the nouns' `sql.rs` files; what differs between the
//! dialects stands side by side in [`dialect`]. Read next: [`query`].

pub mod dialect;
mod error;
mod many;
mod migrate;
mod notify;
mod pool;
mod query;
mod sqlite;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod value;

pub use error::Error;
pub use migrate::{applied_migrations, schema_checks, schema_columns, schema_indexes, schema_links};
pub use notify::Heard;
pub use pool::{Db, Read, Reader, Scope, Tx};
pub use query::{Exec, Q, Row, insert_many, insert_many_returning, sql, update_many};
pub use value::Value;

/// What the store's calls return.
pub type Result<T> = std::result::Result<T, Error>;
