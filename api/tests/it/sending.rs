//! What an operator does about outgoing mail, over HTTP and by command.

use crate::harness::{Server, on_both, on_both_with};
use serde_json::{Value, json};
use shared::access::Role;
use shared::ids::TenantId;
use shared::search;
use shared::store::testing::seed;
use shared::tenants::Audience;

/// E8.9: from the key to the signature of the mail that leaves.
#[tokio::test]
async fn e8_9_a_domains_key_signs_its_mail_until_it_is_retired() {
    on_both(|s: Server| async move {
        shared::setup::ensure(&s.app).await.expect("the first start");
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let body = json!({"domain": "postroom.localhost", "selector": "one"});
        let made = s.post("/api/dkim").bearer(&boss.token).json(body.clone()).send().await.expect(201);
        assert_eq!(
            (&made["algorithm"], &made["record"]["name"]),
            (&json!("rsa-sha256"), &json!("one._domainkey.postroom.localhost"))
        );
        assert!(made["record"]["value"].as_str().unwrap().starts_with("v=DKIM1; k=rsa; p=MII"), "{made}");
        assert!(!made.to_string().contains("PRIVATE"));
        s.post("/api/dkim").bearer(&boss.token).json(body).send().await.problem(409, "conflict");
        let wrong = json!({"domain": "postroom.localhost", "selector": "two", "key": "nonsense"});
        s.post("/api/dkim").bearer(&boss.token).json(wrong).send().await.problem(422, "validation_failed");
        let signed = async || {
            let ticket = json!({"subject": "Hi", "description": "x", "requester": {"email": "mo@out.example"}});
            let ticket = s.post("/api/support/tickets").bearer(&boss.token).json(ticket).send().await.expect(201);
            let url = format!("/api/support/tickets/{}/messages", ticket["id"]);
            let reply = s.post(&url).bearer(&boss.token).json(json!({"body": "Answer"})).send().await.expect(201);
            s.drain().await;
            let url = format!("/api/outbox/{}/raw", reply["delivery"][0]["outbox_id"]);
            s.get(&url).bearer(&boss.token).send().await.text().starts_with("DKIM-Signature:")
        };
        assert!(signed().await);
        let url = format!("/api/dkim/{}", made["id"]);
        let retired = s.request("DELETE", &url).bearer(&boss.token).send().await.expect(200);
        assert!(retired["retired_at"].is_string());
        assert!(!signed().await);
        let list = s.get("/api/dkim").bearer(&boss.token).send().await.expect(200);
        assert_eq!(list["data"].as_array().unwrap().len(), 1);
        s
    })
    .await;
}

/// E9.13: the list, adding and removing by hand; an answer to a suppressed address says so, and `force` sends it.
#[tokio::test]
async fn e9_13_suppressed_addresses_are_listed_and_removed_and_force_passes_them() {
    on_both(|s: Server| async move {
        shared::setup::ensure(&s.app).await.expect("the first start");
        let alpha = s.tenant("alpha", Audience::Public).await;
        let admin = s.person("admin@alpha.example", Role::Admin, Some(alpha)).await;
        let list = async |q: &str| -> Vec<Value> {
            let found = s.get(&format!("/api/suppressions{q}")).bearer(&admin.token).send().await.expect(200);
            found["data"].as_array().unwrap().clone()
        };
        for n in 0..3 {
            let body = json!({"email": format!("Mo{n}@out.example")});
            let made = s.post("/api/suppressions").bearer(&admin.token).json(body).send().await.expect(201);
            assert_eq!((&made["reason"], &made["email"]), (&json!("manual"), &json!(format!("mo{n}@out.example"))));
        }
        assert_eq!(list("?q=MO1").await.len(), 1);
        let page = s.get("/api/suppressions?limit=2").bearer(&admin.token).send().await.expect(200);
        let cursor = page["next_cursor"].as_str().expect("more");
        let rest = list(&format!("?limit=2&cursor={cursor}")).await;
        assert_eq!(rest[0]["email"], "mo2@out.example");
        let ticket = json!({"subject": "Hi", "description": "x", "requester": {"email": "mo1@out.example"}});
        let ticket = s.post("/api/support/tickets").bearer(&admin.token).json(ticket).send().await.expect(201);
        let url = format!("/api/support/tickets/{}/messages", ticket["id"]);
        let reply = s.post(&url).bearer(&admin.token).json(json!({"body": "A"})).send().await.expect(201);
        assert_eq!(reply["delivery"][0]["state"], "suppressed");
        let forced = json!({"body": "B", "force": true});
        let reply = s.post(&url).bearer(&admin.token).json(forced).send().await.expect(201);
        assert_eq!(reply["delivery"][0]["state"], "queued");
        let path = "/api/suppressions/mo1@out.example";
        s.request("DELETE", path).bearer(&admin.token).send().await.expect(200);
        s.request("DELETE", path).bearer(&admin.token).send().await.problem(404, "not_found");
        let reply = s.post(&url).bearer(&admin.token).json(json!({"body": "C"})).send().await.expect(201);
        assert_eq!(reply["delivery"][0]["state"], "queued");
        s.drain().await;
        s
    })
    .await;
}

