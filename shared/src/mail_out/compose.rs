//! A letter becomes the octets that are sent (E8.1 to E8.7): all of its headers, its parts, only CRLF.
//!
//! Written out here and not by lettre's builder, which gives a file one form of its name instead of both, picks its
//! boundaries at random (a letter composed twice must be the same octets) and needs quadratic time for long texts;
//! lettre carries what is composed.

use crate::clock::Time;
use crate::i18n::{self, Locale};
use crate::mail_in::types::Address;
use crate::mail_out::encode;
use crate::mail_out::headers::{Fields, HeaderError, check};
use crate::mail_out::kinds::Kind;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The sort of letter, as far as its headers differ: the columns of E8.1's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// An agent's answer.
    Reply,
    /// "We have received your mail".
    Ack,
    /// News for the requester.
    RequesterNotice,
    /// News for one agent.
    AgentNotice,
    /// Several news for one agent.
    Digest,
    /// Invitation, password, sign-in link.
    Account,
    /// A request to rate the help.
    Csat,
}

/// A column of E8.1's table.
struct Rules {
    auto_submitted: Option<&'static str>,
    suppress: bool,
    precedence_bulk: bool,
    reply_to: bool,
    cc: bool,
    threads: bool,
    list_unsubscribe: bool,
}

impl Form {
    /// All forms, for tests that walk the table.
    pub const ALL: [Form; 7] =
        [Form::Reply, Form::Ack, Form::RequesterNotice, Form::AgentNotice, Form::Digest, Form::Account, Form::Csat];

    /// The table of E8.1.
    #[rustfmt::skip]
    fn rules(self) -> Rules {
        const REPLIED: Option<&str> = Some("auto-replied");
        const GENERATED: Option<&str> = Some("auto-generated");
        let row = |auto_submitted, suppress, precedence_bulk, reply_to, cc, threads, list_unsubscribe| Rules {
            auto_submitted, suppress, precedence_bulk, reply_to, cc, threads, list_unsubscribe,
        };
        match self {
            //                          Auto-Submitted  suppress  bulk   Reply-To  Cc     threads  List-Unsubscribe
            Form::Reply           => row(None,          false,    false, true,     true,  true,    false),
            Form::Ack             => row(REPLIED,       true,     true,  true,     false, true,    false),
            Form::RequesterNotice => row(GENERATED,     true,     true,  true,     false, true,    false),
            Form::AgentNotice     => row(GENERATED,     true,     true,  true,     false, true,    true),
            Form::Digest          => row(GENERATED,     true,     true,  false,    false, true,    true),
            Form::Account         => row(GENERATED,     true,     false, false,    false, false,   false),
            Form::Csat            => row(GENERATED,     true,     true,  true,     false, true,    true),
        }
    }

    /// The outbox kind that letters of this form belong to; None where it says more (invite, password, link).
    pub fn kind(self) -> Option<Kind> {
        match self {
            Form::Reply => Some(Kind::Reply),
            Form::Ack => Some(Kind::Ack),
            Form::RequesterNotice | Form::AgentNotice => Some(Kind::Notice),
            Form::Digest => Some(Kind::Digest),
            Form::Csat => Some(Kind::Csat),
            Form::Account => None,
        }
    }
}

/// Who a letter is from. Made of one of our own addresses only: a customer's never stands in From (E8.2, DMARC).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sender(Address);

impl Sender {
    /// "Agent – Team" from the team's mailbox.
    pub fn agent(agent: &str, team: &str, mailbox: &str) -> Self {
        match bare_name(agent).as_str() {
            "" => Self::team(team, mailbox),
            agent => Self::named(&format!("{agent} – {team}"), mailbox),
        }
    }

    /// "Team" from its mailbox, or the instance from its own address.
    pub fn team(team: &str, mailbox: &str) -> Self {
        Self::named(team, mailbox)
    }

    /// "Customer via Team" from the team's mailbox, in the reader's language: for agents' notices.
    pub fn via(locale: Locale, customer: &str, team: &str, mailbox: &str) -> Self {
        match bare_name(customer).as_str() {
            "" => Self::team(team, mailbox),
            customer => {
                Self::named(&i18n::text(locale, "mail-via", &[("customer", customer), ("team", team)]), mailbox)
            }
        }
    }

