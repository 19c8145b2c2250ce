//! The queue: one page of tickets by view, filters and search, all of it in the address.

use super::format::{Now, When};
use super::incidents::Badge;
use super::parts::{Choice, Clock, Person, Refused, TicketLink, choices};
use super::passing::Passed;
use super::queue_params::{Listing, Params, SORTS};
use super::reader::Visit;
use super::render::{self, Page};
use super::snoozed::Snoozed;
use super::{clocks, lists, mail};
use crate::Api;
use crate::extract::page::cursor;
use crate::extract::{self, Query};
use crate::problem::Problem;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Serialize;
use shared::access::{Actor, Capability};
use shared::clock::Time;
use shared::i18n::{self, Locale};
use shared::ids::TicketId;
use shared::messages::Message;
use shared::saved_views;
use shared::search::{self, Piece};
use shared::tickets::{self, Cursor, Filter, Priority, Signs, Sort, SortKey, Status, TicketRef, TicketView, View};
use std::collections::HashMap;

/// How many tickets a page lists.
const PAGE: i64 = 50;

/// `queue.hbs`
#[derive(Debug, Clone, Serialize)]
pub struct QueuePage {
    /// What the list is called.
    pub heading: String,
    /// The page's own address; a page that a refused form drew has the form's.
    pub own: String,
    /// The search.
    pub q: String,
    /// The tag filter.
    pub tag: String,
    /// The first day that tickets may be from.
    pub since: String,
    /// The last one.
    pub until: String,
    /// The filters that are choices.
    pub selects: Vec<Select>,
    /// Whether a filter or a search is on.
    pub filtered: bool,
    /// The view without filters.
    pub clear: String,
    /// Which list it is, for the filter form to keep.
    pub listing: Vec<Kept>,
    /// That and the filters, for the search form to keep.
    pub kept: Vec<Kept>,
    /// How what is shown becomes a view.
    pub save: Option<SaveForm>,
    /// How this view is changed.
    pub edit: Option<EditForm>,
    /// What can be done with many rows.
    pub bulk: Option<BulkForm>,
    /// A line about what was just done.
    pub done: Option<String>,
    /// How that is taken back.
    pub undo: Option<String>,
    /// The ticket that was finished and was the last one here.
    pub passed: Option<Passed>,
    /// Why the last form was refused.
    pub refused: Option<Refused>,
    /// What to say where there is nothing.
    pub empty: Option<Empty>,
    /// The rows by day.
    pub groups: Vec<Group>,
    /// Whether there is another page at all.
    pub paged: bool,
    /// The first page, if this is a later one.
    pub newest: Option<String>,
    /// The next page.
    pub next: Option<String>,
}

/// Keeping what is shown as a view.
#[derive(Debug, Clone, Serialize)]
pub struct SaveForm {
    /// Whether others may get it, too.
    pub may_share: bool,
}

/// Changing a saved view.
#[derive(Debug, Clone, Serialize)]
pub struct EditForm {
    /// Where the form goes.
    pub action: String,
    /// What it is called.
    pub name: String,
    /// What it finds.
    pub query: String,
    /// Whether others see it.
    pub shared: bool,
    /// Whether the reader may change that.
    pub may_share: bool,
    /// The orders.
    pub sorts: Vec<Choice>,
}

/// Acts on chosen rows.
#[derive(Debug, Clone, Serialize)]
pub struct BulkForm {
    /// To whom they can be given.
    pub assignees: Vec<Choice>,
    /// The statuses.
    pub statuses: Vec<Choice>,
    /// The priorities.
    pub priorities: Vec<Choice>,
    /// Whether the reader may tag.
    pub may_tag: bool,
    /// Whether the reader may merge.
    pub may_merge: bool,
    /// Whether what is listed can be woken.
    pub wakes: bool,
}

/// What the tickets of a search were found by.
#[derive(Debug, Default)]
struct Hits {
    found: HashMap<TicketId, (Message, Vec<Piece>)>,
    words: String,
}

/// One filter that is a choice.
#[derive(Debug, Clone, Serialize)]
pub struct Select {
    /// The parameter.
    pub name: &'static str,
    /// Whether it filters.
    pub active: bool,
    /// Its choices.
    pub options: Vec<Choice>,
}