async fn ticket(s: &Server, token: &str, requester: &str) -> Value {
    let ticket = json!({"subject": "Hi", "description": "x", "requester": {"email": requester}});
    s.post("/api/support/tickets").bearer(token).json(ticket).send().await.expect(201)
}

/// E8.10, RFC 8058: the address in a notice's List-Unsubscribe acts by POST alone, without cookie or login.
#[tokio::test]
async fn e8_10_one_click_switches_notices_off_and_on() {
    on_both_with(&[("POSTROOM_BASE_URL", "https://desk.example")], |s: Server| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let agent = s.person("agent@example.com", Role::Agent, None).await;
        let id = ticket(&s, &boss.token, "mo@out.example").await["id"].clone();
        let notified = async || {
            let nobody = json!({"assigned_to": null});
            let url = format!("/api/support/tickets/{id}/assign");
            s.post(&url).bearer(&boss.token).json(nobody).send().await.expect(200);
            s.post(&url).bearer(&boss.token).json(json!({"assigned_to": agent.id})).send().await.expect(200);
            s.drain().await;
            let list = s.get(&format!("/api/support/tickets/{id}/mails")).bearer(&boss.token).send().await.expect(200);
            let mails = list["data"].as_array().unwrap().clone();
            mails.into_iter().filter(|m| m["kind"] == "notice").collect::<Vec<_>>()
        };
        let notices = notified().await;
        assert_eq!(notices.len(), 1);
        let raw = s.get(&format!("/api/outbox/{}/raw", notices[0]["id"])).bearer(&boss.token).send().await.text();
        let raw = raw.replace("\r\n ", " ");
        assert!(raw.contains("\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"), "{raw}");
        let url = raw.split("List-Unsubscribe: <https://desk.example").nth(1).unwrap().split('>').next().unwrap();
        assert!(url.starts_with("/unsubscribe/") && !url.contains("example"), "{url}");
        let page = s.get(url).send().await;
        assert_eq!(page.status, 200);
        assert_eq!(notified().await.len(), 2, "asking changes nothing");
        let click = async |body: &str| {
            s.post(url).body("application/x-www-form-urlencoded", body.to_owned()).send().await.status
        };
        assert_eq!(click("List-Unsubscribe=One-Click").await, 200);
        assert_eq!(click("List-Unsubscribe=One-Click").await, 200);
        assert_eq!(notified().await.len(), 2, "no more notices");
        assert_eq!(click("on=1").await, 200);
        assert_eq!(notified().await.len(), 3);
        s.get(&format!("{url}a")).send().await.problem(404, "not_found");
        s
    })
    .await;
}

