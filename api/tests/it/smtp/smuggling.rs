//! T64: ends of a mail that only some servers see.

use super::client::Doors;
use super::{DESK, ON, mail, mails};
use crate::harness::on_both_with;

/// E10.7 (T64): every end that is not CRLF.CRLF gets 550 5.6.11 and leaves nothing, not one mail and never two.
#[tokio::test]
async fn t64_a_smuggled_mail_is_refused_with_its_carrier() {
    on_both_with(ON, |s| async move {
        let doors = Doors::open(&s).await;
        let inner = format!("MAIL FROM:<admin@postroom.localhost>\r\nRCPT TO:<{DESK}>\r\nDATA\r\n{}", mail("smuggled"));
        for end in ["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r\n.\r", "\r.\r\n", "\r\r\n.\r\r\n"] {
            for lmtp in [false, true] {
                let mut c = if lmtp { doors.lmtp().await } else { doors.smtp().await };
                c.expect(if lmtp { "LHLO c" } else { "EHLO c" }, "250").await;
                c.expect("MAIL FROM:<ann@example.com>", "250").await;
                c.expect(&format!("RCPT TO:<{DESK}>"), "250").await;
                c.expect("DATA", "354").await;
                // All in one write, as an attacker's own server would send it.
                c.send(format!("{}{end}{inner}\r\n.\r\n", mail("carrier").trim_end())).await;
                let answer = c.answer().await;
                assert!(answer.starts_with("550 5.6.11"), "{end:?} → {answer}");
                // One mail was spoken of, so there is one answer, and the conversation goes on.
                c.expect("NOOP", "250 2.0.0").await;
                c.expect("QUIT", "221").await;
            }
        }
        let mut c = doors.smtp().await;
        c.expect("EHLO c", "250").await;
        assert!(c.deliver("ann@example.com", DESK, &mail("fine")).await.starts_with("250"));
        let [m] = &mails(&s, 1).await[..] else { panic!("one mail") };
        assert_eq!(m["subject"], "Printer fine");
        doors.close().await;
        s
    })
    .await;
}

/// E10.7: a command too ends in CRLF alone.
#[tokio::test]
async fn a_command_that_ends_in_lf_is_none() {
    on_both_with(ON, |s| async move {
        let doors = Doors::open(&s).await;
        let mut c = doors.smtp().await;
        c.send("EHLO c\n").await;
        assert!(c.answer().await.starts_with("500 5.5.2"));
        c.expect("EHLO c", "250").await;
        doors.close().await;
        s
    })
    .await;
}
