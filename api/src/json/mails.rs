//! Received mail: what came in, what was understood, what was decided and why.

use super::Answer;
use super::input::{json, parsed};
use super::outbox::mail_bytes;
use super::tickets::reference;
use crate::Api;
use crate::extract::page::{List, cursor};
use crate::extract::{Caller, Page, Path, Query, Unread};
use crate::problem::{Problem, codes};
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::access::{Actor, Capability};
use shared::app::App;
use shared::i18n::Locale;
use shared::ids::MailId;
use shared::mail_in::decide::Read;
use shared::mail_in::explain;
use shared::mail_in::release::{self, Released};
use shared::mail_in::replay;
use shared::mail_in::types::{Address, Mail, Spam};
use shared::mail_in::{self, Applied, InboundMail, MailFilter, cards, parse};
use shared::tickets;

/// Which mails to list.
#[derive(Debug, Deserialize)]
pub struct Params {
    state: Option<String>,
    outcome: Option<String>,
    spam: Option<String>,
    ticket_id: Option<String>,
}

/// `GET /api/mails`: newest first.
///
/// # Errors
/// 400, 401, 403, 422 for an unknown state, outcome or spam.
pub async fn index(State(api): State<Api>, caller: Caller, page: Page, Query(p): Query<Params>) -> Answer {
    let (app, actor) = (&api.app, caller.actor());
    actor.require(Capability::MailRead)?;
    let given = |v: Option<String>| v.filter(|t| !t.is_empty());
    let ticket = match given(p.ticket_id) {
        Some(which) => Some(tickets::find(app, actor, &reference(&which)).await?),
        None => None,
    };
    let filter = MailFilter {
        state: given(p.state).map(|s| parsed("state", &s)).transpose()?,
        outcome: given(p.outcome).map(|s| parsed("outcome", &s)).transpose()?,
        spam: given(p.spam).map(|s| parsed("spam", &s)).transpose()?,
        ticket,
        before: page.after()?,
    };
    let mut mails = mail_in::list(app, actor.rows(), &filter, i64::from(page.limit) + 1).await?;
    let more = mails.len() > page.limit as usize;
    mails.truncate(page.limit as usize);
    let next_cursor = mails.last().filter(|_| more).map(|m| cursor(&m.id));
    let data = mails.iter().map(brief).collect();
    Ok(axum::Json(json(List::<Value> { data, next_cursor, total: None })))
}

/// An arrival as lists show it.
fn brief(m: &InboundMail) -> Value {
    json!({
        "id": m.id, "state": m.state, "outcome": m.outcome, "class": m.class, "verdict": m.verdict, "door": m.door,
        "reason": m.reason, "spam": m.spam.unwrap_or(Spam::None), "received_at": m.received_at, "envelope_from": m.envelope_from,
        "envelope_to": listed(&m.envelope_to), "message_id": m.message_id,
        "from": m.from_email.as_ref().map(|email| json!({"email": email, "name": m.from_name})),
        "subject": m.subject, "size_bytes": m.size_bytes, "ticket_id": m.ticket_id, "pid": m.pid,
        "ticket_message_id": m.ticket_message_id, "duplicate_of": m.duplicate_of, "variant_of": m.variant_of, "erased_at": m.erased_at,
    })
}

/// A stored JSON list.
fn listed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| json!([]))
}

/// Returns an arrival of the caller's scope.
async fn find(app: &App, actor: &Actor, id: i64, capability: Capability) -> Result<InboundMail, Problem> {
    let found = mail_in::get(app, actor.rows(), MailId(id)).await?;
    // What lies outside the scope must not be told apart by a 403.
    let found = found.ok_or_else(|| Problem::new(codes::MAIL_NOT_FOUND))?;
    actor.require(capability)?;
    Ok(found)
}

/// Refuses what needs the octets of a mail that was erased (E13.1).
fn left(m: &InboundMail) -> Result<(), Problem> {
    match m.erased_at {
        Some(_) => Err(Problem::new(codes::MAIL_ERASED)),
        None => Ok(()),
    }
}

/// How to read a mail.
#[derive(Debug, Deserialize)]
pub struct Chosen {
    /// A charset to read instead of the declared one (E2.1).
    charset: Option<String>,
}

