//! Mail by the doors, and what is told of it.

use crate::harness::{INBOUND_TOKEN, on_both, on_both_with};
use serde_json::{Value, json};
use shared::access::Role;

const MAIL: &str = "From: Ann <ann@example.com>\r\nTo: support@postroom.localhost\r\nSubject: Printer on fire\r\n\
                    Message-ID: <m1@example.com>\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n\r\nPlease help.\r\n";

/// E1.1, E10.1.
#[tokio::test]
async fn a_mail_becomes_a_ticket_once() {
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let raw = || {
            s.post("/api/inbound/raw?from=ann@example.com&to=support@postroom.localhost").body("message/rfc822", MAIL)
        };
        let first = raw().send().await.expect(200);
        assert_eq!(first["outcome"], "ticket_created");
        let again = raw().send().await.expect(200);
        assert_eq!(
            (&again["outcome"], &again["ticket_id"], &again["ticket_message_id"]),
            (&json!("duplicate"), &first["ticket_id"], &first["ticket_message_id"])
        );
        assert_ne!(again["mail_id"], first["mail_id"]);
        let t = s
            .get(&format!("/tickets/{}", first["pid"].as_str().expect("a pid")))
            .bearer(&boss.token)
            .send()
            .await
            .expect(200);
        assert_eq!(
            (&t["subject"], &t["channel"], &t["messages"][0]["mail_id"]),
            (&json!("Printer on fire"), &json!("email"), &first["mail_id"])
        );
        assert_eq!(t["messages"][0]["id"], first["ticket_message_id"]);
        let m = s.get(&format!("/api/mails/{}", first["mail_id"])).bearer(&boss.token).send().await.expect(200);
        assert_eq!(
            (&m["from"]["email"], &m["subject"], &m["class"], &m["state"]),
            (&json!("ann@example.com"), &json!("Printer on fire"), &json!("person"), &json!("applied"))
        );
        assert_eq!(
            (&m["message_id"], &m["envelope_from"], &m["envelope_to"]),
            (&json!("m1@example.com"), &json!("ann@example.com"), &json!(["support@postroom.localhost"]))
        );
        let bytes = s.get(&format!("/api/mails/{}/raw", first["mail_id"])).bearer(&boss.token).send().await;
        assert_eq!(
            (bytes.status, bytes.text().as_str(), bytes.header("content-type")),
            (200, MAIL, Some("message/rfc822"))
        );
        let why =
            s.get(&format!("/api/mails/{}/explain", first["mail_id"])).bearer(&boss.token).send().await.expect(200);
        let stages: Vec<&str> =
            why["trace"].as_array().expect("a trace").iter().filter_map(|l| l["stage"].as_str()).collect();
        assert!(stages.contains(&"classify") && stages.contains(&"apply"), "{stages:?}");
        let list = s.get("/api/mails?outcome=duplicate").bearer(&boss.token).send().await.expect(200);
        assert_eq!(list["data"].as_array().map(Vec::len), Some(1));
        s.get("/api/mails?state=gone").bearer(&boss.token).send().await.problem(422, "validation_failed");
        s.get("/api/mails/999").bearer(&boss.token).send().await.problem(404, "mail_not_found");
        s
    })
    .await;
}

