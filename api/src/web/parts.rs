//! Small pieces that several pages show: form fields, choices, people, clocks, refusals.

use super::format;
use serde::Serialize;
use shared::i18n::{self, Locale};
use shared::mail_in::deceit;

/// One field of a form: what was typed, and what is wrong with it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Field {
    /// What stands in the field, kept when the form is refused.
    pub value: String,
    /// What is wrong, in words.
    pub error: Option<String>,
}

impl Field {
    /// Returns a field without an error.
    pub fn of(value: impl Into<String>) -> Field {
        Field { value: value.into(), error: None }
    }
}

/// One option of a choice.
#[derive(Debug, Clone, Serialize)]
pub struct Choice {
    /// What is sent.
    pub value: String,
    /// What is shown.
    pub label: String,
    /// Whether it is chosen.
    pub chosen: bool,
}

/// Returns the choices of an enum's values, labelled `<prefix>-<value>`, `first` before them with an empty value.
pub fn choices(locale: Locale, prefix: &str, values: &[&str], chosen: &str, first: Option<&str>) -> Vec<Choice> {
    let first = first.map(|key| Choice {
        value: String::new(),
        label: i18n::text(locale, key, &[]),
        chosen: chosen.is_empty(),
    });
    let rest = values.iter().map(|v| Choice {
        value: (*v).to_owned(),
        label: i18n::word(locale, prefix, v),
        chosen: *v == chosen,
    });
    first.into_iter().chain(rest).collect()
}

/// A refused form: shown above it, with links to the fields that are wrong.
#[derive(Debug, Clone, Serialize)]
pub struct Refused {
    /// What happened, in words.
    pub text: String,
    /// The fields that are wrong.
    pub fields: Vec<WrongField>,
}

/// A field that is wrong.
#[derive(Debug, Clone, Serialize)]
pub struct WrongField {
    /// The field's id on the page.
    pub id: String,
    /// What is wrong with it.
    pub text: String,
}

/// Somebody.
#[derive(Debug, Clone, Serialize)]
pub struct Person {
    /// Name, else address.
    pub name: String,
    /// Address.
    pub email: String,
    /// Up to two letters.
    pub initials: String,
    /// Whether it is the reader.
    pub me: bool,
}

impl Person {
    /// Returns a person by name, or by address where there is no name.
    pub fn new(name: Option<&str>, email: &str, me: bool) -> Person {
        // Nothing in a name may look like something else (E12.7).
        let email = deceit::address(email);
        let name = name.filter(|n| !n.trim().is_empty()).map_or_else(|| email.clone(), deceit::shown);
        Person { initials: format::initials(&name), name, email, me }
    }
}

/// A clock of a ticket.
#[derive(Debug, Clone, Serialize)]
pub struct Clock {
    /// `ok`, `at_risk`, `breached`, `paused`, `met`.
    pub state: &'static str,
    /// The icon.
    pub glyph: &'static str,
    /// What is left, in words.
    pub text: String,
    /// The moment it is due, exact.
    pub exact: String,
}

/// A ticket that a page leads to.
#[derive(Debug, Clone, Serialize)]
pub struct TicketLink {
    /// The public id.
    pub pid: String,
    /// Its page.
    pub href: String,
}

impl TicketLink {
    /// Returns the link to a ticket's page.
    pub fn new(pid: &str) -> TicketLink {
        TicketLink { pid: pid.to_owned(), href: format!("/dashboard/support/{pid}") }
    }
}

/// A file of a message.
#[derive(Debug, Clone, Serialize)]
pub struct FileLink {
    /// Its row.
    pub id: i64,
    /// Its name.
    pub filename: String,
    /// Its size in words.
    pub size: String,
    /// The icon.
    pub glyph: &'static str,
    /// Where to get it.
    pub href: String,
    /// A small picture of it.
    pub thumbnail: Option<String>,
    /// Where to look at it.
    pub look: Option<String>,
}

/// One fact, named by `fact-<key>`.
#[derive(Debug, Clone, Serialize)]
pub struct Fact {
    /// The word's key.
    pub key: &'static str,
    /// What it is.
    pub value: String,
}

/// One stage of a decision trace, or one try at sending.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    /// The stage's name.
    pub stage: String,
    /// What was decided, in a sentence.
    pub text: String,
    /// Rule and evidence, small below.
    pub evidence: Option<String>,
}
