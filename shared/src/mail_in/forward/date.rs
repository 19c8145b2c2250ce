//! The date of a forwarded mail, as clients write it into its header block (E6.2): in words of many languages, or in
//! figures. What cannot be read for certain is no date.

use crate::clock::Time;
use chrono::{FixedOffset, NaiveDate, TimeZone, Utc};

/// The beginnings of months' names, January first: English, German, French, Spanish, Italian, Portuguese, Dutch, Polish,
/// Nordic, Russian. The longest that fits counts.
const MONTHS: [&[&str]; 12] = [
    &["jan", "jän", "ene", "gen", "sty", "янв", "tammi"],
    &["feb", "fév", "fev", "lut", "фев", "helmi"],
    &["mar", "mär", "maa", "mrt", "мар"],
    &["apr", "avr", "abr", "kwi", "апр", "huhti"],
    &["may", "mai", "mag", "mei", "maj", "мая", "май", "touko"],
    &["jun", "juin", "giu", "cze", "июн", "kesä"],
    &["jul", "juil", "lug", "lip", "июл", "heinä"],
    &["aug", "aoû", "aou", "ago", "sie", "авг", "elo"],
    &["sep", "set", "wrz", "сен", "syys"],
    &["oct", "okt", "ott", "out", "paź", "окт", "loka"],
    &["nov", "lis", "ноя", "marras"],
    &["dec", "dez", "déc", "dic", "gru", "дек", "joulu"],
];

/// Reads a date with its time; None if day, month, year or time are not all there. Without an offset it is taken as UTC.
pub fn read(text: &str) -> Option<Time> {
    let text = text.trim();
    if let Some(date) = mail_parser::DateTime::parse_rfc822(text).filter(mail_parser::DateTime::is_valid) {
        return Utc.timestamp_opt(date.to_timestamp(), 0).single();
    }
    if let Ok(date) = text.parse::<Time>() {
        return Some(date);
    }
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || matches!(c, ',' | '(' | ')')).filter(|w| !w.is_empty()).collect();
    let (at, (hour, minute, second)) = words.iter().enumerate().find_map(|(i, w)| Some((i, clock(w)?)))?;
    let hour = match words.get(at + 1).map(|w| w.to_ascii_lowercase()).as_deref() {
        Some("pm" | "p.m.") if hour < 12 => hour + 12,
        Some("am" | "a.m.") if hour == 12 => 0,
        _ => hour,
    };
    let day = in_figures(&words).or_else(|| in_words(&words))?;
    let offset = words[at + 1..].iter().find_map(|w| offset(w)).unwrap_or(0);
    let local = day.and_hms_opt(hour, minute, second)?;
    Some(FixedOffset::east_opt(offset)?.from_local_datetime(&local).single()?.to_utc())
}

/// `10:00`, `10:00:30`, `10h00`.
fn clock(word: &str) -> Option<(u32, u32, u32)> {
    let mut parts = word.split([':', 'h']);
    let (hour, minute) = (parts.next()?, parts.next()?);
    let number = |s: &str| (!s.is_empty() && s.len() <= 2).then(|| s.parse::<u32>().ok()).flatten();
    let second = match parts.next() {
        Some(second) => number(second)?,
        None => 0,
    };
    Some((number(hour)?, number(minute)?, second)).filter(|(h, m, s)| *h < 24 && *m < 60 && *s < 60)
}

/// `2026-11-02`, `02.11.2026`, `13/11/2026`; where day and month could be either (`02/11/2026`) it is no date.
fn in_figures(words: &[&str]) -> Option<NaiveDate> {
    words.iter().find_map(|word| {
        let separator = ['-', '.', '/'].into_iter().find(|c| word.matches(*c).count() == 2)?;
        let numbers: Vec<u32> = word.split(separator).map(|p| p.parse().ok()).collect::<Option<_>>()?;
        let [a, b, c] = numbers[..] else { return None };
        let (year, month, day) = match separator {
            _ if a > 31 => (a, b, c),
            '.' => (c, b, a),
            _ if a > 12 => (c, b, a),
            _ if b > 12 => (c, a, b),
            _ => return None,
        };
        let year = if year < 100 { 2000 + year } else { year };
        NaiveDate::from_ymd_opt(year as i32, month, day)
    })
}

/// A year of four figures, a day of one or two, a month by name, in any order.
fn in_words(words: &[&str]) -> Option<NaiveDate> {
    let number = |w: &&str| w.trim_end_matches(['.', 'º', '°']).parse::<u32>().ok();
    let year = words.iter().filter_map(&number).find(|n| (1990..2200).contains(n))?;
    let day = words.iter().filter_map(number).find(|n| (1..=31).contains(n))?;
    let month = words.iter().find_map(|w| month(w))?;
    NaiveDate::from_ymd_opt(year as i32, month, day)
}

fn month(word: &str) -> Option<u32> {
    let word = word.to_lowercase();
    // Weekdays begin like months in places: `mar` is French Tuesday's, `Maandag` Dutch Monday's.
    if ["mardi", "martes", "martedì", "maandag", "maanantai", "mar."].contains(&word.as_str()) {
        return None;
    }
    let fitting = |names: &&[&str]| names.iter().filter(|n| word.starts_with(**n)).map(|n| n.len()).max();
    let best =
        MONTHS.iter().enumerate().filter_map(|(i, names)| Some((fitting(names)?, i as u32 + 1))).max_by_key(|m| m.0);
    best.map(|(_, month)| month)
}

/// `+0100`, `-05:00`, `GMT+1`, `UTC`: in seconds.
fn offset(word: &str) -> Option<i32> {
    let word = word.trim_start_matches("GMT").trim_start_matches("UTC");
    let sign = match word.chars().next()? {
        '+' => 1,
        '-' | '\u{2212}' => -1,
        _ => return None,
    };
    let digits: String = word.chars().filter(char::is_ascii_digit).collect();
    let (hours, minutes) = match digits.len() {
        1 | 2 => (digits.parse::<i32>().ok()?, 0),
        4 => (digits[..2].parse::<i32>().ok()?, digits[2..].parse::<i32>().ok()?),
        _ => return None,
    };
    Some(sign * (hours * 3600 + minutes * 60))
}

#[cfg(test)]
mod tests {
    use super::read;

    /// E6.2: as the clients of several languages write it.
    #[test]
    fn dates_of_header_blocks() {
        for (text, utc) in [
            ("Mon, 2 Nov 2026 10:00:00 +0100", "2026-11-02T09:00:00+00:00"),
            ("Montag, 2. November 2026 10:00", "2026-11-02T10:00:00+00:00"),
            ("Monday, November 2, 2026 3:05 PM", "2026-11-02T15:05:00+00:00"),
            ("Mon, Nov 2, 2026 at 12:30 AM", "2026-11-02T00:30:00+00:00"),
            ("lundi 2 novembre 2026 10:00", "2026-11-02T10:00:00+00:00"),
            ("mardi 3 février 2026 10:00", "2026-02-03T10:00:00+00:00"),
            ("02.11.2026 10:00:15", "2026-11-02T10:00:15+00:00"),
            ("2026-11-02 10:00", "2026-11-02T10:00:00+00:00"),
            ("2 листопада", ""),
            ("maandag 2 maart 2026 10:00", "2026-03-02T10:00:00+00:00"),
            ("02/11/2026 10:00", ""),
            ("soon", ""),
            ("2026-11-02T10:00:00Z", "2026-11-02T10:00:00+00:00"),
        ] {
            assert_eq!(read(text).map(|t| t.to_rfc3339()).unwrap_or_default(), utc, "{text}");
        }
    }
}
