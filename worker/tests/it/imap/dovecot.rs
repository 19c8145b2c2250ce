//! A private Dovecot: own folder, own port, started, killed and started again by the test.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// The user that all mail there belongs to.
pub const USER: &str = "desk";
pub const PASSWORD: &str = "a \"quoted\" secret";

pub struct Dovecot {
    folder: tempfile::TempDir,
    pub port: u16,
    child: Option<Child>,
    /// The mail's owner; None: whoever runs the tests.
    owner: Option<(u32, u32)>,
    delivered: usize,
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0)
}

fn binary() -> Option<PathBuf> {
    ["/usr/sbin/dovecot", "/usr/local/sbin/dovecot", "/opt/homebrew/sbin/dovecot"]
        .iter()
        .map(PathBuf::from)
        .find(|path| path.exists())
}

impl Dovecot {
    /// None, with a line that says so, where Dovecot is not installed.
    pub async fn start() -> Option<Dovecot> {
        if binary().is_none() {
            // Where all tests must run, a missing server is a failure, not a reason to skip.
            assert!(std::env::var_os("CI").is_none(), "Dovecot is not installed: scripts/setup installs it");
            println!("skipped: Dovecot is not installed (scripts/setup installs it)");
            return None;
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).expect("it is ours");
        let port = {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
            listener.local_addr().expect("an address").port()
        };
        // Dovecot gives mail to no root: `nobody` owns it then.
        let owner = is_root().then_some((65534, 65534));
        let mut server = Dovecot { folder, port, child: None, owner, delivered: 0 };
        server.configure();
        server.run().await;
        Some(server)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn own(&self, path: &Path) {
        if let Some((user, group)) = self.owner {
            chown(path, Some(user), Some(group)).expect("root may");
        }
    }

    fn maildir(&self) -> PathBuf {
        self.path("mail").join(USER)
    }

    fn configure(&self) {
        for name in ["mail", "mail/desk", "mail/desk/new", "mail/desk/cur", "mail/desk/tmp", "home", "home/desk", "run"]
        {
            let path = self.path(name);
            std::fs::create_dir_all(&path).expect("a folder");
            if !name.starts_with("run") {
                self.own(&path);
            }
        }
        std::fs::write(self.path("users"), format!("{USER}:{{PLAIN}}{PASSWORD}::::::\n")).expect("a file");
        let dir = self.folder.path().display();
        let port = self.port;
        let (accounts, ids) = match self.owner {
            Some((user, group)) => (String::new(), format!("uid={user} gid={group}")),
            None => {
                let id = |flag: &str| {
                    let out = std::process::Command::new("id").arg(flag).output().expect("id runs");
                    String::from_utf8_lossy(&out.stdout).trim().to_owned()
                };
                let (user, group) = (id("-un"), id("-gn"));
                let accounts = format!(
                    "default_internal_user = {user}\ndefault_internal_group = {group}\ndefault_login_user = {user}\n\
                     service anvil {{\n  chroot =\n}}\nservice imap-login {{\n  chroot =\n}}\n"
                );
                (accounts, format!("uid={} gid={}", id("-u"), id("-g")))
            }
        };
        let text = format!(
            "base_dir = {dir}/run\nstate_dir = {dir}/run\nlog_path = {dir}/log\nprotocols = imap\nlisten = 127.0.0.1\nssl = no\n\
             disable_plaintext_auth = no\nfirst_valid_uid = 1\nmail_location = maildir:{dir}/mail/%u\n\
             mailbox_idle_check_interval = 1 s\nmail_max_userip_connections = 50\n{accounts}\
             passdb {{\n  driver = passwd-file\n  args = scheme=PLAIN {dir}/users\n}}\n\
             userdb {{\n  driver = static\n  args = {ids} home={dir}/home/%u\n}}\n\
             service imap-login {{\n  inet_listener imap {{\n    port = {port}\n  }}\n  inet_listener imaps {{\n    port = 0\n  }}\n}}\n"
        );
        std::fs::write(self.path("conf"), text).expect("a file");
    }

    /// Starts it and waits for its greeting.
    pub async fn run(&mut self) {
        let mut command = Command::new(binary().expect("it was found"));
        command.arg("-F").arg("-c").arg(self.path("conf")).process_group(0).kill_on_drop(true);
        let child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        self.child = Some(child);
        let began = Instant::now();
        while !self.greets().await {
            let log = std::fs::read_to_string(self.path("log")).unwrap_or_default();
            assert!(began.elapsed() < Duration::from_secs(20), "Dovecot does not answer:\n{log}");
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    async fn greets(&self) -> bool {
        let Ok(mut tcp) = TcpStream::connect(("127.0.0.1", self.port)).await else { return false };
        let mut octets = [0; 4];
        let read = tokio::io::AsyncReadExt::read_exact(&mut tcp, &mut octets);
        let read = tokio::time::timeout(Duration::from_secs(2), read).await;
        matches!(read, Ok(Ok(_))) && &octets == b"* OK"
    }

    /// Kills it and all its processes, as a machine that goes down would.
    pub async fn kill(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        if let Some(pid) = child.id() {
            let _ = Command::new("kill").args(["-9", "--", &format!("-{pid}")]).status().await;
        }
        let _ = child.wait().await;
        let _ = std::fs::remove_file(self.path("run/master.pid"));
    }

    /// Forgets which UIDs it gave, as a server that was set up again would.
    pub async fn forget_uids(&mut self) {
        self.kill().await;
        for name in
            ["dovecot-uidlist", "dovecot.index", "dovecot.index.log", "dovecot.index.cache", "dovecot-uidvalidity"]
        {
            let _ = std::fs::remove_file(self.maildir().join(name));
        }
        // UIDVALIDITY is the second of its making.
        tokio::time::sleep(Duration::from_millis(1100)).await;
        self.run().await;
    }

    /// Delivers a mail, as a mail server's local agent does. Returns its file.
    pub fn deliver(&mut self, mail: &str) -> PathBuf {
        self.delivered += 1;
        let name = format!("{:010}.{}.test", 1_700_000_000 + self.delivered, std::process::id());
        let (tmp, new) = (self.maildir().join("tmp").join(&name), self.maildir().join("new").join(&name));
        std::fs::write(&tmp, mail.replace("\r\n", "\n").replace('\n', "\r\n")).expect("a file");
        self.own(&tmp);
        std::fs::rename(&tmp, &new).expect("delivered");
        new
    }

    /// Puts a mail into another folder, as a mail program does with what it sent.
    pub fn put(&mut self, folder: &str, mail: &str) {
        for name in ["", "tmp", "cur", "new"] {
            let path = self.maildir().join(folder).join(name);
            std::fs::create_dir_all(&path).expect("a folder");
            self.own(&path);
        }
        let delivered = self.deliver(mail);
        let place = self.maildir().join(folder).join("new").join(delivered.file_name().expect("a name"));
        std::fs::rename(delivered, place).expect("it is put there");
    }

    /// Delivers something that no server can read, though it lies among the messages for ever: a link to nothing.
    pub fn deliver_poison(&mut self) {
        self.delivered += 1;
        let name = format!("{:010}.{}.test", 1_700_000_000 + self.delivered, std::process::id());
        std::os::unix::fs::symlink(&name, self.maildir().join("new").join(&name)).expect("a link");
    }

    /// The messages in a folder (`cur`, `new`; `.Done/cur`), by their files.
    pub fn files(&self, folder: &str) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.maildir().join(folder)) else { return Vec::new() };
        let mut all: Vec<String> =
            entries.filter_map(|e| e.ok()).map(|e| e.file_name().to_string_lossy().into_owned()).collect();
        all.sort();
        all
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        if let Some(pid) = self.child.as_ref().and_then(Child::id) {
            let _ = std::process::Command::new("kill").args(["-9", "--", &format!("-{pid}")]).status();
        }
    }
}
