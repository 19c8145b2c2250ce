//! Black-box tests: the real server on a port of its own with a database of its own, spoken to over HTTP.
mod doors;
mod frame;
mod harness;
mod operator;
mod processes;
