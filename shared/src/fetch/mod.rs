//! Asking other hosts for what somebody else named: an image in a mail, a provider's certificate. Nobody outside decides
//! what this server talks to: the address is checked after the name was resolved and again at every redirect, and it is
//! the checked address that is connected to (E12.4).

pub mod network;

use crate::compiled_here;
use bytes::{Bytes, BytesMut};
use network::Network;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::LOCATION;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use url::{Host, Url};

/// How often an answer may lead elsewhere.
const REDIRECTS: usize = 3;
/// How long all of it may take.
const TIME: Duration = Duration::from_secs(10);

/// Nothing was fetched.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is none that may be asked: scheme, or a host inside.
    #[error("{0} may not be asked")]
    Refused(String),
    /// It leads on and on.
    #[error("redirected more than {REDIRECTS} times")]
    Redirects,
    /// It is larger than was asked for.
    #[error("larger than {0} bytes")]
    TooLarge(usize),
    /// It took too long.
    #[error("no whole answer within {} s", TIME.as_secs())]
    Slow,
    /// The other side answered, but not with what was asked for.
    #[error("answered {0}")]
    Status(u16),
    /// The other side cannot be reached, or broke off.
    #[error("cannot be fetched")]
    Network(#[source] reqwest::Error),
}

/// Fetches from other hosts. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Fetcher {
    client: reqwest::Client,
    guard: Guard,
}

/// What may be asked.
#[derive(Clone, Debug)]
struct Guard {
    inside: Arc<[Network]>,
}

impl Guard {
    fn allows(&self, ip: IpAddr) -> bool {
        network::is_public(ip) || self.inside.iter().any(|n| n.contains(network::plain(ip)))
    }

    /// Refuses what can be seen without asking anybody: schemes, and addresses that stand in the URL themselves, which
    /// no resolver sees.
    fn check(&self, url: &Url) -> Result<(), Error> {
        let fine = matches!(url.scheme(), "http" | "https")
            && match url.host() {
                Some(Host::Ipv4(ip)) => self.allows(ip.into()),
                Some(Host::Ipv6(ip)) => self.allows(ip.into()),
                Some(Host::Domain(_)) => true,
                None => false,
            };
        if fine { Ok(()) } else { Err(Error::Refused(origin(url))) }
    }
}

/// Scheme, host and port: what may be told and logged, as paths and queries can hold secrets.
fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

#[derive(Debug, thiserror::Error)]
#[error("{0} is inside")]
struct Inside(String);

/// Resolves by the system and gives only addresses that may be asked: if one may not, none is given.
impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            match found.iter().all(|a| guard.allows(a.ip())) {
                true => Ok(Box::new(found.into_iter()) as Addrs),
                false => Err(Inside(name.as_str().to_owned()).into()),
            }
        })
    }
}

impl Fetcher {
    /// Makes one that may ask the public internet and the `inside` networks.
    pub fn new(inside: Vec<Network>) -> Fetcher {
        let guard = Guard { inside: inside.into() };
        let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring speaks TLS 1.2 and 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .dns_resolver(Arc::new(guard.clone()))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .user_agent("Postroom")
            .connect_timeout(TIME / 2)
            .build()
            .expect("nothing that this client is made of can be missing");
        Fetcher { client, guard }
    }

    /// Fetches at most `most` bytes. Sends no cookie and no referrer.
    ///
    /// # Errors
    /// See [`Error`].
    #[compiled_here]
    pub async fn get(&self, url: Url, most: usize) -> Result<Bytes, Error> {
        tokio::time::timeout(TIME, self.follow(url, most)).await.unwrap_or(Err(Error::Slow))
    }

    async fn follow(&self, mut url: Url, most: usize) -> Result<Bytes, Error> {
        for _ in 0..=REDIRECTS {
            self.guard.check(&url)?;
            let answer = self.client.get(url.clone()).send().await.map_err(|e| refused_or(e, &url))?;
            if !answer.status().is_redirection() {
                return whole(answer, most).await;
            }
            let next = answer.headers().get(LOCATION).and_then(|v| v.to_str().ok()).and_then(|v| url.join(v).ok());
            url = next.ok_or(Error::Status(answer.status().as_u16()))?;
        }
        Err(Error::Redirects)
    }
}

/// Tells a name that leads inside from one that leads nowhere.
fn refused_or(error: reqwest::Error, url: &Url) -> Error {
    let mut source: Option<&dyn std::error::Error> = Some(&error);
    while let Some(e) = source {
        if e.is::<Inside>() {
            return Error::Refused(origin(url));
        }
        source = e.source();
    }
    Error::Network(error.without_url())
}

async fn whole(mut answer: reqwest::Response, most: usize) -> Result<Bytes, Error> {
    if !answer.status().is_success() {
        return Err(Error::Status(answer.status().as_u16()));
    }
    if answer.content_length().is_some_and(|n| n > most as u64) {
        return Err(Error::TooLarge(most));
    }
    let read = body(&mut answer, most).await.map_err(|e| Error::Network(e.without_url()))?;
    read.ok_or(Error::TooLarge(most))
}

/// Reads an answer's body; None if it is larger than `most` bytes, of which no more are read.
///
/// # Errors
/// If the other side breaks off.
#[compiled_here]
pub async fn body(answer: &mut reqwest::Response, most: usize) -> Result<Option<Bytes>, reqwest::Error> {
    let mut bytes = BytesMut::new();
    while let Some(chunk) = answer.chunk().await? {
        if bytes.len() + chunk.len() > most {
            return Ok(None);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Some(bytes.freeze()))
}

/// Returns the client for services that we or the operator chose, made once per process as that reads all the system's
/// certificates: it follows nobody elsewhere. For what a mail or a customer names, there is [`Fetcher`].
///
/// # Errors
/// If the system's certificates cannot be had.
pub fn services() -> Result<&'static reqwest::Client, reqwest::Error> {
    static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
    if let Some(client) = CLIENT.get() {
        return Ok(client);
    }
    // Whoever was first has chosen; reqwest wants that somebody has.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
    Ok(CLIENT.get_or_init(|| client))
}

#[cfg(test)]
mod tests;
