//! Messages: the entries of a ticket's conversation.

pub mod types;

pub use types::{Message, MessageKind, Side};
