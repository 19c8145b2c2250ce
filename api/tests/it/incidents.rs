//! Incidents: made and changed, linked to tickets, shown with their live state, and resolved with one message to all.

use crate::harness::people::Person;
use crate::harness::{Server, on_both};
use serde_json::{Value, json};
use shared::access::Role;
use shared::doctor::{self, Depth};
use shared::ids::TenantId;
use shared::incidents;
use shared::mail_out::kinds::OutboxState;
use shared::store::{Scope, sql};
use shared::tenants::Audience;

const LIST: &str = "/api/support/incidents";

async fn make(s: &Server, who: &Person, body: Value) -> Value {
    s.post(LIST).bearer(&who.token).json(body).send().await.expect(201)
}

async fn patch(s: &Server, who: &Person, incident: &Value, body: Value) -> crate::harness::Response {
    s.request("PATCH", &format!("{LIST}/{}", incident["id"])).bearer(&who.token).json(body).send().await
}

/// Opens a ticket of somebody; returns its PID.
async fn ticket(s: &Server, who: &Person, tenant: TenantId, email: &str) -> String {
    let body = json!({"subject": "Slow", "description": "It is slow.", "email": email, "tenant_id": tenant});
    let made = s.post("/api/support/tickets").bearer(&who.token).json(body).send().await.expect(201);
    made["pid"].as_str().expect("a PID").to_owned()
}

async fn link(s: &Server, who: &Person, pid: &str, incident: Value) -> crate::harness::Response {
    let url = format!("/api/support/tickets/{pid}/link-incident");
    s.post(&url).bearer(&who.token).json(json!({"incident_id": incident})).send().await
}

async fn show(s: &Server, who: &Person, pid: &str) -> Value {
    s.get(&format!("/api/support/tickets/{pid}")).bearer(&who.token).send().await.expect(200)
}

async fn events(s: &Server, who: &Person, pid: &str) -> Vec<Value> {
    let url = format!("/api/support/tickets/{pid}/events?limit=200");
    let found = s.get(&url).bearer(&who.token).send().await.expect(200);
    found["data"].as_array().expect("a list").clone()
}

fn said<'v>(ticket: &'v Value, text: &str) -> Vec<&'v Value> {
    let all = ticket["messages"].as_array().expect("messages");
    all.iter().filter(|m| m["visible_text"].as_str().is_some_and(|t| t.contains(text))).collect()
}