/// A parameter of the address.
#[derive(Debug, Clone, Serialize)]
pub struct Kept {
    /// The parameter.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// The texts of an empty list, by key.
#[derive(Debug, Clone, Serialize)]
pub struct Empty {
    /// What would stand here.
    pub heading: &'static str,
    /// What to do.
    pub text: &'static str,
}

/// Rows of one stretch of time.
#[derive(Debug, Clone, Serialize)]
pub struct Group {
    /// `today`, `yesterday`, `earlier`, or `tickets` where the list is sorted otherwise.
    pub key: &'static str,
    /// The rows.
    pub rows: Vec<Row>,
}

/// The tickets of a storm that are not shown.
#[derive(Debug, Clone, Serialize)]
pub struct Storm {
    /// How many, in words.
    pub text: String,
    /// All of them.
    pub href: String,
}

/// One ticket.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// The public id.
    pub pid: String,
    /// Its page.
    pub href: String,
    /// Subject.
    pub subject: String,
    /// The first words of the last message.
    pub snippet: String,
    /// The piece of a message that a search found.
    pub found: Option<Vec<Piece>>,
    /// Whether somebody else wrote since the reader looked.
    pub unread: bool,
    /// The requester's name.
    pub who: String,
    /// The requester's name and address.
    pub who_full: String,
    /// The status.
    pub status: String,
    /// The priority.
    pub priority: String,
    /// The category's name.
    pub category: Option<String>,
    /// The tags.
    pub tags: Vec<String>,
    /// Icons named `flag-…`: `clip`, `warn`.
    pub flags: Vec<&'static str>,
    /// Until when it is put off.
    pub snoozed: Option<Snoozed>,
    /// The incident that it is linked to.
    pub incident: Option<Badge>,
    /// The other tickets of a storm that this one stands for (E5.13).
    pub storm: Option<Storm>,
    /// Whether category, tags or flags are to be shown.
    pub marks: bool,
    /// The agent.
    pub assignee: Option<Person>,
    /// The clock that runs out first.
    pub sla: Option<Clock>,
    /// The last activity.
    pub at: When,
}

/// `GET /dashboard/support`
///
/// # Errors
/// 401; 400 for a cursor that is none; 404 for a saved view that the reader does not have.
pub async fn show(State(api): State<Api>, visit: Visit, Query(params): Query<Params>) -> Result<Response, Problem> {
    answer(&api, &visit, params, None, StatusCode::OK).await
}

/// Returns the list that the address names.
///
/// # Errors
/// 404 for a saved view that the reader does not have.
pub async fn listing(api: &Api, visit: &Visit, params: &Params) -> Result<Listing, Problem> {
    match params.saved.parse() {
        Ok(id) => {
            let view = saved_views::get(&api.app.db, visit.actor()?, id).await?;
            Ok(Listing::Saved(Box::new(view)))
        }
        Err(_) => Ok(Listing::View(params.view(visit.is_agent()))),
    }
}

