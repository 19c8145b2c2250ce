//! Changes to tickets, computed in memory and written at once.
//!
//! A unit of work locks the ticket rows it will change, in the order of their ids, then works on them in memory:
//! every change bumps the version and adds the event with that seq to the chain. [`Work::flush`] writes everything
//! with one statement per table, however many tickets took part. One transaction holds one unit; nothing here awaits
//! anything but SQL. The same unit serves a click in the dashboard and a batch of 32 mails.

use super::counts::{Moves, Place};
use super::joins::NewJoin;
use super::sql;
use super::types::{Channel, Folder, ParticipantKind, ParticipantState, Priority, Status, Ticket, snippet};
use crate::clock::{Time, now};
use crate::compiled_here;
use crate::events::{By, Event, EventKind};
use crate::ids::{AttachmentId, CategoryId, MailId, MailboxId, MessageId, OutboxId, TenantId, TicketId, UserId};
use crate::keys::Keys;
use crate::mail_in::types::{Class, Verdict};
use crate::mail_out::outbox::NewOutbox;
use crate::messages::types::{MessageKind, Side};
use crate::store::{Result, Tx};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// A unit of work; see the module.
pub struct Work<'a> {
    keys: &'a Keys,
    now: Time,
    tickets: BTreeMap<TicketId, Held>,
    pub(super) events: Vec<Event>,
    pub(super) values: Vec<(TicketId, i64, TenantId, Json)>,
    pub(super) messages: Vec<NewMessage>,
    pub(super) participants: Vec<NewParticipant>,
    pub(super) message_ids: Vec<NewMessageId>,
    pub(super) attachments: Vec<NewAttachment>,
    pub(super) joins: Vec<NewJoin>,
    uploads: Vec<(AttachmentId, TicketId, MessageId)>,
    outbox: Vec<NewOutbox>,
}

pub(super) struct Held {
    pub(super) ticket: Ticket,
    pub(super) is_new: bool,
    pub(super) dirty: bool,
    /// Where the ticket is counted.
    counted: Option<Place>,
}

/// What a new ticket starts with. Its id and PID were taken in the same transaction.
pub struct NewTicket {
    /// Taken before.
    pub id: TicketId,
    /// Whose it is.
    pub tenant_id: TenantId,
    /// From the counter, in the same transaction.
    pub pid: String,
    /// What it is about.
    pub subject: String,
    /// A narrower subject.
    pub sub_subject: Option<String>,
    /// How much it presses.
    pub priority: Priority,
    /// `support` or another short slug.
    pub kind: String,
    /// How it came.
    pub channel: Channel,
    /// Where it is kept.
    pub folder: Folder,
    /// Its subject in the tenant's tree.
    pub category_id: Option<CategoryId>,
    /// The mailbox it is answered from.
    pub mailbox_id: Option<MailboxId>,
    /// Whose problem it is.
    pub requester_id: UserId,
    /// Who made it, if not the requester.
    pub created_by: Option<UserId>,
    /// The closed ticket that it follows.
    pub follow_up_of: Option<TicketId>,
}

/// A message to add.
pub struct NewMessage {
    /// Taken before.
    pub id: MessageId,
    /// Filled by [`Work::message`].
    pub tenant_id: TenantId,
    /// The ticket.
    pub ticket_id: TicketId,
    /// Filled by [`Work::message`].
    pub seq: i64,
    /// Whom it is for.
    pub kind: MessageKind,
    /// The author's side.
    pub side: Side,
    /// The author.
    pub author_id: Option<UserId>,
    /// The author's name now.
    pub author_name: Option<String>,
    /// The author's address now.
    pub author_email: Option<String>,
    /// The text.
    pub body: String,
    /// The HTML as received.
    pub body_html: Option<String>,
    /// The new text (E7).
    pub visible_text: String,
    /// A received mail's class.
    pub class: Option<Class>,
    /// A received mail's verdict.
    pub verdict: Option<Verdict>,
    /// The received mail that it is.
    pub mail_id: Option<MailId>,
    /// What a page shows of it beside its text, as JSON.
    pub mail_view: Option<String>,
    /// Its Message-ID.
    pub message_id: Option<String>,
    /// When it was received; None: now.
    pub created_at: Option<Time>,
    /// The agent who forwarded it (E6.3).
    pub forwarded_by: Option<UserId>,
    /// When its author wrote it, where that is not when it was received (E6.2).
    pub written_at: Option<Time>,
}

