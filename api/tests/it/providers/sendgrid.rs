//! SendGrid's Inbound Parse.

use super::{MAIL, seconds_ago};
use crate::harness::{INBOUND_TOKEN, Request, Server, on_both, on_both_with};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::json;

const ENVELOPE: &str = r#"{"to":["support@postroom.localhost"],"from":"ann@example.com"}"#;

fn raw_form() -> Vec<(&'static str, &'static str)> {
    vec![
        ("dkim", "{@example.com : pass}"),
        ("email", MAIL),
        ("to", "support@postroom.localhost"),
        ("from", "Ann <ann@example.com>"),
        ("sender_ip", "192.0.2.7"),
        ("spam_score", "0.1"),
        ("envelope", ENVELOPE),
        ("subject", "Printer on fire"),
        ("SPF", "pass"),
    ]
}

/// A form with a boundary of its own, so that its octets can be signed.
fn octets(fields: &[(&str, &str)]) -> String {
    let parts =
        fields.iter().map(|(n, v)| format!("--xYzZY\r\nContent-Disposition: form-data; name=\"{n}\"\r\n\r\n{v}\r\n"));
    format!("{}--xYzZY--\r\n", parts.collect::<String>())
}

fn key() -> (EcdsaKeyPair, String) {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).expect("a key");
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref(), &random).expect("a key");
    // SubjectPublicKeyInfo of a P-256 key: these octets, then the point.
    let head = STANDARD.decode("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE").expect("base64");
    let spki = [&head[..26], key.public_key().as_ref()].concat();
    (key, STANDARD.encode(spki))
}

fn signed(s: &Server, key: &EcdsaKeyPair, time: &str, body: &str) -> Request {
    let text = [time.as_bytes(), body.as_bytes()].concat();
    let signature = STANDARD.encode(key.sign(&SystemRandom::new(), &text).expect("it signs"));
    s.post("/api/inbound/sendgrid")
        .header("x-twilio-email-event-webhook-signature", &signature)
        .header("x-twilio-email-event-webhook-timestamp", time)
        .body("multipart/form-data; boundary=xYzZY", body)
}

/// E10.1: ECDSA over time and body; 4xx only for what can never be taken.
#[tokio::test]
async fn e10_1_a_signed_form_comes_in_once_as_it_is() {
    let (key, public) = key();
    let (other, _) = self::key();
    let settings = [("POSTROOM_SENDGRID_KEY", public.as_str()), ("POSTROOM_MODE", "production")];
    let (key, other) = (&key, &other);
    on_both_with(&settings, |s| async move {
        let boss = s.boss().await;
        let body = octets(&raw_form());
        let first = signed(&s, key, &seconds_ago(2), &body).send().await.expect(200);
        assert_eq!(first["outcome"], "ticket_created");
        assert_eq!(s.octets(&boss, &first).await, MAIL.as_bytes());
        let mail = s.mail(&boss, &first).await;
        assert_eq!(
            (&mail["envelope_from"], &mail["envelope_to"]),
            (&json!("ann@example.com"), &json!(["support@postroom.localhost"]))
        );
        // E11.2: what a signed form says of DKIM counts.
        assert_eq!(mail["verdict"], "pass", "{mail}");
        let again = signed(&s, key, &seconds_ago(0), &body).send().await.expect(200);
        assert_eq!(again["mail_id"], first["mail_id"]);
        signed(&s, other, &seconds_ago(0), &body).send().await.problem(401, "signature_invalid");
        signed(&s, key, &seconds_ago(20 * 60), &body).send().await.problem(401, "signature_invalid");
        let changed = signed(&s, key, &seconds_ago(0), &body)
            .body("multipart/form-data; boundary=xYzZY", body.replace("help", "kelp"));
        changed.send().await.problem(401, "signature_invalid");
        s.post("/api/inbound/sendgrid").multipart(&raw_form(), &[]).send().await.problem(401, "signature_invalid");
        assert_eq!(s.mail_count(&boss).await, 1);
        s
    })
    .await;
}

/// E10.1: without a signature the secret stands in the address; then nothing that the form says of the sender counts.
#[tokio::test]
async fn e10_1_a_secret_address() {
    on_both_with(&[("POSTROOM_MODE", "production")], |s| async move {
        let boss = s.boss().await;
        s.post("/api/inbound/sendgrid/wrong")
            .multipart(&raw_form(), &[])
            .send()
            .await
            .problem(401, "signature_invalid");
        s.post("/api/inbound/sendgrid").multipart(&raw_form(), &[]).send().await.problem(401, "unauthenticated");
        let path = format!("/api/inbound/sendgrid/{INBOUND_TOKEN}");
        let got = s.post(&path).multipart(&raw_form(), &[]).send().await.expect(200);
        assert_ne!(s.mail(&boss, &got).await["verdict"], "pass");
        s.post(&path).multipart(&[("text", "hello")], &[]).send().await.problem(400, "malformed_request");
        s
    })
    .await;
}

/// E10.4: the parsed form, in the charsets that it names.
#[tokio::test]
async fn e10_4_a_parsed_form_becomes_a_mail() {
    on_both(|s| async move {
        let boss = s.boss().await;
        let headers = "Received: by mx.sendgrid.net\nFrom: Ann <ann@example.com>\nTo: support@postroom.localhost\n\
            Subject: A subject\n that goes on\nMessage-ID: <s1@example.com>\nContent-Type: text/plain\n";
        let fields = [
            ("headers", headers),
            ("envelope", ENVELOPE),
            ("charsets", r#"{"to":"UTF-8","text":"windows-1252"}"#),
            ("attachments", "1"),
            ("content-ids", r#"{"ii_1":"attachment1"}"#),
        ];
        let files: [(&str, &str, &str, &[u8]); 1] = [("attachment1", "x.gif", "image/gif", b"GIF89a")];
        let form = s.post("/api/inbound/sendgrid").multipart(&fields, &files);
        let got = form.send().await.expect(200);
        let mail = s.mail(&boss, &got).await;
        assert_eq!(
            (&mail["subject"], &mail["message_id"], &mail["attachments"][0]["filename"]),
            (&json!("A subject that goes on"), &json!("s1@example.com"), &json!("x.gif"))
        );
        assert!(mail["flags"].as_array().is_some_and(|f| f.contains(&json!("reconstructed"))), "{mail}");
        let body = b"--b\r\nContent-Disposition: form-data; name=\"headers\"\r\n\r\nFrom: a@b.example\nMessage-ID: <s2@x>\n\r\n\
            --b\r\nContent-Disposition: form-data; name=\"charsets\"\r\n\r\n{\"text\":\"windows-1252\"}\r\n\
            --b\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nGr\xfc\xdfe \x80\r\n--b--\r\n";
        let form = s.post("/api/inbound/sendgrid").body("multipart/form-data; boundary=b", &body[..]);
        let mail = s.mail(&boss, &form.send().await.expect(200)).await;
        assert_eq!(mail["body_text"].as_str().map(str::trim), Some("Gr\u{fc}\u{df}e \u{20ac}"));
        s
    })
    .await;
}