/// Answers with the list, fresh or after a form that was refused.
///
/// # Errors
/// As [`show`].
pub async fn answer(
    api: &Api,
    visit: &Visit,
    params: Params,
    refused: Option<Refused>,
    status: StatusCode,
) -> Result<Response, Problem> {
    let actor = visit.actor()?;
    if let Some(link) = named_ticket(api, actor, &params.q).await {
        return Ok(Redirect::to(&link.href).into_response());
    }
    let listing = listing(api, visit, &params).await?;
    let filter = params.filter(&listing);
    let place = Some(params.cursor.clone()).filter(|c| !c.is_empty());
    let after: Option<Cursor> = extract::Page { limit: PAGE as u32, cursor: place, page: None }.after()?;
    let (rows, next) = tickets::list(&api.app, actor, &filter, after.as_ref(), PAGE).await?;
    // Which mail failed is nothing that customers could do anything about.
    let mut signs = tickets::signs(&api.app, actor, &rows).await?;
    if !visit.is_agent() {
        signs.failed.clear();
    }
    let hits = hits(api, actor, &filter, &rows).await?;
    let more = Some(params.cursor.as_str()).filter(|c| !c.is_empty()).map(|c| ("cursor", c));
    let (own, way) = (params.href(&listing, more), params.href(&listing, None));
    let way = way.split_once('?').map_or("", |(_, query)| query);
    let page = QueuePage {
        passed: Passed::last(visit, &params, &own),
        own,
        heading: match &listing {
            Listing::View(view) => i18n::word(visit.locale, "view", view.as_str()),
            Listing::Saved(saved) => saved.name.clone(),
        },
        q: params.q.clone(),
        tag: params.tag.clone(),
        since: params.since.clone(),
        until: params.until.clone(),
        selects: selects(api, visit, actor, &params, filter.sort).await?,
        filtered: params.filtered(),
        clear: Params::default().href(&listing, None),
        listing: kept(&listing, &Params::default()),
        kept: kept(&listing, &params),
        save: save(actor),
        edit: edit(visit, actor, &listing, filter.sort),
        bulk: bulk(api, visit, actor, rows.iter().any(|r| r.ticket.snoozed_until.is_some())).await?,
        done: done(visit, &params),
        undo: Some(params.undo.clone()).filter(|undo| !undo.is_empty()),
        refused,
        empty: rows.is_empty().then(|| empty(&listing, &params, visit.is_agent())),
        groups: groups(visit, actor, &rows, &signs, hits, (filter.sort.key, way)),
        paged: next.is_some() || after.is_some(),
        newest: after.map(|_| params.href(&listing, None)),
        next: next.map(|place| params.href(&listing, Some(("cursor", &cursor(&place))))),
    };
    Ok(render::page(status, &visit.shell(&listing.key()), &page))
}

/// What each ticket of a search was found by.
async fn hits(api: &Api, actor: &Actor, filter: &Filter, rows: &[TicketView]) -> Result<Hits, Problem> {
    let Some(query) = filter.text.as_deref().map(search::query::Query::lenient) else { return Ok(Hits::default()) };
    let ids: Vec<TicketId> = rows.iter().map(|r| r.ticket.id).collect();
    let found = search::hits_of(&api.app, actor, &query, &ids).await?;
    let words: Vec<&str> = query.words.iter().filter(|w| !w.negated).map(|w| w.text.as_str()).collect();
    Ok(Hits { found, words: words.join(" ") })
}

/// What was just done, in words.
fn done(visit: &Visit, params: &Params) -> Option<String> {
    let text = |key: &str, n: &str| i18n::text(visit.locale, key, &[("count", n)]);
    let mut done = mail::done(visit.locale, Some(&params.did))?;
    let number = |n: &str| n.parse::<u32>().ok().filter(|n| *n > 0).map(|n| n.to_string());
    for (key, n) in [("bulk-changed", &params.changed), ("bulk-refused", &params.refused)] {
        if let Some(n) = number(n) {
            done = format!("{done} {}", text(key, &n));
        }
    }
    Some(done)
}

/// Whether what is shown can be kept as a view.
fn save(actor: &Actor) -> Option<SaveForm> {
    actor.can(Capability::ViewsSave).then(|| SaveForm { may_share: actor.can(Capability::ViewsShare) })
}

/// The form of a saved view that the reader may change.
fn edit(visit: &Visit, actor: &Actor, listing: &Listing, sort: Sort) -> Option<EditForm> {
    let Listing::Saved(view) = listing else { return None };
    let may_share = actor.can(Capability::ViewsShare);
    (may_share || !view.shared).then(|| EditForm {
        action: format!("/dashboard/support/views/{}", view.id),
        name: view.name.clone(),
        query: view.query.clone(),
        shared: view.shared,
        may_share,
        sorts: sorts(visit.locale, sort),
    })
}

