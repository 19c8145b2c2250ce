//! What is mutated.

use super::targets::{self, Target};
use std::path::{Path, PathBuf};

/// Returns the seeds of a target, never none.
pub fn all(target: Target) -> Vec<Vec<u8>> {
    match target {
        Target::Address => ADDRESSES.iter().map(|a| a.as_bytes().to_vec()).collect(),
        Target::Token => targets::tokens(),
        _ => mails(),
    }
}

const ADDRESSES: &[&str] = &[
    "jane@b.example",
    "Jane Doe <jane+tag@sub.b.example>",
    "\"Doe, Jane\" <\"j d\"@b.example>",
    "jörg@müller.example",
    "a@[192.0.2.1]",
    "undisclosed-recipients:;",
    "=?utf-8?q?J=C3=B6rg?= <j@b.example>, x@y.example (comment)",
    "mailer-daemon@xn--mller-kva.example",
];

fn mails() -> Vec<Vec<u8>> {
    let folder = std::env::var_os("POSTROOM_CORPUS")
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus"));
    let mut found = Vec::new();
    collect(&folder, &mut found);
    found.extend(ours());
    found
}

fn collect(folder: &Path, found: &mut Vec<Vec<u8>>) {
    let mut entries: Vec<_> = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
    // The order of a folder is not the same everywhere, and cases are numbered.
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|e| e == "eml") {
            found.extend(std::fs::read(&path));
        } else if path.extension().is_some_and(|e| e == "txt") {
            found.extend(std::fs::read_to_string(&path).map(|text| wrapped(&text)));
        }
    }
}

fn wrapped(text: &str) -> Vec<u8> {
    let kind = if text.trim_start().starts_with('<') { "html" } else { "plain" };
    format!(
        "From: Jane Doe <jane@b.example>\nTo: support@desk.example\nSubject: Fwd: x\nMIME-Version: 1.0\n\
         Content-Type: text/{kind}; charset=utf-8\n\n{text}\n"
    )
    .into_bytes()
}

/// The mails of our own cases and stories.
fn ours() -> Vec<Vec<u8>> {
    let reading = [
        include_str!("../../reading/replies.txt"),
        include_str!("../../reading/forwards.txt"),
        include_str!("../../reading/reports.txt"),
    ];
    let cases = reading.iter().flat_map(|file| file.split("@@@@ ").skip(1));
    let mut found: Vec<Vec<u8>> = cases
        .filter_map(|case| case.split_once('\n')?.1.split_once("\n==>\n").map(|(text, _)| text))
        .map(|text| if text.starts_with("From:") { text.as_bytes().to_vec() } else { wrapped(text) })
        .collect();
    found.extend(targets::unpackable());
    found
}
