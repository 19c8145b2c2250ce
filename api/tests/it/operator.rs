//! The program as its operator meets it: first start, second start, wrong settings, and what it prints.

use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// `postroom` in a folder of its own, without anybody's settings.
fn program(folder: &Path, args: &[&str], settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_postroom"));
    command.args(args).env_clear().envs(settings.iter().copied()).current_dir(folder).stdin(Stdio::null());
    command
}

/// Runs it to its end: exit code, stdout, stderr.
fn postroom(folder: &Path, args: &[&str], settings: &[(&str, &str)]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = program(folder, args, settings).output().expect("it starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it writes UTF-8");
    (status.code().expect("it exits"), text(stdout), text(stderr))
}

/// A server that runs; killed when dropped.
struct Server {
    child: Child,
    /// What it printed until it said how to post a mail.
    said: String,
}

impl Server {
    fn start(folder: &Path) -> Server {
        let mut command = program(folder, &[], &[("POSTROOM_LISTEN", "127.0.0.1:0"), ("POSTROOM_LOG", "warn")]);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let mut said = String::new();
        // The pipe is closed after this, which must not matter to it.
        while !said.contains("curl") {
            let line = lines.next().expect("it says how to post a mail").expect("text");
            said.push_str(&line);
            said.push('\n');
        }
        Server { child, said }
    }

    /// Does in a shell what it says does a thing.
    fn paste(&self) -> Value {
        let line = self.said.lines().find(|l| l.contains("curl")).expect("a line to paste");
        let out = Command::new("bash").args(["-c", line]).output().expect("bash runs");
        serde_json::from_slice(&out.stdout).unwrap_or_else(|e| panic!("{e}: {out:?}"))
    }

    /// Returns the URL that is printed beside a word.
    fn url(&self, of: &str) -> &str {
        let line = self.said.lines().find(|l| l.contains(of)).unwrap_or_else(|| panic!("no {of} in {}", self.said));
        line.split_whitespace().find(|w| w.starts_with("http://")).expect("a URL")
    }

    fn get(&self, url: &str) -> (String, String) {
        let out = Command::new("curl")
            .args(["-s", "-H", "Accept: text/html", "-w", "\n%{http_code}", url])
            .output()
            .expect("curl runs");
        let text = String::from_utf8(out.stdout).expect("text");
        let (body, code) = text.rsplit_once('\n').expect("a status");
        (code.to_owned(), body.to_owned())
    }

