//! How a mail goes out: signed addresses and ids, outbox rows, composing, templates, and when to try again.

pub mod answered;
pub mod build;
pub mod caps;
pub mod complaints;
pub mod compose;
pub mod contents;
pub mod digest;
pub mod dkim;
mod encode;
pub mod enqueue;
pub mod handle;
pub mod headers;
pub mod kinds;
pub mod links;
pub mod marker;
pub mod message_id;
pub mod outbox;
pub mod relays;
pub mod render;
pub mod retry;
pub mod schedule;
pub mod slow;
pub mod suppress;
pub mod threading;
pub mod token;
pub mod unsubscribe;
