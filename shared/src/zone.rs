//! Time zones by their names, read from the tables of the machine (RFC 8536), and what a clock on the wall means there.

use crate::clock::Time;
use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveDateTime, TimeDelta};

/// Where machines keep the tables.
const FOLDERS: [&str; 2] = ["/usr/share/zoneinfo", "/etc/zoneinfo"];

/// A time zone: which offset from UTC holds when.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Zone {
    /// The offset before the first change, in seconds east of UTC.
    first: i32,
    /// When the offset changes, and to what: seconds since 1970, seconds east.
    changes: Vec<(i64, i32)>,
    /// What holds after the last change.
    rule: Option<Rule>,
}

/// Summer time, year after year.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    standard: i32,
    summer: i32,
    begins: Day,
    ends: Day,
}

/// A day of each year: the `week`th (5: the last) `weekday` (0: Sunday) of a month, and the second of it by the wall's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Day {
    month: u32,
    week: u32,
    weekday: u32,
    second: i64,
}

impl Zone {
    /// Returns the zone of that name, for example `Europe/Berlin`; None if this machine does not know it.
    pub async fn named(name: &str) -> Option<Zone> {
        if name == "UTC" {
            return Some(Zone::default());
        }
        // A name is a path: it must not lead out of the tables.
        let plain = |part: &str| {
            part.starts_with(|c: char| c.is_ascii_alphabetic())
                && part.chars().all(|c| c.is_ascii_alphanumeric() || "_+-".contains(c))
        };
        if name.len() > 64 || !name.split('/').all(plain) {
            return None;
        }
        for folder in FOLDERS {
            if let Ok(bytes) = tokio::fs::read(format!("{folder}/{name}")).await {
                return Zone::parse(&bytes);
            }
        }
        None
    }

    /// Reads a table. None if it is none.
    pub fn parse(bytes: &[u8]) -> Option<Zone> {
        let head = Head::read(bytes)?;
        if head.version < b'2' {
            return Zone::of_block(bytes.get(Head::LEN..)?, &head, 4, "");
        }
        // What follows repeats the first part with times of eight octets, and ends in the rule for later years.
        let second = bytes.get(Head::LEN + head.length(4)..)?;
        let head = Head::read(second)?;
        let block = second.get(Head::LEN..)?;
        let footer = block.get(head.length(8)..)?;
        let footer = std::str::from_utf8(footer).ok()?.trim_matches('\n');
        Zone::of_block(block, &head, 8, footer)
    }

    fn of_block(block: &[u8], head: &Head, size: usize, footer: &str) -> Option<Zone> {
        let (times, rest) = block.split_at_checked(head.times * size)?;
        let (kinds, rest) = rest.split_at_checked(head.times)?;
        let (types, _) = rest.split_at_checked(head.types * 6)?;
        let offsets: Vec<i32> = types.chunks(6).map(|t| i32::from_be_bytes([t[0], t[1], t[2], t[3]])).collect();
        let time = |octets: &[u8]| {
            let negative = octets.first().is_some_and(|first| first & 0x80 != 0);
            octets.iter().fold(if negative { -1 } else { 0 }, |n: i64, octet| (n << 8) | i64::from(*octet))
        };
        let mut changes = Vec::with_capacity(head.times);
        for (at, kind) in times.chunks(size).map(time).zip(kinds) {
            changes.push((at, *offsets.get(usize::from(*kind))?));
        }
        let known = |offset: &i32| offset.abs() < 26 * 3600;
        if !offsets.iter().all(known) {
            return None;
        }
        Some(Zone { first: *offsets.first()?, changes, rule: Rule::parse(footer) })
    }

    /// Returns the offset at a moment, in seconds east of UTC.
    fn offset(&self, at: i64) -> i32 {
        let after = self.changes.partition_point(|(change, _)| *change <= at);
        match (&self.rule, after == self.changes.len()) {
            (Some(rule), true) => rule.offset(at),
            _ if after == 0 => self.first,
            _ => self.changes[after - 1].1,
        }
    }

    /// Returns what the clock on the wall shows at a moment.
    pub fn local(&self, at: Time) -> NaiveDateTime {
        at.naive_utc() + TimeDelta::seconds(self.offset(at.timestamp()).into())
    }

    /// Returns the moment at which the clock on the wall shows this: the first where it does so twice; where it never does,
    /// as much later as the clock jumps.
    pub fn moment(&self, local: NaiveDateTime) -> Time {
        const DAY: i64 = 86_400;
        let utc = local.and_utc().timestamp();
        let offsets = [self.offset(utc - DAY), self.offset(utc + DAY)];
        let fits = offsets.into_iter().find(|offset| self.offset(utc - i64::from(*offset)) == *offset);
        let offset = TimeDelta::seconds(fits.unwrap_or(offsets[0]).into());
        local.checked_sub_signed(offset).unwrap_or(local).and_utc()
    }
}

