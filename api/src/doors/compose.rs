//! A mail made from fields: the mock door's input becomes real MIME and goes the very same way as any other mail.
//!
//! Header values that hold line breaks are refused, so that no field can become another (header injection). Text
//! beyond ASCII is encoded (RFC 2047), bodies go as base64: what was given comes back byte for byte.

use crate::problem::FieldError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// The fields of a mail (DESIGN 6).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Draft {
    /// Who writes.
    pub from: Option<People>,
    /// To whom.
    pub to: Option<People>,
    /// With copies to.
    pub cc: Option<People>,
    /// Where answers go.
    pub reply_to: Option<People>,
    /// The subject; None: no such header.
    pub subject: Option<String>,
    /// The text body.
    pub text: Option<String>,
    /// The HTML body.
    pub html: Option<String>,
    /// Absent: one is made; empty: the mail has none.
    pub message_id: Option<String>,
    /// The Message-ID that it answers.
    pub in_reply_to: Option<OneOrMany>,
    /// The thread's Message-IDs.
    pub references: Option<OneOrMany>,
    /// The Date header as it is to stand; absent: now; empty: none.
    pub date: Option<String>,
    /// Further headers, which replace those of the fields above.
    pub headers: BTreeMap<String, OneOrMany>,
    /// Files.
    pub attachments: Vec<File>,
    /// MAIL FROM; None: not known.
    pub envelope_from: Option<String>,
    /// RCPT TO; empty: not known.
    pub envelope_to: Option<OneOrMany>,
}

/// One text or several.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl OneOrMany {
    /// Returns them as a list.
    pub fn list(self) -> Vec<String> {
        match self {
            OneOrMany::One(text) => vec![text],
            OneOrMany::Many(list) => list,
        }
    }
}

/// Addresses: as in a header, or one by one, each as text or as `{email, name}`.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum People {
    /// One.
    One(Person),
    /// Several.
    Many(Vec<Person>),
}

/// An address.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Person {
    /// As in a header: `Ann <ann@example.com>`, or several separated by commas.
    Text(String),
    /// In parts.
    Parts {
        /// The address.
        email: String,
        /// The display name.
        name: Option<String>,
    },
}

/// A file.
#[derive(Debug, Clone, Deserialize)]
pub struct File {
    /// Its name.
    pub filename: Option<String>,
    /// Its type.
    pub content_type: Option<String>,
    /// Its bytes.
    pub content_base64: String,
    /// Its Content-ID; makes it an inline part.
    pub content_id: Option<String>,
    /// Whether it is shown within the body.
    #[serde(default)]
    pub inline: bool,
}

/// Facts that the draft leaves open.
#[derive(Debug, Clone)]
pub struct Defaults {
    /// The Date header's value.
    pub date: String,
    /// The Message-ID, with angle brackets.
    pub message_id: String,
    /// What parts are separated by.
    pub boundary: String,
}

/// Builds the mail's bytes.
///
/// # Errors
/// What is wrong with which field.
pub fn build(draft: &Draft, defaults: &Defaults) -> Result<Vec<u8>, Vec<FieldError>> {
    let mut wrong = Vec::new();
    let mut head: Vec<(String, String)> = Vec::new();
    let mut add = |name: &str, value: String| head.push((name.to_owned(), value));
    let given = |v: &Option<String>, default: &str| v.clone().unwrap_or_else(|| default.to_owned());
    add("Date", given(&draft.date, &defaults.date));
    for (name, people) in [("From", &draft.from), ("To", &draft.to), ("Cc", &draft.cc), ("Reply-To", &draft.reply_to)] {
        if let Some(people) = people {
            add(name, people_value(people));
        }
    }
    if let Some(subject) = &draft.subject {
        add("Subject", encode_words(subject));
    }
    add("Message-ID", bracketed(&given(&draft.message_id, &defaults.message_id)));
    for (name, ids) in [("In-Reply-To", &draft.in_reply_to), ("References", &draft.references)] {
        if let Some(ids) = ids {
            let ids: Vec<String> = ids.clone().list().iter().map(|id| bracketed(id)).collect();
            add(name, ids.join(" "));
        }
    }
    for (name, values) in &draft.headers {
        if !is_header_name(name) {
            wrong.push(FieldError::new(format!("headers.{name}"), "invalid", "is no header's name"));
        }
        head.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        // As given: a test of odd headers must not be tidied up. Only line breaks are refused, below.
        head.extend(values.clone().list().into_iter().map(|v| (name.clone(), v)));
    }
    for (name, value) in &head {
        if value.contains(['\r', '\n', '\0']) {
            wrong.push(FieldError::new(field_of(name), "invalid", "must not hold line breaks"));
        }
    }
    let files = files(&draft.attachments, &mut wrong);
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let mut out = String::new();
    for (name, value) in head.iter().filter(|(_, value)| !value.is_empty()) {
        out.push_str(&format!("{name}: {value}\r\n"));
    }
    if !head.iter().any(|(n, _)| n.eq_ignore_ascii_case("mime-version")) {
        out.push_str("MIME-Version: 1.0\r\n");
    }
    let own_type = head.iter().any(|(n, _)| n.eq_ignore_ascii_case("content-type"));
    let body = body(draft, &files, &defaults.boundary);
    if own_type {
        // The caller says what the body is: it goes as it was given.
        out.push_str(&format!("\r\n{}", draft.text.as_deref().or(draft.html.as_deref()).unwrap_or_default()));
    } else {
        out.push_str(&body);
    }
    Ok(out.into_bytes())
}

