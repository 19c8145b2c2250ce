//! What is run on a case, and what must hold of it.

use crate::reading::Nobody;
use shared::address;
use shared::ids::{TenantId, TicketId, UserId};
use shared::keys::Keys;
use shared::mail_in::cards::MailView;
use shared::mail_in::classify::classify;
use shared::mail_in::parse::{self, ids, words};
use shared::mail_in::quote::page::{self, Said};
use shared::mail_in::types::{Facts, Mail};
use shared::mail_in::unpack::{cms, tnef};
use shared::mail_in::{bounce, forward, html, quote, sanitise};
use shared::mail_out::token::{self, Token};

/// What is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Reading the whole mail: no leaf is lost.
    Parse,
    /// Trimming: what is shown and what is hidden are the body.
    Quote,
    /// Reports and forwards.
    Bounce,
    /// The class.
    Classify,
    /// What pages show: safe HTML, cards, folding.
    View,
    /// Decoders of files within files.
    Unpack,
    /// Addresses and ids.
    Address,
    /// Signed tags: nobody makes one up.
    Token,
}

/// Runs a target on a case; why not, if something does not hold.
pub fn check(target: Target, input: &[u8]) -> Result<(), String> {
    match target {
        Target::Parse => whole(&parse::parse(input), input),
        Target::Quote => trimmed(input),
        Target::Bounce => reports(&parse::parse(input)),
        Target::Classify => {
            let found = classify(&parse::parse(input), &Facts::default(), &Nobody);
            holds(!found.rule.is_empty(), || "a class without a rule".into())
        }
        Target::View => shown(&parse::parse(input)),
        Target::Unpack => {
            std::hint::black_box((tnef::read(input), cms::read(input)));
            Ok(())
        }
        Target::Address => addresses(&String::from_utf8_lossy(input)),
        Target::Token => forged(&String::from_utf8_lossy(input)),
    }
}

fn holds(ok: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if ok { Ok(()) } else { Err(why()) }
}

/// E2.7: each leaf is body or a part; a mail that could not be read keeps its octets; nothing holds what a database
/// refuses (E1.6).
fn whole(mail: &Mail, input: &[u8]) -> Result<(), String> {
    if mail.flags.iter().any(|f| f == "degraded") {
        let kept = mail.parts.iter().any(|p| p.filename == "original.eml");
        return holds(kept || parse_is_empty(input), || "degraded without its octets".into());
    }
    let leaves = mail.content_types.iter().filter(|t| !t.starts_with("multipart/")).count();
    let limited = mail.flags.iter().any(|f| f.starts_with("limit:"));
    let unsplit = mail.parts.iter().filter(|p| p.content_type.starts_with("multipart/")).count();
    let shown = mail.body_leaves + mail.parts.iter().filter(|p| p.unpacked_from.is_none()).count();
    holds(shown == leaves + unsplit || limited, || format!("{shown} leaves shown of {leaves}"))?;
    holds(mail.parts.iter().all(|p| !p.filename.is_empty() && p.filename.len() <= 200), || "a bad file name".into())?;
    let texts = [&mail.subject, &mail.body_text, &mail.visible_text];
    let html = mail.body_html.as_deref().unwrap_or_default();
    holds(texts.iter().all(|t| !t.contains('\0')) && !html.contains('\0'), || "NUL in a text".into())
}

fn parse_is_empty(input: &[u8]) -> bool {
    input.iter().all(u8::is_ascii_whitespace) || input.len() < 4
}

/// E7.1.
fn trimmed(input: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(input);
    let derived = html::to_text(&text);
    for (body, html) in [(&*text, None), (derived.as_str(), Some(&*text))] {
        let trimmed = quote::visible(body, html);
        let (mut at, mut kept) = (0, String::new());
        for hidden in &trimmed.hidden {
            holds(hidden.start >= at && hidden.end > hidden.start && hidden.end <= body.len(), || {
                format!("{hidden:?} out of order")
            })?;
            kept.push_str(&body[at..hidden.start]);
            at = hidden.end;
        }
        kept.push_str(&body[at..]);
        let squeezed = |t: &str| t.split_whitespace().collect::<String>().replace('\u{feff}', "");
        holds(squeezed(&kept) == squeezed(&trimmed.visible), || "visible and hidden are not the body".into())?;
        holds(!trimmed.visible.is_empty() || body.trim_matches(blank).is_empty(), || "nothing is shown".into())?;
    }
    std::hint::black_box(forward::read("Fwd: x", &text));
    Ok(())
}

fn blank(c: char) -> bool {
    c.is_whitespace() || c == '\u{feff}'
}

