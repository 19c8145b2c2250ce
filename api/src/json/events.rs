//! A ticket's timeline.

use super::Answer;
use super::input::json;
use super::tickets::reference;
use crate::Api;
use crate::extract::page::{List, cursor};
use crate::extract::{Caller, Page, Path};
use axum::extract::State;
use serde::Serialize;
use serde_json::Value;
use shared::clock::Time;
use shared::events::{ByKind, Event};
use shared::ids::UserId;
use shared::tickets::{self, EventView};

/// An event (DESIGN 8).
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct EventShape {
    pub seq: i64,
    pub kind: &'static str,
    pub audit: [&'static str; 2],
    pub actor: ActorShape,
    pub data: Value,
    pub at: Time,
    pub hash: String,
}

/// Who made it.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct ActorShape {
    pub kind: ByKind,
    pub id: Option<UserId>,
    pub name: Option<String>,
}

/// Returns an event's shape without names, as a stale answer has it.
pub fn plain(event: &Event) -> Value {
    json(shape(event, None, None))
}

fn view(v: &EventView) -> EventShape {
    shape(&v.event, v.actor_name.clone().or_else(|| v.actor_email.clone()), v.content.as_deref())
}

/// `data` holds ids and enum values; the texts that erasing can empty join it here.
fn shape(e: &Event, name: Option<String>, content: Option<&str>) -> EventShape {
    let mut data: Value = serde_json::from_str(&e.data).unwrap_or_default();
    if let (Value::Object(data), Some(Value::Object(texts))) =
        (&mut data, content.and_then(|c| serde_json::from_str(c).ok()))
    {
        data.extend(texts);
    }
    EventShape {
        seq: e.seq,
        kind: e.kind.as_str(),
        audit: e.kind.audit(),
        actor: ActorShape { kind: e.actor_kind, id: e.actor_id, name },
        data,
        at: e.at,
        hash: e.hash.iter().map(|b| format!("{b:02x}")).collect(),
    }
}

/// `GET /api/support/tickets/{id}/events`: oldest first.
///
/// # Errors
/// 401, 403, 404.
pub async fn index(State(api): State<Api>, caller: Caller, Path(which): Path<String>, page: Page) -> Answer {
    let after = page.after::<i64>()?.unwrap_or(0);
    let limit = i64::from(page.limit);
    let events = tickets::events(&api.app, caller.actor(), &reference(&which), after, limit + 1).await?;
    let more = events.len() as i64 > limit;
    let events: Vec<EventShape> = events.iter().take(page.limit as usize).map(view).collect();
    let next_cursor = events.last().filter(|_| more).map(|e| cursor(&e.seq));
    Ok(axum::Json(json(List { data: events, next_cursor, total: None })))
}
