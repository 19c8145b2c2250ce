//! What an agent is not told by sixty notices an hour comes as one mail (E5.12), sent by a running worker.

use bytes::Bytes;
use mail_parser::MessageParser;
use shared::access::{Actor, Capabilities, Role};
use shared::ids::TenantId;
use shared::mail_in::types::Facts;
use shared::mail_in::{Applied, Arrival, Door, Ingest, receive};
use shared::store::testing::on_both_apps;
use shared::users::{self, NewUser};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use worker::dispatch::{Dispatcher, Transport};

use crate::desk::{change, count};
use crate::support::{sink, smtp, until};

const AGENT: &str = "berta@desk.example";
/// Two more than an agent gets in an hour.
const TICKETS: usize = 62;

async fn deliver(app: &shared::app::App, ingest: &Ingest, n: usize, more: &str) -> Applied {
    let raw = format!(
        "From: c{n}@firm{n}.example\r\nTo: support@desk.example\r\nSubject: Case {n}\r\n{more}\r\n\r\nCase {n} here.\r\n"
    );
    let arrival =
        Arrival { door: Door::Raw, door_ref: None, tenant: None, facts: Facts::default(), raw: Bytes::from(raw) };
    receive(app, ingest, arrival).await.expect("it is received")
}

/// E5.12, E8.1: above sixty an hour notices are held back, each with its event; an hour later the digest lists them, once.
#[tokio::test]
async fn what_was_held_back_comes_as_one_digest() {
    on_both_apps(async |app| {
        let ingest = Ingest::start(app.clone());
        let new = NewUser {
            tenant: Some(TenantId(1)),
            email: AGENT.to_owned(),
            name: Some("Berta".to_owned()),
            role: Role::Agent,
            locale: None,
            // Without one there would be an invitation, which counts too.
            password: Some("a password for tests".to_owned()),
            extra: Capabilities::default(),
        };
        users::create(&app, &Actor::system(), new).await.expect("an agent is made");
        let mut pids = Vec::new();
        for n in 0..TICKETS {
            let made = deliver(&app, &ingest, n, &format!("Message-ID: <q{n}@firm.example>")).await;
            pids.push(made.pid.expect("a ticket was made"));
        }
        change(&app, "UPDATE tickets SET assigned_to = (SELECT id FROM users WHERE email = 'berta@desk.example')")
            .await;
        for n in 0..TICKETS {
            let more = format!("Message-ID: <r{n}@firm.example>\r\nIn-Reply-To: <q{n}@firm.example>");
            deliver(&app, &ingest, n, &more).await;
        }
        let notices = "SELECT COUNT(*) FROM outbox WHERE kind = 'notice' AND to_email = 'berta@desk.example'";
        assert_eq!(count(&app, notices).await, 60);
        assert_eq!(count(&app, "SELECT COUNT(*) FROM digest_items").await, 2);
        let told = "SELECT COUNT(*) FROM ticket_events WHERE kind = 'AUTO_SUPPRESSED' AND data LIKE '%cap_agent_hour%'";
        assert_eq!(count(&app, told).await, 2);

        let sink = sink().await;
        let digests = || {
            let to = |m: &&worker::sink::Received| m.rcpt[0] == AGENT;
            let all: Vec<Vec<u8>> = sink.received().iter().filter(to).map(|m| m.data.clone()).collect();
            all.into_iter().filter(|data| String::from_utf8_lossy(data).contains("digest.")).collect::<Vec<_>>()
        };
        let run = async || {
            let dispatcher =
                Dispatcher::new(app.clone(), Transport::Smtp(smtp(&sink.url()))).expect("the templates are whole");
            let stop = CancellationToken::new();
            let worker = tokio::spawn(worker::run_with(dispatcher, Ingest::start(app.clone()), stop.clone()));
            (worker, stop)
        };
        // Not before the hour is over.
        let (worker, stop) = run().await;
        until("sixty notices", || sink.received().iter().filter(|m| m.rcpt[0] == AGENT).count() == 60).await;
        assert!(digests().is_empty());
        stop.cancel();
        worker.await.expect("it ends").expect("it ends well");
        change(&app, "UPDATE digest_items SET created_at = '2026-01-01T00:00:00+00:00'").await;
        let (worker, stop) = run().await;
        until("the digest", || !digests().is_empty()).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        stop.cancel();
        worker.await.expect("it ends").expect("it ends well");
        let found = digests();
        assert_eq!(found.len(), 1);
        assert_eq!(count(&app, "SELECT COUNT(*) FROM digest_items").await, 0);
        let mail = MessageParser::new().parse(&found[0]).expect("a mail");
        let header = |name: &str| mail.header_raw(name).map(|v| v.trim().to_owned());
        assert_eq!(header("Auto-Submitted").as_deref(), Some("auto-generated"));
        assert_eq!(header("Precedence").as_deref(), Some("bulk"));
        assert!(header("List-Unsubscribe").is_some() && header("Reply-To").is_none());
        for body in [mail.body_text(0).expect("text"), mail.body_html(0).expect("html")] {
            let named: Vec<&String> = pids.iter().filter(|pid| body.contains(pid.as_str())).collect();
            assert_eq!(named, [&pids[60], &pids[61]], "{body}");
        }
    })
    .await;
}
