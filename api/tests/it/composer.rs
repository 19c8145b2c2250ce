//! Writing to a ticket: Markdown, drafts, who gets it, and what stops it.

use crate::harness::people::Person;
use crate::harness::{Request, Server, on_both};
use serde_json::{Value, json};
use shared::access::Role;
use shared::doctor::{self, Depth, Invariant};
use shared::tenants::Audience;

struct Desk {
    agent: Person,
    other: Person,
    ticket: i64,
    pid: String,
}

async fn desk(s: &Server) -> Desk {
    let boss = s.person("boss@example.com", Role::Owner, None).await;
    let other = s.person("other@example.com", Role::Agent, None).await;
    let mock =
        json!({"from": "Ann <ann@shop.example>", "to": "support@postroom.localhost", "subject": "Help", "text": "Hi"});
    let got = s.post("/api/inbound/mock").json(mock).send().await.expect(200);
    let pid = got["pid"].as_str().expect("a pid").to_owned();
    Desk { agent: boss, other, ticket: got["ticket_id"].as_i64().expect("an id"), pid }
}

impl Desk {
    fn path(&self, rest: &str) -> String {
        format!("/api/support/tickets/{}/{rest}", self.ticket)
    }

    async fn post(&self, s: &Server, body: Value) -> Value {
        s.post(&self.path("messages")).bearer(&self.agent.token).json(body).send().await.expect(201)
    }

    async fn drafts(&self, s: &Server, who: &Person) -> (Value, Value) {
        let d = s.get(&self.path("draft")).bearer(&who.token).send().await.expect(200);
        (d["reply"]["body"].clone(), d["note"]["body"].clone())
    }

    async fn draft(&self, s: &Server, kind: &str, body: &str) -> Value {
        let put = s.request("PUT", &self.path("draft")).bearer(&self.agent.token);
        put.json(json!({"kind": kind, "body": body})).send().await.expect(200)["draft"].clone()
    }

    async fn page(&self, s: &Server) -> String {
        s.get(&format!("/dashboard/support/{}", self.pid)).bearer(&self.agent.token).send().await.text()
    }

    /// The composer's form with these fields.
    fn form(&self, s: &Server, fields: &[(&str, &str)]) -> Request {
        let csrf = self.agent.csrf(s);
        let all: Vec<(&str, &str)> = [("csrf", csrf.as_str())].into_iter().chain(fields.iter().copied()).collect();
        let url = format!("/dashboard/support/{}/messages", self.pid);
        s.post(&url).bearer(&self.agent.token).multipart(&all, &[])
    }
}

/// E12.8: what agents write is Markdown; page, API and mail show it, each in its way. What others write is plain text.
#[tokio::test]
async fn e12_8_agents_write_markdown() {
    on_both(|s| async move {
        let d = desk(&s).await;
        let source = "Hello **Ann**,\nsee [the guide](https://docs.example/a?b=1&c=2):\n\n- one\n- two\n\n<b>x</b> & [y](javascript:alert(1))";
        let sent = d.post(&s, json!({"body": source})).await;
        assert_eq!(sent["body"], source);
        let html = sent["body_html"].as_str().expect("html");
        assert!(html.contains("<strong>Ann</strong>,<br>") && html.contains("<li>one</li>"), "{html}");
        assert!(html.contains("&lt;b&gt;x&lt;/b&gt;") && !html.contains("javascript"), "{html}");
        s.drain().await;
        let url = format!("/api/outbox/{}/raw", sent["delivery"][0]["outbox_id"]);
        let raw = s.get(&url).bearer(&d.agent.token).send().await.body;
        let mail = shared::mail_in::parse::parse(&raw);
        let text = "Hello *Ann*,\nsee the guide <https://docs.example/a?b=1&c=2>:\n\n- one\n- two\n\n<b>x</b> & y <javascript:alert(1)>";
        assert!(mail.body_text.contains(text), "{}", mail.body_text);
        let html = mail.body_html.expect("an html part");
        assert!(html.contains("<strong>Ann</strong>") && !html.contains("javascript:"), "{html}");
        assert!(d.page(&s).await.contains("<strong>Ann</strong>"));

        let customer = s.person("mo@example.com", Role::Customer, Some(s.tenant("beta", Audience::Public).await)).await;
        let own = s.post("/api/support/tickets").bearer(&customer.token);
        let own = own.json(json!({"subject": "S", "description": "**x**"})).send().await.expect(201);
        let url = format!("/api/support/tickets/{}/messages", own["id"]);
        let written = s.post(&url).bearer(&customer.token).json(json!({"body": "**not bold**"})).send().await.expect(201);
        assert_eq!((&written["body_html"], &written["visible_text"]), (&Value::Null, &json!("**not bold**")));

        let ask = |p: &Person| s.post("/api/support/preview").bearer(&p.token).json(json!({"body": "_a_ <i>"}));
        let shown = ask(&d.agent).send().await.expect(200);
        assert_eq!((&shown["html"], &shown["text"]), (&json!("<p><em>a</em> &lt;i&gt;</p>"), &json!("_a_ <i>")));
        ask(&customer).send().await.problem(403, "forbidden");
        s
    })
    .await;
}