/// The numbers at the head of a table.
struct Head {
    version: u8,
    marks: usize,
    leaps: usize,
    times: usize,
    types: usize,
    letters: usize,
}

impl Head {
    const LEN: usize = 44;

    fn read(bytes: &[u8]) -> Option<Head> {
        let head = bytes.get(..Head::LEN).filter(|head| head.starts_with(b"TZif"))?;
        let number = |n: usize| {
            let at = 20 + n * 4;
            u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]) as usize
        };
        let [utc, standard, leaps, times, types, letters] = [0, 1, 2, 3, 4, 5].map(number);
        // Nothing real comes near: a table that says more is none.
        let small = [utc, standard, leaps, times, types, letters].iter().all(|n| *n < 100_000);
        small.then_some(Head { version: head[4], marks: utc + standard, leaps, times, types, letters })
    }

    /// The length of what follows, with times of `size` octets.
    fn length(&self, size: usize) -> usize {
        self.times * (size + 1) + self.types * 6 + self.letters + self.leaps * (size + 4) + self.marks
    }
}

impl Rule {
    /// Reads `CET-1CEST,M3.5.0,M10.5.0/3`, or `UTC0`. None for forms that no zone of today uses.
    fn parse(text: &str) -> Option<Rule> {
        let mut parts = text.split(',');
        let (standard, rest) = named_offset(parts.next()?)?;
        let standard = -standard?;
        let never = Day { month: 1, week: 1, weekday: 0, second: 0 };
        if rest.is_empty() {
            return Some(Rule { standard, summer: standard, begins: never, ends: never });
        }
        let (summer, _) = named_offset(rest)?;
        let summer = summer.map_or(standard + 3600, |offset| -offset);
        Some(Rule { standard, summer, begins: Day::parse(parts.next()?)?, ends: Day::parse(parts.next()?)? })
    }

    fn offset(&self, at: i64) -> i32 {
        let year = DateTime::from_timestamp(at + i64::from(self.standard), 0).map_or(1970, |at| at.year());
        let moment = |day: Day, offset: i32| day.second_of(year).map(|second| second - i64::from(offset));
        match (moment(self.begins, self.standard), moment(self.ends, self.summer)) {
            (Some(begins), Some(ends)) if begins < ends && (begins..ends).contains(&at) => self.summer,
            // South of the equator summer ends in the first half of the year.
            (Some(begins), Some(ends)) if begins > ends && !(ends..begins).contains(&at) => self.summer,
            _ => self.standard,
        }
    }
}

impl Day {
    /// Reads `M10.5.0/3`.
    fn parse(text: &str) -> Option<Day> {
        let (day, second) = match text.split_once('/') {
            Some((day, time)) => (day, i64::from(seconds(time)?)),
            None => (text, 2 * 3600),
        };
        let numbers: Vec<u32> = day.strip_prefix('M')?.split('.').map_while(|n| n.parse().ok()).collect();
        let [month, week, weekday] = numbers[..] else { return None };
        let fits = (1..=12).contains(&month) && (1..=5).contains(&week) && weekday < 7;
        fits.then_some(Day { month, week, weekday, second })
    }

    /// Returns its second of a year by the wall's clock, counted as if it were UTC.
    fn second_of(self, year: i32) -> Option<i64> {
        let first = NaiveDate::from_ymd_opt(year, self.month, 1)?;
        let ahead = (7 + self.weekday - first.weekday().num_days_from_sunday()) % 7;
        let mut day = first.checked_add_days(Days::new((ahead + (self.week - 1) * 7).into()))?;
        if day.month() != self.month {
            day = day.checked_sub_days(Days::new(7))?;
        }
        Some(day.and_time(chrono::NaiveTime::MIN).and_utc().timestamp() + self.second)
    }
}

/// Takes a name and the offset behind it, if there is one: `CET-1CEST` is the offset of CET, and `CEST`.
fn named_offset(text: &str) -> Option<(Option<i32>, &str)> {
    let name_ends = match text.strip_prefix('<') {
        Some(rest) => rest.find('>')? + 2,
        None => text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len()),
    };
    let rest = &text[name_ends..];
    let ends = rest.find(|c: char| !(c.is_ascii_digit() || "+-:".contains(c))).unwrap_or(rest.len());
    let offset = if ends == 0 { None } else { Some(seconds(&rest[..ends])?) };
    (name_ends > 0).then_some((offset, &rest[ends..]))
}