/// Reads a mail again with another charset.
///
/// # Errors
/// 422 for a charset that is not known.
pub fn view_as(read: &Read, charset: &str) -> Result<Mail, Problem> {
    parse::parse_as(&read.kept.raw, charset)
        .ok_or_else(|| Problem::field("charset", "unknown_value", "is no charset that can be read"))
}

/// `GET /api/mails/{id}`: what was understood, whatever became of it; `charset` reads it as another one.
///
/// # Errors
/// 401, 403, 404; 422 for a charset that is not known.
pub async fn show(State(api): State<Api>, caller: Caller, Path(id): Path<i64>, Query(chosen): Query<Chosen>) -> Answer {
    let found = find(&api.app, caller.actor(), id, Capability::MailRead).await?;
    if found.erased_at.is_some() {
        // Nothing is left to be understood: the line tells when it came and what was decided.
        return Ok(axum::Json(brief(&found)));
    }
    let mut read = mail_in::understood(&api.app, found.id).await?;
    if let Some(charset) = chosen.charset.as_deref().filter(|c| !c.trim().is_empty()) {
        read.mail = view_as(&read, charset)?;
    }
    Ok(axum::Json(whole(&found, &read)))
}

/// DESIGN 6: filled from the bytes, so that it is whole for quarantined and failed mail too.
fn whole(m: &InboundMail, read: &Read) -> Value {
    let mail = &read.mail;
    let mut flags: Vec<String> = mail.flags.clone();
    let more = listed(&m.flags);
    let stored = more.as_array().into_iter().flatten().filter_map(Value::as_str);
    for flag in stored.chain(read.classified.flags.iter().copied()) {
        if !flags.iter().any(|f| f == flag) {
            flags.push(flag.to_owned());
        }
    }
    let attachments: Vec<Value> = mail
        .parts
        .iter()
        .enumerate()
        .map(|(i, p)| {
            json!({
                "id": i + 1, "filename": p.filename, "content_type": p.content_type, "size_bytes": p.bytes.len(),
                "inline": p.inline, "content_id": p.content_id, "unpacked_from": p.unpacked_from,
            })
        })
        .collect();
    let bounces: Vec<Value> = mail
        .bounces
        .iter()
        .map(|b| {
            json!({
                "recipient": b.recipient, "action": b.action, "status": b.status, "kind": b.kind,
                "diagnostic": b.diagnostic, "outbox_id": null,
            })
        })
        .collect();
    let mut shape = json!({
        "id": m.id, "state": m.state, "outcome": m.outcome, "reason": m.reason,
        "class": m.class.unwrap_or(read.classified.class), "verdict": m.verdict.unwrap_or(read.verdict),
        "spam": m.spam.unwrap_or(Spam::None), "door": m.door, "received_at": m.received_at, "size_bytes": m.size_bytes,
        "envelope_from": m.envelope_from, "envelope_to": listed(&m.envelope_to),
        "message_id": mail.message_id, "in_reply_to": mail.in_reply_to.first(), "references": mail.references,
        "date": mail.date, "from": mail.from.as_ref().map(person),
        "reply_to": people(&mail.reply_to), "to": people(&mail.to), "cc": people(&mail.cc),
        "subject": mail.subject, "body_text": mail.body_text, "body_html": mail.body_html,
        "visible_text": mail.visible_text, "attachments": attachments, "bounces": bounces,
        "forward": mail.forward, "flags": flags, "defects": mail.defects, "cards": cards::of(mail),
        "ticket_id": m.ticket_id, "pid": m.pid, "ticket_message_id": m.ticket_message_id,
        "authentication": m.authentication(), "pipeline": m.pipeline,
        "duplicate_of": m.duplicate_of, "variant_of": m.variant_of, "tries": m.tries, "next_try_at": m.next_try_at, "error": m.error,
        "decided_at": m.decided_at,
    });
    shape["released_at"] = json!(m.released_at);
    shape
}

fn person(a: &Address) -> Value {
    json!({"email": a.email, "name": a.name})
}

fn people(all: &[Address]) -> Value {
    all.iter().map(person).collect()
}

/// `GET /api/mails/{id}/raw`: the bytes as received. Looking at them is audited.
///
/// # Errors
/// 401, 403, 404.
pub async fn raw(State(api): State<Api>, caller: Caller, Path(id): Path<i64>) -> Result<Response, Problem> {
    let (_, octets) = looked_at(&api.app, caller.actor(), id).await?;
    Ok(mail_bytes(octets, &format!("mail-{id}.eml")))
}

