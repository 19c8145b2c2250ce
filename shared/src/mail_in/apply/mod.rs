//! Apply: what was decided about a batch of mails becomes true in one transaction (DESIGN 6): mail keys first, then
//! users, ticket rows by id, counters by tenant, then the mails in arrival order, every row with its event, its outgoing
//! mail and its trace. The locks are taken in that order by everybody, so batches cannot deadlock.
//!
//! The whole batch is written with one statement per table. If a constraint refuses, its transaction is taken back and
//! each mail runs again under a savepoint of its own, so that one mail cannot hold up the others.

mod agent;
mod arrival;
mod effects;
mod join;
mod message;
mod open;
mod people;
mod plan;
pub(in crate::mail_in) mod reports;
mod rows;
mod sent;
mod storms;

pub use plan::{Planned, plan};

use super::decide::{self, Decision};
use super::known::Known;
use super::origin;
use super::outcome::{Applied, MailState, Outcome};
use super::senders::Cell;
use super::types::{Class, Spam};
use super::{Error, Trace, sql};
use crate::app::App;
use crate::clock::Time;
use crate::compiled_here;
use crate::events::{By, EventKind};
use crate::ids::{AttachmentId, MailId, MessageId, OutboxId, TenantId, TicketId, UserId};
use crate::mail_out::caps::Caps;
use crate::mail_out::enqueue::Recipient;
use crate::mail_out::outbox::Template;
use crate::mail_out::schedule::{self, Scheduled};
use crate::mail_out::{digest, suppress};
use crate::mailboxes::probe;
use crate::store::dialect::{self, IdTable};
use crate::store::{Scope, Tx};
use crate::tickets::{self, Ticket, Work};
use plan::touched;
use rows::Line;
pub(super) use rows::cut;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

/// Applies a batch in one transaction; for each mail what became of it, or why nothing did.
///
/// # Errors
/// If the transaction as a whole failed: then nothing of it is true.
#[compiled_here]
pub async fn commit(app: &App, mut known: Known, mails: Vec<Planned>) -> Result<Vec<Result<Applied, Error>>, Error> {
    let mut tx = app.db.write(Scope::All).await?;
    let (results, rung) = match write(app, &mut tx, &mut known, &mails).await {
        Ok((applied, rung)) => (applied.into_iter().map(Ok).collect(), rung),
        Err(Error::Store(e)) if e.is_conflict() && mails.len() > 1 => {
            tx.rollback().await?;
            tx = app.db.write(Scope::All).await?;
            tracing::info!(mails = mails.len(), error = %e, "a constraint refused the batch; its mails run one by one");
            singly(app, &mut tx, &mut known, &mails).await?
        }
        Err(e) => return Err(e),
    };
    tx.commit().await?;
    crate::fault::point("after_apply");
    app.bell.ring(&rung);
    Ok(results)
}

/// Each mail under its own savepoint.
async fn singly(
    app: &App,
    tx: &mut Tx,
    known: &mut Known,
    mails: &[Planned],
) -> Result<(Vec<Result<Applied, Error>>, Vec<OutboxId>), Error> {
    let (mut results, mut rung) = (Vec::new(), Vec::new());
    for mail in mails {
        tx.savepoint().await?;
        match write(app, tx, known, std::slice::from_ref(mail)).await {
            Ok((applied, ids)) => {
                tx.release().await?;
                results.extend(applied.into_iter().map(Ok));
                rung.extend(ids);
            }
            Err(Error::Store(e)) if e.is_conflict() => {
                tx.rollback_to().await?;
                results.push(Err(e.into()));
            }
            Err(e) => return Err(e),
        }
    }
    Ok((results, rung))
}

/// Everything a batch needs while it is written.
struct Batch<'a> {
    known: &'a mut Known,
    work: Work<'a>,
    now: Time,
    due: Time,
    users: HashMap<(TenantId, String), UserId>,
    agents: HashMap<UserId, Recipient>,
    tickets: VecDeque<TicketId>,
    messages: VecDeque<MessageId>,
    outbox: VecDeque<OutboxId>,
    attachments: VecDeque<AttachmentId>,
    pids: BTreeMap<TenantId, VecDeque<String>>,
    caps: Caps,
    /// Replies that wait for their time on the tickets that mails join (E9.3); each is held once.
    scheduled: Vec<Scheduled>,
    /// Notices above their agents' cap (E5.12).
    digests: Vec<(TenantId, UserId, TicketId, Template)>,
    storms: storms::Storms,
    reopens: HashMap<TicketId, i64>,
}

