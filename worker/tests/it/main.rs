//! The worker's edges against real peers: an SMTP server and a Redis server of this test's own.

mod desk;
mod digest;
mod imap;
mod inbound;
mod outcomes;
mod process;
mod queue;
mod redis;
mod smtp;
mod smtp_faults;
mod smtp_hostile;
mod smtp_tls;
mod support;
