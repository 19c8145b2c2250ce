//! Starting the real binaries.

use crate::harness::{Database, Request};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

/// The first admin of every installation here.
pub const ADMIN: (&str, &str) = ("root@desk.example", "correct horse battery");
/// What mail providers show at the door.
pub const DOOR: &str = "door-token-of-the-tests";
/// The address that customers write to.
pub const DESK: &str = "support@desk.example";

/// A process of ours; killed when dropped.
pub struct Process {
    pub child: Child,
    /// Where it serves, if it does.
    pub addr: Option<SocketAddr>,
}

/// What the processes of one installation share.
pub struct Installation {
    pub database: Database,
    settings: Vec<(String, String)>,
}

impl Installation {
    pub fn new(database: Database, settings: &[(&str, &str)]) -> Installation {
        let folder = database.folder.path().display().to_string();
        let mut all = vec![
            ("DATABASE_URL".to_owned(), database.url.clone()),
            ("BLOB_URL".to_owned(), format!("file://{folder}/blobs")),
            ("POSTROOM_SPOOL".to_owned(), format!("{folder}/spool")),
            ("POSTROOM_SECRET".to_owned(), "a secret for tests alone".to_owned()),
            ("POSTROOM_INBOUND_TOKEN".to_owned(), DOOR.to_owned()),
            ("POSTROOM_ADMIN_EMAIL".to_owned(), ADMIN.0.to_owned()),
            ("POSTROOM_ADMIN_PASSWORD".to_owned(), ADMIN.1.to_owned()),
            ("POSTROOM_MAIL_FROM".to_owned(), DESK.to_owned()),
            ("POSTROOM_LOG".to_owned(), "warn".to_owned()),
        ];
        all.extend(settings.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())));
        Installation { database, settings: all }
    }

    fn command(&self, program: &Path, more: &[(&str, &str)]) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(self.settings.iter().map(|(n, v)| (n, v))).envs(more.iter().copied());
        command.current_dir(self.database.folder.path()).kill_on_drop(true).stdin(Stdio::null());
        // kill(1), which a fault point calls, is found by the path.
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command
    }

    /// Starts `postroom serve` and waits until it listens.
    pub async fn serve(&self, more: &[(&str, &str)]) -> Process {
        let port_file = self.database.folder.path().join(format!("port-{:x}", rand::random::<u64>()));
        let mut command = self.command(Path::new(env!("CARGO_BIN_EXE_postroom")), more);
        command.arg("serve").env("POSTROOM_LISTEN", "127.0.0.1:0").env("POSTROOM_PORT_FILE", &port_file);
        let child = command.stdout(Stdio::null()).spawn().expect("the server starts");
        let port = eventually("the port's file", Duration::from_secs(30), async || {
            std::fs::read_to_string(&port_file).ok()?.trim().parse::<u16>().ok()
        })
        .await;
        let addr = SocketAddr::from(([127, 0, 0, 1], port));
        eventually("an answer", Duration::from_secs(30), async || tokio::net::TcpStream::connect(addr).await.ok())
            .await;
        Process { child, addr: Some(addr) }
    }

    /// Starts `postroom-worker`.
    pub fn worker(&self, more: &[(&str, &str)]) -> Process {
        let child = self.command(&worker_binary(), more).stdout(Stdio::null()).spawn().expect("the worker starts");
        Process { child, addr: None }
    }

    /// The spool of the pipe.
    pub fn spool(&self) -> PathBuf {
        self.database.folder.path().join("spool")
    }

    /// Runs `postroom mail pipe` with a mail on its standard input.
    pub async fn pipe(&self, args: &[&str], more: &[(&str, &str)], mail: Vec<u8>) -> ExitStatus {
        let mut command = self.command(Path::new(env!("CARGO_BIN_EXE_postroom")), more);
        command.args(["mail", "pipe"]).args(args).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().expect("it starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        // It may end before it read all: then writing fails, and its code counts.
        let _ = stdin.write_all(&mail).await;
        drop(stdin);
        tokio::time::timeout(Duration::from_secs(60), child.wait()).await.expect("it ends in time").expect("it ended")
    }

    /// Runs a command of `postroom`; returns how it ended and what it said.
    pub async fn run(&self, args: &[&str], more: &[(&str, &str)]) -> (ExitStatus, String) {
        let mut command = self.command(Path::new(env!("CARGO_BIN_EXE_postroom")), more);
        let out = command.args(args).output().await.expect("it runs");
        let said = [out.stdout, out.stderr].concat();
        (out.status, String::from_utf8_lossy(&said).into_owned())
    }

    /// Runs `postroom doctor` and fails with what it found.
    pub async fn doctor(&self) {
        let out =
            self.command(Path::new(env!("CARGO_BIN_EXE_postroom")), &[]).arg("doctor").output().await.expect("it runs");
        assert!(
            out.status.success(),
            "{}{}",
            String::from_utf8_lossy(&out.stdout),
            String::from_utf8_lossy(&out.stderr)
        );
    }
}

/// Built beside ours: `cargo test --workspace` builds every binary that has integration tests.
fn worker_binary() -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_postroom")).with_file_name("postroom-worker");
    assert!(path.exists(), "{} is not built: test with --workspace", path.display());
    path
}

/// Asks until there is an answer; what is waited for happens in another process.
pub async fn eventually<T>(what: &str, limit: Duration, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = ask().await {
            return found;
        }
        assert!(start.elapsed() < limit, "{what} did not come within {limit:?}");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

impl Process {
    pub fn addr(&self) -> SocketAddr {
        self.addr.expect("this process serves")
    }

    pub fn request(&self, method: &str, path: &str) -> Request {
        Request::new(self.addr(), method, path)
    }

    /// Posts a mail at the raw door.
    pub async fn mail(&self, raw: &str) -> Value {
        self.request("POST", "/api/inbound/raw").bearer(DOOR).body("message/rfc822", crlf(raw)).send().await.expect(200)
    }

    /// Logs the first admin in and returns a bearer token of theirs.
    pub async fn admin_token(&self) -> String {
        self.token_of(ADMIN.0, ADMIN.1).await
    }

    /// Logs somebody in and makes them a token.
    pub async fn token_of(&self, email: &str, password: &str) -> String {
        let login = self.request("POST", "/api/auth/login");
        let answer = login.json(serde_json::json!({"email": email, "password": password})).send().await;
        let cookie = answer.header("set-cookie").expect("a session").split(';').next().expect("a cookie").to_owned();
        answer.expect(200);
        let origin = format!("http://{}", self.addr());
        let made = self.request("POST", "/api/tokens").header("cookie", &cookie).header("origin", &origin);
        let made = made.json(serde_json::json!({"name": "tests"})).send().await.expect(201);
        made["token"].as_str().expect("a token").to_owned()
    }

    /// Sends SIGTERM and waits for the end.
    pub async fn terminate(mut self) {
        let pid = self.child.id().expect("it runs").to_string();
        Command::new("kill").args(["-TERM", &pid]).status().await.expect("kill runs");
        let status = tokio::time::timeout(Duration::from_secs(40), self.child.wait()).await.expect("it ends in time");
        assert!(status.expect("it ended").success(), "it ended badly: {status:?}", status = self.child.try_wait());
    }
}

/// Tests write mails with plain line ends.
pub fn crlf(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\n', "\r\n")
}
