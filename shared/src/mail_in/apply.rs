//! Apply: what was decided about a batch of mails becomes true in one transaction (DESIGN 6): mail keys first, then
//! users, ticket rows by id, counters by tenant, then the mails in arrival order, every row with its event, its outgoing
//! mail and its trace. The locks are taken in that order by everybody, so batches cannot deadlock.
//!
//! The whole batch is written with one statement per table. If a constraint refuses, its transaction is taken back and
//! each mail runs again under a savepoint of its own, so that one mail cannot hold up the others.

use super::decide::{self, Decision, Read};
use super::known::{self, Known};
use super::outcome::{Applied, MailState, Outcome};
use super::senders::Cell;
use super::types::{BounceKind, Class};
use super::{Error, Trace, sql};
use crate::address;
use crate::app::App;
use crate::clock::Time;
use crate::events::{By, EventKind};
use crate::ids::{AttachmentId, MailId, MessageId, OutboxId, TenantId, TicketId, UserId};
use crate::mail_out::caps::Caps;
use crate::mail_out::enqueue::{self, Automatic, Recipient, Trigger};
use crate::mail_out::kinds::{Kind, OutboxState};
use crate::mail_out::message_id;
use crate::mail_out::outbox::Template;
use crate::messages::{MessageKind, Side};
use crate::store::dialect::{self, IdTable};
use crate::store::{Scope, Tx, Value};
use crate::tickets::{
    self, Channel, Folder, NewAttachment, NewMessage, NewMessageId, NewTicket, ParticipantKind, ParticipantState,
    Priority, Status, Ticket, Work,
};
use chrono::Duration;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

/// A mail with what was decided about it, before any lock.
pub struct Planned {
    /// The mail.
    pub read: Arc<Read>,
    /// The decision.
    pub decision: Decision,
    /// Everything seen until then.
    pub trace: Trace,
    /// The addresses of its parts' bytes in the blob store.
    pub files: Vec<String>,
}

/// How many participants a mail may bring a ticket to (E4.5).
const MOST_PARTICIPANTS: usize = 20;
/// How long a hard bounce keeps automatic mail from an address (E9.13).
const SUPPRESSED_DAYS: i64 = 180;
/// The longest subject a ticket shows; the mail keeps its own.
const SUBJECT_CHARS: usize = 500;

/// Plans a batch outside the transaction: look-ups, decisions, files into the blob store.
///
/// # Errors
/// If a store refuses.
pub async fn plan(app: &App, reads: Vec<Arc<Read>>) -> Result<(Known, Vec<Planned>), Error> {
    let refs: Vec<&Read> = reads.iter().map(|r| &**r).collect();
    let known = known::gather(&mut app.db.reader(Scope::All).await?, &app.keys, &refs).await?;
    let mut planned = Vec::with_capacity(reads.len());
    for read in reads {
        let mut trace = read.trace.clone();
        let decision = decide::decide(&read, &known, &mut trace);
        let mut files = Vec::new();
        if matches!(decision, Decision::Open { .. } | Decision::Join { .. }) {
            for part in &read.mail.parts {
                files.push(app.blobs.put(read.kept.tenant_id, part.bytes.clone()).await?);
            }
        }
        planned.push(Planned { read, decision, trace, files });
    }
    Ok((known, planned))
}

/// Applies a batch in one transaction; for each mail what became of it, or why nothing did.
///
/// # Errors
/// If the transaction as a whole failed: then nothing of it is true.
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

/// One mail's line in `inbound_mails`, and what the door is told.
struct Line {
    state: MailState,
    applied: Applied,
    reason: Option<String>,
    duplicate_of: Option<MailId>,
}

