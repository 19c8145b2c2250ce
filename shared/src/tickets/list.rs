//! Lists of tickets: filters, sorts, keyset paging. One query a page, whatever the filters, plus one for its tags.

use super::error::{Error, Result};
use super::types::{Folder, Priority, Status, Ticket, snippet};
use crate::access::{Actor, Capability};
use crate::address;
use crate::app::App;
use crate::clock::{Time, now};
use crate::compiled_here;
use crate::ids::{CategoryId, IncidentId, TenantId, TicketId, UserId};
use crate::incidents::{IncidentState, Severity};
use crate::messages;
use crate::search::{self, query::Query};
use crate::store::{Q, sql};
use crate::text_enum;
use std::collections::HashMap;

/// A ticket with the names of what it points to.
#[derive(Debug, Clone, sqlx::FromRow)]
#[allow(missing_docs)]
pub struct TicketView {
    #[sqlx(flatten)]
    pub ticket: Ticket,
    pub tenant_slug: String,
    pub tenant_name: String,
    pub requester_email: String,
    pub requester_name: Option<String>,
    pub assignee_email: Option<String>,
    pub assignee_name: Option<String>,
    pub category_slug: Option<String>,
    pub category_name: Option<String>,
    pub mailbox_address: Option<String>,
    pub incident_title: Option<String>,
    pub incident_severity: Option<Severity>,
    pub incident_state: Option<IncidentState>,
    #[sqlx(skip)]
    pub tags: Vec<String>,
}

text_enum! {
    /// What a list is sorted by.
    pub enum SortKey ("sort") {
        /// When it was made.
        CreatedAt = "created_at",
        /// When anything last changed.
        UpdatedAt = "updated_at",
        /// When a message was last added.
        LastActivityAt = "last_activity_at",
        /// How much it presses.
        Priority = "priority",
        /// Where it stands.
        Status = "status",
    }
}

/// A sort key and its direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort {
    /// The key.
    pub key: SortKey,
    /// Largest first.
    pub descending: bool,
}

impl Default for Sort {
    fn default() -> Sort {
        Sort { key: SortKey::LastActivityAt, descending: true }
    }
}

impl std::fmt::Display for Sort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", if self.descending { "-" } else { "" }, self.key)
    }
}

impl std::str::FromStr for Sort {
    type Err = crate::text_enum::UnknownVariant;
    fn from_str(s: &str) -> std::result::Result<Sort, Self::Err> {
        let (name, descending) = s.strip_prefix('-').map_or((s, false), |name| (name, true));
        Ok(Sort { key: name.parse()?, descending })
    }
}

/// Which statuses to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatusFilter {
    /// Everything not solved or closed.
    Open,
    /// One of these.
    In(Vec<Status>),
}

/// Who is responsible, as a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AssigneeFilter {
    /// This user.
    User(UserId),
    /// Who asks.
    Me,
    /// Nobody.
    Nobody,
}

/// Which category, as a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CategoryFilter {
    /// By id.
    Id(CategoryId),
    /// By slug, in any tenant.
    Slug(String),
}

/// Which tickets to list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// By status.
    pub status: Option<StatusFilter>,
    /// By priority.
    pub priority: Vec<Priority>,
    /// By category.
    pub category: Option<CategoryFilter>,
    /// By who is responsible.
    pub assigned_to: Option<AssigneeFilter>,
    /// By the requester's address, or their id.
    pub requester: Option<String>,
    /// By tenant, within what the actor sees.
    pub tenant: Option<TenantId>,
    /// By tag.
    pub tag: Option<String>,
    /// By the incident that they are linked to.
    pub incident: Option<IncidentId>,
    /// By folder; None: the inbox.
    pub folder: Option<Folder>,
    /// By exact subject, ignoring case.
    pub subject: Option<String>,
    /// A search (see [`crate::search::query`]); its words may be a PID, an address or the beginning of a subject, too.
    pub text: Option<String>,
    /// Those alone whose clock is in its last quarter, or late.
    pub at_risk: bool,
    /// Those alone that are put off, or that are not; None: either. Agents' business: for others it asks nothing.
    pub snoozed: Option<bool>,
    /// Made at or after.
    pub since: Option<Time>,
    /// Made before.
    pub until: Option<Time>,
    /// One line for all untouched tickets of a storm (E5.13), as the queue page shows it.
    pub storms_as_one: bool,
    /// The order.
    pub sort: Sort,
}

/// The place of a ticket in a sorted list: what comes after it is the next page.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Cursor {
    /// The sort key's value.
    pub at: CursorValue,
    /// The ticket.
    pub id: TicketId,
}

