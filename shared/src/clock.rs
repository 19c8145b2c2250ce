//! The one place that asks for the time, so that all stored times have the same precision.
//!
//! PostgreSQL keeps microseconds; SQLite's text would keep nanoseconds. Without the cut, equality and
//! paging cursors would differ between the two.

use chrono::{DateTime, SubsecRound, Utc};

/// A moment, UTC, whole microseconds.
pub type Time = DateTime<Utc>;

/// Returns the present moment, cut to microseconds.
#[allow(clippy::disallowed_methods)]
pub fn now() -> Time {
    Utc::now().trunc_subsecs(6)
}

/// Returns the UTC month of `at` as `YYYYMM`: the period of a PID counter.
pub fn period(at: Time) -> String {
    at.format("%Y%m").to_string()
}
