//! The queue's views: what they list, how many tickets they have, and that the number is right whatever happens.

use crate::harness::people::Person;
use crate::harness::{INBOUND_TOKEN, Server, on_both};
use serde_json::{Value, json};
use shared::access::{Actor, Role};
use shared::clock::now;
use shared::coverage;
use shared::doctor::{self, Depth};
use shared::store::{Scope, sql};
use shared::tenants::Audience;
use shared::tickets::counts;
use std::collections::BTreeMap;

async fn mail(s: &Server, from: &str, subject: &str, more: &str) -> String {
    let raw = format!("From: {from}\r\nTo: support@postroom.localhost\r\nSubject: {subject}\r\n{more}\r\nHelp.\r\n");
    let applied = s.post("/api/inbound/raw").bearer(INBOUND_TOKEN).body("message/rfc822", raw).send().await.expect(200);
    applied["pid"].as_str().expect("a ticket").to_owned()
}

/// What the views say: `n`, or `n+`.
async fn said(s: &Server, who: &Person) -> BTreeMap<String, String> {
    let views = s.get("/api/support/views").bearer(&who.token).send().await.expect(200);
    let one = |v: &Value| {
        let more = if v["more"] == json!(true) { "+" } else { "" };
        (v["view"].as_str().expect("a name").to_owned(), format!("{}{more}", v["count"]))
    };
    views["data"].as_array().expect("a list").iter().map(one).collect()
}

/// What a full count says, by the filters that the lists of the views have.
async fn counted(s: &Server, who: &Person) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for (view, filter) in [
        ("mine", "status=open&assigned_to=me&snoozed=false"),
        ("unassigned", "status=open&assigned_to=unassigned&snoozed=false"),
        ("open", "status=open&snoozed=false"),
        ("waiting", "status=waiting_on_customer&snoozed=false"),
        ("at_risk", "status=open&sla=at_risk&snoozed=false"),
        ("snoozed", "snoozed=true"),
        ("all", ""),
    ] {
        let url = format!("/api/support/tickets?page=1&per_page=1&{filter}");
        let list = s.get(&url).bearer(&who.token).send().await.expect(200);
        all.insert(view.to_owned(), list["total"].to_string());
    }
    all
}

async fn act(s: &Server, who: &Person, method: &str, path: &str, body: Value) {
    let made = s.request(method, path).bearer(&who.token).json(body).send().await;
    assert!(made.status < 300, "{method} {path}: {}", made.text());
}

/// One of a writer's acts on one of the tickets, chosen by chance.
async fn something(s: &Server, who: &Person, other: &Person, pids: &mut Vec<String>, n: u64) {
    let pid = pids[rand::random_range(0..pids.len())].clone();
    let ticket = |act: &str| format!("/api/support/tickets/{pid}/{act}");
    let status = ["new", "triaged", "in_progress", "waiting", "needs_engineering", "solved", "closed"];
    match rand::random_range(0..12) {
        0 => pids.push(mail(s, &format!("c{n}@many.example"), "Another", "").await),
        1 => {
            let body = json!({"subject": "Made", "body": "b", "requester": {"email": "r@x.example"}});
            let made = s.post("/api/support/tickets").bearer(&who.token).json(body).send().await.expect(201);
            pids.push(made["pid"].as_str().expect("a PID").to_owned());
        }
        // The customer writes again, which opens what waited or was solved.
        2 => {
            let back = format!("In-Reply-To: <first.{pid}@x.example>\r\n");
            mail(s, "ann@example.com", &format!("Re: [{pid}]"), &back).await;
        }
        3 => act(s, who, "POST", &ticket("assign"), json!({"assigned_to": other.id})).await,
        4 => act(s, who, "POST", &ticket("assign"), json!({"assigned_to": null})).await,
        5 => act(s, who, "POST", &ticket("take"), json!({})).await,
        6 | 7 => {
            let to = status[rand::random_range(0..status.len())];
            act(s, who, "POST", &ticket("status"), json!({"status": to})).await;
        }
        8 => {
            let folder = ["spam", "restore"][rand::random_range(0..2)];
            act(s, who, "POST", &ticket(folder), json!({})).await;
        }
        9 => act(s, who, "POST", &ticket("snooze"), json!({"until": null})).await,
        10 => {
            // What is done is not put off: that is refused, and changes nothing.
            let words = ["in 2 hours", "until reply"][rand::random_range(0..2)];
            let body = json!({"words": words});
            let made = s.post(&ticket("snooze")).bearer(&who.token).json(body).send().await;
            assert!([200, 422].contains(&made.status), "{}", made.text());
        }
        _ => act(s, who, "DELETE", &format!("/api/support/tickets/{pid}"), json!({})).await,
    }
}

