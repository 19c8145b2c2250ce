//! Trying out incoming mail, in development: paste or choose one, deliver it, and see what was decided and why.

use super::error;
use super::form_data::FormData;
use super::mail::Inbound;
use super::parts::Refused;
use super::reader::Visit;
use super::render::{self, Page};
use super::samples::{self, Context, Ours};
use crate::Api;
use crate::extract::Query;
use crate::problem::{Problem, codes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};
use shared::i18n::{self, Locale};
use shared::ids::MailId;
use shared::mail_in::types::Facts;
use shared::mail_in::{self, Arrival, Door, parse};
use shared::mail_out::kinds::Kind;
use shared::mail_out::outbox::read::{self, OutboxFilter};
use shared::store::Scope;

/// `dev_inbound.hbs`
#[derive(Debug, Clone, Default, Serialize)]
pub struct DevInboundPage {
    /// The samples.
    pub samples: Vec<Sample>,
    /// MAIL FROM.
    pub from: String,
    /// RCPT TO.
    pub to: String,
    /// The mail's source.
    pub source: String,
    /// What became of the one just delivered.
    pub mail: Option<Inbound>,
    /// Why it was refused.
    pub refused: Option<Refused>,
}

/// One sample, named by `sample-<key>`.
#[derive(Debug, Clone, Serialize)]
pub struct Sample {
    /// The word's key.
    pub key: &'static str,
    /// Whether it is in the form.
    pub current: bool,
}

/// The address's parameters.
#[derive(Debug, Default, Deserialize)]
pub struct Params {
    sample: Option<String>,
    mail: Option<i64>,
}

/// `GET /dev/inbound`
///
/// # Errors
/// 404 unless at one's own machine in development.
pub async fn show(State(api): State<Api>, visit: Visit, Query(params): Query<Params>) -> Result<Response, Problem> {
    visit.developer()?;
    let mail = match params.mail {
        Some(id) => mail_in::get(&api.app, Scope::All, MailId(id)).await?,
        None => None,
    };
    let key = params.sample.as_deref().unwrap_or("plain");
    let sample = sample(&api, &visit, key).await?.ok_or_else(|| Problem::new(codes::NOT_FOUND))?;
    let page = DevInboundPage {
        samples: choices(key),
        from: sample.from,
        to: sample.to,
        source: sample.raw,
        mail: mail.map(|m| Inbound::new(visit.locale, visit.now, &m, true)),
        refused: None,
    };
    Ok(render::page(StatusCode::OK, &visit.shell("inbound"), &page))
}

/// `POST /dev/inbound`: delivers the mail by the very same way as a door.
///
/// # Errors
/// 404 unless at one's own machine in development; 503 if the mail could not be kept.
pub async fn deliver(State(api): State<Api>, visit: Visit, form: FormData) -> Result<Response, Problem> {
    visit.developer()?;
    if form.get("raw").is_empty() {
        let problem = Problem::field("raw", "required", "a mail");
        let page = DevInboundPage {
            samples: choices(""),
            from: form.get("from").to_owned(),
            to: form.get("to").to_owned(),
            refused: Some(error::refused(visit.locale, problem.shown(), |_| Some("raw"))),
            ..Default::default()
        };
        return Ok(render::page(StatusCode::UNPROCESSABLE_ENTITY, &visit.shell("inbound"), &page));
    }
    let facts = Facts {
        envelope_from: Some(form.get("from").to_owned()),
        envelope_to: form.get("to").split(',').map(str::trim).filter(|a| !a.is_empty()).map(str::to_owned).collect(),
        ..Facts::default()
    };
    // What mail programs send: CRLF, whatever the form's own line ends.
    let raw = form.text("raw").replace('\n', "\r\n");
    let arrival = Arrival { door: Door::Raw, door_ref: None, tenant: None, facts, raw: raw.into() };
    let applied = mail_in::receive(&api.app, &api.ingest, arrival).await?;
    Ok(Redirect::to(&format!("/dev/inbound?mail={}", applied.mail_id)).into_response())
}

fn choices(current: &str) -> Vec<Sample> {
    samples::KEYS.iter().map(|key| Sample { key, current: *key == current }).collect()
}

/// Returns a sample; those that answer take the newest reply of ours, else the newest mail of any kind.
async fn sample(api: &Api, visit: &Visit, key: &str) -> Result<Option<samples::Sample>, Problem> {
    let newest = read::list(&api.app.db, Scope::All, &OutboxFilter::default(), 50).await?;
    let mut sent = newest.iter().filter(|l| l.mail.sent_at.is_some());
    let reply = sent.clone().find(|l| l.mail.kind == Kind::Reply).or_else(|| sent.next());
    let octets = match reply {
        Some(listed) => read::octets(&api.app, Scope::All, listed.mail.id).await.map_err(Problem::internal)?,
        None => None,
    };
    let parsed = octets.as_deref().map(parse::parse);
    let ours = reply.zip(parsed.as_ref()).map(|(sent, mail)| Ours {
        message_id: &sent.mail.message_id,
        to: &sent.mail.to_email,
        reply_to: mail.reply_to.first().or(mail.from.as_ref()).map_or("", |a| &a.email),
        return_path: &sent.envelope_from,
        subject: &sent.mail.subject,
    });
    Ok(samples::build(key, &Context { mailbox: &api.app.config.mail_from, now: *visit.now, ours }))
}

impl Page for DevInboundPage {
    const TEMPLATE: &'static str = "dev_inbound";
    fn title(&self, locale: Locale) -> String {
        i18n::text(locale, "inbound-try", &[])
    }
    #[cfg(test)]
    fn samples() -> Vec<Self> {
        let fresh = DevInboundPage {
            samples: super::samples::KEYS.iter().map(|k| Sample { key: k, current: *k == "plain" }).collect(),
            ..Default::default()
        };
        let refused = Refused { text: "Too large.".into(), fields: vec![] };
        let done =
            DevInboundPage { mail: super::mail::tests::inbound().into(), refused: Some(refused), ..fresh.clone() };
        vec![fresh, done]
    }
}
