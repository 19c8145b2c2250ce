//! Whatever is wrong with a request is told by code and field, in the same order, and changes nothing.

use crate::harness::on_both;
use serde_json::{Value, json};
use shared::access::Role;
use shared::tenants::Audience;

#[tokio::test]
async fn bodies() {
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let post = |path: &str| s.post(path).bearer(&boss.token);
        let field = async |path: &str, body: Value| {
            let p = post(path).json(body).send().await.problem(422, "validation_failed");
            (
                p["errors"][0]["field"].as_str().unwrap_or("?").to_owned(),
                p["errors"][0]["code"].as_str().unwrap_or("?").to_owned(),
            )
        };
        let is =
            |found: (String, String), field: &str, code: &str| assert_eq!(found, (field.to_owned(), code.to_owned()));
        let new = "/api/support/tickets";
        post(new).body("application/json", "{\"subject\": \"x\",").send().await.problem(400, "invalid_json");
        post(new).body("application/json", &b"{\"subject\": \"\xff\"}"[..]).send().await.problem(400, "invalid_json");
        post(new).body("text/plain", "x").send().await.problem(415, "unsupported_media_type");
        post(new).body("application/json", vec![b' '; 60 << 20]).send().await.problem(413, "body_too_large");
        post(new).body("multipart/form-data", "x").send().await.problem(400, "invalid_multipart");
        post(new)
            .body("multipart/form-data; boundary=b", "--b\r\nnonsense")
            .send()
            .await
            .problem(400, "invalid_multipart");
        is(field(new, json!({})).await, "subject", "required");
        is(field(new, json!({"subject": "x"})).await, "description", "required");
        is(field(new, json!({"subject": 5, "description": "d"})).await, "subject", "wrong_type");
        is(field(new, json!({"subject": " ", "description": "d"})).await, "subject", "required");
        is(field(new, json!({"subject": "a\r\nBcc: x@y", "description": "d"})).await, "subject", "control_character");
        is(field(new, json!({"subject": "x".repeat(501), "description": "d"})).await, "subject", "too_long");
        is(
            field(new, json!({"subject": "x", "description": "d", "priority": "loud"})).await,
            "priority",
            "unknown_value",
        );
        is(
            field(new, json!({"subject": "x", "description": "d", "requester": {}})).await,
            "requester.email",
            "required",
        );
        is(
            field(new, json!({"subject": "x", "description": "d", "requester": {"email": "nobody"}})).await,
            "requester.email",
            "address_invalid",
        );
        is(
            field(new, json!({"subject": "x", "description": "d", "category": "nope"})).await,
            "category",
            "category_unknown",
        );
        is(
            field(new, json!({"subject": "x", "description": "d", "attachments": [99]})).await,
            "attachments",
            "attachment_unknown",
        );
        is(
            field(new, json!({"subject": "x", "description": "d", "attachments": [{"size_bytes": 1}]})).await,
            "attachments[0].filename",
            "required",
        );
        let described = json!([{"filename": "a", "meta": "x".repeat(5000)}]);
        is(
            field(new, json!({"subject": "x", "description": "d", "attachments": described})).await,
            "attachments",
            "metadata_too_large",
        );
        is(field(new, json!({"subject": "x", "title": "y", "description": "d"})).await, "", "invalid");
        post(new)
            .json(json!({"subject": "x", "description": "d", "companyId": "nope"}))
            .send()
            .await
            .problem(404, "tenant_not_found");
        let none = s.get("/api/support/tickets").bearer(&boss.token).send().await.expect(200);
        assert_eq!(none["data"].as_array().map(Vec::len), Some(0), "nothing was made");

        let t = post(new).json(json!({"subject": "x", "description": "d"})).send().await.expect(201);
        let at = |act: &str| format!("/api/support/tickets/{}{act}", t["id"]);
        is(field(&at("/status"), json!({})).await, "status", "required");
        is(field(&at("/status"), json!({"status": "gone"})).await, "status", "unknown_value");
        is(field(&at("/priority"), json!({"priority": null})).await, "priority", "wrong_type");
        is(field(&at("/assign"), json!({})).await, "assigned_to", "required");
        is(field(&at("/assign"), json!({"agent_id": "who"})).await, "assigned_to", "invalid");
        is(field(&at("/messages"), json!({})).await, "body", "required");
        is(field(&at("/messages"), json!({"body": "x", "kind": "system"})).await, "kind", "unknown_value");
        is(field(&at("/messages"), json!({"body": "x", "undo_seconds": 61})).await, "undo_seconds", "out_of_range");
        post(&at("/messages"))
            .header("if-match", "seven")
            .json(json!({"body": "x"}))
            .send()
            .await
            .problem(400, "invalid_header");
        for (subject, code) in
            [("a\r\nBcc: x@y", "control_character"), (" ", "required"), (&"x".repeat(501), "too_long")]
        {
            let patch = s.request("PATCH", &at("")).bearer(&boss.token).json(json!({"subject": subject}));
            let p = patch.send().await.problem(422, "validation_failed");
            assert_eq!(p["errors"][0]["code"], code, "E8.6: {subject:?}");
        }
        let now = s.get(&at("")).bearer(&boss.token).send().await.expect(200);
        assert_eq!(now["version"], t["version"], "nothing changed");
        s
    })
    .await;
}

