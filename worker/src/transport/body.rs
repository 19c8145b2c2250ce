//! A mail's octets as they go over the wire after DATA.

/// Returns `mime` with every line ended by CRLF, dots stuffed (RFC 5321 4.5.2) and the final dot appended.
///
/// A bare CR or LF would let a line of the text pass for the end of the mail at the next hop (SMTP smuggling) and
/// may not be sent at all (RFC 5321 2.3.8), so each becomes CRLF. Everything else arrives octet by octet.
pub(super) fn encode(mime: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(mime.len() + mime.len() / 32 + 16);
    let mut rest = mime;
    while !rest.is_empty() {
        if rest[0] == b'.' {
            out.push(b'.');
        }
        let end = rest.iter().position(|b| matches!(b, b'\r' | b'\n')).unwrap_or(rest.len());
        out.extend_from_slice(&rest[..end]);
        out.extend_from_slice(b"\r\n");
        rest = match &rest[end..] {
            [b'\r', b'\n', after @ ..] | [b'\r' | b'\n', after @ ..] => after,
            after => after,
        };
    }
    out.extend_from_slice(b".\r\n");
    out
}

#[cfg(test)]
mod tests {
    use super::encode;

    #[test]
    fn lines_end_in_crlf_and_dots_are_stuffed() {
        for (mime, wire) in [
            ("", ".\r\n"),
            ("a", "a\r\n.\r\n"),
            ("a\r\n", "a\r\n.\r\n"),
            ("a\r\n\r\n", "a\r\n\r\n.\r\n"),
            ("a\nb\n", "a\r\nb\r\n.\r\n"),
            ("a\rb", "a\r\nb\r\n.\r\n"),
            ("a\r\rb", "a\r\n\r\nb\r\n.\r\n"),
            ("a\n\rb", "a\r\n\r\nb\r\n.\r\n"),
            (".", "..\r\n.\r\n"),
            (".a\r\n..\r\na.b\r\n", "..a\r\n...\r\na.b\r\n.\r\n"),
            ("a\n.\nMAIL FROM:<x>\n", "a\r\n..\r\nMAIL FROM:<x>\r\n.\r\n"),
            ("a\r.\rb", "a\r\n..\r\nb\r\n.\r\n"),
        ] {
            assert_eq!(String::from_utf8(encode(mime.as_bytes())).unwrap(), wire, "{mime:?}");
        }
    }

    #[test]
    fn other_octets_stay() {
        let all: Vec<u8> = (0..=255).filter(|b| !matches!(b, b'\r' | b'\n')).collect();
        assert_eq!(encode(&all)[..all.len()], all);
    }
}
