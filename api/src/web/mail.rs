//! Mail in and out, for operators: what arrived and why it is where it is; what went out and what became of it.

use super::form_data::FormData;
use super::format;
use super::format::{Now, When};
use super::mail_flow::{self, FlowLine};
use super::parts::{Choice, Fact, Step, TicketLink, choices};
use super::reader::{self, Visit};
use super::render::{self, Page};
use super::replay::{self, Replay};
use super::spam_rules;
use super::words::{self, Fate};
use crate::Api;
use crate::extract::{Path, Query};
use crate::json::mails::{released, view_as};
use crate::problem::{Problem, codes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};
use shared::access::Capability;
use shared::app::health::flow;
use shared::clock::Time;
use shared::i18n::{self, Locale};
use shared::ids::{MailId, OutboxId};
use shared::imap_accounts;
use shared::mail_in::explain::{self, Sentence};
use shared::mail_in::types::Spam;
use shared::mail_in::{self, InboundMail, MailFilter, MailState, Trace, deceit};
use shared::mail_out::kinds::OutboxState;
use shared::mail_out::outbox::read::{self, Listed, OutboxFilter};
use shared::mail_out::outbox::{self, OutboxMail};

/// How many mails a page lists.
const PAGE: i64 = 50;
/// States that want somebody's decision.
const FAILED: [OutboxState; 4] =
    [OutboxState::Dead, OutboxState::Bounced, OutboxState::Complained, OutboxState::Suppressed];
/// States of mail that is still on its way.
const WAITING: [OutboxState; 5] =
    [OutboxState::Held, OutboxState::Queued, OutboxState::Sending, OutboxState::Deferred, OutboxState::MaybeSent];
/// States of mail whose bytes left.
const LEFT: [OutboxState; 4] =
    [OutboxState::Sent, OutboxState::MaybeSent, OutboxState::Bounced, OutboxState::Complained];

/// `mail.hbs`
#[derive(Debug, Clone, Default, Serialize)]
pub struct MailPage {
    /// The list of arrivals, on that tab.
    pub inbound: Option<InboundList>,
    /// The outbox, on that tab.
    pub outbox: Option<OutboxList>,
    /// Whether something is open beside the list.
    pub side: bool,
    /// The arrival that is open.
    pub mail: Option<Inbound>,
    /// The outbox mail that is open.
    pub letter: Option<Letter>,
    /// What was just done.
    pub done: Option<String>,
    /// Whether there is another page.
    pub paged: bool,
    /// The first page, if this is a later one.
    pub newest: Option<String>,
    /// The next page.
    pub next: Option<String>,
}

/// A filter of a list.
#[derive(Debug, Clone, Serialize)]
pub struct StateFilter {
    /// The word's key.
    pub key: &'static str,
    /// The list with it.
    pub href: String,
    /// Whether it is on.
    pub current: bool,
}

/// Arrivals.
#[derive(Debug, Clone, Serialize)]
pub struct InboundList {
    /// How many mails wait for a decision about their failure in the outbox; 0 says nothing.
    pub failures: i64,
    /// What waits, and how fetched mailboxes are.
    pub flow: Vec<FlowLine>,
    /// The filters.
    pub states: Vec<StateFilter>,
    /// Where the rules on spam are, for who may set them.
    pub spam_rules: Option<&'static str>,
    /// The rows.
    pub rows: Vec<InboundRow>,
}

/// One arrival in the list.
#[derive(Debug, Clone, Serialize)]
pub struct InboundRow {
    /// Its row id.
    pub id: i64,
    /// Its subject.
    pub subject: String,
    /// Its author.
    pub from: String,
    /// What was decided, in words.
    pub outcome: String,
    /// How that looks: `warn`, `bad`, or none.
    pub chip: Option<&'static str>,
    /// Why.
    pub reason: String,
    /// Its ticket.
    pub ticket: Option<TicketLink>,
    /// Whether the sender is who the mail says.
    pub verdict: String,
    /// By which door it came.
    pub door: String,
    /// When.
    pub at: When,
    /// Whether it is the open one.
    pub current: bool,
}

