//! The operator's commands, run as the program itself.

use crate::harness::{INBOUND_TOKEN, Server, on_both, on_both_with};
use serde_json::{Value, json};
use shared::access::Role;
use std::io::Write;
use std::process::{Command, Stdio};
use worker::sink::{Sink, SinkOptions};

/// What a command printed, and whether it succeeded. It shares the server's data.
fn postroom(s: &Server, stdin: &str, args: &[&str]) -> (bool, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_postroom"))
        .args(args)
        .env_clear()
        .env("DATABASE_URL", &s.app.config.database_url)
        .env("BLOB_URL", format!("file://{}", s.app.config.blob_dir.display()))
        .env("POSTROOM_SECRET", "a secret for tests alone")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    child.stdin.take().expect("a pipe").write_all(stdin.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[tokio::test]
async fn what_the_operator_makes_works() {
    on_both(|s| async move {
        let run = |stdin: &str, args: &[&str]| {
            let (done, said) = postroom(&s, stdin, args);
            assert!(done, "{args:?}: {said}");
            said
        };
        run("", &["tenant", "add", "acme", "--name", "Acme", "--mailbox", "help@acme.example"]);
        run(
            "",
            &["user", "add", "ann@acme.example", "--role", "admin", "--tenant", "acme", "--password", "first password"],
        );
        run("second password\n", &["user", "password", "ann@acme.example", "--tenant", "acme", "--password", "-"]);
        let body = json!({"email": "ann@acme.example", "password": "second password"});
        let user = s.post("/api/auth/login").json(body).send().await.expect(200)["user"].clone();
        assert_eq!((&user["role"], &user["tenant"]["slug"]), (&json!("admin"), &json!("acme")));
        let token = run("", &["token", "add", "ann@acme.example", "--tenant", "acme"]);
        let mailboxes = s.get("/api/mailboxes").bearer(token.trim()).send().await.expect(200);
        assert_eq!(mailboxes["data"][0]["address"], "help@acme.example");
        let (done, said) = postroom(&s, "", &["user", "add", "ann@acme.example", "--tenant", "nowhere"]);
        assert!(!done && said.contains("no tenant nowhere"), "{said}");
        let (done, said) = postroom(&s, "", &["user", "add", "not an address"]);
        assert!(!done && said.contains("email must be a mail address"), "{said}");
        s
    })
    .await;
}

/// E8.9: a key by command, from a file too, and the record to publish.
#[tokio::test]
async fn the_operator_adds_lists_and_retires_dkim_keys() {
    on_both(|s| async move {
        let run = |stdin: &str, args: &[&str]| {
            let (done, said) = postroom(&s, stdin, args);
            assert!(done, "{args:?}: {said}");
            said
        };
        let said = run("", &["dkim", "add", "desk.example", "--selector", "one"]);
        assert!(said.contains("one._domainkey.desk.example. IN TXT ( \"v=DKIM1; k=rsa; p=MII"), "{said}");
        let pem = Command::new("openssl").args(["genrsa", "2048"]).output().expect("openssl is installed").stdout;
        let pem = String::from_utf8(pem).expect("PEM");
        run(&pem, &["dkim", "add", "desk.example", "--selector", "two", "--key", "-"]);
        run("", &["dkim", "add", "desk.example", "--selector", "three", "--algorithm", "ed25519"]);
        let list = run("", &["dkim", "list"]);
        assert_eq!(list.matches("IN TXT").count(), 3, "{list}");
        let id = list.split_whitespace().next().expect("a number");
        assert!(run("", &["dkim", "retire", id]).contains("one._domainkey.desk.example signs no more"));
        assert!(run("", &["dkim", "list"]).contains("one._domainkey.desk.example rsa-sha256 retired"));
        let (done, said) = postroom(&s, "", &["dkim", "add", "no domain"]);
        assert!(!done && said.contains("domain must be a domain name"), "{said}");
        s
    })
    .await;
}

/// A ticket of the demo, whole, by its requester.
async fn of(s: &Server, token: &str, requester: &str) -> Value {
    let list = s.get(&format!("/api/support/tickets?requester={requester}")).bearer(token).send().await.expect(200);
    assert_eq!(list["data"].as_array().map(Vec::len), Some(1), "{requester}: {list}");
    s.get(&format!("/api/support/tickets/{}", list["data"][0]["pid"].as_str().expect("a pid")))
        .bearer(token)
        .send()
        .await
        .expect(200)
}

#[tokio::test]
async fn the_demo_fills_the_dashboard_once() {
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let (done, first) = postroom(&s, "", &["demo"]);
        assert!(done && first.contains("12 customers wrote"), "{first}");
        let count = async || {
            let list = s.get("/api/support/tickets?page=1&per_page=200").bearer(&boss.token).send().await.expect(200);
            let mails = s.get("/api/mails?limit=200").bearer(&boss.token).send().await.expect(200);
            let outbox = s.get("/api/outbox?limit=200").bearer(&boss.token).send().await.expect(200);
            (list["total"].clone(), mails["data"].as_array().map(Vec::len), outbox["data"].as_array().map(Vec::len))
        };
        let before = count().await;
        let (done, again) = postroom(&s, "", &["demo"]);
        assert!(done && again.contains("here already") && !again.contains("password"), "{again}");
        assert_eq!((count().await, &before.0), (before.clone(), &json!(12)));
        let (sound, said) = postroom(&s, "", &["doctor"]);
        assert!(sound && said.lines().filter(|l| l.starts_with("ok ")).count() == 10, "{said}");

        // The passwords that were shown open the door.
        let agents: Vec<Vec<&str>> =
            first.lines().filter(|l| l.contains("@desk.example")).map(|l| l.split_whitespace().collect()).collect();
        assert_eq!(agents.len(), 3, "{first}");
        for agent in agents {
            let body = json!({"email": agent[0], "password": agent[2]});
            assert_eq!(s.post("/api/auth/login").json(body).send().await.expect(200)["user"]["role"], agent[1]);
        }

        let export = of(&s, &boss.token, "ada.brown@northwind.example").await;
        assert_eq!((&export["status"], &export["priority"]), (&json!("needs_engineering"), &json!("high")));
        let kinds: Vec<_> =
            export["messages"].as_array().expect("messages").iter().map(|m| m["kind"].clone()).collect();
        assert_eq!(kinds, ["reply", "reply", "reply", "note", "reply"]);
        let answer = &export["messages"][2];
        assert_eq!(answer["author"]["side"], "customer");
        assert!(!answer["visible_text"].as_str().expect("text").contains("Does the export"), "the quote is folded");
        let file = &export["messages"][0]["attachments"][0];
        assert_eq!(file["filename"], "error-500.png");
        let path = format!("/api/support/attachments/{}", file["id"]);
        let png = s.get(&path).bearer(&boss.token).send().await;
        assert!(png.status == 200 && png.body.starts_with(b"\x89PNG"), "{}", png.status);

        let bounced = of(&s, &boss.token, "tom@oneill-carpentry.example").await;
        let states: Vec<_> = bounced["messages"]
            .as_array()
            .expect("messages")
            .iter()
            .flat_map(|m| m["delivery"].as_array())
            .flatten()
            .collect();
        assert!(states.iter().any(|d| d["state"] == "bounced"), "{bounced}");
        let away = of(&s, &boss.token, "k.vogel@stadtwerke-muster.example").await;
        assert_eq!(away["status"], "waiting_on_customer", "an out-of-office answer changes nothing");
        let solved = of(&s, &boss.token, "joerg.weber@baeckerei-weber.example").await;
        assert_eq!((&solved["status"], &solved["assigned_to"]["name"]), (&json!("solved"), &json!("Noor Haddad")));
        assert_eq!(solved["subject"], "Rechnung 2026-1107: falsche Adresse, Umsatzsteuer fehlt");
        let outage = of(&s, &boss.token, "priya.nair@fernweh-reisen.example").await;
        assert_eq!((&outage["status"], &outage["priority"]), (&json!("in_progress"), &json!("urgent")));
        for (outcome, n) in [("bounce_recorded", 1), ("auto_reply_stored", 1), ("duplicate", 1), ("message_added", 4)] {
            let mails = s.get(&format!("/api/mails?outcome={outcome}")).bearer(&boss.token).send().await.expect(200);
            assert_eq!(mails["data"].as_array().map(Vec::len), Some(n), "{outcome}: {mails}");
        }
        s
    })
    .await;
}

