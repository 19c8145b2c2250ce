//! When to try again, and when to give up (E9.8, E9.9): pure functions over what happened so far.

use crate::clock::Time;
use crate::mail_out::kinds::Kind;
use chrono::TimeDelta;
use rand::Rng;

/// Minutes to wait after the first, second, … failed attempt; the last one repeats.
const BACKOFF_MINUTES: [i64; 7] = [1, 3, 10, 30, 60, 120, 240];
/// A greylisting host takes the mail after some minutes; sooner would start its clock anew.
const GREYLISTED_MINUTES: i64 = 5;
const JITTER: f64 = 0.2;
/// RFC 3463: delivery time expired.
const EXPIRED: &str = "4.4.7";

/// Why an attempt failed for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// 4xx, no connection, no TLS, no DNS.
    Temporary,
    /// 4xx from a host that wants to see the same mail again later.
    Greylisted,
}

impl Failure {
    /// Returns what a temporary refusal's text says. There is no reply code of its own for greylisting.
    pub fn from_reply(text: &str) -> Failure {
        let text = text.to_ascii_lowercase();
        let known = ["greylist", "graylist", "grey-list", "gray-list", "grey list", "gray list"];
        if known.iter().any(|word| text.contains(word)) { Failure::Greylisted } else { Failure::Temporary }
    }
}

/// What becomes of a mail after a temporary failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The next attempt's time.
    At(Time),
    /// Its lifetime is over; the enhanced status to record (RFC 3463).
    Dead { enhanced: &'static str },
}

/// Returns when to try next. `attempts` counts the failed attempts, this one included; `first_at` is when the mail
/// was first due. One last attempt falls on the end of the lifetime.
pub fn next(kind: Kind, attempts: u32, first_at: Time, now: Time, failure: Failure, rng: &mut impl Rng) -> Next {
    let end = first_at + kind.lifetime();
    if now >= end {
        return Next::Dead { enhanced: EXPIRED };
    }
    let step = attempts.saturating_sub(1) as usize;
    let minutes = match failure {
        Failure::Greylisted if step == 0 => GREYLISTED_MINUTES,
        _ => BACKOFF_MINUTES[step.min(BACKOFF_MINUTES.len() - 1)],
    };
    let factor = rng.random_range(1.0 - JITTER..=1.0 + JITTER);
    let delay = TimeDelta::milliseconds((minutes as f64 * 60_000.0 * factor) as i64);
    Next::At((now + delay).min(end))
}

/// What becomes of a mail whose body was handed over without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maybe {
    /// It is sent once more after this time, unless a reply, a report or a relay's event proves that it arrived.
    RetryAfter(TimeDelta),
    /// It rests for a person to say "resend" or "mark sent".
    Rest,
}

/// Returns what to do (E9.9). `maybes` counts such endings, this one included. If the worker died in the body the
/// relay most likely threw it away: at once. If a living worker got no answer: after `wait` (15 min).
pub fn after_maybe(kind: Kind, maybes: u32, worker_died: bool, wait: TimeDelta) -> Maybe {
    match () {
        _ if maybes > 1 || !kind.is_resent_after_maybe() => Maybe::Rest,
        _ if worker_died => Maybe::RetryAfter(TimeDelta::zero()),
        _ => Maybe::RetryAfter(wait),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::StdRng};

    fn start() -> Time {
        "2026-11-21T10:00:00Z".parse().unwrap()
    }

    /// The times of all attempts of a mail that is refused for ever, in minutes after the first.
    fn schedule(kind: Kind, failure: Failure, seed: u64) -> Vec<f64> {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut now = start();
        let mut times = vec![];
        for attempts in 1..1000 {
            match next(kind, attempts, start(), now, failure, &mut rng) {
                Next::At(at) => {
                    assert!(at > now);
                    now = at;
                    times.push((at - start()).num_milliseconds() as f64 / 60_000.0);
                }
                Next::Dead { enhanced } => {
                    assert_eq!(enhanced, "4.4.7");
                    return times;
                }
            }
        }
        panic!("never dead")
    }

    proptest! {
        /// E9.8.
        #[test]
        fn waits_are_those_of_the_table_and_end_with_the_lifetime(kind in prop::sample::select(Kind::ALL.to_vec()), seed: u64) {
            let times = schedule(kind, Failure::Temporary, seed);
            let end = kind.lifetime().num_minutes() as f64;
            prop_assert_eq!(*times.last().unwrap(), end);
            let mut before = 0.0;
            for (n, at) in times.iter().enumerate() {
                let expected = BACKOFF_MINUTES[n.min(6)] as f64;
                let waited = at - before;
                prop_assert!(waited <= expected * 1.2001, "{n}: {waited}");
                prop_assert!(waited >= expected * 0.7999 || *at == end, "{n}: {waited}");
                before = *at;
            }
        }

        /// E9.8.
        #[test]
        fn a_greylisted_first_attempt_waits_five_minutes(seed: u64) {
            let times = schedule(Kind::Reply, Failure::Greylisted, seed);
            prop_assert!((4.0..=6.0).contains(&times[0]));
            prop_assert!((2.39..=3.61).contains(&(times[1] - times[0])));
        }
    }

    /// E9.8.
    #[test]
    fn waits_are_spread() {
        let first: std::collections::BTreeSet<i64> =
            (0..100).map(|seed| (schedule(Kind::Reply, Failure::Temporary, seed)[0] * 60.0) as i64).collect();
        assert!(first.len() > 10, "{first:?}");
    }

    #[test]
    fn a_human_reply_is_tried_for_three_days() {
        let times = schedule(Kind::Reply, Failure::Temporary, 1);
        assert!((20..=30).contains(&times.len()), "{}", times.len());
        assert_eq!(schedule(Kind::Password, Failure::Temporary, 1).last(), Some(&60.0));
    }

    /// E9.9.
    #[test]
    fn an_answerless_mail_is_sent_once_more_or_rests() {
        let wait = TimeDelta::minutes(15);
        for kind in Kind::ALL.iter().copied() {
            let noise = matches!(kind, Kind::Ack | Kind::Csat);
            let (died, silent) = (after_maybe(kind, 1, true, wait), after_maybe(kind, 1, false, wait));
            assert_eq!(died, if noise { Maybe::Rest } else { Maybe::RetryAfter(TimeDelta::zero()) }, "{kind}");
            assert_eq!(silent, if noise { Maybe::Rest } else { Maybe::RetryAfter(wait) }, "{kind}");
            assert_eq!(after_maybe(kind, 2, true, wait), Maybe::Rest, "{kind}");
        }
    }

    #[test]
    fn greylisting_is_seen_by_its_text() {
        assert_eq!(Failure::from_reply("451 4.7.1 Greylisting in action, come back later"), Failure::Greylisted);
        assert_eq!(
            Failure::from_reply("450 4.2.0 <a@b>: Recipient address rejected: Gray-listed"),
            Failure::Greylisted
        );
        assert_eq!(Failure::from_reply("451 4.3.0 disk full"), Failure::Temporary);
    }
}
