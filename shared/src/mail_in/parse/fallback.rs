//! What is left when the mail cannot be read (E1.5): header lines by scan, the rest as text, the raw as a file.

use super::{addresses, charset, ids, words};
use crate::mail_in::types::{Mail, Part};

/// Most bytes of the rest that become body text.
const BODY_BYTES: usize = 64 * 1024;

/// Reads a mail by line scan alone; the flag `degraded` is set.
pub fn read(raw: &[u8]) -> Mail {
    // An mbox line that is all there is, is no preamble.
    let raw = Some(super::skip_preamble(raw)).filter(|rest| !rest.is_empty()).unwrap_or(raw);
    let (head, rest) = first_blank_line(raw);
    let mut mail = Mail { flags: vec!["degraded".to_owned()], ..Mail::default() };
    for line in head.split(|&b| b == b'\n' || b == b'\r') {
        let Some(colon) = line.iter().position(|&b| b == b':') else { continue };
        let name = String::from_utf8_lossy(&line[..colon]).trim().to_ascii_lowercase();
        let value = &line[colon + 1..];
        match name.as_str() {
            "from" if mail.from.is_none() => mail.from = addresses::list(value, None).into_iter().next(),
            "subject" if mail.subject.is_empty() => mail.subject = words::decode(value, None),
            "message-id" if mail.message_id.is_none() => mail.message_id = ids::normalise(&words::decode(value, None)),
            _ => continue,
        }
        mail.headers.push((name, words::decode(value, None)));
    }
    // Without any header line all of it is text.
    let text = if mail.headers.is_empty() { raw } else { rest };
    let text = &text[..text.len().min(BODY_BYTES)];
    mail.body_text = charset::guess(text).text.replace('\0', "\u{fffd}").replace("\r\n", "\n");
    mail.visible_text = mail.body_text.clone();
    mail.content_types.push("text/plain".to_owned());
    for (flag, set) in [("no_from", mail.from.is_none()), ("no_date", true)] {
        if set {
            mail.flags.push(flag.to_owned());
        }
    }
    if !raw.is_empty() {
        mail.parts.push(Part {
            filename: "original.eml".to_owned(),
            original_filename: None,
            content_type: "message/rfc822".to_owned(),
            bytes: raw.to_vec(),
            inline: false,
            content_id: None,
            unpacked_from: None,
        });
    }
    mail
}

fn first_blank_line(raw: &[u8]) -> (&[u8], &[u8]) {
    for (pattern, len) in [(&b"\r\n\r\n"[..], 4), (&b"\n\n"[..], 2), (&b"\r\r"[..], 2)] {
        if let Some(at) = raw.windows(len).position(|w| w == pattern) {
            return (&raw[..at], &raw[at + len..]);
        }
    }
    (raw, &[])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// E1.5.
    #[test]
    fn scan() {
        let mail = read(b"garbage\r\nFrom: A <a@b.example>\r\nSubject: s\r\n\r\nbo\0dy\xfc");
        assert_eq!(mail.from.unwrap().email, "a@b.example");
        assert_eq!((mail.subject.as_str(), mail.body_text.as_str()), ("s", "bo\u{fffd}dyü"));
        assert_eq!(mail.parts[0].filename, "original.eml");
        assert!(mail.flags.contains(&"degraded".to_owned()));
    }

    /// E1.5.
    #[test]
    fn not_mail_at_all() {
        assert_eq!(read(b"hello").body_text, "hello");
        assert_eq!(read(b"").body_text, "");
    }
}
