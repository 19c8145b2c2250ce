//! Notes about customers: who reads and writes them, and that no two agents write over each other.

use crate::harness::people::Person;
use crate::harness::{INBOUND_TOKEN, Request, Server, on_both};
use serde_json::{Value, json};
use shared::access::Role;
use shared::doctor::{self, Depth};
use shared::tenants::Audience;

const FORM: &str = "application/x-www-form-urlencoded";

async fn mail(s: &Server, from: &str, id: &str) -> String {
    let raw = format!(
        "From: {from}\r\nTo: support@postroom.localhost\r\nSubject: {id}\r\nMessage-ID: <{id}@out.example>\r\n\r\nHello.\r\n"
    );
    let came = s.post("/api/inbound/raw").bearer(INBOUND_TOKEN).body("message/rfc822", raw).send().await.expect(200);
    came["pid"].as_str().expect("a ticket").to_owned()
}

fn ask(s: &Server, who: &Person, method: &str, path: &str) -> Request {
    s.request(method, path).bearer(&who.token)
}

fn note(s: &Server, who: &Person, pid: &str, body: Value) -> Request {
    ask(s, who, "PUT", &format!("/api/support/tickets/{pid}/customer-note")).json(body)
}

#[tokio::test]
async fn a_note_stands_beside_all_tickets_of_a_customer() {
    on_both(|s| async move {
        let (ann, ben) = (
            s.person("ann@example.com", Role::Agent, None).await,
            s.person("ben@example.com", Role::Agent, None).await,
        );
        let (first, second) = (mail(&s, "Cy <cy@out.example>", "1").await, mail(&s, "cy@out.example", "2").await);
        let other = mail(&s, "dee@out.example", "3").await;
        let read = async |pid: &str| {
            ask(&s, &ann, "GET", &format!("/api/support/tickets/{pid}/customer-note")).send().await.expect(200)
        };
        assert_eq!(read(&first).await, json!({"note": "", "version": 0, "noted_by": null, "noted_at": null}));
        let kept = note(&s, &ann, &first, json!({"note": " Calls on Mondays. "})).send().await.expect(200);
        assert_eq!((&kept["note"], &kept["version"]), (&json!("Calls on Mondays."), &json!(1)));
        assert_eq!(read(&second).await, kept);
        assert_eq!(read(&other).await["version"], 0);
        // The same once more changes nothing.
        let again = note(&s, &ben, &second, json!({"note": "Calls on Mondays."})).send().await.expect(200);
        assert_eq!(again, kept);
        // Who has read an older one learns what it is now.
        let mine =
            note(&s, &ben, &second, json!({"note": "Prefers mail.", "expected_version": 1})).send().await.expect(200);
        assert_eq!(mine["version"], 2);
        let stale = note(&s, &ann, &first, json!({"note": "Is away."})).header("if-match", "1").send().await;
        let stale = stale.problem(409, "stale_note");
        assert_eq!(stale["now"]["note"], "Prefers mail.");
        // Bad values change nothing.
        let long = "x".repeat(4001);
        note(&s, &ann, &first, json!({"note": long})).send().await.problem(422, "validation_failed");
        note(&s, &ann, &first, json!({})).send().await.problem(422, "validation_failed");
        assert_eq!(read(&first).await["note"], "Prefers mail.");
        let audit = ask(&s, &s.person("boss@example.com", Role::Owner, None).await, "GET", "/api/audit").send().await;
        let audit = audit.expect(200).to_string();
        assert_eq!(audit.matches("CUSTOMER_NOTE_UPDATED").count(), 2, "{audit}");
        assert!(!audit.contains("Prefers mail"), "{audit}");
        let found = doctor::run(&s.app, Depth::Quick).await.expect("the doctor can look");
        assert!(found.iter().all(doctor::Finding::is_ok), "{found:#?}");
        s
    })
    .await;
}

#[tokio::test]
async fn nobody_but_agents_of_its_scope_reads_a_note() {
    on_both(|s| async move {
        let agent = s.person("ann@example.com", Role::Agent, None).await;
        let pid = mail(&s, "cy@out.example", "1").await;
        note(&s, &agent, &pid, json!({"note": "Zwiebelkuchen"})).send().await.expect(200);
        let found = ask(&s, &agent, "GET", &format!("/api/support/tickets/{pid}")).send().await.expect(200);
        let tenant = found["tenant"]["id"].as_i64().expect("an id");
        let cy = s.person("cy@out.example", Role::Customer, Some(shared::ids::TenantId(tenant))).await;
        let alpha = s.tenant("alpha", Audience::Organisation).await;
        let stranger = s.person("eve@example.com", Role::Agent, Some(alpha)).await;
        let path = format!("/api/support/tickets/{pid}/customer-note");
        ask(&s, &cy, "GET", &path).send().await.problem(403, "forbidden");
        note(&s, &cy, &pid, json!({"note": "me"})).send().await.problem(403, "forbidden");
        ask(&s, &stranger, "GET", &path).send().await.problem(404, "ticket_not_found");
        note(&s, &stranger, &pid, json!({"note": "me"})).send().await.problem(404, "ticket_not_found");
        for page in
            [format!("/portal/{pid}"), format!("/dashboard/support/{pid}"), format!("/api/support/tickets/{pid}")]
        {
            let shown = ask(&s, &cy, "GET", &page).send().await.text();
            assert!(!shown.contains("Zwiebelkuchen") && !shown.contains("customer-note"), "{page}: {shown}");
        }
        let shown = ask(&s, &agent, "GET", &format!("/dashboard/support/{pid}")).send().await.text();
        assert!(shown.contains("Zwiebelkuchen"), "{shown}");
        s
    })
    .await;
}

#[tokio::test]
async fn a_note_is_written_by_form_and_goes_with_the_person() {
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let pid = mail(&s, "cy@out.example", "1").await;
        let page = format!("/dashboard/support/{pid}");
        let post = async |version: i64, text: &str| {
            let form = format!("csrf={}&expected_version={version}&customer_note={text}", boss.csrf(&s));
            ask(&s, &boss, "POST", &format!("{page}/customer-note")).body(FORM, form).send().await
        };
        assert_eq!(post(0, "Pflaume").await.status, 303);
        let refused = post(0, "Quitte").await;
        assert_eq!(refused.status, 409);
        // What was typed is not lost, and stands above what is new.
        let shown = refused.text();
        assert!(shown.contains("Quitte\n\nPflaume"), "{shown}");
        assert_eq!(post(1, "Quitte").await.status, 303);
        let shown = ask(&s, &boss, "GET", &page).send().await.text();
        assert!(shown.contains("Quitte") && !shown.contains("Pflaume"), "{shown}");
        let erase = format!("csrf={}&confirm=cy%40out.example", boss.csrf(&s));
        assert_eq!(
            ask(&s, &boss, "POST", &format!("{page}/erase-requester")).body(FORM, erase).send().await.status,
            303
        );
        let left = ask(&s, &boss, "GET", &format!("/api/support/tickets/{pid}/customer-note")).send().await.expect(200);
        assert_eq!(left["version"], 0);
        note(&s, &boss, &pid, json!({"note": "x"})).send().await.problem(409, "ticket_erased");
        s
    })
    .await;
}
