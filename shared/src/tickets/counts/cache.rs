//! Counts that are taken by index are kept for a few seconds: a page that is drawn again and again counts once.

use super::{Count, capped};
use crate::access::Actor;
use crate::app::App;
use crate::compiled_here;
use crate::ids::{TenantId, UserId};
use crate::tickets::{Filter, Result};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a count is good (DESIGN 12).
const GOOD: Duration = Duration::from_secs(5);

/// Whose count, of what.
type Key = (Option<UserId>, Option<TenantId>, String);

/// The counts that this process took lately. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Cache(Arc<Mutex<HashMap<Key, (Instant, Count)>>>);

impl Cache {
    /// Returns how many tickets the actor sees that `filter` names, up to 999. `what` names the filter: its answer is the
    /// same for all who ask for the same within five seconds.
    ///
    /// # Errors
    /// As [`crate::tickets::count`].
    #[compiled_here]
    pub async fn of(&self, app: &App, actor: &Actor, what: &str, filter: &Filter) -> Result<Count> {
        let key = (actor.user, actor.within, what.to_owned());
        if let Some((at, count)) = self.lock().get(&key)
            && at.elapsed() < GOOD
        {
            return Ok(*count);
        }
        let count = capped(app, actor, filter).await?;
        let mut kept = self.lock();
        kept.retain(|_, (at, _)| at.elapsed() < GOOD);
        kept.insert(key, (Instant::now(), count));
        Ok(count)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Key, (Instant, Count)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
