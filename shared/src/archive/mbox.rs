//! The mbox format in its variants. Mails stand one after the other, each behind a line that begins with `From `; a line of
//! a mail that begins so is quoted by `>`, or `Content-Length` says where the mail ends.

use super::{Letter, Unreadable, dates};
use crate::text_enum;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// How much of a mail's head is searched for Content-Length.
const MOST_HEAD: usize = 1024 * 1024;

text_enum! {
    /// How lines that begin with `From ` are quoted.
    pub enum Quoting ("mbox format") {
        /// `>*From ` gets one more `>`: all are undone.
        Mboxrd = "mboxrd",
        /// Only `From ` gets one: only `>From ` is undone.
        Mboxo = "mboxo",
        /// As mboxo, with Content-Length.
        Mboxcl = "mboxcl",
        /// Nothing is quoted: Content-Length says it all.
        Mboxcl2 = "mboxcl2",
    }
}

/// The mails of an mbox file, one at a time.
pub struct Mbox {
    file: BufReader<File>,
    quoting: Option<Quoting>,
    most: usize,
    /// Where the next octet lies.
    at: u64,
    /// The line that the next mail begins with, and where.
    next: Option<(Vec<u8>, u64)>,
    done: bool,
}

impl Mbox {
    /// Opens an mbox. Without `quoting` it is told by each mail: by a Content-Length that leads to the next one, else
    /// mboxrd. A file that begins with no `From ` line is one mail.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn open(path: &Path, quoting: Option<Quoting>, most: usize) -> io::Result<Mbox> {
        let mut mbox = Mbox {
            file: BufReader::with_capacity(256 * 1024, File::open(path)?),
            quoting,
            most,
            at: 0,
            next: None,
            done: false,
        };
        let mut line = Vec::new();
        // Empty lines in front of the first mail belong to none.
        loop {
            let begins = mbox.at;
            if mbox.line(&mut line)? == 0 {
                mbox.done = true;
                return Ok(mbox);
            }
            if is_blank(&line) {
                continue;
            }
            mbox.next = Some((std::mem::take(&mut line), begins));
            return Ok(mbox);
        }
    }

    fn line(&mut self, line: &mut Vec<u8>) -> io::Result<usize> {
        line.clear();
        let n = self.file.read_until(b'\n', line)?;
        self.at += n as u64;
        Ok(n)
    }

    fn read(&mut self, first: Vec<u8>, begins: u64) -> Result<Letter, Unreadable> {
        let place = format!("octet {begins}");
        let disk = |source| Unreadable::Disk { place: place.clone(), source };
        let is_separator = first.starts_with(b"From ");
        let mut raw = if is_separator { Vec::new() } else { first.clone() };
        let mut in_head = true;
        let mut too_large = false;
        let mut by_length = false;
        let mut was_blank = false;
        let mut line = Vec::new();
        loop {
            let begins = self.at;
            if self.line(&mut line).map_err(disk)? == 0 {
                self.done = true;
                break;
            }
            // One that follows no empty line is a text's own, as is one without a date.
            if is_separator && (was_blank || by_length) && begins_mail(&line) {
                self.next = Some((std::mem::take(&mut line), begins));
                break;
            }
            was_blank = is_blank(&line);
            too_large |= raw.len() + line.len() > self.most;
            if !too_large {
                raw.extend_from_slice(&line);
            }
            if in_head && was_blank {
                in_head = false;
                if let Some(length) = self.trusted_length(&raw).map_err(disk)?.filter(|_| is_separator) {
                    by_length = true;
                    too_large |= raw.len() as u64 + length > self.most as u64;
                    if too_large {
                        self.file.seek(SeekFrom::Start(self.at + length)).map_err(disk)?;
                    } else {
                        let before = raw.len() as u64;
                        io::copy(&mut self.file.by_ref().take(length), &mut raw).map_err(disk)?;
                        debug_assert_eq!(raw.len() as u64, before + length);
                    }
                    self.at += length;
                    was_blank = false;
                }
            }
        }
        if too_large {
            return Err(Unreadable::TooLarge { place, most: self.most });
        }
        // The empty line in front of the next mail is the format's, not the mail's.
        if is_separator && was_blank && !in_head {
            let blank = if raw.ends_with(b"\r\n") { 2 } else { 1 };
            let rest = raw.len() - blank;
            if raw[..rest].ends_with(b"\n") {
                raw.truncate(rest);
            }
        }
        let said = String::from_utf8_lossy(&first);
        let sender = said.strip_prefix("From ").and_then(|r| r.split_whitespace().next()).filter(|a| a.contains('@'));
        Ok(Letter {
            raw: self.unquoted(raw, by_length).into(),
            place,
            envelope_from: sender.filter(|_| is_separator).map(str::to_owned),
            dated: is_separator.then(|| dates::of_from_line(&said)).flatten(),
            read_bytes: self.at,
        })
    }

    /// Returns the body's length by Content-Length, if a mail or the end follows there.
    fn trusted_length(&mut self, head: &[u8]) -> io::Result<Option<u64>> {
        if matches!(self.quoting, Some(Quoting::Mboxrd | Quoting::Mboxo)) {
            return Ok(None);
        }
        let Some(length) = content_length(head) else { return Ok(None) };
        let here = self.at;
        let size = self.file.get_ref().metadata()?.len();
        let Some(end) = here.checked_add(length).filter(|end| *end <= size) else { return Ok(None) };
        self.file.seek(SeekFrom::Start(end))?;
        let mut after = Vec::new();
        self.file.by_ref().take(8).read_to_end(&mut after)?;
        self.file.seek(SeekFrom::Start(here))?;
        let rest: &[u8] = match after.as_slice() {
            [b'\r', b'\n', rest @ ..] | [b'\n', rest @ ..] => rest,
            rest => rest,
        };
        Ok((rest.is_empty() || rest.starts_with(b"From ")).then_some(length))
    }

    /// Undoes the quoting of lines.
    fn unquoted(&self, raw: Vec<u8>, by_length: bool) -> Vec<u8> {
        let body = body_of(&raw);
        let mut lines = raw[body..].split(|b| *b == b'\n');
        let quoting = match self.quoting {
            Some(quoting) => quoting,
            // Where nothing else ends a mail and a line is not quoted, none is.
            None if by_length && lines.any(|l| l.starts_with(b"From ")) => Quoting::Mboxcl2,
            None if by_length => Quoting::Mboxcl,
            None => Quoting::Mboxrd,
        };
        if quoting == Quoting::Mboxcl2 || !raw[body..].windows(6).any(|w| w == b">From ") {
            return raw;
        }
        let mut out = Vec::with_capacity(raw.len());
        out.extend_from_slice(&raw[..body]);
        for (i, line) in raw[body..].split(|b| *b == b'\n').enumerate() {
            if i > 0 {
                out.push(b'\n');
            }
            let quotes = line.iter().take_while(|b| **b == b'>').count();
            let is_quoted = quotes > 0 && line[quotes..].starts_with(b"From ");
            let undo = is_quoted && (quotes == 1 || quoting == Quoting::Mboxrd);
            out.extend_from_slice(if undo { &line[1..] } else { line });
        }
        out
    }
}