fn reports(mail: &Mail) -> Result<(), String> {
    for bounce in bounce::read(mail) {
        let status = bounce.status.as_deref().unwrap_or("5.0.0");
        holds(status.split('.').count() == 3, || format!("status {status:?}"))?;
        holds(!bounce.action.is_empty(), || "no action".into())?;
    }
    std::hint::black_box(forward::find(mail));
    Ok(())
}

fn shown(mail: &Mail) -> Result<(), String> {
    if let Some(html) = &mail.body_html {
        let safe = sanitise::html(html, |_| None).html.to_ascii_lowercase();
        holds(!safe.contains("<script") && !safe.contains("javascript:") && !safe.contains("<iframe"), || {
            "something active is left".into()
        })?;
    }
    let view = MailView::of(mail);
    let again = MailView::from_json(view.to_json().as_deref());
    holds(again == view, || "the view does not survive its form".into())?;
    let mut said = Said::default();
    said.add(&mail.visible_text);
    for first in [true, false] {
        let shown = page::shown(&mail.body_text, mail.body_html.as_deref(), &mail.visible_text, first, &said);
        holds(!shown.trim().is_empty() || mail.body_text.trim_matches(blank).is_empty(), || "an empty page".into())?;
    }
    Ok(())
}

fn addresses(text: &str) -> Result<(), String> {
    let key = address::key(text);
    // What is no address may be anything.
    let settled = address::key(&key) == key;
    holds(settled || !address::is_valid(text.trim()), || format!("key {key:?} is not its own key"))?;
    std::hint::black_box((
        address::domain(text),
        address::local_part(text),
        address::is_valid(text),
        address::takes_no_auto_mail(text),
        ids::list(text),
        ids::normalise(text),
        words::decode(text.as_bytes(), None),
    ));
    let mail = parse::parse(format!("From: {text}\nTo: {text}\nSubject: {text}\n\nx").as_bytes());
    holds(mail.from.iter().chain(&mail.to).all(|a| !a.email.contains(['\n', '\0'])), || {
        "a line end in an address".into()
    })
}

const TENANT: TenantId = TenantId(7);

fn keys() -> Keys {
    Keys::new(b"a secret of the tests", "epoch")
}

/// Tokens of ours, and their forms in addresses.
pub fn tokens() -> Vec<Vec<u8>> {
    let all = [
        Token::Reply { ticket: TicketId(12), participant: UserId(3) },
        Token::Agent { ticket: TicketId(1 << 40), agent: UserId(9) },
    ];
    all.into_iter().map(|t| token::mint(&keys(), TENANT, t).into_bytes()).collect()
}

/// E3.3: what is not one of ours, in any case, is none.
fn forged(text: &str) -> Result<(), String> {
    let ours: Vec<String> = tokens().into_iter().filter_map(|t| String::from_utf8(t).ok()).collect();
    let is_ours = ours.iter().any(|t| t.eq_ignore_ascii_case(text));
    holds(token::parse(&keys(), TENANT, text).is_ok() == is_ours, || format!("{text:?} taken for a token"))
}

/// Mails with files that are unpacked.
pub fn unpackable() -> Vec<Vec<u8>> {
    let mut tnef = tnef::SIGNATURE.to_vec();
    tnef.extend([1, 0]);
    for (level, id, value) in [
        (1u8, 0x0002_800cu32, &b"body\0"[..]),
        (2, 0x0006_9002, &[0; 14]),
        (2, 0x0001_8010, b"a.txt\0"),
        (2, 0x0006_800f, b"file"),
        (2, 0x0006_9005, b"\x01\0\0\0\x1e\0\x07\x37\x01\0\0\0\x06\0\0\0b.txt\0\0\0"),
        (1, 0x0006_9003, b"\x01\0\0\0\x02\x01\x09\x10\x01\0\0\0\x14\0\0\0\x10\0\0\0\x04\0\0\0MELA\0\0\0\0{\\b}"),
    ] {
        tnef.push(level);
        tnef.extend(id.to_le_bytes());
        tnef.extend((value.len() as u32).to_le_bytes());
        tnef.extend(value);
        tnef.extend([0, 0]);
    }
    let octets = |head: &str, body: &[u8]| [format!("From: a@b.example\n{head}\n\n").as_bytes(), body].concat();
    let cms = b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x80\x30\x80\x02\x01\x01\x31\x00\x30\x80\x06\x09\x2a\x86\x48\x86\
\xf7\x0d\x01\x07\x01\xa0\x80\x24\x80\x04\x15Subject: inner\n\nhello\n\0\0\0\0\0\0\0\0\0\0\0\0";
    vec![
        octets("Content-Type: application/ms-tnef; name=winmail.dat", &tnef),
        octets("Content-Type: application/pkcs7-mime; smime-type=signed-data; name=smime.p7m", cms),
        tnef,
        cms.to_vec(),
    ]
}