/// A sort key's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
pub enum CursorValue {
    /// The rank of a status or priority.
    Rank(i64),
    /// A time.
    Time(Time),
}

impl Cursor {
    /// Returns a ticket's place in a list that is sorted by `key`.
    pub fn of(t: &Ticket, key: SortKey) -> Cursor {
        let at = match key {
            SortKey::CreatedAt => CursorValue::Time(t.created_at),
            SortKey::UpdatedAt => CursorValue::Time(t.updated_at),
            SortKey::LastActivityAt => CursorValue::Time(t.last_activity_at),
            SortKey::Priority => {
                CursorValue::Rank(Priority::ALL.iter().position(|p| *p == t.priority).unwrap_or(0) as i64)
            }
            SortKey::Status => CursorValue::Rank(Status::ALL.iter().position(|s| *s == t.status).unwrap_or(0) as i64),
        };
        Cursor { at, id: t.id }
    }
}

const VIEW: &str = "SELECT t.*, n.slug AS tenant_slug, n.name AS tenant_name, r.email AS requester_email, \
     r.name AS requester_name, a.email AS assignee_email, a.name AS assignee_name, c.slug AS category_slug, \
     c.name AS category_name, m.address AS mailbox_address, i.title AS incident_title, i.severity AS incident_severity, \
     i.state AS incident_state FROM tickets t JOIN tenants n ON n.id = t.tenant_id \
     JOIN users r ON r.id = t.requester_id LEFT JOIN users a ON a.id = t.assigned_to \
     LEFT JOIN categories c ON c.id = t.category_id LEFT JOIN mailboxes m ON m.id = t.mailbox_id \
     LEFT JOIN incidents i ON i.id = t.incident_id WHERE 1 = 1";

const PRIORITY_RANK: &str = "CASE t.priority WHEN 'low' THEN 0 WHEN 'medium' THEN 1 WHEN 'high' THEN 2 ELSE 3 END";
const STATUS_RANK: &str = "CASE t.status WHEN 'new' THEN 0 WHEN 'triaged' THEN 1 WHEN 'in_progress' THEN 2 \
     WHEN 'waiting_on_customer' THEN 3 WHEN 'needs_engineering' THEN 4 WHEN 'solved' THEN 5 ELSE 6 END";

/// Lists the tickets that the actor sees and the filter names, after `after`, at most `limit`. Returns the page and the
/// cursor of the next one, if there is more.
///
/// # Errors
/// `Denied` if the actor may not read tickets; else see [`crate::store::Error`].
#[compiled_here]
pub async fn list(
    app: &App,
    actor: &Actor,
    filter: &Filter,
    after: Option<&Cursor>,
    limit: i64,
) -> Result<(Vec<TicketView>, Option<Cursor>)> {
    let (mut rows, more) = rows(app, actor, filter, after, limit).await?;
    let next = if more { rows.last().map(|v| Cursor::of(&v.ticket, filter.sort.key)) } else { None };
    complete(app, actor, &mut rows).await?;
    Ok((rows, next))
}

/// Which way from a place in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Towards its beginning.
    Up,
    /// Towards its end.
    Down,
}

/// Lists the tickets nearest to a place of a list on one side, at most `limit`, in the list's order and without their tags.
/// Returns whether there are more that way. For agents: what is put off and the last words are not hidden.
///
/// # Errors
/// As [`list`].
#[compiled_here]
pub async fn beside(
    app: &App,
    actor: &Actor,
    filter: &Filter,
    (place, way): (&Cursor, Way),
    limit: i64,
) -> Result<(Vec<TicketView>, bool)> {
    actor.require(Capability::TicketsNote)?;
    if way == Way::Down {
        return rows(app, actor, filter, Some(place), limit).await;
    }
    let sort = Sort { descending: !filter.sort.descending, ..filter.sort };
    let turned = Filter { sort, ..filter.clone() };
    let (mut found, more) = rows(app, actor, &turned, Some(place), limit).await?;
    found.reverse();
    Ok((found, more))
}

