//! Transfer encodings of bodies (RFC 2045 6.7, 6.8): only CRLF comes out, and no line passes 76 octets.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};

/// The longest line, without its line break.
const LINE: usize = 76;
/// Octets that make a full line of base64.
const BASE64_INPUT: usize = 57;

/// Appends text as quoted-printable. CRLF, LF and a lone CR end a line; a last line without one gets one.
pub fn quoted_printable(out: &mut Vec<u8>, text: &str) {
    let mut rest = text;
    while !rest.is_empty() {
        let (line, after) = match rest.find(['\r', '\n']) {
            Some(at) => {
                let ends = if rest[at..].starts_with("\r\n") { 2 } else { 1 };
                (&rest[..at], &rest[at + ends..])
            }
            None => (rest, ""),
        };
        quoted_line(out, line.as_bytes());
        out.extend_from_slice(b"\r\n");
        rest = after;
    }
}

/// Appends bytes as base64 in full lines.
pub fn base64(out: &mut Vec<u8>, bytes: &[u8]) {
    out.reserve(bytes.len() / BASE64_INPUT * (LINE + 2) + LINE + 2);
    let mut line = [0u8; LINE];
    for chunk in bytes.chunks(BASE64_INPUT) {
        let length = BASE64.encode_slice(chunk, &mut line).expect("57 octets make 76 letters");
        out.extend_from_slice(&line[..length]);
        out.extend_from_slice(b"\r\n");
    }
}

fn quoted_line(out: &mut Vec<u8>, line: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut column = 0;
    for (n, &b) in line.iter().enumerate() {
        let is_last = n + 1 == line.len();
        let literal = match b {
            // White space at a line's end is lost on the way.
            b' ' | b'\t' => !is_last,
            b'=' => false,
            // Mailbox files mark "From " at a line's start by ">", and a lone dot ends a mail.
            b'F' => column > 0 || !line[n..].starts_with(b"From "),
            b'.' => column > 0,
            _ => b.is_ascii_graphic(),
        };
        let needed = if literal { 1 } else { 3 };
        // The last octet may use the column that a soft line break would need.
        if column + needed > if is_last { LINE } else { LINE - 1 } {
            out.extend_from_slice(b"=\r\n");
            column = 0;
        }
        // A soft break may have put it at a line's start: judged anew.
        let literal = literal && !(column == 0 && (b == b'.' || line[n..].starts_with(b"From ")));
        match literal {
            true => out.push(b),
            false => out.extend_from_slice(&[b'=', HEX[usize::from(b >> 4)], HEX[usize::from(b & 15)]]),
        }
        column += if literal { 1 } else { 3 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mail_parser::MessageParser;
    use proptest::prelude::*;

    fn qp(text: &str) -> String {
        let mut out = Vec::new();
        quoted_printable(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    fn assert_lines(encoded: &str) {
        assert!(encoded.is_ascii());
        for line in encoded.split("\r\n") {
            assert!(line.len() <= LINE, "{}: {line}", line.len());
            assert!(!line.contains(['\r', '\n', '\0']));
            assert!(!line.ends_with([' ', '\t']) && !line.starts_with('.') && !line.starts_with("From "), "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_text_comes_back(text in "(\\PC|[\r\n\t .=F]|From |\\.|ä){0,400}|[a-z .]{0,400}|[.]{70,200}") {
            let encoded = qp(&text);
            assert_lines(&encoded);
            let mail = format!("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n{encoded}");
            let parsed = MessageParser::new().parse(mail.as_bytes()).unwrap();
            let lines = text.replace("\r\n", "\n").replace('\r', "\n");
            let lines = if lines.is_empty() || lines.ends_with('\n') { lines } else { lines + "\n" };
            prop_assert_eq!(parsed.body_text(0).unwrap_or_default().replace("\r\n", "\n"), lines);
        }

        #[test]
        fn any_bytes_come_back(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let mut out = Vec::new();
            base64(&mut out, &bytes);
            let text = String::from_utf8(out).unwrap();
            assert_lines(&text);
            prop_assert_eq!(BASE64.decode(text.replace("\r\n", "")).unwrap(), bytes);
        }
    }

    #[test]
    fn plain_text_stays_readable() {
        assert_eq!(
            qp("Hello Ann,\n\nall is well. 1 + 1 = 2 \nFrom here on\n.\n"),
            "Hello Ann,\r\n\r\nall is well. 1 + 1 =3D 2=20\r\n=46rom here on\r\n=2E\r\n"
        );
        assert_eq!(qp(&"a".repeat(76)), format!("{}\r\n", "a".repeat(76)));
        assert_eq!(qp(&"a".repeat(77)), format!("{}=\r\naa\r\n", "a".repeat(75)));
    }
}
