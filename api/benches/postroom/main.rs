//! How fast Postroom is, as rates and as ratios to a limit measured in the same run. Nothing here asserts a time: the
//! figures are for reading, and those of one run are comparable with each other only.
//!
//! `cargo bench` runs every section on both databases, `cargo bench -- ingest start sqlite` those named. PostgreSQL's figures need
//! TEST_POSTGRES_URL to name a server that nothing else uses meanwhile; `scripts/bench` starts one.

mod bare;
mod database;
mod ingest;
mod load;
mod machine;
mod mails;
mod process;
mod raw;
mod raw_sending;
mod reading;
mod sending;
mod server;
mod start;
mod table;

use database::Kind;

/// One section: its name and what runs it.
type Section = (&'static str, fn(&tokio::runtime::Runtime));

const SECTIONS: &[Section] = &[
    ("ingest", |rt| rt.block_on(ingest::run())),
    ("sending", |rt| rt.block_on(sending::run())),
    ("start", |rt| rt.block_on(start::run())),
    ("reading", |_| reading::run()),
];

fn main() {
    // Cargo itself adds `--bench`.
    let mut wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    wanted.retain(|w| !Kind::ALL.iter().any(|kind| kind.word() == w));
    if let Some(unknown) = wanted.iter().find(|w| !SECTIONS.iter().any(|(name, _)| name == w)) {
        let names: Vec<&str> = SECTIONS.iter().map(|(name, _)| *name).collect();
        eprintln!("no section {unknown}; there are: {}, and the databases sqlite and postgres", names.join(", "));
        std::process::exit(2);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(machine::print());
    for (_, section) in SECTIONS.iter().filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|w| w == name)) {
        section(&runtime);
    }
}
