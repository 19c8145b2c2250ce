//! What open pages hear of: in time, once, and of nothing beyond the wall (DESIGN 8, UI 3 and 4).

use crate::harness::people::Person;
use crate::harness::{INBOUND_TOKEN, Server, on_both};
use serde_json::{Value, json};
use shared::access::{Actor, Role};
use shared::coverage;
use shared::tenants::Audience;

async fn mail(s: &Server, from: &str, to: &str, subject: &str) -> String {
    let raw = format!("From: {from}\r\nTo: {to}\r\nSubject: {subject}\r\n\r\nHelp.\r\n");
    let applied = s.post("/api/inbound/raw").bearer(INBOUND_TOKEN).body("message/rfc822", raw).send().await.expect(200);
    applied["pid"].as_str().expect("a ticket").to_owned()
}

async fn change(s: &Server, who: &Person, pid: &str, act: &str, body: Value) {
    let made = s.post(&format!("/api/support/tickets/{pid}/{act}")).bearer(&who.token).json(body).send().await;
    assert!(made.status < 300, "{}", made.text());
}

const DESK: &str = "support@postroom.localhost";

#[tokio::test]
async fn changes_are_told_as_they_commit_and_again_to_whoever_missed_them() {
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let stream = || s.get("/api/events/stream").bearer(&boss.token);
        let mut page = stream().listen().await;
        let pid = mail(&s, "ann@example.com", DESK, "Printer on fire").await;
        let first = page.next().await.expect("the mail is told");
        assert_eq!(
            (first.name.as_str(), &first.data["pid"], &first.data["kind"]),
            ("ticket", &json!(pid), &json!("CREATED"))
        );
        assert_eq!((&first.data["actor_kind"], &first.data["seq"]), (&json!("mail"), &json!(1)));
        change(&s, &boss, &pid, "priority", json!({"priority": "high"})).await;
        while page.change().await != (pid.clone(), "PRIORITY_CHANGED".to_owned()) {}
        drop(page);
        // While nobody listens.
        change(&s, &boss, &pid, "status", json!({"status": "in_progress"})).await;
        let mut again = stream().header("last-event-id", &first.id).listen().await;
        let mut told = Vec::new();
        while told.last().is_none_or(|kind| kind != "STATUS_CHANGED") {
            told.push(again.change().await.1);
        }
        assert!(told.contains(&"PRIORITY_CHANGED".to_owned()) && !told.contains(&"CREATED".to_owned()), "{told:?}");
        // A mark that means nothing: the page looks for itself.
        let mut lost = s.get("/api/events/stream?since=nonsense").bearer(&boss.token).listen().await;
        assert_eq!(lost.next().await.expect("told").name, "reload");
        s
    })
    .await;
}

#[tokio::test]
async fn nobody_hears_of_what_lies_beyond_the_wall() {
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let other = s.tenant("other", Audience::Public).await;
        let agent = s.person("agent@other.example", Role::Agent, Some(other)).await;
        let default =
            s.get("/api/tenants/default").bearer(&boss.token).send().await.expect(200)["id"].as_i64().expect("an id");
        let default = shared::ids::TenantId(default);
        let covers = s.person("covers@example.com", Role::Support, Some(default)).await;
        coverage::set(&s.app.db, &Actor::system(), covers.id, &["billing".to_owned()]).await.expect("coverage");
        let ann = s.person("ann@example.com", Role::Customer, Some(default)).await;
        let listen = async |who: &Person| s.get("/api/events/stream").bearer(&who.token).listen().await;
        let (mut of_agent, mut of_covers, mut of_ann) =
            (listen(&agent).await, listen(&covers).await, listen(&ann).await);

        let foreign = mail(&s, "eve@example.com", DESK, "Something else").await;
        let covered = mail(&s, "eve@example.com", DESK, "Billing").await;
        let own = mail(&s, "ann@example.com", DESK, "Mine").await;
        change(&s, &boss, &own, "messages", json!({"kind": "note", "body": "between us"})).await;
        change(&s, &boss, &own, "priority", json!({"priority": "high"})).await;
        change(&s, &boss, &own, "status", json!({"status": "in_progress"})).await;
        let title =
            json!({"subject": "Theirs", "body": "b", "requester": {"email": "x@other.example"}, "tenant_id": other});
        let theirs = s.post("/api/support/tickets").bearer(&boss.token).json(title).send().await.expect(201);

        assert_eq!(
            of_agent.change().await.0,
            theirs["pid"].as_str().expect("a pid"),
            "nothing of the default tenant before"
        );
        assert_eq!(of_covers.change().await.0, covered);
        let mut told = Vec::new();
        while told.last().is_none_or(|(_, kind)| kind != "STATUS_CHANGED") {
            told.push(of_ann.change().await);
        }
        assert!(told.iter().all(|(pid, _)| *pid == own), "{told:?} without {foreign}");
        let kinds: Vec<_> = told.into_iter().map(|(_, kind)| kind).collect();
        assert_eq!(
            kinds,
            ["CREATED", "MESSAGE_ADDED", "STATUS_CHANGED"],
            "neither notes nor what agents do among themselves"
        );

        // Coverage that is taken away hides at once.
        coverage::set(&s.app.db, &Actor::system(), covers.id, &["deploy".to_owned()]).await.expect("coverage");
        change(&s, &boss, &covered, "priority", json!({"priority": "high"})).await;
        let now_covered = mail(&s, "eve@example.com", DESK, "Deploy").await;
        loop {
            let (pid, kind) = of_covers.change().await;
            assert_ne!(kind, "PRIORITY_CHANGED");
            if pid == now_covered {
                break;
            }
        }
        s
    })
    .await;
}

