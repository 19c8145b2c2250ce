//! Floods: a sender who sends more than a person can gets nothing automatic for an hour, and the queue page shows one line
//! (E5.13); a ticket that mail reopens again and again stays as it is until an agent has looked (E5.12).

use super::rows::Line;
use super::{Batch, Planned};
use crate::access::Actor;
use crate::audit::{self, AuditKind, Entry};
use crate::clock::Time;
use crate::ids::{TenantId, TicketId, UserId};
use crate::mail_in::decide::Decision;
use crate::mail_in::{Error, sql};
use crate::store::Tx;
use chrono::Duration;
use serde_json::json;
use std::collections::{BTreeMap, HashMap};

/// How often mail reopens a ticket in a day without an agent's act (E5.12).
const REOPENS: i64 = 5;
/// How long nothing automatic goes to who storms.
const QUIET_HOURS: i64 = 1;
/// The time over which arrivals are counted.
const WINDOW_MINUTES: i64 = 10;

/// Who storms, and the ticket that stands for all.
pub(super) struct Storm {
    user: UserId,
    lead: Option<TicketId>,
    /// Whether it was not known before.
    began: bool,
}

/// The storms of a batch.
pub(super) type Storms = BTreeMap<(TenantId, String), Storm>;

/// How often mail reopened the tickets that it is about to reopen again.
pub(super) async fn reopens(tx: &mut Tx, mails: &[Planned], at: Time) -> Result<HashMap<TicketId, i64>, Error> {
    let wanted: Vec<TicketId> = mails
        .iter()
        .filter_map(|m| match &m.decision {
            Decision::Join(j) if j.revive.is_some() => Some(j.ticket),
            _ => None,
        })
        .collect();
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    Ok(sql::reopens(tx, &wanted, at - Duration::days(1)).await?.into_iter().collect())
}

/// The sender on whose account a mail is counted; None: it makes no storm. What is imported came in elsewhere, at its own
/// time: however much of it there is, nobody sends it now.
pub(super) fn counted_sender(mail: &Planned) -> Option<(TenantId, String)> {
    let is_new = matches!(mail.decision, Decision::Open(_) | Decision::Join(_)) && !mail.read.is_imported();
    let key = mail.read.sender_key().filter(|_| is_new)?;
    Some((mail.read.kept.tenant_id, key))
}

impl Batch<'_> {
    /// Counts a mail of its sender. Returns whether they send more than a person can: before anything is sent to them.
    pub(super) fn count_arrival(&mut self, mail: &Planned) -> bool {
        let Some((tenant, key)) = counted_sender(mail) else { return false };
        if !self.caps.arrived(tenant, &key) {
            return false;
        }
        let began = self.caps.storm(tenant, &key);
        let user = self.sender(&mail.read);
        self.storms.entry((tenant, key)).or_insert(Storm { user, lead: None, began });
        true
    }

    /// Marks a mail of a storm.
    pub(super) fn mark_storm(&mut self, mail: &Planned, line: &mut Line) {
        line.flags.push("storm");
        let Some(key) = mail.read.sender_key() else { return };
        if let Some(storm) = self.storms.get_mut(&(mail.read.kept.tenant_id, key)) {
            storm.lead = storm.lead.or(line.applied.ticket_id);
        }
    }

    /// Whether mail may bring a ticket back to work once more (E5.12).
    pub(super) fn may_reopen(&mut self, ticket: TicketId) -> bool {
        let count = self.reopens.entry(ticket).or_default();
        *count += 1;
        *count <= REOPENS
    }
}

/// Writes storms down: a new one with one alarm, a known one goes on.
pub(super) async fn record(tx: &mut Tx, storms: Storms, at: Time) -> Result<(), Error> {
    let quiet = at + Duration::hours(QUIET_HOURS);
    for ((tenant, key), storm) in storms {
        if !storm.began {
            sql::extend_storm(tx, tenant, &key, at, quiet).await?;
            continue;
        }
        let began = at - Duration::minutes(WINDOW_MINUTES);
        sql::insert_storm(tx, (tenant, storm.user, &key, storm.lead), (began, at, quiet)).await?;
        let data = json!({"user_id": storm.user, "ticket_id": storm.lead});
        let subject = format!("user:{}", storm.user);
        let entry = Entry { tenant: Some(tenant), kind: AuditKind::MailStorm, subject, data };
        audit::record(tx, &Actor::mail(), entry).await?;
        tracing::warn!(tenant.id = tenant.0, user.id = storm.user.0, "ALARM: a sender sends more than a person can");
    }
    Ok(())
}
