//! The release binary in a process of its own.

use crate::database::Database;
use crate::process;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The binary that cargo built beside this one.
pub const BINARY: &str = env!("CARGO_BIN_EXE_postroom");

/// Returns the settings of everything that works on a database.
pub fn settings(database: &Database) -> [(&'static str, String); 5] {
    [
        ("DATABASE_URL", database.url.clone()),
        ("BLOB_URL", format!("file://{}/blobs", database.folder.path().display())),
        // A relay is set in some sections, which would make it production.
        ("POSTROOM_MODE", "development".to_owned()),
        ("POSTROOM_MAIL_FROM", crate::mails::DESK.to_owned()),
        ("POSTROOM_SECRET", "a secret for measuring alone".to_owned()),
    ]
}

/// A running server.
pub struct Server {
    child: Child,
    pub addr: SocketAddr,
}

impl Server {
    /// Starts it on a database and waits for its first answer. Returns how long that took, too.
    pub async fn start(database: &Database, settings: &[(&str, &str)]) -> (Server, Duration) {
        let addr = free_port();
        let log = database.folder.path().join("log");
        let mut command = Command::new(BINARY);
        command
            .env_clear()
            .envs(self::settings(database))
            .env("POSTROOM_LISTEN", addr.to_string())
            .current_dir(database.folder.path())
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).expect("a log"));
        let began = Instant::now();
        let mut child = command.spawn().expect("the binary starts");
        while !is_healthy(addr) {
            if let Some(status) = child.try_wait().expect("a child") {
                panic!("the server ended with {status}: {}", std::fs::read_to_string(&log).unwrap_or_default());
            }
            std::thread::sleep(Duration::from_micros(500));
        }
        (Server { child, addr }, began.elapsed())
    }

    /// Returns its processor time so far, in seconds.
    pub fn cpu(&self) -> f64 {
        process::cpu(self.child.id())
    }

    /// Returns its memory in RAM, in bytes.
    pub fn resident(&self) -> u64 {
        process::resident(self.child.id())
    }

    /// Stops it as an operator does.
    pub fn stop(mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    /// A bench that panics leaves no server behind.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("an address")
}

fn is_healthy(addr: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(addr) else { return false };
    let _ = stream.set_nodelay(true);
    let mut answer = [0; 12];
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n").is_ok()
        && stream.read_exact(&mut answer).is_ok()
        && answer == *b"HTTP/1.1 200"
}
