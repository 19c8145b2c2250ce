//! Why a verb of the administration did nothing: one type for all of them.

use super::Denied;
use crate::store;

/// Why a verb did nothing.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// There is none, or none that the actor may know of. Names the noun.
    #[error("no such {0}")]
    NotFound(Noun),
    /// In scope, but not allowed.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// Values are wrong.
    #[error("{} values are wrong", .0.len())]
    Invalid(Vec<Wrong>),
    /// The value exists already and must be unique.
    #[error("{field} is taken")]
    Taken {
        /// Which field.
        field: &'static str,
    },
    /// A worker hands a mail over at this moment that the change is about.
    #[error("mail is on its way just now")]
    InFlight,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// What was looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noun {
    /// A tenant.
    Tenant,
    /// A user.
    User,
    /// A mailbox.
    Mailbox,
    /// A category.
    Category,
    /// A canned reply.
    CannedReply,
    /// An API token.
    Token,
    /// A session.
    Session,
    /// A DKIM key.
    DkimKey,
    /// A suppressed address.
    Suppression,
    /// A link to a sent file.
    FileLink,
    /// A fetched mailbox.
    ImapAccount,
    /// A saved view.
    SavedView,
    /// An incident.
    Incident,
}

impl std::fmt::Display for Noun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Noun::Tenant => "tenant",
            Noun::User => "user",
            Noun::Mailbox => "mailbox",
            Noun::Category => "category",
            Noun::CannedReply => "canned reply",
            Noun::Token => "token",
            Noun::Session => "session",
            Noun::DkimKey => "DKIM key",
            Noun::Suppression => "suppressed address",
            Noun::FileLink => "link to a file",
            Noun::ImapAccount => "IMAP account",
            Noun::SavedView => "saved view",
            Noun::Incident => "incident",
        })
    }
}

/// What is wrong with a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The field's path, as the API names it.
    pub field: &'static str,
    /// A stable code: `required`, `invalid`, `too_long`, `too_short`, …
    pub code: &'static str,
    /// The same in words.
    pub message: String,
}

impl Wrong {
    /// Names a wrong field.
    pub fn new(field: &'static str, code: &'static str, message: impl Into<String>) -> Wrong {
        Wrong { field, code, message: message.into() }
    }
}

impl Refused {
    /// One wrong field.
    pub fn invalid(field: &'static str, message: impl Into<String>) -> Refused {
        Refused::Invalid(vec![Wrong::new(field, "invalid", message)])
    }

    /// Makes a refused unique row a taken field, and leaves the rest.
    pub(crate) fn taken(field: &'static str) -> impl Fn(store::Error) -> Refused {
        move |e| if e.is_unique() { Refused::Taken { field } } else { e.into() }
    }
}

/// Collects what is wrong with the fields of one request, so that all of it is told at once.
#[derive(Debug, Default)]
pub(crate) struct Checks(Vec<Wrong>);

impl Checks {
    /// A text of 1 to `most` characters on one line, without spaces around it.
    pub fn line(&mut self, field: &'static str, text: &str, most: usize) {
        if text.trim().is_empty() {
            self.0.push(Wrong::new(field, "required", "must not be empty"));
        } else if text.chars().count() > most {
            self.0.push(Wrong::new(field, "too_long", format!("must have at most {most} characters")));
        } else if text.chars().any(char::is_control) {
            self.0.push(Wrong::new(field, "invalid", "must be one line without control characters"));
        }
    }

    /// A slug: `a-z`, `0-9`, `-` and `_`, beginning with a letter or digit, at most 64 characters.
    pub fn slug(&mut self, field: &'static str, text: &str) {
        let begins = text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        if !begins || text.len() > 64 || !text.bytes().all(fits) {
            self.0.push(Wrong::new(field, "invalid", "must be 1 to 64 of a-z, 0-9, - and _"));
        }
    }

    /// An address that mail can be sent to.
    pub fn email(&mut self, field: &'static str, text: &str) {
        if !crate::address::is_valid(text) {
            self.0.push(Wrong::new(field, "invalid", "must be a mail address"));
        }
    }

    /// A list of at most `most`.
    pub fn at_most(&mut self, field: &'static str, count: usize, most: usize) {
        if count > most {
            self.0.push(Wrong::new(field, "too_long", format!("must have at most {most} entries")));
        }
    }

    /// Anything else.
    pub fn check(&mut self, fine: bool, field: &'static str, message: &str) {
        if !fine {
            self.0.push(Wrong::new(field, "invalid", message));
        }
    }

    /// # Errors
    /// If anything was wrong.
    pub fn done(self) -> Result<(), Refused> {
        if self.0.is_empty() { Ok(()) } else { Err(Refused::Invalid(self.0)) }
    }
}
