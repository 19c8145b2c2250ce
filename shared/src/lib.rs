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
pub mod categories;
pub mod clock;
pub mod config;
pub mod coverage;
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
pub mod instance;
pub mod keys;
pub mod live;
pub mod logging;
pub mod mail_in;
pub mod mail_out;
pub mod mailboxes;
pub mod markdown;
pub mod messages;
pub mod ratings;
pub mod s3;
pub mod search;
pub mod ses;
pub mod sessions;
pub mod setup;
pub mod spool;
pub mod store;
pub mod tenants;
pub mod text_enum;
pub mod tickets;
pub mod users;
