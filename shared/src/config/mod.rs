//! The configuration: read once at the start from environment and flags, typed, checked, never looked up again.
//!
//! Read next: [`settings`], the table of what can be set.

pub mod doors;
mod read;
pub mod settings;

pub use read::ConfigError;

use crate::mail_in::authenticate::{Border, DnsSetting};
use crate::text_enum;
use settings::{SETTINGS, Show};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use url::{Host, Url};

text_enum! {
    /// Whether this is a developer's machine or the world.
    pub enum Mode ("mode") {
        /// `/dev/*` exists, and doors need no token from this machine.
        Development = "development",
        /// `/dev/*` is 404 and doors need tokens.
        Production = "production",
    }
}

text_enum! {
    /// Whether the server sends mail itself.
    pub enum WorkerMode ("worker mode") {
        /// The worker runs inside the server's process.
        Inline = "inline",
        /// Worker processes of their own do it.
        Off = "off",
    }
}

/// The effective configuration. Its Debug form masks secrets.
#[derive(Clone)]
pub struct Config {
    /// Development or production.
    pub mode: Mode,
    /// `sqlite://path` or `postgres://…`.
    pub database_url: String,
    /// The queue; None: in process.
    pub redis_url: Option<Url>,
    /// The relay; None: mail is captured.
    pub smtp_url: Option<Url>,
    /// The folder that blobs lie in.
    pub blob_dir: PathBuf,
    /// The folder of this host's own files: the database file's on SQLite, else `data`.
    pub data_dir: PathBuf,
    /// Where the server listens; port 0 takes any.
    pub listen: SocketAddr,
    /// How this server is reached, without a slash at the end.
    pub base_url: String,
    /// Whether `base_url` follows from `listen`.
    base_url_follows: bool,
    /// The domain of Message-IDs and reply addresses, lower case.
    pub mail_domain: String,
    /// The first mailbox's address.
    pub mail_from: String,
    /// The first mailbox's name, if one was given.
    pub mail_from_name: Option<String>,
    /// The instance's secret; None: made once and kept.
    pub secret: Option<Secret>,
    /// The first admin's address.
    pub admin_email: String,
    /// The first admin's password; None: made and printed once.
    pub admin_password: Option<Secret>,
    /// What providers present at the doors.
    pub inbound_token: Option<Secret>,
    /// Where mail is taken by SMTP; None: nowhere.
    pub smtp_listen: Option<ListenAt>,
    /// Where mail is taken by LMTP; None: nowhere.
    pub lmtp_listen: Option<ListenAt>,
    /// The name that these two go by.
    pub smtp_hostname: String,
    /// Their certificate's and its key's file; None: no STARTTLS.
    pub smtp_tls: Option<(PathBuf, PathBuf)>,
    /// How many clients they may have at once.
    pub door_connections: usize,
    /// How many of them may come from one host.
    pub door_connections_per_peer: usize,
    /// The providers' doors, the spool of the pipe.
    pub doors: doors::Doors,
    /// What is logged.
    pub log: String,
    /// Whether the server sends mail itself.
    pub worker: WorkerMode,
    /// How many connections to the relay may be open at once (E9.10).
    pub smtp_connections: usize,
    /// Days after which mail in quarantine is forgotten (E13.2); 0: never.
    pub keep_quarantine_days: u64,
    /// Days after which spam is; 0: never.
    pub keep_spam_days: u64,
    /// How long mail of unknown fate rests before it is tried again.
    pub maybe_retry: Duration,
    /// How long a worker's claim on a mail lasts unless it is renewed (E9.4).
    pub lease: Duration,
    /// The largest mail that a door takes.
    pub max_mail_bytes: usize,
    /// The largest uploaded file.
    pub max_file_bytes: usize,
    /// The largest mail that is sent, as it goes over the wire; larger files become links (E8.5).
    pub max_outbound_bytes: usize,
    /// The most that uploads to one ticket take together.
    pub max_ticket_bytes: usize,
    /// Media types that may be uploaded; an entry that ends in `*` stands for all that begin like it.
    pub allowed_types: Vec<String>,
    /// Networks inside that images in mail may be fetched from too (E12.4).
    pub fetch_networks: Vec<crate::fetch::network::Network>,
    /// Which name servers are asked about senders (E11.1).
    pub dns: DnsSetting,
    /// Whose Authentication-Results are believed, as it is set (E11.2).
    pub trusted_authserv: String,
    /// Hosts of ours, as it is set (E11.2).
    pub trusted_hosts: String,
    /// The two together.
    pub border: Border,
    /// Whose ARC seals are believed, lower case (E11.3).
    pub trusted_sealers: Vec<String>,
    /// Where the port is written once it is open.
    pub port_file: Option<PathBuf>,
}

/// Where a mail server's protocol is spoken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenAt {
    /// A port.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

impl std::fmt::Display for ListenAt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ListenAt::Tcp(addr) => addr.fmt(f),
            ListenAt::Unix(path) => path.display().fmt(f),
        }
    }
}

