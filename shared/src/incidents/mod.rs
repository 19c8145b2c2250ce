//! Incidents: outages that tickets can be linked to, of one tenant or of the platform. What people are to hear of is told to
//! every linked ticket: [`tell`].

mod link;
mod sql;
mod tell;
mod types;

pub use link::link;
pub use tell::tell_due;
pub use types::{Filter, Incident, IncidentChange, IncidentState, IncidentView, NewIncident, Severity};

use crate::access::refused::{Checks, Wrong};
use crate::access::{Actor, Capability, Denied, Noun, Refused};
use crate::app::App;
use crate::audit::{self, AuditKind, Entry};
use crate::clock::now;
use crate::compiled_here;
use crate::ids::IncidentId;
use crate::store::Db;
use crate::tenants;
use serde_json::{Value, json};
use sql::NewChange;

/// The longest message to linked tickets, in characters.
const LONGEST_MESSAGE: usize = 20_000;

/// Returns a page of the incidents that the actor sees, newest first: their tenant's and the platform's.
///
/// # Errors
/// `Denied` without `support.incidents.read`.
#[compiled_here]
pub async fn list(
    db: &Db,
    actor: &Actor,
    filter: &Filter,
    before: Option<IncidentId>,
    page: (u32, u32),
) -> Result<Vec<IncidentView>, Refused> {
    actor.require(Capability::IncidentsRead)?;
    Ok(sql::list(&mut db.read(actor.rows()), actor.tickets(), actor.within, filter, before, page).await?)
}

/// Returns how many [`list`] gives in all.
///
/// # Errors
/// `Denied` without `support.incidents.read`.
#[compiled_here]
pub async fn count(db: &Db, actor: &Actor, filter: &Filter) -> Result<i64, Refused> {
    actor.require(Capability::IncidentsRead)?;
    Ok(sql::count(&mut db.read(actor.rows()), actor.within, filter).await?)
}

/// Returns an incident.
///
/// # Errors
/// `NotFound` outside the scope; `Denied` without `support.incidents.read`.
#[compiled_here]
pub async fn get(db: &Db, actor: &Actor, id: IncidentId) -> Result<IncidentView, Refused> {
    let found = sql::view(&mut db.read(actor.rows()), actor.tickets(), id).await?;
    let found = found.filter(|v| v.incident.tenant_id.is_none_or(|t| actor.sees_tenant(t)));
    let found = found.ok_or(Refused::NotFound(Noun::Incident))?;
    actor.require(Capability::IncidentsRead)?;
    Ok(found)
}

/// Makes an incident. Those of the platform are for platform users.
///
/// # Errors
/// `Denied`; `NotFound` for another tenant; wrong or taken values.
#[compiled_here]
pub async fn create(db: &Db, actor: &Actor, new: NewIncident) -> Result<IncidentView, Refused> {
    actor.require(Capability::IncidentsManage)?;
    let tenant_id = match new.tenant.or(actor.within) {
        Some(named) => Some(tenants::target(db, actor, Some(named)).await?.id),
        None => None,
    };
    let at = now();
    let mut incident = Incident {
        id: IncidentId(0),
        tenant_id,
        title: new.title.trim().to_owned(),
        severity: new.severity,
        state: new.state,
        external_id: trimmed(new.external_id),
        created_by: actor.user,
        created_at: at,
        updated_at: at,
        resolved_at: (new.state == IncidentState::Resolved).then_some(at),
    };
    check(&incident, None)?;
    let mut tx = db.write(actor.rows()).await?;
    incident.id = sql::insert(&mut tx, &incident).await.map_err(Refused::taken("external_id"))?;
    let data = json!({"severity": incident.severity, "state": incident.state});
    audit::record(&mut tx, actor, entry(&incident, AuditKind::IncidentMade, data)).await?;
    tx.commit().await?;
    get(db, actor, incident.id).await
}