/// Somebody to add to a ticket.
pub struct NewParticipant {
    /// The ticket.
    pub ticket_id: TicketId,
    /// Its tenant.
    pub tenant_id: TenantId,
    /// Who.
    pub user_id: UserId,
    /// Why.
    pub kind: ParticipantKind,
    /// Whether it is sent mail.
    pub state: ParticipantState,
}

/// A Message-ID that leads to a ticket from now on.
#[derive(Debug, Clone)]
pub struct NewMessageId {
    /// The tenant.
    pub tenant_id: TenantId,
    /// Normalised (E1.11).
    pub message_id: String,
    /// Where it leads.
    pub ticket_id: TicketId,
    /// The message that bears it.
    pub ticket_message_id: Option<MessageId>,
    /// Whether we made it (`sent`), got it (`received`), a relay gave it (`alias`), or a mail of the ticket only refers to
    /// it (`referenced`).
    pub kind: &'static str,
    /// Whether it may be named to participants: ids of notes never are (E8.3).
    pub public: bool,
}

/// A file to add to a message.
pub struct NewAttachment {
    /// Taken before.
    pub id: AttachmentId,
    /// Its tenant.
    pub tenant_id: TenantId,
    /// The ticket.
    pub ticket_id: TicketId,
    /// The message.
    pub ticket_message_id: MessageId,
    /// Who uploaded it.
    pub uploaded_by: Option<UserId>,
    /// The safe name.
    pub filename: String,
    /// The name as it was sent, if it differs.
    pub original_filename: Option<String>,
    /// The declared type.
    pub content_type: String,
    /// What the bytes look like.
    pub sniffed_type: Option<String>,
    /// Its size.
    pub size_bytes: i64,
    /// Its bytes' address; None for files that were only described.
    pub sha256: Option<String>,
    /// Part of the body.
    pub inline: bool,
    /// Its Content-ID.
    pub content_id: Option<String>,
    /// What was said about a file that was only described: JSON.
    pub meta: Option<String>,
}

impl<'a> Work<'a> {
    /// Begins a unit. All its changes bear the same time.
    pub fn new(keys: &'a Keys) -> Work<'a> {
        Work {
            keys,
            now: now(),
            tickets: BTreeMap::new(),
            events: Vec::new(),
            values: Vec::new(),
            messages: Vec::new(),
            participants: Vec::new(),
            message_ids: Vec::new(),
            attachments: Vec::new(),
            joins: Vec::new(),
            uploads: Vec::new(),
            outbox: Vec::new(),
        }
    }

    /// Locks tickets, in the order of their ids so that units that touch the same ones cannot deadlock. Ids that do
    /// not exist are passed over. Must be called once, before any change.
    ///
    /// # Errors
    /// See [`crate::store::Error`].
    #[compiled_here]
    pub async fn lock(&mut self, tx: &mut Tx, ids: &[TicketId]) -> Result<()> {
        for ticket in sql::lock(tx, ids).await? {
            let counted = Place::of(&ticket);
            self.tickets.insert(ticket.id, Held { ticket, is_new: false, dirty: false, counted });
        }
        Ok(())
    }

    /// The time that all changes of this unit bear.
    pub fn now(&self) -> Time {
        self.now
    }

    /// The keys this unit signs with.
    pub fn keys(&self) -> &'a Keys {
        self.keys
    }

    /// Returns a locked or new ticket as it stands after the changes so far.
    pub fn ticket(&self, id: TicketId) -> Option<&Ticket> {
        self.tickets.get(&id).map(|h| &h.ticket)
    }

