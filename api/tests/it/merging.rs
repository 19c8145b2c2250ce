//! Merging tickets and undoing it, by API and by page.

use crate::harness::people::Person;
use crate::harness::{INBOUND_TOKEN, Request, Server, on_both};
use serde_json::{Value, json};
use shared::access::Role;
use shared::tenants::Audience;

fn ask(s: &Server, who: &Person, method: &str, path: &str) -> Request {
    s.request(method, path).bearer(&who.token)
}

async fn mail(s: &Server, who: &str, id: &str, headers: &str) -> Value {
    let raw = format!(
        "From: {who}\r\nTo: support@postroom.localhost\r\nSubject: Matter {id}\r\nMessage-ID: <{id}@out.example>\r\n\
         {headers}\r\nText of {id}\r\n"
    );
    s.post("/api/inbound/raw").bearer(INBOUND_TOKEN).body("message/rfc822", raw).send().await.expect(200)
}

async fn ticket(s: &Server, who: &Person, t: &Value) -> Value {
    ask(s, who, "GET", &format!("/api/support/tickets/{}", t["pid"].as_str().expect("a pid"))).send().await.expect(200)
}

fn url(t: &Value, act: &str) -> String {
    format!("/api/support/tickets/{}/{act}", t["pid"].as_str().expect("a pid"))
}

/// What of a ticket an undone merge must give back.
fn stands(t: &Value) -> Value {
    let messages: Vec<Value> = t["messages"]
        .as_array()
        .expect("messages")
        .iter()
        .map(|m| json!([m["id"], m["seq"], m["body"], m["mail_id"], m["delivery"], m["attachments"]]))
        .collect();
    let mut people: Vec<String> =
        t["participants"].as_array().expect("people").iter().map(|p| format!("{} {}", p["email"], p["kind"])).collect();
    people.sort();
    json!([t["status"], t["solved_at"], t["closed_at"], t["merged_into"], t["last_activity_at"], messages, people])
}

/// Two tickets become one, replies to either reach it (E4.7), and undoing gives each back exactly what it had; what came
/// meanwhile stays with the survivor.
#[tokio::test]
async fn e4_7_a_merge_is_a_pointer_that_is_undone_exactly() {
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::SubAdmin, None).await;
        let (one, two) = (mail(&s, "ada@out.example", "one", "").await, mail(&s, "bob@out.example", "two", "").await);
        let reply = json!({"body": "Answer to one", "status_after": "solved"});
        ask(&s, &boss, "POST", &url(&one, "messages")).json(reply).send().await.expect(201);
        ask(&s, &boss, "POST", &url(&one, "messages"))
            .json(json!({"body": "A note", "kind": "note"}))
            .send()
            .await
            .expect(201);
        let waits = json!({"status": "waiting_on_customer"});
        ask(&s, &boss, "POST", &url(&two, "status")).json(waits).send().await.expect(200);
        s.drain().await;
        let before = [stands(&ticket(&s, &boss, &one).await), stands(&ticket(&s, &boss, &two).await)];

        let merged =
            ask(&s, &boss, "POST", &url(&one, "merge")).json(json!({"into": two["pid"]})).send().await.expect(200);
        assert_eq!((&merged["pid"], &merged["status"]), (&two["pid"], &json!("in_progress")));
        assert_eq!(merged["messages"].as_array().map(Vec::len), Some(4), "{merged}");
        assert_eq!(merged["participants"].as_array().map(Vec::len), Some(2));
        let old = ticket(&s, &boss, &one).await;
        assert_eq!((&old["status"], &old["merged_into"]), (&json!("closed"), &merged["id"]));
        assert_eq!(old["messages"], json!([]));

        // Mail for the merged one reaches the survivor; nothing else changes in it.
        let later = mail(&s, "ada@out.example", "later", "In-Reply-To: <one@out.example>\r\n").await;
        assert_eq!((&later["outcome"], &later["pid"]), (&json!("message_added"), &two["pid"]));
        for (act, body) in [
            ("messages", json!({"body": "Late"})),
            ("status", json!({"status": "in_progress"})),
            ("reopen", json!({})),
            ("merge", json!({"into": two["pid"]})),
        ] {
            let refused = ask(&s, &boss, "POST", &url(&one, act)).json(body).send().await;
            assert_eq!(refused.problem(409, "ticket_merged")["pid"], two["pid"]);
        }

        ask(&s, &boss, "POST", &url(&one, "unmerge")).json(json!({})).send().await.expect(200);
        let mut after = [stands(&ticket(&s, &boss, &one).await), stands(&ticket(&s, &boss, &two).await)];
        assert_eq!(after[0], before[0]);
        // The survivor keeps what came meanwhile, and so who wrote it.
        assert_eq!(after[1][0], "in_progress", "somebody wrote since: their word counts");
        let kept = after[1][5].as_array().expect("messages").clone();
        assert_eq!((kept.len(), kept[1][2].as_str().map(str::trim)), (2, Some("Text of later")));
        assert!(after[1][6].as_array().expect("people").iter().any(|p| p == "\"ada@out.example\" \"cc\""));
        after[1][5] = json!([kept[0]]);
        assert_eq!(after[1][5], before[1][5]);
        // An answer to a message follows it.
        let again = mail(&s, "ada@out.example", "again", "In-Reply-To: <one@out.example>\r\n").await;
        assert_eq!(again["pid"], one["pid"]);
        ask(&s, &boss, "POST", &url(&one, "unmerge")).json(json!({})).send().await.problem(409, "cannot_undo");
        let kinds = |t: &Value| {
            let path = url(t, "events");
            let list = ask(&s, &boss, "GET", &path).send();
            async move {
                let list = list.await.expect(200);
                list["data"].as_array().expect("events").iter().map(|e| e["kind"].clone()).collect::<Vec<_>>()
            }
        };
        for t in [&one, &two] {
            let kinds = kinds(t).await;
            assert!(kinds.contains(&json!("MERGED")) && kinds.contains(&json!("UNMERGED")), "{kinds:?}");
        }
        s
    })
    .await;
}

