//! Ratings: some time after a ticket was solved or closed its requester is asked by mail how it went (E8.1), where the
//! tenant wants that. The mail's link leads to a form; what is chosen there stands at the ticket.
//!
//! A ticket is asked about once at most, whatever becomes of it later. Machines, who wants none of it, and addresses that
//! nothing automatic goes to are never asked (E5.14).

mod sql;

pub use sql::{Rating, of_ticket};

use crate::access::{Actor, Capability};
use crate::address;
use crate::app::App;
use crate::clock::now;
use crate::compiled_here;
use crate::events::{By, EventKind};
use crate::ids::{OutboxId, TenantId, TicketId};
use crate::keys::{Keys, base32, from_base32};
use crate::mail_out::caps;
use crate::mail_out::enqueue::{self, Automatic, Trigger};
use crate::mail_out::kinds::Kind;
use crate::mail_out::outbox::Template;
use crate::mail_out::unsubscribe::Sort;
use crate::store::{Result, Scope, dialect};
use crate::tenants::Settings;
use crate::tickets::{self, TicketRef, Work};
use chrono::Duration;
use serde_json::json;

/// Whoever is not content says so at once: the mail waits for that.
const ASKED_AFTER: Duration = Duration::hours(1);
/// What was done longer ago is not asked about, as when a tenant begins to ask.
const ASKED_WITHIN: Duration = Duration::days(3);
/// Tickets of one tenant in one round.
const ROUND: i64 = 50;
/// The longest comment that is kept.
pub const LONGEST_COMMENT: usize = 2000;

const DOMAIN: &str = "rating";
const MAC_OCTETS: usize = 12;
const ID_OCTETS: usize = 8;

/// What the mail's link stands for: it can do one thing alone, rate this ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RatingLink {
    /// Whose ticket.
    pub tenant: TenantId,
    /// Which.
    pub ticket: TicketId,
}

impl RatingLink {
    /// Returns the address that the mail names.
    pub fn url(self, keys: &Keys, base_url: &str) -> String {
        format!("{base_url}/rate/{}", self.mint(keys))
    }

    /// Returns the signed id, in lower case.
    pub fn mint(self, keys: &Keys) -> String {
        let body = self.body();
        let mac = keys.tenant_mac(self.tenant, DOMAIN, &[&body]);
        base32(&[&body[..], &mac[..MAC_OCTETS]].concat())
    }

    /// Reads an id, in whatever case it came back; None if we did not sign it.
    pub fn parse(keys: &Keys, text: &str) -> Option<RatingLink> {
        let bytes = from_base32(text)?;
        let (body, mac) = bytes.split_at_checked(2 * ID_OCTETS)?;
        let (tenant, ticket) = body.split_at(ID_OCTETS);
        let id = |part: &[u8]| Some(i64::from_be_bytes(part.try_into().ok()?));
        let found = RatingLink { tenant: TenantId(id(tenant)?), ticket: TicketId(id(ticket)?) };
        let fits = mac.len() == MAC_OCTETS && keys.tenant_mac_fits(None, found.tenant, DOMAIN, &[body], mac);
        fits.then_some(found)
    }

    fn body(self) -> Vec<u8> {
        [self.tenant.0.to_be_bytes(), self.ticket.0.to_be_bytes()].concat()
    }
}

/// Asks about the tickets that are due; returns how many mails were queued.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn ask_due(app: &App) -> Result<usize> {
    let mut queued = Vec::new();
    for (tenant, settings) in sql::tenants(&mut app.db.read(Scope::All)).await? {
        if !Settings::from_json(&settings).ask_rating {
            continue;
        }
        let (since, before) = (now() - ASKED_WITHIN, now() - ASKED_AFTER);
        for ticket in sql::due(&mut app.db.read(Scope::Tenant(tenant)), tenant, since, before, ROUND).await? {
            queued.extend(ask(app, tenant, ticket).await?);
        }
    }
    app.bell.ring(&queued);
    Ok(queued.len())
}

async fn ask(app: &App, tenant: TenantId, id: TicketId) -> Result<Option<OutboxId>> {
    let mut tx = app.db.write(Scope::Tenant(tenant)).await?;
    let mut work = Work::new(&app.keys);
    work.lock(&mut tx, &[id]).await?;
    // It may have been reopened, or asked about, since it was read.
    let Some(ticket) = work.ticket(id).filter(|t| t.status.is_done()).cloned() else { return Ok(None) };
    if !sql::insert(&mut tx, tenant, id, ticket.requester_id, now()).await? {
        return Ok(None);
    }
    let requester = sql::requester(&mut tx, id, ticket.requester_id).await?;
    let desk = enqueue::desk(&mut tx, tenant, ticket.mailbox_id).await?;
    let key = address::key(&requester.email);
    let reason = match () {
        () if requester.is_agent() => Some("an_agent"),
        () if requester.by_machine => Some("not_a_person"),
        () if !address::is_valid(&requester.email) || address::takes_no_auto_mail(&key) => Some("daemon"),
        () if sql::is_mailbox(&mut tx, &key).await? => Some("our_own_address"),
        () if !requester.wants(Sort::Ratings) => Some("unwanted"),
        () if !caps::is_open(&mut tx, tenant, &requester.email, now()).await? => Some("suppressed"),
        () => None,
    };
    let to = enqueue::recipients(&mut tx, &[ticket.requester_id]).await?.remove(&ticket.requester_id);
    let row = match (reason, to) {
        (None, Some(to)) => {
            let row = OutboxId(dialect::take_ids(&mut tx, dialect::IdTable::Outbox, 1).await?[0]);
            let answered = sql::last_reply(&mut tx, id).await?;
            let mut references = enqueue::thread_of(&mut tx, id).await?;
            references.retain(|r| Some(r) != answered.as_ref());
            let mail = Automatic {
                kind: Kind::Csat,
                template: Template::Csat,
                to: &to,
                to_agent: false,
                trigger: Trigger { mail_id: None, message_id: answered, references },
                ticket_message_id: None,
                due_at: dialect::now(&mut tx).await?,
                pattern: None,
            };
            enqueue::automatic(&mut work, &desk, &ticket, mail, row);
            Some(row)
        }
        (reason, _) => {
            let data = json!({"kind": Kind::Csat, "reason": reason.unwrap_or("no_requester")});
            work.event(id, EventKind::AutoSuppressed, By::SYSTEM, data, None);
            None
        }
    };
    work.flush(&mut tx).await?;
    if let Some(row) = row {
        sql::set_outbox(&mut tx, id, row).await?;
    }
    tx.commit().await?;
    Ok(row)
}