/// A value that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a value.
    pub fn new(value: impl Into<String>) -> Self {
        Secret(value.into())
    }

    /// Returns the value itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("****")
    }
}

impl Config {
    /// Reads the settings that `lookup` knows by their environment names; empty values count as unset.
    ///
    /// # Errors
    /// One line for every wrong value.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Config, ConfigError> {
        read::read(&lookup)
    }

    /// Reads the environment alone.
    ///
    /// # Errors
    /// One line for every wrong value.
    pub fn from_env() -> Result<Config, ConfigError> {
        Config::read(|name| std::env::var(name).ok())
    }

    /// Whether this is development mode.
    pub fn is_development(&self) -> bool {
        self.mode == Mode::Development
    }

    /// Whether the database is SQLite.
    pub fn is_sqlite(&self) -> bool {
        self.database_url.starts_with("sqlite:")
    }

    /// Whether browsers reach this server by TLS: cookies are bound to it then.
    pub fn is_tls(&self) -> bool {
        self.base_url.starts_with("https:")
    }

    /// Takes note of the address that was really bound, which matters with port 0.
    pub fn bound_to(mut self, addr: SocketAddr) -> Config {
        self.listen = addr;
        if self.base_url_follows {
            self.base_url = read::url_of(addr);
        }
        self
    }

    /// Whether files of this media type may be uploaded. `media_type` is lower case, without parameters.
    pub fn allows_type(&self, media_type: &str) -> bool {
        self.allowed_types.iter().any(|allowed| match allowed.strip_suffix('*') {
            Some(start) => media_type.starts_with(start),
            None => allowed == media_type,
        })
    }

    /// Returns the effective values by name, secrets masked, in the table's order.
    pub fn effective(&self) -> Vec<(&'static str, String)> {
        SETTINGS.iter().map(|s| (s.name, mask(&self.value(s.name), s.show))).collect()
    }

    fn value(&self, name: &str) -> String {
        let text = |v: Option<&str>| v.unwrap_or_default().to_owned();
        let shown = |all: &[Secret]| all.iter().map(Secret::reveal).collect::<Vec<_>>().join(",");
        match name {
            "POSTROOM_MODE" => self.mode.to_string(),
            "DATABASE_URL" => self.database_url.clone(),
            "REDIS_URL" => text(self.redis_url.as_ref().map(Url::as_str)),
            "SMTP_URL" => text(self.smtp_url.as_ref().map(Url::as_str)),
            "BLOB_URL" => format!("file://{}", self.blob_dir.display()),
            "POSTROOM_LISTEN" => self.listen.to_string(),
            "POSTROOM_BASE_URL" => self.base_url.clone(),
            "POSTROOM_MAIL_DOMAIN" => self.mail_domain.clone(),
            "POSTROOM_MAIL_FROM" => match &self.mail_from_name {
                Some(name) => format!("{name} <{}>", self.mail_from),
                None => self.mail_from.clone(),
            },
            "POSTROOM_SECRET" => text(self.secret.as_ref().map(Secret::reveal)),
            "POSTROOM_ADMIN_EMAIL" => self.admin_email.clone(),
            "POSTROOM_ADMIN_PASSWORD" => text(self.admin_password.as_ref().map(Secret::reveal)),
            "POSTROOM_INBOUND_TOKEN" => text(self.inbound_token.as_ref().map(Secret::reveal)),
            "POSTROOM_SMTP_LISTEN" => self.smtp_listen.as_ref().map(ListenAt::to_string).unwrap_or_default(),
            "POSTROOM_LMTP_LISTEN" => self.lmtp_listen.as_ref().map(ListenAt::to_string).unwrap_or_default(),
            "POSTROOM_SMTP_HOSTNAME" => self.smtp_hostname.clone(),
            "POSTROOM_SMTP_TLS_CERT" => {
                self.smtp_tls.as_ref().map(|(cert, _)| cert.display().to_string()).unwrap_or_default()
            }
            "POSTROOM_SMTP_TLS_KEY" => {
                self.smtp_tls.as_ref().map(|(_, key)| key.display().to_string()).unwrap_or_default()
            }
            "POSTROOM_DOOR_CONNECTIONS" => self.door_connections.to_string(),
            "POSTROOM_DOOR_CONNECTIONS_PER_PEER" => self.door_connections_per_peer.to_string(),
            "POSTROOM_MAILGUN_KEY" => shown(&self.doors.mailgun),
            "POSTROOM_POSTMARK_AUTH" => shown(&self.doors.postmark),
            "POSTROOM_SENDGRID_KEY" => doors::in_base64(&self.doors.sendgrid),
            "POSTROOM_CLOUDFLARE_KEY" => shown(&self.doors.cloudflare),
            "POSTROOM_POSTAL_KEY" => doors::in_base64(&self.doors.postal),
            "POSTROOM_POSTAL_BUSY_STATUS" => self.doors.postal_busy.to_string(),
            "POSTROOM_SNS_TOPICS" => self.doors.sns_topics.join(","),
            "POSTROOM_SES_BUCKETS" => {
                self.doors.ses_buckets.iter().map(doors::Bucket::to_string).collect::<Vec<_>>().join(",")
            }
            "AWS_ACCESS_KEY_ID" => text(self.doors.s3.key_id.as_deref()),
            "AWS_SECRET_ACCESS_KEY" => text(self.doors.s3.key.as_ref().map(Secret::reveal)),
            "AWS_SESSION_TOKEN" => text(self.doors.s3.session.as_ref().map(Secret::reveal)),
            "AWS_REGION" => text(self.doors.s3.region.as_deref()),
            "AWS_ENDPOINT_URL_S3" => text(self.doors.s3.endpoint.as_ref().map(Url::as_str)),
            "AWS_ENDPOINT_URL_SNS" => text(self.doors.sns_endpoint.as_ref().map(Url::as_str)),
            "POSTROOM_SPOOL" => self.doors.spool.display().to_string(),
            "POSTROOM_LOG" => self.log.clone(),
            "POSTROOM_WORKER" => self.worker.to_string(),
            "POSTROOM_SMTP_CONNECTIONS" => self.smtp_connections.to_string(),
            "POSTROOM_LEASE_SECONDS" => self.lease.as_secs().to_string(),
            "POSTROOM_KEEP_QUARANTINE_DAYS" => self.keep_quarantine_days.to_string(),
            "POSTROOM_KEEP_SPAM_DAYS" => self.keep_spam_days.to_string(),
            "POSTROOM_MAYBE_RETRY_S" => self.maybe_retry.as_secs().to_string(),
            "POSTROOM_MAX_MAIL_BYTES" => self.max_mail_bytes.to_string(),
            "POSTROOM_MAX_FILE_BYTES" => self.max_file_bytes.to_string(),
            "POSTROOM_MAX_OUTBOUND_BYTES" => self.max_outbound_bytes.to_string(),
            "POSTROOM_MAX_TICKET_BYTES" => self.max_ticket_bytes.to_string(),
            "POSTROOM_ALLOWED_TYPES" => self.allowed_types.join(","),
            "POSTROOM_FETCH_NETWORKS" => {
                self.fetch_networks.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
            }
            "POSTROOM_DNS" => self.dns.to_string(),
            "POSTROOM_TRUSTED_AUTHSERV" => self.trusted_authserv.clone(),
            "POSTROOM_TRUSTED_HOSTS" => self.trusted_hosts.clone(),
            "POSTROOM_TRUSTED_SEALERS" => self.trusted_sealers.join(","),
            "POSTROOM_PORT_FILE" => self.port_file.as_ref().map(|p| p.display().to_string()).unwrap_or_default(),
            _ => unreachable!("the table names the settings"),
        }
    }
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.effective()).finish()
    }
}

