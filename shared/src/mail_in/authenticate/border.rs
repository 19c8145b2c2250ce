//! Where the world begins: the hosts that are ours, and the authserv-ids that are believed (E11.2).

use crate::fetch::network::{Network, plain};
use std::net::IpAddr;

/// Hosts of ours and whom of them is believed. Read from settings once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Border {
    authserv: Vec<Authserv>,
    hosts: Vec<Host>,
}

/// A configured authserv-id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Authserv {
    /// Lower case, compared exactly.
    pub id: String,
    /// It writes its field beneath its own `Received` line.
    pub below: bool,
}

/// A host of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    Name(String),
    /// All names below this one, which begins with a dot.
    Below(String),
    Net(Network),
}

/// What a `Received` line tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hop {
    /// One host of ours had it from another.
    Inside,
    /// A host of ours had it from somebody else.
    Outside,
}

impl Border {
    /// Reads the two lists of settings: `mx.desk.example, mx2.desk.example:below` and
    /// `relay.desk.example, .internal.desk.example, 192.0.2.0/24`.
    ///
    /// # Errors
    /// What is wrong with an entry.
    pub fn read(authserv: &str, hosts: &str) -> Result<Border, String> {
        let listed = |text: &str| -> Vec<String> {
            text.split(',').map(|e| e.trim().to_ascii_lowercase()).filter(|e| !e.is_empty()).collect()
        };
        let authserv = listed(authserv).iter().map(|e| Authserv::read(e)).collect::<Result<_, _>>()?;
        let hosts = listed(hosts).iter().map(|e| Host::read(e)).collect::<Result<_, _>>()?;
        Ok(Border { authserv, hosts })
    }

    /// Returns this border with further authserv-ids, those of a tenant; one that cannot be read is left out.
    pub(super) fn with(&self, more: &[String]) -> Border {
        let mut border = self.clone();
        border.authserv.extend(more.iter().filter_map(|e| Authserv::read(&e.trim().to_ascii_lowercase()).ok()));
        border
    }

    /// Whether nobody is believed.
    pub(super) fn is_empty(&self) -> bool {
        self.authserv.is_empty()
    }

    /// Whether a host of ours is known to write beneath its own `Received` line.
    pub(super) fn writes_below(&self) -> bool {
        self.authserv.iter().any(|a| a.below)
    }

    pub(super) fn authserv(&self, id: &str) -> Option<&Authserv> {
        self.authserv.iter().find(|a| a.id == id)
    }

    /// Whether a host of ours has this address: this machine, or one of the list.
    pub(super) fn has_ip(&self, ip: IpAddr) -> bool {
        crate::config::is_loopback_ip(ip) || self.hosts.iter().any(|h| h.has_ip(ip))
    }

    fn has_name(&self, name: &str) -> bool {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        crate::config::is_loopback_host(&name)
            || self.authserv.iter().any(|a| a.id == name)
            || self.hosts.iter().any(|h| h.has_name(&name))
    }

    /// Tells from where a `Received` line's writer had the mail. Names that the other side gave of itself do not count,
    /// only the address that the writer saw; without one, the name. No `from` at all: it was made there.
    pub(super) fn hop(&self, received: &str) -> Hop {
        let text = received.trim_start();
        let Some(from) = text.get(..5).filter(|f| f.eq_ignore_ascii_case("from ")).map(|_| &text[5..]) else {
            return Hop::Inside;
        };
        let lower = from.to_ascii_lowercase();
        let end = lower.find(" by ").unwrap_or(from.len());
        let from = &from[..end];
        // One of them is what the writer saw, another may be what the other side said: all must be ours.
        let mut seen = from.split(['[', ']', '(', ')', ' ', '=']).filter_map(address_literal).peekable();
        let ours = match seen.peek() {
            Some(_) => seen.all(|ip| self.has_ip(ip)),
            None => self.has_name(from.split_whitespace().next().unwrap_or_default()),
        };
        if ours { Hop::Inside } else { Hop::Outside }
    }
}

fn address_literal(text: &str) -> Option<IpAddr> {
    text.strip_prefix("IPv6:").or(text.strip_prefix("ipv6:")).unwrap_or(text).parse().ok()
}

impl Authserv {
    fn read(entry: &str) -> Result<Authserv, String> {
        let (id, below) = match entry.strip_suffix(":below") {
            Some(id) => (id, true),
            None => (entry, false),
        };
        if id.is_empty() || id.chars().any(|c| c.is_whitespace() || matches!(c, ';' | ':' | '(' | ')' | '"')) {
            return Err(format!("{entry:?} is no authserv-id"));
        }
        Ok(Authserv { id: id.to_owned(), below })
    }
}

impl Host {
    fn read(entry: &str) -> Result<Host, String> {
        if let Ok(net) = entry.parse::<Network>() {
            return Ok(Host::Net(net));
        }
        let name = entry.trim_start_matches('*');
        let fine = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
        match name.strip_prefix('.') {
            _ if !fine || name.len() < 2 => Err(format!("{entry:?} is no host, address or network")),
            Some(_) => Ok(Host::Below(name.to_owned())),
            None => Ok(Host::Name(name.to_owned())),
        }
    }

    fn has_name(&self, name: &str) -> bool {
        match self {
            Host::Name(n) => n == name,
            Host::Below(end) => name.ends_with(end.as_str()),
            Host::Net(_) => false,
        }
    }

    fn has_ip(&self, ip: IpAddr) -> bool {
        matches!(self, Host::Net(net) if net.contains(plain(ip)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_by_name_address_and_network() {
        let border =
            Border::read("mx.desk.example", "relay.desk.example,.in.desk.example,192.0.2.128/25,2001:db8::/32")
                .unwrap();
        for inside in [
            "from relay.desk.example by mx.desk.example; Sat",
            "from a.in.desk.example (unknown) by mx",
            "from whoever (helo [192.0.2.200]) by mx.desk.example",
            "from x ([IPv6:2001:db8::5]) by mx",
            "from localhost (localhost [127.0.0.1]) by mx",
            "by mx.desk.example with LMTP id x",
        ] {
            assert_eq!(border.hop(inside), Hop::Inside, "{inside}");
        }
        for outside in [
            "from evil.example (evil.example [198.51.100.1]) by mx.desk.example",
            // Names are what the other side gave of itself.
            "from relay.desk.example (unknown [198.51.100.1]) by mx.desk.example",
            "from in.desk.example by mx",
            "from x ([192.0.2.5]) by mx",
            "from [198.51.100.1] (helo=[127.0.0.1]) by mx",
            "from [127.0.0.1] (unknown [198.51.100.1]) by mx",
        ] {
            assert_eq!(border.hop(outside), Hop::Outside, "{outside}");
        }
        for wrong in [("a b", ""), ("", "a/b"), ("", "10.0.0.0/33"), ("", "."), ("mx:above", "")] {
            assert!(Border::read(wrong.0, wrong.1).is_err(), "{wrong:?}");
        }
    }
}