/// Whether the link's ticket was asked about, and its rating so far.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn asked(app: &App, link: RatingLink) -> Result<Option<Rating>> {
    let found = of_ticket(&mut app.db.read(Scope::Tenant(link.tenant)), link.tenant, link.ticket).await?;
    Ok(found.filter(|r| r.outbox_id.is_some()))
}

/// Keeps what the customer chose, 1 to 5; a later choice replaces it. The same once more changes nothing. Returns whether
/// there is such a ticket that was asked about.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn rate(app: &App, link: RatingLink, score: i64, comment: Option<&str>) -> Result<bool> {
    let mut tx = app.db.write(Scope::Tenant(link.tenant)).await?;
    let mut work = Work::new(&app.keys);
    work.lock(&mut tx, &[link.ticket]).await?;
    let found = of_ticket(&mut tx, link.tenant, link.ticket).await?.filter(|r| r.outbox_id.is_some());
    let Some(before) = found.filter(|_| work.ticket(link.ticket).is_some()) else { return Ok(false) };
    let comment = comment.map(str::trim).filter(|c| !c.is_empty());
    let comment: Option<String> = comment.map(|c| c.chars().take(LONGEST_COMMENT).collect());
    if before.score == Some(score) && before.comment == comment {
        return Ok(true);
    }
    sql::rate(&mut tx, link.ticket, score, comment.clone(), now()).await?;
    let values = comment.map(|c| json!({"comment": c}));
    let data = json!({"score": score, "before": before.score});
    work.event(link.ticket, EventKind::Rated, By::mail(before.user_id), data, values);
    work.flush(&mut tx).await?;
    tx.commit().await?;
    Ok(true)
}

/// Keeps what the requester of a solved or closed ticket chose where they are signed in, asked or not; who has rated is
/// asked no more.
///
/// # Errors
/// `NotFound` out of scope; `Denied` for who is not its requester; `Invalid` for an open ticket, or what is not 1 to 5.
#[compiled_here]
pub async fn rate_own(
    app: &App,
    actor: &Actor,
    which: &TicketRef,
    score: i64,
    comment: Option<&str>,
) -> tickets::Result<()> {
    let view = tickets::view(app, actor, which).await?;
    let (tenant, id) = (view.ticket.tenant_id, view.ticket.id);
    if actor.user != Some(view.ticket.requester_id) {
        return Err(tickets::Error::denied(Capability::TicketsClose));
    }
    if !(1..=5).contains(&score) {
        return Err(tickets::Error::invalid("score", "invalid", "must be 1 to 5"));
    }
    let mut tx = app.db.write(Scope::Tenant(tenant)).await?;
    let mut work = Work::new(&app.keys);
    work.lock(&mut tx, &[id]).await?;
    let Some(ticket) = work.ticket(id).filter(|t| t.erased_at.is_none()).cloned() else {
        return Err(tickets::Error::NotFound);
    };
    if !ticket.status.is_done() {
        return Err(tickets::Error::invalid("score", "invalid", "is for when the ticket is done"));
    }
    sql::insert(&mut tx, tenant, id, ticket.requester_id, now()).await?;
    let before = of_ticket(&mut tx, tenant, id).await?.and_then(|r| r.score);
    let comment = comment.map(str::trim).filter(|c| !c.is_empty());
    let comment: Option<String> = comment.map(|c| c.chars().take(LONGEST_COMMENT).collect());
    sql::rate(&mut tx, id, score, comment.clone(), now()).await?;
    let values = comment.map(|c| json!({"comment": c}));
    let data = json!({"score": score, "before": before});
    work.event(id, EventKind::Rated, By::user(ticket.requester_id), data, values);
    work.flush(&mut tx).await?;
    Ok(tx.commit().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// E8.1: the link stands for one ticket, and nothing else that we sign is one.
    #[test]
    fn a_link_is_read_again_and_no_other() {
        let keys = Keys::new(b"secret", "1");
        let link = RatingLink { tenant: TenantId(3), ticket: TicketId(i64::MAX) };
        let id = link.mint(&keys);
        assert_eq!(RatingLink::parse(&keys, &id.to_uppercase()), Some(link));
        assert_eq!(RatingLink::parse(&Keys::new(b"other", "1"), &id), None);
        let mut bytes = from_base32(&id).expect("base32");
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(RatingLink::parse(&keys, &base32(&bytes)), None, "{bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        for text in ["", "x", "aaaa", &"a".repeat(500)] {
            assert_eq!(RatingLink::parse(&keys, text), None, "{text}");
        }
    }
}