/// E8.5: whoever has a link gets the file, as a download, until it is revoked; nobody can guess one.
#[tokio::test]
async fn e8_5_links_lead_to_files_until_they_are_revoked() {
    on_both_with(&[("POSTROOM_MAX_OUTBOUND_BYTES", "64 KiB")], |s: Server| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let id = ticket(&s, &boss.token, "mo@out.example").await["id"].clone();
        let url = format!("/api/support/tickets/{id}/messages");
        let bytes = vec![b'x'; 200_000];
        let files: [(&str, &str, &str, &[u8]); 1] = [("files", "log ü.txt", "text/plain", &bytes)];
        s.post(&url).bearer(&boss.token).multipart(&[("body", "See the log")], &files).send().await.expect(201);
        s.drain().await;
        let links = format!("/api/support/tickets/{id}/file-links");
        let list = s.get(&links).bearer(&boss.token).send().await.expect(200);
        let link = &list["data"][0];
        assert_eq!((&link["filename"], &link["downloads"]), (&json!("log ü.txt"), &json!(0)));
        let files = [shared::ids::AttachmentId(link["attachment_id"].as_i64().unwrap())];
        let link = shared::mail_out::links::ensure(
            &s.app.db,
            &s.app.keys,
            shared::ids::TenantId(1),
            shared::ids::TicketId(id.as_i64().unwrap()),
            &files,
        );
        let url = link.await.expect("it is there")[0].url(&s.app.keys, "");
        let file = s.get(&url).send().await;
        assert_eq!((file.status, file.text().len()), (200, 200_000));
        assert!(file.header("content-disposition").unwrap().starts_with("attachment"));
        assert_eq!(file.header("x-content-type-options"), Some("nosniff"));
        s.get(&format!("{}b", &url[..url.len() - 1])).send().await.problem(404, "not_found");
        let list = s.get(&links).bearer(&boss.token).send().await.expect(200);
        assert_eq!(list["data"][0]["downloads"], 1);
        let revoke = format!("{links}/{}", list["data"][0]["id"]);
        s.request("DELETE", &revoke).bearer(&boss.token).send().await.expect(200);
        s.get(&url).send().await.problem(410, "link_expired");
        s
    })
    .await;
}

/// E9.3: a reply that waits is sent now or cancelled, once.
#[tokio::test]
async fn e9_3_a_scheduled_reply_is_sent_now_or_cancelled() {
    on_both(|s: Server| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let id = ticket(&s, &boss.token, "mo@out.example").await["id"].clone();
        let url = format!("/api/support/tickets/{id}/messages");
        let later = json!({"body": "Later", "send_after": "2099-01-01T00:00:00Z"});
        let post = async || s.post(&url).bearer(&boss.token).json(later.clone()).send().await.expect(201);
        let first = post().await;
        assert_eq!(
            (&first["delivery"][0]["state"], &first["delivery"][0]["due_at"]),
            (&json!("held"), &json!("2099-01-01T00:00:00Z"))
        );
        let act = async |message: &Value, what: &str| {
            s.post(&format!("{url}/{}/{what}", message["id"])).bearer(&boss.token).send().await
        };
        let sent = act(&first, "send").await.expect(200);
        assert_eq!(sent["delivery"][0]["state"], "queued");
        s.drain().await;
        act(&first, "send").await.problem(409, "too_late");
        act(&first, "cancel").await.problem(409, "too_late");
        let second = post().await;
        let cancelled = act(&second, "cancel").await.expect(200);
        assert_eq!(cancelled["delivery"][0]["state"], "cancelled");
        assert!(cancelled["withdrawn_at"].is_string());
        act(&second, "send").await.problem(409, "too_late");
        // E9.2: what a relay could not take yet has not left either.
        for by_message in [true, false] {
            let third = post().await;
            seed(&s.app.db, "UPDATE outbox SET state = 'deferred' WHERE state = 'held'").await;
            let outbox = format!("/api/outbox/{}", third["delivery"][0]["outbox_id"]);
            let done = match by_message {
                true => act(&third, "cancel").await.expect(200)["delivery"][0].clone(),
                false => s.post(&format!("{outbox}/cancel")).bearer(&boss.token).send().await.expect(200),
            };
            assert_eq!(done["state"], "cancelled");
            assert_eq!(s.get(&outbox).bearer(&boss.token).send().await.expect(200)["state"], "cancelled");
        }
        act(&json!({"id": 999_999}), "send").await.problem(404, "message_not_found");
        s
    })
    .await;
}