/// Where nothing happened meanwhile, the survivor stands as before, too.
#[tokio::test]
async fn a_merge_undone_at_once_leaves_no_trace_but_events() {
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let (one, two) = (mail(&s, "ada@out.example", "one", "").await, mail(&s, "bob@out.example", "two", "").await);
        ask(&s, &boss, "POST", &url(&two, "status")).json(json!({"status": "solved"})).send().await.expect(200);
        s.drain().await;
        let before = [stands(&ticket(&s, &boss, &one).await), stands(&ticket(&s, &boss, &two).await)];
        ask(&s, &boss, "POST", &url(&one, "merge")).json(json!({"into": two["pid"]})).send().await.expect(200);
        ask(&s, &boss, "POST", &url(&one, "unmerge")).json(json!({})).send().await.expect(200);
        let mut after = [stands(&ticket(&s, &boss, &one).await), stands(&ticket(&s, &boss, &two).await)];
        // Solved again, at another moment.
        assert!(after[1][1].is_string());
        after[1][1] = before[1][1].clone();
        assert_eq!(after, before);
        s
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_merged_says_why() {
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let agent = s.person("agent@example.com", Role::Agent, None).await;
        let other = s.tenant("other", Audience::Public).await;
        let theirs = s.person("boss@other.example", Role::Owner, Some(other)).await;
        let (one, two) = (mail(&s, "ada@out.example", "one", "").await, mail(&s, "ada@out.example", "two", "").await);
        let three = mail(&s, "ada@out.example", "three", "").await;
        let body = json!({"requester": {"email": "eve@out.example"}, "subject": "Elsewhere", "body": "x"});
        let far = ask(&s, &theirs, "POST", "/api/support/tickets").json(body).send().await.expect(201);
        let merge = async |who: &Person, t: &Value, into: Value| {
            ask(&s, who, "POST", &url(t, "merge")).json(json!({"into": into})).send().await
        };
        merge(&agent, &one, two["pid"].clone()).await.problem(403, "forbidden");
        merge(&theirs, &one, far["pid"].clone()).await.problem(404, "ticket_not_found");
        let field = |p: Value| p["errors"][0]["code"].clone();
        assert_eq!(
            field(merge(&boss, &one, json!("202001-0001")).await.problem(422, "validation_failed")),
            "ticket_unknown"
        );
        assert_eq!(
            field(merge(&boss, &one, one["ticket_id"].clone()).await.problem(422, "validation_failed")),
            "same_ticket"
        );
        assert_eq!(
            field(merge(&boss, &one, far["pid"].clone()).await.problem(422, "validation_failed")),
            "other_tenant"
        );
        assert_eq!(field(merge(&boss, &one, Value::Null).await.problem(422, "validation_failed")), "required");
        ask(&s, &boss, "POST", &url(&one, "unmerge")).json(json!({})).send().await.problem(409, "cannot_undo");

        // Two agents merge in opposite directions: the second one finds the survivor, which is the same ticket.
        merge(&boss, &one, two["pid"].clone()).await.expect(200);
        assert_eq!(
            field(merge(&boss, &two, one["pid"].clone()).await.problem(422, "validation_failed")),
            "same_ticket"
        );
        // A merge into a merged ticket goes to the survivor; what went on with it cannot be undone alone.
        assert_eq!(merge(&boss, &three, one["pid"].clone()).await.expect(200)["pid"], two["pid"]);
        let four = mail(&s, "ada@out.example", "four", "").await;
        merge(&boss, &two, four["pid"].clone()).await.expect(200);
        ask(&s, &boss, "POST", &url(&one, "unmerge")).json(json!({})).send().await.problem(409, "cannot_undo");
        ask(&s, &boss, "POST", &url(&two, "unmerge")).json(json!({})).send().await.expect(200);
        ask(&s, &boss, "POST", &url(&one, "unmerge")).json(json!({})).send().await.expect(200);
        assert_eq!(ticket(&s, &boss, &one).await["messages"].as_array().map(Vec::len), Some(1));
        assert_eq!(ticket(&s, &boss, &two).await["messages"].as_array().map(Vec::len), Some(2));
        s
    })
    .await;
}

