//! Fetched mailboxes as an admin sets them over HTTP; the fetching itself is the worker's tests'.

use crate::harness::on_both;
use serde_json::json;
use shared::access::Role;

/// E10.5: made, read, changed, compared, removed; the password is never told, and all of it is in the audit.
#[tokio::test]
async fn an_admin_sets_a_fetched_mailbox() {
    on_both(|s| async move {
        let boss = s.person("boss@platform.example", Role::Owner, None).await;
        let agent = s.person("agent@platform.example", Role::Agent, None).await;
        let new = json!({"host": "imap.example", "username": "desk", "password": "geheim", "after": "move", "moveTo": "Done", "active": false});
        s.post("/api/imap-accounts").bearer(&agent.token).json(new.clone()).send().await.problem(403, "forbidden");
        let made = s.post("/api/imap-accounts").bearer(&boss.token).json(new).send().await.expect(201);
        assert_eq!((&made["port"], &made["tls"], &made["folder"]), (&993.into(), &"implicit".into(), &"INBOX".into()));
        assert_eq!((&made["state"], &made["lag_s"], &made["move_to"]), (&"off".into(), &json!(null), &"Done".into()));
        let url = format!("/api/imap-accounts/{}", made["id"]);
        let change = json!({"after": "seen", "move_to": null, "password": "noch geheimer"});
        let changed = s.request("PATCH", &url).bearer(&boss.token).json(change).send().await.expect(200);
        assert_eq!((&changed["after"], &changed["move_to"]), (&"seen".into(), &json!(null)));
        let wrong = json!({"tls": "off"});
        let problem = s.request("PATCH", &url).bearer(&boss.token).json(wrong).send().await.problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["field"], "tls");
        s.post(&format!("{url}/reconcile")).bearer(&boss.token).send().await.expect(200);
        let all = s.get("/api/imap-accounts").bearer(&boss.token).send().await;
        assert!(!all.text().contains("geheim"), "{}", all.text());
        assert_eq!(all.expect(200)["data"].as_array().map(Vec::len), Some(1));
        let ready = s.get("/readyz").send().await;
        assert_eq!(ready.json()["imap"][0]["state"], "off", "{}", ready.text());
        let page = s.get("/dashboard/mail").bearer(&boss.token).send().await;
        assert!(page.status == 200 && page.text().contains("switched off"), "{}", page.text());
        let metrics = s.get("/metrics").send().await.text();
        assert!(metrics.contains("mail_inbound{state=\"quarantined\"} 0"), "{metrics}");
        s.request("DELETE", &url).bearer(&boss.token).send().await.expect(200);
        s.get(&url).bearer(&boss.token).send().await.problem(404, "not_found");
        let audit = s.get("/api/audit").bearer(&boss.token).send().await.text();
        for kind in ["imap_account.create", "imap_account.update", "imap_account.delete"] {
            assert!(audit.contains(kind), "{audit}");
        }
        assert!(!audit.contains("geheim"));
        s
    })
    .await;
}