#[tokio::test]
async fn who_is_at_a_ticket_is_told_to_agents_who_see_it_and_to_nobody_else() {
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let pid = mail(&s, "ann@example.com", DESK, "Printer on fire").await;
        let default =
            s.get("/api/tenants/default").bearer(&boss.token).send().await.expect(200)["id"].as_i64().expect("an id");
        let default = shared::ids::TenantId(default);
        let mara = s.person("mara@example.com", Role::Agent, Some(default)).await;
        let ann = s.person("ann@example.com", Role::Customer, Some(default)).await;
        let url = format!("/api/support/tickets/{pid}/presence");
        let stream = format!("/api/events/stream?ticket={pid}");
        let mut page = s.get(&stream).bearer(&boss.token).listen().await;
        let beat = async |who: &Person, body: Value| s.post(&url).bearer(&who.token).json(body).send().await;
        assert_eq!(beat(&mara, json!({})).await.expect(200), json!({"viewers": []}), "herself she knows of");
        let seen = page.viewers().await;
        assert_eq!(seen, json!([{"id": mara.id, "name": "mara@example.com", "typing": false}]));
        beat(&mara, json!({"typing": true})).await.expect(200);
        assert_eq!(page.viewers().await[0]["typing"], true);
        assert_eq!(beat(&boss, json!({})).await.expect(200)["viewers"][0]["id"], json!(mara.id));
        beat(&mara, json!({"gone": true})).await.expect(200);
        assert_eq!(page.viewers().await, json!([]));

        beat(&ann, json!({})).await.problem(403, "forbidden");
        beat(&mara, json!({"typing": "much"})).await.problem(422, "validation_failed");
        let other = s.tenant("other", Audience::Public).await;
        let stranger = s.person("s@other.example", Role::Agent, Some(other)).await;
        beat(&stranger, json!({})).await.problem(404, "ticket_not_found");
        s.get(&stream).bearer(&stranger.token).send().await.problem(404, "ticket_not_found");
        s
    })
    .await;
}

#[tokio::test]
async fn a_stream_ends_with_the_rights_that_it_was_opened_with() {
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let mut page = s.get("/api/events/stream").bearer(&boss.token).listen().await;
        let revoked = s.request("DELETE", &format!("/api/tokens/{}", boss.token_id)).bearer(&boss.token).send().await;
        assert!(revoked.status < 300, "{}", revoked.text());
        while page.next().await.is_some() {}
        s
    })
    .await;
}

/// A page that a browser fetches ahead was seen by nobody, until the page itself says that it is shown.
#[tokio::test]
async fn what_is_fetched_ahead_is_not_read() {
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let pid = mail(&s, "ann@example.com", DESK, "Printer on fire").await;
        let unread = async || {
            let list = s.get("/api/support/tickets?q=is:unread").bearer(&boss.token).send().await.expect(200);
            list["data"].as_array().expect("a list").len()
        };
        let page = format!("/dashboard/support/{pid}");
        let ahead = s.get(&page).header("sec-purpose", "prefetch").bearer(&boss.token).send().await;
        assert_eq!((ahead.status, unread().await), (200, 1));
        assert!(ahead.header("speculation-rules").is_some_and(|rules| rules.ends_with("/ahead.json\"")));
        let here = async |body: Value| {
            let url = format!("/api/support/tickets/{pid}/presence");
            s.post(&url).bearer(&boss.token).json(body).send().await.expect(200)
        };
        here(json!({})).await;
        assert_eq!(unread().await, 1);
        here(json!({"seen": 999})).await;
        assert_eq!(unread().await, 0);
        // Whatever a page claims to have seen: what comes later is new.
        mail(&s, "ann@example.com", DESK, &format!("Re: [{pid}] Printer on fire")).await;
        assert_eq!(unread().await, 1);
        s
    })
    .await;
}