/// One arrival with its decision trace.
#[derive(Debug, Clone, Serialize)]
pub struct Inbound {
    /// Its row id.
    pub id: i64,
    /// Its subject.
    pub subject: String,
    /// What was decided, in words.
    pub outcome: String,
    /// How that looks.
    pub outcome_class: Option<&'static str>,
    /// Its ticket.
    pub ticket: Option<TicketLink>,
    /// Why it is here, in one sentence.
    pub why: String,
    /// What each stage decided.
    pub trace: Vec<Step>,
    /// What is known of it.
    pub facts: Vec<Fact>,
    /// Where its bytes are, for who may see them.
    pub original: Option<String>,
    /// Its text, on its own page.
    pub reading: Option<Reading>,
    /// Reading it again, on its own page, for who may.
    pub replay: Option<Replay>,
    /// Where to let it out of quarantine, for who may.
    pub release: Option<String>,
}

/// A mail's text, read with a charset of choice (E2.1).
#[derive(Debug, Clone, Serialize)]
pub struct Reading {
    /// The page.
    pub action: String,
    /// The charsets to choose from.
    pub charsets: Vec<Choice>,
    /// The subject, read so.
    pub subject: String,
    /// The text, read so.
    pub text: String,
}

/// Charsets that mail comes in without saying so rightly.
const CHARSETS: [&str; 18] = [
    "utf-8",
    "windows-1252",
    "iso-8859-2",
    "windows-1250",
    "windows-1251",
    "koi8-r",
    "windows-1253",
    "windows-1254",
    "windows-1255",
    "windows-1256",
    "iso-8859-15",
    "iso-2022-jp",
    "shift_jis",
    "euc-jp",
    "gb18030",
    "big5",
    "euc-kr",
    "windows-874",
];

/// The outbox.
#[derive(Debug, Clone, Serialize)]
pub struct OutboxList {
    /// The filters.
    pub states: Vec<StateFilter>,
    /// The rows.
    pub rows: Vec<OutboxRow>,
}

/// One outbox mail in the list.
#[derive(Debug, Clone, Serialize)]
pub struct OutboxRow {
    /// Its row id.
    pub id: i64,
    /// The recipient.
    pub to: String,
    /// Its ticket's public id.
    pub pid: Option<String>,
    /// Its subject.
    pub subject: String,
    /// Its kind.
    pub kind: String,
    /// Its state.
    pub state: String,
    /// How that looks: `warn`, `bad`, or none.
    pub chip: Option<&'static str>,
    /// The icon.
    pub glyph: &'static str,
    /// What happened, in words.
    pub text: String,
    /// The code that the other side gave.
    pub code: Option<String>,
    /// When.
    pub at: When,
    /// What can be done: `retry`, `cancel`.
    pub acts: Vec<&'static str>,
    /// Whether it is the open one.
    pub current: bool,
}

/// One outbox mail with its tries.
#[derive(Debug, Clone, Serialize)]
pub struct Letter {
    /// Its row id.
    pub id: i64,
    /// What is known of it.
    pub facts: Vec<Fact>,
    /// Its ticket.
    pub ticket: Option<TicketLink>,
    /// The mail as it left, for who may see it.
    pub original: Option<String>,
    /// The tries at sending it.
    pub attempts: Vec<Attempt>,
}

/// One try at sending.
#[derive(Debug, Clone, Serialize)]
pub struct Attempt {
    /// When.
    pub at: When,
    /// What came of it, in words.
    pub text: String,
    /// What the other side said.
    pub evidence: Option<String>,
}

/// Returns what was decided about an arrival: the outcome's text, or `kept`.
pub fn outcome(mail: &InboundMail) -> &'static str {
    mail.outcome.map_or("kept", |o| o.as_str())
}

fn subject(locale: Locale, subject: Option<&str>) -> String {
    match subject.map(str::trim).filter(|s| !s.is_empty()) {
        Some(subject) => deceit::shown(subject),
        None => i18n::text(locale, "no-subject", &[]),
    }
}

impl InboundRow {
    /// Returns an arrival as a line of the list.
    pub fn new(locale: Locale, now: Now, mail: &InboundMail, open: bool) -> InboundRow {
        let from = mail.from_name.as_deref().filter(|n| !n.is_empty()).or(mail.from_email.as_deref());
        InboundRow {
            id: mail.id.0,
            subject: subject(locale, mail.subject.as_deref()),
            from: from.map_or_else(|| i18n::text(locale, "somebody", &[]), deceit::shown),
            outcome: i18n::word(locale, "outcome", outcome(mail)),
            chip: words::outcome_chip(outcome(mail)),
            reason: mail.reason.clone().unwrap_or_default(),
            ticket: mail.pid.as_deref().map(TicketLink::new),
            verdict: mail.verdict.map_or("none", |v| v.as_str()).to_owned(),
            door: mail.door.as_str().to_owned(),
            at: When::new(locale, mail.received_at, now),
            current: open,
        }
    }
}

