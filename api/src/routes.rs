//! Every route, grouped by who calls it. [`list`] gives the same as data: the access test walks it.

use crate::extract::{Caller, Peer};
use crate::json::{
    attachments, audit, auth, bulk, canned, categories, coverage, customers, dkim, drafts, events, file_links,
    imap_accounts, incidents, joins, live, mailboxes, mails, messages, outbox, own, preview, previews, search,
    suppressions, system, tenants, ticket_parts, tickets, tokens, two_factor, users, views,
};
use crate::problem::{Problem, codes};
use crate::{Api, doors, frame, idempotency, ops, web};
use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequestParts, Request, State};
use axum::handler::Handler;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};
use shared::config::Config;

/// Who may call a route at all. What a caller may do then is the verbs' to judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Anybody: operations, assets, login, the public form.
    Anyone,
    /// A mail provider: the inbound token, an admin's token, or nothing from this machine in development.
    Door,
    /// A mail provider that signs what it sends, else as at a door.
    Provider,
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
    /// A mail within a form that may escape each of its octets.
    MailForm,
    /// Files, and the fields around them.
    Files,
}

impl Limit {
    fn bytes(self, config: &Config) -> usize {
        const MIB: usize = 1024 * 1024;
        match self {
            Limit::Small => MIB,
            Limit::Mail => config.max_mail_bytes,
            Limit::Files => config.max_ticket_bytes + MIB,
            Limit::MailForm => config.max_mail_bytes * 3 + MIB,
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

/// Whether a POST creates, so that its `Idempotency-Key` counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    Creates,
    Other,
}

impl Routes<'_> {
    fn add<H: Handler<T, Api>, T: 'static>(
        mut self,
        method: &'static str,
        (path, who, limit, effect): (&'static str, Who, Limit, Effect),
        handler: H,
    ) -> Self {
        self.list.push(Route { method, path, who });
        // Without the application only the list is wanted.
        let Some(api) = self.api else { return self };
        let mut route = on(filter(method), handler);
        if effect == Effect::Creates {
            route = route.layer(from_fn_with_state(api.clone(), idempotency::layer));
        }
        route = match who {
            Who::User => route.layer(from_fn_with_state(api.clone(), users_only)),
            Who::Developer => route.layer(from_fn_with_state(api.clone(), developers_only)),
            // The first asks nothing, the second has its own extractor.
            Who::Anyone | Who::Door | Who::Provider => route,
        };
        route = route.layer(DefaultBodyLimit::max(limit.bytes(&api.app.config)));
        self.router = self.router.route(path, route);
        self
    }

    fn get<H: Handler<T, Api>, T: 'static>(self, path: &'static str, who: Who, handler: H) -> Self {
        self.add("GET", (path, who, Limit::Small, Effect::Other), handler)
    }

    fn post<H: Handler<T, Api>, T: 'static>(self, path: &'static str, who: Who, handler: H) -> Self {
        self.add("POST", (path, who, Limit::Small, Effect::Other), handler)
    }

    fn patch<H: Handler<T, Api>, T: 'static>(self, path: &'static str, who: Who, handler: H) -> Self {
        self.add("PATCH", (path, who, Limit::Small, Effect::Other), handler)
    }

    fn put<H: Handler<T, Api>, T: 'static>(self, path: &'static str, who: Who, handler: H) -> Self {
        self.add("PUT", (path, who, Limit::Small, Effect::Other), handler)
    }

    fn delete<H: Handler<T, Api>, T: 'static>(self, path: &'static str, who: Who, handler: H) -> Self {
        self.add("DELETE", (path, who, Limit::Small, Effect::Other), handler)
    }

    /// A POST that takes a mail.
    fn door<H: Handler<T, Api>, T: 'static>(self, path: &'static str, limit: Limit, handler: H) -> Self {
        self.add("POST", (path, Who::Door, limit, Effect::Other), handler)
    }

    /// A POST of a mail provider.
    fn provider<H: Handler<T, Api>, T: 'static>(self, path: &'static str, limit: Limit, handler: H) -> Self {
        self.add("POST", (path, Who::Provider, limit, Effect::Other), handler)
    }

    /// A form with files or a mail in it.
    fn upload<H: Handler<T, Api>, T: 'static>(self, path: &'static str, who: Who, limit: Limit, handler: H) -> Self {
        self.add("POST", (path, who, limit, Effect::Other), handler)
    }

    /// A POST that creates something, perhaps with files.
    fn create<H: Handler<T, Api>, T: 'static>(self, path: &'static str, who: Who, limit: Limit, handler: H) -> Self {
        self.add("POST", (path, who, limit, Effect::Creates), handler)
    }
}

