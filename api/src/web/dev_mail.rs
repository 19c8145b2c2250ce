//! Captured mail, in development: as its recipient's program would show it, with an answer through the front door.

use super::form_data::FormData;
use super::format::{self, Now, When};
use super::parts::{FileLink, TicketLink};
use super::reader::Visit;
use super::render::{self, Page};
use super::{frame, mail};
use crate::Api;
use crate::doors::compose::{self, Defaults, Draft, OneOrMany, People, Person};
use crate::extract::{Path, Query};
use crate::problem::{Problem, codes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use shared::i18n::{self, Locale};
use shared::ids::{MailId, OutboxId};
use shared::mail_in::types::{Address, Facts, Mail};
use shared::mail_in::{self, Arrival, Door, parse};
use shared::mail_out::kinds::OutboxState;
use shared::mail_out::outbox::read::{self, Listed, OutboxFilter};
use shared::store::Scope;

/// How many captured mails a page lists.
const PAGE: i64 = 50;
/// States of mail that a relay took, or that was captured.
const TAKEN: [OutboxState; 3] = [OutboxState::Sent, OutboxState::Bounced, OutboxState::Complained];

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
    pub fn new(locale: Locale, now: Now, listed: &Listed, open: bool) -> CapturedLine {
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
    pub fn new(locale: Locale, now: Now, listed: &Listed, octets: &[u8], show: &str) -> Captured {
        let sent = &listed.mail;
        let mail = parse::parse(octets);
        let show = TABS.into_iter().find(|t| *t == show).unwrap_or("seen");
        let id = sent.id;
        let source = String::from_utf8_lossy(octets).replace("\r\n", "\n");
        let text = match show {
            "headers" => source.split("\n\n").next().unwrap_or_default().to_owned(),
            "source" => source,
            _ => mail.body_text.clone(),
        };
        let file = |part: &shared::mail_in::types::Part| FileLink {
            id: 0,
            filename: part.filename.clone(),
            size: format::size(locale, part.bytes.len() as u64),
            glyph: "file",
            href: String::new(),
            thumbnail: None,
            look: None,
        };
        Captured {
            id: id.0,
            subject: mail.subject.clone(),
            from: mail.from.as_ref().map(shown).unwrap_or_default(),
            to: sent.to_email.clone(),
            reply_to: reply_address(&mail),
            at: When::new(locale, sent.sent_at.unwrap_or(sent.created_at), now),
            ticket: listed.pid.as_deref().map(TicketLink::new),
            tabs: TABS
                .map(|key| Tab { key, href: format!("/dev/mail/{id}?show={key}"), current: key == show })
                .to_vec(),
            html: (show == "seen" && mail.body_html.is_some()).then(|| format!("/dev/mail/{id}/html")),
            text,
            files: mail.parts.iter().map(file).collect(),
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

/// The address's parameters.
#[derive(Debug, Default, Deserialize)]
pub struct Params {
    show: Option<String>,
    answered: Option<i64>,
    before: Option<i64>,
}

/// `GET /dev/mail`
///
/// # Errors
/// 404 unless at one's own machine in development.
pub async fn list(State(api): State<Api>, visit: Visit, Query(params): Query<Params>) -> Result<Response, Problem> {
    visit.developer()?;
    answer(&api, &visit, None, &params, None).await
}

/// `GET /dev/mail/{id}`
///
/// # Errors
/// 404 unless at one's own machine in development, and without such a mail.
pub async fn show(
    State(api): State<Api>,
    visit: Visit,
    Path(id): Path<OutboxId>,
    Query(params): Query<Params>,
) -> Result<Response, Problem> {
    let (listed, octets) = find(&api, &visit, id).await?;
    let open = Captured::new(visit.locale, visit.now, &listed, &octets, params.show.as_deref().unwrap_or("seen"));
    answer(&api, &visit, Some(id), &params, Some(open)).await
}

/// `GET /dev/mail/{id}/html`: the mail's own document, for the frame.
///
/// # Errors
/// 404 as [`show`], and for a mail without HTML.
pub async fn html(State(api): State<Api>, visit: Visit, Path(id): Path<OutboxId>) -> Result<Response, Problem> {
    let (_, octets) = find(&api, &visit, id).await?;
    let html = parse::parse(&octets).body_html.ok_or_else(|| Problem::new(codes::NOT_FOUND))?;
    Ok(frame::document(html))
}

/// `POST /dev/mail/{id}/reply`: answers as the recipient, by a real mail through the pipeline.
///
/// # Errors
/// 404 as [`show`]; 503 if the mail could not be kept.
pub async fn reply(
    State(api): State<Api>,
    visit: Visit,
    Path(id): Path<OutboxId>,
    form: FormData,
) -> Result<Response, Problem> {
    let (listed, octets) = find(&api, &visit, id).await?;
    let (draft, to) = answer_to(&listed.mail, &parse::parse(&octets), &form);
    let token = format!("{:016x}", rand::random::<u64>());
    let defaults = Defaults {
        date: visit.now.to_rfc2822(),
        message_id: format!("<{token}@mailprogram.example>"),
        boundary: format!("reply-{token}"),
    };
    let raw = compose::build(&draft, &defaults).map_err(Problem::validation)?;
    let facts = Facts { envelope_from: Some(listed.mail.to_email.clone()), envelope_to: vec![to], ..Facts::default() };
    let arrival = Arrival { door: Door::Mock, door_ref: None, tenant: None, facts, raw: raw.into() };
    let applied = mail_in::receive(&api.app, &api.ingest, arrival).await?;
    Ok(Redirect::to(&format!("/dev/mail/{id}?answered={}", applied.mail_id)).into_response())
}

async fn find(api: &Api, visit: &Visit, id: OutboxId) -> Result<(Listed, Bytes), Problem> {
    visit.developer()?;
    let missing = || Problem::new(codes::OUTBOX_MAIL_NOT_FOUND);
    let listed = read::get(&api.app.db, Scope::All, id).await?.ok_or_else(missing)?;
    let octets = read::octets(&api.app, Scope::All, id).await.map_err(Problem::internal)?;
    Ok((listed, octets.ok_or_else(missing)?))
}

async fn answer(
    api: &Api,
    visit: &Visit,
    id: Option<OutboxId>,
    params: &Params,
    mail: Option<Captured>,
) -> Result<Response, Problem> {
    let filter = OutboxFilter { states: TAKEN.to_vec(), before: params.before.map(OutboxId), ..Default::default() };
    let mut mails = read::list(&api.app.db, Scope::All, &filter, PAGE + 1).await?;
    let more = mails.len() as i64 > PAGE;
    mails.truncate(PAGE as usize);
    let answered = match params.answered {
        Some(id) => mail_in::get(&api.app, Scope::All, MailId(id)).await?,
        None => None,
    };
    let page = DevMailPage {
        next: mails.last().filter(|_| more).map(|l| format!("/dev/mail?before={}", l.mail.id)),
        mails: mails.iter().map(|l| CapturedLine::new(visit.locale, visit.now, l, Some(l.mail.id) == id)).collect(),
        mail,
        answered: answered.map(|m| Answered {
            text: i18n::text(
                visit.locale,
                "answered",
                &[("outcome", &i18n::word(visit.locale, "outcome", mail::outcome(&m)))],
            ),
            href: m.pid.as_deref().map(|pid| TicketLink::new(pid).href),
            pid: m.pid.clone(),
            trace: format!("/dev/inbound?mail={}", m.id),
        }),
    };
    Ok(render::page(StatusCode::OK, &visit.shell("captured"), &page))
}

/// Returns the recipient's answer, and where it goes, as a mail program makes it.
fn answer_to(sent: &shared::mail_out::outbox::OutboxMail, mail: &Mail, form: &FormData) -> (Draft, String) {
    let to = reply_address(mail);
    let subject = mail.subject.trim_start_matches("Re: ");
    let quote = |text: &str| text.lines().map(|l| format!("> {l}\n")).collect::<String>();
    let text = match form.get("quote") {
        "" => form.text("text").to_owned(),
        _ => {
            let from = mail.from.as_ref().map(shown).unwrap_or_default();
            let date = mail.date.unwrap_or(sent.created_at).format("%a, %d %b %Y at %H:%M");
            format!("{}\n\nOn {date}, {from} wrote:\n{}", form.text("text"), quote(&mail.body_text))
        }
    };
    let threaded = form.get("unthreaded").is_empty();
    let thread = mail.references.iter().chain(&mail.message_id).cloned().collect::<Vec<_>>();
    let ids = |ids: Vec<String>| (threaded && !ids.is_empty()).then_some(OneOrMany::Many(ids));
    let file = |f: &shared::attachments::Upload| compose::File {
        filename: Some(f.filename.clone()),
        content_type: Some(f.content_type.clone()),
        content_base64: STANDARD.encode(&f.bytes),
        content_id: None,
        inline: false,
    };
    let person = |email: &str| People::One(Person::Parts { email: email.to_owned(), name: None });
    let draft = Draft {
        from: Some(person(&sent.to_email)),
        to: Some(person(&to)),
        subject: Some(format!("Re: {subject}")),
        text: Some(text),
        in_reply_to: ids(mail.message_id.iter().cloned().collect()),
        references: ids(thread),
        attachments: form.files().iter().map(file).collect(),
        ..Draft::default()
    };
    (draft, to)
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
            files: vec![FileLink {
                id: 0,
                filename: "a".into(),
                size: "1 KB".into(),
                glyph: "file",
                href: "/x".into(),
                thumbnail: None,
                look: None,
            }],
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
    use shared::ids::TenantId;
    use shared::mail_out::kinds::Kind;
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
        let listed = Listed { mail, pid: Some("202611-0001".into()), envelope_from: String::new() };
        Captured::new(Locale::En, now.into(), &listed, OCTETS, show)
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
