//! Reads and checks the settings: every wrong value gives its own line, so that one start shows them all.

use super::doors::{self, Doors};
use super::settings::{DEFAULT_ALLOWED_TYPES, SETTINGS, Setting, Show};
use super::{Config, ListenAt, Mode, Secret, WorkerMode, is_loopback_ip, is_loopback_url};
use crate::fetch::network::Network;
use crate::mail_in::authenticate::{Border, DnsSetting};
use std::fmt::Display;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;
use url::Url;

const MIB: usize = 1024 * 1024;

/// Values that are wrong: one line each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct ConfigError(pub Vec<String>);

struct Reader<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    wrong: Vec<String>,
}

impl Reader<'_> {
    fn text(&self, name: &str) -> Option<String> {
        (self.lookup)(name).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty())
    }

    /// Reads by `parse`; a wrong value is noted and taken as unset.
    fn parsed<T, E: Display>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        let value = self.text(name)?;
        match parse(&value) {
            Ok(v) => Some(v),
            Err(why) => {
                let shown = SETTINGS.iter().find(|s| s.name == name).map_or(Show::Hidden, |s: &Setting| s.show);
                self.wrong.push(format!("{name}={:?}: {why}", super::mask(&value, shown)));
                None
            }
        }
    }

    fn secret(&mut self, name: &str, shortest: usize) -> Option<Secret> {
        self.parsed(name, |v| match v.chars().count() {
            n if n < shortest => Err(format!("too short, needs {shortest} letters or more")),
            _ => Ok(Secret::new(v)),
        })
    }
}