/// Refuses who is nobody before anything else is looked at (DESIGN 4), so that no handler can forget to.
async fn users_only(State(api): State<Api>, req: Request, next: Next) -> Response {
    let (mut parts, body) = req.into_parts();
    match <Caller as FromRequestParts<Api>>::from_request_parts(&mut parts, &api).await {
        Ok(caller) if caller.must_enrol && !serves_enrolling(parts.uri.path()) => {
            Problem::new(codes::SECOND_FACTOR_SETUP_REQUIRED).into_response()
        }
        Ok(_) => next.run(Request::from_parts(parts, body)).await,
        Err(problem) => problem.into_response(),
    }
}

/// Whether a route may be used by who must set up the second step first: to do that, and to leave.
fn serves_enrolling(path: &str) -> bool {
    ["/account/two-factor", "/api/auth/two-factor"].iter().any(|p| path.starts_with(p))
        || ["/api/auth/me", "/api/auth/logout"].contains(&path)
}

/// Away from a developer's machine these routes do not exist.
async fn developers_only(State(api): State<Api>, req: Request, next: Next) -> Response {
    let (mut parts, body) = req.into_parts();
    let Ok(peer) = Peer::from_request_parts(&mut parts, &api).await;
    if !api.app.config.is_development() || !peer.local {
        return Problem::new(codes::NOT_FOUND).into_response();
    }
    next.run(Request::from_parts(parts, body)).await
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
    pages(mail(aliases(support(inbound(administration(accounts(operations(routes))))))))
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
        .get("/api/auth/me", Who::User, own::me)
        .patch("/api/auth/me", Who::User, own::change)
        .get("/api/auth/sessions", Who::User, own::sessions)
        .delete("/api/auth/sessions", Who::User, own::end_others)
        .delete("/api/auth/sessions/{id}", Who::User, own::end)
        .get("/api/auth/two-factor", Who::User, two_factor::show)
        .post("/api/auth/two-factor", Who::User, two_factor::begin)
        .post("/api/auth/two-factor/confirm", Who::User, two_factor::confirm)
        .post("/api/auth/two-factor/disable", Who::User, two_factor::disable)
        .post("/api/auth/two-factor/recovery-codes", Who::User, two_factor::renew)
        .post("/api/auth/password", Who::User, auth::password)
        .get("/api/tokens", Who::User, tokens::list)
        .post("/api/tokens", Who::User, tokens::create)
        .delete("/api/tokens/{id}", Who::User, tokens::revoke)
}

