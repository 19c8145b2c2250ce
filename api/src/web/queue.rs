//! The queue: one page of tickets by view, filters and search, all of it in the address.

use super::format::When;
use super::parts::{Choice, Clock, Person, TicketLink, choices};
use super::reader::Visit;
use super::render::{self, Page};
use super::{clocks, lists, mail};
use crate::Api;
use crate::extract::page::cursor;
use crate::extract::{self, Query};
use crate::problem::Problem;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};
use shared::access::Actor;
use shared::clock::Time;
use shared::i18n::{self, Locale};
use shared::tickets::{
    self, AssigneeFilter, CategoryFilter, Cursor, Filter, Priority, Signs, Sort, SortKey, Status, StatusFilter,
    TicketRef, TicketView, View,
};

/// How many tickets a page lists.
const PAGE: i64 = 50;
/// What a list can be sorted by.
const SORTS: [&str; 3] = ["last_activity_at", "created_at", "priority"];

/// `queue.hbs`
#[derive(Debug, Clone, Serialize)]
pub struct QueuePage {
    /// The view: `mine`, `unassigned`, `open`, `waiting`, `at_risk`, `all`.
    pub view: &'static str,
    /// The search.
    pub q: String,
    /// The tag filter.
    pub tag: String,
    /// The filters that are choices.
    pub selects: Vec<Select>,
    /// Whether a filter or a search is on.
    pub filtered: bool,
    /// The view without filters.
    pub clear: String,
    /// The filters, for the search form to keep.
    pub kept: Vec<Kept>,
    /// A line about what was just done.
    pub done: Option<String>,
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

/// The address's parameters: the whole state of the list.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Params {
    view: String,
    q: String,
    status: String,
    priority: String,
    category: String,
    assigned_to: String,
    tag: String,
    requester: String,
    sort: String,
    cursor: String,
    did: String,
}

impl Params {
    fn view(&self, agent: bool) -> View {
        self.view.parse().unwrap_or(if agent { View::Open } else { View::All })
    }

    /// The parameters that filter, in the order of the page.
    fn filters(&self) -> [(&'static str, &str); 8] {
        [
            ("q", &self.q),
            ("status", &self.status),
            ("priority", &self.priority),
            ("category", &self.category),
            ("assigned_to", &self.assigned_to),
            ("tag", &self.tag),
            ("requester", &self.requester),
            ("sort", &self.sort),
        ]
    }

    /// Returns the list's address with these filters and `more`.
    fn href(&self, view: View, more: Option<(&str, &str)>) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("view", view.as_str());
        for (name, value) in self.filters().into_iter().filter(|(_, v)| !v.is_empty()).chain(more) {
            query.append_pair(name, value);
        }
        format!("/dashboard/support?{}", query.finish())
    }

    fn filter(&self, view: View) -> Filter {
        let mut filter = view.filter();
        match self.status.as_str() {
            "open" => filter.status = Some(StatusFilter::Open),
            status => {
                if let Ok(status) = status.parse() {
                    filter.status = Some(StatusFilter::In(vec![status]));
                }
            }
        }
        filter.priority = self.priority.parse().into_iter().collect();
        filter.category = Some(&self.category).filter(|c| !c.is_empty()).cloned().map(CategoryFilter::Slug);
        match self.assigned_to.as_str() {
            "me" => filter.assigned_to = Some(AssigneeFilter::Me),
            "unassigned" => filter.assigned_to = Some(AssigneeFilter::Nobody),
            id => {
                if let Ok(id) = id.parse() {
                    filter.assigned_to = Some(AssigneeFilter::User(id));
                }
            }
        }
        let given = |text: &String| Some(text.trim().to_owned()).filter(|t| !t.is_empty());
        filter.tag = given(&self.tag);
        filter.text = given(&self.q);
        filter.requester = given(&self.requester);
        // Who asks for one sender's tickets, or searches, wants to see them all.
        filter.storms_as_one = filter.requester.is_none() && filter.text.is_none();
        let key: SortKey = self.sort.parse().unwrap_or(SortKey::LastActivityAt);
        filter.sort = Sort { key, descending: true };
        filter
    }
}

