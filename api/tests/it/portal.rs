//! The customer's own tickets, by page: what they see, what they may do, and what they never learn.

use crate::harness::people::Person;
use crate::harness::{Request, Response, Server, on_both};
use serde_json::{Value, json};
use shared::access::Role;
use shared::ids::TenantId;
use shared::store::{Scope, sql};
use shared::tenants::Audience;

fn get(s: &Server, by: &Person, path: &str) -> Request {
    s.get(path).header("accept", "text/html").bearer(&by.token)
}

fn post(s: &Server, by: &Person, path: &str, fields: &[(&str, &str)]) -> Request {
    let csrf = by.csrf(s);
    let all = fields.iter().copied().chain([("csrf", csrf.as_str())]);
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(all).finish();
    let request = s.post(path).header("accept", "text/html").bearer(&by.token);
    request.body("application/x-www-form-urlencoded", body)
}

async fn open(s: &Server, by: &Person, subject: &str) -> Value {
    let body = json!({"subject": subject, "description": format!("About {subject}.")});
    s.post("/api/support/tickets").bearer(&by.token).json(body).send().await.expect(201)
}

async fn say(s: &Server, by: &Person, ticket: &Value, body: Value) -> Value {
    let path = format!("/api/support/tickets/{}/messages", ticket["id"]);
    s.post(&path).bearer(&by.token).json(body).send().await.expect(201)
}

fn page_of(ticket: &Value) -> String {
    format!("/portal/{}", ticket["pid"].as_str().expect("a PID"))
}

async fn text(answer: impl Future<Output = Response>) -> String {
    let answer = answer.await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.text()
}

#[tokio::test]
async fn customers_see_their_own_and_members_their_companys() {
    on_both(|s| async move {
        let (public, company) =
            (s.tenant("alpha", Audience::Public).await, s.tenant("beta", Audience::Organisation).await);
        let kim = s.person("kim@out.example", Role::Customer, Some(public)).await;
        let lee = s.person("lee@out.example", Role::Customer, Some(public)).await;
        let ann = s.person("ann@beta.example", Role::Customer, Some(company)).await;
        let bob = s.person("bob@beta.example", Role::Staff, Some(company)).await;
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let of_kim = open(&s, &kim, "The printer").await;
        let of_ann = open(&s, &ann, "The scanner").await;

        let list = text(get(&s, &kim, "/portal").send()).await;
        assert!(list.contains("The printer") && list.contains("We have it") && list.contains("answer by"), "{list}");
        assert!(!text(get(&s, &lee, "/portal").send()).await.contains("The printer"));
        assert_eq!(get(&s, &lee, &page_of(&of_kim)).send().await.status, 404);
        assert_eq!(post(&s, &lee, &format!("{}/close", page_of(&of_kim)), &[]).send().await.status, 404);
        let shared = text(get(&s, &bob, "/portal").send()).await;
        assert!(shared.contains("The scanner") && shared.contains("ann@beta.example"));
        assert!(text(get(&s, &bob, &page_of(&of_ann)).send()).await.contains("About The scanner."));
        assert!(!shared.contains("The printer"));

        say(&s, &boss, &of_kim, json!({"body": "Which one?", "status_after": "waiting_on_customer"})).await;
        let waiting = text(get(&s, &kim, "/portal?show=you").send()).await;
        assert!(waiting.contains("The printer") && waiting.contains("We are waiting for you"));
        assert!(!text(get(&s, &kim, "/portal?show=done").send()).await.contains("The printer"));
        while shared::search::index_some(&s.app.db).await.expect("an index") > 0 {}
        assert!(text(get(&s, &kim, "/portal?q=printer").send()).await.contains("The printer"));
        for path in ["/portal", &page_of(&of_kim)] {
            let led = get(&s, &boss, path).send().await;
            assert!(led.status == 303 && led.header("location").unwrap().starts_with("/dashboard/support"));
            let led = s.get(path).header("accept", "text/html").send().await;
            assert!(led.header("location").unwrap().starts_with("/login?next=%2Fportal"));
        }
        s
    })
    .await;
}

