//! The name servers that are asked, and whether they answer at all.
//!
//! A machine without a network must not make every signed mail wait: once several checks in a row got no answer and a
//! name that cannot exist gets none either, nobody is asked for a while, which gets longer each time. Trying again is done
//! beside the mails, never by one of them.

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::RecordType;
use hickory_resolver::system_conf::read_system_conf;
use mail_auth::MessageAuthenticator;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long one question waits for its answer; it is asked twice.
const ANSWER_WITHIN: Duration = Duration::from_millis(900);
/// How many answers are remembered, at most so long, those that say "there is none" shorter.
const REMEMBERED: u64 = 4096;
const REMEMBERED_FOR: Duration = Duration::from_secs(24 * 3600);
const NOTHING_REMEMBERED_FOR: Duration = Duration::from_secs(15 * 60);
/// So many checks in a row without an answer raise the question whether anybody answers.
const IN_VAIN: u32 = 3;
/// How long nobody is asked then: doubled each time up to the longest.
const SHORTEST_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

/// Whom to ask (`POSTROOM_DNS`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum DnsSetting {
    /// Those that the system names.
    #[default]
    System,
    /// Nobody: what needs a question stays unchecked.
    Off,
    /// These.
    Servers(Vec<SocketAddr>),
}

impl FromStr for DnsSetting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim().to_ascii_lowercase().as_str() {
            "system" => return Ok(DnsSetting::System),
            "off" => return Ok(DnsSetting::Off),
            _ => {}
        }
        let wrong = |e: &str| format!("{e:?} is no name server: expected system, off, or ADDRESS or ADDRESS:PORT");
        let server = |e: &str| match e.parse::<SocketAddr>() {
            Ok(at) => Ok(at),
            Err(_) => e.parse().map(|ip| SocketAddr::new(ip, 53)).map_err(|_| wrong(e)),
        };
        let servers: Vec<SocketAddr> =
            text.split(',').map(str::trim).filter(|e| !e.is_empty()).map(server).collect::<Result<_, _>>()?;
        if servers.is_empty() { Err(wrong(text)) } else { Ok(DnsSetting::Servers(servers)) }
    }
}

impl std::fmt::Display for DnsSetting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            DnsSetting::System => f.write_str("system"),
            DnsSetting::Off => f.write_str("off"),
            DnsSetting::Servers(all) => f.write_str(&all.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")),
        }
    }
}

/// The name servers. Cheap to clone.
#[derive(Clone, Default)]
pub struct Dns(Option<Arc<Asked>>);

struct Asked {
    authenticator: MessageAuthenticator,
    silence: Mutex<Silence>,
}

#[derive(Default)]
struct Silence {
    in_vain: u32,
    /// Nobody is asked until then; None: they answer.
    until: Option<Instant>,
    pause: Duration,
    /// Somebody is finding out.
    probing: bool,
}