#[tokio::test]
async fn incidents_of_a_tenant_and_of_the_platform() {
    on_both(|s| async move {
        let alpha = s.tenant("alpha", Audience::Organisation).await;
        let beta = s.tenant("beta", Audience::Organisation).await;
        let owner = s.person("owner@platform.example", Role::Owner, None).await;
        let admin = s.person("admin@alpha.example", Role::Admin, Some(alpha)).await;
        let agent = s.person("agent@alpha.example", Role::Agent, Some(alpha)).await;
        let other = s.person("admin@beta.example", Role::Admin, Some(beta)).await;
        let customer = s.person("mo@alpha.example", Role::Customer, Some(alpha)).await;

        let wide = make(&s, &owner, json!({"title": " The edge is down ", "severity": "critical"})).await;
        assert_eq!(
            (&wide["title"], &wide["tenant_id"], &wide["state"], &wide["tickets"]),
            (&json!("The edge is down"), &Value::Null, &json!("open"), &json!(0))
        );
        let own = make(&s, &admin, json!({"title": "Slow", "external_id": "PD-1"})).await;
        assert_eq!((&own["tenant_id"], &own["severity"]), (&json!(alpha), &json!("medium")));
        let theirs = make(&s, &other, json!({"title": "Slow too", "external_id": "PD-1"})).await;

        // Each sees their tenant's and the platform's.
        let ids = async |who: &Person, query: &str| {
            let found = s.get(&format!("{LIST}{query}")).bearer(&who.token).send().await.expect(200);
            found["data"].as_array().expect("a list").iter().map(|i| i["id"].clone()).collect::<Vec<_>>()
        };
        assert_eq!(ids(&agent, "").await, [own["id"].clone(), wide["id"].clone()]);
        assert_eq!(ids(&other, "").await, [theirs["id"].clone(), wide["id"].clone()]);
        assert_eq!(ids(&owner, "").await.len(), 3);
        assert_eq!(ids(&owner, "?external_id=PD-1&tenant_id=beta").await, [theirs["id"].clone()]);
        assert_eq!(ids(&owner, "?state=resolved").await, [] as [Value; 0]);
        assert_eq!(ids(&owner, "?limit=1").await, [theirs["id"].clone()]);
        s.get(&format!("{LIST}?state=gone")).bearer(&agent.token).send().await.problem(422, "validation_failed");
        s.get(LIST).bearer(&customer.token).send().await.problem(403, "forbidden");
        let at = |i: &Value| format!("{LIST}/{}", i["id"]);
        s.get(&at(&theirs)).bearer(&admin.token).send().await.problem(404, "not_found");
        assert_eq!(s.get(&at(&wide)).bearer(&agent.token).send().await.expect(200)["severity"], "critical");

        // Agents change none, a tenant's admins not the platform's.
        s.post(LIST).bearer(&agent.token).json(json!({"title": "x"})).send().await.problem(403, "forbidden");
        patch(&s, &agent, &own, json!({"state": "resolved"})).await.problem(403, "forbidden");
        patch(&s, &admin, &wide, json!({"state": "resolved"})).await.problem(403, "forbidden");
        patch(&s, &admin, &theirs, json!({"state": "resolved"})).await.problem(404, "not_found");
        let twice = json!({"title": "Again", "external_id": "PD-1"});
        s.post(LIST).bearer(&admin.token).json(twice).send().await.problem(409, "conflict");
        for (field, wrong) in [
            ("title", json!({"title": " "})),
            ("title", json!({"title": "two\nlines"})),
            ("severity", json!({"title": "x", "severity": "awful"})),
            ("state", json!({"title": "x", "state": "gone"})),
            ("title", json!({})),
        ] {
            let told = s.post(LIST).bearer(&admin.token).json(wrong).send().await.problem(422, "validation_failed");
            assert_eq!(told["errors"][0]["field"], field, "{told}");
        }

        let changed = patch(&s, &admin, &own, json!({"title": "Very slow", "severity": "high"})).await.expect(200);
        assert_eq!((&changed["title"], &changed["severity"]), (&json!("Very slow"), &json!("high")));
        let over = patch(&s, &admin, &own, json!({"state": "resolved"})).await.expect(200);
        assert!(over["resolved_at"].is_string(), "{over}");
        let again = patch(&s, &admin, &own, json!({"state": "monitoring", "externalId": null})).await.expect(200);
        assert_eq!((&again["resolved_at"], &again["external_id"]), (&Value::Null, &Value::Null));
        let audit = s.get("/api/audit").bearer(&admin.token).send().await.expect(200).to_string();
        for name in ["INCIDENT_CREATED", "incident.create", "INCIDENT_UPDATED", "incident.update"] {
            assert!(audit.contains(name), "{name}: {audit}");
        }
        assert!(!audit.contains("Very slow"), "the audit holds no texts");
        s
    })
    .await;
}

