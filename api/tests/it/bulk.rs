//! One act on many tickets: each on its own, with the rights that one would need, and taken back where nothing changed.

use crate::harness::people::Person;
use crate::harness::{Server, on_both};
use serde_json::{Value, json};
use shared::access::Role;
use shared::tenants::Audience;

async fn ticket(s: &Server, boss: &Person, more: Value) -> Value {
    let mut body = json!({"subject": "S", "body": "b", "requester": {"email": "r@x.example"}});
    body.as_object_mut().expect("fields").extend(more.as_object().expect("fields").clone());
    s.post("/api/support/tickets").bearer(&boss.token).json(body).send().await.expect(201)
}

async fn bulk(s: &Server, who: &Person, body: Value) -> Value {
    s.post("/api/support/tickets/bulk").bearer(&who.token).json(body).send().await.expect(200)
}

async fn now(s: &Server, boss: &Person, id: &Value) -> Value {
    s.get(&format!("/api/support/tickets/{id}")).bearer(&boss.token).send().await.expect(200)
}

#[tokio::test]
async fn every_act_is_done_and_taken_back() {
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let (one, two) = (ticket(&s, &boss, json!({})).await, ticket(&s, &boss, json!({"priority": "low"})).await);
        let ids = json!([one["id"], two["pid"]]);
        let state = |t: &Value| {
            ["status", "priority", "folder", "assigned_to", "tags"].map(|field| match field {
                "assigned_to" => t[field]["id"].clone(),
                field => t[field].clone(),
            })
        };
        let before = [state(&now(&s, &boss, &one["id"]).await), state(&now(&s, &boss, &two["id"]).await)];
        for (action, value, field, after) in [
            ("assign", json!("me"), "assigned_to", json!(boss.id)),
            ("status", json!("waiting"), "status", json!("waiting_on_customer")),
            ("priority", json!("urgent"), "priority", json!("urgent")),
            ("tag", json!("Fire"), "tags", json!(["Fire"])),
            ("close", Value::Null, "status", json!("closed")),
            ("spam", Value::Null, "folder", json!("spam")),
            ("trash", Value::Null, "folder", json!("trash")),
        ] {
            let done = bulk(&s, &boss, json!({"ids": ids, "action": action, "value": value})).await;
            let all = done["data"].as_array().expect("a list");
            assert!(
                all.len() == 2 && all.iter().all(|d| d["ok"] == json!(true) && d["changed"] == json!(true)),
                "{done}"
            );
            for id in [&one["id"], &two["id"]] {
                let ticket = now(&s, &boss, id).await;
                let found = if field == "assigned_to" { &ticket[field]["id"] } else { &ticket[field] };
                assert_eq!(found, &after, "{action}");
            }
            let undone = bulk(&s, &boss, json!({"action": "undo", "value": done["undo"]})).await;
            assert!(undone["data"].as_array().expect("a list").iter().all(|d| d["ok"] == json!(true)), "{undone}");
            let after = [state(&now(&s, &boss, &one["id"]).await), state(&now(&s, &boss, &two["id"]).await)];
            assert_eq!(after, before, "{action} is taken back");
            // And that can be taken back in turn.
            let again = bulk(&s, &boss, json!({"action": "undo", "value": undone["undo"]})).await;
            assert_eq!(again["data"][0]["ok"], json!(true), "{again}");
            bulk(&s, &boss, json!({"action": "undo", "value": again["undo"]})).await;
        }
        // What is so already is no change, and nothing to take back.
        let same = bulk(&s, &boss, json!({"ids": [one["id"]], "action": "untag", "value": "none"})).await;
        assert_eq!((&same["data"][0]["changed"], &same["undo"]), (&json!(false), &Value::Null));
        s
    })
    .await;
}

#[tokio::test]
async fn each_ticket_is_judged_by_itself() {
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let tenant = s.tenant("other", Audience::Public).await;
        let agent = s.person("agent@other.example", Role::Agent, Some(tenant)).await;
        let own = ticket(&s, &boss, json!({"tenant_id": tenant})).await;
        let stale = ticket(&s, &boss, json!({"tenant_id": tenant})).await;
        let foreign = ticket(&s, &boss, json!({})).await;
        let url = format!("/api/support/tickets/{}/priority", stale["id"]);
        s.post(&url).bearer(&boss.token).json(json!({"priority": "high"})).send().await.expect(200);
        let body = json!({
            "ids": [own["id"], foreign["id"], stale["pid"], "202001-9999"], "action": "status", "value": "solved",
            "expected_versions": {stale["pid"].as_str().expect("a PID"): stale["version"]},
        });
        let done = bulk(&s, &agent, body).await;
        let codes: Vec<_> =
            done["data"].as_array().expect("a list").iter().map(|d| d["problem"]["code"].clone()).collect();
        assert_eq!(codes, [Value::Null, json!("ticket_not_found"), json!("stale_ticket"), json!("ticket_not_found")]);
        assert_eq!(now(&s, &boss, &foreign["id"]).await["status"], "new");

        // An agent may not give tickets away, nor tag; and an undo that was made up gets nobody further.
        let assigned = bulk(&s, &agent, json!({"ids": [own["id"]], "action": "assign", "value": boss.id})).await;
        assert_eq!(assigned["data"][0]["problem"]["status"], 403);
        let tagged = bulk(&s, &agent, json!({"ids": [own["id"]], "action": "tag", "value": "x"})).await;
        assert_eq!(tagged["data"][0]["problem"]["status"], 403);
        let version = now(&s, &boss, &own["id"]).await["version"].clone();
        let forged = format!("{}.{version}.000.{}", own["id"], boss.id);
        let forged = bulk(&s, &agent, json!({"action": "undo", "value": forged})).await;
        assert_eq!(forged["data"][0]["problem"]["status"], 403);
        // Who took a ticket may give it back.
        let taken = bulk(&s, &agent, json!({"ids": [own["id"]], "action": "assign", "value": "me"})).await;
        let back = bulk(&s, &agent, json!({"action": "undo", "value": taken["undo"]})).await;
        assert_eq!(
            (&back["data"][0]["ok"], &now(&s, &boss, &own["id"]).await["assigned_to"]),
            (&json!(true), &Value::Null)
        );
        s
    })
    .await;
}

