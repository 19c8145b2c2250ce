//! Whose a ticket is, who takes part in it, what of it becomes a ticket of its own, and until when it is put off.

use super::Answer;
use super::input::nullable;
use super::tickets::{CreatedAnswer, changed, judged, reference, whole};
use crate::Api;
use crate::extract::{Caller, ExpectedVersion, Json, Path};
use crate::problem::{FieldError, Problem};
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use shared::access::{Actor, Capability};
use shared::app::App;
use shared::clock::Time;
use shared::ids::{AttachmentId, IncidentId, MessageId, TicketId, UserId};
use shared::redact::Redaction;
use shared::tickets::bulk::{self, Act};
use shared::tickets::snooze::{self, Until};
use shared::tickets::{self, Participation, Whom};

/// Whose a ticket is to be.
#[derive(Debug, Deserialize)]
pub struct RequesterBody {
    email: Option<String>,
    name: Option<String>,
    requester: Option<Given>,
    expected_version: Option<i64>,
}

/// Somebody by address.
#[derive(Debug, Deserialize)]
pub struct Given {
    /// The address.
    pub email: String,
    /// The name, if they are new.
    pub name: Option<String>,
}

/// `POST /api/support/tickets/{id}/requester {email, name}`.
///
/// # Errors
/// 401, 403, 404, 409, 422.
pub async fn set_requester(
    State(api): State<Api>,
    caller: Caller,
    Path(which): Path<String>,
    version: ExpectedVersion,
    body: Result<Json<RequesterBody>, Problem>,
) -> Answer {
    let (app, actor, which) = (&api.app, caller.actor(), reference(&which));
    let Json(b) = judged(app, actor, &which, Capability::TicketsUpdate, body).await?;
    let given = b.requester.or(b.email.map(|email| Given { email, name: b.name }));
    let given = given.ok_or_else(|| Problem::validation(vec![FieldError::required("email")]));
    let given = judged(app, actor, &which, Capability::TicketsUpdate, given).await?;
    let expected = version.or_body(b.expected_version)?;
    let id = tickets::set_requester(app, actor, &which, &given.email, given.name.as_deref(), expected).await?;
    changed(app, actor, &id.into()).await
}

/// Tags to put on and to take off.
#[derive(Debug, Deserialize)]
pub struct TagsBody {
    #[serde(default)]
    add: Vec<String>,
    #[serde(default)]
    remove: Vec<String>,
    expected_version: Option<i64>,
}

/// `POST /api/support/tickets/{id}/tags {add, remove}`.
///
/// # Errors
/// 401, 403, 404, 409, 422.
pub async fn change_tags(
    State(api): State<Api>,
    caller: Caller,
    Path(which): Path<String>,
    version: ExpectedVersion,
    body: Result<Json<TagsBody>, Problem>,
) -> Answer {
    let (app, actor, which) = (&api.app, caller.actor(), reference(&which));
    let Json(b) = judged(app, actor, &which, Capability::TicketsTag, body).await?;
    let expected = version.or_body(b.expected_version)?;
    let id = tickets::change_tags(app, actor, &which, &b.add, &b.remove, expected).await?;
    changed(app, actor, &id.into()).await
}

/// Whom to add, to accept or to remove.
#[derive(Debug, Deserialize)]
pub struct ParticipantBody {
    user_id: Option<i64>,
    email: Option<String>,
    name: Option<String>,
    #[serde(default)]
    remove: bool,
    expected_version: Option<i64>,
}

/// `POST /api/support/tickets/{id}/participants {email, name | user_id, remove}`: adds, accepts or removes somebody.
///
/// # Errors
/// 401, 403, 404, 409, 422.
pub async fn set_participant(
    State(api): State<Api>,
    caller: Caller,
    Path(which): Path<String>,
    version: ExpectedVersion,
    body: Result<Json<ParticipantBody>, Problem>,
) -> Answer {
    let (app, actor, which) = (&api.app, caller.actor(), reference(&which));
    let Json(b) = judged(app, actor, &which, Capability::TicketsUpdate, body).await?;
    let whom = match (b.user_id, b.email) {
        (Some(id), _) => Ok(Whom::User(UserId(id))),
        (None, Some(email)) => Ok(Whom::Address(email, b.name)),
        (None, None) => Err(Problem::validation(vec![FieldError::required("email")])),
    };
    let whom = judged(app, actor, &which, Capability::TicketsUpdate, whom).await?;
    let to = if b.remove { Participation::Removed } else { Participation::Accepted };
    let expected = version.or_body(b.expected_version)?;
    let id = tickets::set_participant(app, actor, &which, whom, to, expected).await?;
    Ok(axum::Json(whole(app, actor, &id.into()).await?))
}

