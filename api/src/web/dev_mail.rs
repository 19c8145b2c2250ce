//! Captured mail, in development: as its recipient's program would show it, with an answer through the front door.

use super::format::When;
use super::parts::{FileLink, TicketLink};
use super::render::Page;
use serde::Serialize;
use shared::i18n::{self, Locale};

/// `dev_mail.hbs`
#[derive(Debug, Clone, Serialize)]
pub struct DevMailPage {
    /// The newest captured mails.
    pub mails: Vec<CapturedLine>,
    /// Older ones.
    pub next: Option<String>,
    /// The mail that is open.
    pub mail: Option<Captured>,
    /// What became of the answer just given.
    pub answered: Option<Answered>,
}

/// One captured mail in the list.
#[derive(Debug, Clone, Serialize)]
pub struct CapturedLine {
    /// The outbox mail.
    pub id: i64,
    /// Its subject.
    pub subject: String,
    /// Its recipient.
    pub to: String,
    /// Its kind.
    pub kind: String,
    /// When it was made.
    pub at: When,
    /// Whether it is the open one.
    pub current: bool,
}

/// One captured mail.
#[derive(Debug, Clone, Serialize)]
pub struct Captured {
    /// The outbox mail.
    pub id: i64,
    /// Its subject, decoded.
    pub subject: String,
    /// The From header.
    pub from: String,
    /// The recipient.
    pub to: String,
    /// Where an answer goes.
    pub reply_to: String,
    /// When it was made.
    pub at: When,
    /// Its ticket.
    pub ticket: Option<TicketLink>,
    /// Ways to look at it.
    pub tabs: Vec<Tab>,
    /// The page of its HTML, on that tab.
    pub html: Option<String>,
    /// Text, headers or source, on those tabs.
    pub text: String,
    /// Its files.
    pub files: Vec<FileLink>,
}

/// One way to look at a mail: `seen`, `text`, `headers`, `source`.
#[derive(Debug, Clone, Serialize)]
pub struct Tab {
    /// The word's key.
    pub key: &'static str,
    /// Its page.
    pub href: String,
    /// Whether it is open.
    pub current: bool,
}

/// What became of an answer.
#[derive(Debug, Clone, Serialize)]
pub struct Answered {
    /// In words.
    pub text: String,
    /// The ticket's public id.
    pub pid: Option<String>,
    /// The ticket's page.
    pub href: Option<String>,
    /// The arrival's trace.
    pub trace: String,
}

impl Page for DevMailPage {
    const TEMPLATE: &'static str = "dev_mail";
    fn title(&self, locale: Locale) -> String {
        match &self.mail {
            Some(mail) => mail.subject.clone(),
            None => i18n::text(locale, "captured-mail", &[]),
        }
    }
    #[cfg(test)]
    fn samples() -> Vec<Self> {
        let now = shared::clock::now();
        let at = When::new(Locale::En, now, now);
        let line = CapturedLine {
            id: 1,
            subject: "Re: Release".into(),
            to: "daniel@okafor.example".into(),
            kind: "reply".into(),
            at: at.clone(),
            current: true,
        };
        let tab = |key, current| Tab { key, href: format!("/dev/mail/1?show={key}"), current };
        let mail = Captured {
            id: 1,
            subject: "Re: Release".into(),
            from: "Mara <help@desk.example>".into(),
            to: "daniel@okafor.example".into(),
            reply_to: "help+x@desk.example".into(),
            at,
            ticket: Some(TicketLink::new("202611-0001")),
            tabs: ["seen", "text", "headers", "source"].map(|k| tab(k, k == "seen")).to_vec(),
            html: Some("/dev/mail/1/html".into()),
            text: "Hello".into(),
            files: vec![FileLink { filename: "a".into(), size: "1 KB".into(), glyph: "file", href: "/x".into() }],
        };
        let answered = Answered {
            text: "Arrived.".into(),
            pid: Some("202611-0001".into()),
            href: Some("/dashboard/support/202611-0001".into()),
            trace: "/dashboard/mail/2".into(),
        };
        let empty = DevMailPage { mails: vec![], next: None, mail: None, answered: None };
        let text = Captured { html: None, ..mail.clone() };
        let next = Some("/dev/mail?before=1".into());
        vec![
            DevMailPage { mails: vec![line.clone()], next, mail: Some(mail), answered: Some(answered) },
            DevMailPage { mails: vec![line.clone()], mail: Some(text), ..empty.clone() },
            DevMailPage { mails: vec![line], ..empty.clone() },
            empty,
        ]
    }
}
