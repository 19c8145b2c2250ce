//! When somebody means who writes "tomorrow 9", "in 3 Tagen" or "until reply". English and German, whichever the reader's
//! language is: both are typed side by side.
//!
//! Pure: takes what the clock on the agent's wall shows, gives what it will show. Days without a time begin at eight.

use chrono::{Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike, Weekday};

/// When a working day begins.
const MORNING: u32 = 8;
/// Farther ahead nobody plans: five years.
pub(super) const FARTHEST: TimeDelta = TimeDelta::days(5 * 365);

/// When somebody means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// After so long.
    In(TimeDelta),
    /// When the clock on the wall shows this.
    At(NaiveDateTime),
    /// When the customer writes.
    Reply,
}

/// Why it cannot be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unclear {
    /// A word, or how the words go together.
    Words,
    /// It names a time that is over.
    Past,
    /// More than five years ahead.
    TooFar,
}

/// Reads what somebody wrote at `now`, by the clock on their wall. What it gives lies ahead of `now`.
///
/// # Errors
/// See [`Unclear`].
pub fn read(text: &str, now: NaiveDateTime) -> Result<When, Unclear> {
    let words = words(text);
    if is_reply(&words) {
        return Ok(When::Reply);
    }
    let mut said = Said::default();
    let mut rest = words.as_slice();
    while let Some((word, after)) = rest.split_first() {
        rest = said.take(word, after, now).ok_or(Unclear::Words)?;
    }
    let when = said.when(now)?;
    let ahead = match when {
        When::In(length) => length,
        When::At(at) => at - now,
        When::Reply => return Ok(when),
    };
    match ahead {
        _ if ahead <= TimeDelta::zero() => Err(Unclear::Past),
        _ if ahead > FARTHEST => Err(Unclear::TooFar),
        _ => Ok(when),
    }
}

