//! How long this process took to answer, by route: counted into buckets that each are a fifth wider than the one before, so
//! that memory is fixed and counting is one atomic addition. A quantile is told as its bucket's upper end.

use crate::routes;
use std::collections::HashMap;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The first bucket holds everything up to this, in microseconds.
const FIRST_US: f64 = 64.0;
/// Buckets in each doubling.
const FINENESS: f64 = 4.0;
/// Up to 64 µs × 2^20, 67 s: longer than the longest request may take.
const BUCKETS: usize = 81;

type ByMethod = Vec<(&'static str, Histogram)>;

static ROUTES: LazyLock<HashMap<&'static str, ByMethod>> = LazyLock::new(|| {
    let mut all: HashMap<&'static str, ByMethod> = HashMap::new();
    for route in routes::list() {
        all.entry(route.path).or_default().push((route.method, Histogram::default()));
    }
    all
});

/// How often a bucket was hit.
struct Histogram([AtomicU64; BUCKETS]);

impl Default for Histogram {
    fn default() -> Self {
        Histogram(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

/// How long one route took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Latency {
    /// GET, POST, …
    pub method: &'static str,
    /// The path's pattern.
    pub path: &'static str,
    /// How many requests were answered.
    pub count: u64,
    /// Half of them took so long at most.
    pub p50: Duration,
    /// 95 of a hundred took so long at most.
    pub p95: Duration,
}

/// Counts an answer; one that no route gave is not counted.
pub fn record(method: &str, path: &str, took: Duration) {
    let of_path = ROUTES.get(path).into_iter().flatten();
    if let Some((_, histogram)) = of_path.into_iter().find(|(m, _)| *m == method) {
        histogram.record(took);
    }
}

/// Returns the routes that answered since the process began, the slowest first.
pub fn all() -> Vec<Latency> {
    let mut rows: Vec<Latency> = Vec::new();
    for (path, methods) in ROUTES.iter() {
        for (method, histogram) in methods {
            let counts = histogram.counts();
            let count = counts.iter().sum();
            if count > 0 {
                let (p50, p95) = (quantile(&counts, 0.5), quantile(&counts, 0.95));
                rows.push(Latency { method, path, count, p50, p95 });
            }
        }
    }
    rows.sort_by(|a, b| {
        b.p95.cmp(&a.p95).then(b.count.cmp(&a.count)).then(a.path.cmp(b.path)).then(a.method.cmp(b.method))
    });
    rows
}

impl Histogram {
    fn record(&self, took: Duration) {
        self.0[bucket(took)].fetch_add(1, Ordering::Relaxed);
    }

    fn counts(&self) -> Vec<u64> {
        self.0.iter().map(|n| n.load(Ordering::Relaxed)).collect()
    }
}

fn bucket(took: Duration) -> usize {
    let doublings = (took.as_micros() as f64 / FIRST_US).log2();
    // Below the first bucket the logarithm is negative, and casting saturates.
    ((doublings * FINENESS).ceil() as usize).min(BUCKETS - 1)
}

fn upper_end(bucket: usize) -> Duration {
    Duration::from_micros((FIRST_US * (bucket as f64 / FINENESS).exp2()).round() as u64)
}

/// The upper end of the bucket that holds the answer of this rank; nothing is asked of no answers.
fn quantile(counts: &[u64], q: f64) -> Duration {
    let total: u64 = counts.iter().sum();
    let rank = ((total as f64 * q).ceil() as u64).max(1);
    let mut seen = 0;
    let at = counts.iter().position(|n| {
        seen += n;
        seen >= rank
    });
    at.map_or(Duration::ZERO, upper_end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_what_took_up_to_its_end() {
        for us in [0, 1, 64, 65, 77, 1_000, 30_000, 999_999, 60_000_000] {
            let (took, b) = (Duration::from_micros(us), bucket(Duration::from_micros(us)));
            assert!(took <= upper_end(b) + Duration::from_micros(1), "{us}: {b}");
            assert!(b == 0 || took + Duration::from_micros(1) > upper_end(b - 1), "{us}: {b}");
        }
        assert_eq!(bucket(Duration::from_secs(3600)), BUCKETS - 1, "what takes for ever is in the last");
        assert_eq!((bucket(Duration::ZERO), bucket(Duration::from_micros(1))), (0, 0));
    }

    #[test]
    fn quantiles_are_within_a_fifth() {
        let histogram = Histogram::default();
        for ms in 1..=100 {
            histogram.record(Duration::from_millis(ms));
        }
        for (q, right) in [(0.5, 50.0), (0.95, 95.0)] {
            let told = quantile(&histogram.counts(), q).as_secs_f64() * 1e3;
            assert!(told >= right && told <= right * 1.2, "{q}: {told}");
        }
        assert_eq!(quantile(&Histogram::default().counts(), 0.5), Duration::ZERO);
    }

    #[test]
    fn only_routes_are_counted() {
        record("GET", "/healthz", Duration::from_millis(3));
        record("BREW", "/healthz", Duration::from_millis(3));
        record("GET", "/no/such/route", Duration::from_millis(3));
        let rows = all();
        let found = rows.iter().find(|r| r.path == "/healthz").expect("it is told");
        assert!(found.count >= 1 && found.p50 >= Duration::from_millis(3), "{found:?}");
        assert!(!rows.iter().any(|r| r.path == "/no/such/route" || r.method == "BREW"));
    }
}