    /// Makes a ticket, its event and its requester.
    pub fn create(&mut self, new: NewTicket, by: By) -> &Ticket {
        let (response, resolution) = new.priority.default_sla();
        let (id, requester, tenant_id) = (new.id, new.requester_id, new.tenant_id);
        let data = json!({
            "channel": new.channel, "priority": new.priority, "requester_id": requester, "follow_up_of": new.follow_up_of,
        });
        let ticket = Ticket {
            id,
            tenant_id,
            pid: new.pid,
            subject: new.subject,
            sub_subject: new.sub_subject,
            status: Status::New,
            priority: new.priority,
            kind: new.kind,
            folder: new.folder,
            channel: new.channel,
            category_id: new.category_id,
            mailbox_id: new.mailbox_id,
            requester_id: requester,
            created_by: new.created_by,
            assigned_to: None,
            version: 0,
            last_conflict_seq: 0,
            chain_head: Vec::new(),
            merged_into: None,
            follow_up_of: new.follow_up_of,
            snippet: String::new(),
            message_count: 0,
            created_at: self.now,
            updated_at: self.now,
            last_activity_at: self.now,
            first_response_at: None,
            response_due_at: Some(self.now + response),
            resolution_due_at: Some(self.now + resolution),
            solved_at: None,
            solved_by: None,
            closed_at: None,
            closed_by: None,
            resolution_notes: None,
            erased_at: None,
            snoozed_until: None,
            incident_id: None,
        };
        self.tickets.insert(id, Held { ticket, is_new: true, dirty: true, counted: None });
        self.event(id, EventKind::Created, by, data, None);
        self.participants.push(NewParticipant {
            ticket_id: id,
            tenant_id,
            user_id: requester,
            kind: ParticipantKind::Requester,
            state: ParticipantState::Accepted,
        });
        &self.held(id).ticket
    }

    /// Gives a new ticket the time that its imported mail bears, so that lists show it where it belongs. Its PID and its
    /// clocks stay those of the import: nobody could have answered before.
    pub fn predate(&mut self, id: TicketId, at: Time) {
        let ticket = self.change(id);
        ticket.created_at = at.min(ticket.created_at);
        ticket.last_activity_at = ticket.created_at;
    }

    /// Adds an event: the version goes up by one and is the event's seq, which is returned. `data` must hold ids,
    /// enum values and digests only; text and addresses go to `values`.
    pub fn event(&mut self, id: TicketId, kind: EventKind, by: By, data: Json, values: Option<Json>) -> i64 {
        let (keys, now) = (self.keys, self.now);
        let ticket = self.change(id);
        ticket.version += 1;
        ticket.updated_at = now;
        if kind.conflicts() {
            ticket.last_conflict_seq = ticket.version;
        }
        let mut event = Event {
            ticket_id: id,
            seq: ticket.version,
            tenant_id: ticket.tenant_id,
            kind,
            actor_kind: by.kind,
            actor_id: by.id,
            data: data.to_string(),
            at: now,
            hash: Vec::new(),
        };
        event.hash = event.expected_hash(keys, &ticket.chain_head).to_vec();
        ticket.chain_head.clone_from(&event.hash);
        let (seq, tenant_id) = (event.seq, event.tenant_id);
        self.events.push(event);
        if let Some(values) = values {
            self.values.push((id, seq, tenant_id, values));
        }
        seq
    }

    /// Adds a message and its event; the ticket's snippet and last activity follow it, and it is put off no longer if the
    /// customer's side wrote. Returns its seq.
    pub fn message(&mut self, message: NewMessage, by: By) -> i64 {
        self.message_without(message, by, &[])
    }

    /// As [`Work::message`], for a reply that its author sends without some of the participants: the event names them.
    pub fn message_without(&mut self, mut message: NewMessage, by: By, left_out: &[UserId]) -> i64 {
        let mut data = json!({
            "message_id": message.id, "kind": message.kind, "side": message.side, "mail_id": message.mail_id,
        });
        if !left_out.is_empty() {
            data["left_out"] = json!(left_out);
        }
        let id = message.ticket_id;
        message.seq = self.event(id, EventKind::MessageAdded, by, data, None);
        let at = message.created_at.unwrap_or(self.now).min(self.now);
        let ticket = self.change(id);
        message.tenant_id = ticket.tenant_id;
        ticket.message_count += 1;
        ticket.last_activity_at = ticket.last_activity_at.max(at);
        if message.kind == MessageKind::Reply {
            ticket.snippet = snippet(&message.visible_text);
        }
        let seq = message.seq;
        if comes_from_a_customer(&message) {
            self.wake(id, by, "customer_wrote");
        }
        self.messages.push(message);
        seq
    }

