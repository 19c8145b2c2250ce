//! Mail in and out, for operators: what arrived and why it is where it is; what went out and what became of it.

use super::format::When;
use super::parts::{Fact, Step, TicketLink};
use super::render::Page;
use serde::Serialize;
use shared::i18n::{self, Locale};

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