/// Reads `3`, `-1:30` as seconds.
fn seconds(text: &str) -> Option<i32> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let parts: Vec<i32> = digits.split(':').map(str::parse).collect::<Result<_, _>>().ok()?;
    let fits = (1..=3).contains(&parts.len()) && parts.iter().all(|n| (0..=167).contains(n));
    fits.then(|| sign * parts.iter().zip([3600, 60, 1]).map(|(n, unit)| n * unit).sum::<i32>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Time {
        text.parse().unwrap()
    }

    fn wall(text: &str) -> NaiveDateTime {
        text.parse().unwrap()
    }

    /// A table as RFC 8536 has it: one change long ago, and a rule.
    fn table(footer: &str) -> Vec<u8> {
        let head = |times: u32, types: u32| {
            let mut bytes = b"TZif2".to_vec();
            bytes.extend([0; 15]);
            for n in [0, 0, 0, times, types, 4] {
                bytes.extend(n.to_be_bytes());
            }
            bytes
        };
        let kind = |offset: i32| [&offset.to_be_bytes()[..], &[0, 0]].concat();
        let first = [head(0, 1), kind(0), b"LMT\0".to_vec()].concat();
        let second = [head(1, 2), (-2_000_000_000i64).to_be_bytes().to_vec(), vec![1], kind(3208), kind(3600)].concat();
        [&first[..], &second, b"CET\0", format!("\n{footer}\n").as_bytes()].concat()
    }

    fn berlin() -> Zone {
        Zone::parse(&table("CET-1CEST,M3.5.0,M10.5.0/3")).expect("a table")
    }

    #[test]
    fn a_clock_on_the_wall_goes_with_summer_and_winter() {
        let zone = berlin();
        for (utc, local) in [
            ("1900-01-01T00:00:00Z", "1900-01-01T00:53:28"),
            ("2026-03-29T00:59:59Z", "2026-03-29T01:59:59"),
            ("2026-03-29T01:00:00Z", "2026-03-29T03:00:00"),
            ("2026-10-25T00:59:59Z", "2026-10-25T02:59:59"),
            ("2026-10-25T01:00:00Z", "2026-10-25T02:00:00"),
            ("2026-12-01T08:00:00Z", "2026-12-01T09:00:00"),
        ] {
            assert_eq!(zone.local(at(utc)), wall(local), "{utc}");
        }
        // Twice: the first time. Never: later.
        assert_eq!(zone.moment(wall("2026-10-25T02:30:00")), at("2026-10-25T00:30:00Z"));
        assert_eq!(zone.moment(wall("2026-03-29T02:30:00")), at("2026-03-29T01:30:00Z"));
        assert_eq!(zone.moment(wall("2026-07-01T09:00:00")), at("2026-07-01T07:00:00Z"));
    }

    #[test]
    fn south_of_the_equator_summer_is_at_the_turn_of_the_year() {
        let sydney = Zone::parse(&table("AEST-10AEDT,M10.1.0,M4.1.0/3")).expect("a table");
        assert_eq!(sydney.local(at("2026-01-01T00:00:00Z")), wall("2026-01-01T11:00:00"));
        assert_eq!(sydney.local(at("2026-07-01T00:00:00Z")), wall("2026-07-01T10:00:00"));
        let fixed = Zone::parse(&table("<+0530>-5:30")).expect("a table");
        assert_eq!(fixed.local(at("2026-07-01T00:00:00Z")), wall("2026-07-01T05:30:00"));
    }

    #[tokio::test]
    async fn names_lead_nowhere_but_into_the_tables() {
        assert_eq!(Zone::named("UTC").await, Some(Zone::default()));
        for name in ["", "../../../etc/passwd", "/etc/passwd", "Europe/../Berlin", "Mars/Olympus", "a\0b", "Europe"] {
            assert_eq!(Zone::named(name).await, None, "{name:?}");
        }
        // As far as this machine has tables.
        if let Some(zone) = Zone::named("Europe/Berlin").await {
            for utc in ["2026-01-01T00:00:00Z", "2026-07-01T00:00:00Z", "2036-07-01T00:00:00Z", "2055-07-01T00:00:00Z"]
            {
                assert_eq!(zone.local(at(utc)), berlin().local(at(utc)));
            }
        }
    }

    proptest! {
        #[test]
        fn what_the_wall_shows_leads_back(seconds in 0i64..4_000_000_000) {
            let zone = berlin();
            let moment = DateTime::from_timestamp(seconds, 0).unwrap();
            let back = zone.moment(zone.local(moment));
            // Where the clock shows the same twice, the first one is meant.
            prop_assert!(back == moment || back == moment - TimeDelta::hours(1));
            prop_assert_eq!(zone.local(back), zone.local(moment));
        }

        #[test]
        fn no_table_makes_it_panic(cut in 0usize..200, wrong in proptest::collection::vec((0usize..200, any::<u8>()), 0..6), footer in "\\PC{0,24}|[A-Z]{3}[-+0-9:,M./]{0,20}") {
            let mut bytes = table(&footer);
            for (at, octet) in wrong {
                if let Some(place) = bytes.get_mut(at) {
                    *place = octet;
                }
            }
            bytes.truncate(bytes.len().saturating_sub(cut));
            if let Some(zone) = Zone::parse(&bytes) {
                let _ = zone.moment(zone.local(at("2026-07-01T00:00:00Z")));
            }
        }
    }
}
