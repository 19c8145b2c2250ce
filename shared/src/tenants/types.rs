//! What a tenant is: data, no I/O.

use super::spam_rules::{self, SpamRule};
use crate::access::Wrong;
use crate::clock::Time;
use crate::i18n::Locale;
use crate::ids::TenantId;
use crate::text_enum;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

text_enum! {
    /// Who a tenant's customers are to one another.
    pub enum Audience ("audience") {
        /// Individuals: each sees their own tickets.
        Public = "public",
        /// People of one organisation: its members share the tenant's tickets.
        Organisation = "organisation" | "organization",
    }
}

text_enum! {
    /// Whether the ticket's number stands in subjects (E8.2).
    pub enum PidInSubject ("place of the number") {
        /// In all of them.
        Always = "always",
        /// Only where the answer's address does not name the ticket by itself.
        OnlyWithoutToken = "only_without_token",
    }
}

/// The company or brand whose tickets are walled off from others.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// Its row.
    pub id: TenantId,
    /// Its name in addresses and headers; unique.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// Who its customers are to one another.
    pub audience: Audience,
    /// In front of its PIDs; only the default tenant may have none.
    pub pid_prefix: Option<String>,
    /// The language of its mail and pages, where a user has none.
    pub locale: Locale,
    /// Whether it is open. One that is closed lets none of its people in and takes no new tickets but by mail, which goes
    /// unacknowledged: nothing that is sent to it is lost, and it can be opened again.
    pub active: bool,
    /// What can be set.
    pub settings: Settings,
    /// When it was made.
    pub created_at: Time,
}

/// What can be set for a tenant. Stored as JSON; what is absent has the default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Whether agents may assign tickets to others.
    pub agents_may_assign: bool,
    /// Solved tickets close after so many days.
    pub auto_close_days: i64,
    /// A mail reopens a ticket closed for at most so many days; after that it opens a follow-up.
    pub reopen_days: i64,
    /// Bytes of files that the tenant's users may upload in all; None: no bound.
    pub attachment_quota_bytes: Option<i64>,
    /// Tickets a day that its customers, staff and managers may open by API or form; None: the audience's default.
    pub tickets_per_day: Option<i64>,
    /// Whose addresses make members, if the mail's verdict is `pass`; lower case.
    pub verified_domains: Vec<String>,
    /// Authentication-Results of these authserv-ids are believed, beside those of POSTROOM_TRUSTED_AUTHSERV (E11.2).
    pub trusted_authserv: Vec<String>,
    /// Mail that fails authentication is shown with a warning, whatever its domain asks for (E11.3).
    pub auth_warn_only: bool,
    /// Whether the ticket's number stands in the subjects of mail.
    pub pid_in_subject: PidInSubject,
    /// Whether requesters are asked to rate the help after their ticket is solved or closed (E8.1).
    pub ask_rating: bool,
    /// Whether agents must use a second step to log in; platform users follow the default tenant.
    pub require_two_factor: bool,
    /// What is spam and what is none, from the top (E5.10).
    pub spam_rules: Vec<SpamRule>,
    /// Settings of a newer version.
    #[serde(flatten)]
    pub more: Map<String, Json>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            agents_may_assign: false,
            auto_close_days: 7,
            reopen_days: 30,
            attachment_quota_bytes: None,
            tickets_per_day: None,
            verified_domains: Vec::new(),
            trusted_authserv: Vec::new(),
            auth_warn_only: false,
            pid_in_subject: PidInSubject::Always,
            ask_rating: false,
            require_two_factor: false,
            spam_rules: Vec::new(),
            more: Map::new(),
        }
    }
}

impl Settings {
    /// Reads stored settings; a value that cannot be read leaves all at their defaults.
    pub fn from_json(text: &str) -> Settings {
        serde_json::from_str(text).unwrap_or_default()
    }

    /// Returns these settings with those that `changes` names replaced.
    ///
    /// # Errors
    /// If a name is unknown or a value wrong.
    pub fn merged(&self, changes: &Map<String, Json>) -> Result<Settings, Wrong> {
        let wrong = |message: String| Wrong::new("settings", "invalid", message);
        let mut all = match serde_json::to_value(self) {
            Ok(Json::Object(all)) => all,
            _ => Map::new(),
        };
        for (name, value) in changes {
            if !all.contains_key(name) || self.more.contains_key(name) {
                return Err(wrong(format!("{name} is not known")));
            }
            all.insert(name.clone(), value.clone());
        }
        let mut merged: Settings = serde_json::from_value(Json::Object(all)).map_err(|e| wrong(e.to_string()))?;
        let days = 0..=3650;
        let positive = |v: Option<i64>| v.is_none_or(|v| v >= 0);
        if !days.contains(&merged.auto_close_days) || !days.contains(&merged.reopen_days) {
            return Err(wrong("days must be 0 to 3650".to_owned()));
        }
        if !positive(merged.attachment_quota_bytes) || !positive(merged.tickets_per_day) {
            return Err(wrong("bounds must not be negative".to_owned()));
        }
        for domain in &mut merged.verified_domains {
            *domain = crate::address::domain(&format!("x@{domain}"))
                .filter(|d| crate::address::is_valid(&format!("x@{d}")) && !crate::address::is_freemail(d))
                .ok_or_else(|| wrong(format!("{domain} is no domain of one organisation")))?;
        }
        merged.spam_rules = spam_rules::checked(std::mem::take(&mut merged.spam_rules))?;
        crate::mail_in::authenticate::Border::read(&merged.trusted_authserv.join(","), "").map_err(wrong)?;
        Ok(merged)
    }
}