#[tokio::test]
async fn a_customer_answers_closes_reopens_and_rates() {
    on_both(|s| async move {
        let tenant = s.tenant("alpha", Audience::Public).await;
        let kim = s.person("kim@out.example", Role::Customer, Some(tenant)).await;
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let ticket = open(&s, &kim, "The printer").await;
        let path = page_of(&ticket);
        let sent = s
            .post(&format!("{path}/messages"))
            .header("accept", "text/html")
            .bearer(&kim.token)
            .multipart(
                &[("csrf", &kim.csrf(&s)), ("body", "It is <b>on</b> fire.")],
                &[("files", "fire.txt", "text/plain", b"hot")],
            )
            .send()
            .await;
        assert_eq!(sent.status, 303, "{}", sent.text());
        assert!(sent.header("location").unwrap().starts_with(&format!("{path}?did=reply#m-")));
        let seen = text(get(&s, &kim, &path).send()).await;
        assert!(seen.contains("It is &lt;b&gt;on&lt;/b&gt; fire.") && seen.contains("fire.txt"));
        let empty = post(&s, &kim, &format!("{path}/messages"), &[("body", " ")]).send().await;
        assert!(empty.status == 422 && empty.text().contains("href=\"#reply\""), "{}", empty.text());

        let act =
            async |act: &str, fields: &[(&str, &str)]| post(&s, &kim, &format!("{path}/{act}"), fields).send().await;
        assert_eq!(act("rate", &[("score", "5")]).await.status, 422, "not while it is open");
        assert_eq!(act("close", &[]).await.status, 303);
        let closed = text(get(&s, &kim, &path).send()).await;
        assert!(!closed.contains("name=\"body\"") && closed.contains(&format!("{path}/reopen")));
        let late = act("messages", &[("body", "One thing more")]).await;
        assert_eq!(late.status, 409);
        assert_eq!(act("rate", &[("score", "9")]).await.status, 422);
        assert_eq!(act("rate", &[("score", "4"), ("comment", "Quick")]).await.status, 303);
        assert_eq!(act("rate", &[("score", "5")]).await.status, 303, "a later one replaces it");
        let rated = s.get(&format!("/dashboard/support/{}", ticket["pid"].as_str().unwrap())).bearer(&boss.token);
        assert!(text(rated.send()).await.contains("id=\"s-rating\""));
        let events = s.get(&format!("/api/support/tickets/{}/events", ticket["id"])).bearer(&boss.token).send().await;
        assert_eq!(events.text().matches("\"RATED\"").count(), 2);
        assert_eq!(act("reopen", &[]).await.status, 303);
        assert!(text(get(&s, &kim, &path).send()).await.contains("name=\"body\""));
        s
    })
    .await;
}

/// What agents say to one another, or have not said yet, in every way that they can; each with a word of its own.
async fn secrets(s: &Server, boss: &Person, ticket: &Value, round: u32) -> Vec<String> {
    let word = |of: &str| format!("secret{of}{round}x{:08x}", rand::random::<u32>());
    let (note, tag, held, taken, resolution) = (word("note"), word("tag"), word("held"), word("taken"), word("why"));
    say(s, boss, ticket, json!({"body": format!("Between us: {note}"), "kind": "note"})).await;
    say(s, boss, ticket, json!({"body": format!("Wait: {held}"), "undo_seconds": 60})).await;
    let reply = say(s, boss, ticket, json!({"body": format!("Oh no: {taken}"), "undo_seconds": 60})).await;
    let path = format!("/api/support/tickets/{}/messages/{}/cancel", ticket["id"], reply["id"]);
    s.post(&path).bearer(&boss.token).send().await.expect(200);
    let change = json!({"tags": [tag], "resolution_notes": format!("It was {resolution}")});
    let path = format!("/api/support/tickets/{}", ticket["id"]);
    s.request("PATCH", &path).bearer(&boss.token).json(change).send().await.expect(200);
    vec![note, tag, held, taken, resolution]
}

#[tokio::test]
async fn notes_and_what_was_not_said_appear_in_no_answer() {
    on_both(|s| async move {
        let tenant: TenantId = s.tenant("beta", Audience::Organisation).await;
        let kim = s.person("kim@beta.example", Role::Customer, Some(tenant)).await;
        let staff = s.person("staff@beta.example", Role::Staff, Some(tenant)).await;
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let ticket = open(&s, &kim, "The printer").await;
        let mut words = Vec::new();
        for round in 0..6 {
            say(&s, &kim, &ticket, json!({"body": format!("Question {round}")})).await;
            words.extend(secrets(&s, &boss, &ticket, round).await);
            say(&s, &boss, &ticket, json!({"body": format!("Answer {round}")})).await;
        }
        let mut tx = s.app.db.write(Scope::All).await.unwrap();
        sql("UPDATE ticket_messages SET kind = 'system' WHERE body LIKE 'Answer 0%'").exec(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
        s.drain().await;
        let path = page_of(&ticket);
        for who in [&kim, &staff] {
            let mut answers = vec![
                text(get(&s, who, "/portal").send()).await,
                text(get(&s, who, &path).send()).await,
                text(get(&s, who, &format!("{path}?before=12")).send()).await,
                post(&s, who, &format!("{path}/messages"), &[("body", "")]).send().await.text(),
                post(&s, who, &format!("{path}/rate"), &[("score", "7")]).send().await.text(),
            ];
            for word in &words {
                let found = text(get(&s, who, &format!("/portal?q={word}")).send()).await;
                assert!(!found.contains("The printer"), "{word} finds the ticket");
                // What was searched for stands in the page again: that tells nothing.
                answers.push(found.replace(word.as_str(), ""));
            }
            for (n, answer) in answers.iter().enumerate() {
                let told: Vec<_> = words.iter().filter(|w| answer.contains(w.as_str())).collect();
                assert!(told.is_empty(), "answer {n} tells {told:?}: {answer}");
                assert!(!answer.contains("Answer 0"), "a system line is shown in answer {n}");
            }
            assert!(answers[1].contains("Question 5") && answers[1].contains("Answer 5"));
        }
        s
    })
    .await;
}
