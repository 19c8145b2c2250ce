//! Categories: the subjects of tickets, each within another one or on its own, and who gets their new tickets.

use super::form_data::FormData;
use super::parts::{Choice, Refused};
use super::reader::Visit;
use super::render::{self, Page};
use super::settings::{self, Tab};
use super::{error, lists, mail};
use crate::Api;
use crate::extract::{Path, Query};
use crate::problem::Problem;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};
use shared::access::{Actor, Capability};
use shared::categories::{self, Category, CategoryChange, NewCategory};
use shared::i18n::{self, Locale};
use shared::ids::CategoryId;
use shared::users;

const PATH: &str = "/dashboard/settings/categories";
/// How many categories the page lists, and a choice offers.
const MOST: u32 = 500;

/// `categories.hbs`
#[derive(Debug, Clone, Default, Serialize)]
pub struct CategoriesPage {
    /// The pages of settings that the reader may see.
    pub tabs: Vec<Tab>,
    /// The categories, each below what it lies in.
    pub rows: Vec<CategoryForm>,
    /// One to be made.
    pub new: Option<CategoryForm>,
    /// What was just done.
    pub done: Option<String>,
    /// Why the last form was refused.
    pub refused: Option<Refused>,
}

/// A category and its form.
#[derive(Debug, Clone, Serialize)]
pub struct CategoryForm {
    /// Its row; `new` for one to be made.
    pub id: String,
    /// Whether the form is open.
    pub open: bool,
    /// Its name for people.
    pub name: String,
    /// What it lies in, from the top: `Billing › Invoices`.
    pub path: String,
    /// Its name in requests.
    pub slug: String,
    /// What belongs there.
    pub description: String,
    /// What it can lie in.
    pub parents: Vec<Choice>,
    /// Who can get its new tickets.
    pub assignees: Vec<Choice>,
    /// The name of who gets them.
    pub assignee: Option<String>,
    /// The tenants to choose from, for one to be made; empty where there is no choice.
    pub tenants: Vec<Choice>,
    /// The tenant's name; None: all tenants'.
    pub tenant: Option<String>,
    /// Whether the reader may change it.
    pub may_change: bool,
    /// Whether new tickets can have it.
    pub active: bool,
}

impl CategoryForm {
    fn typed(&mut self, form: &FormData) {
        self.open = true;
        form.get("name").clone_into(&mut self.name);
        form.get("slug").clone_into(&mut self.slug);
        form.text("description").clone_into(&mut self.description);
        for (choices, name) in
            [(&mut self.parents, "parent"), (&mut self.assignees, "default_assignee"), (&mut self.tenants, "tenant")]
        {
            choices.iter_mut().for_each(|choice| choice.chosen = choice.value == form.get(name));
        }
    }
}

/// What all categories are, and what they can be given.
struct Offers {
    all: Vec<Category>,
    agents: Vec<users::User>,
    tenants: Vec<Choice>,
}

impl Offers {
    async fn read(api: &Api, actor: &Actor) -> Result<Offers, Problem> {
        let (db, within) = (&api.app.db, actor.within);
        Ok(Offers {
            all: categories::list(db, actor, None, MOST, 0).await?,
            agents: users::agents(db, within).await?,
            tenants: lists::tenants(api, actor, "").await?,
        })
    }

    /// What a category lies in, from the top, and itself. A circle, which nothing can make, would end after ten.
    fn path(&self, category: &Category) -> Vec<&Category> {
        let find = |id: CategoryId| self.all.iter().find(|c| c.id == id);
        let mut path: Vec<&Category> = Vec::new();
        let mut next = find(category.id);
        while let Some(found) = next.filter(|_| path.len() < 10) {
            path.insert(0, found);
            next = found.parent_id.and_then(find);
        }
        path
    }

    fn name(&self, category: &Category) -> String {
        self.path(category).iter().map(|c| c.name.as_str()).collect::<Vec<_>>().join(" › ")
    }

