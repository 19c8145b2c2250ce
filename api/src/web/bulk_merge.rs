//! Merging tickets that were chosen in the list: asked for once more, with which of them goes on.

use super::form_data::FormData;
use super::format::When;
use super::parts::{Person, TicketLink};
use super::reader::Visit;
use super::render::{self, Page};
use super::{bulk as act, clocks};
use crate::Api;
use crate::extract::Query;
use crate::json::bulk::{Outcomes, undo_of};
use crate::json::tickets::reference;
use crate::problem::Problem;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};
use shared::access::Capability;
use shared::i18n::{self, Locale};
use shared::tickets::{self, bulk};

const PATH: &str = "/dashboard/support/merge";
/// The most tickets that are merged at once: more are hardly looked at.
const MOST: usize = 20;

/// `merge.hbs`
#[derive(Debug, Clone, Serialize)]
pub struct MergePage {
    /// The tickets, oldest first: the first one goes on unless the reader says otherwise.
    pub rows: Vec<Row>,
    /// The list to go back to.
    pub back: String,
}

/// A ticket to be merged.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// Its public id.
    pub pid: String,
    /// Its page.
    pub href: String,
    /// Subject.
    pub subject: String,
    /// Who asks.
    pub who: String,
    /// The status.
    pub status: String,
    /// When it was made.
    pub since: When,
    /// Whether it goes on.
    pub chosen: bool,
}

/// The address's parameters.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Params {
    /// The tickets, comma separated.
    tickets: String,
    /// The list to go back to.
    back: String,
}

/// Leads to the page that asks.
pub fn ask(names: &[String], back: &str) -> Response {
    let query = [("tickets", names.join(",")), ("back", back.to_owned())];
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
    Redirect::to(&format!("{PATH}?{query}")).into_response()
}

/// `GET /dashboard/support/merge`
///
/// # Errors
/// 401, 403; 404 for a ticket that the reader does not see.
pub async fn show(State(api): State<Api>, visit: Visit, Query(params): Query<Params>) -> Result<Response, Problem> {
    let actor = visit.actor()?;
    actor.require(Capability::TicketsMerge)?;
    let mut found = Vec::new();
    for name in params.tickets.split(',').filter(|name| !name.is_empty()).take(MOST) {
        found.push(tickets::view(&api.app, actor, &reference(name)).await?);
    }
    found.sort_by_key(|v| v.ticket.created_at);
    let row = |(n, v): (usize, tickets::TicketView)| Row {
        href: TicketLink::new(&v.ticket.pid).href,
        subject: clocks::subject(visit.locale, &v.ticket.subject),
        who: Person::new(v.requester_name.as_deref(), &v.requester_email, false).name,
        status: v.ticket.status.as_str().to_owned(),
        since: When::new(visit.locale, v.ticket.created_at, visit.now),
        chosen: n == 0,
        pid: v.ticket.pid,
    };
    let page = MergePage { rows: found.into_iter().enumerate().map(row).collect(), back: act::list_of(&params.back) };
    Ok(render::page(StatusCode::OK, &visit.shell(""), &page))
}

/// `POST /dashboard/support/merge`: all of them into the one that was chosen.
///
/// # Errors
/// 401, 403.
pub async fn merge(State(api): State<Api>, visit: Visit, form: FormData) -> Result<Response, Problem> {
    let (app, actor) = (&api.app, visit.actor()?);
    actor.require(Capability::TicketsMerge)?;
    let into = form.get("into");
    let mut done: Outcomes = Vec::new();
    for name in form.all("ticket").filter(|name| *name != into).take(MOST) {
        let merged = bulk::merge(app, actor, &reference(name), &reference(into)).await;
        done.push((name.to_owned(), merged.map_err(Problem::from)));
    }
    let undo = bulk::write_undo(&undo_of(&done));
    Ok(act::said(&form, "bulk-merge", &done, &undo))
}

impl Page for MergePage {
    const TEMPLATE: &'static str = "merge";
    fn title(&self, locale: Locale) -> String {
        i18n::text(locale, "bulk-merge-heading", &[])
    }
    #[cfg(test)]
    fn samples() -> Vec<Self> {
        let now = shared::clock::now();
        let row = |pid: &str, chosen| Row {
            pid: pid.into(),
            href: TicketLink::new(pid).href,
            subject: "Release 48".into(),
            who: "Daniel Okafor".into(),
            status: "new".into(),
            since: When::new(Locale::En, now, now),
            chosen,
        };
        vec![MergePage {
            rows: vec![row("202611-0001", true), row("202611-0002", false)],
            back: "/dashboard/support".into(),
        }]
    }
}
