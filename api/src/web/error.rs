//! A refused request as a page.

use super::parts::{Refused, WrongField};
use super::reader::{self, Visit};
use super::render::{self, Page, Shell};
use crate::extract::caller;
use crate::problem::{FieldError, Problem, Shown};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Serialize;
use shared::i18n::{self, Locale};

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
    /// Whether to offer the list of tickets too.
    pub home: bool,
    /// The HTTP status.
    pub status: u16,
    /// The stable code.
    pub code: String,
    /// The request's id, for whoever reads the log.
    pub request_id: Option<String>,
}

/// The statuses that have words of their own.
const KNOWN: [u16; 10] = [400, 401, 403, 404, 409, 413, 422, 429, 500, 503];

impl ErrorPage {
    /// Returns the page for a problem.
    pub fn new(locale: Locale, shown: &Shown, back: &str) -> ErrorPage {
        let status = match shown.status {
            known if KNOWN.contains(&known) => known,
            405 | 410 => 404,
            500.. => 500,
            _ => 400,
        };
        ErrorPage {
            heading: i18n::word(locale, "heading", &status.to_string()),
            text: text(locale, shown),
            fields: shown.errors.iter().map(|e| labelled(locale, &e.field, &field_text(locale, e))).collect(),
            draft: None,
            back: back.to_owned(),
            home: false,
            status: shown.status,
            code: shown.code.to_owned(),
            request_id: (!shown.request_id.is_empty()).then(|| shown.request_id.to_string()),
        }
    }
}

/// Answers a browser's refused request, as far as its headers tell who it is.
pub fn answer(headers: &HeaderMap, shown: &Shown, here: &str) -> Response {
    let locale = reader::locale(headers, Locale::En);
    let theme = reader::cookie(headers, reader::THEME_COOKIE);
    let mut shell = Shell::new(locale, theme, String::new(), here.to_owned(), i18n::text(locale, "brand", &[]));
    let session = |name| reader::cookie(headers, name).is_some_and(|c| !c.is_empty());
    shell.member = shown.status != 401 && caller::COOKIES.into_iter().any(session);
    let status = shown.http_status();
    // What is not there, or not for the reader, will not be there the next time either.
    let back = match (shown.status, shell.member) {
        (403 | 404, true) => "/dashboard/support",
        (404, false) => "/",
        _ => here,
    };
    let page = ErrorPage { home: shell.member && back == here, ..ErrorPage::new(locale, shown, back) };
    render::page(status, &shell, &page)
}

/// Answers with a refusal that gives back what was typed.
pub fn with_draft(visit: &Visit, shown: &Shown, draft: &str) -> Response {
    let status = shown.http_status();
    let home = visit.known().is_some();
    let page = ErrorPage { draft: Some(draft.to_owned()), home, ..ErrorPage::new(visit.locale, shown, visit.here()) };
    render::page(status, &visit.shell(""), &page)
}

/// Returns what a problem means, in words: those of its code, else of its status.
pub fn text(locale: Locale, shown: &Shown) -> String {
    let of_code = i18n::lookup(locale, &format!("problem-{}", shown.code), &[]);
    let of_status = || i18n::lookup(locale, &format!("explain-{}", shown.status), &[]);
    let general = || match shown.status {
        500.. => i18n::text(locale, "problem-internal_error", &[]),
        _ => i18n::text(locale, "explain-400", &[]),
    };
    of_code.or_else(of_status).unwrap_or_else(general)
}

/// Returns what is wrong with a field, in words: those of code and field, else of the code, else the verb's own.
pub fn field_text(locale: Locale, error: &FieldError) -> String {
    let name = error.field.rsplit('.').next().unwrap_or_default();
    let exact = i18n::lookup(locale, &format!("wrong-{}-{name}", error.code), &[]);
    exact.or_else(|| i18n::lookup(locale, &format!("wrong-{}", error.code), &[])).unwrap_or(error.message.clone())
}

/// Puts the field's name, as people call it, before what is wrong with it.
fn labelled(locale: Locale, field: &str, text: &str) -> String {
    let key = match field.rsplit('.').next().unwrap_or_default() {
        "description" | "body" => "message",
        name => name,
    };
    match i18n::lookup(locale, &format!("field-{key}"), &[]) {
        Some(label) => format!("{label}: {text}"),
        None => text.to_owned(),
    }
}

/// Returns a refusal for the form's head. `id_of` names the form's field for one of the verb's, if it has one.
pub fn refused(locale: Locale, shown: &Shown, id_of: impl Fn(&str) -> Option<&'static str>) -> Refused {
    let fields = shown.errors.iter().filter_map(|e| {
        let id = id_of(&e.field)?;
        Some(WrongField { id: id.to_owned(), text: labelled(locale, id, &field_text(locale, e)) })
    });
    Refused { text: text(locale, shown), fields: fields.collect() }
}

/// As [`refused`], for a page with many forms: the fields' ids end in that of the form, `name-7`.
pub fn refused_of(locale: Locale, shown: &Shown, form: &str, id_of: impl Fn(&str) -> Option<&'static str>) -> Refused {
    let mut refused = refused(locale, shown, id_of);
    refused.fields.iter_mut().for_each(|field| field.id = format!("{}-{form}", field.id));
    refused
}

/// Returns a problem that a settings page shows above its form.
///
/// # Errors
/// The problem itself, where its reader may not be here, nothing is here, or the fault is ours.
pub fn shown_at_form(problem: Problem) -> Result<Problem, Problem> {
    match problem.shown().status {
        401 | 403 | 404 | 500.. => Err(problem),
        _ => Ok(problem),
    }
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
            home: false,
            status: 404,
            code: "not_found".into(),
            request_id: None,
        };
        let conflict = ErrorPage {
            status: 409,
            home: true,
            draft: Some("Hello".into()),
            fields: vec!["Too large".into()],
            request_id: Some("r-1".into()),
            ..error.clone()
        };
        vec![error, conflict]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::{Problem, codes};

    #[test]
    fn every_code_has_words() {
        for code in codes::ALL {
            for &locale in Locale::ALL {
                let problem = Problem::new(*code);
                let page = ErrorPage::new(locale, problem.shown(), "/");
                assert!(page.heading.contains(' ') && page.text.contains(' '), "{}: {page:?}", code.code);
            }
        }
    }

    #[test]
    fn fields_are_told_in_the_readers_language() {
        let wrong = |code, field: &str| field_text(Locale::De, &FieldError::new(field, code, "as the verb says"));
        assert_eq!(wrong("required", "subject"), "Das fehlt.");
        assert!(wrong("invalid", "requester.email").contains("E-Mail-Adresse"));
        assert_eq!(wrong("something_new", "x"), "as the verb says");
    }
}