pub(super) fn read(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Config, ConfigError> {
    let mut r = Reader { lookup, wrong: Vec::new() };
    let database_url = r.parsed("DATABASE_URL", database_url).unwrap_or_else(|| "sqlite://data/postroom.db".to_owned());
    let data_dir = data_dir(&database_url);
    let redis_url = r.parsed("REDIS_URL", |v| url_with(v, &["redis", "rediss"]));
    let smtp_url = r.parsed("SMTP_URL", smtp_url);
    let listen = r.parsed("POSTROOM_LISTEN", listen).unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8080)));
    let base_url = r.parsed("POSTROOM_BASE_URL", base_url);
    let at_home = is_loopback_ip(listen.ip()) && base_url.as_ref().is_none_or(is_loopback_url) && smtp_url.is_none();
    let mail_domain = r.parsed("POSTROOM_MAIL_DOMAIN", domain).unwrap_or_else(|| "postroom.localhost".to_owned());
    let (mail_from_name, mail_from) =
        r.parsed("POSTROOM_MAIL_FROM", mailbox).unwrap_or_else(|| (None, format!("support@{mail_domain}")));
    let entries = |v: &str| v.to_ascii_lowercase().split(',').map(str::trim).collect::<Vec<_>>().join(",");
    let trusted_authserv =
        r.parsed("POSTROOM_TRUSTED_AUTHSERV", |v| Border::read(v, "").map(|_| entries(v))).unwrap_or_default();
    let trusted_hosts =
        r.parsed("POSTROOM_TRUSTED_HOSTS", |v| Border::read("", v).map(|_| entries(v))).unwrap_or_default();
    let default_worker = if redis_url.is_some() { WorkerMode::Off } else { WorkerMode::Inline };
    let config = Config {
        mode: r.parsed("POSTROOM_MODE", Mode::from_str).unwrap_or(if at_home {
            Mode::Development
        } else {
            Mode::Production
        }),
        blob_dir: r.parsed("BLOB_URL", blob_url).unwrap_or_else(|| data_dir.join("blobs")),
        base_url_follows: base_url.is_none(),
        base_url: base_url.map_or_else(|| url_of(listen), |u| u.as_str().trim_end_matches('/').to_owned()),
        secret: r.secret("POSTROOM_SECRET", 16),
        admin_email: r.parsed("POSTROOM_ADMIN_EMAIL", address).unwrap_or_else(|| format!("admin@{mail_domain}")),
        admin_password: r.secret("POSTROOM_ADMIN_PASSWORD", 8),
        inbound_token: r.secret("POSTROOM_INBOUND_TOKEN", 8),
        smtp_listen: r.parsed("POSTROOM_SMTP_LISTEN", self::listen).map(ListenAt::Tcp),
        lmtp_listen: r.parsed("POSTROOM_LMTP_LISTEN", listen_or_socket),
        smtp_hostname: r.parsed("POSTROOM_SMTP_HOSTNAME", domain).unwrap_or_else(|| mail_domain.clone()),
        smtp_tls: certificate(&mut r),
        door_connections: r.parsed("POSTROOM_DOOR_CONNECTIONS", |v| number(v, 1, 10_000)).unwrap_or(256) as usize,
        door_connections_per_peer: r
            .parsed("POSTROOM_DOOR_CONNECTIONS_PER_PEER", |v| number(v, 1, 10_000))
            .unwrap_or(16) as usize,
        doors: read_doors(&mut r, &data_dir),
        log: r.parsed("POSTROOM_LOG", log).unwrap_or_else(|| "info".to_owned()),
        worker: r.parsed("POSTROOM_WORKER", WorkerMode::from_str).unwrap_or(default_worker),
        smtp_connections: r.parsed("POSTROOM_SMTP_CONNECTIONS", |v| number(v, 1, 64)).unwrap_or(4) as usize,
        lease: Duration::from_secs(r.parsed("POSTROOM_LEASE_SECONDS", |v| number(v, 2, 3600)).unwrap_or(60)),
        keep_quarantine_days: r.parsed("POSTROOM_KEEP_QUARANTINE_DAYS", |v| number(v, 0, 36_500)).unwrap_or(90),
        keep_spam_days: r.parsed("POSTROOM_KEEP_SPAM_DAYS", |v| number(v, 0, 36_500)).unwrap_or(30),
        maybe_retry: Duration::from_secs(
            r.parsed("POSTROOM_MAYBE_RETRY_S", |v| number(v, 1, 7 * 86_400)).unwrap_or(900),
        ),
        max_mail_bytes: r.parsed("POSTROOM_MAX_MAIL_BYTES", |v| size(v, 256 * MIB)).unwrap_or(50 * MIB),
        max_file_bytes: r.parsed("POSTROOM_MAX_FILE_BYTES", |v| size(v, 1024 * MIB)).unwrap_or(10 * MIB),
        max_outbound_bytes: r.parsed("POSTROOM_MAX_OUTBOUND_BYTES", |v| size(v, 256 * MIB)).unwrap_or(20 * MIB),
        max_ticket_bytes: r.parsed("POSTROOM_MAX_TICKET_BYTES", |v| size(v, 10_240 * MIB)).unwrap_or(50 * MIB),
        allowed_types: r
            .parsed("POSTROOM_ALLOWED_TYPES", media_types)
            .unwrap_or_else(|| DEFAULT_ALLOWED_TYPES.iter().map(|t| (*t).to_owned()).collect()),
        fetch_networks: r.parsed("POSTROOM_FETCH_NETWORKS", networks).unwrap_or_default(),
        dns: r.parsed("POSTROOM_DNS", DnsSetting::from_str).unwrap_or_default(),
        trusted_sealers: r.parsed("POSTROOM_TRUSTED_SEALERS", domains).unwrap_or_default(),
        border: Border::read(&trusted_authserv, &trusted_hosts).unwrap_or_default(),
        trusted_authserv,
        trusted_hosts,
        port_file: r.text("POSTROOM_PORT_FILE").map(PathBuf::from),
        database_url,
        data_dir,
        redis_url,
        smtp_url,
        listen,
        mail_domain,
        mail_from,
        mail_from_name,
    };
    if r.wrong.is_empty() { Ok(config) } else { Err(ConfigError(r.wrong)) }
}

