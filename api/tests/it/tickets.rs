//! Tickets over HTTP: shapes, aliases, filters, versions.

use crate::harness::people::Person;
use crate::harness::{Request, Server, on_both};
use serde_json::{Value, json};
use shared::access::Role;

async fn owner(s: &Server) -> Person {
    s.person("boss@example.com", Role::Owner, None).await
}

async fn create(s: &Server, who: &Person, body: Value) -> Value {
    s.post("/api/support/tickets").bearer(&who.token).json(body).send().await.expect(201)
}

/// A request of `who`.
fn ask(s: &Server, who: &Person, method: &str, path: &str) -> Request {
    s.request(method, path).bearer(&who.token)
}

#[tokio::test]
async fn a_ticket_is_whole_from_the_start() {
    on_both(|s| async move {
        let boss = owner(&s).await;
        let t = create(
            &s,
            &boss,
            json!({
                "title": "Printer on fire", "body": "Please help.", "subSubject": "tray 2", "priority": "critical",
                "category": "bug", "type": "website_design",
                "requester": {"email": "Ann@Example.com", "name": "Ann"},
            }),
        )
        .await;
        let period = shared::clock::period(shared::clock::now());
        assert_eq!(t["pid"], format!("{period}-0001"));
        assert_eq!((&t["subject"], &t["sub_subject"]), (&json!("Printer on fire"), &json!("tray 2")));
        assert_eq!((&t["status"], &t["priority"]), (&json!("new"), &json!("urgent")));
        assert_eq!((&t["category"]["slug"], &t["type"]), (&json!("bug"), &json!("website_design")));
        assert_eq!((&t["requester"]["email"], &t["requester"]["name"]), (&json!("Ann@Example.com"), &json!("Ann")));
        assert_eq!(
            (&t["tenant"]["slug"], &t["channel"], &t["folder"]),
            (&json!("default"), &json!("api"), &json!("inbox"))
        );
        assert_eq!(t["mailbox"], "support@postroom.localhost");
        assert_eq!(t["sla"]["state"], "ok");
        assert!(t["sla"]["response_due_at"].is_string(), "{t}");
        for null in ["assigned_to", "incident", "merged_into", "solved_at", "closed_by", "resolution_notes"] {
            assert_eq!(t[null], Value::Null, "{null}");
        }
        assert_eq!(
            (t["tags"].as_array().map(Vec::len), t["participants"].as_array().map(Vec::len)),
            (Some(0), Some(1))
        );
        let first = &t["messages"][0];
        assert_eq!(
            (&first["kind"], &first["author"]["side"], &first["body"]),
            (&json!("reply"), &json!("customer"), &json!("Please help."))
        );
        assert_eq!(t["messages_cursor"], Value::Null);
        let again = ask(&s, &boss, "GET", &format!("/api/support/tickets/{}", t["id"])).send().await.expect(200);
        assert_eq!(again, t);
        let by_pid = format!("/tickets/{}", t["pid"].as_str().expect("a pid").to_lowercase());
        assert_eq!(ask(&s, &boss, "GET", &by_pid).send().await.expect(200)["id"], t["id"]);
        s
    })
    .await;
}

#[tokio::test]
async fn the_public_form_by_json_and_by_form() {
    on_both(|s| async move {
        let by_json = json!({"name": "Ann", "email": "ann@example.com", "subject": "One", "description": "d"});
        let t = s.post("/tickets").json(by_json).send().await.expect(201);
        assert_eq!((&t["requester"]["email"], &t["channel"]), (&json!("ann@example.com"), &json!("web")));
        let fields = [
            ("name", "Ann"),
            ("email", "ann@example.com"),
            ("subject", "Two"),
            ("description", "d"),
            ("priority", "high"),
        ];
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01";
        let files =
            [("files", "../\u{fc}.png", "image/png", &png[..]), ("files", "", "application/octet-stream", &b""[..])];
        let t = s.post("/tickets").multipart(&fields, &files).send().await.expect(201);
        let file = &t["messages"][0]["attachments"][0];
        assert_eq!((&t["priority"], &file["size_bytes"]), (&json!("high"), &json!(png.len())));
        assert!(!file["filename"].as_str().expect("a name").contains('/'), "{file}");
        assert_eq!(t["messages"][0]["attachments"].as_array().map(Vec::len), Some(1));
        let boss = owner(&s).await;
        let got = ask(&s, &boss, "GET", &format!("/api/support/attachments/{}", file["id"])).send().await;
        assert_eq!((got.status, &got.body[..], got.header("x-content-type-options")), (200, &png[..], Some("nosniff")));
        assert!(got.header("content-disposition").is_some_and(|d| d.starts_with("attachment;")));
        let missing = s.post("/tickets").json(json!({"subject": "x", "description": "y"})).send().await;
        assert_eq!(missing.problem(422, "validation_failed")["errors"][0]["field"], "email");
        let plain = s
            .post("/tickets")
            .body("application/x-www-form-urlencoded", "email=b%40example.com&subject=S&description=D");
        assert_eq!(plain.send().await.expect(201)["subject"], "S");
        s
    })
    .await;
}

