//! `postroom mail pipe`, as a mail server runs it: a process for each mail, whose exit code is all that counts (E10.8).

use super::run::{DESK, Installation, crlf, eventually};
use crate::harness::Database;
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::time::Duration;

const MAIL: &str = "From: Ada <ada@customer.example>\nTo: support@desk.example\nSubject: By pipe\n\
Message-ID: <pipe@customer.example>\nDate: Sat, 21 Nov 2026 10:00:00 +0000\n\nPlease.\n";

fn spooled(place: &Installation) -> usize {
    std::fs::read_dir(place.spool().join("new")).map_or(0, Iterator::count)
}

async fn mails(server: &super::run::Process) -> Vec<Value> {
    let token = server.admin_token().await;
    let list = server.request("GET", "/api/mails").bearer(&token).send().await.expect(200);
    list["data"].as_array().expect("mails").clone()
}

/// E10.8: with a database that answers, the mail is a ticket before the process ends; without one it waits.
#[tokio::test]
async fn e10_8_applied_at_once_or_left_in_the_spool() {
    for database in [Some(Database::sqlite()), Database::postgres().await].into_iter().flatten() {
        let place = Installation::new(database, &[]);
        // There is no database yet; nothing is made, nothing is lost.
        let file = place.database.folder.path().join("postroom.db");
        if !file.exists() && place.database.url.starts_with("sqlite") {
            assert_eq!(place.pipe(&["--to", DESK], &[], crlf(MAIL).into_bytes()).await.code(), Some(0));
            assert!(!file.exists() && spooled(&place) == 1);
        }
        let server = place.serve(&[]).await;
        let second = crlf(MAIL).replace("pipe@", "pipe2@").replace("Please", "Again");
        let ended = place.pipe(&["--to", DESK, "--from", "ada@customer.example"], &[], second.into_bytes()).await;
        assert_eq!(ended.code(), Some(0));
        let found = eventually("the spool is empty", Duration::from_secs(20), async || {
            (spooled(&place) == 0).then_some(mails(&server).await)
        })
        .await;
        let direct = found.iter().find(|m| m["message_id"] == "pipe2@customer.example").expect("the mail");
        assert_eq!(
            (&direct["door"], &direct["state"], &direct["envelope_from"], &direct["envelope_to"][0]),
            (&"pipe".into(), &"applied".into(), &"ada@customer.example".into(), &DESK.into())
        );
        server.terminate().await;
        place.doctor().await;
        place.database.drop_it().await;
    }
}

/// E10.8 (T61): a database that is away is no error; the mail is taken up once it is back.
#[tokio::test]
async fn t61_a_database_that_is_away_is_no_error() {
    let place = Installation::new(Database::sqlite(), &[]);
    let nowhere = [("DATABASE_URL", "postgres://nobody:nothing@127.0.0.1:9/none"), ("POSTROOM_SPOOL", "spool")];
    for n in 0..3 {
        let mail = crlf(MAIL).replace("pipe@", &format!("away{n}@")).replace("Please", &format!("Please {n}"));
        assert_eq!(place.pipe(&["--to", DESK], &nowhere, mail.into_bytes()).await.code(), Some(0));
    }
    assert_eq!(spooled(&place), 3);
    let server = place.serve(&[("POSTROOM_WORKER", "off")]).await;
    eventually("the spool is empty", Duration::from_secs(20), async || (spooled(&place) == 0).then_some(())).await;
    let found = eventually("three mails", Duration::from_secs(20), async || {
        let found = mails(&server).await;
        (found.len() == 3 && found.iter().all(|m| m["state"] == "applied")).then_some(found)
    })
    .await;
    assert!(found.iter().all(|m| m["outcome"] == "ticket_created"), "{found:?}");
    server.terminate().await;
}

