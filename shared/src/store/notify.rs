//! Hints between processes by PostgreSQL's NOTIFY (its manual, chapter "NOTIFY"). They are sent on their own, not in the
//! transactions that they speak of: committing a NOTIFY takes a lock over all databases, which no mail has to wait for.

use super::pool::{Db, Pools};
use super::{Result, Scope, sql};
use sqlx::postgres::PgListener;

/// Hears one channel.
#[derive(Debug)]
pub struct Heard(PgListener);

impl Db {
    /// Sends `text`, at most 7,999 octets, to all who [`Db::listen`] to `channel`; on SQLite nobody can.
    ///
    /// # Errors
    /// If the database cannot be reached.
    pub async fn notify(&self, channel: &str, text: &str) -> Result<()> {
        if self.is_sqlite() {
            return Ok(());
        }
        // A hint that a power cut loses is no loss: its commit does not wait for the disk.
        let hint = sql("SELECT set_config('synchronous_commit', 'off', TRUE) FROM pg_notify(").arg(channel).push(", ");
        hint.arg(text).push(")").exec(&mut self.read(Scope::All)).await?;
        Ok(())
    }

    /// Listens to a channel on a connection of its own; None on SQLite, which has no such thing.
    ///
    /// # Errors
    /// If the database cannot be reached.
    pub async fn listen(&self, channel: &str) -> Result<Option<Heard>> {
        let Pools::Postgres(pool) = &self.pools else { return Ok(None) };
        let mut listener = PgListener::connect_with(pool).await?;
        listener.listen(channel).await?;
        Ok(Some(Heard(listener)))
    }
}

impl Heard {
    /// Waits for the next hint. After a lost connection it is connected anew, and what was sent meanwhile is lost.
    ///
    /// # Errors
    /// If the database cannot be reached.
    pub async fn next(&mut self) -> Result<String> {
        Ok(self.0.recv().await?.payload().to_owned())
    }
}
