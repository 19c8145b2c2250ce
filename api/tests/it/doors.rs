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

/// E10.4: `?explain=1` tells the trace of the mail at once.
#[tokio::test]
async fn e10_4_a_door_explains() {
    on_both(|s| async move {
        let raw = s.post("/api/inbound/raw?explain=1").body("message/rfc822", MAIL).send().await.expect(200);
        let fields = json!({"from": "bo@example.com", "to": "support@postroom.localhost", "text": "x"});
        let mock = s.post("/api/inbound/mock?explain=true").json(fields.clone()).send().await.expect(200);
        for told in [raw, mock] {
            assert_eq!(told["outcome"], "ticket_created", "{told}");
            let stages: Vec<&str> =
                told["trace"].as_array().expect("a trace").iter().filter_map(|l| l["stage"].as_str()).collect();
            assert!(stages.contains(&"classify") && stages.contains(&"apply"), "{stages:?}");
        }
        let silent = s.post("/api/inbound/mock?explain=0").json(fields).send().await.expect(200);
        assert!(silent.get("trace").is_none(), "{silent}");
        s
    })
    .await;
}

/// E10.9 (T65): what is compressed on its way is refused; an archive is a file that nobody opens; a mail of 10⁵ parts is
/// kept whole, read as far as the limit, and flagged.
#[tokio::test]
async fn t65_compressed_bodies_bombs_and_countless_parts() {
    use shared::access::Role;
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let post = |body: Vec<u8>| s.post("/api/inbound/raw").body("message/rfc822", body);
        for encoding in ["gzip", "deflate", "br", "zstd"] {
            let refused = post(MAIL.into()).header("content-encoding", encoding).send().await;
            refused.problem(415, "unsupported_media_type");
        }
        post(MAIL.into()).header("content-encoding", "identity").send().await.expect(200);
        let read = async |answer: serde_json::Value| {
            s.get(&format!("/api/mails/{}", answer["mail_id"])).bearer(&boss.token).send().await.expect(200)
        };
        // 35 octets that claim to become 4 GiB.
        let bomb = "UEsDBBQAAAAIAAAAIQAAAAAAKgAAAP////8FAAAAYm9tYmI=";
        let with_zip = format!(
            "From: a@b.example\r\nTo: support@postroom.localhost\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nLook.\r\n--b\r\nContent-Type: application/zip\r\n\
             Content-Disposition: attachment; filename=bomb.zip\r\nContent-Transfer-Encoding: base64\r\n\r\n{bomb}\r\n--b--\r\n"
        );
        let mail = read(post(with_zip.into()).send().await.expect(200)).await;
        let files = mail["attachments"].as_array().expect("files");
        assert_eq!((files.len(), &files[0]["filename"], &files[0]["size_bytes"]), (1, &json!("bomb.zip"), &json!(35)));
        let head = "From: a@b.example\r\nTo: support@postroom.localhost\r\nMIME-Version: 1.0\r\n\
                    Content-Type: multipart/mixed; boundary=b\r\n\r\n";
        let many = format!("{head}{}--b--\r\n", "--b\r\n\r\nx\r\n".repeat(100_000));
        let size = many.len();
        let mail = read(post(many.into()).send().await.expect(200)).await;
        assert!(mail["flags"].as_array().is_some_and(|f| f.contains(&json!("limit:parts"))), "{}", mail["flags"]);
        assert_eq!(mail["size_bytes"], json!(size));
        let deep = format!("{head}{}", "--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n".repeat(100));
        let mail = read(post(deep.into()).send().await.expect(200)).await;
        assert!(mail["flags"].as_array().is_some(), "{mail}");
        s
    })
    .await;
}

/// E10.9: who sends a mail so slowly that it takes more than a minute is told to come again.
#[tokio::test]
async fn e10_9_a_slow_body_ends_after_a_minute() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    crate::harness::on_sqlite(|s| async move {
        let mut stream = tokio::net::TcpStream::connect(s.addr).await.expect("it listens");
        let head = format!(
            "POST /api/inbound/raw HTTP/1.1\r\nhost: {}\r\ncontent-type: message/rfc822\r\ncontent-length: 1000\r\n\r\nFrom: a",
            s.addr
        );
        stream.write_all(head.as_bytes()).await.expect("it reads");
        let began = std::time::Instant::now();
        let mut answer = vec![0; 4096];
        let n = stream.read(&mut answer).await.expect("an answer");
        let answer = String::from_utf8_lossy(&answer[..n]).into_owned();
        assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("timed_out"), "{answer}");
        assert!((55..70).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
        s
    })
    .await;
}
