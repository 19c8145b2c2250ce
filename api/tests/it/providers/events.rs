//! What relays tell of mail that they sent: bounced, complained about, delivered (E9.11).

use super::{hmac_hex, seconds_ago};
use crate::harness::people::Person;
use crate::harness::{Server, on_both, on_both_with};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use shared::mail_in::relay_events::{RelayEvent, RelayNews};

/// A mail of ours that was sent, as its relay knows it.
struct Sent {
    id: i64,
    ticket: Value,
    message_id: String,
    envelope_from: String,
    to: String,
}

/// Lets a customer write, an agent answer, and the worker send the answer.
async fn answered(s: &Server, boss: &Person, from: &str) -> Sent {
    let raw = format!(
        "From: {from}\r\nTo: support@postroom.localhost\r\nSubject: Hi\r\nMessage-ID: <{}@x>\r\n\r\nHello from {from}\r\n",
        rand::random::<u64>()
    );
    let got = s
        .post("/api/inbound/raw")
        .bearer(crate::harness::INBOUND_TOKEN)
        .body("message/rfc822", raw)
        .send()
        .await
        .expect(200);
    let path = format!("/api/support/tickets/{}/messages", got["ticket_id"]);
    let reply = s.post(&path).bearer(&boss.token).json(json!({"body": "An answer"})).send().await.expect(201);
    s.drain().await;
    let id = reply["delivery"][0]["outbox_id"].as_i64().expect("an id");
    let mail = s.get(&format!("/api/outbox/{id}")).bearer(&boss.token).send().await.expect(200);
    assert_eq!(mail["state"], "sent", "{mail}");
    let row: (String, String) = shared::store::sql("SELECT envelope_from, message_id FROM outbox WHERE id = $1")
        .bind(shared::ids::OutboxId(id))
        .one(&mut s.app.db.read(shared::store::Scope::All))
        .await
        .expect("a row");
    Sent { id, ticket: got["ticket_id"].clone(), message_id: row.1, envelope_from: row.0, to: from.to_owned() }
}

async fn state(s: &Server, boss: &Person, sent: &Sent) -> Value {
    s.get(&format!("/api/outbox/{}", sent.id)).bearer(&boss.token).send().await.expect(200)["state"].clone()
}

async fn told(s: &Server, boss: &Person, sent: &Sent) -> Vec<Value> {
    let path = format!("/api/support/tickets/{}/events", sent.ticket);
    let list = s.get(&path).bearer(&boss.token).send().await.expect(200);
    let is_report = |e: &&Value| matches!(e["kind"].as_str(), Some("MAIL_BOUNCED" | "MAIL_REPORTED"));
    list["data"].as_array().expect("events").iter().filter(is_report).cloned().collect()
}

async fn suppressed(s: &Server) -> Vec<(String, String)> {
    let q = shared::store::sql("SELECT email_key, reason FROM suppressions ORDER BY email_key");
    q.all(&mut s.app.db.read(shared::store::Scope::All)).await.expect("rows")
}

fn notification(kind: &str, more: Value, sent: &Sent) -> Value {
    let mut told = json!({
        "notificationType": kind,
        "mail": {
            "timestamp": "2026-11-21T10:00:00.000Z", "source": sent.envelope_from, "sendingAccountId": "123456789012",
            "messageId": "00000138111222aa-33322211-cccc-cccc-cccc-ddddaaaa0680-000000", "destination": [sent.to],
        },
    });
    told[kind.to_ascii_lowercase()] = more;
    json!({
        "Type": "Notification", "MessageId": format!("{:x}", rand::random::<u64>()), "TopicArn": "arn:aws:sns:eu-west-1:1:t",
        "Message": told.to_string(), "Timestamp": "2026-11-21T10:00:00.000Z",
    })
}

