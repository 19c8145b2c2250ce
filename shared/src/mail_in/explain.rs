//! Why is it here? The trace in sentences (E14.2), and what would become of a mail that never came in.

use super::decide::{self, Decision, Read};
use super::known::{self, Known};
use super::outcome::Outcome;
use super::senders::Cell;
use super::trace::{Trace, TraceLine};
use super::{Arrival, Error, InboundMail, keep, variants};
use crate::app::App;
use crate::compiled_here;
use crate::i18n::{self, Locale};
use crate::ids::TicketId;
use crate::store::Scope;

/// One step of a decision, in words.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Sentence {
    /// The stage's name.
    pub stage: String,
    /// What was decided.
    pub text: String,
    /// Rules and what they were seen from.
    pub evidence: Option<String>,
}

/// Returns a trace as sentences, in order; several rules of a stage that say the same share one.
pub fn sentences(locale: Locale, trace: &Trace) -> Vec<Sentence> {
    let mut told: Vec<Sentence> = Vec::new();
    for line in &trace.0 {
        let (stage, text) = (stage(locale, line), sentence(locale, line));
        let seen = [line.rule.as_str(), &line.evidence].join(" ").trim().to_owned();
        let evidence = Some(seen).filter(|e| !e.is_empty());
        match told.last_mut().filter(|last| last.stage == stage && last.text == text) {
            Some(last) => {
                let both = last.evidence.take().into_iter().chain(evidence).collect::<Vec<_>>();
                last.evidence = Some(both.join("; "));
            }
            None => told.push(Sentence { stage, text, evidence }),
        }
    }
    told
}

/// Returns one line of a trace as a sentence.
pub fn sentence(locale: Locale, line: &TraceLine) -> String {
    let what = match line.stage.as_str() {
        "keep" => i18n::lookup(locale, &format!("door-{}", line.result), &[]),
        "authenticate" => authenticated(locale, line),
        "classify" => i18n::lookup(locale, &format!("class-{}", line.result), &[]),
        _ => None,
    };
    let result = line.result.as_str();
    let args = [("what", what.as_deref().unwrap_or(result)), ("result", result)];
    let exact = i18n::lookup(locale, &format!("trace-{}-{}", line.stage, slug(result)), &args);
    let general = || i18n::lookup(locale, &format!("trace-{}", line.stage), &args);
    exact.or_else(general).unwrap_or_else(|| i18n::text(locale, "trace-other", &args))
}

/// The verdict and its reason, which is the first word of the evidence.
fn authenticated(locale: Locale, line: &TraceLine) -> Option<String> {
    let verdict = i18n::lookup(locale, &format!("verdict-{}", line.result), &[])?;
    let reason = line.evidence.split(',').next().unwrap_or_default();
    match i18n::lookup(locale, &format!("auth-{reason}"), &[]) {
        Some(reason) => Some(format!("{verdict} – {reason}")),
        None => Some(verdict),
    }
}

/// The part of a catalogue's key that stands for a result.
fn slug(result: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    result.replace(", ", "_").replace(' ', "_").to_ascii_lowercase().chars().filter(|c| plain(*c)).collect()
}

/// Returns a stage's name.
pub fn stage(locale: Locale, line: &TraceLine) -> String {
    i18n::lookup(locale, &format!("stage-{}", line.stage), &[]).unwrap_or_else(|| line.stage.clone())
}

/// Says in one sentence why a mail is where it is: the rule that led to its ticket, else what became of it.
pub fn headline(locale: Locale, outcome: Option<Outcome>, trace: &Trace) -> String {
    let Some(outcome) = outcome else { return i18n::text(locale, "why-kept", &[]) };
    let rules = trace.0.iter().filter(|l| l.stage == "match" && l.result != "nothing");
    let rule = rules.filter_map(|l| l.rule.strip_prefix("E4.1(")?.strip_suffix(')')).next_back();
    let joined = matches!(outcome, Outcome::MessageAdded | Outcome::AutoReplyStored);
    let by_rule = rule.filter(|_| joined).and_then(|rule| i18n::lookup(locale, &format!("why-join-{rule}"), &[]));
    // E4.4: what is found by a number in the subject alone is told in the trace, and linked with nothing.
    let apart = trace.0.iter().any(|l| l.rule == "E4.4" && l.result == Cell::New.as_str());
    let linked = outcome == Outcome::TicketCreated && rule.is_some() && !apart;
    let linked = || i18n::lookup(locale, "why-linked", &[]).filter(|_| linked);
    by_rule.or_else(linked).unwrap_or_else(|| i18n::word(locale, "why", outcome.as_str()))
}

