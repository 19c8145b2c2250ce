//! Mailgun's forward().

use super::{MAIL, hmac_hex, seconds_ago};
use crate::harness::{INBOUND_TOKEN, Request, Server, on_both, on_both_with};
use serde_json::json;

const KEY: &str = "key-of-mailgun";
const SETTINGS: &[(&str, &str)] =
    &[("POSTROOM_MAILGUN_KEY", "key-of-old, key-of-mailgun"), ("POSTROOM_MODE", "production")];

fn signed(token: &str, ago: i64, more: &[(&str, &str)]) -> Vec<(String, String)> {
    let timestamp = seconds_ago(ago);
    let signature = hmac_hex(KEY, format!("{timestamp}{token}").as_bytes());
    let mut fields = vec![
        ("timestamp".to_owned(), timestamp),
        ("token".to_owned(), token.to_owned()),
        ("signature".to_owned(), signature),
    ];
    fields.extend(more.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())));
    fields
}

fn raw_form(body: &str) -> Vec<(&str, &str)> {
    vec![
        ("recipient", "support@postroom.localhost"),
        ("sender", "ann@example.com"),
        ("from", "Ann <ann@example.com>"),
        ("subject", "Printer on fire"),
        ("body-mime", body),
    ]
}

fn post(s: &Server, path: &str, fields: &[(String, String)]) -> Request {
    let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    s.post(path).multipart(&fields, &[])
}

/// E10.1: 200 after the commit, the octets as they were; the same delivery again is the same arrival (E1.7).
#[tokio::test]
async fn e10_1_a_signed_mail_comes_in_once_as_it_is() {
    on_both_with(SETTINGS, |s| async move {
        let boss = s.boss().await;
        let fields = signed("token-1", 3, &raw_form(MAIL));
        let first = post(&s, "/api/inbound/mailgun/mime", &fields).send().await.expect(200);
        assert_eq!(first["outcome"], "ticket_created");
        assert_eq!(s.octets(&boss, &first).await, MAIL.as_bytes());
        let mail = s.mail(&boss, &first).await;
        assert_eq!(
            (&mail["door"], &mail["envelope_from"], &mail["envelope_to"]),
            (&json!("mailgun"), &json!("ann@example.com"), &json!(["support@postroom.localhost"]))
        );
        // The provider's retry: signed anew, or with the token of before.
        for retry in [signed("token-2", 0, &raw_form(MAIL)), fields] {
            let again = post(&s, "/api/inbound/mailgun", &retry).send().await.expect(200);
            assert_eq!(again["mail_id"], first["mail_id"], "{again}");
        }
        assert_eq!(s.mail_count(&boss).await, 1);
        // As a form without parts, too.
        let other = MAIL.replace("p1@", "p2@").replace("on fire", "wet");
        let pairs = signed("token-3", 0, &raw_form(&other));
        let body: String = pairs
            .iter()
            .map(|(n, v)| format!("{n}={}", v.bytes().map(|b| format!("%{b:02X}")).collect::<String>()))
            .collect::<Vec<_>>()
            .join("&");
        let second = s
            .post("/api/inbound/mailgun/mime")
            .body("application/x-www-form-urlencoded", body)
            .send()
            .await
            .expect(200);
        assert_eq!(s.octets(&boss, &second).await, other.as_bytes());
        s
    })
    .await;
}

/// E10.1: HMAC of timestamp and token, at most 15 minutes old, a token for one delivery. Nothing of it is stored (E10.2).
#[tokio::test]
async fn e10_1_wrong_signatures_leave_nothing() {
    on_both_with(SETTINGS, |s| async move {
        let boss = s.boss().await;
        let ask = async |fields: Vec<(String, String)>, status: u16, code: &str| {
            post(&s, "/api/inbound/mailgun/mime", &fields).send().await.problem(status, code);
        };
        let form = raw_form(MAIL);
        ask(signed("t", 16 * 60, &form), 401, "signature_invalid").await;
        ask(signed("t", -16 * 60, &form), 401, "signature_invalid").await;
        let mut wrong = signed("t", 0, &form);
        wrong[1].1 = "other".to_owned();
        ask(wrong, 401, "signature_invalid").await;
        let mut none = signed("t", 0, &form);
        none.remove(2);
        ask(none, 401, "signature_invalid").await;
        assert_eq!(s.mail_count(&boss).await, 0);
        post(&s, "/api/inbound/mailgun/mime", &signed("used", 0, &form)).send().await.expect(200);
        // Whoever overheard a token could put other contents beside it.
        let other = MAIL.replace("Please help.", "Send money.");
        ask(signed("used", 0, &raw_form(&other)), 401, "signature_invalid").await;
        assert_eq!(s.mail_count(&boss).await, 1);
        // Never again: 406 is the one answer that stops the retries.
        ask(signed("t5", 0, &form[..1]), 406, "malformed_request").await;
        ask(signed("t6", 0, &raw_form("")), 406, "malformed_request").await;
        let gzip = post(&s, "/api/inbound/mailgun", &signed("t7", 0, &form)).header("content-encoding", "gzip");
        gzip.send().await.problem(406, "unsupported_media_type");
        // An operator's own token opens the door as well.
        let plain: Vec<(String, String)> = form.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let again = post(&s, "/api/inbound/mailgun", &plain).bearer(INBOUND_TOKEN).send().await.expect(200);
        assert!(again["mail_id"].is_i64());
        s
    })
    .await;
}

