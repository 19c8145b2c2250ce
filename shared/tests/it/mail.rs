//! Properties of reading mail that hold for any bytes.

use proptest::prelude::*;
use shared::mail_in::{parse::parse, quote};

const SEEDS: &[&str] = &[
    "From: Jane <jane@b.example>\r\nTo: support@o.example\r\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\nDate: Mon, 2 Nov 2026 10:00:00 +0100\r\n\
     Message-ID: <1@b.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"b1\"\r\n\r\n--b1\r\n\
     Content-Type: multipart/alternative; boundary=b2\r\n\r\n--b2\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\
     Content-Transfer-Encoding: quoted-printable\r\n\r\nGr=FC=DFe\r\n\r\nOn Mon, Jane <jane@b.example> wrote:\r\n> old\r\n--b2\r\n\
     Content-Type: text/html\r\n\r\n<p>Gr&uuml;&szlig;e<div class=gmail_quote>old</div>\r\n--b2--\r\n--b1\r\n\
     Content-Type: image/png; name=\"x.png\"\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo=\r\n--b1--\r\n",
    "From: Mail Delivery System <MAILER-DAEMON@mx.example>\nSubject: failure\nContent-Type: multipart/report; \
     report-type=delivery-status; boundary=r\n\n--r\n\nUser unknown: a@b.example\n--r\nContent-Type: message/delivery-status\n\n\
     Reporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822; a@b.example\nAction: failed\nStatus: 5.1.1\n\
     Diagnostic-Code: smtp; 550 5.1.1 no such user\n\n--r\nContent-Type: message/rfc822\n\nMessage-ID: <o@o.example>\n\nhi\n--r--\n",
    "Subject: Fwd: x\n\nsee below\n\n---------- Forwarded message ---------\nFrom: A <a@b.example>\nDate: Mon\nSubject: x\nTo: c@d.example\n\nbody\n",
];

fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let edit = (any::<prop::sample::Index>(), 0u8..4, any::<u8>(), 0usize..40);
    (0..SEEDS.len(), prop::collection::vec(edit, 0..24)).prop_map(|(seed, edits)| {
        let mut raw = SEEDS[seed].as_bytes().to_vec();
        for (index, kind, byte, len) in edits {
            if raw.is_empty() {
                break;
            }
            let at = index.index(raw.len());
            let end = (at + len).min(raw.len());
            match kind {
                0 => raw[at] = byte,
                1 => raw.insert(at, byte),
                2 => drop(raw.drain(at..end)),
                _ => {
                    let copy = raw[at..end].to_vec();
                    raw.splice(at..at, copy);
                }
            }
        }
        raw
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// E1.4, E7.1.
    #[test]
    fn mutated_mails_are_read(raw in mutated()) {
        let mail = parse(&raw);
        prop_assert!(!mail.body_text.contains('\0') && !mail.subject.contains(['\n', '\0']));
        prop_assert!(mail.parts.iter().all(|p| !p.filename.is_empty()));
    }

    #[test]
    fn any_bytes_are_read(raw in prop::collection::vec(any::<u8>(), 0..600)) {
        parse(&raw);
    }

    #[test]
    fn hidden_and_visible_make_the_body(text in "(> )?([a-zA-Zäé:,@<>.\\- ]{0,30}|On Mon, A <a@b.c> wrote:|-- |Von: x|\\n){0,12}(\n[> a-z]{0,20}){0,8}") {
        let trimmed = quote::visible(&text, None);
        let mut at = 0;
        let mut shown = String::new();
        for hidden in &trimmed.hidden {
            prop_assert!(at <= hidden.start && hidden.start < hidden.end && hidden.end <= text.len());
            shown.push_str(&text[at..hidden.start]);
            at = hidden.end;
        }
        shown.push_str(&text[at..]);
        let squeezed = |s: &str| s.split_whitespace().collect::<Vec<_>>().join(" ");
        prop_assert_eq!(squeezed(&shown), squeezed(&trimmed.visible));
    }
}
