//! Time zones by their names in the IANA database, and what a clock on the wall means there. The tables are built in, so that
//! every host knows the same zones.

use crate::clock::Time;
use chrono::{LocalResult, NaiveDateTime, Offset, TimeDelta, TimeZone};
use chrono_tz::{OffsetName, Tz};

/// A time zone: which offset from UTC holds when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Zone(Tz);

impl Default for Zone {
    fn default() -> Zone {
        Zone(Tz::UTC)
    }
}

impl Zone {
    /// Returns the zone of that name, for example `Europe/Berlin`, written as IANA writes it; None if there is none.
    pub fn named(name: &str) -> Option<Zone> {
        name.parse().ok().map(Zone)
    }

    /// Returns what the clock on the wall shows at a moment.
    pub fn local(&self, at: Time) -> NaiveDateTime {
        at.with_timezone(&self.0).naive_local()
    }

    /// Returns what its people call the time there at a moment: `CET`, `CEST`; where they have no such word, the hours from
    /// UTC: `+0530`, written `UTC+05:30`.
    pub fn abbreviation(&self, at: Time) -> String {
        let offset = self.0.offset_from_utc_datetime(&at.naive_utc());
        match offset.abbreviation().filter(|word| word.starts_with(|c: char| c.is_ascii_alphabetic())) {
            Some(word) => word.to_owned(),
            None => format!("UTC{}", offset.fix()),
        }
    }

    /// Returns the moment at which the clock on the wall shows this: the first where it does so twice; where it never does,
    /// as much later as the clock jumps.
    pub fn moment(&self, local: NaiveDateTime) -> Time {
        match self.0.from_local_datetime(&local) {
            LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => at.to_utc(),
            LocalResult::None => {
                // The clock jumped less than a day ago: what held before it still counts the hours.
                let before = local.checked_sub_signed(TimeDelta::days(1)).unwrap_or(local);
                let offset = self.0.offset_from_utc_datetime(&before).fix();
                local.checked_sub_offset(offset).unwrap_or(local).and_utc()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;
    use proptest::prelude::*;

    fn at(text: &str) -> Time {
        text.parse().unwrap()
    }

    fn wall(text: &str) -> NaiveDateTime {
        text.parse().unwrap()
    }

    fn zone(name: &str) -> Zone {
        Zone::named(name).expect("a zone")
    }

    #[test]
    fn a_clock_on_the_wall_goes_with_summer_and_winter() {
        let all = [
            ("Europe/Berlin", "1892-01-01T00:00:00Z", "1892-01-01T00:53:28", "LMT"),
            ("Europe/Berlin", "2026-03-29T00:59:59Z", "2026-03-29T01:59:59", "CET"),
            ("Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-29T03:00:00", "CEST"),
            ("Europe/Berlin", "2026-10-25T00:59:59Z", "2026-10-25T02:59:59", "CEST"),
            ("Europe/Berlin", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00", "CET"),
            ("Europe/Berlin", "2055-07-01T08:00:00Z", "2055-07-01T10:00:00", "CEST"),
            ("America/New_York", "2026-03-08T06:59:59Z", "2026-03-08T01:59:59", "EST"),
            ("America/New_York", "2026-03-08T07:00:00Z", "2026-03-08T03:00:00", "EDT"),
            ("America/New_York", "2026-11-01T05:59:59Z", "2026-11-01T01:59:59", "EDT"),
            ("America/New_York", "2026-11-01T06:00:00Z", "2026-11-01T01:00:00", "EST"),
            ("Australia/Sydney", "2026-01-01T00:00:00Z", "2026-01-01T11:00:00", "AEDT"),
            ("Australia/Sydney", "2026-07-01T00:00:00Z", "2026-07-01T10:00:00", "AEST"),
            ("Asia/Kathmandu", "2026-07-01T00:00:00Z", "2026-07-01T05:45:00", "UTC+05:45"),
            ("UTC", "2026-07-01T00:00:00Z", "2026-07-01T00:00:00", "UTC"),
        ];
        for (name, utc, local, word) in all {
            let zone = zone(name);
            assert_eq!(zone.local(at(utc)), wall(local), "{name} {utc}");
            assert_eq!(zone.abbreviation(at(utc)), word, "{name} {utc}");
        }
    }

    #[test]
    fn what_the_wall_shows_twice_is_the_first_and_what_it_never_shows_is_later() {
        let all = [
            ("Europe/Berlin", "2026-10-25T02:30:00", "2026-10-25T00:30:00Z"),
            ("Europe/Berlin", "2026-10-25T03:00:00", "2026-10-25T02:00:00Z"),
            ("Europe/Berlin", "2026-03-29T02:00:00", "2026-03-29T01:00:00Z"),
            ("Europe/Berlin", "2026-03-29T02:30:00", "2026-03-29T01:30:00Z"),
            ("Europe/Berlin", "2026-03-29T03:00:00", "2026-03-29T01:00:00Z"),
            ("Europe/Berlin", "2026-07-01T09:00:00", "2026-07-01T07:00:00Z"),
            ("America/New_York", "2026-11-01T01:30:00", "2026-11-01T05:30:00Z"),
            ("America/New_York", "2026-11-01T02:00:00", "2026-11-01T07:00:00Z"),
            ("America/New_York", "2026-03-08T02:30:00", "2026-03-08T07:30:00Z"),
            ("America/New_York", "2026-03-08T03:30:00", "2026-03-08T07:30:00Z"),
        ];
        for (name, local, utc) in all {
            assert_eq!(zone(name).moment(wall(local)), at(utc), "{name} {local}");
        }
    }

    #[test]
    fn names_are_those_of_iana() {
        assert_eq!(Zone::named("UTC"), Some(Zone::default()));
        for name in ["America/Argentina/Buenos_Aires", "Etc/GMT+1", "Asia/Kolkata"] {
            assert!(Zone::named(name).is_some(), "{name}");
        }
        let none =
            ["", "../../../etc/passwd", "/etc/passwd", "Europe/../Berlin", "Mars/Olympus", "a\0b", "Europe", "+02:00"];
        for name in none {
            assert_eq!(Zone::named(name), None, "{name:?}");
        }
    }

    proptest! {
        #[test]
        fn what_the_wall_shows_leads_back(
            seconds in 0i64..4_000_000_000,
            name in prop::sample::select(vec!["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]),
        ) {
            let zone = zone(name);
            let moment = DateTime::from_timestamp(seconds, 0).unwrap();
            let back = zone.moment(zone.local(moment));
            // Where the clock shows the same twice, the first one is meant.
            let earlier = moment - back;
            prop_assert!((0..=3600).contains(&earlier.num_seconds()), "{moment} {back}");
            prop_assert_eq!(zone.local(back), zone.local(moment));
        }
    }
}
