//! What pages show of a mail beside its text: chips about how it was read, cards of what is enclosed. Pure.

use super::format::{self, Now, When};
use super::parts::Fact;
use super::ticket::{CardView, MailChip};
use shared::i18n::{self, Locale};
use shared::mail_in::cards::{Card, Invitation, MailCard, MailView};
use shared::mail_in::deceit;
use shared::mail_in::types::Address;

/// Flags that an agent is told of; the others are the machine's business.
const TOLD: &[&str] = &[
    "degraded",
    "encrypted",
    "guessed_charset",
    "invisible_text",
    "limit",
    "name_of_team",
    "name_other_address",
    "no_date",
    "no_from",
    "parse_timeout",
    "signed",
    "spam_suspected",
];

fn key(flag: &str) -> &str {
    flag.split(':').next().unwrap_or_default()
}

/// Returns what is peculiar about a mail, in words.
pub fn chips(locale: Locale, view: &MailView) -> Vec<MailChip> {
    let mut chips: Vec<MailChip> = Vec::new();
    for flag in view.flags.iter().map(|f| key(f)).filter(|f| TOLD.contains(f)) {
        let text = i18n::word(locale, "mail-flag", flag);
        if !chips.iter().any(|c| c.text == text) {
            chips.push(MailChip { text, title: i18n::word(locale, "mail-flag-title", flag) });
        }
    }
    if !view.defects.is_empty() {
        chips.push(MailChip {
            text: i18n::text(locale, "mail-defect", &[]),
            title: i18n::text(locale, "mail-defect-title", &[("defects", &view.defects.join(", "))]),
        });
    }
    chips
}

/// Returns the cards as a page shows them.
pub fn all(locale: Locale, now: Now, cards: &[Card]) -> Vec<CardView> {
    let one = |card: &Card| match card {
        Card::Mail(card) => mail(locale, now, card),
        Card::Invitation(card) => invitation(locale, card),
    };
    cards.iter().map(one).collect()
}

fn mail(locale: Locale, now: Now, card: &MailCard) -> CardView {
    let subject = card.subject.trim();
    let facts = [
        ("from", card.from.as_ref().map(person).unwrap_or_default()),
        ("date", card.date.map(|d| When::in_full(locale, d, now).exact).unwrap_or_default()),
        ("files", card.files.join(", ")),
    ];
    CardView {
        glyph: "mail",
        kind: i18n::text(locale, "card-mail", &[]),
        title: if subject.is_empty() { i18n::text(locale, "no-subject", &[]) } else { deceit::shown(subject) },
        facts: known(facts),
        text: Some(card.text.as_str()).filter(|t| !t.is_empty()).map(format::text_html),
        cards: all(locale, now, &card.cards),
    }
}

fn invitation(locale: Locale, card: &Invitation) -> CardView {
    let method = match card.method.as_str() {
        "REPLY" => "reply",
        "CANCEL" => "cancel",
        "COUNTER" => "counter",
        _ => "request",
    };
    let guests: Vec<String> = card.attendees.iter().map(person).collect();
    let facts = [
        ("start", card.start.clone().unwrap_or_default()),
        ("end", card.end.clone().unwrap_or_default()),
        ("location", card.location.clone().unwrap_or_default()),
        ("organizer", card.organizer.as_ref().map(person).unwrap_or_default()),
        ("attendees", guests.join(", ")),
    ];
    let summary = card.summary.trim();
    CardView {
        glyph: "clock",
        kind: i18n::word(locale, "card-invitation", method),
        title: if summary.is_empty() { i18n::text(locale, "no-subject", &[]) } else { deceit::shown(summary) },
        facts: known(facts),
        text: None,
        cards: Vec::new(),
    }
}

fn known<const N: usize>(facts: [(&'static str, String); N]) -> Vec<Fact> {
    facts.into_iter().filter(|(_, v)| !v.is_empty()).map(|(key, value)| Fact { key, value }).collect()
}

fn person(a: &Address) -> String {
    match &a.name {
        Some(name) => format!("{} <{}>", deceit::shown(name), deceit::address(&a.email)),
        None => deceit::address(&a.email),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// E2.1, E2.12, E2.13: in words, in both languages, each once.
    #[test]
    fn chips_are_in_words() {
        let flags = TOLD.iter().map(|f| (*f).to_owned()).chain(["limit:parts".to_owned(), "text_derived".to_owned()]);
        let view = MailView { flags: flags.collect(), defects: vec!["bad_base64".into()], ..MailView::default() };
        for locale in [Locale::En, Locale::De] {
            let chips = chips(locale, &view);
            assert_eq!(chips.len(), TOLD.len() + 1);
            assert!(chips.iter().all(|c| !c.text.starts_with("mail-") && !c.title.starts_with("mail-")), "{chips:?}");
        }
    }

    /// E2.9, E2.11.
    #[test]
    fn cards_say_what_is_known() {
        let inner = MailCard { subject: "Inner".into(), text: "a <b>".into(), ..MailCard::default() };
        let outer = MailCard { cards: vec![Card::Mail(inner)], ..MailCard::default() };
        let event = Invitation {
            method: "REQUEST".into(),
            start: Some("2026-11-21 10:00 UTC".into()),
            ..Invitation::default()
        };
        let shown = all(Locale::De, shared::clock::now().into(), &[Card::Mail(outer), Card::Invitation(event)]);
        assert_eq!(
            (shown[0].cards[0].title.as_str(), shown[0].cards[0].text.as_deref()),
            ("Inner", Some("a &lt;b&gt;"))
        );
        assert_eq!((shown[1].kind.as_str(), shown[1].facts.len()), ("Einladung", 1));
    }
}
