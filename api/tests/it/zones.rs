//! Times on pages go by the reader's clock; JSON stays UTC.

use crate::harness::people::Person;
use crate::harness::{INBOUND_TOKEN, Server, on_both};
use serde_json::json;
use shared::access::Role;
use shared::store::testing::seed;

const MAIL: &str = "From: Ann <ann@example.com>\r\nTo: support@postroom.localhost\r\nSubject: Printer on fire\r\n\
                    Message-ID: <m1@example.com>\r\n\r\nPlease help.\r\n";

async fn lives_by(s: &Server, who: &Person, zone: &str) {
    let change = s.request("PATCH", "/api/auth/me").bearer(&who.token).json(json!({"time_zone": zone}));
    change.send().await.expect(200);
}

async fn page(s: &Server, who: &Person, path: &str) -> String {
    let page = s.get(path).bearer(&who.token).send().await;
    assert_eq!(page.status, 200, "{}", page.text());
    page.text()
}

/// One moment on the queue, on the ticket's page and in the list of mail, for readers here and there.
#[tokio::test]
async fn pages_show_times_by_the_readers_clock() {
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let raw = s.post("/api/inbound/raw").bearer(INBOUND_TOKEN).body("message/rfc822", MAIL);
        let pid = raw.send().await.expect(200)["pid"].as_str().expect("a pid").to_owned();
        seed(
            &s.app.db,
            "UPDATE tickets SET created_at = '2026-07-01T22:30:00+00:00', last_activity_at = '2026-07-01T22:30:00+00:00'; \
             UPDATE ticket_messages SET created_at = '2026-07-01T22:30:00+00:00'; \
             UPDATE inbound_mails SET received_at = '2026-07-01T22:30:00+00:00'",
        )
        .await;
        let ticket = format!("/dashboard/support/{pid}");
        for (zone, exact) in [
            (None, "Wed 1 Jul 2026, 22:30 UTC"),
            (Some("Europe/Berlin"), "Thu 2 Jul 2026, 00:30 CEST"),
            (Some("America/New_York"), "Wed 1 Jul 2026, 18:30 EDT"),
        ] {
            if let Some(zone) = zone {
                lives_by(&s, &boss, zone).await;
            }
            let time = format!(r#"<time datetime="2026-07-01T22:30:00Z" title="{exact}">"#);
            for path in ["/dashboard/support?view=all", ticket.as_str(), "/dashboard/mail"] {
                let shown = page(&s, &boss, path).await;
                assert!(shown.contains(&time), "{path} in {zone:?}: {shown}");
            }
            let told = s.get(&format!("/api/support/tickets/{pid}")).bearer(&boss.token).send().await.expect(200);
            assert_eq!(told["created_at"], json!("2026-07-01T22:30:00Z"));
        }
        s
    })
    .await;
}

/// Customers choose theirs, too.
#[tokio::test]
async fn a_customer_chooses_a_zone_on_their_page() {
    on_both(|s| async move {
        shared::setup::ensure(&s.app).await.expect("the first start");
        let ann = s.person("ann@example.com", Role::Customer, None).await;
        let csrf = ann.csrf(&s);
        let set = async |zone: &str| {
            let fields = [("csrf", csrf.as_str()), ("name", "Ann"), ("time_zone", zone)];
            s.post("/account").bearer(&ann.token).multipart(&fields, &[]).send().await.status
        };
        assert_eq!(set("Mars/Olympus").await, 422);
        assert_eq!(set("Asia/Tokyo").await, 303);
        let shown = page(&s, &ann, "/account").await;
        assert!(shown.contains(r#"value="Asia/Tokyo""#) && shown.contains(" JST"), "{shown}");
        s
    })
    .await;
}