/// E9.11, E9.14: SES's notifications count as delivery reports with a token; the envelope sender that they name is one.
#[tokio::test]
async fn e9_11_what_ses_tells() {
    on_both(|s| async move {
        let boss = s.boss().await;
        let gone = answered(&s, &boss, "gone@example.com").await;
        let post = async |message: Value| {
            s.post("/api/relay-events/ses").body("text/plain", message.to_string()).send().await.expect(200)
        };
        let delivered =
            json!({"recipients": ["gone@example.com"], "smtpResponse": "250 ok", "processingTimeMillis": 5});
        let got = post(notification("Delivery", delivered, &gone)).await;
        assert_eq!((&got["outcome"], &got["recorded"]), (&json!("relay_events"), &json!(1)));
        assert_eq!(state(&s, &boss, &gone).await, "sent");
        let bounced = json!({
            "bounceType": "Permanent", "bounceSubType": "General", "timestamp": "2026-11-21T10:00:01.000Z",
            "bouncedRecipients": [{"emailAddress": "gone@example.com", "status": "5.1.1", "action": "failed",
                "diagnosticCode": "smtp; 550 5.1.1 <gone@example.com>: user unknown"}],
        });
        let message = notification("Bounce", bounced, &gone);
        assert_eq!(post(message.clone()).await["recorded"], 1);
        // SNS's retry counts once.
        assert_eq!(post(message).await["repeated"], 1);
        assert_eq!(state(&s, &boss, &gone).await, "bounced");
        let told = told(&s, &boss, &gone).await;
        assert_eq!(told.len(), 2, "{told:?}");
        assert_eq!(
            (&told[1]["kind"], &told[1]["data"]["kind"], &told[1]["data"]["verified"]),
            (&json!("MAIL_BOUNCED"), &json!("hard"), &json!(true))
        );
        let angry = answered(&s, &boss, "angry@example.com").await;
        let complained =
            json!({"complainedRecipients": [{"emailAddress": "angry@example.com"}], "complaintFeedbackType": "abuse"});
        post(notification("Complaint", complained, &angry)).await;
        assert_eq!(state(&s, &boss, &angry).await, "complained");
        assert_eq!(
            suppressed(&s).await,
            [("angry@example.com".into(), "complaint".into()), ("gone@example.com".into(), "hard_bounce".into())]
        );
        // About a mail that is not ours: nothing happens.
        let mut foreign = answered(&s, &boss, "other@example.com").await;
        foreign.envelope_from = "somebody@elsewhere.example".into();
        let bounced = json!({"bounceType": "Permanent", "bouncedRecipients": [{"emailAddress": "other@example.com"}]});
        assert_eq!(post(notification("Bounce", bounced, &foreign)).await["unmatched"], 1);
        assert_eq!(suppressed(&s).await.len(), 2);
        s
    })
    .await;
}

/// E9.11: Mailgun's events are signed like its mails, and name the mail by the Message-ID that we gave it.
#[tokio::test]
async fn e9_11_what_mailgun_tells() {
    let settings = [("POSTROOM_MAILGUN_KEY", "key-of-mailgun")];
    on_both_with(&settings, |s| async move {
        let boss = s.boss().await;
        let event = |name: &str, severity: &str, sent: &Sent, code: &str| {
            let (time, token) = (seconds_ago(1), format!("{:x}", rand::random::<u64>()));
            json!({
                "signature": {"timestamp": time, "token": token, "signature": hmac_hex("key-of-mailgun", format!("{time}{token}").as_bytes())},
                "event-data": {
                    "id": format!("{:x}", rand::random::<u64>()), "event": name, "severity": severity, "recipient": sent.to,
                    "reason": "bounce", "message": {"headers": {"message-id": sent.message_id, "from": "x", "to": sent.to}},
                    "delivery-status": {"code": 550, "message": format!("{code} said the server"), "enhanced-code": code},
                },
            })
        };
        let post = |body: Value| s.post("/api/relay-events/mailgun").json(body).send();
        let slow = answered(&s, &boss, "slow@example.com").await;
        post(event("failed", "temporary", &slow, "4.2.2")).await.expect(200);
        assert_eq!(state(&s, &boss, &slow).await, "sent");
        assert_eq!(told(&s, &boss, &slow).await[0]["data"]["kind"], "delayed");
        // A policy of the receiver's says nothing about the address.
        post(event("failed", "permanent", &slow, "5.7.1")).await.expect(200);
        assert_eq!(state(&s, &boss, &slow).await, "bounced");
        assert!(suppressed(&s).await.is_empty());
        let gone = answered(&s, &boss, "gone@example.com").await;
        post(event("failed", "permanent", &gone, "5.1.1")).await.expect(200);
        assert_eq!(suppressed(&s).await, [("gone@example.com".to_owned(), "hard_bounce".to_owned())]);
        assert_eq!(post(event("opened", "", &gone, "")).await.expect(200)["outcome"], "ignored");
        let mut forged = event("complained", "", &slow, "");
        forged["signature"]["signature"] = "00".into();
        post(forged).await.problem(401, "signature_invalid");
        s
    })
    .await;
}

