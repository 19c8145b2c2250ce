//! Replay: today's pipeline over the octets that were kept, with envelope, time and authentication as of then (E14.3).
//!
//! By default only the difference is told. What a mail *says* (text, trimming, files, subject) is a view, which can be
//! renewed in place; what it *is* and where it *went* (class, ticket) is proposed to people, never changed. Nothing here
//! sends, moves a clock or gives anything a new id, and a second run finds nothing left to do.

mod lines;
mod sql;
#[cfg(test)]
mod tests;
mod upgrade;
mod view;

pub use upgrade::after_upgrade;

use super::decide::{self, Decision, Read};
use super::explain;
use super::outcome::{MailState, Outcome};
use super::types::Spam;
use super::{Applied, Error, InboundMail, Ingest, PIPELINE, Trace, keep, process};
use crate::access::Actor;
use crate::app::App;
use crate::audit::{self, AuditKind, Entry};
use crate::clock::Time;
use crate::compiled_here;
use crate::ids::MailId;
use crate::store::Scope;
use crate::text_enum;
use serde::Serialize;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

text_enum! {
    /// What a replay may change.
    pub enum Mode ("replay mode") {
        /// Nothing: it tells the difference.
        Diff = "diff",
        /// A mail that could not be decided is decided, without any mail going out.
        ApplyFailed = "apply-failed" | "apply_failed",
        /// What a mail says is written anew.
        ApplyView = "apply-view" | "apply_view",
    }
}

/// Something that today's pipeline sees otherwise.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// Of what: a field of the mail, or `message.…` of the message that it became.
    pub field: &'static str,
    /// As it stands.
    pub stored: Json,
    /// As it is read today.
    pub today: Json,
    /// It is for people to act on: no replay changes it.
    pub proposed: bool,
}

/// What a replay found and did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Replayed {
    /// The arrival.
    pub mail_id: MailId,
    /// What was allowed.
    pub mode: Mode,
    /// What differed when it began.
    pub differences: Vec<Difference>,
    /// Whether anything was changed.
    pub applied: bool,
    /// What became of the mail, as it stands now.
    pub outcome: Option<Outcome>,
}

/// Replays one mail.
///
/// # Errors
/// `NotFound` if there is none with this id; else if a store refuses.
#[compiled_here]
pub async fn replay(app: &App, ingest: &Ingest, id: MailId, mode: Mode) -> Result<Replayed, Error> {
    let stored = super::get(app, Scope::All, id).await?.ok_or(Error::NotFound)?;
    let mut kept = keep::load(app, id).await?;
    kept.quiet = true;
    let is_decided = matches!(stored.state, MailState::Applied | MailState::Quarantined);
    if is_decided {
        // Nobody is asked about a mail of long ago: its domain's keys are others now.
        kept.authentication.get_or_insert_with(super::authenticate::Authentication::unknown);
    }
    let mut done = Replayed { mail_id: id, mode, differences: Vec::new(), applied: false, outcome: stored.outcome };
    if !is_decided {
        if mode == Mode::ApplyFailed {
            let Applied { outcome, .. } = process(app, ingest, kept).await;
            done.applied = outcome.is_some_and(|o| o != Outcome::Failed);
            done.outcome = outcome.or(stored.outcome);
            return Ok(done);
        }
        let read = decide::read(app, kept).await?;
        let foreseen = explain::foresee_kept(app, read).await?;
        let today = json!(foreseen.outcome());
        done.differences.push(Difference { field: "outcome", stored: json!(stored.outcome), today, proposed: false });
        return Ok(done);
    }
    let read = decide::read(app, kept).await?;
    done.differences = of_mail(&stored, &read);
    done.differences.extend(of_spam(app, &stored, &read).await?);
    let view = view::compare(app, &stored, &read).await?;
    done.differences.extend(view.differences.iter().cloned());
    if stored.pipeline < PIPELINE {
        done.differences.extend(of_thread(app, &stored, read.clone()).await?);
    }
    if mode == Mode::ApplyView && done.differences.iter().any(|d| !d.proposed) {
        view::apply(app, &stored, &read, view).await?;
        done.applied = true;
    }
    Ok(done)
}

/// Replays a mail for somebody who may: what was changed stands in the audit, with who did it.
///
/// # Errors
/// As [`replay`].
#[compiled_here]
pub async fn replay_by(
    app: &App,
    ingest: &Ingest,
    actor: &Actor,
    mail: &InboundMail,
    mode: Mode,
) -> Result<Replayed, Error> {
    let done = replay(app, ingest, mail.id, mode).await?;
    if done.applied {
        let fields: Vec<&str> = done.differences.iter().filter(|d| !d.proposed).map(|d| d.field).collect();
        let entry = Entry {
            tenant: Some(mail.tenant_id),
            kind: AuditKind::MailReplayed,
            subject: format!("mail:{}", mail.id),
            data: json!({"mode": mode, "fields": fields, "outcome": done.outcome}),
        };
        let mut tx = app.db.write(Scope::Tenant(mail.tenant_id)).await?;
        audit::record(&mut tx, actor, entry).await?;
        tx.commit().await?;
    }
    Ok(done)
}

