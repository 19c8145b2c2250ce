//! Writes header fields: folded, encoded, and unable to hold a second header.
//!
//! A CR, LF or NUL in any value is refused, never stripped (E8.6). Words outside ASCII become encoded-words of at
//! most 75 octets that split no character (RFC 2047, E8.7); domains become A-labels.

use crate::mail_in::types::Address;
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};

/// A header value that cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// A value holds CR, LF or NUL (E8.6).
    #[error("{0}: line break or NUL in a header's value")]
    LineBreak(&'static str),
    /// An address is not of the form local@domain.
    #[error("{0}: not a mail address")]
    Address(&'static str),
    /// The part before the `@` is not ASCII, which needs a relay with SMTPUTF8; never transliterated (E8.7).
    #[error("{0}: the name before the @ has letters outside ASCII, which the relay does not take")]
    NonAsciiLocalPart(&'static str),
    /// An id or a URL does not fit a line of 998 octets, or holds what cannot stand there.
    #[error("{0}: cannot be written as one word")]
    Word(&'static str),
}

/// Where lines are aimed to end.
const LINE: usize = 76;
/// The longest encoded-word (RFC 2047 2).
const ENCODED_WORD: usize = 75;
/// A longer run without white space would pass 998 octets together with what stands before it.
const LONGEST_WORD: usize = 900;

/// Checks a value that a client gave for a header: for the place where it comes in, so that nothing is queued that
/// could not be written.
///
/// # Errors
/// `LineBreak` if it holds CR, LF or NUL.
pub fn check(field: &'static str, value: &str) -> Result<(), HeaderError> {
    match value.bytes().any(|b| matches!(b, b'\r' | b'\n' | 0)) {
        true => Err(HeaderError::LineBreak(field)),
        false => Ok(()),
    }
}

/// Header fields being written, each ended by CRLF.
#[derive(Debug, Default)]
pub struct Fields {
    out: Vec<u8>,
    /// Octets on the present line.
    column: usize,
    /// Whether addresses may have letters outside ASCII before the `@` (RFC 6532): the relay takes them.
    utf8: bool,
}

impl Fields {
    /// Returns an empty block with room for an ordinary mail.
    pub fn new() -> Self {
        Self { out: Vec::with_capacity(4096), ..Self::default() }
    }

    /// Lets addresses have letters outside ASCII before the `@`, as they are (RFC 6532).
    pub fn with_utf8_addresses(mut self, allowed: bool) -> Self {
        self.utf8 = allowed;
        self
    }

    /// Returns the octets written so far.
    pub fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    /// Writes a field whose value is a constant of ours.
    pub fn fixed(&mut self, name: &str, value: &'static str) {
        self.start(name);
        self.words(value);
        self.end();
    }

    /// Writes free text (Subject and the like).
    ///
    /// # Errors
    /// `LineBreak`.
    pub fn text(&mut self, name: &'static str, value: &str) -> Result<(), HeaderError> {
        check(name, value)?;
        self.start(name);
        self.unstructured(value.trim());
        self.end();
        Ok(())
    }

    /// Writes one word that must not be encoded (a token, a URL in angle brackets).
    ///
    /// # Errors
    /// `LineBreak`, or `Word` if it is empty, too long or not printable ASCII.
    pub fn word(&mut self, name: &'static str, value: &str) -> Result<(), HeaderError> {
        check(name, value)?;
        if value.is_empty() || value.len() > LONGEST_WORD || !value.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(HeaderError::Word(name));
        }
        self.start(name);
        self.put_word(value);
        self.end();
        Ok(())
    }

    /// Writes a list of bare ids, each in angle brackets on a line of its own. Writes nothing if there is none.
    ///
    /// # Errors
    /// `LineBreak`, or `Word` if one cannot stand between angle brackets.
    pub fn ids<S: AsRef<str>>(&mut self, name: &'static str, ids: &[S]) -> Result<(), HeaderError> {
        for id in ids {
            check(name, id.as_ref())?;
            if !super::threading::is_writable(id.as_ref()) {
                return Err(HeaderError::Word(name));
            }
        }
        if ids.is_empty() {
            return Ok(());
        }
        self.start(name);
        for (n, id) in ids.iter().enumerate() {
            if n > 0 {
                self.fold();
            }
            self.put(" <");
            self.put(id.as_ref());
            self.put(">");
        }
        self.end();
        Ok(())
    }

    /// Writes a list of addresses. Writes nothing if there is none.
    ///
    /// # Errors
    /// `LineBreak`, `Address` or `NonAsciiLocalPart`.
    pub fn addresses(&mut self, name: &'static str, list: &[Address]) -> Result<(), HeaderError> {
        if list.is_empty() {
            return Ok(());
        }
        self.start(name);
        for (n, address) in list.iter().enumerate() {
            let spec = spec(name, &address.email, self.utf8)?;
            if n > 0 {
                self.put(",");
                self.fold();
            }
            match address.name.as_deref().map(str::trim).filter(|name| !name.is_empty()) {
                Some(display) => {
                    check(name, display)?;
                    self.phrase(display);
                    self.put_word(&format!("<{spec}>"));
                }
                None => self.put_word(&spec),
            }
        }
        self.end();
        Ok(())
    }

    /// Writes the disposition `value` with a name: in ASCII for all, and exactly by RFC 2231 if that says more (E8.4).
    ///
    /// # Errors
    /// `LineBreak`.
    pub fn disposition(&mut self, value: &'static str, filename: &str) -> Result<(), HeaderError> {
        const NAME: &str = "Content-Disposition";
        check(NAME, filename)?;
        self.start(NAME);
        self.words(value);
        let ascii = ascii_filename(filename);
        // The exact name first: several parsers take the first parameter of the name, whatever its form.
        if ascii != filename {
            match percent_pieces(filename).as_slice() {
                [one] => self.parameter(&format!("filename*=UTF-8''{one}")),
                many => {
                    for (n, piece) in many.iter().enumerate() {
                        let charset = if n == 0 { "UTF-8''" } else { "" };
                        self.parameter(&format!("filename*{n}*={charset}{piece}"));
                    }
                }
            }
        }
        self.parameter(&format!("filename=\"{ascii}\""));
        self.end();
        Ok(())
    }

    /// Writes the empty line after the fields, or whatever else stands between blocks.
    pub fn raw(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
        self.column = 0;
    }

    /// Appends an encoded body.
    pub fn body(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.out);
        self.column = 0;
    }

    fn start(&mut self, name: &str) {
        debug_assert_eq!(self.column, 0);
        self.put(name);
        self.put(":");
    }

    fn end(&mut self) {
        self.out.extend_from_slice(b"\r\n");
        self.column = 0;
    }

    fn put(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
        self.column += text.len();
    }

    fn fold(&mut self) {
        self.out.extend_from_slice(b"\r\n");
        self.column = 0;
    }

    /// A space and the word, on the next line if it does not fit this one.
    fn put_word(&mut self, word: &str) {
        if self.column + 1 + word.len() > LINE && self.column > 1 && !self.at_field_start(word.len()) {
            self.fold();
        }
        self.put(" ");
        self.put(word);
    }

    /// Directly after `Name:` a word that fits no line at all stays there: a field must not begin with a fold, as a
    /// first line without text is mistaken for an empty field by old software.
    fn at_field_start(&self, length: usize) -> bool {
        self.out.last() == Some(&b':') && length + 1 > LINE
    }

    fn parameter(&mut self, text: &str) {
        self.put(";");
        self.put_word(text);
    }

    /// Printable ASCII, folded at white space; runs of spaces stay as they are.
    fn words(&mut self, text: &str) {
        let mut rest = text;
        while !rest.is_empty() {
            let spaces = rest.len() - rest.trim_start_matches(' ').len();
            let word = rest[spaces..].split(' ').next().unwrap_or_default();
            let gap = if spaces == 0 { " " } else { &rest[..spaces] };
            if self.column + gap.len() + word.len() > LINE && self.column > 1 && self.out.last() != Some(&b':') {
                self.fold();
            }
            self.put(gap);
            self.put(word);
            rest = &rest[spaces + word.len()..];
        }
    }

    /// Plain words stay readable (the PID at a subject's end); from the first to the last word that needs it, all is
    /// encoded, as the white space between two encoded-words is not shown.
    fn unstructured(&mut self, text: &str) {
        let words: Vec<(usize, &str)> = text
            .split(' ')
            .scan(0, |at, w| {
                let start = *at;
                *at += w.len() + 1;
                Some((start, w))
            })
            .collect();
        let mut needing = words.iter().filter(|(_, w)| needs_encoding(w));
        let Some(&(first, word)) = needing.next() else { return self.words(text) };
        let last = needing.next_back().map_or(first + word.len(), |(at, w)| at + w.len());
        self.words(text[..first].trim_end_matches(' '));
        // Spaces at the seams belong to the encoded text but one, which separates.
        let from = text[..first].trim_end_matches(' ').len();
        let from = if from == 0 { 0 } else { from + 1 };
        let after = text[last..].len() - text[last..].trim_start_matches(' ').len();
        let to = if last + after == text.len() { text.len() } else { last + after.saturating_sub(1) };
        self.encoded(&text[from..to]);
        self.words(text[to..].trim_start_matches(' '));
    }

    fn encoded(&mut self, text: &str) {
        const FRAME: usize = "=?utf-8?q??=".len();
        let quoted = text.chars().map(q_length).sum::<usize>() <= text.len().div_ceil(3) * 4;
        let room = ENCODED_WORD - FRAME;
        let mut start = 0;
        let mut used = 0;
        let mut pieces: Vec<&str> = Vec::new();
        for (at, c) in text.char_indices() {
            let length = if quoted { q_length(c) } else { c.len_utf8() };
            let limit = if quoted { room } else { room / 4 * 3 };
            if used + length > limit {
                pieces.push(&text[start..at]);
                (start, used) = (at, 0);
            }
            used += length;
        }
        pieces.push(&text[start..]);
        for piece in pieces {
            match quoted {
                true => self.put_word(&format!("=?utf-8?q?{}?=", q_encode(piece))),
                false => self.put_word(&format!("=?utf-8?b?{}?=", BASE64.encode(piece))),
            }
        }
    }

    /// A display name (RFC 5322 3.2.5).
    fn phrase(&mut self, name: &str) {
        let is_atom = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~ ".contains(&b);
        match () {
            _ if needs_encoding(name) || name.len() > 60 => self.encoded(name),
            _ if name.bytes().all(is_atom) && !name.contains("  ") => self.words(name),
            _ => self.put_word(&format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))),
        }
    }
}