/// What would become of a mail.
pub struct Foreseen {
    /// The mail as read.
    pub read: Read,
    /// The decision.
    pub decision: Decision,
    /// How it was come to.
    pub trace: Trace,
    /// What was looked up.
    pub(super) known: Known,
}

impl Foreseen {
    /// What its door would be told.
    pub fn outcome(&self) -> Outcome {
        outcome_of(&self.read, &self.decision)
    }

    /// The ticket that it would lead to, and its PID.
    pub fn ticket(&self) -> Option<(TicketId, String)> {
        let id = match &self.decision {
            Decision::Join(joining) => Some(joining.ticket),
            Decision::Sent { ticket } => Some(*ticket),
            Decision::Report { ticket, .. } | Decision::Loop { ticket } => *ticket,
            _ => None,
        }?;
        Some((id, self.known.pid(id)))
    }
}

/// What a decision's outcome will be once it is applied.
pub(super) fn outcome_of(read: &Read, decision: &Decision) -> Outcome {
    use super::types::Class;
    match decision {
        Decision::Duplicate { .. } => Outcome::Duplicate,
        Decision::Quarantine { reason } => decide::held_as(reason),
        Decision::Open { .. } if read.mail.flags.iter().any(|f| f == "degraded") => Outcome::KeptUnparsed,
        Decision::Open { .. } => Outcome::TicketCreated,
        Decision::Join(joining) if joining.class == Class::AutoReply => Outcome::AutoReplyStored,
        Decision::Join(_) | Decision::Sent { .. } => Outcome::MessageAdded,
        Decision::Report { .. } if read.classified.class == Class::Dsn => Outcome::BounceRecorded,
        Decision::Report { .. } => Outcome::ReportRecorded,
        Decision::Loop { .. } | Decision::Probe { .. } => Outcome::LoopIgnored,
    }
}

/// Takes a mail through the pipeline up to the decision, once for each tenant it is for, and writes nothing.
///
/// # Errors
/// If a store refuses.
#[compiled_here]
pub async fn foresee(app: &App, arrival: Arrival) -> Result<Vec<Foreseen>, Error> {
    let mut all = Vec::new();
    for kept in keep::homes(app, arrival).await? {
        all.push(foresee_kept(app, decide::read(app, kept).await?).await?);
    }
    Ok(all)
}

/// Decides about a mail as it was read, and writes nothing.
pub(super) async fn foresee_kept(app: &App, read: Read) -> Result<Foreseen, Error> {
    let mut known = known::gather(&mut app.db.reader(Scope::All).await?, &app.keys, &[&read]).await?;
    variants::gather(app, &mut app.db.read(Scope::All), &mut known, &[&read]).await?;
    let mut trace = read.trace.clone();
    let decision = decide::decide(&read, &known, &mut trace);
    Ok(Foreseen { read, decision, trace, known })
}

impl InboundMail {
    /// Returns the stored trace.
    pub fn steps(&self) -> Trace {
        serde_json::from_str(&self.trace).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail_in::authenticate::Source;

    fn line(stage: &str, rule: &str, result: &str, evidence: &str) -> TraceLine {
        TraceLine { stage: stage.into(), rule: rule.into(), result: result.into(), evidence: evidence.into() }
    }

    /// E14.2.
    #[test]
    fn decisions_are_told_in_sentences() {
        let trace =
            Trace(vec![line("match", "E4.1(1)", "recipient token", "202611-0004"), line("match", "E4.4", "join", "")]);
        let why = headline(Locale::En, Some(Outcome::MessageAdded), &trace);
        assert_eq!(why, "Joined because it was sent to the ticket’s reply address.");
        let told = line("authenticate", "E11.2", "pass", "dmarc_pass, told by mx.desk.example");
        let told = sentence(Locale::En, &told);
        assert!(told.contains("verified") && told.contains("policy"), "{told}");
        assert_ne!(sentence(Locale::De, &trace.0[0]), sentence(Locale::En, &trace.0[0]));
    }

    /// E14.2: whatever the sender check says, and whatever becomes of a mail, has a sentence of its own.
    #[test]
    fn every_cell_and_outcome_has_words() {
        for &locale in Locale::ALL {
            for cell in Cell::ALL {
                let key = format!("trace-match-{}", slug(cell.as_str()));
                assert!(i18n::lookup(locale, &key, &[]).is_some(), "{locale}: {key}");
            }
            for outcome in Outcome::ALL {
                assert!(i18n::lookup(locale, &format!("why-{outcome}"), &[]).is_some(), "{locale}: {outcome}");
            }
        }
        assert_eq!(Source::ALL.len(), 4);
    }
}