/// A page of a list, and whether there is more after it.
async fn rows(
    app: &App,
    actor: &Actor,
    filter: &Filter,
    after: Option<&Cursor>,
    limit: i64,
) -> Result<(Vec<TicketView>, bool)> {
    actor.require(Capability::TicketsRead)?;
    let scope = actor.tickets();
    let mut q = filtered(scope.filter(sql(VIEW)), actor, filter, app.db.is_sqlite());
    let (column, descending) = (column(filter.sort.key), filter.sort.descending);
    if let Some(after) = after {
        q = q.push(" AND (").push(column).push(", t.id) ").push(if descending { "< (" } else { "> (" });
        q = match after.at {
            CursorValue::Rank(rank) => q.arg(rank),
            CursorValue::Time(at) => q.arg(at),
        };
        q = q.push(", ").arg(after.id).push(")");
    }
    let direction = if descending { " DESC" } else { "" };
    q = q.push(" ORDER BY ").push(column).push(direction).push(", t.id").push(direction);
    let mut read = app.db.read(scope.rows());
    let mut rows: Vec<TicketView> = q.push(" LIMIT ").arg(limit + 1).all(&mut read).await?;
    let more = rows.len() as i64 > limit;
    rows.truncate(limit.max(0) as usize);
    Ok((rows, more))
}

/// Counts the tickets that the actor sees and the filter names, up to `most`: beyond it nobody waits for the count.
///
/// # Errors
/// As [`list`].
#[compiled_here]
pub async fn count(app: &App, actor: &Actor, filter: &Filter, most: i64) -> Result<i64> {
    actor.require(Capability::TicketsRead)?;
    let scope = actor.tickets();
    let inner = "SELECT COUNT(*) FROM (SELECT 1 AS one FROM tickets t JOIN users r ON r.id = t.requester_id \
         LEFT JOIN categories c ON c.id = t.category_id WHERE 1 = 1";
    let q = filtered(scope.filter(sql(inner)), actor, filter, app.db.is_sqlite())
        .push(" LIMIT ")
        .arg(most)
        .push(") AS counted");
    let (n,): (i64,) = q.one(&mut app.db.read(scope.rows())).await?;
    Ok(n)
}

/// Returns one ticket with the names of what it points to, if the actor sees it.
///
/// # Errors
/// `NotFound` if the actor does not see it, `Denied` if they may not read tickets.
#[compiled_here]
pub async fn view(app: &App, actor: &Actor, which: &super::TicketRef) -> Result<TicketView> {
    let scope = actor.tickets();
    let q = which.condition(scope.filter(sql(VIEW)));
    let found: Option<TicketView> = q.opt(&mut app.db.read(scope.rows())).await?;
    let mut rows = vec![found.ok_or(Error::NotFound)?];
    actor.require(Capability::TicketsRead)?;
    complete(app, actor, &mut rows).await?;
    Ok(rows.remove(0))
}

/// Returns those of the tickets that the actor sees, in no order.
///
/// # Errors
/// `Denied` if the actor may not read tickets.
pub async fn views(app: &App, actor: &Actor, ids: &[TicketId]) -> Result<Vec<TicketView>> {
    actor.require(Capability::TicketsRead)?;
    let scope = actor.tickets();
    let q = scope.filter(sql(VIEW)).push(" AND t.id IN ").list(ids.iter().copied());
    let mut rows: Vec<TicketView> = q.all(&mut app.db.read(scope.rows())).await?;
    complete(app, actor, &mut rows).await?;
    Ok(rows)
}

fn filtered(mut q: Q, actor: &Actor, f: &Filter, sqlite: bool) -> Q {
    let query = f.text.as_deref().map(str::trim).filter(|t| !t.is_empty()).map(Query::lenient);
    if query.as_ref().is_none_or(|query| query.folder().is_none()) {
        q = q.push(" AND t.folder = ").arg(f.folder.unwrap_or(Folder::Inbox));
    }
    match &f.status {
        Some(StatusFilter::Open) => {
            // As a list, so that the index on status serves it.
            q = q.push(" AND t.status IN ").list(Status::ALL.iter().copied().filter(|s| !s.is_done()));
        }
        Some(StatusFilter::In(statuses)) => q = q.push(" AND t.status IN ").list(statuses.iter().copied()),
        None => {}
    }
    if !f.priority.is_empty() {
        q = q.push(" AND t.priority IN ").list(f.priority.iter().copied());
    }
    match &f.category {
        Some(CategoryFilter::Id(id)) => q = q.push(" AND t.category_id = ").arg(*id),
        Some(CategoryFilter::Slug(slug)) => q = q.push(" AND c.slug = ").arg(slug.as_str()),
        None => {}
    }
    match f.assigned_to {
        Some(AssigneeFilter::User(id)) => q = q.push(" AND t.assigned_to = ").arg(id),
        Some(AssigneeFilter::Me) => q = q.push(" AND t.assigned_to = ").arg(actor.user),
        Some(AssigneeFilter::Nobody) => q = q.push(" AND t.assigned_to IS NULL"),
        None => {}
    }
    if let Some(requester) = &f.requester {
        q = match requester.parse::<UserId>() {
            Ok(id) => q.push(" AND t.requester_id = ").arg(id),
            Err(_) => q.push(" AND r.email_key = ").arg(address::key(requester)),
        };
    }
    if let Some(tenant) = f.tenant {
        q = q.push(" AND t.tenant_id = ").arg(tenant);
    }
    if let Some(tag) = &f.tag {
        q = tagged(q, tag);
    }
    if let Some(incident) = f.incident {
        q = q.push(" AND t.incident_id = ").arg(incident);
    }
    if let Some(subject) = &f.subject {
        q = q.push(" AND t.subject = ").arg(subject.as_str()).push(" COLLATE folded");
    }
    if let Some(query) = &query {
        q = search::among_tickets(q, actor, query, sqlite);
    }
    if f.at_risk {
        q = at_risk(q);
    }
    // Who searches for what is put off means it, whichever list is open.
    if let Some(snoozed) = f.snoozed.filter(|_| !query.as_ref().is_some_and(Query::names_snoozed)) {
        q = put_off(q, actor, snoozed);
    }
    if let Some(since) = f.since {
        q = q.push(" AND t.created_at >= ").arg(since);
    }
    if let Some(until) = f.until {
        q = q.push(" AND t.created_at < ").arg(until);
    }
    if f.storms_as_one {
        q = q.push(
            " AND NOT (t.status = 'new' AND EXISTS (SELECT 1 FROM storms s WHERE s.user_id = t.requester_id \
             AND s.began_at <= t.created_at AND s.ended_at >= t.created_at AND s.lead_ticket_id <> t.id))",
        );
    }
    q
}

