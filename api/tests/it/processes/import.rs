//! `postroom mail import`, interrupted and run again.

use super::run::Installation;
use crate::harness::Database;
use shared::store::{Db, Scope, sql};
use std::fmt::Write;
use std::os::unix::process::ExitStatusExt;

/// An archive of mails, each with its day.
fn mbox(n: usize) -> String {
    let mut text = String::new();
    for i in 0..n {
        let day = 1 + i % 28;
        let answers = if i % 10 == 9 { format!("In-Reply-To: <a{}@old.example>\n", i - 1) } else { String::new() };
        let _ = write!(
            text,
            "From ann{i}@customer.example Sat Mar {day:2} 09:00:00 2020\nFrom: Ann <ann{}@customer.example>\n\
             To: support@desk.example\nSubject: Old {i}\nMessage-ID: <a{i}@old.example>\n{answers}\
             Date: {day:02} Mar 2020 08:59:00 +0000\n\nHello {i}\n>From the archive\n\n",
            if answers.is_empty() { i } else { i - 1 }
        );
    }
    text
}

/// E5.14: an import that was killed is run again, and takes nothing twice; several thousand mails take seconds; nothing
/// is sent.
#[tokio::test]
async fn e5_14_a_killed_import_goes_on() {
    for database in [Some(Database::sqlite()), Database::postgres().await].into_iter().flatten() {
        let place = Installation::new(database, &[]);
        let file = place.database.folder.path().join("old.mbox");
        std::fs::write(&file, mbox(2000)).expect("a file");
        let path = file.display().to_string();
        let (killed, _) = place.run(&["mail", "import", &path], &[("POSTROOM_FAULT", "after_import_keep")]).await;
        assert_eq!(killed.signal(), Some(9), "the point was not hit");
        let (ended, said) = place.run(&["mail", "import", &path], &[]).await;
        assert!(ended.success(), "{said}");
        assert!(said.contains("imported 1936 of 2000 mails in ") && said.contains("64 already there"), "{said}");
        assert!(said.contains("0 unreadable"), "{said}");
        let (_, said) = place.run(&["mail", "import", &path], &[]).await;
        assert!(said.contains("imported 0 of 2000 mails") && said.contains("2000 already there"), "{said}");
        let db = Db::open(&place.database.url, 1).await.expect("the database opens");
        let count = async |q: &'static str| -> i64 {
            let (n,): (i64,) = sql(q).one(&mut db.read(Scope::All)).await.expect("a number");
            n
        };
        assert_eq!(count("SELECT COUNT(*) FROM inbound_mails WHERE state = 'applied'").await, 2000);
        assert_eq!(count("SELECT COUNT(*) FROM ticket_messages").await, 2000);
        // Every tenth answers the one before it.
        assert_eq!(count("SELECT COUNT(*) FROM tickets").await, 1800);
        assert_eq!(count("SELECT COUNT(*) FROM outbox").await, 0);
        assert_eq!(count("SELECT COUNT(*) FROM tickets WHERE created_at > '2021-01-01T00:00:00+00:00'").await, 0);
        assert_eq!(count("SELECT COUNT(*) FROM ticket_messages WHERE body LIKE '%>From the%'").await, 0);
        db.close().await;
        place.doctor().await;
        place.database.drop_it().await;
    }
}

/// A Maildir for a mailbox that its mails do not name; a path that is not there, and a mailbox that is not.
#[tokio::test]
async fn a_maildir_for_a_mailbox() {
    let place = Installation::new(Database::sqlite(), &[]);
    let folder = place.database.folder.path().join("Maildir");
    for part in ["cur", "new", "tmp"] {
        std::fs::create_dir_all(folder.join(part)).expect("a folder");
    }
    for n in 0..3 {
        let mail = format!("From: a{n}@b.example\r\nTo: old@elsewhere.example\r\nSubject: {n}\r\n\r\nHello {n}\r\n");
        std::fs::write(folder.join(format!("cur/158417640{n}.{n}.host:2,S")), mail).expect("a mail");
    }
    let path = folder.display().to_string();
    let (ended, said) = place.run(&["mail", "import", &path, "--mailbox", "nobody@desk.example"], &[]).await;
    assert!(!ended.success() && said.contains("no mailbox nobody@desk.example"), "{said}");
    let (ended, said) = place.run(&["mail", "import", &path, "--mailbox", super::run::DESK], &[]).await;
    assert!(ended.success() && said.contains("3 ticket_created"), "{said}");
    let (ended, said) = place.run(&["mail", "import", "/nowhere"], &[]).await;
    assert!(!ended.success() && said.contains("/nowhere cannot be read"), "{said}");
}

/// A database that was only migrated: an import makes what its first start would; what only looks says that it must be made.
#[tokio::test]
async fn a_database_that_was_only_migrated() {
    for database in [Some(Database::sqlite()), Database::postgres().await].into_iter().flatten() {
        let place = Installation::new(database, &[]);
        let file = place.database.folder.path().join("old.mbox");
        std::fs::write(&file, mbox(3)).expect("a file");
        let path = file.display().to_string();
        let (ended, said) = place.run(&["migrate"], &[]).await;
        assert!(ended.success(), "{said}");
        let (ended, said) = place.run(&["mail", "explain", &path], &[]).await;
        assert!(!ended.success() && said.contains("the first `postroom serve` makes them"), "{said}");
        let (ended, said) = place.run(&["mail", "import", &path, "--mailbox", super::run::DESK], &[]).await;
        assert!(ended.success() && said.contains("3 ticket_created"), "{said}");
        let (ended, said) = place.run(&["mail", "explain", &path], &[]).await;
        assert!(ended.success() && said.contains("If this mail came now"), "{said}");
        place.database.drop_it().await;
    }
}
