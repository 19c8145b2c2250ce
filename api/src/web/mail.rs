//! Mail in and out, for operators: what arrived and why it is where it is; what went out and what became of it.

use super::format::When;
use super::parts::{Fact, Step, TicketLink};
use super::render::Page;
use super::words::{self, Fate};
use super::{format, story};
use serde::Serialize;
use shared::clock::Time;
use shared::i18n::{self, Locale};
use shared::mail_in::{InboundMail, Trace};
use shared::mail_out::kinds::OutboxState;
use shared::mail_out::outbox::read;

/// `mail.hbs`
#[derive(Debug, Clone, Default, Serialize)]
pub struct MailPage {
    /// The list of arrivals, on that tab.
    pub inbound: Option<InboundList>,
    /// The outbox, on that tab.
    pub outbox: Option<OutboxList>,
    /// Whether something is open beside the list.
    pub side: bool,
    /// The arrival that is open.
    pub mail: Option<Inbound>,
    /// The outbox mail that is open.
    pub letter: Option<Letter>,
    /// What was just done.
    pub done: Option<String>,
    /// Whether there is another page.
    pub paged: bool,
    /// The first page, if this is a later one.
    pub newest: Option<String>,
    /// The next page.
    pub next: Option<String>,
}

/// A filter of a list.
#[derive(Debug, Clone, Serialize)]
pub struct StateFilter {
    /// The word's key.
    pub key: &'static str,
    /// The list with it.
    pub href: String,
    /// Whether it is on.
    pub current: bool,
}

/// Arrivals.
#[derive(Debug, Clone, Serialize)]
pub struct InboundList {
    /// How many mails wait for a decision about their failure in the outbox; 0 says nothing.
    pub failures: i64,
    /// The filters.
    pub states: Vec<StateFilter>,
    /// The rows.
    pub rows: Vec<InboundRow>,
}

/// One arrival in the list.
#[derive(Debug, Clone, Serialize)]
pub struct InboundRow {
    /// Its row id.
    pub id: i64,
    /// Its subject.
    pub subject: String,
    /// Its author.
    pub from: String,
    /// What was decided, in words.
    pub outcome: String,
    /// How that looks: `warn`, `bad`, or none.
    pub chip: Option<&'static str>,
    /// Why.
    pub reason: String,
    /// Its ticket.
    pub ticket: Option<TicketLink>,
    /// Whether the sender is who the mail says.
    pub verdict: String,
    /// By which door it came.
    pub door: String,
    /// When.
    pub at: When,
    /// Whether it is the open one.
    pub current: bool,
}

/// One arrival with its decision trace.
#[derive(Debug, Clone, Serialize)]
pub struct Inbound {
    /// Its row id.
    pub id: i64,
    /// Its subject.
    pub subject: String,
    /// What was decided, in words.
    pub outcome: String,
    /// How that looks.
    pub outcome_class: Option<&'static str>,
    /// Its ticket.
    pub ticket: Option<TicketLink>,
    /// What each stage decided.
    pub trace: Vec<Step>,
    /// What is known of it.
    pub facts: Vec<Fact>,
    /// Where its bytes are, for who may see them.
    pub raw: Option<String>,
}

/// The outbox.
#[derive(Debug, Clone, Serialize)]
pub struct OutboxList {
    /// The filters.
    pub states: Vec<StateFilter>,
    /// The rows.
    pub rows: Vec<OutboxRow>,
}

/// One outbox mail in the list.
#[derive(Debug, Clone, Serialize)]
pub struct OutboxRow {
    /// Its row id.
    pub id: i64,
    /// The recipient.
    pub to: String,
    /// Its ticket's public id.
    pub pid: Option<String>,
    /// Its subject.
    pub subject: String,
    /// Its kind.
    pub kind: String,
    /// Its state.
    pub state: String,
    /// How that looks: `warn`, `bad`, or none.
    pub chip: Option<&'static str>,
    /// The icon.
    pub glyph: &'static str,
    /// What happened, in words.
    pub text: String,
    /// The code that the other side gave.
    pub code: Option<String>,
    /// When.
    pub at: When,
    /// What can be done: `retry`, `cancel`.
    pub acts: Vec<&'static str>,
    /// Whether it is the open one.
    pub current: bool,
}

