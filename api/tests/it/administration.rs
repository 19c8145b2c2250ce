//! Users, tenants, mailboxes, categories, coverage and the audit, over HTTP.

use crate::harness::people::Person;
use crate::harness::{Server, on_both, on_both_with};
use serde_json::{Value, json};
use shared::access::Role;
use shared::ids::TenantId;
use shared::tenants::Audience;

struct Cast {
    alpha: TenantId,
    beta: TenantId,
    owner: Person,
    admin: Person,
    agent: Person,
}

async fn cast(s: &Server) -> Cast {
    shared::setup::ensure(&s.app).await.expect("the first start");
    let (alpha, beta) = (s.tenant("alpha", Audience::Organisation).await, s.tenant("beta", Audience::Public).await);
    Cast {
        alpha,
        beta,
        owner: s.person("boss@example.com", Role::Owner, None).await,
        admin: s.person("admin@example.com", Role::Admin, Some(alpha)).await,
        agent: s.person("agent@example.com", Role::Agent, Some(alpha)).await,
    }
}

impl Server {
    async fn ask(&self, who: &Person, method: &str, path: &str, body: Value) -> crate::harness::http::Response {
        let request = self.request(method, path).bearer(&who.token);
        if body.is_null() { request.send().await } else { request.json(body).send().await }
    }
}

fn column(list: &Value, name: &str) -> Vec<Value> {
    list["data"].as_array().expect("a list").iter().map(|row| row[name].clone()).collect()
}

#[tokio::test]
async fn users_are_made_found_and_changed() {
    on_both(|s| async move {
        let c = cast(&s).await;
        let body = json!({"email": "Zoe@Example.com", "name": "Zoë", "role": "user", "tenantId": c.alpha,
                          "password": "a good password", "extraCapabilities": ["support.kb.read"]});
        let made = s.ask(&c.admin, "POST", "/api/users", body.clone()).await.expect(201);
        assert_eq!(
            (&made["role"], &made["email"], &made["member"]),
            (&json!("customer"), &json!("Zoe@Example.com"), &json!(true))
        );
        let path = format!("/api/users/{}", made["id"]);
        assert_eq!(s.ask(&c.admin, "GET", &path, Value::Null).await.expect(200), made);
        s.ask(&c.admin, "POST", "/api/users", body).await.problem(409, "conflict");
        let changed = s.ask(&c.admin, "PATCH", &path, json!({"role": "manager", "name": null})).await.expect(200);
        assert_eq!((&changed["role"], &changed["name"]), (&json!("manager"), &Value::Null));
        let list = s.ask(&c.admin, "GET", "/api/users?role=manager", Value::Null).await.expect(200);
        assert_eq!(column(&list, "id"), [made["id"].clone()]);
        let list = s.ask(&c.admin, "GET", "/api/users?page=1&per_page=2", Value::Null).await.expect(200);
        assert_eq!((list["data"].as_array().unwrap().len(), &list["total"]), (2, &json!(3)));
        let mut seen = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = format!("/api/users?limit=1&cursor={cursor}");
            let page = s.ask(&c.owner, "GET", &path, Value::Null).await.expect(200);
            seen.extend(column(&page, "id"));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => break,
            }
        }
        assert_eq!(seen.len(), 5, "the first admin, three of the cast and Zoë, each once: {seen:?}");
        for (body, code) in [
            (json!({"role": "king"}), "unknown_value"),
            (json!({"active": "yes"}), "wrong_type"),
            (json!({"name": "a\nb"}), "invalid"),
            (json!({"password": "x"}), "too_short"),
        ] {
            let problem = s.ask(&c.admin, "PATCH", &path, body.clone()).await.problem(422, "validation_failed");
            assert_eq!(problem["errors"][0]["code"], code, "{body}: {problem}");
        }
        s.ask(&c.admin, "GET", "/api/users?role=king", Value::Null).await.problem(422, "validation_failed");
        s.ask(&c.admin, "POST", "/api/users", json!({"role": "staff"})).await.problem(422, "validation_failed");
        s
    })
    .await;
}

