//! Spam as its operators meet it: the tenant's rules, the list of what is held, letting a mail out (E5.10), the alarm on
//! complaints (E5.4), and the address that a mail asks answers at (E8.2).

use crate::harness::people::Person;
use crate::harness::{INBOUND_TOKEN, Request, Response, Server, on_both};
use serde_json::{Value, json};
use shared::access::Role;
use shared::store::{Scope, sql};

async fn mail(s: &Server, head: &str, text: &str) -> Value {
    let raw = format!(
        "{head}\r\nTo: support@postroom.localhost\r\nMessage-ID: <{}@x>\r\n\r\n{text}\r\n",
        rand::random::<u64>()
    );
    s.post("/api/inbound/raw").bearer(INBOUND_TOKEN).body("message/rfc822", raw).send().await.expect(200)
}

async fn page(s: &Server, boss: &Person, path: &str) -> String {
    let page = s.get(path).bearer(&boss.token).send().await;
    assert_eq!(page.status, 200, "{}", page.text());
    page.text()
}

async fn form(s: &Server, who: &Person, path: &str, fields: &[(&str, &str)]) -> Response {
    let csrf = who.csrf(s);
    let all: Vec<(&str, &str)> = [("csrf", csrf.as_str())].iter().chain(fields).copied().collect();
    s.post(path).bearer(&who.token).multipart(&all, &[]).send().await
}

async fn set(s: &Server, boss: &Person, rules: Value) -> Response {
    let request: Request = s.request("PATCH", "/api/tenants/default").bearer(&boss.token);
    request.json(json!({"settings": {"spam_rules": rules}})).send().await
}

/// E5.10: rules by API, what they hold under its own filter, and the way out by API and page.
#[tokio::test]
async fn e5_10_held_listed_and_released() {
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let agent = s.person("agent@example.com", Role::Agent, None).await;
        for wrong in
            [json!([{"field": "domain", "value": "a b", "verdict": "spam"}]), json!([{"field": "text"}]), json!({})]
        {
            set(&s, &boss, wrong).await.problem(422, "validation_failed");
        }
        let rule = json!({"field": "domain", "value": "Casino.example", "verdict": "spam"});
        let set = set(&s, &boss, json!([rule])).await.expect(200);
        assert_eq!(set["settings"]["spam_rules"][0]["value"], "casino.example");
        let held = mail(&s, "From: Eve <eve@casino.example>\r\nSubject: Win", "Play.").await;
        assert_eq!((&held["outcome"], &held["ticket_id"]), (&json!("spam_held"), &Value::Null));
        mail(&s, "From: Ann <ann@customer.example>\r\nSubject: Broken", "It broke.").await;
        let list = s.get("/api/mails?spam=held").bearer(&boss.token).send().await.expect(200);
        assert_eq!((list["data"].as_array().map(Vec::len), &list["data"][0]["id"]), (Some(1), &held["mail_id"]));
        s.get("/api/mails?spam=perhaps").bearer(&boss.token).send().await.problem(422, "validation_failed");
        let shown = page(&s, &boss, "/dashboard/mail?state=spam").await;
        assert!(shown.contains(">Win<") && !shown.contains(">Broken<"), "{shown}");
        let path = format!("/api/mails/{}/release", held["mail_id"]);
        let own = format!("/dashboard/mail/{}", held["mail_id"]);
        assert!(page(&s, &boss, &own).await.contains("taken for spam"));
        s.post(&path).bearer(&agent.token).send().await.problem(403, "forbidden");
        s.post("/api/mails/999/release").bearer(&boss.token).send().await.problem(404, "mail_not_found");
        let out = s.post(&path).bearer(&boss.token).send().await.expect(200);
        assert_eq!((&out["state"], &out["outcome"]), (&json!("applied"), &json!("ticket_created")));
        // Once more says the same and makes nothing.
        let again = s.post(&path).bearer(&boss.token).send().await.expect(200);
        assert_eq!(again, out);
        let audit = s.get("/api/audit").bearer(&boss.token).send().await.text();
        assert_eq!(audit.matches("\"kind\":\"mail.release\"").count(), 1, "{audit}");
        let none = s.get("/api/mails?spam=held").bearer(&boss.token).send().await.expect(200);
        assert_eq!(none["data"].as_array().map(Vec::len), Some(0));
        // What is not held cannot be released.
        let plain = mail(&s, "From: Ann <ann@customer.example>\r\nSubject: Other", "Another.").await;
        let path = format!("/api/mails/{}/release", plain["mail_id"]);
        s.post(&path).bearer(&boss.token).send().await.problem(409, "mail_not_releasable");
        // By the page's button.
        let held = mail(&s, "From: Eve <eve@casino.example>\r\nSubject: Again", "Play again.").await;
        let own = format!("/dashboard/mail/{}", held["mail_id"]);
        assert!(page(&s, &boss, &own).await.contains(&format!("{own}/release")));
        assert_eq!(form(&s, &boss, &format!("{own}/release"), &[]).await.status, 303);
        let shown = page(&s, &boss, &own).await;
        assert!(!shown.contains(&format!("{own}/release")) && shown.contains("somebody released it"), "{shown}");
        s.drain().await;
        s
    })
    .await;
}

