//! The providers' doors, with payloads shaped as their documents say, and signatures made as they make them.

mod cloudflare;
mod events;
mod mailgun;
mod postal;
mod postmark;
mod sendgrid;
mod ses;

use crate::harness::Server;
use crate::harness::people::Person;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::{hmac, rand, signature};
use serde_json::Value;
use shared::access::Role;

/// A mail as its sender's server handed it over.
pub const MAIL: &str = "Received: from mx.example.com by provider.example with ESMTP id 77; Sat, 21 Nov 2026 10:00:00 +0000\r\n\
    From: Ann <ann@example.com>\r\nTo: support@postroom.localhost\r\nSubject: Printer on fire\r\n\
    Message-ID: <p1@example.com>\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n\r\nPlease help.\r\n";

/// The RSA key that SNS and Postal sign with here.
pub const KEY: &str = include_str!("key.pem");
/// Its public half.
pub const PUBLIC_KEY: &str = include_str!("pub.pem");

/// Seconds since 1970, `ago` seconds ago.
pub fn seconds_ago(ago: i64) -> String {
    (shared::clock::now().timestamp() - ago).to_string()
}

/// HMAC-SHA256 in hex.
pub fn hmac_hex(key: &str, text: &[u8]) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()), text);
    tag.as_ref().iter().map(|b| format!("{b:02x}")).collect()
}

/// RSA with SHA-256, in base64.
pub fn rsa_sha256(text: &[u8]) -> String {
    let der: String = KEY.lines().filter(|l| !l.starts_with("-----")).collect();
    let key = signature::RsaKeyPair::from_pkcs8(&STANDARD.decode(der).expect("base64")).expect("a key");
    let mut out = vec![0; key.public().modulus_len()];
    key.sign(&signature::RSA_PKCS1_SHA256, &rand::SystemRandom::new(), text, &mut out).expect("it signs");
    STANDARD.encode(out)
}

impl Server {
    /// An owner, who sees everything.
    pub async fn boss(&self) -> Person {
        self.person("boss@example.com", Role::Owner, None).await
    }

    /// What was understood of a mail that a door answered for.
    pub async fn mail(&self, boss: &Person, answer: &Value) -> Value {
        self.get(&format!("/api/mails/{}", answer["mail_id"])).bearer(&boss.token).send().await.expect(200)
    }

    /// A mail's octets as they are kept.
    pub async fn octets(&self, boss: &Person, answer: &Value) -> Vec<u8> {
        let raw = self.get(&format!("/api/mails/{}/raw", answer["mail_id"])).bearer(&boss.token).send().await;
        assert_eq!(raw.status, 200, "{}", raw.text());
        raw.body
    }

    /// How many mails are there.
    pub async fn mail_count(&self, boss: &Person) -> usize {
        let list = self.get("/api/mails?limit=200").bearer(&boss.token).send().await.expect(200);
        list["data"].as_array().expect("a list").len()
    }
}
