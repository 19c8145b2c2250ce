//! What states mean to people: deliveries and decisions in plain words, with their icon and colour. Pure.

use shared::i18n::{self, Locale};
use shared::mail_out::kinds::OutboxState;

/// What became of one delivery, for a line beside a message or in the outbox.
#[derive(Debug, Clone, Copy)]
pub struct Fate<'a> {
    /// The state.
    pub state: OutboxState,
    /// The SMTP reply's code.
    pub code: Option<i64>,
    /// The enhanced status (RFC 3463), for example `5.1.1`.
    pub enhanced: Option<&'a str>,
    /// When it is tried next, as it is to be shown.
    pub next: Option<&'a str>,
}

impl Fate<'_> {
    /// Returns what happened, in words that follow the recipient's address.
    pub fn text(&self, locale: Locale) -> String {
        let said = match (self.state, self.next) {
            (OutboxState::Deferred, Some(next)) => i18n::text(locale, "delivered-deferred-at", &[("time", next)]),
            (state, _) => i18n::word(locale, "delivered", state.as_str()),
        };
        match self.reason(locale) {
            Some(reason) => format!("{said} ({reason})"),
            None => said,
        }
    }

    /// Returns why, in words, where the other side gave a reason and the state is a refusal.
    pub fn reason(&self, locale: Locale) -> Option<String> {
        use OutboxState::*;
        matches!(self.state, Deferred | Dead | Bounced).then_some(())?;
        let Some(enhanced) = self.enhanced else {
            return self.code.map(|_| i18n::text(locale, "enhanced-other", &[]));
        };
        let mut parts = enhanced.split('.').skip(1);
        let (subject, detail) = (parts.next()?, parts.next()?);
        let exact = i18n::lookup(locale, &format!("enhanced-{subject}-{detail}"), &[]);
        let subject = || i18n::lookup(locale, &format!("enhanced-{subject}"), &[]);
        Some(exact.or_else(subject).unwrap_or_else(|| i18n::text(locale, "enhanced-other", &[])))
    }

    /// Returns the codes as the other side gave them, for example `550 5.1.1`.
    pub fn codes(&self) -> Option<String> {
        let code = self.code.map(|c| c.to_string());
        let parts: Vec<&str> = code.as_deref().into_iter().chain(self.enhanced).collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    }
}

/// Returns a state's icon.
pub fn state_glyph(state: OutboxState) -> &'static str {
    use OutboxState::*;
    match state {
        Held | Queued | Sending | Deferred => "clock",
        Sent => "check",
        MaybeSent => "doubt",
        Dead | Bounced | Complained => "warn",
        Cancelled | Suppressed => "x",
    }
}

/// Returns a state's colour: `warn`, `bad`, or none.
pub fn state_chip(state: OutboxState) -> Option<&'static str> {
    use OutboxState::*;
    match state {
        Deferred | MaybeSent | Suppressed => Some("warn"),
        Dead | Bounced | Complained => Some("bad"),
        Held | Queued | Sending | Sent | Cancelled => None,
    }
}

/// Returns what an operator can do with a mail in this state.
pub fn state_acts(state: OutboxState) -> Vec<&'static str> {
    let retry = state == OutboxState::Deferred || (state.may_become(OutboxState::Queued) && !state_waits(state));
    let cancel = state.may_become(OutboxState::Cancelled);
    [("retry", retry), ("cancel", cancel)].into_iter().filter_map(|(act, can)| can.then_some(act)).collect()
}

fn state_waits(state: OutboxState) -> bool {
    matches!(state, OutboxState::Held | OutboxState::Queued | OutboxState::Sending)
}

/// Returns the colour of an inbound outcome: `warn`, `bad`, or none.
pub fn outcome_chip(outcome: &str) -> Option<&'static str> {
    match outcome {
        "quarantined" | "spam_held" | "kept" | "loop_ignored" => Some("warn"),
        "failed" | "kept_unparsed" => Some("bad"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fate(state: OutboxState, code: Option<i64>, enhanced: Option<&str>) -> String {
        Fate { state, code, enhanced, next: Some("10:56") }.text(Locale::En)
    }

    #[test]
    fn every_state_has_words_in_every_language() {
        for &state in OutboxState::ALL {
            for &locale in Locale::ALL {
                for key in [format!("delivered-{state}"), format!("delivery-{state}")] {
                    assert!(i18n::lookup(locale, &key, &[]).is_some(), "{key}");
                }
            }
        }
    }

    #[test]
    fn reasons_in_words() {
        use OutboxState::*;
        assert_eq!(fate(Dead, Some(550), Some("5.1.1")), "was refused; not tried again (the mailbox does not exist)");
        assert!(fate(Dead, Some(550), Some("5.1.99")).ends_with("(the address is wrong)"));
        assert!(fate(Dead, Some(550), Some("5.0.0")).ends_with("(their server refused it)"));
        assert!(fate(Dead, Some(554), None).ends_with("(their server refused it)"));
        assert_eq!(fate(Dead, None, None), "was refused; not tried again");
        assert!(fate(Deferred, Some(452), Some("4.2.2")).contains("10:56 (the mailbox is full)"));
        assert_eq!(fate(Sent, Some(250), Some("2.1.5")), "sent");
        let fate = Fate { state: Dead, code: Some(550), enhanced: Some("5.1.1"), next: None };
        assert_eq!(fate.codes().as_deref(), Some("550 5.1.1"));
    }

    #[test]
    fn acts_follow_the_states() {
        use OutboxState::*;
        let acts: Vec<_> = OutboxState::ALL.iter().map(|s| (*s, state_acts(*s).join(" "))).collect();
        let of = |s| acts.iter().find(|(t, _)| *t == s).map(|(_, a)| a.as_str());
        assert_eq!(of(Held), Some("cancel"));
        assert_eq!(of(Queued), Some("cancel"));
        assert_eq!(of(Deferred), Some("retry cancel"));
        assert_eq!(of(Dead), Some("retry"));
        assert_eq!(of(Bounced), Some("retry"));
        assert_eq!(of(Sent), Some(""));
        assert_eq!(of(Sending), Some(""));
    }
}