struct Encoded<'a> {
    file: &'a File,
    base64: String,
}

fn files<'a>(all: &'a [File], wrong: &mut Vec<FieldError>) -> Vec<Encoded<'a>> {
    let mut out = Vec::new();
    for (i, file) in all.iter().enumerate() {
        let texts =
            [("filename", &file.filename), ("content_type", &file.content_type), ("content_id", &file.content_id)];
        for (name, text) in texts {
            if text.as_ref().is_some_and(|t| t.contains(['\r', '\n', '\0'])) {
                wrong.push(FieldError::new(format!("attachments[{i}].{name}"), "invalid", "must not hold line breaks"));
            }
        }
        let compact: String = file.content_base64.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        match STANDARD.decode(&compact) {
            Ok(bytes) => out.push(Encoded { file, base64: wrapped(&bytes) }),
            Err(_) => {
                wrong.push(FieldError::new(format!("attachments[{i}].content_base64"), "invalid", "is no base64"));
            }
        }
    }
    out
}

/// Headers of the body, blank line, body.
fn body(draft: &Draft, files: &[Encoded], boundary: &str) -> String {
    let inner = match (&draft.text, &draft.html) {
        (Some(text), Some(html)) => {
            let parts = [leaf("text/plain", text), leaf("text/html", html)];
            multipart("alternative", &format!("{boundary}-alt"), &parts)
        }
        (None, Some(html)) => leaf("text/html", html),
        (text, None) => leaf("text/plain", text.as_deref().unwrap_or_default()),
    };
    if files.is_empty() {
        return inner;
    }
    let mut parts = vec![inner];
    parts.extend(files.iter().map(file_part));
    multipart("mixed", boundary, &parts)
}

fn leaf(kind: &str, text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\n', "\r\n");
    let body = wrapped(text.as_bytes());
    format!("Content-Type: {kind}; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n{body}")
}

fn file_part(e: &Encoded) -> String {
    let kind = e.file.content_type.as_deref().unwrap_or("application/octet-stream");
    let inline = e.file.inline || e.file.content_id.is_some();
    let mut out = format!("Content-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: ");
    out.push_str(if inline { "inline" } else { "attachment" });
    if let Some(name) = &e.file.filename {
        out.push_str(&filename(name));
    }
    out.push_str("\r\n");
    if let Some(id) = &e.file.content_id {
        out.push_str(&format!("Content-ID: {}\r\n", bracketed(id)));
    }
    format!("{out}\r\n{}", e.base64)
}

fn multipart(kind: &str, boundary: &str, parts: &[String]) -> String {
    let mut out = format!("Content-Type: multipart/{kind}; boundary=\"{boundary}\"\r\n\r\n");
    for part in parts {
        out.push_str(&format!("--{boundary}\r\n{part}\r\n"));
    }
    out.push_str(&format!("--{boundary}--\r\n"));
    out
}

/// Base64 in lines of 76 (RFC 2045, 6.8).
fn wrapped(bytes: &[u8]) -> String {
    let text = STANDARD.encode(bytes);
    let mut out = String::with_capacity(text.len() + text.len() / 38 + 2);
    for (i, c) in text.chars().enumerate() {
        if i > 0 && i % 76 == 0 {
            out.push_str("\r\n");
        }
        out.push(c);
    }
    out
}

/// A file's name: plain, or RFC 2231 where it is beyond ASCII or holds what ends a quoted string.
fn filename(name: &str) -> String {
    if name.bytes().all(|b| (0x20..0x7f).contains(&b) && b != b'"' && b != b'\\') {
        return format!("; filename=\"{name}\"");
    }
    let mut out = String::from("; filename*=utf-8''");
    for b in name.bytes() {
        match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_' => out.push(b as char),
            _ => out.push_str(&format!("%{b:02X}")),
        }
    }
    out
}

fn people_value(people: &People) -> String {
    let all = match people {
        People::One(one) => std::slice::from_ref(one),
        People::Many(many) => many.as_slice(),
    };
    let texts: Vec<String> = all.iter().map(person_value).collect();
    texts.join(", ")
}

