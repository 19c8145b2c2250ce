//! Who a mail is really from: signed, broken and forged mails, with a name server of the test's own (E11).

use bytes::Bytes;
use shared::app::App;
use shared::ids::TenantId;
use shared::mail_in::authenticate::testing::{NameServer, sign};
use shared::mail_in::authenticate::{Authentication, Source, recheck};
use shared::mail_in::types::{Facts, Verdict};
use shared::mail_in::{self, Applied, Arrival, Door, InboundMail, Ingest, Outcome};
use shared::store::testing::on_both_apps_with;
use shared::store::{Scope, sql};
use std::time::{Duration, Instant};

const SENDER_IP: &str = "203.0.113.9";
const OTHER_IP: &str = "198.51.100.66";

/// `shop.example` signs and asks for refusal; `club.example` asks for quarantine; `plain.example` signs and has no
/// policy; `lists.example` seals.
async fn world() -> NameServer {
    let dns = NameServer::start().await;
    dns.keys_of("shop.example")
        .txt("_dmarc.shop.example", "v=DMARC1; p=reject")
        .txt("shop.example", "v=spf1 ip4:203.0.113.0/24 -all")
        .txt("_dmarc.club.example", "v=DMARC1; p=quarantine")
        .mx("club.example", "mx.club.example")
        .a("mx.club.example", SENDER_IP)
        .txt("club.example", "v=spf1 mx -all")
        .keys_of("plain.example")
        .txt("plain.example", "v=spf1 a:out.plain.example -all")
        .a("out.plain.example", SENDER_IP)
        .keys_of("evil.example");
    dns
}

fn mail(from: &str, n: u32) -> String {
    format!(
        "From: Ada <{from}>\r\nTo: support@desk.example\r\nSubject: Order {n}\r\nMessage-ID: <{n}@x.example>\r\n\
         Date: Sat, 21 Nov 2026 10:00:00 +0000\r\n\r\nHello, where is order {n}?\r\n"
    )
}

/// Handed in by a program.
fn raw(raw: String) -> Arrival {
    let facts = Facts { peer_ip: Some("127.0.0.1".parse().expect("an address")), ..Facts::default() };
    Arrival { door: Door::Raw, door_ref: None, tenant: None, facts, raw: Bytes::from(raw) }
}

/// Spoken to us by the sender's host.
fn smtp(text: String, ip: &str, envelope_from: &str) -> Arrival {
    let facts = Facts {
        peer_ip: Some(ip.parse().expect("an address")),
        helo: Some("out.sender.example".into()),
        envelope_from: Some(envelope_from.into()),
        ..Facts::default()
    };
    Arrival { door: Door::Smtp, facts, ..raw(text) }
}

struct Desk {
    app: App,
    ingest: Ingest,
}

impl Desk {
    async fn receive(&self, arrival: Arrival) -> (Applied, InboundMail, Authentication) {
        let applied = mail_in::receive(&self.app, &self.ingest, arrival).await.expect("it is received");
        let row = mail_in::get(&self.app, Scope::All, applied.mail_id).await.expect("the store answers");
        let row = row.expect("the arrival is there");
        let found = row.authentication().expect("it was looked at");
        (applied, row, found)
    }

    async fn verdict(&self, arrival: Arrival) -> (Verdict, String, Option<Outcome>) {
        let (applied, row, found) = self.receive(arrival).await;
        assert_eq!(row.verdict, Some(found.verdict));
        (found.verdict, found.reason, applied.outcome)
    }
}

async fn with_desk<F: Future<Output = ()>>(dns: &NameServer, more: &[(&str, &str)], case: impl Fn(Desk) -> F) {
    let address = dns.address().to_string();
    let settings = |name: &str| match name {
        "POSTROOM_DNS" => Some(address.clone()),
        _ => more.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()),
    };
    on_both_apps_with(settings, async |app| {
        let ingest = Ingest::start(app.clone());
        case(Desk { app, ingest }).await;
    })
    .await;
}

