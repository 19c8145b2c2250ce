//! The public form, for who has no account: `/` and `/new`.

use super::format::When;
use super::parts::{Choice, Field, Refused};
use super::render::Page;
use serde::Serialize;
use shared::i18n::{self, Locale};

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
