//! Tickets: open, list, look at, change.

use super::input::{self, FileRef, Name, WithFiles, assignee, json, list, nullable, parsed, tenant};
use super::{Answer, shapes};
use crate::Api;
use crate::extract::page::{List, cursor};
use crate::extract::{Caller, ExpectedVersion, Json, Page, Path, Query};
use crate::problem::{FieldError, Problem, codes};
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use shared::access::{Actor, Capability};
use shared::app::App;
use shared::attachments;
use shared::clock::{Time, now};
use shared::erase;
use shared::messages;
use shared::ratings;
use shared::sessions::Via;
use shared::tickets::{
    self, AssigneeFilter, CategoryFilter, Channel, Create, Cursor, Filter, Folder, Patch, Priority, Status,
    StatusFilter, TicketRef,
};

/// Messages that one ticket's answer holds; earlier ones by their own route.
const NEWEST_MESSAGES: i64 = 100;
/// Beyond so many nobody reads the total.
const MOST_COUNTED: i64 = 100_000;

/// What opens a ticket.
#[derive(Debug, Deserialize)]
pub struct CreateBody {
    #[serde(alias = "title")]
    subject: Option<String>,
    #[serde(alias = "body", alias = "message")]
    description: Option<String>,
    sub_subject: Option<String>,
    category: Option<Name>,
    priority: Option<Priority>,
    #[serde(rename = "type")]
    kind: Option<String>,
    requester: Option<Requester>,
    name: Option<String>,
    email: Option<String>,
    #[serde(alias = "company_id", alias = "entity_scope", alias = "tenant")]
    tenant_id: Option<Name>,
    #[serde(default)]
    attachments: Vec<FileRef>,
}

#[derive(Debug, Deserialize)]
struct Requester {
    email: String,
    name: Option<String>,
}

/// `POST /api/support/tickets`.
///
/// # Errors
/// 401, 403, 404 for another tenant, 413, 415, 422.
pub async fn create(State(api): State<Api>, caller: Caller, body: WithFiles<CreateBody>) -> CreatedAnswer {
    let channel = match (&caller.via, body.is_form) {
        (Via::Token { .. }, false) => Channel::Api,
        _ => Channel::Web,
    };
    open(&api.app, caller.actor(), channel, body).await
}

/// `POST /tickets`: the same for whoever is logged in, and the public form for everybody else.
///
/// # Errors
/// As [`create`]; 422 without an address.
pub async fn create_public(
    State(api): State<Api>,
    caller: Option<Caller>,
    body: WithFiles<CreateBody>,
) -> CreatedAnswer {
    if let Some(caller) = caller {
        return create(State(api), caller, body).await;
    }
    let given = body.fields.email.is_some() || body.fields.requester.is_some();
    if !given {
        return Err(Problem::validation(vec![FieldError::required("email")]));
    }
    open(&api.app, &Actor::system(), Channel::Web, body).await
}

/// 201 and the whole shape.
pub type CreatedAnswer = Result<(StatusCode, axum::Json<Value>), Problem>;

async fn open(app: &App, actor: &Actor, channel: Channel, body: WithFiles<CreateBody>) -> CreatedAnswer {
    let WithFiles { fields: b, mut files, .. } = body;
    let mut missing = Vec::new();
    if b.subject.is_none() {
        missing.push(FieldError::required("subject"));
    }
    if b.description.is_none() && files.is_empty() && b.attachments.is_empty() {
        missing.push(FieldError::required("description"));
    }
    if !missing.is_empty() {
        return Err(Problem::validation(missing));
    }
    files.extend(input::files(b.attachments)?);
    let requester = match (b.requester, b.email) {
        (Some(r), _) => Some((r.name, r.email)),
        (None, Some(email)) => Some((b.name, email)),
        (None, None) => None,
    };
    let new = Create {
        tenant: tenant(app, actor, b.tenant_id.as_ref()).await?,
        subject: b.subject.unwrap_or_default(),
        sub_subject: b.sub_subject,
        body: b.description.unwrap_or_default(),
        category: b.category.and_then(|c| c.text()),
        priority: b.priority,
        kind: b.kind,
        requester,
        channel,
        attachments: files,
    };
    let id = tickets::create(app, actor, new).await?;
    Ok((StatusCode::CREATED, axum::Json(whole(app, actor, &id.into()).await?)))
}