impl Inbound {
    /// Returns an arrival with its decision trace. `raw`: whether the reader may have its bytes.
    pub fn new(locale: Locale, now: Now, mail: &InboundMail, raw: bool) -> Inbound {
        let trace = mail.steps();
        let list = |json: &str| serde_json::from_str::<Vec<String>>(json).unwrap_or_default().join(", ");
        let sender = match (&mail.from_name, &mail.from_email) {
            (Some(name), Some(email)) => format!("{name} <{email}>"),
            (name, email) => name.clone().or(email.clone()).unwrap_or_default(),
        };
        let envelope = format!("{} → {}", mail.envelope_from.as_deref().unwrap_or_default(), list(&mail.envelope_to));
        let facts = [
            ("from", deceit::shown(&sender)),
            ("envelope", if envelope.trim() == "→" { String::new() } else { envelope }),
            ("received", When::new(locale, mail.received_at, now).exact),
            ("erased", mail.erased_at.map(|at| When::new(locale, at, now).exact).unwrap_or_default()),
            ("class", mail.class.map(|c| i18n::word(locale, "class", c.as_str())).unwrap_or_default()),
            ("verdict", mail.verdict.map(|v| i18n::word(locale, "verdict", v.as_str())).unwrap_or_default()),
            ("message_id", mail.message_id.clone().unwrap_or_default()),
            (
                "size",
                if mail.erased_at.is_some() {
                    String::new()
                } else {
                    format::size(locale, mail.size_bytes.unsigned_abs())
                },
            ),
            ("flags", list(&mail.flags)),
            ("duplicate_of", mail.duplicate_of.map(|id| id.to_string()).unwrap_or_default()),
            ("variant_of", mail.variant_of.map(|id| id.to_string()).unwrap_or_default()),
            ("error", mail.error.clone().unwrap_or_default()),
        ];
        Inbound {
            id: mail.id.0,
            subject: subject(locale, mail.subject.as_deref()),
            outcome: i18n::word(locale, "outcome", outcome(mail)),
            outcome_class: words::outcome_chip(outcome(mail)),
            ticket: mail.pid.as_deref().map(TicketLink::new),
            why: explain::headline(locale, mail.outcome, &trace),
            trace: steps(locale, &trace),
            facts: known(facts),
            original: (raw && mail.erased_at.is_none()).then(|| format!("/dashboard/mail/{}/original", mail.id)),
            reading: None,
            replay: None,
            release: None,
        }
    }
}

/// Returns the trace as steps of the page.
fn steps(locale: Locale, trace: &Trace) -> Vec<Step> {
    let step = |s: Sentence| Step { stage: s.stage, text: s.text, evidence: s.evidence };
    explain::sentences(locale, trace).into_iter().map(step).collect()
}

