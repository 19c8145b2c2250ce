//! `Idempotency-Key`: a repeat makes nothing again.

use crate::harness::on_both;
use serde_json::json;
use shared::access::Role;

#[tokio::test]
async fn a_repeat_gets_the_first_answer() {
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let other = s.person("other@example.com", Role::Owner, None).await;
        let body = json!({"subject": "S", "description": "d"});
        let post = |who: &str, key: &str| s.post("/api/support/tickets").bearer(who).header("idempotency-key", key);
        let first = post(&boss.token, "k1").json(body.clone()).send().await;
        assert_eq!(first.header("idempotency-replayed"), None);
        let again = post(&boss.token, "k1").json(body.clone()).send().await;
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
        assert_eq!(first.expect(201), again.expect(201));
        post(&boss.token, "k1")
            .json(json!({"subject": "T", "description": "d"}))
            .send()
            .await
            .problem(422, "idempotency_key_reused");
        post(&other.token, "k1").json(body.clone()).send().await.expect(201);
        post(&boss.token, " ").json(body.clone()).send().await.problem(400, "invalid_header");
        // A refusal changed nothing and is judged anew.
        post(&boss.token, "k2").json(json!({"subject": "S"})).send().await.problem(422, "validation_failed");
        post(&boss.token, "k2").json(body.clone()).send().await.expect(201);
        let all = s.get("/api/support/tickets").bearer(&boss.token).send().await.expect(200);
        assert_eq!(all["data"].as_array().map(Vec::len), Some(3));
        s
    })
    .await;
}

#[tokio::test]
async fn of_many_at_once_one_makes_it() {
    on_both(|s| async move {
        let form = [("email", "a@example.com"), ("subject", "S"), ("description", "d")];
        let one = || s.post("/tickets").header("idempotency-key", "k").multipart(&form, &[]).send();
        let all = futures::future::join_all((0..8).map(|_| one())).await;
        for answer in &all {
            assert!(matches!(answer.status, 201 | 409), "{}", answer.text());
        }
        let pids: std::collections::BTreeSet<String> =
            all.iter().filter(|a| a.status == 201).map(|a| a.json()["pid"].to_string()).collect();
        assert_eq!(pids.len(), 1);
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let all = s.get("/api/support/tickets").bearer(&boss.token).send().await.expect(200);
        assert_eq!(all["data"].as_array().map(Vec::len), Some(1));
        s
    })
    .await;
}
