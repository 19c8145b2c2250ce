//! What is too much.

use super::client::{Client, Doors};
use super::{DESK, mail, mails};
use crate::harness::on_both_with;

const SMALL: &[(&str, &str)] =
    &[("POSTROOM_SMTP_LISTEN", "127.0.0.1:0"), ("POSTROOM_MAX_MAIL_BYTES", "2000"), ("POSTROOM_DOOR_CONNECTIONS", "2")];

/// E10.1, E10.9: a mail over size is told so at MAIL, or at its end; nothing of it stays, and the client goes on.
#[tokio::test]
async fn a_mail_too_big_is_552() {
    on_both_with(SMALL, |s| async move {
        let doors = Doors::open(&s).await;
        let mut c = doors.smtp().await;
        let hello = c.expect("EHLO c", "250").await;
        assert!(hello.contains("SIZE 2000"), "{hello}");
        c.expect("MAIL FROM:<ann@example.com> SIZE=2001", "552 5.3.4").await;
        let big = mail("big") + &"x".repeat(70).repeat(100) + "\r\n";
        assert!(c.deliver("ann@example.com", DESK, &big).await.starts_with("552 5.3.4"));
        assert!(c.deliver("ann@example.com", DESK, &mail("small")).await.starts_with("250"));
        mails(&s, 1).await;
        doors.close().await;
        s
    })
    .await;
}

/// E10.7: lines, recipients, connections.
#[tokio::test]
async fn long_lines_many_recipients_many_connections() {
    on_both_with(SMALL, |s| async move {
        let doors = Doors::open(&s).await;
        let mut c = doors.smtp().await;
        c.expect(&format!("EHLO {}", "x".repeat(5000)), "500 5.5.2").await;
        c.expect("EHLO c", "250").await;
        c.expect("MAIL FROM:<ann@example.com>", "250").await;
        for _ in 0..100 {
            c.expect(&format!("RCPT TO:<{DESK}>"), "250 2.1.5").await;
        }
        c.expect(&format!("RCPT TO:<{DESK}>"), "452 4.5.3").await;
        c.expect("DATA", "354").await;
        c.send(mail("hundred")).await;
        assert!(c.say(".").await.starts_with("250"));
        mails(&s, 1).await;
        let second = doors.smtp().await;
        let mut third = Client::tcp(doors.smtp.expect("SMTP is on")).await;
        third.send("").await;
        assert_eq!(third.answer().await, "", "421 and gone");
        drop(second);
        // A place is free again once the door has seen that the client left.
        let began = std::time::Instant::now();
        loop {
            let mut next = Client::tcp(doors.smtp.expect("SMTP is on")).await;
            next.send("NOOP\r\n").await;
            if next.answer().await.starts_with("250") {
                break;
            }
            assert!(began.elapsed() < std::time::Duration::from_secs(10), "no place comes free");
        }
        doors.close().await;
        s
    })
    .await;
}
