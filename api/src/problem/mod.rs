//! The only way from an error to an HTTP answer: `application/problem+json` (RFC 9457) with a stable code.
//!
//! Handlers return [`Problem`]; the domain's errors become one by `From`, each in one place, here. What went wrong
//! inside is logged once, here, and never told to the client. Browsers get the same problem as a page
//! ([`crate::frame`] decides that).

pub mod codes;
mod from;

use axum::Json;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use codes::Code;
use serde::Serialize;
use std::error::Error;
use std::sync::Arc;

tokio::task_local! {
    /// The id of the request that this task answers.
    pub(crate) static REQUEST_ID: Arc<str>;
}

/// Returns the present request's id; empty outside a request.
pub fn request_id() -> Arc<str> {
    REQUEST_ID.try_with(Arc::clone).unwrap_or_else(|_| "".into())
}

/// An error answer.
#[derive(Debug)]
pub struct Problem {
    shown: Box<Shown>,
    retry_after_s: Option<u32>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// What the client sees.
#[derive(Debug, Clone, Serialize)]
pub struct Shown {
    /// A URI for the kind of problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// This occurrence in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The stable code.
    pub code: &'static str,
    /// What is wrong with which field.
    pub errors: Vec<FieldError>,
    /// The request's id, as in the logs.
    pub request_id: Arc<str>,
    /// Further members that this code has.
    #[serde(flatten, skip_serializing_if = "serde_json::Map::is_empty")]
    pub more: serde_json::Map<String, serde_json::Value>,
}

impl Shown {
    /// Returns the HTTP status as what an answer takes.
    pub fn http_status(&self) -> axum::http::StatusCode {
        axum::http::StatusCode::from_u16(self.status).expect("from the table of codes")
    }
}

/// What is wrong with a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// The field's path, for example `requester.email`; empty: the whole body.
    pub field: String,
    /// A stable code: `required`, `wrong_type`, `unknown_value`, `too_long`, `too_large`, `invalid`, …
    pub code: &'static str,
    /// The same in words.
    pub message: String,
}

impl FieldError {
    /// Names a wrong field.
    pub fn new(field: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        FieldError { field: field.into(), code, message: message.into() }
    }

    /// A field that must be given and was not.
    pub fn required(field: impl Into<String>) -> Self {
        FieldError::new(field, "required", "must be given")
    }
}

impl Problem {
    /// An answer with this code.
    pub fn new(code: Code) -> Self {
        Problem {
            shown: Box::new(Shown {
                kind: format!("/docs/problems#{}", code.code),
                title: code.title,
                status: code.status,
                detail: None,
                code: code.code,
                errors: Vec::new(),
                request_id: request_id(),
                more: serde_json::Map::new(),
            }),
            retry_after_s: (code.status == 503).then_some(2),
            source: None,
        }
    }

    /// Says more about this occurrence; never what came from inside.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.shown.detail = Some(detail.into());
        self
    }

    /// A 422 that names the wrong fields.
    pub fn validation(errors: Vec<FieldError>) -> Self {
        let mut problem = Problem::new(codes::VALIDATION_FAILED);
        problem.shown.errors = errors;
        problem
    }

    /// Names wrong fields under another code.
    pub fn with_errors(mut self, errors: Vec<FieldError>) -> Self {
        self.shown.errors = errors;
        self
    }

    /// A 422 about one field.
    pub fn field(field: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        Problem::validation(vec![FieldError::new(field, code, message)])
    }

    /// Adds a member that this code has beside the usual ones (RFC 9457, 3.2).
    pub fn with(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.shown.more.insert(name.to_owned(), value.into());
        self
    }

    /// Answers with another status than its code's: for callers who understand few of them.
    pub fn status(mut self, status: u16) -> Self {
        self.shown.status = status;
        if status != 503 && status != 429 {
            self.retry_after_s = None;
        }
        self
    }

    /// Says when to try again.
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// Keeps the error behind it for the log.
    pub fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// A 500: the cause goes to the log alone.
    pub fn internal(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Problem::new(codes::INTERNAL_ERROR).caused_by(source)
    }

    /// Returns the stable code.
    pub fn code(&self) -> &'static str {
        self.shown.code
    }

    /// Returns what the client sees.
    pub fn shown(&self) -> &Shown {
        &self.shown
    }

    fn log(&self) {
        let Some(source) = &self.source else { return };
        let chain = chain(&**source);
        match self.shown.status {
            // A human must act.
            500 => tracing::error!(code = self.shown.code, error = chain, "request failed"),
            503 => tracing::warn!(code = self.shown.code, error = chain, "request failed"),
            _ => tracing::debug!(code = self.shown.code, error = chain, "request refused"),
        }
    }
}

/// Returns an error and all its sources, outermost first.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(e) = source {
        text.push_str(": ");
        text.push_str(&e.to_string());
        source = e.source();
    }
    text
}

impl From<Code> for Problem {
    fn from(code: Code) -> Self {
        Problem::new(code)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.log();
        let status = self.shown.http_status();
        let mut response = (status, Json(&*self.shown)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.shown.status == 401 {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(Arc::<Shown>::from(self.shown));
        response
    }
}
