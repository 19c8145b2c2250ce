//! How mail of many clients, servers and languages is read: cases of our own in `shared/tests/reading`. To add one, write
//! it there as the client writes it.

use shared::mail_in::classify::{Ours, classify};
use shared::mail_in::parse::parse;
use shared::mail_in::types::{Facts, Mail};
use std::fmt::Write;

/// An instance that knows nothing: no mail is its own.
pub struct Nobody;

impl Ours for Nobody {
    fn is_our_message_id(&self, _: &str) -> bool {
        false
    }
    fn is_our_loop_guard(&self, _: &str) -> bool {
        false
    }
    fn is_our_mailbox(&self, _: &str) -> bool {
        false
    }
}

/// A case: its name, the subject it gives, the text, what is to be found.
struct Case<'a> {
    name: &'a str,
    subject: &'a str,
    text: &'a str,
    wanted: &'a str,
}

fn cases(file: &str) -> Vec<Case<'_>> {
    let cases: Vec<Case<'_>> = file
        .split("@@@@ ")
        .skip(1)
        .map(|case| {
            let (head, rest) = case.split_once('\n').expect("a name on its own line");
            let (name, subject) = head.split_once("subject=").unwrap_or((head, "Re: x"));
            let (text, wanted) = rest.split_once("\n==>\n").expect("==> before what is wanted");
            Case { name: name.trim(), subject, text, wanted: wanted.trim_end() }
        })
        .collect();
    assert!(cases.len() > 10, "the file holds cases");
    cases
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The case's text as the body of a plain mail, with LF and with CRLF.
fn mails(case: &Case<'_>) -> [Mail; 2] {
    let kind = if case.text.trim_start().starts_with('<') { "text/html" } else { "text/plain" };
    let raw = format!(
        "From: a@b.example\nTo: support@desk.example\nSubject: {}\nMIME-Version: 1.0\n\
         Content-Type: {kind}; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{}\n",
        case.subject, case.text
    );
    [parse(raw.as_bytes()), parse(raw.replace('\n', "\r\n").as_bytes())]
}

/// Fails with every case that differs.
fn all(file: &str, found: impl Fn(&Case<'_>) -> Vec<String>) {
    let mut wrong = String::new();
    for case in cases(file) {
        for got in found(&case) {
            if squeezed(&got) != squeezed(case.wanted) {
                let _ = writeln!(wrong, "{}:\n  found  {got:?}\n  wanted {:?}", case.name, case.wanted);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// E7.3, E7.4, E7.6, E7.7, T46, T47: the clients' and languages' ways of quoting and signing.
#[test]
fn replies_show_what_is_new() {
    all(include_str!("../reading/replies.txt"), |case| mails(case).map(|mail| mail.visible_text).into());
}

/// E6.2, E7.5: author, subject, text and note of forwards, by client and language.
#[test]
fn forwards_are_taken_apart() {
    all(include_str!("../reading/forwards.txt"), |case| {
        let shown = |mail: Mail| {
            let f = mail.forward.unwrap_or_default();
            let body = squeezed(&f.body);
            format!("{:?} {:?} {:?} body={body:?} message={:?}", f.from_name, f.from_email, f.subject, f.message)
        };
        mails(case).map(shown).into()
    });
}

/// E5.3, E5.9, E9.12: reports in prose with recipient, status and kind; automatic answers; and people who only speak
/// of them.
#[test]
fn reports_and_automatic_answers_are_told_from_people() {
    all(include_str!("../reading/reports.txt"), |case| {
        let mail = parse(case.text.as_bytes());
        let found = classify(&mail, &Facts::default(), &Nobody);
        let mut shown = format!("class={} ", found.class);
        for b in &mail.bounces {
            let _ = write!(shown, "[{:?} {} {:?} {}]", b.recipient, b.action, b.status, b.kind);
        }
        if found.flags.contains(&"auto_suspect") {
            shown.push_str("auto_suspect");
        }
        vec![shown]
    });
}
