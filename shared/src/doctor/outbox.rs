//! Outgoing mail: there for every reply, in one state, never stuck, and found without the queue (5, 9).

use super::sql::Table;
use super::{Finding, Invariant, Probe, Result, sql, sweep};
use crate::address;
use crate::app::App;
use crate::app::health::{UNSENT_LATE_S, WORKER_SILENT_S};
use crate::clock::{self, Time};
use chrono::Duration;

/// The sweep frees leases that ran out; a worker that lives does so well within a minute.
const LEASE_OVER: Duration = Duration::minutes(1);

const STATES: &[Probe] = &[
    Probe::older(
        "being sent under a lease that ran out",
        LEASE_OVER,
        "SELECT 'outbox ' || CAST(o.id AS TEXT) FROM outbox o WHERE o.id > $1 AND o.id <= $2 AND o.state = 'sending' \
         AND o.lease_until < $3 ORDER BY o.id",
    ),
    Probe::new(
        "at rest, and due or leased all the same",
        "SELECT 'outbox ' || CAST(o.id AS TEXT) FROM outbox o WHERE o.id > $1 AND o.id <= $2 \
         AND o.state IN ('sent', 'dead', 'bounced', 'complained', 'cancelled', 'suppressed') \
         AND (o.due_at IS NOT NULL OR o.lease_token IS NOT NULL OR o.lease_until IS NOT NULL) ORDER BY o.id",
    ),
    Probe::new(
        "sent, nobody knows when",
        "SELECT 'outbox ' || CAST(o.id AS TEXT) FROM outbox o WHERE o.id > $1 AND o.id <= $2 \
         AND o.state = 'sent' AND o.sent_at IS NULL ORDER BY o.id",
    ),
];

const LATE: &[Probe] = &[Probe::older(
    "due for over five minutes while a worker lives",
    Duration::seconds(UNSENT_LATE_S),
    "SELECT 'outbox ' || CAST(o.id AS TEXT) FROM outbox o WHERE o.id > $1 AND o.id <= $2 AND o.due_at < $3 ORDER BY o.id",
)];

/// Promise 5: Each public agent message has an outgoing mail per participant, each in exactly one state, none stuck.
pub(super) async fn posted(app: &App, now: Time) -> Result<Finding> {
    let mut finding = Finding::new(Invariant::Posted);
    let mut after = 0;
    while let Some((last, rows)) = sql::window(&app.db, Table::Messages, after).await? {
        for (message, email) in sql::unposted(&app.db, after, last).await? {
            // Who has no address that mail can be sent to gets none.
            if address::is_valid(&email) {
                finding.fault("replies are no mail to a participant", format!("message {message}"));
            }
        }
        finding.looked(rows);
        after = last;
    }
    sweep(app, &mut finding, Table::Outbox, STATES, now).await?;
    let silent = now - Duration::seconds(WORKER_SILENT_S);
    // Mail waits by design while the relay is at fault (E9.7).
    if sql::worker_lives(&app.db, silent).await? && !sql::relay_paused(&app.db, now).await? {
        sweep(app, &mut finding, Table::Outbox, LATE, now).await?;
    }
    Ok(finding)
}

const WAITING: &[Probe] = &[
    Probe::new(
        "waiting, and never due",
        "SELECT 'outbox ' || CAST(o.id AS TEXT) FROM outbox o WHERE o.id > $1 AND o.id <= $2 \
         AND o.state IN ('held', 'queued', 'deferred') AND o.due_at IS NULL ORDER BY o.id",
    ),
    Probe::new(
        "being sent without a lease that can run out",
        "SELECT 'outbox ' || CAST(o.id AS TEXT) FROM outbox o WHERE o.id > $1 AND o.id <= $2 \
         AND o.state = 'sending' AND (o.lease_until IS NULL OR o.lease_token IS NULL) ORDER BY o.id",
    ),
];

/// Promise 9: Emptying Redis at any moment loses nothing: every mail that still has a way to go is due or leased by its own row.
pub(super) async fn self_reliant(app: &App) -> Result<Finding> {
    let mut finding = Finding::new(Invariant::SelfReliant);
    sweep(app, &mut finding, Table::Outbox, WAITING, clock::now()).await?;
    Ok(finding)
}
