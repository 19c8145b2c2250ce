//! Trying out incoming mail, in development: paste or choose one, deliver it, and see what was decided and why.

use super::mail::Inbound;
use super::parts::Refused;
use super::render::Page;
use serde::Serialize;
use shared::i18n::{self, Locale};

/// `dev_inbound.hbs`
#[derive(Debug, Clone, Default, Serialize)]
pub struct DevInboundPage {
    /// The samples.
    pub samples: Vec<Sample>,
    /// MAIL FROM.
    pub from: String,
    /// RCPT TO.
    pub to: String,
    /// The mail's source.
    pub raw: String,
    /// What became of the one just delivered.
    pub mail: Option<Inbound>,
    /// Why it was refused.
    pub refused: Option<Refused>,
}

/// One sample, named by `sample-<key>`.
#[derive(Debug, Clone, Serialize)]
pub struct Sample {
    /// The word's key.
    pub key: &'static str,
    /// Whether it is in the form.
    pub current: bool,
}

impl Page for DevInboundPage {
    const TEMPLATE: &'static str = "dev_inbound";
    fn title(&self, locale: Locale) -> String {
        i18n::text(locale, "inbound-try", &[])
    }
    #[cfg(test)]
    fn samples() -> Vec<Self> {
        let fresh = DevInboundPage {
            samples: super::samples::KEYS.iter().map(|k| Sample { key: k, current: *k == "plain" }).collect(),
            ..Default::default()
        };
        let refused = Refused { text: "Too large.".into(), fields: vec![] };
        let done =
            DevInboundPage { mail: super::mail::tests::inbound().into(), refused: Some(refused), ..fresh.clone() };
        vec![fresh, done]
    }
}
