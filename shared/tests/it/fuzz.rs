//! Mutated mail: nothing panics, hangs or loses a part (E1.4, E2.7, E7.1, E10.9). A few thousand of each target run with
//! the other tests; `scripts/fuzz` runs a million.
//!
//! Seeds are the corpus beside the project if it is there, else the mails of our own cases. Each case follows from the
//! seed of the run and its number alone: what fails is printed with both, and runs again by
//! `POSTROOM_FUZZ_SEED=… POSTROOM_FUZZ_ONLY=…`.

mod mutate;
mod seeds;
mod targets;

use mutate::Random;
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use targets::Target;

/// Cases of each target when the tests run.
const SHORT: u64 = 1000;
/// Longest time for one case (E1.4).
const BUDGET: Duration = Duration::from_secs(10);
/// Seed of a run that names none.
const SEED: u64 = 0x20261121;

thread_local! {
    /// Panics of this thread, those that the parser itself catches included.
    static PANICS: Cell<u64> = const { Cell::new(0) };
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn parse() {
    run(Target::Parse);
}

#[test]
fn quote() {
    run(Target::Quote);
}

#[test]
fn bounce() {
    run(Target::Bounce);
}

#[test]
fn classify() {
    run(Target::Classify);
}

#[test]
fn view() {
    run(Target::View);
}

#[test]
fn unpack() {
    run(Target::Unpack);
}

#[test]
fn address() {
    run(Target::Address);
}

#[test]
fn token() {
    run(Target::Token);
}

fn run(target: Target) {
    let seed = number("POSTROOM_FUZZ_SEED").unwrap_or(SEED);
    let cases = number("POSTROOM_FUZZ").unwrap_or(SHORT);
    let only = number("POSTROOM_FUZZ_ONLY");
    let seeds = seeds::all(target);
    count_panics();
    let watched = Watched::start(target);
    let began = Instant::now();
    let (mut bytes, mut slowest) = (0u64, Duration::ZERO);
    for case in only.map_or(0..cases, |n| n..n + 1) {
        let mut random = Random::new(seed ^ case.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let input = mutate::one(&seeds, &mut random);
        bytes += input.len() as u64;
        watched.begin(case);
        let started = Instant::now();
        let before = PANICS.get();
        let verdict = std::panic::catch_unwind(|| targets::check(target, &input));
        let took = started.elapsed();
        slowest = slowest.max(took);
        let wrong = match verdict {
            Ok(Ok(())) if PANICS.get() > before => Some("a panic was caught on the way".to_owned()),
            Ok(Ok(())) if took > BUDGET => Some(format!("took {took:?}")),
            Ok(Ok(())) => None,
            Ok(Err(why)) => Some(why),
            Err(_) => Some("panicked".to_owned()),
        };
        if let Some(why) = wrong {
            let file = std::env::temp_dir().join(format!("postroom-fuzz-{target:?}-{case}"));
            std::fs::write(&file, &input).expect("the case is written down");
            panic!("{target:?}: {why}; POSTROOM_FUZZ_SEED={seed} POSTROOM_FUZZ_ONLY={case}; {}", file.display());
        }
    }
    let took = began.elapsed();
    println!(
        "{target:?}: {cases} cases of {} seeds, seed {seed}, {:.1} MB, {:.0} cases/s, slowest {:.1} ms",
        seeds.len(),
        bytes as f64 / 1e6,
        cases as f64 / took.as_secs_f64(),
        slowest.as_secs_f64() * 1000.0
    );
}

/// Counts panics of the thread they happen on; their words are not wanted.
fn count_panics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            PANICS.set(PANICS.get() + 1);
            usual(info);
        }));
    });
}

/// Ends the process if a case never ends: there is no other way to stop a thread.
struct Watched {
    /// When the case began, in milliseconds of the watch, and its number.
    at: Arc<[AtomicU64; 2]>,
    began: Instant,
}

impl Watched {
    fn start(target: Target) -> Watched {
        let at: Arc<[AtomicU64; 2]> = Arc::default();
        let began = Instant::now();
        let seen = Arc::downgrade(&at);
        std::thread::spawn(move || {
            while let Some(at) = seen.upgrade() {
                let (since, case) = (at[0].load(Ordering::Relaxed), at[1].load(Ordering::Relaxed));
                if began.elapsed().as_millis() as u64 > since + 3 * BUDGET.as_millis() as u64 {
                    eprintln!("{target:?}: case {case} hangs");
                    std::process::exit(1);
                }
                drop(at);
                std::thread::sleep(Duration::from_millis(500));
            }
        });
        Watched { at, began }
    }

    fn begin(&self, case: u64) {
        self.at[1].store(case, Ordering::Relaxed);
        self.at[0].store(self.began.elapsed().as_millis() as u64, Ordering::Relaxed);
    }
}