/// E9.11, E3.7: Postmark names the mail by the id that it gave it.
#[tokio::test]
async fn e9_11_what_postmark_tells() {
    let settings = [("POSTROOM_POSTMARK_AUTH", "postmark:secret-words")];
    on_both_with(&settings, |s| async move {
        let boss = s.boss().await;
        let sent = answered(&s, &boss, "gone@example.com").await;
        let mut tx = s.app.db.write(shared::store::Scope::All).await.expect("a transaction");
        shared::store::sql("UPDATE outbox SET relay_id = 'b7bc2f4a-e38e-4336-af7d-e6c392c2f817' WHERE id = $1")
            .bind(shared::ids::OutboxId(sent.id))
            .exec(&mut tx)
            .await
            .expect("it is written");
        tx.commit().await.expect("it commits");
        let bounce = json!({
            "RecordType": "Bounce", "MessageStream": "outbound", "ID": 4323372036854775807_i64, "Type": "HardBounce",
            "TypeCode": 1, "Name": "Hard bounce", "MessageID": "b7bc2f4a-e38e-4336-af7d-e6c392c2f817", "Metadata": {},
            "Description": "The server was unable to deliver your message (ex: unknown user, mailbox not found).",
            "Details": "no details", "Email": "gone@example.com", "From": "support@postroom.localhost",
            "BouncedAt": "2026-11-21T10:00:00Z", "Inactive": true, "CanActivate": true,
        });
        let auth = format!("Basic {}", STANDARD.encode("postmark:secret-words"));
        let post = |body: &Value| s.post("/api/relay-events/postmark").json(body.clone());
        post(&bounce).send().await.problem(401, "signature_invalid");
        assert_eq!(post(&bounce).header("authorization", &auth).send().await.expect(200)["recorded"], 1);
        assert_eq!(state(&s, &boss, &sent).await, "bounced");
        assert_eq!(suppressed(&s).await, [("gone@example.com".to_owned(), "hard_bounce".to_owned())]);
        let open = json!({"RecordType": "Open", "MessageID": "b7bc2f4a-e38e-4336-af7d-e6c392c2f817"});
        let ignored = post(&open).header("authorization", &auth).send().await.expect(200);
        assert_eq!(ignored["outcome"], "ignored");
        s
    })
    .await;
}

/// E9.11: one Message-ID is shared by the copies of a mail; an event moves its recipient's alone.
#[tokio::test]
async fn e9_11_one_of_several_recipients() {
    on_both(|s| async move {
        let boss = s.boss().await;
        let sent = answered(&s, &boss, "ann@example.com").await;
        let event = |to: &str| RelayEvent {
            relay: "mailgun",
            id: to.to_owned(),
            news: RelayNews::Failed,
            recipient: Some(to.to_owned()),
            status: Some("5.1.1".to_owned()),
            diagnostic: None,
            is_lasting: true,
            envelope_from: None,
            relay_id: None,
            row: None,
            message_id: Some(format!("<{}>", sent.message_id)),
        };
        let told = shared::mail_in::relay_events::record(&s.app, &[event("bob@example.com")]).await.expect("recorded");
        assert_eq!((told.recorded, told.unmatched), (0, 1));
        assert_eq!(state(&s, &boss, &sent).await, "sent");
        let told = shared::mail_in::relay_events::record(&s.app, &[event("Ann@Example.com")]).await.expect("recorded");
        assert_eq!((told.recorded, told.unmatched), (1, 0));
        assert_eq!(state(&s, &boss, &sent).await, "bounced");
        s
    })
    .await;
}