/// Everything a batch needs while it is written.
struct Batch<'a> {
    app: &'a App,
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
    let late = late_duplicates(tx, mails, &undecided, &first).await?;
    let users = ensure_users(tx, known, mails).await?;
    let mut work = Work::new(&app.keys);
    work.lock(tx, &touched(mails)).await?;
    let (n, files) = (mails.len(), mails.iter().map(|m| m.files.len()).sum());
    let wanted = [(IdTable::Tickets, n), (IdTable::Messages, n), (IdTable::Outbox, n), (IdTable::Attachments, files)];
    let [ticket_ids, message_ids, outbox, attachments] = dialect::take_ids_of(tx, wanted).await?;
    let agents = agents(tx, &work, mails).await?;
    let mut batch = Batch {
        due,
        now: work.now(),
        users,
        caps: load_caps(tx, &work, mails, &agents).await?,
        agents,
        tickets: ticket_ids.into_iter().map(TicketId).collect(),
        messages: message_ids.into_iter().map(MessageId).collect(),
        outbox: outbox.into_iter().map(OutboxId).collect(),
        attachments: attachments.into_iter().map(AttachmentId).collect(),
        pids: BTreeMap::new(),
        app,
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
            Some(duplicate(tx, id, *of).await?)
        } else {
            Some(batch.one(tx, mail, &mut trace).await?)
        };
        match line {
            Some(line) => {
                rows.push(decision_row(&mail.read, &line, &trace, batch.now));
                lines.push(line.applied);
            }
            None => lines.push(Applied::not_yet(id)),
        }
    }
    let rung = batch.work.queued();
    batch.work.flush(tx).await?;
    sql::record_decisions(tx, rows).await?;
    Ok((lines, rung))
}

/// Mails whose key another one took between planning and now, or in the same batch.
async fn late_duplicates(
    tx: &mut Tx,
    mails: &[Planned],
    undecided: &BTreeSet<MailId>,
    first: &BTreeSet<MailId>,
) -> Result<HashMap<MailId, MailId>, Error> {
    let lost: Vec<&Read> = mails
        .iter()
        .filter(|m| !matches!(m.decision, Decision::Duplicate { .. }))
        .map(|m| &*m.read)
        .filter(|r| undecided.contains(&r.kept.id) && !first.contains(&r.kept.id))
        .collect();
    if lost.is_empty() {
        return Ok(HashMap::new());
    }
    let holders: HashMap<(TenantId, String), MailId> =
        sql::find_keys(tx, &lost).await?.into_iter().map(|(t, k, m)| ((t, k), m)).collect();
    Ok(lost
        .iter()
        .filter_map(|r| {
            let holder = *holders.get(&(r.kept.tenant_id, r.dedupe_key.clone()))?;
            // A mail that failed after its key was taken holds its own.
            (holder != r.kept.id).then_some((r.kept.id, holder))
        })
        .collect())
}

/// The tickets whose rows the batch needs, each once.
fn touched(mails: &[Planned]) -> Vec<TicketId> {
    let mut ids = BTreeSet::new();
    for mail in mails {
        match &mail.decision {
            Decision::Open { links, follow_up_of, .. } => ids.extend(links.iter().chain(follow_up_of)),
            Decision::Join { ticket, links, .. } => ids.extend(links.iter().chain([ticket])),
            Decision::Report { ticket, .. } | Decision::Loop { ticket } => ids.extend(ticket),
            Decision::Duplicate { .. } | Decision::Quarantine { .. } => {}
        }
    }
    ids.into_iter().collect()
}

/// The agents who are responsible for tickets that mails join: they get a notice.
async fn agents(tx: &mut Tx, work: &Work<'_>, mails: &[Planned]) -> Result<HashMap<UserId, Recipient>, Error> {
    let ids: BTreeSet<UserId> =
        touched(mails).into_iter().filter_map(|t| work.ticket(t)).filter_map(|t| t.assigned_to).collect();
    Ok(enqueue::notice_recipients(tx, &ids.into_iter().collect::<Vec<_>>()).await?)
}

/// The caps of everybody who may be sent something automatic: senders an acknowledgement, agents a notice.
async fn load_caps(
    tx: &mut Tx,
    work: &Work<'_>,
    mails: &[Planned],
    agents: &HashMap<UserId, Recipient>,
) -> Result<Caps, Error> {
    let acks = mails
        .iter()
        .filter(|m| matches!(m.decision, Decision::Open { ack: Ok(()), .. }))
        .filter_map(|m| Some((m.read.kept.tenant_id, m.read.sender_key()?)));
    let notices = touched(mails).into_iter().filter_map(|t| {
        let ticket = work.ticket(t)?;
        Some((ticket.tenant_id, address::key(&agents.get(&ticket.assigned_to?)?.email)))
    });
    Ok(Caps::load(tx, acks.collect(), notices.collect(), work.now()).await?)
}

