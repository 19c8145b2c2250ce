//! Scores reading against mails of other projects' tests, read in place (see that folder's README).
//!
//! The folder is `shared/corpus` beside the project or `POSTROOM_CORPUS`; without it nothing is tested. Each check
//! has a floor just under what is reached; `POSTROOM_CORPUS_DIFFS=1` prints every difference, and `UPDATE_DOCS=1` writes
//! `reports/email-corpus.md`.

mod exceptions;
mod report;

use crate::reading::Nobody;
use serde_json::Value;
use shared::mail_in::classify::classify;
use shared::mail_in::parse::parse;
use shared::mail_in::types::{BounceKind, Class, Facts, Mail};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Least share of the facts that count, in percent, of the checks that are not wholly right.
const FLOORS: &[(&str, f64)] = &[("freeform kind", 95.0)];

/// Facts of one check.
#[derive(Default)]
struct Score {
    right: usize,
    /// Wrong by a fact that is not taken for right.
    excused: usize,
    all: usize,
}

/// A fact that was not found.
struct Failure {
    check: String,
    file: String,
    detail: String,
}

#[derive(Default)]
struct Scores {
    by_check: BTreeMap<String, Score>,
    failures: Vec<Failure>,
}

impl Scores {
    fn check(&mut self, check: &str, file: &str, ok: bool, detail: impl FnOnce() -> String) {
        let score = self.by_check.entry(check.to_owned()).or_default();
        score.all += 1;
        if ok {
            score.right += 1;
        } else if exceptions::reason(check, file).is_some() {
            score.excused += 1;
        } else {
            self.failures.push(Failure { check: check.to_owned(), file: file.to_owned(), detail: detail() });
        }
    }
}

#[test]
fn scores_stay_above_their_floors() {
    let folder = std::env::var_os("POSTROOM_CORPUS")
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus"));
    let Ok(manifest) = std::fs::read_to_string(folder.join("manifest.json")) else {
        println!("skipped: no corpus at {}", folder.display());
        return;
    };
    let manifest: Value = serde_json::from_str(&manifest).expect("the manifest is JSON");
    let items = manifest["items"].as_array().expect("the manifest lists items");
    assert!(!items.is_empty(), "the corpus is empty");
    let mut scores = Scores::default();
    for item in items {
        one(&folder, item, &mut scores);
    }
    if std::env::var_os("POSTROOM_CORPUS_DIFFS").is_some() {
        for failure in &scores.failures {
            println!("{}: {}: {}", failure.check, failure.file, failure.detail);
        }
    }
    let mut under = Vec::new();
    for (check, score) in &scores.by_check {
        let counted = report::percent(score.right, score.all - score.excused);
        println!("{check:28} {:4} of {:4}, {:2} excused  {counted:5.1} %", score.right, score.all, score.excused);
        let floor = FLOORS.iter().find(|(name, _)| name == check).map_or(100.0, |(_, floor)| *floor);
        if counted < floor {
            under.push(format!("{check}: {counted:.1} % < {floor} %"));
        }
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../reports/email-corpus.md");
        std::fs::write(path, report::text(&scores)).expect("the report is written");
    }
    assert!(under.is_empty(), "under the floor: {under:?}");
}

/// Line ends must not matter: the same mail with LF or CRLF gives the same understanding.
fn line_ends(file: &str, raw: &[u8], mail: &Mail, scores: &mut Scores) {
    // Only where line ends are uniform and no part's bytes could be meant.
    let crlf = raw.windows(2).filter(|w| w == b"\r\n").count();
    let bare = raw.iter().filter(|&&b| b == b'\r').count() > crlf;
    let mixed = crlf > 0 && raw.iter().filter(|&&b| b == b'\n').count() > crlf;
    if bare || mixed || raw.contains(&0) {
        return;
    }
    let other: Vec<u8> = if crlf > 0 {
        raw.iter().copied().filter(|&b| b != b'\r').collect()
    } else {
        raw.iter().flat_map(|&b| [Some(b'\r').filter(|_| b == b'\n'), Some(b)]).flatten().collect()
    };
    let other = parse(&other);
    let differing = [
        ("subject", mail.subject != other.subject),
        ("body", squeezed(&mail.body_text) != squeezed(&other.body_text)),
        ("visible", squeezed(&mail.visible_text) != squeezed(&other.visible_text)),
        ("parts", mail.parts.len() != other.parts.len()),
        ("bounces", mail.bounces != other.bounces),
        ("forward", mail.forward.is_some() != other.forward.is_some()),
    ];
    let names: Vec<_> = differing.iter().filter(|(_, d)| *d).map(|(n, _)| *n).collect();
    scores.check("line ends", file, names.is_empty(), || format!("{names:?}"));
}