/// What can be done with rows that are chosen.
async fn bulk(api: &Api, visit: &Visit, actor: &Actor, wakes: bool) -> Result<Option<BulkForm>, Problem> {
    if !visit.is_agent() || !actor.can(Capability::TicketsUpdate) {
        return Ok(None);
    }
    let locale = visit.locale;
    let prompt = |key: &str| Choice { value: String::new(), label: i18n::text(locale, key, &[]), chosen: true };
    let statuses: Vec<&str> = Status::ALL.iter().map(|s| s.as_str()).collect();
    let priorities: Vec<&str> = Priority::ALL.iter().rev().map(|p| p.as_str()).collect();
    let assignees = match actor.can(Capability::TicketsAssign) {
        true => lists::assignable(api, visit, actor).await?,
        false => lists::me(visit),
    };
    let with = |key: &str, choices: Vec<Choice>| [prompt(key)].into_iter().chain(choices).collect();
    Ok(Some(BulkForm {
        assignees: with("field-assignee", assignees),
        statuses: with("field-status", choices(locale, "status", &statuses, "", None)),
        priorities: with("field-priority", choices(locale, "priority", &priorities, "", None)),
        may_tag: actor.can(Capability::TicketsTag),
        may_merge: actor.can(Capability::TicketsMerge),
        wakes,
    }))
}

fn sorts(locale: Locale, chosen: Sort) -> Vec<Choice> {
    let name = SORTS.iter().find(|(_, sort)| *sort == chosen).map_or("", |(name, _)| name);
    choices(locale, "sort", &SORTS.map(|(name, _)| name), name, None)
}

/// A ticket's number in the search opens it.
async fn named_ticket(api: &Api, actor: &Actor, q: &str) -> Option<TicketLink> {
    let q = q.trim().trim_matches(['[', ']', '#']);
    if !q.contains('-') || !q.ends_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let which: TicketRef = q.parse().ok()?;
    tickets::find(&api.app, actor, &which).await.ok()?;
    Some(TicketLink::new(&q.to_ascii_uppercase()))
}

async fn selects(api: &Api, visit: &Visit, actor: &Actor, params: &Params, sort: Sort) -> Result<Vec<Select>, Problem> {
    let locale = visit.locale;
    let statuses: Vec<&str> = ["open"].into_iter().chain(Status::ALL.iter().map(|s| s.as_str())).collect();
    let priorities: Vec<&str> = Priority::ALL.iter().rev().map(|p| p.as_str()).collect();
    let mut all = vec![
        ("status", choices(locale, "status", &statuses, &params.status, Some("status-any"))),
        ("priority", choices(locale, "priority", &priorities, &params.priority, Some("priority-any"))),
        ("category", lists::categories(api, visit, actor, &params.category, "category-any").await?),
    ];
    if visit.is_agent() {
        all.push(("assigned_to", lists::assignees(api, visit, actor, &params.assigned_to).await?));
    }
    let tenants = lists::tenants(api, actor, &params.tenant).await?;
    if !tenants.is_empty() {
        let any = i18n::text(locale, "tenant-any", &[]);
        let any = Choice { value: String::new(), label: any, chosen: params.tenant.is_empty() };
        all.push(("tenant", [any].into_iter().chain(tenants).collect()));
    }
    all.push(("sort", sorts(locale, sort)));
    let select = |(name, options): (&'static str, Vec<Choice>)| {
        let active = name != "sort" && options.iter().any(|o| o.chosen && !o.value.is_empty());
        Select { name, active, options }
    };
    Ok(all.into_iter().map(select).collect())
}

/// What a form has to send along.
fn kept(listing: &Listing, params: &Params) -> Vec<Kept> {
    let (name, value) = listing.param();
    let filters = params.filters().into_iter().filter(|(name, value)| *name != "q" && !value.is_empty());
    let filters = filters.map(|(name, value)| Kept { name: name.to_owned(), value: value.to_owned() });
    [Kept { name: name.to_owned(), value }].into_iter().chain(filters).collect()
}

fn empty(listing: &Listing, params: &Params, agent: bool) -> Empty {
    let Listing::View(view) = listing else {
        return Empty { heading: "empty-saved", text: "empty-saved-text" };
    };
    if params.filtered() {
        return Empty { heading: "empty-filtered", text: "empty-filtered-text" };
    }
    match view {
        View::All if !agent => Empty { heading: "empty-own", text: "empty-own-text" },
        View::Mine => Empty { heading: "empty-mine", text: "empty-mine-text" },
        View::Unassigned => Empty { heading: "empty-unassigned", text: "empty-unassigned-text" },
        View::Open => Empty { heading: "empty-open", text: "empty-open-text" },
        View::Waiting => Empty { heading: "empty-waiting", text: "empty-waiting-text" },
        View::AtRisk => Empty { heading: "empty-at_risk", text: "empty-at_risk-text" },
        View::Snoozed => Empty { heading: "empty-snoozed", text: "empty-snoozed-text" },
        View::All => Empty { heading: "empty-all", text: "empty-all-text" },
    }
}