fn person_value(person: &Person) -> String {
    match person {
        Person::Parts { email, name: None } => email.clone(),
        Person::Parts { email, name: Some(name) } => format!("{} <{email}>", phrase(name)),
        Person::Text(text) if text.is_ascii() => text.clone(),
        // `Jürgen Müller <j@example.com>`: only the name can be encoded.
        Person::Text(text) => match text.rsplit_once('<') {
            Some((name, rest)) if !text.contains(',') => {
                format!("{} <{rest}", phrase(name.trim().trim_matches('"')))
            }
            _ => text.clone(),
        },
    }
}

/// A display name: quoted, or encoded beyond ASCII (RFC 2047, 5).
fn phrase(name: &str) -> String {
    if !name.is_ascii() {
        return encode_words(name);
    }
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}

/// ASCII as it is; else base64 encoded-words of at most 75 characters, cut between characters (RFC 2047, 2).
fn encode_words(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    let mut words = Vec::new();
    let mut chunk = String::new();
    for c in text.chars() {
        if chunk.len() + c.len_utf8() > 42 {
            words.push(std::mem::take(&mut chunk));
        }
        chunk.push(c);
    }
    words.push(chunk);
    let words: Vec<String> = words.iter().map(|w| format!("=?utf-8?B?{}?=", STANDARD.encode(w))).collect();
    words.join(" ")
}

fn bracketed(id: &str) -> String {
    let id = id.trim();
    if id.is_empty() || id.starts_with('<') { id.to_owned() } else { format!("<{id}>") }
}

fn is_header_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| (0x21..0x7f).contains(&b) && b != b':')
}

/// The field that a header was made from.
fn field_of(header: &str) -> String {
    match header.to_ascii_lowercase().as_str() {
        known @ ("from" | "to" | "cc" | "subject" | "date" | "references") => known.to_owned(),
        "reply-to" => "reply_to".to_owned(),
        "message-id" => "message_id".to_owned(),
        "in-reply-to" => "in_reply_to".to_owned(),
        _ => format!("headers.{header}"),
    }
}

/// Reads a draft from JSON.
///
/// # Errors
/// 422 naming the field.
pub fn read(value: Value) -> Result<Draft, crate::problem::Problem> {
    crate::extract::json::from_value(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn made(value: Value) -> Result<String, Vec<FieldError>> {
        let defaults = Defaults {
            date: "Sat, 21 Nov 2026 10:00:00 +0000".to_owned(),
            message_id: "<made@mock.test>".to_owned(),
            boundary: "b0".to_owned(),
        };
        build(&read(value).unwrap(), &defaults).map(|b| String::from_utf8(b).unwrap())
    }

    #[test]
    fn a_plain_mail() {
        let mail =
            made(json!({"from": "ann@example.com", "to": "desk@example.org", "subject": "Hi", "text": "One\nTwo"}));
        insta::assert_snapshot!(mail.unwrap().replace("\r\n", "\n"));
    }

    /// E10.4.
    #[test]
    fn everything_at_once() {
        let mail = made(json!({
            "from": {"email": "j@example.com", "name": "Jürgen \"J\" Müller"},
            "to": ["Desk <desk@example.org>", {"email": "b@example.org", "name": "B, C"}],
            "subject": "Grüße ✉ und noch viel mehr Text, als in ein Wort passen würde",
            "text": "t", "html": "<p>t</p>",
            "in_reply_to": "a@x", "references": ["<r@x>", "a@x"],
            "headers": {"X-Test": ["1", "2"], "subject": "overridden"},
            "attachments": [{"filename": "Übung.txt", "content_type": "text/plain", "content_base64": "aGk="}],
        }));
        insta::assert_snapshot!(mail.unwrap().replace("\r\n", "\n"));
    }

    /// E8.6, E10.4.
    #[test]
    fn a_field_cannot_become_another() {
        let wrong = made(json!({
            "from": "a@x\r\nBcc: b@x", "subject": "s\nX: y", "headers": {"X-A": "1\r\n\r\nbody", "X B": "1"},
            "attachments": [{"filename": "a\r\nb", "content_base64": "%%%"}],
        }))
        .unwrap_err();
        let fields: Vec<&str> = wrong.iter().map(|e| e.field.as_str()).collect();
        let expected = [
            "headers.X B",
            "from",
            "subject",
            "headers.X-A",
            "attachments[0].filename",
            "attachments[0].content_base64",
        ];
        assert_eq!(fields, expected);
    }

    #[test]
    fn a_mail_may_lack_ids_and_dates() {
        let mail = made(json!({"from": "a@x", "message_id": "", "date": ""})).unwrap();
        assert!(!mail.contains("Message-ID") && !mail.contains("Date"));
    }
}
