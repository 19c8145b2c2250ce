//! What a relay tells of mail that it took over: bounced, complained about, delayed, delivered (E9.11). Its word counts
//! as a delivery report with a token of ours, as it is signed; it never resends anything.
//!
//! A mail is recognised by the envelope sender that it was sent with (the bounce token), else by the same token in its
//! `X-Row`, else by the id that the relay gave it, else by our Message-ID. What is about no mail of ours changes nothing.

use super::types::BounceKind;
use super::{Error, bounce, keep, sql};
use crate::address;
use crate::app::App;
use crate::compiled_here;
use crate::doors::{self, Shown};
use crate::events::{By, EventKind};
use crate::ids::{OutboxId, TenantId};
use crate::mail_out::kinds::OutboxState;
use crate::mail_out::message_id;
use crate::mail_out::suppress::{self, FailureKind};
use crate::mail_out::token::{self, Token};
use crate::store::Scope;
use crate::text_enum;
use crate::tickets::Work;
use serde_json::json;

text_enum! {
    /// What happened to a mail after the relay took it.
    pub enum RelayNews ("relay event") {
        /// It came back, or will.
        Failed = "failed",
        /// It waits.
        Delayed = "delayed",
        /// The recipient's server took it.
        Delivered = "delivered",
        /// The recipient calls it abuse.
        Complained = "complained",
    }
}

/// One event about one recipient.
#[derive(Debug, Clone)]
pub struct RelayEvent {
    /// Who says so: `mailgun`, `postmark`, `ses`.
    pub relay: &'static str,
    /// The event's own id: the same one counts once.
    pub id: String,
    /// What happened.
    pub news: RelayNews,
    /// About whom.
    pub recipient: Option<String>,
    /// The enhanced status code.
    pub status: Option<String>,
    /// What the recipient's server said.
    pub diagnostic: Option<String>,
    /// Whether the relay itself calls a failure lasting, where neither status nor text says it.
    pub is_lasting: bool,
    /// The envelope sender that the mail was sent with.
    pub envelope_from: Option<String>,
    /// The id that the relay gave the mail.
    pub relay_id: Option<String>,
    /// The mail's `X-Row`, as we sent it: signed, whatever else the relay replaced.
    pub row: Option<String>,
    /// The mail's Message-ID, as we sent it.
    pub message_id: Option<String>,
}

/// How many events changed something, were known before, or concern no mail of ours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Told {
    /// New, and about mail of ours.
    pub recorded: usize,
    /// Told before.
    pub repeated: usize,
    /// About nothing of ours.
    pub unmatched: usize,
}

/// Records events, each in a transaction of its own.
///
/// # Errors
/// `Store`; events before the one that failed are recorded, and count as repeated when all are told again.
#[compiled_here]
pub async fn record(app: &App, events: &[RelayEvent]) -> Result<Told, Error> {
    let mut told = Told::default();
    for event in events {
        match one(app, event).await? {
            None => told.unmatched += 1,
            Some(Shown::First) => told.recorded += 1,
            Some(Shown::Again | Shown::Otherwise) => told.repeated += 1,
        }
    }
    Ok(told)
}

async fn one(app: &App, event: &RelayEvent) -> Result<Option<Shown>, Error> {
    let Some(sent) = find(app, event).await? else {
        tracing::info!(relay = event.relay, news = event.news.as_str(), "a relay's event concerns no mail of ours");
        return Ok(None);
    };
    let diagnostic = event.diagnostic.as_deref().unwrap_or_default();
    let kind = kind(event, diagnostic);
    let mut tx = app.db.write(Scope::Tenant(sent.tenant_id)).await?;
    let name = format!("{}-event", event.relay);
    let shown = doors::show_in(&mut tx, &name, &format!("{}/{}", event.id, sent.id), event.news.as_str()).await?;
    if shown != Shown::First {
        return Ok(Some(shown));
    }
    let mut work = Work::new(&app.keys);
    work.lock(&mut tx, &sent.ticket_id.into_iter().collect::<Vec<_>>()).await?;
    let now = work.now();
    let state = match event.news {
        RelayNews::Failed => Some(OutboxState::Bounced),
        RelayNews::Complained => Some(OutboxState::Complained),
        RelayNews::Delayed | RelayNews::Delivered => None,
    };
    // E9.9: whoever tells of it has it. It is never sent again.
    if state.is_none() && sql::settle_maybe(&mut tx, sent.id, now).await? {
        tracing::info!(
            outbox.id = sent.id.0,
            relay = event.relay,
            "a relay's event settles a mail that may have been sent"
        );
        if let Some(ticket) = sent.ticket_id.filter(|t| work.ticket(*t).is_some()) {
            let data = json!({"outbox_id": sent.id, "relay": event.relay, "result": "settled"});
            work.event(ticket, EventKind::MailSent, By::SYSTEM, data, None);
        }
    }
    if let Some(state) = state {
        sql::report_outbox(&mut tx, sent.id, state, event.diagnostic.as_deref(), now).await?;
    }
    let evidence = json!({"relay": event.relay, "event": event.id, "outbox_id": sent.id});
    match event.news {
        RelayNews::Complained => suppress::complained(&mut tx, sent.tenant_id, &sent.to_key, &evidence, now).await?,
        RelayNews::Failed => {
            let kind = match kind {
                BounceKind::Hard => Some(FailureKind::Hard),
                _ => FailureKind::of(event.status.as_deref(), diagnostic),
            };
            if let Some(kind) = kind {
                let email_key = sent.to_key.clone();
                let failure = suppress::Failure { tenant: sent.tenant_id, email_key, outbox: sent.id, kind, evidence };
                suppress::failed(&mut tx, &failure, now).await?;
            }
        }
        RelayNews::Delayed | RelayNews::Delivered => {}
    }
    if let Some(ticket) = sent.ticket_id.filter(|t| work.ticket(*t).is_some()) {
        let what = if event.news == RelayNews::Failed { EventKind::MailBounced } else { EventKind::MailReported };
        let data = json!({
            "relay": event.relay, "outbox_id": sent.id, "action": event.news, "status": event.status, "kind": kind,
            "verified": true,
        });
        let values = json!({"recipient": event.recipient, "diagnostic": event.diagnostic});
        work.event(ticket, what, By::SYSTEM, data, Some(values));
    }
    work.flush(&mut tx).await?;
    tx.commit().await?;
    Ok(Some(Shown::First))
}

