//! Header values to text (E2.2): folds, raw bytes above 127, encoded-words.

use super::{charset, transfer};
use std::borrow::Cow;

/// Decodes an unstructured value: unfolded, bytes above 127 as UTF-8, else the body's charset, else
/// windows-1252, encoded-words decoded wherever they stand, outer blanks removed.
pub fn decode(raw: &[u8], body_charset: Option<&str>) -> String {
    let text = unfolded(raw, body_charset);
    let text = text.trim();
    if !text.contains("=?") {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    replace_words(text, &mut out, &mut |out, word, _| {
        out.push_str(word);
        false
    });
    out.trim().to_owned()
}

/// Rewrites a structured value so that any reader gets its words right: unfolded UTF-8, each run of
/// encoded-words joined into one in UTF-8, quotes around such a run dropped.
pub fn canonical<'a>(raw: &'a [u8], body_charset: Option<&str>) -> Cow<'a, str> {
    let text = unfolded(raw, body_charset);
    if !text.contains("=?") {
        return text;
    }
    let mut out = String::with_capacity(text.len() * 2);
    replace_words(&text, &mut out, &mut |out, word, rest| {
        use base64::Engine as _;
        let quoted = out.ends_with('"') && rest.starts_with('"');
        if quoted {
            out.pop();
        }
        if !out.is_empty() && !out.ends_with([' ', '"']) {
            out.push(' ');
        }
        out.push_str("=?utf-8?B?");
        base64::engine::general_purpose::STANDARD.encode_string(word, out);
        out.push_str("?=");
        if !quoted && !rest.is_empty() && !rest.starts_with([' ', '"']) {
            out.push(' ');
        }
        quoted
    });
    Cow::Owned(out)
}

/// Unfolds and decodes raw bytes, encoded-words left alone.
pub fn unfolded<'a>(raw: &'a [u8], body_charset: Option<&str>) -> Cow<'a, str> {
    let text: Cow<'a, str> = match std::str::from_utf8(raw) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => match body_charset {
            Some(label) => charset::decode(raw, Some(label)).text,
            None => charset::guess(raw).text,
        },
    };
    // Some Japanese mailers write ISO-2022-JP into the header as it is.
    let text = if text.contains('\u{1b}') { Cow::Owned(charset::guess(raw).text.into_owned()) } else { text };
    if !text.contains(['\n', '\r', '\0']) {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    for (n, line) in text.split('\n').enumerate() {
        let line = line.trim_end_matches('\r');
        if n == 0 {
            out.push_str(line);
        } else {
            out.push(' ');
            out.push_str(line.trim_start_matches([' ', '\t']));
        }
    }
    Cow::Owned(out.replace('\r', " ").replace('\0', "\u{fffd}"))
}

struct Word<'a> {
    charset: &'a str,
    base64: bool,
    payload: &'a str,
    /// Bytes of the whole word.
    len: usize,
}

/// Copies `text` to `out`; for each run of encoded-words `emit` gets the decoded text and what follows, and
/// answers whether to skip the next character.
fn replace_words(text: &str, out: &mut String, emit: &mut dyn FnMut(&mut String, &str, &str) -> bool) {
    let mut rest = text;
    while let Some(at) = rest.find("=?") {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let Some(word) = word(rest) else {
            out.push_str("=?");
            rest = &rest[2..];
            continue;
        };
        let (mut bytes, mut decoded) = (word_bytes(&word), String::new());
        let (mut charset_now, mut base64) = (word.charset, word.base64);
        rest = &rest[word.len..];
        loop {
            let next = rest.trim_start_matches([' ', '\t']);
            let Some(more) = next.starts_with("=?").then(|| self::word(next)).flatten() else { break };
            if more.charset.eq_ignore_ascii_case(charset_now) && more.base64 == base64 {
                bytes.extend(word_bytes(&more));
            } else {
                decoded.push_str(&charset::decode(&bytes, Some(charset_now)).text);
                bytes = word_bytes(&more);
                (charset_now, base64) = (more.charset, more.base64);
            }
            rest = &next[more.len..];
        }
        decoded.push_str(&charset::decode(&bytes, Some(charset_now)).text);
        let decoded = decoded.replace(['\r', '\n'], " ").replace('\0', "\u{fffd}");
        if emit(out, &decoded, rest) {
            rest = rest.get(1..).unwrap_or_default();
        }
    }
    out.push_str(rest);
}

/// Reads the encoded-word that `text` begins with. Blanks within it are forgiven.
fn word(text: &str) -> Option<Word<'_>> {
    let body = text.strip_prefix("=?")?;
    let (charset, body) = body.split_at_checked(body.bytes().take(64).position(|b| b == b'?')?)?;
    if charset.is_empty() || charset.contains(['=', ' ']) {
        return None;
    }
    let body = &body[1..];
    let base64 = match body.as_bytes() {
        [b'B' | b'b', b'?', ..] => true,
        [b'Q' | b'q', b'?', ..] => false,
        _ => return None,
    };
    let payload = &body[2..];
    // Another word's beginning within: this one has lost its end. (`=?=` is an end behind base64 padding.)
    let bytes = payload.as_bytes();
    let end = (0..bytes.len().saturating_sub(1))
        .find(|&i| bytes[i..].starts_with(b"?=") || bytes[i..].starts_with(b"=?") && bytes.get(i + 2) != Some(&b'='))?;
    if bytes[end] == b'=' {
        return None;
    }
    let payload = &payload[..end];
    let len = 2 + charset.len() + 1 + 2 + end + 2;
    Some(Word { charset: charset.split('*').next().unwrap_or(charset), base64, payload, len })
}

fn word_bytes(word: &Word<'_>) -> Vec<u8> {
    if word.base64 { transfer::base64(word.payload.as_bytes()).0 } else { transfer::q_word(word.payload.as_bytes()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_and_folded() {
        assert_eq!(decode(b" a\r\n b\n\tc ", None), "a b c");
    }

    /// E2.2.
    #[test]
    fn words_anywhere() {
        assert_eq!(decode(b"Re: =?utf-8?Q?Gr=C3=BC=C3=9Fe?= an =?ISO-8859-1?q?J=F6rg?=", None), "Re: Grüße an Jörg");
        assert_eq!(decode(b"=?utf-8*en?B?aGk=?= =?UTF-8?B?IQ==?=", None), "hi!");
    }

    /// E2.2.
    #[test]
    fn character_split_over_two_words() {
        assert_eq!(decode(b"=?utf-8?Q?caf=C3?=\r\n =?utf-8?Q?=A9?=", None), "café");
    }

    /// E2.2.
    #[test]
    fn raw_bytes() {
        assert_eq!(decode("Grün".as_bytes(), None), "Grün");
        assert_eq!(decode(b"Gr\xfcn", None), "Grün");
        assert_eq!(decode(b"\xcf\xf0", Some("windows-1251")), "Пр");
    }

    #[test]
    fn broken_words_stay() {
        assert_eq!(decode(b"=?utf-8?X?a?= =?utf-8?Q?a", None), "=?utf-8?X?a?= =?utf-8?Q?a");
    }

    #[test]
    fn canonical_drops_quotes() {
        assert_eq!(canonical(b"\"=?utf-8?Q?A=2C?=\" <a@b.example>", None), "=?utf-8?B?QSw=?= <a@b.example>");
        assert_eq!(canonical(b"=?utf-8?Q?A?=<a@b.example>", None), "=?utf-8?B?QQ==?= <a@b.example>");
    }
}