/// Which tickets to list.
#[derive(Debug, Deserialize)]
pub struct ListParams {
    status: Option<String>,
    priority: Option<String>,
    category: Option<String>,
    #[serde(alias = "assigned", alias = "agent_id", alias = "admin_id", alias = "assigned_admin_id")]
    assigned_to: Option<String>,
    requester: Option<String>,
    #[serde(alias = "company_id", alias = "entity_scope", alias = "tenant")]
    tenant_id: Option<String>,
    tag: Option<String>,
    #[serde(alias = "incident_id")]
    incident: Option<String>,
    folder: Option<String>,
    subject: Option<String>,
    q: Option<String>,
    sla: Option<String>,
    snoozed: Option<String>,
    view: Option<String>,
    since: Option<String>,
    until: Option<String>,
    sort: Option<String>,
}

/// `GET /api/support/tickets`.
///
/// # Errors
/// 400 for a wrong cursor, 401, 403, 404 for another tenant, 422 for a wrong filter.
pub async fn index(State(api): State<Api>, caller: Caller, page: Page, Query(p): Query<ListParams>) -> Answer {
    listed(&api.app, caller.actor(), &page, p).await
}

/// `GET /api/support/admin/tickets`: across tenants, for those who oversee them.
///
/// # Errors
/// As [`index`]; 403 without `support.tickets.oversee`.
pub async fn oversee(State(api): State<Api>, caller: Caller, page: Page, Query(p): Query<ListParams>) -> Answer {
    caller.actor.require(Capability::TicketsOversee)?;
    listed(&api.app, caller.actor(), &page, p).await
}

async fn listed(app: &App, actor: &Actor, page: &Page, p: ListParams) -> Answer {
    let filter = filter(app, actor, p).await?;
    let after = page.after::<Cursor>()?;
    let total = match page.page {
        Some(_) => Some(tickets::count(app, actor, &filter, MOST_COUNTED).await?),
        None => None,
    };
    let (mut rows, mut next) = tickets::list(app, actor, &filter, after.as_ref(), i64::from(page.limit)).await?;
    // Numbered pages go the same way, page by page: they are for people who leaf through the first few.
    for _ in 1..page.page.unwrap_or(1) {
        let Some(after) = next.take() else {
            rows.clear();
            break;
        };
        (rows, next) = tickets::list(app, actor, &filter, Some(&after), i64::from(page.limit)).await?;
    }
    let at = now();
    let data = rows.into_iter().map(|t| shapes::ticket(t, at)).collect();
    Ok(axum::Json(json(List { data, next_cursor: next.as_ref().map(cursor), total })))
}

async fn filter(app: &App, actor: &Actor, p: ListParams) -> Result<Filter, Problem> {
    let given = |v: &Option<String>| v.as_deref().map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned);
    let all = |v: &Option<String>| given(v).filter(|v| v != "all");
    let base = match given(&p.view) {
        Some(name) => super::views::named(app, actor, &name).await?,
        None => Filter::default(),
    };
    let tenant_id = match given(&p.tenant_id) {
        Some(name) => tenant(app, actor, Some(&Name::Text(name))).await?,
        None => None,
    };
    Ok(Filter {
        status: all(&p.status).map(|s| statuses(&s)).transpose()?.or(base.status),
        priority: match all(&p.priority) {
            Some(text) => list(&text).map(|t| parsed("priority", t)).collect::<Result<_, _>>()?,
            None => Vec::new(),
        },
        category: all(&p.category).map(|c| c.parse().map_or(CategoryFilter::Slug(c), CategoryFilter::Id)),
        assigned_to: match all(&p.assigned_to).as_deref() {
            None => base.assigned_to,
            Some("me") => Some(AssigneeFilter::Me),
            Some("unassigned" | "none" | "null") => Some(AssigneeFilter::Nobody),
            Some(id) => Some(AssigneeFilter::User(parsed("assigned_to", id)?)),
        },
        requester: match given(&p.requester).as_deref() {
            Some("me") => actor.user.map(|u| u.to_string()),
            other => other.map(str::to_owned),
        },
        tenant: tenant_id,
        tag: given(&p.tag),
        incident: given(&p.incident).map(|id| super::read_id("incident", Some(&id))).transpose()?.flatten(),
        folder: given(&p.folder).map(|f| parsed::<Folder>("folder", &f)).transpose()?,
        subject: given(&p.subject),
        text: both(base.text, given(&p.q).map(|q| super::search::read(&q).map(|_| q)).transpose()?),
        at_risk: match all(&p.sla).as_deref() {
            None => base.at_risk,
            Some("at_risk") => true,
            Some(_) => return Err(Problem::field("sla", "unknown_value", "expected at_risk")),
        },
        snoozed: match all(&p.snoozed).as_deref() {
            None => base.snoozed,
            Some("true") => Some(true),
            Some("false") => Some(false),
            Some(_) => return Err(Problem::field("snoozed", "unknown_value", "expected true or false")),
        },
        since: given(&p.since).map(|t| time("since", &t)).transpose()?,
        until: given(&p.until).map(|t| time("until", &t)).transpose()?,
        // A program reads every ticket; only the queue page shows a storm as one line.
        storms_as_one: false,
        sort: given(&p.sort).map(|s| parsed("sort", &s)).transpose()?.unwrap_or(base.sort),
    })
}

