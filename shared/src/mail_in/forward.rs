//! Forwarded mail within a mail (E6.2, E7.5): from an announcement ("Forwarded message"), a header block under a
//! forward's subject, or a sole attached message.

mod date;

use super::parse;
use super::quote::attribution;
use super::quote::labels::{self, Field};
use super::quote::markers::{self, Marker, Prefix};
use super::types::{Forward, Mail};

/// Longest body that is searched (E7.9).
const MAX_BYTES: usize = 1024 * 1024;
/// Blank lines between an announcement and its header block.
const MAX_GAP: usize = 3;

/// A forwarded mail and how sure that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The forwarded mail.
    pub forward: Forward,
    /// Without a subject, a header block under some text may be a forward or an answer: then it is given as a forward,
    /// but the text is trimmed like an answer's.
    pub certain: bool,
}

/// Finds the forwarded mail in a mail; None if it is no forward.
pub fn find(mail: &Mail) -> Option<Found> {
    read(&mail.subject, &mail.body_text).or_else(|| attached(mail).map(|forward| Found { forward, certain: true }))
}

/// A sole attached message besides a note, under a forward's subject or with nothing else attached (E6.1).
fn attached(mail: &Mail) -> Option<Forward> {
    if mail.report_type.is_some() || !mail.bounces.is_empty() {
        return None;
    }
    let mut files = mail.parts.iter().filter(|p| !(p.inline && p.content_type.starts_with("image/")));
    let message = files.next().filter(|p| p.content_type == "message/rfc822" && files.next().is_none())?;
    let inner = parse::read_mime(parse::skip_preamble(&message.bytes))?;
    let from = inner.from?;
    Some(Forward {
        from_email: Some(from.email),
        from_name: from.name,
        subject: Some(inner.subject),
        body: inner.body_text.trim().to_owned(),
        message: mail.body_text.trim().to_owned(),
        date: inner.date,
        message_id: inner.message_id,
    })
}

/// Finds the forwarded mail in a text; the subject tells a forward where the text alone does not.
pub fn read(subject: &str, body: &str) -> Option<Found> {
    if body.len() > MAX_BYTES {
        return None;
    }
    let lines: Vec<&str> = body.lines().collect();
    let prefix = markers::prefix(subject);
    for at in 0..lines.len() {
        if let Some((marker, rest)) = markers::marker(lines[at]) {
            if marker == Marker::Forward || forwards(prefix, subject, &lines[..at], lines[at]) {
                let certain = marker == Marker::Forward || is_certain(prefix, &lines[..at]);
                return Some(Found { forward: below_marker(subject, &lines, at, rest), certain });
            }
            return None;
        }
        if let Some((Field::From | Field::Subject | Field::Date, _)) = labels::field(lines[at])
            && let Some(block) = labels::block(&lines, at)
            && block.strength() >= 3
            && block.get(Field::From).is_some()
        {
            let forwarded = forwards(prefix, subject, &lines[..at], lines[at]);
            return forwarded.then(|| Found {
                forward: of_block(subject, &lines, at, &block.fields, block.end),
                certain: is_certain(prefix, &lines[..at]),
            });
        }
        if let Some(found) = attribution::at(&lines, at) {
            return (prefix == Prefix::Forward)
                .then(|| Found { forward: of_attribution(subject, &lines, at, &found), certain: true });
        }
    }
    None
}

/// Returns a subject without the prefixes of answers and forwards.
pub fn without_prefix(subject: &str) -> String {
    let mut rest = subject.trim();
    while markers::prefix(rest) != Prefix::None {
        let shorter = markers::without_prefix(rest);
        if shorter.len() == rest.len() {
            break;
        }
        rest = shorter;
    }
    rest.to_owned()
}

/// Tells whether a block that no announcement precedes is a forward: by the subject's prefix; without any prefix
/// only if nothing was written above it.
fn forwards(prefix: Prefix, subject: &str, above: &[&str], line: &str) -> bool {
    match prefix {
        Prefix::Forward => true,
        Prefix::Reply => false,
        // Finnish answers and Danish forwards both say VS.
        Prefix::Either => !line.to_lowercase().contains("lähettäjä"),
        Prefix::None => subject.trim().is_empty() || nothing_written(above),
    }
}

fn is_certain(prefix: Prefix, above: &[&str]) -> bool {
    prefix != Prefix::None || nothing_written(above)
}

fn nothing_written(above: &[&str]) -> bool {
    above.iter().all(|l| labels::bare(l).is_empty() || markers::is_rule_line(l))
}

fn below_marker(subject: &str, lines: &[&str], at: usize, rest: &str) -> Forward {
    if !rest.is_empty()
        && let Some(fields) = labels::jammed(rest)
    {
        return of_block(subject, lines, at, &fields, at + 1);
    }
    let start = (at + 1..lines.len()).take(MAX_GAP + 1).find(|&n| !labels::bare(lines[n]).is_empty());
    match start.and_then(|start| labels::block(lines, start)) {
        Some(block) if block.strength() >= 2 => of_block(subject, lines, at, &block.fields, block.end),
        _ => match start.and_then(|start| attribution::at(lines, start)) {
            Some(found) => of_attribution(subject, lines, at, &found),
            None => of_block(subject, lines, at, &[], at + 1),
        },
    }
}