    /// SIGTERM, and how long it took to end well.
    fn terminate(mut self) -> Duration {
        let began = Instant::now();
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs").success());
        assert!(self.child.wait().expect("it ends").success());
        began.elapsed()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_first_start_makes_everything_and_the_second_finds_it() {
    let folder = tempfile::tempdir().unwrap();
    let first = Server::start(folder.path());
    let made = |name: &str| folder.path().join("data").join(name).exists();
    assert!(made("postroom.db") && made("postroom.db-wal") && made("secret") && made("blobs"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(folder.path().join("data")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "people's mail is nobody else's business");
    }
    let password = |said: &str| said.split("password ").nth(1).map(|p| p.split(' ').next().unwrap().to_owned());
    let shown = password(&first.said).expect("the first admin's password");
    let answer = first.paste();
    assert_eq!(answer["outcome"], "ticket_created", "{answer}");
    for (word, status) in [("dashboard", "303"), ("public form", "200"), ("sent mail", "200")] {
        let (code, body) = first.get(first.url(word));
        assert_eq!(code, status, "{word}: {body}");
    }
    // Its stdout was closed long ago, and it still takes mail.
    assert_eq!(first.paste()["outcome"], "ticket_created");
    assert!(first.terminate() < Duration::from_secs(30));

    let second = Server::start(folder.path());
    assert!(!second.said.contains("admin") && password(&second.said).is_none(), "{}", second.said);
    assert_eq!(second.paste()["pid"].as_str().map(|pid| pid.ends_with("-0003")), Some(true));
    let login = format!(r#"{{"email": "admin@postroom.localhost", "password": "{shown}"}}"#);
    let url = format!("{}/api/auth/login", second.url("listening"));
    let json = "Content-Type: application/json";
    let out = Command::new("curl").args(["-s", &url, "-H", json, "-d", &login]).output().unwrap();
    let user: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(user["user"]["role"], "owner", "{user}");
    // The demo plays while the server sends mail too.
    let (code, out, err) = postroom(folder.path(), &["demo"], &[]);
    assert!(code == 0 && err.is_empty() && out.contains("12 customers wrote"), "{out}{err}");
    second.terminate();
    mail_is_explained_and_read_again(folder.path());
    let (code, out, err) = postroom(folder.path(), &["doctor"], &[]);
    assert_eq!(code, 0, "{out}{err}");
}

/// E14.2, E14.3: of mail that came, of mail that did not, and of all of it at once.
fn mail_is_explained_and_read_again(folder: &Path) {
    let (code, out, err) = postroom(folder, &["mail", "explain", "1"], &[]);
    assert!(code == 0 && out.contains("A new ticket: nothing leads to one that there is."), "{out}{err}");
    let (code, out, _) = postroom(folder, &["mail", "explain", "1", "--json"], &[]);
    let told: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((code, &told["outcome"]), (0, &Value::from("ticket_created")), "{told}");

    let file = folder.join("some.eml");
    let mail = "From: Ada <ada@customer.example>\r\nTo: support@postroom.localhost\r\nSubject: New\r\n\r\nHello.\r\n";
    std::fs::write(&file, mail).expect("a file");
    let file = file.to_str().expect("text");
    for _ in 0..2 {
        let (code, out, err) = postroom(folder, &["mail", "explain", file, "--locale", "de"], &[]);
        assert!(code == 0 && out.contains("Ein neues Ticket: nichts führt"), "nothing was kept: {out}{err}");
    }
    let (code, out, _) =
        postroom(folder, &["mail", "explain", file, "--to", "nobody@elsewhere.example", "--json"], &[]);
    let told: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((code, &told[0]["outcome"]), (0, &Value::from("quarantined")), "{told}");

    let (code, out, err) = postroom(folder, &["mail", "replay", "--all"], &[]);
    assert!(code == 0 && err.contains(" 0 differ, 0 changed, 0 could not be read"), "{out}{err}");
    let (code, out, _) = postroom(folder, &["mail", "replay", "1"], &[]);
    assert_eq!((code, out.as_str()), (0, "Mail 1, ticket_created: nothing is different\n"));
    let (code, _, err) = postroom(folder, &["mail", "replay", "99999"], &[]);
    assert!(code != 0 && err.contains("no mail 99999"), "{err}");
}

#[test]
fn a_wrong_setting_stops_the_start_with_one_clear_line() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let wrong: &[(&str, &str, i32, &str)] = &[
        ("DATABASE_URL", "mysql://a/b", 2, "the scheme must be postgres"),
        ("DATABASE_URL", "sqlite://", 2, "needs a file"),
        ("DATABASE_URL", "postgres://u:hidden@127.0.0.1:1/x", 1, "Connection refused"),
        ("DATABASE_URL", "sqlite://plain-file/p.db", 1, "the data folder plain-file cannot be made"),
        ("DATABASE_URL", "sqlite:///proc/none/p.db", 1, "the data folder /proc/none cannot be made"),
        ("BLOB_URL", "file:///proc/none", 1, "/proc/none"),
        ("SMTP_URL", "relay.example", 2, "not a URL"),
        ("SMTP_URL", "smtp://u:hidden@relay.example?tls=perhaps", 2, "tls must be off or required"),
        ("REDIS_URL", "http://127.0.0.1", 2, "the scheme must be redis or rediss"),
        ("POSTROOM_MODE", "prod", 2, "expected one of: development, production"),
        ("POSTROOM_WORKER", "maybe", 2, "expected one of: inline, off"),
        ("POSTROOM_LISTEN", "8080", 2, "expected ADDRESS:PORT"),
        ("POSTROOM_LISTEN", &address, 1, "Address already in use"),
        ("POSTROOM_BASE_URL", "desk.example", 2, "not a URL"),
        ("POSTROOM_MAIL_FROM", "nobody", 2, "not a mail address"),
        ("POSTROOM_SECRET", "short", 2, "too short"),
        ("POSTROOM_MAX_MAIL_BYTES", "1 GiB", 2, "at most 256 MiB"),
        ("POSTROOM_LOG", "shared=loud", 2, "POSTROOM_LOG"),
    ];
    for (name, value, code, why) in wrong {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("plain-file"), "").unwrap();
        let mut settings = vec![("POSTROOM_LISTEN", "127.0.0.1:0")];
        settings.retain(|(n, _)| n != name);
        settings.push((name, value));
        let (got, out, err) = postroom(folder.path(), &[], &settings);
        assert_eq!((got, out.as_str(), err.lines().count()), (*code, "", 1), "{name}={value}: {out}{err}");
        assert!(err.starts_with("postroom: ") && err.contains(why), "{name}={value}: {err}");
        assert!(!err.contains("hidden"), "{err}");
        // The database is opened before the blob store, and stays: the next start uses it.
        let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert!(*name == "BLOB_URL" || left == ["plain-file"], "{name}={value} left {left:?}");
    }
}

#[test]
fn several_wrong_settings_are_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (code, _, err) =
        postroom(folder.path(), &["--worker", "maybe"], &[("POSTROOM_MODE", "prod"), ("POSTROOM_LISTEN", "x")]);
    assert_eq!((code, err.lines().count()), (2, 3), "{err}");
}

#[test]
fn doctor_and_audit_answer_by_lines_and_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let (code, out, err) = postroom(folder.path(), &["doctor"], &[]);
    assert!(code == 1 && out.is_empty() && err.contains("there is no database at"), "{err}");
    assert!(!folder.path().join("data").exists(), "looking makes nothing");