#[tokio::test]
async fn a_draft_is_kept_for_its_author_until_it_is_posted_and_comes_back_when_it_is_taken_back() {
    on_both(|s| async move {
        let d = desk(&s).await;
        assert_eq!(d.drafts(&s, &d.agent).await, (Value::Null, Value::Null));
        assert_eq!(d.draft(&s, "reply", "First wor").await["body"], "First wor");
        d.draft(&s, "reply", "First words").await;
        d.draft(&s, "note", "For us").await;
        assert_eq!(d.drafts(&s, &d.agent).await, (json!("First words"), json!("For us")));
        assert_eq!(d.drafts(&s, &d.other).await, (Value::Null, Value::Null));
        let version = s.get(&d.path("")[..d.path("").len() - 1]).bearer(&d.agent.token).send().await.expect(200);
        assert!(d.page(&s).await.contains("\nFirst words</textarea>"));
        let queue = |p: &Person| s.get("/dashboard/support?view=all").bearer(&p.token).send();
        assert!(queue(&d.agent).await.text().contains("flag--draft"));
        assert!(!queue(&d.other).await.text().contains("flag--draft"));

        // Posting takes it along, and a keystroke's draft that comes too late does not bring it back.
        let sent = d.post(&s, json!({"body": "First words, and last.", "undo_seconds": 60})).await;
        assert!(sent["seq"].as_i64() > version["version"].as_i64());
        assert_eq!(d.draft(&s, "reply", "First words, and").await, Value::Null);
        assert_eq!(d.drafts(&s, &d.agent).await, (Value::Null, json!("For us")));

        // What was written since stands below what is taken back.
        d.draft(&s, "reply", "Next").await;
        let cancel = s.post(&d.path(&format!("messages/{}/cancel", sent["id"]))).bearer(&d.agent.token);
        cancel.json(json!({})).send().await.expect(200);
        assert_eq!(d.drafts(&s, &d.agent).await.0, "First words, and last.\n\nNext");

        assert_eq!(d.draft(&s, "reply", "  ").await, Value::Null);
        s.request("DELETE", &d.path("draft?kind=note")).bearer(&d.agent.token).send().await.expect(200);
        assert_eq!(d.drafts(&s, &d.agent).await, (Value::Null, Value::Null));
        let put = s.request("PUT", &d.path("draft")).bearer(&d.agent.token);
        put.json(json!({"kind": "system", "body": "x"})).send().await.problem(422, "validation_failed");
        s
    })
    .await;
}

#[tokio::test]
async fn erasing_takes_drafts() {
    on_both(|s| async move {
        let d = desk(&s).await;
        d.draft(&s, "reply", "Her secret").await;
        s.post(&d.path("erase")).bearer(&d.agent.token).json(json!({})).send().await.expect(200);
        assert_eq!(d.drafts(&s, &d.agent).await.0, Value::Null);
        let put = s.request("PUT", &d.path("draft")).bearer(&d.agent.token);
        put.json(json!({"body": "again"})).send().await.problem(409, "ticket_erased");
        s
    })
    .await;
}