/// Two who merge two tickets into each other at the same moment: one of them is done, both tickets are never closed.
#[tokio::test]
async fn opposite_merges_at_once_leave_one_survivor() {
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        for round in 0..5 {
            let (a, b) = (format!("a{round}"), format!("b{round}"));
            let (one, two) = (mail(&s, "ada@out.example", &a, "").await, mail(&s, "ada@out.example", &b, "").await);
            let merge = |t: &Value, into: &Value| {
                ask(&s, &boss, "POST", &url(t, "merge")).json(json!({"into": into["pid"]})).send()
            };
            let (first, second) = tokio::join!(merge(&one, &two), merge(&two, &one));
            let mut statuses = [first.status, second.status];
            statuses.sort_unstable();
            assert!(statuses == [200, 409] || statuses == [200, 422], "{statuses:?}");
            let (one, two) = (ticket(&s, &boss, &one).await, ticket(&s, &boss, &two).await);
            assert_eq!([&one, &two].iter().filter(|t| t["merged_into"].is_null()).count(), 1);
        }
        s
    })
    .await;
}

/// The page offers the requester's other tickets, merges, says so on both, and undoes it.
#[tokio::test]
async fn the_page_merges_and_undoes() {
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let agent = s.person("agent@example.com", Role::Agent, None).await;
        let (one, two) = (mail(&s, "ada@out.example", "one", "").await, mail(&s, "ada@out.example", "two", "").await);
        let page = |t: &Value| format!("/dashboard/support/{}", t["pid"].as_str().expect("a pid"));
        let shown = ask(&s, &boss, "GET", &page(&one)).send().await.text();
        let pid = two["pid"].as_str().expect("a pid");
        assert!(shown.contains(&format!("name=\"into\" value=\"{pid}\"")), "it is offered");
        assert!(!ask(&s, &agent, "GET", &page(&one)).send().await.text().contains("/merge\""), "not to agents");
        let post = async |path: String, more: &str| {
            let form = format!("csrf={}&{more}", boss.csrf(&s));
            ask(&s, &boss, "POST", &path).body("application/x-www-form-urlencoded", form).send().await
        };
        let done = post(format!("{}/merge", page(&one)), &format!("into={pid}")).await;
        assert_eq!((done.status, done.header("location")), (303, Some(format!("{}?did=merge", page(&two)).as_str())));
        let shown = ask(&s, &boss, "GET", &page(&two)).send().await.text();
        assert!(shown.contains("Text of one") && shown.contains(&format!("{}/unmerge", page(&one))), "{shown}");
        let shown = ask(&s, &boss, "GET", &page(&one)).send().await.text();
        assert!(shown.contains("All of this ticket is in") && !shown.contains("name=\"body\""), "{shown}");
        assert_eq!(post(format!("{}/unmerge", page(&one)), "").await.status, 303);
        let shown = ask(&s, &boss, "GET", &page(&one)).send().await.text();
        assert!(shown.contains("Text of one") && shown.contains("name=\"body\""), "{shown}");
        assert_eq!(post(format!("{}/merge", page(&one)), "into=nothing").await.status, 422);
        s
    })
    .await;
}