/// E14.2, E14.3.
#[tokio::test]
async fn a_mail_is_explained_in_sentences_and_read_again() {
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let agent = s.person("agent@example.com", Role::Agent, None).await;
        let got = s.post("/api/inbound/raw").body("message/rfc822", MAIL).send().await.expect(200);
        let at = |rest: &str| format!("/api/mails/{}/{rest}", got["mail_id"]);
        let told = s.get(&at("explain")).bearer(&boss.token).send().await.expect(200);
        assert_eq!(told["why"][0], "A new ticket: nothing leads to one that there is.");
        assert!(told["pipeline"].is_i64() && told["authentication"].is_object(), "{told}");
        let german = s.get(&at("explain?locale=de")).bearer(&boss.token).send().await.expect(200);
        assert_eq!(german["why"][0], "Ein neues Ticket: nichts führt zu einem bestehenden.");
        s.get(&at("explain?locale=xx")).bearer(&boss.token).send().await.problem(422, "validation_failed");

        let replay = async |mode: Value| s.post(&at("replay")).bearer(&boss.token).json(mode).send().await;
        let same = json!({
            "mail_id": got["mail_id"], "mode": "diff", "differences": [], "applied": false, "outcome": "ticket_created",
        });
        assert_eq!(replay(json!({})).await.expect(200), same);
        let view = replay(json!({"mode": "apply-view"})).await.expect(200);
        assert_eq!((&view["mode"], &view["applied"]), (&json!("apply-view"), &json!(false)));
        replay(json!({"mode": "send"})).await.problem(422, "validation_failed");
        s.post(&at("replay")).bearer(&agent.token).json(json!({})).send().await.problem(403, "forbidden");
        s.post("/api/mails/999/replay").bearer(&boss.token).send().await.problem(404, "mail_not_found");

        let page = |to: String| s.get(&to).bearer(&boss.token);
        let page = page(format!("/dashboard/mail/{}?replay=diff", got["mail_id"])).send().await;
        assert_eq!(page.status, 200);
        assert!(page.text().contains("Nothing is different.") && page.text().contains("nothing leads to one"));
        s
    })
    .await;
}

/// E4.11, E10.4.
#[tokio::test]
async fn a_mock_mail_goes_the_same_way() {
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let mock = async |body: Value| s.post("/api/inbound/mock").json(body).send().await.expect(200);
        let first = mock(json!({
            "from": "J\u{fc}rgen <j@example.com>", "to": "support@postroom.localhost", "subject": "Gr\u{fc}\u{df}e", "messageId": "<a@example.com>",
            "text": "Zeile 1\nZeile 2 \u{2709}", "html": "<p>x<script>alert(1)</script></p>",
            "attachments": [{"filename": "\u{dc}bung.txt", "contentType": "text/plain", "contentBase64": "aGk="}],
        })).await;
        assert_eq!(first["outcome"], "ticket_created");
        let m = s.get(&format!("/api/mails/{}", first["mail_id"])).bearer(&boss.token).send().await.expect(200);
        assert_eq!((&m["from"]["name"], &m["subject"], &m["attachments"][0]["filename"], &m["door"]), (&json!("J\u{fc}rgen"), &json!("Gr\u{fc}\u{df}e"), &json!("\u{dc}bung.txt"), &json!("mock")));
        assert!(m["body_text"].as_str().is_some_and(|t| t.contains("Zeile 2 \u{2709}")), "{m}");
        let second = mock(json!({
            "from": "j@example.com", "to": "support@postroom.localhost", "subject": "Re: Gr\u{fc}\u{df}e", "text": "more",
            "in_reply_to": "<a@example.com>", "references": ["<a@example.com>"],
        })).await;
        assert_eq!((&second["outcome"], &second["ticket_id"]), (&json!("message_added"), &first["ticket_id"]));
        let t = s.get(&format!("/tickets/{}", first["ticket_id"])).bearer(&boss.token).send().await.expect(200);
        let html = t["messages"][0]["body_html"].as_str().expect("html");
        assert!(!html.contains("script"), "{html}");
        assert_eq!(t["messages"].as_array().map(Vec::len), Some(2));
        let away = mock(json!({"from": "j@example.com", "to": "support@postroom.localhost", "subject": "Away", "text": "x",
            "headers": {"Auto-Submitted": "auto-replied"}, "in_reply_to": "<a@example.com>"})).await;
        assert_eq!(away["outcome"], "auto_reply_stored");
        s
    })
    .await;
}

/// E1.5, E14.1.
#[tokio::test]
async fn what_is_no_mail_is_kept_and_seen() {
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        for bytes in [
            &b"not a mail at all"[..],
            &[0u8; 300],
            b"\xff\xfe\x00\x01\n\n\n",
            b"\r\n\r\n",
            b"From\r\n",
            &[b'('; 20_000],
        ] {
            let got =
                s.post("/api/inbound/raw").bearer(INBOUND_TOKEN).body("message/rfc822", bytes).send().await.expect(200);
            let m = s.get(&format!("/api/mails/{}", got["mail_id"])).bearer(&boss.token).send().await.expect(200);
            assert_eq!(m["outcome"], got["outcome"]);
            assert_eq!(m["size_bytes"], json!(bytes.len()));
        }
        s
    })
    .await;
}

