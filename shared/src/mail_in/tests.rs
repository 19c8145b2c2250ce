//! A mail becomes a ticket, an answer lands on it: on both databases.

use super::types::Facts;
use super::{Arrival, Door, Ingest, Outcome, receive};
use crate::app::App;
use crate::store::testing::on_both_apps;
use crate::store::{Scope, sql};
use bytes::Bytes;

fn arrival(raw: &str) -> Arrival {
    Arrival {
        door: Door::Raw,
        door_ref: None,
        tenant: None,
        facts: Facts::default(),
        raw: Bytes::from(raw.replace('\n', "\r\n")),
    }
}

fn mail(from: &str, id: &str, subject: &str, extra: &str) -> Arrival {
    arrival(&format!(
        "From: {from}\nTo: support@desk.example\nSubject: {subject}\nMessage-ID: <{id}>\nDate: Sat, 21 Nov 2026 10:00:00 +0000\n{extra}\nHello {subject}\n"
    ))
}

async fn count(app: &App, q: &'static str) -> i64 {
    let (n,): (i64,) = sql(q).one(&mut app.db.read(Scope::All)).await.expect("counts");
    n
}

#[tokio::test]
async fn a_mail_becomes_a_ticket_and_its_answer_joins_it() {
    on_both_apps(async |app| {
        let ingest = Ingest::start(app.clone());
        let first = receive(&app, &ingest, mail("Ada <ada@customer.example>", "1@customer.example", "Broken", ""))
            .await
            .unwrap();
        assert_eq!(first.outcome, Some(Outcome::TicketCreated), "{first:?}");
        assert!(first.pid.as_deref().is_some_and(|p| p.ends_with("-0001")));
        let again = receive(&app, &ingest, mail("Ada <ada@customer.example>", "1@customer.example", "Broken", ""))
            .await
            .unwrap();
        assert_eq!((again.outcome, again.ticket_id), (Some(Outcome::Duplicate), first.ticket_id));
        assert_ne!(again.mail_id, first.mail_id);
        let answer =
            mail("ada@customer.example", "2@customer.example", "Re: Broken", "In-Reply-To: <1@customer.example>\n");
        let answer = receive(&app, &ingest, answer).await.unwrap();
        assert_eq!((answer.outcome, answer.ticket_id), (Some(Outcome::MessageAdded), first.ticket_id));
        let stranger =
            mail("eve@other.example", "3@other.example", "Re: Broken", "In-Reply-To: <1@customer.example>\n");
        let stranger = receive(&app, &ingest, stranger).await.unwrap();
        assert_eq!(stranger.outcome, Some(Outcome::TicketCreated));
        assert_ne!(stranger.ticket_id, first.ticket_id);
        assert_eq!(count(&app, "SELECT COUNT(*) FROM tickets").await, 2);
        assert_eq!(count(&app, "SELECT COUNT(*) FROM ticket_messages").await, 3);
        assert_eq!(count(&app, "SELECT COUNT(*) FROM outbox WHERE kind = 'ack'").await, 2);
        assert_eq!(count(&app, "SELECT COUNT(*) FROM inbound_mails WHERE state = 'applied'").await, 4);
    })
    .await;
}

#[tokio::test]
async fn many_at_once_lose_and_double_nothing() {
    on_both_apps(async |app| {
        let ingest = Ingest::start(app.clone());
        let mails = (0..200).map(|i| {
            let n = i % 150;
            mail(&format!("c{n}@customer{n}.example"), &format!("{n}@x"), &format!("S{n}"), "")
        });
        let results = futures::future::join_all(mails.map(|m| receive(&app, &ingest, m))).await;
        let created = results.iter().filter(|r| r.as_ref().unwrap().outcome == Some(Outcome::TicketCreated)).count();
        assert_eq!(created, 150);
        assert_eq!(count(&app, "SELECT COUNT(*) FROM tickets").await, 150);
        assert_eq!(count(&app, "SELECT last FROM pid_counters").await, 150);
        assert_eq!(count(&app, "SELECT COUNT(DISTINCT pid) FROM tickets").await, 150);
        assert_eq!(count(&app, "SELECT COUNT(*) FROM inbound_mails WHERE outcome = 'duplicate'").await, 50);
    })
    .await;
}

/// E1.9: copies and variants that come at the same moment by several processes: the copies are one message, and whoever
/// differs has their own.
#[tokio::test]
async fn variants_at_once_are_compared_with_each_other() {
    on_both_apps(async |app| {
        let processes: Vec<Ingest> = (0..3).map(|_| Ingest::start(app.clone())).collect();
        let mails = (0..9).map(|i| {
            let (list, text) = (format!("List-Id: <l{i}.lists.example>\n"), if i < 6 { "Ours" } else { "Theirs" });
            let raw = mail("Ada <ada@customer.example>", "1@customer.example", "Broken", &list);
            let raw = String::from_utf8(raw.raw.to_vec()).unwrap().replace("Hello", &format!("{text} {}", i.max(5)));
            arrival(&format!("{}-----\nl{i}@lists.example\n", raw.replace("\r\n", "\n")))
        });
        let receive = |(i, m)| receive(&app, &processes[i % 3], m);
        let results = futures::future::join_all(mails.enumerate().map(receive)).await;
        let outcomes: Vec<_> = results.iter().map(|r| r.as_ref().unwrap().outcome).collect();
        let n = |o| outcomes.iter().filter(|found| **found == Some(o)).count();
        assert_eq!((n(Outcome::TicketCreated), n(Outcome::Duplicate)), (4, 5), "{outcomes:?}");
        assert_eq!(count(&app, "SELECT COUNT(*) FROM ticket_messages").await, 4);
        assert_eq!(count(&app, "SELECT COUNT(*) FROM inbound_mails WHERE variant_of IS NOT NULL").await, 8);
        assert_eq!(count(&app, "SELECT COUNT(*) FROM mail_variants").await, 1);
    })
    .await;
}

#[tokio::test]
async fn what_is_no_mail_is_kept_and_visible() {
    on_both_apps(async |app| {
        let ingest = Ingest::start(app.clone());
        let junk = Arrival { raw: Bytes::from_static(&[0, 1, 2, 255, 254, 13, 10]), ..arrival("") };
        let applied = receive(&app, &ingest, junk).await.unwrap();
        assert_eq!(applied.outcome, Some(Outcome::KeptUnparsed));
        assert_eq!(super::raw(&app, applied.mail_id).await.unwrap().as_ref(), [0, 1, 2, 255, 254, 13, 10]);
    })
    .await;
}
