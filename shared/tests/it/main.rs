//! Integration tests of `shared`, one binary.

mod cases;
mod corpus;
mod docs;
mod fuzz;
mod mail;
mod reading;
mod rules;
mod schema;
mod senders;
