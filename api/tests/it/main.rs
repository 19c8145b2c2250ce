//! Black-box tests: the real server on a port of its own with a database of its own, spoken to over HTTP.

mod access;
mod accounts;
mod administration;
mod api_docs;
mod bad_input;
mod commands;
mod doors;
mod erasing;
mod frame;
mod harness;
mod idempotency;
mod imap_accounts;
mod live;
mod logs;
mod mail_html;
mod mails;
mod operator;
mod processes;
mod providers;
mod ratings;
mod round_trip;
mod sending;
mod smtp;
mod spam;
mod tickets;
mod views;
