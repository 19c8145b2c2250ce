//! The system page and its JSON: for who runs the installation.

use crate::harness::on_both;
use shared::access::Role;
use shared::tenants::Audience;

#[tokio::test]
async fn who_runs_it_sees_what_runs() {
    on_both(|s| async move {
        let owner = s.person("owner@platform.example", Role::Owner, None).await;
        let agent = s.person("agent@platform.example", Role::Agent, None).await;
        let alpha = s.tenant("alpha", Audience::Public).await;
        let theirs = s.person("owner@alpha.example", Role::Owner, Some(alpha)).await;
        for who in [&agent, &theirs] {
            s.get("/api/system").bearer(&who.token).send().await.problem(403, "forbidden");
            s.post("/api/system/doctor").bearer(&who.token).send().await.problem(403, "forbidden");
            assert_eq!(s.get("/dashboard/system").bearer(&who.token).send().await.status, 403);
        }
        s.get("/api/support/tickets").bearer(&owner.token).send().await.expect(200);
        let found = s.get("/api/system").bearer(&owner.token).send().await.expect(200);
        assert_eq!(found["version"], env!("CARGO_PKG_VERSION"));
        let kind = if s.app.db.is_sqlite() { "SQLite " } else { "PostgreSQL " };
        assert!(found["database"].as_str().is_some_and(|d| d.starts_with(kind)), "{found}");
        assert_eq!(found["migrations"][0]["version"], 1);
        assert_eq!(found["reasons"][0], "worker_silent", "no worker runs here");
        let rows = found["latencies"].as_array().expect("latencies");
        let list =
            rows.iter().find(|r| r["route"] == "/api/support/tickets" && r["method"] == "GET").expect("it answered");
        let ms = |q: &str| list[q].as_f64().expect("a number");
        assert!(list["count"].as_u64() >= Some(1) && ms("p50_ms") > 0.0 && ms("p95_ms") >= ms("p50_ms"), "{list}");

        // The doctor looks when asked, and not before.
        assert!(found["doctor"]["looked_at"].is_null() && found["doctor"]["findings"] == serde_json::json!([]));
        let looked = s.post("/api/system/doctor").bearer(&owner.token).send().await.expect(200);
        assert!(looked["looked_at"].is_string() && looked["running"] == false, "{looked}");
        let findings = looked["findings"].as_array().expect("findings");
        assert!(findings.len() == 10 && findings.iter().all(|f| f["ok"] == true), "{looked}");
        let again = s.get("/api/system").bearer(&owner.token).send().await.expect(200);
        assert_eq!(again["doctor"]["looked_at"], looked["looked_at"]);
        s
    })
    .await;
}

#[tokio::test]
async fn the_page_has_the_doctor_look() {
    on_both(|s| async move {
        let owner = s.person("owner@platform.example", Role::Owner, None).await;
        let page = async || s.get("/dashboard/system").bearer(&owner.token).send().await.text();
        assert!(page().await.contains("Not looked since the start"));
        let form = format!("csrf={}", owner.csrf(&s));
        let done =
            s.post("/dashboard/system/doctor").bearer(&owner.token).body("application/x-www-form-urlencoded", form);
        assert_eq!(done.send().await.header("location"), Some("/dashboard/system#doctor"));
        let shown = page().await;
        assert!(shown.contains("Ticket numbers are gapless") && shown.contains("Last looked"), "{shown}");
        assert!(shown.contains("GET /dashboard/system"), "what answered is told");
        let settings = s.get("/dashboard/settings/users").bearer(&owner.token).send().await.text();
        assert!(settings.contains(r#"href="/dashboard/system""#));
        s
    })
    .await;
}