    /// Moves a ticket to `status`; nothing happens if it stands there already. `why` is a rule or an act, for the
    /// timeline.
    pub fn set_status(&mut self, id: TicketId, status: Status, by: By, why: &str) -> bool {
        let now = self.now;
        let ticket = self.change(id);
        let before = ticket.status;
        if before == status {
            return false;
        }
        ticket.status = status;
        let user = by.id.filter(|_| by.kind == crate::events::ByKind::User);
        match status {
            Status::Solved => (ticket.solved_at, ticket.solved_by) = (Some(now), user),
            Status::Closed => (ticket.closed_at, ticket.closed_by) = (Some(now), user),
            _ => {
                (ticket.solved_at, ticket.solved_by) = (None, None);
                (ticket.closed_at, ticket.closed_by) = (None, None);
            }
        }
        // What is done is not put off as well.
        if status.is_done() {
            ticket.snoozed_until = None;
        }
        self.event(id, EventKind::StatusChanged, by, json!({"from": before, "to": status, "why": why}), None);
        true
    }

    /// Changes the priority and the clocks that follow from it.
    pub fn set_priority(&mut self, id: TicketId, priority: Priority, by: By) -> bool {
        let ticket = self.change(id);
        let before = ticket.priority;
        if before == priority {
            return false;
        }
        ticket.priority = priority;
        let (response, resolution) = priority.default_sla();
        ticket.response_due_at = Some(ticket.created_at + response);
        ticket.resolution_due_at = Some(ticket.created_at + resolution);
        self.event(id, EventKind::PriorityChanged, by, json!({"from": before, "to": priority}), None);
        true
    }

    /// Makes somebody responsible, or nobody. The first assignment of a new ticket triages it.
    pub fn assign(&mut self, id: TicketId, to: Option<UserId>, by: By) -> bool {
        let ticket = self.change(id);
        let before = ticket.assigned_to;
        if before == to {
            return false;
        }
        ticket.assigned_to = to;
        let was_new = ticket.status == Status::New;
        self.event(id, EventKind::Assigned, by, json!({"from": before, "to": to}), None);
        if was_new && to.is_some() {
            self.set_status(id, Status::Triaged, by, "assigned");
        }
        true
    }

    /// Moves a ticket to a folder.
    pub fn set_folder(&mut self, id: TicketId, folder: Folder, by: By) -> bool {
        let ticket = self.change(id);
        let before = ticket.folder;
        if before == folder {
            return false;
        }
        ticket.folder = folder;
        let kind = match folder {
            Folder::Trash => EventKind::Trashed,
            Folder::Spam => EventKind::MarkedSpam,
            Folder::Inbox => EventKind::Restored,
        };
        self.event(id, kind, by, json!({"from": before, "to": folder}), None);
        true
    }

    /// Adds somebody to the conversation, with an event. The caller knows that they are not in it yet.
    pub fn add_participant(
        &mut self,
        id: TicketId,
        user: UserId,
        kind: ParticipantKind,
        state: ParticipantState,
        by: By,
    ) {
        let tenant_id = self.held(id).ticket.tenant_id;
        self.event(id, EventKind::ParticipantAdded, by, json!({"user_id": user, "kind": kind, "state": state}), None);
        self.participants.push(NewParticipant { ticket_id: id, tenant_id, user_id: user, kind, state });
    }

    /// Notes that somebody gets a reply unseen by the others (E8.8). The message's own event tells of it: one of its own
    /// would show the others who it was.
    pub fn add_unseen(&mut self, id: TicketId, user: UserId) {
        let tenant_id = self.held(id).ticket.tenant_id;
        let (kind, state) = (ParticipantKind::Bcc, ParticipantState::NewSender);
        self.participants.push(NewParticipant { ticket_id: id, tenant_id, user_id: user, kind, state });
    }