/// E5.4: more than one reader, more than one in a thousand: told in the metrics, on the page, in the audit, once.
#[tokio::test]
async fn e5_4_complaints_raise_one_alarm() {
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let mut sent = Vec::new();
        for who in ["a", "b", "c"] {
            let got = mail(&s, &format!("From: {who}@{who}.example\r\nSubject: Hi"), &format!("Hello {who}.")).await;
            let path = format!("/api/support/tickets/{}/messages", got["ticket_id"]);
            let reply = s.post(&path).bearer(&boss.token).json(json!({"body": "An answer"})).send().await.expect(201);
            sent.push((format!("{who}@{who}.example"), reply["delivery"][0]["outbox_id"].clone()));
        }
        s.drain().await;
        let told = async || {
            let audit = s.get("/api/audit").bearer(&boss.token).send().await.text();
            (audit.matches("\"kind\":\"mail.complaints\"").count(), page(&s, &boss, "/dashboard/mail").await.contains("call our mail abuse"))
        };
        for (n, (to, id)) in sent.iter().enumerate() {
            let (envelope, ): (String,) = sql("SELECT envelope_from FROM outbox WHERE id = $1")
                .bind(id.as_i64().expect("an id"))
                .one(&mut s.app.db.read(Scope::All))
                .await
                .expect("a row");
            let event = json!({
                "notificationType": "Complaint",
                "complaint": {"complainedRecipients": [{"emailAddress": to}], "complaintFeedbackType": "abuse"},
                "mail": {"source": envelope, "messageId": format!("m{n}"), "destination": [to]},
            });
            let message = json!({"Type": "Notification", "MessageId": format!("n{n}"), "TopicArn": "arn:aws:sns:eu-west-1:1:t",
                "Message": event.to_string(), "Timestamp": "2026-11-21T10:00:00.000Z"});
            s.post("/api/relay-events/ses").body("text/plain", message.to_string()).send().await.expect(200);
            // One reader alone is none.
            assert_eq!(told().await, (usize::from(n > 0), n > 0), "after {}", n + 1);
        }
        let flow = shared::app::health::flow::flow(&s.app).await.expect("counted");
        let found = flow.complaints.first().expect("one tenant");
        assert_eq!((found.readers, found.is_alarm()), (3, true));
        s
    })
    .await;
}