#[tokio::test]
async fn an_admins_token_opens_the_door_for_its_tenant() {
    on_both_with(&[("POSTROOM_MODE", "production")], |s| async move {
        let acme = s.tenant("acme", shared::tenants::Audience::Organisation).await;
        let admin = s.person("admin@acme.example", Role::Admin, Some(acme)).await;
        let agent = s.person("agent@acme.example", Role::Agent, Some(acme)).await;
        let raw = |token: &str| s.post("/api/inbound/raw").bearer(token).body("message/rfc822", MAIL);
        raw(&agent.token).send().await.problem(403, "forbidden");
        let got = raw(&admin.token).send().await.expect(200);
        assert!(got["mail_id"].is_i64(), "{got}");
        raw(INBOUND_TOKEN).send().await.expect(200);
        s
    })
    .await;
}

/// E10.1.
#[tokio::test]
async fn a_database_that_is_away_is_told_to_come_again() {
    on_both(|s| async move {
        s.app.db.close().await;
        let got = s.post("/api/inbound/raw").body("message/rfc822", MAIL).send().await;
        assert!(got.header("retry-after").is_some());
        got.problem(503, "unavailable");
        s
    })
    .await;
}

/// E2.1, E2.9, E2.11, E12.7: what a mail holds stands in the API and on the ticket's page, in the reader's language and
/// without any script.
#[tokio::test]
async fn cards_chips_and_another_charset() {
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let raw = b"From: \xcf\xf0\xe8\xe2\xe5\xf2 <eve@example.com>\r\nTo: support@postroom.localhost\r\n\
            Subject: Two files\r\nMessage-ID: <c1@example.com>\r\nMIME-Version: 1.0\r\n\
            Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\n\
            \xcf\xf0\xe8\xe2\xe5\xf2\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n\
            From: Inner <inner@example.com>\r\nSubject: Enclosed subject\r\n\r\nEnclosed words.\r\n\
            --b\r\nContent-Type: text/calendar; method=REQUEST\r\n\r\nBEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\n\
            BEGIN:VEVENT\r\nSUMMARY:Kick-off\r\nDTSTART:20261123T090000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n--b--\r\n";
        let came = s.post("/api/inbound/raw").body("message/rfc822", raw.as_slice()).send().await.expect(200);
        let at = format!("/api/mails/{}", came["mail_id"]);
        let read = async |query: &str| s.get(&format!("{at}{query}")).bearer(&boss.token).send().await;
        let m = read("").await.expect(200);
        assert_eq!(m["body_text"].as_str().map(str::trim), Some("\u{cf}\u{f0}\u{e8}\u{e2}\u{e5}\u{f2}"));
        assert_eq!((&m["cards"][0]["kind"], &m["cards"][0]["subject"]), (&json!("mail"), &json!("Enclosed subject")));
        assert_eq!((&m["cards"][1]["method"], &m["cards"][1]["start"]), (&json!("REQUEST"), &json!("2026-11-23 09:00 UTC")));
        let m = read("?charset=windows-1251").await.expect(200);
        assert_eq!(m["body_text"].as_str().map(str::trim), Some("\u{41f}\u{440}\u{438}\u{432}\u{435}\u{442}"));
        read("?charset=nonsense").await.problem(422, "validation_failed");
        let ticket = format!("/dashboard/support/{}", came["pid"].as_str().expect("a pid"));
        let page = s.get(&ticket).bearer(&boss.token).send().await.text();
        for told in ["Enclosed mail", "Enclosed subject", "Enclosed words.", "Invitation", "Kick-off", "2026-11-23 09:00 UTC"] {
            assert!(page.contains(told), "the page lacks {told}");
        }
        let mail = format!("/dashboard/mail/{}?charset=windows-1251", came["mail_id"]);
        let page = s.get(&mail).bearer(&boss.token).send().await.text();
        assert!(page.contains("\u{41f}\u{440}\u{438}\u{432}\u{435}\u{442}") && page.contains("koi8-r"));
        s
    })
    .await;
}