/// One outbox mail with its tries.
#[derive(Debug, Clone, Serialize)]
pub struct Letter {
    /// Its row id.
    pub id: i64,
    /// What is known of it.
    pub facts: Vec<Fact>,
    /// Its ticket.
    pub ticket: Option<TicketLink>,
    /// The tries at sending it.
    pub attempts: Vec<Attempt>,
}

/// One try at sending.
#[derive(Debug, Clone, Serialize)]
pub struct Attempt {
    /// When.
    pub at: When,
    /// What came of it, in words.
    pub text: String,
    /// What the other side said.
    pub evidence: Option<String>,
}

/// Returns what was decided about an arrival: the outcome's text, or `kept`.
fn outcome(mail: &InboundMail) -> &'static str {
    mail.outcome.map_or("kept", |o| o.as_str())
}

fn subject(locale: Locale, subject: Option<&str>) -> String {
    match subject.map(str::trim).filter(|s| !s.is_empty()) {
        Some(subject) => subject.to_owned(),
        None => i18n::text(locale, "no-subject", &[]),
    }
}

impl InboundRow {
    /// Returns an arrival as a line of the list.
    pub fn new(locale: Locale, now: Time, mail: &InboundMail, open: bool) -> InboundRow {
        let from = mail.from_name.as_deref().filter(|n| !n.is_empty()).or(mail.from_email.as_deref());
        InboundRow {
            id: mail.id.0,
            subject: subject(locale, mail.subject.as_deref()),
            from: from.map_or_else(|| i18n::text(locale, "somebody", &[]), str::to_owned),
            outcome: i18n::word(locale, "outcome", outcome(mail)),
            chip: words::outcome_chip(outcome(mail)),
            reason: mail.reason.clone().unwrap_or_default(),
            ticket: mail.pid.as_deref().map(TicketLink::new),
            verdict: mail.verdict.map_or("none", |v| v.as_str()).to_owned(),
            door: mail.door.as_str().to_owned(),
            at: When::new(locale, mail.received_at, now),
            current: open,
        }
    }
}

impl Inbound {
    /// Returns an arrival with its decision trace. `raw`: whether the reader may have its bytes.
    pub fn new(locale: Locale, now: Time, mail: &InboundMail, raw: bool) -> Inbound {
        let trace: Trace = serde_json::from_str(&mail.trace).unwrap_or_default();
        let step = |line: &shared::mail_in::TraceLine| Step {
            stage: story::stage(locale, line),
            text: story::trace(locale, line),
            evidence: Some([line.rule.as_str(), &line.evidence].join(" ").trim().to_owned()).filter(|e| !e.is_empty()),
        };
        let list = |json: &str| serde_json::from_str::<Vec<String>>(json).unwrap_or_default().join(", ");
        let sender = match (&mail.from_name, &mail.from_email) {
            (Some(name), Some(email)) => format!("{name} <{email}>"),
            (name, email) => name.clone().or(email.clone()).unwrap_or_default(),
        };
        let envelope = format!("{} → {}", mail.envelope_from.as_deref().unwrap_or_default(), list(&mail.envelope_to));
        let facts = [
            ("from", sender),
            ("envelope", if envelope.trim() == "→" { String::new() } else { envelope }),
            ("received", When::new(locale, mail.received_at, now).exact),
            ("class", mail.class.map(|c| i18n::word(locale, "class", c.as_str())).unwrap_or_default()),
            ("verdict", mail.verdict.map(|v| i18n::word(locale, "verdict", v.as_str())).unwrap_or_default()),
            ("message_id", mail.message_id.clone().unwrap_or_default()),
            ("size", format::size(locale, mail.size_bytes.unsigned_abs())),
            ("flags", list(&mail.flags)),
            ("error", mail.error.clone().unwrap_or_default()),
        ];
        Inbound {
            id: mail.id.0,
            subject: subject(locale, mail.subject.as_deref()),
            outcome: i18n::word(locale, "outcome", outcome(mail)),
            outcome_class: words::outcome_chip(outcome(mail)),
            ticket: mail.pid.as_deref().map(TicketLink::new),
            trace: trace.0.iter().map(step).collect(),
            facts: known(facts),
            raw: raw.then(|| format!("/api/mails/{}/raw", mail.id)),
        }
    }
}