/// Adds that a clock of tickets `t` is in its last quarter, or late.
pub(crate) fn at_risk(q: Q) -> Q {
    q.push(" AND t.risk_at <= ").arg(now())
}

/// Adds that tickets `t` are put off, or are not. Customers are not told that a ticket is: for them none is.
pub(crate) fn put_off(q: Q, actor: &Actor, snoozed: bool) -> Q {
    match (actor.is_agent(), snoozed) {
        (true, true) => q.push(" AND t.snoozed_until IS NOT NULL"),
        (true, false) => q.push(" AND t.snoozed_until IS NULL"),
        (false, true) => q.push(" AND 1 = 0"),
        (false, false) => q,
    }
}

/// Adds that tickets `t` have a tag.
pub(crate) fn tagged(q: Q, tag: &str) -> Q {
    q.push(" AND EXISTS (SELECT 1 FROM ticket_tags tt JOIN tags g ON g.id = tt.tag_id WHERE tt.ticket_id = t.id AND g.name = ")
        .arg(tag)
        .push(" COLLATE folded)")
}

fn column(key: SortKey) -> &'static str {
    match key {
        SortKey::CreatedAt => "t.created_at",
        SortKey::UpdatedAt => "t.updated_at",
        SortKey::LastActivityAt => "t.last_activity_at",
        SortKey::Priority => PRIORITY_RANK,
        SortKey::Status => STATUS_RANK,
    }
}

/// Adds what stands elsewhere, and takes away what the actor may not read.
async fn complete(app: &App, actor: &Actor, rows: &mut [TicketView]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    add_tags(app, actor, rows).await?;
    if actor.can(Capability::TicketsNote) {
        return Ok(());
    }
    let ids: Vec<TicketId> = rows.iter().map(|r| r.ticket.id).collect();
    let said = messages::last_said(&mut app.db.read(actor.tickets().rows()), &ids).await?;
    let mut said: HashMap<TicketId, String> = said.into_iter().collect();
    for row in rows {
        row.ticket.snippet = said.remove(&row.ticket.id).map(|text| snippet(&text)).unwrap_or_default();
        // What is put off is put off for agents.
        row.ticket.snoozed_until = None;
    }
    Ok(())
}

async fn add_tags(app: &App, actor: &Actor, rows: &mut [TicketView]) -> Result<()> {
    let found: Vec<(TicketId, String)> =
        sql("SELECT tt.ticket_id, g.name FROM ticket_tags tt JOIN tags g ON g.id = tt.tag_id WHERE tt.ticket_id IN ")
            .list(rows.iter().map(|r| r.ticket.id))
            .push(" ORDER BY g.name")
            .all(&mut app.db.read(actor.tickets().rows()))
            .await?;
    let mut tags: HashMap<TicketId, Vec<String>> = HashMap::new();
    for (ticket, name) in found {
        tags.entry(ticket).or_default().push(name);
    }
    for row in rows {
        row.tags = tags.remove(&row.ticket.id).unwrap_or_default();
    }
    Ok(())
}