#[tokio::test]
async fn a_ticket_is_linked_to_an_incident_of_its_tenant_or_of_the_platform() {
    on_both(|s| async move {
        let alpha = s.tenant("alpha", Audience::Public).await;
        let beta = s.tenant("beta", Audience::Public).await;
        let owner = s.person("owner@platform.example", Role::Owner, None).await;
        let admin = s.person("admin@alpha.example", Role::Admin, Some(alpha)).await;
        let agent = s.person("agent@alpha.example", Role::Agent, Some(alpha)).await;
        let mo = s.person("mo@customer.example", Role::Customer, Some(alpha)).await;
        let wide = make(&s, &owner, json!({"title": "The edge is down"})).await;
        let own = make(&s, &admin, json!({"title": "Slow", "severity": "low"})).await;
        let theirs = make(&s, &owner, json!({"title": "Theirs", "tenant_id": "beta"})).await;
        let pid = ticket(&s, &admin, alpha, "mo@customer.example").await;
        let elsewhere = ticket(&s, &owner, beta, "ann@customer.example").await;

        let linked = link(&s, &admin, &pid, own["id"].clone()).await.expect(200);
        let shown = json!({"id": own["id"], "title": "Slow", "severity": "low", "state": "open"});
        assert_eq!(linked["incident"], shown);
        // Customers see it, too, in the list as well.
        assert_eq!(show(&s, &mo, &pid).await["incident"], shown);
        let list = s.get("/api/support/tickets").bearer(&mo.token).send().await.expect(200);
        assert_eq!(list["data"][0]["incident"], shown);
        let page = s.get(&format!("/portal/{pid}")).bearer(&mo.token).header("accept", "text/html").send().await;
        assert!(page.text().contains("Something does not work at present"), "{}", page.text());
        let queue = s.get("/dashboard/support?view=all").bearer(&agent.token).send().await.text();
        assert!(queue.contains("Incident: Slow · Low"), "{queue}");
        let found = s.get(&format!("/api/support/tickets?incident={}", own["id"])).bearer(&agent.token).send().await;
        assert_eq!(found.expect(200)["data"][0]["pid"], pid.as_str());
        let counted = s.get(&format!("{LIST}/{}", own["id"])).bearer(&agent.token).send().await.expect(200);
        assert_eq!((&counted["tickets"], &counted["open_tickets"]), (&json!(1), &json!(1)));

        // The same once more is no event; another one is.
        link(&s, &admin, &pid, own["id"].clone()).await.expect(200);
        link(&s, &admin, &pid, wide["id"].clone()).await.expect(200);
        let all = events(&s, &admin, &pid).await;
        let links: Vec<&Value> = all.iter().filter(|e| e["kind"] == "INCIDENT_LINKED").collect();
        assert_eq!(links.len(), 2, "{all:?}");
        assert_eq!(links[1]["data"], json!({"from": own["id"], "to": wide["id"]}));
        assert_eq!(links[0]["audit"], json!(["SUPPORT_INCIDENT_LINKED", "ticket.incident.link"]));
        let none = link(&s, &admin, &pid, Value::Null).await.expect(200);
        assert_eq!(none["incident"], Value::Null);

        // Not another tenant's, not by who may not, not what is not there.
        link(&s, &agent, &pid, own["id"].clone()).await.problem(403, "forbidden");
        link(&s, &admin, &elsewhere, own["id"].clone()).await.problem(404, "ticket_not_found");
        for (who, pid, incident) in
            [(&admin, &pid, &theirs["id"]), (&owner, &elsewhere, &own["id"]), (&admin, &pid, &json!(987_654))]
        {
            let told = link(&s, who, pid, incident.clone()).await.problem(422, "validation_failed");
            assert_eq!(told["errors"][0]["code"], "incident_unknown", "{told}");
        }
        let url = format!("/api/support/tickets/{pid}/link-incident");
        let told = s.post(&url).bearer(&admin.token).json(json!({})).send().await.problem(422, "validation_failed");
        assert_eq!(told["errors"][0]["field"], "incident_id");

        // If-Match as everywhere: a message came since.
        let version = show(&s, &admin, &pid).await["version"].to_string();
        let note = json!({"body": "I am on it.", "kind": "note"});
        s.post(&format!("/api/support/tickets/{pid}/messages"))
            .bearer(&agent.token)
            .json(note)
            .send()
            .await
            .expect(201);
        let body = json!({"incident_id": wide["id"]});
        s.post(&url)
            .bearer(&admin.token)
            .header("if-match", &version)
            .json(body)
            .send()
            .await
            .problem(409, "stale_ticket");
        s
    })
    .await;
}

