//! Postmark's inbound webhook.

use super::MAIL;
use crate::harness::{on_both, on_both_with};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

const SETTINGS: &[(&str, &str)] =
    &[("POSTROOM_POSTMARK_AUTH", "postmark:secret-words"), ("POSTROOM_MODE", "production")];

fn inbound(raw: Option<&str>) -> Value {
    let mut body = json!({
        "FromName": "Ann", "MessageStream": "inbound", "From": "ann@example.com",
        "FromFull": {"Email": "ann@example.com", "Name": "Ann", "MailboxHash": ""},
        "To": "\"Support\" <support@postroom.localhost>", "Cc": "", "Bcc": "",
        "OriginalRecipient": "support@postroom.localhost", "Subject": "Printer on fire",
        "MessageID": "73e6d360-66eb-11e1-8e72-a8904824019b", "ReplyTo": "", "MailboxHash": "",
        "Date": "Sat, 21 Nov 2026 10:00:00 +0000", "TextBody": "Please help.\n", "HtmlBody": "",
        "StrippedTextReply": "NOT THIS", "Tag": "",
        "Headers": [
            {"Name": "X-Spam-Status", "Value": "No"}, {"Name": "Message-ID", "Value": "<p1@example.com>"},
            {"Name": "References", "Value": "<a@example.com> <b@example.com>"},
        ],
        "Attachments": [{"Name": "a.txt", "Content": STANDARD.encode("file"), "ContentType": "text/plain", "ContentLength": 4}],
    });
    if let Some(raw) = raw {
        body["RawEmail"] = raw.into();
    }
    body
}

/// E10.1: basic authentication; 200 for yes, 403 for never again, the rest is tried again. MessageID names the delivery.
#[tokio::test]
async fn e10_1_raw_email_comes_in_once_as_it_is() {
    on_both_with(SETTINGS, |s| async move {
        let boss = s.boss().await;
        let auth = format!("Basic {}", STANDARD.encode("postmark:secret-words"));
        let post = || s.post("/api/inbound/postmark").header("authorization", &auth);
        let first = post().json(inbound(Some(MAIL))).send().await.expect(200);
        assert_eq!(first["outcome"], "ticket_created");
        assert_eq!(s.octets(&boss, &first).await, MAIL.as_bytes());
        let again = post().json(inbound(Some(MAIL))).send().await.expect(200);
        assert_eq!(again["mail_id"], first["mail_id"]);
        let wrong = format!("Basic {}", STANDARD.encode("postmark:other-words"));
        for shown in [wrong.as_str(), "Basic !!", "Bearer nonsense"] {
            let answer = s.post("/api/inbound/postmark").header("authorization", shown).json(inbound(Some(MAIL)));
            assert_eq!(answer.send().await.status, 401, "{shown}");
        }
        s.post("/api/inbound/postmark").json(inbound(Some(MAIL))).send().await.problem(401, "signature_invalid");
        post().body("application/json", "{").send().await.problem(403, "malformed_request");
        post()
            .header("content-encoding", "gzip")
            .json(inbound(None))
            .send()
            .await
            .problem(403, "unsupported_media_type");
        assert_eq!(s.mail_count(&boss).await, 1);
        // Its own basic authentication can bear the inbound token, too.
        let token = format!("Basic {}", STANDARD.encode(format!("any:{}", crate::harness::INBOUND_TOKEN)));
        s.post("/api/inbound/postmark")
            .header("authorization", &token)
            .json(inbound(Some(MAIL)))
            .send()
            .await
            .expect(200);
        s
    })
    .await;
}

/// E10.4.
#[tokio::test]
async fn e10_4_a_parsed_form_becomes_a_mail() {
    on_both(|s| async move {
        let boss = s.boss().await;
        let got = s.post("/api/inbound/postmark").json(inbound(None)).send().await.expect(200);
        let mail = s.mail(&boss, &got).await;
        assert_eq!(
            (&mail["subject"], &mail["from"]["email"], &mail["message_id"], &mail["references"]),
            (
                &json!("Printer on fire"),
                &json!("ann@example.com"),
                &json!("p1@example.com"),
                &json!(["a@example.com", "b@example.com"])
            )
        );
        assert!(mail["flags"].as_array().is_some_and(|f| f.contains(&json!("reconstructed"))), "{mail}");
        assert_eq!(
            (&mail["attachments"][0]["filename"], mail["body_text"].as_str().map(str::trim)),
            (&json!("a.txt"), Some("Please help."))
        );
        s
    })
    .await;
}

