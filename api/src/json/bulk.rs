//! One act on many tickets over HTTP.

use super::Answer;
use super::input::{Name, assignee, json, parsed};
use super::ticket_parts::read_until;
use super::tickets::reference;
use crate::Api;
use crate::extract::json::snake_case;
use crate::extract::{Caller, Unread};
use crate::problem::{FieldError, Problem};
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::access::{Actor, Capability};
use shared::app::App;
use shared::clock::Time;
use shared::tickets::Folder;
use shared::tickets::bulk::{self, Act, Done, Undo};
use shared::tickets::snooze::Until;
use std::collections::HashMap;

/// What is to be done, and with which tickets.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Body {
    /// Ids or PIDs.
    #[serde(default)]
    ids: Vec<Name>,
    /// `assign`, `status`, `priority`, `tag`, `untag`, `close`, `spam`, `trash`, `restore`, `snooze`, `wake`, or `undo`.
    action: String,
    /// What `assign`, `status`, `priority`, `tag`, `untag`, `snooze` and `undo` need.
    value: Option<Name>,
    /// Which clock the words of `snooze` go by, where the caller chose none for themselves.
    time_zone: Option<String>,
    /// The versions that the caller saw, by id or PID as in `ids`.
    #[serde(default)]
    expected_versions: HashMap<String, i64>,
}

/// `POST /api/support/tickets/bulk`: each ticket is a change of its own. Answers for each what became of it, and how all
/// that was done is taken back: as the value of `undo`.
///
/// # Errors
/// 401, 403; 422 for what is no act, for no tickets, and for more than 200.
pub async fn act(State(api): State<Api>, caller: Caller, body: Unread) -> Answer {
    let (app, actor) = (&api.app, caller.actor());
    actor.require(Capability::TicketsUpdate)?;
    let b: Body = body.read()?;
    let value = b.value.as_ref().and_then(Name::text);
    if b.action == "undo" {
        let undos = bulk::read_undo(&value.ok_or_else(|| Problem::validation(vec![FieldError::required("value")]))?)?;
        let done = undo_all(app, actor, &undos).await;
        return Ok(Json(answer(done)));
    }
    let act = act_of(app, actor, &b.action, value.as_deref(), b.time_zone.as_deref()).await?;
    let names: Vec<String> = b.ids.iter().filter_map(Name::text).collect();
    if names.is_empty() {
        return Err(Problem::validation(vec![FieldError::required("ids")]));
    }
    if names.len() > bulk::MOST {
        return Err(Problem::field("ids", "too_many", format!("at most {} at a time", bulk::MOST)));
    }
    Ok(Json(answer(act_on_all(app, actor, &names, &act, &b.expected_versions).await)))
}

/// Reads an act and its value, as JSON and forms name them. `zone` names the clock that words go by.
///
/// # Errors
/// 422.
pub async fn act_of(
    app: &App,
    actor: &Actor,
    action: &str,
    value: Option<&str>,
    zone: Option<&str>,
) -> Result<Act, Problem> {
    let needed = || value.ok_or_else(|| Problem::validation(vec![FieldError::required("value")]));
    Ok(match action {
        // Nobody is a value, too.
        "assign" => Act::Assign(assignee(actor, value.map(|v| Name::Text(v.to_owned())).as_ref())?),
        "status" => Act::Status(parsed("value", needed()?)?),
        "priority" => Act::Priority(parsed("value", needed()?)?),
        "tag" => Act::Tag(needed()?.to_owned()),
        "untag" => Act::Untag(needed()?.to_owned()),
        "close" => Act::Close,
        "spam" => Act::Move(Folder::Spam),
        "trash" => Act::Move(Folder::Trash),
        "restore" => Act::Move(Folder::Inbox),
        "snooze" => Act::Snooze(Some(match needed()?.parse::<Time>() {
            Ok(at) => Until::at(at)?,
            Err(_) => read_until(app, actor, needed()?, zone).await?,
        })),
        "wake" => Act::Snooze(None),
        _ => {
            let all = "expected one of: assign, status, priority, tag, untag, close, spam, trash, restore, snooze, wake, undo";
            return Err(Problem::field("action", "unknown_value", all));
        }
    })
}

/// What became of each ticket, by the name that the request has for it.
pub type Outcomes = Vec<(String, Result<Done, Problem>)>;

/// Does it with each, one after the other: what fails for one leaves the others.
pub async fn act_on_all(
    app: &App,
    actor: &Actor,
    names: &[String],
    act: &Act,
    expected: &HashMap<String, i64>,
) -> Outcomes {
    let mut all = Vec::with_capacity(names.len());
    for name in names {
        // Keys of a body are read in camelCase too, which changes the prefix of a PID.
        let seen = expected.get(name).or_else(|| expected.get(&snake_case(name)));
        let done = bulk::act(app, actor, &reference(name), act, seen.copied()).await;
        all.push((name.clone(), done.map_err(Problem::from)));
    }
    all
}

/// Takes back what was done, where nothing changed since.
pub async fn undo_all(app: &App, actor: &Actor, undos: &[Undo]) -> Outcomes {
    let mut all = Vec::with_capacity(undos.len());
    for undo in undos {
        let done = bulk::undo(app, actor, undo).await;
        all.push((undo.ticket.to_string(), done.map_err(Problem::from)));
    }
    all
}

/// Returns how what was done is taken back.
pub fn undo_of(all: &Outcomes) -> Vec<Undo> {
    all.iter().filter_map(|(_, done)| done.as_ref().ok()?.undo.clone()).collect()
}

fn answer(all: Outcomes) -> Value {
    let undo = Some(undo_of(&all)).filter(|all| !all.is_empty()).map(|all| bulk::write_undo(&all));
    let one = |(name, done): (String, Result<Done, Problem>)| match done {
        Ok(done) => {
            json!({"ok": true, "id": done.id, "pid": done.pid, "version": done.version, "changed": done.undo.is_some()})
        }
        Err(problem) => json!({"ok": false, "id": name, "problem": json(problem.shown())}),
    };
    json!({"data": all.into_iter().map(one).collect::<Vec<_>>(), "undo": undo})
}
