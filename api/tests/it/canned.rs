//! Canned replies, and colleagues who are named in notes.

use crate::harness::people::Person;
use crate::harness::{Server, on_both};
use serde_json::{Value, json};
use shared::access::Role;
use shared::tenants::Audience;

const LIST: &str = "/api/support/canned-replies";

async fn make(s: &Server, who: &Person, body: Value) -> Value {
    s.post(LIST).bearer(&who.token).json(body).send().await.expect(201)
}

async fn names(s: &Server, who: &Person) -> Vec<String> {
    let found = s.get(LIST).bearer(&who.token).send().await.expect(200);
    found["data"].as_array().expect("a list").iter().filter_map(|c| c["name"].as_str()).map(str::to_owned).collect()
}

#[tokio::test]
async fn canned_replies_are_shared_or_ones_own() {
    on_both(|s| async move {
        let alpha = s.tenant("alpha", Audience::Public).await;
        let beta = s.tenant("beta", Audience::Public).await;
        let admin = s.person("admin@alpha.example", Role::Admin, Some(alpha)).await;
        let agent = s.person("agent@alpha.example", Role::Agent, Some(alpha)).await;
        let other = s.person("agent@beta.example", Role::Agent, Some(beta)).await;
        let customer = s.person("mo@alpha.example", Role::Customer, Some(alpha)).await;
        let all =
            make(&s, &admin, json!({"name": "Good day", "body": "Hello {{requester.first_name}}", "shared": true}))
                .await;
        assert_eq!(
            (&all["shortcut"], &all["shared"], &all["usage_count"]),
            (&json!("good-day"), &json!(true), &json!(0))
        );
        let own = make(&s, &agent, json!({"name": "Mine", "shortcut": "/Mine", "body": "x"})).await;
        assert_eq!((&own["shortcut"], &own["owner_id"]), (&json!("mine"), &json!(agent.id)));
        assert_eq!(names(&s, &agent).await, ["Good day", "Mine"]);
        assert_eq!(names(&s, &admin).await, ["Good day"]);
        assert!(names(&s, &other).await.is_empty());
        s.get(LIST).bearer(&customer.token).send().await.problem(403, "forbidden");

        let at = |c: &Value| format!("{LIST}/{}", c["id"]);
        s.get(&at(&own)).bearer(&admin.token).send().await.problem(404, "not_found");
        s.get(&at(&all)).bearer(&other.token).send().await.problem(404, "not_found");
        let change = json!({"body": "Good morning"});
        s.request("PATCH", &at(&all)).bearer(&agent.token).json(change.clone()).send().await.problem(403, "forbidden");
        s.post(LIST)
            .bearer(&agent.token)
            .json(json!({"name": "A", "body": "x", "shared": true}))
            .send()
            .await
            .problem(403, "forbidden");
        let changed = s.request("PATCH", &at(&all)).bearer(&admin.token).json(change).send().await.expect(200);
        assert_eq!(changed["body"], "Good morning");
        let twice = json!({"name": "Other", "shortcut": "good-day", "body": "x", "shared": true});
        s.post(LIST).bearer(&admin.token).json(twice).send().await.problem(409, "conflict");
        for (field, wrong) in [
            ("body", json!({"name": "A", "body": "Hello {{requester.phone}}"})),
            ("body", json!({"name": "A", "body": "Hello {{requester.name"})),
            ("body", json!({"name": "A", "body": " "})),
            ("shortcut", json!({"name": "A", "shortcut": "not one", "body": "x"})),
        ] {
            let told = s.post(LIST).bearer(&agent.token).json(wrong).send().await.problem(422, "validation_failed");
            assert_eq!(told["errors"][0]["field"], field, "{told}");
        }
        s.request("DELETE", &at(&all)).bearer(&agent.token).send().await.problem(403, "forbidden");
        s.request("DELETE", &at(&all)).bearer(&admin.token).send().await.expect(200);
        assert_eq!(names(&s, &agent).await, ["Mine"]);
        let audit = s.get("/api/audit").bearer(&admin.token).send().await.expect(200).to_string();
        assert!(audit.contains("canned_reply.create") && audit.contains("canned_reply.delete"), "{audit}");
        s
    })
    .await;
}