/// A search within a search.
pub fn both(one: Option<String>, other: Option<String>) -> Option<String> {
    match (one, other) {
        (Some(one), Some(other)) => Some(format!("{one} {other}")),
        (one, other) => one.or(other),
    }
}

/// `open` as a filter is everything not solved or closed; beside other statuses it adds those (DESIGN 3).
fn statuses(text: &str) -> Result<StatusFilter, Problem> {
    if text == "open" {
        return Ok(StatusFilter::Open);
    }
    let mut all = Vec::new();
    for name in list(text) {
        match name {
            "open" => all.extend(Status::ALL.iter().copied().filter(|s| !s.is_done())),
            name => all.push(parsed("status", name)?),
        }
    }
    Ok(StatusFilter::In(all))
}

/// A moment, or a day: its beginning in UTC.
fn time(name: &'static str, text: &str) -> Result<Time, Problem> {
    let day = || text.parse::<chrono::NaiveDate>().ok().map(|d| d.and_time(chrono::NaiveTime::MIN).and_utc());
    // A plus sign in a query is a space, and `+00:00` is what many clients send.
    let moment = || text.replace(' ', "+").parse::<Time>().ok();
    moment().or_else(day).ok_or_else(|| Problem::field(name, "invalid", "must be a time (RFC 3339) or a day"))
}

/// `GET /api/support/tickets/{id}`: one ticket with its messages.
///
/// # Errors
/// 401, 404.
pub async fn show(State(api): State<Api>, caller: Caller, Path(which): Path<String>) -> Answer {
    Ok(axum::Json(whole(&api.app, caller.actor(), &reference(&which)).await?))
}

/// Returns what a path names: an id or a PID.
pub fn reference(path: &str) -> TicketRef {
    let Ok(which) = path.parse();
    which
}

/// One ticket with participants and its newest messages.
pub(super) async fn whole(app: &App, actor: &Actor, which: &TicketRef) -> Result<Value, Problem> {
    let view = tickets::view(app, actor, which).await?;
    let (id, ticket) = (view.ticket.id, view.ticket.clone());
    let mut shape = json(shapes::ticket(view, now()));
    let page = messages::page(app, actor, &id.into(), None, NEWEST_MESSAGES).await?;
    let mut read = app.db.read(actor.tickets().rows());
    let participants = tickets::participants(&mut read, &[id]).await?;
    let files = attachments::of_messages(&mut read, &page.messages.iter().map(|m| m.id).collect::<Vec<_>>()).await?;
    let mails = messages::deliveries(&mut read, actor, id).await?;
    shape["participants"] = {
        let seen = participants.into_iter().filter(|p| actor.is_agent() || !p.is_unseen());
        json(seen.map(shapes::participant).collect::<Vec<_>>())
    };
    shape["messages"] = json(shapes::messages(actor, page.messages, files, &mails));
    if actor.is_agent() {
        let rating = ratings::of_ticket(&mut read, ticket.tenant_id, id).await?.filter(|r| r.score.is_some());
        shape["rating"] = match rating {
            Some(r) => serde_json::json!({"score": r.score, "comment": r.comment, "rated_at": r.rated_at}),
            None => Value::Null,
        };
        shape["also_addressed"] = json(tickets::also_addressed(app, actor, &ticket).await?);
        let open = tickets::joins_of(app, actor, id).await?;
        shape["joins"] = json(open.into_iter().map(super::joins::shape).collect::<Vec<_>>());
    }
    shape["messages_cursor"] = json(page.earlier.map(|seq| cursor(&seq)));
    Ok(shape)
}

