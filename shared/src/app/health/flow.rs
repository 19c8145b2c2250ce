//! How much mail there is in each state, and what waits: for `/metrics`, the operator's page and `postroom doctor`.

use super::sql;
use crate::access::Actor;
use crate::app::App;
use crate::clock::Time;
use crate::compiled_here;
use crate::ids::TenantId;
use crate::mail_in::{Door, MailState};
use crate::mail_out::complaints::{self, Complaints};
use crate::mail_out::kinds::OutboxState;
use crate::store::{Result, Scope, dialect};

/// What flows, of one tenant or of all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// Arrivals by state; states without any are missing.
    pub inbound: Vec<(MailState, i64)>,
    /// Outgoing mails by state; states without any are missing.
    pub outbox: Vec<(OutboxState, i64)>,
    /// For how many seconds the oldest undecided arrival of each door has waited; doors without one are missing.
    pub door_lag_s: Vec<(Door, i64)>,
    /// For how many seconds the oldest mail that is due has waited to leave.
    pub oldest_unsent_s: Option<i64>,
    /// The tenants about whose mail of the last day somebody complained (E5.4).
    pub complaints: Vec<Complaints>,
}

/// Counts every tenant's mail.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn flow(app: &App) -> Result<Flow> {
    of(app, None).await
}

/// Counts the mail that an actor sees.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn flow_of(app: &App, actor: &Actor) -> Result<Flow> {
    of(app, actor.within).await
}

async fn of(app: &App, tenant: Option<TenantId>) -> Result<Flow> {
    let mut read = app.db.read(tenant.map_or(Scope::All, Scope::Tenant));
    let now = dialect::now(&mut read).await?;
    let age = |at: Time| (now - at).num_seconds().max(0);
    Ok(Flow {
        inbound: sql::inbound_by_state(&mut read, tenant).await?,
        outbox: sql::outbox_by_state(&mut read, tenant).await?,
        door_lag_s: sql::oldest_by_door(&mut read, tenant).await?.into_iter().map(|(d, at)| (d, age(at))).collect(),
        oldest_unsent_s: sql::oldest_due_of(&mut read, tenant, now).await?.map(age),
        complaints: complaints::recent(&mut read, tenant, now).await?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::{on_both_apps, seed};

    /// No mail left behind: what waits is counted, each door's oldest is told.
    #[tokio::test]
    async fn what_waits_is_counted_by_state_and_door() {
        on_both_apps(async |app| {
            assert_eq!(
                flow(&app).await.expect("counted"),
                Flow { inbound: vec![], outbox: vec![], door_lag_s: vec![], oldest_unsent_s: None, complaints: vec![] }
            );
            seed(
                &app.db,
                "INSERT INTO raw_mails (id, tenant_id, sha256, size_bytes, encoding, bytes, created_at) VALUES \
                 (1, 1, 'x', 0, 'blob', NULL, '2026-11-01T00:00:00+00:00'); \
                 INSERT INTO inbound_mails (tenant_id, raw_id, door, envelope_to, received_at, state, flags, trace, tries) VALUES \
                 (1, 1, 'smtp', '[]', '2026-11-01T00:00:00+00:00', 'kept', '[]', '[]', 0), \
                 (1, 1, 'smtp', '[]', '2026-11-01T00:01:00+00:00', 'kept', '[]', '[]', 0), \
                 (1, 1, 'imap', '[]', '2026-11-01T00:00:30+00:00', 'failed', '[]', '[]', 4)",
            )
            .await;
            let flow = flow(&app).await.expect("counted");
            assert_eq!(flow.inbound, [(MailState::Failed, 1), (MailState::Kept, 2)]);
            assert!(matches!(flow.door_lag_s[..], [(Door::Smtp, lag)] if lag > 60), "{flow:?}");
            let none = of(&app, Some(TenantId(77))).await.expect("counted");
            assert!(none.inbound.is_empty() && none.door_lag_s.is_empty());
        })
        .await;
    }
}
