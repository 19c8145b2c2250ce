use super::*;

fn names(mail: &Mail) -> Vec<&str> {
    mail.parts.iter().map(|p| p.filename.as_str()).collect()
}

fn multipart(kind: &str, parts: &[&str]) -> Mail {
    let body: String = parts.iter().map(|p| format!("--b\r\n{p}\r\n")).collect();
    parse(format!("From: a@b.example\r\nContent-Type: multipart/{kind}; boundary=b\r\n\r\n{body}--b--\r\n").as_bytes())
}

const TEXT: &str = "Content-Type: text/plain; charset=utf-8\r\n\r\nhello";
const HTML: &str = "Content-Type: text/html\r\n\r\n<p>hello <b>you</b></p>";
const IMAGE: &str =
    "Content-Type: image/png\r\nContent-ID: <i@x>\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo=";

#[test]
fn single_text() {
    let mail = parse(b"From: a@b.example\nSubject: s\n\nhello\n");
    assert_eq!((mail.body_text.as_str(), mail.body_html, mail.parts.len()), ("hello\n", None, 0));
    assert_eq!(mail.visible_text, "hello");
    assert_eq!(mail.content_types, ["text/plain"]);
}

/// E2.6.
#[test]
fn html_only_is_derived() {
    let mail = parse(format!("From: a@b.example\r\n{HTML}").as_bytes());
    assert_eq!(mail.body_text, "hello you");
    assert!(mail.body_html.is_some() && mail.flags.contains(&"text_derived".to_owned()));
}

#[test]
fn alternative_and_empty_text() {
    let mail = multipart("alternative", &[TEXT, HTML]);
    assert_eq!((mail.body_text.trim(), mail.parts.len()), ("hello", 0));
    let mail = multipart("alternative", &["Content-Type: text/plain\r\n\r\n", HTML]);
    assert_eq!(mail.body_text, "hello you");
}

/// E2.7.
#[test]
fn what_hides_in_an_alternative_is_listed() {
    let mail = multipart(
        "alternative",
        &[TEXT, "Content-Type: text/calendar\r\n\r\nBEGIN:VCALENDAR", "Content-Type: text/x-amp-html\r\n\r\n<html>"],
    );
    assert_eq!(names(&mail), ["part-2.ics", "part-3.bin"]);
}

/// E2.6.
#[test]
fn mixed_in_order() {
    let mail = multipart("mixed", &[TEXT, IMAGE, "Content-Type: text/plain\r\n\r\nbye"]);
    assert_eq!(mail.body_text.split_whitespace().collect::<Vec<_>>(), ["hello", "bye"]);
    assert_eq!((names(&mail), mail.parts[0].bytes.as_slice()), (vec!["part-2.png"], &b"\x89PNG\r\n\x1a\n"[..]));
}

/// E2.7.
#[test]
fn named_and_attached_texts_are_files() {
    let named = "Content-Type: text/plain; name=notes.txt\r\n\r\nx";
    let attached = "Content-Type: text/html\r\nContent-Disposition: attachment\r\n\r\nx";
    let mail = multipart("mixed", &[TEXT, named, attached]);
    assert_eq!((mail.body_text.trim(), names(&mail)), ("hello", vec!["notes.txt", "part-3.html"]));
}

/// E12.5.
#[test]
fn related_images_are_inline() {
    let mail = multipart("related", &[HTML, IMAGE]);
    assert_eq!((mail.parts[0].inline, mail.parts[0].content_id.as_deref()), (true, Some("i@x")));
}

/// E2.9.
#[test]
fn enclosed_messages_are_eml_files() {
    let plain = "Content-Type: message/rfc822\r\n\r\nFrom: x@y.example\r\nSubject: inner\r\n\r\nhi";
    let encoded = "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nU3ViamVjdDogeAoKaGk=";
    let mail = multipart("mixed", &[TEXT, plain, encoded]);
    assert_eq!(names(&mail), ["message-2.eml", "message-3.eml"]);
    assert_eq!(mail.parts[1].bytes, b"Subject: x\n\nhi");
    assert_eq!(mail.subject, "");
    let digest = multipart("digest", &["\r\nSubject: one\r\n\r\nhi"]);
    assert_eq!(digest.parts[0].content_type, "message/rfc822");
}