fn administration(r: Routes) -> Routes {
    r.get("/api/users", Who::User, users::list)
        .create("/api/users", Who::User, Limit::Small, users::create)
        .get("/api/users/{id}", Who::User, users::get)
        .patch("/api/users/{id}", Who::User, users::update)
        .post("/api/users/{id}/invite", Who::User, users::invite)
        .delete("/api/users/{id}/two-factor", Who::User, two_factor::reset)
        .post("/api/users/{id}/erase", Who::User, users::erase)
        .get("/api/tenants", Who::User, tenants::list)
        .create("/api/tenants", Who::User, Limit::Small, tenants::create)
        .get("/api/tenants/{id}", Who::User, tenants::get)
        .patch("/api/tenants/{id}", Who::User, tenants::update)
        .get("/api/mailboxes", Who::User, mailboxes::list)
        .create("/api/mailboxes", Who::User, Limit::Small, mailboxes::create)
        .get("/api/mailboxes/{id}", Who::User, mailboxes::get)
        .patch("/api/mailboxes/{id}", Who::User, mailboxes::update)
        .post("/api/mailboxes/{id}/probe", Who::User, mailboxes::ask)
        .get("/api/dkim", Who::User, dkim::list)
        .create("/api/dkim", Who::User, Limit::Small, dkim::create)
        .delete("/api/dkim/{id}", Who::User, dkim::retire)
        .get("/api/imap-accounts", Who::User, imap_accounts::list)
        .create("/api/imap-accounts", Who::User, Limit::Small, imap_accounts::create)
        .get("/api/imap-accounts/{id}", Who::User, imap_accounts::get)
        .patch("/api/imap-accounts/{id}", Who::User, imap_accounts::update)
        .delete("/api/imap-accounts/{id}", Who::User, imap_accounts::delete)
        .post("/api/imap-accounts/{id}/reconcile", Who::User, imap_accounts::reconcile)
        .get("/api/support/canned-replies", Who::User, canned::list)
        .create("/api/support/canned-replies", Who::User, Limit::Small, canned::create)
        .get("/api/support/canned-replies/{id}", Who::User, canned::get)
        .patch("/api/support/canned-replies/{id}", Who::User, canned::update)
        .delete("/api/support/canned-replies/{id}", Who::User, canned::delete)
        .post("/api/support/canned-replies/{id}/resolve", Who::User, canned::resolve)
        .get("/api/support/categories", Who::User, categories::list)
        .create("/api/support/categories", Who::User, Limit::Small, categories::create)
        .get("/api/support/categories/{id}", Who::User, categories::get)
        .patch("/api/support/categories/{id}", Who::User, categories::update)
        .get("/api/support/coverage/{user_id}", Who::User, coverage::get)
        .put("/api/support/coverage/{user_id}", Who::User, coverage::set)
        .get("/platform-admin/team/coverage/{admin_id}", Who::User, coverage::get)
        .put("/platform-admin/team/coverage/{admin_id}", Who::User, coverage::set)
        .get("/api/audit", Who::User, audit::list)
        .get("/api/system", Who::User, system::show)
        .post("/api/system/doctor", Who::User, system::look)
}

fn inbound(r: Routes) -> Routes {
    r.door("/api/inbound/raw", Limit::Mail, doors::raw)
        .door("/api/inbound/mock", Limit::MailFields, doors::mock)
        .provider("/api/inbound/mailgun", Limit::MailForm, doors::mailgun)
        .provider("/api/inbound/mailgun/mime", Limit::MailForm, doors::mailgun)
        .provider("/api/inbound/postmark", Limit::MailFields, doors::postmark)
        .provider("/api/inbound/sendgrid", Limit::MailFields, doors::sendgrid)
        .provider("/api/inbound/sendgrid/{secret}", Limit::MailFields, doors::sendgrid_secret)
        .provider("/api/inbound/ses", Limit::MailFields, doors::ses)
        .provider("/api/inbound/cloudflare", Limit::Mail, doors::cloudflare)
        .provider("/api/inbound/postal", Limit::MailFields, doors::postal)
        .provider("/api/relay-events/mailgun", Limit::Small, doors::events::mailgun)
        .provider("/api/relay-events/postmark", Limit::Small, doors::events::postmark)
        .provider("/api/relay-events/ses", Limit::MailFields, doors::events::ses)
}