#[tokio::test]
async fn the_counts_are_right_after_any_acts_of_two_writers_and_a_folding_worker() {
    on_both(|s| async move {
        let (ann, bob) = (
            s.person("ann@desk.example", Role::Owner, None).await,
            s.person("bob@desk.example", Role::Owner, None).await,
        );
        let mut first = vec![mail(&s, "ann@example.com", "First", "").await];
        let mut second = vec![mail(&s, "ann@example.com", "Second", "").await];
        let acts = async |who: &Person, other: &Person, pids: &mut Vec<String>, from: u64| {
            for n in from..from + 40 {
                something(&s, who, other, pids, n).await;
            }
        };
        let folds = async {
            for _ in 0..30 {
                counts::fold(&s.app.db).await.expect("deltas are added up");
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        tokio::join!(acts(&ann, &bob, &mut first, 0), acts(&bob, &ann, &mut second, 1000), folds);
        for who in [&ann, &bob] {
            assert_eq!(said(&s, who).await, counted(&s, who).await);
        }
        while counts::fold(&s.app.db).await.expect("deltas are added up") > 0 {}
        assert_eq!(said(&s, &ann).await, counted(&s, &ann).await, "added up");
        let before = said(&s, &ann).await;
        counts::rebuild(&s.app.db).await.expect("a full count");
        assert_eq!(said(&s, &ann).await, before);
        let findings = doctor::run(&s.app, Depth::Quick).await.expect("the doctor can look");
        assert!(findings.iter().all(doctor::Finding::is_ok), "{findings:#?}");
        s
    })
    .await;
}

#[tokio::test]
async fn each_sees_the_counts_of_their_own_scope_and_no_other() {
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let other = s.tenant("other", Audience::Public).await;
        let agent = s.person("agent@other.example", Role::Agent, Some(other)).await;
        let covers = s.person("covers@other.example", Role::Support, Some(other)).await;
        coverage::set(&s.app.db, &Actor::system(), covers.id, &["billing".to_owned()]).await.expect("coverage");
        let asks = s.person("asks@other.example", Role::Customer, Some(other)).await;
        for (subject, email) in
            [("Billing", "asks@other.example"), ("Else", "asks@other.example"), ("More", "x@y.example")]
        {
            let body = json!({"subject": subject, "body": "b", "requester": {"email": email}, "tenant_id": other});
            s.post("/api/support/tickets").bearer(&boss.token).json(body).send().await.expect(201);
        }
        mail(&s, "ann@example.com", "Of another tenant", "").await;
        let of = async |who: &Person, view: &str| said(&s, who).await.get(view).cloned();
        assert_eq!(of(&boss, "all").await.as_deref(), Some("4"));
        assert_eq!(of(&agent, "open").await.as_deref(), Some("3"));
        assert_eq!(of(&covers, "unassigned").await.as_deref(), Some("1"));
        assert_eq!((of(&asks, "all").await.as_deref(), of(&asks, "mine").await), (Some("2"), None));
        let elsewhere =
            s.get("/api/support/views").bearer(&boss.token).header("x-tenant", "other").send().await.expect(200);
        assert_eq!(elsewhere["data"][6], json!({"view": "all", "count": 3, "more": false}));
        assert_eq!(counted(&s, &agent).await, said(&s, &agent).await);
        s
    })
    .await;
}