/// E2.7: what is shown is all that there is, by the count of another reader, where nothing is malformed.
fn leaves(file: &str, raw: &[u8], mail: &Mail, scores: &mut Scores) {
    let shown = mail.body_leaves + mail.parts.iter().filter(|p| p.unpacked_from.is_none()).count();
    let listed = mail.content_types.iter().filter(|t| !t.starts_with("multipart/")).count();
    if mail.defects.is_empty()
        && mail.flags.iter().all(|f| !f.starts_with("limit:") && f != "degraded")
        && let Some(other) = mail_parser::MessageParser::default().parse(raw)
    {
        let there = other.parts.iter().filter(|p| !matches!(p.body, mail_parser::PartType::Multipart(_))).count();
        // The other reader may find less: it knows fewer broken boundaries.
        scores.check("leaf parts", file, shown >= there && shown == listed, || {
            format!("{shown} shown, {there} there, {listed} listed")
        });
    }
}

fn one(folder: &std::path::Path, item: &Value, scores: &mut Scores) {
    let file = item["file"].as_str().expect("each item has a file");
    let bytes = std::fs::read(folder.join(file)).expect("each file is there");
    let raw = if item["kind"] == "body" {
        let subject = item["subject"].as_str().unwrap_or("");
        let mut raw = format!(
            "From: sender@example.com\r\nTo: support@example.net\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\n\
             Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        )
        .into_bytes();
        raw.extend_from_slice(&bytes);
        raw
    } else {
        bytes
    };
    let started = std::time::Instant::now();
    let mail = parse(&raw);
    let took = started.elapsed();
    let want = &item["expected"];
    let degraded = mail.flags.iter().any(|f| f == "degraded");
    scores.check("accepted", file, !degraded || mail.parts.iter().any(|p| p.filename == "original.eml"), || {
        "lost".into()
    });
    if let Some(max) = want["max_parse_ms"].as_u64() {
        // Unoptimised code is given ten times as long.
        let max = if cfg!(debug_assertions) { max * 10 } else { max };
        scores.check("in time", file, took.as_millis() <= u128::from(max), || format!("{took:?}"));
    }
    let read = !degraded && !mail.headers.is_empty();
    scores.check("read in full", file, read, || format!("flags {:?}", mail.flags));
    line_ends(file, &raw, &mail, scores);
    leaves(file, &raw, &mail, scores);
    headers(file, &mail, want, scores);
    body(file, &mail, want, scores);
    attachments(file, &mail, want, scores);
    reply(file, &mail, want, scores);
    forward(file, &mail, want, scores);
    class(file, &mail, want, scores);
    bounces(file, &mail, want, scores);
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(700)]
}

fn headers(file: &str, mail: &Mail, want: &Value, scores: &mut Scores) {
    let email = mail.from.as_ref().map_or("", |f| f.email.as_str());
    let name = mail.from.as_ref().and_then(|f| f.name.as_deref()).unwrap_or("");
    if let Some(w) = want["from_email"].as_str() {
        scores.check("from email", file, email.eq_ignore_ascii_case(w), || format!("{email:?}, wanted {w:?}"));
    }
    if let Some(w) = want["from_name"].as_str() {
        scores.check("from name", file, name == w, || format!("{name:?}, wanted {w:?}"));
    }
    if let Some(w) = want["subject"].as_str() {
        scores.check("subject", file, squeezed(&mail.subject) == squeezed(w), || {
            format!("{:?}, wanted {w:?}", mail.subject)
        });
    }
    for w in strings(&want["subject_contains"]) {
        scores.check("subject", file, mail.subject.contains(&w), || format!("{:?}, wanted {w:?}", mail.subject));
    }
    let ids = |v: &Value| strings(v).into_iter().map(|s| s.trim_matches(['<', '>']).to_owned()).collect::<Vec<_>>();
    if !want["references"].is_null() {
        let w = ids(&want["references"]);
        scores.check("references", file, mail.references == w, || format!("{:?}, wanted {w:?}", mail.references));
    }
    if !want["in_reply_to"].is_null() {
        let w = ids(&want["in_reply_to"]);
        scores.check("in_reply_to", file, mail.in_reply_to == w, || format!("{:?}, wanted {w:?}", mail.in_reply_to));
    }
    if !want["reply_to"].is_null() {
        let got: Vec<_> = mail.reply_to.iter().map(|a| a.email.clone()).collect();
        scores.check("reply_to", file, got == strings(&want["reply_to"]), || format!("{got:?}"));
    }
}

fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::String(s) => vec![s.clone()],
        Value::Array(a) => a.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    }
}

fn body(file: &str, mail: &Mail, want: &Value, scores: &mut Scores) {
    if let Some(w) = want["body_text"].as_str() {
        let got = &mail.body_text;
        scores
            .check("body text", file, squeezed(got) == squeezed(w), || format!("{:?}, wanted {:?}", cut(got), cut(w)));
    }
    let html = mail.body_html.as_deref().map(shared::mail_in::html::to_text).unwrap_or_default();
    let all = format!("{} {}", squeezed(&mail.body_text), squeezed(&html));
    for w in strings(&want["body_contains"]) {
        scores.check("body contains", file, all.contains(&squeezed(&w)), || format!("{:?} lacks {w:?}", cut(&all)));
    }
}

fn attachments(file: &str, mail: &Mail, want: &Value, scores: &mut Scores) {
    let count = mail.parts.len() as u64;
    let names: Vec<&str> = mail.parts.iter().map(|p| p.filename.as_str()).collect();
    if let Some(w) = want["attachments_count"].as_u64() {
        scores.check("attachments", file, count == w, || format!("{count} {names:?}, wanted {w}"));
    }
    if let Some(any) = want["attachments_count_any"].as_array() {
        scores.check("attachments", file, any.iter().any(|w| w.as_u64() == Some(count)), || {
            format!("{count} {names:?}, wanted {any:?}")
        });
    }
    if let Some(w) = want["attachments_min"].as_u64() {
        scores.check("attachments", file, count >= w, || format!("{count} {names:?}, wanted >= {w}"));
    }
    for w in strings(&want["attachment_names"]) {
        let named = mail.parts.iter().any(|p| p.filename == w || p.original_filename.as_deref() == Some(&w));
        scores.check("attachment names", file, named, || format!("{names:?}, wanted {w:?}"));
    }
    for w in want["attachment_sizes"].as_array().into_iter().flatten().filter_map(Value::as_u64) {
        let sizes: Vec<_> = mail.parts.iter().map(|p| p.bytes.len() as u64).collect();
        scores.check("attachment sizes", file, sizes.contains(&w), || format!("{sizes:?}, wanted {w}"));
    }
}

fn reply(file: &str, mail: &Mail, want: &Value, scores: &mut Scores) {
    let got = squeezed(&mail.visible_text);
    if let Some(w) = want["reply_text"].as_str() {
        scores.check("reply text", file, got == squeezed(w), || {
            format!("\n   got {:?}\n  want {:?}", cut(&got), cut(&squeezed(w)))
        });
    }
    let contains = strings(&want["reply_contains"]);
    let excludes = strings(&want["reply_excludes"]);
    if !contains.is_empty() || !excludes.is_empty() {
        let ok =
            contains.iter().all(|w| got.contains(&squeezed(w))) && !excludes.iter().any(|w| got.contains(&squeezed(w)));
        scores.check("reply parts", file, ok, || format!("{:?}, wanted {contains:?} without {excludes:?}", cut(&got)));
    }
}

fn forward(file: &str, mail: &Mail, want: &Value, scores: &mut Scores) {
    let want = &want["forward"];
    let Some(forwarded) = want["forwarded"].as_bool() else { return };
    let found = mail.forward.is_some();
    scores.check("forward found", file, found == forwarded, || format!("{found}, wanted {forwarded}"));
    if !forwarded {
        return;
    }
    let got = mail.forward.clone().unwrap_or_default();
    let mut field = |check: &str, got: Option<&str>, want: &Value| {
        if let Some(w) = want.as_str() {
            let got = got.unwrap_or("");
            scores.check(check, file, squeezed(got) == squeezed(w), || {
                format!("\n   got {:?}\n  want {:?}", cut(got), cut(w))
            });
        }
    };
    field("forward from", got.from_email.as_deref(), &want["from_email"]);
    field("forward name", got.from_name.as_deref(), &want["from_name"]);
    field("forward subject", got.subject.as_deref(), &want["subject"]);
    field("forward body", Some(&got.body), &want["body"]);
    field("forward message", Some(&got.message), &want["message"]);
}

