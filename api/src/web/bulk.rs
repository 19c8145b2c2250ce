//! One act on the rows of the queue that were chosen, and taking it back. Leads back to the list, with a line that says what
//! was done and a button that undoes it.

use super::bulk_merge;
use super::form_data::FormData;
use super::reader::{Visit, own_path};
use crate::Api;
use crate::json::bulk::{Outcomes, act_of, act_on_all, undo_all, undo_of};
use crate::problem::Problem;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use shared::access::Capability;
use shared::tickets::bulk;
use std::collections::HashMap;

const LIST: &str = "/dashboard/support";

/// `POST /dashboard/support/bulk`
///
/// # Errors
/// 401, 403, 422.
pub async fn act(State(api): State<Api>, visit: Visit, form: FormData) -> Result<Response, Problem> {
    let actor = visit.actor()?;
    actor.require(Capability::TicketsUpdate)?;
    let action = match form.get("action") {
        // Enter presses the form's first button, whichever field it is pressed in.
        "tag" if form.some("tag").is_none() && form.some("words").is_some() => "snooze",
        action => action,
    };
    let field = match action {
        "assign" => "assigned_to",
        "untag" => "tag",
        "snooze" => "words",
        action => action,
    };
    let names: Vec<String> =
        form.all("ticket").filter(|name| !name.is_empty()).take(bulk::MOST).map(str::to_owned).collect();
    if action == "merge" && names.len() > 1 {
        return Ok(bulk_merge::ask(&names, form.get("back")));
    }
    if action == "merge" {
        return Ok(back(&form, &[("did", "bulk-merge-two")]));
    }
    let needs = ["assign", "status", "priority", "tag", "untag", "snooze"].contains(&action);
    if names.is_empty() || needs && form.some(field).is_none() {
        return Ok(back(&form, &[("did", "bulk-none")]));
    }
    let value = form.some(field).filter(|value| *value != "nobody");
    let act = match act_of(&api.app, actor, action, value, form.some("time_zone")).await {
        // What was chosen stays as it is; the words are said to be unclear.
        Err(_) if action == "snooze" => return Ok(back(&form, &[("did", "bulk-unclear")])),
        act => act?,
    };
    let done = act_on_all(&api.app, actor, &names, &act, &HashMap::new()).await;
    let undo = bulk::write_undo(&undo_of(&done));
    Ok(said(&form, "bulk", &done, &undo))
}

/// `POST /dashboard/support/bulk/undo`
///
/// # Errors
/// 401, 403, 422 for what is no undo of ours.
pub async fn undo(State(api): State<Api>, visit: Visit, form: FormData) -> Result<Response, Problem> {
    let actor = visit.actor()?;
    actor.require(Capability::TicketsUpdate)?;
    let undos = bulk::read_undo(form.get("undo"))?;
    let done = undo_all(&api.app, actor, &undos).await;
    Ok(said(&form, "bulk-undone", &done, ""))
}

pub(super) fn said(form: &FormData, did: &str, done: &Outcomes, undo: &str) -> Response {
    let refused = done.iter().filter(|(_, done)| done.is_err()).count();
    let (changed, refused) = ((done.len() - refused).to_string(), refused.to_string());
    back(form, &[("did", did), ("changed", &changed), ("refused", &refused), ("undo", undo)])
}

/// Returns the list that a form or an address names, as far as it is one.
pub(super) fn list_of(back: &str) -> String {
    own_path(back).filter(|path| path.split('?').next() == Some(LIST)).unwrap_or(LIST).to_owned()
}

/// Back to the list as it was, or to the ticket, with what is to be said.
fn back(form: &FormData, say: &[(&str, &str)]) -> Response {
    let (path, query) =
        own_path(form.get("back")).map_or((LIST, ""), |from| from.split_once('?').unwrap_or((from, "")));
    let is_ticket =
        path.strip_prefix(LIST).and_then(|rest| rest.strip_prefix('/')).is_some_and(|pid| !pid.contains('/'));
    let (path, query) = if path == LIST || is_ticket { (path, query) } else { (LIST, "") };
    let mut to = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        if !["did", "undo", "changed", "refused", "was", "sent"].contains(&name.as_ref()) {
            to.append_pair(&name, &value);
        }
    }
    for (name, value) in say.iter().filter(|(_, value)| !value.is_empty()) {
        to.append_pair(name, value);
    }
    Redirect::to(&format!("{path}?{}", to.finish())).into_response()
}
