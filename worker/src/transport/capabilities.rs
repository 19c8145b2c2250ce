//! What a relay offers (RFC 5321 4.1.1.1).

/// What the relay said it can do, in its last answer to EHLO.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Capabilities {
    pub starttls: bool,
    pub eight_bit_mime: bool,
    pub smtp_utf8: bool,
    pub pipelining: bool,
    /// RFC 8689.
    pub require_tls: bool,
    /// RFC 1870: offered, and the largest mail if it named one.
    pub size: Option<usize>,
    pub size_offered: bool,
    pub plain: bool,
    pub login: bool,
}

impl Capabilities {
    /// Reads the lines of an EHLO reply. Keywords are compared without case, as RFC 5321 2.4 wants.
    pub fn parse(lines: &str) -> Capabilities {
        let mut caps = Capabilities::default();
        for line in lines.lines().skip(1) {
            let line = line.get(4..).unwrap_or_default().to_ascii_uppercase();
            let mut words = line.split([' ', '=']).filter(|w| !w.is_empty());
            match words.next() {
                Some("STARTTLS") => caps.starttls = true,
                Some("8BITMIME") => caps.eight_bit_mime = true,
                Some("SMTPUTF8") => caps.smtp_utf8 = true,
                Some("PIPELINING") => caps.pipelining = true,
                Some("REQUIRETLS") => caps.require_tls = true,
                Some("SIZE") => {
                    caps.size_offered = true;
                    caps.size = words.next().and_then(|n| n.parse().ok()).filter(|n| *n > 0);
                }
                Some("AUTH") => {
                    for mechanism in words {
                        caps.plain |= mechanism == "PLAIN";
                        caps.login |= mechanism == "LOGIN";
                    }
                }
                _ => {}
            }
        }
        caps
    }
}

#[cfg(test)]
mod tests {
    use super::Capabilities;

    #[test]
    fn capabilities_are_read_without_case() {
        let lines = "250-mail.example STARTTLS\n250-8bitmime\n250-size 1000\n250-AUTH=LOGIN plain XOAUTH2\n250 \n";
        let caps = Capabilities::parse(lines);
        let expected = Capabilities {
            eight_bit_mime: true,
            size: Some(1000),
            size_offered: true,
            plain: true,
            login: true,
            ..Capabilities::default()
        };
        assert_eq!(caps, expected);
        assert_eq!(Capabilities::parse("250-x\n250-SIZE 0\n250 STARTTLS\n").size, None);
        assert!(Capabilities::parse("250-x\n250 STARTTLS\n").starttls);
    }
}
