//! Who is at the other end of the connection: its address, and whether it is this very machine.

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use shared::config::{is_loopback_host, is_loopback_ip};
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// The client's address, for throttling and the audit; behind a proxy in the private network the one it names.
    pub ip: IpAddr,
    /// Whether the request was made on this machine, to this machine (DESIGN 10).
    pub local: bool,
}

impl<S: Send + Sync> FromRequestParts<S> for Peer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let socket = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|c| c.0.ip());
        Ok(judge(socket, &parts.headers, parts.uri.host()))
    }
}

/// A proxy on this machine connects from loopback too, and so does a page of the world's whose name was pointed here
/// (DNS rebinding): forwarding headers, or a Host that is not this machine, make the request foreign.
fn judge(socket: Option<IpAddr>, headers: &HeaderMap, uri_host: Option<&str>) -> Peer {
    let ip = socket.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)).to_canonical();
    let forwarded = headers.keys().any(|k| k == header::FORWARDED || k.as_str().starts_with("x-forwarded-"));
    let host = headers.get(header::HOST).and_then(|h| h.to_str().ok()).or(uri_host);
    let local = is_loopback_ip(ip) && !forwarded && host.is_some_and(|h| is_loopback_host(without_port(h)));
    let named = headers
        .get_all("x-forwarded-for")
        .iter()
        .next_back()
        .and_then(|v| v.to_str().ok())
        // The last entry is the one that our own proxy wrote; those before it are the client's to invent.
        .and_then(|v| v.rsplit(',').next()?.trim().parse::<IpAddr>().ok());
    match named {
        Some(client) if is_near(ip) => Peer { ip: client.to_canonical(), local },
        _ => Peer { ip, local },
    }
}

/// Whether a proxy may sit there: this machine or a private network.
fn is_near(ip: IpAddr) -> bool {
    is_loopback_ip(ip)
        || match ip {
            IpAddr::V4(v4) => v4.is_private() || v4.is_link_local(),
            IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
        }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port))
            if port.bytes().all(|b| b.is_ascii_digit()) && (!name.contains(':') || name.ends_with(']')) =>
        {
            name
        }
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(ip: &str, pairs: &[(&'static str, &str)]) -> Peer {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        judge(Some(ip.parse().unwrap()), &headers, None)
    }

    #[test]
    fn only_this_machine_to_this_machine_is_local() {
        for host in ["localhost:8080", "127.0.0.1", "[::1]:8080", "postroom.localhost"] {
            assert!(peer("127.0.0.1", &[("host", host)]).local, "{host}");
        }
        assert!(peer("::ffff:127.0.0.1", &[("host", "localhost")]).local);
        for pairs in [
            &[("host", "evil.example")][..],
            &[],
            &[("host", "localhost"), ("x-forwarded-for", "127.0.0.1")],
            &[("host", "localhost"), ("forwarded", "for=127.0.0.1")],
            &[("host", "localhost"), ("x-forwarded-proto", "https")],
        ] {
            assert!(!peer("127.0.0.1", pairs).local, "{pairs:?}");
        }
        assert!(!peer("192.0.2.1", &[("host", "localhost")]).local);
    }

    #[test]
    fn a_near_proxy_names_the_client() {
        let named = peer("10.0.0.1", &[("x-forwarded-for", "6.6.6.6, 192.0.2.7")]);
        assert_eq!(named.ip, "192.0.2.7".parse::<IpAddr>().unwrap());
        let stranger = peer("192.0.2.1", &[("x-forwarded-for", "6.6.6.6")]);
        assert_eq!(stranger.ip, "192.0.2.1".parse::<IpAddr>().unwrap());
    }
}
