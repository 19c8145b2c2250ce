//! Which addresses may be asked: those of the public internet, and networks that the operator names.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A network in CIDR form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    base: IpAddr,
    bits: u8,
}

impl Network {
    /// Tells whether the address lies in it.
    pub fn contains(&self, ip: IpAddr) -> bool {
        match (self.base, ip) {
            (IpAddr::V4(base), IpAddr::V4(ip)) => same_start(base.to_bits().into(), ip.to_bits().into(), 32, self.bits),
            (IpAddr::V6(base), IpAddr::V6(ip)) => same_start(base.to_bits(), ip.to_bits(), 128, self.bits),
            _ => false,
        }
    }
}

fn same_start(a: u128, b: u128, width: u8, bits: u8) -> bool {
    bits == 0 || (a ^ b) >> (width - bits) == 0
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.base, self.bits)
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no network: expected ADDRESS or ADDRESS/BITS");
        let (base, bits) = text.split_once('/').map_or((text, None), |(base, bits)| (base, Some(bits)));
        let base: IpAddr = base.trim().parse().map_err(|_| wrong())?;
        let widest = if base.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => widest,
            Some(bits) => bits.trim().parse().ok().filter(|b| *b <= widest).ok_or_else(wrong)?,
        };
        Ok(Network { base, bits })
    }
}

/// The address with an IPv4 one unwrapped from its IPv6 form, so that `::ffff:10.0.0.1` is 10.0.0.1.
pub fn plain(ip: IpAddr) -> IpAddr {
    ip.to_canonical()
}

/// Tells whether an address is one of the public internet: not of this machine, this network, a carrier's inside, a
/// cloud's metadata service, documentation, multicast, or a tunnel that could lead to any of them (RFC 6890).
pub fn is_public(ip: IpAddr) -> bool {
    match plain(ip) {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    !matches!(
        (a, b, c),
        (0 | 10 | 127, _, _)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (192, 168, _)
            | (198, 18 | 19, _)
            | (198, 51, 100)
            | (203, 0, 113)
            | (224..=255, _, _)
    )
}

/// Only global unicast (2000::/3), less what is special in it.
fn is_public_v6(ip: Ipv6Addr) -> bool {
    let s = ip.segments();
    let global = s[0] & 0xe000 == 0x2000;
    // Protocol assignments and Teredo, documentation, 6to4, documentation again.
    let special = matches!((s[0], s[1]), (0x2001, 0..0x0200 | 0x0db8) | (0x2002, _) | (0x3fff, 0..0x1000));
    global && !special
}

#[cfg(test)]
mod tests {
    use super::*;

    /// E12.4: no private, loopback, link-local or metadata address.
    #[test]
    fn only_the_public_internet_is_public() {
        let inside = "0.0.0.0 10.1.2.3 100.64.0.1 127.0.0.1 127.8.8.8 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.8 \
                      192.0.2.1 192.168.1.1 198.18.0.1 198.51.100.1 203.0.113.9 224.0.0.1 255.255.255.255 :: ::1 \
                      ::ffff:127.0.0.1 ::ffff:169.254.169.254 ::127.0.0.1 64:ff9b::7f00:1 fc00::1 fd00:ec2::254 fe80::1 ff02::1 \
                      2001:db8::1 2001::1 2002:7f00:1:: 3fff::1";
        for ip in inside.split_whitespace() {
            assert!(!is_public(ip.parse().unwrap()), "{ip}");
        }
        for ip in "1.1.1.1 100.63.0.1 172.32.0.1 198.20.0.1 8.8.8.8 2606:4700::1111 2001:4860:4860::8888".split(' ') {
            assert!(is_public(ip.parse().unwrap()), "{ip}");
        }
    }

    #[test]
    fn networks_contain_what_starts_alike() {
        let contains = |net: &str, ip: &str| net.parse::<Network>().unwrap().contains(ip.parse().unwrap());
        assert!(contains("10.0.0.0/8", "10.255.0.1") && !contains("10.0.0.0/8", "11.0.0.1"));
        assert!(contains("127.0.0.1", "127.0.0.1") && !contains("127.0.0.1", "127.0.0.2"));
        assert!(contains("fd00::/8", "fdff::1") && !contains("fd00::/8", "10.0.0.1"));
        assert!(contains("0.0.0.0/0", "9.9.9.9"));
        for wrong in ["", "10.0.0.0/33", "x", "10.0.0/8", "::/129"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }
}