/// E10.4: the parsed form makes a mail again, flagged; what the provider calls stripped is ignored.
#[tokio::test]
async fn e10_4_a_parsed_form_becomes_a_mail() {
    on_both(|s| async move {
        let boss = s.boss().await;
        let headers = json!([
            ["Received", "from a by b"],
            ["From", "Ann <ann@example.com>"],
            ["To", "support@postroom.localhost"],
            ["Subject", "Drucker \u{fc}ber"],
            ["Message-Id", "<q1@example.com>"],
            ["Auto-Submitted", "auto-replied"],
            ["Dkim-Signature", "v=1; a=rsa-sha256"],
            ["Content-Type", "multipart/mixed; boundary=\"gone\""],
        ])
        .to_string();
        let fields = [
            ("recipient", "support@postroom.localhost"),
            ("sender", "ann@example.com"),
            ("message-headers", headers.as_str()),
            ("body-plain", "New words.\r\n\r\nOn Monday, Bob wrote:\r\n> old words\r\n"),
            ("stripped-text", "NOT THIS"),
            ("body-html", "<p>New words. <img src=\"cid:logo\"></p>"),
            ("content-id-map", "{\"<logo>\": \"attachment-1\"}"),
        ];
        let files: [(&str, &str, &str, &[u8]); 2] = [
            ("attachment-1", "logo.png", "image/png", b"\x89PNG"),
            ("attachment-2", "a.bin", "application/octet-stream", b"\x00\xff\r\n"),
        ];
        let got = s.post("/api/inbound/mailgun").multipart(&fields, &files).send().await.expect(200);
        let mail = s.mail(&boss, &got).await;
        let flags: Vec<&str> = mail["flags"].as_array().expect("flags").iter().filter_map(|f| f.as_str()).collect();
        assert!(flags.contains(&"reconstructed"), "{flags:?}");
        assert_eq!(
            (&mail["subject"], &mail["class"], &mail["message_id"]),
            (&json!("Drucker \u{fc}ber"), &json!("auto_reply"), &json!("q1@example.com"))
        );
        assert!(mail["body_text"].as_str().is_some_and(|t| t.contains("> old words")), "{mail}");
        let files = mail["attachments"].as_array().expect("files");
        assert_eq!(files.len(), 2, "{files:?}");
        assert!(files.iter().any(|f| f["filename"] == "a.bin" && f["size_bytes"] == 4), "{files:?}");
        let raw = String::from_utf8(s.octets(&boss, &got).await).expect("text");
        assert!(!raw.to_ascii_lowercase().contains("dkim") && !raw.contains("NOT THIS"), "{raw}");
        s
    })
    .await;
}

