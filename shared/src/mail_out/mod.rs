//! How a mail goes out: signed addresses and ids, composing, templates, and when to try again.

pub mod kinds;
pub mod message_id;
pub mod token;
