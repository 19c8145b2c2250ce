//! From what happened to a mail to the state of its row, by E9.7 to E9.9.

use chrono::TimeDelta;
use shared::app::App;
use shared::clock;
use shared::mail_out::build::BuildError;
use shared::mail_out::kinds::{Kind, OutboxState};
use shared::mail_out::outbox::{self, Claimed, Kept, PastAttempt, Step};
use shared::mail_out::retry::{self, Maybe, Next};
use shared::store::Scope;

use crate::transport::{Failure, Reply};

/// What the attempt's `phase` says when the mail could not even be built.
const BUILD: &str = "build";
/// The wait after a failure whose history cannot be read just now.
const UNSURE: TimeDelta = TimeDelta::minutes(1);

/// The author of a reply is told when it has not arrived for so long.
const AUTHOR_KNOWS_AFTER: TimeDelta = TimeDelta::hours(4);

/// The relay took it.
pub(crate) fn sent(reply: Reply) -> Step {
    Step::Done {
        state: OutboxState::Sent,
        again_in: None,
        result: "sent",
        phase: "dot",
        code: Some(reply.code),
        enhanced: reply.enhanced,
        text: reply.text,
        relay_id: reply.relay_id,
        kept: None,
        tell_author: false,
    }
}

/// There is no relay: it stays here to be looked at.
pub(crate) fn captured(kept: Option<Kept>) -> Step {
    Step::Done {
        state: OutboxState::Sent,
        again_in: None,
        result: "sent",
        phase: "captured",
        code: None,
        enhanced: None,
        text: "captured: no relay is set".to_owned(),
        relay_id: None,
        kept,
        tell_author: false,
    }
}

/// It could not be built.
pub(crate) async fn unbuilt(app: &App, row: &Claimed, error: BuildError) -> Step {
    let failure = |text| Ending { tell_author: row.kind == Kind::Reply, ..Ending::new(BUILD, text) };
    match error {
        BuildError::Never(text) => {
            tracing::error!(outbox.id = row.id.0, reason = text, "a mail cannot be built and will not be sent");
            failure(text).dead()
        }
        BuildError::NotNow(text) => {
            tracing::error!(outbox.id = row.id.0, reason = text, "a mail cannot be built now");
            later(app, row, failure(text)).await
        }
    }
}

/// It was not accepted this time.
pub(crate) async fn temporary(app: &App, row: &Claimed, failure: Failure, kept: Option<Kept>) -> Step {
    later(app, row, Ending::of(failure, kept)).await
}

/// It was refused for good.
pub(crate) fn permanent(row: &Claimed, failure: Failure, kept: Option<Kept>) -> Step {
    Ending { tell_author: row.kind == Kind::Reply, ..Ending::of(failure, kept) }.dead()
}

/// The relay is at fault; the mail waits for it.
pub(crate) fn relay_fault(failure: Failure, kept: Option<Kept>, pause: TimeDelta) -> Step {
    Ending::of(failure, kept).done(OutboxState::Queued, Some(pause), "relay_fault")
}

/// The body was handed over and nobody answered.
pub(crate) fn unknown(app: &App, row: &Claimed, text: String) -> Step {
    let maybes = u32::try_from(row.maybes + 1).unwrap_or(u32::MAX);
    let wait = TimeDelta::from_std(app.config.maybe_retry).unwrap_or(TimeDelta::MAX);
    let again_in = match retry::after_maybe(row.kind, maybes, false, wait) {
        Maybe::RetryAfter(wait) => Some(wait),
        Maybe::Rest => None,
    };
    let ending = Ending::new("dot", text);
    ending.done(OutboxState::MaybeSent, again_in, "unknown")
}

/// What an attempt that did not succeed leaves behind.
struct Ending {
    phase: &'static str,
    code: Option<u16>,
    enhanced: Option<String>,
    text: String,
    kept: Option<Kept>,
    tell_author: bool,
}

impl Ending {
    fn new(phase: &'static str, text: String) -> Ending {
        Ending { phase, code: None, enhanced: None, text, kept: None, tell_author: false }
    }

    fn of(failure: Failure, kept: Option<Kept>) -> Ending {
        let Failure { phase, code, enhanced, text } = failure;
        Ending { phase: phase.as_str(), code, enhanced, text, kept, tell_author: false }
    }

