//! Reading a received mail again, on its page: what is different today, and the button that writes it (E14.3).

use super::mail::with_did;
use super::reader::Visit;
use crate::Api;
use crate::extract::Path;
use crate::problem::{Problem, codes};
use crate::web::form_data::FormData;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Serialize;
use shared::access::Capability;
use shared::i18n::{self, Locale};
use shared::ids::MailId;
use shared::mail_in::replay::{self, Difference, Mode};
use shared::mail_in::{self, InboundMail, MailState};

/// How many lines of one difference the page shows.
const LINES: usize = 30;

/// A mail that can be read again.
#[derive(Debug, Clone, Serialize)]
pub struct Replay {
    /// Its page.
    pub action: String,
    /// Whether it was read again, so that `differences` says something.
    pub asked: bool,
    /// What is different today.
    pub differences: Vec<Differing>,
    /// What the button would do: `apply-view` or `apply-failed`; None if there is nothing that it may change.
    pub mode: Option<&'static str>,
}

/// One difference.
#[derive(Debug, Clone, Serialize)]
pub struct Differing {
    /// Of what, in words.
    pub field: String,
    /// Whether only people change it.
    pub proposed: bool,
    /// Lines that stand.
    pub stored: Vec<String>,
    /// Lines of today.
    pub today: Vec<String>,
    /// How many more lines there are.
    pub more: usize,
}

fn differing(locale: Locale, difference: &Difference) -> Differing {
    let (mut stored, mut today) = difference.lines();
    let more = stored.len().saturating_sub(LINES) + today.len().saturating_sub(LINES);
    stored.truncate(LINES);
    today.truncate(LINES);
    let key = difference.field.replace('.', "-");
    Differing { field: i18n::word(locale, "differs", &key), proposed: difference.proposed, stored, today, more }
}

/// Returns what reading a mail again today would change, if that is `asked`.
///
/// # Errors
/// As [`replay::replay`].
pub async fn compared(api: &Api, locale: Locale, mail: &InboundMail, asked: bool) -> Result<Replay, Problem> {
    let found = match asked {
        true => replay::replay(&api.app, &api.ingest, mail.id, Mode::Diff).await?.differences,
        false => Vec::new(),
    };
    let decided = matches!(mail.state, MailState::Applied | MailState::Quarantined);
    let mode = match decided {
        false => Some(Mode::ApplyFailed),
        true => found.iter().any(|d| !d.proposed).then_some(Mode::ApplyView),
    };
    Ok(Replay {
        action: format!("/dashboard/mail/{}", mail.id),
        asked,
        differences: found.iter().map(|d| differing(locale, d)).collect(),
        mode: mode.map(Mode::as_str),
    })
}

/// `POST /dashboard/mail/{id}/replay`
///
/// # Errors
/// 401, 403 without `support.mail.replay`, 404 `mail_not_found`, 422 for an unknown mode.
pub async fn replay_one(
    State(api): State<Api>,
    visit: Visit,
    Path(id): Path<MailId>,
    form: FormData,
) -> Result<Response, Problem> {
    let actor = visit.actor()?;
    let mail = mail_in::get(&api.app, actor.rows(), id).await?;
    let mail = mail.ok_or_else(|| Problem::new(codes::MAIL_NOT_FOUND))?;
    actor.require(Capability::MailReplay)?;
    let mode = form.get("mode").parse::<Mode>();
    let mode = mode.map_err(|_| Problem::field("mode", "unknown_value", "is not known"))?;
    let done = replay::replay_by(&api.app, &api.ingest, actor, &mail, mode).await?;
    let did = if done.applied { "replay" } else { "replay-nothing" };
    Ok(Redirect::to(&with_did(&format!("/dashboard/mail/{id}"), did)).into_response())
}

/// Returns one with everything.
#[cfg(test)]
pub fn sample() -> Replay {
    let one =
        Differing { field: "Text".into(), proposed: true, stored: vec!["a".into()], today: vec!["b".into()], more: 2 };
    Replay {
        action: "/dashboard/mail/17".into(),
        asked: true,
        differences: vec![one.clone(), Differing { proposed: false, more: 0, ..one }],
        mode: Some("apply-view"),
    }
}
