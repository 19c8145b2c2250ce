//! The main loop: a mail in, a ticket, a reply, a mail out, the customer's answer.

use crate::harness::{Server, on_both, on_both_with};
use serde_json::{Value, json};
use shared::access::Role;

/// A header's value out of a mail's octets, unfolded.
fn header(mail: &str, name: &str) -> String {
    let head = mail.split("\r\n\r\n").next().unwrap_or_default().replace("\r\n ", " ").replace("\r\n\t", " ");
    let start = format!("{}:", name.to_ascii_lowercase());
    head.lines()
        .find(|l| l.to_ascii_lowercase().starts_with(&start))
        .map(|l| l[start.len()..].trim().to_owned())
        .unwrap_or_else(|| panic!("no {name} in {mail}"))
}

async fn mails(s: &Server, token: &str, ticket: &Value) -> Vec<Value> {
    let all = s.get(&format!("/api/support/tickets/{ticket}/mails")).bearer(token).send().await.expect(200);
    all["data"].as_array().expect("mails").clone()
}

#[tokio::test]
async fn mail_in_reply_out_answer_in() {
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let mail = "From: Ann <ann@example.org>\r\nTo: support@postroom.localhost\r\nSubject: Printer on fire\r\n\
                    Message-ID: <m1@example.org>\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n\r\nPlease help.\r\n";
        let first = s.post("/api/inbound/raw").body("message/rfc822", mail).send().await.expect(200);
        assert_eq!(first["outcome"], "ticket_created");
        let ticket = first["ticket_id"].clone();
        let reply = s.post(&format!("/api/support/tickets/{ticket}/messages")).bearer(&boss.token);
        let reply = reply.json(json!({"body": "Pull the plug."})).send().await.expect(201);
        assert_eq!(reply["delivery"][0]["state"], "queued");
        s.drain().await;
        let sent = mails(&s, &boss.token, &ticket).await;
        assert!(sent.iter().all(|m| m["state"] == "sent"), "{sent:?}");
        let ours = sent.iter().find(|m| m["kind"] == "reply").expect("the reply");
        assert_eq!((&ours["to"], &ours["attempts"][0]["result"]), (&json!("ann@example.org"), &json!("sent")));
        let octets = s.get(&format!("/api/outbox/{}/raw", ours["id"])).bearer(&boss.token).send().await.text();
        assert_eq!(header(&octets, "In-Reply-To"), "<m1@example.org>");
        let (reply_to, message_id) = (header(&octets, "Reply-To"), header(&octets, "Message-ID"));
        let answer = json!({
            "from": "Ann <ann@example.org>", "to": reply_to, "subject": "Re: Printer on fire", "text": "Out now.",
            "in_reply_to": message_id, "references": header(&octets, "References") + " " + &message_id,
        });
        let answer = s.post("/api/inbound/mock").json(answer).send().await.expect(200);
        assert_eq!((&answer["outcome"], &answer["ticket_id"]), (&json!("message_added"), &ticket));
        let t = s.get(&format!("/tickets/{ticket}")).bearer(&boss.token).send().await.expect(200);
        let bodies: Vec<&str> = t["messages"]
            .as_array()
            .expect("messages")
            .iter()
            .filter_map(|m| m["visible_text"].as_str())
            .map(str::trim)
            .collect();
        assert_eq!(bodies, ["Please help.", "Pull the plug.", "Out now."]);
        let events =
            s.get(&format!("/tickets/{ticket}")).bearer(&boss.token).send().await.expect(200)["version"].clone();
        let timeline = s
            .get(&format!("/api/support/tickets/{ticket}/events?limit=200"))
            .bearer(&boss.token)
            .send()
            .await
            .expect(200);
        assert_eq!(timeline["data"].as_array().and_then(|e| e.last()).map(|e| e["seq"].clone()), Some(events));
        s
    })
    .await;
}

#[tokio::test]
async fn two_tenants_answer_from_their_own_mailboxes() {
    on_both(|s| async move {
        let acme = s.tenant("acme", shared::tenants::Audience::Organisation).await;
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let mock = json!({"from": "c@example.org", "to": "acme@postroom.localhost", "subject": "S", "text": "t"});
        let got = s.post("/api/inbound/mock").json(mock).send().await.expect(200);
        let ticket = got["ticket_id"].clone();
        let t = s.get(&format!("/tickets/{ticket}")).bearer(&boss.token).send().await.expect(200);
        assert_eq!((&t["tenant"]["id"], &t["mailbox"]), (&json!(acme), &json!("acme@postroom.localhost")));
        let reply = s.post(&format!("/api/support/tickets/{ticket}/messages")).bearer(&boss.token);
        reply.json(json!({"body": "Hi"})).send().await.expect(201);
        s.drain().await;
        let all = mails(&s, &boss.token, &ticket).await;
        let ours = all.iter().find(|m| m["kind"] == "reply").expect("the reply");
        let octets = s.get(&format!("/api/outbox/{}/raw", ours["id"])).bearer(&boss.token).send().await.text();
        assert!(header(&octets, "From").contains("acme@postroom.localhost"), "{octets}");
        assert!(header(&octets, "Reply-To").contains("acme+"), "{octets}");
        s
    })
    .await;
}

/// E3.2: the mailbox's name leaves no room for a token, so a stored handle stands for it.
#[tokio::test]
async fn a_long_mailbox_name_still_gets_signed_addresses() {
    const NAME: &str = "customer-care-for-northern-and-southern-lands";
    on_both_with(&[("POSTROOM_MAIL_FROM", &format!("{NAME}@desk.example"))], |s| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let mock = json!({"from": "c@example.org", "to": format!("{NAME}@desk.example"), "subject": "S", "text": "t"});
        let ticket = s.post("/api/inbound/mock").json(mock).send().await.expect(200)["ticket_id"].clone();
        let reply = s.post(&format!("/api/support/tickets/{ticket}/messages")).bearer(&boss.token);
        reply.json(json!({"body": "Hi"})).send().await.expect(201);
        s.drain().await;
        let all = mails(&s, &boss.token, &ticket).await;
        let ours = all.iter().find(|m| m["kind"] == "reply").expect("the reply");
        let octets = s.get(&format!("/api/outbox/{}/raw", ours["id"])).bearer(&boss.token).send().await.text();
        let reply_to = header(&octets, "Reply-To");
        let local = reply_to.split('@').next().expect("a local part");
        assert!(local.starts_with(&format!("{NAME}+")) && local.len() <= 64, "{reply_to}");
        // Nothing but the address leads to the ticket.
        let answer = json!({"from": "c@example.org", "to": reply_to.to_uppercase(), "subject": "Other", "text": "a"});
        let answer = s.post("/api/inbound/mock").json(answer).send().await.expect(200);
        assert_eq!((&answer["outcome"], &answer["ticket_id"]), (&json!("message_added"), &ticket));
        s
    })
    .await;
}