/// DESIGN 7, E9.3: what waits or was taken back was not said: the customer reads nothing of it, by no way.
#[tokio::test]
async fn customers_read_no_reply_that_has_not_left() {
    on_both(|s: Server| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let kim = s.person("kim@out.example", Role::Customer, Some(TenantId(1))).await;
        let ask = json!({"subject": "Hi", "description": "A question"});
        let made = s.post("/api/support/tickets").bearer(&kim.token).json(ask).send().await.expect(201);
        let one = format!("/api/support/tickets/{}", made["id"]);
        let url = format!("{one}/messages");
        let post = async |body: Value| s.post(&url).bearer(&boss.token).json(body).send().await.expect(201);
        let files: [(&str, &str, &str, &[u8]); 1] = [("file", "a.txt", "text/plain", b"x")];
        let file =
            s.post("/api/support/attachments").bearer(&boss.token).multipart(&[], &files).send().await.expect(201);
        let later = "2099-01-01T00:00:00Z";
        let reply = post(json!({"body": "Quokkas later", "send_after": later, "attachments": [file["id"]]})).await;
        while search::index_some(&s.app.db).await.expect("an index") > 0 {}
        let seen = async |who: &str| {
            let all = s.get(&url).bearer(who).send().await.expect(200);
            let bodies = all["data"].as_array().unwrap().iter().map(|m| m["body"].as_str().unwrap().to_owned());
            let whole = s.get(&one).bearer(who).send().await.expect(200);
            let hits = s.get("/api/support/tickets?q=quokkas").bearer(who).send().await.expect(200);
            let list = s.get("/api/support/tickets").bearer(who).send().await.expect(200);
            assert_eq!(whole["snippet"], list["data"][0]["snippet"]);
            let text = whole["snippet"].as_str().unwrap().to_owned();
            (
                bodies.collect::<Vec<_>>(),
                text,
                hits["data"].as_array().unwrap().len(),
                whole["messages"].as_array().unwrap().len(),
            )
        };
        let question = || "A question".to_owned();
        let all = vec![question(), "Quokkas later".to_owned()];
        assert_eq!(seen(&kim.token).await, (vec![question()], question(), 0, 1));
        assert_eq!(seen(&boss.token).await, (all, "Quokkas later".to_owned(), 1, 2));
        let file = format!("/api/support/attachments/{}", reply["attachments"][0]["id"]);
        assert_eq!(s.get(&file).bearer(&boss.token).send().await.text(), "x");
        s.get(&file).bearer(&kim.token).send().await.problem(404, "attachment_not_found");
        let act = format!("{url}/{}", reply["id"]);
        s.post(&format!("{act}/cancel")).bearer(&boss.token).send().await.expect(200);
        assert_eq!(seen(&kim.token).await, (vec![question()], question(), 0, 1));
        let reply = post(json!({"body": "Quokkas now", "send_after": later})).await;
        s.post(&format!("{url}/{}/send", reply["id"])).bearer(&boss.token).send().await.expect(200);
        while search::index_some(&s.app.db).await.expect("an index") > 0 {}
        let both = vec![question(), "Quokkas now".to_owned()];
        assert_eq!(seen(&kim.token).await, (both, "Quokkas now".to_owned(), 1, 2));
        s
    })
    .await;
}

/// T59, E9.15: the customer writes while an agent composes: the answer is refused with what happened, nothing leaves.
#[tokio::test]
async fn t59_an_answer_to_an_old_view_is_refused() {
    on_both(|s: Server| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let made = ticket(&s, &boss.token, "mo@out.example").await;
        let raw = format!(
            "From: mo@out.example\r\nTo: support@postroom.localhost\r\nSubject: Re: Hi [{}]\r\nMessage-ID: <2@out>\r\n\r\nWait.\r\n",
            made["pid"].as_str().unwrap()
        );
        let mail = s.post("/api/inbound/raw").bearer(crate::harness::INBOUND_TOKEN).body("message/rfc822", raw);
        assert_eq!(mail.send().await.expect(200)["outcome"], "message_added");
        let url = format!("/api/support/tickets/{}/messages", made["id"]);
        let answer = json!({"body": "Done", "expected_version": made["version"]});
        let refused = s.post(&url).bearer(&boss.token).json(answer).send().await.problem(409, "stale_ticket");
        assert!(refused["since"].as_array().unwrap().iter().any(|e| e["kind"] == "MESSAGE_ADDED"), "{refused}");
        let mails = s.get(&format!("/api/support/tickets/{}/mails", made["id"])).bearer(&boss.token).send().await.expect(200);
        assert!(mails["data"].as_array().unwrap().iter().all(|m| m["kind"] != "reply"));
        s
    })
    .await;
}

