//! Companies that are closed and opened again, and categories that are switched off: nothing is lost, and nothing new.

use crate::harness::people::{PASSWORD, Person};
use crate::harness::{INBOUND_TOKEN, Response, Server, on_both};
use serde_json::{Value, json};
use shared::access::Role;
use shared::ids::TenantId;
use shared::tenants::Audience;

async fn ask(s: &Server, who: &Person, method: &str, path: &str, body: Value) -> Response {
    let request = s.request(method, path).bearer(&who.token);
    if body.is_null() { request.send().await } else { request.json(body).send().await }
}

async fn mail(s: &Server, token: &str, to: &str, n: u32) -> Value {
    let raw = format!(
        "From: cy@customer.example\r\nTo: {to}\r\nSubject: Question {n}\r\nMessage-ID: <{n}@customer.example>\r\n\
         \r\nHello {n}\r\n"
    );
    s.post("/api/inbound/raw").bearer(token).body("message/rfc822", raw).send().await.expect(200)
}

async fn log_in(s: &Server, email: &str) -> Response {
    s.post("/api/auth/login").json(json!({"email": email, "password": PASSWORD})).send().await
}

struct Cast {
    acme: TenantId,
    boss: Person,
    admin: Person,
}

async fn cast(s: &Server) -> Cast {
    shared::setup::ensure(&s.app).await.expect("the first start");
    let acme = s.tenant("acme", Audience::Organisation).await;
    let boss = s.person("boss@example.com", Role::Owner, None).await;
    let admin = s.person("admin@acme.example", Role::Admin, Some(acme)).await;
    Cast { acme, boss, admin }
}

/// Its people are out, its form and API take nothing, its mail becomes tickets that the platform sees; then all is as before.
#[tokio::test]
async fn a_closed_company_loses_nothing() {
    on_both(|s| async move {
        let Cast { acme, boss, admin } = cast(&s).await;
        let path = format!("/api/tenants/{acme}");
        let told = ask(&s, &boss, "GET", &path, Value::Null).await.expect(200);
        assert_eq!(told["active"], json!(true));
        let list = ask(&s, &boss, "GET", &format!("/api/mailboxes?tenant_id={acme}"), Value::Null).await.expect(200);
        let rows = list["data"].as_array().expect("mailboxes");
        let row = rows.iter().find(|m| m["tenant_id"] == json!(acme)).unwrap_or_else(|| panic!("{list}"));
        let address = row["address"].as_str().expect("an address").to_owned();
        assert_eq!(log_in(&s, "admin@acme.example").await.status, 200);

        let closed = ask(&s, &boss, "PATCH", &path, json!({"active": false})).await.expect(200);
        assert_eq!(closed["active"], json!(false));
        log_in(&s, "admin@acme.example").await.problem(403, "tenant_closed");
        ask(&s, &admin, "GET", "/api/support/tickets", Value::Null).await.problem(401, "unauthenticated");
        let new = json!({"subject": "S", "body": "b", "tenant_id": acme, "requester": {"email": "r@x.example"}});
        ask(&s, &boss, "POST", "/api/support/tickets", new.clone()).await.problem(403, "tenant_closed");

        // Mail by the instance's token, and by that of one of its people.
        let first = mail(&s, INBOUND_TOKEN, &address, 1).await;
        let second = mail(&s, &admin.token, &address, 2).await;
        for came in [&first, &second] {
            assert_eq!(came["outcome"], "ticket_created", "{came}");
            let ticket = format!("/api/support/tickets/{}", came["ticket_id"]);
            let seen = ask(&s, &boss, "GET", &ticket, Value::Null).await.expect(200);
            assert_eq!(seen["tenant"]["slug"], "acme");
            let why = ask(&s, &boss, "GET", &format!("/api/mails/{}/explain", came["mail_id"]), Value::Null).await;
            assert!(why.text().contains("tenant_closed"), "{}", why.text());
            let mails = ask(&s, &boss, "GET", &format!("{ticket}/mails"), Value::Null).await.expect(200);
            assert_eq!(mails["data"], json!([]), "nobody is promised an answer");
        }

        let opened = ask(&s, &boss, "PATCH", &path, json!({"active": true})).await.expect(200);
        assert_eq!(opened["active"], json!(true));
        assert_eq!(log_in(&s, "admin@acme.example").await.status, 200);
        ask(&s, &admin, "GET", "/api/support/tickets", Value::Null).await.expect(200);
        ask(&s, &boss, "POST", "/api/support/tickets", new).await.expect(201);
        let third = mail(&s, INBOUND_TOKEN, &address, 3).await;
        let path = format!("/api/support/tickets/{}/mails", third["ticket_id"]);
        let mails = ask(&s, &boss, "GET", &path, Value::Null).await.expect(200);
        assert_eq!(mails["data"][0]["kind"], "ack");
        let audit = ask(&s, &boss, "GET", "/api/audit?kind=tenant.update", Value::Null).await.expect(200);
        let changed: Vec<&Value> = audit["data"].as_array().expect("a list").iter().map(|e| &e["data"]).collect();
        let entry = |active| json!({"changed": ["active"], "active": active});
        assert_eq!(changed, [&entry(true), &entry(false)]);
        s.drain().await;
        s
    })
    .await;
}