/// The words in lower case, numbers apart from the letters that follow them: `9uhr` is two.
fn words(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    let mut words = Vec::new();
    for word in lower.split(|c: char| c.is_whitespace() || ",;!?()".contains(c)).filter(|w| !w.is_empty()) {
        match word.find(|c: char| c.is_alphabetic()) {
            Some(at) if at > 0 && !word.contains('-') => {
                words.push(word[..at].to_owned());
                words.push(word[at..].trim_end_matches('.').to_owned());
            }
            // A date's last dot says that it is one.
            _ if word.starts_with(|c: char| c.is_ascii_digit()) => words.push(word.to_owned()),
            _ => words.push(word.trim_end_matches('.').to_owned()),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// `until they reply`, `bis der Kunde antwortet`.
fn is_reply(words: &[String]) -> bool {
    const BESIDE: &[&str] = &[
        "until",
        "till",
        "for",
        "on",
        "when",
        "they",
        "he",
        "she",
        "the",
        "a",
        "an",
        "next",
        "customer",
        "there",
        "is",
        "bis",
        "zur",
        "zu",
        "eine",
        "einer",
        "nächste",
        "nächsten",
        "der",
        "die",
        "kunde",
        "kundin",
        "er",
        "sie",
        "auf",
        "wenn",
    ];
    let answers = |word: &str| {
        ["repl", "answer", "respon", "antwort", "schreib"].iter().any(|stem| word.starts_with(stem))
            || ["writes", "write"].contains(&word)
    };
    words.iter().any(|word| answers(word)) && words.iter().all(|word| answers(word) || BESIDE.contains(&word.as_str()))
}

/// What was said so far. Nothing may be said twice.
#[derive(Debug, Default)]
struct Said {
    /// So much later, by the clock.
    after: Option<TimeDelta>,
    /// So many days and months later.
    later: Option<(u64, u32)>,
    day: Option<NaiveDate>,
    /// The day is today: `today`, `tonight`.
    today: bool,
    /// Hour and minute.
    time: Option<(u32, u32)>,
    /// The hour that a part of the day stands for.
    part: Option<u32>,
    /// `am` or `pm` was said.
    half: Option<bool>,
    /// `next` was said and waits for what.
    next: bool,
}

fn once<T>(place: &mut Option<T>, value: T) -> Option<()> {
    place.is_none().then(|| *place = Some(value))
}

impl Said {
    /// Takes one word and what belongs to it; returns what is left. None: it cannot be understood.
    fn take<'a>(&mut self, word: &str, rest: &'a [String], now: NaiveDateTime) -> Option<&'a [String]> {
        let today = now.date();
        let peek = |n: usize| rest.get(n).map_or("", String::as_str);
        if let Some(at) = date_and_time(word) {
            once(&mut self.day, at.date())?;
            once(&mut self.time, (at.hour(), at.minute()))?;
            return Some(rest);
        }
        if let Some(day) = date(word, peek(0), today) {
            once(&mut self.day, day)?;
            return Some(rest);
        }
        if let Some(time) = clock(word, peek(0)) {
            once(&mut self.time, time)?;
            return Some(rest);
        }
        if let Some(n) = number(word) {
            return self.count(n, word, rest, today);
        }
        if let Some(weekday) = weekday(word) {
            self.next = false;
            once(&mut self.day, next_day(today, weekday)?)?;
            return Some(rest);
        }
        if let Some(month) = month(word) {
            let (day, left) = rest.split_first()?;
            once(&mut self.day, of_year(day.trim_end_matches('.').parse().ok()?, month, today)?)?;
            return left.get(ordinals(left)..);
        }
        match word {
            "at" | "um" | "on" | "in" | "the" | "der" | "die" | "den" | "dem" | "das" | "until" | "till" | "til"
            | "bis" | "for" | "für" | "fuer" | "uhr" | "o'clock" | "zum" | "zur" | "ab" | "from" | "now" | "and"
            | "und" | "snooze" | "this" | "diesen" | "dieses" => {}
            // At a number it is the half of the day, before a day it is "on".
            "am" if self.time.is_some() && self.half.is_none() => self.half = Some(false),
            "am" => {}
            "pm" => once(&mut self.half, true)?,
            "today" | "heute" => {
                once(&mut self.day, today)?;
                self.today = true;
            }
            "day" if peek(0) == "after" && ["tomorrow", "tmrw"].contains(&peek(1)) => {
                once(&mut self.day, today.checked_add_days(Days::new(2))?)?;
                return rest.get(2..);
            }
            "übermorgen" | "uebermorgen" => once(&mut self.day, today.checked_add_days(Days::new(2))?)?,
            // "Montag morgen" is a morning, "morgen" the next day.
            "morgen" if self.day.is_some() => once(&mut self.part, MORNING)?,
            "tomorrow" | "tmrw" | "tmr" | "morgen" => once(&mut self.day, today.succ_opt()?)?,
            "later" | "später" | "spaeter" => once(&mut self.after, TimeDelta::hours(3))?,
            "tonight" => {
                once(&mut self.day, today)?;
                once(&mut self.part, 18)?;
                self.today = true;
            }
            "next" | "coming" => self.next = true,
            _ if ["nächst", "naechst", "kommend"].iter().any(|stem| word.starts_with(stem)) => self.next = true,
            "week" | "woche" if std::mem::take(&mut self.next) => {
                once(&mut self.day, next_day(today, Weekday::Mon)?)?;
            }
            "month" | "monat" if std::mem::take(&mut self.next) => {
                once(&mut self.day, today.with_day(1)?.checked_add_months(Months::new(1))?)?;
            }
            "weekend" | "wochenende" => {
                self.next = false;
                once(&mut self.day, next_day(today, Weekday::Sat)?)?;
            }
            "half" | "halbe" | "halben" if is_hour(peek(0)) => {
                once(&mut self.after, TimeDelta::minutes(30))?;
                return rest.get(1..);
            }
            "half" if ["a", "an"].contains(&peek(0)) && is_hour(peek(1)) => {
                once(&mut self.after, TimeDelta::minutes(30))?;
                return rest.get(2..);
            }
            // "Halb neun" is half past eight.
            "halb" => {
                let hour = number(peek(0)).filter(|n| (1..=24).contains(n))? as u32 - 1;
                once(&mut self.time, (hour, 30))?;
                return rest.get(1..);
            }
            _ => once(&mut self.part, part(word)?)?,
        }
        Some(rest)
    }

    /// Takes a number with its unit, its month, or as an hour.
    fn count<'a>(&mut self, n: i64, word: &str, rest: &'a [String], today: NaiveDate) -> Option<&'a [String]> {
        let (unit, left) = rest.split_first().map_or(("", rest), |(unit, left)| (unit.as_str(), left));
        if ["half", "halbe", "halben"].contains(&unit) && n == 1 {
            // "Eine halbe Stunde": the half says how much.
            return Some(rest);
        }
        match unit {
            "m" | "min" | "mins" | "minute" | "minutes" | "minuten" => self.add(TimeDelta::try_minutes(n)?)?,
            _ if is_hour(unit) => self.add(TimeDelta::try_hours(n)?)?,
            "d" | "day" | "days" | "tag" | "tage" | "tagen" => once(&mut self.later, (n.try_into().ok()?, 0))?,
            "w" | "wk" | "week" | "weeks" | "woche" | "wochen" => {
                once(&mut self.later, (u64::try_from(n).ok()?.checked_mul(7)?, 0))?;
            }
            "month" | "months" | "monat" | "monate" | "monaten" => once(&mut self.later, (0, n.try_into().ok()?))?,
            _ if !word.starts_with(|c: char| c.is_ascii_digit()) && n == 1 => return None,
            _ => {
                // "1st of December", "1. Dezember".
                let skipped = ordinals(rest);
                if let Some(month) = rest.get(skipped).and_then(|w| month(w)) {
                    once(&mut self.day, of_year(n.try_into().ok()?, month, today)?)?;
                    return rest.get(skipped + 1..);
                }
                if word.ends_with('.') {
                    return None;
                }
                once(&mut self.time, (u32::try_from(n).ok().filter(|n| *n < 24)?, 0))?;
                return Some(rest);
            }
        }
        Some(left)
    }

    /// "1 hour 30 minutes" is one length.
    fn add(&mut self, length: TimeDelta) -> Option<()> {
        self.after = Some(self.after.unwrap_or_default().checked_add(&length)?);
        Some(())
    }

    fn when(&self, now: NaiveDateTime) -> Result<When, Unclear> {
        if self.next {
            return Err(Unclear::Words);
        }
        let time = self.time_of_day()?;
        if let Some(after) = self.after {
            let alone = time.is_none() && self.later.is_none() && (self.day.is_none() || self.today);
            return if alone { Ok(When::In(after)) } else { Err(Unclear::Words) };
        }
        let day = match (self.day, self.later) {
            (Some(_), Some(_)) => return Err(Unclear::Words),
            (day, None) => day,
            (None, Some((0, 0))) => return Err(Unclear::Past),
            (None, Some((days, months))) => {
                let day = now.date().checked_add_days(Days::new(days));
                Some(day.and_then(|d| d.checked_add_months(Months::new(months))).ok_or(Unclear::TooFar)?)
            }
        };
        match (day, time) {
            (None, None) => Err(Unclear::Words),
            // "Today" says no more than "later".
            (Some(_), None) if self.today => Ok(When::In(TimeDelta::hours(3))),
            (Some(day), None) if self.later.is_some() => Ok(When::At(day.and_time(now.time()))),
            (Some(day), None) => Ok(When::At(day.and_time(hour(MORNING)))),
            (Some(day), Some(time)) => Ok(When::At(day.and_time(time))),
            // A time that is over today is meant for tomorrow.
            (None, Some(time)) => {
                let day = if time > now.time() { Some(now.date()) } else { now.date().succ_opt() };
                Ok(When::At(day.ok_or(Unclear::TooFar)?.and_time(time)))
            }
        }
    }

    fn time_of_day(&self) -> Result<Option<NaiveTime>, Unclear> {
        let Some((mut hours, minutes)) = self.time else {
            // Half a day needs an hour.
            return if self.half.is_some() { Err(Unclear::Words) } else { Ok(self.part.map(hour)) };
        };
        let afternoon = self.half == Some(true) || self.half.is_none() && self.part.is_some_and(|part| part > 12);
        match (self.half, hours) {
            (Some(true), 13..) => return Err(Unclear::Words),
            (Some(false), 12) => hours = 0,
            (_, 1..=11) if afternoon => hours += 12,
            _ => {}
        }
        NaiveTime::from_hms_opt(hours, minutes, 0).map(Some).ok_or(Unclear::Words)
    }
}

