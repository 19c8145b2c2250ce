//! What an operator does about outgoing mail, over HTTP and by command.

use crate::harness::{Server, on_both};
use serde_json::{Value, json};
use shared::access::Role;
use shared::tenants::Audience;

/// E8.9: from the key to the signature of the mail that leaves.
#[tokio::test]
async fn e8_9_a_domains_key_signs_its_mail_until_it_is_retired() {
    on_both(|s: Server| async move {
        shared::setup::ensure(&s.app).await.expect("the first start");
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let body = json!({"domain": "postroom.localhost", "selector": "one"});
        let made = s.post("/api/dkim").bearer(&boss.token).json(body.clone()).send().await.expect(201);
        assert_eq!(
            (&made["algorithm"], &made["record"]["name"]),
            (&json!("rsa-sha256"), &json!("one._domainkey.postroom.localhost"))
        );
        assert!(made["record"]["value"].as_str().unwrap().starts_with("v=DKIM1; k=rsa; p=MII"), "{made}");
        assert!(!made.to_string().contains("PRIVATE"));
        s.post("/api/dkim").bearer(&boss.token).json(body).send().await.problem(409, "conflict");
        let wrong = json!({"domain": "postroom.localhost", "selector": "two", "key": "nonsense"});
        s.post("/api/dkim").bearer(&boss.token).json(wrong).send().await.problem(422, "validation_failed");
        let signed = async || {
            let ticket = json!({"subject": "Hi", "description": "x", "requester": {"email": "mo@out.example"}});
            let ticket = s.post("/api/support/tickets").bearer(&boss.token).json(ticket).send().await.expect(201);
            let url = format!("/api/support/tickets/{}/messages", ticket["id"]);
            let reply = s.post(&url).bearer(&boss.token).json(json!({"body": "Answer"})).send().await.expect(201);
            s.drain().await;
            let url = format!("/api/outbox/{}/raw", reply["delivery"][0]["outbox_id"]);
            s.get(&url).bearer(&boss.token).send().await.text().starts_with("DKIM-Signature:")
        };
        assert!(signed().await);
        let url = format!("/api/dkim/{}", made["id"]);
        let retired = s.request("DELETE", &url).bearer(&boss.token).send().await.expect(200);
        assert!(retired["retired_at"].is_string());
        assert!(!signed().await);
        let list = s.get("/api/dkim").bearer(&boss.token).send().await.expect(200);
        assert_eq!(list["data"].as_array().unwrap().len(), 1);
        s
    })
    .await;
}

/// E9.13: the list, adding and removing by hand; an answer to a suppressed address says so, and `force` sends it.
#[tokio::test]
async fn e9_13_suppressed_addresses_are_listed_and_removed_and_force_passes_them() {
    on_both(|s: Server| async move {
        shared::setup::ensure(&s.app).await.expect("the first start");
        let alpha = s.tenant("alpha", Audience::Public).await;
        let admin = s.person("admin@alpha.example", Role::Admin, Some(alpha)).await;
        let list = async |q: &str| -> Vec<Value> {
            let found = s.get(&format!("/api/suppressions{q}")).bearer(&admin.token).send().await.expect(200);
            found["data"].as_array().unwrap().clone()
        };
        for n in 0..3 {
            let body = json!({"email": format!("Mo{n}@out.example")});
            let made = s.post("/api/suppressions").bearer(&admin.token).json(body).send().await.expect(201);
            assert_eq!((&made["reason"], &made["email"]), (&json!("manual"), &json!(format!("mo{n}@out.example"))));
        }
        assert_eq!(list("?q=MO1").await.len(), 1);
        let page = s.get("/api/suppressions?limit=2").bearer(&admin.token).send().await.expect(200);
        let cursor = page["next_cursor"].as_str().expect("more");
        let rest = list(&format!("?limit=2&cursor={cursor}")).await;
        assert_eq!(rest[0]["email"], "mo2@out.example");
        let ticket = json!({"subject": "Hi", "description": "x", "requester": {"email": "mo1@out.example"}});
        let ticket = s.post("/api/support/tickets").bearer(&admin.token).json(ticket).send().await.expect(201);
        let url = format!("/api/support/tickets/{}/messages", ticket["id"]);
        let reply = s.post(&url).bearer(&admin.token).json(json!({"body": "A"})).send().await.expect(201);
        assert_eq!(reply["delivery"][0]["state"], "suppressed");
        let forced = json!({"body": "B", "force": true});
        let reply = s.post(&url).bearer(&admin.token).json(forced).send().await.expect(201);
        assert_eq!(reply["delivery"][0]["state"], "queued");
        let path = "/api/suppressions/mo1@out.example";
        s.request("DELETE", path).bearer(&admin.token).send().await.expect(200);
        s.request("DELETE", path).bearer(&admin.token).send().await.problem(404, "not_found");
        let reply = s.post(&url).bearer(&admin.token).json(json!({"body": "C"})).send().await.expect(201);
        assert_eq!(reply["delivery"][0]["state"], "queued");
        s.drain().await;
        s
    })
    .await;
}