/// Changes an incident, and tells the linked tickets: what changed to all, a message that goes with resolving it as a public
/// reply to those that are open. The first are told before this returns, the rest by the worker.
///
/// # Errors
/// `NotFound` outside the scope, `Denied`, wrong or taken values; a message with anything but resolving.
#[compiled_here]
pub async fn update(app: &App, actor: &Actor, id: IncidentId, change: IncidentChange) -> Result<IncidentView, Refused> {
    let db = &app.db;
    let seen = get(db, actor, id).await?;
    actor.require(Capability::IncidentsManage)?;
    if seen.incident.tenant_id.is_none() && !actor.is_platform() {
        return Err(Denied { capability: Capability::IncidentsManage }.into());
    }
    let message = trimmed(change.message);
    let mut tx = db.write(actor.rows()).await?;
    let before = sql::lock(&mut tx, id).await?.ok_or(Refused::NotFound(Noun::Incident))?;
    let at = now();
    let state = change.state.unwrap_or(before.state);
    let resolves = before.state != IncidentState::Resolved && state == IncidentState::Resolved;
    let mut incident = Incident {
        title: change.title.map_or(before.title.clone(), |t| t.trim().to_owned()),
        severity: change.severity.unwrap_or(before.severity),
        state,
        external_id: change.external_id.map_or(before.external_id.clone(), trimmed),
        resolved_at: match state {
            IncidentState::Resolved => before.resolved_at.or(Some(at)),
            _ => None,
        },
        ..before.clone()
    };
    check(&incident, message.as_deref())?;
    if message.is_some() && !resolves {
        // The same request once more is no fault.
        let again = state == IncidentState::Resolved && sql::last_body(&mut tx, id).await? == message;
        if !again {
            let wrong = Wrong::new("message", "not_resolving", "goes with the change to resolved alone");
            return Err(Refused::Invalid(vec![wrong]));
        }
    }
    if incident == before {
        return Ok(seen);
    }
    incident.updated_at = at;
    sql::update(&mut tx, &incident).await.map_err(Refused::taken("external_id"))?;
    let told = match told(&before, &incident) {
        Some(data) => {
            let due_at = at + tell::HEAD_START;
            let (data, by) = (data.to_string(), actor.user);
            let new = NewChange { incident: &incident, data, body: message.filter(|_| resolves), by, at, due_at };
            Some(sql::insert_change(&mut tx, new).await?)
        }
        None => None,
    };
    let fields = changed_fields(&before, &incident);
    let data = json!({
        "fields": fields, "state": {"from": before.state, "to": incident.state},
        "severity": {"from": before.severity, "to": incident.severity}, "change_id": told,
    });
    audit::record(&mut tx, actor, entry(&incident, AuditKind::IncidentChanged, data)).await?;
    tx.commit().await?;
    if let Some(told) = told {
        tell::begin(app, told).await;
    }
    get(db, actor, id).await
}

/// What linked tickets' events say of a change; None if they do not hear of it.
fn told(before: &Incident, after: &Incident) -> Option<Value> {
    let mut data = json!({"incident_id": after.id});
    if before.state != after.state {
        (data["from"], data["to"]) = (json!(before.state), json!(after.state));
    }
    if before.severity != after.severity {
        data["severity"] = json!({"from": before.severity, "to": after.severity});
    }
    let heard = before.title != after.title || before.state != after.state || before.severity != after.severity;
    heard.then_some(data)
}

fn changed_fields(before: &Incident, after: &Incident) -> Vec<&'static str> {
    let all = [
        ("title", before.title != after.title),
        ("severity", before.severity != after.severity),
        ("state", before.state != after.state),
        ("external_id", before.external_id != after.external_id),
    ];
    all.into_iter().filter(|(_, changed)| *changed).map(|(field, _)| field).collect()
}

fn trimmed(text: Option<String>) -> Option<String> {
    text.map(|t| t.trim().to_owned()).filter(|t| !t.is_empty())
}

fn check(incident: &Incident, message: Option<&str>) -> Result<(), Refused> {
    let mut checks = Checks::default();
    checks.line("title", &incident.title, 200);
    if let Some(id) = &incident.external_id {
        checks.line("external_id", id, 200);
    }
    let fits = message.is_none_or(|m| m.chars().count() <= LONGEST_MESSAGE);
    checks.check(fits, "message", "must have at most 20000 characters");
    checks.done()
}

fn entry(incident: &Incident, kind: AuditKind, data: Value) -> Entry {
    Entry { tenant: incident.tenant_id, kind, subject: format!("incident:{}", incident.id), data }
}