/// Where a ticket goes.
#[derive(Debug, Deserialize)]
pub struct MergeBody {
    #[serde(alias = "into_id", alias = "target", alias = "ticket_id", alias = "pid")]
    into: Option<Named>,
    expected_version: Option<i64>,
}

/// A ticket as a body names it: by id or by PID.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Named {
    /// By row id.
    Id(i64),
    /// By PID, or an id in quotes.
    Text(String),
}

/// `POST /api/support/tickets/{id}/merge {into}`: 200 and the ticket that goes on for both.
///
/// # Errors
/// 401, 403, 404, 409, 422.
pub async fn merge(
    State(api): State<Api>,
    caller: Caller,
    Path(which): Path<String>,
    version: ExpectedVersion,
    body: Result<Json<MergeBody>, Problem>,
) -> Answer {
    let (app, actor, which) = (&api.app, caller.actor(), reference(&which));
    let Json(b) = judged(app, actor, &which, Capability::TicketsMerge, body).await?;
    let into = match b.into {
        Some(Named::Id(id)) => Ok(TicketId(id).into()),
        Some(Named::Text(text)) => Ok(reference(&text)),
        None => Err(Problem::validation(vec![FieldError::required("into")])),
    };
    let into = judged(app, actor, &which, Capability::TicketsMerge, into).await?;
    let expected = version.or_body(b.expected_version)?;
    let id = tickets::merge(app, actor, &which, &into, expected).await?;
    Ok(axum::Json(whole(app, actor, &id.into()).await?))
}

/// `POST /api/support/tickets/{id}/unmerge`: 200 and the ticket, with what it had before.
///
/// # Errors
/// 401, 403, 404, 409 `cannot_undo`.
pub async fn unmerge(
    State(api): State<Api>,
    caller: Caller,
    Path(which): Path<String>,
    version: ExpectedVersion,
) -> Answer {
    let (app, actor, which) = (&api.app, caller.actor(), reference(&which));
    let id = tickets::unmerge(app, actor, &which, version.or_body(None)?).await?;
    Ok(axum::Json(whole(app, actor, &id.into()).await?))
}

/// What is taken out of a message.
#[derive(Debug, Deserialize)]
pub struct RedactBody {
    message_id: Option<MessageId>,
    #[serde(default)]
    words: Vec<String>,
    #[serde(default)]
    attachments: Vec<AttachmentId>,
    expected_version: Option<i64>,
}

/// `POST /api/support/tickets/{id}/redact {message_id, words, attachments}`: takes words or files of a message out for good;
/// 200 and the ticket.
///
/// # Errors
/// 401, 403, 404, 409, 422.
pub async fn redact(
    State(api): State<Api>,
    caller: Caller,
    Path(which): Path<String>,
    version: ExpectedVersion,
    body: Result<Json<RedactBody>, Problem>,
) -> Answer {
    let (app, actor, which) = (&api.app, caller.actor(), reference(&which));
    let Json(b) = judged(app, actor, &which, Capability::TicketsRedact, body).await?;
    let message = b.message_id.ok_or_else(|| Problem::validation(vec![FieldError::required("message_id")]));
    let message = judged(app, actor, &which, Capability::TicketsRedact, message).await?;
    let expected_version = version.or_body(b.expected_version)?;
    let what = Redaction { message, words: b.words, files: b.attachments, expected_version };
    shared::redact::redact(app, actor, &which, what).await?;
    Ok(axum::Json(whole(app, actor, &which).await?))
}

/// What of a ticket becomes one of its own.
#[derive(Debug, Deserialize)]
pub struct SplitBody {
    #[serde(default, alias = "messages")]
    message_ids: Vec<MessageId>,
    #[serde(alias = "title")]
    subject: Option<String>,
    expected_version: Option<i64>,
}

