//! PIDs: gapless per tenant and month (3).

use super::{Finding, Invariant, Result, sql};
use crate::app::App;
use crate::ids::TenantId;
use crate::tickets::types::pid as written;
use std::collections::BTreeMap;

/// How many missing numbers of one counter are told apart; a counter may have run away by millions.
const MOST_TOLD: usize = 1000;

/// The numbers of one counter: one bit each.
#[derive(Default)]
struct Numbers {
    /// What the counter said before any ticket was read: these tickets are committed.
    counted: i64,
    greatest: i64,
    seen: Vec<u64>,
}

impl Numbers {
    /// Marks a number and returns whether it was new.
    fn mark(&mut self, n: i64) -> bool {
        let (word, bit) = ((n / 64) as usize, 1_u64 << (n % 64));
        if self.seen.len() <= word {
            self.seen.resize(word + 1, 0);
        }
        let new = self.seen[word] & bit == 0;
        self.seen[word] |= bit;
        self.greatest = self.greatest.max(n);
        new
    }

    fn missing(&self) -> impl Iterator<Item = i64> {
        (1..=self.counted).filter(|n| self.seen.get((n / 64) as usize).is_none_or(|w| w & (1 << (n % 64)) == 0))
    }
}

/// Promise 3: The numbers of each tenant and month are 1 to the counter's, each once.
///
/// Counters are read before the tickets and after them: below the first reading no ticket may be missing, above the
/// second none may be.
pub(super) async fn gapless(app: &App) -> Result<Finding> {
    let mut finding = Finding::new(Invariant::Pids);
    let mut all: BTreeMap<(TenantId, String), Numbers> = BTreeMap::new();
    for (tenant, period, last) in sql::counters(&app.db).await? {
        all.insert((tenant, period), Numbers { counted: last, ..Numbers::default() });
    }
    let mut after = 0;
    loop {
        let page = sql::pids(&app.db, after).await?;
        let Some((last, ..)) = page.last() else { break };
        after = *last;
        finding.looked(page.len() as u64);
        for (_, tenant, pid) in page {
            let Some((period, number)) = parse(&pid) else {
                finding.fault("no PIDs", pid);
                continue;
            };
            if !all.entry((tenant, period)).or_default().mark(number) {
                finding.fault("numbers are used twice", pid);
            }
        }
    }
    let now: BTreeMap<(TenantId, String), i64> =
        sql::counters(&app.db).await?.into_iter().map(|(tenant, period, last)| ((tenant, period), last)).collect();
    for ((tenant, period), numbers) in all {
        let name = |n: i64| format!("tenant {tenant}, {}", written(None, &period, n));
        for n in numbers.missing().take(MOST_TOLD) {
            finding.fault("numbers are missing", name(n));
        }
        if numbers.greatest > now.get(&(tenant, period.clone())).copied().unwrap_or_default() {
            finding.fault("numbers are above their counter", name(numbers.greatest));
        }
    }
    Ok(finding)
}

/// Splits `KA-202611-0042` into the month and 42; None if it is not written as PIDs are.
fn parse(pid: &str) -> Option<(String, i64)> {
    let (head, digits) = pid.rsplit_once('-')?;
    let (prefix, period) = match head.rsplit_once('-') {
        Some((prefix, period)) => (Some(prefix), period),
        None => (None, head),
    };
    let number: i64 = digits.parse().ok().filter(|n| (1..=i64::from(u32::MAX)).contains(n))?;
    let is_month = period.len() == 6 && period.bytes().all(|b| b.is_ascii_digit());
    (is_month && written(prefix, period, number) == pid).then(|| (period.to_owned(), number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pids_as_they_are_written_count() {
        assert_eq!(parse("202611-0042"), Some(("202611".into(), 42)));
        assert_eq!(parse("KA-B-202611-12345"), Some(("202611".into(), 12345)));
        for wrong in ["202611-42", "202611-00042", "20261-0042", "202611-0000", "0042", "", "202611--001"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn gaps_and_doubles_are_seen() {
        let mut numbers = Numbers { counted: 130, ..Numbers::default() };
        for n in (1..=131).filter(|n| ![1, 64, 130].contains(n)) {
            assert!(numbers.mark(n));
        }
        assert!(!numbers.mark(65));
        assert_eq!(numbers.missing().collect::<Vec<_>>(), [1, 64, 130]);
        assert_eq!(numbers.greatest, 131);
    }
}