fn of_block(subject: &str, lines: &[&str], at: usize, fields: &[(Field, String)], end: usize) -> Forward {
    let get = |field| fields.iter().find(|(f, _)| *f == field).map(|(_, v)| v.as_str());
    let (from_name, from_email) = get(Field::From).map(author).unwrap_or_default();
    let subject = get(Field::Subject).map_or_else(|| markers::without_prefix(subject).to_owned(), str::to_owned);
    Forward {
        from_email,
        from_name,
        subject: Some(subject).filter(|s| !s.is_empty()),
        body: text_below(&lines[end.min(lines.len())..]),
        message: text_above(&lines[..at]),
        date: get(Field::Date).and_then(date::read),
        message_id: None,
    }
}

fn of_attribution(subject: &str, lines: &[&str], at: usize, found: &attribution::Attribution) -> Forward {
    let (from_name, from_email) = author_of_attribution(&found.text);
    Forward {
        from_email,
        from_name,
        subject: Some(markers::without_prefix(subject).to_owned()).filter(|s| !s.is_empty()),
        body: text_below(&lines[found.end..]),
        message: text_above(&lines[..at]),
        date: date::read(&found.text),
        message_id: None,
    }
}

/// What the forwarder wrote: the rule above the block is the client's.
fn text_above(lines: &[&str]) -> String {
    let mut lines = lines;
    while let [rest @ .., last] = lines
        && (labels::bare(last).is_empty() || markers::is_rule_line(last))
    {
        lines = rest;
    }
    lines.join("\n").trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}').to_owned()
}

/// The forwarded text, one level of quote marks removed if it begins with one.
fn text_below(lines: &[&str]) -> String {
    let quoted = lines
        .iter()
        .map(|l| l.trim_start())
        .find(|l| !l.trim_matches(['>', ' ']).is_empty())
        .is_some_and(|l| l.starts_with('>'));
    let text: Vec<&str> = lines
        .iter()
        .map(|l| match l.trim_start().strip_prefix('>') {
            Some(rest) if quoted => rest.strip_prefix(' ').unwrap_or(rest),
            _ => l,
        })
        .collect();
    text.join("\n").trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}').to_owned()
}

/// Reads a From line's value: `Name <a@b>`, `Name <a@b<mailto:a@b>>`, `Name [mailto:a@b]`, `a@b`.
fn author(value: &str) -> (Option<String>, Option<String>) {
    let email = address_in(value);
    let name = match value.find(['<', '[', '(']) {
        Some(at) => &value[..at],
        None if email.is_some() => "",
        None => value,
    };
    let name =
        name.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '*' | '«' | '»' | '“' | '”' | ','));
    let name = Some(name.to_owned()).filter(|n| !n.is_empty() && email.as_deref() != Some(n) && !n.contains('@'));
    (name, email)
}

/// The first address of a text; brackets and `mailto:` may stand around it.
fn address_in(text: &str) -> Option<String> {
    let separators = |c: char| {
        c.is_whitespace() || matches!(c, '<' | '>' | '[' | ']' | '(' | ')' | '"' | '\'' | ',' | ';' | '«' | '»' | '*')
    };
    text.split(separators).find_map(|word| {
        let word = word.strip_prefix("mailto:").unwrap_or(word).trim_end_matches([':', '.']);
        let (local, domain) = word.split_once('@')?;
        (!local.is_empty() && !domain.is_empty() && !domain.contains('@')).then(|| word.to_owned())
    })
}

/// Words between the date and the name of an attribution.
const FILLERS: &[&str] = &[
    "heeft",
    "používateľ",
    "uživatel",
    "пользователь",
    "користувач",
    "użytkownik",
    "schrieb",
    "skrev",
    "schreef",
    "wrote",
    "kirjoitti",
    "napsal",
    "napsal(a)",
    "am",
    "pm",
    "uhr",
    "tarihinde",
    "korisnik",
    "utilizatorul",
    "г.",
    "р.",
    "kasutaja",
    "felhasználó",
    "користувача",
    "um",
    "kl.",
    "kl",
    "às",
    "alle",
    "à",
    "o",
    "at",
    "v",
    "в",
    "klo",
    "je",
    "on",
    "den",
];

/// The author whom an attribution names: the quoted name, else what stands between date and address.
fn author_of_attribution(text: &str) -> (Option<String>, Option<String>) {
    let email = address_in(text);
    let before = match &email {
        Some(email) => text.split(email.as_str()).next().unwrap_or_default(),
        None => text,
    };
    for (open, close) in [('"', '"'), ('«', '»'), ('“', '”'), ('„', '“'), ('„', '”'), ('”', '”'), ('\'', '\'')]
    {
        if let Some((_, rest)) = before.split_once(open)
            && let Some((name, _)) = rest.split_once(close)
            && !name.trim().is_empty()
        {
            return (Some(name.trim().to_owned()), email);
        }
    }
    let tail =
        before.rsplit(|c: char| c.is_ascii_digit() || matches!(c, ',' | ':' | ')' | '：')).next().unwrap_or_default();
    let is_filler = |w: &&str| FILLERS.contains(&w.to_lowercase().as_str());
    let words: Vec<&str> =
        tail.split([' ', '<', '(', '[', '\u{a0}']).filter(|w| !w.is_empty()).skip_while(is_filler).collect();
    let end = words.iter().rposition(|w| !is_filler(w)).map_or(0, |n| n + 1);
    let name = words[..end].join(" ");
    (Some(name).filter(|n| !n.is_empty() && !n.contains('@')), email)
}