    /// Makes a Message-ID lead to a ticket.
    pub fn message_id(&mut self, new: NewMessageId) {
        self.message_ids.push(new);
    }

    /// Adds a file to a message.
    pub fn attachment(&mut self, new: NewAttachment) {
        self.attachments.push(new);
    }

    /// Puts a doubtful join into the tray (E4.4).
    pub fn offer(&mut self, new: NewJoin) {
        self.joins.push(new);
    }

    /// Puts a file that was uploaded before on a message.
    pub fn attach_upload(&mut self, id: AttachmentId, ticket: TicketId, message: MessageId) {
        self.uploads.push((id, ticket, message));
    }

    /// Queues an outbox mail.
    pub fn enqueue(&mut self, new: NewOutbox) {
        self.outbox.push(new);
    }

    /// Returns the ids of the outbox mails queued so far: what the doorbell is rung for after commit.
    pub fn queued(&self) -> Vec<OutboxId> {
        self.outbox.iter().map(|o| o.id).collect()
    }

    /// Changes a ticket's other fields by `f`. The caller adds the event.
    pub fn update(&mut self, id: TicketId, f: impl FnOnce(&mut Ticket)) {
        f(self.change(id));
    }

    /// Writes everything, one statement per table.
    ///
    /// # Errors
    /// See [`crate::store::Error`]; the caller rolls back.
    #[compiled_here]
    pub async fn flush(&mut self, tx: &mut Tx) -> Result<()> {
        let held = std::mem::take(&mut self.tickets);
        let mut moves = Moves::default();
        held.values().filter(|h| h.dirty).for_each(|h| moves.one(h.counted, Place::of(&h.ticket)));
        let (new, old): (Vec<Held>, Vec<Held>) = held.into_values().filter(|h| h.dirty).partition(|h| h.is_new);
        sql::insert_tickets(tx, new.into_iter().map(|h| h.ticket).collect()).await?;
        sql::update_tickets(tx, old.into_iter().map(|h| h.ticket).collect()).await?;
        moves.write(tx).await?;
        sql::insert_messages(tx, std::mem::take(&mut self.messages), self.now).await?;
        sql::insert_events(tx, std::mem::take(&mut self.events)).await?;
        sql::insert_event_values(tx, std::mem::take(&mut self.values)).await?;
        sql::insert_participants(tx, std::mem::take(&mut self.participants), self.now).await?;
        sql::insert_message_ids(tx, std::mem::take(&mut self.message_ids), self.now).await?;
        sql::insert_attachments(tx, std::mem::take(&mut self.attachments), self.now).await?;
        sql::insert_joins(tx, std::mem::take(&mut self.joins), self.now).await?;
        sql::attach_uploads(tx, std::mem::take(&mut self.uploads)).await?;
        crate::mail_out::outbox::insert(tx, std::mem::take(&mut self.outbox), self.now).await
    }

    /// Writes the rows of new tickets now, so that what is written next may point to them.
    ///
    /// # Errors
    /// See [`crate::store::Error`].
    pub(super) async fn flush_new(&mut self, tx: &mut Tx) -> Result<()> {
        let mut new = Vec::new();
        for held in self.tickets.values_mut().filter(|h| h.is_new) {
            held.is_new = false;
            new.push(held.ticket.clone());
        }
        sql::insert_tickets(tx, new).await
    }

    fn held(&self, id: TicketId) -> &Held {
        self.tickets.get(&id).expect("a unit changes only tickets that it locked or made")
    }

    fn change(&mut self, id: TicketId) -> &mut Ticket {
        let held = self.tickets.get_mut(&id).expect("a unit changes only tickets that it locked or made");
        held.dirty = true;
        &mut held.ticket
    }
}

/// Whether a person on the customer's side wrote it for us to answer: a machine's message wakes nobody.
fn comes_from_a_customer(message: &NewMessage) -> bool {
    message.kind == MessageKind::Reply
        && matches!(message.side, Side::Customer | Side::Staff)
        && message.class.is_none_or(|class| class == Class::Person)
}
