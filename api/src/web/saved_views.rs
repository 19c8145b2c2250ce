//! Keeping what the queue shows as a view, and changing and removing such views by the page's forms.

use super::error;
use super::form_data::FormData;
use super::queue;
use super::queue_params::{Params, SORTS};
use super::reader::Visit;
use crate::Api;
use crate::extract::Path;
use crate::problem::Problem;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use shared::access::Actor;
use shared::ids::{SavedViewId, UserId};
use shared::saved_views::{self, NewView, ViewChange};
use shared::search::query::{Assigned, Condition, Query};
use shared::store::Scope;
use shared::tickets::{AssigneeFilter, CategoryFilter, Filter, StatusFilter};
use shared::{tenants, users};

/// `POST /dashboard/support/views`: the list that the form's fields name becomes a view.
///
/// # Errors
/// 401, 403; a refusal shows the list again.
pub async fn create(State(api): State<Api>, visit: Visit, form: FormData) -> Result<Response, Problem> {
    let actor = visit.actor()?;
    actor.require(shared::access::Capability::ViewsSave)?;
    let text = |name: &str| form.get(name).to_owned();
    let params = Params {
        view: text("view"),
        saved: text("saved"),
        q: text("q"),
        status: text("status"),
        priority: text("priority"),
        category: text("category"),
        assigned_to: text("assigned_to"),
        tenant: text("tenant"),
        tag: text("tag"),
        requester: text("requester"),
        since: text("since"),
        until: text("until"),
        sort: text("sort"),
        ..Params::default()
    };
    let listing = queue::listing(&api, &visit, &params).await?;
    let filter = params.filter(&listing);
    let new = NewView {
        name: text("name"),
        query: query_of(&api, actor, &filter).await?.to_string(),
        sort: Some(filter.sort.to_string()),
        shared: form.get("shared") == "1",
    };
    match saved_views::create(&api.app.db, actor, new).await {
        Ok(view) => Ok(to(view.id, "view-saved")),
        Err(e) => refused(&api, &visit, params, e.into()).await,
    }
}

/// `POST /dashboard/support/views/{id}`
///
/// # Errors
/// 401, 403, 404; a refusal shows the list again.
pub async fn update(
    State(api): State<Api>,
    visit: Visit,
    Path(id): Path<SavedViewId>,
    form: FormData,
) -> Result<Response, Problem> {
    let sort = SORTS.iter().find(|(name, _)| *name == form.get("sort")).map(|(_, sort)| sort.to_string());
    let change = ViewChange {
        name: form.some("name").map(str::to_owned),
        query: Some(form.get("query").to_owned()),
        sort,
        shared: Some(form.get("shared") == "1"),
        position: None,
    };
    match saved_views::update(&api.app.db, visit.actor()?, id, change).await {
        Ok(view) => Ok(to(view.id, "view-changed")),
        Err(e) => refused(&api, &visit, Params { saved: id.to_string(), ..Params::default() }, e.into()).await,
    }
}

/// `POST /dashboard/support/views/{id}/remove`
///
/// # Errors
/// 401, 403, 404.
pub async fn remove(
    State(api): State<Api>,
    visit: Visit,
    Path(id): Path<SavedViewId>,
    _: FormData,
) -> Result<Response, Problem> {
    saved_views::remove(&api.app.db, visit.actor()?, id).await?;
    Ok(Redirect::to("/dashboard/support?did=view-removed").into_response())
}

fn to(id: SavedViewId, did: &str) -> Response {
    Redirect::to(&format!("/dashboard/support?saved={id}&did={did}")).into_response()
}

async fn refused(api: &Api, visit: &Visit, params: Params, problem: Problem) -> Result<Response, Problem> {
    if problem.shown().status != 422 {
        return Err(problem);
    }
    let field = |field: &str| match field {
        "name" => Some("view-name"),
        "query" => Some("view-query"),
        _ => None,
    };
    let refused = error::refused(visit.locale, problem.shown(), field);
    queue::answer(api, visit, params, Some(refused), StatusCode::UNPROCESSABLE_ENTITY).await
}

/// Returns what a list shows as a search in words. People and tenants are named as a person would name them.
async fn query_of(api: &Api, actor: &Actor, f: &Filter) -> Result<Query, Problem> {
    let mut query = f.text.as_deref().map(Query::lenient).unwrap_or_default();
    let mut add = |condition: Condition| query.conditions.push(condition);
    match &f.status {
        Some(StatusFilter::Open) => add(Condition::Open(true)),
        Some(StatusFilter::In(list)) => add(Condition::Status(list.clone())),
        None => {}
    }
    if !f.priority.is_empty() {
        add(Condition::Priority(f.priority.clone()));
    }
    if let Some(CategoryFilter::Slug(slug)) = &f.category {
        add(Condition::Category(slug.clone()));
    }
    match f.assigned_to {
        Some(AssigneeFilter::Me) => add(Condition::Assigned(Assigned::Me)),
        Some(AssigneeFilter::Nobody) => add(Condition::Assigned(Assigned::Nobody)),
        Some(AssigneeFilter::User(id)) => {
            add(Condition::Assigned(Assigned::Somebody(address(api, actor, id).await?.unwrap_or_default())));
        }
        None => {}
    }
    if let Some(requester) = &f.requester {
        let address = match requester.parse() {
            Ok(id) => address(api, actor, id).await?.unwrap_or_default(),
            Err(_) => requester.clone(),
        };
        add(Condition::Requester(address));
    }
    if let Some(tenant) = f.tenant.filter(|t| actor.sees_tenant(*t)) {
        let tenant = tenants::load(&mut api.app.db.read(Scope::All), tenant).await?;
        add(Condition::Tenant(tenant.slug));
    }
    f.tag.iter().for_each(|tag| add(Condition::Tag(tag.clone())));
    if f.at_risk {
        add(Condition::AtRisk);
    }
    if let Some(snoozed) = f.snoozed {
        add(Condition::Snoozed(snoozed));
    }
    f.since.iter().for_each(|at| add(Condition::Since(*at)));
    f.until.iter().for_each(|at| add(Condition::Until(*at)));
    Ok(query)
}

/// Somebody's address, as far as the actor sees them.
async fn address(api: &Api, actor: &Actor, id: UserId) -> Result<Option<String>, Problem> {
    let found = users::find(&api.app.db, actor, id).await?;
    Ok(found.map(|user| user.email.to_lowercase()))
}