/// `GET /dashboard/support`
///
/// # Errors
/// 401; 400 for a cursor that is none.
pub async fn show(State(api): State<Api>, visit: Visit, Query(params): Query<Params>) -> Result<Response, Problem> {
    let actor = visit.actor()?;
    if let Some(link) = named_ticket(&api, actor, &params.q).await {
        return Ok(Redirect::to(&link.href).into_response());
    }
    let view = params.view(visit.is_agent());
    let filter = params.filter(view);
    let place = Some(params.cursor.clone()).filter(|c| !c.is_empty());
    let after: Option<Cursor> = extract::Page { limit: PAGE as u32, cursor: place, page: None }.after()?;
    let (rows, next) = tickets::list(&api.app, actor, &filter, after.as_ref(), PAGE).await?;
    // Which mail failed is nothing that customers could do anything about.
    let mut signs = tickets::signs(&api.app, actor, &rows).await?;
    if !visit.is_agent() {
        signs.failed.clear();
    }
    let page = QueuePage {
        view: view.as_str(),
        q: params.q.clone(),
        tag: params.tag.clone(),
        selects: selects(&api, &visit, actor, &params).await?,
        filtered: params.filters().iter().any(|(name, v)| *name != "sort" && !v.is_empty()),
        clear: Params::default().href(view, None),
        kept: kept(view, &params),
        done: mail::done(visit.locale, Some(&params.did)),
        empty: rows.is_empty().then(|| empty(view, &params, visit.is_agent())),
        groups: groups(&visit, actor, &rows, &signs, filter.sort.key),
        paged: next.is_some() || after.is_some(),
        newest: after.map(|_| params.href(view, None)),
        next: next.map(|place| params.href(view, Some(("cursor", &cursor(&place))))),
    };
    Ok(render::page(StatusCode::OK, &visit.shell(view.as_str()), &page))
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

async fn selects(api: &Api, visit: &Visit, actor: &Actor, params: &Params) -> Result<Vec<Select>, Problem> {
    let locale = visit.locale;
    let statuses: Vec<&str> = ["open"].into_iter().chain(Status::ALL.iter().map(|s| s.as_str())).collect();
    let priorities: Vec<&str> = Priority::ALL.iter().rev().map(|p| p.as_str()).collect();
    let sort = if params.sort.is_empty() { SORTS[0] } else { &params.sort };
    let mut all = vec![
        ("status", choices(locale, "status", &statuses, &params.status, Some("status-any"))),
        ("priority", choices(locale, "priority", &priorities, &params.priority, Some("priority-any"))),
        ("category", lists::categories(api, visit, actor, &params.category, "category-any").await?),
    ];
    if visit.is_agent() {
        all.push(("assigned_to", lists::assignees(api, visit, actor, &params.assigned_to).await?));
    }
    all.push(("sort", choices(locale, "sort", &SORTS, sort, None)));
    let select = |(name, options): (&'static str, Vec<Choice>)| {
        let active = name != "sort" && options.iter().any(|o| o.chosen && !o.value.is_empty());
        Select { name, active, options }
    };
    Ok(all.into_iter().map(select).collect())
}

/// What the search form has to send along.
fn kept(view: View, params: &Params) -> Vec<Kept> {
    let all = [("view", view.as_str())].into_iter().chain(params.filters());
    let wanted = all.filter(|(name, value)| *name != "q" && !value.is_empty());
    wanted.map(|(name, value)| Kept { name: name.to_owned(), value: value.to_owned() }).collect()
}

fn empty(view: View, params: &Params, agent: bool) -> Empty {
    if params.filters().iter().any(|(name, v)| *name != "sort" && !v.is_empty()) {
        return Empty { heading: "empty-filtered", text: "empty-filtered-text" };
    }
    match view {
        View::All if !agent => Empty { heading: "empty-own", text: "empty-own-text" },
        View::Mine => Empty { heading: "empty-mine", text: "empty-mine-text" },
        View::Unassigned => Empty { heading: "empty-unassigned", text: "empty-unassigned-text" },
        View::Open => Empty { heading: "empty-open", text: "empty-open-text" },
        View::Waiting => Empty { heading: "empty-waiting", text: "empty-waiting-text" },
        View::AtRisk => Empty { heading: "empty-at_risk", text: "empty-at_risk-text" },
        View::All => Empty { heading: "empty-all", text: "empty-all-text" },
    }
}

/// Rows by day where the list is sorted by its times, else in one group.
fn groups(visit: &Visit, actor: &Actor, rows: &[TicketView], signs: &Signs, sort: SortKey) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for view in rows {
        let key = match sort {
            SortKey::LastActivityAt => day(view.ticket.last_activity_at, visit.now),
            SortKey::CreatedAt => day(view.ticket.created_at, visit.now),
            _ => "tickets",
        };
        let row = Row::new(visit.locale, visit.now, actor, view, signs);
        match groups.last_mut() {
            Some(group) if group.key == key => group.rows.push(row),
            _ => groups.push(Group { key, rows: vec![row] }),
        }
    }
    groups
}