fn support(r: Routes) -> Routes {
    use Who::User;
    r.get("/api/support/tickets", User, tickets::index)
        .create("/api/support/tickets", User, Limit::Files, tickets::create)
        .post("/api/support/tickets/bulk", User, bulk::act)
        .get("/api/support/admin/tickets", User, tickets::oversee)
        .get("/api/support/tickets/{id}", User, tickets::show)
        .patch("/api/support/tickets/{id}", User, tickets::update)
        .delete("/api/support/tickets/{id}", User, tickets::trash)
        .post("/api/support/tickets/{id}/restore", User, tickets::restore)
        .post("/api/support/tickets/{id}/spam", User, tickets::spam)
        .post("/api/support/tickets/{id}/erase", User, tickets::erase)
        .post("/api/support/tickets/{id}/status", User, tickets::set_status)
        .post("/api/support/tickets/{id}/priority", User, tickets::set_priority)
        .post("/api/support/tickets/{id}/assign", User, tickets::assign)
        .post("/api/support/tickets/{id}/take", User, tickets::take)
        .post("/api/support/tickets/{id}/close", User, tickets::close)
        .post("/api/support/tickets/{id}/reopen", User, tickets::reopen)
        .post("/api/support/tickets/{id}/tags", User, ticket_parts::change_tags)
        .post("/api/support/tickets/{id}/requester", User, ticket_parts::set_requester)
        .get("/api/support/tickets/{id}/customer-note", User, customers::show)
        .put("/api/support/tickets/{id}/customer-note", User, customers::write)
        .post("/api/support/tickets/{id}/participants", User, ticket_parts::set_participant)
        .post("/api/support/tickets/{id}/merge", User, ticket_parts::merge)
        .post("/api/support/tickets/{id}/unmerge", User, ticket_parts::unmerge)
        .post("/api/support/tickets/{id}/snooze", User, ticket_parts::snooze)
        .post("/api/support/tickets/{id}/redact", User, ticket_parts::redact)
        .post("/api/support/tickets/{id}/link-incident", User, ticket_parts::link_incident)
        .get("/api/support/incidents", User, incidents::list)
        .create("/api/support/incidents", User, Limit::Small, incidents::create)
        .get("/api/support/incidents/{id}", User, incidents::get)
        .patch("/api/support/incidents/{id}", User, incidents::update)
        .create("/api/support/tickets/{id}/split", User, Limit::Small, ticket_parts::split)
        .get("/api/support/joins", User, joins::index)
        .post("/api/support/joins/{id}/join", User, joins::join)
        .post("/api/support/joins/{id}/new", User, joins::keep_apart)
        .get("/api/support/tickets/{id}/messages", User, messages::index)
        .create("/api/support/tickets/{id}/messages", User, Limit::Files, messages::create)
        .post("/api/support/tickets/{id}/messages/{message}/send", User, messages::send)
        .post("/api/support/tickets/{id}/messages/{message}/cancel", User, messages::cancel)
        .get("/api/support/tickets/{id}/recipients", User, messages::recipients)
        .get("/api/support/tickets/{id}/draft", User, drafts::show)
        .put("/api/support/tickets/{id}/draft", User, drafts::save)
        .delete("/api/support/tickets/{id}/draft", User, drafts::discard)
        .get("/api/support/tickets/{id}/file-links", User, file_links::of_ticket)
        .delete("/api/support/tickets/{id}/file-links/{link}", User, file_links::revoke)
        .get("/api/support/tickets/{id}/events", User, events::index)
        .get("/api/support/tickets/{id}/mails", User, outbox::of_ticket)
        .post("/api/support/tickets/{id}/presence", User, live::presence)
        .get("/api/events/stream", User, live::stream)
        .get("/api/support/views", User, views::index)
        .create("/api/support/views", User, Limit::Small, views::create)
        .get("/api/support/views/{id}", User, views::get)
        .patch("/api/support/views/{id}", User, views::update)
        .delete("/api/support/views/{id}", User, views::delete)
        .post("/api/support/preview", User, preview::show)
        .get("/api/support/search", User, search::index)
        .create("/api/support/attachments", User, Limit::Files, attachments::create)
        .get("/api/support/attachments/{id}", User, attachments::show)
        .get("/api/support/attachments/{id}/thumbnail", User, previews::thumbnail)
        .get("/api/support/attachments/{id}/text", User, previews::text)
        .get("/api/support/attachments/{id}/pages/{page}", User, previews::page)
        .get("/api/support/tickets/{id}/attachments.zip", User, previews::all)
}

/// The same handlers by the names that other systems use.
fn aliases(r: Routes) -> Routes {
    use Who::{Anyone, User};
    r.create("/tickets", Anyone, Limit::Files, tickets::create_public)
        .get("/tickets", User, tickets::index)
        .get("/tickets/{id}", User, tickets::show)
        .post("/tickets/{id}/assign", User, tickets::assign)
        .get("/tickets/{id}/messages", User, messages::index)
        .create("/tickets/{id}/messages", User, Limit::Files, messages::create)
        .get("/platform-admin/tickets", User, tickets::index)
        .get("/platform-admin/tickets/{id}", User, tickets::show)
        .create("/platform-admin/tickets/{id}/messages", User, Limit::Files, messages::create)
        .patch("/platform-admin/tickets/{id}/status", User, tickets::set_status)
        .patch("/platform-admin/tickets/{id}/assign", User, tickets::assign)
}

