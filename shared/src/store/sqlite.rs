//! SQLite's connections: lent, and given back without a word to them. The driver's own pool asks each connection whether it
//! lives as it comes back; each lives on a thread of its own, so the question costs as much as a small query.

use super::{Error, Result};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A bounded number of connections, opened as they are needed. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Lenders(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    options: SqliteConnectOptions,
    idle: Mutex<Vec<SqliteConnection>>,
    most: u32,
    permits: Arc<Semaphore>,
    patience: Duration,
}

impl Lenders {
    /// At most `most` connections at once; who waits longer than `patience` for one gets an error.
    pub(super) fn new(options: SqliteConnectOptions, most: u32, patience: Duration) -> Lenders {
        let permits = Arc::new(Semaphore::new(most as usize));
        Lenders(Arc::new(Shared { options, idle: Mutex::default(), most, permits, patience }))
    }

    /// Lends a connection: first come, first served.
    ///
    /// # Errors
    /// If none is free in time, none can be opened, or this was closed.
    pub(super) async fn lend(&self) -> Result<Lent> {
        let free = tokio::time::timeout(self.0.patience, self.0.permits.clone().acquire_owned());
        let permit = free.await.map_err(|_| sqlx::Error::PoolTimedOut)?.map_err(|_| sqlx::Error::PoolClosed)?;
        let idle = self.0.idle().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.0.options.connect().await?,
        };
        Ok(Lent { connection: Some(connection), home: self.0.clone(), _permit: permit })
    }

    /// Waits for what is lent, then closes all.
    pub(super) async fn close(&self) {
        let all = self.0.permits.acquire_many(self.0.most).await;
        self.0.permits.close();
        drop(all);
        let idle = std::mem::take(&mut *self.0.idle());
        for connection in idle {
            if let Err(error) = connection.close().await {
                tracing::debug!(%error, "a connection to SQLite did not close in order");
            }
        }
    }
}

impl Shared {
    fn idle(&self) -> MutexGuard<'_, Vec<SqliteConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection; goes back where it came from when this is dropped.
#[derive(Debug)]
pub(super) struct Lent {
    /// None once its thread has died: another one is opened in its place.
    connection: Option<SqliteConnection>,
    home: Arc<Shared>,
    _permit: OwnedSemaphorePermit,
}

impl Lent {
    /// Runs `work` on the connection, and lets go of it if its thread has died.
    ///
    /// # Errors
    /// Those of `work`.
    pub(super) async fn run<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut SqliteConnection) -> sqlx::Result<T>,
    ) -> Result<T> {
        let connection = self.connection.as_mut().ok_or(sqlx::Error::WorkerCrashed)?;
        let done = work(connection).await;
        if matches!(done, Err(sqlx::Error::WorkerCrashed)) {
            self.connection = None;
        }
        done.map_err(Error::from)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.home.idle().push(connection);
        }
    }
}

/// A transaction of the writer's. Dropped without [`Writing::commit`], it is rolled back before anybody else writes.
#[derive(Debug)]
pub(super) struct Writing {
    /// None once it has ended.
    lent: Option<Lent>,
}

impl Writing {
    /// Takes the file's write lock at once.
    ///
    /// # Errors
    /// If another process holds it for longer than the connection waits.
    pub(super) async fn begin(lent: Lent) -> Result<Writing> {
        // Made first: whoever gives up waiting may have begun all the same.
        let mut writing = Writing { lent: Some(lent) };
        writing.say("BEGIN IMMEDIATE").await?;
        Ok(writing)
    }

    /// The connection that it runs on.
    ///
    /// # Errors
    /// If it has ended.
    pub(super) fn lent(&mut self) -> Result<&mut Lent> {
        self.lent.as_mut().ok_or_else(|| sqlx::Error::PoolClosed.into())
    }

    /// Makes the changes durable.
    ///
    /// # Errors
    /// If the database refuses; then nothing was changed.
    pub(super) async fn commit(mut self) -> Result<()> {
        self.say("COMMIT").await?;
        self.lent = None;
        Ok(())
    }

