//! How a mail comes in: keep, parse, dedupe, authenticate, classify, match, apply.

pub mod bounce;
pub mod classify;
pub mod fingerprint;
pub mod forward;
pub mod headers;
pub mod html;
pub mod parse;
pub mod quote;
pub mod sanitise;
pub mod types;

pub use fingerprint::dedupe_key;