/// Returns the arrivals after `after`, oldest first, at most `n`, those before `since` left out.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn arrivals(app: &App, after: MailId, since: Option<Time>, n: i64) -> Result<Vec<MailId>, Error> {
    Ok(sql::arrivals(&app.db, after, since, n).await?)
}

/// What differs in what the mail itself was understood to be.
fn of_mail(stored: &InboundMail, read: &Read) -> Vec<Difference> {
    let mail = &read.mail;
    let mut found = Vec::new();
    let mut compare = |field, stored: Json, today: Json, proposed| {
        if stored != today {
            found.push(Difference { field, stored, today, proposed });
        }
    };
    compare("class", json!(stored.class), json!(read.classified.class), true);
    compare("verdict", json!(stored.verdict), json!(read.verdict), true);
    compare("message_id", json!(stored.message_id), json!(mail.message_id), true);
    compare("from.email", json!(stored.from_email), json!(mail.from.as_ref().map(|f| text(&f.email))), true);
    let name = mail.from.as_ref().and_then(|f| f.name.as_deref()).map(text);
    compare("from.name", json!(stored.from_name), json!(name), false);
    let subject = text(&super::apply::cut(&mail.subject));
    compare("subject", json!(stored.subject.clone().unwrap_or_default()), json!(subject), false);
    let (before, now) = (flags(stored, read), today_flags(read));
    compare("flags", json!(before), json!(now), false);
    found
}

/// Whether today's rules and those whom we believe today take it for spam (E5.10). What somebody released is settled, and
/// what its own domain asked to be taken for spam (E11.3) is no matter of these.
async fn of_spam(app: &App, stored: &InboundMail, read: &Read) -> Result<Option<Difference>, Error> {
    let by_others = stored.reason.as_deref().is_some_and(|r| r != decide::SPAM);
    if stored.released_at.is_some() || by_others || stored.outcome == Some(Outcome::Duplicate) {
        return Ok(None);
    }
    let known = super::known::gather(&mut app.db.reader(Scope::All).await?, &app.keys, &[read]).await?;
    let was = stored.spam.unwrap_or(Spam::None);
    let today = match super::spam::judge(read, &known) {
        Some(told) if told.spam && was == Spam::None => Spam::Held,
        Some(told) if told.spam => was,
        _ => Spam::None,
    };
    Ok((was != today).then(|| Difference { field: "spam", stored: json!(was), today: json!(today), proposed: true }))
}

/// The stored flags that reading gave. Deciding adds others, which are no concern of reading.
fn flags(stored: &InboundMail, read: &Read) -> BTreeSet<String> {
    let all: BTreeSet<String> = serde_json::from_str(&stored.flags).unwrap_or_default();
    let now = today_flags(read);
    // What parsing remarked stands in the trace too.
    let steps = stored.steps();
    let parsed = steps.0.iter().find(|l| l.stage == "parse").map(|l| l.result.as_str()).unwrap_or_default();
    let parsed: BTreeSet<&str> = parsed.split(", ").collect();
    all.into_iter().filter(|f| parsed.contains(f.as_str()) || now.contains(f)).collect()
}

fn today_flags(read: &Read) -> BTreeSet<String> {
    let flags = read.mail.flags.iter().chain(&read.mail.defects).cloned();
    flags.chain(read.classified.flags.iter().map(|f| (*f).to_owned())).collect()
}

/// Where today's rules would lead it, if they are newer than those that decided. A ticket that the mail itself opened is
/// no evidence.
async fn of_thread(app: &App, stored: &InboundMail, read: Read) -> Result<Vec<Difference>, Error> {
    let opened = stored.ticket_id.filter(|_| stored.outcome == Some(Outcome::TicketCreated));
    if stored.state == MailState::Quarantined || stored.outcome == Some(Outcome::Duplicate) {
        return Ok(Vec::new());
    }
    let mut known = super::known::gather(&mut app.db.reader(Scope::All).await?, &app.keys, &[&read]).await?;
    if let Some(own) = opened {
        known.forget(own);
    }
    let now_in = stored.ticket_id.and_then(|t| known.survivor(t)).map(|t| t.id).or(stored.ticket_id);
    let decision = decide::decide(&read, &known, &mut Trace::default());
    let today = match &decision {
        Decision::Join(joining) => Some(joining.ticket),
        Decision::Sent { ticket } => Some(*ticket),
        Decision::Report { ticket, .. } | Decision::Loop { ticket } => *ticket,
        Decision::Open(_) => opened,
        Decision::Duplicate { .. } | Decision::Quarantine { .. } | Decision::Probe { .. } => now_in,
    };
    if today == now_in {
        return Ok(Vec::new());
    }
    let told = |t: Option<crate::ids::TicketId>| json!(t.map(|t| known.pid(t)));
    let (stored, today) = (json!(stored.pid), told(today));
    Ok(vec![Difference { field: "ticket", stored, today, proposed: true }])
}

/// A text as the databases keep it (E1.6).
fn text(value: &str) -> String {
    value.replace('\0', "\u{fffd}")
}
