//! A customer writes, an agent answers, the customer answers back: as a new user would try it.

use super::run::{DESK, Installation, Process, eventually};
use crate::harness::Database;
use serde_json::{Value, json};
use std::time::Duration;
use worker::sink::{Sink, SinkOptions};

const FIRST: &str = "From: Ada <ada@customer.example>\nTo: support@desk.example\nSubject: Printer on fire\n\
Message-ID: <first@customer.example>\nDate: Sat, 21 Nov 2026 10:00:00 +0000\n\nPlease help.\n";

/// Returns a header's value, unfolded.
fn header<'a>(mail: &'a str, name: &str) -> std::borrow::Cow<'a, str> {
    let parsed = mail_parser::MessageParser::default().parse(mail.as_bytes()).expect("a mail");
    let value = parsed.header_raw(name).unwrap_or_else(|| panic!("no {name} in {mail}"));
    value.split_whitespace().collect::<Vec<_>>().join(" ").into()
}

async fn answer(server: &Process, token: &str, ticket: &Value, body: &str) -> Value {
    let path = format!("/api/support/tickets/{ticket}/messages");
    server.request("POST", &path).bearer(token).json(json!({"body": body})).send().await.expect(201)
}

/// The customer's client answers a mail of ours: to its Reply-To, naming its Message-ID.
fn reply_to(ours: &str, body: &str) -> String {
    let to = header(ours, "Reply-To");
    let id = header(ours, "Message-ID");
    let references = header(ours, "References");
    format!(
        "From: Ada <ada@customer.example>\nTo: {to}\nSubject: {}\nMessage-ID: <second@customer.example>\nIn-Reply-To: {id}\n\
         References: {references} {id}\nDate: Sat, 21 Nov 2026 11:00:00 +0000\n\n{body}\n",
        header(ours, "Subject")
    )
}

async fn messages(server: &Process, token: &str, ticket: &Value) -> Vec<Value> {
    let path = format!("/api/support/tickets/{ticket}");
    let shown = server.request("GET", &path).bearer(token).send().await.expect(200);
    shown["messages"].as_array().expect("messages").clone()
}

#[tokio::test]
async fn one_process_with_nothing_else() {
    for database in [Some(Database::sqlite()), Database::postgres().await].into_iter().flatten() {
        let place = Installation::new(database, &[]);
        let server = place.serve(&[]).await;
        let first = server.mail(FIRST).await;
        assert_eq!(first["outcome"], "ticket_created", "{first}");
        let ticket = &first["ticket_id"];
        let token = server.admin_token().await;
        answer(&server, &token, ticket, "Have you tried turning it off?").await;
        // Captured mail is sent mail: kept, and shown as its recipient gets it.
        let sent = eventually("the reply", Duration::from_secs(20), async || {
            let path = format!("/api/support/tickets/{ticket}/mails");
            let mails = server.request("GET", &path).bearer(&token).send().await.expect(200);
            let sent = |m: &&Value| m["kind"] == "reply" && m["state"] == "sent";
            mails["data"].as_array().expect("mails").iter().find(sent).cloned()
        })
        .await;
        let raw = server.request("GET", &format!("/api/outbox/{}/raw", sent["id"])).bearer(&token).send().await;
        let ours = String::from_utf8(raw.body).expect("our own mail is text");
        assert!(ours.contains("Have you tried turning it off?"), "{ours}");
        let second = server.mail(&reply_to(&ours, "It is still on fire.")).await;
        assert_eq!((&second["outcome"], &second["ticket_id"]), (&json!("message_added"), ticket), "{second}");
        let all = messages(&server, &token, ticket).await;
        assert_eq!(all.len(), 3, "{all:?}");
        assert_eq!(all[2]["author"]["email"], "ada@customer.example");
        server.terminate().await;
        // A second start finds everything again.
        let again = place.serve(&[]).await;
        assert_eq!(messages(&again, &token, ticket).await.len(), 3);
        again.terminate().await;
        place.doctor().await;
        place.database.drop_it().await;
    }
}

#[tokio::test]
async fn two_servers_and_two_workers_on_postgresql_redis_and_smtp() {
    let (Some(database), Ok(redis)) = (Database::postgres().await, std::env::var("TEST_REDIS_URL")) else {
        println!("skipped: TEST_POSTGRES_URL or TEST_REDIS_URL is not set");
        return;
    };
    let sink = Sink::start(SinkOptions::default()).await.expect("the sink listens");
    let place = Installation::new(database, &[("REDIS_URL", &redis), ("SMTP_URL", &sink.url())]);
    let (a, b) = (place.serve(&[]).await, place.serve(&[]).await);
    let workers = [place.worker(&[]), place.worker(&[])];
    // E3.1, E3.7: the mailbox's probe leaves first, and comes back in; from now on mail bears tags.
    assert!(sink.wait_for(1, Duration::from_secs(20)).await, "no probe");
    let probe = sink.received().remove(0);
    let back = a.mail(&String::from_utf8(probe.data).expect("text")).await;
    assert_eq!((&back["outcome"], &back["ticket_id"]), (&json!("loop_ignored"), &Value::Null), "{back}");
    let token = b.admin_token().await;
    let list = b.request("GET", "/api/mailboxes").bearer(&token).send().await.json();
    let tags = &list["data"][0]["tags"];
    assert_eq!((&tags["state"], &tags["message_ids"]), (&json!("works"), &json!("kept")), "{list}");
    let first = a.mail(FIRST).await;
    assert_eq!(first["outcome"], "ticket_created", "{first}");
    let ticket = &first["ticket_id"];
    answer(&b, &token, ticket, "Have you tried turning it off?").await;
    // The acknowledgement and the reply.
    assert!(sink.wait_for(3, Duration::from_secs(20)).await, "got {} mails", sink.count());
    let mails = sink.received().split_off(1);
    let ours: Vec<String> = mails.iter().map(|m| String::from_utf8(m.data.clone()).expect("text")).collect();
    let reply = ours.iter().find(|m| m.contains("turning it off")).expect("the reply");
    assert!(mails.iter().all(|m| m.rcpt == ["ada@customer.example"]), "one recipient a mail");
    assert!(mails.iter().all(|m| m.mail_from.starts_with("support+")), "bounces find their mail");
    assert_eq!(header(reply, "To"), "Ada <ada@customer.example>");
    assert_ne!(header(reply, "Reply-To"), DESK);
    let second = a.mail(&reply_to(reply, "It is still on fire.")).await;
    assert_eq!((&second["outcome"], &second["ticket_id"]), (&json!("message_added"), ticket), "{second}");
    assert_eq!(messages(&b, &token, ticket).await.len(), 3);
    for process in workers.into_iter().chain([a, b]) {
        process.terminate().await;
    }
    place.doctor().await;
    place.database.drop_it().await;
}
