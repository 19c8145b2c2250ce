//! What is said about a mail's sender: data, no I/O. Whoever says it (our own check, a trusted header, a door), the
//! verdict follows from it by the same rules.

use crate::text_enum;
use serde::{Deserialize, Serialize};

text_enum! {
    /// What one method found (RFC 8601, 2.7).
    pub enum Method ("authentication result") {
        /// It holds.
        Pass = "pass",
        /// It does not hold.
        Fail = "fail",
        /// It probably does not hold (SPF).
        SoftFail = "softfail",
        /// It says nothing.
        Neutral = "neutral",
        /// There was nothing to check.
        None = "none",
        /// It could not be checked now.
        TempError = "temperror",
        /// It cannot be checked at all: no key, a record that cannot be read.
        PermError = "permerror",
    }
}

text_enum! {
    /// What a domain's owner asks to be done with mail that fails (RFC 9989).
    pub enum Policy ("DMARC policy") {
        /// Nothing.
        None = "none",
        /// It is to be taken for spam.
        Quarantine = "quarantine",
        /// It is not to be taken.
        Reject = "reject",
    }
}

/// One DKIM signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dkim {
    /// The domain that signed (`d=`), lower case.
    pub domain: Option<String>,
    /// The key's selector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    /// Whether the signature is right.
    pub result: Method,
    /// Why not, in few words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// SPF of the envelope sender, or of the HELO name if the envelope sender is null.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spf {
    /// The domain that was asked about.
    pub domain: Option<String>,
    /// Whether it may send from there.
    pub result: Method,
}

/// DMARC of the From address's domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dmarc {
    /// The From address's domain.
    pub domain: Option<String>,
    /// `none` means that the domain has no policy.
    pub result: Method,
    /// What its owner asks for; None if nobody told.
    pub policy: Option<Policy>,
}

/// An Authenticated Received Chain (RFC 8617).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arc {
    /// Who sealed it last.
    pub sealer: Option<String>,
    /// Whether the chain is whole.
    pub result: Method,
    /// Whether that sealer said that the sender was proven when the mail reached it.
    #[serde(default)]
    pub proven_then: bool,
}

/// All that one source says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Results {
    /// Each signature.
    pub dkim: Vec<Dkim>,
    /// None: not checked.
    pub spf: Option<Spf>,
    /// None: not checked.
    pub dmarc: Option<Dmarc>,
    /// None: no chain.
    pub arc: Option<Arc>,
}

impl Results {
    /// Whether a question got no answer, so that it is worth asking again.
    pub fn is_waiting(&self) -> bool {
        self.dkim.iter().any(|d| d.result == Method::TempError)
            || self.spf.as_ref().is_some_and(|s| s.result == Method::TempError)
            || self.dmarc.as_ref().is_some_and(|d| d.result == Method::TempError)
    }
}

/// What a door vouches for: fields of a request whose signature it checked, filled in by the provider itself, never
/// copied from the mail (E11.2). They count like a trusted Authentication-Results header.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Vouched {
    /// Who says it, for example `mailgun`.
    pub by: String,
    /// What it found out about the sender. A provider that names no domain for a passed signature gives `None` there:
    /// such a signature counts for no domain.
    pub results: Results,
    /// Whether it takes the mail for spam; None if it does not say (E5.10).
    pub spam: Option<bool>,
    /// Its score, as it is written.
    pub spam_score: Option<String>,
}
