//! Postroom's background worker and its edges to the outside: the SMTP relay and the doorbell queue.

pub mod queue;
pub mod sink;
pub mod transport;