/// Returns the address as it stands in a header and on the wire: domain as A-labels, a local part that is no
/// dot-atom quoted; one with letters outside ASCII as it is, if `utf8` allows that.
///
/// # Errors
/// `Address` or `NonAsciiLocalPart`, naming `field`.
pub fn spec(field: &'static str, email: &str, utf8: bool) -> Result<String, HeaderError> {
    check(field, email)?;
    let bad = || HeaderError::Address(field);
    let (local, domain) = email.rsplit_once('@').filter(|(l, d)| !l.is_empty() && !d.is_empty()).ok_or_else(bad)?;
    let domain = domain_to_ascii(domain).ok_or_else(bad)?;
    if !local.is_ascii() && !utf8 {
        return Err(HeaderError::NonAsciiLocalPart(field));
    }
    if local.len() > 320 || domain.len() > 255 || local.chars().any(char::is_control) {
        return Err(bad());
    }
    let is_atom = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b) || !b.is_ascii();
    let dot_atom = local.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(is_atom));
    let quoted = local.len() > 2 && local.starts_with('"') && local.ends_with('"') && !ends_in_middle(local);
    Ok(match dot_atom || quoted {
        true => format!("{local}@{domain}"),
        false => format!("\"{}\"@{domain}", local.replace('\\', "\\\\").replace('"', "\\\"")),
    })
}

