//! Every form of letter is composed and read back by two other parsers (mail-parser; Python's, where there is one).

use super::*;
use mail_parser::{MessageParser, MimeHeaders};
use proptest::prelude::*;
use std::io::Write;
use std::process::{Command, Stdio};

fn address(name: &str, email: &str) -> Address {
    Address { name: Some(name.into()), email: email.into() }
}

/// A letter with every header that its form may have.
fn letter(form: Form) -> Letter {
    let rules = form.rules();
    let if_allowed = |allowed: bool, value: &str| allowed.then(|| value.to_owned());
    Letter {
        form,
        from: Sender::agent("Zoë Ünal", "Kaiwerk Hosting", "help@bücher.example"),
        reply_to: rules.reply_to.then(|| address("Kaiwerk Hosting", "help+abc@bücher.example")),
        to: vec![address("佐藤 美咲", "misaki@customer.example")],
        cc: if rules.cc { vec![address("Doe, John", "john@customer.example")] } else { vec![] },
        subject: "Re: Störung [KW-202611-0001]".into(),
        message_id: "reply.12.5.mac@help.example".into(),
        in_reply_to: if_allowed(rules.threads, "question@customer.example"),
        references: if rules.threads {
            vec!["t.5.mac@help.example".into(), "question@customer.example".into()]
        } else {
            vec![]
        },
        date: "2026-11-21T10:00:00Z".parse().unwrap(),
        text: "Grüße,\n\nall is well again.\n".into(),
        html: Some("<p>Grüße,</p><p>all is well <img src=\"cid:logo\"> again.</p>".into()),
        files: vec![
            File {
                filename: "Übersicht.pdf".into(),
                content_type: "application/pdf".into(),
                content_id: None,
                bytes: Bytes::from_static(b"%PDF-1.7\n\0\xff"),
            },
            File {
                filename: "logo.png".into(),
                content_type: "image/png".into(),
                content_id: Some("logo".into()),
                bytes: Bytes::from_static(b"\x89PNG"),
            },
            File {
                filename: "unused.png".into(),
                content_type: "image/png".into(),
                content_id: Some("lo".into()),
                bytes: Bytes::new(),
            },
        ],
        loop_guard: "instance.1.12.mac".into(),
        row: None,
        relay: Echo::Headers,
        list_unsubscribe: if_allowed(rules.list_unsubscribe, "https://help.example/u/opaque"),
        thread_index: if_allowed(rules.threads, "AdxQ"),
        thread_topic: if_allowed(rules.threads, "Störung"),
        utf8_addresses: false,
    }
}

fn assert_wire_safe(mail: &[u8]) {
    assert!(mail.is_ascii());
    let text = std::str::from_utf8(mail).unwrap();
    for line in text.split("\r\n") {
        assert!(line.len() <= 998, "{} octets", line.len());
        assert!(!line.contains(['\r', '\n', '\0']), "{line:?}");
    }
}