/// E10.1 (T61).
#[tokio::test]
async fn t61_a_store_that_is_away_is_503() {
    on_both(|s| async move {
        s.app.db.close().await;
        s.post("/api/inbound/postmark").json(inbound(Some(MAIL))).send().await.problem(503, "unavailable");
        s
    })
    .await;
}

/// E11.2, E5.10: what Postmark wrote on top counts, from octets and from the parsed form; what stands beneath the line of
/// the host that handed the mail in is the sender's.
#[tokio::test]
async fn e11_2_postmarks_own_fields_count() {
    on_both_with(SETTINGS, |s| async move {
        let boss = s.boss().await;
        let auth = format!("Basic {}", STANDARD.encode("postmark:secret-words"));
        let ask = async |id: &str, body: Value| {
            let mut body = body;
            body["MessageID"] = id.into();
            let got = s.post("/api/inbound/postmark").header("authorization", &auth).json(body).send().await.expect(200);
            s.mail(&boss, &got).await
        };
        let fields = |spam: &str| {
            format!(
                "Received: by p-pm-inbound01a.postmarkapp.com (Postfix, from userid 996)\r\n\tid 1; Sat, 21 Nov 2026 10:00:00 +0000\r\n\
                 X-Spam-Checker-Version: SpamAssassin 3.4.0 (2014-02-07) on\r\n\tp-pm-inbound01a\r\nX-Spam-Status: {spam}\r\n\
                 X-Spam-Score: 1.2\r\nX-Spam-Tests: DKIM_SIGNED,DKIM_VALID,DKIM_VALID_AU,SPF_PASS\r\n\
                 Received-SPF: Pass (sender SPF authorized) identity=mailfrom; client-ip=192.0.2.1; helo=mx.example.com;\r\n\
                 \tenvelope-from=ann@example.com; receiver=support@postroom.localhost\r\n"
            )
        };
        let raw = |top: &str, n: &str| format!("{top}{}", MAIL.replace("p1@", n).replace("Printer on fire", n));
        let below = |fields: &str, n: &str| raw("", n).replace("From: Ann", &format!("{fields}From: Ann"));
        let fine = ask("1", inbound(Some(&raw(&fields("No"), "a@")))).await;
        assert_eq!((&fine["verdict"], &fine["spam"]), (&json!("pass"), &json!("none")));
        assert_eq!(fine["authentication"]["by"], "postmark");
        let spam = ask("2", inbound(Some(&raw(&fields("Yes"), "b@")))).await;
        assert_eq!((&spam["outcome"], &spam["spam"]), (&json!("spam_held"), &json!("held")));
        let forged = ask("3", inbound(Some(&below(&fields("Yes"), "c@")))).await;
        assert_eq!((&forged["verdict"], &forged["spam"]), (&json!("none"), &json!("none")));
        let mut parsed = inbound(None);
        parsed["Headers"] = json!([
            {"Name": "X-Spam-Status", "Value": "No"}, {"Name": "X-Spam-Score", "Value": "-0.8"},
            {"Name": "X-Spam-Tests", "Value": "DKIM_SIGNED,DKIM_VALID,SPF_PASS"},
            {"Name": "Received-SPF", "Value": "Pass (sender SPF authorized) identity=mailfrom; client-ip=192.0.2.1; \
                helo=mx.example.com; envelope-from=ann@example.com; receiver=support@postroom.localhost"},
            {"Name": "Message-ID", "Value": "<d@example.com>"},
        ]);
        assert_eq!(ask("4", parsed).await["verdict"], "weak");
        s
    })
    .await;
}
