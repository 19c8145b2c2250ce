//! Putting tickets off: what hides them, what brings them back, and who is told.

use crate::harness::people::Person;
use crate::harness::{INBOUND_TOKEN, Server, on_both};
use chrono::{Duration, Timelike};
use serde_json::{Value, json};
use shared::access::Role;
use shared::clock::{Time, now};
use shared::doctor::{self, Depth};
use shared::store::{Scope, sql};
use shared::tickets::snooze;

async fn mail(s: &Server, from: &str, subject: &str, more: &str) -> Value {
    let raw = format!("From: {from}\r\nTo: support@postroom.localhost\r\nSubject: {subject}\r\n{more}\r\nHelp.\r\n");
    s.post("/api/inbound/raw").bearer(INBOUND_TOKEN).body("message/rfc822", raw).send().await.expect(200)
}

async fn ticket(s: &Server) -> String {
    let made = mail(s, "ann@example.com", "Later", "Message-ID: <first@example.com>\r\n").await;
    made["pid"].as_str().expect("a ticket").to_owned()
}

async fn put_off(s: &Server, who: &Person, pid: &str, body: Value) -> Value {
    s.post(&format!("/api/support/tickets/{pid}/snooze")).bearer(&who.token).json(body).send().await.expect(200)
}

async fn refused(s: &Server, who: &Person, pid: &str, body: Value) -> String {
    let url = format!("/api/support/tickets/{pid}/snooze");
    let answer = s.post(&url).bearer(&who.token).json(body).send().await.expect(422);
    answer["errors"][0]["code"].as_str().unwrap_or_default().to_owned()
}

async fn shown(s: &Server, who: &Person, pid: &str) -> Value {
    s.get(&format!("/api/support/tickets/{pid}")).bearer(&who.token).send().await.expect(200)
}

/// The views that list the ticket, and those whose count has it.
async fn views(s: &Server, who: &Person) -> (Vec<String>, Vec<String>) {
    let (mut lists, mut counts) = (Vec::new(), Vec::new());
    let all = s.get("/api/support/views").bearer(&who.token).send().await.expect(200);
    for view in all["data"].as_array().expect("a list") {
        let name = view["view"].as_str().expect("a name").to_owned();
        let list = s.get(&format!("/api/support/tickets?view={name}")).bearer(&who.token).send().await.expect(200);
        if list["data"].as_array().is_some_and(|rows| !rows.is_empty()) {
            lists.push(name.clone());
        }
        if view["count"] != json!(0) {
            counts.push(name);
        }
    }
    (lists, counts)
}

async fn events(s: &Server, who: &Person, pid: &str) -> Vec<(String, Value)> {
    let all = s.get(&format!("/api/support/tickets/{pid}/events")).bearer(&who.token).send().await.expect(200);
    let one = |e: &Value| (e["kind"].as_str().unwrap_or_default().to_owned(), e["data"].clone());
    all["data"].as_array().expect("a list").iter().map(one).collect()
}

/// Moves the time of everything that is put off into the past, as if it had come.
async fn let_time_pass(s: &Server) {
    let mut tx = s.app.db.write(Scope::All).await.expect("a transaction begins");
    let past: Time = now() - Duration::minutes(1);
    sql("UPDATE tickets SET snoozed_until = $1 WHERE snoozed_until IS NOT NULL")
        .bind(past)
        .exec(&mut tx)
        .await
        .expect("it runs");
    tx.commit().await.expect("it commits");
}

