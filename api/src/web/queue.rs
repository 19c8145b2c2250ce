//! The queue: one page of tickets by view, filters and search, all of it in the address.

use super::format::When;
use super::parts::{Choice, Clock, Person};
use super::render::Page;
use serde::Serialize;
use shared::i18n::{self, Locale};

/// `queue.hbs`
#[derive(Debug, Clone, Serialize)]
pub struct QueuePage {
    /// The view: `mine`, `unassigned`, `open`, `waiting`, `all`.
    pub view: &'static str,
    /// The search.
    pub q: String,
    /// The tag filter.
    pub tag: String,
    /// The filters that are choices.
    pub selects: Vec<Select>,
    /// Whether a filter or a search is on.
    pub filtered: bool,
    /// The view without filters.
    pub clear: String,
    /// The filters, for the search form to keep.
    pub kept: Vec<Kept>,
    /// A line about what was just done.
    pub done: Option<String>,
    /// What to say where there is nothing.
    pub empty: Option<Empty>,
    /// The rows by day.
    pub groups: Vec<Group>,
    /// Whether there is another page at all.
    pub paged: bool,
    /// The first page, if this is a later one.
    pub newest: Option<String>,
    /// The next page.
    pub next: Option<String>,
}

/// One filter that is a choice.
#[derive(Debug, Clone, Serialize)]
pub struct Select {
    /// The parameter.
    pub name: &'static str,
    /// Whether it filters.
    pub active: bool,
    /// Its choices.
    pub options: Vec<Choice>,
}

/// A parameter of the address.
#[derive(Debug, Clone, Serialize)]
pub struct Kept {
    /// The parameter.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// The texts of an empty list, by key.
#[derive(Debug, Clone, Serialize)]
pub struct Empty {
    /// What would stand here.
    pub heading: &'static str,
    /// What to do.
    pub text: &'static str,
}

/// Rows of one stretch of time.
#[derive(Debug, Clone, Serialize)]
pub struct Group {
    /// `today`, `yesterday`, `earlier`, or `tickets` where the list is sorted otherwise.
    pub key: &'static str,
    /// The rows.
    pub rows: Vec<Row>,
}

/// One ticket.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// The public id.
    pub pid: String,
    /// Its page.
    pub href: String,
    /// Subject.
    pub subject: String,
    /// The first words of the last message.
    pub snippet: String,
    /// The requester's name.
    pub who: String,
    /// The requester's name and address.
    pub who_full: String,
    /// The status.
    pub status: String,
    /// The priority.
    pub priority: String,
    /// The category's name.
    pub category: Option<String>,
    /// The tags.
    pub tags: Vec<String>,
    /// Icons named `flag-…`: `clip`, `warn`.
    pub flags: Vec<&'static str>,
    /// Whether category, tags or flags are to be shown.
    pub marks: bool,
    /// The agent.
    pub assignee: Option<Person>,
    /// The clock that runs out first.
    pub sla: Option<Clock>,
    /// The last activity.
    pub at: When,
}

impl Page for QueuePage {
    const TEMPLATE: &'static str = "queue";
    fn title(&self, locale: Locale) -> String {
        i18n::word(locale, "view", self.view)
    }
    #[cfg(test)]
    fn samples() -> Vec<Self> {
        let now = shared::clock::now();
        let row = |pid: &str, status: &str, priority: &str| Row {
            pid: pid.into(),
            href: format!("/dashboard/support/{pid}"),
            subject: "Release 48 stuck at health check".into(),
            snippet: "Still on the maintenance page".into(),
            who: "Daniel Okafor".into(),
            who_full: "Daniel Okafor <daniel@okafor.example>".into(),
            status: status.into(),
            priority: priority.into(),
            category: Some("Deploy".into()),
            tags: vec!["sale".into()],
            flags: vec!["clip", "warn"],
            marks: true,
            assignee: Some(Person::new(Some("Mara Lindqvist"), "m@x.example", true)),
            sla: Some(Clock {
                state: "at_risk".into(),
                glyph: "clock",
                text: "Answer in 25 m".into(),
                exact: "Fri 20 Nov".into(),
            }),
            at: When::new(Locale::En, now, now),
        };
        let bare = Row { assignee: None, sla: None, marks: false, ..row("202611-0003", "solved", "low") };
        let full = QueuePage {
            view: "open",
            q: "a".into(),
            tag: "b".into(),
            selects: vec![Select {
                name: "status",
                active: true,
                options: super::parts::choices(Locale::En, "status", &["new", "solved"], "new", Some("status-any")),
            }],
            filtered: true,
            clear: "/dashboard/support?view=open".into(),
            kept: vec![Kept { name: "view".into(), value: "open".into() }],
            done: Some("Done".into()),
            empty: None,
            groups: vec![
                Group { key: "today", rows: vec![row("202611-0001", "new", "urgent"), bare] },
                Group { key: "yesterday", rows: vec![row("202611-0002", "waiting_on_customer", "medium")] },
            ],
            paged: true,
            newest: Some("/dashboard/support?view=open".into()),
            next: Some("/dashboard/support?view=open&cursor=x".into()),
        };
        let empty = Empty { heading: "empty-open", text: "empty-open-text" };
        let none = QueuePage {
            groups: vec![],
            empty: Some(empty),
            filtered: false,
            paged: false,
            newest: None,
            next: None,
            ..full.clone()
        };
        vec![full, none]
    }
}