#[tokio::test]
async fn lists_filter_sort_and_page() {
    on_both(|s| async move {
        let boss = owner(&s).await;
        for (i, priority) in ["low", "high", "urgent", "high", "low"].into_iter().enumerate() {
            let body = json!({"subject": format!("No {i}"), "description": "d", "priority": priority,
                "requester": {"email": format!("c{i}@example.com")}});
            create(&s, &boss, body).await;
        }
        let list = async |query: &str| {
            ask(&s, &boss, "GET", &format!("/api/support/tickets?{query}")).send().await.expect(200)
        };
        let subjects = |page: &Value| -> Vec<String> {
            let rows = page["data"].as_array().expect("rows");
            rows.iter().map(|t| t["subject"].as_str().expect("a subject")[3..].to_owned()).collect()
        };
        assert_eq!(subjects(&list("sort=-created_at").await), ["4", "3", "2", "1", "0"]);
        assert_eq!(subjects(&list("sort=created_at&priority=high,urgent").await), ["1", "2", "3"]);
        assert_eq!(subjects(&list("sort=-priority&limit=9999").await)[0], "2");
        assert_eq!(subjects(&list("requester=C3@example.com").await), ["3"]);
        assert_eq!(subjects(&list("status=open&assignedTo=unassigned").await).len(), 5);
        assert_eq!(subjects(&list("status=solved").await).len(), 0);
        assert_eq!(subjects(&list("q=no+2").await), ["2"]);
        let period = shared::clock::period(shared::clock::now());
        assert_eq!(subjects(&list(&format!("q={period}-0005")).await), ["4"]);
        // By cursor: every row once, whatever the page's size.
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = list(&format!("sort=-priority&limit=2{cursor}")).await;
            seen.extend(subjects(&page));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(seen, subjects(&list("sort=-priority").await));
        let second = list("sort=created_at&page=2&per_page=2").await;
        assert_eq!((subjects(&second), &second["total"]), (vec!["2".to_owned(), "3".to_owned()], &json!(5)));
        assert_eq!(subjects(&list("page=9&per_page=2").await).len(), 0);
        for alias in ["/tickets", "/platform-admin/tickets?assigned=all", "/api/support/admin/tickets"] {
            assert_eq!(subjects(&ask(&s, &boss, "GET", alias).send().await.expect(200)).len(), 5, "{alias}");
        }
        s
    })
    .await;
}

#[tokio::test]
async fn an_agent_works_a_ticket_to_its_end() {
    on_both(|s| async move {
        let boss = owner(&s).await;
        let t = create(&s, &boss, json!({"subject": "S", "description": "d", "requester": {"email": "c@example.com"}}))
            .await;
        let at = |act: &str| format!("/api/support/tickets/{}{act}", t["id"]);
        let post = async |act: &str, body: Value| ask(&s, &boss, "POST", &at(act)).json(body).send().await;
        let taken = ask(&s, &boss, "POST", &at("/take")).send().await.expect(200);
        assert_eq!((&taken["status"], &taken["assigned_to"]["email"]), (&json!("triaged"), &json!("boss@example.com")));
        let m = post("/messages", json!({"message": "Pull the plug."})).await.expect(201);
        assert_eq!(
            (&m["kind"], &m["author"]["side"], &m["delivery"][0]["to"]),
            (&json!("reply"), &json!("agent"), &json!("c@example.com"))
        );
        let note = post("/messages", json!({"body": "Odd one.", "isInternal": true})).await.expect(201);
        assert_eq!((&note["kind"], note["delivery"].as_array().map(Vec::len)), (&json!("note"), Some(0)));
        let now = ask(&s, &boss, "GET", &at("")).send().await.expect(200);
        assert_eq!(now["status"], "in_progress");
        assert!(now["first_response_at"].is_string());
        assert_eq!(post("/priority", json!({"priority": "blocking"})).await.expect(200)["priority"], "urgent");
        for field in ["agent_id", "adminId", "assigned_admin_id", "assignedTo"] {
            assert_eq!(post("/assign", json!({field: null})).await.expect(200)["assigned_to"], Value::Null, "{field}");
            let given = post("/assign", json!({field: boss.id.to_string()})).await.expect(200);
            assert_eq!(given["assigned_to"]["id"], json!(boss.id), "{field}");
        }
        let solved = post("/status", json!({"status": "resolved", "resolution_notes": "plug"})).await.expect(200);
        assert_eq!((&solved["status"], &solved["resolution_notes"]), (&json!("solved"), &json!("plug")));
        let patched = json!({"subject": "S2", "tags": ["fire", "plug"], "category": "bug", "subSubject": "x"});
        let patched = ask(&s, &boss, "PATCH", &at("")).json(patched).send().await.expect(200);
        assert_eq!((&patched["subject"], &patched["tags"]), (&json!("S2"), &json!(["fire", "plug"])));
        assert_eq!(
            ask(&s, &boss, "PATCH", &at("")).json(json!({"category": null})).send().await.expect(200)["category"],
            Value::Null
        );
        assert_eq!(ask(&s, &boss, "DELETE", &at("")).send().await.expect(200)["folder"], "trash");
        assert_eq!(post("/restore", json!({})).await.expect(200)["folder"], "inbox");
        assert_eq!(ask(&s, &boss, "POST", &at("/close")).send().await.expect(200)["status"], "closed");
        assert_eq!(ask(&s, &boss, "POST", &at("/reopen")).send().await.expect(200)["status"], "in_progress");
        let mails = ask(&s, &boss, "GET", &at("/mails")).send().await.expect(200);
        assert!(
            mails["data"].as_array().is_some_and(|m| m.iter().any(|m| m["kind"] == "reply" && m["state"] == "queued"))
        );
        s
    })
    .await;
}