#[tokio::test]
async fn a_ticket_is_at_risk_in_the_last_quarter_of_its_clock_and_no_more_once_the_customer_has_to_answer() {
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let pid = mail(&s, "ann@example.com", "Slow", "").await;
        mail(&s, "ann@example.com", "Fresh", "").await;
        let at_risk = async || {
            let found = s.get("/api/support/search?q=is:at_risk").bearer(&boss.token).send().await.expect(200);
            let list = s.get("/api/support/tickets?sla=at_risk").bearer(&boss.token).send().await.expect(200);
            assert_eq!(found["data"].as_array().map(Vec::len), list["data"].as_array().map(Vec::len));
            assert_eq!(said(&s, &boss).await["at_risk"], counted(&s, &boss).await["at_risk"]);
            list["data"].as_array().expect("a list").iter().map(|t| t["pid"].clone()).collect::<Vec<_>>()
        };
        while shared::search::index_some(&s.app.db).await.expect("it is indexed") > 0 {}
        assert!(at_risk().await.is_empty());
        // Seven of its eight hours are over.
        let mut tx = s.app.db.write(Scope::All).await.expect("a transaction");
        let (made, due) = (now() - chrono::Duration::hours(7), now() + chrono::Duration::hours(1));
        let q = sql("UPDATE tickets SET created_at = ").arg(made).push(", response_due_at = ").arg(due);
        q.push(" WHERE pid = ").arg(pid.as_str()).exec(&mut tx).await.expect("it is changed");
        tx.commit().await.expect("it commits");
        act(&s, &boss, "PATCH", &format!("/api/support/tickets/{pid}"), json!({"subject": "Slower"})).await;
        assert_eq!(at_risk().await, [json!(pid)]);
        let list = s.get("/api/support/tickets?sla=at_risk").bearer(&boss.token).send().await.expect(200);
        assert_eq!(list["data"][0]["sla"]["state"], "at_risk");
        act(&s, &boss, "POST", &format!("/api/support/tickets/{pid}/status"), json!({"status": "waiting"})).await;
        assert!(at_risk().await.is_empty());
        let wrong = s.get("/api/support/tickets?sla=late").bearer(&boss.token).send().await;
        assert_eq!(wrong.status, 422);
        s
    })
    .await;
}

