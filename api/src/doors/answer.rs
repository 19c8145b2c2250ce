//! What a door says: to each provider in the statuses that it understands (E10.1). A wrong word loses mail, or has it
//! sent again for days.

use super::PATIENCE;
use crate::Api;
use crate::problem::{Problem, codes};
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use shared::mail_in::{self, Applied, Arrival};
use shared::store::Scope;
use std::time::Duration;

/// How one door talks.
#[derive(Debug, Clone, Copy)]
pub struct Manners {
    /// The door's name in logs and metrics.
    pub door: &'static str,
    /// Said of a mail that is kept but not decided yet.
    pub kept: StatusCode,
    /// Said when it is our fault: the provider comes again.
    pub again: u16,
    /// Said of what can never be taken; None: what HTTP has for it.
    pub never: Option<u16>,
    /// Said of a wrong signature; None: 401.
    pub unsigned: Option<u16>,
    /// How long the provider waits for an answer: after that it takes us for dead.
    pub patience: Duration,
}

impl Manners {
    /// A door that speaks plain HTTP.
    pub const PLAIN: Manners = Manners {
        door: "raw",
        kept: StatusCode::ACCEPTED,
        again: 503,
        never: None,
        unsigned: None,
        patience: PATIENCE,
    };
    /// Mailgun takes 200 for yes and 406 for never; for all else it comes again, for 8 hours.
    pub const MAILGUN: Manners = Manners { door: "mailgun", kept: StatusCode::OK, never: Some(406), ..Manners::PLAIN };
    /// Postmark takes 200 for yes and 403 for never; for all else it comes 10 times.
    pub const POSTMARK: Manners =
        Manners { door: "postmark", kept: StatusCode::OK, never: Some(403), ..Manners::PLAIN };
    /// SendGrid drops what is answered 4xx, and comes again for 3 days after 5xx.
    pub const SENDGRID: Manners = Manners { door: "sendgrid", kept: StatusCode::OK, ..Manners::PLAIN };
    /// SNS comes again after 5xx, not after 4xx.
    pub const SES: Manners =
        Manners { door: "ses", kept: StatusCode::OK, never: Some(403), unsigned: Some(403), ..Manners::PLAIN };
    /// The worker throws at 5xx and 401, so that the sender's server comes again, and rejects at 406.
    pub const CLOUDFLARE: Manners =
        Manners { door: "cloudflare", kept: StatusCode::OK, never: Some(406), ..Manners::PLAIN };

    /// Postal bounces what is answered 5xx, and hangs up after 5 s; `busy` is what makes it come again.
    pub fn postal(busy: u16) -> Manners {
        Manners {
            door: "postal",
            kept: StatusCode::OK,
            again: busy,
            never: Some(501),
            patience: Duration::from_millis(3500),
            ..Manners::PLAIN
        }
    }

    /// Gives a refusal the status that the provider understands.
    pub fn refuse(&self, problem: Problem) -> Response {
        let status = match problem.shown().status {
            s @ (401 | 403) => self.unsigned.unwrap_or(s),
            429 | 500.. => self.again,
            s => self.never.unwrap_or(s),
        };
        problem.status(status).into_response()
    }

    /// The door's answer.
    pub fn answer(&self, result: Result<Response, Problem>) -> Response {
        result.unwrap_or_else(|problem| self.refuse(problem))
    }
}

/// Keeps the mail, waits a while for its fate, and tells it.
///
/// # Errors
/// If it could not be kept.
pub async fn deliver(api: &Api, arrival: Arrival, manners: Manners) -> Result<Response, Problem> {
    Ok(tell(&fate(api, arrival, manners.patience).await?, manners, None))
}

/// As [`deliver`]; the answer has the mail's trace, too (E10.4).
///
/// # Errors
/// If it could not be kept.
pub async fn deliver_explained(api: &Api, arrival: Arrival, manners: Manners) -> Result<Response, Problem> {
    let applied = fate(api, arrival, manners.patience).await?;
    let mail = mail_in::get(&api.app, Scope::All, applied.mail_id).await?;
    let trace = mail.and_then(|m| serde_json::from_str(&m.trace).ok()).unwrap_or_else(|| json!([]));
    Ok(tell(&applied, manners, Some(trace)))
}

async fn fate(api: &Api, arrival: Arrival, patience: Duration) -> Result<Applied, Problem> {
    // The route's limit allows for what a form adds around the octets.
    if arrival.raw.len() > api.app.config.max_mail_bytes {
        return Err(Problem::new(codes::MAIL_TOO_LARGE));
    }
    let kept = api.ingest.keep(arrival).await?;
    let first = kept.first().map(|k| k.id);
    let (app, ingest) = (api.app.clone(), api.ingest.clone());
    // A task of its own: a client that hangs up must not stop a mail half-way.
    let work = tokio::spawn(async move {
        let mut applied = None;
        for kept in kept {
            let one = mail_in::process(&app, &ingest, kept).await;
            applied.get_or_insert(one);
        }
        applied
    });
    match tokio::time::timeout(patience, work).await {
        Ok(Ok(Some(applied))) => Ok(applied),
        // Kept all the same: the worker finishes it.
        Ok(Ok(None) | Err(_)) | Err(_) => {
            Ok(Applied::not_yet(first.ok_or_else(|| Problem::internal("a kept mail has an arrival"))?))
        }
    }
}

fn tell(applied: &Applied, manners: Manners, trace: Option<Value>) -> Response {
    let mut told = match applied.outcome {
        None => json!({"outcome": "kept", "mail_id": applied.mail_id}),
        Some(outcome) => json!({
            "outcome": outcome,
            "mail_id": applied.mail_id,
            "ticket_id": applied.ticket_id,
            "pid": applied.pid,
            "ticket_message_id": applied.ticket_message_id,
        }),
    };
    if let Some(trace) = trace {
        told["trace"] = trace;
    }
    let status = if applied.outcome.is_some() { StatusCode::OK } else { manners.kept };
    (status, Json(told)).into_response()
}

/// Says that there was nothing in it for us.
pub fn ignored(why: &'static str) -> Response {
    Json(json!({"outcome": "ignored", "reason": why})).into_response()
}

/// A body that no provider would send.
pub fn unusable(detail: impl Into<String>) -> Problem {
    Problem::new(codes::MALFORMED_REQUEST).detail(detail)
}
