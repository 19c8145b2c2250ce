//! Search: tickets by their messages, and people.

use super::{Answer, shapes};
use crate::Api;
use crate::extract::page::cursor;
use crate::extract::{Caller, Page, Query};
use crate::problem::Problem;
use axum::extract::State;
use serde::Deserialize;
use serde_json::json;
use shared::clock::now;
use shared::ids::MessageId;
use shared::search::{self, query};

/// What to look for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Params {
    q: String,
}

/// Reads a search, or tells what is wrong with it.
///
/// # Errors
/// 422 that names the word.
pub fn read(text: &str) -> Result<query::Query, Problem> {
    query::Query::parse(text).map_err(|wrong| Problem::field("q", "invalid", wrong.to_string()))
}

/// `GET /api/support/search?q=`: tickets by their newest message that fits, newest first; on the first page people
/// too, whose address or name begins so. Each hit has the piece of text that shows why.
///
/// # Errors
/// 400 for a wrong cursor, 401, 403, 422 for a search that cannot be understood.
pub async fn index(State(api): State<Api>, caller: Caller, page: Page, Query(p): Query<Params>) -> Answer {
    let actor = caller.actor();
    actor.require(shared::access::Capability::TicketsRead)?;
    let query = read(&p.q)?;
    if query.is_empty() {
        return Err(Problem::field("q", "required", "says nothing to look for"));
    }
    let before = page.after::<MessageId>()?;
    let found = search::search(&api.app, actor, &query, before, i64::from(page.limit)).await?;
    let people = match before {
        None => search::people(&api.app, actor, &p.q).await?,
        Some(_) => Vec::new(),
    };
    let at = now();
    let hit = |h: search::Hit| {
        json!({
            "message_id": h.message.id, "seq": h.message.seq, "kind": h.message.kind, "created_at": h.message.created_at,
            "snippet": h.snippet, "ticket": shapes::ticket(h.ticket, at),
        })
    };
    let data: Vec<_> = found.hits.into_iter().map(hit).collect();
    Ok(axum::Json(json!({"data": data, "people": people, "next_cursor": found.next.as_ref().map(cursor)})))
}
