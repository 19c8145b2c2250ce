//! A real Postfix between our worker and our LMTP door: what leaves comes back in as other people's mail would, and what
//! Postfix cannot deliver comes back as its bounce.

use super::run::{Installation, Process, eventually};
use crate::harness::Database;
use serde_json::{Value, json};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

/// A Postfix of this test's own: its configuration, queue and ports. Stopped when dropped.
struct Postfix {
    folder: tempfile::TempDir,
    port: u16,
}

impl Postfix {
    /// Starts one that takes all mail from this machine and hands it on by LMTP; None with a line that says why.
    fn start(lmtp: u16) -> Option<Postfix> {
        let root = Command::new("id").arg("-u").output().is_ok_and(|o| o.stdout.trim_ascii() == b"0");
        let installed = ["/usr/sbin/postfix", "/usr/lib/postfix/sbin/master"].iter().all(|p| PathBuf::from(p).exists());
        if !root || !installed {
            println!("skipped: Postfix is not installed here (scripts/setup does that), or this is not root");
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let base = folder.path().display();
        let port = free_port();
        for name in ["etc", "queue", "data"] {
            std::fs::create_dir(at(name)).expect("a folder");
        }
        let main = format!(
            "compatibility_level = 3.6\nqueue_directory = {base}/queue\ndata_directory = {base}/data\n\
             command_directory = /usr/sbin\ndaemon_directory = /usr/lib/postfix/sbin\nmail_owner = postfix\n\
             setgid_group = postdrop\nmaillog_file = {base}/log\nmaillog_file_prefixes = {base}\n\
             inet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nmyhostname = relay.example\nmydestination =\n\
             mynetworks = 127.0.0.0/8\nlocal_recipient_maps =\nalias_maps =\nalias_database =\n\
             default_transport = lmtp:inet:127.0.0.1:{lmtp}\ndisable_dns_lookups = yes\nsmtpd_peername_lookup = no\n\
             smtpd_recipient_restrictions = permit_mynetworks, reject\n"
        );
        let master = format!(
            "127.0.0.1:{port} inet n - n - - smtpd\ncleanup unix n - n - 0 cleanup\nqmgr unix n - n 300 1 qmgr\n\
             rewrite unix - - n - - trivial-rewrite\nbounce unix - - n - 0 bounce\ndefer unix - - n - 0 bounce\n\
             trace unix - - n - 0 bounce\nflush unix n - n 1000? 0 flush\nerror unix - - n - - error\n\
             retry unix - - n - - error\nlmtp unix - - n - - lmtp\nanvil unix - - n - 1 anvil\n\
             scache unix - - n - 1 scache\npostlog unix-dgram n - n - 1 postlogd\n"
        );
        std::fs::write(at("etc/main.cf"), main).expect("written");
        std::fs::write(at("etc/master.cf"), master).expect("written");
        // Its daemons run as a user of their own and must reach their queue.
        let run = |program: &str, args: &[&str]| {
            let output = Command::new(program).args(args).output().expect("it runs");
            assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        };
        run("chmod", &["755", &base.to_string()]);
        run("chown", &["postfix", &at("data").display().to_string()]);
        run("postfix", &["-c", &at("etc").display().to_string(), "start"]);
        Some(Postfix { folder, port })
    }

    /// What it wrote about its work, for a test that fails.
    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        let etc = self.folder.path().join("etc");
        let _ = Command::new("postfix").arg("-c").arg(etc).arg("stop").output();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port()
}

struct Desk {
    server: Process,
    token: String,
}

impl Desk {
    async fn ask(&self, method: &str, path: &str, tenant: &str, body: Value) -> Value {
        let request = self.server.request(method, path).bearer(&self.token).header("x-tenant", tenant);
        let request = if body.is_null() { request } else { request.json(body) };
        let answer = request.send().await;
        assert!(matches!(answer.status, 200 | 201), "{method} {path}: {} {}", answer.status, answer.text());
        answer.json()
    }

