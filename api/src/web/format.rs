//! How values look to people: times, sizes, names, plain text as HTML. Pure functions of value and language.

use base64::Engine;
use chrono::{Datelike, NaiveDateTime, Timelike};
use serde::Serialize;
use shared::clock::Time;
use shared::i18n::{self, Locale};
use shared::mail_in::deceit;
use shared::markdown;
use shared::zone::Zone;
use std::ops::Deref;

/// The present moment, and the clock on the reader's wall, by which pages show every time.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    at: Time,
    zone: Option<Zone>,
}

impl Now {
    /// Returns the moment for a reader who lives by `zone`; None: they chose none, and see UTC.
    pub fn new(at: Time, zone: Option<Zone>) -> Now {
        Now { at, zone }
    }

    /// Whether the reader chose no time zone.
    pub fn floats(&self) -> bool {
        self.zone.is_none()
    }

    /// Returns what the reader's clock shows at a moment.
    pub fn wall(&self, at: Time) -> NaiveDateTime {
        self.zone.unwrap_or_default().local(at)
    }
}

impl Deref for Now {
    type Target = Time;

    fn deref(&self) -> &Time {
        &self.at
    }
}

/// In product code a page must know its reader's zone.
#[cfg(test)]
impl From<Time> for Now {
    fn from(at: Time) -> Now {
        Now::new(at, None)
    }
}

/// A moment as a page shows it: the only way from a time to words.
#[derive(Debug, Clone, Serialize)]
pub struct When {
    /// For machines: RFC 3339, UTC.
    pub iso: String,
    /// In full, with the time zone.
    pub exact: String,
    /// Short: the time today, `3 d` or a date before.
    pub short: String,
}

impl When {
    /// Returns `at` as seen from `now`, by the reader's clock.
    pub fn new(locale: Locale, at: Time, now: impl Into<Now>) -> When {
        let now = now.into();
        let wall = now.wall(at);
        let exact = i18n::text(
            locale,
            "time-exact",
            &[
                ("weekday", &weekday(locale, wall)),
                ("day", &wall.day().to_string()),
                ("month", &month(locale, wall)),
                // Text, so that it never looks like a number to be counted.
                ("year", &format!("{:04}", wall.year())),
                ("time", &clock(wall)),
                ("zone", &now.zone.unwrap_or_default().abbreviation(at)),
            ],
        );
        When { iso: at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true), exact, short: short(locale, at, now) }
    }

    /// Returns `at` shown in full, where there is room.
    pub fn in_full(locale: Locale, at: Time, now: impl Into<Now>) -> When {
        let when = When::new(locale, at, now);
        When { short: when.exact.clone(), ..when }
    }
}

fn short(locale: Locale, at: Time, now: Now) -> String {
    let ago = *now - at;
    if ago.num_seconds() < 60 && ago.num_seconds() > -60 {
        return i18n::text(locale, "time-now", &[]);
    }
    if ago.num_minutes() < 60 && ago.num_minutes() > 0 {
        return i18n::text(locale, "time-minutes", &[("n", &ago.num_minutes().to_string())]);
    }
    let (at, today) = (now.wall(at), now.wall(*now));
    if at.date() == today.date() {
        return clock(at);
    }
    let date = [("day", at.day().to_string()), ("month", month(locale, at)), ("year", format!("{:04}", at.year()))];
    let args: Vec<(&str, &str)> = date.iter().map(|(k, v)| (*k, v.as_str())).collect();
    match at.year() == today.year() {
        true => i18n::text(locale, "time-date", &args[..2]),
        false => i18n::text(locale, "time-date-year", &args),
    }
}

fn clock(at: NaiveDateTime) -> String {
    format!("{:02}:{:02}", at.hour(), at.minute())
}

fn month(locale: Locale, at: NaiveDateTime) -> String {
    i18n::word(locale, "month", &at.month().to_string())
}

fn weekday(locale: Locale, at: NaiveDateTime) -> String {
    i18n::word(locale, "weekday", &at.weekday().number_from_monday().to_string())
}

