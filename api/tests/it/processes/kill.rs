//! The server is killed with -9 between keeping and applying a mail, and right after applying it, before it answered:
//! the mail is there once, whether or not its sender comes again.

use super::run::{DOOR, Installation, crlf, eventually};
use crate::harness::Database;
use serde_json::Value;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

const MAIL: &str = "From: Ada <ada@customer.example>\nTo: support@desk.example\nSubject: Keep me\n\
Message-ID: <keep@customer.example>\nDate: Sat, 21 Nov 2026 10:00:00 +0000\n\nPlease.\n";

/// E1.1 (T01).
#[tokio::test]
async fn killed_after_keeping() {
    for database in [Some(Database::sqlite()), Database::postgres().await].into_iter().flatten() {
        killed_at("after_keep", database).await;
    }
}

/// E1.1 (T01).
#[tokio::test]
async fn killed_after_applying() {
    for database in [Some(Database::sqlite()), Database::postgres().await].into_iter().flatten() {
        killed_at("after_apply", database).await;
    }
}

async fn killed_at(point: &str, database: Database) {
    let place = Installation::new(database, &[]);
    let mut doomed = place.serve(&[("POSTROOM_FAULT", point)]).await;
    let body = crlf(MAIL);
    let request = format!(
        "POST /api/inbound/raw HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {DOOR}\r\ncontent-type: message/rfc822\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        doomed.addr(),
        body.len()
    );
    let mut stream = tokio::net::TcpStream::connect(doomed.addr()).await.expect("it listens");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let status =
        tokio::time::timeout(Duration::from_secs(20), doomed.child.wait()).await.expect("it dies").expect("it died");
    assert_eq!(status.signal(), Some(9), "{point} was not hit");
    let server = place.serve(&[]).await;
    let token = server.admin_token().await;
    // The sweep takes what was left for ten seconds, so that it never races a living door.
    let mail = eventually("the mail's ticket", Duration::from_secs(40), async || {
        let list = server.request("GET", "/api/mails").bearer(&token).send().await.expect(200);
        let all = list["data"].as_array().expect("mails").clone();
        assert_eq!(all.len(), 1, "{list}");
        all.into_iter().next().filter(|m| m["state"] == "applied")
    })
    .await;
    assert_eq!(mail["outcome"], "ticket_created", "{mail}");
    // Its sender got no answer, and comes again.
    let again = server.mail(MAIL).await;
    assert_eq!((&again["outcome"], &again["ticket_id"]), (&Value::from("duplicate"), &mail["ticket_id"]), "{again}");
    let tickets = server.request("GET", "/api/support/tickets").bearer(&token).send().await.expect(200);
    assert_eq!(tickets["data"].as_array().expect("tickets").len(), 1);
    server.terminate().await;
    place.doctor().await;
    place.database.drop_it().await;
}