/// The `X-Row` of a mail as it was sent.
async fn row_of(s: &Server, boss: &Person, sent: &Sent) -> String {
    let raw = s.get(&format!("/api/outbox/{}/raw", sent.id)).bearer(&boss.token).send().await.text();
    let line = raw.lines().find_map(|l| l.strip_prefix("X-Row: ")).unwrap_or_else(|| panic!("no X-Row: {raw}"));
    line.trim().to_owned()
}

async fn may_have_left(s: &Server, sent: &Sent) {
    let mut tx = s.app.db.write(shared::store::Scope::All).await.expect("a transaction");
    shared::store::sql("UPDATE outbox SET state = 'maybe_sent', maybes = 1, sent_at = NULL, due_at = $1 WHERE id = $2")
        .bind(shared::clock::now() - chrono::Duration::minutes(1))
        .bind(shared::ids::OutboxId(sent.id))
        .exec(&mut tx)
        .await
        .expect("it is written");
    tx.commit().await.expect("it commits");
}

/// E9.11, E9.9: where a relay replaced envelope sender and Message-ID, `X-Row` names the mail, and a mail that may have been
/// sent is settled by whoever tells of it: its second try never comes.
#[tokio::test]
async fn e9_11_x_row_finds_and_settles_a_mail() {
    on_both(|s| async move {
        let boss = s.boss().await;
        let (ses, mailgun, postmark, other) = (
            answered(&s, &boss, "ses@example.com").await,
            answered(&s, &boss, "mailgun@example.com").await,
            answered(&s, &boss, "postmark@example.com").await,
            answered(&s, &boss, "other@example.com").await,
        );
        for sent in [&ses, &mailgun, &postmark, &other] {
            may_have_left(&s, sent).await;
        }
        let (row, mailgun_row, postmark_row) =
            (row_of(&s, &boss, &ses).await, row_of(&s, &boss, &mailgun).await, row_of(&s, &boss, &postmark).await);
        assert_ne!(row, mailgun_row, "one for each delivery");
        // SES tells the headers that the mail had.
        let of_ses = |row: &str| {
            let told = json!({
                "notificationType": "Delivery",
                "mail": {
                    "timestamp": "2026-11-21T10:00:00.000Z", "source": "0101018-00@eu-west-1.amazonses.com",
                    "messageId": "0101018-00", "destination": [ses.to], "headersTruncated": false,
                    "headers": [{"name": "From", "value": "Support <support@postroom.localhost>"}, {"name": "X-Row", "value": row}],
                },
                "delivery": {"timestamp": "2026-11-21T10:00:01.000Z", "processingTimeMillis": 546,
                    "recipients": [ses.to], "smtpResponse": "250 ok", "reportingMTA": "a8-70.smtp-out.amazonses.com"},
            });
            json!({"Type": "Notification", "MessageId": format!("{:x}", rand::random::<u64>()),
                "TopicArn": "arn:aws:sns:eu-west-1:1:t", "Message": told.to_string(), "Timestamp": "2026-11-21T10:00:00.000Z"})
        };
        let post = async |path: &str, body: Value| s.post(path).body("text/plain", body.to_string()).send().await.expect(200);
        let forged = format!("{}{}", if row.starts_with('a') { "b" } else { "a" }, &row[1..]);
        assert_eq!(post("/api/relay-events/ses", of_ses(&forged)).await["unmatched"], 1);
        assert_eq!(post("/api/relay-events/ses", of_ses(&row)).await["recorded"], 1);
        // Mailgun repeats what X-Mailgun-Variables said.
        let told = json!({"signature": {}, "event-data": {
            "id": "W3X4JOhFT-OZidZGKKr9iA", "event": "delivered", "timestamp": 1795255200.5, "log-level": "info",
            "recipient": mailgun.to, "recipient-domain": "example.com",
            "message": {"headers": {"message-id": "20261121.1@mg.example.com", "from": "x", "to": mailgun.to}, "size": 111},
            "delivery-status": {"code": 250, "message": "OK", "attempt-no": 1, "tls": true},
            "envelope": {"sender": "bounce+x@mg.example.com", "transport": "smtp", "targets": mailgun.to},
            "user-variables": {"x-row": mailgun_row},
        }});
        assert_eq!(s.post("/api/relay-events/mailgun").json(told).send().await.expect(200)["recorded"], 1);
        // Postmark its metadata.
        let told = json!({
            "RecordType": "Delivery", "ServerID": 23, "MessageStream": "outbound", "Tag": "",
            "MessageID": "00000000-0000-0000-0000-000000000000", "Recipient": postmark.to,
            "DeliveredAt": "2026-11-21T10:00:00Z", "Details": "Test delivery webhook details", "Metadata": {"x-row": postmark_row},
        });
        assert_eq!(s.post("/api/relay-events/postmark").json(told).send().await.expect(200)["recorded"], 1);
        for sent in [&ses, &mailgun, &postmark] {
            assert_eq!(state(&s, &boss, sent).await, "sent", "{}", sent.to);
        }
        s.drain().await;
        for (sent, tries) in [(&ses, 1), (&mailgun, 1), (&postmark, 1), (&other, 2)] {
            let mail = s.get(&format!("/api/outbox/{}", sent.id)).bearer(&boss.token).send().await.expect(200);
            assert_eq!(mail["attempts"].as_array().map(Vec::len), Some(tries), "{mail}");
        }
        s
    })
    .await;
}

