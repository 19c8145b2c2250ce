//! `reports/email-corpus.md`: the scores, and each failure by file.

use super::Scores;
use std::fmt::Write;

const HEAD: &str = "# How well mail is read

Scores over 645 mails from the public test suites of mail parsers, bounce readers and help desks (`shared/corpus` beside
the project; not part of it), with what those suites say about each mail. Each mail is read with the line ends it has,
with LF and with CRLF, by the functions that every door uses. Written by `scripts/corpus`.

*Right of all* counts every fact as the suites state it. *Counted* leaves out the facts that are not taken for right;
they are listed with the reason.

";

/// The groups of checks with an aim of their own, in percent.
const AIMS: &[(&str, f64, &[&str])] = &[
    ("accepted, visible, byte-identical", 100.0, &["accepted", "in time", "read in full", "line ends", "leaf parts"]),
    (
        "from, subject, body, attachments",
        99.0,
        &[
            "from email",
            "from name",
            "subject",
            "body text",
            "body contains",
            "attachments",
            "attachment names",
            "attachment sizes",
            "references",
            "in_reply_to",
            "reply_to",
        ],
    ),
    ("visible reply text", 95.0, &["reply text", "reply parts"]),
    (
        "forwards",
        97.0,
        &["forward found", "forward from", "forward name", "forward subject", "forward body", "forward message"],
    ),
    (
        "bounces: recipient, status, kind",
        97.0,
        &[
            "rfc3464 recipient",
            "rfc3464 status",
            "rfc3464 kind",
            "freeform recipient",
            "freeform status",
            "freeform kind",
            "is bounce",
        ],
    ),
    ("class", 98.5, &["class", "no person taken as automatic"]),
    ("automatic answers found", 90.0, &["class auto-reply", "auto found"]),
];

/// Returns the report's text.
pub fn text(scores: &Scores) -> String {
    let mut out = HEAD.to_owned();
    out.push_str("| what | aim | right of all | counted | |\n|---|---|---|---|---|\n");
    for (name, aim, checks) in AIMS {
        let (mut right, mut excused, mut all) = (0, 0, 0);
        for check in *checks {
            if let Some(score) = scores.by_check.get(*check) {
                right += score.right;
                excused += score.excused;
                all += score.all;
            }
        }
        let counted = percent(right, all - excused);
        let _ = writeln!(
            out,
            "| {name} | {aim} % | {right} of {all} ({:.1} %) | **{counted:.1} %** | {} |",
            percent(right, all),
            if counted >= *aim { "reached" } else { "**missed**" },
        );
    }
    out.push_str("\n## By check\n\n| check | right of all | counted |\n|---|---|---|\n");
    for (check, score) in &scores.by_check {
        let counted = percent(score.right, score.all - score.excused);
        let _ = writeln!(out, "| {check} | {} of {} | {counted:.1} % |", score.right, score.all);
    }
    out.push_str("\n## What fails\n\n");
    if scores.failures.is_empty() {
        out.push_str("Nothing.\n");
    }
    for failure in &scores.failures {
        let _ = writeln!(out, "- {}: `{}`: {}", failure.check, failure.file, one_line(&failure.detail));
    }
    out.push_str("\n## Facts that are not taken for right\n\n| check | file | why |\n|---|---|---|\n");
    for (check, file, reason) in super::exceptions::EXCEPTIONS {
        let _ = writeln!(out, "| {check} | `{file}` | {reason} |");
    }
    out
}

pub fn percent(right: usize, all: usize) -> f64 {
    if all == 0 { 100.0 } else { right as f64 * 100.0 / all as f64 }
}

fn one_line(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|");
    let cut = line.floor_char_boundary(300);
    if cut < line.len() { format!("{} …", &line[..cut]) } else { line }
}
