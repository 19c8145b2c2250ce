//! Cards: what a page shows of a file without opening it: an enclosed mail (E2.9), an invitation (E2.11). Pure; a file
//! that cannot be read has no card and stays a file.

use super::parse;
use super::types::{Address, Mail, Part};
use crate::clock::Time;
use crate::mail_out::answered;
use serde::{Deserialize, Serialize};

/// Enclosed mails within each other that get a card (E2.9); deeper ones are files.
const MAX_DEPTH: usize = 3;
/// Most cards of one mail.
const MAX_CARDS: usize = 20;
/// Longest text on a card, in bytes.
const MAX_TEXT: usize = 4000;
/// Largest file that is read for a card.
const MAX_BYTES: usize = 5 * 1024 * 1024;
/// Most attendees on a card.
const MAX_ATTENDEES: usize = 50;

/// A card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Card {
    /// An enclosed mail. Its header decides nothing: it is only shown.
    Mail(MailCard),
    /// An invitation, or an answer to one.
    Invitation(Invitation),
}

/// An enclosed mail.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MailCard {
    /// Number of the file among the mail's parts, from 1; of a mail within a mail among that one's.
    pub part: usize,
    /// Its author.
    pub from: Option<Address>,
    /// Its subject.
    pub subject: String,
    /// Its date.
    pub date: Option<Time>,
    /// The beginning of its text.
    pub text: String,
    /// The names of its files.
    pub files: Vec<String>,
    /// Cards of its own files.
    pub cards: Vec<Card>,
}

/// An event of a calendar file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Invitation {
    /// Number of the file among the mail's parts, from 1.
    pub part: usize,
    /// REQUEST, REPLY, CANCEL, …; empty if the file says none.
    pub method: String,
    /// What it is about.
    pub summary: String,
    /// When it begins: `2026-11-21`, `2026-11-21 10:00 UTC`, `2026-11-21 10:00 Europe/Berlin`.
    pub start: Option<String>,
    /// When it ends, likewise.
    pub end: Option<String>,
    /// Where.
    pub location: Option<String>,
    /// Who invites.
    pub organizer: Option<Address>,
    /// Who is invited, at most 50.
    pub attendees: Vec<Address>,
}

/// What a page shows of a mail beside its text.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MailView {
    /// Facts about reading it (`degraded`, `guessed_charset`, `encrypted`, `limit:parts`, …).
    pub flags: Vec<String>,
    /// MIME defects (E2.13).
    pub defects: Vec<String>,
    /// Cards of its files.
    pub cards: Vec<Card>,
    /// The address that its answers are wanted at, outside From's domain: offered to agents, not used (E8.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
}

impl MailView {
    /// Returns what there is to tell of a mail.
    pub fn of(mail: &Mail) -> MailView {
        MailView {
            flags: mail.flags.clone(),
            defects: mail.defects.clone(),
            cards: of(mail),
            reply_to: foreign_reply_to(mail),
        }
    }

    /// Adds what was found out about it beside reading it.
    pub fn with(mut self, flags: impl IntoIterator<Item = String>) -> MailView {
        self.flags.extend(flags);
        self
    }

    /// Returns it as it is stored; None if there is nothing to tell.
    pub fn to_json(&self) -> Option<String> {
        let nothing = self.flags.is_empty() && self.defects.is_empty() && self.cards.is_empty();
        let nothing = nothing && self.reply_to.is_none();
        (!nothing).then(|| serde_json::to_string(self).expect("a view is made of texts and numbers"))
    }

    /// Reads what was stored; nothing if it cannot be read.
    pub fn from_json(json: Option<&str>) -> MailView {
        json.and_then(|j| serde_json::from_str(j).ok()).unwrap_or_default()
    }
}

fn foreign_reply_to(mail: &Mail) -> Option<String> {
    let (Some(from), [reply_to]) = (&mail.from, mail.reply_to.as_slice()) else { return None };
    answered::is_foreign(&from.email, &reply_to.email).then(|| reply_to.email.clone())
}

/// Returns the cards of a mail's files, in order. What a delivery report encloses is the report's business.
pub fn of(mail: &Mail) -> Vec<Card> {
    if mail.bounces.is_empty() { within(mail, 1) } else { Vec::new() }
}

fn within(mail: &Mail, depth: usize) -> Vec<Card> {
    let numbered = mail.parts.iter().enumerate().filter(|(_, p)| p.bytes.len() <= MAX_BYTES);
    numbered.filter_map(|(n, part)| card(n + 1, part, depth)).take(MAX_CARDS).collect()
}