/// E9.12: by the code, else by what was said; where neither tells, the relay's own word on whether it lasts.
fn kind(event: &RelayEvent, diagnostic: &str) -> BounceKind {
    if event.news == RelayNews::Complained {
        return BounceKind::Delivered;
    }
    match bounce::kind(event.news.as_str(), event.status.as_deref(), diagnostic) {
        BounceKind::Soft if event.is_lasting && event.status.is_none() && diagnostic.is_empty() => BounceKind::Hard,
        kind => kind,
    }
}

/// Finds the mail that an event is about.
async fn find(app: &App, event: &RelayEvent) -> Result<Option<sql::OutboxRef>, Error> {
    let mut db = app.db.read(Scope::All);
    let key = event.recipient.as_deref().map(address::key);
    if let Some(id) = by_token(app, event).await? {
        return Ok(sql::find_outbox(&mut db, &[id], &[]).await?.pop());
    }
    // What is ours is signed by its tenant: only that one's rows are looked at.
    let tenants = sql::tenant_ids(&mut db).await?;
    if let Some((tenant, id)) = event.row.as_deref().and_then(|row| by_row(app, &tenants, row)) {
        let found = sql::find_outbox(&mut db, &[id], &[]).await?;
        if let Some(found) = found.into_iter().find(|o| o.tenant_id == tenant) {
            return Ok(Some(found));
        }
    }
    if let Some(relay_id) = &event.relay_id {
        let bare = relay_id.trim().trim_start_matches('<').trim_end_matches('>');
        let short = bare.split('@').next().unwrap_or(bare);
        let found = sql::outbox_by_relay_id(&mut db, &[bare, short]).await?;
        if let Some(found) = of_recipient(found, key.as_deref()) {
            return Ok(Some(found));
        }
    }
    if let Some(id) = event.message_id.as_deref().and_then(super::parse::ids::normalise) {
        let ours: Vec<(TenantId, String)> = tenants
            .iter()
            .filter(|t| message_id::parse(&app.keys, **t, &id).is_some())
            .map(|t| (*t, id.clone()))
            .collect();
        let found = sql::find_outbox(&mut db, &[], &ours).await?;
        if let Some(found) = of_recipient(found, key.as_deref()) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The outbox mail that an `X-Row` names, and whose key signed that.
fn by_row(app: &App, tenants: &[TenantId], row: &str) -> Option<(TenantId, OutboxId)> {
    tenants.iter().find_map(|tenant| match token::parse(&app.keys, *tenant, row.trim()) {
        Ok(Token::Bounce { outbox }) => Some((*tenant, outbox)),
        _ => None,
    })
}

/// Returns the outbox mail that the envelope sender's bounce token names.
async fn by_token(app: &App, event: &RelayEvent) -> Result<Option<OutboxId>, Error> {
    let Some(sender) = &event.envelope_from else { return Ok(None) };
    let keys = keep::mailbox_keys(sender).into_iter().collect();
    let tenants = sql::mailboxes_by_key(&app.db, &keys).await?;
    let mut db = app.db.read(Scope::All);
    for crate::mail_in::recipients::Place { tenant, .. } in tenants.values() {
        let tags: Vec<&str> = super::decide::tags(sender).collect();
        let handles = crate::mail_out::handle::resolve(&mut db, *tenant, tags.iter().copied()).await?;
        for tag in tags {
            let tag = handles.get(&tag.to_ascii_lowercase()).map_or(tag, String::as_str);
            if let Ok(Token::Bounce { outbox }) = token::parse(&app.keys, *tenant, tag) {
                return Ok(Some(outbox));
            }
        }
    }
    Ok(None)
}

/// Of mails that share an id the recipient's; the only one, where the event names nobody.
fn of_recipient(mut found: Vec<sql::OutboxRef>, key: Option<&str>) -> Option<sql::OutboxRef> {
    match key {
        Some(key) => found.into_iter().find(|o| o.to_key == key),
        None if found.len() == 1 => found.pop(),
        None => None,
    }
}
