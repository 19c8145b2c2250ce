//! How fast Postroom is, as rates and as ratios to a limit measured in the same run. Nothing here asserts a time: the
//! figures are for reading, and those of one run are comparable with each other only.
//!
//! `cargo bench` runs every section, `cargo bench -- ingest start` those named. PostgreSQL's figures need
//! TEST_POSTGRES_URL to name a server that nothing else uses meanwhile; `scripts/bench` starts one.

mod database;
mod ingest;
mod load;
mod machine;
mod mails;
mod process;
mod raw;
mod reading;
mod server;
mod start;
mod table;

/// One section: its name and what runs it.
type Section = (&'static str, fn(&tokio::runtime::Runtime));

const SECTIONS: &[Section] = &[
    ("ingest", |rt| rt.block_on(ingest::run())),
    ("start", |rt| rt.block_on(start::run())),
    ("reading", |_| reading::run()),
];

fn main() {
    // Cargo itself adds `--bench`.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    if let Some(unknown) = wanted.iter().find(|w| !SECTIONS.iter().any(|(name, _)| name == w)) {
        let names: Vec<&str> = SECTIONS.iter().map(|(name, _)| *name).collect();
        eprintln!("no section {unknown}; there are: {}", names.join(", "));
        std::process::exit(2);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(machine::print());
    for (_, section) in SECTIONS.iter().filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|w| w == name)) {
        section(&runtime);
    }
}
