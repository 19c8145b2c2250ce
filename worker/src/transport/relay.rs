//! Where mail is handed over: the relay's URL and how its connection is protected.

use std::sync::Arc;

use lettre::transport::smtp::authentication::Credentials;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::TlsConnector;
use url::{Host, Url};

/// Why an SMTP URL cannot be used. Never contains the password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// It is no URL at all.
    #[error("the SMTP URL is malformed: {0}")]
    Malformed(url::ParseError),
    /// Only two schemes are known.
    #[error("the SMTP URL begins with {0:?}; expected smtp:// (STARTTLS) or smtps:// (TLS from the start)")]
    Scheme(String),
    /// Nothing to connect to.
    #[error("the SMTP URL names no host")]
    NoHost,
    /// `?tls=` is `required` or `off`.
    #[error("the SMTP URL has tls={0:?}; expected required or off")]
    Tls(String),
    /// The parameters are `tls` and `requiretls`.
    #[error("the SMTP URL has an unknown parameter {0:?}; expected tls or requiretls")]
    Parameter(String),
    /// A user without password or the other way round.
    #[error("the SMTP URL needs both a user and a password, or neither")]
    HalfCredentials,
    /// E9.16: a password never leaves the machine in clear.
    #[error("the SMTP URL would send its password in clear; drop ?tls=off or the user")]
    ClearPassword,
    /// smtps:// or requiretls=on, and ?tls=off contradict each other.
    #[error("the SMTP URL wants TLS and says tls=off, or leads to this machine without it")]
    Contradiction,
    /// `?requiretls=` is `on` or `off`.
    #[error("the SMTP URL has requiretls={0:?}; expected on or off")]
    RequireTls(String),
}