/// Returns a whole number as people write it: `1,284`, `1.284`.
pub fn number(locale: Locale, n: i64) -> String {
    let mark = match locale {
        Locale::En => ',',
        Locale::De => '.',
    };
    let digits = n.unsigned_abs().to_string();
    let mut out = String::from(if n < 0 { "-" } else { "" });
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(mark);
        }
        out.push(digit);
    }
    out
}

/// Returns a length of time in its two largest units, for example `2 h 10 m`; less than a minute counts as one.
pub fn duration(locale: Locale, length: chrono::TimeDelta) -> String {
    let minutes = length.num_minutes().abs().max(1);
    let (days, hours, rest) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
    let part = |key: &str, n: i64| (n > 0).then(|| i18n::text(locale, key, &[("n", &n.to_string())]));
    let parts: Vec<String> = match days {
        0 => [part("unit-hours", hours), part("unit-minutes", rest)].into_iter().flatten().collect(),
        _ => [part("unit-days", days), part("unit-hours", hours)].into_iter().flatten().collect(),
    };
    parts.join(" ")
}

/// Returns a number of bytes in B, KB or MB (powers of 1024), with the language's decimal mark.
pub fn size(locale: Locale, bytes: u64) -> String {
    let (value, unit) = match bytes {
        0..1024 => return format!("{bytes} B"),
        1024..1_048_576 => (bytes as f64 / 1024.0, "KB"),
        _ => (bytes as f64 / 1_048_576.0, "MB"),
    };
    let digits = if value < 10.0 { format!("{value:.1}") } else { format!("{value:.0}") };
    let digits = digits.strip_suffix(".0").unwrap_or(&digits).to_owned();
    match locale {
        Locale::En => format!("{digits} {unit}"),
        Locale::De => format!("{} {unit}", digits.replace('.', ",")),
    }
}

/// Whether a browser shows files of this type as images.
pub fn is_image(content_type: &str) -> bool {
    ["image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/bmp"].contains(&content_type)
}

/// Returns bytes as a `data:` address (RFC 2397). `content_type` is one of those that [`is_image`] knows.
pub fn data_url(content_type: &str, bytes: &[u8]) -> String {
    format!("data:{content_type};base64,{}", base64::engine::general_purpose::STANDARD.encode(bytes))
}

/// Returns up to two letters for a person: of first and last name, else of the address.
pub fn initials(name: &str) -> String {
    let name = name.split('@').next().unwrap_or(name);
    let mut words = name.split(|c: char| c.is_whitespace() || ".-_".contains(c)).filter(|w| !w.is_empty());
    let first = words.next().and_then(|w| w.chars().find(|c| c.is_alphanumeric()));
    let last = words.next_back().and_then(|w| w.chars().find(|c| c.is_alphanumeric()));
    first.into_iter().chain(last).flat_map(char::to_uppercase).collect()
}

