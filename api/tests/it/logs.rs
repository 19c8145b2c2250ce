//! What the program logs, and what it never does (E13.3).

use crate::harness::http::Request;
use serde_json::json;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// E13.3: with everything logged, no log holds a mail's text, a file's, a password, a session, a token, a reply address or
/// a link that lets somebody in; and the mail's line has its ticket's PID.
#[tokio::test]
async fn logs_hold_no_bodies_and_no_tokens() {
    let folder = tempfile::tempdir().expect("a folder");
    let (log, port) = (folder.path().join("log"), folder.path().join("port"));
    let file = || std::fs::OpenOptions::new().create(true).append(true).open(&log).expect("a log");
    let mut child = Command::new(env!("CARGO_BIN_EXE_postroom"))
        .env_clear()
        .env("POSTROOM_LISTEN", "127.0.0.1:0")
        .env("POSTROOM_PORT_FILE", &port)
        .env("POSTROOM_LOG", "trace")
        .env("POSTROOM_ADMIN_PASSWORD", "plantedpassword")
        .env("POSTROOM_INBOUND_TOKEN", "planteddoortoken")
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(file())
        .stderr(file())
        .spawn()
        .expect("it starts");
    let began = Instant::now();
    let addr: SocketAddr = loop {
        if let Some(port) = std::fs::read_to_string(&port).ok().and_then(|p| p.trim().parse::<u16>().ok()) {
            break SocketAddr::from(([127, 0, 0, 1], port));
        }
        assert!(began.elapsed() < Duration::from_secs(30), "it does not start");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let post = |path: &str| Request::new(addr, "POST", path);
    let get = |path: &str| Request::new(addr, "GET", path);

    let login = json!({"email": "admin@postroom.localhost", "password": "plantedpassword"});
    let answer = post("/api/auth/login").json(login).send().await;
    assert_eq!(answer.status, 200);
    let cookie = answer.header("set-cookie").expect("a session").split([';', '=']).nth(1).expect("a value").to_owned();
    let wrong = json!({"email": "admin@postroom.localhost", "password": "plantedmistake"});
    post("/api/auth/login").json(wrong).send().await.problem(401, "invalid_credentials");
    let me = format!("postroom={cookie}");
    let token = post("/api/tokens").header("cookie", &me).json(json!({"name": "t"})).send().await.expect(201);
    let token = token["token"].as_str().expect("a token").to_owned();

    let mail = json!({
        "from": "ann@example.org", "to": "support@postroom.localhost", "subject": "Broken",
        "text": "plantedtext in a body", "html": "<p>plantedhtml</p>",
        "attachments": [{"filename": "a.txt", "content_base64": "cGxhbnRlZGZpbGU="}],
    });
    let door = post("/api/inbound/mock").bearer("planteddoortoken").json(mail);
    let got = door.send().await.expect(200);
    post("/api/inbound/mock").bearer("plantedfalsetoken").json(json!({})).send().await;
    let pid = got["pid"].as_str().expect("a PID");
    let reply =
        post(&format!("/api/support/tickets/{pid}/messages")).bearer(&token).json(json!({"body": "plantedanswer"}));
    let reply = reply.send().await.expect(201);
    assert_eq!(post("/api/auth/link").json(json!({"email": "ann@example.org"})).send().await.status, 200);
    post("/api/support/tickets").bearer(&token).json(json!({"subject": 5, "description": "plantedwrong"})).send().await;

    // What went out has tokens in its addresses; what lets in has them in its link.
    let mut secrets = vec![cookie, token.clone()];
    let outbox = format!("/api/outbox/{}/raw", reply["delivery"][0]["outbox_id"]);
    let sent = loop {
        let sent = get(&outbox).bearer(&token).send().await;
        if sent.status == 200 {
            break sent.text();
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{}", sent.text());
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let tagged = |line: &&str| line.starts_with("Reply-To:") || line.starts_with("Return-Path:");
    let addresses = sent.lines().filter(tagged).filter_map(|l| l.split(['+', '@']).nth(1)).map(str::to_owned);
    secrets.extend(addresses);
    assert!(secrets.len() > 2 && secrets.iter().all(|s| s.len() > 15), "{secrets:?} in {sent}");
    let page = get("/dev/mail").send().await.text();
    assert!(page.contains("ann@example.org"), "what was sent is captured");

    child.kill().expect("it runs");
    child.wait().expect("it ends");
    let log = std::fs::read_to_string(&log).expect("a log");
    assert!(log.contains(pid) && log.lines().count() > 20, "too little is logged to prove anything: {log}");
    secrets.push("planted".to_owned());
    for secret in &secrets {
        let line = log.lines().find(|l| l.to_ascii_lowercase().contains(&secret.to_ascii_lowercase()));
        assert!(line.is_none(), "{secret}: {line:?}");
    }
}