/// A tenant to be made.
#[derive(Debug, Clone)]
pub struct NewTenant {
    /// See [`Tenant`].
    pub slug: String,
    /// See [`Tenant`]; None: the slug.
    pub name: Option<String>,
    /// See [`Tenant`]; None: derived from the slug.
    pub pid_prefix: Option<String>,
    /// See [`Tenant`].
    pub audience: Audience,
    /// See [`Tenant`].
    pub locale: Locale,
    /// Settings that differ from the defaults.
    pub settings: Map<String, Json>,
    /// The address of its first mailbox; None: the slug at the domain of the default tenant's.
    pub mailbox: Option<String>,
}

/// What is to be changed; None leaves it.
#[derive(Debug, Clone, Default)]
pub struct TenantChange {
    /// See [`Tenant`].
    pub slug: Option<String>,
    /// See [`Tenant`].
    pub name: Option<String>,
    /// See [`Tenant`].
    pub pid_prefix: Option<String>,
    /// See [`Tenant`].
    pub audience: Option<Audience>,
    /// See [`Tenant`].
    pub locale: Option<Locale>,
    /// See [`Tenant`].
    pub active: Option<bool>,
    /// Settings to replace.
    pub settings: Map<String, Json>,
}

/// Returns the prefixes to try for a slug, best first: initials of its parts or its first letters, then longer ones,
/// then numbered ones.
pub(super) fn prefixes(slug: &str) -> impl Iterator<Item = String> {
    let letters: String = slug.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_uppercase();
    let letters = if letters.starts_with(|c: char| c.is_ascii_alphabetic()) { letters } else { format!("T{letters}") };
    let parts: Vec<char> = slug.split(['-', '_']).filter_map(|p| p.chars().next()).collect();
    let initials: String = parts.iter().collect::<String>().to_ascii_uppercase();
    let by_initials = (parts.len() > 1 && is_prefix(&initials)).then_some(initials);
    let most = letters.len().min(MOST_PREFIX);
    let base = letters[..letters.len().min(MOST_PREFIX - 4)].to_owned();
    let growing = (2.min(most)..=most).map(move |n| letters[..n].to_owned());
    by_initials
        .into_iter()
        .chain(growing)
        .chain((2..10_000).map(move |n| format!("{base}{n}")))
        .filter(|p| is_prefix(p))
}

const MOST_PREFIX: usize = 8;

/// Whether a text can stand before PIDs: 1 to 8 of A-Z and 0-9, beginning with a letter.
pub(super) fn is_prefix(text: &str) -> bool {
    (1..=MOST_PREFIX).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn first(slug: &str) -> String {
        prefixes(slug).next().unwrap()
    }

    #[test]
    fn prefixes_from_slugs() {
        assert_eq!(first("kanto"), "KA");
        assert_eq!(first("blue-sky"), "BS");
        assert_eq!(first("7seas"), "T7");
        assert_eq!(first("a"), "A");
        assert_eq!(first("x-1"), "X1");
        assert_eq!(prefixes("kanto").take(6).collect::<Vec<_>>(), ["KA", "KAN", "KANT", "KANTO", "KANT2", "KANT3"]);
        assert!(prefixes("averyveryverylongname").take(5000).all(|p| is_prefix(&p)));
    }

    fn merge(changes: Json) -> Result<Settings, Wrong> {
        Settings::default().merged(changes.as_object().unwrap())
    }

    #[test]
    fn settings_are_checked() {
        let merged = merge(json!({"agents_may_assign": true, "verified_domains": ["Example.COM"]})).unwrap();
        assert!(merged.agents_may_assign);
        assert_eq!((merged.reopen_days, merged.verified_domains), (30, vec!["example.com".to_owned()]));
        for wrong in [
            json!({"nonsense": 1}),
            json!({"reopen_days": -1}),
            json!({"reopen_days": "x"}),
            json!({"verified_domains": ["gmail.com"]}),
            json!({"verified_domains": ["a b"]}),
            json!({"tickets_per_day": -1}),
        ] {
            assert!(merge(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_newer_versions_settings_survive() {
        let stored = Settings::from_json(r#"{"reopen_days": 3, "of_tomorrow": 1}"#);
        let changed = stored.merged(json!({"auto_close_days": 1}).as_object().unwrap()).unwrap();
        let text = serde_json::to_string(&changed).unwrap();
        assert!(text.contains(r#""of_tomorrow":1"#) && text.contains(r#""reopen_days":3"#));
    }
}