    /// What `of` can lie in: what does not lie in itself, of its own tenant or of all.
    fn parents(&self, locale: Locale, of: Option<&Category>) -> Vec<Choice> {
        let chosen = of.and_then(|c| c.parent_id);
        let fits = |parent: &&Category| {
            of.is_none_or(|c| {
                (parent.tenant_id.is_none() || parent.tenant_id == c.tenant_id)
                    && self.path(parent).iter().all(|above| above.id != c.id)
            })
        };
        let none = Choice { value: String::new(), label: i18n::text(locale, "none", &[]), chosen: chosen.is_none() };
        let choice =
            |c: &Category| Choice { value: c.id.to_string(), label: self.name(c), chosen: chosen == Some(c.id) };
        [none].into_iter().chain(self.all.iter().filter(fits).map(choice)).collect()
    }

    fn form(&self, visit: &Visit, actor: &Actor, c: &Category) -> CategoryForm {
        let tenant = c.tenant_id.map(|id| id.to_string());
        let agents =
            self.agents.iter().filter(|a| a.tenant.is_none() || a.tenant.as_ref().map(|t| t.id) == c.tenant_id);
        let assignees = lists::owners(visit, agents.cloned().collect(), c.default_assignee);
        let by_name = |id: &String| self.tenants.iter().find(|t| t.value == *id).map(|t| t.label.clone());
        CategoryForm {
            id: c.id.to_string(),
            open: false,
            name: c.name.clone(),
            path: self.name(c),
            slug: c.slug.clone(),
            description: c.description.clone().unwrap_or_default(),
            parents: self.parents(visit.locale, Some(c)),
            assignee: assignees.iter().find(|a| a.chosen && !a.value.is_empty()).map(|a| a.label.clone()),
            assignees,
            tenants: Vec::new(),
            tenant: tenant.map(|id| by_name(&id).unwrap_or_else(|| i18n::text(visit.locale, "categories-own", &[]))),
            may_change: c.tenant_id.is_some() || actor.is_platform(),
            active: c.active,
        }
    }

    fn blank(&self, visit: &Visit) -> CategoryForm {
        let mut tenants = self.tenants.clone();
        if !tenants.is_empty() {
            let label = i18n::text(visit.locale, "users-no-tenant", &[]);
            tenants.insert(0, Choice { value: String::new(), label, chosen: true });
        }
        CategoryForm {
            id: "new".to_owned(),
            open: false,
            name: String::new(),
            path: String::new(),
            slug: String::new(),
            description: String::new(),
            parents: self.parents(visit.locale, None),
            assignees: lists::owners(visit, self.agents.clone(), None),
            assignee: None,
            tenants,
            tenant: None,
            may_change: true,
            active: true,
        }
    }
}

/// The address's parameters.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Params {
    did: Option<String>,
}

async fn page(api: &Api, visit: &Visit, params: &Params) -> Result<CategoriesPage, Problem> {
    let actor = visit.actor()?;
    actor.require(Capability::CategoriesManage)?;
    let offers = Offers::read(api, actor).await?;
    let mut rows: Vec<CategoryForm> = offers.all.iter().map(|c| offers.form(visit, actor, c)).collect();
    rows.sort_by_cached_key(|row| row.path.to_lowercase());
    Ok(CategoriesPage {
        tabs: settings::tabs(actor, "categories"),
        rows,
        new: Some(offers.blank(visit)),
        done: mail::done(visit.locale, params.did.as_deref()),
        refused: None,
    })
}

fn shown(visit: &Visit, page: &CategoriesPage, status: StatusCode) -> Response {
    render::page(status, &visit.shell("settings"), page)
}

/// `GET /dashboard/settings/categories`
///
/// # Errors
/// 401, 403 without `support.categories.manage`.
pub async fn list(State(api): State<Api>, visit: Visit, Query(params): Query<Params>) -> Result<Response, Problem> {
    let page = page(&api, &visit, &params).await?;
    Ok(shown(&visit, &page, StatusCode::OK))
}