/// Returns a mail and its bytes to who may look at them; that they did is audited.
///
/// # Errors
/// 403, 404 `mail_not_found`, 410 `mail_erased`.
pub async fn looked_at(app: &App, actor: &Actor, id: i64) -> Result<(InboundMail, bytes::Bytes), Problem> {
    let found = find(app, actor, id, Capability::MailRaw).await?;
    left(&found)?;
    let octets = mail_in::look_at(app, actor, &found).await?;
    Ok((found, octets))
}

/// In which language to explain.
#[derive(Debug, Deserialize)]
pub struct Language {
    locale: Option<String>,
}

/// The trace in sentences (E14.2): first the one that says it all, then each stage's.
fn why(locale: Locale, m: &InboundMail) -> Vec<String> {
    let trace = m.steps();
    let headline = explain::headline(locale, m.outcome, &trace);
    std::iter::once(headline).chain(explain::sentences(locale, &trace).into_iter().map(|s| s.text)).collect()
}

/// `GET /api/mails/{id}/explain`: in sentences, and each stage, the rule that fired, and what it was seen from.
///
/// # Errors
/// 401, 403, 404.
pub async fn explain(State(api): State<Api>, caller: Caller, Path(id): Path<i64>, Query(p): Query<Language>) -> Answer {
    let locale = p.locale.as_deref().map(|l| parsed("locale", l)).transpose()?.unwrap_or(Locale::En);
    let found = find(&api.app, caller.actor(), id, Capability::MailRead).await?;
    Ok(axum::Json(json!({
        "id": found.id, "state": found.state, "outcome": found.outcome, "reason": found.reason,
        "pipeline": found.pipeline, "authentication": found.authentication(),
        "why": why(locale, &found), "trace": listed(&found.trace),
    })))
}

/// What a replay may change; `diff` if nothing is said.
#[derive(Debug, Default, Deserialize)]
pub struct Replaying {
    mode: Option<String>,
}

/// `POST /api/mails/{id}/replay`: reads the mail again from its octets; tells, and with `mode` changes, what is different.
///
/// # Errors
/// 401, 403 without `support.mail.replay`, 404; 422 for an unknown mode.
pub async fn replay(State(api): State<Api>, caller: Caller, Path(id): Path<i64>, body: Unread) -> Answer {
    let found = find(&api.app, caller.actor(), id, Capability::MailReplay).await?;
    left(&found)?;
    let asked: Replaying = body.read()?;
    let mode = asked.mode.as_deref().map(|m| parsed("mode", m)).transpose()?.unwrap_or(replay::Mode::Diff);
    let done = replay::replay_by(&api.app, &api.ingest, caller.actor(), &found, mode).await?;
    Ok(axum::Json(json(done)))
}

/// `POST /api/mails/{id}/release`: lets a held mail out of quarantine, to land where it would have; again, it tells what
/// became of it (E5.10).
///
/// # Errors
/// 401, 403 without `support.mail.replay`, 404, 409 `mail_not_releasable` if it is not held or can be no message.
pub async fn release(State(api): State<Api>, caller: Caller, Path(id): Path<i64>) -> Answer {
    let found = find(&api.app, caller.actor(), id, Capability::MailReplay).await?;
    let applied = released(&api, caller.actor(), &found).await?;
    let mail = mail_in::get(&api.app, caller.actor().rows(), found.id).await?;
    let mail = mail.ok_or_else(|| Problem::new(codes::MAIL_NOT_FOUND))?;
    Ok(axum::Json(json!({
        "id": mail.id, "state": mail.state, "outcome": mail.outcome, "released_at": mail.released_at,
        "ticket_id": applied.ticket_id, "pid": applied.pid, "ticket_message_id": applied.ticket_message_id,
    })))
}

/// Releases a mail, or says that it was released before.
///
/// # Errors
/// 409 `mail_not_releasable`.
pub async fn released(api: &Api, actor: &Actor, mail: &InboundMail) -> Result<Applied, Problem> {
    match release::release(&api.app, &api.ingest, actor, mail).await? {
        Released::Now(applied) | Released::Before(applied) => Ok(applied),
        Released::Never => Err(Problem::new(codes::MAIL_NOT_RELEASABLE)),
    }
}
