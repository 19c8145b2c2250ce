//! How many connections there may be, in all and from one host.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// Counts connections. Clones share the count.
#[derive(Debug, Clone)]
pub struct Connections {
    most: usize,
    most_per_peer: usize,
    open: Arc<Mutex<Open>>,
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    by_peer: HashMap<IpAddr, usize>,
}

/// A connection's place; dropped when it closes.
#[derive(Debug)]
pub struct Place {
    peer: Option<IpAddr>,
    of: Connections,
}

impl Connections {
    /// Counts up to `most`, and up to `most_per_peer` from one host.
    pub fn new(most: usize, most_per_peer: usize) -> Connections {
        Connections { most, most_per_peer, open: Arc::default() }
    }

    /// Takes a place; None if there is none. This machine and Unix sockets (None) count in all only: behind them
    /// stands a mail server that has many to deliver.
    pub fn take(&self, peer: Option<IpAddr>) -> Option<Place> {
        let peer = peer.map(host).filter(|ip| !ip.is_loopback());
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let full = peer.is_some_and(|ip| open.by_peer.get(&ip).is_some_and(|n| *n >= self.most_per_peer));
        if open.all >= self.most || full {
            return None;
        }
        open.all += 1;
        if let Some(ip) = peer {
            *open.by_peer.entry(ip).or_default() += 1;
        }
        Some(Place { peer, of: self.clone() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.of.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.all -= 1;
        if let Some(ip) = self.peer
            && let Some(n) = open.by_peer.get_mut(&ip)
        {
            *n -= 1;
            if *n == 0 {
                open.by_peer.remove(&ip);
            }
        }
    }
}

/// A host has a whole /64 of IPv6; IPv4 within IPv6 is IPv4.
fn host(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(v6) if !v6.is_loopback() => {
            let s = v6.segments();
            IpAddr::V6(Ipv6Addr::new(s[0], s[1], s[2], s[3], 0, 0, 0, 0))
        }
        ip => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// E10.7.
    #[test]
    fn places_are_counted_per_host_and_in_all() {
        let c = Connections::new(4, 2);
        let ip = |text: &str| Some(text.parse().expect("an address"));
        let a = c.take(ip("192.0.2.1"));
        let b = c.take(ip("::ffff:192.0.2.1"));
        assert!(a.is_some() && b.is_some() && c.take(ip("192.0.2.1")).is_none());
        let six = [c.take(ip("2001:db8::1")), c.take(ip("2001:db8::2"))];
        assert!(six.iter().all(Option::is_some));
        assert!(c.take(None).is_none(), "full");
        drop(six);
        let local = [c.take(ip("127.0.0.1")), c.take(None)];
        assert!(local.iter().all(Option::is_some) && c.take(None).is_none());
        drop((a, b, local));
        let again: Vec<_> = (0..3).map(|_| c.take(ip("192.0.2.1"))).collect();
        assert_eq!(again.iter().filter(|p| p.is_some()).count(), 2);
    }
}