/// Rows by day where the list is sorted by its times, else in one group.
fn groups(
    visit: &Visit,
    actor: &Actor,
    rows: &[TicketView],
    signs: &Signs,
    mut hits: Hits,
    (sort, way): (SortKey, &str),
) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for view in rows {
        let key = match sort {
            SortKey::LastActivityAt => day(view.ticket.last_activity_at, visit.now),
            SortKey::CreatedAt => day(view.ticket.created_at, visit.now),
            _ => "tickets",
        };
        let mut row = Row::new(visit, actor, view, signs);
        match hits.found.remove(&view.ticket.id) {
            Some((message, pieces)) => row.found(&message, pieces, (&hits.words, way)),
            None => row.href = format!("{}?{way}{}", row.href, if row.unread { "#new" } else { "" }),
        }
        match groups.last_mut() {
            Some(group) if group.key == key => group.rows.push(row),
            _ => groups.push(Group { key, rows: vec![row] }),
        }
    }
    groups
}

fn day(at: Time, now: Now) -> &'static str {
    match (now.wall(*now).date() - now.wall(at).date()).num_days() {
        ..=0 => "today",
        1 => "yesterday",
        _ => "earlier",
    }
}

impl Row {
    /// Returns a ticket as a line of the list.
    pub fn new(visit: &Visit, actor: &Actor, view: &TicketView, signs: &Signs) -> Row {
        let (locale, now) = (visit.locale, visit.now);
        let ticket = &view.ticket;
        let unread = signs.unread.contains(&ticket.id);
        let requester = Person::new(view.requester_name.as_deref(), &view.requester_email, false);
        let who_full = match requester.name == requester.email {
            true => requester.email.clone(),
            false => format!("{} <{}>", requester.name, requester.email),
        };
        let assignee = ticket.assigned_to.map(|id| {
            let email = view.assignee_email.as_deref().unwrap_or_default();
            Person::new(view.assignee_name.as_deref(), email, Some(id) == actor.user)
        });
        let category = view.category_name.clone();
        let flags: Vec<&str> = [("warn", &signs.failed), ("draft", &signs.drafts), ("clip", &signs.files)]
            .into_iter()
            .filter_map(|(flag, on)| on.contains(&ticket.id).then_some(flag))
            .collect();
        Row {
            pid: ticket.pid.clone(),
            href: TicketLink::new(&ticket.pid).href,
            unread,
            found: None,
            subject: clocks::subject(locale, &ticket.subject),
            snippet: ticket.snippet.clone(),
            who: requester.name,
            who_full,
            status: ticket.status.as_str().to_owned(),
            priority: ticket.priority.as_str().to_owned(),
            snoozed: ticket.snoozed_until.map(|at| Snoozed::new(visit, at)),
            incident: Badge::of(view),
            marks: ticket.snoozed_until.is_some()
                || ticket.incident_id.is_some()
                || signs.storms.contains_key(&ticket.id)
                || category.is_some()
                || !view.tags.is_empty()
                || !flags.is_empty(),
            category,
            tags: view.tags.clone(),
            flags,
            storm: signs.storms.get(&ticket.id).filter(|_| actor.is_agent()).map(|n| Storm {
                text: i18n::text(locale, "storm-more", &[("count", &n.to_string())]),
                href: format!("/dashboard/support?view=all&requester={}", ticket.requester_id),
            }),
            assignee,
            sla: if actor.is_agent() { clocks::next(locale, now, ticket) } else { None },
            at: When::new(locale, ticket.last_activity_at, now),
        }
    }