    fn dead(self) -> Step {
        self.done(OutboxState::Dead, None, "permanent")
    }

    fn done(self, state: OutboxState, again_in: Option<TimeDelta>, result: &'static str) -> Step {
        let Ending { phase, code, enhanced, text, kept, tell_author } = self;
        Step::Done { state, again_in, result, phase, code, enhanced, text, relay_id: None, kept, tell_author }
    }
}

/// Tries again by E9.8, or gives up when the mail's lifetime is over.
async fn later(app: &App, row: &Claimed, mut ending: Ending) -> Step {
    let past = match outbox::past_attempts(&mut app.db.read(Scope::All), row.id).await {
        Ok(past) => past,
        Err(e) => {
            tracing::warn!(outbox.id = row.id.0, error = &e as &dyn std::error::Error, "past attempts cannot be read");
            return ending.done(OutboxState::Deferred, Some(UNSURE), "temporary");
        }
    };
    let now = clock::now();
    let (failed, first_at) = since_last_end(&past);
    let failure = retry::Failure::from_reply(&ending.text);
    let is_reply = row.kind == Kind::Reply;
    ending.tell_author = is_reply && author_is_due(&past, first_at, now);
    match retry::next(row.kind, failed + 1, first_at.unwrap_or(now), now, failure, &mut rand::rng()) {
        Next::At(at) => ending.done(OutboxState::Deferred, Some(at - now), "temporary"),
        Next::Dead { enhanced } => {
            ending.enhanced = Some(enhanced.to_owned());
            ending.tell_author = is_reply;
            ending.dead()
        }
    }
}

/// Whether this attempt is the first to fail after the author of a reply should know (E9.8).
fn author_is_due(past: &[PastAttempt], first_at: Option<clock::Time>, now: clock::Time) -> bool {
    let Some(due) = first_at.map(|at| at + AUTHOR_KNOWS_AFTER) else { return false };
    now >= due && !past.iter().any(|a| a.at >= due)
}

/// Counts the temporary failures since the mail last came to an end (an operator may have queued it again), and finds
/// the first attempt since then: the lifetime counts from there, as a mail may have been held for days before.
fn since_last_end(past: &[PastAttempt]) -> (u32, Option<clock::Time>) {
    let goes_on = |a: &&PastAttempt| matches!(a.result.as_str(), "temporary" | "relay_fault" | "lost");
    let current: Vec<&PastAttempt> = past.iter().take_while(goes_on).collect();
    let failed = current.iter().filter(|a| a.result == "temporary").count();
    (u32::try_from(failed).unwrap_or(u32::MAX), current.last().map(|a| a.at))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// E9.8: told once, at the first failure after four hours.
    #[test]
    fn the_author_is_told_after_four_hours_and_once() {
        let at = |hour: u32| format!("2026-11-21T{hour:02}:30:00Z").parse::<clock::Time>().unwrap();
        let past = |hours: &[u32]| -> Vec<PastAttempt> {
            let newest_first = hours.iter().rev();
            newest_first.map(|h| PastAttempt { at: at(*h), result: "temporary".to_owned() }).collect()
        };
        let due = |hours: &[u32], now| author_is_due(&past(hours), hours.first().map(|h| at(*h)), at(now));
        assert!(!due(&[], 10));
        assert!(!due(&[10], 13) && due(&[10], 14) && due(&[10, 11, 13], 17));
        assert!(!due(&[10, 14], 18));
    }

    #[test]
    fn a_mail_queued_again_by_hand_starts_anew() {
        let at = |minute: u32| format!("2026-11-21T10:{minute:02}:00Z").parse::<clock::Time>().unwrap();
        let past = |results: &[&str]| -> Vec<PastAttempt> {
            let newest_first = results.iter().enumerate().rev();
            newest_first.map(|(n, r)| PastAttempt { at: at(n as u32), result: (*r).to_owned() }).collect()
        };
        assert_eq!(since_last_end(&[]), (0, None));
        assert_eq!(since_last_end(&past(&["temporary", "relay_fault", "temporary"])), (2, Some(at(0))));
        assert_eq!(since_last_end(&past(&["temporary", "permanent", "lost", "temporary"])), (1, Some(at(2))));
        assert_eq!(since_last_end(&past(&["temporary", "permanent"])), (0, None));
    }
}
