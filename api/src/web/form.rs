//! The public form, for who has no account: `/` and `/new`.

use super::form_data::{FormData, Typed};
use super::format::{self, When};
use super::new::CHANNEL;
use super::parts::{Choice, Field, Refused, choices};
use super::reader::Visit;
use super::render::{self, Page};
use super::{error, lists};
use crate::Api;
use crate::extract::Query;
use crate::problem::{Problem, codes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use shared::access::Actor;
use shared::clock::Time;
use shared::i18n::{self, Locale};
use shared::tickets::{self, Create, Priority};

/// `form.hbs`
#[derive(Debug, Clone, Default, Serialize)]
pub struct FormPage {
    /// The writer's name.
    pub name: Field,
    /// The writer's address.
    pub email: Field,
    /// Subject.
    pub subject: Field,
    /// The first message.
    pub description: Field,
    /// The files; browsers do not give them back, so its value is never filled.
    pub files: Field,
    /// Files were chosen on the form that was refused, and must be chosen again.
    pub files_again: bool,
    /// Categories of the tenant.
    pub categories: Vec<Choice>,
    /// Priorities.
    pub priorities: Vec<Choice>,
    /// The largest file, in words.
    pub max_file: String,
    /// The address to which one may write instead.
    pub mailbox: Option<String>,
    /// What is wrong.
    pub refused: Option<Refused>,
}

/// `GET /` and `GET /new`
///
/// # Errors
/// If the store fails.
pub async fn show(State(api): State<Api>, visit: Visit) -> Result<Response, Problem> {
    let page = page(&api, &visit, &FormData::default()).await?;
    Ok(render::page(StatusCode::OK, &visit.shell(""), &page))
}

/// `POST /new`: opens a ticket for whoever's address is given, and acknowledges it there.
///
/// # Errors
/// A refusal shows the form with what was typed.
pub async fn create(State(api): State<Api>, visit: Visit, typed: Typed) -> Result<Response, Problem> {
    let Typed { form, wrong } = typed;
    let email = form.get("email").to_owned();
    // People do not see this field; programs that fill in everything do.
    let trapped = form.some("website").is_some();
    let new = Create { requester: Some((form.some("name").map(str::to_owned), email.clone())), ..new_ticket(&form) };
    // The writer has shown nothing: the ticket is made for the address, by the form, whoever is logged in.
    let actor = Actor::system().from(visit.origin.clone());
    let made = match wrong.or_else(|| missing(&form, true)) {
        Some(problem) => Err(problem),
        None if trapped => Err(Problem::new(codes::VALIDATION_FAILED)),
        None => tickets::create(&api.app, &actor, new).await.map_err(Problem::from),
    };
    let problem = match made {
        Ok(id) => {
            let ticket = tickets::view(&api.app, &actor, &id.into()).await?.ticket;
            let done = Done { due: ticket.answer_due(*visit.now), pid: ticket.pid, email };
            return Ok(Redirect::to(&format!("/new/done?of={}", done.seal(&api))).into_response());
        }
        Err(problem) => problem,
    };
    let shown = problem.shown();
    // A form that lay open for long is as good as a new one, once its reader sends it again.
    let stale = (shown.code == codes::CSRF_FAILED.code).then_some(StatusCode::FORBIDDEN);
    let Some(status) = stale.or_else(|| redrawable(shown.status)) else {
        return Ok(error::with_draft(&visit, shown, form.text("description")));
    };
    let mut page = page(&api, &visit, &form).await?;
    for wrong in &shown.errors {
        let text = Some(error::field_text(visit.locale, wrong));
        match field_id(&wrong.field) {
            Some("email") => page.email.error = text,
            Some("name") => page.name.error = text,
            Some("subject") => page.subject.error = text,
            Some("description") => page.description.error = text,
            Some("files") => page.files.error = text,
            _ => {}
        }
    }
    page.files_again = form.has_files();
    page.refused = Some(error::refused(visit.locale, shown, field_id));
    Ok(render::page(status, &visit.shell(""), &page))
}

/// All that is missing at once: the verb stops at the first. `requester`: whether the form asks for one.
pub fn missing(form: &FormData, requester: bool) -> Option<Problem> {
    let fields = [("requester.email", "email"), ("subject", "subject"), ("description", "description")];
    let gone = fields.iter().filter(|(_, name)| form.get(name).trim().is_empty() && (requester || *name != "email"));
    let mut errors: Vec<_> = gone.map(|(field, _)| crate::problem::FieldError::required(*field)).collect();
    if requester && !form.get("email").is_empty() && !shared::address::is_valid(form.get("email")) {
        errors.push(crate::problem::FieldError::new("requester.email", "address_invalid", "not a mail address"));
    }
    (!errors.is_empty()).then(|| Problem::validation(errors))
}

/// Returns the ticket that a form describes, but for tenant and requester.
pub fn new_ticket(form: &FormData) -> Create {
    Create {
        tenant: None,
        subject: form.get("subject").to_owned(),
        sub_subject: None,
        body: form.text("description").trim_end().to_owned(),
        category: form.some("category").map(str::to_owned),
        priority: form.some("priority").and_then(|p| p.parse().ok()),
        kind: None,
        requester: None,
        channel: CHANNEL,
        attachments: form.attach(),
    }
}

/// Returns the form's field for one of the verb's.
pub fn field_id(field: &str) -> Option<&'static str> {
    match field {
        "requester.email" | "email" => Some("email"),
        "requester.name" | "name" => Some("name"),
        "subject" => Some("subject"),
        "description" | "body" => Some("description"),
        "category" => Some("category"),
        f if f.starts_with("attachments") || f.starts_with("files") => Some("files"),
        _ => None,
    }
}