/// A form, the headers it must have (with a part of their value), and those it must not have.
type Column = (Form, &'static [(&'static str, &'static str)], &'static [&'static str]);

/// E8.1, written down a second time.
const COLUMNS: [Column; 7] = [
    (
        Form::Reply,
        &[
            ("reply-to", "help+abc@xn--bcher-kva.example"),
            ("cc", "john@"),
            ("in-reply-to", "<question@"),
            ("references", "<t.5.mac@"),
        ],
        &["auto-submitted", "x-auto-response-suppress", "precedence", "list-unsubscribe", "list-unsubscribe-post"],
    ),
    (
        Form::Ack,
        &[
            ("reply-to", "help+abc@"),
            ("auto-submitted", "auto-replied"),
            ("x-auto-response-suppress", "OOF, AutoReply, DR, RN, NRN"),
            ("precedence", "bulk"),
            ("in-reply-to", "<question@"),
            ("references", "<t.5.mac@"),
        ],
        &["cc", "list-unsubscribe", "list-unsubscribe-post"],
    ),
    (
        Form::RequesterNotice,
        &[
            ("reply-to", "help+abc@"),
            ("auto-submitted", "auto-generated"),
            ("x-auto-response-suppress", "OOF, AutoReply, DR, RN, NRN"),
            ("precedence", "bulk"),
            ("references", "<t.5.mac@"),
        ],
        &["cc", "list-unsubscribe", "list-unsubscribe-post"],
    ),
    (
        Form::AgentNotice,
        &[
            ("reply-to", "help+abc@"),
            ("auto-submitted", "auto-generated"),
            ("x-auto-response-suppress", "OOF, AutoReply, DR, RN, NRN"),
            ("precedence", "bulk"),
            ("list-unsubscribe", "<https://help.example/u/opaque>"),
            ("list-unsubscribe-post", "List-Unsubscribe=One-Click"),
        ],
        &["cc"],
    ),
    (
        Form::Digest,
        &[
            ("auto-submitted", "auto-generated"),
            ("x-auto-response-suppress", "OOF, AutoReply, DR, RN, NRN"),
            ("precedence", "bulk"),
            ("list-unsubscribe", "<https://"),
        ],
        &["cc", "reply-to"],
    ),
    (
        Form::Account,
        &[("auto-submitted", "auto-generated"), ("x-auto-response-suppress", "OOF, AutoReply, DR, RN, NRN")],
        &["cc", "reply-to", "precedence", "in-reply-to", "references", "list-unsubscribe", "thread-index"],
    ),
    (
        Form::Csat,
        &[
            ("reply-to", "help+abc@"),
            ("auto-submitted", "auto-generated"),
            ("x-auto-response-suppress", "OOF, AutoReply, DR, RN, NRN"),
            ("precedence", "bulk"),
            ("references", "<t.5.mac@"),
            ("list-unsubscribe", "<https://"),
        ],
        &["cc"],
    ),
];
const OF_ALL: [(&str, &str); 6] = [
    ("date", "Sat, 21 Nov 2026 10:00:00 +0000"),
    ("from", "<help@xn--bcher-kva.example>"),
    ("to", "<misaki@customer.example>"),
    ("message-id", "<reply.12.5.mac@help.example>"),
    ("mime-version", "1.0"),
    ("x-loop-guard", "instance.1.12.mac"),
];

/// E8.1.
#[test]
fn each_form_has_its_column_by_mail_parser() {
    for (form, present, absent) in COLUMNS {
        let mail = compose(&letter(form)).unwrap();
        assert_wire_safe(&mail);
        let parsed = MessageParser::new().parse(&mail).unwrap();
        let raw = |name: &str| {
            let mut all = parsed.headers_raw().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.trim());
            let first = all.next();
            assert!(all.next().is_none(), "{form:?}: {name} twice");
            first
        };
        for (name, expected) in OF_ALL.iter().chain(present) {
            assert!(raw(name).is_some_and(|v| v.contains(expected)), "{form:?}: {name}: {:?}", raw(name));
        }
        for name in absent {
            assert_eq!(raw(name), None, "{form:?}");
        }
        assert_eq!(parsed.subject(), Some("Re: Störung [KW-202611-0001]"));
        assert_eq!(parsed.from().unwrap().first().unwrap().name(), Some("Zoë Ünal – Kaiwerk Hosting"));
        assert_eq!(parsed.to().unwrap().first().unwrap().name(), Some("佐藤 美咲"));
        let files: Vec<_> =
            parsed.attachments().map(|p| (p.attachment_name().unwrap().to_owned(), p.contents().to_vec())).collect();
        let expected: Vec<_> = ["logo.png", "Übersicht.pdf", "unused.png"]
            .map(|name| letter(form).files.into_iter().find(|f| f.filename == name).unwrap())
            .map(|f| (f.filename, f.bytes.to_vec()))
            .into();
        assert_eq!(files, expected);
    }
}

/// Python's parser sees the same. Says so and passes where there is no python3.
/// E8.1.
#[test]
fn each_form_has_its_column_by_python() {
    const SCRIPT: &str = r#"
import sys, json, email, email.policy
mail = email.message_from_binary_file(sys.stdin.buffer, policy=email.policy.default)
defects = [repr(d) for part in mail.walk() for d in part.defects]
print(json.dumps({
    "headers": [[k.lower(), str(v)] for k, v in mail.items()],
    "types": [p.get_content_type() for p in mail.walk()],
    "files": [[p.get_filename(), p.get_content_disposition(), len(p.get_payload(decode=True))] for p in mail.walk() if p.get_filename()],
    "text": mail.get_body(("plain",)).get_content(),
    "html": mail.get_body(("html",)).get_content(),
    "defects": defects,
}))
"#;
    if Command::new("python3").arg("-V").output().map_or(true, |o| !o.status.success()) {
        println!("skipped: no python3 here");
        return;
    }
    for (form, present, absent) in COLUMNS {
        let mut python = Command::new("python3")
            .args(["-c", SCRIPT])
            .env("PYTHONIOENCODING", "utf-8")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        python.stdin.take().unwrap().write_all(&compose(&letter(form)).unwrap()).unwrap();
        let output = python.wait_with_output().unwrap();
        assert!(output.status.success());
        let seen: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let value = |name: &str| {
            seen["headers"].as_array().unwrap().iter().find(|h| h[0] == name).map(|h| h[1].as_str().unwrap().to_owned())
        };
        for (name, expected) in OF_ALL.iter().chain(present) {
            assert!(value(name).is_some_and(|v| v.contains(expected)), "{form:?}: {name}: {:?}", value(name));
        }
        for name in absent {
            assert_eq!(value(name), None, "{form:?}");
        }
        assert_eq!(seen["defects"], serde_json::json!([]), "{form:?}");
        assert_eq!(value("subject").unwrap(), "Re: Störung [KW-202611-0001]");
        assert!(value("from").unwrap().contains("Zoë Ünal – Kaiwerk Hosting"), "{:?}", value("from"));
        assert_eq!(seen["text"], "Grüße,\n\nall is well again.");
        let types = "multipart/mixed multipart/alternative text/plain multipart/related text/html image/png application/pdf image/png";
        assert_eq!(seen["types"], serde_json::json!(types.split(' ').collect::<Vec<_>>()));
        assert_eq!(
            seen["files"],
            serde_json::json!([
                ["logo.png", "inline", 4],
                ["Übersicht.pdf", "attachment", 11],
                ["unused.png", "attachment", 0]
            ])
        );
    }
}

#[test]
fn a_form_refuses_headers_that_are_not_its() {
    for form in Form::ALL {
        for (name, whole) in [("Reply-To", 0), ("Cc", 1), ("References", 2), ("List-Unsubscribe", 3)] {
            let mut l = letter(form);
            match whole {
                0 => l.reply_to = Some(address("x", "x@y.example")),
                1 => l.cc = vec![address("x", "x@y.example")],
                2 => l.references = vec!["a@b".into()],
                _ => l.list_unsubscribe = Some("https://x.example/".into()),
            }
            let rules = form.rules();
            let allowed = [rules.reply_to, rules.cc, rules.threads, rules.list_unsubscribe][whole];
            let expected = if allowed { Ok(()) } else { Err(ComposeError::NotOfThisForm { form, header: name }) };
            assert_eq!(compose(&l).map(|_| ()), expected, "{form:?}");
        }
    }
    assert_eq!(compose(&Letter { to: vec![], ..letter(Form::Ack) }), Err(ComposeError::NoRecipient));
}

/// T50 and E8.6: each field that holds text from outside.
#[test]
fn a_line_break_in_any_header_is_refused() {
    let evil = "x\r\nBcc: victim@example.org";
    let cases: [fn(&mut Letter, String); 12] = [
        |l, v| l.subject = v,
        |l, v| l.from = Sender(Address { name: Some(v), email: "a@b.example".into() }),
        |l, v| l.from = Sender(Address { name: None, email: format!("{v}@b.example") }),
        |l, v| l.reply_to = Some(Address { name: None, email: v }),
        |l, v| l.to[0].name = Some(v),
        |l, v| l.cc[0].email = v,
        |l, v| l.message_id = v,
        |l, v| l.references.push(v),
        |l, v| l.in_reply_to = Some(v),
        |l, v| l.thread_topic = Some(v),
        |l, v| l.files[0].filename = v,
        |l, v| l.files[0].content_type = v,
    ];
    for (n, set) in cases.iter().enumerate() {
        for evil in [evil, "x\nBcc: y", "x\ry", "x\0y"] {
            let mut l = letter(Form::Reply);
            set(&mut l, evil.into());
            assert!(matches!(compose(&l), Err(ComposeError::Header(HeaderError::LineBreak(_)))), "case {n}");
        }
    }
}

/// E8.2.
#[test]
fn senders_are_ours_and_hold_no_other_address() {
    let name = |s: Sender| s.address().name.clone().unwrap();
    assert_eq!(name(Sender::agent("Priya Raman", "Kaiwerk", "h@k.example")), "Priya Raman – Kaiwerk");
    assert_eq!(name(Sender::agent("", "Kaiwerk", "h@k.example")), "Kaiwerk");
    assert_eq!(name(Sender::via(Locale::En, "boss@bank.example", "Kaiwerk", "h@k.example")), "boss via Kaiwerk");
    assert_eq!(
        name(Sender::via(Locale::De, "Eve <eve@x.example>\r\n", "Kaiwerk", "h@k.example")),
        "Eve eve über Kaiwerk"
    );
}

/// E8.4.
#[test]
fn structure_is_as_small_as_it_can_be() {
    let shape = |html: Option<&str>, files: usize| {
        let l = Letter {
            html: html.map(str::to_owned),
            files: letter(Form::Reply).files.drain(..files).collect(),
            ..letter(Form::Reply)
        };
        let mail = String::from_utf8(compose(&l).unwrap()).unwrap();
        mail.lines()
            .filter_map(|l| l.strip_prefix("Content-Type: "))
            .map(|t| t.split(';').next().unwrap().to_owned())
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(shape(None, 0), "text/plain");
    assert_eq!(shape(Some("<p>x</p>"), 0), "multipart/alternative text/plain text/html");
    assert_eq!(shape(None, 1), "multipart/mixed text/plain application/pdf");
    assert_eq!(
        shape(Some("<img src='cid:logo2'>"), 2),
        "multipart/mixed multipart/alternative text/plain text/html application/pdf image/png"
    );
    assert_eq!(media_type("message/rfc822"), "application/octet-stream");
    assert_eq!(media_type("Text/CSV; charset=x"), "text/csv");
    assert_eq!(media_type("text"), "application/octet-stream");
}

/// E8.7.
#[test]
fn an_internationalised_local_part_is_refused_with_words() {
    let mut l = letter(Form::Reply);
    l.to[0].email = "jürgen@customer.example".into();
    assert_eq!(
        compose(&l).unwrap_err().to_string(),
        "To: the name before the @ has letters outside ASCII, which the relay does not take"
    );
}

proptest! {
    /// E8.4.
    #[test]
    fn any_letter_is_safe_and_comes_back(
        subject in "\\PC{0,80}", text in "(\\PC|[\n\t]){0,300}", html in prop::option::of("(\\PC|\n){0,300}"),
        name in "\\PC{0,40}", bytes in prop::collection::vec(any::<u8>(), 0..200), filename in "\\PC{1,60}",
    ) {
        let mut l = letter(Form::Reply);
        (l.subject, l.text, l.html) = (subject, text.clone(), html);
        l.to[0].name = Some(name);
        l.files = vec![File { filename, content_type: "application/zip".into(), content_id: None, bytes: bytes.clone().into() }];
        let mail = compose(&l).unwrap();
        assert_wire_safe(&mail);
        prop_assert_eq!(&mail, &compose(&l).unwrap());
        let parsed = MessageParser::new().parse(&mail).unwrap();
        let body = parsed.body_text(0).unwrap_or_default().replace("\r\n", "\n");
        prop_assert_eq!(body.trim_end_matches('\n'), text.trim_end_matches('\n'));
        let file = parsed.attachments().last().unwrap();
        prop_assert_eq!(file.contents(), &bytes);
    }
}