#[tokio::test]
async fn a_canned_reply_says_the_tickets_values_and_its_use_is_counted() {
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let mock = json!({"from": "\"Ann *Lee*\" <ann@shop.example>", "to": "support@postroom.localhost", "subject": "Help", "text": "x"});
        let got = s.post("/api/inbound/mock").json(mock).send().await.expect(200);
        let body = "Hello {{requester.name}},\n\n**{{ticket.pid}}** is solved.";
        let canned = make(&s, &boss, json!({"name": "Solved", "body": body, "shared": true})).await;
        let url = format!("{LIST}/{}/resolve", canned["id"]);
        let said = s.post(&url).bearer(&boss.token).json(json!({"ticket": got["pid"]})).send().await.expect(200);
        let pid = got["pid"].as_str().unwrap();
        assert_eq!(said["text"], format!("Hello Ann *Lee*,\n\n*{pid}* is solved."));
        assert!(said["html"].as_str().unwrap().contains("Ann *Lee*,"), "{said}");
        s.post(&url).bearer(&boss.token).json(json!({"ticket": 99_999})).send().await.problem(404, "not_found");
        let url = format!("/api/support/tickets/{}/messages", got["ticket_id"]);
        let sent = json!({"body": said["body"], "canned_replies": [canned["id"], 4711]});
        s.post(&url).bearer(&boss.token).json(sent).send().await.expect(201);
        let after = s.get(&format!("{LIST}/{}", canned["id"])).bearer(&boss.token).send().await.expect(200);
        assert_eq!(after["usage_count"], 1);
        assert!(after["used_at"].is_string());
        let page = s.get("/dashboard/settings/canned").bearer(&boss.token).send().await.text();
        assert!(page.contains("/solved") && page.contains("{{ticket.pid}}"), "{page}");
        s
    })
    .await;
}

#[tokio::test]
async fn who_is_named_in_a_note_is_told_if_they_see_the_ticket() {
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let mara = s.person("mara@example.com", Role::Agent, None).await;
        s.person("sam@example.com", Role::Support, None).await;
        let ticket = json!({"subject": "Hi", "description": "x", "requester": {"email": "mo@out.example"}});
        let id = s.post("/api/support/tickets").bearer(&boss.token).json(ticket).send().await.expect(201)["id"].clone();
        let url = format!("/api/support/tickets/{id}/messages");
        let note = |text: &str| s.post(&url).bearer(&boss.token).json(json!({"kind": "note", "body": text}));
        let wrong = note("@sam look").send().await.problem(422, "validation_failed");
        assert_eq!(wrong["errors"][0]["code"], "mention_out_of_sight");
        let text = "@Mara and mara@example.com: see `@mara`, @nobody, @boss";
        let written = note(text).send().await.expect(201);
        let html = written["body_html"].as_str().unwrap();
        assert!(
            html.contains("<mark>@Mara</mark> and mara@example.com") && html.contains("<mark>@boss</mark>"),
            "{html}"
        );
        assert!(html.contains("<code>@mara</code>") && html.contains(" @nobody"), "{html}");
        let told = async || {
            let events = s
                .get(&format!("/api/support/tickets/{id}/events?limit=200"))
                .bearer(&boss.token)
                .send()
                .await
                .expect(200);
            let all = events["data"].as_array().unwrap().clone();
            all.into_iter()
                .filter(|e| e["kind"] == "MENTIONED")
                .map(|e| e["data"]["user_id"].clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(told().await, [json!(mara.id)]);
        s.drain().await;
        let mails = s.get(&format!("/api/support/tickets/{id}/mails")).bearer(&boss.token).send().await.expect(200);
        let notices: Vec<&Value> = mails["data"].as_array().unwrap().iter().filter(|m| m["kind"] == "notice").collect();
        assert_eq!((notices.len(), &notices[0]["to"]), (1, &json!("mara@example.com")));
        let raw = s.get(&format!("/api/outbox/{}/raw", notices[0]["id"])).bearer(&boss.token).send().await.text();
        assert!(raw.contains("named you in a note"), "{raw}");
        // A reply to the customer names nobody; `force` writes the note and tells nobody out of sight.
        s.post(&url).bearer(&boss.token).json(json!({"body": "ask @mara"})).send().await.expect(201);
        let forced = json!({"kind": "note", "body": "@sam?", "force": true});
        s.post(&url).bearer(&boss.token).json(forced).send().await.expect(201);
        assert_eq!(told().await.len(), 1);
        s
    })
    .await;
}