fn read_doors(r: &mut Reader<'_>, data_dir: &Path) -> Doors {
    Doors {
        mailgun: r.parsed("POSTROOM_MAILGUN_KEY", doors::secrets).unwrap_or_default(),
        postmark: r.parsed("POSTROOM_POSTMARK_AUTH", doors::basic).unwrap_or_default(),
        sendgrid: r.parsed("POSTROOM_SENDGRID_KEY", doors::public_keys).unwrap_or_default(),
        cloudflare: r.parsed("POSTROOM_CLOUDFLARE_KEY", doors::secrets).unwrap_or_default(),
        postal: r.parsed("POSTROOM_POSTAL_KEY", doors::public_keys).unwrap_or_default(),
        postal_busy: r.parsed("POSTROOM_POSTAL_BUSY_STATUS", doors::busy).unwrap_or(429),
        sns_topics: r.parsed("POSTROOM_SNS_TOPICS", doors::topics).unwrap_or_default(),
        sns_endpoint: r.parsed("AWS_ENDPOINT_URL_SNS", |v| url_with(v, &["https", "http"])),
        ses_buckets: r.parsed("POSTROOM_SES_BUCKETS", doors::buckets).unwrap_or_default(),
        s3: doors::S3 {
            key_id: r.text("AWS_ACCESS_KEY_ID"),
            key: r.text("AWS_SECRET_ACCESS_KEY").map(Secret::new),
            session: r.text("AWS_SESSION_TOKEN").map(Secret::new),
            region: r.text("AWS_REGION"),
            endpoint: r.parsed("AWS_ENDPOINT_URL_S3", |v| url_with(v, &["https", "http"])),
        },
        spool: r.text("POSTROOM_SPOOL").map_or_else(|| data_dir.join("spool"), PathBuf::from),
    }
}

/// Returns how a server that listens on `addr` is reached from this machine.
pub(super) fn url_of(addr: SocketAddr) -> String {
    if addr.ip().is_unspecified() { format!("http://localhost:{}", addr.port()) } else { format!("http://{addr}") }
}

fn database_url(value: &str) -> Result<String, String> {
    if let Some(path) = sqlite_path(value) {
        return match path {
            "" => Err("needs a file: sqlite://PATH".to_owned()),
            ":memory:" => Err("a database in memory would lose mail that was taken: name a file".to_owned()),
            _ => Ok(value.to_owned()),
        };
    }
    url_with(value, &["postgres", "postgresql"])
        .map_err(|why| format!("{why}; expected sqlite://PATH or postgres://USER:PASSWORD@HOST/NAME"))?;
    sqlx::postgres::PgConnectOptions::from_str(value).map_err(|e| e.to_string())?;
    Ok(value.to_owned())
}

/// Returns the file that a SQLite URL names.
fn sqlite_path(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("sqlite:")?;
    Some(rest.strip_prefix("//").unwrap_or(rest).split('?').next().unwrap_or_default())
}

fn data_dir(database_url: &str) -> PathBuf {
    match sqlite_path(database_url) {
        Some(path) => match Path::new(path).parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        },
        None => PathBuf::from("data"),
    }
}

fn url_with(value: &str, schemes: &[&str]) -> Result<Url, String> {
    let url = Url::parse(value).map_err(|e| format!("not a URL: {e}"))?;
    if !schemes.contains(&url.scheme()) {
        return Err(format!("the scheme must be {}", schemes.join(" or ")));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err("names no host".to_owned());
    }
    Ok(url)
}

fn smtp_url(value: &str) -> Result<Url, String> {
    let url = url_with(value, &["smtp", "smtps"])?;
    for (key, value) in url.query_pairs() {
        if key == "tls" && !matches!(&*value, "off" | "required") {
            return Err("tls must be off or required".to_owned());
        }
        if key == "requiretls" && !matches!(&*value, "on" | "off") {
            return Err("requiretls must be on or off".to_owned());
        }
    }
    Ok(url)
}

fn base_url(value: &str) -> Result<Url, String> {
    let url = url_with(value, &["http", "https"])?;
    if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
        return Err("must be scheme, host and path alone".to_owned());
    }
    if url.path() != "/" {
        return Err("a path is not supported: give Postroom a host name of its own".to_owned());
    }
    Ok(url)
}

fn listen(value: &str) -> Result<SocketAddr, String> {
    let numeric = match value.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => value.to_owned(),
    };
    numeric.parse().map_err(|_| "expected ADDRESS:PORT, for example 127.0.0.1:8080".to_owned())
}