async fn write(
    app: &App,
    tx: &mut Tx,
    known: &mut Known,
    mails: &[Planned],
) -> Result<(Vec<Applied>, Vec<OutboxId>), Error> {
    let ids: Vec<MailId> = mails.iter().map(|m| m.read.kept.id).collect();
    let (undecided, due) = sql::lock_undecided(tx, &ids).await?;
    let keys = mails
        .iter()
        .filter(|m| undecided.contains(&m.read.kept.id) && !matches!(m.decision, Decision::Duplicate { .. }))
        .map(|m| (m.read.kept.tenant_id, m.read.dedupe_key.as_str(), m.read.kept.id))
        .collect();
    let first = sql::insert_keys(tx, keys).await?;
    let late = rows::late_duplicates(tx, mails, &undecided, &first).await?;
    rows::lock_variants(tx, known, mails, &undecided, &late).await?;
    let users = people::ensure_users(tx, known, mails).await?;
    let mut work = Work::new(&app.keys);
    work.lock(tx, &touched(mails)).await?;
    let scheduled = schedule::find(tx, &effects::answered(mails)).await?;
    let (n, files) = (mails.len(), mails.iter().map(|m| m.files.len()).sum());
    // An agent's forward may become two messages: the note and the requester's.
    let forwards = mails.iter().filter(|m| origin::may_be_forward(&m.read)).count();
    let wanted = [
        (IdTable::Tickets, n),
        (IdTable::Messages, n + forwards),
        (IdTable::Outbox, n + scheduled.len()),
        (IdTable::Attachments, files),
    ];
    let [ticket_ids, message_ids, outbox, attachments] = dialect::take_ids_of(tx, wanted).await?;
    let agents = effects::agents(tx, &work, mails, &scheduled).await?;
    let mut batch = Batch {
        due,
        now: work.now(),
        users,
        caps: effects::load_caps(tx, &work, mails, &agents, &scheduled).await?,
        storms: storms::Storms::new(),
        reopens: storms::reopens(tx, mails, work.now()).await?,
        agents,
        scheduled,
        digests: Vec::new(),
        tickets: ticket_ids.into_iter().map(TicketId).collect(),
        messages: message_ids.into_iter().map(MessageId).collect(),
        outbox: outbox.into_iter().map(OutboxId).collect(),
        attachments: attachments.into_iter().map(AttachmentId).collect(),
        pids: BTreeMap::new(),
        known,
        work,
    };
    batch.take_pids(tx, mails, &undecided, &late).await?;
    let mut lines = Vec::with_capacity(mails.len());
    let mut rows = Vec::with_capacity(mails.len());
    for mail in mails {
        let mut trace = mail.trace.clone();
        let id = mail.read.kept.id;
        let line = if !undecided.contains(&id) {
            // Somebody else decided it meanwhile: what became of it stands at its row.
            None
        } else if let Some(of) = late.get(&id) {
            trace.add("dedupe", "E1.8", "duplicate", format!("first arrival {of}, at the same moment"));
            Some(rows::duplicate(tx, id, *of).await?)
        } else {
            let storms = batch.count_arrival(mail);
            let mut line = batch.one(tx, mail, &mut trace).await?;
            if storms {
                batch.mark_storm(mail, &mut line);
            }
            line.variant_of = line.variant_of.or_else(|| batch.known.variant_of(&mail.read).map(|v| v.id));
            if !mail.read.kept.facts.is_sent() && origin::is_unverified_agent(&mail.read, batch.known) {
                line.flags.push("agent_unverified");
            }
            Some(line)
        };
        match line {
            Some(line) => {
                rows.push(rows::decision_row(&mail.read, batch.known, &line, &trace, batch.now));
                lines.push(line.applied);
            }
            None => lines.push(Applied::not_yet(id)),
        }
    }
    suppress::lift(tx, &people::proven_senders(mails, &undecided)).await?;
    for (tenant, user, ticket, template) in std::mem::take(&mut batch.digests) {
        digest::keep(tx, tenant, user, ticket, template).await?;
    }
    let rung = batch.work.queued();
    batch.work.flush(tx).await?;
    storms::record(tx, std::mem::take(&mut batch.storms), batch.now).await?;
    sql::record_decisions(tx, rows).await?;
    Ok((lines, rung))
}

