//! A tenant's rules on what is spam and what is none (E5.10): a short list, read from the top; the first that fits decides.

use crate::access::Wrong;
use crate::address;
use crate::text_enum;
use serde::{Deserialize, Serialize};

/// The most rules of one tenant: each is tried on every mail.
const MOST: usize = 200;
/// The longest text of a rule.
const LONGEST: usize = 200;
/// A shorter text would fit nearly any mail.
const SHORTEST: usize = 3;

text_enum! {
    /// What of a mail a rule looks at.
    pub enum SpamField ("field of a spam rule") {
        /// The From address.
        Address = "address",
        /// The From address's domain, or one below it.
        Domain = "domain",
        /// The subject: the text stands somewhere in it.
        Subject = "subject",
        /// The body: the text stands somewhere in it.
        Text = "text",
    }
}

text_enum! {
    /// What a rule says.
    pub enum SpamVerdict ("verdict of a spam rule") {
        /// It is spam.
        Spam = "spam",
        /// It is none, whatever others say.
        NotSpam = "not_spam",
    }
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpamRule {
    /// What it looks at.
    pub field: SpamField,
    /// What it looks for: addresses and domains as they are compared, texts as they were written.
    pub value: String,
    /// What then holds.
    pub verdict: SpamVerdict,
}

impl SpamRule {
    /// Whether the rule fits a mail with this sender (its address key), subject and body. Case and white space do not count.
    pub fn fits(&self, sender: Option<&str>, subject: &str, body: &str) -> bool {
        match self.field {
            SpamField::Address => sender == Some(self.value.as_str()),
            SpamField::Domain => sender.and_then(address::domain).is_some_and(|d| is_within(&d, &self.value)),
            SpamField::Subject => folded(subject).contains(&folded(&self.value)),
            SpamField::Text => folded(body).contains(&folded(&self.value)),
        }
    }
}

fn is_within(domain: &str, of: &str) -> bool {
    domain.strip_suffix(of).is_some_and(|below| below.is_empty() || below.ends_with('.'))
}

fn folded(text: &str) -> String {
    text.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

/// Returns the rules in the form that they are compared in.
///
/// # Errors
/// Which rule is wrong, counted from 1, and why.
pub(super) fn checked(rules: Vec<SpamRule>) -> Result<Vec<SpamRule>, Wrong> {
    let wrong = |message: String| Wrong::new("settings", "invalid", message);
    if rules.len() > MOST {
        return Err(wrong(format!("spam_rules: at most {MOST} rules")));
    }
    let one = |(n, rule): (usize, SpamRule)| {
        let value =
            value(&rule).ok_or_else(|| wrong(format!("spam_rules: {} of rule {} is wrong", rule.field, n + 1)))?;
        Ok(SpamRule { value, ..rule })
    };
    rules.into_iter().enumerate().map(one).collect()
}

fn value(rule: &SpamRule) -> Option<String> {
    let given = rule.value.trim();
    let is_line = !given.chars().any(char::is_control) && given.chars().count() <= LONGEST;
    match rule.field {
        _ if !is_line => None,
        SpamField::Address => Some(address::key(given)).filter(|_| address::is_valid(given)),
        SpamField::Domain => {
            let named = format!("x@{}", given.trim_start_matches('@'));
            address::domain(&named).filter(|_| address::is_valid(&named))
        }
        SpamField::Subject | SpamField::Text => {
            Some(given.to_owned()).filter(|g| g.chars().filter(|c| !c.is_whitespace()).count() >= SHORTEST)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(field: SpamField, value: &str) -> SpamRule {
        SpamRule { field, value: value.into(), verdict: SpamVerdict::Spam }
    }

    /// E5.10.
    #[test]
    fn what_a_rule_fits() {
        let fits = |field, value: &str| {
            let rule = checked(vec![rule(field, value)]).expect("a rule").remove(0);
            rule.fits(Some("win@mail.casino.example"), "You  have WON", "Click\nhere  now")
        };
        use SpamField::{Address, Domain, Subject, Text};
        for (field, value) in [
            (Address, "Win@MAIL.casino.example"),
            (Domain, "casino.example"),
            (Domain, "@Mail.Casino.Example"),
            (Subject, "have won"),
            (Text, "click HERE"),
        ] {
            assert!(fits(field, value), "{field} {value}");
        }
        for (field, value) in
            [(Address, "win@casino.example"), (Domain, "ino.example"), (Subject, "click"), (Text, "have won")]
        {
            assert!(!fits(field, value), "{field} {value}");
        }
    }

    /// E5.10.
    #[test]
    fn rules_that_say_nothing_are_refused() {
        use SpamField::{Address, Domain, Subject, Text};
        for (field, value) in
            [(Address, "nobody"), (Domain, "a b"), (Domain, ""), (Subject, " ab "), (Text, ""), (Text, "a\nbcd")]
        {
            assert!(checked(vec![rule(field, value)]).is_err(), "{field} {value:?}");
        }
        assert!(checked(vec![rule(Text, &"x".repeat(LONGEST + 1))]).is_err());
        assert!(checked(vec![rule(Text, "fine"); MOST + 1]).is_err());
    }
}
