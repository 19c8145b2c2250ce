//! A ticket's clocks (DESIGN 3) and other small facts, as pages show them. Pure.

use super::format::{self, When};
use super::parts::Clock;
use super::ticket::NamedClock;
use shared::clock::Time;
use shared::i18n::{self, Locale};
use shared::mail_in::deceit;
use shared::tickets::{Status, Ticket};

/// A clock is at risk in the last quarter of its time.
const RISK: i32 = 4;

/// Returns the clock that runs out first; none once the ticket is done.
pub fn next(locale: Locale, now: Time, ticket: &Ticket) -> Option<Clock> {
    if ticket.status.is_done() {
        return None;
    }
    let response = ticket.response_due_at.filter(|_| ticket.first_response_at.is_none());
    match (response, ticket.resolution_due_at) {
        (Some(due), _) => Some(running(locale, now, ticket, due, "clock-ok-response")),
        (None, Some(due)) => Some(running(locale, now, ticket, due, "clock-ok-resolution")),
        (None, None) => None,
    }
}

/// Returns both clocks, for the side panel.
pub fn both(locale: Locale, now: Time, ticket: &Ticket) -> Vec<NamedClock> {
    let one = |label: &str, due: Option<Time>, ended: Option<Time>, text: &str| {
        let due = due?;
        let sla = match ended {
            Some(ended) => over(locale, now, due, ended),
            None => running(locale, now, ticket, due, text),
        };
        Some(NamedClock { label: i18n::text(locale, label, &[]), sla })
    };
    let solved = ticket.solved_at.or(ticket.closed_at).filter(|_| ticket.status.is_done());
    // A ticket that was solved without an answer is answered by that.
    let answered = ticket.first_response_at.or(solved);
    let response = one("clock-response", ticket.response_due_at, answered, "clock-ok-response");
    let resolution = one("clock-resolution", ticket.resolution_due_at, solved, "clock-ok-resolution");
    response.into_iter().chain(resolution).collect()
}

fn running(locale: Locale, now: Time, ticket: &Ticket, due: Time, text: &str) -> Clock {
    let left = due - now;
    let exact = When::new(locale, due, now).exact;
    if ticket.status == Status::WaitingOnCustomer {
        let text = i18n::text(locale, "clock-paused", &[]);
        return Clock { state: "paused".into(), glyph: "clock", text, exact };
    }
    let words = format::duration(locale, left);
    let (state, glyph, key) = match left.num_seconds() {
        ..=0 => ("breached", "warn", "clock-late"),
        _ if left * RISK < due - ticket.created_at => ("at_risk", "clock", text),
        _ => ("ok", "clock", text),
    };
    Clock { state: state.into(), glyph, text: i18n::text(locale, key, &[("left", &words)]), exact }
}

fn over(locale: Locale, now: Time, due: Time, ended: Time) -> Clock {
    let exact = When::new(locale, due, now).exact;
    if ended <= due {
        let text = i18n::text(locale, "clock-met", &[]);
        return Clock { state: "met".into(), glyph: "check", text, exact };
    }
    let words = format::duration(locale, ended - due);
    let text = i18n::text(locale, "clock-late", &[("left", &words)]);
    Clock { state: "breached".into(), glyph: "warn", text, exact }
}

/// Returns a ticket's subject, or what stands for none.
pub fn subject(locale: Locale, subject: &str) -> String {
    match subject.trim() {
        "" => i18n::text(locale, "no-subject", &[]),
        subject => deceit::shown(subject),
    }
}