#[tokio::test]
async fn the_timeline_is_gapless_and_names_its_kinds() {
    on_both(|s| async move {
        let boss = owner(&s).await;
        let t = create(&s, &boss, json!({"subject": "S", "description": "d"})).await;
        let at = |act: &str| format!("/api/support/tickets/{}{act}", t["pid"].as_str().expect("a pid"));
        ask(&s, &boss, "POST", &at("/status")).json(json!({"status": "waiting"})).send().await.expect(200);
        let all = ask(&s, &boss, "GET", &at("/events")).send().await.expect(200);
        let events = all["data"].as_array().expect("events");
        let seqs: Vec<i64> = events.iter().filter_map(|e| e["seq"].as_i64()).collect();
        assert_eq!(seqs, (1..=seqs.len() as i64).collect::<Vec<_>>());
        assert_eq!(events[0]["kind"], "CREATED");
        assert_eq!(events[0]["audit"], json!(["SUPPORT_TICKET_CREATED", "ticket.create"]));
        let changed = events.iter().find(|e| e["kind"] == "STATUS_CHANGED").expect("the change");
        assert_eq!(changed["actor"]["id"], json!(boss.id));
        assert_eq!(changed["hash"].as_str().map(str::len), Some(64));
        let first = ask(&s, &boss, "GET", &at("/events?limit=1")).send().await.expect(200);
        let rest = format!("/events?cursor={}", first["next_cursor"].as_str().expect("more"));
        let rest = ask(&s, &boss, "GET", &at(&rest)).send().await.expect(200);
        assert_eq!(rest["data"].as_array().map(Vec::len), Some(events.len() - 1));
        s
    })
    .await;
}

/// E9.15.
#[tokio::test]
async fn a_stale_change_is_refused_and_told_what_happened() {
    on_both(|s| async move {
        let boss = owner(&s).await;
        let t = create(&s, &boss, json!({"subject": "S", "description": "d"})).await;
        let seen = t["version"].as_i64().expect("a version");
        let at = |act: &str| format!("/api/support/tickets/{}{act}", t["id"]);
        ask(&s, &boss, "POST", &at("/status")).json(json!({"status": "solved"})).send().await.expect(200);
        let late = ask(&s, &boss, "POST", &at("/priority")).json(json!({"priority": "low", "expected_version": seen}));
        let problem = late.send().await.problem(409, "stale_ticket");
        assert!(problem["version"].as_i64().is_some_and(|v| v > seen));
        assert!(
            problem["since"].as_array().is_some_and(|e| e.iter().any(|e| e["kind"] == "STATUS_CHANGED")),
            "{problem}"
        );
        let reply = ask(&s, &boss, "POST", &at("/messages")).header("if-match", &format!("\"{seen}\""));
        reply.json(json!({"body": "late"})).send().await.problem(409, "stale_ticket");
        let now = problem["version"].as_i64().expect("a version");
        let fresh = ask(&s, &boss, "POST", &at("/messages")).header("if-match", &now.to_string());
        fresh.json(json!({"body": "fresh"})).send().await.expect(201);
        s
    })
    .await;
}