#[tokio::test]
async fn sample_mail_never_leaves() {
    on_both(|s| async move {
        let refused = |args: &[&str]| {
            let (done, said) = postroom(&s, "", args);
            assert!(!done && said.lines().count() == 1, "{args:?}: {said}");
            said
        };
        assert!(refused(&["demo", "--smtp-url", "smtp://127.0.0.1:2525", "--yes"]).contains("SMTP_URL is set"));
        assert!(refused(&["demo", "--mode", "production"]).contains("--yes"));
        let list = s.get("/api/users").bearer(&s.person("b@example.com", Role::Owner, None).await.token).send().await;
        assert_eq!(list.expect(200)["data"].as_array().map(Vec::len), Some(2), "nobody was made");
        s
    })
    .await;
}

#[tokio::test]
async fn where_real_mail_was_sent_the_demo_does_not_play() {
    let sink = Sink::start(SinkOptions::default()).await.expect("the sink listens");
    on_both_with(&[("SMTP_URL", &sink.url())], |s| async move {
        let mail = "From: ann@example.org\r\nTo: support@postroom.localhost\r\nSubject: S\r\n\r\nHelp.\r\n";
        let door = s.post("/api/inbound/raw").bearer(INBOUND_TOKEN);
        door.body("message/rfc822", mail).send().await.expect(200);
        assert_eq!(s.drain().await.attempts(), 1, "the acknowledgement left");
        // The operator's shell knows of no relay, so that the mode looks like development.
        let (done, said) = postroom(&s, "", &["demo"]);
        assert!(!done && said.contains("by a relay"), "{said}");
        s
    })
    .await;
}
