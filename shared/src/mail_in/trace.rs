//! The decision trace: what each stage saw, which rule fired and why (E14.1).

use serde::{Deserialize, Serialize};

/// The version of the pipeline: higher whenever the same octets may be understood or decided otherwise than before. It is
/// stored with each arrival, so that what an older one could not read is read again (E14.4).
pub const PIPELINE: i64 = 3;

/// One step of the decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceLine {
    /// The stage: keep, parse, dedupe, authenticate, classify, match, apply.
    pub stage: String,
    /// The rule of EMAIL.md, for example `E4.1(1)`.
    pub rule: String,
    /// What came of it, in few words.
    pub result: String,
    /// What it was seen from.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub evidence: String,
}

/// All steps, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Trace(pub Vec<TraceLine>);

impl Trace {
    /// Adds a step.
    pub fn add(&mut self, stage: &str, rule: &str, result: impl Into<String>, evidence: impl Into<String>) {
        self.0.push(TraceLine {
            stage: stage.to_owned(),
            rule: rule.to_owned(),
            result: result.into(),
            evidence: evidence.into(),
        });
    }
}
