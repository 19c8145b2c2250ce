//! The tickets around one, in the list that it was opened from: the column beside it, and the ways to the next one and the
//! one before. Which list that is stands in the address of the page and of its forms, and nowhere else.

use super::clocks;
use super::parts::{Person, TicketLink};
use super::queue;
use super::queue_params::{Listing, Params};
use super::reader::Visit;
use crate::Api;
use crate::extract::page::{cursor, place};
use crate::extract::read_query;
use crate::problem::Problem;
use serde::Serialize;
use shared::access::{Actor, Capability};
use shared::i18n;
use shared::ids::TicketId;
use shared::tickets::{self, Cursor, Filter, Ticket, TicketView, Way};
use std::collections::HashSet;

/// How many tickets stand above this one, and below it.
const ABOVE: i64 = 8;
const BELOW: i64 = 14;
/// How many further ones come at a time.
const FURTHER: i64 = 20;

/// The column.
#[derive(Debug, Clone, Serialize)]
pub struct Near {
    /// What the list is called.
    pub name: String,
    /// The list.
    pub list: String,
    /// Its tickets around this one, in its order.
    pub rows: Vec<Row>,
    /// The page with those further up.
    pub above: Option<String>,
    /// The page with those further down.
    pub below: Option<String>,
    /// The ticket before this one.
    pub previous: Option<Beside>,
    /// The one after it.
    pub next: Option<Beside>,
}

/// A ticket of the column.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// Its page, in the same list.
    pub href: String,
    /// Its subject.
    pub subject: String,
    /// The requester's name.
    pub who: String,
    /// The status.
    pub status: String,
    /// The priority.
    pub priority: String,
    /// Whether somebody else wrote since the reader looked.
    pub unread: bool,
    /// Whether it is this one.
    pub current: bool,
}

/// The next ticket, or the one before.
#[derive(Debug, Clone, Serialize)]
pub struct Beside {
    /// Its page.
    pub href: String,
    /// Its subject.
    pub subject: String,
}

/// Where the column begins, where it was leafed in: what the address says.
#[derive(Debug, Clone, Copy)]
pub struct Leafed<'a> {
    /// It ends above this place.
    pub above: &'a str,
    /// It begins below this place.
    pub below: &'a str,
}

/// Returns the parameters of the list that a ticket's page or form was come to from, as a query; empty if it has none.
pub fn query(visit: &Visit) -> String {
    params(visit).named()
}