impl Batch<'_> {
    /// Takes the PIDs that the batch will need, counters in the order of their tenants.
    async fn take_pids(
        &mut self,
        tx: &mut Tx,
        mails: &[Planned],
        undecided: &BTreeSet<MailId>,
        late: &HashMap<MailId, MailId>,
    ) -> Result<(), Error> {
        let mut wanted: BTreeMap<TenantId, usize> = BTreeMap::new();
        for mail in mails {
            let id = mail.read.kept.id;
            if undecided.contains(&id)
                && !late.contains_key(&id)
                && matches!(self.current(mail, None), Decision::Open(_))
            {
                *wanted.entry(mail.read.kept.tenant_id).or_default() += 1;
            }
        }
        for (tenant, n) in wanted {
            let prefix = self.known.tenant(tenant).pid_prefix.clone();
            let pids = tickets::take_pids(tx, tenant, prefix.as_deref(), self.now, n).await?;
            self.pids.entry(tenant).or_default().extend(pids);
        }
        Ok(())
    }

    /// Returns the decision as it stands now that the tickets are locked: the planned one, or a new one if a ticket
    /// that it rests on changed since (version, status, merge).
    fn current(&mut self, mail: &Planned, trace: Option<&mut Trace>) -> Decision {
        let on = match &mail.decision {
            Decision::Join(joining) => Some(joining.ticket),
            Decision::Open(opening) => opening.follow_up_of,
            Decision::Sent { ticket } => Some(*ticket),
            _ => None,
        };
        let changed = on.filter(|id| {
            let seen = self.known.tickets.get(id);
            let locked = self.work.ticket(*id);
            let facts = |t: &Ticket| (t.version, t.status, t.merged_into);
            seen.map(facts) != locked.map(facts)
        });
        let Some(changed) = changed else { return mail.decision.clone() };
        if let Some(locked) = self.work.ticket(changed).cloned() {
            self.known.tickets.insert(changed, locked);
        }
        let mut again = mail.read.trace.clone();
        let decision = decide::decide(&mail.read, self.known, &mut again);
        if let Some(trace) = trace {
            *trace = again;
            trace.add("apply", "DESIGN 6", "planned again", "the ticket changed meanwhile");
        }
        // A decision that needs a row which this transaction does not hold stays as it was planned: the ticket is
        // locked, so what was found about it cannot get worse than a fresh look.
        match &decision {
            Decision::Join(j) if self.work.ticket(j.ticket).is_none() => mail.decision.clone(),
            Decision::Sent { ticket } if self.work.ticket(*ticket).is_none() => mail.decision.clone(),
            Decision::Open(o) if !self.has_requester(&mail.read, &o.origin) => mail.decision.clone(),
            _ => decision,
        }
    }

    async fn one(&mut self, tx: &mut Tx, mail: &Planned, trace: &mut Trace) -> Result<Line, Error> {
        let id = mail.read.kept.id;
        match self.current(mail, Some(trace)) {
            Decision::Duplicate { of } => {
                let copy = self.known.copy_of(&mail.read).map(|v| v.id);
                Ok(Line { variant_of: copy, ..rows::duplicate(tx, id, of).await? })
            }
            Decision::Quarantine { reason } => Ok(Line {
                state: MailState::Quarantined,
                applied: Applied { outcome: Some(decide::held_as(reason)), ..Applied::not_yet(id) },
                reason: Some(reason.to_owned()),
                duplicate_of: None,
                flags: Vec::new(),
                spam: (decide::held_as(reason) == Outcome::SpamHeld).then_some(Spam::Held),
                variant_of: None,
            }),
            Decision::Open(opening) => self.open(tx, mail, &opening, trace).await,
            Decision::Join(j) if j.cell == Cell::Agent => self.agent_answers(tx, mail, j.ticket, trace).await,
            Decision::Join(joining) => {
                let line = self.join(mail, &joining, trace);
                self.answered(tx, mail, joining.ticket, trace).await?;
                if joining.class == Class::Person && !joining.cell.is_desks() && !mail.read.is_imported() {
                    self.hold_scheduled(tx, mail, joining.ticket, line.applied.ticket_message_id, trace).await?;
                }
                Ok(line)
            }
            Decision::Sent { ticket } => Ok(self.sent_elsewhere(mail, ticket)),
            Decision::Report { ticket, outbox } => self.report(tx, mail, ticket, outbox, trace).await,
            Decision::Probe { outbox, ids } => {
                let is_latest = probe::came_back(tx, outbox, ids, self.now).await?;
                trace.add("apply", "E3.1", if is_latest { "tags work" } else { "an older probe" }, "");
                Ok(self.line(mail, Outcome::LoopIgnored, None, None))
            }
            Decision::Loop { ticket } => {
                if let Some(ticket) = ticket {
                    self.work.event(ticket, EventKind::LoopIgnored, By::SYSTEM, json!({"mail_id": id}), None);
                }
                Ok(self.line(mail, Outcome::LoopIgnored, ticket, None))
            }
        }
    }

    fn line(&self, mail: &Planned, outcome: Outcome, ticket: Option<TicketId>, message: Option<MessageId>) -> Line {
        Line {
            state: MailState::Applied,
            applied: Applied {
                mail_id: mail.read.kept.id,
                outcome: Some(outcome),
                ticket_id: ticket,
                pid: ticket.and_then(|t| self.work.ticket(t)).map(|t| t.pid.clone()),
                ticket_message_id: message,
            },
            reason: None,
            duplicate_of: None,
            flags: Vec::new(),
            spam: Some(Spam::None),
            variant_of: None,
        }
    }
}