/// Returns plain text as safe HTML: escaped, with links for http and https addresses. Line breaks stay as they are
/// (the style keeps them).
pub fn text_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    let mut rest = text;
    while let Some((start, end)) = markdown::find_address(rest) {
        out.push_str(&handlebars::html_escape(&rest[..start]));
        let url = &rest[start..end];
        let escaped = handlebars::html_escape(url);
        out.push_str(&format!(
            r#"<a href="{escaped}" rel="noopener noreferrer nofollow" target="_blank">{escaped}</a>"#
        ));
        // A host that is not what it looks like is told (E12.7).
        if let Some(host) = deceit::host(url)
            && deceit::ascii_host(&host) != host
        {
            out.push_str(&format!(" <b>[{}]</b>", handlebars::html_escape(&deceit::ascii_host(&host))));
        }
        rest = &rest[end..];
    }
    out.push_str(&handlebars::html_escape(rest));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Time {
        text.parse().unwrap()
    }

    #[test]
    fn long_numbers_can_be_read() {
        let all = [0, 999, 1_284, 1_000_000, -12_345].map(|n| number(Locale::En, n));
        assert_eq!(all, ["0", "999", "1,284", "1,000,000", "-12,345"]);
        assert_eq!(number(Locale::De, 1_284), "1.284");
    }

    #[test]
    fn times_get_shorter_with_distance() {
        let now = at("2026-11-20T10:42:00Z");
        let cases = [
            ("2026-11-20T10:41:30Z", "now", "jetzt"),
            ("2026-11-20T10:12:00Z", "30 min", "30 min"),
            ("2026-11-20T08:05:00Z", "08:05", "08:05"),
            ("2026-11-04T08:05:00Z", "4 Nov", "4. Nov."),
            ("2025-03-04T08:05:00Z", "4 Mar 2025", "4. März 2025"),
        ];
        for (time, en, de) in cases {
            assert_eq!(When::new(Locale::En, at(time), now).short, en);
            assert_eq!(When::new(Locale::De, at(time), now).short, de);
        }
        assert_eq!(When::new(Locale::En, at(cases[2].0), now).exact, "Fri 20 Nov 2026, 08:05 UTC");
        assert_eq!(When::new(Locale::De, at(cases[2].0), now).exact, "Fr., 20. Nov. 2026, 08:05 UTC");
    }

    /// Every time on a page goes by the reader's clock, and says in full which that is: where clocks go back, one time comes
    /// twice.
    #[test]
    fn times_go_by_the_readers_clock() {
        let seen = |zone: &str, now: &str, time: &str| {
            let now = Now::new(at(now), Some(Zone::named(zone).expect("a zone")));
            let when = When::new(Locale::En, at(time), now);
            (when.iso, when.short, when.exact)
        };
        let shown = |iso: &str, short: &str, exact: &str| (iso.to_owned(), short.to_owned(), exact.to_owned());
        let (now, late) = ("2026-07-02T10:00:00Z", "2026-07-01T22:30:00Z");
        assert_eq!(seen("Europe/Berlin", now, late), shown(late, "00:30", "Thu 2 Jul 2026, 00:30 CEST"));
        assert_eq!(seen("America/New_York", now, late), shown(late, "1 Jul", "Wed 1 Jul 2026, 18:30 EDT"));
        let (now, year) = ("2027-01-05T10:00:00Z", "2026-12-31T23:30:00Z");
        assert_eq!(seen("Europe/Berlin", now, year), shown(year, "1 Jan", "Fri 1 Jan 2027, 00:30 CET"));
        assert_eq!(seen("America/New_York", now, year), shown(year, "31 Dec 2026", "Thu 31 Dec 2026, 18:30 EST"));
        let (now, first, second) = ("2026-10-25T10:00:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z");
        assert_eq!(seen("Europe/Berlin", now, first), shown(first, "02:30", "Sun 25 Oct 2026, 02:30 CEST"));
        assert_eq!(seen("Europe/Berlin", now, second), shown(second, "02:30", "Sun 25 Oct 2026, 02:30 CET"));
    }

    #[test]
    fn durations_have_two_units() {
        let minutes = chrono::TimeDelta::minutes;
        assert_eq!(duration(Locale::En, minutes(130)), "2 h 10 m");
        assert_eq!(duration(Locale::En, minutes(-1500)), "1 d 1 h");
        assert_eq!(duration(Locale::En, minutes(0)), "1 m");
    }

    #[test]
    fn sizes() {
        assert_eq!(size(Locale::En, 900), "900 B");
        assert_eq!(size(Locale::De, 1_258_291), "1,2 MB");
        assert_eq!(size(Locale::En, 10_485_760), "10 MB");
    }

    #[test]
    fn initials_of_names_and_addresses() {
        for (name, letters) in
            [("Daniel Okafor", "DO"), ("佐藤 美咲", "佐美"), ("ruth.ellison@x.example", "RE"), ("", ""), ("x", "X")]
        {
            assert_eq!(initials(name), letters);
        }
    }

    #[test]
    fn text_is_escaped_and_linked() {
        let html = text_html("see <b> https://a.example/x?a=1&b=2. (http://b.example) javascript:alert(1) http://");
        assert!(html.contains("see &lt;b&gt; <a href=\"https://a.example/x?a"), "{html}");
        assert!(html.contains("</a>. (<a href=\"http://b.example\""), "{html}");
        assert!(html.ends_with("javascript:alert(1) http://") && !html.contains("<b>"), "{html}");
        assert!(!text_html("https://x\"onmouseover=alert(1)").contains("x\"on"));
    }
}