/// E11.1, E11.3: signatures of both kinds, whole, broken, a stranger's, and one without a key.
#[tokio::test]
async fn signatures_are_checked_against_the_domains_keys() {
    let dns = world().await;
    with_desk(&dns, &[], async |desk| {
        let created = Some(Outcome::TicketCreated);
        for (n, selector) in [(1, "rsa"), (2, "ed")] {
            let signed = sign(&mail("ada@shop.example", n), "shop.example", selector);
            assert_eq!(desk.verdict(raw(signed)).await, (Verdict::Pass, "dmarc_pass".into(), created), "{selector}");
        }
        let signed = sign(&mail("ada@plain.example", 3), "plain.example", "rsa");
        assert_eq!(desk.verdict(raw(signed.clone())).await, (Verdict::Pass, "dkim_aligned".into(), created));
        let relined = sign(&mail("ada@plain.example", 4), "plain.example", "ed").replace("\r\n", "\n");
        assert_eq!(desk.verdict(raw(relined)).await.0, Verdict::Pass, "line ends are no change");

        // A changed body: the owner's policy counts; without one it is a warning.
        let broken =
            sign(&mail("ada@shop.example", 5), "shop.example", "rsa").replace("order 5?", "order 5? Pay here.");
        let refused = (Verdict::Fail, "all_signatures_broken".into(), Some(Outcome::Quarantined));
        assert_eq!(desk.verdict(raw(broken)).await, refused);
        let broken = sign(&mail("ada@plain.example", 6), "plain.example", "ed").replace("Subject: O", "Subject: Bad o");
        assert_eq!(desk.verdict(raw(broken)).await, (Verdict::Fail, "all_signatures_broken".into(), created));

        // A stranger's own signature says nothing about the From address.
        let forged = sign(&mail("ada@plain.example", 7), "evil.example", "rsa");
        assert_eq!(desk.verdict(raw(forged)).await, (Verdict::None, "nothing_aligned".into(), created));
        // Nobody here saw the sending host, which might have been right.
        let forged = sign(&mail("ada@shop.example", 8), "evil.example", "rsa");
        assert_eq!(desk.verdict(raw(forged)).await.0, Verdict::None);
        // A key that is gone: nothing can be said any more.
        let old = sign(&mail("ada@nokeys.example", 9), "nokeys.example", "rsa");
        assert_eq!(desk.verdict(raw(old)).await, (Verdict::None, "nothing_aligned".into(), created));
        // A second From field is not what was signed.
        let two = format!("From: boss@shop.example\r\n{}", sign(&mail("ada@shop.example", 10), "shop.example", "rsa"));
        assert_eq!(desk.verdict(raw(two)).await, (Verdict::None, "no_from_domain".into(), created));
    })
    .await;
}

/// E11.1: SPF counts only where the door saw the sending host itself; E11.3: what the policies then do.
#[tokio::test]
async fn the_sending_host_counts_where_the_door_saw_it() {
    let dns = world().await;
    with_desk(&dns, &[("POSTROOM_TRUSTED_HOSTS", "198.51.100.200")], async |desk| {
        let is = |verdict, reason: &str, outcome| (verdict, reason.to_owned(), Some(outcome));
        let from = |ip, n, address: &str| smtp(mail(address, n), ip, address);
        let shop = "ada@shop.example";
        let pass = is(Verdict::Pass, "dmarc_pass", Outcome::TicketCreated);
        assert_eq!(desk.verdict(from(SENDER_IP, 1, shop)).await, pass);
        let reject = is(Verdict::Fail, "dmarc_fail", Outcome::Quarantined);
        assert_eq!(desk.verdict(from(OTHER_IP, 2, shop)).await, reject);
        let club = "ada@club.example";
        assert_eq!(desk.verdict(from(SENDER_IP, 3, club)).await, pass, "by its MX");
        let (_, row, found) = desk.receive(from(OTHER_IP, 4, club)).await;
        assert_eq!((row.outcome, row.reason.as_deref()), (Some(Outcome::SpamHeld), Some("dmarc_quarantine")));
        assert_eq!((found.source, found.verdict), (Source::Own, Verdict::Fail));
        // No policy: aligned SPF alone is weak.
        let weak = is(Verdict::Weak, "spf_aligned", Outcome::TicketCreated);
        assert_eq!(desk.verdict(from(SENDER_IP, 5, "ada@plain.example")).await, weak);
        let nothing = is(Verdict::None, "nothing_to_check", Outcome::TicketCreated);
        assert_eq!(desk.verdict(from(OTHER_IP, 6, "ada@plain.example")).await, nothing);
        // A relay of ours is not the sender; and a broken signature is repaired by nobody.
        assert_eq!(desk.verdict(from("198.51.100.200", 7, shop)).await, nothing);
        // E4.4, E5.14: a stranger's failing mail is not acknowledged.
        let (n,): (i64,) = sql("SELECT COUNT(*) FROM outbox WHERE kind = 'ack'")
            .one(&mut desk.app.db.read(Scope::All))
            .await
            .expect("it counts");
        assert_eq!(n, 5);
    })
    .await;
}

/// E11.3: a tenant may want to be warned only.
#[tokio::test]
async fn warn_only_takes_what_fails() {
    let dns = world().await;
    with_desk(&dns, &[], async |desk| {
        let mut tx = desk.app.db.write(Scope::All).await.expect("a transaction begins");
        let q = sql("UPDATE tenants SET settings = '{\"auth_warn_only\": true}' WHERE id = ").arg(TenantId(1));
        q.exec(&mut tx).await.expect("it is set");
        tx.commit().await.expect("it commits");
        let forged = smtp(mail("ada@shop.example", 1), OTHER_IP, "ada@shop.example");
        let warned = (Verdict::Fail, "dmarc_fail".into(), Some(Outcome::TicketCreated));
        assert_eq!(desk.verdict(forged).await, warned);
    })
    .await;
}

