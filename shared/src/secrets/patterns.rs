//! What secrets look like: one table. Order counts where two begin at the same place: the first wins.
//!
//! None has a group of its own but what `(?:` begins. Repetitions are bounded where something must follow them, so that looking takes linear time whatever the text is.

use super::{Kind, MARK};
use crate::mail_in::looks_like_pid;

/// One shape.
pub(super) struct Pattern {
    /// What is told of it.
    pub kind: Kind,
    /// What stands before the secret and stays.
    pub lead: &'static str,
    /// The secret, which goes.
    pub secret: &'static str,
    /// What stands after it and stays.
    pub tail: &'static str,
    /// Whether what was found is one: what a pattern cannot say.
    pub fits: fn(&str) -> bool,
}

/// Where a word begins or ends; ASCII alone, which is quicker to look for.
const WORD: &str = r"(?-u:\b)";

/// A secret that its form alone tells.
const fn token(kind: Kind, secret: &'static str) -> Pattern {
    Pattern { kind, lead: WORD, secret, tail: "", fits: is_new }
}

/// A secret that is told by what stands before it.
const fn after(kind: Kind, lead: &'static str, secret: &'static str, fits: fn(&str) -> bool) -> Pattern {
    Pattern { kind, lead, secret, tail: "", fits }
}

/// Names of settings whose value is a secret, as they end.
macro_rules! named {
    ($after:literal) => {
        concat!(
            r"(?i:passwords?|passwd|[_.-]pwd|passphrase|secret|token|credentials?|",
            r"(?:api|access|secret|private|encryption|signing|auth|master|deploy|license|account|service|shared)[_.-]?key|",
            r"secret[_-]?key[_-]?base|connection[_-]?string)",
            $after
        )
    };
}