/// `POST /dashboard/settings/categories`
///
/// # Errors
/// 401, 403; a refusal shows the page again.
pub async fn create(State(api): State<Api>, visit: Visit, form: FormData) -> Result<Response, Problem> {
    let actor = visit.actor()?;
    actor.require(Capability::CategoriesManage)?;
    let new = NewCategory {
        tenant: form.some("tenant").and_then(|t| t.parse().ok()),
        parent: form.some("parent").and_then(|p| p.parse().ok()),
        slug: form.some("slug").map(str::to_owned),
        name: form.get("name").to_owned(),
        description: form.some("description").map(str::to_owned),
        default_assignee: form.some("default_assignee").and_then(|a| a.parse().ok()),
    };
    match categories::create(&api.app.db, actor, new).await {
        Ok(made) => Ok(back("category-made", made.id)),
        Err(e) => refuse(&api, &visit, e.into(), "new", &form).await,
    }
}

/// `POST /dashboard/settings/categories/{id}`
///
/// # Errors
/// 401, 403, 404; a refusal shows the page again.
pub async fn change(
    State(api): State<Api>,
    visit: Visit,
    Path(id): Path<CategoryId>,
    form: FormData,
) -> Result<Response, Problem> {
    // A form of its own switches it off and on.
    if let Some(active) = form.some("active").map(|active| active == "1") {
        let change = CategoryChange { active: Some(active), ..CategoryChange::default() };
        categories::update(&api.app.db, visit.actor()?, id, change).await?;
        return Ok(back(if active { "category-on" } else { "category-off" }, id));
    }
    let change = CategoryChange {
        active: None,
        parent: Some(form.some("parent").and_then(|p| p.parse().ok())),
        slug: form.some("slug").map(str::to_owned),
        name: Some(form.get("name").to_owned()),
        description: Some(form.some("description").map(str::to_owned)),
        default_assignee: Some(form.some("default_assignee").and_then(|a| a.parse().ok())),
    };
    match categories::update(&api.app.db, visit.actor()?, id, change).await {
        Ok(_) => Ok(back("category", id)),
        Err(e) => refuse(&api, &visit, e.into(), &id.to_string(), &form).await,
    }
}

fn back(did: &str, id: CategoryId) -> Response {
    Redirect::to(&format!("{PATH}?did={did}#category-{id}")).into_response()
}

async fn refuse(api: &Api, visit: &Visit, problem: Problem, id: &str, form: &FormData) -> Result<Response, Problem> {
    let problem = error::shown_at_form(problem)?;
    let said = problem.shown();
    let mut page = page(api, visit, &Params::default()).await?;
    page.rows.iter_mut().chain(&mut page.new).filter(|c| c.id == id).for_each(|c| c.typed(form));
    page.refused = Some(error::refused_of(visit.locale, said, id, |field| match field {
        "name" => Some("name"),
        "slug" => Some("slug"),
        "parent_id" => Some("parent"),
        "default_assignee" => Some("default_assignee"),
        "description" => Some("description"),
        _ => None,
    }));
    Ok(shown(visit, &page, said.http_status()))
}

impl Page for CategoriesPage {
    const TEMPLATE: &'static str = "categories";

    fn title(&self, locale: Locale) -> String {
        i18n::text(locale, "settings-categories", &[])
    }

    #[cfg(test)]
    fn samples() -> Vec<Self> {
        let form = CategoryForm {
            id: "1".into(),
            open: true,
            name: "Invoices".into(),
            path: "Billing › Invoices".into(),
            slug: "invoices".into(),
            description: "What is paid".into(),
            parents: vec![Choice { value: "2".into(), label: "Billing".into(), chosen: true }],
            assignees: vec![],
            assignee: Some("Mara".into()),
            tenants: vec![],
            tenant: Some("Kaiwerk".into()),
            may_change: true,
            active: false,
        };
        let seeded = CategoryForm { id: "2".into(), tenant: None, assignee: None, may_change: false, ..form.clone() };
        let tenants = vec![Choice { value: "1".into(), label: "Kaiwerk".into(), chosen: true }];
        let new = CategoryForm { id: "new".into(), tenants, ..form.clone() };
        let full = CategoriesPage {
            tabs: settings::tabs(&Actor::system(), "categories"),
            rows: vec![form, seeded],
            new: Some(new),
            done: Some("Kept".into()),
            refused: Some(Refused { text: "No.".into(), fields: vec![] }),
        };
        vec![full, CategoriesPage::default()]
    }
}