#[tokio::test]
async fn resolving_tells_all_linked_tickets_once() {
    on_both(|s| async move {
        let alpha = s.tenant("alpha", Audience::Public).await;
        let beta = s.tenant("beta", Audience::Public).await;
        let owner = s.person("owner@platform.example", Role::Owner, None).await;
        let agent = s.person("agent@alpha.example", Role::Agent, Some(alpha)).await;
        let wide = make(&s, &owner, json!({"title": "The edge is down", "severity": "high"})).await;
        let one = ticket(&s, &owner, alpha, "mo@customer.example").await;
        let two = ticket(&s, &owner, beta, "ann@customer.example").await;
        let solved = ticket(&s, &owner, alpha, "kim@customer.example").await;
        let apart = ticket(&s, &owner, alpha, "lou@customer.example").await;
        for pid in [&one, &two, &solved] {
            link(&s, &owner, pid, wide["id"].clone()).await.expect(200);
        }
        let url = format!("/api/support/tickets/{solved}/status");
        s.post(&url).bearer(&owner.token).json(json!({"status": "solved"})).send().await.expect(200);
        // What somebody is writing stays theirs.
        let draft = format!("/api/support/tickets/{one}/draft");
        let words = json!({"kind": "reply", "body": "Half a reply"});
        s.request("PUT", &draft).bearer(&owner.token).json(words).send().await.expect(200);

        // A message without resolving is refused, and nothing changes.
        let lone = json!({"state": "monitoring", "message": "Soon."});
        let told = patch(&s, &owner, &wide, lone).await.problem(422, "validation_failed");
        assert_eq!(told["errors"][0]["code"], "not_resolving", "{told}");
        patch(&s, &owner, &wide, json!({"state": "monitoring"})).await.expect(200);
        assert_eq!(show(&s, &agent, &one).await["incident"]["state"], "monitoring");

        let body = json!({"state": "resolved", "message": "The edge is **up** again."});
        let over = patch(&s, &owner, &wide, body.clone()).await.expect(200);
        assert_eq!((&over["state"], &over["telling"]), (&json!("resolved"), &json!(false)));
        // The same request once more, and whoever goes on telling: nobody hears twice.
        patch(&s, &owner, &wide, body).await.expect(200);
        forget_that_all_is_told(&s).await;
        assert_eq!(incidents::tell_due(&s.app).await.expect("they are told"), 0);
        for pid in [&one, &two] {
            let shown = show(&s, &owner, pid).await;
            let heard = said(&shown, "The edge is *up* again.");
            assert_eq!(heard.len(), 1, "{shown}");
            assert_eq!((&heard[0]["kind"], &heard[0]["author"]["side"]), (&json!("reply"), &json!("agent")));
            assert_eq!(heard[0]["delivery"].as_array().map(Vec::len), Some(1), "{shown}");
            assert_eq!((&shown["incident"]["state"], &shown["status"]), (&json!("resolved"), &json!("in_progress")));
            assert!(shown["first_response_at"].is_string());
            let all = events(&s, &owner, pid).await;
            let changes: Vec<&Value> = all.iter().filter(|e| e["kind"] == "INCIDENT_CHANGED").collect();
            assert_eq!(changes.len(), 2, "{all:?}");
            let data = json!({"incident_id": wide["id"], "from": "monitoring", "to": "resolved"});
            assert_eq!(changes[1]["data"], data);
        }
        // Solved ones see it on their timeline, and are not written to; what is not linked hears nothing.
        let shown = show(&s, &owner, &solved).await;
        assert!(said(&shown, "The edge").is_empty() && shown["status"] == "solved", "{shown}");
        assert_eq!(events(&s, &owner, &solved).await.iter().filter(|e| e["kind"] == "INCIDENT_CHANGED").count(), 2);
        assert!(!events(&s, &owner, &apart).await.iter().any(|e| e["kind"] == "INCIDENT_CHANGED"));
        let kept = s.get(&draft).bearer(&owner.token).send().await.expect(200);
        assert_eq!(kept["reply"]["body"], "Half a reply");
        assert!(s.drain().await.of(OutboxState::Sent) >= 2);

        // A message to what is resolved already is refused; resolved again, it is another one.
        let late = json!({"state": "resolved", "message": "Another one."});
        patch(&s, &owner, &wide, late.clone()).await.problem(422, "validation_failed");
        patch(&s, &owner, &wide, json!({"state": "open"})).await.expect(200);
        patch(&s, &owner, &wide, late).await.expect(200);
        assert_eq!(said(&show(&s, &owner, &one).await, "Another one.").len(), 1);
        s
    })
    .await;
}

/// As after a crash before the end: the change is to be told again from the beginning.
async fn forget_that_all_is_told(s: &Server) {
    let mut tx = s.app.db.write(Scope::All).await.expect("a transaction begins");
    let again = sql("UPDATE incident_changes SET done_at = NULL, due_at = changed_at");
    assert!(again.exec(&mut tx).await.expect("it is forgotten") >= 2);
    tx.commit().await.expect("it commits");
}

