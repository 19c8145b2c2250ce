//! The SMTP and LMTP doors, spoken to over real sockets, on both databases.

mod client;
mod down;
mod envelope;
mod kill;
mod limits;
mod smuggling;
mod tls;

use crate::harness::{Server, on_both_with};
use client::Doors;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use serde_json::Value;
use shared::access::Role;
use std::time::{Duration, Instant};

/// Both doors on ports of their own.
const ON: &[(&str, &str)] = &[("POSTROOM_SMTP_LISTEN", "127.0.0.1:0"), ("POSTROOM_LMTP_LISTEN", "127.0.0.1:0")];

const DESK: &str = "support@postroom.localhost";

fn mail(id: &str) -> String {
    format!(
        "From: Ann <ann@example.com>\r\nTo: {DESK}\r\nSubject: Printer {id}\r\nMessage-ID: <{id}@example.com>\r\n\
         Date: Sat, 21 Nov 2026 10:00:00 +0000\r\n\r\nIt burns.\r\n..a line with a dot\r\n"
    )
}

/// All received mails as an admin sees them, newest first, once there are `n` that were decided.
async fn mails(s: &Server, n: usize) -> Vec<Value> {
    let boss = s.person(&format!("boss{:x}@platform.example", rand::random::<u64>()), Role::Owner, None).await;
    let began = Instant::now();
    loop {
        let list = s.get("/api/mails").bearer(&boss.token).send().await.expect(200);
        let all = list["data"].as_array().expect("mails").clone();
        if all.len() >= n && all.iter().all(|m| m["state"] != "kept") {
            assert_eq!(all.len(), n, "{list}");
            let mut whole = Vec::new();
            for m in all {
                let url = format!("/api/mails/{}", m["id"]);
                whole.push(s.get(&url).bearer(&boss.token).send().await.expect(200));
            }
            return whole;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{n} mails: {list}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// E10.1, E10.7: a mail by SMTP is a ticket; what the door saw stands with the arrival, the octets are as sent.
#[tokio::test]
async fn a_mail_by_smtp_opens_a_ticket() {
    on_both_with(ON, |s| async move {
        let doors = Doors::open(&s).await;
        let mut c = doors.smtp().await;
        let hello = c.expect("EHLO client.example", "250").await;
        for keyword in ["SIZE 52428800", "8BITMIME", "SMTPUTF8", "PIPELINING", "ENHANCEDSTATUSCODES"] {
            assert!(hello.contains(keyword), "{hello}");
        }
        assert!(!hello.contains("STARTTLS") && !hello.contains("AUTH"), "{hello}");
        let answer = c.deliver("ann@example.com", DESK, &mail("a")).await;
        assert!(answer.starts_with("250 2.0.0"), "{answer}");
        c.expect("QUIT", "221 2.0.0").await;
        assert_eq!(c.answer().await, "");
        let [m] = &mails(&s, 1).await[..] else { panic!("one mail") };
        assert_eq!((&m["outcome"], &m["door"]), (&"ticket_created".into(), &"smtp".into()), "{m}");
        assert_eq!((&m["envelope_from"], &m["envelope_to"][0]), (&"ann@example.com".into(), &DESK.into()));
        assert!(m["body_text"].as_str().expect("a text").contains("\n.a line with a dot"), "{m}");
        let (peer, helo): (Option<String>, Option<String>) =
            shared::store::sql("SELECT peer_ip, helo FROM inbound_mails")
                .one(&mut s.app.db.read(shared::store::Scope::All))
                .await
                .expect("a row");
        assert_eq!((peer.as_deref(), helo.as_deref()), (Some("127.0.0.1"), Some("client.example")));
        doors.close().await;
        s
    })
    .await;
}

/// E10.7: lettre, a client that others wrote, with several recipients and mails on one connection.
#[tokio::test]
async fn lettre_delivers() {
    on_both_with(ON, |s| async move {
        let doors = Doors::open(&s).await;
        let addr = doors.smtp.expect("SMTP is on");
        let relay = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous("127.0.0.1").port(addr.port()).build();
        for n in 0..3 {
            let letter = lettre::Message::builder()
                .from("Äda <ada@example.com>".parse().expect("an address"))
                .to(DESK.parse().expect("an address"))
                .cc("other@elsewhere.example".parse().expect("an address"))
                .subject(format!("Brücke {n}"))
                .body("Zeile\r\n.\r\n..\r\nÜber Nacht".to_owned())
                .expect("a mail");
            // The envelope of a mail exchanger names our recipients alone.
            let to =
                vec![DESK.parse().expect("an address"), "support+x@postroom.localhost".parse().expect("an address")];
            let envelope = lettre::address::Envelope::new(Some("ada@example.com".parse().expect("an address")), to);
            relay.send_raw(&envelope.expect("an envelope"), &letter.formatted()).await.expect("it is taken");
        }
        let all = mails(&s, 3).await;
        for m in &all {
            assert_eq!(m["outcome"], "ticket_created", "{m}");
            assert_eq!(
                m["body_text"].as_str().map(|t| t.replace("\r\n", "\n")).as_deref().map(str::trim),
                Some("Zeile\n.\n..\nÜber Nacht")
            );
        }
        let hello = lettre::transport::smtp::extension::ClientId::Domain("client.example".to_owned());
        let c = AsyncSmtpConnection::connect_tokio1((addr.ip(), addr.port()), None, &hello, None, None)
            .await
            .expect("it greets");
        assert!(c.server_info().supports_feature(lettre::transport::smtp::extension::Extension::SmtpUtfEight));
        doors.close().await;
        s
    })
    .await;
}

/// E10.7: commands sent in one breath are answered in order (PIPELINING, RFC 2920), a mail's octets among them.
#[tokio::test]
async fn a_whole_conversation_in_one_write() {
    on_both_with(ON, |s| async move {
        let doors = Doors::open(&s).await;
        let mut c = doors.smtp().await;
        let one = format!(
            "MAIL FROM:<>\r\nRCPT TO:<{DESK}>\r\nRCPT TO:<nobody@postroom.localhost>\r\nDATA\r\n{}.\r\n",
            mail("p")
        );
        c.send(format!("EHLO c\r\n{one}{}QUIT\r\n", one.replace("<p@", "<q@"))).await;
        let mut codes = Vec::new();
        for _ in 0..12 {
            codes.push(
                c.answer().await.split(' ').next().unwrap_or_default().split('-').next().unwrap_or_default().to_owned(),
            );
        }
        assert_eq!(codes, ["250", "250", "250", "550", "354", "250", "250", "250", "550", "354", "250", "221"]);
        mails(&s, 2).await;
        doors.close().await;
        s
    })
    .await;
}

/// E10.1: what is taken while the server stops is decided before it ends; who is idle is told to come again.
#[tokio::test]
async fn stopping_lets_a_mail_finish() {
    on_both_with(ON, |s| async move {
        let doors = Doors::open(&s).await;
        let (mut idle, mut busy) = (doors.smtp().await, doors.smtp().await);
        idle.expect("EHLO c", "250").await;
        busy.expect("EHLO c", "250").await;
        busy.expect("MAIL FROM:<ann@example.com>", "250").await;
        busy.expect(&format!("RCPT TO:<{DESK}>"), "250").await;
        busy.expect("DATA", "354").await;
        doors.cancel();
        assert!(idle.answer().await.starts_with("421 4.3.2"));
        busy.send(mail("late")).await;
        assert!(busy.say(".").await.starts_with("250 2.0.0"));
        assert!(busy.answer().await.starts_with("421 4.3.2"));
        doors.close().await;
        let [m] = &mails(&s, 1).await[..] else { panic!("one mail") };
        assert_eq!(m["outcome"], "ticket_created");
        s
    })
    .await;
}