/// Returns a ticket's page in that list. `more`: further parameters.
pub fn href(visit: &Visit, pid: &str, more: &[(&str, &str)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(query(visit));
    let more = more.iter().filter(|(_, value)| !value.is_empty());
    let query = query.extend_pairs(more).finish();
    let page = TicketLink::new(pid).href;
    if query.is_empty() { page } else { format!("{page}?{query}") }
}

/// Returns what a page's or form's address says about its list.
pub fn params(visit: &Visit) -> Params {
    let query = visit.here().split_once('?').map_or("", |(_, query)| query);
    // What cannot be read names no list.
    read_query(query).unwrap_or_default()
}

/// The list that a ticket was opened from.
pub struct List {
    params: Params,
    listing: Listing,
    filter: Filter,
}

impl List {
    /// Returns the list that the address names; where it names none, or one that is gone, what an agent sees first. None for
    /// those who work on no lists.
    ///
    /// # Errors
    /// 401.
    pub async fn of(api: &Api, visit: &Visit) -> Result<Option<List>, Problem> {
        let actor = visit.actor()?;
        if !actor.is_agent() || !actor.can(Capability::TicketsNote) {
            return Ok(None);
        }
        let params = params(visit);
        let (params, listing) = match queue::listing(api, visit, &params).await {
            Ok(listing) => (params, listing),
            Err(_) => (Params::default(), Listing::View(Params::default().view(true))),
        };
        let filter = params.filter(&listing);
        Ok(Some(List { params, listing, filter }))
    }

    /// Returns its address. `more`: a further parameter.
    pub fn href(&self, more: Option<(&str, &str)>) -> String {
        self.params.href(&self.listing, more)
    }

    /// Returns the ticket after one as it stood; None after the last.
    ///
    /// # Errors
    /// See [`tickets::Error`].
    pub async fn after(&self, api: &Api, actor: &Actor, stood: &Ticket) -> Result<Option<TicketView>, Problem> {
        // An answer may have moved it to where it would be found again.
        let (found, _) = self.beside(api, actor, &self.place(stood), Way::Down, 2).await?;
        Ok(found.into_iter().find(|view| view.ticket.id != stood.id))
    }

    /// Returns the column beside a ticket.
    ///
    /// # Errors
    /// See [`tickets::Error`].
    pub async fn column(
        &self,
        api: &Api,
        visit: &Visit,
        view: &TicketView,
        leafed: Leafed<'_>,
    ) -> Result<Near, Problem> {
        let actor = visit.actor()?;
        let here = self.place(&view.ticket);
        let ((above, more_above), (below, more_below)) = tokio::try_join!(
            self.beside(api, actor, &here, Way::Up, ABOVE),
            self.beside(api, actor, &here, Way::Down, BELOW),
        )?;
        let beside = |view: Option<&TicketView>| {
            view.map(|v| Beside {
                href: href(visit, &v.ticket.pid, &[]),
                subject: clocks::subject(visit.locale, &v.ticket.subject),
            })
        };
        let (previous, next) = (beside(above.last()), beside(below.first()));
        let (all, more_above, more_below) = match (place(leafed.above), place(leafed.below)) {
            (Some(end), _) => {
                let (all, more) = self.beside(api, actor, &end, Way::Up, FURTHER).await?;
                (all, more, true)
            }
            (None, Some(begin)) => {
                let (all, more) = self.beside(api, actor, &begin, Way::Down, FURTHER).await?;
                (all, true, more)
            }
            (None, None) => (above.into_iter().chain([view.clone()]).chain(below).collect(), more_above, more_below),
        };
        let ids: Vec<TicketId> = all.iter().map(|v| v.ticket.id).collect();
        let unread = tickets::unread(&api.app, actor, &ids).await?;
        let further = |name: &str, from: Option<&TicketView>| {
            let at = cursor(&self.place(&from?.ticket));
            Some(href(visit, &view.ticket.pid, &[(name, &at)]))
        };
        Ok(Near {
            name: match &self.listing {
                Listing::View(view) => i18n::word(visit.locale, "view", view.as_str()),
                Listing::Saved(saved) => saved.name.clone(),
            },
            list: self.href(None),
            above: if more_above { further("above", all.first()) } else { None },
            below: if more_below { further("below", all.last()) } else { None },
            rows: all.iter().map(|v| Row::new(visit, v, &unread, view.ticket.id)).collect(),
            previous,
            next,
        })
    }

    fn place(&self, ticket: &Ticket) -> Cursor {
        Cursor::of(ticket, self.filter.sort.key)
    }

    async fn beside(
        &self,
        api: &Api,
        actor: &Actor,
        place: &Cursor,
        way: Way,
        most: i64,
    ) -> Result<(Vec<TicketView>, bool), Problem> {
        Ok(tickets::beside(&api.app, actor, &self.filter, (place, way), most).await?)
    }
}

impl Row {
    fn new(visit: &Visit, view: &TicketView, unread: &HashSet<TicketId>, current: TicketId) -> Row {
        let ticket = &view.ticket;
        let unread = unread.contains(&ticket.id);
        Row {
            href: format!("{}{}", href(visit, &ticket.pid, &[]), if unread { "#new" } else { "" }),
            subject: clocks::subject(visit.locale, &ticket.subject),
            who: Person::new(view.requester_name.as_deref(), &view.requester_email, false).name,
            status: ticket.status.as_str().to_owned(),
            priority: ticket.priority.as_str().to_owned(),
            unread,
            current: ticket.id == current,
        }
    }
}

#[cfg(test)]
impl Near {
    /// Returns one for samples of pages.
    pub fn sample() -> Near {
        let row = |subject: &str, current: bool| Row {
            href: "/dashboard/support/202611-0002?view=open".into(),
            subject: subject.into(),
            who: "Anna Vogt".into(),
            status: "new".into(),
            priority: "urgent".into(),
            unread: !current,
            current,
        };
        let beside =
            |pid| Some(Beside { href: format!("/dashboard/support/{pid}?view=open"), subject: "Certificate".into() });
        Near {
            name: "Open".into(),
            list: "/dashboard/support?view=open".into(),
            rows: vec![row("Certificate", false), row("Release 48", true)],
            above: Some("/dashboard/support/202611-0001?view=open&above=x".into()),
            below: Some("/dashboard/support/202611-0001?view=open&below=x".into()),
            previous: beside("202611-0002"),
            next: beside("202611-0003"),
        }
    }
}