/// A port, or the path of a Unix socket, which holds a slash.
fn listen_or_socket(value: &str) -> Result<ListenAt, String> {
    let path = value.strip_prefix("unix:").unwrap_or(value);
    match path.contains('/') {
        true => Ok(ListenAt::Unix(PathBuf::from(path))),
        false => listen(value).map(ListenAt::Tcp).map_err(|e| format!("{e}, or the path of a socket")),
    }
}

/// One without the other is a mistake that would leave mail in clear.
fn certificate(r: &mut Reader) -> Option<(PathBuf, PathBuf)> {
    match (r.text("POSTROOM_SMTP_TLS_CERT"), r.text("POSTROOM_SMTP_TLS_KEY")) {
        (Some(cert), Some(key)) => Some((cert.into(), key.into())),
        (None, None) => None,
        _ => {
            r.wrong.push("POSTROOM_SMTP_TLS_CERT and POSTROOM_SMTP_TLS_KEY: set both, or neither".to_owned());
            None
        }
    }
}

fn blob_url(value: &str) -> Result<PathBuf, String> {
    match value.strip_prefix("file://") {
        Some("") => Err("needs a folder: file://FOLDER".to_owned()),
        Some(path) => Ok(PathBuf::from(path)),
        None => Err("expected file://FOLDER".to_owned()),
    }
}

fn domain(value: &str) -> Result<String, String> {
    let ascii = idna::domain_to_ascii(value).map_err(|_| "not a domain name".to_owned())?;
    let fine = ascii.len() <= 253
        && ascii.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        });
    if fine { Ok(ascii) } else { Err("not a domain name".to_owned()) }
}

fn domains(value: &str) -> Result<Vec<String>, String> {
    value.split(',').map(str::trim).filter(|d| !d.is_empty()).map(domain).collect()
}

fn address(value: &str) -> Result<String, String> {
    let not_one = || "not a mail address".to_owned();
    let (local, host) = value.rsplit_once('@').ok_or_else(not_one)?;
    lettre::Address::new(local, host).map_err(|_| not_one())?;
    Ok(format!("{local}@{}", domain(host).map_err(|_| not_one())?))
}

fn mailbox(value: &str) -> Result<(Option<String>, String), String> {
    let Some((name, rest)) = value.split_once('<') else {
        return Ok((None, address(value)?));
    };
    let inner = rest.trim().strip_suffix('>').ok_or_else(|| "expected NAME <address>".to_owned())?;
    let name = name.trim().trim_matches('"').trim();
    if name.chars().any(char::is_control) {
        return Err("a name has no control characters".to_owned());
    }
    Ok(((!name.is_empty()).then(|| name.to_owned()), address(inner)?))
}

fn log(value: &str) -> Result<String, String> {
    crate::logging::filter(value).map_err(|e| e.to_string())?;
    Ok(value.to_owned())
}

fn number(value: &str, least: u64, most: u64) -> Result<u64, String> {
    match value.parse::<u64>() {
        Ok(n) if (least..=most).contains(&n) => Ok(n),
        _ => Err(format!("expected a number from {least} to {most}")),
    }
}

/// Bytes, or a number with KiB or MiB.
fn size(value: &str, most: usize) -> Result<usize, String> {
    let wrong = || format!("expected bytes, or a number with KiB or MiB, at most {} MiB", most / MIB);
    let (digits, unit) = value.split_at(value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len()));
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kib" | "k" => 1024,
        "mib" | "m" => MIB,
        _ => return Err(wrong()),
    };
    match digits.parse::<usize>().ok().and_then(|n| n.checked_mul(factor)) {
        Some(n) if (1..=most).contains(&n) => Ok(n),
        _ => Err(wrong()),
    }
}

fn networks(value: &str) -> Result<Vec<Network>, String> {
    value.split(',').map(str::trim).filter(|n| !n.is_empty()).map(Network::from_str).collect()
}

fn media_types(value: &str) -> Result<Vec<String>, String> {
    let types: Vec<String> =
        value.split(',').map(|t| t.trim().to_ascii_lowercase()).filter(|t| !t.is_empty()).collect();
    match types.iter().find(|t| t.split('/').count() != 2 || t.starts_with('/') || t.ends_with('/')) {
        Some(wrong) => Err(format!("{wrong:?} is no media type")),
        None => Ok(types),
    }
}