/// E10.8: killed right after the mail was spooled: the mail server comes again, and both are one message.
#[tokio::test]
async fn e10_8_killed_after_the_spool() {
    let place = Installation::new(Database::sqlite(), &[]);
    let server = place.serve(&[]).await;
    let ended = place.pipe(&["--to", DESK], &[("POSTROOM_FAULT", "after_spool")], crlf(MAIL).into_bytes()).await;
    assert_eq!(ended.signal(), Some(9), "the point was not hit");
    assert_eq!(place.pipe(&["--to", DESK], &[], crlf(MAIL).into_bytes()).await.code(), Some(0));
    let found = eventually("both arrivals", Duration::from_secs(30), async || {
        let found = mails(&server).await;
        (found.len() == 2 && found.iter().all(|m| m["state"] == "applied")).then_some(found)
    })
    .await;
    let mut outcomes: Vec<&str> = found.iter().filter_map(|m| m["outcome"].as_str()).collect();
    outcomes.sort_unstable();
    assert_eq!(outcomes, ["duplicate", "ticket_created"]);
    server.terminate().await;
    place.doctor().await;
}

/// E10.8: an unwritable spool and anything unexpected is 75, never 1; nothing of it stays.
#[tokio::test]
async fn e10_8_anything_unexpected_is_75() {
    let place = Installation::new(Database::sqlite(), &[]);
    let folder = place.database.folder.path();
    std::fs::write(folder.join("file"), "").expect("a file");
    let locked = folder.join("locked");
    std::fs::create_dir(&locked).expect("a folder");
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o500)).expect("locked");
    let inside = locked.join("spool").display().to_string();
    type Odd<'a> = (&'a str, Vec<&'a str>, Vec<(&'a str, &'a str)>, &'a [u8]);
    let mut odd: Vec<Odd> = vec![
        ("a file in its place", vec!["--to", DESK], vec![("POSTROOM_SPOOL", "file")], b"From: a@b.example\n\nx"),
        ("no mail", vec!["--to", DESK], vec![], b""),
        ("an unknown option", vec!["--unknown"], vec![], b"From: a@b.example\n\nx"),
        ("a wrong setting", vec!["--to", DESK], vec![("SMTP_URL", "nonsense")], b"From: a@b.example\n\nx"),
        ("too large", vec!["--to", DESK], vec![("POSTROOM_MAX_MAIL_BYTES", "5")], b"From: a@b.example\n\nx"),
    ];
    // Root may write anywhere.
    if std::fs::write(locked.join("try"), "").is_err() {
        odd.push(("no permission", vec!["--to", DESK], vec![("POSTROOM_SPOOL", &inside)], b"From: a@b.example\n\nx"));
    }
    for (what, args, settings, mail) in odd {
        assert_eq!(place.pipe(&args, &settings, mail.to_vec()).await.code(), Some(75), "{what}");
    }
    let large = [("POSTROOM_MAX_MAIL_BYTES", "5")];
    let refused = place.pipe(&["--to", DESK, "--too-large", "69"], &large, b"From: a@b.example\n\nx".to_vec()).await;
    assert_eq!(refused.code(), Some(69));
    assert_eq!(spooled(&place), 0);
}

/// E10.8: many at once, and a large one; who is told by the environment, as for a line in an aliases file.
#[tokio::test]
async fn e10_8_many_at_once_and_a_large_one() {
    let place = Installation::new(Database::sqlite(), &[]);
    let server = place.serve(&[]).await;
    let large = format!("{}{}", crlf(MAIL), "A line of a large mail.\r\n".repeat(100_000));
    let size = large.len();
    let told = [("RECIPIENT", DESK), ("SENDER", "ada@customer.example")];
    let many = (0..8).map(|n| {
        let mail = crlf(MAIL).replace("pipe@", &format!("many{n}@")).replace("Please", &format!("Please {n}"));
        place.pipe(&["--spool-only"], &told, mail.into_bytes())
    });
    for ended in futures::future::join_all(many).await {
        assert_eq!(ended.code(), Some(0));
    }
    assert_eq!(place.pipe(&[], &told, large.into_bytes()).await.code(), Some(0));
    let found = eventually("nine mails", Duration::from_secs(60), async || {
        let found = mails(&server).await;
        (found.len() == 9 && found.iter().all(|m| m["state"] == "applied")).then_some(found)
    })
    .await;
    assert!(found.iter().any(|m| m["size_bytes"] == size), "{found:?}");
    assert!(
        found.iter().all(|m| m["envelope_from"] == "ada@customer.example" && m["envelope_to"][0] == DESK),
        "{found:?}"
    );
    server.terminate().await;
    let _: PathBuf = place.spool();
}
