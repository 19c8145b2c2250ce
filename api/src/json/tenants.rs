//! Tenants over HTTP.

use super::{counts, listed, window};
use crate::Api;
use crate::extract::page::List;
use crate::extract::{Caller, Page, Path, Unread};
use crate::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use shared::access::{Capability, Noun, Refused};
use shared::clock::Time;
use shared::i18n::Locale;
use shared::ids::TenantId;
use shared::mailboxes::probe;
use shared::store::Scope;
use shared::tenants::{self, Audience, NewTenant, Settings, Tenant, TenantChange};

/// A tenant.
#[derive(Debug, Serialize)]
pub struct Shape {
    id: TenantId,
    slug: String,
    name: String,
    pid_prefix: Option<String>,
    audience: Audience,
    locale: Locale,
    active: bool,
    settings: Settings,
    created_at: Time,
}

fn shape(t: Tenant) -> Shape {
    Shape {
        id: t.id,
        slug: t.slug,
        name: t.name,
        pid_prefix: t.pid_prefix,
        audience: t.audience,
        locale: t.locale,
        active: t.active,
        settings: t.settings,
        created_at: t.created_at,
    }
}

/// `GET /api/tenants`
pub async fn list(State(api): State<Api>, caller: Caller, page: Page) -> Result<Json<List<Shape>>, Problem> {
    let (db, actor) = (&api.app.db, &caller.actor);
    actor.require(Capability::SettingsManage)?;
    let total = if counts(&page) { Some(tenants::count(db, actor).await?) } else { None };
    let (limit, offset) = window(&page);
    let rows = tenants::list(db, actor, page.after()?, limit, offset).await?;
    Ok(Json(listed(rows, &page, total, |t| t.id, shape)))
}

/// The path names a tenant by id or slug.
async fn named(api: &Api, name: &str) -> Result<TenantId, Problem> {
    let found = tenants::find(&mut api.app.db.read(Scope::All), name).await?;
    Ok(found.ok_or(Refused::NotFound(Noun::Tenant))?.id)
}

/// `GET /api/tenants/{id}`
pub async fn get(State(api): State<Api>, caller: Caller, Path(name): Path<String>) -> Result<Json<Shape>, Problem> {
    let id = named(&api, &name).await?;
    Ok(Json(shape(tenants::get(&api.app.db, &caller.actor, id).await?)))
}

#[derive(Debug, Deserialize)]
pub struct NewBody {
    slug: String,
    name: Option<String>,
    #[serde(alias = "prefix")]
    pid_prefix: Option<String>,
    audience: Option<Audience>,
    locale: Option<Locale>,
    #[serde(default)]
    settings: Map<String, Value>,
    mailbox: Option<String>,
}

/// `POST /api/tenants`
pub async fn create(
    State(api): State<Api>,
    caller: Caller,
    body: Unread,
) -> Result<(StatusCode, Json<Shape>), Problem> {
    caller.actor.require(Capability::TenantsManage)?;
    let body: NewBody = body.read()?;
    let new = NewTenant {
        slug: body.slug,
        name: body.name,
        pid_prefix: body.pid_prefix,
        audience: body.audience.unwrap_or(Audience::Organisation),
        locale: body.locale.unwrap_or(Locale::En),
        settings: body.settings,
        mailbox: body.mailbox,
    };
    let made = tenants::create(&api.app.db, &caller.actor, new).await?;
    probe::ask_untested(&api.app).await?;
    Ok((StatusCode::CREATED, Json(shape(made))))
}

#[derive(Debug, Deserialize)]
pub struct ChangeBody {
    slug: Option<String>,
    name: Option<String>,
    #[serde(alias = "prefix")]
    pid_prefix: Option<String>,
    audience: Option<Audience>,
    locale: Option<Locale>,
    active: Option<bool>,
    #[serde(default)]
    settings: Map<String, Value>,
}

/// `PATCH /api/tenants/{id}`
pub async fn update(
    State(api): State<Api>,
    caller: Caller,
    Path(name): Path<String>,
    body: Unread,
) -> Result<Json<Shape>, Problem> {
    let (db, actor) = (&api.app.db, &caller.actor);
    let id = named(&api, &name).await?;
    tenants::get(db, actor, id).await?;
    let body: ChangeBody = body.read()?;
    let change = TenantChange {
        slug: body.slug,
        name: body.name,
        pid_prefix: body.pid_prefix,
        audience: body.audience,
        locale: body.locale,
        active: body.active,
        settings: body.settings,
    };
    Ok(Json(shape(tenants::update(db, actor, id, change).await?)))
}