#[tokio::test]
async fn queries() {
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let get = async |q: &str| s.get(&format!("/api/support/tickets?{q}")).bearer(&boss.token).send().await;
        for (query, field) in [
            ("status=gone", "status"),
            ("priority=loud", "priority"),
            ("sort=colour", "sort"),
            ("folder=attic", "folder"),
            ("since=yesterday", "since"),
            ("assigned_to=x", "assigned_to"),
        ] {
            assert_eq!(get(query).await.problem(422, "validation_failed")["errors"][0]["field"], field, "{query}");
        }
        get("limit=0").await.problem(400, "invalid_query");
        get("limit=many").await.problem(400, "invalid_query");
        get("page=0").await.problem(400, "invalid_query");
        get("cursor=nonsense").await.problem(400, "invalid_cursor");
        get("tenant_id=nope").await.problem(404, "tenant_not_found");
        get("since=2020-01-01&until=2020-01-02T00:00:00%2B00:00&q=%00%ff%25_").await.expect(200);
        s
    })
    .await;
}

#[tokio::test]
async fn refusals_come_in_order() {
    on_both(|s| async move {
        let acme = s.tenant("acme", Audience::Organisation).await;
        let other = s.tenant("other", Audience::Organisation).await;
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let staff = s.person("staff@acme.example", Role::Staff, Some(acme)).await;
        let stranger = s.person("staff@other.example", Role::Staff, Some(other)).await;
        let t = s.post("/api/support/tickets").bearer(&staff.token);
        let t = t.json(json!({"subject": "x", "description": "d"})).send().await.expect(201);
        assert_eq!(t["tenant"]["slug"], "acme");
        let at = |act: &str| format!("/api/support/tickets/{}{act}", t["id"]);
        let nonsense = |act: &str| s.post(&at(act)).body("application/json", "{nonsense");
        for act in ["/status", "/priority", "/assign", "/messages"] {
            nonsense(act).send().await.problem(401, "unauthenticated");
            nonsense(act).bearer("pr_wrong").send().await.problem(401, "unauthenticated");
            nonsense(act).bearer(&stranger.token).send().await.problem(404, "ticket_not_found");
        }
        for act in ["/status", "/priority", "/assign"] {
            nonsense(act).bearer(&staff.token).send().await.problem(403, "forbidden");
            nonsense(act).bearer(&boss.token).send().await.problem(400, "invalid_json");
        }
        s.get(&at("")).bearer(&boss.token).header("x-tenant", "other").send().await.problem(404, "ticket_not_found");
        s.get(&at(""))
            .bearer(&staff.token)
            .header("x-company-id", "other")
            .send()
            .await
            .problem(404, "tenant_not_found");
        s.get(&at("")).bearer(&staff.token).header("x-tenant", &acme.to_string()).send().await.expect(200);
        s.get("/api/support/tickets/999999").bearer(&boss.token).send().await.problem(404, "ticket_not_found");
        s.get("/api/support/tickets/%00%ff").bearer(&boss.token).send().await.problem(404, "not_found");
        s.get("/api/mails/abc").bearer(&boss.token).send().await.problem(404, "not_found");
        s.get("/api/mails").bearer(&staff.token).send().await.problem(403, "forbidden");
        s.get("/api/outbox").bearer(&staff.token).send().await.problem(403, "forbidden");
        s.get("/api/support/admin/tickets").bearer(&staff.token).send().await.problem(403, "forbidden");
        s
    })
    .await;
}