fn known<const N: usize>(facts: [(&'static str, String); N]) -> Vec<Fact> {
    facts.into_iter().filter(|(_, v)| !v.is_empty()).map(|(key, value)| Fact { key, value }).collect()
}

impl OutboxRow {
    /// Returns an outbox mail as a line of the list. `may_act`: whether the reader may retry and cancel.
    pub fn new(locale: Locale, now: Now, listed: &Listed, open: bool, may_act: bool) -> OutboxRow {
        let mail = &listed.mail;
        let next = next_try(locale, now, mail);
        let fate = Fate {
            state: mail.state,
            code: mail.reply_code,
            enhanced: mail.enhanced.as_deref(),
            next: next.as_ref().map(|w| w.short.as_str()),
        };
        OutboxRow {
            id: mail.id.0,
            to: mail.to_email.clone(),
            pid: listed.pid.clone(),
            subject: subject(locale, Some(&mail.subject)),
            kind: mail.kind.as_str().to_owned(),
            state: mail.state.as_str().to_owned(),
            chip: words::state_chip(mail.state),
            glyph: words::state_glyph(mail.state),
            text: fate.text(locale),
            code: fate.codes(),
            at: When::new(locale, mail.sent_at.unwrap_or(mail.created_at), now),
            acts: if may_act { words::state_acts(mail.state) } else { Vec::new() },
            current: open,
        }
    }
}

/// Returns when a deferred mail is tried again.
pub fn next_try(locale: Locale, now: Now, mail: &OutboxMail) -> Option<When> {
    let due = mail.due_at.filter(|_| mail.state == OutboxState::Deferred)?;
    Some(When::new(locale, due, now))
}

impl Letter {
    /// Returns an outbox mail with its tries. `raw`: whether the reader may have its bytes.
    pub fn new(locale: Locale, now: Now, listed: &Listed, tries: &[read::Attempt], raw: bool) -> Letter {
        let mail = &listed.mail;
        let attempt = |a: &read::Attempt| {
            let codes = Fate { state: mail.state, code: a.code, enhanced: a.enhanced.as_deref(), next: None }.codes();
            // The relay's line mostly begins with the codes already.
            let said = a.text.trim();
            let evidence = match codes {
                Some(codes) if !said.starts_with(&codes) => format!("{codes} {said}"),
                _ => said.to_owned(),
            };
            Attempt {
                at: When::new(locale, a.at, now),
                text: i18n::word(locale, "attempt", &a.result),
                evidence: Some(evidence.trim().to_owned()).filter(|e| !e.is_empty()),
            }
        };
        let exact = |at: Option<Time>| at.map(|at| When::new(locale, at, now).exact).unwrap_or_default();
        let facts = [
            ("to", mail.to_email.clone()),
            ("subject", mail.subject.clone()),
            ("kind", i18n::word(locale, "mail-kind", mail.kind.as_str())),
            ("state", i18n::word(locale, "delivery", mail.state.as_str())),
            ("message_id", mail.message_id.clone()),
            ("created", exact(Some(mail.created_at))),
            ("sent", exact(mail.sent_at)),
            ("next", next_try(locale, now, mail).map(|w| w.exact).unwrap_or_default()),
        ];
        Letter {
            id: mail.id.0,
            facts: known(facts),
            ticket: listed.pid.as_deref().map(TicketLink::new),
            original: (raw && LEFT.contains(&mail.state))
                .then(|| format!("/dashboard/mail/outbox/{}/original", mail.id)),
            attempts: tries.iter().map(attempt).collect(),
        }
    }
}

/// The address's parameters.
#[derive(Debug, Default, Deserialize)]
pub struct Params {
    state: Option<String>,
    before: Option<i64>,
    did: Option<String>,
    charset: Option<String>,
    replay: Option<String>,
}

impl Params {
    fn state(&self) -> &str {
        self.state.as_deref().unwrap_or("all")
    }
}

/// `GET /dashboard/mail`
///
/// # Errors
/// 401, 403 without `support.mail.read`.
pub async fn inbound(State(api): State<Api>, visit: Visit, Query(params): Query<Params>) -> Result<Response, Problem> {
    show_inbound(&api, &visit, &params, None).await
}

/// `GET /dashboard/mail/{id}`
///
/// # Errors
/// 401, 403, 404 `mail_not_found`.
pub async fn inbound_one(
    State(api): State<Api>,
    visit: Visit,
    Path(id): Path<MailId>,
    Query(params): Query<Params>,
) -> Result<Response, Problem> {
    show_inbound(&api, &visit, &params, Some(id)).await
}

async fn show_inbound(api: &Api, visit: &Visit, params: &Params, id: Option<MailId>) -> Result<Response, Problem> {
    let actor = visit.actor()?;
    let open = match id {
        Some(id) => {
            let found = mail_in::get(&api.app, actor.rows(), id).await?;
            Some(found.ok_or_else(|| Problem::new(codes::MAIL_NOT_FOUND))?)
        }
        None => None,
    };
    actor.require(Capability::MailRead)?;
    let replay = match &open {
        Some(mail) if actor.can(Capability::MailReplay) && mail.erased_at.is_none() => {
            Some(replay::compared(api, visit.locale, mail, params.replay.is_some()).await?)
        }
        _ => None,
    };
    let reading = match &open {
        Some(mail) if mail.erased_at.is_none() => Some(reading(api, visit, mail.id, params.charset.as_deref()).await?),
        _ => None,
    };
    let state = match params.state() {
        "quarantined" => Some(MailState::Quarantined),
        "failed" => Some(MailState::Failed),
        "kept" => Some(MailState::Kept),
        _ => None,
    };
    // What was held as spam, not what was released since (E5.10).
    let spam = (params.state() == "spam").then_some(Spam::Held);
    let filter = MailFilter { state, spam, before: params.before.map(MailId), ..MailFilter::default() };
    let mut mails = mail_in::list(&api.app, actor.rows(), &filter, PAGE + 1).await?;
    let more = mails.len() as i64 > PAGE;
    mails.truncate(PAGE as usize);
    let failed = OutboxFilter { states: FAILED[..2].to_vec(), ..OutboxFilter::default() };
    let failures = outbox::list(&api.app, actor, &failed, 100).await?.len() as i64;
    let next = mails.last().filter(|_| more).map(|m| link("/dashboard/mail", params.state(), m.id.0));
    let flow = flow::flow_of(&api.app, actor).await?;
    let accounts = match actor.can(Capability::MailboxesManage) {
        true => imap_accounts::list(&api.app, actor, None, 100, 0).await?,
        false => Vec::new(),
    };
    let row = |m: &InboundMail| InboundRow::new(visit.locale, visit.now, m, Some(m.id) == id);
    let may_release = actor.can(Capability::MailReplay);
    let page = MailPage {
        inbound: Some(InboundList {
            failures,
            flow: mail_flow::lines(visit.locale, *visit.now, &flow, &accounts),
            states: filters("/dashboard/mail", &["all", "quarantined", "spam", "failed", "kept"], params.state()),
            spam_rules: actor.can(Capability::SettingsManage).then_some(spam_rules::HERE),
            rows: mails.iter().map(row).collect(),
        }),
        side: open.is_some(),
        mail: open.map(|m| Inbound {
            reading,
            replay,
            release: (may_release && m.is_releasable()).then(|| format!("/dashboard/mail/{}/release", m.id)),
            ..Inbound::new(visit.locale, visit.now, &m, actor.can(Capability::MailRaw))
        }),
        done: done(visit.locale, params.did.as_deref()),
        paged: next.is_some() || params.before.is_some(),
        newest: params.before.map(|_| "/dashboard/mail".to_owned()),
        next,
        ..MailPage::default()
    };
    Ok(render::page(StatusCode::OK, &visit.shell("mail"), &page))
}

/// The charsets to choose from, which bear their own names in every language; one that was asked for by hand too.
fn charsets(locale: Locale, chosen: &str) -> Vec<Choice> {
    let mut all = choices(locale, "", &[], chosen, Some("view-as-declared"));
    let asked = Some(chosen).filter(|c| !c.is_empty() && !CHARSETS.contains(c));
    all.extend(CHARSETS.into_iter().chain(asked).map(|c| Choice {
        value: c.to_owned(),
        label: c.to_owned(),
        chosen: c == chosen,
    }));
    all
}

/// Reads a mail's text again, as the chosen charset if there is one (E2.1).
async fn reading(api: &Api, visit: &Visit, id: MailId, charset: Option<&str>) -> Result<Reading, Problem> {
    let read = mail_in::understood(&api.app, id).await?;
    let chosen = charset.unwrap_or_default().trim();
    let mail = if chosen.is_empty() { read.mail } else { view_as(&read, chosen)? };
    Ok(Reading {
        action: format!("/dashboard/mail/{id}"),
        charsets: charsets(visit.locale, chosen),
        subject: deceit::shown(&mail.subject),
        text: format::text_html(mail.body_text.trim()),
    })
}

/// `POST /dashboard/mail/{id}/release`
///
/// # Errors
/// 401, 403 without `support.mail.replay`, 404 `mail_not_found`, 409 `mail_not_releasable`.
pub async fn release(
    State(api): State<Api>,
    visit: Visit,
    Path(id): Path<MailId>,
    _: FormData,
) -> Result<Response, Problem> {
    let actor = visit.actor()?;
    let mail = mail_in::get(&api.app, actor.rows(), id).await?;
    let mail = mail.ok_or_else(|| Problem::new(codes::MAIL_NOT_FOUND))?;
    actor.require(Capability::MailReplay)?;
    released(&api, actor, &mail).await?;
    Ok(Redirect::to(&with_did(&format!("/dashboard/mail/{id}"), "release")).into_response())
}

/// `GET /dashboard/mail/outbox`
///
/// # Errors
/// 401, 403 without `support.mail.read`.
pub async fn outbox_list(
    State(api): State<Api>,
    visit: Visit,
    Query(params): Query<Params>,
) -> Result<Response, Problem> {
    show_outbox(&api, &visit, &params, None).await
}

/// `GET /dashboard/mail/outbox/{id}`
///
/// # Errors
/// 401, 403, 404 `outbox_mail_not_found`.
pub async fn outbox_one(
    State(api): State<Api>,
    visit: Visit,
    Path(id): Path<OutboxId>,
    Query(params): Query<Params>,
) -> Result<Response, Problem> {
    show_outbox(&api, &visit, &params, Some(id)).await
}

async fn show_outbox(api: &Api, visit: &Visit, params: &Params, id: Option<OutboxId>) -> Result<Response, Problem> {
    let actor = visit.actor()?;
    let letter = match id {
        Some(id) => {
            let found = outbox::find(&api.app, actor, id).await?;
            let tries = read::attempts(&api.app.db, actor.rows(), &[id]).await?;
            Some(Letter::new(visit.locale, visit.now, &found, &tries, actor.can(Capability::MailRaw)))
        }
        None => None,
    };
    actor.require(Capability::MailRead)?;
    let states = match params.state() {
        "waiting" => WAITING.to_vec(),
        "failed" => FAILED.to_vec(),
        "sent" => vec![OutboxState::Sent],
        _ => Vec::new(),
    };
    let filter = OutboxFilter { states, before: params.before.map(OutboxId), ..OutboxFilter::default() };
    let mut mails = outbox::list(&api.app, actor, &filter, PAGE + 1).await?;
    let more = mails.len() as i64 > PAGE;
    mails.truncate(PAGE as usize);
    let next = mails.last().filter(|_| more).map(|l| link("/dashboard/mail/outbox", params.state(), l.mail.id.0));
    let may_act = actor.can(Capability::MailReplay);
    let row = |l: &Listed| OutboxRow::new(visit.locale, visit.now, l, Some(l.mail.id) == id, may_act);
    let page = MailPage {
        outbox: Some(OutboxList {
            states: filters("/dashboard/mail/outbox", &["all", "waiting", "failed", "sent"], params.state()),
            rows: mails.iter().map(row).collect(),
        }),
        side: letter.is_some(),
        letter,
        done: done(visit.locale, params.did.as_deref()),
        paged: next.is_some() || params.before.is_some(),
        newest: params.before.map(|_| "/dashboard/mail/outbox".to_owned()),
        next,
        ..MailPage::default()
    };
    Ok(render::page(StatusCode::OK, &visit.shell("mail"), &page))
}

/// `POST /dashboard/mail/outbox/{id}/retry`
///
/// # Errors
/// 401, 403 without `support.mail.replay`, 404, 409 `too_late`.
pub async fn retry(
    State(api): State<Api>,
    visit: Visit,
    Path(id): Path<OutboxId>,
    form: FormData,
) -> Result<Response, Problem> {
    outbox::retry(&api.app, visit.actor()?, id, None).await?;
    Ok(back(&form, "retry"))
}

/// `POST /dashboard/mail/outbox/{id}/cancel`
///
/// # Errors
/// As [`retry`].
pub async fn cancel(
    State(api): State<Api>,
    visit: Visit,
    Path(id): Path<OutboxId>,
    form: FormData,
) -> Result<Response, Problem> {
    outbox::cancel(&api.app, visit.actor()?, id).await?;
    Ok(back(&form, "cancel"))
}

fn back(form: &FormData, did: &str) -> Response {
    let to = reader::own_path(form.get("back")).unwrap_or("/dashboard/mail/outbox");
    Redirect::to(&with_did(to, did)).into_response()
}

/// Returns an address of ours that says what was done there.
pub fn with_did(path: &str, did: &str) -> String {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let kept: Vec<&str> = query.split('&').filter(|p| !p.is_empty() && !p.starts_with("did=")).collect();
    let query = kept.into_iter().map(str::to_owned).chain([format!("did={did}")]).collect::<Vec<_>>().join("&");
    format!("{path}?{query}")
}

/// Returns what was just done, in words.
pub fn done(locale: Locale, did: Option<&str>) -> Option<String> {
    i18n::lookup(locale, &format!("did-{}", did?), &[])
}

fn link(path: &str, state: &str, before: i64) -> String {
    format!("{path}?state={state}&before={before}")
}

fn filters(path: &str, keys: &[&'static str], current: &str) -> Vec<StateFilter> {
    let one = |key: &&'static str| StateFilter { key, href: format!("{path}?state={key}"), current: *key == current };
    keys.iter().map(one).collect()
}

impl Page for MailPage {
    const TEMPLATE: &'static str = "mail";
    fn title(&self, locale: Locale) -> String {
        i18n::text(locale, if self.outbox.is_some() { "outbox" } else { "mail" }, &[])
    }
    #[cfg(test)]
    fn samples() -> Vec<Self> {
        tests::pages()
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// Returns one arrival.
    pub fn inbound() -> Inbound {
        let step = |e: Option<&str>| Step {
            stage: "Match".into(),
            text: "The subject names a ticket.".into(),
            evidence: e.map(Into::into),
        };
        Inbound {
            id: 17,
            subject: "Fwd: your message".into(),
            outcome: "new ticket".into(),
            outcome_class: Some("warn"),
            ticket: Some(TicketLink::new("202611-0001")),
            why: "Joined a ticket.".into(),
            trace: vec![step(Some("E4.4")), step(None)],
            facts: vec![Fact { key: "from", value: "a@b.example".into() }],
            original: Some("/dashboard/mail/17/original".into()),
            reading: Some(Reading {
                action: "/dashboard/mail/17".into(),
                charsets: vec![Choice { value: "koi8-r".into(), label: "koi8-r".into(), chosen: true }],
                subject: "Fwd: your message".into(),
                text: "text".into(),
            }),
            replay: Some(replay::sample()),
            release: Some("/dashboard/mail/17/release".into()),
        }
    }

    /// Returns the page in all its forms.
    pub fn pages() -> Vec<MailPage> {
        let now = shared::clock::now();
        let at = When::new(Locale::En, now, now);
        let row = InboundRow {
            id: 17,
            subject: "Fwd".into(),
            from: "a@b.example".into(),
            outcome: "new ticket".into(),
            chip: None,
            reason: "E4.4".into(),
            ticket: Some(TicketLink::new("202611-0001")),
            verdict: "none".into(),
            door: "raw".into(),
            at: at.clone(),
            current: true,
        };
        let bad = InboundRow { id: 18, chip: Some("bad"), ticket: None, current: false, ..row.clone() };
        let filter = |key| StateFilter { key, href: "/dashboard/mail".into(), current: true };
        let line = |bad| FlowLine { text: "Held back: 2".into(), bad };
        let list = InboundList {
            failures: 2,
            flow: vec![line(true), line(false)],
            states: vec![filter("all")],
            spam_rules: Some(spam_rules::HERE),
            rows: vec![row, bad],
        };
        let out = OutboxRow {
            id: 3,
            to: "a@b.example".into(),
            pid: Some("202611-0001".into()),
            subject: "Re: x".into(),
            kind: "reply".into(),
            state: "dead".into(),
            chip: Some("bad"),
            glyph: "warn",
            text: "No such mailbox".into(),
            code: Some("550 5.1.1".into()),
            at: at.clone(),
            acts: vec!["retry", "cancel"],
            current: true,
        };
        let plain = OutboxRow { id: 4, pid: None, code: None, acts: vec![], current: false, ..out.clone() };
        let tries = vec![
            Attempt { at: at.clone(), text: "refused".into(), evidence: Some("550".into()) },
            Attempt { at, text: "no answer".into(), evidence: None },
        ];
        let letter = Letter {
            id: 3,
            facts: vec![Fact { key: "message_id", value: "x@y".into() }],
            ticket: Some(TicketLink::new("202611-0001")),
            original: Some("/dashboard/mail/outbox/3/original".into()),
            attempts: tries,
        };
        let outbox = OutboxList { states: vec![filter("all")], rows: vec![out, plain] };
        vec![
            MailPage {
                inbound: Some(list.clone()),
                side: true,
                mail: Some(inbound()),
                paged: true,
                newest: Some("/dashboard/mail".into()),
                next: Some("/dashboard/mail?cursor=1".into()),
                ..MailPage::default()
            },
            MailPage {
                inbound: Some(InboundList { failures: 0, flow: vec![], rows: vec![], spam_rules: None, ..list }),
                ..MailPage::default()
            },
            MailPage {
                outbox: Some(outbox.clone()),
                side: true,
                letter: Some(letter.clone()),
                done: Some("Queued again".into()),
                ..MailPage::default()
            },
            MailPage {
                outbox: Some(OutboxList { rows: vec![], ..outbox }),
                letter: Some(Letter { attempts: vec![], ticket: None, ..letter }),
                side: true,
                ..MailPage::default()
            },
        ]
    }
}
