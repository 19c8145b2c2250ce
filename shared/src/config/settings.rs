//! The table of settings: names, defaults and what each is for. Environment, flags, `postroom config` and the docs
//! all come from it.

/// One setting: an environment variable, and a flag of the same name.
#[derive(Debug)]
pub struct Setting {
    /// The environment variable's name.
    pub name: &'static str,
    /// What holds when it is unset, in words or as the value itself.
    pub default: &'static str,
    /// How much of it may be shown.
    pub show: Show,
    /// What it is for, one line.
    pub about: &'static str,
}

/// How much of a setting's value `postroom config` shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Show {
    /// All of it.
    Plain,
    /// A URL: all but its password.
    Url,
    /// Only whether it is set.
    Hidden,
}

impl Setting {
    /// Returns the flag of the same name, without its dashes: `POSTROOM_BASE_URL` is `base-url`.
    pub fn flag(&self) -> String {
        self.name.trim_start_matches("POSTROOM_").to_ascii_lowercase().replace('_', "-")
    }
}

const fn setting(name: &'static str, default: &'static str, show: Show, about: &'static str) -> Setting {
    Setting { name, default, show, about }
}

/// Every setting (DESIGN 10), in the order in which they are shown.
pub const SETTINGS: &[Setting] = &[
    setting(
        "POSTROOM_MODE",
        "development if nothing leaves this machine, else production",
        Show::Plain,
        "development or production: whether /dev pages exist and doors are open to this machine",
    ),
    setting("DATABASE_URL", "sqlite://data/postroom.db", Show::Url, "the database: sqlite://PATH or postgres://…"),
    setting("REDIS_URL", "none: the queue is in process", Show::Url, "the queue between several processes: redis://…"),
    setting(
        "SMTP_URL",
        "none: mail is captured",
        Show::Url,
        "where mail goes: smtp://… or smtps://…, ?tls=off, ?requiretls=on",
    ),
    setting("BLOB_URL", "file://data/blobs", Show::Url, "where files are kept: file://FOLDER"),
    setting("POSTROOM_LISTEN", "127.0.0.1:8080", Show::Plain, "the address and port to listen on; port 0 takes any"),
    setting("POSTROOM_BASE_URL", "the listen address", Show::Plain, "how browsers and mails reach this server"),
    setting("POSTROOM_MAIL_DOMAIN", "postroom.localhost", Show::Plain, "the domain of Message-IDs and reply addresses"),
    setting(
        "POSTROOM_MAIL_FROM",
        "support@ the mail domain",
        Show::Plain,
        "the first mailbox: address or NAME <address>",
    ),
    setting(
        "POSTROOM_SECRET",
        "made once and kept",
        Show::Hidden,
        "signs reply addresses and the timeline, 16+ letters",
    ),
    setting("POSTROOM_ADMIN_EMAIL", "admin@ the mail domain", Show::Plain, "the first admin's address"),
    setting("POSTROOM_ADMIN_PASSWORD", "made and printed once", Show::Hidden, "the first admin's password"),
    setting("POSTROOM_INBOUND_TOKEN", "none", Show::Hidden, "lets mail in by the doors, as a bearer token"),
    setting(
        "POSTROOM_SMTP_LISTEN",
        "none: no SMTP",
        Show::Plain,
        "takes mail by SMTP: ADDRESS:PORT, 0.0.0.0:25 for the world",
    ),
    setting(
        "POSTROOM_LMTP_LISTEN",
        "none: no LMTP",
        Show::Plain,
        "takes mail of a mail server of yours by LMTP: ADDRESS:PORT, or a socket's path",
    ),
    setting("POSTROOM_SMTP_HOSTNAME", "the mail domain", Show::Plain, "the name that the SMTP and LMTP doors go by"),
    setting(
        "POSTROOM_SMTP_TLS_CERT",
        "none: no STARTTLS",
        Show::Plain,
        "the certificate of these doors and its chain, a PEM file; read again when it changed",
    ),
    setting("POSTROOM_SMTP_TLS_KEY", "none: no STARTTLS", Show::Plain, "the certificate's key, a PEM file"),
    setting("POSTROOM_DOOR_CONNECTIONS", "256", Show::Plain, "clients of these doors at once"),
    setting("POSTROOM_DOOR_CONNECTIONS_PER_PEER", "16", Show::Plain, "of them, from one host (an IPv6 /64 is one)"),
    setting("POSTROOM_MAILGUN_KEY", "none", Show::Hidden, "Mailgun's webhook signing key; several with commas"),
    setting("POSTROOM_POSTMARK_AUTH", "none", Show::Hidden, "USER:PASSWORD that Postmark shows; several with commas"),
    setting(
        "POSTROOM_SENDGRID_KEY",
        "none",
        Show::Plain,
        "SendGrid's verification key, in base64; several with commas",
    ),
    setting("POSTROOM_CLOUDFLARE_KEY", "none", Show::Hidden, "the key shared with the Cloudflare email worker"),
    setting("POSTROOM_POSTAL_KEY", "none", Show::Plain, "Postal's public key: base64, PEM or its DKIM record"),
    setting(
        "POSTROOM_POSTAL_BUSY_STATUS",
        "429",
        Show::Plain,
        "what Postal is told when it is to come again: 429, or 503 for versions that take that for final",
    ),
    setting("POSTROOM_SNS_TOPICS", "none", Show::Plain, "ARNs of the SNS topics of Amazon SES, comma separated"),
    setting(
        "POSTROOM_SES_BUCKETS",
        "none",
        Show::Plain,
        "buckets that SES writes to, s3://BUCKET/PREFIX, comma separated; swept every 5 minutes",
    ),
    setting("AWS_ACCESS_KEY_ID", "none", Show::Plain, "the key that reads those buckets"),
    setting("AWS_SECRET_ACCESS_KEY", "none", Show::Hidden, "its secret"),
    setting("AWS_SESSION_TOKEN", "none", Show::Hidden, "its session, of temporary keys"),
    setting("AWS_REGION", "the topic's", Show::Plain, "the region of the buckets"),
    setting("AWS_ENDPOINT_URL_S3", "Amazon's", Show::Url, "another S3 service: https://…"),
    setting(
        "AWS_ENDPOINT_URL_SNS",
        "Amazon's",
        Show::Url,
        "another SNS service: certificates and confirmations come from this host alone",
    ),
    setting("POSTROOM_SPOOL", "spool in the data folder", Show::Plain, "where mail of `postroom mail pipe` waits"),
    setting("POSTROOM_LOG", "info", Show::Plain, "what is logged: a level, or filters such as info,shared=debug"),
    setting(
        "POSTROOM_WORKER",
        "inline, off with REDIS_URL",
        Show::Plain,
        "inline or off: whether the server sends mail too",
    ),
    setting("POSTROOM_SMTP_CONNECTIONS", "4", Show::Plain, "connections to the relay open at once"),
    setting("POSTROOM_KEEP_QUARANTINE_DAYS", "90", Show::Plain, "days after which held mail is forgotten; 0: never"),
    setting(
        "POSTROOM_KEEP_SPAM_DAYS",
        "30",
        Show::Plain,
        "days after which spam, mails and tickets, is forgotten; 0: never",
    ),
    setting("POSTROOM_MAYBE_RETRY_S", "900", Show::Plain, "seconds before mail of unknown fate is tried again"),
    setting(
        "POSTROOM_LEASE_SECONDS",
        "60",
        Show::Plain,
        "how long the mail of a worker that died waits for another worker, 2 or more",
    ),
    setting("POSTROOM_MAX_MAIL_BYTES", "50 MiB", Show::Plain, "the largest mail that a door takes, at most 256 MiB"),
    setting("POSTROOM_MAX_FILE_BYTES", "10 MiB", Show::Plain, "the largest uploaded file"),
    setting(
        "POSTROOM_MAX_OUTBOUND_BYTES",
        "20 MiB",
        Show::Plain,
        "the largest mail that is sent, encoded; files beyond it go out as links that expire",
    ),
    setting("POSTROOM_MAX_TICKET_BYTES", "50 MiB", Show::Plain, "the most that uploads to one ticket take together"),
    setting(
        "POSTROOM_ALLOWED_TYPES",
        "images, text, PDF, office files, archives, audio, video, mail",
        Show::Plain,
        "media types that may be uploaded, comma separated; image/* allows all of a kind",
    ),
    setting(
        "POSTROOM_FETCH_NETWORKS",
        "none: the public internet alone",
        Show::Plain,
        "networks inside that images in mail may be fetched from too, comma separated: 10.1.0.0/16",
    ),
    setting(
        "POSTROOM_DNS",
        "system",
        Show::Plain,
        "name servers that are asked about senders: system, off, or ADDRESS:PORT, comma separated",
    ),
    setting(
        "POSTROOM_TRUSTED_AUTHSERV",
        "none",
        Show::Plain,
        "whose Authentication-Results are believed, comma separated; HOST:below if it writes them beneath its Received",
    ),
    setting(
        "POSTROOM_TRUSTED_HOSTS",
        "this machine",
        Show::Plain,
        "our own relays in front, comma separated: names, .parents, addresses, networks",
    ),
    setting("POSTROOM_TRUSTED_SEALERS", "none", Show::Plain, "domains whose ARC seals are believed, comma separated"),
    setting("POSTROOM_PORT_FILE", "none", Show::Plain, "a file that the port is written to once it is open"),
];

/// The media types that may be uploaded unless the operator says otherwise. Nothing that a browser would run.
pub const DEFAULT_ALLOWED_TYPES: &[&str] = &[
    "image/*",
    "audio/*",
    "video/*",
    "text/*",
    "message/rfc822",
    "application/pdf",
    "application/json",
    "application/xml",
    "application/x-ndjson",
    "application/yaml",
    "application/rtf",
    "application/zip",
    "application/gzip",
    "application/x-7z-compressed",
    "application/x-tar",
    "application/msword",
    "application/vnd.ms-excel",
    "application/vnd.ms-powerpoint",
    "application/vnd.ms-outlook",
    "application/vnd.oasis.opendocument.*",
    "application/vnd.openxmlformats-officedocument.*",
    "application/octet-stream",
];
