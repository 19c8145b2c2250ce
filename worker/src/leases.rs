//! The leases that this process holds (E9.4), so that they are renewed while mail is under way and no longer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use shared::mail_out::outbox;
use shared::store::Db;

/// Tokens of claims, each with the number of its mails that are not settled yet. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Leases(Arc<Mutex<HashMap<String, usize>>>);

/// One mail's share in a lease; dropped when what became of the mail is recorded.
#[derive(Debug)]
pub(crate) struct Lease {
    token: String,
    of: Leases,
}

impl Leases {
    /// Returns a fresh token: no two claims ever share one, so that what a stalled attempt reports late cannot pass
    /// for what a later attempt of the same process reports.
    pub fn token() -> String {
        format!("{:032x}", rand::random::<u128>())
    }

    /// Holds one mail under `token`.
    pub fn hold(&self, token: &str) -> Lease {
        *self.lock().entry(token.to_owned()).or_default() += 1;
        Lease { token: token.to_owned(), of: self.clone() }
    }

    fn tokens(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    /// Renews all leases four times in their length, for ever.
    pub async fn keep_alive(self, db: Db, length: Duration) {
        loop {
            tokio::time::sleep(length / 4).await;
            let tokens = self.tokens();
            if tokens.is_empty() {
                continue;
            }
            if let Err(e) = outbox::renew(&db, &tokens, length).await {
                tracing::warn!(error = &e as &dyn std::error::Error, "leases could not be renewed");
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.0.lock().expect("no code panics while it holds the leases")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut held = self.of.lock();
        if let Some(n) = held.get_mut(&self.token) {
            *n -= 1;
            if *n == 0 {
                held.remove(&self.token);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Leases;

    #[test]
    fn a_lease_lasts_until_its_last_mail_is_settled() {
        let leases = Leases::default();
        let (a, b, other) = (leases.hold("a"), leases.hold("a"), leases.hold("b"));
        drop(a);
        assert_eq!(leases.tokens().len(), 2);
        drop((b, other));
        assert!(leases.tokens().is_empty());
        assert_ne!(Leases::token(), Leases::token());
    }
}
