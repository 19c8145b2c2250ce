//! Categories over HTTP.

use super::{TenantName, counts, listed, nullable, tenant_named, window};
use crate::Api;
use crate::extract::page::List;
use crate::extract::{Caller, Page, Path, Unread};
use crate::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use shared::access::Capability;
use shared::categories::{self, Category, CategoryChange, NewCategory};
use shared::clock::Time;
use shared::ids::{CategoryId, TenantId, UserId};

/// A category.
#[derive(Debug, Serialize)]
pub struct Shape {
    id: CategoryId,
    tenant_id: Option<TenantId>,
    parent_id: Option<CategoryId>,
    slug: String,
    name: String,
    description: Option<String>,
    default_assignee: Option<UserId>,
    active: bool,
    created_at: Time,
}

fn shape(c: Category) -> Shape {
    Shape {
        id: c.id,
        tenant_id: c.tenant_id,
        parent_id: c.parent_id,
        slug: c.slug,
        name: c.name,
        description: c.description,
        default_assignee: c.default_assignee,
        active: c.active,
        created_at: c.created_at,
    }
}

/// `GET /api/support/categories`
pub async fn list(State(api): State<Api>, caller: Caller, page: Page) -> Result<Json<List<Shape>>, Problem> {
    let (db, actor) = (&api.app.db, &caller.actor);
    actor.require(Capability::CategoriesRead)?;
    let total = if counts(&page) { Some(categories::count(db, actor).await?) } else { None };
    let (limit, offset) = window(&page);
    let rows = categories::list(db, actor, page.after()?, limit, offset).await?;
    Ok(Json(listed(rows, &page, total, |c| c.id, shape)))
}

/// `GET /api/support/categories/{id}`
pub async fn get(State(api): State<Api>, caller: Caller, Path(id): Path<CategoryId>) -> Result<Json<Shape>, Problem> {
    Ok(Json(shape(categories::get(&api.app.db, &caller.actor, id).await?)))
}

#[derive(Debug, Deserialize)]
pub struct NewBody {
    name: String,
    slug: Option<String>,
    description: Option<String>,
    parent_id: Option<CategoryId>,
    #[serde(default, alias = "tenant", alias = "company_id", alias = "company")]
    tenant_id: Option<TenantName>,
    #[serde(default, alias = "default_assignee_id")]
    default_assignee: Option<UserId>,
}

/// `POST /api/support/categories`
pub async fn create(
    State(api): State<Api>,
    caller: Caller,
    body: Unread,
) -> Result<(StatusCode, Json<Shape>), Problem> {
    let (db, actor) = (&api.app.db, &caller.actor);
    actor.require(Capability::CategoriesManage)?;
    let body: NewBody = body.read()?;
    let new = NewCategory {
        tenant: tenant_named(db, actor, body.tenant_id.as_ref()).await?,
        parent: body.parent_id,
        slug: body.slug,
        name: body.name,
        description: body.description,
        default_assignee: body.default_assignee,
    };
    Ok((StatusCode::CREATED, Json(shape(categories::create(db, actor, new).await?))))
}

#[derive(Debug, Deserialize)]
pub struct ChangeBody {
    name: Option<String>,
    slug: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    description: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    parent_id: Option<Option<CategoryId>>,
    #[serde(default, alias = "default_assignee_id", deserialize_with = "nullable")]
    default_assignee: Option<Option<UserId>>,
    active: Option<bool>,
}

/// `PATCH /api/support/categories/{id}`
pub async fn update(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<CategoryId>,
    body: Unread,
) -> Result<Json<Shape>, Problem> {
    let (db, actor) = (&api.app.db, &caller.actor);
    categories::get(db, actor, id).await?;
    actor.require(Capability::CategoriesManage)?;
    let body: ChangeBody = body.read()?;
    let change = CategoryChange {
        parent: body.parent_id,
        slug: body.slug,
        name: body.name,
        description: body.description,
        default_assignee: body.default_assignee,
        active: body.active,
    };
    Ok(Json(shape(categories::update(db, actor, id, change).await?)))
}
