//! Envelope addresses: what may stand between the angle brackets of MAIL and RCPT.

use lettre::Address;

/// An address fit for the wire.
#[derive(Debug, Clone)]
pub(super) struct Path {
    /// The address, its domain in A-labels (E8.7).
    pub address: Address,
    /// The local part is not ASCII: the relay must offer SMTPUTF8 (RFC 6531).
    pub needs_utf8: bool,
}

/// Parses an address for the envelope, as lenient as safety allows: providers have given out addresses that no
/// grammar permits (`a..b@docomo.ne.jp`), and the relay is the judge of them.
///
/// # Errors
/// One clause for people, when it could not be put on the wire at all.
pub(super) fn parse(text: &str) -> Result<Path, &'static str> {
    let (local, domain) = text.rsplit_once('@').ok_or("the address has no @")?;
    if local.is_empty() || domain.is_empty() {
        return Err("the address has no local part or no domain");
    }
    let quoted = local.len() > 1 && local.starts_with('"') && local.ends_with('"');
    if text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
        return Err("the address contains control characters");
    }
    if !quoted && local.contains([' ', '<', '>']) || domain.contains([' ', '<', '>']) {
        return Err("the address contains blanks or angle brackets");
    }
    if text.len() > 254 {
        return Err("the address is longer than 254 octets");
    }
    let domain = match domain.is_ascii() {
        true => domain.to_owned(),
        false => match url::Host::parse(domain) {
            Ok(url::Host::Domain(ascii)) => ascii,
            _ => return Err("the address has no valid domain"),
        },
    };
    Ok(Path { needs_utf8: !local.is_ascii(), address: Address::new_dangerous(local, domain) })
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn odd_but_sendable() {
        for (text, wire) in [
            ("a@b.example", "a@b.example"),
            ("a..b@docomo.example", "a..b@docomo.example"),
            ("\"a b\"@c.example", "\"a b\"@c.example"),
            ("a@b@c.example", "a@b@c.example"),
            ("a@[192.0.2.1]", "a@[192.0.2.1]"),
            ("a@bücher.example", "a@xn--bcher-kva.example"),
        ] {
            let path = parse(text).unwrap();
            assert_eq!(path.address.to_string(), wire);
            assert!(!path.needs_utf8, "{text}");
        }
        assert!(parse("jörg@b.example").unwrap().needs_utf8);
    }

    #[test]
    fn injections_are_refused() {
        for text in
            ["", "a", "@b", "a@", "a@b\r\nDATA", "a\r\nRCPT TO:<x>@b", "a> SIZE=1@b", "a b@c", "a@b c", "a@b>", "a\0@b"]
        {
            assert!(parse(text).is_err(), "{text:?}");
        }
        assert!(parse(&format!("{}@b.example", "a".repeat(250))).is_err());
    }
}