/// What a change changed: the ticket alone.
pub(super) async fn changed(app: &App, actor: &Actor, which: &TicketRef) -> Answer {
    let view = tickets::view(app, actor, which).await?;
    Ok(axum::Json(json(shapes::ticket(view, now()))))
}

/// What PATCH changes.
#[derive(Debug, Deserialize)]
pub struct PatchBody {
    #[serde(alias = "title")]
    subject: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    sub_subject: Option<Option<String>>,
    status: Option<Status>,
    priority: Option<Priority>,
    #[serde(default, deserialize_with = "nullable")]
    category: Option<Option<Name>>,
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(
        default,
        deserialize_with = "nullable",
        alias = "agent_id",
        alias = "admin_id",
        alias = "assigned_admin_id"
    )]
    assigned_to: Option<Option<Name>>,
    tags: Option<Vec<String>>,
    requester: Option<Requester>,
    #[serde(default, deserialize_with = "nullable")]
    resolution_notes: Option<Option<String>>,
    expected_version: Option<i64>,
}

/// `PATCH /api/support/tickets/{id}`.
///
/// # Errors
/// 401, 403, 404, 409, 422.
pub async fn update(
    State(api): State<Api>,
    caller: Caller,
    Path(which): Path<String>,
    version: ExpectedVersion,
    body: Result<Json<PatchBody>, Problem>,
) -> Answer {
    let (app, actor, which) = (&api.app, caller.actor(), reference(&which));
    let Json(b) = judged(app, actor, &which, Capability::TicketsUpdate, body).await?;
    let patch = Patch {
        subject: b.subject,
        sub_subject: b.sub_subject,
        status: b.status,
        priority: b.priority,
        category: b.category.map(|c| c.and_then(|c| c.text())),
        kind: b.kind,
        assigned_to: b.assigned_to.map(|to| assignee(actor, to.as_ref())).transpose()?,
        tags: b.tags,
        requester: b.requester.map(|r| (r.name, r.email)),
        resolution_notes: b.resolution_notes,
    };
    let id = tickets::update(app, actor, &which, patch, version.or_body(b.expected_version)?).await?;
    changed(app, actor, &id.into()).await
}

/// The order of refusal (DESIGN 4): scope and capability before the body.
pub async fn judged<T>(
    app: &App,
    actor: &Actor,
    which: &TicketRef,
    capability: Capability,
    body: Result<T, Problem>,
) -> Result<T, Problem> {
    let Err(wrong) = body else { return body };
    tickets::find(app, actor, which).await?;
    actor.require(capability)?;
    Err(wrong)
}

/// What sets a status.
#[derive(Debug, Deserialize)]
pub struct StatusBody {
    status: Status,
    resolution_notes: Option<String>,
    expected_version: Option<i64>,
}

/// `POST /api/support/tickets/{id}/status`.
///
/// # Errors
/// 401, 403, 404, 409, 422.
pub async fn set_status(
    State(api): State<Api>,
    caller: Caller,
    Path(which): Path<String>,
    version: ExpectedVersion,
    body: Result<Json<StatusBody>, Problem>,
) -> Answer {
    let (app, actor, which) = (&api.app, caller.actor(), reference(&which));
    let Json(b) = judged(app, actor, &which, Capability::TicketsUpdate, body).await?;
    let expected = version.or_body(b.expected_version)?;
    let id = tickets::set_status(app, actor, &which, b.status, b.resolution_notes, expected).await?;
    changed(app, actor, &id.into()).await
}

/// What sets a priority.
#[derive(Debug, Deserialize)]
pub struct PriorityBody {
    priority: Priority,
    expected_version: Option<i64>,
}

/// `POST /api/support/tickets/{id}/priority`.
///
/// # Errors
/// 401, 403, 404, 409, 422.
pub async fn set_priority(
    State(api): State<Api>,
    caller: Caller,
    Path(which): Path<String>,
    version: ExpectedVersion,
    body: Result<Json<PriorityBody>, Problem>,
) -> Answer {
    let (app, actor, which) = (&api.app, caller.actor(), reference(&which));
    let Json(b) = judged(app, actor, &which, Capability::TicketsUpdate, body).await?;
    let id = tickets::set_priority(app, actor, &which, b.priority, version.or_body(b.expected_version)?).await?;
    changed(app, actor, &id.into()).await
}