fn mask(value: &str, show: Show) -> String {
    match show {
        Show::Plain => value.to_owned(),
        Show::Hidden if value.is_empty() => String::new(),
        Show::Hidden => "****".to_owned(),
        Show::Url => mask_url(value),
    }
}

/// A URL's password may stand before the `@` or in its query; whatever cannot be read as a URL shows no query.
fn mask_url(value: &str) -> String {
    let Ok(mut url) = Url::parse(value) else {
        return value.split('?').next().unwrap_or_default().to_owned();
    };
    // A file's URL has no password, and the parser would take a relative path's first folder for a host.
    if value.starts_with("sqlite:") || value.starts_with("file:") {
        return value.to_owned();
    }
    if url.password().is_some() {
        // Cannot fail: a URL with a password has an authority.
        let _ = url.set_password(Some("****"));
    }
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    if pairs.iter().any(|(k, _)| is_password(k)) {
        let shown = pairs.iter().map(|(k, v)| (k.as_str(), if is_password(k) { "****" } else { v.as_str() }));
        url.query_pairs_mut().clear().extend_pairs(shown);
    }
    url.to_string()
}

fn is_password(key: &str) -> bool {
    key.contains("pass") || key.contains("secret") || key.contains("token")
}

/// Whether a host name or address means this machine: 127/8, ::1, localhost and names below it (RFC 6761).
pub fn is_loopback_host(host: &str) -> bool {
    let host = host.trim_end_matches('.');
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    match bare.parse::<IpAddr>() {
        Ok(ip) => is_loopback_ip(ip),
        Err(_) => {
            let name = bare.to_ascii_lowercase();
            name == "localhost" || name.ends_with(".localhost")
        }
    }
}

/// Whether an address means this machine, IPv4 within IPv6 included.
pub fn is_loopback_ip(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V6(v6) => v6.is_loopback() || v6.to_ipv4_mapped().is_some_and(|v4| v4.is_loopback()),
        IpAddr::V4(v4) => v4.is_loopback(),
    }
}

fn is_loopback_url(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => is_loopback_host(name),
        Some(Host::Ipv4(ip)) => is_loopback_ip(ip.into()),
        Some(Host::Ipv6(ip)) => is_loopback_ip(ip.into()),
        None => false,
    }
}

#[cfg(test)]
mod tests;
