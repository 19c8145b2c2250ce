//! What waits and how fetched mailboxes are, as lines above the list of arrivals.

use super::format;
use serde::Serialize;
use shared::app::health::flow::Flow;
use shared::clock::Time;
use shared::i18n::{self, Locale};
use shared::imap_accounts::ImapAccount;
use shared::mail_in::MailState;
use shared::mail_out::kinds::OutboxState;

/// A door whose oldest mail waits longer than this is worth a line.
const SLOW_S: i64 = 60;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FlowLine {
    /// What it says.
    pub text: String,
    /// Whether somebody should do something.
    pub bad: bool,
}

/// Says in words what flows; nothing where nothing waits and nothing is fetched.
pub fn lines(locale: Locale, now: Time, flow: &Flow, accounts: &[ImapAccount]) -> Vec<FlowLine> {
    let mut all = Vec::new();
    let mut line = |text: String, bad: bool| all.push(FlowLine { text, bad });
    let mut counts: Vec<String> = Vec::new();
    for (state, n) in flow.inbound.iter().filter(|(state, _)| *state != MailState::Applied) {
        counts.push(format!("{}: {n}", i18n::word(locale, "inbound-filter", state.as_str())));
    }
    let resting = [OutboxState::Sent, OutboxState::Cancelled];
    for (state, n) in flow.outbox.iter().filter(|(state, _)| !resting.contains(state)) {
        counts.push(format!("{}: {n}", i18n::word(locale, "delivery", state.as_str())));
    }
    if !counts.is_empty() {
        line(counts.join(" · "), false);
    }
    let age = |seconds: i64| format::duration(locale, chrono::TimeDelta::seconds(seconds));
    for (door, lag) in flow.door_lag_s.iter().filter(|(_, lag)| *lag > SLOW_S) {
        let door = i18n::word(locale, "door", door.as_str());
        line(i18n::text(locale, "door-lag", &[("door", &door), ("age", &age(*lag))]), true);
    }
    if let Some(late) = flow.oldest_unsent_s.filter(|late| *late > SLOW_S) {
        line(i18n::text(locale, "oldest-unsent", &[("age", &age(late))]), true);
    }
    for found in flow.complaints.iter().filter(|c| c.is_alarm()) {
        let (count, sent, percent) = (found.readers.to_string(), found.sent.to_string(), found.percent());
        let args = [("tenant", found.slug.as_str()), ("count", &count), ("sent", &sent), ("percent", &percent)];
        line(i18n::text(locale, "mail-complaints", &args), true);
    }
    for account in accounts {
        let (mailbox, host) = (account.mailbox.as_str(), account.host.as_str());
        let (count, error) = (account.waiting.to_string(), account.error.clone().unwrap_or_default());
        let behind = account.lag_s(now).filter(|lag| *lag > 0).map(age).unwrap_or_default();
        let args = [("mailbox", mailbox), ("host", host), ("count", &count), ("error", &error), ("age", &behind)];
        let key = match account.state() {
            "off" => "imap-off",
            "failing" => "imap-failing",
            "reading" => "imap-reading",
            "ok" if behind.is_empty() => "imap-ok",
            "ok" => "imap-behind",
            _ => "imap-new",
        };
        line(i18n::text(locale, key, &args), matches!(key, "imap-failing" | "imap-behind"));
        if account.given_up > 0 {
            let count = account.given_up.to_string();
            line(i18n::text(locale, "imap-given-up", &[("mailbox", mailbox), ("count", &count)]), true);
        }
    }
    all
}