/// Returns the status if a refusal with it can be put right on the form.
pub fn redrawable(status: u16) -> Option<StatusCode> {
    [400, 409, 413, 415, 422, 429].contains(&status).then(|| StatusCode::from_u16(status).ok()).flatten()
}

async fn page(api: &Api, visit: &Visit, form: &FormData) -> Result<FormPage, Problem> {
    let priorities: Vec<&str> = Priority::ALL.iter().map(|p| p.as_str()).collect();
    let priority = form.some("priority").unwrap_or("medium");
    let known = visit.known().map(|c| &c.user).filter(|_| form.get("email").is_empty());
    let name = known.and_then(|u| u.name.clone()).unwrap_or_else(|| form.get("name").to_owned());
    let email = known.map_or_else(|| form.get("email").to_owned(), |u| u.email.clone());
    Ok(FormPage {
        name: Field::of(name),
        email: Field::of(email),
        subject: Field::of(form.get("subject")),
        description: Field::of(form.text("description")),
        files: Field::default(),
        files_again: false,
        categories: lists::categories(api, visit, &Actor::system(), form.get("category"), "category-none").await?,
        priorities: choices(visit.locale, "priority-form", &priorities, priority, None),
        max_file: format::size(visit.locale, api.app.config.max_file_bytes as u64),
        mailbox: Some(api.app.config.mail_from.clone()),
        refused: None,
    })
}

/// What the page after the form says: in its address, sealed, so that it survives a reload and tells nobody else's.
#[derive(Debug, Serialize, Deserialize)]
struct Done {
    pid: String,
    email: String,
    due: Option<Time>,
}

impl Done {
    fn seal(&self, api: &Api) -> String {
        let text = serde_json::to_string(self).expect("plain data");
        format!("{}.{}", URL_SAFE_NO_PAD.encode(&text), Self::mac(api, &text))
    }

    fn open(api: &Api, sealed: &str) -> Option<Done> {
        let (text, mac) = sealed.split_once('.')?;
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        api.app.keys.csrf_fits(Self::marked(&text).as_bytes(), mac).then(|| serde_json::from_str(&text).ok()).flatten()
    }

    fn mac(api: &Api, text: &str) -> String {
        api.app.keys.csrf_token(Self::marked(text).as_bytes())
    }

    /// Never the hash of a session, whose tokens are made by the same key.
    fn marked(text: &str) -> String {
        format!("form done: {text}")
    }
}

/// The address's parameters.
#[derive(Debug, Deserialize)]
pub struct Sealed {
    of: String,
}

/// `GET /new/done`
///
/// # Errors
/// 404 for an address that we did not make.
pub async fn done(State(api): State<Api>, visit: Visit, Query(sealed): Query<Sealed>) -> Result<Response, Problem> {
    let done = Done::open(&api, &sealed.of).ok_or_else(|| Problem::new(codes::NOT_FOUND))?;
    let due = done.due.map(|at| When::in_full(visit.locale, at, visit.now));
    let page = DonePage { pid: done.pid, email: done.email, due };
    Ok(render::page(StatusCode::OK, &visit.shell(""), &page))
}

impl Page for FormPage {
    const TEMPLATE: &'static str = "form";
    fn title(&self, locale: Locale) -> String {
        i18n::text(locale, "form-heading", &[])
    }
    #[cfg(test)]
    fn samples() -> Vec<Self> {
        use super::parts::WrongField;
        let field = WrongField { id: "email".into(), text: "The part after the @ is missing.".into() };
        let fresh = FormPage {
            categories: super::parts::choices(Locale::En, "priority", &["low"], "", Some("none")),
            priorities: super::parts::choices(Locale::En, "priority-form", &["low", "medium"], "medium", None),
            max_file: "10 MB".into(),
            mailbox: Some("help@desk.example".into()),
            ..Default::default()
        };
        let mut wrong = fresh.clone();
        wrong.email = Field { value: "ruth@".into(), error: Some(field.text.clone()) };
        wrong.files_again = true;
        wrong.refused = Some(Refused { text: "One thing is missing.".into(), fields: vec![field] });
        vec![fresh, wrong]
    }
}

/// `form_done.hbs`
#[derive(Debug, Clone, Serialize)]
pub struct DonePage {
    /// The new ticket.
    pub pid: String,
    /// Where the acknowledgement goes.
    pub email: String,
    /// When an answer is due.
    pub due: Option<When>,
}

impl Page for DonePage {
    const TEMPLATE: &'static str = "form_done";
    fn title(&self, locale: Locale) -> String {
        i18n::text(locale, "done-heading", &[])
    }
    #[cfg(test)]
    fn samples() -> Vec<Self> {
        let now = shared::clock::now();
        let email = "ruth@studio.example".to_owned();
        vec![
            DonePage { pid: "202611-0007".into(), email: email.clone(), due: Some(When::new(Locale::En, now, now)) },
            DonePage { pid: "202611-0008".into(), email, due: None },
        ]
    }
}
