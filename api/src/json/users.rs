//! Users over HTTP.

use super::{TenantName, counts, listed, nullable, read_enum, tenant_named, window};
use crate::Api;
use crate::extract::page::List;
use crate::extract::{Caller, Page, Path, Query, Unread};
use crate::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use shared::access::{Capabilities, Capability, Role};
use shared::clock::Time;
use shared::erase;
use shared::i18n::Locale;
use shared::ids::{TenantId, UserId};
use shared::users::{self, Filter, NewUser, TenantRef, User, UserChange};

/// A user.
#[derive(Debug, Serialize)]
pub struct UserShape {
    id: UserId,
    email: String,
    name: Option<String>,
    role: Role,
    tenant: Option<TenantShape>,
    member: bool,
    active: bool,
    locale: Option<Locale>,
    has_password: bool,
    two_factor: bool,
    /// All that they may do.
    pub capabilities: Vec<Capability>,
    /// What they may do beyond their role.
    extra_capabilities: Vec<Capability>,
    created_at: Time,
    updated_at: Time,
}

/// A tenant as other things show it.
#[derive(Debug, Serialize)]
pub struct TenantShape {
    id: TenantId,
    slug: String,
    name: String,
}

impl From<TenantRef> for TenantShape {
    fn from(t: TenantRef) -> Self {
        TenantShape { id: t.id, slug: t.slug, name: t.name }
    }
}

/// Returns a user as it is shown.
pub fn shape(u: User) -> UserShape {
    UserShape {
        capabilities: u.capabilities().iter().collect(),
        extra_capabilities: u.extra.iter().collect(),
        id: u.id,
        email: u.email,
        name: u.name,
        role: u.role,
        tenant: u.tenant.map(TenantShape::from),
        member: u.member,
        active: u.active,
        locale: u.locale,
        has_password: u.has_password,
        two_factor: u.two_factor,
        created_at: u.created_at,
        updated_at: u.updated_at,
    }
}

#[derive(Debug, Deserialize)]
pub struct ListQuery {
    #[serde(alias = "tenantId", alias = "tenant", alias = "company_id", alias = "companyId")]
    tenant_id: Option<String>,
    role: Option<String>,
    active: Option<bool>,
    email: Option<String>,
    q: Option<String>,
}

/// `GET /api/users`
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    page: Page,
    Query(query): Query<ListQuery>,
) -> Result<Json<List<UserShape>>, Problem> {
    let (db, actor) = (&api.app.db, &caller.actor);
    let tenant = query.tenant_id.map(TenantName::Name);
    let tenant = tenant_named(db, actor, tenant.as_ref()).await?;
    actor.require(Capability::UsersManage)?;
    let role = read_enum("role", query.role.as_deref())?;
    let filter = Filter { tenant, role, active: query.active, email: query.email, q: query.q, ..Filter::default() };
    let total = if counts(&page) { Some(users::count(db, actor, &filter).await?) } else { None };
    let rows = users::list(db, actor, &filter, page.after()?, window(&page)).await?;
    Ok(Json(listed(rows, &page, total, |u| u.id, shape)))
}

/// `GET /api/users/{id}`
pub async fn get(State(api): State<Api>, caller: Caller, Path(id): Path<UserId>) -> Result<Json<UserShape>, Problem> {
    Ok(Json(shape(users::get(&api.app.db, &caller.actor, id).await?)))
}

#[derive(Debug, Deserialize)]
pub struct NewBody {
    email: String,
    name: Option<String>,
    role: Role,
    #[serde(default, alias = "tenant", alias = "company_id", alias = "company", alias = "entity_scope")]
    tenant_id: Option<TenantName>,
    password: Option<String>,
    locale: Option<Locale>,
    #[serde(default, alias = "capabilities")]
    extra_capabilities: Vec<Capability>,
}

/// `POST /api/users`
pub async fn create(
    State(api): State<Api>,
    caller: Caller,
    body: Unread,
) -> Result<(StatusCode, Json<UserShape>), Problem> {
    let actor = &caller.actor;
    actor.require(Capability::UsersManage)?;
    let body: NewBody = body.read()?;
    let new = NewUser {
        tenant: tenant_named(&api.app.db, actor, body.tenant_id.as_ref()).await?,
        email: body.email,
        name: body.name,
        role: body.role,
        locale: body.locale,
        password: body.password,
        extra: body.extra_capabilities.into_iter().collect(),
    };
    let user = users::create(&api.app, actor, new).await?;
    Ok((StatusCode::CREATED, Json(shape(user))))
}

#[derive(Debug, Deserialize)]
pub struct ChangeBody {
    #[serde(default, deserialize_with = "nullable")]
    name: Option<Option<String>>,
    role: Option<Role>,
    member: Option<bool>,
    active: Option<bool>,
    #[serde(default, deserialize_with = "nullable")]
    locale: Option<Option<Locale>>,
    #[serde(default, alias = "capabilities")]
    extra_capabilities: Option<Vec<Capability>>,
    password: Option<String>,
}

/// `PATCH /api/users/{id}`
pub async fn update(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<UserId>,
    body: Unread,
) -> Result<Json<UserShape>, Problem> {
    let (db, actor) = (&api.app.db, &caller.actor);
    users::get(db, actor, id).await?;
    let body: ChangeBody = body.read()?;
    let change = UserChange {
        name: body.name,
        role: body.role,
        member: body.member,
        active: body.active,
        locale: body.locale,
        extra: body.extra_capabilities.map(Capabilities::from_iter),
        password: body.password,
    };
    Ok(Json(shape(users::update(db, actor, id, change).await?)))
}

/// `POST /api/users/{id}/invite`: once more, for who has not chosen a password yet.
pub async fn invite(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<UserId>,
) -> Result<Json<UserShape>, Problem> {
    Ok(Json(shape(users::invite_again(&api.app, &caller.actor, id).await?)))
}

/// `POST /api/users/{id}/erase`: for good (E13.1); says how much went.
pub async fn erase(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<UserId>,
) -> Result<Json<erase::Erased>, Problem> {
    Ok(Json(erase::person(&api.app, &caller.actor, id).await?))
}
