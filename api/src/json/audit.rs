//! The audit over HTTP: pages of it, or all of it as lines of JSON.

use super::{TenantName, listed, read_id, read_time, tenant_named, window};
use crate::Api;
use crate::extract::{Caller, Page, Query};
use crate::problem::Problem;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::access::{Actor, ActorKind, Capability};
use shared::app::App;
use shared::audit::{self, AuditRow, Filter, Place};
use shared::clock::Time;
use shared::ids::{TenantId, TicketId, UserId};

/// Rows that an export reads at a time.
const EXPORT_ROWS: u32 = 500;

/// A row.
#[derive(Debug, Serialize)]
pub struct Shape {
    seq: i64,
    kind: String,
    audit: Vec<&'static str>,
    actor: ActorShape,
    ticket_id: Option<TicketId>,
    subject: Option<String>,
    tenant_id: Option<TenantId>,
    address: Option<String>,
    request_id: Option<String>,
    data: Value,
    at: Time,
    hash: Option<String>,
}

#[derive(Debug, Serialize)]
struct ActorShape {
    kind: ActorKind,
    id: Option<UserId>,
    name: Option<String>,
}

fn shape(r: AuditRow) -> Shape {
    let hex = |bytes: &Vec<u8>| bytes.iter().map(|b| format!("{b:02x}")).collect();
    Shape {
        audit: r.names().map(Vec::from).unwrap_or_default(),
        ticket_id: r.ticket(),
        seq: r.seq,
        kind: r.kind,
        actor: ActorShape { kind: r.actor_kind, id: r.actor_id, name: r.actor_name },
        subject: r.subject,
        tenant_id: r.tenant_id,
        address: r.address,
        request_id: r.request_id,
        data: serde_json::from_str(&r.data).unwrap_or(Value::Null),
        at: r.at,
        hash: r.hash.as_ref().map(hex),
    }
}

#[derive(Debug, Deserialize)]
pub struct ListQuery {
    #[serde(alias = "action", alias = "event")]
    kind: Option<String>,
    #[serde(alias = "actorId", alias = "actor", alias = "user_id", alias = "userId")]
    actor_id: Option<String>,
    #[serde(alias = "ticketId", alias = "ticket")]
    ticket_id: Option<String>,
    #[serde(alias = "tenantId", alias = "tenant", alias = "company_id", alias = "companyId")]
    tenant_id: Option<String>,
    since: Option<String>,
    until: Option<String>,
    format: Option<String>,
}

/// `GET /api/audit`
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    page: Page,
    Query(query): Query<ListQuery>,
) -> Result<Response, Problem> {
    let (db, actor) = (&api.app.db, &caller.actor);
    let tenant = query.tenant_id.clone().map(TenantName::Name);
    let tenant = tenant_named(db, actor, tenant.as_ref()).await?;
    actor.require(Capability::AuditRead)?;
    let filter = filter(&query, tenant)?;
    match query.format.as_deref() {
        None | Some("" | "json") => {
            let after: Option<Place> = page.after()?;
            let rows = audit::list(db, actor, &filter, after.as_ref(), window(&page).0).await?;
            Ok(Json(listed(rows, &page, None, AuditRow::place, shape)).into_response())
        }
        Some("ndjson" | "jsonl") => export(&api.app, actor, filter).await,
        Some(_) => Err(Problem::field("format", "unknown_value", "must be json or ndjson")),
    }
}

fn filter(query: &ListQuery, tenant: Option<TenantId>) -> Result<Filter, Problem> {
    let unknown = |_| Problem::field("kind", "unknown_value", "is no kind of event");
    Ok(Filter {
        kind: query.kind.as_deref().filter(|k| !k.is_empty()).map(|k| k.parse().map_err(unknown)).transpose()?,
        actor: read_id("actor_id", query.actor_id.as_deref())?,
        ticket: read_id("ticket_id", query.ticket_id.as_deref())?,
        tenant,
        since: read_time("since", query.since.as_deref())?,
        until: read_time("until", query.until.as_deref())?,
    })
}

/// Sends everything that the filter lets through, a line of JSON each, as it is read. A failure on the way breaks the
/// connection off: half an export must not look whole.
async fn export(app: &App, actor: &Actor, filter: Filter) -> Result<Response, Problem> {
    actor.require(Capability::Export)?;
    audit::record_export(&app.db, actor, json!({})).await?;
    let start = (app.clone(), actor.clone(), filter, None::<Place>, false);
    let lines = stream::try_unfold(start, |(app, actor, filter, after, done)| async move {
        if done {
            return Ok::<_, shared::access::Refused>(None);
        }
        let rows = audit::list(&app.db, &actor, &filter, after.as_ref(), EXPORT_ROWS).await?;
        let done = rows.len() < EXPORT_ROWS as usize;
        let after = rows.last().map(AuditRow::place);
        let mut text = String::new();
        for row in rows {
            text.push_str(&serde_json::to_string(&shape(row)).expect("a row is plain data"));
            text.push('\n');
        }
        Ok(Some((Bytes::from(text), (app, actor, filter, after, done))))
    });
    let headers = [
        (header::CONTENT_TYPE, "application/x-ndjson"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"audit.ndjson\""),
    ];
    Ok((headers, Body::from_stream(lines)).into_response())
}
