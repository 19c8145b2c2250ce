//! `docs/email.md` says which rule of mail behaviour is shown by which tests. It is made from the tests themselves, so it
//! cannot name one that is not there. `UPDATE_DOCS=1` writes it.

use regex::Regex;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

const HEAD: &str = "# Mail: the rules, and the tests that show them

Made from the tests (`UPDATE_DOCS=1 cargo nextest run --workspace -E 'test(rules::)'`): a rule is listed with every test
whose text cites its number, and a rule without a test says why. Tests named `cases::…` are stories in
`shared/tests/cases`: mails and acts, and what must become of them, run on SQLite and on PostgreSQL.

";

/// Rule, meaning, and what of it is not met.
struct Rule<'a> {
    number: &'a str,
    meaning: &'a str,
    lacks: Option<&'a str>,
}

#[test]
fn the_document_names_the_tests_that_there_are() {
    let tests = tests_by_rule();
    let mut made = HEAD.to_owned();
    let (mut shown, mut unexplained) = (0, Vec::new());
    let list = include_str!("../rules.txt");
    let mut known = Vec::new();
    for line in list.lines().filter(|l| !l.is_empty() && !l.starts_with('#')) {
        if let Some(title) = line.strip_prefix("= ") {
            let _ = write!(made, "\n## {title}\n\n| rule | what it means here | shown by |\n|---|---|---|\n");
            continue;
        }
        let mut cells = line.split(" | ");
        let rule = Rule {
            number: cells.next().expect("a number"),
            meaning: cells.next().expect("a meaning"),
            lacks: cells.next(),
        };
        known.push(rule.number.to_owned());
        let found = tests.get(rule.number).map(Vec::as_slice).unwrap_or_default();
        shown += usize::from(!found.is_empty());
        if found.is_empty() && rule.lacks.is_none() {
            unexplained.push(rule.number);
        }
        let lacks = rule.lacks.map(|l| format!(". **Not met**: {l}")).unwrap_or_default();
        let names = found.iter().map(|t| format!("`{t}`")).collect::<Vec<_>>().join(", ");
        let _ = writeln!(made, "| {} | {}{lacks} | {names} |", rule.number, rule.meaning);
    }
    let _ = write!(made, "\n{shown} of {} rules are shown by tests.\n", known.len());
    assert!(unexplained.is_empty(), "neither a test nor a reason: {}", unexplained.join(" "));
    let strange: Vec<&String> = tests.keys().filter(|r| !known.contains(r)).collect();
    assert!(strange.is_empty(), "tests cite rules that there are not: {strange:?}");
    let file = Path::new(ROOT).join("docs/email.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&file, &made).expect("docs/email.md is written");
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    let wrong: Vec<&str> = made.lines().filter(|l| !written.lines().any(|w| w == *l)).collect();
    assert!(made == written, "docs/email.md is not what the tests say:\n{}", wrong.join("\n"));
}

/// The tests that cite each rule: stories by their first line, Rust tests by anything in them or on top of them.
fn tests_by_rule() -> BTreeMap<String, Vec<String>> {
    let cited = Regex::new(r"\bE(?:[1-9]|1[0-4])\.[1-9][0-9]?\b").expect("a pattern");
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, text) in stories().into_iter().chain(rust_tests()) {
        for rule in cited.find_iter(&text) {
            let tests = found.entry(rule.as_str().to_owned()).or_default();
            if !tests.contains(&name) {
                tests.push(name.clone());
            }
        }
    }
    found.values_mut().for_each(|tests| tests.sort());
    found
}

fn stories() -> Vec<(String, String)> {
    let name = |p: &PathBuf| format!("cases::{}", p.file_stem().expect("a name").to_string_lossy());
    let first = |p: &PathBuf| std::fs::read_to_string(p).expect("a story").lines().next().map(str::to_owned);
    files("shared/tests/cases", "txt").iter().map(|p| (name(p), first(p).unwrap_or_default())).collect()
}

fn rust_tests() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for path in ["shared", "worker", "api"].iter().flat_map(|c| files(c, "rs")) {
        let text = std::fs::read_to_string(&path).expect("source");
        let module = path.strip_prefix(ROOT).unwrap_or(&path).with_extension("");
        let module = module.to_string_lossy().replace("/src/", "/").replace("/tests/it/", "/").replace('/', "::");
        let lines: Vec<&str> = text.lines().collect();
        for (i, line) in lines.iter().enumerate() {
            if let Some(name) = test_name(line) {
                let (above, all) = around(&lines, i);
                if above.contains("test]") || all.contains("prop_assert") {
                    found.push((format!("{module}::{name}"), all));
                }
            }
        }
    }
    found
}

/// The name, if the line begins a function that may be a test: private, without a result.
fn test_name(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let name = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ")?.split('(').next()?;
    line.ends_with('{').then_some(name)
}

/// What stands directly above a function, and that with the function up to its closing brace.
fn around(lines: &[&str], at: usize) -> (String, String) {
    let is_above = |l: &&&str| l.trim_start().starts_with("//") || l.trim_start().starts_with("#[");
    let above = lines[..at].iter().rev().take_while(is_above).count();
    let indent = lines[at].len() - lines[at].trim_start().len();
    let closing = format!("{}}}", &lines[at][..indent]);
    let length = lines[at..].iter().position(|l| **l == closing).unwrap_or(0);
    (lines[at - above..at].join("\n"), lines[at - above..=at + length].join("\n"))
}

fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(ROOT).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