/// `POST /api/support/tickets/{id}/split {message_ids, subject}`: 201 and the new ticket.
///
/// # Errors
/// 401, 403, 404, 409, 422.
pub async fn split(
    State(api): State<Api>,
    caller: Caller,
    Path(which): Path<String>,
    version: ExpectedVersion,
    body: Result<Json<SplitBody>, Problem>,
) -> CreatedAnswer {
    let (app, actor, which) = (&api.app, caller.actor(), reference(&which));
    let Json(b) = judged(app, actor, &which, Capability::TicketsMerge, body).await?;
    let expected = version.or_body(b.expected_version)?;
    let id = tickets::split(app, actor, &which, &b.message_ids, b.subject.as_deref(), expected).await?;
    Ok((StatusCode::CREATED, axum::Json(whole(app, actor, &id.into()).await?)))
}

/// The incident that a ticket is linked to: null is none.
#[derive(Debug, Deserialize)]
pub struct LinkBody {
    #[serde(default, deserialize_with = "nullable", alias = "incident")]
    incident_id: Option<Option<IncidentId>>,
    expected_version: Option<i64>,
}

/// `POST /api/support/tickets/{id}/link-incident {incident_id}`.
///
/// # Errors
/// 401, 403, 404, 409, 422.
pub async fn link_incident(
    State(api): State<Api>,
    caller: Caller,
    Path(which): Path<String>,
    version: ExpectedVersion,
    body: Result<Json<LinkBody>, Problem>,
) -> Answer {
    let (app, actor, which) = (&api.app, caller.actor(), reference(&which));
    let Json(b) = judged(app, actor, &which, Capability::TicketsLinkIncident, body).await?;
    let incident = b.incident_id.ok_or_else(|| Problem::validation(vec![FieldError::required("incident_id")]));
    let incident = judged(app, actor, &which, Capability::TicketsLinkIncident, incident).await?;
    let expected = version.or_body(b.expected_version)?;
    let id = shared::incidents::link(app, actor, &which, incident, expected).await?;
    changed(app, actor, &id.into()).await
}

/// Until when a ticket is put off.
#[derive(Debug, Deserialize)]
pub struct SnoozeBody {
    #[serde(default, deserialize_with = "nullable")]
    until: Option<Option<Time>>,
    words: Option<String>,
    time_zone: Option<String>,
    expected_version: Option<i64>,
}

/// `POST /api/support/tickets/{id}/snooze {until | words, time_zone}`: puts a ticket off; `until: null` wakes it.
///
/// # Errors
/// 401, 403, 404, 409, 422.
pub async fn snooze(
    State(api): State<Api>,
    caller: Caller,
    Path(which): Path<String>,
    version: ExpectedVersion,
    body: Result<Json<SnoozeBody>, Problem>,
) -> Answer {
    let (app, actor, which) = (&api.app, caller.actor(), reference(&which));
    let Json(b) = judged(app, actor, &which, Capability::TicketsUpdate, body).await?;
    let expected = version.or_body(b.expected_version)?;
    let until = match (b.until, b.words) {
        (Some(None), None) => Ok(None),
        (Some(Some(at)), None) => Until::at(at).map(Some).map_err(Problem::from),
        (None, Some(words)) => read_until(app, actor, &words, b.time_zone.as_deref()).await.map(Some),
        (None, None) => Err(Problem::validation(vec![FieldError::required("until")])),
        (Some(_), Some(_)) => Err(Problem::field("words", "invalid", "either until or words")),
    };
    let until = judged(app, actor, &which, Capability::TicketsUpdate, until).await?;
    bulk::act(app, actor, &which, &Act::Snooze(until), expected).await?;
    changed(app, actor, &which).await
}

/// Reads when somebody means, in their time zone.
///
/// # Errors
/// 422.
pub async fn read_until(app: &App, actor: &Actor, words: &str, zone: Option<&str>) -> Result<Until, Problem> {
    let zone = snooze::zone(app, actor, zone).await?;
    Ok(Until::read(words, &zone)?)
}