    /// Opens a ticket for somebody and answers it; returns the ticket's path and the answer.
    async fn answered(&self, requester: &str) -> (String, Value) {
        let body = json!({"subject": "Your order", "description": "x", "requester": {"email": requester}});
        let ticket = self.ask("POST", "/api/support/tickets", "default", body).await;
        let path = format!("/api/support/tickets/{}", ticket["id"]);
        let reply =
            self.ask("POST", &format!("{path}/messages"), "default", json!({"body": "It is on its way."})).await;
        (path, reply)
    }
}

/// E9.11, E9.14, E10.7: out by the worker, through Postfix, in by LMTP; an answer comes back the same way, and a bounce
/// of Postfix finds the mail that it is about.
#[tokio::test]
async fn postfix_carries_mail_from_the_worker_to_the_door_and_bounces_back() {
    let lmtp = free_port();
    let Some(postfix) = Postfix::start(lmtp) else { return };
    let (relay, door) = (format!("smtp://127.0.0.1:{}", postfix.port), format!("127.0.0.1:{lmtp}"));
    let settings = [("SMTP_URL", relay.as_str()), ("POSTROOM_LMTP_LISTEN", door.as_str())];
    let place = Installation::new(Database::sqlite(), &settings);
    let server = place.serve(&[]).await;
    let token = server.admin_token().await;
    let desk = Desk { server, token };
    let tenant = json!({"slug": "beta", "name": "Beta", "mailbox": "help@beta.example"});
    desk.ask("POST", "/api/tenants", "default", tenant).await;

    // E3.1, E3.7: both mailboxes' probes come back by the way that all mail goes.
    eventually("the probes", PATIENCE, async || {
        let list = desk.server.request("GET", "/api/mailboxes").bearer(&desk.token).send().await.json();
        let back = |m: &Value| m["tags"]["state"] == "works" && m["tags"]["message_ids"] == "kept";
        list["data"].as_array().filter(|all| all.len() == 2 && all.iter().all(back)).map(drop)
    })
    .await;

    let (ours, _) = desk.answered("help@beta.example").await;
    let (no_reply, nobody) = desk.answered("nobody@beta.example").await;

    // The other company gets it as anybody's mail, Postfix's line on top.
    let theirs = eventually("their ticket", PATIENCE, async || {
        let list = desk.ask("GET", "/api/support/tickets", "beta", Value::Null).await;
        list["data"].as_array().expect("tickets").first().cloned()
    })
    .await;
    assert!(theirs["subject"].as_str().expect("a subject").contains("Your order"), "{theirs}");
    let mails = desk.ask("GET", "/api/mails", "beta", Value::Null).await;
    let mail = &mails["data"][0];
    assert_eq!((&mail["door"], &mail["class"]), (&json!("lmtp"), &json!("person")), "{mail}\n{}", postfix.log());
    assert!(mail["envelope_from"].as_str().expect("a sender").starts_with("support+"), "{mail}");
    let url = format!("/api/mails/{}/raw", mail["id"]);
    let raw = desk.server.request("GET", &url).bearer(&desk.token).header("x-tenant", "beta").send().await.text();
    assert!(raw.contains("by relay.example (Postfix)"), "{raw}");

    // Their answer joins our ticket by our reply address or id.
    let answer = json!({"body": "It has arrived, thank you."});
    desk.ask("POST", &format!("/api/support/tickets/{}/messages", theirs["id"]), "beta", answer).await;
    eventually("their answer", PATIENCE, async || {
        let ticket = desk.ask("GET", &ours, "default", Value::Null).await;
        let messages = ticket["messages"].as_array().expect("messages").clone();
        messages.into_iter().find(|m| m["body"].as_str().is_some_and(|b| b.contains("It has arrived")))
    })
    .await;

    // What nobody takes comes back to the address that only this mail had.
    let url = format!("/api/outbox/{}", nobody["delivery"][0]["outbox_id"]);
    let bounced = eventually("the bounce", PATIENCE, async || {
        let mail = desk.ask("GET", &url, "default", Value::Null).await;
        (mail["state"] == "bounced").then_some(mail)
    })
    .await;
    assert_eq!(bounced["attempts"][0]["result"], "sent", "Postfix took it first: {bounced}");
    let events = desk.ask("GET", &format!("{no_reply}/events"), "default", Value::Null).await;
    let event = events["data"].as_array().expect("events").iter().find(|e| e["kind"] == "MAIL_BOUNCED").cloned();
    let event = event.unwrap_or_else(|| panic!("no event: {events}\n{}", postfix.log()));
    assert_eq!((&event["data"]["verified"], &event["data"]["kind"]), (&json!(true), &json!("hard")), "{event}");
    let suppressed = desk.ask("GET", "/api/suppressions", "default", Value::Null).await;
    assert_eq!(suppressed["data"][0]["email"], "nobody@beta.example", "{suppressed}");
    assert!(suppressed["data"].as_array().expect("a list").len() == 1, "{suppressed}");

    desk.server.terminate().await;
    place.doctor().await;
    place.database.drop_it().await;
}