/// E8.2: a Reply-To outside From's domain is offered and not used, until an agent chooses it.
#[tokio::test]
async fn e8_2_a_foreign_reply_to_is_the_agents_choice() {
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let head = "From: Ann <ann@customer.example>\r\nReply-To: Billing <pay@other.example>\r\nSubject: Invoice";
        let got = mail(&s, head, "Where is it?").await;
        let path = format!("/api/support/tickets/{}", got["ticket_id"]);
        let ticket = s.get(&path).bearer(&boss.token).send().await.expect(200);
        assert_eq!(ticket["messages"][0]["reply_to_offered"], "pay@other.example");
        let pid = got["pid"].as_str().expect("a pid");
        let own = format!("/dashboard/support/{pid}");
        let shown = page(&s, &boss, &own).await;
        assert!(
            shown.contains("name=\"reply_to\" value=\"pay@other.example\"") && shown.contains("Forged invoices"),
            "{shown}"
        );
        let post = |body: Value| s.post(&format!("{path}/messages")).bearer(&boss.token).json(body);
        let reply = post(json!({"body": "To you"})).send().await.expect(201);
        assert_eq!(reply["delivery"][0]["to"], "ann@customer.example");
        let wrong = post(json!({"body": "x", "reply_to": "eve@other.example"})).send().await;
        assert_eq!(wrong.problem(422, "validation_failed")["errors"][0]["code"], "not_offered");
        post(json!({"body": "x", "kind": "note", "reply_to": "pay@other.example"}))
            .send()
            .await
            .problem(422, "validation_failed");
        let reply = post(json!({"body": "To billing", "reply_to": "Pay@other.example"})).send().await.expect(201);
        assert_eq!(reply["delivery"][0]["to"], "pay@other.example");
        let fields = [("kind", "reply"), ("body", "By the page"), ("reply_to", "pay@other.example")];
        assert_eq!(form(&s, &boss, &format!("{own}/messages"), &fields).await.status, 303);
        let list = s.get(&format!("{path}/mails")).bearer(&boss.token).send().await.text();
        assert_eq!(list.matches("pay@other.example").count(), 2, "{list}");
        // Within the domain it is used as it is, and there is nothing to choose.
        let head = "From: Bob <bob@customer.example>\r\nReply-To: desk@customer.example\r\nSubject: Hi";
        let got = mail(&s, head, "Hello.").await;
        let path = format!("/api/support/tickets/{}", got["ticket_id"]);
        let ticket = s.get(&path).bearer(&boss.token).send().await.expect(200);
        assert_eq!(ticket["messages"][0]["reply_to_offered"], Value::Null);
        let body = json!({"body": "x", "reply_to": "desk@customer.example"});
        s.post(&format!("{path}/messages"))
            .bearer(&boss.token)
            .json(body)
            .send()
            .await
            .problem(422, "validation_failed");
        s.drain().await;
        s
    })
    .await;
}

/// E5.10: the same rules on a page, one a line; a wrong line shows what was typed.
#[tokio::test]
async fn e5_10_rules_on_a_page() {
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let agent = s.person("agent@example.com", Role::Agent, None).await;
        let path = "/dashboard/settings/spam";
        assert_eq!(s.get(path).bearer(&agent.token).send().await.status, 403);
        assert!(page(&s, &boss, "/dashboard/mail").await.contains(path));
        for wrong in ["spam domain", "spam nonsense x.example", "spam text ab"] {
            let refused = form(&s, &boss, path, &[("rules", wrong)]).await;
            assert!(refused.status == 422 && refused.text().contains(wrong), "{}", refused.text());
        }
        let rules = "not_spam address Ann@casino.example\nspam domain casino.example\n\nspam subject You have won";
        assert_eq!(form(&s, &boss, path, &[("rules", rules)]).await.status, 303);
        let shown = page(&s, &boss, path).await;
        assert!(
            shown
                .contains("not_spam address ann@casino.example\nspam domain casino.example\nspam subject You have won"),
            "{shown}"
        );
        let held = mail(&s, "From: Eve <eve@casino.example>\r\nSubject: Win", "Play.").await;
        assert_eq!(held["outcome"], "spam_held");
        s
    })
    .await;
}