fn day(at: Time, now: Time) -> &'static str {
    match (now.date_naive() - at.date_naive()).num_days() {
        ..=0 => "today",
        1 => "yesterday",
        _ => "earlier",
    }
}

impl Row {
    /// Returns a ticket as a line of the list.
    pub fn new(locale: Locale, now: Time, actor: &Actor, view: &TicketView, signs: &Signs) -> Row {
        let ticket = &view.ticket;
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
            subject: clocks::subject(locale, &ticket.subject),
            snippet: ticket.snippet.clone(),
            who: requester.name,
            who_full,
            status: ticket.status.as_str().to_owned(),
            priority: ticket.priority.as_str().to_owned(),
            marks: signs.storms.contains_key(&ticket.id)
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
}

impl Page for QueuePage {
    const TEMPLATE: &'static str = "queue";
    fn title(&self, locale: Locale) -> String {
        i18n::word(locale, "view", self.view)
    }
    #[cfg(test)]
    fn samples() -> Vec<Self> {
        let now = shared::clock::now();
        let row = |pid: &str, status: &str, priority: &str| Row {
            pid: pid.into(),
            href: format!("/dashboard/support/{pid}"),
            subject: "Release 48 stuck at health check".into(),
            snippet: "Still on the maintenance page".into(),
            who: "Daniel Okafor".into(),
            who_full: "Daniel Okafor <daniel@okafor.example>".into(),
            status: status.into(),
            priority: priority.into(),
            category: Some("Deploy".into()),
            tags: vec!["sale".into()],
            flags: vec!["clip", "warn"],
            storm: Some(Storm { text: "and 499 more".into(), href: "/dashboard/support?view=all&requester=1".into() }),
            marks: true,
            assignee: Some(Person::new(Some("Mara Lindqvist"), "m@x.example", true)),
            sla: Some(Clock {
                state: "at_risk".into(),
                glyph: "clock",
                text: "Answer in 25 m".into(),
                exact: "Fri 20 Nov".into(),
            }),
            at: When::new(Locale::En, now, now),
        };
        let bare = Row { assignee: None, sla: None, marks: false, ..row("202611-0003", "solved", "low") };
        let full = QueuePage {
            view: "open",
            q: "a".into(),
            tag: "b".into(),
            selects: vec![Select {
                name: "status",
                active: true,
                options: super::parts::choices(Locale::En, "status", &["new", "solved"], "new", Some("status-any")),
            }],
            filtered: true,
            clear: "/dashboard/support?view=open".into(),
            kept: vec![Kept { name: "view".into(), value: "open".into() }],
            done: Some("Done".into()),
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
            paged: false,
            newest: None,
            next: None,
            ..full.clone()
        };
        vec![full, none]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_holds_the_whole_list() {
        let params = Params { q: "a b".into(), status: "new".into(), ..Params::default() };
        assert_eq!(
            params.href(View::Open, Some(("cursor", "x"))),
            "/dashboard/support?view=open&q=a+b&status=new&cursor=x"
        );
        let filter = params.filter(View::Mine);
        assert_eq!(filter.status, Some(StatusFilter::In(vec![Status::New])));
        assert_eq!((filter.assigned_to, filter.text.as_deref()), (Some(AssigneeFilter::Me), Some("a b")));
    }

    #[test]
    fn nonsense_in_the_address_filters_nothing() {
        let params = Params {
            view: "x".into(),
            status: "x".into(),
            priority: "x".into(),
            assigned_to: "x".into(),
            sort: "x".into(),
            ..Params::default()
        };
        assert_eq!((params.view(true), params.view(false)), (View::Open, View::All));
        let filter = params.filter(View::All);
        assert!(filter.status.is_none() && filter.priority.is_empty() && filter.assigned_to.is_none());
        assert_eq!(filter.sort, Sort::default());
    }
}