    /// Says what it was found by, and leads there.
    fn found(&mut self, message: &Message, pieces: Vec<Piece>, (words, way): (&str, &str)) {
        let mut query = url::form_urlencoded::Serializer::new(way.to_owned());
        query.append_pair("at", &message.seq.to_string()).append_pair("find", words);
        self.href = format!("{}?{}#m-{}", self.href, query.finish(), message.id);
        self.found = Some(pieces);
    }
}

impl Page for QueuePage {
    const TEMPLATE: &'static str = "queue";
    fn title(&self, _: Locale) -> String {
        self.heading.clone()
    }
    #[cfg(test)]
    fn samples() -> Vec<Self> {
        let now = shared::clock::now();
        let row = |pid: &str, status: &str, priority: &str| Row {
            pid: pid.into(),
            href: format!("/dashboard/support/{pid}"),
            subject: "Release 48 stuck at health check".into(),
            snippet: "Still on the maintenance page".into(),
            found: None,
            unread: true,
            who: "Daniel Okafor".into(),
            who_full: "Daniel Okafor <daniel@okafor.example>".into(),
            status: status.into(),
            priority: priority.into(),
            category: Some("Deploy".into()),
            tags: vec!["sale".into()],
            flags: vec!["clip", "warn"],
            snoozed: Some(Snoozed::sample()),
            incident: Some(Badge::sample()),
            storm: Some(Storm { text: "and 499 more".into(), href: "/dashboard/support?view=all&requester=1".into() }),
            marks: true,
            assignee: Some(Person::new(Some("Mara Lindqvist"), "m@x.example", true)),
            sla: Some(Clock {
                state: "at_risk",
                glyph: "clock",
                text: "Answer in 25 m".into(),
                exact: "Fri 20 Nov".into(),
            }),
            at: When::new(Locale::En, now, now),
        };
        let piece = |text: &str, is_match| Piece { text: text.into(), is_match };
        let bare = Row {
            unread: false,
            found: Some(vec![piece("a ", false), piece("sale", true)]),
            assignee: None,
            sla: None,
            marks: false,
            ..row("202611-0003", "solved", "low")
        };
        let full = QueuePage {
            heading: "Open".into(),
            own: "/dashboard/support?view=open".into(),
            q: "a".into(),
            tag: "b".into(),
            since: "2026-11-01".into(),
            until: String::new(),
            selects: vec![Select {
                name: "status",
                active: true,
                options: super::parts::choices(Locale::En, "status", &["new", "solved"], "new", Some("status-any")),
            }],
            filtered: true,
            clear: "/dashboard/support?view=open".into(),
            listing: vec![Kept { name: "view".into(), value: "open".into() }],
            kept: vec![Kept { name: "view".into(), value: "open".into() }],
            save: Some(SaveForm { may_share: true }),
            edit: Some(EditForm {
                action: "/dashboard/support/views/1".into(),
                name: "Frankfurt".into(),
                query: "\"move\"".into(),
                shared: true,
                may_share: true,
                sorts: sorts(Locale::En, Sort::default()),
            }),
            bulk: Some(BulkForm {
                assignees: vec![],
                statuses: vec![],
                priorities: vec![],
                may_tag: true,
                may_merge: true,
                wakes: true,
            }),
            done: Some("Done".into()),
            undo: Some("1.2.000.0".into()),
            passed: Some(Passed::sample()),
            refused: None,
            empty: None,
            groups: vec![
                Group { key: "today", rows: vec![row("202611-0001", "new", "urgent"), bare] },
                Group { key: "yesterday", rows: vec![row("202611-0002", "waiting_on_customer", "medium")] },
            ],
            paged: true,
            newest: Some("/dashboard/support?view=open".into()),
            next: Some("/dashboard/support?view=open&cursor=x".into()),
        };
        let empty = Empty { heading: "empty-open", text: "empty-open-text" };
        let none = QueuePage {
            groups: vec![],
            empty: Some(empty),
            filtered: false,
            save: None,
            edit: None,
            bulk: None,
            undo: None,
            passed: None,
            refused: Some(Refused { text: "No".into(), fields: vec![] }),
            paged: false,
            newest: None,
            next: None,
            ..full.clone()
        };
        vec![full, none]
    }
}
