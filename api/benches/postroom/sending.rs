//! Mails a second that leave to an SMTP sink in this process, against the lower of two limits measured in the same run:
//! lettre's bare commands, and the database alone.

use crate::bare::Mails;
use crate::database::{Database, Kind};
use crate::raw_sending::RawSending;
use crate::server::Server;
use crate::table::{self, median, percent};
use crate::{load, mails};
use std::time::{Duration, Instant};
use worker::sink::{Keep, Sink, SinkOptions};

/// Connections to the relay; 4 is the product's default.
const CONNECTIONS: [usize; 3] = [1, 4, 16];
const ROUNDS: usize = 3;
/// Mails of one round.
const MAILS: usize = 2000;
/// Those that leave before the clock starts: the server itself is starting.
const WARM: usize = 200;
/// No round takes as long.
const LIMIT: Duration = Duration::from_secs(120);

struct Round {
    bare: f64,
    raw: f64,
    ours: f64,
    server_cpu: f64,
    database_cpu: f64,
}

/// Runs the section.
pub async fn run() {
    let mut rows = Vec::new();
    for kind in Kind::wanted() {
        let (Some(raw), Some(database)) = (RawSending::fresh(kind).await, Database::fresh(kind).await) else {
            continue;
        };
        let mut posted = 0;
        for connections in CONNECTIONS {
            let mut rounds = Vec::new();
            for _ in 0..ROUNDS {
                fill(&database, posted).await;
                posted += MAILS;
                rounds.push(round(&raw, &database, connections).await);
            }
            let middle = |f: fn(&Round) -> f64| median(rounds.iter().map(f).collect());
            let per_thousand = |cpu: f64| format!("{:.2}", cpu * 1000.0 / (MAILS - WARM) as f64);
            rows.push(vec![
                kind.name().to_owned(),
                connections.to_string(),
                format!("{:.0}", middle(|r| r.ours)),
                format!("{:.0}", middle(|r| r.bare)),
                format!("{:.0}", middle(|r| r.raw)),
                percent(middle(|r| r.ours / r.bare.min(r.raw)), 1.0),
                per_thousand(middle(|r| r.server_cpu)),
                per_thousand(middle(|r| r.database_cpu)),
            ]);
        }
        raw.drop_it().await;
        database.drop_it().await;
    }
    table::print(
        "Mail out: to an SMTP sink, against the lower of bare lettre and the database alone; aim: 80 %",
        &[
            "database",
            "connections",
            "mails/s",
            "bare lettre",
            "raw database",
            "ratio",
            "server CPU s/1,000",
            "database CPU s/1,000",
        ],
        &rows,
    );
}

/// Lets mails come in, so that as many acknowledgements wait.
async fn fill(database: &Database, from: usize) {
    let (server, _) = Server::start(database, &[("POSTROOM_WORKER", "off")]).await;
    let requests = mails::requests(from, MAILS);
    let done = load::post(server.addr, 32, LIMIT, requests, "\"outcome\":\"ticket_created\"").await;
    assert_eq!(done.answered, MAILS, "every mail is answered");
    server.stop();
}

async fn round(raw: &RawSending, database: &Database, connections: usize) -> Round {
    let sink = sink().await;
    let waiting = Mails::waiting(database).await;
    assert_eq!(waiting.len(), MAILS, "each mail waits to be acknowledged");
    let raw = raw.rate(connections, MAILS, waiting.example().await).await;
    let bare = waiting.rate(sink.addr(), connections).await;
    assert_eq!(sink.count(), MAILS, "the sink has each once");
    sink.forget();
    // The sink sends no probe back: the mailbox counts as tried, so that mails have signed addresses as they will have.
    let tried = "UPDATE mailboxes SET tags = 'works', asked_at = created_at, answered_at = created_at RETURNING id";
    database.count(tried).await;

    let (url, number) = (sink.url(), connections.to_string());
    let (server, _) = Server::start(database, &[("SMTP_URL", &url), ("POSTROOM_SMTP_CONNECTIONS", &number)]).await;
    assert!(sink.wait_for(WARM, LIMIT).await, "mail leaves");
    let began = Instant::now();
    let warm = sink.count();
    let before = (server.cpu(), database.cpu().await);
    assert!(sink.wait_for(MAILS, LIMIT).await, "all mail leaves");
    let ours = (MAILS - warm) as f64 / began.elapsed().as_secs_f64();
    let (server_cpu, database_cpu) = (server.cpu() - before.0, database.cpu().await - before.1);
    server.stop();
    assert_eq!(sink.count(), MAILS, "the sink has each once");
    assert_eq!(database.count("SELECT COUNT(*) FROM outbox WHERE state <> 'sent'").await, 0, "all is on record");
    Round { bare, raw, ours, server_cpu, database_cpu }
}

async fn sink() -> Sink {
    Sink::start(SinkOptions { keep: Keep::Count, ..SinkOptions::default() }).await.expect("a free port")
}
