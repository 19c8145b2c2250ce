//! Bytes to [`Mail`]: total, a view over the raw (E1.4, E1.5, E2).
//!
//! mail-parser reads the structured header fields, dates, character references and rare charsets; the tree is
//! split here, because boundaries must count as whole lines only and each defect has to be named. What follows
//! from the text (bounces, forward, visible text) is read last, by `bounce`, `forward` and `quote`.

pub(super) mod addresses;
mod body;
pub mod charset;
mod content;
mod fallback;
mod filename;
mod guarded;
pub mod ids;
pub mod transfer;
mod tree;
pub mod words;

pub use guarded::{abandoned, parse_guarded};

use super::types::{Address, Mail};
use super::{bounce, forward, headers, html, quote};
use crate::clock::Time;
use mail_parser::DateTime;
use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Reads a mail. Never panics and never fails: what cannot be read in full becomes a mail with the flag
/// `degraded` (E1.5).
pub fn parse(raw: &[u8]) -> Mail {
    guard(raw, None)
}

/// Reads a mail with another charset than its texts declare (E2.1, "view as…"). None if the charset is not known.
pub fn parse_as(raw: &[u8], charset: &str) -> Option<Mail> {
    charset::is_known(charset).then(|| guard(raw, Some(charset)))
}

fn guard(raw: &[u8], charset: Option<&str>) -> Mail {
    match catch_unwind(AssertUnwindSafe(|| understand(raw, charset))) {
        Ok(Some(mail)) => mail,
        Ok(None) | Err(_) => fallback::read(raw),
    }
}

/// Reads a mail in full; None if it has no header field at all.
fn understand(raw: &[u8], charset: Option<&str>) -> Option<Mail> {
    fault(raw);
    let data = line_feeds(skip_preamble(raw));
    let mut mail = read_mime_as(&data, charset)?;
    bounce::fill(&mut mail);
    let found = forward::find(&mail);
    // A forward is shown whole (E7.5).
    mail.visible_text = match &found {
        Some(found) if found.certain => mail.body_text.trim().to_owned(),
        _ => quote::visible(&mail.body_text, mail.body_html.as_deref()).visible,
    };
    mail.forward = found.map(|f| f.forward);
    Some(mail)
}

/// Reads headers, tree and body of a mail as it came: the first stage alone, for measuring.
pub fn structure(raw: &[u8]) -> Option<Mail> {
    read_mime(&line_feeds(skip_preamble(raw)))
}

/// Reads headers, tree and body, without looking at what the text says.
pub(crate) fn read_mime(data: &[u8]) -> Option<Mail> {
    read_mime_as(data, None)
}

fn read_mime_as(data: &[u8], charset: Option<&str>) -> Option<Mail> {
    let chosen = charset;
    let block = headers::split(data);
    if block.fields.is_empty() {
        return None;
    }
    let mut trouble = tree::Trouble::default();
    if block.stray_line {
        trouble.defect("stray_header_line");
    }
    if block.limited {
        trouble.limit("headers");
    }
    let content = content::read(&block, "text/plain");
    let report_type = content.param("report-type").map(str::to_ascii_lowercase);
    let root = tree::build(content, &data[block.body..], 0, &mut trouble);
    let charset = chosen.or_else(|| body_charset(&root));
    let mut mail = read_headers(&block, charset);
    mail.report_type = report_type.filter(|_| root.content.top() == "multipart");
    let mut collected = body::collect(&root, chosen, &mut trouble);
    let body = collected.body();
    (mail.body_text, mail.body_html) = (body.text, body.html);
    let armoured = |line: &str| mail.body_text.lines().any(|l| l.trim_end() == line);
    let encrypted = collected.encrypted || armoured("-----BEGIN PGP MESSAGE-----");
    let signed = collected.signed || armoured("-----BEGIN PGP SIGNED MESSAGE-----");
    if encrypted && mail.body_text.trim().is_empty() && mail.body_html.is_none() {
        mail.body_text = ENCRYPTED.to_owned();
    }
    mail.parts = collected.parts;
    mail.body_leaves = collected.body_leaves;
    mail.content_types = collected.content_types;
    let invisible = mail.body_html.as_deref().is_some_and(hides_text);
    for (flag, set) in [
        ("invisible_text", invisible),
        ("text_derived", body.derived),
        ("guessed_charset", collected.guessed),
        ("encrypted", encrypted),
        ("signed", signed),
        ("no_date", mail.date.is_none()),
        ("no_from", mail.from.is_none()),
    ] {
        if set {
            mail.flags.push(flag.to_owned());
        }
    }
    mail.flags.extend(trouble.limits.iter().map(|l| format!("limit:{l}")));
    mail.defects.extend(trouble.defects.iter().map(|d| (*d).to_owned()));
    Some(mail)
}

