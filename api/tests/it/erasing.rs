//! Erasing over HTTP and by the page (E13.1), and the pages of settings.

use crate::harness::people::Person;
use crate::harness::{INBOUND_TOKEN, Request, Server, on_both};
use serde_json::{Value, json};
use shared::access::Role;

const FORM: &str = "application/x-www-form-urlencoded";

async fn mail(s: &Server, id: &str) -> Value {
    let raw = format!(
        "From: Ada Lovelace <ada@out.example>\r\nTo: support@postroom.localhost\r\nSubject: Zwiebelkuchen {id}\r\n\
         Message-ID: <{id}@out.example>\r\nReceived: from a by b; now\r\n\r\nPflaume\r\n"
    );
    s.post("/api/inbound/raw").bearer(INBOUND_TOKEN).body("message/rfc822", raw).send().await.expect(200)
}

fn ask(s: &Server, who: &Person, method: &str, path: &str) -> Request {
    s.request(method, path).bearer(&who.token)
}

/// E13.1: by owners alone; what is left says when; its mail is 410, and comes back as a repeat.
#[tokio::test]
async fn e13_1_a_ticket_is_erased_by_api() {
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let admin = s.person("admin@example.com", Role::Admin, None).await;
        let came = mail(&s, "1").await;
        s.drain().await;
        let url = format!("/api/support/tickets/{}", came["pid"].as_str().expect("a pid"));
        ask(&s, &admin, "POST", &format!("{url}/erase")).send().await.problem(403, "forbidden");
        let erased = ask(&s, &boss, "POST", &format!("{url}/erase")).send().await.expect(200);
        assert!(erased["erased_at"].is_string(), "{erased}");
        assert_eq!(
            (&erased["subject"], &erased["folder"], &erased["status"]),
            (&json!(""), &json!("trash"), &json!("closed"))
        );
        let all = ask(&s, &boss, "GET", &url).send().await.expect(200).to_string();
        assert!(!all.contains("Pflaume") && !all.contains("Zwiebelkuchen"), "{all}");
        for act in ["erase", "restore", "reopen"] {
            ask(&s, &boss, "POST", &format!("{url}/{act}")).send().await.problem(409, "ticket_erased");
        }
        let line = format!("/api/mails/{}", came["mail_id"]);
        let shown = ask(&s, &boss, "GET", &line).send().await.expect(200);
        assert!(shown["erased_at"].is_string() && shown["subject"].is_null(), "{shown}");
        ask(&s, &boss, "GET", &format!("{line}/raw")).send().await.problem(410, "mail_erased");
        ask(&s, &boss, "POST", &format!("{line}/replay")).json(json!({})).send().await.problem(410, "mail_erased");
        ask(&s, &boss, "GET", &format!("{line}/explain")).send().await.expect(200);
        assert_eq!(mail(&s, "1").await["outcome"], "duplicate");
        let page = ask(&s, &boss, "GET", &format!("/dashboard/mail/{}", came["mail_id"])).send().await;
        assert_eq!(page.status, 200);
        s
    })
    .await;
}

/// E13.1: the page asks for the ticket's number, or the person's address, before anything goes.
#[tokio::test]
async fn e13_1_the_page_erases_what_was_confirmed() {
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let agent = s.person("agent@example.com", Role::Agent, None).await;
        let (one, two) = (mail(&s, "1").await, mail(&s, "2").await);
        s.drain().await;
        let page = |t: &Value| format!("/dashboard/support/{}", t["pid"].as_str().expect("a pid"));
        let shown = ask(&s, &boss, "GET", &page(&one)).send().await.text();
        assert!(shown.contains("/erase\"") && shown.contains("/erase-requester\""), "both are offered");
        assert!(!ask(&s, &agent, "GET", &page(&one)).send().await.text().contains("/erase"), "to owners alone");
        let csrf = boss.csrf(&s);
        let post = async |path: String, confirm: &str| {
            ask(&s, &boss, "POST", &path).body(FORM, format!("csrf={csrf}&confirm={confirm}")).send().await
        };
        assert_eq!(post(format!("{}/erase", page(&one)), "something").await.status, 422);
        let pid = one["pid"].as_str().expect("a pid");
        assert_eq!(post(format!("{}/erase", page(&one)), pid).await.status, 303);
        let shown = ask(&s, &boss, "GET", &page(&one)).send().await.text();
        assert!(!shown.contains("Pflaume") && shown.contains("erased for good"), "{shown}");
        assert_eq!(post(format!("{}/erase-requester", page(&two)), "bob%40out.example").await.status, 422);
        assert_eq!(post(format!("{}/erase-requester", page(&two)), "Ada%40out.example").await.status, 303);
        let shown = ask(&s, &boss, "GET", &page(&two)).send().await.text();
        assert!(!shown.contains("Pflaume") && !shown.contains("Lovelace") && !shown.contains("ada@out"), "{shown}");
        s
    })
    .await;
}

/// Suppressions, DKIM keys and fetched mailboxes have pages, for those who may.
#[tokio::test]
async fn settings_have_pages() {
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::Admin, None).await;
        let agent = s.person("agent@example.com", Role::Agent, None).await;
        let page = async |name: &str| ask(&s, &boss, "GET", &format!("/dashboard/settings/{name}")).send().await.text();
        let post = async |path: &str, form: &str| {
            let body = format!("csrf={}&{form}", boss.csrf(&s));
            ask(&s, &boss, "POST", &format!("/dashboard/settings/{path}")).body(FORM, body).send().await
        };
        assert_eq!(ask(&s, &boss, "GET", "/dashboard/settings").send().await.status, 303);
        assert_eq!(ask(&s, &agent, "GET", "/dashboard/settings/dkim").send().await.status, 403);
        let body = json!({"email": "gone@out.example", "tenant": "default"});
        ask(&s, &boss, "POST", "/api/suppressions").json(body).send().await.expect(201);
        assert!(page("suppressions").await.contains("gone@out.example"));
        assert_eq!(post("suppressions/lift", "email=gone%40out.example").await.status, 303);
        assert!(!page("suppressions").await.contains("gone@out.example"));
        assert_eq!(post("dkim", "domain=no+domain").await.status, 422);
        assert_eq!(post("dkim", "domain=postroom.localhost").await.status, 303);
        let shown = page("dkim").await;
        assert!(shown.contains("._domainkey.postroom.localhost") && shown.contains("DKIM1; k"), "{shown}");
        let keys = ask(&s, &boss, "GET", "/api/dkim").send().await.expect(200);
        assert_eq!(post(&format!("dkim/{}/retire", keys["data"][0]["id"]), "").await.status, 303);
        assert!(page("dkim").await.contains("retired"));
        let body = json!({"host": "imap.example", "password": "x", "active": false, "sent_folder": "Sent", "tenant": "default"});
        let account = ask(&s, &boss, "POST", "/api/imap-accounts").json(body).send().await.expect(201);
        assert_eq!(account["sent_folder"], "Sent");
        assert!(page("fetching").await.contains("INBOX, Sent"));
        assert_eq!(post(&format!("fetching/{}/reconcile", account["id"]), "").await.status, 303);
        assert!(page("fetching").await.contains("will be compared"));
        s
    })
    .await;
}
