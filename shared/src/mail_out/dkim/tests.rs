//! E8.9: what was signed here is checked by another library, against the record that the operator is told to publish.

use super::*;
use crate::store::testing::on_both_apps;
use mail_auth::common::parse::TxtRecordParser;
use mail_auth::common::verify::DomainKey;
use mail_auth::hickory_resolver::config::{ResolverConfig, ResolverOpts};
use mail_auth::{AuthenticatedMessage, DkimResult, MessageAuthenticator, Parameters, ResolverCache, Txt};
use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Instant;

/// A zone that holds what the keys say it must.
struct Zone(HashMap<Box<str>, Txt>);

impl Zone {
    fn of<'a>(keys: impl IntoIterator<Item = &'a DkimKey>) -> Zone {
        let record = |k: &DkimKey| {
            let key = DomainKey::parse(k.record_value().as_bytes()).expect("the record is one");
            (format!("{}.", k.record_name()).into_boxed_str(), Txt::DomainKey(Arc::new(key)))
        };
        Zone(keys.into_iter().map(record).collect())
    }
}

impl ResolverCache<Box<str>, Txt> for Zone {
    fn get<Q: Hash + Eq + ?Sized>(&self, name: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
    {
        self.0.get(name).cloned()
    }

    fn remove<Q: Hash + Eq + ?Sized>(&self, _: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
    {
        None
    }

    fn insert(&self, _: Box<str>, _: Txt, _: Instant) {}
}

/// The algorithm and result of each signature, in the mail's order.
async fn verify(zone: &Zone, mail: &[u8]) -> Vec<(String, DkimResult)> {
    let resolver = MessageAuthenticator::new(ResolverConfig::default(), ResolverOpts::default()).expect("a resolver");
    let parsed = AuthenticatedMessage::parse(mail).expect("a mail");
    let found = resolver.verify_dkim(Parameters::new(&parsed).with_txt_cache(zone)).await;
    let of = |o: mail_auth::DkimOutput<'_>| {
        let header = o.signature().map(|s| format!("{:?} {:?}/{:?} l={}", s.a, s.ch, s.cb, s.l)).unwrap_or_default();
        (header, o.result().clone())
    };
    found.into_iter().map(of).collect()
}

const MAIL: &[u8] = b"Date: Sat, 21 Nov 2026 10:00:00 +0000\r\nFrom: Team <support@desk.example>\r\n\
    Reply-To: <support+x@desk.example>\r\nTo: anna@customer.example\r\nSubject: Re:  Broken\r\n =?utf-8?q?=C3=BC?=\r\n\
    Message-ID: <reply.1@desk.example>\r\nX-Loop-Guard: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n\
    Try again.  \r\n.\r\n\r\n";

async fn signer(app: &App, tenant: i64, from: &str) -> Signer {
    let mut read = app.db.read(Scope::All);
    Signers::load(&mut read, &app.keys, [from].into_iter()).await.expect("keys").of(TenantId(tenant), from)
}

fn new(algorithm: Algorithm, selector: &str) -> NewKey {
    NewKey {
        domain: "Desk.example".to_owned(),
        selector: Some(selector.to_owned()),
        algorithm: Some(algorithm),
        ..NewKey::default()
    }
}

#[tokio::test]
async fn e8_9_our_signatures_verify_by_the_published_record() {
    on_both_apps(async |app| {
        let system = Actor::system();
        assert_eq!(signer(&app, 1, "support@desk.example").await.sign(MAIL.to_vec()).unwrap(), MAIL, "without a key");
        let rsa = add(&app, &system, new(Algorithm::Rsa, "a")).await.expect("a key");
        let ed = add(&app, &system, new(Algorithm::Ed25519, "b")).await.expect("a key");
        assert_eq!((rsa.domain.as_str(), rsa.record_name().as_str()), ("desk.example", "a._domainkey.desk.example"));
        assert!(rsa.zone_line().split('"').skip(1).step_by(2).all(|text| text.len() <= 255), "{}", rsa.zone_line());
        let signed = signer(&app, 1, "support@DESK.example").await.sign(MAIL.to_vec()).expect("signed");
        assert!(signed.ends_with(MAIL), "what was signed goes out as it is");
        let zone = Zone::of([&rsa, &ed]);
        let results = verify(&zone, &signed).await;
        let seen: Vec<_> = results.iter().map(|(a, r)| (a.as_str(), r)).collect();
        assert_eq!(
            seen,
            [
                ("RsaSha256 Relaxed/Relaxed l=0", &DkimResult::Pass),
                ("Ed25519Sha256 Relaxed/Relaxed l=0", &DkimResult::Pass)
            ]
        );
        // What a relay may change, and what nobody may.
        let text = String::from_utf8(signed).unwrap();
        let refolded = text.replace("Re:  Broken\r\n =?", "Re: Broken =?").replace("X-Loop-Guard: x", "X-Other: y");
        let all = async |mail: String, fine: bool| {
            let results = verify(&zone, mail.as_bytes()).await;
            assert!(results.len() == 2 && results.iter().all(|(_, r)| (*r == DkimResult::Pass) == fine), "{mail}");
        };
        all(refolded, true).await;
        all(text.replace("Try again.", "Pay now."), false).await;
        all(text.replace("To: anna", "To: otto"), false).await;
        all(text.replace("Reply-To: <support", "Reply-To: <evil"), false).await;
        all(text.replace("Date: Sat", "From: evil@else.example\r\nDate: Sat"), false).await;
        all(text.replace("Date: Sat", "DKIM-X: 1\r\nDate: Sat"), true).await;
        let header = text.split("\r\nDate:").next().unwrap().replace("\r\n\t", "").replace(' ', "");
        let h = header.split("h=").nth(1).unwrap().split(';').next().unwrap();
        let mut names: Vec<String> = h.split(':').map(str::to_lowercase).collect();
        names.sort();
        assert_eq!(
            names,
            ["content-type", "date", "from", "from", "message-id", "mime-version", "reply-to", "subject", "to"],
        );
    })
    .await;
}

#[tokio::test]
async fn e8_9_a_key_is_stored_sealed_and_the_newest_of_the_own_tenant_signs() {
    on_both_apps(async |app| {
        let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
        let given = NewKey { pem: Some(pem.to_owned()), ..new(Algorithm::Rsa, "given") };
        let system = Actor::system();
        let everybodys = add(&app, &system, given.clone()).await.expect("a PKCS#8 key of 32 octets");
        assert_eq!(everybodys.algorithm, Algorithm::Ed25519, "the file says what it is");
        assert!(matches!(add(&app, &system, given).await, Err(Refused::Taken { field: "selector" })));
        let (sealed,): (Vec<u8>,) =
            crate::store::sql("SELECT sealed_key FROM dkim_keys").one(&mut app.db.read(Scope::All)).await.unwrap();
        assert!(!sealed.windows(8).any(|w| w == &base64_of(pem)[16..24]), "not in clear");
        let selectors = async |tenant| {
            let signed = signer(&app, tenant, "x@desk.example").await.sign(MAIL.to_vec()).unwrap();
            let text = String::from_utf8(signed).unwrap();
            text.matches("s=given").count() * 10 + text.matches("s=own").count()
        };
        assert_eq!((selectors(1).await, selectors(2).await), (10, 10));
        let own = NewKey { tenant: Some(TenantId(1)), ..new(Algorithm::Ed25519, "own") };
        let own = add(&app, &system, own).await.expect("the tenant's own");
        assert_eq!((selectors(1).await, selectors(2).await), (1, 10));
        retire(&app, &system, own.id).await.expect("it is retired");
        assert_eq!(selectors(1).await, 10);
        let foreign = NewKey { domain: "else.example".into(), tenant: Some(TenantId(1)), ..new(Algorithm::Ed25519, "x") };
        assert!(matches!(add(&app, &system, foreign).await, Err(Refused::Invalid(_))), "no mailbox of it there");
        for (domain, selector) in [("nodots", "a"), ("", "a"), ("desk.example", "a b"), ("desk.example", "-a")] {
            let wrong = NewKey { domain: domain.into(), ..new(Algorithm::Ed25519, selector) };
            assert!(matches!(add(&app, &system, wrong).await, Err(Refused::Invalid(_))), "{domain} {selector}");
        }
        let wrong = NewKey { pem: Some("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----".into()), ..new(Algorithm::Rsa, "x") };
        assert!(matches!(add(&app, &system, wrong).await, Err(Refused::Invalid(_))));
    })
    .await;
}

fn base64_of(pem: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(pem.lines().nth(1).unwrap()).unwrap()
}