/// E11.1: nothing to check, nothing asked; a tenant's trusted host spares the questions too.
#[tokio::test]
async fn nobody_is_asked_without_need() {
    let dns = world().await;
    with_desk(&dns, &[("POSTROOM_TRUSTED_AUTHSERV", "mx.desk.example")], async |desk| {
        let nothing = (Verdict::None, "nothing_to_check".into(), Some(Outcome::TicketCreated));
        assert_eq!(desk.verdict(raw(mail("ada@shop.example", 1))).await, nothing);
        let told = "Authentication-Results: mx.desk.example; dmarc=pass header.from=shop.example\r\n";
        let signed = sign(&mail("ada@shop.example", 2), "shop.example", "rsa");
        let (_, _, found) = desk.receive(raw(format!("{told}{signed}"))).await;
        assert_eq!((found.source, found.verdict), (Source::Header, Verdict::Pass));
    })
    .await;
    assert_eq!(dns.questions(), [""; 0]);
}

/// E11.3: no answer is `none`, asked again by the worker; E11.1: what was found is used again, though keys are gone.
#[tokio::test]
async fn no_answer_is_none_and_asked_again() {
    let dns = world().await;
    with_desk(&dns, &[], async |desk| {
        dns.fail();
        let signed = sign(&mail("ada@shop.example", 1), "shop.example", "rsa");
        let (applied, row, found) = desk.receive(raw(signed)).await;
        assert_eq!((found.verdict, found.reason.as_str(), found.temporary), (Verdict::None, "dns_unavailable", true));
        assert_eq!(row.outcome, Some(Outcome::TicketCreated));
        assert_eq!(recheck(&desk.app).await.expect("it is checked"), 0, "not yet");
        dns.recover();
        let later = async || {
            let mut tx = desk.app.db.write(Scope::All).await.expect("a transaction begins");
            let q = sql(
                "UPDATE inbound_mails SET check_due_at = '2026-01-01T00:00:00+00:00' WHERE check_due_at IS NOT NULL",
            );
            q.exec(&mut tx).await.expect("time passes");
            tx.commit().await.expect("it commits");
        };
        later().await;
        assert_eq!(recheck(&desk.app).await.expect("it is checked"), 1);
        later().await;
        assert_eq!(recheck(&desk.app).await.expect("it is checked"), 0, "once it is known");
        let row = mail_in::get(&desk.app, Scope::All, applied.mail_id).await.expect("it answers").expect("it is there");
        assert_eq!((row.verdict, row.authentication().expect("it was").verdict), (Some(Verdict::Pass), Verdict::Pass));
        assert!(row.trace.contains("at check 1 of a later time"), "{}", row.trace);
        let (verdict,): (String,) = sql("SELECT verdict FROM ticket_messages WHERE mail_id = ")
            .arg(applied.mail_id)
            .one(&mut desk.app.db.read(Scope::All))
            .await
            .expect("the message is there");
        assert_eq!(verdict, "pass");
        // The key is rolled over: what was found stays.
        dns.fail();
        let read = mail_in::understood(&desk.app, applied.mail_id).await.expect("it is read");
        assert_eq!(read.verdict, Verdict::Pass);
        dns.recover();
    })
    .await;
}

/// E11.1: two seconds at the most, and soon none at all.
#[tokio::test]
async fn silent_name_servers_do_not_hold_mail_up() {
    let dns = world().await;
    dns.fall_silent();
    with_desk(&dns, &[], async |desk| {
        let began = Instant::now();
        let many = (1..=12).map(|n| desk.receive(raw(sign(&mail("ada@shop.example", n), "shop.example", "ed"))));
        for (applied, _, found) in futures::future::join_all(many).await {
            assert_eq!((applied.outcome, found.temporary), (Some(Outcome::TicketCreated), true));
        }
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        // Whether anybody is there is found out beside the mails.
        while desk.app.dns.answers() {
            assert!(began.elapsed() < Duration::from_secs(20), "silence is not noticed");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let asked = dns.questions().len();
        let began = Instant::now();
        let (_, _, found) = desk.receive(raw(sign(&mail("ada@shop.example", 13), "shop.example", "ed"))).await;
        assert!(found.temporary && began.elapsed() < Duration::from_millis(1500), "{:?}", began.elapsed());
        assert_eq!((dns.questions().len(), recheck(&desk.app).await.expect("it is asked")), (asked, 0));
    })
    .await;
}
