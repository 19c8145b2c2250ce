//! How a mail goes out: signed addresses and ids, composing, templates, and when to try again.

pub mod compose;
pub mod contents;
mod encode;
pub mod headers;
pub mod kinds;
pub mod message_id;
pub mod render;
pub mod retry;
pub mod threading;
pub mod token;
