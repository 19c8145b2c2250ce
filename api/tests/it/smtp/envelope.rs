//! Who mail is for, and what each protocol says about it.

use super::client::Doors;
use super::{DESK, ON, mail, mails};
use crate::harness::on_both_with;
use shared::store::{Scope, sql};
use shared::tenants::Audience;

/// E10.2, E10.7, E3.1: unknown mailboxes are refused one by one; tags, postmasters and the null sender are taken;
/// nothing is relayed, VRFY says nothing, AUTH does not exist.
#[tokio::test]
async fn who_is_known() {
    on_both_with(ON, |s| async move {
        let doors = Doors::open(&s).await;
        let mut c = doors.smtp().await;
        c.expect("EHLO c", "250").await;
        c.expect("VRFY support", "252").await;
        c.expect("AUTH PLAIN AGEAYg==", "502 5.5.1").await;
        c.expect("MAIL FROM:<>", "250 2.1.0").await;
        for (to, answer) in [
            ("nobody@postroom.localhost", "550 5.1.1"),
            ("someone@elsewhere.example", "550 5.7.1"),
            ("support+tag@postroom.localhost", "250 2.1.5"),
            ("SUPPORT@POSTROOM.LOCALHOST", "250 2.1.5"),
            ("postmaster", "250 2.1.5"),
            ("Postmaster@postroom.localhost", "250 2.1.5"),
            ("postmaster@elsewhere.example", "550 5.7.1"),
        ] {
            c.expect(&format!("RCPT TO:<{to}>"), answer).await;
        }
        c.expect("RSET", "250").await;
        // What is written to the postmaster is read by somebody.
        assert!(c.deliver("ann@example.com", "postmaster", &mail("to-postmaster")).await.starts_with("250"));
        let [m] = &mails(&s, 1).await[..] else { panic!("one mail") };
        assert_ne!(m["state"], "quarantined", "{m}");
        doors.close().await;
        s
    })
    .await;
}

/// E10.2 (T07), E1.12: recipients of two tenants by LMTP: each is answered, each tenant has one arrival, which names no
/// recipient of the other; the mail server that handed it in passes for nobody's host.
#[tokio::test]
async fn t07_two_tenants_by_lmtp() {
    on_both_with(ON, |s| async move {
        let other = s.tenant("alpha", Audience::Organisation).await;
        let doors = Doors::open(&s).await;
        let mut c = doors.lmtp().await;
        c.expect("EHLO mta", "500 5.5.1").await;
        c.expect("LHLO mta.example", "250").await;
        c.expect("MAIL FROM:<ann@example.com> BODY=8BITMIME", "250").await;
        for to in [DESK, "alpha@postroom.localhost", "support+two@postroom.localhost"] {
            c.expect(&format!("RCPT TO:<{to}>"), "250 2.1.5").await;
        }
        c.expect("RCPT TO:<nobody@postroom.localhost>", "550 5.1.1").await;
        c.expect("DATA", "354").await;
        c.send(mail("both")).await;
        assert!(c.say(".").await.starts_with("250 2.0.0"));
        for _ in 0..2 {
            assert!(c.answer().await.starts_with("250 2.0.0"));
        }
        c.expect("NOOP", "250").await;
        let all = mails(&s, 2).await;
        assert!(all.iter().all(|m| m["outcome"] == "ticket_created"), "{all:?}");
        let rows: Vec<(shared::ids::TenantId, String, Option<String>, Option<String>)> =
            sql("SELECT tenant_id, envelope_to, peer_ip, helo FROM inbound_mails ORDER BY tenant_id")
                .all(&mut s.app.db.read(Scope::All))
                .await
                .expect("rows");
        assert_eq!(rows[0].1, format!(r#"["{DESK}","support+two@postroom.localhost"]"#));
        assert_eq!((rows[1].0, rows[1].1.as_str()), (other, r#"["alpha@postroom.localhost"]"#));
        assert!(rows.iter().all(|r| r.2.is_none() && r.3.is_none()), "{rows:?}");
        doors.close().await;
        s
    })
    .await;
}

/// E1.10 (T03): two alarms without id or date in two sessions are two; E1.7: the door's reference is the transaction.
#[tokio::test]
async fn t03_two_sessions_two_mails() {
    on_both_with(ON, |s| async move {
        let doors = Doors::open(&s).await;
        let alarm = format!("From: box@example.com\r\nTo: {DESK}\r\nSubject: Disk full\r\n\r\nAt once.\r\n");
        for _ in 0..2 {
            let mut c = doors.smtp().await;
            c.expect("EHLO c", "250").await;
            assert!(c.deliver("box@example.com", DESK, &alarm).await.starts_with("250"));
        }
        let all = mails(&s, 2).await;
        assert!(all.iter().all(|m| m["outcome"] == "ticket_created"), "{all:?}");
        let refs: Vec<(String,)> = sql("SELECT DISTINCT door_ref FROM inbound_mails WHERE door_ref IS NOT NULL")
            .all(&mut s.app.db.read(Scope::All))
            .await
            .expect("rows");
        assert_eq!(refs.len(), 2);
        doors.close().await;
        s
    })
    .await;
}

/// E10.7: a mail server on the same machine hands in by a socket; a socket that a killed process left is no hindrance.
#[tokio::test]
async fn lmtp_over_a_unix_socket() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("lmtp.sock");
    let settings = [("POSTROOM_LMTP_LISTEN", path.to_str().expect("a path"))];
    on_both_with(&settings, |s| async move {
        let path = s.app.config.lmtp_listen.as_ref().expect("set").to_string();
        // Left over: bound once, its process gone.
        drop(std::os::unix::net::UnixListener::bind(&path).expect("it is free"));
        let doors = Doors::open(&s).await;
        let mut c = doors.lmtp().await;
        c.expect("LHLO c", "250").await;
        assert!(c.deliver("ann@example.com", DESK, &mail("u")).await.starts_with("250"));
        mails(&s, 1).await;
        doors.close().await;
        assert!(!std::path::Path::new(&path).exists(), "it is taken away");
        s
    })
    .await;
}
