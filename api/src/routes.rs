//! Every route, grouped by who calls it. [`list`] gives the same as data: the access test walks it.

use crate::json::{audit, auth, categories, coverage, mailboxes, tenants, tokens, users};
use crate::{Api, doors, frame, ops};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::handler::Handler;
use axum::routing::{MethodFilter, on};
use shared::config::Config;

/// Who may call a route at all. What a caller may do then is the verbs' to judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Anybody: operations, assets, login, the public form.
    Anyone,
    /// A mail provider: the inbound token, an admin's token, or nothing from this machine in development.
    Door,
    /// Somebody with a session or token.
    User,
    /// A developer at their own machine; elsewhere the route does not exist.
    Developer,
}

/// A route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// GET, POST, …
    pub method: &'static str,
    /// The path's pattern.
    pub path: &'static str,
    /// Who may call it.
    pub who: Who,
}

/// How much a request's body may hold.
#[derive(Debug, Clone, Copy)]
enum Limit {
    /// JSON and forms without files.
    Small,
    /// A mail.
    Mail,
    /// A mail's fields: its files are a third larger in base64.
    MailFields,
}

impl Limit {
    fn bytes(self, config: &Config) -> usize {
        const MIB: usize = 1024 * 1024;
        match self {
            Limit::Small => MIB,
            Limit::Mail => config.max_mail_bytes,
            Limit::MailFields => config.max_mail_bytes / 2 * 3 + MIB,
        }
    }
}

/// Routes under construction: the router and the list grow together, so that they cannot differ.
struct Routes<'a> {
    api: Option<&'a Api>,
    router: Router<Api>,
    list: Vec<Route>,
}

fn filter(method: &str) -> MethodFilter {
    match method {
        "GET" => MethodFilter::GET,
        "POST" => MethodFilter::POST,
        "PUT" => MethodFilter::PUT,
        "PATCH" => MethodFilter::PATCH,
        "DELETE" => MethodFilter::DELETE,
        _ => unreachable!("the methods below are all"),
    }
}

impl Routes<'_> {
    fn add<H: Handler<T, Api>, T: 'static>(
        mut self,
        method: &'static str,
        (path, who, limit): (&'static str, Who, Limit),
        handler: H,
    ) -> Self {
        self.list.push(Route { method, path, who });
        // Without the application only the list is wanted.
        let Some(api) = self.api else { return self };
        let route = on(filter(method), handler).layer(DefaultBodyLimit::max(limit.bytes(&api.app.config)));
        self.router = self.router.route(path, route);
        self
    }

    fn get<H: Handler<T, Api>, T: 'static>(self, path: &'static str, who: Who, handler: H) -> Self {
        self.add("GET", (path, who, Limit::Small), handler)
    }

    fn post<H: Handler<T, Api>, T: 'static>(self, path: &'static str, who: Who, handler: H) -> Self {
        self.add("POST", (path, who, Limit::Small), handler)
    }

    fn put<H: Handler<T, Api>, T: 'static>(self, path: &'static str, who: Who, handler: H) -> Self {
        self.add("PUT", (path, who, Limit::Small), handler)
    }

    fn patch<H: Handler<T, Api>, T: 'static>(self, path: &'static str, who: Who, handler: H) -> Self {
        self.add("PATCH", (path, who, Limit::Small), handler)
    }

    fn delete<H: Handler<T, Api>, T: 'static>(self, path: &'static str, who: Who, handler: H) -> Self {
        self.add("DELETE", (path, who, Limit::Small), handler)
    }

    fn post_sized<H: Handler<T, Api>, T: 'static>(
        self,
        path: &'static str,
        who: Who,
        limit: Limit,
        handler: H,
    ) -> Self {
        self.add("POST", (path, who, limit), handler)
    }
}

/// Returns every route.
pub fn list() -> Vec<Route> {
    all(None).list
}

pub(crate) fn router(api: &Api) -> Router<Api> {
    all(Some(api)).router.fallback(frame::not_found).method_not_allowed_fallback(frame::method_not_allowed)
}

fn all(api: Option<&Api>) -> Routes<'_> {
    let routes = Routes { api, router: Router::new(), list: Vec::new() };
    inbound(administration(accounts(operations(routes))))
}

fn operations(r: Routes) -> Routes {
    r.get("/healthz", Who::Anyone, ops::healthz).get("/readyz", Who::Anyone, ops::readyz).get(
        "/metrics",
        Who::Anyone,
        ops::metrics::show,
    )
}

fn accounts(r: Routes) -> Routes {
    r.post("/api/auth/login", Who::Anyone, auth::login)
        .post("/api/auth/forgot", Who::Anyone, auth::forgot)
        .post("/api/auth/reset", Who::Anyone, auth::reset)
        .post("/api/auth/link", Who::Anyone, auth::link)
        .post("/api/auth/logout", Who::User, auth::logout)
        .get("/api/auth/me", Who::User, auth::me)
        .post("/api/auth/password", Who::User, auth::password)
        .get("/api/tokens", Who::User, tokens::list)
        .post("/api/tokens", Who::User, tokens::create)
        .delete("/api/tokens/{id}", Who::User, tokens::revoke)
}

fn administration(r: Routes) -> Routes {
    r.get("/api/users", Who::User, users::list)
        .post("/api/users", Who::User, users::create)
        .get("/api/users/{id}", Who::User, users::get)
        .patch("/api/users/{id}", Who::User, users::update)
        .get("/api/tenants", Who::User, tenants::list)
        .post("/api/tenants", Who::User, tenants::create)
        .get("/api/tenants/{id}", Who::User, tenants::get)
        .patch("/api/tenants/{id}", Who::User, tenants::update)
        .get("/api/mailboxes", Who::User, mailboxes::list)
        .post("/api/mailboxes", Who::User, mailboxes::create)
        .get("/api/mailboxes/{id}", Who::User, mailboxes::get)
        .patch("/api/mailboxes/{id}", Who::User, mailboxes::update)
        .get("/api/support/categories", Who::User, categories::list)
        .post("/api/support/categories", Who::User, categories::create)
        .get("/api/support/categories/{id}", Who::User, categories::get)
        .patch("/api/support/categories/{id}", Who::User, categories::update)
        .get("/api/support/coverage/{user_id}", Who::User, coverage::get)
        .put("/api/support/coverage/{user_id}", Who::User, coverage::set)
        .get("/platform-admin/team/coverage/{admin_id}", Who::User, coverage::get)
        .put("/platform-admin/team/coverage/{admin_id}", Who::User, coverage::set)
        .get("/api/audit", Who::User, audit::list)
}

fn inbound(r: Routes) -> Routes {
    r.post_sized("/api/inbound/raw", Who::Door, Limit::Mail, doors::raw).post_sized(
        "/api/inbound/mock",
        Who::Door,
        Limit::MailFields,
        doors::mock,
    )
}