/// The name servers of this machine cannot be found out, or the resolver cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("no name server can be asked")]
pub struct NoResolver(#[source] NetError);

impl Dns {
    /// Makes the resolver. Nobody is asked yet.
    ///
    /// # Errors
    /// If the system names no servers.
    pub fn new(setting: &DnsSetting) -> Result<Dns, NoResolver> {
        let (config, mut options) = match setting {
            DnsSetting::Off => return Ok(Dns(None)),
            DnsSetting::System => read_system_conf().map_err(NoResolver)?,
            DnsSetting::Servers(servers) => {
                let servers = servers.iter().map(|at| {
                    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut c| {
                        c.port = at.port();
                        c
                    });
                    NameServerConfig::new(at.ip(), true, connections.into())
                });
                (ResolverConfig::from_parts(None, Vec::new(), servers.collect()), ResolverOpts::default())
            }
        };
        options.timeout = ANSWER_WITHIN;
        options.attempts = 2;
        options.cache_size = REMEMBERED;
        options.positive_max_ttl = Some(REMEMBERED_FOR);
        options.negative_max_ttl = Some(NOTHING_REMEMBERED_FOR);
        options.use_hosts_file = ResolveHosts::Never;
        let resolver = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            .with_options(options)
            .build()
            .map_err(NoResolver)?;
        let authenticator = MessageAuthenticator(resolver);
        Ok(Dns(Some(Arc::new(Asked { authenticator, silence: Mutex::default() }))))
    }

    /// Whether there is anybody to ask at all.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Returns whom to ask now; None while nobody answers, or if nobody is to be asked.
    pub(super) fn ask(&self) -> Option<MessageAuthenticator> {
        let asked = self.0.as_ref()?;
        let mut silence = asked.silence.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(until) = silence.until else { return Some(asked.authenticator.clone()) };
        if until <= Instant::now() && !silence.probing {
            silence.probing = true;
            tokio::spawn(find_out(asked.clone()));
        }
        None
    }

    /// Whether mail that waits for an answer may be checked again now.
    pub fn answers(&self) -> bool {
        self.ask().is_some()
    }

    /// Takes note of how a check went: `in_vain` if a question of it got no answer.
    pub(super) fn took_note(&self, in_vain: bool) {
        let Some(asked) = &self.0 else { return };
        let mut silence = asked.silence.lock().unwrap_or_else(PoisonError::into_inner);
        silence.in_vain = if in_vain { silence.in_vain + 1 } else { 0 };
        if silence.in_vain >= IN_VAIN && silence.until.is_none() && !silence.probing {
            silence.probing = true;
            tokio::spawn(find_out(asked.clone()));
        }
    }
}

/// Asks for a top domain that there is not (`.invalid` would be answered by the resolver itself, RFC 6761, 6.4): whatever
/// is answered, somebody is there. One domain's dead servers
/// alone never stop the checks of others.
async fn find_out(asked: Arc<Asked>) {
    let name = format!("{:016x}.", rand::random::<u64>());
    let answer = asked.authenticator.0.lookup(name.as_str(), RecordType::TXT).await;
    let is_there = match answer {
        Ok(_) | Err(NetError::Dns(_)) => true,
        Err(_) => false,
    };
    let mut silence = asked.silence.lock().unwrap_or_else(PoisonError::into_inner);
    silence.probing = false;
    silence.in_vain = 0;
    if is_there {
        if silence.until.take().is_some() {
            tracing::info!("name servers answer again: senders of mail are checked");
        }
        silence.pause = Duration::ZERO;
        return;
    }
    silence.pause = (silence.pause * 2).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
    silence.until = Some(Instant::now() + silence.pause);
    tracing::warn!(
        pause_s = silence.pause.as_secs(),
        "no name server answers: senders of mail are not checked meanwhile"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings() {
        assert_eq!("system".parse(), Ok(DnsSetting::System));
        assert_eq!("OFF".parse(), Ok(DnsSetting::Off));
        let servers: DnsSetting = "127.0.0.1:5353, ::1".parse().unwrap();
        assert_eq!(servers.to_string(), "127.0.0.1:5353,[::1]:53");
        assert!("ns.example".parse::<DnsSetting>().is_err() && ",".parse::<DnsSetting>().is_err());
    }

    /// E11.1: who does not answer is soon not asked any more.
    #[tokio::test]
    async fn silence_is_noticed() {
        let nobody = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let dns = Dns::new(&DnsSetting::Servers(vec![nobody.local_addr().unwrap()])).unwrap();
        assert!(dns.answers());
        for _ in 0..IN_VAIN {
            dns.took_note(true);
        }
        for _ in 0..100 {
            if !dns.answers() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("it is still asked");
    }

    /// A domain whose own servers are dead does not stop the checks of others.
    #[tokio::test]
    async fn whoever_answers_is_asked_on() {
        let server = super::super::testing::NameServer::start().await;
        let dns = Dns::new(&DnsSetting::Servers(vec![server.address()])).unwrap();
        for _ in 0..3 * IN_VAIN {
            dns.took_note(true);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(dns.answers() && !server.questions().is_empty());
    }
}