fn known<const N: usize>(facts: [(&'static str, String); N]) -> Vec<Fact> {
    facts.into_iter().filter(|(_, v)| !v.is_empty()).map(|(key, value)| Fact { key, value }).collect()
}

impl OutboxRow {
    /// Returns an outbox mail as a line of the list. `may_act`: whether the reader may retry and cancel.
    pub fn new(locale: Locale, now: Time, listed: &read::Listed, open: bool, may_act: bool) -> OutboxRow {
        let mail = &listed.mail;
        let next = next_try(locale, now, mail);
        let fate = Fate {
            state: mail.state,
            code: mail.reply_code,
            enhanced: mail.enhanced.as_deref(),
            next: next.as_ref().map(|w| w.short.as_str()),
        };
        OutboxRow {
            id: mail.id.0,
            to: mail.to_email.clone(),
            pid: listed.pid.clone(),
            subject: subject(locale, Some(&mail.subject)),
            kind: mail.kind.as_str().to_owned(),
            state: mail.state.as_str().to_owned(),
            chip: words::state_chip(mail.state),
            glyph: words::state_glyph(mail.state),
            text: fate.text(locale),
            code: fate.codes(),
            at: When::new(locale, mail.sent_at.unwrap_or(mail.created_at), now),
            acts: if may_act { words::state_acts(mail.state) } else { Vec::new() },
            current: open,
        }
    }
}

/// Returns when a deferred mail is tried again.
pub fn next_try(locale: Locale, now: Time, mail: &shared::mail_out::outbox::OutboxMail) -> Option<When> {
    let due = mail.due_at.filter(|_| mail.state == OutboxState::Deferred)?;
    Some(When::new(locale, due, now))
}

impl Letter {
    /// Returns an outbox mail with its tries.
    pub fn new(locale: Locale, now: Time, listed: &read::Listed, tries: &[read::Attempt]) -> Letter {
        let mail = &listed.mail;
        let attempt = |a: &read::Attempt| {
            let codes = Fate { state: mail.state, code: a.code, enhanced: a.enhanced.as_deref(), next: None }.codes();
            // The relay's line mostly begins with the codes already.
            let said = a.text.trim();
            let evidence = match codes {
                Some(codes) if !said.starts_with(&codes) => format!("{codes} {said}"),
                _ => said.to_owned(),
            };
            Attempt {
                at: When::new(locale, a.at, now),
                text: i18n::word(locale, "attempt", &a.result),
                evidence: Some(evidence.trim().to_owned()).filter(|e| !e.is_empty()),
            }
        };
        let exact = |at: Option<Time>| at.map(|at| When::new(locale, at, now).exact).unwrap_or_default();
        let facts = [
            ("to", mail.to_email.clone()),
            ("subject", mail.subject.clone()),
            ("kind", i18n::word(locale, "mail-kind", mail.kind.as_str())),
            ("state", i18n::word(locale, "delivery", mail.state.as_str())),
            ("message_id", mail.message_id.clone()),
            ("created", exact(Some(mail.created_at))),
            ("sent", exact(mail.sent_at)),
            ("next", next_try(locale, now, mail).map(|w| w.exact).unwrap_or_default()),
        ];
        Letter {
            id: mail.id.0,
            facts: known(facts),
            ticket: listed.pid.as_deref().map(TicketLink::new),
            attempts: tries.iter().map(attempt).collect(),
        }
    }
}

impl Page for MailPage {
    const TEMPLATE: &'static str = "mail";
    fn title(&self, locale: Locale) -> String {
        i18n::text(locale, if self.outbox.is_some() { "outbox" } else { "mail" }, &[])
    }
    #[cfg(test)]
    fn samples() -> Vec<Self> {
        tests::pages()
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// Returns one arrival.
    pub fn inbound() -> Inbound {
        let step = |e: Option<&str>| Step {
            stage: "Match".into(),
            text: "The subject names a ticket.".into(),
            evidence: e.map(Into::into),
        };
        Inbound {
            id: 17,
            subject: "Fwd: your message".into(),
            outcome: "new ticket".into(),
            outcome_class: Some("warn"),
            ticket: Some(TicketLink::new("202611-0001")),
            trace: vec![step(Some("E4.4")), step(None)],
            facts: vec![Fact { key: "from", value: "a@b.example".into() }],
            raw: Some("/api/mails/17/raw".into()),
        }
    }

    /// Returns the page in all its forms.
    pub fn pages() -> Vec<MailPage> {
        let now = shared::clock::now();
        let at = When::new(Locale::En, now, now);
        let row = InboundRow {
            id: 17,
            subject: "Fwd".into(),
            from: "a@b.example".into(),
            outcome: "new ticket".into(),
            chip: None,
            reason: "E4.4".into(),
            ticket: Some(TicketLink::new("202611-0001")),
            verdict: "none".into(),
            door: "raw".into(),
            at: at.clone(),
            current: true,
        };
        let bad = InboundRow { id: 18, chip: Some("bad"), ticket: None, current: false, ..row.clone() };
        let filter = |key| StateFilter { key, href: "/dashboard/mail".into(), current: true };
        let list = InboundList { failures: 2, states: vec![filter("all")], rows: vec![row, bad] };
        let out = OutboxRow {
            id: 3,
            to: "a@b.example".into(),
            pid: Some("202611-0001".into()),
            subject: "Re: x".into(),
            kind: "reply".into(),
            state: "dead".into(),
            chip: Some("bad"),
            glyph: "warn",
            text: "No such mailbox".into(),
            code: Some("550 5.1.1".into()),
            at: at.clone(),
            acts: vec!["retry", "cancel"],
            current: true,
        };
        let plain = OutboxRow { id: 4, pid: None, code: None, acts: vec![], current: false, ..out.clone() };
        let tries = vec![
            Attempt { at: at.clone(), text: "refused".into(), evidence: Some("550".into()) },
            Attempt { at, text: "no answer".into(), evidence: None },
        ];
        let letter = Letter {
            id: 3,
            facts: vec![Fact { key: "message_id", value: "x@y".into() }],
            ticket: Some(TicketLink::new("202611-0001")),
            attempts: tries,
        };
        let outbox = OutboxList { states: vec![filter("all")], rows: vec![out, plain] };
        vec![
            MailPage {
                inbound: Some(list.clone()),
                side: true,
                mail: Some(inbound()),
                paged: true,
                newest: Some("/dashboard/mail".into()),
                next: Some("/dashboard/mail?cursor=1".into()),
                ..MailPage::default()
            },
            MailPage { inbound: Some(InboundList { failures: 0, rows: vec![], ..list }), ..MailPage::default() },
            MailPage {
                outbox: Some(outbox.clone()),
                side: true,
                letter: Some(letter.clone()),
                done: Some("Queued again".into()),
                ..MailPage::default()
            },
            MailPage {
                outbox: Some(OutboxList { rows: vec![], ..outbox }),
                letter: Some(Letter { attempts: vec![], ticket: None, ..letter }),
                side: true,
                ..MailPage::default()
            },
        ]
    }
}
