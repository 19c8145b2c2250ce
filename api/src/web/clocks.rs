//! A ticket's clocks (DESIGN 3) and other small facts, as pages show them. Pure.

use super::format::{self, Now, When};
use super::parts::Clock;
use super::ticket::NamedClock;
use shared::i18n::{self, Locale};
use shared::mail_in::deceit;
use shared::tickets::{self, ClockState, Ticket};

/// Returns the clock that runs out first; none once the ticket is done.
pub fn next(locale: Locale, now: Now, ticket: &Ticket) -> Option<Clock> {
    if ticket.status.is_done() {
        return None;
    }
    let response = ticket.response_clock(*now).filter(|clock| clock.ended.is_none());
    match (response, ticket.resolution_clock(*now)) {
        (Some(clock), _) => Some(shown(locale, now, clock, "clock-ok-response")),
        (None, Some(clock)) => Some(shown(locale, now, clock, "clock-ok-resolution")),
        (None, None) => None,
    }
}

/// Returns both clocks, for the side panel.
pub fn both(locale: Locale, now: Now, ticket: &Ticket) -> Vec<NamedClock> {
    let one = |label: &str, clock: Option<tickets::Clock>, text: &str| {
        Some(NamedClock { label: i18n::text(locale, label, &[]), sla: shown(locale, now, clock?, text) })
    };
    let response = one("clock-response", ticket.response_clock(*now), "clock-ok-response");
    let resolution = one("clock-resolution", ticket.resolution_clock(*now), "clock-ok-resolution");
    response.into_iter().chain(resolution).collect()
}

/// `text` says what is owed while there is time.
fn shown(locale: Locale, now: Now, clock: tickets::Clock, text: &str) -> Clock {
    let (glyph, key) = match clock.state {
        ClockState::Ok | ClockState::AtRisk => ("clock", text),
        ClockState::Breached => ("warn", "clock-late"),
        ClockState::Paused => ("clock", "clock-paused"),
        ClockState::Met => ("check", "clock-met"),
    };
    let left = format::duration(locale, clock.due - clock.ended.unwrap_or(*now));
    Clock {
        state: clock.state.as_str(),
        glyph,
        text: i18n::text(locale, key, &[("left", &left)]),
        exact: When::new(locale, clock.due, now).exact,
    }
}

/// Returns a ticket's subject, or what stands for none.
pub fn subject(locale: Locale, subject: &str) -> String {
    match subject.trim() {
        "" => i18n::text(locale, "no-subject", &[]),
        subject => deceit::shown(subject),
    }
}