fn class(file: &str, mail: &Mail, want: &Value, scores: &mut Scores) {
    let found = classify(mail, &Facts::default(), &Nobody);
    if let Some(w) = want["auto_class"].as_str() {
        let wanted = match w {
            "none" => Class::Person,
            "auto-reply" => Class::AutoReply,
            "auto-generated" => Class::AutoGenerated,
            "list" | "bulk" => Class::ListBulk,
            "mdn" => Class::Mdn,
            "arf" => Class::Arf,
            _ => Class::Dsn,
        };
        // What carries an automatic answer's subject alone is a person's mail under suspicion (E5.9).
        let suspect =
            wanted == Class::AutoReply && found.class == Class::Person && found.flags.contains(&"auto_suspect");
        let ok = found.class == wanted || suspect;
        scores.check(&format!("class {w}"), file, ok, || {
            format!("{} by {} ({})", found.class, found.rule, found.evidence)
        });
        scores.check("class", file, ok, || format!("{} for {w}", found.class));
        if wanted == Class::Person {
            let automatic = matches!(found.class, Class::AutoReply | Class::Dsn | Class::Mdn | Class::Arf);
            scores.check("no person taken as automatic", file, !automatic, || format!("{}", found.class));
        }
    }
    if let Some(w) = want["auto"].as_bool() {
        let auto = found.class != Class::Person || found.flags.contains(&"auto_suspect");
        scores.check("auto found", file, auto == w, || format!("{} by {}", found.class, found.evidence));
    }
    if let Some(w) = want["is_bounce"].as_bool() {
        scores.check("is bounce", file, is_failure(mail, found.class) == w, || {
            format!("{} by {}", found.class, found.evidence)
        });
    }
}

/// A success report is a delivery report, but no bounce.
fn is_failure(mail: &Mail, class: Class) -> bool {
    let delivered = !mail.bounces.is_empty() && mail.bounces.iter().all(|b| b.kind == BounceKind::Delivered);
    class == Class::Dsn && !delivered
}

fn bounces(file: &str, mail: &Mail, want: &Value, scores: &mut Scores) {
    let Some(wanted) = want["bounces"].as_array() else { return };
    let tier = want["tier"].as_str().unwrap_or("");
    let mut free: Vec<_> = mail.bounces.iter().collect();
    for w in wanted {
        let recipients: Vec<String> =
            [&w["recipient"], &w["recipient_alt"]].iter().filter_map(|v| v.as_str().map(str::to_lowercase)).collect();
        let same = |r: &Option<String>| r.as_ref().is_some_and(|r| recipients.contains(&r.to_lowercase()));
        let at = free.iter().position(|b| same(&b.recipient));
        if !recipients.is_empty() {
            scores.check(&format!("{tier} recipient"), file, at.is_some(), || {
                format!("{:?}, wanted {recipients:?}", mail.bounces.iter().map(|b| &b.recipient).collect::<Vec<_>>())
            });
        }
        let got = match at {
            Some(at) => Some(free.remove(at)),
            None if recipients.is_empty() && !free.is_empty() => Some(free.remove(0)),
            None => free.first().copied(),
        };
        let statuses: Vec<&str> = [&w["status"], &w["status_field"]].iter().filter_map(|v| v.as_str()).collect();
        if !statuses.is_empty() {
            let status = got.and_then(|b| b.status.as_deref()).unwrap_or("");
            scores.check(&format!("{tier} status"), file, statuses.contains(&status), || {
                format!("{status:?}, wanted {statuses:?}; {:?}", got.and_then(|b| b.diagnostic.as_deref()).map(cut))
            });
        }
        if let Some(kind) = w["kind"].as_str() {
            let found = got.map_or("", |b| b.kind.as_str());
            // What is still being tried is `delayed` by its Action here; the sources call the same cause soft.
            let same = found == kind || found == "delayed" && kind == "soft";
            scores.check(&format!("{tier} kind"), file, same, || {
                format!(
                    "{found:?}, wanted {kind:?} ({}) {:?} {:?}",
                    w["reason"],
                    got.and_then(|b| b.status.as_deref()),
                    got.and_then(|b| b.diagnostic.as_deref()).map(cut)
                )
            });
        }
    }
}
