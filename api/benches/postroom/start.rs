//! Start to first answer, memory at rest, size of the binary.

use crate::database::{Database, Kind};
use crate::server::{self, Server};
use crate::table::{self, median};
use std::time::Duration;

const STARTS: usize = 10;
const REST: Duration = Duration::from_secs(5);

/// Runs the section.
pub async fn run() {
    let mut rows = Vec::new();
    for kind in Kind::wanted() {
        let (mut first, mut again) = (Vec::new(), Vec::new());
        let mut memory = 0;
        for n in 0..STARTS {
            let Some(database) = Database::fresh(kind).await else { break };
            let (server, took) = Server::start(&database, &[]).await;
            first.push(took.as_secs_f64() * 1000.0);
            server.stop();
            let (server, took) = Server::start(&database, &[]).await;
            again.push(took.as_secs_f64() * 1000.0);
            if n == 0 {
                tokio::time::sleep(REST).await;
                memory = server.resident();
            }
            server.stop();
            database.drop_it().await;
        }
        if first.is_empty() {
            continue;
        }
        let least = |times: &[f64]| times.iter().copied().fold(f64::INFINITY, f64::min);
        rows.push(vec![
            kind.name().to_owned(),
            format!("{:.0} / {:.0}", least(&first), median(first.clone())),
            format!("{:.0} / {:.0}", least(&again), median(again.clone())),
            format!("{:.1}", memory as f64 / 1e6),
        ]);
    }
    table::print(
        "Start to the first 200 of /healthz (aim: under 100 ms), memory after 5 s at rest (aim: under 60 MB)",
        &["database", "first start, least / median ms", "later start, least / median ms", "memory MB"],
        &rows,
    );
    let size = std::fs::metadata(server::BINARY).map_or(0, |m| m.len());
    println!("\nBinary as built by this run: {:.1} MB", size as f64 / 1e6);
}