#[tokio::test]
async fn many_tickets_are_told_in_batches_and_the_rest_by_the_worker() {
    on_both(|s| async move {
        let alpha = s.tenant("alpha", Audience::Public).await;
        let admin = s.person("admin@alpha.example", Role::Admin, Some(alpha)).await;
        let slow = make(&s, &admin, json!({"title": "Slow"})).await;
        let first = ticket(&s, &admin, alpha, "mo@customer.example").await;
        let pids = tickets(&s, &admin, alpha, 104).await;
        for pid in pids.iter().chain([&first]) {
            link(&s, &admin, pid, slow["id"].clone()).await.expect(200);
        }
        let body = json!({"state": "resolved", "message": "Fast again."});
        let over = patch(&s, &admin, &slow, body).await.expect(200);
        assert_eq!((&over["telling"], &over["tickets"]), (&json!(true), &json!(105)), "the rest is the worker's");
        s.drain().await;
        let over = s.get(&format!("{LIST}/{}", slow["id"])).bearer(&admin.token).send().await.expect(200);
        assert_eq!(over["telling"], json!(false));
        let mut read = s.app.db.read(Scope::All);
        let q =
            sql("SELECT COUNT(*), COUNT(DISTINCT ticket_id) FROM ticket_messages WHERE visible_text = 'Fast again.'");
        let told: (i64, i64) = q.one(&mut read).await.expect("they are counted");
        assert_eq!(told, (105, 105));
        let found = doctor::run(&s.app, Depth::Quick).await.expect("the doctor looks");
        assert!(found.iter().all(|f| f.is_ok()), "{found:?}");
        s
    })
    .await;
}

/// Opens tickets of as many people; returns their PIDs.
async fn tickets(s: &Server, admin: &Person, tenant: TenantId, n: usize) -> Vec<String> {
    let mut pids = Vec::new();
    for i in 0..n {
        pids.push(ticket(s, admin, tenant, &format!("c{i}@customer.example")).await);
    }
    pids
}

#[tokio::test]
async fn open_pages_of_linked_tickets_hear_of_it() {
    on_both(|s| async move {
        let alpha = s.tenant("alpha", Audience::Public).await;
        let admin = s.person("admin@alpha.example", Role::Admin, Some(alpha)).await;
        let mo = s.person("mo@customer.example", Role::Customer, Some(alpha)).await;
        let pid = ticket(&s, &admin, alpha, "mo@customer.example").await;
        let slow = make(&s, &admin, json!({"title": "Slow"})).await;
        let mut heard = s.get("/api/events/stream").bearer(&mo.token).listen().await;
        link(&s, &admin, &pid, slow["id"].clone()).await.expect(200);
        while heard.change().await != (pid.clone(), "INCIDENT_LINKED".to_owned()) {}
        patch(&s, &admin, &slow, json!({"state": "monitoring"})).await.expect(200);
        assert_eq!(heard.change().await, (pid.clone(), "INCIDENT_CHANGED".to_owned()));
        s
    })
    .await;
}

#[tokio::test]
async fn the_settings_page_makes_changes_and_resolves_them() {
    on_both(|s| async move {
        let alpha = s.tenant("alpha", Audience::Public).await;
        let admin = s.person("admin@alpha.example", Role::Admin, Some(alpha)).await;
        let agent = s.person("agent@alpha.example", Role::Agent, Some(alpha)).await;
        let page = "/dashboard/settings/incidents";
        let send = async |path: &str, fields: &str| {
            let body = format!("csrf={}&{fields}", admin.csrf(&s));
            s.post(path).bearer(&admin.token).body("application/x-www-form-urlencoded", body).send().await
        };
        assert_eq!(s.get(page).bearer(&agent.token).send().await.status, 403);
        let refused = send(page, "title=&severity=high&state=open").await;
        assert_eq!(refused.status, 422);
        assert!(refused.text().contains("href=\"#title-new\""), "{}", refused.text());
        let made = send(page, "title=The+edge&severity=high&state=open&external_id=PD-9").await;
        let to = made.header("location").expect("a way on").to_owned();
        let id = to.rsplit("incident-").next().expect("an id").to_owned();
        let pid = ticket(&s, &admin, alpha, "mo@customer.example").await;
        assert_eq!(
            send(&format!("/dashboard/support/{pid}/link-incident"), &format!("incident_id={id}")).await.status,
            303
        );
        let shown = s.get(page).bearer(&admin.token).send().await.text();
        assert!(shown.contains("It goes to 1 open ticket.") && shown.contains("PD-9"), "{shown}");
        let over = send(&format!("{page}/{id}"), "act=resolve&message=It+is+up.").await;
        assert_eq!(over.status, 303, "{}", over.text());
        let ticket = show(&s, &admin, &pid).await;
        assert_eq!((said(&ticket, "It is up.").len(), &ticket["incident"]["state"]), (1, &json!("resolved")));
        let shown = s.get(&format!("/dashboard/support/{pid}")).bearer(&admin.token).send().await.text();
        assert!(shown.contains("Open → Resolved") && shown.contains("name=\"incident_id\""), "{shown}");
        s
    })
    .await;
}
