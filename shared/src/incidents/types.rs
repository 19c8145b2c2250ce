//! What an incident is: data, no I/O.

use crate::clock::Time;
use crate::ids::{IncidentChangeId, IncidentId, TenantId, UserId};
use crate::text_enum;

text_enum! {
    /// How bad an incident is.
    pub enum Severity ("severity") {
        /// Hardly anybody notices.
        Low = "low",
        /// Some are held up.
        Medium = "medium",
        /// Many are held up.
        High = "high",
        /// Nothing works.
        Critical = "critical",
    }
}

text_enum! {
    /// Where an incident stands.
    pub enum IncidentState ("state") {
        /// It goes on.
        Open = "open",
        /// It seems to be over, and is watched.
        Monitoring = "monitoring",
        /// It is over.
        Resolved = "resolved",
    }
}

/// An outage that tickets can be linked to.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Incident {
    /// Its row.
    pub id: IncidentId,
    /// Whose it is; None: the platform's, which tickets of any tenant can be linked to.
    pub tenant_id: Option<TenantId>,
    /// What people read of it.
    pub title: String,
    /// How bad it is.
    pub severity: Severity,
    /// Where it stands.
    pub state: IncidentState,
    /// Its name elsewhere, for example in a monitoring system; unique within its tenant.
    pub external_id: Option<String>,
    /// Who reported it.
    pub created_by: Option<UserId>,
    /// When it was reported.
    pub created_at: Time,
    /// When it was last changed.
    pub updated_at: Time,
    /// When it was over.
    pub resolved_at: Option<Time>,
}

/// An incident, and what hangs on it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct IncidentView {
    /// The incident.
    #[sqlx(flatten)]
    pub incident: Incident,
    /// How many tickets are linked, as far as the actor sees them.
    pub tickets: i64,
    /// How many of these are not solved or closed.
    pub open_tickets: i64,
    /// Whether linked tickets are still being told of a change.
    pub telling: bool,
}

/// An incident to be made.
#[derive(Debug, Clone)]
pub struct NewIncident {
    /// Whose. None: the actor's tenant, or the one they chose; for a platform user without a choice the platform's.
    pub tenant: Option<TenantId>,
    /// See [`Incident`].
    pub title: String,
    /// See [`Incident`].
    pub severity: Severity,
    /// See [`Incident`].
    pub state: IncidentState,
    /// See [`Incident`].
    pub external_id: Option<String>,
}

/// What is to be changed; None leaves it.
#[derive(Debug, Clone, Default)]
pub struct IncidentChange {
    /// See [`Incident`].
    pub title: Option<String>,
    /// See [`Incident`].
    pub severity: Option<Severity>,
    /// See [`Incident`].
    pub state: Option<IncidentState>,
    /// See [`Incident`].
    pub external_id: Option<Option<String>>,
    /// With resolving: a public reply to all open tickets that are linked, in Markdown.
    pub message: Option<String>,
}

/// Which incidents are wanted.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// By state; empty: all.
    pub states: Vec<IncidentState>,
    /// Those that this tenant's tickets can be linked to.
    pub tenant: Option<TenantId>,
    /// By its name elsewhere.
    pub external_id: Option<String>,
}

/// A change that linked tickets are told of.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(super) struct Told {
    pub id: IncidentChangeId,
    pub tenant_id: Option<TenantId>,
    pub incident_id: IncidentId,
    /// What tickets' events say of it: JSON of ids and enum values.
    pub data: String,
    /// The public reply that goes with it.
    pub body: Option<String>,
    pub changed_by: Option<UserId>,
    pub tries: i64,
}