fn hour(hour: u32) -> NaiveTime {
    NaiveTime::from_hms_opt(hour, 0, 0).unwrap_or(NaiveTime::MIN)
}

/// The first such day after today.
fn next_day(today: NaiveDate, weekday: Weekday) -> Option<NaiveDate> {
    let ahead = (6 + weekday.num_days_from_monday() - today.weekday().num_days_from_monday()) % 7 + 1;
    today.checked_add_days(Days::new(ahead.into()))
}

/// A day of this year, or of the next if it is over.
fn of_year(day: u32, month: u32, today: NaiveDate) -> Option<NaiveDate> {
    let this = NaiveDate::from_ymd_opt(today.year(), month, day).filter(|date| *date >= today);
    this.or_else(|| NaiveDate::from_ymd_opt(today.year().checked_add(1)?, month, day))
}

/// `2026-12-01T14:00`.
fn date_and_time(word: &str) -> Option<NaiveDateTime> {
    let word = word.replace('t', "T");
    ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"].iter().find_map(|form| NaiveDateTime::parse_from_str(&word, form).ok())
}

/// `2026-12-01`, `1.12.2026`, `1.12.`, and `1.12` where no clock is meant.
fn date(word: &str, after: &str, today: NaiveDate) -> Option<NaiveDate> {
    let digits = |text: &str, most: usize| (1..=most).contains(&text.len()).then(|| text.parse::<u32>().ok()).flatten();
    if let [year, month, day] = word.split('-').collect::<Vec<_>>()[..] {
        return NaiveDate::from_ymd_opt(digits(year, 4)?.try_into().ok()?, digits(month, 2)?, digits(day, 2)?);
    }
    match word.split('.').collect::<Vec<_>>()[..] {
        [day, month, ""] => of_year(digits(day, 2)?, digits(month, 2)?, today),
        [day, month] if after != "uhr" && !month.is_empty() => of_year(digits(day, 2)?, digits(month, 2)?, today),
        [day, month, year] => {
            let year = match year.len() {
                2 => 2000 + digits(year, 2)?,
                _ => digits(year, 4)?,
            };
            NaiveDate::from_ymd_opt(year.try_into().ok()?, digits(month, 2)?, digits(day, 2)?)
        }
        _ => None,
    }
}