    assert_eq!(postroom(folder.path(), &["migrate"], &[]).0, 0);
    let (code, out, err) = postroom(folder.path(), &["doctor", "--quick"], &[]);
    assert_eq!((code, out.lines().count()), (0, 10), "{out}{err}");
    assert!(out.lines().enumerate().all(|(i, l)| l.starts_with(&format!("ok    {} ", i + 1))), "{out}");
    assert_eq!(postroom(folder.path(), &["audit", "verify"], &[]).1, "whole: 0 events of 0 tickets\n");

    let damage = "INSERT INTO tenants (id, slug, name, audience, pid_prefix, locale, settings, created_at) \
                  VALUES (70, 'x', 'X', 'public', 'X', 'en', '{}', '2026-11-01T00:00:00+00:00'); \
                  INSERT INTO pid_counters (tenant_id, period, last) VALUES (70, '202611', 7)";
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        use sqlx::Connection;
        let url = format!("sqlite://{}/data/postroom.db", folder.path().display());
        let mut db = sqlx::SqliteConnection::connect(&url).await.unwrap();
        sqlx::raw_sql(damage).execute(&mut db).await.unwrap();
        db.close().await.unwrap();
    });
    let (code, out, _) = postroom(folder.path(), &["doctor"], &[]);
    let wrong: Vec<&str> = out.lines().filter(|l| !l.starts_with("ok ")).collect();
    assert_eq!(code, 1);
    assert_eq!(
        wrong,
        ["WRONG 3 PIDs are gapless per tenant and month (0 rows): 7 numbers are missing (tenant 70, 202611-0001, \
          tenant 70, 202611-0002, tenant 70, 202611-0003, tenant 70, 202611-0004, tenant 70, 202611-0005, …)"]
    );
}

/// The names in `counter!("…")` and its like below a folder.
fn metrics_below(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder").map(|e| e.expect("an entry").path()) {
        if entry.is_dir() {
            metrics_below(&entry, found);
        } else if entry.extension().is_some_and(|e| e == "rs") {
            let text = std::fs::read_to_string(&entry).expect("text");
            for macro_ in ["counter!(", "gauge!(", "histogram!("] {
                let names = text.split(macro_).skip(1).filter_map(|rest| rest.trim_start().strip_prefix('"'));
                found.extend(names.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())));
            }
        }
    }
}

#[test]
fn every_metric_is_documented_and_no_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut counted = BTreeSet::new();
    for part in ["api/src", "worker/src", "shared/src"] {
        metrics_below(&root.join(part), &mut counted);
    }
    let manual = std::fs::read_to_string(root.join("docs/operations.md")).unwrap();
    let section = manual.split("\n## ").find(|s| s.starts_with("Metrics")).expect("a section on metrics");
    let named = section.lines().filter_map(|l| l.strip_prefix("| `")?.split('`').next());
    assert_eq!(named.map(str::to_owned).collect::<BTreeSet<_>>(), counted);
    assert!(counted.len() > 5, "{counted:?}");
}