    /// Takes the changes back.
    ///
    /// # Errors
    /// If the connection is lost; then nothing was changed.
    pub(super) async fn rollback(mut self) -> Result<()> {
        self.say("ROLLBACK").await?;
        self.lent = None;
        Ok(())
    }

    async fn say(&mut self, statement: &'static str) -> Result<()> {
        self.lent()?.run(async |c| sqlx::query(statement).execute(c).await.map(drop)).await
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        let Some(mut lent) = self.lent.take() else { return };
        match tokio::runtime::Handle::try_current() {
            // Nobody else gets the connection before. Where nothing was begun, there is nothing to take back.
            Ok(runtime) => drop(runtime.spawn(async move {
                let _ = lent.run(async |c| sqlx::query("ROLLBACK").execute(c).await.map(drop)).await;
            })),
            Err(_) => lent.connection = None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Db, Scope, sql};
    use std::future::Future;
    use std::task::{Context, Waker};

    async fn fresh() -> (tempfile::TempDir, Db) {
        let folder = tempfile::tempdir().expect("a folder");
        let db = Db::connect(&format!("sqlite://{}/t.db", folder.path().display()), 1).await.expect("it opens");
        let mut tx = db.write(Scope::All).await.expect("it begins");
        sql("CREATE TABLE t (n INTEGER NOT NULL) STRICT").exec(&mut tx).await.expect("it runs");
        tx.commit().await.expect("it commits");
        (folder, db)
    }

    async fn add(db: &Db) -> Result<crate::store::Tx> {
        let mut tx = db.write(Scope::All).await?;
        sql("INSERT INTO t VALUES (1)").exec(&mut tx).await?;
        Ok(tx)
    }

    async fn count(db: &Db) -> i64 {
        let (n,): (i64,) = sql("SELECT COUNT(*) FROM t").one(&mut db.read(Scope::All)).await.expect("it reads");
        n
    }

    /// However a transaction ends without commit, it leaves nothing, and the next one can begin.
    #[tokio::test]
    async fn what_is_not_committed_is_taken_back() {
        let (_folder, db) = fresh().await;
        drop(add(&db).await.expect("a row"));
        add(&db).await.expect("the next one begins").rollback().await.expect("it goes back");
        assert_eq!(count(&db).await, 0);
        // Who stops waiting at any moment: as it begins, within a statement, as it commits.
        for polls in 0..40 {
            let work = async { add(&db).await.expect("a row").commit().await };
            let mut work = std::pin::pin!(work);
            let mut context = Context::from_waker(Waker::noop());
            for _ in 0..polls {
                if work.as_mut().poll(&mut context).is_ready() {
                    break;
                }
                tokio::time::sleep(Duration::from_micros(200)).await;
            }
        }
        let before = count(&db).await;
        add(&db).await.expect("it can be written").commit().await.expect("it commits");
        assert_eq!(count(&db).await, before + 1);
        db.close().await;
    }

    #[tokio::test]
    async fn who_waits_gets_the_next_and_a_closed_one_lends_nothing() {
        let (_folder, db) = fresh().await;
        let first = add(&db).await.expect("a row");
        let waiting = tokio::spawn({
            let db = db.clone();
            async move { add(&db).await.expect("a row").commit().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        first.commit().await.expect("it commits");
        waiting.await.expect("it ends").expect("it commits");
        assert_eq!(count(&db).await, 2);
        db.close().await;
        assert!(matches!(db.write(Scope::All).await.map(drop), Err(Error::Unavailable(sqlx::Error::PoolClosed))));
        assert!(sql("SELECT n FROM t").all::<(i64,)>(&mut db.read(Scope::All)).await.is_err());
    }

    #[tokio::test]
    async fn who_waits_too_long_is_told() {
        let (folder, db) = fresh().await;
        let options = SqliteConnectOptions::new().filename(folder.path().join("t.db"));
        let one = Lenders::new(options, 1, Duration::from_millis(50));
        let lent = one.lend().await.expect("it is free");
        assert!(matches!(one.lend().await, Err(Error::Unavailable(sqlx::Error::PoolTimedOut))));
        drop(lent);
        one.lend().await.expect("it is free again");
        one.close().await;
        db.close().await;
    }
}
