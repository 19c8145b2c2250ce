//! Creating a ticket from the dashboard: agents for a customer, everybody else for themselves.

use super::form_data::FormData;
use super::parts::{Choice, Field, Refused, TicketLink, choices};
use super::reader::Visit;
use super::render::{self, Page};
use super::{error, form, format, lists};
use crate::Api;
use crate::problem::Problem;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Serialize;
use shared::access::{Actor, Capability};
use shared::i18n::{self, Locale};
use shared::tickets::{self, Channel, Create, Priority};

/// `new.hbs`
#[derive(Debug, Clone, Default, Serialize)]
pub struct NewPage {
    /// The reader may name the requester.
    pub on_behalf: bool,
    /// The tenants to choose from, for platform users.
    pub tenants: Vec<Choice>,
    /// The requester's address.
    pub email: Field,
    /// The requester's name.
    pub name: Field,
    /// Subject.
    pub subject: Field,
    /// The first message.
    pub description: Field,
    /// The files.
    pub files: Field,
    /// Files were chosen on the form that was refused, and must be chosen again.
    pub files_again: bool,
    /// Categories.
    pub categories: Vec<Choice>,
    /// Priorities.
    pub priorities: Vec<Choice>,
    /// The largest file, in words.
    pub max_file: String,
    /// What is wrong.
    pub refused: Option<Refused>,
}

/// `GET /dashboard/support/new`
///
/// # Errors
/// 401, 403 without `support.tickets.create`.
pub async fn show(State(api): State<Api>, visit: Visit) -> Result<Response, Problem> {
    let actor = visit.actor()?;
    actor.require(Capability::TicketsCreate)?;
    let page = page(&api, &visit, actor, &FormData::default()).await?;
    Ok(render::page(StatusCode::OK, &visit.shell("new"), &page))
}

/// `POST /dashboard/support/new`
///
/// # Errors
/// 401, 403; a refusal shows the form with what was typed.
pub async fn create(State(api): State<Api>, visit: Visit, form: FormData) -> Result<Response, Problem> {
    let actor = visit.actor()?;
    let on_behalf = actor.can(Capability::TicketsCreateFor);
    let requester = || (form.some("name").map(str::to_owned), form.get("email").to_owned());
    let new = Create {
        tenant: form.some("tenant").and_then(|t| t.parse().ok()),
        requester: on_behalf.then(requester),
        ..form::new_ticket(&form)
    };
    let made = match form::missing(&form, on_behalf) {
        Some(problem) => Err(problem),
        None => tickets::create(&api.app, actor, new).await.map_err(Problem::from),
    };
    let problem = match made {
        Ok(id) => {
            let pid = tickets::view(&api.app, actor, &id.into()).await?.ticket.pid;
            return Ok(Redirect::to(&format!("{}?did=create", TicketLink::new(&pid).href)).into_response());
        }
        Err(problem) => problem,
    };
    let shown = problem.shown();
    let Some(status) = form::redrawable(shown.status) else { return Err(problem) };
    let mut page = page(&api, &visit, actor, &form).await?;
    for wrong in &shown.errors {
        let text = Some(error::field_text(visit.locale, wrong));
        match form::field_id(&wrong.field) {
            Some("email") => page.email.error = text,
            Some("name") => page.name.error = text,
            Some("subject") => page.subject.error = text,
            Some("description") => page.description.error = text,
            Some("files") => page.files.error = text,
            _ => {}
        }
    }
    page.files_again = form.has_files();
    page.refused = Some(error::refused(visit.locale, shown, form::field_id));
    Ok(render::page(status, &visit.shell("new"), &page))
}

async fn page(api: &Api, visit: &Visit, actor: &Actor, form: &FormData) -> Result<NewPage, Problem> {
    let priorities: Vec<&str> = Priority::ALL.iter().map(|p| p.as_str()).collect();
    let priority = form.some("priority").unwrap_or("medium");
    Ok(NewPage {
        on_behalf: actor.can(Capability::TicketsCreateFor),
        tenants: lists::open_tenants(api, actor, form.get("tenant")).await?,
        email: Field::of(form.get("email")),
        name: Field::of(form.get("name")),
        subject: Field::of(form.get("subject")),
        description: Field::of(form.text("description")),
        files: Field::default(),
        files_again: false,
        categories: lists::categories(api, visit, actor, form.get("category"), "none").await?,
        priorities: choices(visit.locale, "priority", &priorities, priority, None),
        max_file: format::size(visit.locale, api.app.config.max_file_bytes as u64),
        refused: None,
    })
}

/// The channel of tickets that are made on a page.
pub const CHANNEL: Channel = Channel::Web;

impl Page for NewPage {
    const TEMPLATE: &'static str = "new";
    fn title(&self, locale: Locale) -> String {
        i18n::text(locale, "new-ticket", &[])
    }
    #[cfg(test)]
    fn samples() -> Vec<Self> {
        let own = NewPage { max_file: "10 MB".into(), ..Default::default() };
        let tenants = vec![Choice { value: "1".into(), label: "Kaiwerk".into(), chosen: true }];
        let wrong = Field { value: "x".into(), error: Some("No address.".into()) };
        let behalf = NewPage {
            on_behalf: true,
            tenants,
            email: wrong.clone(),
            description: wrong,
            files_again: true,
            refused: Some(Refused { text: "Something is missing.".into(), fields: vec![] }),
            ..own.clone()
        };
        vec![own, behalf]
    }
}
