//! Taking words and files of a message out for good, over HTTP and by the page.

use crate::harness::people::Person;
use crate::harness::{INBOUND_TOKEN, Request, Server, on_both};
use serde_json::{Value, json};
use shared::access::Role;

const FORM: &str = "application/x-www-form-urlencoded";

async fn mail(s: &Server) -> Value {
    let raw = "From: Ada <ada@out.example>\r\nTo: support@postroom.localhost\r\nSubject: Help\r\nMessage-ID: <1@out.example>\r\n\
               Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nMy card is 1234 5678.\r\n--b\r\n\
               Content-Type: text/plain\r\nContent-Disposition: attachment; filename=card.txt\r\n\r\n1234 5678\r\n--b--\r\n";
    s.post("/api/inbound/raw").bearer(INBOUND_TOKEN).body("message/rfc822", raw).send().await.expect(200)
}

fn ask(s: &Server, who: &Person, method: &str, path: &str) -> Request {
    s.request(method, path).bearer(&who.token)
}

#[tokio::test]
async fn words_are_taken_out_by_api() {
    on_both(|s| async move {
        let admin = s.person("admin@example.com", Role::Admin, None).await;
        let lead = s.person("lead@example.com", Role::SubAdmin, None).await;
        let came = mail(&s).await;
        s.drain().await;
        let url = format!("/api/support/tickets/{}", came["pid"].as_str().expect("a PID"));
        let redact = |who: &Person, body: Value| ask(&s, who, "POST", &format!("{url}/redact")).json(body).send();
        let body = json!({"message_id": came["ticket_message_id"], "words": ["1234 5678"]});
        redact(&lead, body.clone()).await.problem(403, "forbidden");
        redact(&admin, json!({"words": ["1234 5678"]})).await.problem(422, "validation_failed");
        let wrong = redact(&admin, json!({"message_id": came["ticket_message_id"], "words": ["4321"]})).await;
        assert_eq!(wrong.problem(422, "validation_failed")["errors"][0]["code"], "words_not_found");

        let ticket = redact(&admin, body).await.expect(200);
        assert_eq!(ticket["messages"][0]["visible_text"].as_str().map(str::trim), Some("My card is █████."));
        let raw = format!("/api/mails/{}/raw", came["mail_id"]);
        ask(&s, &admin, "GET", &raw).send().await.problem(410, "mail_erased");
        let events = ask(&s, &admin, "GET", &format!("{url}/events")).send().await.expect(200);
        let redacted: Vec<&Value> =
            events["data"].as_array().expect("events").iter().filter(|e| e["kind"] == "REDACTED").collect();
        assert_eq!(redacted.len(), 1, "{events}");
        assert_eq!(redacted[0]["actor"]["id"], admin.id.0);
        assert!(!events.to_string().contains("1234"), "{events}");

        // Its file is another matter.
        let file = &ticket["messages"][0]["attachments"][0]["id"];
        let path = format!("/api/support/attachments/{file}");
        assert_eq!(ask(&s, &admin, "GET", &path).send().await.text(), "1234 5678");
        redact(&admin, json!({"message_id": came["ticket_message_id"], "attachments": [file]})).await.expect(200);
        ask(&s, &admin, "GET", &path).send().await.problem(404, "attachment_not_found");
        s
    })
    .await;
}

/// The page's form works without script, and asks to confirm.
#[tokio::test]
async fn words_are_taken_out_by_the_page() {
    on_both(|s| async move {
        let admin = s.person("admin@example.com", Role::Admin, None).await;
        let agent = s.person("agent@example.com", Role::Agent, None).await;
        let came = mail(&s).await;
        let here = format!("/dashboard/support/{}", came["pid"].as_str().expect("a PID"));
        let action = format!("{here}/messages/{}/redact", came["ticket_message_id"]);
        let page = ask(&s, &admin, "GET", &here).send().await.text();
        assert!(page.contains(&format!("action=\"{action}\"")), "{page}");
        assert!(!ask(&s, &agent, "GET", &here).send().await.text().contains("/redact"));
        let post = |who: &Person, body: &str| {
            ask(&s, who, "POST", &action).body(FORM, format!("csrf={}&{body}", who.csrf(&s))).send()
        };
        assert_eq!(post(&agent, "words=1234+5678&confirm=1").await.status, 403);
        assert_eq!(post(&admin, "words=1234+5678").await.status, 422);
        assert_eq!(post(&admin, "words=&confirm=1").await.status, 422);
        assert!(ask(&s, &admin, "GET", &here).send().await.text().contains("1234 5678"));
        let done = post(&admin, "words=1234+5678%0D%0A&confirm=1").await;
        assert_eq!(done.status, 303, "{}", done.text());
        let page = ask(&s, &admin, "GET", &here).send().await.text();
        assert!(page.contains("█████") && !page.contains("1234 5678"), "{page}");
        s
    })
    .await;
}