#[tokio::test]
async fn nothing_is_taken_back_that_somebody_changed_since() {
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let ticket = ticket(&s, &boss, json!({})).await;
        let done = bulk(&s, &boss, json!({"ids": [ticket["id"]], "action": "close"})).await;
        let url = format!("/api/support/tickets/{}/status", ticket["id"]);
        s.post(&url).bearer(&boss.token).json(json!({"status": "in_progress"})).send().await.expect(200);
        let undone = bulk(&s, &boss, json!({"action": "undo", "value": done["undo"]})).await;
        assert_eq!(undone["data"][0]["problem"]["code"], "stale_ticket");
        assert_eq!(now(&s, &boss, &ticket["id"]).await["status"], "in_progress");
        s
    })
    .await;
}

#[tokio::test]
async fn what_is_no_act_is_refused_whole() {
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let ticket = ticket(&s, &boss, json!({})).await;
        let many: Vec<i64> = (1..=201).collect();
        for (body, field) in [
            (json!({"ids": [ticket["id"]], "action": "explode"}), "action"),
            (json!({"ids": [ticket["id"]], "action": "status"}), "value"),
            (json!({"ids": [ticket["id"]], "action": "priority", "value": "huge"}), "value"),
            (json!({"ids": [], "action": "close"}), "ids"),
            (json!({"ids": many, "action": "close"}), "ids"),
            (json!({"action": "undo", "value": "1.2.3"}), "undo"),
        ] {
            let refused = s.post("/api/support/tickets/bulk").bearer(&boss.token).json(body.clone()).send().await;
            assert_eq!(refused.status, 422, "{body}: {}", refused.text());
            let problem: Value = serde_json::from_str(&refused.text()).expect("JSON");
            assert_eq!(problem["errors"][0]["field"], field, "{body}");
        }
        assert_eq!(now(&s, &boss, &ticket["id"]).await["status"], "new");
        s
    })
    .await;
}

#[tokio::test]
async fn tags_of_one_ticket_are_put_on_and_taken_off() {
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let ticket = ticket(&s, &boss, json!({})).await;
        let url = format!("/api/support/tickets/{}/tags", ticket["id"]);
        let tags = async |body: Value| {
            let answer = s.post(&url).bearer(&boss.token).json(body).send().await;
            (answer.status, serde_json::from_str::<Value>(&answer.text()).expect("JSON")["tags"].clone())
        };
        assert_eq!(tags(json!({"add": ["VIP", " sale "]})).await, (200, json!(["VIP", "sale"])));
        assert_eq!(tags(json!({"add": ["vip"], "remove": ["SALE"]})).await, (200, json!(["VIP"])));
        assert_eq!(tags(json!({"add": ["a,b"]})).await.0, 422);
        assert_eq!(tags(json!({"add": [""]})).await.0, 422);
        let found = s.get("/api/support/tickets?q=tag:vip").bearer(&boss.token).send().await.expect(200);
        assert_eq!(found["data"].as_array().map(Vec::len), Some(1), "in any case");
        let agent = s.person("agent@example.com", Role::Agent, None).await;
        let refused = s.post(&url).bearer(&agent.token).json(json!({"add": ["x"]})).send().await;
        assert_eq!(refused.status, 403);
        // It is the same right, whichever way they are set; whoever has no other can use it.
        let whole = format!("/api/support/tickets/{}", ticket["id"]);
        let patch = async |by: &Person, body: Value| {
            s.request("PATCH", &whole).bearer(&by.token).json(body).send().await.status
        };
        assert_eq!(patch(&agent, json!({"tags": ["x"]})).await, 403);
        assert_eq!(patch(&agent, json!({"tags": ["x"], "subject": "Other"})).await, 403);
        assert_eq!(patch(&agent, json!({"subject": "Other"})).await, 200);
        assert_eq!(patch(&boss, json!({"tags": ["x"], "subject": "Third"})).await, 200);
        s
    })
    .await;
}
