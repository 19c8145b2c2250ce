//! Asking the customer how it went, by mail (E8.1).

use crate::harness::people::Person;
use crate::harness::{INBOUND_TOKEN, Response, Server, on_both};
use serde_json::{Value, json};
use shared::access::Role;
use shared::store::{Scope, sql};

async fn mail(s: &Server, from: &str, more: &str) -> Value {
    let raw = format!(
        "From: {from}\r\nTo: support@postroom.localhost\r\nSubject: Preview of {from}\r\nMessage-ID: <{}@x>\r\n{more}\r\nIt is blank for {from}.\r\n",
        rand::random::<u64>()
    );
    s.post("/api/inbound/raw").bearer(INBOUND_TOKEN).body("message/rfc822", raw).send().await.expect(200)
}

/// Answers and solves a ticket.
async fn solve(s: &Server, boss: &Person, ticket: &Value) {
    let path = format!("/api/support/tickets/{ticket}/messages");
    let body = json!({"body": "It is there now.", "status_after": "solved"});
    s.post(&path).bearer(&boss.token).json(body).send().await.expect(201);
}

async fn ask(s: &Server) -> usize {
    shared::ratings::ask_due(&s.app).await.expect("it asks")
}

async fn fill(s: &Server, path: &str, body: &str) -> Response {
    s.post(path).body("application/x-www-form-urlencoded", body).send().await
}

/// E8.1, E5.14: off until the tenant wants it, an hour after the end, once for a ticket, never to machines, to suppressed
/// addresses or to who wants none; the link rates without login, looking changes nothing, and the ticket shows it.
#[tokio::test]
async fn e8_1_a_customer_is_asked_once_and_rates() {
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let ann = mail(&s, "ann@customer.example", "").await;
        let robot = mail(&s, "robot@machine.example", "Auto-Submitted: auto-generated\r\n").await;
        let gone = mail(&s, "gone@other.example", "").await;
        for ticket in [&ann, &robot, &gone] {
            solve(&s, &boss, &ticket["ticket_id"]).await;
        }
        let body = json!({"email": "gone@other.example"});
        s.post("/api/suppressions").bearer(&boss.token).json(body).send().await.expect(201);
        s.drain().await;
        assert_eq!(ask(&s).await, 0, "nobody wants to ask");
        let settings = json!({"settings": {"ask_rating": true}});
        s.request("PATCH", "/api/tenants/default").bearer(&boss.token).json(settings).send().await.expect(200);
        assert_eq!(ask(&s).await, 0, "not before an hour has passed");
        let earlier = shared::clock::now() - chrono::Duration::hours(2);
        let mut tx = s.app.db.write(Scope::All).await.expect("a transaction");
        sql("UPDATE tickets SET solved_at = ").arg(earlier).exec(&mut tx).await.expect("it is changed");
        tx.commit().await.expect("it commits");
        assert_eq!(ask(&s).await, 1);
        assert_eq!(ask(&s).await, 0, "once");
        s.drain().await;
        for (ticket, reason) in [(&robot, "not_a_person"), (&gone, "suppressed")] {
            let events = s.get(&format!("/api/support/tickets/{}/events", ticket["ticket_id"])).bearer(&boss.token);
            assert!(events.send().await.text().contains(reason), "{reason}");
        }
        let mails = s.get("/api/outbox?limit=50").bearer(&boss.token).send().await.expect(200);
        let asked: Vec<&Value> =
            mails["data"].as_array().expect("a list").iter().filter(|m| m["kind"] == "csat").collect();
        assert_eq!(
            (asked.len(), &asked[0]["to"], &asked[0]["state"]),
            (1, &json!("ann@customer.example"), &json!("sent"))
        );
        let raw = s.get(&format!("/api/outbox/{}/raw", asked[0]["id"])).bearer(&boss.token).send().await.text();
        for header in [
            "Auto-Submitted: auto-generated",
            "Precedence: bulk",
            "X-Auto-Response-Suppress: OOF",
            "List-Unsubscribe: <",
            "Reply-To: support+",
            "In-Reply-To: <reply.",
        ] {
            assert!(raw.contains(header), "{header}: {raw}");
        }
        let subject = raw.lines().find(|l| l.starts_with("Subject:")).expect("a subject");
        assert!(subject.contains(ann["pid"].as_str().expect("a pid")), "{subject}");
        let parsed = shared::mail_in::parse::parse(raw.as_bytes());
        let at = parsed.body_text.find("/rate/").expect("a link");
        let path = parsed.body_text[at..].split_whitespace().next().expect("a path").to_owned();
        // Looking, as scanners do, changes nothing.
        let ticket = format!("/api/support/tickets/{}", ann["ticket_id"]);
        let shown = s.get(&path).send().await;
        assert!(shown.status == 200 && shown.text().contains("very good"), "{}", shown.text());
        let rating = async || s.get(&ticket).bearer(&boss.token).send().await.expect(200)["rating"].clone();
        assert_eq!(rating().await, Value::Null);
        assert_eq!(fill(&s, &path, "comment=x").await.status, 422);
        assert_eq!(fill(&s, &path, "score=6").await.status, 422);
        assert_eq!(fill(&s, "/rate/aaaa", "score=5").await.status, 404);
        for _ in 0..2 {
            assert!(fill(&s, &path, "score=4&comment=Quick+and+kind.").await.text().contains("Thank you"));
        }
        assert_eq!((&rating().await["score"], &rating().await["comment"]), (&json!(4), &json!("Quick and kind.")));
        let events = s.get(&format!("{ticket}/events")).bearer(&boss.token).send().await.text();
        assert_eq!(events.matches("\"kind\":\"RATED\"").count(), 1, "the same twice is once: {events}");
        let page = s.get(&format!("/dashboard/support/{}", ann["pid"].as_str().expect("a pid"))).bearer(&boss.token);
        assert!(page.send().await.text().contains("Quick and kind."));
        // Solved again, nobody asks again.
        mail(&s, "ann@customer.example", "").await;
        assert_eq!(ask(&s).await, 0);
        s.drain().await;
        s
    })
    .await;
}