    /// What stands in the From header.
    pub fn address(&self) -> &Address {
        &self.0
    }

    fn named(name: &str, mailbox: &str) -> Self {
        Sender(Address { name: Some(name.to_owned()), email: mailbox.to_owned() })
    }
}

/// A display name without addresses in it, which would look like a forged sender (E11.4); controls become spaces.
fn bare_name(name: &str) -> String {
    let words = name.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty());
    words.map(|w| w.split('@').next().unwrap_or_default().trim_matches(['<', '"'])).collect::<Vec<_>>().join(" ")
}

/// A relay that does not repeat a mail's headers in its events, but a field of its own (E9.11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Echo {
    /// None of these: it tells headers, or the envelope sender.
    #[default]
    Headers,
    /// Mailgun: `user-variables` of `X-Mailgun-Variables`.
    Mailgun,
    /// Postmark: `Metadata` of `X-PM-Metadata-…`.
    Postmark,
}

impl Echo {
    /// Returns how the relay with this host name repeats things.
    pub fn of_host(host: &str) -> Echo {
        let host = host.to_ascii_lowercase();
        let is_of = |domain: &str| host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        match () {
            () if is_of("mailgun.org") => Echo::Mailgun,
            () if is_of("postmarkapp.com") => Echo::Postmark,
            () => Echo::Headers,
        }
    }

    fn echoes(self, row: &str) -> Option<(&'static str, String)> {
        match self {
            Echo::Headers => None,
            Echo::Mailgun => Some(("X-Mailgun-Variables", format!("{{\"x-row\":\"{row}\"}}"))),
            Echo::Postmark => Some(("X-PM-Metadata-x-row", row.to_owned())),
        }
    }
}

/// A file that goes with a letter.
#[derive(Debug, Clone)]
pub struct File {
    /// The name to save it under.
    pub filename: String,
    /// The media type; what is no plain `type/subtype` becomes application/octet-stream.
    pub content_type: String,
    /// For an inline image the id that the HTML names by `cid:`, without angle brackets.
    pub content_id: Option<String>,
    /// Its bytes.
    pub bytes: Bytes,
}

/// All that stands in a letter. The envelope is not part of it.
#[derive(Debug, Clone)]
pub struct Letter {
    /// Its column of E8.1.
    pub form: Form,
    /// From.
    pub from: Sender,
    /// The signed reply address; None where the form has none, or the mailbox takes no tags.
    pub reply_to: Option<Address>,
    /// To: the requester, one agent or one user.
    pub to: Vec<Address>,
    /// Cc; of human replies only.
    pub cc: Vec<Address>,
    /// The whole subject line (`threading::subject_line` where it is about a ticket).
    pub subject: String,
    /// Message-ID, bare.
    pub message_id: String,
    /// In-Reply-To, bare.
    pub in_reply_to: Option<String>,
    /// References, bare, as `threading::references` gives them.
    pub references: Vec<String>,
    /// Date: when the mail was made, so that a retry is the same mail.
    pub date: Time,
    /// The text body.
    pub text: String,
    /// The HTML body.
    pub html: Option<String>,
    /// Files. One with a `content_id` that the HTML uses is shown in it, all others are attached (E8.4).
    pub files: Vec<File>,
    /// The value of X-Loop-Guard.
    pub loop_guard: String,
    /// Value of X-Row: names this delivery's row to us alone, where a relay replaces what else does (E9.11).
    pub row: Option<String>,
    /// Whose relay takes it, as far as that one must be told what to repeat in its events.
    pub relay: Echo,
    /// The one-click address (RFC 8058).
    pub list_unsubscribe: Option<String>,
    /// Thread-Index, if the answered mail has one.
    pub thread_index: Option<String>,
    /// Thread-Topic of the answered mail.
    pub thread_topic: Option<String>,
    /// Whether addresses may have letters outside ASCII before the `@`: the relay takes them (E8.7).
    pub utf8_addresses: bool,
}

