//! What open pages hear of, as server-sent events, and who is at a ticket.

use super::Answer;
use super::input::json as shape;
use super::tickets::reference;
use crate::Api;
use crate::extract::{Caller, Query, Unread};
use crate::problem::Problem;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::access::Capability;
use shared::ids::TicketId;
use shared::live::presence::{Beat, Viewer};
use shared::live::{self, Change, Mark, Said};
use shared::tickets;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc};

/// How often it is asked whether the session lasts and the ticket is still in sight.
const CHECK: Duration = Duration::from_secs(10);
/// How often it is looked who fell silent.
const PRESENCE: Duration = Duration::from_secs(1);
/// Changes that come close together are told together: one question for what the listener may see.
const GATHER: Duration = Duration::from_millis(20);
/// More at once than a page would show one by one.
const MOST: usize = 200;

/// What to listen to.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Params {
    /// The ticket that the page shows: who is at it is told.
    ticket: Option<String>,
    /// The last event that an earlier stream of the page told, where the browser cannot say so itself.
    since: Option<String>,
}

/// `GET /api/events/stream`: `ticket` events, each with its mark as id; `presence` of the ticket that is named; `reload`
/// where there is too much to tell. `Last-Event-ID` (or `since`) goes on where an earlier stream ended.
///
/// # Errors
/// 401, 403; 404 for a ticket out of sight.
pub async fn stream(
    State(api): State<Api>,
    caller: Caller,
    headers: HeaderMap,
    Query(p): Query<Params>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    caller.actor().require(Capability::TicketsRead)?;
    let ticket = match &p.ticket {
        Some(which) => Some(tickets::find(&api.app, caller.actor(), &reference(which)).await?),
        None => None,
    };
    let last = headers.get("last-event-id").and_then(|v| v.to_str().ok()).map(str::to_owned).or(p.since);
    let (tx, rx) = mpsc::channel(64);
    let said = api.app.live.listen();
    // Only who may write notes sees who else is there: customers see neither agents nor each other.
    let ticket = ticket.filter(|_| caller.actor().can(Capability::TicketsNote));
    tokio::spawn(Listener { api, caller, headers, ticket, told: Vec::new(), tx }.run(said, last));
    let events = futures::stream::unfold(rx, async |mut rx| Some((Ok(rx.recv().await?), rx)));
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

/// Somebody's open page.
struct Listener {
    api: Api,
    caller: Caller,
    headers: HeaderMap,
    ticket: Option<TicketId>,
    /// Who was last told to be there.
    told: Vec<Viewer>,
    tx: mpsc::Sender<Event>,
}

/// The page is gone, or may not hear any more.
struct Over;

impl Listener {
    async fn run(mut self, mut said: broadcast::Receiver<Said>, last: Option<String>) {
        let live = self.api.app.live.clone();
        let gone = self.tx.clone();
        let work = async {
            self.begin(last).await?;
            let mut check = tokio::time::interval(CHECK);
            check.reset();
            let mut presence = tokio::time::interval(PRESENCE);
            loop {
                tokio::select! {
                    heard = said.recv() => self.hear(heard, &mut said).await?,
                    _ = presence.tick(), if self.ticket.is_some() => self.presence().await?,
                    _ = check.tick() => self.check().await?,
                }
            }
        };
        let _: Option<Result<(), Over>> = tokio::select! {
            over = work => Some(over),
            () = gone.closed() => None,
            () = live.ended() => None,
        };
    }

    async fn begin(&mut self, last: Option<String>) -> Result<(), Over> {
        // At once, so that the page knows that it is connected.
        self.send(Event::default().event("hello").retry(Duration::from_secs(2)).data("{}")).await?;
        let Some(last) = last else { return Ok(()) };
        // A mark that is none of ours comes from before an update: the page looks for itself.
        let missed = match last.parse::<Mark>() {
            Ok(mark) => live::since(&self.api.app.db, self.caller.actor(), mark).await.unwrap_or_else(|e| {
                failed(&e);
                None
            }),
            Err(_) => None,
        };
        match missed {
            Some(changes) => self.tell(changes).await,
            None => self.reload().await,
        }
    }

    async fn hear(&mut self, first: Result<Said, RecvError>, said: &mut broadcast::Receiver<Said>) -> Result<(), Over> {
        let mut changes = Vec::new();
        let mut take = |heard: Said| match heard {
            Said::Change(change) => changes.push(change),
            // The next tick tells.
            Said::Presence(_) => {}
        };
        let mut lost = false;
        match first {
            Ok(heard) => take(heard),
            Err(RecvError::Lagged(_)) => lost = true,
            Err(RecvError::Closed) => return Err(Over),
        }
        tokio::time::sleep(GATHER).await;
        loop {
            match said.try_recv() {
                Ok(heard) => take(heard),
                Err(broadcast::error::TryRecvError::Lagged(_)) => lost = true,
                Err(_) => break,
            }
        }
        if lost || changes.len() > MOST {
            return self.reload().await;
        }
        self.tell(changes).await?;
        self.presence().await
    }

    async fn tell(&mut self, changes: Vec<Arc<Change>>) -> Result<(), Over> {
        let changes = match live::heard_by(&self.api.app.db, self.caller.actor(), changes).await {
            Ok(changes) => changes,
            Err(e) => {
                failed(&e);
                return self.reload().await;
            }
        };
        for change in changes {
            let event = Event::default().event("ticket").id(change.mark().to_string());
            self.send(event.data(shape(&*change).to_string())).await?;
        }
        Ok(())
    }

    async fn presence(&mut self) -> Result<(), Over> {
        let Some(ticket) = self.ticket else { return Ok(()) };
        let mut viewers = self.api.app.live.viewers(ticket);
        viewers.retain(|v| Some(v.id) != self.caller.actor().user);
        if viewers == self.told {
            return Ok(());
        }
        let event = Event::default().event("presence").data(json!({"viewers": viewers}).to_string());
        self.told = viewers;
        self.send(event).await
    }

    /// Whoever has logged out, lost their rights or the ticket hears no more.
    async fn check(&mut self) -> Result<(), Over> {
        let again = Caller::again(&self.headers, &self.api).await.map_err(|_| Over)?;
        again.actor().require(Capability::TicketsRead).map_err(|_| Over)?;
        self.caller = again;
        if let Some(ticket) = self.ticket {
            tickets::find(&self.api.app, self.caller.actor(), &ticket.into()).await.map_err(|_| Over)?;
        }
        Ok(())
    }

    async fn reload(&self) -> Result<(), Over> {
        self.send(Event::default().event("reload").data("{}")).await
    }

    async fn send(&self, event: Event) -> Result<(), Over> {
        self.tx.send(event).await.map_err(|_| Over)
    }
}

/// The page is told to look for itself then.
fn failed(e: &shared::store::Error) {
    tracing::warn!(error = e as &dyn std::error::Error, "an open page cannot be told what changes");
}

/// What a page tells of whoever has it open.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Here {
    typing: bool,
    gone: bool,
    /// The newest message in sight, of a page that was fetched ahead.
    seen: Option<i64>,
}

/// `POST /api/support/tickets/{id}/presence`: somebody is at the ticket, writes, or leaves; answers who else is there.
/// Nothing is stored, but that messages up to `seen` were.
///
/// # Errors
/// 401, 403, 404, 422.
pub async fn presence(State(api): State<Api>, caller: Caller, Path(which): Path<String>, body: Unread) -> Answer {
    let actor = caller.actor();
    let ticket = tickets::find(&api.app, actor, &reference(&which)).await?;
    actor.require(Capability::TicketsNote)?;
    let here: Here = body.read()?;
    let live = &api.app.live;
    if let Some(user) = actor.user {
        let name = actor.name.clone().unwrap_or_else(|| actor.email.clone());
        live.beat(Beat { ticket, user, name, typing: here.typing, gone: here.gone });
    }
    if let Some(seen) = here.seen {
        tickets::seen(&api.app, actor, ticket, seen).await?;
    }
    let others: Vec<Value> = live.viewers(ticket).into_iter().filter(|v| Some(v.id) != actor.user).map(shape).collect();
    Ok(axum::Json(json!({"viewers": others})))
}
