//! Every route, grouped by who calls it. [`list`] gives the same as data: the access test walks it.

use crate::{frame, ops};
use axum::Router;
use axum::handler::Handler;
use axum::routing::{MethodFilter, on};
use shared::app::App;

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

/// Routes under construction: the router and the list grow together, so that they cannot differ.
pub struct Routes {
    router: Router<App>,
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

impl Routes {
    fn new() -> Self {
        Routes { router: Router::new(), list: Vec::new() }
    }

    fn add<H: Handler<T, App>, T: 'static>(
        mut self,
        method: &'static str,
        path: &'static str,
        who: Who,
        handler: H,
    ) -> Self {
        self.list.push(Route { method, path, who });
        self.router = self.router.route(path, on(filter(method), handler));
        self
    }

    /// A GET route.
    pub fn get<H: Handler<T, App>, T: 'static>(self, path: &'static str, who: Who, handler: H) -> Self {
        self.add("GET", path, who, handler)
    }
}

/// Returns every route.
pub fn list() -> Vec<Route> {
    all().list
}

pub(crate) fn router() -> Router<App> {
    all().router.fallback(frame::not_found).method_not_allowed_fallback(frame::method_not_allowed)
}

fn all() -> Routes {
    let routes = Routes::new();
    operations(routes)
}

fn operations(r: Routes) -> Routes {
    r.get("/healthz", Who::Anyone, ops::healthz).get("/readyz", Who::Anyone, ops::readyz).get(
        "/metrics",
        Who::Anyone,
        ops::metrics::show,
    )
}