/// E10.2: mailboxes of two tenants make two arrivals; an address of nobody is held for somebody to look at.
#[tokio::test]
async fn e10_2_tenants_and_nobody() {
    on_both(|s| async move {
        use shared::access::Actor;
        use shared::mailboxes::{self, NewMailbox};
        let boss = s.boss().await;
        let acme = s.tenant("acme", shared::tenants::Audience::Organisation).await;
        let new =
            NewMailbox { tenant: Some(acme), address: "help@acme.example".into(), name: None, tag_separator: None };
        mailboxes::create(&s.app.db, &Actor::system(), new).await.expect("a mailbox");
        let mut form = raw_form(MAIL);
        form[0].1 = "support@postroom.localhost, help@acme.example";
        s.post("/api/inbound/mailgun").multipart(&form, &[]).send().await.expect(200);
        assert_eq!(s.mail_count(&boss).await, 2);
        form[0].1 = "nobody@elsewhere.example";
        let held = s.post("/api/inbound/mailgun").multipart(&form, &[]).send().await.expect(200);
        // The same mail as before: its other arrival is known.
        assert_eq!(held["outcome"], "duplicate", "{held}");
        let strange = MAIL.replace("p1@", "p9@").replace("Printer", "Kettle");
        let mut form = raw_form(&strange);
        form[0].1 = "nobody@elsewhere.example";
        let held = s.post("/api/inbound/mailgun").multipart(&form, &[]).send().await.expect(200);
        assert_eq!(held["outcome"], "quarantined", "{held}");
        assert_eq!(s.mail(&boss, &held).await["reason"], "no_mailbox");
        s
    })
    .await;
}

/// E10.1 (T61): the store is down: Mailgun comes again.
#[tokio::test]
async fn t61_a_store_that_is_away_is_503() {
    on_both(|s| async move {
        s.app.db.close().await;
        s.post("/api/inbound/mailgun").multipart(&raw_form(MAIL), &[]).send().await.problem(503, "unavailable");
        s
    })
    .await;
}

/// E11.2, E5.10: what Mailgun itself found out counts, where it signs; never what is there twice.
#[tokio::test]
async fn e11_2_mailguns_own_fields_count() {
    on_both_with(SETTINGS, |s| async move {
        let boss = s.boss().await;
        let ask = async |token: &str, subject: &str, fields: &str| {
            let raw = MAIL.replace("p1@", &format!("{token}@")).replace("Printer on fire", subject);
            let raw = format!("{fields}{raw}");
            let got = post(&s, "/api/inbound/mailgun/mime", &signed(token, 0, &raw_form(&raw))).send().await.expect(200);
            s.mail(&boss, &got).await
        };
        let own = "X-Mailgun-Spf: Pass\r\nX-Mailgun-Dkim-Check-Result: Pass\r\nX-Mailgun-Sflag: No\r\nX-Mailgun-Sscore: 0.1\r\n";
        let fine = ask("f1", "Fine", own).await;
        assert_eq!((&fine["verdict"], &fine["spam"]), (&json!("weak"), &json!("none")));
        assert_eq!((&fine["authentication"]["by"], &fine["authentication"]["spf"]["domain"]), (&json!("mailgun"), &json!("example.com")));
        let spam = ask("f2", "Win", "X-Mailgun-Spf: Neutral\r\nX-Mailgun-Sflag: Yes\r\nX-Mailgun-Sscore: 7.1\r\n").await;
        assert_eq!((&spam["outcome"], &spam["spam"]), (&json!("spam_held"), &json!("held")));
        let twice = ask("f3", "Twice", &format!("{own}X-Mailgun-Spf: Fail\r\nX-Mailgun-Sflag: Yes\r\n")).await;
        assert_eq!((&twice["verdict"], &twice["spam"]), (&json!("none"), &json!("none")));
        // The parsed form lists them.
        let headers = json!([["X-Mailgun-Incoming", "Yes"], ["X-Mailgun-Spf", "Pass"], ["X-Mailgun-Sflag", "No"],
            ["From", "Ann <ann@example.com>"], ["To", "support@postroom.localhost"], ["Subject", "Parsed"],
            ["Message-Id", "<f4@example.com>"]]);
        let headers = headers.to_string();
        let parsed = [("recipient", "support@postroom.localhost"), ("sender", "ann@example.com"),
            ("message-headers", headers.as_str()), ("body-plain", "Please help.")];
        let got = post(&s, "/api/inbound/mailgun", &signed("f4", 0, &parsed)).send().await.expect(200);
        assert_eq!(s.mail(&boss, &got).await["verdict"], "weak");
        // Who comes by an operator's token alone is not Mailgun.
        let raw = format!("{own}{}", MAIL.replace("p1@", "f5@").replace("Printer on fire", "By token"));
        let plain: Vec<(String, String)> =
            raw_form(&raw).iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let got = post(&s, "/api/inbound/mailgun", &plain).bearer(INBOUND_TOKEN).send().await.expect(200);
        assert_eq!(s.mail(&boss, &got).await["verdict"], "none");
        s
    })
    .await;
}
