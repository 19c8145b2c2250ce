//! Integration tests of `shared`, one binary.

mod corpus;
mod docs;
mod mail;