impl Iterator for Mbox {
    type Item = Result<Letter, Unreadable>;

    fn next(&mut self) -> Option<Self::Item> {
        let (first, begins) = self.next.take()?;
        let letter = self.read(first, begins);
        if letter.as_ref().is_err_and(|e| matches!(e, Unreadable::Disk { .. })) {
            // Where reading fails there is no next mail to be found.
            self.next = None;
        }
        Some(letter)
    }
}

fn is_blank(line: &[u8]) -> bool {
    matches!(line, b"\n" | b"\r\n")
}

/// Whether a line is one that a mail begins with: a text may begin a line with `From `, but hardly with a date behind it.
fn begins_mail(line: &[u8]) -> bool {
    line.starts_with(b"From ") && dates::of_from_line(&String::from_utf8_lossy(line)).is_some()
}

fn body_of(raw: &[u8]) -> usize {
    let mut at = 0;
    for line in raw.split_inclusive(|b| *b == b'\n') {
        at += line.len();
        if is_blank(line) {
            return at;
        }
    }
    raw.len()
}

fn content_length(head: &[u8]) -> Option<u64> {
    let head = &head[..head.len().min(MOST_HEAD)];
    head.split(|b| *b == b'\n').find_map(|line| {
        let line = std::str::from_utf8(line).ok()?;
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, quoting: Option<Quoting>) -> Vec<Letter> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Mbox::open(file.path(), quoting, 1000).unwrap().map(|l| l.unwrap()).collect()
    }

    fn texts(text: &str, quoting: Option<Quoting>) -> Vec<String> {
        read(text, quoting).iter().map(|l| String::from_utf8(l.raw.to_vec()).unwrap()).collect()
    }

    const FROM: &str = "From ann@example.com Sat Mar 14 09:00:00 2020\n";

    #[test]
    fn mails_are_told_apart_and_unquoted() {
        let text = format!(
            "{FROM}Subject: 1\n\nHello\n>From here\n>>From there\nFrom a text\n\nFrom now on\n\n{FROM}Subject: 2\n\nEnd\n\n"
        );
        let first = "Subject: 1\n\nHello\nFrom here\n>From there\nFrom a text\n\nFrom now on\n";
        assert_eq!(texts(&text, None), [first, "Subject: 2\n\nEnd\n"]);
        assert_eq!(texts(&text, Some(Quoting::Mboxo))[0], first.replace(">From there", ">>From there"));
        let found = read(&text, None);
        assert_eq!(found[0].envelope_from.as_deref(), Some("ann@example.com"));
        assert_eq!(found[0].dated, Some("2020-03-14T09:00:00Z".parse().unwrap()));
        assert_eq!((found[0].place.as_str(), found[1].read_bytes), ("octet 0", text.len() as u64));
        assert_eq!(texts(&text.replace('\n', "\r\n"), None)[1], "Subject: 2\r\n\r\nEnd\r\n");
    }

    #[test]
    fn a_length_that_leads_to_the_next_mail_is_believed() {
        let body = format!("a\n\n{FROM}b\n");
        let text = format!("{FROM}Content-Length: {}\nSubject: 1\n\n{body}\n{FROM}Subject: 2\n\nc\n", body.len());
        let found = texts(&text, None);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].ends_with(&format!("Subject: 1\n\n{body}")), "{found:?}");
        // Quoted, and with a length: mboxcl.
        let body = "a\n>From b\n";
        let text = format!("{FROM}Content-Length: {}\n\n{body}\n{FROM}\nc\n", body.len());
        assert!(texts(&text, None)[0].ends_with("\n\na\nFrom b\n"));
        assert!(texts(&text, Some(Quoting::Mboxcl2))[0].ends_with("\n\na\n>From b\n"));
        // A wrong one is a header like any other.
        let text = format!("{FROM}Content-Length: 3\n\nlonger than three\n\n{FROM}Subject: 2\n\nc\n");
        assert!(texts(&text, None)[0].ends_with("\n\nlonger than three\n"));
    }

    #[test]
    fn odd_files() {
        assert!(texts("", None).is_empty() && texts("\n\n", None).is_empty());
        assert_eq!(texts("Subject: alone\n\nFrom x\n", None), ["Subject: alone\n\nFrom x\n"]);
        assert_eq!(texts(&format!("\n{FROM}"), None), [""]);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), format!("{FROM}\n{}\n\n{FROM}\nsmall\n", "x".repeat(2000))).unwrap();
        let found: Vec<_> = Mbox::open(file.path(), None, 1000).unwrap().collect();
        assert!(matches!(found[0], Err(Unreadable::TooLarge { most: 1000, .. })) && found[1].is_ok());
    }
}
