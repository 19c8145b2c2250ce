//! Postroom's domain: the store, tickets and their timeline, and the pipeline that a mail goes through.
//!
//! Knows nothing of HTTP. Dependencies point one way: types, then SQL, then verbs, then `mail_in` and `mail_out`.

pub mod access;
pub mod address;
pub mod app;
pub mod archive;
pub mod attachments;
pub mod audit;
pub mod blobs;
pub mod canned;
pub mod categories;
pub mod clock;
pub mod config;
pub mod coverage;
pub mod customers;
pub mod doctor;
pub mod doorbell;
pub mod doors;
pub mod drafts;
pub mod erase;
pub mod events;
pub mod fault;
pub mod fetch;
pub mod housekeeping;
pub mod i18n;
pub mod ids;
pub mod imap_accounts;
pub mod incidents;
pub mod instance;
pub mod keys;
pub mod live;
pub mod logging;
pub mod mail_in;
pub mod mail_out;
pub mod mailboxes;
pub mod markdown;
pub mod messages;
pub mod previews;
pub mod ratings;
pub mod redact;
pub mod s3;
pub mod saved_views;
pub mod search;
pub mod secrets;
pub mod ses;
pub mod sessions;
pub mod setup;
pub mod spool;
pub mod store;
pub mod system;
pub mod tenants;
pub mod text_enum;
pub mod tickets;
pub mod users;
pub mod zone;

/// On every verb that other crates await. The body of an `async fn` is compiled by each crate that awaits it, with all that
/// it awaits in turn; boxed, it is compiled here, once.
pub(crate) use async_recursion::async_recursion as compiled_here;