#[tokio::test]
async fn searches_are_kept_for_oneself_or_shared() {
    on_both(|s| async move {
        let tenant = s.tenant("other", Audience::Public).await;
        let boss = s.person("boss@other.example", Role::SubAdmin, Some(tenant)).await;
        let agent = s.person("agent@other.example", Role::Agent, Some(tenant)).await;
        let elsewhere = s.person("else@example.com", Role::Owner, None).await;
        for (subject, priority) in [("Frankfurt", "urgent"), ("Else", "low")] {
            let body =
                json!({"subject": subject, "body": "b", "requester": {"email": "x@y.example"}, "priority": priority});
            s.post("/api/support/tickets").bearer(&boss.token).json(body).send().await.expect(201);
        }
        let make =
            async |who: &Person, body: Value| s.post("/api/support/views").bearer(&who.token).json(body).send().await;
        let own = make(&agent, json!({"name": " Urgent ", "query": "priority:urgent is:open"})).await.expect(201);
        assert_eq!(
            (&own["name"], &own["count"], &own["sort"]),
            (&json!("Urgent"), &json!(1), &json!("-last_activity_at"))
        );
        assert_eq!(make(&agent, json!({"name": "All", "query": "", "shared": true})).await.status, 403);
        let shared =
            make(&boss, json!({"name": "Both", "query": "is:open", "shared": true, "sort": "created_at"})).await;
        let shared = shared.expect(201);
        for wrong in [
            json!({"name": "", "query": ""}),
            json!({"name": "x", "query": "status:gone"}),
            json!({"name": "x", "query": "", "sort": "color"}),
        ] {
            assert_eq!(make(&boss, wrong.clone()).await.status, 422, "{wrong}");
        }
        let names = async |who: &Person| {
            let views = s.get("/api/support/views").bearer(&who.token).send().await.expect(200);
            let saved = views["data"].as_array().expect("a list").iter().filter(|v| !v["id"].is_null());
            saved.map(|v| v["name"].as_str().expect("a name").to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names(&agent).await, ["Urgent", "Both"]);
        assert_eq!(names(&boss).await, ["Both"], "nobody else's own ones");
        assert!(names(&elsewhere).await.is_empty());
        let path = |view: &Value| format!("/api/support/views/{}", view["id"]);
        let list = s.get(&format!("/api/support/tickets?view={}", shared["id"])).bearer(&agent.token).send().await;
        let list = list.expect(200);
        let subjects: Vec<_> = list["data"].as_array().expect("a list").iter().map(|t| t["subject"].clone()).collect();
        assert_eq!(subjects, ["Frankfurt", "Else"], "in the view's order");

        let change = async |who: &Person, view: &Value, body: Value| {
            s.request("PATCH", &path(view)).bearer(&who.token).json(body).send().await
        };
        assert_eq!(change(&agent, &shared, json!({"name": "Mine"})).await.status, 403);
        assert_eq!(change(&boss, &own, json!({"name": "Mine"})).await.status, 404);
        let changed = change(&boss, &shared, json!({"query": "subject:else", "name": "One"})).await.expect(200);
        assert_eq!((&changed["name"], &changed["count"]), (&json!("One"), &json!(0)), "not indexed yet");
        assert_eq!(change(&agent, &own, json!({"shared": true})).await.status, 403);
        for (who, view, status) in
            [(&agent, &shared, 403), (&elsewhere, &own, 404), (&agent, &own, 200), (&agent, &own, 404)]
        {
            let gone = s.request("DELETE", &path(view)).bearer(&who.token).send().await;
            assert_eq!(gone.status, status, "{}", gone.text());
        }
        s
    })
    .await;
}

#[tokio::test]
async fn a_ticket_is_unread_until_its_page_was_open_and_again_when_the_customer_writes() {
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let other = s.person("other@example.com", Role::Agent, None).await;
        let pid = mail(&s, "ann@example.com", "Printer", "Message-ID: <first@x.example>\r\n").await;
        let unread = async |who: &Person| {
            let list = s.get("/api/support/tickets?q=is:unread").bearer(&who.token).send().await.expect(200);
            list["data"].as_array().map(Vec::len)
        };
        let page = async |who: &Person| {
            let page = s
                .get(&format!("/dashboard/support/{pid}"))
                .bearer(&who.token)
                .header("accept", "text/html")
                .send()
                .await;
            assert_eq!(page.status, 200);
            page.text()
        };
        assert_eq!((unread(&boss).await, unread(&other).await), (Some(1), Some(1)));
        assert!(!page(&boss).await.contains("id=\"new\""), "who never looked has nothing new");
        assert_eq!((unread(&boss).await, unread(&other).await), (Some(0), Some(1)), "each for themselves");
        // What one writes oneself is read.
        let url = format!("/api/support/tickets/{pid}/messages");
        s.post(&url).bearer(&boss.token).json(json!({"body": "Try again."})).send().await.expect(201);
        assert_eq!(unread(&boss).await, Some(0));
        let back = "In-Reply-To: <first@x.example>\r\nMessage-ID: <second@x.example>\r\n";
        assert_eq!(mail(&s, "ann@example.com", "Re: Printer", back).await, pid);
        assert_eq!(unread(&boss).await, Some(1));
        let list =
            s.get("/dashboard/support?view=all").bearer(&boss.token).header("accept", "text/html").send().await.text();
        assert!(
            list.contains("row--unread") && list.contains(&format!("/dashboard/support/{pid}?view&#x3D;all#new")),
            "{list}"
        );
        let text = page(&boss).await;
        assert!(text.find("Try again.") < text.find("id=\"new\""), "the line stands above what is new");
        assert_eq!(text.matches("id=\"new\"").count(), 1);
        assert!(!page(&boss).await.contains("id=\"new\""));
        s
    })
    .await;
}

#[tokio::test]
async fn a_search_in_the_queue_leads_to_the_message_that_was_found() {
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let pid = mail(&s, "ann@example.com", "Printer", "Message-ID: <first@x.example>\r\n").await;
        let url = format!("/api/support/tickets/{pid}/messages");
        let body = json!({"body": "The zeppelin is late.", "kind": "note"});
        let note = s.post(&url).bearer(&boss.token).json(body).send().await.expect(201);
        while shared::search::index_some(&s.app.db).await.expect("it is indexed") > 0 {}
        let list = s
            .get("/dashboard/support?view=all&q=zeppelin")
            .bearer(&boss.token)
            .header("accept", "text/html")
            .send()
            .await;
        let text = list.text();
        assert!(text.contains("The <mark>zeppelin</mark> is late."), "{text}");
        assert!(text.contains(&format!("#m-{}", note["id"])) && text.contains("find&#x3D;zeppelin"), "{text}");
        s
    })
    .await;
}