#[tokio::test]
async fn what_is_put_off_is_in_nobodys_way_and_comes_back_by_itself() {
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let pid = ticket(&s).await;
        let everywhere = views(&s, &boss).await;
        assert_eq!(everywhere.0, ["unassigned", "open", "all"]);
        assert_eq!(everywhere.0, everywhere.1);
        let before = shown(&s, &boss, &pid).await;

        let off = put_off(&s, &boss, &pid, json!({"words": "in 2 hours"})).await;
        let until: Time = off["snoozed"]["until"].as_str().expect("a time").parse().expect("RFC 3339");
        let left = until - now();
        assert!(left > Duration::minutes(119) && left <= Duration::hours(2), "{left}");
        assert_eq!(off["sla"], before["sla"], "what was promised does not wait");
        let hidden = (vec!["snoozed".to_owned(), "all".to_owned()], vec!["snoozed".to_owned(), "all".to_owned()]);
        assert_eq!(views(&s, &boss).await, hidden);
        for (q, found) in [("is:snoozed", 1), ("is:awake", 0), ("later", 1)] {
            let list = s.get(&format!("/api/support/tickets?q={q}")).bearer(&boss.token).send().await.expect(200);
            assert_eq!(list["data"].as_array().map(Vec::len), Some(found), "{q}");
        }
        let list = s.get("/api/support/tickets?view=open&q=is:snoozed").bearer(&boss.token).send().await.expect(200);
        assert_eq!(list["data"].as_array().map(Vec::len), Some(1), "who asks for what is put off means it");

        assert_eq!(snooze::wake_due(&s.app).await.expect("a sweep"), 0, "not yet");
        let_time_pass(&s).await;
        assert_eq!(snooze::wake_due(&s.app).await.expect("a sweep"), 1);
        assert_eq!(snooze::wake_due(&s.app).await.expect("a sweep"), 0);
        assert_eq!(views(&s, &boss).await, everywhere);
        let after = shown(&s, &boss, &pid).await;
        assert_eq!(after["snoozed"], Value::Null);
        assert!(after["last_activity_at"].as_str() > before["last_activity_at"].as_str(), "it stands in front");
        let events = events(&s, &boss, &pid).await;
        let kinds: Vec<&str> = events.iter().map(|(kind, _)| kind.as_str()).filter(|k| k.ends_with("ED")).collect();
        assert!(kinds.ends_with(&["SNOOZED"]) || kinds.contains(&"SNOOZED"), "{kinds:?}");
        assert_eq!(events.last().expect("events").1, json!({"why": "due"}));
        let findings = doctor::run(&s.app, Depth::Quick).await.expect("the doctor can look");
        assert!(findings.iter().all(doctor::Finding::is_ok), "{findings:#?}");
        s
    })
    .await;
}

#[tokio::test]
async fn the_customers_word_brings_it_back_and_a_machines_does_not() {
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let pid = ticket(&s).await;
        let off = put_off(&s, &boss, &pid, json!({"words": "bis der Kunde antwortet"})).await;
        assert_eq!(off["snoozed"], json!({"until": null}));
        assert_eq!(snooze::wake_due(&s.app).await.expect("a sweep"), 0, "no time comes for it");
        let reply = "In-Reply-To: <first@example.com>\r\n";
        mail(&s, "ann@example.com", "Away", &format!("{reply}Auto-Submitted: auto-replied\r\n")).await;
        assert_eq!(shown(&s, &boss, &pid).await["snoozed"], json!({"until": null}), "an out-of-office wakes nobody");
        let note = json!({"body": "Still waiting.", "kind": "note"});
        s.post(&format!("/api/support/tickets/{pid}/messages")).bearer(&boss.token).json(note).send().await.expect(201);
        assert_eq!(shown(&s, &boss, &pid).await["snoozed"], json!({"until": null}));
        mail(&s, "ann@example.com", "Re: Later", reply).await;
        assert_eq!(shown(&s, &boss, &pid).await["snoozed"], Value::Null);
        assert!(events(&s, &boss, &pid).await.contains(&("WOKEN".to_owned(), json!({"why": "customer_wrote"}))));
        s
    })
    .await;
}

