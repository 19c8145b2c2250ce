//! The queue's views over HTTP: those that everybody has, and saved ones.

use super::Answer;
use super::input::json as shape;
use crate::Api;
use crate::extract::page::List;
use crate::extract::{Caller, Path, Unread};
use crate::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::access::{Actor, Capability};
use shared::app::App;
use shared::clock::Time;
use shared::ids::{SavedViewId, TenantId, UserId};
use shared::saved_views::{self, NewView, SavedView, ViewChange};
use shared::tickets::counts::{self, Count};
use shared::tickets::{Filter, View};

/// A saved view.
#[derive(Debug, Serialize)]
pub struct Shape {
    id: SavedViewId,
    tenant_id: Option<TenantId>,
    owner_id: UserId,
    shared: bool,
    name: String,
    query: String,
    sort: String,
    position: i64,
    created_at: Time,
    updated_at: Time,
    count: i64,
    more: bool,
}

async fn counted(app: &App, actor: &Actor, v: SavedView) -> Result<Shape, Problem> {
    let Count { n: count, more } = app.counts.of(app, actor, &v.count_key(), &v.filter()).await?;
    Ok(Shape {
        id: v.id,
        tenant_id: v.tenant_id,
        owner_id: v.owner_id,
        shared: v.shared,
        name: v.name,
        query: v.query,
        sort: v.sort,
        position: v.position,
        created_at: v.created_at,
        updated_at: v.updated_at,
        count,
        more,
    })
}

/// `GET /api/support/views`: the caller's views, each with how many tickets it has; `more` says that nobody counted on.
///
/// # Errors
/// 401, 403.
pub async fn index(State(api): State<Api>, caller: Caller) -> Result<Json<List<Value>>, Problem> {
    let (app, actor) = (&api.app, caller.actor());
    let built_in = |(view, Count { n, more }): (View, Count)| json!({"view": view, "count": n, "more": more});
    let mut data: Vec<Value> = counts::of_views(app, actor).await?.into_iter().map(built_in).collect();
    for view in saved_views::list(&app.db, actor).await? {
        data.push(shape(counted(app, actor, view).await?));
    }
    Ok(Json(List { data, next_cursor: None, total: None }))
}

/// `GET /api/support/views/{id}`: a saved one.
///
/// # Errors
/// 401, 403, 404.
pub async fn get(State(api): State<Api>, caller: Caller, Path(id): Path<SavedViewId>) -> Result<Json<Shape>, Problem> {
    let view = saved_views::get(&api.app.db, caller.actor(), id).await?;
    Ok(Json(counted(&api.app, caller.actor(), view).await?))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewBody {
    name: String,
    query: String,
    sort: Option<String>,
    #[serde(default)]
    shared: bool,
}

/// `POST /api/support/views`
///
/// # Errors
/// 401, 403 (`support.views.share` for a shared one), 422.
pub async fn create(
    State(api): State<Api>,
    caller: Caller,
    body: Unread,
) -> Result<(StatusCode, Json<Shape>), Problem> {
    let actor = caller.actor();
    actor.require(Capability::ViewsSave)?;
    let b: NewBody = body.read()?;
    let new = NewView { name: b.name, query: b.query, sort: b.sort, shared: b.shared };
    let made = saved_views::create(&api.app.db, actor, new).await?;
    Ok((StatusCode::CREATED, Json(counted(&api.app, actor, made).await?)))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeBody {
    name: Option<String>,
    query: Option<String>,
    sort: Option<String>,
    shared: Option<bool>,
    position: Option<i64>,
}

/// `PATCH /api/support/views/{id}`
///
/// # Errors
/// 401, 403, 404, 422.
pub async fn update(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<SavedViewId>,
    body: Unread,
) -> Result<Json<Shape>, Problem> {
    let actor = caller.actor();
    if saved_views::get(&api.app.db, actor, id).await?.shared {
        actor.require(Capability::ViewsShare)?;
    }
    let b: ChangeBody = body.read()?;
    let change = ViewChange { name: b.name, query: b.query, sort: b.sort, shared: b.shared, position: b.position };
    let view = saved_views::update(&api.app.db, actor, id, change).await?;
    Ok(Json(counted(&api.app, actor, view).await?))
}

/// `DELETE /api/support/views/{id}`
///
/// # Errors
/// 401, 403, 404.
pub async fn delete(State(api): State<Api>, caller: Caller, Path(id): Path<SavedViewId>) -> Answer {
    saved_views::remove(&api.app.db, caller.actor(), id).await?;
    Ok(Json(json!({"id": id, "deleted": true})))
}

/// Returns what the view lists that a request names: by name, or a saved one by id.
///
/// # Errors
/// 404 for one that the actor does not see, 422 for none at all.
pub(super) async fn named(app: &App, actor: &Actor, name: &str) -> Result<Filter, Problem> {
    if let Ok(id) = name.parse::<SavedViewId>() {
        return Ok(saved_views::get(&app.db, actor, id).await?.filter());
    }
    let view: View = name.parse().map_err(|e: shared::text_enum::UnknownVariant| {
        Problem::field("view", "unknown_value", format!("{e}, or a saved view's id"))
    })?;
    Ok(view.filter())
}