#[tokio::test]
async fn refusals_come_in_order() {
    on_both(|s| async move {
        let c = cast(&s).await;
        let theirs = s.person("x@beta.example", Role::Staff, Some(c.beta)).await;
        for (who, target, status, code) in [
            (&c.agent, theirs.id, 404, "user_not_found"),
            (&c.agent, c.admin.id, 403, "forbidden"),
            (&c.admin, theirs.id, 404, "user_not_found"),
            (&c.admin, c.owner.id, 404, "user_not_found"),
        ] {
            let path = format!("/api/users/{target}");
            s.ask(who, "GET", &path, Value::Null).await.problem(status, code);
            // A body that makes no sense is looked at last.
            s.ask(who, "PATCH", &path, json!({"role": 7})).await.problem(status, code);
        }
        let body = json!({"email": "y@beta.example", "role": "staff", "tenant_id": "beta", "password": "long enough"});
        s.ask(&c.admin, "POST", "/api/users", body.clone()).await.problem(404, "tenant_not_found");
        s.ask(&c.agent, "POST", "/api/users", body.clone()).await.problem(403, "forbidden");
        s.ask(&c.owner, "POST", "/api/users", body).await.expect(201);
        let up = json!({"email": "z@alpha.example", "role": "owner", "password": "long enough"});
        s.ask(&c.admin, "POST", "/api/users", up).await.problem(403, "forbidden");
        s
    })
    .await;
}

#[tokio::test]
async fn tenants_get_prefixes_and_settings() {
    on_both(|s| async move {
        let c = cast(&s).await;
        let body =
            json!({"slug": "kaiwerk", "name": "Kaiwerk", "audience": "organisation", "settings": {"reopen_days": 3}});
        let made = s.ask(&c.owner, "POST", "/api/tenants", body.clone()).await.expect(201);
        assert_eq!((&made["pid_prefix"], &made["settings"]["reopen_days"]), (&json!("KA"), &json!(3)));
        s.ask(&c.owner, "POST", "/api/tenants", body).await.problem(409, "conflict");
        let next = s.ask(&c.owner, "POST", "/api/tenants", json!({"slug": "karoshi"})).await.expect(201);
        assert_eq!(next["pid_prefix"], "KAR");
        let taken = json!({"slug": "other", "pidPrefix": "ka"});
        let problem = s.ask(&c.owner, "POST", "/api/tenants", taken).await.problem(409, "conflict");
        assert_eq!(problem["errors"][0]["field"], "pid_prefix");
        for wrong in [
            json!({"slug": "No Good"}),
            json!({"slug": "123"}),
            json!({"slug": "x", "pid_prefix": "1A"}),
            json!({"slug": "x", "audience": "everybody"}),
            json!({"slug": "x", "settings": {"nonsense": 1}}),
        ] {
            s.ask(&c.owner, "POST", "/api/tenants", wrong).await.problem(422, "validation_failed");
        }
        s.ask(&c.admin, "POST", "/api/tenants", json!({"slug": "x"})).await.problem(403, "forbidden");
        let own = "/api/tenants/alpha";
        let changed = s.ask(&c.admin, "PATCH", own, json!({"settings": {"agentsMayAssign": true}})).await.expect(200);
        assert_eq!(changed["settings"]["agents_may_assign"], true);
        let me = s.get("/api/auth/me").bearer(&c.agent.token).send().await.expect(200);
        assert!(me["user"]["capabilities"].to_string().contains("support.tickets.assign"));
        s.ask(&c.admin, "PATCH", own, json!({"slug": "omega"})).await.problem(403, "forbidden");
        s.ask(&c.admin, "GET", "/api/tenants/beta", Value::Null).await.problem(404, "tenant_not_found");
        let list = s.ask(&c.admin, "GET", "/api/tenants", Value::Null).await.expect(200);
        assert_eq!(column(&list, "slug"), ["alpha"]);
        let list = s.ask(&c.owner, "GET", "/api/tenants?limit=2", Value::Null).await.expect(200);
        assert_eq!(column(&list, "slug"), ["default", "alpha"]);
        assert!(list["next_cursor"].is_string());
        s
    })
    .await;
}

#[tokio::test]
async fn mailboxes_belong_to_one_tenant() {
    on_both(|s| async move {
        let c = cast(&s).await;
        let body = json!({"address": "Help@Alpha.example", "tag_separator": null});
        let made = s.ask(&c.admin, "POST", "/api/mailboxes", body).await.expect(201);
        assert_eq!((&made["tenant_id"], &made["tag_separator"]), (&json!(c.alpha), &Value::Null));
        let again = json!({"address": "help@alpha.example", "tenant_id": c.beta});
        s.ask(&c.owner, "POST", "/api/mailboxes", again).await.problem(409, "conflict");
        s.ask(&c.owner, "POST", "/api/mailboxes", json!({"address": "no address"}))
            .await
            .problem(422, "validation_failed");
        let path = format!("/api/mailboxes/{}", made["id"]);
        let changed = s.ask(&c.admin, "PATCH", &path, json!({"name": "Alpha", "active": false})).await.expect(200);
        assert_eq!((&changed["name"], &changed["active"]), (&json!("Alpha"), &json!(false)));
        let other = s.person("admin@beta.example", Role::Admin, Some(c.beta)).await;
        s.ask(&other, "PATCH", &path, json!({})).await.problem(404, "not_found");
        s.ask(&c.agent, "PATCH", &path, json!({})).await.problem(403, "forbidden");
        let list = s.ask(&c.admin, "GET", "/api/mailboxes", Value::Null).await.expect(200);
        assert_eq!(column(&list, "address"), ["alpha@postroom.localhost", "Help@Alpha.example"]);
        let within =
            s.get("/api/mailboxes").bearer(&c.owner.token).header("x-tenant", "alpha").send().await.expect(200);
        assert_eq!(column(&within, "address"), ["alpha@postroom.localhost", "Help@Alpha.example"]);
        s
    })
    .await;
}