/// Makes sure that everybody whom a mail brings in has a user row, in sorted order.
async fn ensure_users(
    tx: &mut Tx,
    known: &Known,
    mails: &[Planned],
) -> Result<HashMap<(TenantId, String), UserId>, Error> {
    let mut users = HashMap::new();
    let mut missing: BTreeMap<(TenantId, String), (String, Option<String>)> = BTreeMap::new();
    for mail in mails.iter().filter(|m| matches!(m.decision, Decision::Open { .. } | Decision::Join { .. })) {
        let tenant = mail.read.kept.tenant_id;
        for person in mail.read.mail.from.iter().chain(mail.read.others()) {
            let key = address::key(&person.email);
            match known.user(tenant, &key) {
                Some(user) => {
                    users.insert((tenant, key), user.id);
                }
                None => {
                    missing.entry((tenant, key)).or_insert_with(|| (person.email.clone(), person.name.clone()));
                }
            }
        }
        if mail.read.mail.from.is_none() {
            missing.entry((tenant, UNKNOWN.to_owned())).or_insert_with(|| (UNKNOWN.to_owned(), None));
        }
    }
    if missing.is_empty() {
        return Ok(users);
    }
    let tenants: Vec<TenantId> = missing.keys().map(|(t, _)| *t).collect::<BTreeSet<_>>().into_iter().collect();
    let keys: BTreeSet<String> = missing.keys().map(|(_, k)| k.clone()).collect();
    let wanted = missing.len();
    let new = missing.into_iter().map(|((t, k), (email, name))| (t, k, email, name)).collect();
    let made = sql::insert_users(tx, new, crate::clock::now()).await?;
    let all_new = made.len() == wanted;
    users.extend(made.into_iter().map(|(id, tenant, key)| ((tenant, key), id)));
    if all_new {
        return Ok(users);
    }
    // Somebody else made some of them meanwhile.
    for user in sql::find_users(tx, &tenants, &keys).await? {
        if let Some(tenant) = user.tenant_id {
            users.insert((tenant, user.email_key), user.id);
        }
    }
    Ok(users)
}

/// The contact of mails that name no sender (E2.4): no address, so nothing is ever sent to it.
const UNKNOWN: &str = "unknown";

async fn duplicate(tx: &mut Tx, id: MailId, of: MailId) -> Result<Line, Error> {
    let first = sql::first_arrivals(tx, &BTreeSet::from([of])).await?.pop();
    Ok(Line {
        state: MailState::Applied,
        applied: Applied {
            mail_id: id,
            outcome: Some(Outcome::Duplicate),
            ticket_id: first.as_ref().and_then(|f| f.ticket_id),
            pid: first.as_ref().and_then(|f| f.pid.clone()),
            ticket_message_id: first.as_ref().and_then(|f| f.ticket_message_id),
        },
        reason: None,
        duplicate_of: Some(of),
    })
}

fn decision_row(read: &Read, line: &Line, trace: &Trace, now: Time) -> Vec<Value> {
    let mail = &read.mail;
    let mut flags: Vec<&str> = mail.flags.iter().map(String::as_str).collect();
    flags.extend(read.classified.flags.iter().copied());
    flags.extend(mail.defects.iter().map(String::as_str));
    vec![
        read.kept.id.into(),
        line.state.into(),
        line.applied.outcome.into(),
        read.classified.class.into(),
        read.verdict.into(),
        line.reason.clone().into(),
        mail.message_id.clone().into(),
        mail.from.as_ref().map(|f| f.email.clone()).into(),
        mail.from.as_ref().and_then(|f| f.name.clone()).into(),
        cut(&mail.subject).into(),
        json!(flags).into(),
        serde_json::to_string(trace).expect("a trace is plain data").into(),
        line.applied.ticket_id.into(),
        line.applied.ticket_message_id.into(),
        line.duplicate_of.into(),
        now.into(),
    ]
}

