//! Postal's HTTP endpoints.

use super::{MAIL, PUBLIC_KEY, rsa_sha256};
use crate::harness::{Request, Server, on_both, on_both_with};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// Signed with SHA-1, as older versions do: made once by another program.
const OLD_BODY: &str = r#"{"id":7,"rcpt_to":"support@postroom.localhost","mail_from":"ann@example.com","message":"RnJvbTogYW5uQGV4YW1wbGUuY29tDQpTdWJqZWN0OiBPbGQgUG9zdGFsDQoNCkhlbGxvDQo=","base64":true,"size":53}"#;
const OLD_SIGNATURE: &str = include_str!("postal_v1.txt");

fn settings() -> [(&'static str, &'static str); 2] {
    [("POSTROOM_POSTAL_KEY", PUBLIC_KEY), ("POSTROOM_MODE", "production")]
}

fn message(id: i64, raw: &str) -> Value {
    // Lines of 60, as Ruby packs base64.
    let packed = STANDARD.encode(raw);
    let lines: Vec<&str> = packed.as_bytes().chunks(60).map(|l| std::str::from_utf8(l).expect("ASCII")).collect();
    json!({
        "id": id, "rcpt_to": "support@postroom.localhost", "mail_from": "ann@example.com",
        "message": format!("{}\n", lines.join("\n")), "base64": true, "size": raw.len(),
    })
}

fn signed(s: &Server, body: &Value) -> Request {
    let body = body.to_string();
    s.post("/api/inbound/postal")
        .header("x-postal-signature-256", &rsa_sha256(body.as_bytes()))
        .body("application/json", body)
}

/// E10.1: signed with SHA-1 or SHA-256; 200 for yes.
#[tokio::test]
async fn e10_1_a_signed_mail_comes_in_once_as_it_is() {
    on_both_with(&settings(), |s| async move {
        let boss = s.boss().await;
        let first = signed(&s, &message(1, MAIL)).send().await.expect(200);
        assert_eq!(s.octets(&boss, &first).await, MAIL.as_bytes());
        let again = signed(&s, &message(1, MAIL)).send().await.expect(200);
        assert_eq!(again["mail_id"], first["mail_id"]);
        let old = |body: &str| {
            s.post("/api/inbound/postal")
                .header("x-postal-signature", OLD_SIGNATURE.trim())
                .body("application/json", body)
        };
        let got = old(OLD_BODY).send().await.expect(200);
        assert_eq!(s.mail(&boss, &got).await["subject"], "Old Postal");
        old(&OLD_BODY.replace("\"id\":7", "\"id\":8")).send().await.problem(401, "signature_invalid");
        s.post("/api/inbound/postal").json(message(2, MAIL)).send().await.problem(401, "signature_invalid");
        // The stronger signature decides: an old one beside a broken new one is no way in.
        let both = old(OLD_BODY).header("x-postal-signature-256", &rsa_sha256(b"other"));
        both.send().await.problem(401, "signature_invalid");
        // Never again is 5xx here.
        signed(&s, &json!({"id": 3})).send().await.problem(501, "malformed_request");
        assert_eq!(s.mail_count(&boss).await, 2);
        s
    })
    .await;
}

/// E10.4: a processed message.
#[tokio::test]
async fn e10_4_a_processed_message_becomes_a_mail() {
    on_both(|s| async move {
        let boss = s.boss().await;
        let body = json!({
            "id": 5, "rcpt_to": "support@postroom.localhost", "mail_from": "ann@example.com", "token": "x",
            "subject": "Hi", "message_id": "po@example.com", "from": "Ann <ann@example.com>", "to": "support@postroom.localhost",
            "date": "Sat, 21 Nov 2026 10:00:00 +0000", "plain_body": "Hello", "html_body": null, "auto_submitted": null,
            "reply_to": ["other@example.com"],
            "attachments": [{"filename": "a.txt", "content_type": "text/plain", "size": 2, "data": "aGk=\n"}],
        });
        let mail = s.mail(&boss, &s.post("/api/inbound/postal").json(body).send().await.expect(200)).await;
        assert_eq!(
            (&mail["message_id"], &mail["reply_to"][0]["email"], &mail["attachments"][0]["size_bytes"]),
            (&json!("po@example.com"), &json!("other@example.com"), &json!(2))
        );
        assert!(mail["flags"].as_array().is_some_and(|f| f.contains(&json!("reconstructed"))), "{mail}");
        s
    })
    .await;
}

/// E10.1 (T61): our own faults are 429, as Postal bounces what is answered 5xx; or what the operator says that its version
/// understands.
#[tokio::test]
async fn t61_a_store_that_is_away_is_429() {
    for (setting, status) in [(None, 429), (Some(("POSTROOM_POSTAL_BUSY_STATUS", "503")), 503)] {
        let settings: Vec<(&str, &str)> = setting.into_iter().collect();
        on_both_with(&settings, |s| async move {
            s.app.db.close().await;
            let answer = s.post("/api/inbound/postal").json(message(1, MAIL)).send().await;
            assert!(answer.header("retry-after").is_some());
            answer.problem(status, "unavailable");
            s
        })
        .await;
    }
}

/// E10.1: Postal waits 5 s. A store that does not answer in that time is told of as busy, not as broken.
#[tokio::test]
async fn e10_1_an_answer_in_5_seconds_whatever_the_store_does() {
    on_both(|s| async move {
        // Somebody holds the tables, or the one writer.
        let mut tx = s.app.db.write(shared::store::Scope::All).await.expect("a transaction");
        shared::store::sql("UPDATE tenants SET name = name").exec(&mut tx).await.expect("a lock");
        if !s.app.db.is_sqlite() {
            shared::store::sql("LOCK TABLE raw_mails IN ACCESS EXCLUSIVE MODE").exec(&mut tx).await.expect("a lock");
        }
        let began = std::time::Instant::now();
        s.post("/api/inbound/postal").json(message(1, MAIL)).send().await.problem(429, "timed_out");
        assert!(began.elapsed() < std::time::Duration::from_secs(5), "{:?}", began.elapsed());
        tx.rollback().await.expect("it ends");
        s
    })
    .await;
}