/// E6.6, E1.12, E3.8, E3.1: what a mailbox can be told, and what its probe has shown.
#[tokio::test]
async fn a_mailbox_is_told_about_its_mail() {
    on_both(|s| async move {
        let c = cast(&s).await;
        let made =
            s.ask(&c.admin, "POST", "/api/mailboxes", json!({"address": "help@alpha.example"})).await.expect(201);
        let path = format!("/api/mailboxes/{}", made["id"]);
        let settings = |m: &Value| [&m["split_per_mailbox"], &m["body_marker"], &m["ack_forms"]].map(|v| v == true);
        assert_eq!((settings(&made), &made["gateways"]), ([false; 3], &json!([])));
        // Captured mail cannot come back, so nobody is asked and tags are used.
        let tags =
            json!({"state": "untested", "used": true, "message_ids": null, "asked_at": null, "answered_at": null});
        assert_eq!(made["tags"], tags);
        s.ask(&c.admin, "POST", &format!("{path}/probe"), Value::Null).await.problem(422, "validation_failed");
        let body = json!({
            "splitPerMailbox": true, "body_marker": true, "ackForms": true,
            "gateways": ["Forms@Shop.example", "forms@shop.example ", "web@shop.example"],
        });
        let changed = s.ask(&c.admin, "PATCH", &path, body).await.expect(200);
        assert_eq!(settings(&changed), [true; 3]);
        assert_eq!(changed["gateways"], json!(["forms@shop.example", "web@shop.example"]));
        for wrong in [json!(["nobody"]), json!(["a@b.example", ""]), json!(vec!["a@b.example"; 101])] {
            let problem =
                s.ask(&c.admin, "PATCH", &path, json!({"gateways": wrong})).await.problem(422, "validation_failed");
            assert_eq!(problem["errors"][0]["field"], "gateways");
        }
        let found = s.ask(&c.admin, "GET", &path, Value::Null).await.expect(200);
        assert_eq!((settings(&found), &found["gateways"]), ([true; 3], &changed["gateways"]));
        s
    })
    .await;
}

/// E6.6, E1.12, E3.8: the same by the page, which works without script.
#[tokio::test]
async fn a_mailbox_is_told_by_its_page() {
    on_both(|s| async move {
        let c = cast(&s).await;
        let page = "/dashboard/settings/mailboxes";
        let html = s.get(page).bearer(&c.admin.token).send().await.text();
        assert!(html.contains("alpha@postroom.localhost") && !html.contains("beta@"), "{html}");
        assert!(!html.contains("/probe\""), "captured mail cannot come back: {html}");
        assert_eq!(s.get(page).bearer(&c.agent.token).send().await.status, 403);
        let list = s.ask(&c.admin, "GET", "/api/mailboxes", Value::Null).await.expect(200);
        let id = list["data"][0]["id"].clone();
        let post = |fields: &str| {
            let body = format!("csrf={}&{fields}", c.admin.csrf(&s));
            let form = s.post(&format!("{page}/{id}")).bearer(&c.admin.token);
            form.body("application/x-www-form-urlencoded", body).send()
        };
        let done = post("split_per_mailbox=1&gateways=forms%40shop.example%0D%0Aweb%40shop.example").await;
        assert_eq!((done.status, done.header("location").is_some_and(|l| l.starts_with(page))), (303, true));
        let path = format!("/api/mailboxes/{id}");
        let found = s.ask(&c.admin, "GET", &path, Value::Null).await.expect(200);
        assert_eq!((&found["split_per_mailbox"], &found["body_marker"]), (&json!(true), &json!(false)));
        assert_eq!(found["gateways"], json!(["forms@shop.example", "web@shop.example"]));
        let refused = post("gateways=nobody").await;
        assert!(refused.status == 422 && refused.text().contains("alert"), "{}", refused.text());
        // What is not ticked is off.
        post("body_marker=1").await;
        let found = s.ask(&c.admin, "GET", &path, Value::Null).await.expect(200);
        assert_eq!((&found["split_per_mailbox"], &found["body_marker"]), (&json!(false), &json!(true)));
        assert_eq!(found["gateways"], json!([]));
        s
    })
    .await;
}

