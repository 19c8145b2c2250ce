//! Mails a second through `POST /api/inbound/raw`, against the database alone in the same run, and what a thousand of
//! them cost in processor time.

use crate::database::{Database, Kind};
use crate::load::{self, Done};
use crate::raw::Raw;
use crate::server::Server;
use crate::table::{self, median, percent};
use crate::{mails, process};
use std::time::Duration;

const CLIENTS: [usize; 3] = [1, 8, 32];
/// Rounds of each measure, raw and ours in turn, so that a neighbour's work disturbs both.
const ROUNDS: usize = 5;
const RAW_TIME: Duration = Duration::from_secs(2);
const TIME: Duration = Duration::from_secs(3);
/// More mails than could be posted in that time.
const MOST: usize = 30_000;

/// One round.
struct Round {
    raw: f64,
    ours: Done,
    server_cpu: f64,
    database_cpu: f64,
    client_cpu: f64,
}

/// Runs the section.
pub async fn run() {
    let (mut rates, mut costs) = (Vec::new(), Vec::new());
    for kind in Kind::wanted() {
        let (Some(raw), Some(database)) = (Raw::fresh(kind).await, Database::fresh(kind).await) else { continue };
        // The worker would send while this measures what comes in; it has a section of its own.
        let (server, _) = Server::start(&database, &[("POSTROOM_WORKER", "off")]).await;
        let mut posted = 0;
        for clients in CLIENTS {
            let mut rounds = Vec::new();
            for _ in 0..ROUNDS {
                rounds.push(round(&raw, &database, &server, clients, &mut posted).await);
            }
            let middle = |f: fn(&Round) -> f64| median(rounds.iter().map(f).collect());
            let ratio = middle(|r| r.ours.rate() / r.raw);
            rates.push(vec![
                kind.name().to_owned(),
                clients.to_string(),
                format!("{:.0}", middle(|r| r.ours.rate())),
                format!("{:.1}", middle(|r| r.ours.p50_ms)),
                format!("{:.1}", middle(|r| r.ours.p99_ms)),
                format!("{:.0}", middle(|r| r.raw)),
                percent(ratio, 1.0),
            ]);
            let per_thousand = |cpu: fn(&Round) -> f64| {
                median(rounds.iter().map(|r| cpu(r) * 1000.0 / r.ours.answered as f64).collect())
            };
            let (own, theirs) = (per_thousand(|r| r.server_cpu), per_thousand(|r| r.database_cpu));
            costs.push(vec![
                kind.name().to_owned(),
                clients.to_string(),
                format!("{own:.2}"),
                format!("{theirs:.2}"),
                format!("{:.2}", own + theirs),
                format!("{:.2}", per_thousand(|r| r.client_cpu)),
            ]);
        }
        let tickets = database.count("SELECT COUNT(*) FROM tickets").await;
        assert_eq!(tickets, posted as i64, "every mail that was answered is a ticket");
        server.stop();
        raw.drop_it().await;
        database.drop_it().await;
    }
    table::print(
        "Mail in: POST /api/inbound/raw against the database alone (one commit per ticket); aim: 80 % with 32 clients",
        &["database", "clients", "mails/s", "p50 ms", "p99 ms", "raw tickets/s", "ratio"],
        &rates,
    );
    table::print(
        "Processor seconds per 1,000 mails in; aim: 0.5 in all",
        &["database", "clients", "server", "database", "in all", "(this client)"],
        &costs,
    );
}

async fn round(raw: &Raw, database: &Database, server: &Server, clients: usize, posted: &mut usize) -> Round {
    let raw = raw.rate(clients, RAW_TIME).await;
    let requests = mails::requests(*posted, MOST);
    let me = std::process::id();
    let before = (server.cpu(), database.cpu().await, process::cpu(me));
    let ours = load::post(server.addr, clients, TIME, requests, "\"outcome\":\"ticket_created\"").await;
    *posted += ours.answered;
    Round {
        raw,
        ours,
        client_cpu: process::cpu(me) - before.2,
        server_cpu: server.cpu() - before.0,
        database_cpu: database.cpu().await - before.1,
    }
}
