//! When a mail of an archive came in.

use crate::clock::{Time, now};
use chrono::{DateTime, Datelike, Duration};

/// How much of a mail is searched for its dates.
const MOST_HEAD: usize = 64 * 1024;

/// Returns when a mail was received: by its topmost Received line, else by what the archive says, else by its Date; now,
/// if none of them can be believed.
pub fn received(raw: &[u8], told: Option<Time>) -> Time {
    let head = String::from_utf8_lossy(&raw[..raw.len().min(MOST_HEAD)]);
    let by_relay = field(&head, "received").and_then(|v| read(v.rsplit(';').next()?));
    let by_sender = || field(&head, "date").and_then(|v| read(&v));
    let found = by_relay.or(told.filter(believable)).or_else(by_sender);
    found.unwrap_or_else(now)
}

/// Mail is no older than mail is, and nothing comes from the future but by a wrong clock.
fn believable(at: &Time) -> bool {
    at.year() >= 1982 && *at < now() + Duration::hours(24)
}

fn read(text: &str) -> Option<Time> {
    let text = text.trim();
    // Names of zones in brackets say the same once more.
    let bare = text.split('(').next().unwrap_or(text).trim();
    let at = DateTime::parse_from_rfc2822(bare).ok()?.to_utc();
    Some(at).filter(believable)
}

/// Returns the first field of this name, unfolded.
fn field(head: &str, name: &str) -> Option<String> {
    let mut value: Option<String> = None;
    for line in head.lines() {
        if line.is_empty() {
            break;
        }
        match &mut value {
            Some(value) if line.starts_with([' ', '\t']) => {
                value.push(' ');
                value.push_str(line.trim());
            }
            Some(_) => break,
            None => {
                value = line
                    .split_once(':')
                    .filter(|(n, _)| n.trim_end().eq_ignore_ascii_case(name))
                    .map(|(_, v)| v.trim().to_owned());
            }
        }
    }
    value
}

/// Reads the date of an mbox's `From ` line: `Sat Mar 14 09:00:00 2020`, with or without a zone.
pub fn of_from_line(text: &str) -> Option<Time> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let at = words.iter().position(|w| matches!(*w, "Mon" | "Tue" | "Wed" | "Thu" | "Fri" | "Sat" | "Sun"))?;
    let rest = &words[at + 1..];
    let (month, day, time) = (rest.first()?, rest.get(1)?, rest.get(2)?);
    let year = rest.iter().skip(3).find(|w| w.len() == 4 && w.bytes().all(|b| b.is_ascii_digit()))?;
    let zone = rest.iter().skip(3).find(|w| w.starts_with(['+', '-']) && w.len() == 5).unwrap_or(&"+0000");
    let time = if time.matches(':').count() == 1 { format!("{time}:00") } else { (*time).to_owned() };
    let at = DateTime::parse_from_str(&format!("{day} {month} {year} {time} {zone}"), "%d %b %Y %H:%M:%S %z").ok()?;
    Some(at.to_utc()).filter(believable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Time {
        text.parse().unwrap()
    }

    #[test]
    fn the_relays_time_before_the_senders() {
        let raw = b"X: 1\r\nReceived: from a (b) by c;\r\n Sat, 14 Mar 2020 10:00:00 +0100 (CET)\r\nReceived: x; Fri, 13 Mar 2020 \
            10:00:00 +0000\r\nDate: Thu, 12 Mar 2020 10:00:00 +0000\r\n\r\n";
        assert_eq!(received(raw, None), time("2020-03-14T09:00:00Z"));
        let raw = b"Date: Thu, 12 Mar 2020 10:00:00 GMT\r\n\r\nReceived: x; Fri, 13 Mar 2020 10:00:00 +0000";
        assert_eq!(received(raw, None), time("2020-03-12T10:00:00Z"));
        assert_eq!(received(raw, Some(time("2021-01-01T00:00:00Z"))), time("2021-01-01T00:00:00Z"));
        for odd in [
            &b"Date: Thu, 12 Mar 2099 10:00:00 GMT\r\n\r\n"[..],
            b"Date: soon\r\n\r\n",
            b"",
            b"Date: Thu, 1 Jan 1970 00:00:00 +0000\r\n\r\n",
        ] {
            assert!(now() - received(odd, None) < Duration::minutes(1), "{odd:?}");
        }
    }

    #[test]
    fn from_lines_in_their_forms() {
        for line in [
            "From ann@example.com Sat Mar 14 09:00:00 2020",
            "From ann@example.com Sat Mar 14 10:00:00 +0100 2020",
            "From ann@example.com Sat Mar 14 09:00 2020",
            "From ann at example.com  Sat Mar 14 09:00:00 2020",
            "From - Sat Mar 14 09:00:00 2020",
            "From ann@example.com Sat Mar 14 09:00:00 UTC 2020",
        ] {
            assert_eq!(of_from_line(line), Some(time("2020-03-14T09:00:00Z")), "{line}");
        }
        assert_eq!(of_from_line("From here on nothing works"), None);
        assert_eq!(of_from_line("From Sat on"), None);
    }
}