/// How the connection is protected (E9.16).
#[derive(Clone)]
pub(super) enum Tls {
    /// Loopback, or `?tls=off`.
    Off,
    /// STARTTLS, and nothing is sent without it.
    Start(TlsConnector, ServerName<'static>),
    /// TLS from the first octet.
    Implicit(TlsConnector, ServerName<'static>),
}

/// A relay, ready to be connected to.
#[derive(Clone)]
pub(super) struct Relay {
    pub host: String,
    pub port: u16,
    pub tls: Tls,
    pub credentials: Option<Credentials>,
    /// Mail may only go where all of its way is encrypted (RFC 8689).
    pub require_tls: bool,
}

impl Relay {
    /// Reads `smtp[s]://[user:password@]host[:port][?tls=required|off]`. The port defaults to 587 (RFC 6409) and
    /// 465 (RFC 8314). `extra_roots` are trusted beside the public authorities.
    pub fn from_url(text: &str, extra_roots: &[CertificateDer<'static>]) -> Result<Relay, UrlError> {
        let url = Url::parse(text).map_err(UrlError::Malformed)?;
        let implicit = match url.scheme() {
            "smtp" => false,
            "smtps" => true,
            other => return Err(UrlError::Scheme(other.to_owned())),
        };
        // The scheme is not one whose hosts the url crate parses, so an address literal is told apart here.
        let host_text = url.host_str().filter(|h| !h.is_empty()).ok_or(UrlError::NoHost)?;
        let host = Host::parse(host_text).map_err(UrlError::Malformed)?;
        let mut wanted = None;
        let mut require_tls = false;
        for (key, value) in url.query_pairs() {
            match (key.as_ref(), value.as_ref()) {
                ("tls", "required") => wanted = Some(true),
                ("tls", "off") => wanted = Some(false),
                ("tls", other) => return Err(UrlError::Tls(other.to_owned())),
                ("requiretls", "on") => require_tls = true,
                ("requiretls", "off") => require_tls = false,
                ("requiretls", other) => return Err(UrlError::RequireTls(other.to_owned())),
                (other, _) => return Err(UrlError::Parameter(other.to_owned())),
            }
        }
        if implicit && wanted == Some(false) {
            return Err(UrlError::Contradiction);
        }
        let loopback = is_loopback(&host);
        let encrypted = implicit || wanted.unwrap_or(!loopback || require_tls);
        if require_tls && !encrypted {
            return Err(UrlError::Contradiction);
        }
        let credentials = match (url.username(), url.password()) {
            ("", None) => None,
            ("", Some(_)) | (_, None) => return Err(UrlError::HalfCredentials),
            (user, password) => Some(Credentials::new(decode(user), decode(password.unwrap_or_default()))),
        };
        if credentials.is_some() && !encrypted && !loopback {
            return Err(UrlError::ClearPassword);
        }
        let host = match host {
            Host::Domain(name) => name,
            Host::Ipv4(ip) => ip.to_string(),
            Host::Ipv6(ip) => ip.to_string(),
        };
        let tls = if encrypted {
            let name = ServerName::try_from(host.clone()).map_err(|_| UrlError::NoHost)?;
            match implicit {
                true => Tls::Implicit(connector(extra_roots), name),
                false => Tls::Start(connector(extra_roots), name),
            }
        } else {
            Tls::Off
        };
        Ok(Relay { port: url.port().unwrap_or(if implicit { 465 } else { 587 }), host, tls, credentials, require_tls })
    }

    /// Returns `host:port`, the name under which the relay is paused and shown. Holds no secret.
    pub fn name(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

fn is_loopback<S: AsRef<str>>(host: &Host<S>) -> bool {
    match host {
        Host::Domain(name) => name.as_ref().trim_end_matches('.').eq_ignore_ascii_case("localhost"),
        Host::Ipv4(ip) => ip.is_loopback(),
        Host::Ipv6(ip) => ip.is_loopback(),
    }
}

/// Undoes percent encoding. A plus stays a plus: it is common in user names and passwords.
fn decode(text: &str) -> String {
    let field = format!("v={}", text.replace('+', "%2B").replace('&', "%26"));
    url::form_urlencoded::parse(field.as_bytes()).map(|(_, value)| value.into_owned()).next().unwrap_or_default()
}

fn connector(extra_roots: &[CertificateDer<'static>]) -> TlsConnector {
    let mut roots = rustls::RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    roots.add_parsable_certificates(extra_roots.iter().cloned());
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring knows TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> (&'static str, String) {
        let relay = Relay::from_url(text, &[]).unwrap();
        let tls = match relay.tls {
            Tls::Off => "off",
            Tls::Start(..) => "starttls",
            Tls::Implicit(..) => "implicit",
        };
        (tls, relay.name())
    }

    /// E9.16.
    #[test]
    fn tls_is_required_except_on_loopback_or_when_off() {
        assert_eq!(kind("smtp://mail.example"), ("starttls", "mail.example:587".into()));
        assert_eq!(kind("smtp://u:p@mail.example:25"), ("starttls", "mail.example:25".into()));
        assert_eq!(kind("smtps://u:p@mail.example"), ("implicit", "mail.example:465".into()));
        assert_eq!(kind("smtp://mail.example:25?tls=off"), ("off", "mail.example:25".into()));
        assert_eq!(kind("smtp://localhost:25"), ("off", "localhost:25".into()));
        assert_eq!(kind("smtp://127.9.9.9"), ("off", "127.9.9.9:587".into()));
        assert_eq!(kind("smtp://u:p@[::1]:2525"), ("off", "[::1]:2525".into()));
        assert_eq!(kind("smtp://localhost?requiretls=on"), ("starttls", "localhost:587".into()));
        assert_eq!(kind("smtp://localhost?tls=required"), ("starttls", "localhost:587".into()));
        assert_eq!(kind("smtp://localhost.evil.example"), ("starttls", "localhost.evil.example:587".into()));
        assert_eq!(kind("smtp://192.0.2.7"), ("starttls", "192.0.2.7:587".into()));
    }

    #[test]
    fn wrong_urls_say_why_and_keep_the_password() {
        for (text, error) in [
            ("http://mail.example", UrlError::Scheme("http".into())),
            ("smtp://mail.example?tls=maybe", UrlError::Tls("maybe".into())),
            ("smtp://mail.example?tsl=off", UrlError::Parameter("tsl".into())),
            ("smtp://user@mail.example", UrlError::HalfCredentials),
            ("smtp://u:geheim@mail.example?tls=off", UrlError::ClearPassword),
            ("smtps://mail.example?tls=off", UrlError::Contradiction),
            ("smtp://mail.example?tls=off&requiretls=on", UrlError::Contradiction),
            ("smtp://mail.example?requiretls=perhaps", UrlError::RequireTls("perhaps".into())),
            ("smtp://", UrlError::NoHost),
        ] {
            let found = Relay::from_url(text, &[]).err().unwrap();
            assert_eq!(found, error, "{text}");
            assert!(!found.to_string().contains("geheim"));
        }
        assert!(matches!(Relay::from_url("mail.example", &[]), Err(UrlError::Malformed(_))));
    }

    #[test]
    fn credentials_are_percent_decoded() {
        assert_eq!(decode("a%40b.example"), "a@b.example");
        assert_eq!(decode("p+q&r=%25%2f"), "p+q&r=%/");
        let relay = Relay::from_url("smtps://a%40b:p%3A+%2Fq@mail.example", &[]).unwrap();
        assert_eq!(relay.credentials, Some(Credentials::new("a@b".into(), "p:+/q".into())));
    }
}
