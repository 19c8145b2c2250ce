//! What the figures were taken on.

use crate::database::{self, Kind};
use std::process::Command;

/// Prints processors, load, compiler and database versions.
pub async fn print() {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').take(3).collect::<Vec<_>>().join(" ");
    let rustc = Command::new("rustc").arg("--version").output().map(|o| o.stdout).unwrap_or_default();
    println!("{} UTC, {cores} cores, load {load}", shared::clock::now().format("%Y-%m-%d %H:%M"));
    println!("{}", String::from_utf8_lossy(&rustc).trim());
    for kind in Kind::ALL {
        match database::version(kind).await {
            Some(version) => println!("{version}"),
            None => println!("PostgreSQL: skipped, TEST_POSTGRES_URL is not set"),
        }
    }
}