/// E2.12.
#[test]
fn signed_and_encrypted() {
    let mail = multipart("signed", &[TEXT, "Content-Type: application/pgp-signature\r\n\r\nsig"]);
    assert_eq!((mail.body_text.trim(), names(&mail)), ("hello", vec!["part-2.asc"]));
    let mail = multipart(
        "encrypted",
        &[
            "Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1",
            "Content-Type: application/octet-stream\r\n\r\nxx",
        ],
    );
    assert_eq!((mail.body_text.as_str(), mail.parts.len()), (ENCRYPTED, 2));
}

#[test]
fn boundaries_that_begin_alike() {
    let mail = parse(
        b"Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/alternative; boundary=ab\n\n--ab\n\none --a --ab\n--ab--\n--a\n\ntwo\n--a--\n",
    );
    assert_eq!(mail.body_text.split_whitespace().collect::<Vec<_>>(), ["one", "--a", "--ab", "two"]);
    assert!(mail.defects.is_empty());
}

/// E2.13.
#[test]
fn broken_boundaries() {
    let open = parse(b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\nhello\n");
    assert_eq!((open.body_text.trim(), open.defects), ("hello", vec!["no_closing_boundary".to_owned()]));
    let wrong =
        parse(b"Content-Type: multipart/mixed; boundary=x\n\n--real\nContent-Type: text/plain\n\nhello\n--real--\n");
    assert_eq!((wrong.body_text.as_str(), wrong.defects), ("hello", vec!["wrong_boundary".to_owned()]));
    let none = parse(b"Content-Type: multipart/mixed\n\nhello\n");
    assert_eq!((none.body_text.as_str(), none.defects), ("hello\n", vec!["no_boundary".to_owned()]));
}

/// E2.13.
#[test]
fn wrong_encodings() {
    let mail = parse(b"Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\naGVsbG8*=");
    assert_eq!((mail.body_text.as_str(), mail.defects), ("hello", vec!["bad_base64".to_owned()]));
}

#[test]
fn bare_carriage_returns_and_mbox_line() {
    let mail = parse(b"From jane Mon Nov  2 10:00:00 2026\rFrom: a@b.example\rSubject: s\r\rhello\r");
    assert_eq!((mail.subject.as_str(), mail.body_text.as_str()), ("s", "hello\n"));
}

/// E2.4.
#[test]
fn several_from_and_none() {
    let mail = parse(b"From: a@b.example, c@d.example\nCc: e@f.example\n\nx");
    assert_eq!(mail.from.unwrap().email, "a@b.example");
    assert_eq!(mail.cc.iter().map(|a| a.email.as_str()).collect::<Vec<_>>(), ["c@d.example", "e@f.example"]);
    assert_eq!(parse(b"Sender: s@b.example\nSubject: x\n\nx").from.unwrap().email, "s@b.example");
    assert_eq!(parse(b"Return-Path: <r@b.example>\nSubject: x\n\nx").from.unwrap().email, "r@b.example");
    assert!(parse(b"Subject: x\n\nx").flags.contains(&"no_from".to_owned()));
}

#[test]
fn headers_are_decoded_and_in_order() {
    let mail =
        parse(b"Subject: =?utf-8?Q?caf=C3?= =?utf-8?Q?=A9?=\nX-A: 1\n 2\nx-a: 3\nMessage-ID: <A@B.Example>\n\nx");
    assert_eq!(mail.subject, "café");
    assert_eq!(mail.header_all("x-a").collect::<Vec<_>>(), ["1 2", "3"]);
    assert_eq!(mail.message_id.as_deref(), Some("A@b.example"));
}

/// E2.1.
#[test]
fn charsets() {
    let mail = parse(b"Subject: Gr\xfc\xdfe\nContent-Type: text/plain; charset=x-unknown\n\nGr\xfc\xdfe\0");
    assert_eq!((mail.subject.as_str(), mail.body_text.as_str()), ("Grüße", "Grüße\u{fffd}"));
    assert!(mail.flags.contains(&"guessed_charset".to_owned()));
}

/// E2.3.
#[test]
fn dates() {
    assert_eq!(
        parse(b"Date: Mon, 2 Nov 2026 10:00:00 +0100\n\nx").date.unwrap().to_rfc3339(),
        "2026-11-02T09:00:00+00:00"
    );
    assert!(parse(b"Date: soon\n\nx").flags.contains(&"no_date".to_owned()));
}

/// E10.9.
#[test]
fn limits() {
    let deep: String = (0..30).map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n")).collect();
    assert!(parse(deep.as_bytes()).flags.contains(&"limit:depth".to_owned()));
    let wide = format!("Content-Type: multipart/mixed; boundary=b\n\n{}", "--b\n\nx\n".repeat(1100));
    assert!(parse(wide.as_bytes()).flags.contains(&"limit:parts".to_owned()));
    let long = format!("Subject: {}\nFrom: a@b.example\n\nx", "s".repeat(100_000));
    let mail = parse(long.as_bytes());
    assert!(mail.flags.contains(&"limit:headers".to_owned()) && mail.subject.len() <= 65_536);
    assert_eq!(mail.body_text, "x");
}

/// E9.11.
#[test]
fn machine_readable_bounce() {
    let status = "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\nFinal-Recipient: rfc822; a@b.example\r\n\
        Action: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 no such user\r\n\r\n\
        Final-Recipient: rfc822; c@b.example\r\nAction: delayed\r\nStatus: 4.4.1\r\n";
    let original = "Content-Type: text/rfc822-headers\r\n\r\nMessage-ID: <o@O.example>\r\nSubject: s\r\n";
    let mail = multipart("report; report-type=delivery-status", &[TEXT, status, original]);
    let read: Vec<_> = mail
        .bounces
        .iter()
        .map(|b| (b.recipient.as_deref().unwrap(), b.action.as_str(), b.status.as_deref().unwrap(), b.kind.as_str()))
        .collect();
    assert_eq!(read, [("a@b.example", "failed", "5.1.1", "hard"), ("c@b.example", "delayed", "4.4.1", "delayed")]);
    assert_eq!(mail.reported_message_id.as_deref(), Some("o@o.example"));
    assert_eq!(mail.report_type.as_deref(), Some("delivery-status"));
}

/// E5.3, E9.12.
#[test]
fn bounce_in_prose() {
    let mail = parse(
        b"From: MAILER-DAEMON@mx.example\nSubject: failure notice\n\nI wasn't able to deliver your message.\n\n<a@b.example>:\n\
          550 5.2.2 mailbox full\n\n<c@b.example>:\nHost unknown\n\n--- Below this line is a copy of the message.\n\nMessage-ID: <o@o.example>\nTo: a@b.example\n",
    );
    let read: Vec<_> =
        mail.bounces.iter().map(|b| (b.recipient.as_deref().unwrap(), b.status.as_deref(), b.kind.as_str())).collect();
    assert_eq!(read, [("a@b.example", Some("5.2.2"), "soft"), ("c@b.example", None, "hard")]);
    assert_eq!(mail.reported_message_id.as_deref(), Some("o@o.example"));
}

/// E6.2.
#[test]
fn forwards() {
    let mail = parse("Subject: WG: Rechnung\nFrom: a@b.example\nContent-Type: text/plain; charset=utf-8\n\nSiehe unten.\n\nVon: Jane Doe <jane@c.example>\nGesendet: Montag\nAn: a@b.example\nBetreff: Rechnung\n\nHallo\n".as_bytes());
    let forward = mail.forward.unwrap();
    assert_eq!(
        (forward.from_email.as_deref(), forward.from_name.as_deref()),
        (Some("jane@c.example"), Some("Jane Doe"))
    );
    assert_eq!(
        (forward.subject.as_deref(), forward.body.as_str(), forward.message.as_str()),
        (Some("Rechnung"), "Hallo", "Siehe unten.")
    );
    assert!(mail.visible_text.contains("Hallo"));
    let attached = multipart(
        "mixed",
        &[TEXT, "Content-Type: message/rfc822\r\n\r\nFrom: Jane <jane@c.example>\r\nSubject: inner\r\n\r\nhi"],
    );
    assert_eq!(attached.forward.unwrap().from_email.as_deref(), Some("jane@c.example"));
    let answer = parse(b"Subject: Re: x\nFrom: a@b.example\n\nNew.\n\nFrom: Jane <j@c.example>\nSent: Monday\nTo: a@b.example\nSubject: x\n\nold\n");
    assert_eq!((answer.forward, answer.visible_text.as_str()), (None, "New."));
}

/// E1.4, E10.9.
#[test]
fn hostile_input_is_cheap() {
    let html = |s: String| format!("From: a@b.example\nContent-Type: text/html\n\n{s}");
    let text = |s: String| format!("From: a@b.example\nSubject: failure notice\n\n{s}");
    for (name, raw) in [
        ("nested divs", html("<div>".repeat(100_000))),
        ("open quotes", html("<a href=\"".repeat(20_000))),
        ("open heads", html("<head></".repeat(20_000))),
        ("long line", text("x".repeat(5 << 20))),
        ("attributions", text("On 2 Nov 2026 Jane\n".repeat(10_000))),
        ("labels", text("From: x\nTo: y\n".repeat(10_000))),
        ("interleaved", text("> q\nx\n".repeat(20_000))),
        ("delimiters", text("-- \nx\n".repeat(20_000))),
        ("uuencoded", text("begin 644 x\n#0V%T\n".repeat(10_000))),
        ("encoded-words", format!("Subject: {}\n\nx", "=?a?Q?".repeat(10_000))),
        (
            "multiparts",
            format!(
                "Content-Type: multipart/mixed; boundary=b\n\n{}",
                "--b\nContent-Type: multipart/mixed; boundary=b\n\n".repeat(10_000)
            ),
        ),
    ] {
        let started = std::time::Instant::now();
        parse(raw.as_bytes());
        assert!(started.elapsed().as_secs() < 5, "{name} took {:?}", started.elapsed());
    }
}

/// E2.13, T17: blanks and lines of blanks before the header, a boundary that begins another one, text that is not the
/// base64 it claims to be, a boundary that only ever closes.
#[test]
fn oddities_that_lose_nothing() {
    let mail = parse(b"   \t \r\n \r\nFrom: a@b.example\r\nSubject: s\r\n\r\nhello\r\n");
    assert_eq!((mail.subject.as_str(), mail.flags.contains(&"degraded".to_owned())), ("s", false));
    let mail = parse(
        b"Content-Type: multipart/mixed; boundary=\"a\"\n\n--a\nContent-Type: multipart/mixed; boundary=\"a--\"\n\n--a--\n\
          Content-Type: text/plain\n\nbody\n--a----\n--a--\n",
    );
    assert_eq!((mail.body_text.trim(), mail.parts.len()), ("body", 0));
    let mail = parse(b"From: a@b.example\nContent-Transfer-Encoding: base64\n\nHello w\xc3\xb6rld, this is text.\n");
    assert!(mail.body_text.starts_with("Hello wörld") && mail.defects.contains(&"bad_base64".to_owned()));
    let mail = parse(b"From: a@b.example\nContent-Type: multipart/mixed; boundary=x\n\nkept words\n--x--\n");
    assert!(mail.body_text.contains("kept words"), "{:?}", mail.body_text);
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// E2.10, T15: winmail.dat with an empty text gives its files and its text, and stays; a broken one changes nothing.
#[test]
fn winmail_dat() {
    let stream = crate::mail_in::unpack::tnef::tests::stream();
    let part = |bytes: &[u8]| {
        format!(
            "Content-Type: application/ms-tnef; name=winmail.dat\r\nContent-Transfer-Encoding: base64\r\n\r\n{}",
            base64(bytes)
        )
    };
    let mail = multipart("mixed", &["Content-Type: text/plain\r\n\r\n", &part(&stream)]);
    assert_eq!(names(&mail), ["winmail.dat", "short.txt", "Отчёт за март.pdf"]);
    assert_eq!(mail.parts[1].unpacked_from.as_deref(), Some("winmail.dat"));
    assert_eq!(mail.body_text.trim(), "Grüße aus Outlook");
    let mail = multipart("mixed", &[TEXT, &part(&stream)]);
    assert_eq!(mail.body_text.trim(), "hello");
    let mail = multipart("mixed", &[TEXT, &part(&stream[..40])]);
    assert_eq!((names(&mail), mail.body_text.trim()), (vec!["winmail.dat"], "hello"));
    assert!(mail.defects.contains(&"bad_tnef".to_owned()));
    let mail = multipart("mixed", &[TEXT, &part(b"no tnef at all")]);
    assert_eq!((names(&mail), mail.defects.len()), (vec!["winmail.dat"], 0));
}

/// E2.12, T16: an opaque signature is unwrapped, its file stays; what is encrypted is a placeholder with its parts.
#[test]
fn opaque_signature_and_encryption() {
    let inner =
        format!("Content-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\n{TEXT}\r\n--i\r\n{IMAGE}\r\n--i--\r\n");
    let smime = |kind: &str, bytes: &[u8]| {
        parse(
            format!(
                "From: a@b.example\r\nContent-Type: application/pkcs7-mime; smime-type={kind}; name=smime.p7m\r\n\
                 Content-Transfer-Encoding: base64\r\n\r\n{}\r\n",
                base64(bytes)
            )
            .as_bytes(),
        )
    };
    let mail = smime("signed-data", &crate::mail_in::unpack::cms::tests::signed(inner.as_bytes()));
    assert_eq!((mail.body_text.trim(), mail.body_leaves), ("hello", 0));
    assert_eq!(names(&mail), ["part-3.png", "smime.p7m"]);
    assert_eq!(mail.parts[0].unpacked_from.as_deref(), Some("smime.p7m"));
    assert!(mail.flags.contains(&"signed".to_owned()) && !mail.flags.contains(&"encrypted".to_owned()));
    let mut enveloped = crate::mail_in::unpack::cms::tests::signed(b"x");
    let at = enveloped.windows(2).position(|w| w == [7, 2]).unwrap();
    enveloped[at + 1] = 3;
    let mail = smime("enveloped-data", &enveloped);
    assert_eq!((mail.body_text.as_str(), names(&mail)), (ENCRYPTED, vec!["smime.p7m"]));
    assert!(mail.flags.contains(&"encrypted".to_owned()));
    let mail = parse(b"From: a@b.example\n\n-----BEGIN PGP MESSAGE-----\n\nabc\n-----END PGP MESSAGE-----\n");
    assert!(mail.flags.contains(&"encrypted".to_owned()) && mail.body_text.contains("abc"));
}

/// E2.1: "view as…" another charset.
#[test]
fn another_charset_by_choice() {
    let raw =
        b"From: a@b.example\nSubject: \xcf\xf0\xe8\nContent-Type: text/plain; charset=iso-8859-1\n\n\xcf\xf0\xe8\n";
    assert_eq!(parse(raw).body_text, "Ïðè\n");
    let mail = parse_as(raw, "windows-1251").unwrap();
    assert_eq!((mail.body_text.as_str(), mail.subject.as_str()), ("При\n", "При"));
    assert!(parse_as(raw, "nonsense").is_none());
}

/// E1.4, E1.5: a parser that panics leaves a degraded mail, and the next one is fine.
#[test]
fn a_panic_degrades_one_mail() {
    let mail = parse(b"From: a@b.example\nSubject: s\nX-Postroom-Test-Panic: parse\n\nkept\n");
    assert!(mail.flags.contains(&"degraded".to_owned()));
    assert_eq!((mail.subject.as_str(), mail.body_text.as_str(), names(&mail)), ("s", "kept\n", vec!["original.eml"]));
    assert!(!parse(b"From: a@b.example\nSubject: s\n\nfine\n").flags.contains(&"degraded".to_owned()));
}

/// T49, E1.4, E7.9: read to the end on a small stack, nothing trimmed, nothing lost.
#[test]
fn t49_huge_lines_and_deep_trees_are_whole() {
    let line = format!("{} end", "x".repeat(5 << 20));
    let nested = format!("{}deep words{}", "<div>".repeat(100_000), "</div>".repeat(100_000));
    let read = move || {
        let text = parse(format!("From: a@b.example\nMessage-ID: <1@b.example>\n\nNew.\n> {line}\n").as_bytes());
        let html = parse(format!("From: a@b.example\nContent-Type: text/html\n\n<p>New.</p>{nested}").as_bytes());
        (text, html)
    };
    let small = std::thread::Builder::new().stack_size(512 * 1024).spawn(read).unwrap();
    let (text, html) = small.join().expect("no overflow");
    assert_eq!(text.visible_text, text.body_text.trim());
    assert!(text.visible_text.ends_with(" end") && text.visible_text.len() > 5 << 20, "{}", text.visible_text.len());
    assert!(!text.flags.iter().chain(&html.flags).any(|f| f == "degraded"));
    assert_eq!(html.visible_text.split_whitespace().collect::<Vec<_>>(), ["New.", "deep", "words"]);
}
