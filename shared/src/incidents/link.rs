//! Linking a ticket to an incident.

use super::sql;
use crate::access::{Actor, Capability};
use crate::app::App;
use crate::compiled_here;
use crate::events::EventKind;
use crate::ids::{IncidentId, TicketId};
use crate::tickets::{Change, Error, Result, TicketRef, by};
use serde_json::json;

/// Links a ticket to an incident of its tenant or of the platform, or to none.
///
/// # Errors
/// `Invalid` for an incident that is not there for the ticket's tenant; else see [`Error`].
#[compiled_here]
pub async fn link(
    app: &App,
    actor: &Actor,
    which: &TicketRef,
    incident: Option<IncidentId>,
    expected: Option<i64>,
) -> Result<TicketId> {
    let mut change = Change::begin(app, actor, which, Capability::TicketsLinkIncident, expected).await?;
    let (from, tenant) = (change.ticket().incident_id, change.ticket().tenant_id);
    if let Some(id) = incident {
        let found = sql::find(&mut change.tx, id).await?;
        if found.is_none_or(|i| i.tenant_id.is_some_and(|t| t != tenant)) {
            let message = "neither the ticket's tenant nor the platform has such an incident";
            return Err(Error::invalid("incident_id", "incident_unknown", message));
        }
    }
    if from != incident {
        change.work.update(change.id, |t| t.incident_id = incident);
        let data = json!({"from": from, "to": incident});
        change.work.event(change.id, EventKind::IncidentLinked, by(actor), data, None);
    }
    change.commit().await
}