/// T60, E9.3: undo races the claim: cancelled or sent, never both.
#[tokio::test]
async fn t60_undo_racing_the_claim() {
    on_both(|s: Server| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let id = ticket(&s, &boss.token, "mo@out.example").await["id"].clone();
        let url = format!("/api/support/tickets/{id}/messages");
        for n in 0..12 {
            let reply = s.post(&url).bearer(&boss.token).json(json!({"body": "Now"})).send().await.expect(201);
            let undo = async {
                tokio::time::sleep(std::time::Duration::from_millis(n)).await;
                s.post(&format!("{url}/{}/cancel", reply["id"])).bearer(&boss.token).send().await.status
            };
            let (undone, _) = tokio::join!(undo, s.drain());
            s.drain().await;
            let mail = format!("/api/outbox/{}", reply["delivery"][0]["outbox_id"]);
            let mail = s.get(&mail).bearer(&boss.token).send().await.expect(200);
            let (state, tries) = (mail["state"].as_str().unwrap(), mail["attempts"].as_array().unwrap().len());
            assert!(matches!((undone, state, tries), (200, "cancelled", 0) | (409, "sent", 1)), "{undone} {mail}");
        }
        s
    })
    .await;
}

/// T50, E8.6, E8.8: a line break in a subject is refused; Bcc goes by envelope alone, with a reply address of its own, and
/// what such a reader answers is for agents alone and brings them into nobody's Cc.
#[tokio::test]
async fn t50_bcc_stays_unseen() {
    on_both(|s: Server| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let injected = json!({"subject": "Hi\r\nBcc: evil@else.example", "description": "x", "requester": {"email": "mo@out.example"}});
        s.post("/api/support/tickets").bearer(&boss.token).json(injected).send().await.problem(422, "validation_failed");
        let outbox = s.get("/api/outbox").bearer(&boss.token).send().await.expect(200);
        assert!(outbox["data"].as_array().unwrap().is_empty(), "nothing queued");

        let id = ticket(&s, &boss.token, "mo@out.example").await["id"].clone();
        let url = format!("/api/support/tickets/{id}/messages");
        let wrong = json!({"body": "x", "bcc": ["a@b.example\r\nTo: x@y.example"]});
        s.post(&url).bearer(&boss.token).json(wrong).send().await.problem(422, "validation_failed");
        let body = json!({"body": "First answer", "bcc": ["lawyer@law.example", "mo@out.example"]});
        let reply = s.post(&url).bearer(&boss.token).json(body).send().await.expect(201);
        let delivery = reply["delivery"].as_array().unwrap();
        assert_eq!(delivery.iter().map(|d| d["to"].as_str().unwrap()).collect::<Vec<_>>(), ["mo@out.example", "lawyer@law.example"]);
        s.drain().await;
        let raw = async |id: &Value| s.get(&format!("/api/outbox/{id}/raw")).bearer(&boss.token).send().await.text();
        let (open, unseen) = (raw(&delivery[0]["outbox_id"]).await, raw(&delivery[1]["outbox_id"]).await);
        assert!(!open.contains("law.example") && !unseen.contains("lawyer"), "{open}\n{unseen}");
        assert!(unseen.contains("\r\nTo: mo@out.example\r\n"), "{unseen}");
        let reply_to = |raw: &str| raw.split("\r\nReply-To: ").nth(1).unwrap().split("\r\n").next().unwrap().to_owned();
        assert_ne!(reply_to(&open), reply_to(&unseen));

        let answer = format!(
            "From: lawyer@law.example\r\nTo: {}\r\nSubject: Re: Hi\r\nMessage-ID: <1@law.example>\r\n\r\nBetween us: do not pay.\r\n",
            reply_to(&unseen)
        );
        let mail = s.post("/api/inbound/raw").bearer(crate::harness::INBOUND_TOKEN).body("message/rfc822", answer);
        let mail = mail.send().await.expect(200);
        assert_eq!((&mail["outcome"], &mail["ticket_id"]), (&json!("message_added"), &id));
        let seen = s.get(&format!("/api/support/tickets/{id}")).bearer(&boss.token).send().await.expect(200);
        let theirs = seen["messages"].as_array().unwrap().last().unwrap().clone();
        assert_eq!((&theirs["kind"], &theirs["author"]["side"]), (&json!("note"), &json!("customer")), "{theirs}");

        let mo = users_token(&s, "mo@out.example").await;
        let view = s.get(&format!("/api/support/tickets/{id}")).bearer(&mo).send().await.expect(200).to_string();
        let mails = s.get(&format!("/api/support/tickets/{id}/mails")).bearer(&mo).send().await.expect(200).to_string();
        let events = s.get(&format!("/api/support/tickets/{id}/events")).bearer(&mo).send().await.text();
        for text in [&view, &mails, &events] {
            assert!(!text.contains("law.example") && !text.contains("Between us"), "{text}");
        }
        let reply = s.post(&url).bearer(&boss.token).json(json!({"body": "Second answer"})).send().await.expect(201);
        assert_eq!(reply["delivery"].as_array().unwrap().len(), 1, "{reply}");
        s.drain().await;
        let raw = raw(&reply["delivery"][0]["outbox_id"]).await;
        assert!(!raw.contains("law.example") && !raw.contains("Between us"), "{raw}");
        s
    })
    .await;
}

