//! Captured mail, in development: as its recipient's program would show it, with an answer through the front door.

use super::format::{self, When};
use super::parts::{FileLink, TicketLink};
use super::render::Page;
use serde::Serialize;
use shared::clock::Time;
use shared::i18n::{self, Locale};
use shared::mail_in::parse;
use shared::mail_in::types::{Address, Mail};
use shared::mail_out::outbox::read::Listed;

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

/// The ways to look at a mail.
const TABS: [&str; 4] = ["seen", "text", "headers", "source"];

impl CapturedLine {
    /// Returns a captured mail as a line of the list.
    pub fn new(locale: Locale, now: Time, listed: &Listed, open: bool) -> CapturedLine {
        let mail = &listed.mail;
        CapturedLine {
            id: mail.id.0,
            subject: mail.subject.clone(),
            to: mail.to_email.clone(),
            kind: mail.kind.as_str().to_owned(),
            at: When::new(locale, mail.sent_at.unwrap_or(mail.created_at), now),
            current: open,
        }
    }
}

impl Captured {
    /// Returns a captured mail as its recipient's program would show it. `octets` is what was sent.
    pub fn new(locale: Locale, now: Time, listed: &Listed, octets: &[u8], show: &str) -> Captured {
        let mail = parse::parse(octets);
        let show = TABS.into_iter().find(|t| *t == show).unwrap_or("seen");
        let id = listed.mail.id;
        let source = String::from_utf8_lossy(octets).replace("\r\n", "\n");
        let text = match show {
            "headers" => source.split("\n\n").next().unwrap_or_default().to_owned(),
            "source" => source,
            _ => mail.body_text.clone(),
        };
        let file = |(n, part): (usize, &shared::mail_in::types::Part)| FileLink {
            filename: part.filename.clone(),
            size: format::size(locale, part.bytes.len() as u64),
            glyph: "file",
            href: format!("/dev/mail/{id}/file/{n}"),
        };
        Captured {
            id: id.0,
            subject: mail.subject.clone(),
            from: mail.from.as_ref().map(shown).unwrap_or_default(),
            to: listed.mail.to_email.clone(),
            reply_to: reply_address(&mail),
            at: When::new(locale, listed.mail.sent_at.unwrap_or(listed.mail.created_at), now),
            ticket: listed.pid.as_deref().map(TicketLink::new),
            tabs: TABS
                .map(|key| Tab { key, href: format!("/dev/mail/{id}?show={key}"), current: key == show })
                .to_vec(),
            html: (show == "seen" && mail.body_html.is_some()).then(|| format!("/dev/mail/{id}/html")),
            text,
            files: mail.parts.iter().enumerate().map(file).collect(),
        }
    }
}

fn shown(address: &Address) -> String {
    match &address.name {
        Some(name) if !name.is_empty() => format!("{name} <{}>", address.email),
        _ => address.email.clone(),
    }
}

/// Returns where a mail program sends the answer (RFC 5322 3.6.2).
fn reply_address(mail: &Mail) -> String {
    mail.reply_to.first().or(mail.from.as_ref()).map(|a| a.email.clone()).unwrap_or_default()
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

#[cfg(test)]
mod tests {
    use super::*;
    use shared::ids::{OutboxId, TenantId};
    use shared::mail_out::kinds::{Kind, OutboxState};
    use shared::mail_out::outbox::OutboxMail;

    const OCTETS: &[u8] = b"From: \"Mara via Desk\" <help@desk.example>\r\nTo: d@x.example\r\n\
        Reply-To: help+tok@desk.example\r\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\nMIME-Version: 1.0\r\n\
        Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nHello\r\n\
        --b\r\nContent-Type: text/html\r\n\r\n<p>Hello</p>\r\n--b--\r\n";

    fn captured(show: &str) -> Captured {
        let now = shared::clock::now();
        let mail = OutboxMail {
            id: OutboxId(4),
            tenant_id: TenantId(1),
            kind: Kind::Reply,
            ticket_id: None,
            ticket_message_id: None,
            to_email: "d@x.example".into(),
            subject: "x".into(),
            state: OutboxState::Sent,
            message_id: "m@desk.example".into(),
            due_at: None,
            attempts: 1,
            reply_code: None,
            enhanced: None,
            reply_text: None,
            created_at: now,
            sent_at: Some(now),
        };
        Captured::new(Locale::En, now, &Listed { mail, pid: Some("202611-0001".into()) }, OCTETS, show)
    }

    #[test]
    fn a_mail_is_shown_as_its_recipient_sees_it() {
        let seen = captured("seen");
        assert_eq!((seen.subject.as_str(), seen.from.as_str()), ("Grüße", "Mara via Desk <help@desk.example>"));
        assert_eq!(seen.reply_to, "help+tok@desk.example");
        assert_eq!(seen.html.as_deref(), Some("/dev/mail/4/html"));
        assert_eq!(captured("text").html, None);
        assert_eq!(captured("text").text.trim(), "Hello");
        assert!(captured("headers").text.ends_with("boundary=b") && captured("source").text.contains("<p>Hello</p>"));
        assert!(captured("nonsense").tabs[0].current);
    }
}
