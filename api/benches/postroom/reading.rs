//! Reading mail without a database: parse, classify, view.

use crate::{mails, table};
use shared::mail_in::classify::{Ours, classify};
use shared::mail_in::parse::{parse, structure};
use shared::mail_in::types::{Classified, Facts, Mail};
use shared::mail_in::{bounce, forward, quote};
use std::path::PathBuf;
use std::time::{Duration, Instant};

const TIME: Duration = Duration::from_secs(2);

/// Runs the section.
pub fn run() {
    let mut rows = vec![row("the load's mails", (0..64).map(mails::mail).collect())];
    let folder = std::env::var_os("POSTROOM_CORPUS")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpus")), PathBuf::from);
    let mut corpus = Vec::new();
    collect(&folder, &mut corpus);
    if corpus.is_empty() {
        println!("\ncorpus: skipped, no mails in {} (POSTROOM_CORPUS names another folder)", folder.display());
    } else {
        print_shares(&corpus);
        rows.push(row("the corpus", corpus));
    }
    table::print(
        "Reading on one core: parse, trim, classify",
        &["mails", "number", "mean KB", "mails/s", "MB/s"],
        &rows,
    );
}

/// The stages of reading, in their order, and how long each took over all mails.
struct Stages([(&'static str, Duration); 5]);

impl Stages {
    fn new() -> Stages {
        Stages(["MIME", "reports", "forwards", "trimming", "class"].map(|name| (name, Duration::ZERO)))
    }

    fn time<T>(&mut self, stage: usize, run: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let done = std::hint::black_box(run());
        self.0[stage].1 += began.elapsed();
        done
    }

    /// Reads a mail stage by stage, as `parse` and `classify` do at once.
    fn read(&mut self, raw: &[u8]) {
        let Some(mut mail) = self.time(0, || structure(raw)) else { return };
        self.time(1, || bounce::fill(&mut mail));
        self.time(2, || forward::find(&mail));
        self.time(3, || quote::visible(&mail.body_text, mail.body_html.as_deref()));
        self.time(4, || classify(&mail, &Facts::default(), &Nobody));
    }

    fn rows(&self, mails: usize) -> Vec<Vec<String>> {
        let all: Duration = self.0.iter().map(|(_, took)| *took).sum();
        let row = |(name, took): &(&str, Duration)| {
            let share = table::percent(took.as_secs_f64(), all.as_secs_f64());
            vec![(*name).to_owned(), share, format!("{:.1}", took.as_secs_f64() * 1e6 / mails as f64)]
        };
        self.0.iter().map(row).collect()
    }
}

/// Prints which stage takes how much of the time.
fn print_shares(mails: &[Vec<u8>]) {
    let (mut stages, mut read) = (Stages::new(), 0);
    let began = Instant::now();
    while began.elapsed() < TIME {
        for mail in mails {
            stages.read(mail);
        }
        read += mails.len();
    }
    table::print("What reading the corpus takes, by stage", &["stage", "share", "µs a mail"], &stages.rows(read));
}

fn collect(folder: &std::path::Path, mails: &mut Vec<Vec<u8>>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, mails);
        } else if path.extension().is_some_and(|e| e == "eml") {
            mails.extend(std::fs::read(&path));
        }
    }
}

fn row(name: &str, mails: Vec<Vec<u8>>) -> Vec<String> {
    let bytes: usize = mails.iter().map(Vec::len).sum();
    let (began, mut passes) = (Instant::now(), 0);
    while began.elapsed() < TIME {
        for mail in &mails {
            std::hint::black_box(read(mail));
        }
        passes += 1;
    }
    let per_second = f64::from(passes) / began.elapsed().as_secs_f64();
    vec![
        name.to_owned(),
        mails.len().to_string(),
        format!("{:.1}", bytes as f64 / mails.len() as f64 / 1000.0),
        format!("{:.0}", per_second * mails.len() as f64),
        format!("{:.1}", per_second * bytes as f64 / 1e6),
    ]
}

fn read(raw: &[u8]) -> (Mail, Classified) {
    let mail = parse(raw);
    let classified = classify(&mail, &Facts::default(), &Nobody);
    (mail, classified)
}

/// An instance that nobody has written to yet.
struct Nobody;

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
