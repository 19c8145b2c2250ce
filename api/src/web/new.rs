//! Creating a ticket from the dashboard: agents for a customer, everybody else for themselves.

use super::parts::{Choice, Field, Refused};
use super::render::Page;
use serde::Serialize;
use shared::i18n::{self, Locale};

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
