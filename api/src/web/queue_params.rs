//! What the queue's address says: which list, and what is asked of it. The whole state of the page stands in it.

use serde::Deserialize;
use shared::saved_views::SavedView;
use shared::tickets::{AssigneeFilter, CategoryFilter, Filter, Sort, SortKey, StatusFilter, View};

/// What a list can be sorted by, as the address names it.
pub const SORTS: [(&str, Sort); 5] = [
    ("last_activity_at", Sort { key: SortKey::LastActivityAt, descending: true }),
    ("waiting_longest", Sort { key: SortKey::LastActivityAt, descending: false }),
    ("created_at", Sort { key: SortKey::CreatedAt, descending: true }),
    ("oldest", Sort { key: SortKey::CreatedAt, descending: false }),
    ("priority", Sort { key: SortKey::Priority, descending: true }),
];

/// A list of the rail.
#[derive(Debug, Clone)]
pub enum Listing {
    /// One that everybody has.
    View(View),
    /// A saved one.
    Saved(Box<SavedView>),
}

impl Listing {
    /// Returns where in the rail it stands.
    pub fn key(&self) -> String {
        match self {
            Listing::View(view) => view.to_string(),
            Listing::Saved(saved) => format!("saved-{}", saved.id),
        }
    }

    /// Returns the parameter that names it.
    pub fn param(&self) -> (&'static str, String) {
        match self {
            Listing::View(view) => ("view", view.to_string()),
            Listing::Saved(saved) => ("saved", saved.id.to_string()),
        }
    }

    fn filter(&self) -> Filter {
        match self {
            Listing::View(view) => view.filter(),
            Listing::Saved(saved) => saved.filter(),
        }
    }
}

/// The address's parameters.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Params {
    /// A view.
    pub view: String,
    /// A saved view's id.
    pub saved: String,
    /// A search.
    pub q: String,
    /// A status.
    pub status: String,
    /// A priority.
    pub priority: String,
    /// A category's slug.
    pub category: String,
    /// A user's id, `me`, `unassigned`.
    pub assigned_to: String,
    /// A tenant's id.
    pub tenant: String,
    /// A tag.
    pub tag: String,
    /// A user's id or address.
    pub requester: String,
    /// The id of the incident that they are linked to.
    pub incident: String,
    /// The first day.
    pub since: String,
    /// The last day.
    pub until: String,
    /// One of [`SORTS`].
    pub sort: String,
    /// Where the page begins.
    pub cursor: String,
    /// What was just done.
    pub did: String,
    /// How it is taken back.
    pub undo: String,
    /// With how many tickets.
    pub changed: String,
    /// With how many not.
    pub refused: String,
    /// The ticket that was finished there.
    pub was: String,
    /// The reply that went with it.
    pub sent: String,
}

impl Params {
    /// Returns the view that is named; an agent's default is what is open.
    pub fn view(&self, agent: bool) -> View {
        self.view.parse().unwrap_or(if agent { View::Open } else { View::All })
    }

    /// The parameters that filter, in the order of the page.
    pub fn filters(&self) -> [(&'static str, &str); 12] {
        [
            ("q", &self.q),
            ("status", &self.status),
            ("priority", &self.priority),
            ("category", &self.category),
            ("assigned_to", &self.assigned_to),
            ("tenant", &self.tenant),
            ("tag", &self.tag),
            ("requester", &self.requester),
            ("incident", &self.incident),
            ("since", &self.since),
            ("until", &self.until),
            ("sort", &self.sort),
        ]
    }

    /// Whether a filter or a search is on.
    pub fn filtered(&self) -> bool {
        self.filters().iter().any(|(name, value)| *name != "sort" && !value.is_empty())
    }

    /// Returns the list's address with these filters and `more`.
    pub fn href(&self, listing: &Listing, more: Option<(&str, &str)>) -> String {
        let (name, value) = listing.param();
        format!("/dashboard/support?{}", self.query([(name, value.as_str())].into_iter(), more))
    }

    /// Returns which list these parameters name, and its filters, as a query; empty if they name none.
    pub fn named(&self) -> String {
        self.query([("view", self.view.as_str()), ("saved", &self.saved)].into_iter(), None)
    }

    fn query<'a>(&'a self, list: impl Iterator<Item = (&'a str, &'a str)>, more: Option<(&'a str, &'a str)>) -> String {
        let given = list.chain(self.filters()).filter(|(_, value)| !value.is_empty());
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(given.chain(more)).finish()
    }