/// E3.1: on an instance that sends, a new mailbox is asked at once, and its mail bears no tags until the probe is back.
#[tokio::test]
async fn a_new_mailbox_is_probed() {
    on_both_with(&[("SMTP_URL", "smtp://127.0.0.1:9?tls=off")], |s| async move {
        let c = cast(&s).await;
        let made =
            s.ask(&c.admin, "POST", "/api/mailboxes", json!({"address": "help@alpha.example"})).await.expect(201);
        assert_eq!((&made["tags"]["state"], &made["tags"]["used"]), (&json!("asked"), &json!(false)));
        let path = format!("/api/mailboxes/{}", made["id"]);
        let to_it = |list: &Value| -> Vec<String> {
            let all = list["data"].as_array().expect("a list").iter().filter_map(|m| m["to"].as_str());
            all.filter(|to| to.starts_with("help+")).map(str::to_owned).collect()
        };
        assert_eq!(to_it(&s.ask(&c.admin, "GET", "/api/outbox", Value::Null).await.expect(200)).len(), 1);
        let again = s.ask(&c.admin, "POST", &format!("{path}/probe"), Value::Null).await.expect(200);
        assert_eq!(again["tags"]["state"], "asked");
        let probes = to_it(&s.ask(&c.admin, "GET", "/api/outbox", Value::Null).await.expect(200));
        assert!(probes.len() == 2 && probes[0] != probes[1], "{probes:?}");
        // Another separator makes other addresses; none makes nothing to ask.
        let off = s.ask(&c.admin, "PATCH", &path, json!({"tag_separator": null})).await.expect(200);
        assert_eq!((&off["tags"]["state"], &off["tags"]["used"]), (&json!("untested"), &json!(false)));
        s.ask(&c.admin, "POST", &format!("{path}/probe"), Value::Null).await.problem(422, "validation_failed");
        let other = s.ask(&c.admin, "PATCH", &path, json!({"tag_separator": "-"})).await.expect(200);
        assert_eq!(other["tags"]["state"], "asked");
        s
    })
    .await;
}

#[tokio::test]
async fn categories_nest_and_never_in_a_circle() {
    on_both(|s| async move {
        let c = cast(&s).await;
        let list = s.ask(&c.agent, "GET", "/api/support/categories", Value::Null).await.expect(200);
        assert_eq!(column(&list, "slug"), ["deploy", "billing", "preview", "bug", "question"]);
        let billing = list["data"][1]["id"].clone();
        let url = "/api/support/categories";
        let made = s.ask(&c.admin, "POST", url, json!({"name": "Rückzahlung", "parentId": billing})).await.expect(201);
        assert_eq!((&made["slug"], &made["tenant_id"]), (&json!("rueckzahlung"), &json!(c.alpha)));
        let body = json!({"name": "Teil", "parent_id": made["id"], "default_assignee": c.agent.id});
        let below = s.ask(&c.admin, "POST", url, body).await.expect(201);
        let path = format!("{url}/{}", made["id"]);
        let problem =
            s.ask(&c.admin, "PATCH", &path, json!({"parent_id": below["id"]})).await.problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["field"], "parent_id");
        s.ask(&c.admin, "PATCH", &path, json!({"slug": "teil"})).await.problem(409, "conflict");
        s.ask(&c.admin, "PATCH", &format!("{url}/{billing}"), json!({"name": "X"})).await.problem(403, "forbidden");
        s.ask(&c.owner, "PATCH", &format!("{url}/{billing}"), json!({"name": "Money"})).await.expect(200);
        let stranger = s.person("admin@beta.example", Role::Admin, Some(c.beta)).await;
        s.ask(&stranger, "GET", &path, Value::Null).await.problem(404, "not_found");
        let foreign = json!({"name": "F", "default_assignee": stranger.id});
        s.ask(&c.admin, "POST", url, foreign).await.problem(422, "validation_failed");
        s.ask(&c.agent, "POST", url, json!({"name": "F"})).await.problem(403, "forbidden");
        s
    })
    .await;
}

