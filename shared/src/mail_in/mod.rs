//! How a mail comes in: keep, parse, dedupe, authenticate, classify, match, apply.

pub mod types;
