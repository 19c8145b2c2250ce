//! The operator's commands, run as the program itself.

use crate::harness::on_both;
use serde_json::json;
use std::io::Write;
use std::process::{Command, Stdio};

/// What a command printed, and whether it succeeded.
fn postroom(url: &str, stdin: &str, args: &[&str]) -> (bool, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_postroom"))
        .args(args)
        .env_clear()
        .env("DATABASE_URL", url)
        .env("POSTROOM_SECRET", "a secret for tests alone")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    child.stdin.take().expect("a pipe").write_all(stdin.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[tokio::test]
async fn what_the_operator_makes_works() {
    on_both(|s| async move {
        let url = s.app.config.database_url.clone();
        let run = |stdin: &str, args: &[&str]| {
            let (done, said) = postroom(&url, stdin, args);
            assert!(done, "{args:?}: {said}");
            said
        };
        run("", &["tenant", "add", "acme", "--name", "Acme", "--mailbox", "help@acme.example"]);
        run(
            "",
            &["user", "add", "ann@acme.example", "--role", "admin", "--tenant", "acme", "--password", "first password"],
        );
        run("second password\n", &["user", "password", "ann@acme.example", "--tenant", "acme", "--password", "-"]);
        let body = json!({"email": "ann@acme.example", "password": "second password"});
        let user = s.post("/api/auth/login").json(body).send().await.expect(200)["user"].clone();
        assert_eq!((&user["role"], &user["tenant"]["slug"]), (&json!("admin"), &json!("acme")));
        let token = run("", &["token", "add", "ann@acme.example", "--tenant", "acme"]);
        let mailboxes = s.get("/api/mailboxes").bearer(token.trim()).send().await.expect(200);
        assert_eq!(mailboxes["data"][0]["address"], "help@acme.example");
        let (done, said) = postroom(&url, "", &["user", "add", "ann@acme.example", "--tenant", "nowhere"]);
        assert!(!done && said.contains("no tenant nowhere"), "{said}");
        let (done, said) = postroom(&url, "", &["user", "add", "not an address"]);
        assert!(!done && said.contains("email must be a mail address"), "{said}");
        s
    })
    .await;
}
