//! API.
pub mod web;