/// `9:30`, and `9.30` before `Uhr`.
fn clock(word: &str, after: &str) -> Option<(u32, u32)> {
    let (hours, minutes) = word.split_once(':').or_else(|| word.split_once('.').filter(|_| after == "uhr"))?;
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<u32>().ok()).flatten();
    let (hours, minutes) = (digits(hours)?, digits(minutes).filter(|_| minutes.len() == 2)?);
    (hours < 24 && minutes < 60).then_some((hours, minutes))
}

fn number(word: &str) -> Option<i64> {
    const WORDS: [&[&str]; 12] = [
        &["a", "an", "one", "ein", "eine", "einem", "einen", "einer"],
        &["two", "zwei"],
        &["three", "drei"],
        &["four", "vier"],
        &["five", "fünf", "fuenf"],
        &["six", "sechs"],
        &["seven", "sieben"],
        &["eight", "acht"],
        &["nine", "neun"],
        &["ten", "zehn"],
        &["eleven", "elf"],
        &["twelve", "zwölf", "zwoelf"],
    ];
    let digits = word.strip_suffix('.').unwrap_or(word);
    if digits.bytes().all(|b| b.is_ascii_digit()) && (1..=5).contains(&digits.len()) {
        return digits.parse().ok();
    }
    WORDS.iter().zip(1..).find_map(|(words, n)| words.contains(&word).then_some(n))
}

/// How many words only say that a number is a day's: "1st of".
fn ordinals(words: &[String]) -> usize {
    words.iter().take_while(|word| ["st", "nd", "rd", "th", "of"].contains(&word.as_str())).count()
}

fn is_hour(unit: &str) -> bool {
    ["h", "hr", "hrs", "hour", "hours", "std", "stunde", "stunden"].contains(&unit)
}