fn card(number: usize, part: &Part, depth: usize) -> Option<Card> {
    match part.content_type.as_str() {
        // A degraded mail's own bytes are no enclosed mail.
        "message/rfc822" | "message/global" if part.filename != "original.eml" && depth <= MAX_DEPTH => {
            let inner = parse::read_mime(parse::skip_preamble(&part.bytes))?;
            let text = inner.body_text.trim();
            Some(Card::Mail(MailCard {
                part: number,
                from: inner.from.clone(),
                subject: inner.subject.clone(),
                date: inner.date,
                text: text[..text.floor_char_boundary(MAX_TEXT)].to_owned(),
                files: inner.parts.iter().map(|p| p.filename.clone()).take(MAX_CARDS).collect(),
                cards: within(&inner, depth + 1),
            }))
        }
        "text/calendar" | "application/ics" => invitation(number, &part.bytes).map(Card::Invitation),
        _ => None,
    }
}

/// Reads the first event of a calendar file (RFC 5545).
pub fn invitation(number: usize, bytes: &[u8]) -> Option<Invitation> {
    let text = parse::charset::decode(bytes, Some("utf-8")).text;
    let mut found = Invitation { part: number, ..Invitation::default() };
    // Components that are open; only the event's own lines count, not its alarms'.
    let mut open: Vec<String> = Vec::new();
    let mut seen = false;
    for line in unfolded(&text) {
        let Some((name, params, value)) = property(&line) else { continue };
        match name.as_str() {
            "BEGIN" => open.push(value.to_ascii_uppercase()),
            "END" => seen |= open.pop().is_some_and(|c| is_event(&c)) && open.len() == 1,
            "METHOD" if open.len() == 1 => found.method = value.trim().to_ascii_uppercase(),
            _ if open.len() == 2 && is_event(&open[1]) && !seen => event(&mut found, &name, &params, value),
            _ => {}
        }
    }
    (seen || !found.summary.is_empty()).then_some(found)
}

fn is_event(component: &str) -> bool {
    matches!(component, "VEVENT" | "VTODO")
}

fn event(found: &mut Invitation, name: &str, params: &[(String, String)], value: &str) {
    let param = |wanted: &str| params.iter().find(|(n, _)| n == wanted).map(|(_, v)| v.as_str());
    let person = || Address {
        name: param("CN").map(|n| n.trim().to_owned()).filter(|n| !n.is_empty()),
        email: value.get(..7).filter(|p| p.eq_ignore_ascii_case("mailto:")).map_or(value, |_| &value[7..]).to_owned(),
    };
    match name {
        "SUMMARY" => found.summary = unescaped(value),
        "LOCATION" => found.location = Some(unescaped(value)).filter(|l| !l.trim().is_empty()),
        "DTSTART" => found.start = moment(value, param("TZID")),
        "DTEND" | "DUE" => found.end = moment(value, param("TZID")),
        "ORGANIZER" => found.organizer = Some(person()),
        "ATTENDEE" if found.attendees.len() < MAX_ATTENDEES => found.attendees.push(person()),
        _ => {}
    }
}

/// Lines whose folds (a line end and a blank) are joined.
fn unfolded(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines().take(5000) {
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(rest), Some(last)) if last.len() < 64 * 1024 => last.push_str(rest),
            _ => lines.push(line.to_owned()),
        }
    }
    lines
}

/// A property's parameters: upper-case name, value.
type Params = Vec<(String, String)>;

/// Splits `NAME;PARAM=value;…:value`; a quoted parameter may hold any of the separators.
fn property(line: &str) -> Option<(String, Params, &str)> {
    let mut quoted = false;
    let colon = line.char_indices().find(|(_, c)| {
        quoted ^= *c == '"';
        *c == ':' && !quoted
    })?;
    let (head, value) = (&line[..colon.0], &line[colon.0 + 1..]);
    let mut quoted = false;
    let mut pieces = head.split(|c: char| {
        quoted ^= c == '"';
        c == ';' && !quoted
    });
    let name = pieces.next()?.trim().to_ascii_uppercase();
    let params = pieces
        .filter_map(|p| p.split_once('='))
        .map(|(n, v)| (n.trim().to_ascii_uppercase(), v.trim_matches('"').to_owned()))
        .collect();
    (!name.is_empty()).then_some((name, params, value))
}