fn mail(r: Routes) -> Routes {
    use Who::User;
    r.get("/api/mails", User, mails::index)
        .get("/api/mails/{id}", User, mails::show)
        .get("/api/mails/{id}/raw", User, mails::raw)
        .get("/api/mails/{id}/explain", User, mails::explain)
        .post("/api/mails/{id}/replay", User, mails::replay)
        .post("/api/mails/{id}/release", User, mails::release)
        .get("/api/outbox", User, outbox::index)
        .get("/api/outbox/{id}", User, outbox::show)
        .get("/api/outbox/{id}/raw", User, outbox::raw)
        .post("/api/outbox/{id}/retry", User, outbox::retry)
        .post("/api/outbox/{id}/cancel", User, outbox::cancel)
        .get("/api/suppressions", User, suppressions::list)
        .create("/api/suppressions", User, Limit::Small, suppressions::create)
        .delete("/api/suppressions/{email}", User, suppressions::remove)
}

/// Pages and their forms.
fn pages(r: Routes) -> Routes {
    dashboard(developer(portal(account(public(r)))))
}

fn public(r: Routes) -> Routes {
    r.get("/assets/{hash}/{name}", Who::Anyone, web::assets::get)
        .get("/", Who::Anyone, web::form::show)
        .get("/new", Who::Anyone, web::form::show)
        .upload("/new", Who::Anyone, Limit::Files, web::form::create)
        .get("/new/done", Who::Anyone, web::form::done)
        .get("/unsubscribe/{token}", Who::Anyone, web::unsubscribe::show)
        .post("/unsubscribe/{token}", Who::Anyone, web::unsubscribe::act)
        .get("/rate/{token}", Who::Anyone, web::rate::show)
        .post("/rate/{token}", Who::Anyone, web::rate::act)
        .get("/files/{token}", Who::Anyone, file_links::follow)
        .get("/login", Who::Anyone, web::login::show)
        .post("/login", Who::Anyone, web::login::login)
        .get("/login/code", Who::Anyone, web::login_code::show)
        .post("/login/code", Who::Anyone, web::login_code::finish)
        .get("/forgot", Who::Anyone, web::ask_link::forgot)
        .post("/forgot", Who::Anyone, web::ask_link::mail_password)
        .get("/link", Who::Anyone, web::ask_link::link)
        .post("/link", Who::Anyone, web::ask_link::mail_link)
        .get("/link/{token}", Who::Anyone, web::mailed_link::show_link)
        .post("/link/{token}", Who::Anyone, web::mailed_link::sign_in)
        .get("/invite/{token}", Who::Anyone, web::mailed_link::show_invite)
        .post("/invite/{token}", Who::Anyone, web::mailed_link::accept)
        .get("/reset/{token}", Who::Anyone, web::mailed_link::show_reset)
        .post("/reset/{token}", Who::Anyone, web::mailed_link::reset)
        .post("/logout", Who::Anyone, web::login::logout)
        .post("/theme", Who::Anyone, web::login::theme)
}

fn account(r: Routes) -> Routes {
    r.get("/account", Who::User, web::account::show)
        .post("/account", Who::User, web::account::change)
        .post("/account/mail", Who::User, web::account::change_mail)
        .post("/account/password", Who::User, web::account::change_password)
        .post("/account/sessions/end", Who::User, web::account::end_others)
        .post("/account/sessions/{id}/end", Who::User, web::account::end_session)
        .post("/account/tokens", Who::User, web::account::make_token)
        .post("/account/tokens/{id}/revoke", Who::User, web::account::revoke_token)
        .get("/account/two-factor", Who::User, web::two_factor::show)
        .post("/account/two-factor", Who::User, web::two_factor::begin)
        .post("/account/two-factor/confirm", Who::User, web::two_factor::confirm)
        .post("/account/two-factor/disable", Who::User, web::two_factor::disable)
        .post("/account/two-factor/codes", Who::User, web::two_factor::renew)
}