/// The hour at which a part of the day begins.
fn part(word: &str) -> Option<u32> {
    Some(match word {
        "morning" | "früh" | "frueh" | "morgens" | "vormittag" | "vormittags" => MORNING,
        "noon" | "midday" | "mittag" | "mittags" => 12,
        "afternoon" | "nachmittag" | "nachmittags" => 14,
        "evening" | "abend" | "abends" => 18,
        _ => return None,
    })
}

fn weekday(word: &str) -> Option<Weekday> {
    Some(match word {
        "mon" | "monday" | "mo" | "montag" | "montags" => Weekday::Mon,
        "tue" | "tues" | "tuesday" | "di" | "dienstag" => Weekday::Tue,
        "wed" | "weds" | "wednesday" | "mi" | "mittwoch" => Weekday::Wed,
        "thu" | "thur" | "thurs" | "thursday" | "do" | "donnerstag" => Weekday::Thu,
        "fri" | "friday" | "fr" | "freitag" => Weekday::Fri,
        "sat" | "saturday" | "sa" | "samstag" | "sonnabend" => Weekday::Sat,
        "sun" | "sunday" | "so" | "sonntag" => Weekday::Sun,
        _ => return None,
    })
}

fn month(word: &str) -> Option<u32> {
    const MONTHS: [&[&str]; 12] = [
        &["jan", "january", "januar", "jänner"],
        &["feb", "february", "februar"],
        &["mar", "march", "mär", "märz", "maerz"],
        &["apr", "april"],
        &["may", "mai"],
        &["jun", "june", "juni"],
        &["jul", "july", "juli"],
        &["aug", "august"],
        &["sep", "sept", "september"],
        &["oct", "october", "okt", "oktober"],
        &["nov", "november"],
        &["dec", "december", "dez", "dezember"],
    ];
    MONTHS.iter().zip(1..).find_map(|(names, month)| names.contains(&word).then_some(month))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A Wednesday.
    const NOW: &str = "2026-11-18T10:30:00";

    fn shown(text: &str) -> String {
        match read(text, NOW.parse().unwrap()) {
            Ok(When::In(length)) => format!("in {} min", length.num_minutes()),
            Ok(When::At(at)) => at.format("%a %Y-%m-%d %H:%M").to_string(),
            Ok(When::Reply) => "reply".to_owned(),
            Err(unclear) => format!("{unclear:?}"),
        }
    }

    #[test]
    fn words_of_both_languages_are_understood() {
        for (text, wanted) in [
            ("tomorrow", "Thu 2026-11-19 08:00"),
            ("Tomorrow 9", "Thu 2026-11-19 09:00"),
            ("tomorrow at 2:15pm", "Thu 2026-11-19 14:15"),
            ("tomorrow morning", "Thu 2026-11-19 08:00"),
            ("tomorrow afternoon at 3", "Thu 2026-11-19 15:00"),
            ("12 am tomorrow", "Thu 2026-11-19 00:00"),
            ("day after tomorrow", "Fri 2026-11-20 08:00"),
            ("morgen", "Thu 2026-11-19 08:00"),
            ("morgen 9 Uhr", "Thu 2026-11-19 09:00"),
            ("morgen früh", "Thu 2026-11-19 08:00"),
            ("morgen um 9.30 Uhr", "Thu 2026-11-19 09:30"),
            ("morgen um halb neun", "Thu 2026-11-19 08:30"),
            ("Übermorgen", "Fri 2026-11-20 08:00"),
            ("in 2 hours", "in 120 min"),
            ("2h", "in 120 min"),
            ("in 1 hour 30 minutes", "in 90 min"),
            ("in an hour", "in 60 min"),
            ("half an hour", "in 30 min"),
            ("in einer halben Stunde", "in 30 min"),
            ("in 3 Tagen", "Sat 2026-11-21 10:30"),
            ("in drei Tagen um 9", "Sat 2026-11-21 09:00"),
            ("in two weeks", "Wed 2026-12-02 10:30"),
            ("in einer Woche", "Wed 2026-11-25 10:30"),
            ("3 months", "Thu 2027-02-18 10:30"),
            ("next monday", "Mon 2026-11-23 08:00"),
            ("nächsten Montag", "Mon 2026-11-23 08:00"),
            ("am Montag um 14 Uhr", "Mon 2026-11-23 14:00"),
            ("Montag morgen", "Mon 2026-11-23 08:00"),
            ("Montag abend", "Mon 2026-11-23 18:00"),
            ("wed", "Wed 2026-11-25 08:00"),
            ("friday 4pm", "Fri 2026-11-20 16:00"),
            ("next week", "Mon 2026-11-23 08:00"),
            ("nächste Woche", "Mon 2026-11-23 08:00"),
            ("next month", "Tue 2026-12-01 08:00"),
            ("weekend", "Sat 2026-11-21 08:00"),
            ("later today", "in 180 min"),
            ("später", "in 180 min"),
            ("heute abend", "Wed 2026-11-18 18:00"),
            ("tonight", "Wed 2026-11-18 18:00"),
            ("14:00", "Wed 2026-11-18 14:00"),
            ("9", "Thu 2026-11-19 09:00"),
            ("2026-12-01 14:00", "Tue 2026-12-01 14:00"),
            ("2026-12-01T14:00", "Tue 2026-12-01 14:00"),
            ("2026-12-01", "Tue 2026-12-01 08:00"),
            ("1.12.", "Tue 2026-12-01 08:00"),
            ("am 1.12.2026 um 14 Uhr", "Tue 2026-12-01 14:00"),
            ("1. Dezember", "Tue 2026-12-01 08:00"),
            ("dec 1", "Tue 2026-12-01 08:00"),
            ("December 1st, 9am", "Tue 2026-12-01 09:00"),
            ("1st of march", "Mon 2027-03-01 08:00"),
            ("until reply", "reply"),
            ("until they reply", "reply"),
            ("until the customer writes", "reply"),
            ("bis zur Antwort", "reply"),
            ("bis der Kunde antwortet", "reply"),
        ] {
            assert_eq!(shown(text), wanted, "{text}");
        }
    }

    #[test]
    fn what_is_unclear_over_or_too_far_is_said_so() {
        for (text, wanted) in [
            ("", "Words"),
            ("soon", "Words"),
            ("next", "Words"),
            ("monday tuesday", "Words"),
            ("tomorrow in 2 hours", "Words"),
            ("25:00", "Words"),
            ("14 pm tomorrow", "Words"),
            ("pm", "Words"),
            ("a", "Words"),
            ("31.2.2027", "Words"),
            ("12/1", "Words"),
            ("today 8", "Past"),
            ("2020-01-01", "Past"),
            ("in 0 minutes", "Past"),
            ("in 0 days", "Past"),
            ("in 99999 weeks", "TooFar"),
            ("2999-01-01", "TooFar"),
            ("in 99999 months", "TooFar"),
        ] {
            assert_eq!(shown(text), wanted, "{text}");
        }
    }

    const SAID: &str = "((in|at|um|am|next|nächsten|half|halb|[0-9]{1,5}|[0-9]{1,2}:[0-9]{2}|[0-9]{1,2}\\.[0-9]{1,2}\\.?|\
         [0-9]{4}-[0-9]{2}-[0-9]{2}|hours?|tagen|weeks|monate|min|monday|so|morgen|tomorrow|abend|pm|uhr|dec|1st|later|today|\
         until|reply|year) ){1,6}";

    proptest! {
        #[test]
        fn it_lies_ahead_or_is_refused(text in SAID, day in 0u64..40_000, second in 0u32..86_400) {
            let date = NaiveDate::from_ymd_opt(1990, 1, 1).unwrap().checked_add_days(Days::new(day)).unwrap();
            let now = date.and_time(NaiveTime::from_num_seconds_from_midnight_opt(second, 0).unwrap());
            match read(&text, now) {
                Ok(When::In(length)) => prop_assert!(length > TimeDelta::zero() && length <= FARTHEST),
                Ok(When::At(at)) => prop_assert!(at > now && at - now <= FARTHEST),
                Ok(When::Reply) | Err(_) => {}
            }
        }

        #[test]
        fn nothing_makes_it_panic(text in "\\PC{0,60}") {
            let _ = read(&text, NOW.parse().unwrap());
        }

        #[test]
        fn nothing_makes_it_panic_at_the_end_of_time(text in SAID) {
            let _ = read(&text, NaiveDateTime::MAX);
            let _ = read(&text, NaiveDateTime::MIN);
        }
    }
}
