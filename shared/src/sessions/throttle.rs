//! Failed logins, counted in the database so that several processes agree: by account, so that nobody's password can be
//! guessed, and by address, so that nobody can try one password on everybody.

use super::sql;
use super::types::LoginError;
use crate::clock::{Time, now};
use crate::store::{self, Db, Scope, Tx};
use chrono::Duration;

/// For how long a failure counts.
const WINDOW_MINUTES: i64 = 15;
const MOST_PER_ACCOUNT: i64 = 10;
const MOST_PER_ADDRESS: i64 = 30;

/// Counts a try before it is judged, so that many at once count too; [`forgive`] takes it back.
///
/// # Errors
/// `Throttled` if there were too many.
pub(super) async fn count(db: &Db, account: &str, address: &str) -> Result<(), LoginError> {
    let at = now();
    let since = at - Duration::minutes(WINDOW_MINUTES);
    let mut tx = db.write(Scope::All).await?;
    let by_account = sql::account_failures(&mut tx, account, since).await?;
    let by_address = sql::address_failures(&mut tx, address, since).await?;
    for ((n, oldest), most) in [(by_account, MOST_PER_ACCOUNT), (by_address, MOST_PER_ADDRESS)] {
        if n >= most {
            return Err(LoginError::Throttled { retry_after_s: wait(oldest, since) });
        }
    }
    sql::forget_old_failures(&mut tx, account, address, since).await?;
    sql::insert_failure(&mut tx, account, address, at).await?;
    Ok(tx.commit().await?)
}

/// Forgets an account's failures, once its owner has logged in.
///
/// # Errors
/// See [`store::Error`].
pub(super) async fn forgive(tx: &mut Tx, account: &str) -> store::Result<()> {
    sql::forget_failures(tx, account).await
}

/// Seconds until the oldest failure counts no more.
fn wait(oldest: Option<Time>, since: Time) -> u32 {
    let left = oldest.map_or(0, |oldest| (oldest - since).num_seconds() + 1);
    u32::try_from(left).unwrap_or(1).max(1)
}
