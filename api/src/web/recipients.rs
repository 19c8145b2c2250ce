//! Who will get a reply, as the composer shows it: with what is different from last time.

use super::parts::Person;
use serde::Serialize;
use shared::i18n::{self, Locale};
use shared::ids::UserId;
use shared::mail_in::deceit;
use shared::messages::{Recipient, Recipients};

/// Who gets the next reply, and who no longer does.
#[derive(Debug, Clone, Default, Serialize)]
pub struct To {
    /// They get it.
    pub people: Vec<ToPerson>,
    /// They got the last one.
    pub gone: Vec<String>,
}

/// Somebody who gets it.
#[derive(Debug, Clone, Serialize)]
pub struct ToPerson {
    /// Who.
    pub id: UserId,
    /// Name, else address.
    pub name: String,
    /// The address and what the marks mean.
    pub title: String,
    /// What is to be noticed, in a word each.
    pub marks: Vec<String>,
    /// Something is.
    pub warn: bool,
    /// They are to get it.
    pub chosen: bool,
}

/// Returns what the composer shows. `without` were left out of a reply that was refused.
pub fn shown(locale: Locale, all: Recipients, without: &[UserId]) -> To {
    To {
        people: all.to.iter().map(|r| person(locale, r, without)).collect(),
        gone: all.gone.iter().map(|email| deceit::address(email)).collect(),
    }
}

fn person(locale: Locale, r: &Recipient, without: &[UserId]) -> ToPerson {
    let Person { name, email, .. } = Person::new(r.name.as_deref(), &r.email, false);
    let marks = [
        ("to-new", "to-new-title", r.is_new),
        ("to-outside", "to-outside-title", r.outside),
        ("to-suppressed", "to-suppressed-title", r.suppressed),
    ];
    let found: Vec<_> = marks.into_iter().filter(|(.., is)| *is).collect();
    let text = |key: &str| i18n::text(locale, key, &[]);
    let title: Vec<String> = std::iter::once(email).chain(found.iter().map(|(_, title, _)| text(title))).collect();
    ToPerson {
        id: r.user_id,
        name,
        title: title.join("\n"),
        marks: found.iter().map(|(mark, ..)| text(mark)).collect(),
        warn: !found.is_empty(),
        chosen: !without.contains(&r.user_id),
    }
}

#[cfg(test)]
impl To {
    /// Returns somebody as usual, somebody to look at, and somebody who is gone.
    pub fn sample() -> To {
        let person = |name: &str, marks: &[&str]| ToPerson {
            id: UserId(1),
            name: name.into(),
            title: "mara@desk.example".into(),
            marks: marks.iter().map(|m| (*m).to_owned()).collect(),
            warn: !marks.is_empty(),
            chosen: true,
        };
        To { people: vec![person("Mara", &[]), person("Anna", &["new", "outside"])], gone: vec!["x@y.example".into()] }
    }
}