#[tokio::test]
async fn a_send_that_was_overtaken_stops_with_what_is_new_and_three_choices() {
    on_both(|s| async move {
        let d = desk(&s).await;
        let seen =
            s.get(&format!("/tickets/{}", d.ticket)).bearer(&d.agent.token).send().await.expect(200)["version"].clone();
        let url = d.path("messages");
        s.post(&url).bearer(&d.other.token).json(json!({"body": "I answered *already*."})).send().await.expect(201);
        let version = seen.to_string();
        let fields =
            [("kind", "reply"), ("body", "My answer"), ("expected_version", &version), ("status_after", "solved")];
        let stopped = d.form(&s, &fields).send().await;
        assert_eq!(stopped.status, 409);
        let page = stopped.text();
        let composer = page.split("id=\"composer\"").nth(1).expect("a composer");
        for part in [
            "I answered <em>already</em>",
            "\nMy answer</textarea>",
            "/draft/discard",
            "Send anyway",
            "value=\"solved\"",
        ] {
            assert!(composer.contains(part), "{part}: {composer}");
        }
        assert_eq!(d.drafts(&s, &d.agent).await.0, "My answer");
        // Sending anyway is the same form with the version that it now shows.
        let now = composer.split("name=\"expected_version\" value=\"").nth(1).unwrap().split('"').next().unwrap();
        let fields = [("kind", "reply"), ("body", "My answer"), ("expected_version", now), ("status_after", "solved")];
        assert_eq!(d.form(&s, &fields).send().await.status, 303);
        assert_eq!(d.drafts(&s, &d.agent).await.0, Value::Null);
        let t = s.get(&format!("/tickets/{}", d.ticket)).bearer(&d.agent.token).send().await.expect(200);
        assert_eq!(t["status"], "solved");
        s
    })
    .await;
}

#[tokio::test]
async fn recipients_tell_who_is_new_gone_outside_or_out_of_reach() {
    on_both(|s| async move {
        let d = desk(&s).await;
        let list = async || s.get(&d.path("recipients")).bearer(&d.agent.token).send().await.expect(200);
        let first = list().await;
        assert_eq!(first["to"].as_array().unwrap().len(), 1);
        assert_eq!((&first["to"][0]["is_new"], &first["to"][0]["outside"]), (&json!(false), &json!(false)));
        let add = json!({"body": "With Bo and Cy", "add": ["bo@shop.example", "cy@other.example"]});
        assert_eq!(d.post(&s, add).await["delivery"].as_array().unwrap().len(), 3);
        let joined = json!({"email": "di@other.example"});
        s.post(&d.path("participants")).bearer(&d.agent.token).json(joined).send().await.expect(200);
        let bo =
            list().await["to"].as_array().unwrap().iter().find(|r| r["email"] == "bo@shop.example").unwrap()["user_id"]
                .clone();
        let removed = json!({"user_id": bo, "remove": true});
        s.post(&d.path("participants")).bearer(&d.agent.token).json(removed).send().await.expect(200);
        let block = json!({"email": "cy@other.example"});
        s.post("/api/suppressions")
            .bearer(&d.agent.token)
            .header("x-tenant", "default")
            .json(block)
            .send()
            .await
            .expect(201);
        let now = list().await;
        let marks = |email: &str| {
            let r = now["to"].as_array().unwrap().iter().find(|r| r["email"] == email).cloned().unwrap_or_default();
            ["is_new", "outside", "suppressed"].map(|m| r[m] == true)
        };
        assert_eq!(marks("ann@shop.example"), [false, false, false]);
        assert_eq!(marks("cy@other.example"), [false, true, true]);
        assert_eq!(marks("di@other.example"), [true, true, false]);
        assert_eq!(now["gone"], json!(["bo@shop.example"]));
        let page = d.page(&s).await;
        assert!(page.contains("<s>bo@shop.example</s>") && page.contains("<em>new</em><em>outside</em>"), "{page}");

        // One reply without somebody; the next has them again.
        let di =
            now["to"].as_array().unwrap().iter().find(|r| r["email"] == "di@other.example").unwrap()["user_id"].clone();
        let sent = d.post(&s, json!({"body": "Not for Di", "without": [di]})).await;
        let to: Vec<&str> = sent["delivery"].as_array().unwrap().iter().filter_map(|m| m["to"].as_str()).collect();
        assert_eq!(to, ["ann@shop.example", "cy@other.example"]);
        // The timeline says so, and the doctor finds nothing amiss.
        let events = s.get(&d.path("events")).bearer(&d.agent.token).send().await.expect(200);
        let added = |e: &&Value| e["kind"] == "MESSAGE_ADDED" && e["data"]["left_out"] == json!([di]);
        assert_eq!(events["data"].as_array().unwrap().iter().filter(added).count(), 1, "{events}");
        let findings = doctor::run(&s.app, Depth::Quick).await.expect("it looks");
        let posted = findings.iter().find(|f| f.invariant == Invariant::Posted).expect("it is among them");
        assert_eq!(posted.faults.len(), 0, "{posted:?}");
        assert_eq!(list().await["to"].as_array().unwrap().len(), 3);
        let all: Vec<Value> = list().await["to"].as_array().unwrap().iter().map(|r| r["user_id"].clone()).collect();
        let nobody = s.post(&d.path("messages")).bearer(&d.agent.token).json(json!({"body": "x", "without": all}));
        nobody.send().await.problem(422, "validation_failed");
        let ours = json!({"body": "x", "add": "support@postroom.localhost"});
        s.post(&d.path("messages")).bearer(&d.agent.token).json(ours).send().await.problem(422, "validation_failed");
        s
    })
    .await;
}