/// Who may, and what must stay.
#[tokio::test]
async fn one_company_stays_open_and_only_the_platform_closes() {
    on_both(|s| async move {
        let Cast { acme, boss, admin } = cast(&s).await;
        let own = s.person("owner@acme.example", Role::Owner, Some(acme)).await;
        let (one, two) = (format!("/api/tenants/{acme}"), "/api/tenants/default");
        for who in [&admin, &own] {
            ask(&s, who, "PATCH", &one, json!({"active": false})).await.problem(403, "forbidden");
        }
        ask(&s, &boss, "PATCH", two, json!({"active": false})).await.expect(200);
        let last = ask(&s, &boss, "PATCH", &one, json!({"active": false})).await.problem(422, "validation_failed");
        assert_eq!(last["errors"][0]["code"], "last_tenant");
        // The public form is the default company's.
        let form = json!({"name": "Cy", "email": "cy@customer.example", "subject": "S", "description": "d"});
        s.post("/tickets").json(form.clone()).send().await.problem(403, "tenant_closed");
        ask(&s, &boss, "PATCH", two, json!({"active": true})).await.expect(200);
        s.post("/tickets").json(form).send().await.expect(201);
        s.drain().await;

        let csrf = boss.csrf(&s);
        let page = format!("/dashboard/settings/tenants/{acme}");
        let set = async |active: &str| {
            let fields = [("csrf", csrf.as_str()), ("active", active)];
            s.post(&page).bearer(&boss.token).multipart(&fields, &[]).send().await
        };
        assert_eq!(set("0").await.status, 303);
        let shown = s.get("/dashboard/settings/tenants").bearer(&boss.token).send().await.text();
        assert!(shown.contains("None of its people can sign in"), "{shown}");
        // Nothing new is offered there; what came is found.
        let new = s.get("/dashboard/support/new").bearer(&boss.token).send().await.text();
        assert!(!new.contains(&format!(r#"<option value="{acme}""#)), "{new}");
        assert_eq!(set("1").await.status, 303);
        s
    })
    .await;
}

/// Switched off, a category is on no list of choices and is refused; tickets that have it keep and show it.
#[tokio::test]
async fn a_category_that_is_off_is_offered_for_nothing() {
    on_both(|s| async move {
        let Cast { boss, .. } = cast(&s).await;
        let list = ask(&s, &boss, "GET", "/api/support/categories", Value::Null).await.expect(200);
        let all = list["data"].as_array().expect("a list");
        let billing = all.iter().find(|c| c["slug"] == "billing").expect("it is seeded");
        assert_eq!(billing["active"], json!(true));
        let path = format!("/api/support/categories/{}", billing["id"]);
        let body = |category: &str| json!({"subject": "S", "body": "b", "category": category, "requester": {"email": "r@x.example"}});
        let ticket = ask(&s, &boss, "POST", "/api/support/tickets", body("billing")).await.expect(201);
        let off = ask(&s, &boss, "PATCH", &path, json!({"active": false})).await.expect(200);
        assert_eq!(off["active"], json!(false));

        let refused = ask(&s, &boss, "POST", "/api/support/tickets", body("billing")).await;
        assert_eq!(refused.problem(422, "validation_failed")["errors"][0]["code"], "category_inactive");
        let url = format!("/api/support/tickets/{}", ticket["id"]);
        let kept = ask(&s, &boss, "PATCH", &url, json!({"category": "billing", "subject": "T"})).await.expect(200);
        assert_eq!(kept["category"]["slug"], "billing");
        ask(&s, &boss, "PATCH", &url, json!({"category": "bug"})).await.expect(200);
        let refused = ask(&s, &boss, "PATCH", &url, json!({"category": "billing"})).await;
        assert_eq!(refused.problem(422, "validation_failed")["errors"][0]["code"], "category_inactive");
        for page in ["/dashboard/support/new", "/dashboard/support?view=all", "/new"] {
            let shown = s.get(page).bearer(&boss.token).send().await.text();
            assert!(shown.contains(r#"<option value="bug""#) && !shown.contains(r#"<option value="billing""#), "{page}");
        }
        // Who looks for them still does.
        let shown = s.get("/dashboard/support?view=all&category=billing").bearer(&boss.token).send().await.text();
        assert!(shown.contains(r#"<option value="billing" selected"#), "{shown}");

        let csrf = boss.csrf(&s);
        let page = format!("/dashboard/settings/categories/{}", billing["id"]);
        let fields = [("csrf", csrf.as_str()), ("active", "1")];
        assert_eq!(s.post(&page).bearer(&boss.token).multipart(&fields, &[]).send().await.status, 303);
        ask(&s, &boss, "PATCH", &url, json!({"category": "billing"})).await.expect(200);
        let audit = ask(&s, &boss, "GET", "/api/audit?kind=category.update", Value::Null).await.expect(200);
        let set: Vec<&Value> = audit["data"].as_array().expect("a list").iter().map(|e| &e["data"]["active"]).collect();
        assert_eq!(set, [&json!(true), &json!(false)]);
        s.drain().await;
        s
    })
    .await;
}