fn cut(subject: &str) -> String {
    subject.chars().take(SUBJECT_CHARS).collect()
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
                && matches!(self.current(mail, None), Decision::Open { .. })
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
            Decision::Join { ticket, .. } => Some(*ticket),
            Decision::Open { follow_up_of, .. } => *follow_up_of,
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
            Decision::Join { ticket, .. } if self.work.ticket(*ticket).is_none() => mail.decision.clone(),
            _ => decision,
        }
    }

    async fn one(&mut self, tx: &mut Tx, mail: &Planned, trace: &mut Trace) -> Result<Line, Error> {
        let id = mail.read.kept.id;
        match self.current(mail, Some(trace)) {
            Decision::Duplicate { of } => duplicate(tx, id, of).await,
            Decision::Quarantine { reason } => Ok(Line {
                state: MailState::Quarantined,
                applied: Applied {
                    outcome: Some(if reason == "not_mail" { Outcome::KeptUnparsed } else { Outcome::Quarantined }),
                    ..Applied::not_yet(id)
                },
                reason: Some(reason.to_owned()),
                duplicate_of: None,
            }),
            Decision::Open { links, follow_up_of, ack } => self.open(tx, mail, &links, follow_up_of, ack, trace).await,
            Decision::Join { ticket, cell, class, revive, links } => {
                Ok(self.join(mail, ticket, (cell, class), revive, &links, trace))
            }
            Decision::Report { ticket, outbox } => self.report(tx, mail, ticket, outbox, trace).await,
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
        }
    }

    fn sender(&self, read: &Read) -> UserId {
        let key = read.sender_key().unwrap_or_else(|| UNKNOWN.to_owned());
        *self.users.get(&(read.kept.tenant_id, key)).expect("users of this batch were made before")
    }

    async fn open(
        &mut self,
        tx: &mut Tx,
        mail: &Planned,
        links: &[TicketId],
        follow_up_of: Option<TicketId>,
        ack: Result<(), &'static str>,
        trace: &mut Trace,
    ) -> Result<Line, Error> {
        let read = &mail.read;
        let tenant = read.kept.tenant_id;
        let pid = match self.pids.get_mut(&tenant).and_then(VecDeque::pop_front) {
            Some(pid) => pid,
            // Planned to join, and decided otherwise under the lock.
            None => {
                let prefix = self.known.tenant(tenant).pid_prefix.clone();
                tickets::take_pids(tx, tenant, prefix.as_deref(), self.now, 1).await?.remove(0)
            }
        };
        let sender = self.sender(read);
        let id = self.tickets.pop_front().expect("one was taken for each mail");
        let desk = self.known.desk(tenant, read.kept.mailbox_id).cloned();
        let new = NewTicket {
            id,
            tenant_id: tenant,
            pid,
            subject: cut(&read.mail.subject),
            sub_subject: None,
            priority: Priority::Medium,
            kind: "support".to_owned(),
            channel: Channel::Email,
            folder: Folder::Inbox,
            category_id: None,
            mailbox_id: read.kept.mailbox_id.or(desk.as_ref().map(|d| d.mailbox_id)),
            requester_id: sender,
            created_by: None,
            follow_up_of,
        };
        self.work.create(new, By::mail(sender));
        let message =
            self.message(mail, id, (MessageKind::Reply, read.classified.class), Side::Customer, By::mail(sender));
        for other in links.iter().chain(&follow_up_of) {
            let why = if Some(*other) == follow_up_of { "follow_up" } else { "may_belong" };
            self.work.event(id, EventKind::TicketLinked, By::SYSTEM, json!({"ticket_id": other, "why": why}), None);
            if self.work.ticket(*other).is_some() {
                self.work.event(
                    *other,
                    EventKind::TicketLinked,
                    By::SYSTEM,
                    json!({"ticket_id": id, "why": why}),
                    None,
                );
            }
        }
        self.add_others(mail, id, By::mail(sender));
        if let Some(desk) = desk {
            self.acknowledge(mail, id, &desk, message, ack, trace);
        }
        let outcome = if read.mail.flags.iter().any(|f| f == "degraded") {
            Outcome::KeptUnparsed
        } else {
            Outcome::TicketCreated
        };
        Ok(self.line(mail, outcome, Some(id), Some(message)))
    }

    fn join(
        &mut self,
        mail: &Planned,
        ticket: TicketId,
        (cell, class): (Cell, Class),
        revive: Option<&'static str>,
        links: &[TicketId],
        trace: &mut Trace,
    ) -> Line {
        let read = &mail.read;
        let sender = self.sender(read);
        let by = By::mail(sender);
        let unverified = cell.is_unverified_agent();
        let (kind, side) =
            if unverified { (MessageKind::Note, Side::Agent) } else { (MessageKind::Reply, Side::Customer) };
        let key = read.sender_key().unwrap_or_default();
        if !self.known.is_on_ticket(ticket, &key) {
            match cell {
                Cell::JoinAddCc => {
                    self.work.add_participant(ticket, sender, ParticipantKind::Cc, ParticipantState::Accepted, by)
                }
                Cell::JoinNewSender => {
                    self.work.add_participant(ticket, sender, ParticipantKind::Cc, ParticipantState::NewSender, by);
                }
                _ => {}
            }
        }
        let message = self.message(mail, ticket, (kind, class), side, by);
        if let Some(why) = revive {
            self.work.set_status(ticket, Status::InProgress, by, why);
        }
        for other in links.iter().filter(|t| self.work.ticket(**t).is_some()).copied().collect::<Vec<_>>() {
            self.work.event(
                other,
                EventKind::TicketLinked,
                By::SYSTEM,
                json!({"ticket_id": ticket, "why": "same_mail"}),
                None,
            );
        }
        if cell == Cell::Join {
            self.add_others(mail, ticket, by);
        }
        let notifies = match class {
            Class::Person => true,
            Class::ListBulk => cell == Cell::Join,
            _ => false,
        };
        if notifies {
            self.notify(mail, ticket, message, trace);
        }
        let outcome = if class == Class::AutoReply { Outcome::AutoReplyStored } else { Outcome::MessageAdded };
        self.line(mail, outcome, Some(ticket), Some(message))
    }

    /// Adds the mail as a message, with its files and its Message-ID.
    fn message(
        &mut self,
        mail: &Planned,
        ticket: TicketId,
        (kind, class): (MessageKind, Class),
        side: Side,
        by: By,
    ) -> MessageId {
        let read = &mail.read;
        let id = self.messages.pop_front().expect("one was taken for each mail");
        self.work.message(
            NewMessage {
                id,
                tenant_id: read.kept.tenant_id,
                ticket_id: ticket,
                seq: 0,
                kind,
                side,
                author_id: by.id,
                author_name: read.mail.from.as_ref().and_then(|f| f.name.clone()),
                author_email: read.mail.from.as_ref().map(|f| f.email.clone()),
                body: read.mail.body_text.clone(),
                body_html: read.mail.body_html.clone(),
                visible_text: read.mail.visible_text.clone(),
                class: Some(class),
                verdict: Some(read.verdict),
                mail_id: Some(read.kept.id),
                message_id: read.mail.message_id.clone(),
                // What was received keeps the time of its arrival, whenever it is applied (E2.3).
                created_at: Some(read.kept.received_at),
            },
            by,
        );
        if let Some(message_id) = &read.mail.message_id {
            self.work.message_id(NewMessageId {
                tenant_id: read.kept.tenant_id,
                message_id: message_id.clone(),
                ticket_id: ticket,
                ticket_message_id: Some(id),
                kind: "received",
                public: kind == MessageKind::Reply,
            });
        }
        // What it refers to leads here too, though nobody here has it (E4.1(5)). Ids of ours need no row for that.
        let keys = self.work.keys();
        let foreign = |id: &&String| message_id::parse(keys, read.kept.tenant_id, id).is_none();
        for named in read.ids.iter().filter(foreign) {
            self.work.message_id(NewMessageId {
                tenant_id: read.kept.tenant_id,
                message_id: named.clone(),
                ticket_id: ticket,
                ticket_message_id: Some(id),
                kind: "referenced",
                public: false,
            });
        }
        for (part, sha256) in read.mail.parts.iter().zip(&mail.files) {
            let attachment = self.attachments.pop_front().expect("one was taken for each part");
            self.work.attachment(NewAttachment {
                id: attachment,
                tenant_id: read.kept.tenant_id,
                ticket_id: ticket,
                ticket_message_id: id,
                uploaded_by: None,
                filename: part.filename.clone(),
                original_filename: part.original_filename.clone(),
                content_type: part.content_type.clone(),
                sniffed_type: infer::get(&part.bytes).map(|t| t.mime_type().to_owned()),
                size_bytes: part.bytes.len() as i64,
                sha256: Some(sha256.clone()),
                inline: part.inline,
                content_id: part.content_id.clone(),
                meta: None,
            });
        }
        id
    }

    /// A participant's To and Cc become participants (E4.5): not ours, not daemons, at most 20 on a ticket.
    fn add_others(&mut self, mail: &Planned, ticket: TicketId, by: By) {
        let tenant = mail.read.kept.tenant_id;
        let sender = mail.read.sender_key();
        let mut count = self.known.participant_count(ticket).max(1);
        let mut added = BTreeSet::new();
        for other in mail.read.others() {
            let key = address::key(&other.email);
            let unwanted = Some(&key) == sender.as_ref()
                || self.known.is_our_address(&key)
                || address::takes_no_auto_mail(&key)
                || self.known.is_on_ticket(ticket, &key);
            if unwanted || count >= MOST_PARTICIPANTS || !added.insert(key.clone()) {
                continue;
            }
            if let Some(user) = self.users.get(&(tenant, key)).copied() {
                self.work.add_participant(ticket, user, ParticipantKind::Cc, ParticipantState::Accepted, by);
                count += 1;
            }
        }
    }

    /// Queues the acknowledgement, or says on the timeline why there is none (E5.12, E5.14).
    fn acknowledge(
        &mut self,
        mail: &Planned,
        ticket: TicketId,
        desk: &enqueue::Desk,
        message: MessageId,
        ack: Result<(), &'static str>,
        trace: &mut Trace,
    ) {
        let read = &mail.read;
        let tenant = read.kept.tenant_id;
        let Some(from) = &read.mail.from else { return };
        let key = address::key(&from.email);
        let allowed = ack.and_then(|()| self.caps.ack(tenant, &key));
        if let Err(reason) = allowed {
            if ack.is_ok() {
                trace.add("apply", "E5.12", "no acknowledgement", reason);
            }
            self.work.event(
                ticket,
                EventKind::AutoSuppressed,
                By::SYSTEM,
                json!({"kind": "ack", "reason": reason}),
                None,
            );
            return;
        }
        trace.add("apply", "E5.11", "acknowledged", "");
        let to = Recipient {
            user_id: self.sender(read),
            email: from.email.clone(),
            name: from.name.clone(),
            locale: self.known.user(tenant, &key).and_then(|u| u.locale),
        };
        let row = self.outbox.pop_front().expect("one was taken for each mail");
        let subject = self.work.ticket(ticket).expect("it was just made").clone();
        let mail = Automatic {
            kind: Kind::Ack,
            template: Template::Ack,
            to: &to,
            to_agent: false,
            trigger: trigger(read),
            ticket_message_id: Some(message),
            due_at: self.due,
        };
        enqueue::automatic(&mut self.work, desk, &subject, mail, row);
    }

    /// Tells the responsible agent that the customer wrote (E5.11), within the caps (E5.12).
    fn notify(&mut self, mail: &Planned, ticket: TicketId, message: MessageId, trace: &mut Trace) {
        let read = &mail.read;
        let Some(locked) = self.work.ticket(ticket).cloned() else { return };
        let Some(agent) = locked.assigned_to.and_then(|a| self.agents.get(&a)).cloned() else { return };
        if locked.folder != Folder::Inbox || Some(address::key(&agent.email)) == read.sender_key() {
            return;
        }
        let Some(desk) = self.known.desk(locked.tenant_id, locked.mailbox_id).cloned() else { return };
        if let Err(reason) = self.caps.notice(locked.tenant_id, &address::key(&agent.email)) {
            self.work.event(
                ticket,
                EventKind::AutoSuppressed,
                By::SYSTEM,
                json!({"kind": "notice", "reason": reason}),
                None,
            );
            return;
        }
        trace.add("apply", "E5.11", "agent notified", "");
        let row = self.outbox.pop_front().expect("one was taken for each mail");
        let mail = Automatic {
            kind: Kind::Notice,
            template: Template::NoticeAnswered,
            to: &agent,
            to_agent: true,
            trigger: Trigger { mail_id: Some(read.kept.id), ..Trigger::default() },
            ticket_message_id: Some(message),
            due_at: self.due,
        };
        enqueue::automatic(&mut self.work, &desk, &locked, mail, row);
    }

    /// A report about mail of ours: what it says goes to that mail and to its ticket's timeline (E9.11 to E9.14).
    async fn report(
        &mut self,
        tx: &mut Tx,
        mail: &Planned,
        ticket: Option<TicketId>,
        outbox: Option<(OutboxId, bool)>,
        trace: &mut Trace,
    ) -> Result<Line, Error> {
        let read = &mail.read;
        let bounce = read.mail.bounces.first();
        let failed = bounce.is_some_and(|b| matches!(b.kind, BounceKind::Hard | BounceKind::Soft));
        let dsn = read.classified.class == Class::Dsn;
        let state = match read.classified.class {
            Class::Dsn if failed => Some(OutboxState::Bounced),
            Class::Arf => Some(OutboxState::Complained),
            _ => None,
        };
        let mut proven = false;
        if let Some((id, by_token)) = outbox {
            proven = by_token;
            if let Some(state) = state {
                let text = bounce.and_then(|b| b.diagnostic.as_deref());
                sql::report_outbox(tx, id, state, text, self.now).await?;
            }
            self.suppress(tx, mail, id, by_token, trace).await?;
        }
        if let Some(ticket) = ticket {
            let kind = if dsn && failed { EventKind::MailBounced } else { EventKind::MailReported };
            let data = json!({
                "mail_id": read.kept.id, "outbox_id": outbox.map(|o| o.0), "class": read.classified.class,
                "action": bounce.map(|b| b.action.as_str()), "status": bounce.and_then(|b| b.status.as_deref()),
                "kind": bounce.map(|b| b.kind), "verified": proven,
            });
            let values = bounce.map(|b| json!({"recipient": b.recipient, "diagnostic": b.diagnostic}));
            self.work.event(ticket, kind, By::SYSTEM, data, values);
        }
        trace.add("apply", "E9.11", if proven { "recorded" } else { "recorded, unverified" }, "");
        let outcome = if dsn { Outcome::BounceRecorded } else { Outcome::ReportRecorded };
        Ok(self.line(mail, outcome, ticket, None))
    }

    /// Only a valid bounce token, or a complaint about mail that we did send, stops further automatic mail (E9.14, E5.4).
    async fn suppress(
        &mut self,
        tx: &mut Tx,
        mail: &Planned,
        id: OutboxId,
        by_token: bool,
        trace: &mut Trace,
    ) -> Result<(), Error> {
        let read = &mail.read;
        let Some(sent) = self.known.outbox(id).cloned() else { return Ok(()) };
        let hard = read.mail.bounces.iter().any(|b| b.kind == BounceKind::Hard);
        let reason = match read.classified.class {
            Class::Dsn if hard && by_token => "hard_bounce",
            Class::Arf => "complaint",
            _ => return Ok(()),
        };
        let evidence = json!({"mail_id": read.kept.id, "outbox_id": id});
        let until = self.now + Duration::days(SUPPRESSED_DAYS);
        sql::suppress(tx, sent.tenant_id, &sent.to_key, reason, &evidence, until, self.now).await?;
        trace.add("apply", "E9.13", "address suppressed", reason);
        let _ = self.app;
        Ok(())
    }
}

fn trigger(read: &Read) -> Trigger {
    Trigger {
        mail_id: Some(read.kept.id),
        message_id: read.mail.message_id.clone(),
        references: enqueue::thread(read.mail.references.clone()),
    }
}
