//! The product as it is run: real processes, on both databases, with Redis and a real SMTP server where they belong.

mod crowd;
mod import;
mod kill;
mod live;
mod pipe;
mod postfix;
pub mod run;
mod whole_loop;
