//! Logging in and out, passwords and mailed links.

use super::TenantName;
use super::own;
use super::users::{UserShape, shape};
use crate::Api;
use crate::extract::caller::{self, set_cookie};
use crate::extract::{Caller, Json, Unread};
use crate::problem::Problem;
use axum::extract::{FromRequestParts, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::access::Origin;
use shared::mail_out::unsubscribe::Sort;
use shared::sessions::{self, Attempt, Browser, LinkKind, Opened, links};
use std::collections::BTreeMap;

/// Who somebody is, and what they may do.
#[derive(Debug, Serialize)]
pub struct Me {
    /// Who.
    pub user: UserShape,
    /// Which mail they want, where that is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preferences: Option<BTreeMap<Sort, bool>>,
    /// The time zone that they chose, where that is asked; null: their browser's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<Option<String>>,
}

/// What is known of somebody who has not logged in.
#[derive(Debug)]
pub struct Stranger {
    origin: Origin,
    /// The tenant that the headers name.
    tenant: Option<String>,
    user_agent: Option<String>,
}

impl FromRequestParts<Api> for Stranger {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let user_agent = parts.headers.get(header::USER_AGENT).and_then(|v| v.to_str().ok()).map(str::to_owned);
        let tenant = caller::tenant(&parts.headers).map(str::to_owned);
        Ok(Stranger { origin: caller::origin(parts, api).await, tenant, user_agent })
    }
}

#[derive(Debug, Deserialize)]
pub struct LoginBody {
    email: String,
    password: String,
    /// The second step's, if there is one.
    code: Option<String>,
    #[serde(default, alias = "tenant_id", alias = "company_id", alias = "company")]
    tenant: Option<TenantName>,
}

/// `POST /api/auth/login`: 401 `second_factor_required` where a code must come along.
pub async fn login(State(api): State<Api>, from: Stranger, Json(body): Json<LoginBody>) -> Result<Response, Problem> {
    let tenant = from.tenant.or(body.tenant.as_ref().map(TenantName::text));
    let attempt = Attempt {
        email: &body.email,
        password: &body.password,
        tenant: tenant.as_deref(),
        code: body.code.as_deref(),
        browser: Browser { user_agent: from.user_agent.as_deref(), origin: from.origin },
    };
    let opened = sessions::login(&api.app, attempt).await?;
    Ok(welcome(&api, opened))
}

/// The answer that opens a session.
fn welcome(api: &Api, opened: Opened) -> Response {
    let cookie = set_cookie(&api.app.config, Some(&opened.token));
    ([(header::SET_COOKIE, cookie)], axum::Json(Me { user: shape(opened.user), preferences: None, time_zone: None }))
        .into_response()
}

/// `POST /api/auth/logout`
pub async fn logout(State(api): State<Api>, caller: Caller) -> Result<Response, Problem> {
    sessions::logout(&api.app.db, &caller).await?;
    let cookie = set_cookie(&api.app.config, None);
    Ok(([(header::SET_COOKIE, cookie)], axum::Json(json!({"user": null}))).into_response())
}

#[derive(Debug, Deserialize)]
pub struct PasswordBody {
    #[serde(default, alias = "old_password")]
    current_password: String,
    #[serde(alias = "password")]
    new_password: String,
}

/// `POST /api/auth/password`
pub async fn password(State(api): State<Api>, caller: Caller, body: Unread) -> Result<axum::Json<Me>, Problem> {
    let body: PasswordBody = body.read()?;
    sessions::change_password(&api.app.db, &caller, &body.current_password, body.new_password).await?;
    own::me(State(api), caller).await
}

#[derive(Debug, Deserialize)]
pub struct ForgotBody {
    email: String,
    #[serde(default, alias = "tenant_id", alias = "company_id", alias = "company")]
    tenant: Option<TenantName>,
}

/// `POST /api/auth/forgot`: the same answer whether the address has a user or not.
pub async fn forgot(
    State(api): State<Api>,
    from: Stranger,
    Json(body): Json<ForgotBody>,
) -> Result<axum::Json<serde_json::Value>, Problem> {
    ask(&api, LinkKind::Password, from, body).await
}

async fn ask(
    api: &Api,
    kind: LinkKind,
    from: Stranger,
    body: ForgotBody,
) -> Result<axum::Json<serde_json::Value>, Problem> {
    let tenant = from.tenant.or(body.tenant.as_ref().map(TenantName::text));
    let request = links::Request { email: &body.email, tenant: tenant.as_deref(), next: None, origin: from.origin };
    links::request(&api.app, kind, request).await?;
    Ok(axum::Json(json!({"accepted": true})))
}

#[derive(Debug, Deserialize)]
pub struct ResetBody {
    token: String,
    #[serde(alias = "new_password")]
    password: String,
    name: Option<String>,
}

/// `POST /api/auth/reset`: by the link of a forgotten password, or of an invitation.
pub async fn reset(
    State(api): State<Api>,
    from: Stranger,
    Json(body): Json<ResetBody>,
) -> Result<axum::Json<Me>, Problem> {
    let new = links::NewPassword {
        token: &body.token,
        password: body.password,
        name: body.name.as_deref(),
        origin: from.origin,
    };
    let user = links::set_password(&api.app.db, new).await?;
    Ok(axum::Json(Me { user: shape(user), preferences: None, time_zone: None }))
}

#[derive(Debug, Deserialize)]
pub struct LinkBody {
    email: Option<String>,
    token: Option<String>,
    code: Option<String>,
    #[serde(default, alias = "tenant_id", alias = "company_id", alias = "company")]
    tenant: Option<TenantName>,
}

/// `POST /api/auth/link`: with `email` mails a sign-in link, with its `token` logs in.
pub async fn link(State(api): State<Api>, from: Stranger, Json(body): Json<LinkBody>) -> Result<Response, Problem> {
    match (body.token, body.email) {
        (Some(token), None) => {
            let browser = Browser { user_agent: from.user_agent.as_deref(), origin: from.origin };
            let opened = links::login(&api.app, &token, body.code.as_deref(), browser).await?;
            Ok(welcome(&api, opened))
        }
        (None, Some(email)) => {
            let body = ForgotBody { email, tenant: body.tenant };
            Ok(ask(&api, LinkKind::Link, from, body).await?.into_response())
        }
        _ => Err(Problem::field("email", "required", "give an address, or a link's token")),
    }
}