/// A letter that cannot be composed: nothing of it may be queued.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ComposeError {
    /// A header's value cannot be written.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The letter has a header that its form must not have (E8.1).
    #[error("a letter of form {form:?} has no {header}")]
    NotOfThisForm { form: Form, header: &'static str },
    /// It has nobody to go to.
    #[error("a letter needs a recipient")]
    NoRecipient,
}

/// Returns the octets of the letter. The same letter always gives the same octets.
///
/// # Errors
/// See [`ComposeError`].
pub fn compose(letter: &Letter) -> Result<Vec<u8>, ComposeError> {
    let mut fields = Fields::new().with_utf8_addresses(letter.utf8_addresses);
    write_headers(&mut fields, letter)?;
    write_body(&mut fields, letter)?;
    Ok(fields.into_bytes())
}

fn write_headers(fields: &mut Fields, letter: &Letter) -> Result<(), ComposeError> {
    let rules = letter.form.rules();
    let present = [
        ("Reply-To", rules.reply_to, letter.reply_to.is_some()),
        ("Cc", rules.cc, !letter.cc.is_empty()),
        ("In-Reply-To", rules.threads, letter.in_reply_to.is_some()),
        ("References", rules.threads, !letter.references.is_empty()),
        ("Thread-Index", rules.threads, letter.thread_index.is_some() || letter.thread_topic.is_some()),
        ("List-Unsubscribe", rules.list_unsubscribe, letter.list_unsubscribe.is_some()),
    ];
    if let Some((header, ..)) = present.into_iter().find(|(_, allowed, there)| *there && !allowed) {
        return Err(ComposeError::NotOfThisForm { form: letter.form, header });
    }
    if letter.to.is_empty() {
        return Err(ComposeError::NoRecipient);
    }
    fields.text("Date", &letter.date.to_rfc2822())?;
    fields.addresses("From", std::slice::from_ref(letter.from.address()))?;
    fields.addresses("Reply-To", letter.reply_to.as_slice())?;
    fields.addresses("To", &letter.to)?;
    fields.addresses("Cc", &letter.cc)?;
    fields.text("Subject", &letter.subject)?;
    fields.ids("Message-ID", &[&letter.message_id])?;
    fields.ids("In-Reply-To", letter.in_reply_to.as_slice())?;
    fields.ids("References", &letter.references)?;
    if let Some(topic) = &letter.thread_topic {
        fields.text("Thread-Topic", topic)?;
    }
    if let Some(index) = &letter.thread_index {
        fields.word("Thread-Index", index)?;
    }
    if let Some(value) = rules.auto_submitted {
        fields.fixed("Auto-Submitted", value);
    }
    if rules.suppress {
        // Never "All": it holds back non-delivery reports, too (MS-OXCMAIL 2.1.3.2.20).
        fields.fixed("X-Auto-Response-Suppress", "OOF, AutoReply, DR, RN, NRN");
    }
    if rules.precedence_bulk {
        fields.fixed("Precedence", "bulk");
    }
    if let Some(url) = &letter.list_unsubscribe {
        fields.word("List-Unsubscribe", &format!("<{url}>"))?;
        if url.starts_with("https://") {
            fields.fixed("List-Unsubscribe-Post", "List-Unsubscribe=One-Click");
        }
    }
    fields.word("X-Loop-Guard", &letter.loop_guard)?;
    if let Some(row) = &letter.row {
        fields.word("X-Row", row)?;
        if let Some((name, value)) = letter.relay.echoes(row) {
            fields.word(name, &value)?;
        }
    }
    fields.fixed("MIME-Version", "1.0");
    Ok(())
}