pub(super) const PATTERNS: &[Pattern] = &[
    // A private key, whole or broken off; `\n` may be written out, as in JSON.
    after(
        Kind::PrivateKey,
        "",
        r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?:[^-]|-[^-])*(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)?",
        is_new,
    ),
    // Signed or sealed, or only its first part: JSON in base64url.
    token(Kind::Jwt, r"eyJ[A-Za-z0-9_.-]{40,}"),
    // Clouds.
    token(Kind::Aws, r"(?:AKIA|ASIA)[A-Z0-9]{16,}"),
    token(Kind::Gcp, r"AIza[0-9A-Za-z_-]{35,}"),
    token(Kind::Gcp, r"ya29\.[0-9A-Za-z_-]{20,}"),
    after(Kind::Azure, r"(?i:AccountKey|SharedAccessKey)=", r"[A-Za-z0-9+/=]{20,}", is_new),
    after(Kind::Azure, r"[?&]sig=", r"[A-Za-z0-9%+/=_-]{30,}", is_new),
    token(Kind::Azure, r"[A-Za-z0-9_~.-]{3}[78]Q~[A-Za-z0-9_~.-]{31,}"),
    // Forges and registries.
    token(Kind::Github, r"gh[pousr]_[A-Za-z0-9]{36,}"),
    token(Kind::Github, r"github_pat_[A-Za-z0-9_]{22,}"),
    token(Kind::Gitlab, r"gl(?:pat|dt|rt|cbt|ptt|ft|soat|imt|agent)-[A-Za-z0-9_-]{20,}"),
    token(Kind::Bitbucket, r"ATBB[A-Za-z0-9]{24,}"),
    token(Kind::Bitbucket, r"ATATT3[A-Za-z0-9_=-]{50,}"),
    token(Kind::Npm, r"npm_[A-Za-z0-9]{36,}"),
    token(Kind::Pypi, r"pypi-[A-Za-z0-9_-]{50,}"),
    // Services.
    token(Kind::Slack, r"xox[abeoprs]-[A-Za-z0-9-]{10,}"),
    token(Kind::Slack, r"xapp-[0-9]-[A-Za-z0-9-]{10,}"),
    after(Kind::Slack, r"hooks\.slack\.com/services/", r"[A-Za-z0-9]{6,20}/[A-Za-z0-9]{6,20}/[A-Za-z0-9]{16,}", is_new),
    token(Kind::Stripe, r"(?:sk|rk)_(?:live|test)_[0-9a-zA-Z]{10,}"),
    token(Kind::Stripe, r"whsec_[A-Za-z0-9+/=]{24,}"),
    Pattern { kind: Kind::Twilio, lead: WORD, secret: r"SK[0-9a-f]{32}", tail: WORD, fits: is_new },
    token(Kind::Sendgrid, r"SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,}"),
    // What stands before it tells.
    Pattern {
        kind: Kind::UrlPassword,
        lead: r"[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s/:@]{0,60}:",
        secret: r"[^\s/@]{1,100}",
        tail: "@",
        fits: is_new,
    },
    after(
        Kind::Authorization,
        r#"(?i:authorization)["']?\s{0,3}[:=]\s{0,3}["']?(?i:bearer|basic|digest|token|apikey|negotiate)\s{1,3}"#,
        r"[A-Za-z0-9+/=._~-]{8,}",
        is_mixed,
    ),
    after(Kind::Authorization, r"(?-u:\b)(?i:bearer)\s{1,3}", r"[A-Za-z0-9+/=._~-]{16,}", is_mixed),
    // KEY="value", "key": "value", KEY=value, key: value.
    Pattern {
        kind: Kind::Named,
        lead: named!(r#"[0-9]{0,2}(?:["']\s{0,3}:|["']?\s{0,3}=)\s{0,3}""#),
        secret: r#"[^"\r\n]{1,200}"#,
        tail: "\"",
        fits: is_value,
    },
    after(Kind::Named, named!(r#"[0-9]{0,2}["']?\s{0,3}=\s{0,3}'?"#), r#"[^\s"'&;,<>]{1,}"#, is_value),
    Pattern {
        kind: Kind::Named,
        lead: named!(r"[0-9]{0,2}\s{0,3}:\s{0,3}"),
        secret: r#"[^\s"',;<>@:]{8,100}"#,
        tail: r#"(?:[\s"',;]|$)"#,
        fits: is_mixed,
    },
    // Cards: in groups as they are printed, or in one.
    Pattern {
        kind: Kind::Card,
        lead: WORD,
        secret: r"(?:[2-6][0-9]{3}(?:[ -][0-9]{4}){3}|3[47][0-9]{2}[ -][0-9]{6}[ -][0-9]{5}|[2-6][0-9]{12,18})",
        tail: WORD,
        fits: is_card,
    },
];

/// What was cut before is nothing to cut.
fn is_new(secret: &str) -> bool {
    secret != MARK
}

/// A value of a setting, and not one that says that there is none, or where it is to be found.
fn is_value(secret: &str) -> bool {
    const NONE: [&str; 12] = [
        "true",
        "false",
        "null",
        "none",
        "nil",
        "missing",
        "unset",
        "empty",
        "required",
        "undefined",
        "set",
        "expired",
    ];
    let text = secret.trim_end_matches(['.', ')', ']', '}']);
    let refers = text.starts_with('$') || text.starts_with("{{") || text.starts_with('<');
    is_new(secret)
        && !refers
        && !text.is_empty()
        && !NONE.contains(&text.to_ascii_lowercase().as_str())
        && !is_ours(text)
}

/// Letters and digits together, as no word has them.
fn is_mixed(secret: &str) -> bool {
    let any = |f: fn(&u8) -> bool| secret.as_bytes().iter().any(f);
    is_value(secret) && any(u8::is_ascii_digit) && any(u8::is_ascii_alphabetic)
}

/// What Postroom itself writes and must find again: PIDs and tagged addresses (E3.1).
fn is_ours(text: &str) -> bool {
    let text = text.trim_matches(|c: char| "[](){}.!?".contains(c));
    // The mark in a mail's text (E3.8).
    let text = text.strip_prefix("ref:").and_then(|mark| mark.split('.').next()).unwrap_or(text);
    let tagged = || {
        let (local, _) = text.split_once('@')?;
        let (_, tag) = local.rsplit_once(['+', '=', '-'])?;
        Some(
            (20..=47).contains(&tag.len())
                && tag.bytes().all(|b| b.is_ascii_alphabetic() || (b'2'..=b'7').contains(&b)),
        )
    };
    looks_like_pid(text) || tagged().unwrap_or(false)
}

/// An issuer's number with the right last digit (ISO/IEC 7812-1, Luhn).
fn is_card(secret: &str) -> bool {
    let digits: Vec<u32> = secret.chars().filter_map(|c| c.to_digit(10)).collect();
    let head = |n: usize| digits.iter().take(n).fold(0, |all, d| all * 10 + d);
    let issued = match digits.len() {
        15 => matches!(head(2), 34 | 37),
        16 => matches!(head(2), 40..=49 | 51..=55) || matches!(head(4), 2221..=2720 | 6011 | 6440..=6599),
        13 | 19 => head(1) == 4,
        14 => matches!(head(3), 300..=305) || matches!(head(2), 36 | 38),
        _ => false,
    };
    let doubled = |d: u32| if d > 4 { 2 * d - 9 } else { 2 * d };
    let sum: u32 = digits.iter().rev().enumerate().map(|(i, d)| if i % 2 == 1 { doubled(*d) } else { *d }).sum();
    issued && sum.is_multiple_of(10)
}

/// Whether a key of JSON or a setting names a secret, however it is written: `apiKey`, `API_KEY`, `X-Api-Key`.
pub(super) fn names_secret(key: &str) -> bool {
    const ENDS: [&str; 27] = [
        "password",
        "passwords",
        "passwd",
        "passphrase",
        "secret",
        "secrets",
        "token",
        "credential",
        "credentials",
        "apikey",
        "accesskey",
        "secretkey",
        "privatekey",
        "encryptionkey",
        "signingkey",
        "authkey",
        "masterkey",
        "deploykey",
        "licensekey",
        "accountkey",
        "servicekey",
        "sharedkey",
        "secretkeybase",
        "connectionstring",
        "authorization",
        "cookie",
        "setcookie",
    ];
    let flat: String = key.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    let flat = flat.trim_end_matches(|c: char| c.is_ascii_digit());
    ENDS.iter().any(|end| flat.ends_with(end)) || (flat.len() > 3 && flat.ends_with("pwd"))
}