/// Returns the domain as A-labels; an address literal such as `[192.0.2.1]` as it is.
fn domain_to_ascii(domain: &str) -> Option<String> {
    if let Some(literal) = domain.strip_prefix('[').and_then(|d| d.strip_suffix(']')) {
        let fits = literal.bytes().all(|b| b.is_ascii_alphanumeric() || b".:-".contains(&b));
        return fits.then(|| domain.to_owned());
    }
    let ascii = idna::domain_to_ascii(domain).ok()?;
    let fits = ascii.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b));
    (fits && !ascii.is_empty()).then_some(ascii)
}

/// Whether a quoted local part's quotes end before its end: then they are part of the name.
fn ends_in_middle(local: &str) -> bool {
    let mut escaped = false;
    local[1..local.len() - 1].chars().any(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    }) || escaped
}

fn needs_encoding(text: &str) -> bool {
    let printable = |b: u8| b == b' ' || b.is_ascii_graphic();
    !text.bytes().all(printable) || text.contains("=?") || text.split(' ').any(|w| w.len() > LONGEST_WORD)
}

/// The letters that stand for themselves in an encoded-word, wherever it stands (RFC 2047 5 (3)).
fn is_q_literal(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!*+-/".contains(&b)
}

fn q_length(c: char) -> usize {
    if c == ' ' || (c.is_ascii() && is_q_literal(c as u8)) { 1 } else { 3 * c.len_utf8() }
}

fn q_encode(text: &str) -> String {
    let mut out = String::with_capacity(ENCODED_WORD);
    for b in text.bytes() {
        match b {
            b' ' => out.push('_'),
            b if is_q_literal(b) => out.push(b as char),
            b => out.push_str(&format!("={b:02X}")),
        }
    }
    out
}

/// The name for software that knows no RFC 2231: other letters become `_`, an extension stays.
fn ascii_filename(name: &str) -> String {
    const MAX: usize = 60;
    let plain: String =
        name.chars().map(|c| if c == ' ' || c.is_ascii_graphic() && !r#""\%"#.contains(c) { c } else { '_' }).collect();
    if plain.len() <= MAX {
        return plain;
    }
    let extension = plain.rfind('.').map(|at| &plain[at..]).filter(|e| e.len() <= 10).unwrap_or_default();
    format!("{}{extension}", &plain[..MAX - extension.len()])
}

/// Percent-encodes text (RFC 2231) in pieces that fit a line and hold whole characters, as readers decode each.
fn percent_pieces(text: &str) -> Vec<String> {
    const PIECE: usize = 50;
    let mut pieces = vec![String::with_capacity(PIECE)];
    for c in text.chars() {
        let mut octets = [0; 4];
        let encoded: String = match c {
            c if c.is_ascii_alphanumeric() || "-._~".contains(c) => c.to_string(),
            c => c.encode_utf8(&mut octets).bytes().map(|b| format!("%{b:02X}")).collect(),
        };
        match pieces.last_mut() {
            Some(piece) if piece.len() + encoded.len() <= PIECE => piece.push_str(&encoded),
            _ => pieces.push(encoded),
        }
    }
    pieces
}

#[cfg(test)]
#[path = "headers_tests.rs"]
mod tests;
