//! Connections kept open between mails: at most so many per relay, none for longer than it is of use.

use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::session::Session;

/// The connections to one relay. A permit is held by whoever uses a connection; the parked ones need none, as a
/// new one is opened only when none is parked.
pub(super) struct Pool {
    slots: Arc<Semaphore>,
    idle_for: Duration,
    idle: Mutex<Idle>,
}

#[derive(Default)]
struct Idle {
    /// The most recently used last.
    parked: Vec<(Session, Instant)>,
    /// A task closes what lies here too long.
    watched: bool,
}

impl Pool {
    pub fn new(connections: usize, idle_for: Duration) -> Arc<Pool> {
        let slots = Arc::new(Semaphore::new(connections.max(1)));
        Arc::new(Pool { slots, idle_for, idle: Mutex::default() })
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().expect("no code panics while it holds the pool")
    }

    /// Waits for the right to use a connection, in order of arrival.
    pub async fn slot(&self) -> OwnedSemaphorePermit {
        self.slots.clone().acquire_owned().await.expect("the pool's semaphore is never closed")
    }

    /// Returns the connection used last, so that the surplus ones expire; those that died meanwhile are dropped.
    pub fn take(&self) -> Option<Session> {
        let mut idle = self.idle();
        while let Some((session, since)) = idle.parked.pop() {
            if since.elapsed() < self.idle_for && session.is_usable() {
                return Some(session);
            }
        }
        None
    }

    /// Keeps a connection for the next mail.
    pub fn park(self: &Arc<Self>, session: Session) {
        let mut idle = self.idle();
        idle.parked.push((session, Instant::now()));
        if !idle.watched {
            idle.watched = true;
            tokio::spawn(close_expired(Arc::downgrade(self), self.idle_for));
        }
    }

    /// Returns how many connections are parked.
    pub fn parked(&self) -> usize {
        self.idle().parked.len()
    }

    /// Takes leave on every parked connection.
    pub async fn close(&self) {
        let parked = std::mem::take(&mut self.idle().parked);
        futures::future::join_all(parked.into_iter().map(|(session, _)| session.quit())).await;
    }
}

async fn close_expired(pool: Weak<Pool>, idle_for: Duration) {
    loop {
        tokio::time::sleep(idle_for.max(Duration::from_millis(10)) / 2).await;
        let Some(pool) = pool.upgrade() else { return };
        let expired: Vec<Session> = {
            let mut idle = pool.idle();
            let (expired, kept) = std::mem::take(&mut idle.parked)
                .into_iter()
                .partition::<Vec<_>, _>(|(_, since)| since.elapsed() >= idle_for);
            idle.parked = kept;
            idle.watched = !idle.parked.is_empty();
            expired.into_iter().map(|(session, _)| session).collect()
        };
        let done = !pool.idle().watched;
        drop(pool);
        futures::future::join_all(expired.into_iter().map(Session::quit)).await;
        if done {
            return;
        }
    }
}