fn portal(r: Routes) -> Routes {
    r.get("/portal", Who::User, web::portal::list)
        .get("/portal/{ticket}", Who::User, web::portal::show)
        .upload("/portal/{ticket}/messages", Who::User, Limit::Files, web::portal::reply)
        .post("/portal/{ticket}/close", Who::User, web::portal::close)
        .post("/portal/{ticket}/reopen", Who::User, web::portal::reopen)
        .post("/portal/{ticket}/rate", Who::User, web::portal::rate)
}

fn developer(r: Routes) -> Routes {
    r.get("/dev/mail", Who::Developer, web::dev_mail::list)
        .get("/dev/mail/{id}", Who::Developer, web::dev_mail::show)
        .get("/dev/mail/{id}/html", Who::Developer, web::dev_mail::html)
        .upload("/dev/mail/{id}/reply", Who::Developer, Limit::Files, web::dev_mail::reply)
        .get("/dev/inbound", Who::Developer, web::dev_inbound::show)
        .upload("/dev/inbound", Who::Developer, Limit::MailFields, web::dev_inbound::deliver)
}

fn dashboard(r: Routes) -> Routes {
    r.get("/dashboard/support", Who::User, web::queue::show)
        .get("/dashboard/support/rail", Who::User, web::rail::views)
        .post("/dashboard/support/bulk", Who::User, web::bulk::act)
        .post("/dashboard/support/bulk/undo", Who::User, web::bulk::undo)
        .get("/dashboard/support/merge", Who::User, web::bulk_merge::show)
        .post("/dashboard/support/merge", Who::User, web::bulk_merge::merge)
        .post("/dashboard/support/views", Who::User, web::saved_views::create)
        .post("/dashboard/support/views/{id}", Who::User, web::saved_views::update)
        .post("/dashboard/support/views/{id}/remove", Who::User, web::saved_views::remove)
        .get("/dashboard/support/new", Who::User, web::new::show)
        .upload("/dashboard/support/new", Who::User, Limit::Files, web::new::create)
        .get("/dashboard/support/joins", Who::User, web::joins::list)
        .post("/dashboard/support/joins/{id}/join", Who::User, web::joins::join)
        .post("/dashboard/support/joins/{id}/new", Who::User, web::joins::keep_apart)
        .get("/dashboard/support/{ticket}", Who::User, web::ticket_show::show)
        .get("/dashboard/system", Who::User, web::system::show)
        .post("/dashboard/system/doctor", Who::User, web::system::look)
        .get("/dashboard/support/{ticket}/files/{file}", Who::User, web::look::show)
        .get("/dashboard/support/{ticket}/messages/{message}/html", Who::User, web::message_html::html)
        .get("/dashboard/support/{ticket}/messages/{message}/image", Who::User, web::message_html::image)
        .upload("/dashboard/support/{ticket}/messages", Who::User, Limit::Files, web::ticket_acts::message)
        .post("/dashboard/support/{ticket}/draft/discard", Who::User, web::ticket_acts::discard)
        .post("/dashboard/support/{ticket}/messages/{message}/withdraw", Who::User, web::ticket_acts::withdraw)
        .post("/dashboard/support/{ticket}/messages/{message}/send", Who::User, web::ticket_acts::send)
        .post("/dashboard/support/{ticket}/messages/{message}/redact", Who::User, web::ticket_acts::redact)
        .post("/dashboard/support/{ticket}/messages/{message}/split", Who::User, web::ticket_acts::split)
        .post("/dashboard/support/{ticket}/merge", Who::User, web::ticket_acts::merge)
        .post("/dashboard/support/{ticket}/unmerge", Who::User, web::ticket_acts::unmerge)
        .post("/dashboard/support/{ticket}/snooze", Who::User, web::ticket_acts::snooze)
        .post("/dashboard/support/{ticket}/requester", Who::User, web::ticket_acts::requester)
        .post("/dashboard/support/{ticket}/customer-note", Who::User, web::ticket_acts::customer_note)
        .post("/dashboard/support/{ticket}/status", Who::User, web::ticket_acts::status)
        .post("/dashboard/support/{ticket}/priority", Who::User, web::ticket_acts::priority)
        .post("/dashboard/support/{ticket}/assign", Who::User, web::ticket_acts::assign)
        .post("/dashboard/support/{ticket}/tags", Who::User, web::ticket_acts::tags)
        .post("/dashboard/support/{ticket}/link-incident", Who::User, web::ticket_acts::link_incident)
        .post("/dashboard/support/{ticket}/take", Who::User, web::ticket_acts::take)
        .post("/dashboard/support/{ticket}/close", Who::User, web::ticket_acts::close)
        .post("/dashboard/support/{ticket}/reopen", Who::User, web::ticket_acts::reopen)
        .post("/dashboard/support/{ticket}/erase", Who::User, web::ticket_acts::erase)
        .post("/dashboard/support/{ticket}/erase-requester", Who::User, web::ticket_acts::erase_requester)
        .get("/dashboard/settings", Who::User, web::settings::index)
        .get("/dashboard/settings/canned", Who::User, web::canned::show)
        .post("/dashboard/settings/canned", Who::User, web::canned::create)
        .post("/dashboard/settings/canned/{id}", Who::User, web::canned::save)
        .post("/dashboard/settings/canned/{id}/delete", Who::User, web::canned::delete)
        .get("/dashboard/settings/suppressions", Who::User, web::settings::suppressions)
        .post("/dashboard/settings/suppressions/lift", Who::User, web::settings::lift)
        .get("/dashboard/settings/dkim", Who::User, web::settings::dkim_keys)
        .post("/dashboard/settings/dkim", Who::User, web::settings::make_key)
        .post("/dashboard/settings/dkim/{id}/retire", Who::User, web::settings::retire_key)
        .get("/dashboard/settings/fetching", Who::User, web::settings::fetching)
        .post("/dashboard/settings/fetching/{id}/reconcile", Who::User, web::settings::reconcile)
        .get("/dashboard/settings/users", Who::User, web::users::list)
        .post("/dashboard/settings/users", Who::User, web::users::invite)
        .post("/dashboard/settings/users/{id}", Who::User, web::users::change)
        .post("/dashboard/settings/users/{id}/invite", Who::User, web::users::invite_again)
        .post("/dashboard/settings/users/{id}/two-factor", Who::User, web::users::reset_two_factor)
        .get("/dashboard/settings/tenants", Who::User, web::tenants::list)
        .post("/dashboard/settings/tenants", Who::User, web::tenants::create)
        .post("/dashboard/settings/tenants/{id}", Who::User, web::tenants::change)
        .get("/dashboard/settings/categories", Who::User, web::categories::list)
        .post("/dashboard/settings/categories", Who::User, web::categories::create)
        .post("/dashboard/settings/categories/{id}", Who::User, web::categories::change)
        .get("/dashboard/settings/incidents", Who::User, web::incidents::list)
        .post("/dashboard/settings/incidents", Who::User, web::incidents::create)
        .post("/dashboard/settings/incidents/{id}", Who::User, web::incidents::change)
        .get("/dashboard/settings/mailboxes", Who::User, web::mailboxes::list)
        .post("/dashboard/settings/mailboxes/{id}", Who::User, web::mailboxes::change)
        .post("/dashboard/settings/mailboxes/{id}/probe", Who::User, web::mailboxes::ask)
        .get("/dashboard/mail", Who::User, web::mail::inbound)
        .get("/dashboard/mail/outbox", Who::User, web::mail::outbox_list)
        .get("/dashboard/mail/outbox/{id}", Who::User, web::mail::outbox_one)
        .get("/dashboard/mail/outbox/{id}/original", Who::User, web::original::sent)
        .post("/dashboard/mail/outbox/{id}/retry", Who::User, web::mail::retry)
        .post("/dashboard/mail/outbox/{id}/cancel", Who::User, web::mail::cancel)
        .get("/dashboard/settings/spam", Who::User, web::spam_rules::show)
        .post("/dashboard/settings/spam", Who::User, web::spam_rules::save)
        .get("/dashboard/mail/{id}", Who::User, web::mail::inbound_one)
        .get("/dashboard/mail/{id}/original", Who::User, web::original::inbound)
        .post("/dashboard/mail/{id}/replay", Who::User, web::replay::replay_one)
        .post("/dashboard/mail/{id}/release", Who::User, web::mail::release)
}