    /// Returns what is listed. What makes no sense filters nothing.
    pub fn filter(&self, listing: &Listing) -> Filter {
        let mut filter = listing.filter();
        match self.status.as_str() {
            "open" => filter.status = Some(StatusFilter::Open),
            status => {
                if let Ok(status) = status.parse() {
                    filter.status = Some(StatusFilter::In(vec![status]));
                }
            }
        }
        filter.priority = self.priority.parse().into_iter().collect();
        filter.category = Some(&self.category).filter(|c| !c.is_empty()).cloned().map(CategoryFilter::Slug);
        match self.assigned_to.as_str() {
            "me" => filter.assigned_to = Some(AssigneeFilter::Me),
            "unassigned" => filter.assigned_to = Some(AssigneeFilter::Nobody),
            id => {
                if let Ok(id) = id.parse() {
                    filter.assigned_to = Some(AssigneeFilter::User(id));
                }
            }
        }
        let given = |text: &String| Some(text.trim().to_owned()).filter(|t| !t.is_empty());
        let day = |text: &str| text.parse::<chrono::NaiveDate>().ok();
        let midnight = |day: chrono::NaiveDate| day.and_time(chrono::NaiveTime::MIN).and_utc();
        filter.tenant = self.tenant.parse().ok();
        filter.tag = given(&self.tag);
        filter.requester = given(&self.requester);
        filter.incident = self.incident.parse().ok();
        filter.since = day(&self.since).map(midnight);
        // The last day is meant whole.
        filter.until = day(&self.until).and_then(|day| day.succ_opt()).map(midnight);
        filter.text = crate::json::tickets::both(filter.text, given(&self.q));
        // Who asks for one sender's tickets, or searches, wants to see them all.
        filter.storms_as_one = filter.requester.is_none() && filter.text.is_none();
        if let Some((_, sort)) = SORTS.iter().find(|(name, _)| *name == self.sort) {
            filter.sort = *sort;
        }
        filter
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::tickets::Status;

    #[test]
    fn the_address_holds_the_whole_list() {
        let params = Params { q: "a b".into(), status: "new".into(), until: "2026-11-30".into(), ..Params::default() };
        assert_eq!(
            params.href(&Listing::View(View::Open), Some(("cursor", "x"))),
            "/dashboard/support?view=open&q=a+b&status=new&until=2026-11-30&cursor=x"
        );
        let filter = params.filter(&Listing::View(View::Mine));
        assert_eq!(filter.status, Some(StatusFilter::In(vec![Status::New])));
        assert_eq!((filter.assigned_to, filter.text.as_deref()), (Some(AssigneeFilter::Me), Some("a b")));
        assert_eq!(filter.until, "2026-12-01T00:00:00Z".parse().ok(), "the last day belongs to it");
    }

    #[test]
    fn nonsense_in_the_address_filters_nothing() {
        let x = || "x".to_owned();
        let params = Params {
            view: x(),
            status: x(),
            priority: x(),
            assigned_to: x(),
            tenant: x(),
            since: x(),
            until: x(),
            sort: x(),
            ..Params::default()
        };
        assert_eq!((params.view(true), params.view(false)), (View::Open, View::All));
        let filter = params.filter(&Listing::View(View::All));
        assert!(filter.status.is_none() && filter.priority.is_empty() && filter.assigned_to.is_none());
        assert!(filter.tenant.is_none() && filter.since.is_none() && filter.until.is_none());
        assert_eq!(filter.sort, Sort::default());
    }
}
