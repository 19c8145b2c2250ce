//! Each property writes a field and reads it back with another parser.

use super::*;
use mail_parser::MessageParser;
use proptest::prelude::*;

fn written(write: impl FnOnce(&mut Fields)) -> String {
    let mut fields = Fields::new();
    write(&mut fields);
    fields.raw("\r\nbody\r\n");
    String::from_utf8(fields.into_bytes()).unwrap()
}

fn assert_lines(mail: &str, longest: usize) {
    assert!(mail.is_ascii());
    for line in mail.split("\r\n") {
        assert!(line.len() <= longest, "{} octets: {line}", line.len());
        assert!(!line.contains(['\r', '\n']), "{line:?}");
        assert!(line.is_empty() || !line.trim().is_empty(), "a line of white space in {mail:?}");
    }
}

fn subject_of(mail: &str) -> String {
    MessageParser::new().parse(mail.as_bytes()).unwrap().subject().unwrap_or_default().to_owned()
}

proptest! {
    #[test]
    fn any_subject_comes_back(text in "\\PC{0,120}|[ -~]{0,300}|[a-zäöü ]{0,200}|[\\u{4e00}-\\u{4e80}🎉 ]{0,90}") {
        let mail = written(|f| f.text("Subject", &text).unwrap());
        assert_lines(&mail, 998);
        let words = |s: &str| s.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        prop_assert_eq!(words(&subject_of(&mail)), words(&text));
    }

    /// Spaces between words, too, unless they are many at once, which readers may fold.
    #[test]
    fn spaces_come_back(words in prop::collection::vec("[a-z]{1,9}|[äöü]{1,9}|[日本語]{1,30}", 1..20)) {
        let text = words.join(" ");
        prop_assert_eq!(subject_of(&written(|f| f.text("Subject", &text).unwrap())), text);
    }

    #[test]
    fn any_name_comes_back(name in "\\PC{1,90}|[ -~]{1,90}", local in "[a-z0-9.! ]{1,20}") {
        let address = Address { name: Some(name.clone()), email: format!("{local}@example.org") };
        let mail = written(|f| f.addresses("From", std::slice::from_ref(&address)).unwrap());
        assert_lines(&mail, 998);
        let parsed = MessageParser::new().parse(mail.as_bytes()).unwrap();
        let from = parsed.from().unwrap().first().unwrap();
        let words = |s: &str| s.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        prop_assert_eq!(words(from.name().unwrap_or_default()), words(&name), "{}", mail);
    }

    #[test]
    fn any_file_name_comes_back(name in "\\PC{1,80}|[ -~]{1,200}") {
        let mail = written(|f| f.disposition("attachment", &name).unwrap());
        assert_lines(&mail, 998);
        let parsed = MessageParser::new().parse(mail.as_bytes()).unwrap();
        let found = parsed.parts[0].headers.iter().find(|h| h.name.as_str() == "Content-Disposition").unwrap();
        prop_assert_eq!(found.value.as_content_type().unwrap().attribute("filename").unwrap().trim(), name.trim(), "{}", mail);
    }

    /// E8.6.
    #[test]
    fn line_breaks_are_refused_everywhere(before in "[ -~]{0,20}", bad in "[\r\n\u{0}]", after in "[ -~]{0,20}") {
        let text = format!("{before}{bad}{after}");
        let refused = |r: Result<(), HeaderError>| assert!(matches!(r, Err(HeaderError::LineBreak(_))), "{r:?}");
        let mut f = Fields::new();
        refused(f.text("Subject", &text));
        refused(f.word("X-Loop-Guard", &text));
        refused(f.ids("References", &[&text]));
        refused(f.disposition("attachment", &text));
        let mut f = Fields::new();
        refused(f.addresses("To", &[Address { name: Some(format!("a{text}b")), email: "a@b.example".into() }]));
        let mut f = Fields::new();
        refused(f.addresses("To", &[Address { name: None, email: format!("{text}@b.example") }]));
    }
}

/// E8.7.
#[test]
fn encoded_words_are_short_whole_and_leave_the_pid_readable() {
    let mail = written(|f| {
        f.text("Subject", "Re: Störung im Bürogebäude Überlingen, Büro für Öffentlichkeit und Äußeres [202611-0001]")
            .unwrap()
    });
    insta::assert_snapshot!(mail.replace("\r\n", "\n"), @r"
    Subject: Re:
     =?utf-8?b?U3TDtnJ1bmcgaW0gQsO8cm9nZWLDpHVkZSDDnGJlcmxpbmdlbiwgQsO8cm8g?=
     =?utf-8?b?ZsO8ciDDlmZmZW50bGljaGtlaXQgdW5kIMOEdcOfZXJlcw==?= [202611-0001]

    body
    ");
    for word in mail.split_whitespace().filter(|w| w.starts_with("=?")) {
        assert!(word.len() <= 75, "{word}");
    }
    assert_lines(&mail, 76);
    let smile = written(|f| f.text("Subject", &"🎉".repeat(60)).unwrap());
    assert_lines(&smile, 76);
    assert!(smile.split_whitespace().filter(|w| w.starts_with("=?")).count() > 3);
}

/// E8.3.
#[test]
fn ids_stand_one_a_line_and_none_writes_nothing() {
    let mail = written(|f| {
        f.ids::<&str>("In-Reply-To", &[]).unwrap();
        f.ids("References", &["a@x", "b@x"]).unwrap();
    });
    assert_eq!(mail, "References: <a@x>\r\n <b@x>\r\n\r\nbody\r\n");
    assert_eq!(Fields::new().ids("References", &["a b@x"]), Err(HeaderError::Word("References")));
}

#[test]
fn addresses_are_written_for_the_wire() {
    let cases = [
        ("ann@bücher.example", Ok("ann@xn--bcher-kva.example")),
        ("ann@[192.0.2.1]", Ok("ann@[192.0.2.1]")),
        ("John Doe@x.example", Ok("\"John Doe\"@x.example")),
        ("\"John Doe\"@x.example", Ok("\"John Doe\"@x.example")),
        ("a\"b@x.example", Ok("\"a\\\"b\"@x.example")),
        (".a.@x.example", Ok("\".a.\"@x.example")),
        ("jürgen@x.example", Err(HeaderError::NonAsciiLocalPart("To"))),
        ("nobody", Err(HeaderError::Address("To"))),
        ("@x.example", Err(HeaderError::Address("To"))),
        ("a@x.example>, <b@y.example", Ok("\"a@x.example>, <b\"@y.example")),
        ("a@x y.example", Err(HeaderError::Address("To"))),
        ("a@x.example\r\nBcc: b@y.example", Err(HeaderError::LineBreak("To"))),
    ];
    for (email, expected) in cases {
        assert_eq!(spec("To", email, false), expected.map(str::to_owned), "{email}");
    }
}

/// E8.4.
#[test]
fn file_names_have_an_ascii_form() {
    assert_eq!(ascii_filename("Übersicht \"neu\".pdf"), "_bersicht _neu_.pdf");
    let long = ascii_filename(&format!("{}.tar.gz", "ä".repeat(100)));
    assert!(long.len() == 60 && long.ends_with(".gz"));
    let mail = written(|f| f.disposition("attachment", "плохое имя файла с очень длинным названием.docx").unwrap());
    assert_lines(&mail, 78);
    assert!(mail.contains("filename*0*=UTF-8''") && mail.contains("filename*1*="), "{mail}");
}