#[tokio::test]
async fn coverage_by_both_addresses() {
    on_both(|s| async move {
        let c = cast(&s).await;
        let sue = s.person("sue@alpha.example", Role::Support, Some(c.alpha)).await;
        let (one, two) =
            (format!("/api/support/coverage/{}", sue.id), format!("/platform-admin/team/coverage/{}", sue.id));
        let put = json!({"subjects": ["website", " Billing ", "WEBSITE"]});
        let set = s.ask(&c.admin, "PUT", &two, put).await.expect(200);
        assert_eq!(set, json!({"user_id": sue.id, "subjects": ["Billing", "website"]}));
        assert_eq!(s.ask(&sue, "GET", &one, Value::Null).await.expect(200), set, "everybody reads their own");
        s.ask(&c.agent, "GET", &one, Value::Null).await.problem(403, "forbidden");
        s.ask(&sue, "PUT", &one, json!({"subjects": []})).await.problem(403, "forbidden");
        s.ask(&c.admin, "PUT", &one, json!({"subjects": [""]})).await.problem(422, "validation_failed");
        s.ask(&c.admin, "PUT", &one, json!({"subjects": "x"})).await.problem(422, "validation_failed");
        let customer = s.person("cu@alpha.example", Role::Customer, Some(c.alpha)).await;
        let path = format!("/api/support/coverage/{}", customer.id);
        s.ask(&c.admin, "PUT", &path, json!({"subjects": ["x"]})).await.problem(422, "validation_failed");
        let audit = s.ask(&c.admin, "GET", "/api/audit?kind=team.coverage.update", Value::Null).await.expect(200);
        assert_eq!(column(&audit, "audit"), [json!(["TEAM_COVERAGE_UPDATED", "team.coverage.update"])]);
        assert_eq!(audit["data"][0]["data"]["subjects"], json!(["Billing", "website"]));
        s
    })
    .await;
}

#[tokio::test]
async fn the_audit_tells_who_did_what_and_to_whom_it_is_told() {
    on_both(|s| async move {
        let c = cast(&s).await;
        let body = json!({"email": "new@alpha.example", "role": "staff", "password": "long enough"});
        let request = s.post("/api/users").bearer(&c.admin.token).header("x-request-id", "req-1").json(body);
        let made = request.send().await.expect(201);
        let path = format!("/api/audit?actor_id={}", c.admin.id);
        let rows = s.ask(&c.admin, "GET", &path, Value::Null).await.expect(200);
        let row = &rows["data"][0];
        assert_eq!((&row["kind"], &row["subject"]), (&json!("user.create"), &json!(format!("user:{}", made["id"]))));
        assert_eq!((&row["request_id"], &row["address"]), (&json!("req-1"), &json!("127.0.0.1")));
        assert_eq!(row["actor"], json!({"kind": "user", "id": c.admin.id, "name": "admin@example.com"}));
        s.ask(&c.agent, "GET", "/api/audit", Value::Null).await.problem(403, "forbidden");
        s.ask(&c.agent, "GET", "/api/audit?tenant_id=beta", Value::Null).await.problem(404, "tenant_not_found");
        let own = s.ask(&c.admin, "GET", "/api/audit?limit=200", Value::Null).await.expect(200);
        assert!(column(&own, "tenant_id").iter().all(|t| *t == json!(c.alpha)), "{own}");
        let all = s.ask(&c.owner, "GET", "/api/audit?limit=200", Value::Null).await.expect(200);
        let times = column(&all, "at");
        assert!(times.windows(2).all(|w| w[0].as_str() >= w[1].as_str()), "newest first");
        let mut paged = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = format!("/api/audit?limit=3&cursor={cursor}");
            let page = s.ask(&c.owner, "GET", &path, Value::Null).await.expect(200);
            paged.extend(page["data"].as_array().unwrap().clone());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => break,
            }
        }
        assert_eq!(json!(paged), all["data"], "pages give the same rows");
        s.ask(&c.admin, "GET", "/api/audit?kind=nonsense", Value::Null).await.problem(422, "validation_failed");
        s.ask(&c.admin, "GET", "/api/audit?since=yesterday", Value::Null).await.problem(422, "validation_failed");
        s.ask(&c.admin, "GET", "/api/audit?format=ndjson", Value::Null).await.problem(403, "forbidden");
        let export = s.ask(&c.owner, "GET", "/api/audit?format=ndjson", Value::Null).await;
        assert_eq!((export.status, export.header("content-type")), (200, Some("application/x-ndjson")));
        assert_eq!(export.text().lines().count(), paged.len() + 1, "and that it was exported");
        s
    })
    .await;
}
