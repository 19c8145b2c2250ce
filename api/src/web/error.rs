//! A refused request as a page.

use super::render::Page;
use serde::Serialize;
use shared::i18n::Locale;

/// `error.hbs`
#[derive(Debug, Clone, Serialize)]
pub struct ErrorPage {
    /// What happened, short.
    pub heading: String,
    /// What it means and what to do.
    pub text: String,
    /// What is wrong with which field.
    pub fields: Vec<String>,
    /// What the reader had typed, so that nothing is lost.
    pub draft: Option<String>,
    /// Where to go on.
    pub back: String,
    /// The HTTP status.
    pub status: u16,
    /// The stable code.
    pub code: String,
    /// The request's id, for whoever reads the log.
    pub request_id: Option<String>,
}

impl Page for ErrorPage {
    const TEMPLATE: &'static str = "error";
    fn title(&self, _: Locale) -> String {
        self.heading.clone()
    }
    #[cfg(test)]
    fn samples() -> Vec<Self> {
        let error = ErrorPage {
            heading: "There is nothing here".into(),
            text: "The page does not exist.".into(),
            fields: vec![],
            draft: None,
            back: "/".into(),
            status: 404,
            code: "not_found".into(),
            request_id: None,
        };
        let conflict = ErrorPage {
            status: 409,
            draft: Some("Hello".into()),
            fields: vec!["Too large".into()],
            request_id: Some("r-1".into()),
            ..error.clone()
        };
        vec![error, conflict]
    }
}