/// `\n`, `\,`, `\;`, `\\` (RFC 5545 3.3.11).
fn unescaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (_, true) => match chars.next() {
                Some('n' | 'N') => out.push('\n'),
                Some(other) => out.push(other),
                None => {}
            },
            _ => out.push(c),
        }
    }
    out.trim().replace('\0', "\u{fffd}")
}

/// `20261121`, `20261121T100000Z`, `20261121T100000` with its zone.
fn moment(value: &str, zone: Option<&str>) -> Option<String> {
    let value = value.trim();
    let digits = |from: usize, to: usize| value.get(from..to).filter(|d| d.bytes().all(|b| b.is_ascii_digit()));
    let day = format!("{}-{}-{}", digits(0, 4)?, digits(4, 6)?, digits(6, 8)?);
    let Some(clock) = value.get(8..).filter(|c| c.starts_with('T')) else { return Some(day) };
    let time = format!("{}:{}", digits(9, 11)?, digits(11, 13)?);
    let zone = if clock.ends_with('Z') { Some("UTC") } else { zone.map(|z| z.trim_start_matches('/')) };
    Some(match zone {
        Some(zone) => format!("{day} {time} {zone}"),
        None => format!("{day} {time}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail_in::parse::parse;

    const CALENDAR: &str = "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\nBEGIN:STANDARD\r\n\
        DTSTART:19701025T030000\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT\r\nSUMMARY:Kick-off\\, with a very \r\n long name\r\n\
        DTSTART;TZID=Europe/Berlin:20261121T100000\r\nDTEND:20261121T103000Z\r\nLOCATION:Room 1\\nupstairs\r\n\
        ORGANIZER;CN=\"Doe: Jane\":mailto:jane@b.example\r\nATTENDEE;CN=Al;RSVP=TRUE:MAILTO:al@b.example\r\n\
        BEGIN:VALARM\r\nSUMMARY:alarm\r\nEND:VALARM\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

    /// E2.11, T16.
    #[test]
    fn invitations() {
        let card = invitation(2, CALENDAR.as_bytes()).unwrap();
        assert_eq!((card.method.as_str(), card.summary.as_str()), ("REQUEST", "Kick-off, with a very long name"));
        assert_eq!(card.start.as_deref(), Some("2026-11-21 10:00 Europe/Berlin"));
        assert_eq!(card.end.as_deref(), Some("2026-11-21 10:30 UTC"));
        assert_eq!(card.location.as_deref(), Some("Room 1\nupstairs"));
        let organizer = card.organizer.unwrap();
        assert_eq!((organizer.name.as_deref(), organizer.email.as_str()), (Some("Doe: Jane"), "jane@b.example"));
        assert_eq!(card.attendees[0].email, "al@b.example");
        let day = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:20261121\nEND:VEVENT\nEND:VCALENDAR";
        assert_eq!(invitation(1, day.as_bytes()).unwrap().start.as_deref(), Some("2026-11-21"));
        assert_eq!(invitation(1, b"no calendar"), None);
    }

    /// Encloses a mail `depth` times, plain and in base64 by turns.
    fn nested(depth: usize) -> String {
        (0..depth).fold("From: Deep <deep@b.example>\r\nSubject: level 0\r\n\r\nbottom\r\n".to_owned(), |inner, n| {
            use base64::Engine as _;
            let (encoding, body) = match n % 2 {
                0 => ("7bit", inner),
                _ => ("base64", base64::engine::general_purpose::STANDARD.encode(inner)),
            };
            format!(
                "From: A <a@b.example>\r\nSubject: level {}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b{n}\r\n\r\n\
                 --b{n}\r\n\r\ntext {n}\r\n--b{n}\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n\
                 {body}\r\n--b{n}--\r\n",
                n + 1
            )
        })
    }

    /// E2.9, T14: cards three deep, then files; no overflow.
    #[test]
    fn enclosed_mails() {
        let mail = parse(nested(5).as_bytes());
        let mut cards = of(&mail);
        let mut subjects = Vec::new();
        while let [Card::Mail(card)] = cards.as_slice() {
            subjects.push(card.subject.clone());
            assert_eq!(card.files.len(), 1);
            cards = card.cards.clone();
        }
        assert_eq!(subjects, ["level 4", "level 3", "level 2"]);
        assert_eq!(of(&parse(nested(40).as_bytes())).len(), 1);
    }
}