#[tokio::test]
async fn a_reply_that_says_what_only_colleagues_should_read_is_refused_unless_forced() {
    on_both(|s| async move {
        let d = desk(&s).await;
        let note = "This customer is **always** late with paying, so be careful.";
        d.post(&s, json!({"body": note, "kind": "note"})).await;
        let reply = json!({"body": "Hello,\n> This customer is always late with paying,\n> so be careful\nBye"});
        let url = d.path("messages");
        let refused = s.post(&url).bearer(&d.agent.token).json(reply.clone()).send().await;
        refused.problem(422, "note_in_reply");
        d.draft(&s, "note", "Do not tell them that the server burnt down last night.").await;
        let own = json!({"body": "do not tell them that the server burnt down last night"});
        s.post(&url).bearer(&d.agent.token).json(own).send().await.problem(422, "note_in_reply");
        d.post(&s, json!({"body": "This customer is kind."})).await;
        let page = d.form(&s, &[("kind", "reply"), ("body", note)]).send().await;
        assert_eq!(page.status, 422);
        let page = page.text();
        assert!(page.contains("name=\"anyway\" value=\"1\"") && page.contains("internal note"), "{page}");
        let mut forced = reply;
        forced["force"] = json!(true);
        d.post(&s, forced).await;
        s
    })
    .await;
}

#[tokio::test]
async fn a_text_that_speaks_of_a_file_asks_for_it() {
    on_both(|s| async move {
        let d = desk(&s).await;
        let fields = [("kind", "reply"), ("body", "Anbei die Rechnung.")];
        let stopped = d.form(&s, &fields).send().await;
        assert_eq!(stopped.status, 422);
        assert!(stopped.text().contains("name=\"anyway\" value=\"1\""));
        let again = [("kind", "reply"), ("body", "Anbei die Rechnung."), ("anyway", "1")];
        assert_eq!(d.form(&s, &again).send().await.status, 303);
        let url = d.path("messages");
        let careful = json!({"body": "See attached", "careful": true});
        s.post(&url).bearer(&d.agent.token).json(careful).send().await.problem(422, "file_missing");
        d.post(&s, json!({"body": "See attached"})).await;
        s
    })
    .await;
}