#[tokio::test]
async fn times_and_words_are_taken_or_refused_with_a_reason() {
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let pid = ticket(&s).await;
        let at = (now() + Duration::days(3)).with_nanosecond(0).expect("a time");
        assert_eq!(put_off(&s, &boss, &pid, json!({"until": at})).await["snoozed"], json!({"until": at}));
        assert_eq!(put_off(&s, &boss, &pid, json!({"until": null})).await["snoozed"], Value::Null);
        for (body, code) in [
            (json!({}), "required"),
            (json!({"until": now() - Duration::seconds(1)}), "when_past"),
            (json!({"until": now() + Duration::days(9999)}), "when_too_far"),
            (json!({"words": "soon"}), "when_unclear"),
            (json!({"words": "2020-01-01"}), "when_past"),
            (json!({"words": "tomorrow", "until": at}), "invalid"),
            (json!({"words": "tomorrow", "time_zone": "Mars/Olympus"}), "time_zone_unknown"),
        ] {
            assert_eq!(refused(&s, &boss, &pid, body.clone()).await, code, "{body}");
        }
        assert_eq!(shown(&s, &boss, &pid).await["snoozed"], Value::Null, "what is refused changes nothing");

        // Words go by the clock of the one who writes them: their own choice, else what their page names, else UTC.
        let hour = |ticket: Value| {
            let until: Time = ticket["snoozed"]["until"].as_str().expect("a time").parse().expect("RFC 3339");
            until.hour()
        };
        assert_eq!(hour(put_off(&s, &boss, &pid, json!({"words": "tomorrow 9"})).await), 9);
        let body = json!({"words": "tomorrow 9", "time_zone": "Asia/Tokyo"});
        assert_eq!(hour(put_off(&s, &boss, &pid, body.clone()).await), 0);
        let me = s.request("PATCH", "/api/auth/me").bearer(&boss.token);
        let me = me.json(json!({"time_zone": "America/Phoenix"})).send().await.expect(200);
        assert_eq!(me["time_zone"], json!("America/Phoenix"));
        assert_eq!(hour(put_off(&s, &boss, &pid, body).await), 16);
        let wrong =
            s.request("PATCH", "/api/auth/me").bearer(&boss.token).json(json!({"time_zone": "Mars"})).send().await;
        assert_eq!(wrong.expect(422)["errors"][0]["code"], json!("time_zone_unknown"));

        // What is done is not put off, and what is put off is not once it is done.
        let status = format!("/api/support/tickets/{pid}/status");
        let done = s.post(&status).bearer(&boss.token).json(json!({"status": "solved"})).send().await.expect(200);
        assert_eq!(done["snoozed"], Value::Null);
        assert_eq!(refused(&s, &boss, &pid, json!({"words": "tomorrow"})).await, "ticket_done");
        s
    })
    .await;
}

#[tokio::test]
async fn many_are_put_off_and_brought_back_and_customers_notice_nothing() {
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let ann = s.person("ann@example.com", Role::Customer, None).await;
        let pid = ticket(&s).await;
        let act = async |body: Value| {
            s.post("/api/support/tickets/bulk").bearer(&boss.token).json(body).send().await.expect(200)
        };
        let first = act(json!({"ids": [pid], "action": "snooze", "value": "until reply"})).await;
        let second = act(json!({"ids": [pid], "action": "snooze", "value": now() + Duration::days(1)})).await;
        let undone = act(json!({"action": "undo", "value": second["undo"]})).await;
        assert_eq!(undone["data"][0]["ok"], json!(true), "{undone}");
        assert_eq!(shown(&s, &boss, &pid).await["snoozed"], json!({"until": null}), "as it was before");
        let _ = act(json!({"action": "undo", "value": first["undo"]})).await;
        let woken = act(json!({"ids": [pid], "action": "wake"})).await;
        assert_eq!(woken["data"][0]["ok"], json!(true));
        assert_eq!(shown(&s, &boss, &pid).await["snoozed"], Value::Null);

        put_off(&s, &boss, &pid, json!({"words": "next week"})).await;
        assert_eq!(
            views(&s, &ann).await,
            (vec!["open".to_owned(), "all".to_owned()], vec!["open".to_owned(), "all".to_owned()])
        );
        assert_eq!(shown(&s, &ann, &pid).await["snoozed"], Value::Null);
        let list = s.get("/api/support/tickets?q=is:snoozed").bearer(&ann.token).send().await.expect(200);
        assert_eq!(list["data"], json!([]));
        s
    })
    .await;
}
