//! What a worker does beside sending: shows that it lives, closes what was solved long ago, forgets what expired.

mod sql;

use crate::app::App;
use crate::clock::{Time, now};
use crate::compiled_here;
use crate::events::By;
use crate::store::{Db, Result, Scope, dialect};
use crate::tickets::{Status, Work};
use chrono::Duration;

/// Days after which a solved ticket closes, where its tenant says nothing (`auto_close_days`; 0: never).
const AUTO_CLOSE_DAYS: i64 = 7;
/// How much one transaction changes.
const BATCH: i64 = 200;
/// An answer that a repeated POST gets is kept this long.
const IDEMPOTENCY_HOURS: i64 = 24;
/// Failed logins count for far less than this.
const LOGIN_FAILURES_HOURS: i64 = 24;
/// The heartbeat of a worker that was killed is of no more use after this.
const SILENT_WORKER_HOURS: i64 = 24;

/// Writes a worker's heartbeat.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn beat(db: &Db, worker: &str) -> Result<()> {
    let mut tx = db.write(Scope::All).await?;
    let now = dialect::now(&mut tx).await?;
    sql::beat(&mut tx, worker, now).await?;
    tx.commit().await
}

/// Forgets a worker that stops in good order.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn leave(db: &Db, worker: &str) -> Result<()> {
    let mut tx = db.write(Scope::All).await?;
    sql::leave(&mut tx, worker).await?;
    tx.commit().await
}

/// Closes tickets that were solved so long ago that their tenants want them closed. Returns how many.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn close_solved(app: &App) -> Result<usize> {
    let mut closed = 0;
    for (tenant, settings) in sql::tenants(&mut app.db.read(Scope::All)).await? {
        let settings: serde_json::Value = serde_json::from_str(&settings).unwrap_or_default();
        let days = settings["auto_close_days"].as_i64().unwrap_or(AUTO_CLOSE_DAYS);
        let Some(before) = Duration::try_days(days).and_then(|d| now().checked_sub_signed(d)) else { continue };
        if days <= 0 {
            continue;
        }
        loop {
            let ids = sql::solved_before(&mut app.db.read(Scope::Tenant(tenant)), tenant, before, BATCH).await?;
            let mut tx = app.db.write(Scope::Tenant(tenant)).await?;
            let mut work = Work::new(&app.keys);
            work.lock(&mut tx, &ids).await?;
            for &id in &ids {
                // It may have been reopened since it was read.
                let due = work
                    .ticket(id)
                    .is_some_and(|t| t.status == Status::Solved && t.solved_at.is_some_and(|at| at < before));
                if due && work.set_status(id, Status::Closed, By::SYSTEM, "auto_close") {
                    closed += 1;
                }
            }
            work.flush(&mut tx).await?;
            tx.commit().await?;
            if (ids.len() as i64) < BATCH {
                break;
            }
        }
    }
    Ok(closed)
}

