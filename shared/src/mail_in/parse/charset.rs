//! Bytes to text (E2.1): the declared charset, else a guess that never fails.

use encoding_rs::{Encoding, ISO_2022_JP, UTF_8, WINDOWS_1252};
use mail_parser::decoders::charsets::map::charset_decoder;
use std::borrow::Cow;

/// Text and how it came about.
#[derive(Debug)]
pub struct Decoded<'a> {
    /// The text; bytes that no charset explains are U+FFFD.
    pub text: Cow<'a, str>,
    /// The declared charset was absent (with bytes above 127), unknown or did not fit.
    pub guessed: bool,
}

/// Decodes with the declared charset if it is known and fits; otherwise strict UTF-8, then ISO-2022-JP if its
/// escapes occur, then windows-1252. A charset that fits but for a few bytes is kept, with U+FFFD for those.
pub fn decode<'a>(bytes: &'a [u8], label: Option<&str>) -> Decoded<'a> {
    let label = label.map(clean_label).filter(|l| !l.is_empty());
    if bytes.is_ascii() && !bytes.contains(&0x1b) && label.as_deref().is_none_or(is_ascii_superset) {
        return Decoded { text: String::from_utf8_lossy(bytes), guessed: false };
    }
    let Some(label) = label else { return guess(bytes) };
    if matches!(label.as_str(), "us-ascii" | "ascii" | "ansi_x3.4-1968") {
        return guess(bytes);
    }
    if matches!(label.as_str(), "utf-7" | "utf7" | "unicode-1-1-utf-7") {
        return match charset_decoder(b"utf-7") {
            Some(utf7) => Decoded { text: utf7(bytes).into(), guessed: false },
            None => guess(bytes),
        };
    }
    let encoding = Encoding::for_label(label.as_bytes())
        .or_else(|| Encoding::for_label(label.replace('_', "-").as_bytes()))
        .filter(|e| e.name() != "replacement");
    let Some(encoding) = encoding else {
        return match charset_decoder(label.as_bytes()) {
            Some(decoder) => Decoded { text: decoder(bytes).into(), guessed: false },
            None => guess(bytes),
        };
    };
    let (text, _, errors) = encoding.decode(bytes);
    if !errors || encoding == ISO_2022_JP || mostly_fits(&text) {
        return Decoded { text, guessed: errors };
    }
    guess(bytes)
}

/// Tells whether a label names a charset that can be read.
pub fn is_known(label: &str) -> bool {
    let label = clean_label(label);
    Encoding::for_label(label.as_bytes()).is_some_and(|e| e.name() != "replacement")
        || !label.is_empty() && charset_decoder(label.as_bytes()).is_some()
}

/// Decodes by looking at the bytes alone.
pub fn guess(bytes: &[u8]) -> Decoded<'_> {
    if has_2022_jp_escape(bytes) {
        return Decoded { text: ISO_2022_JP.decode_without_bom_handling(bytes).0, guessed: true };
    }
    let (text, errors) = UTF_8.decode_with_bom_removal(bytes);
    if !errors || mostly_fits(&text) {
        return Decoded { text, guessed: !bytes.is_ascii() };
    }
    Decoded { text: WINDOWS_1252.decode_without_bom_handling(bytes).0, guessed: true }
}

/// Tells whether so few characters could not be decoded that the charset must be right: under a tenth of those
/// beyond ASCII.
fn mostly_fits(text: &str) -> bool {
    let (mut wrong, mut beyond) = (0usize, 0usize);
    for c in text.chars() {
        wrong += usize::from(c == '\u{fffd}');
        beyond += usize::from(!c.is_ascii());
    }
    wrong * 10 < beyond
}

fn has_2022_jp_escape(bytes: &[u8]) -> bool {
    bytes
        .windows(3)
        .any(|w| w[0] == 0x1b && (w[1] == b'$' && matches!(w[2], b'B' | b'@') || w[1] == b'(' && w[2] == b'J'))
}

/// Charsets whose bytes under 128 are ASCII, so that pure ASCII needs no decoder. The others are named.
fn is_ascii_superset(label: &str) -> bool {
    !["utf-7", "utf7", "unicode-1-1", "utf-16", "utf16", "ucs-2", "utf-32", "iso-2022", "hz-", "csiso2022", "ebcdic"]
        .iter()
        .any(|p| label.starts_with(p))
}

fn clean_label(label: &str) -> String {
    let label = label.split('*').next().unwrap_or_default();
    label.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ';' | ',')).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8], label: Option<&str>) -> (String, bool) {
        let d = decode(bytes, label);
        (d.text.into_owned(), d.guessed)
    }

    /// E2.1.
    #[test]
    fn declared_charset() {
        assert_eq!(text(b"caf\xe9", Some("ISO-8859-1")), ("café".into(), false));
        assert_eq!(text(b"\xb0\xa1", Some("\"ks_c_5601-1987\"")), ("가".into(), false));
        assert_eq!(text(b"Va+AWE-e", Some("utf-7")), ("Vaše".into(), false));
        assert_eq!(text(b"\x1b$B%F%9%H\x1b(B", Some("iso-2022-jp")), ("テスト".into(), false));
    }

    /// E2.1.
    #[test]
    fn unknown_or_absent_is_guessed() {
        assert_eq!(text("žluť".as_bytes(), Some("x-unknown")), ("žluť".into(), true));
        assert_eq!(text(b"caf\xe9 \x80", None), ("café €".into(), true));
        assert_eq!(text(b"plain", None), ("plain".into(), false));
        assert_eq!(text("grün".as_bytes(), Some("us-ascii")), ("grün".into(), true));
    }

    /// E2.1.
    #[test]
    fn wrong_declaration_falls_back() {
        assert_eq!(text(b"stra\xdfe", Some("utf-8")), ("straße".into(), true));
    }
}
