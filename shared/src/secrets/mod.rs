//! Secrets in what people and programs hand over: found by their form or by the name of what they are the value of, and cut
//! before anything is stored (DESIGN 12). Pure. What they look like is one table: [`patterns`].
//!
//! What Postroom writes itself is never cut: PIDs, and addresses with our tokens.

mod patterns;
#[cfg(test)]
mod tests;

use crate::text_enum;
use patterns::{PATTERNS, Pattern, names_secret};
use regex::Regex;
use serde_json::Value;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::LazyLock;

/// Stands where a secret was.
pub const MARK: &str = "[redacted]";
/// What was cut may let another pattern fit beside it: looked at again, but not for ever.
const ROUNDS: usize = 4;

text_enum! {
    /// What kind of secret was cut.
    pub enum Kind ("kind of secret") {
        /// Amazon Web Services.
        Aws = "aws",
        /// Google Cloud.
        Gcp = "gcp",
        /// Microsoft Azure.
        Azure = "azure",
        /// GitHub.
        Github = "github",
        /// GitLab.
        Gitlab = "gitlab",
        /// Bitbucket and Atlassian.
        Bitbucket = "bitbucket",
        /// The npm registry.
        Npm = "npm",
        /// The Python package index.
        Pypi = "pypi",
        /// Slack.
        Slack = "slack",
        /// Stripe.
        Stripe = "stripe",
        /// Twilio.
        Twilio = "twilio",
        /// SendGrid.
        Sendgrid = "sendgrid",
        /// A private key.
        PrivateKey = "private_key",
        /// A signed token (RFC 7519).
        Jwt = "jwt",
        /// A password in a URL.
        UrlPassword = "url_password",
        /// What follows `Authorization`.
        Authorization = "authorization",
        /// The value of something whose name says that it is secret.
        Named = "named",
        /// The number of a payment card.
        Card = "card",
    }
}

/// A text without its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// The text, [`MARK`] where something was.
    pub text: String,
    /// What was cut.
    pub kinds: BTreeSet<Kind>,
}

/// All patterns as one, so that a text is gone through once; and each alone, to say which it was of what was found.
struct Matcher {
    all: Regex,
    each: Vec<Regex>,
}

static MATCHER: LazyLock<Matcher> = LazyLock::new(|| {
    let regex = |text: &str| Regex::new(text).expect("patterns of ours");
    let whole = |p: &Pattern| format!("{}(?:{}){}", p.lead, p.secret, p.tail);
    let alone = |p: &Pattern| regex(&format!(r"\A{}({}){}\z", p.lead, p.secret, p.tail));
    Matcher {
        all: regex(&PATTERNS.iter().map(whole).collect::<Vec<_>>().join("|")),
        each: PATTERNS.iter().map(alone).collect(),
    }
});

impl Matcher {
    /// Returns what was found in a piece of text, and where in it the secret lies.
    fn secret(&self, found: &str) -> Option<(&'static Pattern, Range<usize>)> {
        PATTERNS.iter().zip(&self.each).find_map(|(p, re)| Some((p, re.captures(found)?.get(1)?.range())))
    }
}

/// Returns a text without its secrets.
pub fn cut(text: &str) -> Cut {
    let mut cut = Cut { text: text.to_owned(), kinds: BTreeSet::new() };
    for _ in 0..ROUNDS {
        match pass(&cut.text, &mut cut.kinds) {
            Some(text) => cut.text = text,
            None => break,
        }
    }
    cut
}

/// One look at a text; None if there is nothing to cut.
fn pass(text: &str, kinds: &mut BTreeSet<Kind>) -> Option<String> {
    let mut out = String::new();
    let (mut from, mut copied) = (0, 0);
    while let Some(found) = MATCHER.all.find_at(text, from) {
        let at = found.start();
        let fits = |(pattern, secret): &(&Pattern, Range<usize>)| (pattern.fits)(&text[at..][secret.clone()]);
        match MATCHER.secret(found.as_str()).filter(fits) {
            Some((pattern, secret)) => {
                out.push_str(&text[copied..at + secret.start]);
                out.push_str(MARK);
                kinds.insert(pattern.kind);
                (copied, from) = (at + secret.end, at + secret.end);
            }
            // Something else may begin within it.
            None => from = at + text[at..].chars().next().map_or(1, char::len_utf8),
        }
    }
    if copied == 0 {
        return None;
    }
    out.push_str(&text[copied..]);
    Some(out)
}

/// Cuts the secrets out of all texts of a JSON value, and everything that a key names as secret. Returns what was cut.
pub fn cut_json(value: &mut Value) -> BTreeSet<Kind> {
    let mut kinds = BTreeSet::new();
    cut_value(value, false, &mut kinds);
    kinds
}

fn cut_value(value: &mut Value, named: bool, kinds: &mut BTreeSet<Kind>) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::String(text) if text.is_empty() || text == MARK => {}
        Value::String(_) | Value::Number(_) if named => {
            kinds.insert(Kind::Named);
            *value = MARK.into();
        }
        Value::Number(_) => {}
        Value::String(text) => {
            let found = cut(text);
            kinds.extend(found.kinds);
            *text = found.text;
        }
        Value::Array(all) => all.iter_mut().for_each(|one| cut_value(one, named, kinds)),
        Value::Object(all) => {
            for (key, one) in all.iter_mut() {
                cut_value(one, named || names_secret(key), kinds);
            }
        }
    }
}