/// E9.9: whoever answers a mail has it, and so has whoever's server reports its delivery; a stranger who names it, and a
/// report that does not come to our address for it, prove nothing.
#[tokio::test]
async fn e9_9_an_answer_and_a_report_of_delivery_settle_a_mail() {
    on_both(|s| async move {
        let boss = s.boss().await;
        let mails = [
            answered(&s, &boss, "answers@example.com").await,
            answered(&s, &boss, "reported@example.com").await,
            answered(&s, &boss, "silent@example.com").await,
            answered(&s, &boss, "forged@example.com").await,
        ];
        for sent in &mails {
            may_have_left(&s, sent).await;
        }
        let [answers, reported, silent, forged] = &mails;
        let mail = async |raw: String, to: &str| {
            let path = format!("/api/inbound/raw?from=&to={}", to.replace('+', "%2B"));
            let post = s.post(&path).bearer(crate::harness::INBOUND_TOKEN);
            post.body("message/rfc822", raw.replace('\n', "\r\n")).send().await.expect(200)
        };
        let answer = |from: &str, sent: &Sent| {
            format!("From: {from}\nTo: support@postroom.localhost\nSubject: Re: Hi\nMessage-ID: <{}@x>\nIn-Reply-To: <{}>\n\nThank you.\n",
                rand::random::<u64>(), sent.message_id)
        };
        let got = mail(answer(&answers.to, answers), "support@postroom.localhost").await;
        assert_eq!(got["ticket_id"], answers.ticket, "{got}");
        mail(answer("stranger@elsewhere.example", silent), "support@postroom.localhost").await;
        let report = |sent: &Sent| {
            format!("From: MAILER-DAEMON@example.com\nTo: {}\nSubject: Successful Mail Delivery Report\nMessage-ID: <{}@x>\n\
                     Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\nContent-Type: text/plain\n\n\
                     Your mail was delivered.\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.com\n\n\
                     Final-Recipient: rfc822; {}\nAction: delivered\nStatus: 2.0.0\n\n--b\nContent-Type: text/rfc822-headers\n\n\
                     Message-ID: <{}>\n\n--b--\n", sent.envelope_from, rand::random::<u64>(), sent.to, sent.message_id)
        };
        mail(report(reported), &reported.envelope_from).await;
        mail(report(forged).replace(&forged.envelope_from, "support@postroom.localhost"), "support@postroom.localhost").await;
        let mut states = Vec::new();
        for sent in &mails {
            states.push(state(&s, &boss, sent).await);
        }
        assert_eq!(states, ["sent", "sent", "maybe_sent", "maybe_sent"]);
        s.drain().await;
        for (sent, tries) in [(answers, 1), (reported, 1), (silent, 2), (forged, 2)] {
            let mail = s.get(&format!("/api/outbox/{}", sent.id)).bearer(&boss.token).send().await.expect(200);
            assert_eq!(mail["attempts"].as_array().map(Vec::len), Some(tries), "{mail}");
        }
        s
    })
    .await;
}