/// A token of somebody who only ever mailed.
async fn users_token(s: &Server, email: &str) -> String {
    let mut read = s.app.db.read(shared::store::Scope::All);
    let tenant = Some(shared::ids::TenantId(1));
    let user = shared::users::find_by_address(&mut read, tenant, email).await.expect("asked").expect("a user");
    shared::sessions::tokens::operator_create(&s.app.db, &user, "test").await.expect("a token").1
}

/// E8.2, E8.3: an answer goes to a Reply-To of the sender's own domain, never to a foreign one, and carries Outlook's thread
/// on by a child of five octets.
#[tokio::test]
async fn e8_3_an_answer_carries_the_thread_on_and_heeds_an_own_reply_to() {
    on_both(|s: Server| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        for (n, reply_to, goes_to) in
            [(1, "billing@firm.example", "billing@firm.example"), (2, "billing@else.example", "ann2@firm.example")]
        {
            let raw = format!(
                "From: Ann <ann{n}@firm.example>\r\nReply-To: {reply_to}\r\nTo: support@postroom.localhost\r\nSubject: Invoice\r\n\
                 Message-ID: <{n}@firm.example>\r\nThread-Topic: Invoice\r\nThread-Index: AQHcWq0t3kJ8r0k5lUuDkqGdr7Xw5Q==\r\n\r\nSee it.\r\n"
            );
            let mail = s.post("/api/inbound/raw").bearer(crate::harness::INBOUND_TOKEN).body("message/rfc822", raw);
            let mail = mail.send().await.expect(200);
            let url = format!("/api/support/tickets/{}/messages", mail["ticket_id"]);
            let reply = s.post(&url).bearer(&boss.token).json(json!({"body": "Paid"})).send().await.expect(201);
            assert_eq!(reply["delivery"][0]["to"], goes_to);
            s.drain().await;
            let raw = format!("/api/outbox/{}/raw", reply["delivery"][0]["outbox_id"]);
            let raw = s.get(&raw).bearer(&boss.token).send().await.text();
            let index = raw.split("\r\nThread-Index: ").nth(1).expect("a Thread-Index").split("\r\n").next().unwrap();
            // 22 octets and a child of 5, in base64.
            assert!(index.starts_with("AQHcWq0t3kJ8r0k5lUuDkqGdr7Xw5") && index.len() == 36, "{index}");
            assert!(raw.contains("\r\nThread-Topic: Invoice\r\n"), "{raw}");
        }
        s
    })
    .await;
}
