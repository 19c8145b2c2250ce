//! The email worker's door, and the same signature at the raw door.

use super::{MAIL, hmac_hex, seconds_ago};
use crate::harness::{INBOUND_TOKEN, Request, Server, on_both_with};
use serde_json::json;

const KEY: &str = "key-of-the-worker";
const SETTINGS: &[(&str, &str)] = &[("POSTROOM_CLOUDFLARE_KEY", KEY), ("POSTROOM_MODE", "production")];
const FROM: &str = "bounce+1@example.com";
const TO: &str = "support@postroom.localhost";

fn signed(s: &Server, path: &str, key: &str, ago: i64) -> Request {
    let time = seconds_ago(ago);
    let signature = hmac_hex(key, format!("{time}\n{FROM}\n{TO}\n{MAIL}").as_bytes());
    s.post(path)
        .header("x-postroom-time", &time)
        .header("x-postroom-signature", &signature)
        .header("x-envelope-from", FROM)
        .header("x-envelope-to", TO)
}

/// E10.1: HMAC over time, envelope and body.
#[tokio::test]
async fn e10_1_a_signed_mail_comes_in_once_as_it_is() {
    on_both_with(SETTINGS, |s| async move {
        let boss = s.boss().await;
        let path = "/api/inbound/cloudflare";
        let send = |request: Request, body: &str| request.body("message/rfc822", body).send();
        let first = send(signed(&s, path, KEY, 1), MAIL).await.expect(200);
        assert_eq!(s.octets(&boss, &first).await, MAIL.as_bytes());
        assert_eq!(s.mail(&boss, &first).await["envelope_from"], json!(FROM));
        let again = send(signed(&s, path, KEY, 0), MAIL).await.expect(200);
        assert_eq!(again["mail_id"], first["mail_id"]);
        send(signed(&s, path, "another-key", 0), MAIL).await.problem(401, "signature_invalid");
        send(signed(&s, path, KEY, 16 * 60), MAIL).await.problem(401, "signature_invalid");
        send(signed(&s, path, KEY, 0), "From: x@y.example\r\n\r\nother").await.problem(401, "signature_invalid");
        send(s.post(path), MAIL).await.problem(401, "signature_invalid");
        // Whom it is for is signed, too.
        let time = seconds_ago(0);
        let signature = hmac_hex(KEY, format!("{time}\n{FROM}\n{TO}\n{MAIL}").as_bytes());
        let turned = s.post(path).header("x-postroom-time", &time).header("x-postroom-signature", &signature);
        let turned = turned.header("x-envelope-from", FROM).header("x-envelope-to", "other@postroom.localhost");
        send(turned, MAIL).await.problem(401, "signature_invalid");
        let gzip = signed(&s, path, KEY, 0).header("content-encoding", "gzip");
        send(gzip, MAIL).await.problem(406, "unsupported_media_type");
        assert_eq!(s.mail_count(&boss).await, 1);
        s.app.db.close().await;
        send(signed(&s, path, KEY, 0), MAIL).await.problem(503, "unavailable");
        s
    })
    .await;
}

/// E10.1: the raw door takes a bearer token, or the same signature with the inbound token as its key.
#[tokio::test]
async fn e10_1_the_raw_door_takes_a_signature() {
    on_both_with(&[("POSTROOM_MODE", "production")], |s| async move {
        let raw = |request: Request, body: &str| request.body("message/rfc822", body).send();
        let got = raw(signed(&s, "/api/inbound/raw", INBOUND_TOKEN, 1), MAIL).await.expect(200);
        assert_eq!(got["outcome"], "ticket_created");
        raw(signed(&s, "/api/inbound/raw", "another-key", 0), MAIL).await.problem(401, "signature_invalid");
        raw(signed(&s, "/api/inbound/raw", INBOUND_TOKEN, 16 * 60), MAIL).await.problem(401, "signature_invalid");
        raw(signed(&s, "/api/inbound/raw", INBOUND_TOKEN, 0), "From: a@b.example\r\n\r\nx")
            .await
            .problem(401, "signature_invalid");
        s
    })
    .await;
}