/// Deletes expired sessions and answers, and old failed logins and heartbeats, at most so many of each at a time.
/// Returns how many; more may be left if it is not 0.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn forget_old(db: &Db) -> Result<u64> {
    let now = now();
    let ago = |hours: i64| -> Time { now - Duration::hours(hours) };
    let mut tx = db.write(Scope::All).await?;
    let forgotten = sql::forget_sessions(&mut tx, now, BATCH).await?
        + sql::forget_answers(&mut tx, ago(IDEMPOTENCY_HOURS), BATCH).await?
        + sql::forget_login_failures(&mut tx, ago(LOGIN_FAILURES_HOURS), BATCH).await?
        + sql::forget_workers(&mut tx, ago(SILENT_WORKER_HOURS)).await?
        + crate::doors::forget_old(&mut tx, BATCH).await?;
    tx.commit().await?;
    Ok(forgotten)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{TenantId, TicketId, UserId};
    use crate::store::sql as query;
    use crate::store::testing::{on_both_apps, seed};
    use crate::tickets::{Channel, Folder, NewTicket, Priority};

    async fn count(app: &App, q: &'static str) -> i64 {
        let (n,): (i64,) = query(q).one(&mut app.db.read(Scope::All)).await.unwrap();
        n
    }

    #[tokio::test]
    async fn what_expired_goes_and_the_rest_stays() {
        on_both_apps(async |app| {
            seed(
                &app.db,
                "INSERT INTO users (id, tenant_id, email, email_key, role, member, active, capabilities, preferences, created_at, updated_at)
                    VALUES (1, 1, 'a@b.example', 'a@b.example', 'agent', TRUE, TRUE, '{}', '{}', '2026-01-01T00:00:00+00:00', '2026-01-01T00:00:00+00:00');
                 INSERT INTO sessions (user_id, token_hash, created_at, last_seen_at, expires_at) VALUES
                    (1, 'old', '2020-01-01T00:00:00+00:00', '2020-01-01T00:00:00+00:00', '2020-01-02T00:00:00+00:00'),
                    (1, 'new', '2020-01-01T00:00:00+00:00', '2020-01-01T00:00:00+00:00', '2100-01-01T00:00:00+00:00');
                 INSERT INTO idempotency_keys (owner, idempotency_key, request_hash, created_at) VALUES
                    ('o', 'old', 'h', '2020-01-01T00:00:00+00:00'), ('o', 'new', 'h', '2100-01-01T00:00:00+00:00');
                 INSERT INTO login_failures (account_key, address, at) VALUES
                    ('k', 'a', '2020-01-01T00:00:00+00:00'), ('k', 'a', '2100-01-01T00:00:00+00:00');
                 INSERT INTO workers (name, started_at, seen_at) VALUES
                    ('old', '2020-01-01T00:00:00+00:00', '2020-01-01T00:00:00+00:00')",
            )
            .await;
            beat(&app.db, "new").await.unwrap();
            beat(&app.db, "new").await.unwrap();
            assert_eq!(forget_old(&app.db).await.unwrap(), 4);
            assert_eq!(forget_old(&app.db).await.unwrap(), 0);
            for left in [
                "SELECT COUNT(*) FROM sessions",
                "SELECT COUNT(*) FROM idempotency_keys",
                "SELECT COUNT(*) FROM login_failures",
                "SELECT COUNT(*) FROM workers",
            ] {
                assert_eq!(count(&app, left).await, 1, "{left}");
            }
            leave(&app.db, "new").await.unwrap();
            assert_eq!(count(&app, "SELECT COUNT(*) FROM workers").await, 0);
        })
        .await;
    }

    fn ticket(n: i64) -> NewTicket {
        NewTicket {
            id: TicketId(n),
            tenant_id: TenantId(1),
            pid: format!("202611-{n:04}"),
            subject: "Broken".to_owned(),
            sub_subject: None,
            priority: Priority::Low,
            kind: "support".to_owned(),
            channel: Channel::Email,
            folder: Folder::Inbox,
            category_id: None,
            mailbox_id: None,
            requester_id: UserId(1),
            created_by: None,
            follow_up_of: None,
        }
    }

    #[tokio::test]
    async fn long_solved_tickets_close_with_an_event() {
        on_both_apps(async |app| {
            seed(
                &app.db,
                "INSERT INTO users (id, tenant_id, email, email_key, role, member, active, capabilities, preferences, created_at, updated_at)
                    VALUES (1, 1, 'a@b.example', 'a@b.example', 'customer', FALSE, TRUE, '{}', '{}', '2026-01-01T00:00:00+00:00', '2026-01-01T00:00:00+00:00')",
            )
            .await;
            let mut tx = app.db.write(Scope::All).await.unwrap();
            let mut work = Work::new(&app.keys);
            for n in 1..=3 {
                work.create(ticket(n), By::SYSTEM);
            }
            for n in 1..=2 {
                work.set_status(TicketId(n), Status::Solved, By::SYSTEM, "test");
            }
            work.flush(&mut tx).await.unwrap();
            tx.commit().await.unwrap();
            seed(&app.db, "UPDATE tickets SET solved_at = '2020-01-01T00:00:00+00:00' WHERE id = 1").await;
            assert_eq!(close_solved(&app).await.unwrap(), 1);
            assert_eq!(close_solved(&app).await.unwrap(), 0);
            assert_eq!(count(&app, "SELECT COUNT(*) FROM tickets WHERE status = 'closed' AND id = 1").await, 1);
            assert_eq!(count(&app, "SELECT COUNT(*) FROM tickets WHERE status = 'solved'").await, 1);
            assert_eq!(count(&app, "SELECT COUNT(*) FROM ticket_events WHERE ticket_id = 1").await, 3);
        })
        .await;
    }
}
