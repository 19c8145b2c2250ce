//! A Redis server of the test's own, which can be killed, frozen, emptied and started again.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

pub struct Redis {
    child: Option<Child>,
    port: u16,
    dir: TempDir,
}

impl Redis {
    /// Picks a port and starts a server that keeps nothing on disk.
    pub async fn start() -> Redis {
        let mut redis = Redis::absent();
        redis.up().await;
        redis
    }

    /// Picks a port where nothing listens yet.
    pub fn absent() -> Redis {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port is there").port();
        Redis { child: None, port, dir: tempfile::tempdir().expect("a folder can be made") }
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// Starts the server and waits until it answers.
    pub async fn up(&mut self) {
        let child = Command::new("redis-server")
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .arg("--dir")
            .arg(self.dir.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        self.child = Some(child);
        let client = redis::Client::open(self.url()).expect("the URL is valid");
        for _ in 0..500 {
            if client.get_multiplexed_async_connection().await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("redis-server does not answer");
    }

    /// Kills the server with all it holds.
    pub fn down(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().and_then(|()| child.wait()).expect("the server was running");
        }
    }

    /// Stops the server from answering without closing its connections, or lets it go on.
    pub fn freeze(&self, frozen: bool) {
        let pid = self.child.as_ref().expect("the server is running").id();
        let signal = if frozen { "-STOP" } else { "-CONT" };
        let done = Command::new("kill").args([signal, &pid.to_string()]).status().expect("kill exists");
        assert!(done.success());
    }

    pub async fn command<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        let client = redis::Client::open(self.url()).expect("the URL is valid");
        let mut conn = client.get_multiplexed_async_connection().await.expect("the server is running");
        let mut command = redis::cmd(words[0]);
        for word in &words[1..] {
            command.arg(word);
        }
        command.query_async(&mut conn).await.expect("the command is valid")
    }

    /// Returns how many jobs wait on the queue.
    pub async fn waiting(&self) -> u64 {
        let scheduled: u64 = self.command(&["ZCARD", "deliver:scheduled"]).await;
        let active: u64 = self.command(&["LLEN", "deliver:active"]).await;
        scheduled + active
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