/// `mixed(alternative(text, related(html, images)), files)`, as much of it as there is.
fn write_body(fields: &mut Fields, letter: &Letter) -> Result<(), ComposeError> {
    let html = letter.html.as_deref();
    let is_shown = |file: &&File| match (&file.content_id, html) {
        (Some(id), Some(html)) => names_cid(html, id),
        _ => false,
    };
    let (images, files): (Vec<&File>, Vec<&File>) = letter.files.iter().partition(is_shown);
    let boundaries = Boundaries::of(&letter.message_id);
    let content = |fields: &mut Fields| -> Result<(), ComposeError> {
        let Some(html) = html else {
            write_text(fields, "text/plain", &letter.text);
            return Ok(());
        };
        boundaries.open(fields, "alternative");
        boundaries.next(fields, "alternative");
        write_text(fields, "text/plain", &letter.text);
        boundaries.next(fields, "alternative");
        if images.is_empty() {
            write_text(fields, "text/html", html);
        } else {
            boundaries.open(fields, "related");
            boundaries.next(fields, "related");
            write_text(fields, "text/html", html);
            for image in &images {
                boundaries.next(fields, "related");
                write_file(fields, image, "inline")?;
            }
            boundaries.close(fields, "related");
        }
        boundaries.close(fields, "alternative");
        Ok(())
    };
    if files.is_empty() {
        return content(fields);
    }
    boundaries.open(fields, "mixed");
    boundaries.next(fields, "mixed");
    content(fields)?;
    for file in &files {
        boundaries.next(fields, "mixed");
        write_file(fields, file, "attachment")?;
    }
    boundaries.close(fields, "mixed");
    Ok(())
}

/// Whether the HTML shows the image: the whole id, not the start of another.
fn names_cid(html: &str, id: &str) -> bool {
    let url = format!("cid:{id}");
    html.match_indices(&url).any(|(at, _)| {
        let next = html[at + url.len()..].chars().next();
        next.is_none_or(|c| matches!(c, '"' | '\'' | '>' | ')' | '&') || c.is_whitespace())
    })
}

fn write_text(fields: &mut Fields, content_type: &str, text: &str) {
    fields.raw(&format!("Content-Type: {content_type}; charset=utf-8\r\n"));
    fields.raw("Content-Transfer-Encoding: quoted-printable\r\n\r\n");
    fields.body(|out| encode::quoted_printable(out, text));
}

fn write_file(fields: &mut Fields, file: &File, disposition: &'static str) -> Result<(), ComposeError> {
    check("Content-Type", &file.content_type)?;
    fields.raw(&format!("Content-Type: {}\r\n", media_type(&file.content_type)));
    fields.raw("Content-Transfer-Encoding: base64\r\n");
    if let Some(id) = file.content_id.as_ref().filter(|_| disposition == "inline") {
        fields.ids("Content-ID", &[id])?;
    }
    fields.disposition(disposition, &file.filename)?;
    fields.raw("\r\n");
    fields.body(|out| encode::base64(out, &file.bytes));
    Ok(())
}

/// Only `type/subtype` made of token characters; types that may not be base64 (RFC 2046 5.1, 5.2) are sent as files.
fn media_type(declared: &str) -> String {
    let essence = declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let token = |s: &str| {
        (1..=80).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
    };
    let fits = essence
        .split_once('/')
        .is_some_and(|(kind, subtype)| token(kind) && token(subtype) && !matches!(kind, "message" | "multipart"));
    if fits { essence } else { "application/octet-stream".to_owned() }
}

/// Boundaries that follow from the Message-ID. They cannot occur in a part: `=_` is in neither encoding.
struct Boundaries {
    stem: String,
}

impl Boundaries {
    fn of(message_id: &str) -> Self {
        Self { stem: crate::keys::base32(&Sha256::digest(message_id.as_bytes())[..10]) }
    }

    fn open(&self, fields: &mut Fields, kind: &str) {
        fields.raw(&format!("Content-Type: multipart/{kind};\r\n boundary=\"{}\"\r\n\r\n", self.text(kind)));
    }

    fn next(&self, fields: &mut Fields, kind: &str) {
        fields.raw(&format!("--{}\r\n", self.text(kind)));
    }

    fn close(&self, fields: &mut Fields, kind: &str) {
        fields.raw(&format!("--{}--\r\n", self.text(kind)));
    }

    fn text(&self, kind: &str) -> String {
        format!("=_{kind}_{}", self.stem)
    }
}

#[cfg(test)]
#[path = "compose_tests.rs"]
mod tests;
