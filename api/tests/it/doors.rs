//! The inbound doors: who may use them, and what they refuse.

use crate::harness::{INBOUND_TOKEN, on_both, on_both_with};
use serde_json::json;

const MAIL: &str = "From: Ann <ann@example.com>\r\nTo: support@postroom.localhost\r\nSubject: Hi\r\n\r\nHello.\r\n";

#[tokio::test]
async fn a_door_wants_a_token_unless_it_is_this_machine() {
    on_both(|s| async move {
        let raw = || s.post("/api/inbound/raw").body("message/rfc822", "");
        // Empty: refused after the token was judged.
        raw().send().await.problem(422, "validation_failed");
        raw().bearer(INBOUND_TOKEN).send().await.problem(422, "validation_failed");
        raw().bearer("wrong").send().await.problem(401, "unauthenticated");
        raw().header("x-forwarded-for", "127.0.0.1").send().await.problem(401, "unauthenticated");
        raw().header("host", "desk.example").send().await.problem(401, "unauthenticated");
        raw().header("origin", "https://evil.example").send().await.problem(403, "csrf_failed");
        s
    })
    .await;
    on_both_with(&[("POSTROOM_MODE", "production")], |s| async move {
        let raw = || s.post("/api/inbound/raw").body("message/rfc822", MAIL);
        raw().send().await.problem(401, "unauthenticated");
        let wrong = raw().header("authorization", "Basic YTpi").send().await;
        assert_eq!(wrong.header("www-authenticate"), Some("Bearer"));
        wrong.problem(401, "unauthenticated");
        s
    })
    .await;
}

/// E10.1, E10.9.
#[tokio::test]
async fn what_is_no_mail_by_type_or_size_is_refused() {
    on_both_with(&[("POSTROOM_MAX_MAIL_BYTES", "2000")], |s| async move {
        let raw = |kind: &str, body: Vec<u8>| s.post("/api/inbound/raw").body(kind, body);
        raw("application/json", b"{}".to_vec()).send().await.problem(415, "unsupported_media_type");
        let packed = raw("message/rfc822", MAIL.into()).header("content-encoding", "gzip");
        packed.send().await.problem(415, "unsupported_media_type");
        raw("message/rfc822", vec![b'x'; 2001]).send().await.problem(413, "body_too_large");
        raw("message/rfc822", vec![b'x'; 5_000_000]).send().await.problem(413, "body_too_large");
        s
    })
    .await;
}

#[tokio::test]
async fn a_mock_mails_fields_are_checked() {
    on_both(|s| async move {
        let mock = || s.post("/api/inbound/mock");
        mock().body("application/json", "{\"from\":").send().await.problem(400, "invalid_json");
        mock().body("application/json", &b"{\"from\":\"\xff\"}"[..]).send().await.problem(400, "invalid_json");
        mock().body("text/plain", "{}").send().await.problem(415, "unsupported_media_type");
        let fields = |body: serde_json::Value| async {
            let problem = mock().json(body).send().await.problem(422, "validation_failed");
            problem["errors"][0]["field"].as_str().map(str::to_owned)
        };
        assert_eq!(fields(json!({})).await.as_deref(), Some("from"));
        assert_eq!(fields(json!({"from": "a@x", "subject": 5})).await.as_deref(), Some("subject"));
        assert_eq!(
            fields(json!({"from": "a@x", "text": "t\u{0}", "subject": "a\r\nBcc: b@x"})).await.as_deref(),
            Some("subject")
        );
        let files = json!({"from": "a@x", "attachments": [{"filename": "a", "contentBase64": "%"}]});
        assert_eq!(fields(files).await.as_deref(), Some("attachments[0].content_base64"));
        let files = json!({"from": "a@x", "attachments": [{"filename": "a"}]});
        assert_eq!(fields(files).await.as_deref(), Some("attachments[0].content_base64"));
        assert_eq!(fields(json!([])).await.as_deref(), Some(""));
        s
    })
    .await;
}
