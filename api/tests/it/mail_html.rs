//! A mail's HTML as the page shows it.

use crate::harness::{Server, on_both};
use serde_json::json;
use shared::access::Role;

/// E12.1, E12.3, E12.4: nothing active and nothing remote is left, and the document may run nothing by its policy.
#[tokio::test]
async fn html_is_shown_without_what_acts_or_loads() {
    on_both(|s: Server| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let html = "<p onclick=x()>Text</p><script>x()</script><img src='https://track.example/p.gif'>\
                    <form action='https://evil.example'><input name=a></form><a href='javascript:x()'>a</a>\
                    <svg onload=x()></svg><iframe src='https://evil.example'></iframe><base href='//evil.example'>\
                    <div style='position:fixed;background:url(https://evil.example/b)'>Styled</div>";
        let mail = json!({"from": "c@example.org", "to": "support@postroom.localhost", "subject": "S", "html": html});
        let got = s.post("/api/inbound/mock").json(mail).send().await.expect(200);
        let (pid, message) = (got["pid"].as_str().expect("a PID"), &got["ticket_message_id"]);
        let path = format!("/dashboard/support/{pid}/messages/{message}/html");
        let page = s.get(&path).bearer(&boss.token).send().await;
        assert_eq!(page.status, 200);
        let policy = page.header("content-security-policy").expect("a policy").to_owned();
        assert!(policy.starts_with("default-src 'none'") && policy.contains("sandbox allow-popups"), "{policy}");
        assert!(!policy.contains("allow-scripts") && !policy.contains("unsafe-eval"), "{policy}");
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
        let text = page.text();
        assert!(text.contains("Text") && text.contains("Styled"), "{text}");
        for gone in [
            "onclick",
            "onload",
            "<script",
            "javascript:",
            "<form",
            "<input",
            "<iframe",
            "evil.example",
            "track.example",
        ] {
            assert!(!text.contains(gone), "{gone}: {text}");
        }
        s
    })
    .await;
}