/// What assigns: null is nobody.
#[derive(Debug, Deserialize)]
pub struct AssignBody {
    #[serde(
        default,
        deserialize_with = "nullable",
        alias = "agent_id",
        alias = "admin_id",
        alias = "assigned_admin_id"
    )]
    assigned_to: Option<Option<Name>>,
    expected_version: Option<i64>,
}

/// `POST /api/support/tickets/{id}/assign`.
///
/// # Errors
/// 401, 403, 404, 409, 422.
pub async fn assign(
    State(api): State<Api>,
    caller: Caller,
    Path(which): Path<String>,
    version: ExpectedVersion,
    body: Result<Json<AssignBody>, Problem>,
) -> Answer {
    let (app, actor, which) = (&api.app, caller.actor(), reference(&which));
    let Json(b) = judged(app, actor, &which, Capability::TicketsTake, body).await?;
    let missing = || Problem::validation(vec![FieldError::required("assigned_to")]);
    let to = match b.assigned_to.ok_or_else(missing) {
        Ok(to) => assignee(actor, to.as_ref()),
        Err(problem) => Err(problem),
    };
    let to = judged(app, actor, &which, Capability::TicketsTake, to).await?;
    let id = tickets::assign(app, actor, &which, to, version.or_body(b.expected_version)?).await?;
    changed(app, actor, &id.into()).await
}

/// A body that may name a version, and nothing else.
#[derive(Debug, Default, Deserialize)]
pub struct VersionBody {
    expected_version: Option<i64>,
}

/// Reads an optional body: acts that need no values are posted without one.
async fn act(req: axum::extract::Request, version: ExpectedVersion) -> Result<Option<i64>, Problem> {
    use axum::extract::FromRequest;
    let is_json = crate::extract::json::is_json(req.headers());
    let body = crate::extract::Body::from_request(req, &()).await?.0;
    if body.is_empty() || !is_json {
        return Ok(version.0);
    }
    let b: VersionBody = crate::extract::json::from_slice(&body)?;
    version.or_body(b.expected_version)
}

/// An act on a ticket without values of its own: its handler, and the capability that a caller must have before the
/// body is judged.
macro_rules! acts {
    ($($(#[$doc:meta])* $name:ident($capability:ident) => $verb:expr;)+) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        /// 401, 403, 404, 409.
        pub async fn $name(
            State(api): State<Api>,
            caller: Caller,
            Path(which): Path<String>,
            version: ExpectedVersion,
            req: axum::extract::Request,
        ) -> Answer {
            let (app, actor, which) = (&api.app, caller.actor(), reference(&which));
            let expected = act(req, version).await;
            let expected = judged(app, actor, &which, Capability::$capability, expected).await?;
            let id = $verb(app, actor, &which, expected).await?;
            changed(app, actor, &id.into()).await
        }
    )+};
}

acts! {
    /// `POST /api/support/tickets/{id}/take`.
    take(TicketsTake) => tickets::take;
    /// `POST /api/support/tickets/{id}/close`.
    close(TicketsClose) => tickets::close;
    /// `POST /api/support/tickets/{id}/reopen`.
    reopen(TicketsClose) => tickets::reopen;
    /// `DELETE /api/support/tickets/{id}`: to the trash.
    trash(TicketsUpdate) => async |app, actor, which, expected| tickets::set_folder(app, actor, which, Folder::Trash, expected).await;
    /// `POST /api/support/tickets/{id}/restore`: back from trash or spam.
    restore(TicketsUpdate) => async |app, actor, which, expected| tickets::set_folder(app, actor, which, Folder::Inbox, expected).await;
    /// `POST /api/support/tickets/{id}/erase`: for good (E13.1).
    erase(TicketsErase) => erase::ticket;
    /// `POST /api/support/tickets/{id}/spam`.
    spam(TicketsUpdate) => async |app, actor, which, expected| tickets::set_folder(app, actor, which, Folder::Spam, expected).await;
}

/// The code of a path that names a ticket which is not there, for handlers of other nouns.
pub fn not_found() -> Problem {
    Problem::new(codes::TICKET_NOT_FOUND)
}