/// Tells whether HTML has text that nobody would see (E12.2). Looks closely only where a style says so.
fn hides_text(html: &str) -> bool {
    static HIDING: std::sync::LazyLock<regex::Regex> = std::sync::LazyLock::new(|| {
        let words = "display|visibility|mso-hide|opacity|font-size|line-height|max-height|max-width|transparent|rgba|text-indent";
        regex::Regex::new(&format!(r#"(?i)style\s*=\s*["'][^"'>]*(?:{words})"#)).expect("a pattern of ours")
    });
    HIDING.is_match(html) && html::read(html).invisible
}

/// Stands for the text of an encrypted mail that says nothing in the clear (E2.12).
pub const ENCRYPTED: &str = "[This message is encrypted. It is attached as it came.]";

/// Lets a test make the parser fail on a mail that says so (T08).
#[cfg(any(test, feature = "testing"))]
fn fault(raw: &[u8]) {
    const HOOK: &[u8] = b"\nX-Postroom-Test-Panic: parse";
    assert!(!raw.windows(HOOK.len()).take(4096).any(|w| w == HOOK), "asked to panic by a test");
}

#[cfg(not(any(test, feature = "testing")))]
fn fault(_: &[u8]) {}

/// An mbox `From ` line, a byte order mark and empty lines before the header are no part of it.
pub(crate) fn skip_preamble(raw: &[u8]) -> &[u8] {
    let mut data = raw.strip_prefix(b"\xef\xbb\xbf").unwrap_or(raw);
    // Also lines of nothing but blanks.
    loop {
        let blanks = data.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        match data.get(blanks) {
            Some(b'\r' | b'\n') => data = &data[blanks + 1..],
            _ => break,
        }
    }
    if data.starts_with(b"From ") || data.starts_with(b">From ") {
        let end = data.iter().position(|&b| b == b'\n' || b == b'\r').map_or(data.len(), |n| n + 1);
        data = &data[end..];
        if let [b'\n', rest @ ..] = data
            && !rest.is_empty()
        {
            data = rest;
        }
    }
    data
}

/// Gives a mail whose lines end in bare CR the line ends that the splitter knows.
fn line_feeds(data: &[u8]) -> Cow<'_, [u8]> {
    if data.contains(&b'\n') || !data.contains(&b'\r') {
        return Cow::Borrowed(data);
    }
    Cow::Owned(data.iter().map(|&b| if b == b'\r' { b'\n' } else { b }).collect())
}

/// The charset of the first text part that declares one: explains raw bytes in headers (E2.2).
fn body_charset<'a>(node: &'a tree::Node<'_>) -> Option<&'a str> {
    if node.content.top() == "text"
        && let Some(charset) = node.content.param("charset")
    {
        return Some(charset);
    }
    node.children.iter().find_map(|c| body_charset(c))
}

fn read_headers(block: &headers::Block<'_>, charset: Option<&str>) -> Mail {
    let mut mail = Mail::default();
    let mut sender = Vec::new();
    let mut from = Vec::new();
    let mut subject = None;
    for field in &block.fields {
        let name = String::from_utf8_lossy(field.name).to_ascii_lowercase();
        let value = words::decode(field.value, charset);
        let read = || addresses::list(field.value, charset);
        match name.as_str() {
            "from" => from.extend(read()),
            "sender" => sender.extend(read()),
            "reply-to" => mail.reply_to.extend(read()),
            "to" | "apparently-to" => mail.to.extend(read()),
            "cc" => mail.cc.extend(read()),
            "subject" if subject.is_none() => subject = Some(value.clone()),
            "message-id" if mail.message_id.is_none() => mail.message_id = ids::normalise(&value),
            "in-reply-to" if mail.in_reply_to.is_empty() => {
                mail.in_reply_to = ids::list(&value);
                mail.in_reply_to.truncate(10);
            }
            "references" if mail.references.is_empty() => mail.references = ids::list(&value),
            "date" if mail.date.is_none() => mail.date = date(&value),
            _ => {}
        }
        mail.headers.push((name, value));
    }
    for list in [&mut mail.to, &mut mail.cc, &mut mail.reply_to] {
        if list.len() > addresses::MAX_ADDRESSES {
            list.truncate(addresses::MAX_ADDRESSES);
            mail.flags.push("limit:addresses".to_owned());
        }
    }
    mail.subject = subject.unwrap_or_default();
    author(&mut mail, from, sender);
    mail
}

/// First From address; else Sender, else Return-Path (E2.4). Further From addresses go in front of Cc.
fn author(mail: &mut Mail, from: Vec<Address>, sender: Vec<Address>) {
    let mut from = from.into_iter();
    mail.from = from.next();
    mail.cc.splice(0..0, from);
    if mail.from.is_none() {
        let return_path = mail.header("return-path").map(|v| addresses::list(v.as_bytes(), None)).unwrap_or_default();
        mail.from = sender.into_iter().chain(return_path).next();
    }
}

/// Reads a Date; None if it is no date.
fn date(value: &str) -> Option<Time> {
    let parsed = DateTime::parse_rfc822(value).filter(DateTime::is_valid)?;
    chrono::DateTime::from_timestamp(parsed.to_timestamp(), 0)
}

#[cfg(test)]
mod tests;
