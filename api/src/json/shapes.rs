//! The shapes that several answers have in common (DESIGN 8). Fields may be added, none renamed.

use serde::Serialize;
use shared::access::Actor;
use shared::attachments::Attachment;
use shared::clock::Time;
use shared::ids::{AttachmentId, CategoryId, IncidentId, MailId, MessageId, OutboxId, TenantId, TicketId, UserId};
use shared::incidents::{IncidentState, Severity};
use shared::mail_in::cards::{Card, MailView};
use shared::mail_in::sanitise;
use shared::mail_out::kinds::OutboxState;
use shared::messages::{Delivery, Message, MessageKind, Side};
use shared::tickets::snooze::Until;
use shared::tickets::{
    Channel, ClockState, Folder, Participant, ParticipantKind, ParticipantState, Priority, Status, Ticket, TicketView,
};

/// A ticket.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct TicketShape {
    pub id: TicketId,
    pub pid: String,
    pub tenant: TenantShape,
    pub subject: String,
    pub sub_subject: Option<String>,
    pub status: Status,
    pub priority: Priority,
    #[serde(rename = "type")]
    pub kind: String,
    pub category: Option<CategoryShape>,
    pub tags: Vec<String>,
    pub requester: PersonShape,
    pub created_by: Option<UserId>,
    pub assigned_to: Option<PersonShape>,
    pub channel: Channel,
    pub mailbox: Option<String>,
    pub incident: Option<IncidentShape>,
    pub sla: Option<SlaShape>,
    pub version: i64,
    pub merged_into: Option<TicketId>,
    pub follow_up_of: Option<TicketId>,
    pub snippet: String,
    pub message_count: i64,
    pub created_at: Time,
    pub updated_at: Time,
    pub last_activity_at: Time,
    pub first_response_at: Option<Time>,
    pub solved_at: Option<Time>,
    pub solved_by: Option<UserId>,
    pub closed_at: Option<Time>,
    pub closed_by: Option<UserId>,
    pub resolution_notes: Option<String>,
    /// When it was erased for good.
    pub erased_at: Option<Time>,
    pub folder: Folder,
    /// Null: it is not put off, as far as the caller is told.
    pub snoozed: Option<SnoozedShape>,
}

/// Until when a ticket is put off.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct SnoozedShape {
    /// Null: until the customer writes.
    pub until: Option<Time>,
}

/// A tenant's names.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct TenantShape {
    pub id: TenantId,
    pub slug: String,
    pub name: String,
}

/// A category's names.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct CategoryShape {
    pub id: CategoryId,
    pub slug: String,
    pub name: String,
}

/// The incident that a ticket is linked to.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct IncidentShape {
    pub id: IncidentId,
    pub title: String,
    pub severity: Severity,
    pub state: IncidentState,
}

/// A user's names.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct PersonShape {
    pub id: UserId,
    pub email: String,
    pub name: Option<String>,
}

/// A ticket's clocks.
#[derive(Debug, Serialize, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct SlaShape {
    pub response_due_at: Option<Time>,
    pub resolution_due_at: Option<Time>,
    pub state: ClockState,
}

/// A participant.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct ParticipantShape {
    pub user_id: UserId,
    pub email: String,
    pub name: Option<String>,
    pub kind: ParticipantKind,
    pub state: ParticipantState,
}

/// A message.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct MessageShape {
    pub id: MessageId,
    pub ticket_id: TicketId,
    pub seq: i64,
    pub kind: MessageKind,
    pub author: AuthorShape,
    pub body: String,
    pub body_html: Option<String>,
    pub visible_text: String,
    pub attachments: Vec<FileShape>,
    pub mail_id: Option<MailId>,
    pub cards: Vec<Card>,
    /// An address outside the sender's domain that the mail wants its answers at; used only if a reply names it (E8.2).
    reply_to_offered: Option<String>,
    pub delivery: Vec<DeliveryShape>,
    pub withdrawn_at: Option<Time>,
    /// The agent who forwarded it (E6.3).
    pub forwarded_by: Option<UserId>,
    /// When its author wrote it, where that is not when it was received.
    pub written_at: Option<Time>,
    pub created_at: Time,
}

/// A message's author.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct AuthorShape {
    pub side: Side,
    pub id: Option<UserId>,
    pub name: Option<String>,
    pub email: Option<String>,
}

/// A file.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct FileShape {
    pub id: AttachmentId,
    pub filename: String,
    pub content_type: String,
    pub size_bytes: i64,
    pub inline: bool,
    pub content_id: Option<String>,
}

/// What became of one mail of a message.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct DeliveryShape {
    pub outbox_id: OutboxId,
    pub to: String,
    pub state: OutboxState,
    /// When it leaves, where it waits; None for a held reply means that somebody must decide (E9.3).
    pub due_at: Option<Time>,
}

/// Returns a ticket's shape at `now`.
pub fn ticket(v: TicketView, now: Time) -> TicketShape {
    let t = v.ticket;
    let sla = sla(&t, now);
    TicketShape {
        tenant: TenantShape { id: t.tenant_id, slug: v.tenant_slug, name: v.tenant_name },
        category: match (t.category_id, v.category_slug, v.category_name) {
            (Some(id), Some(slug), Some(name)) => Some(CategoryShape { id, slug, name }),
            _ => None,
        },
        requester: PersonShape { id: t.requester_id, email: v.requester_email, name: v.requester_name },
        assigned_to: match (t.assigned_to, v.assignee_email) {
            (Some(id), Some(email)) => Some(PersonShape { id, email, name: v.assignee_name }),
            _ => None,
        },
        mailbox: v.mailbox_address,
        tags: v.tags,
        incident: match (t.incident_id, v.incident_title, v.incident_severity, v.incident_state) {
            (Some(id), Some(title), Some(severity), Some(state)) => Some(IncidentShape { id, title, severity, state }),
            _ => None,
        },
        sla,
        id: t.id,
        pid: t.pid,
        subject: t.subject,
        sub_subject: t.sub_subject,
        status: t.status,
        priority: t.priority,
        kind: t.kind,
        created_by: t.created_by,
        channel: t.channel,
        version: t.version,
        merged_into: t.merged_into,
        follow_up_of: t.follow_up_of,
        snippet: t.snippet,
        message_count: t.message_count,
        created_at: t.created_at,
        updated_at: t.updated_at,
        last_activity_at: t.last_activity_at,
        first_response_at: t.first_response_at,
        solved_at: t.solved_at,
        solved_by: t.solved_by,
        closed_at: t.closed_at,
        closed_by: t.closed_by,
        resolution_notes: t.resolution_notes,
        erased_at: t.erased_at,
        folder: t.folder,
        snoozed: t.snoozed_until.map(|at| SnoozedShape { until: Until::of(at).time() }),
    }
}

fn sla(t: &Ticket, now: Time) -> Option<SlaShape> {
    let state = t.sla(now)?;
    Some(SlaShape { response_due_at: t.response_due_at, resolution_due_at: t.resolution_due_at, state })
}

/// Returns a participant's shape.
pub fn participant(p: Participant) -> ParticipantShape {
    ParticipantShape { user_id: p.user_id, email: p.email, name: p.name, kind: p.kind, state: p.state }
}

/// Returns a file's shape.
pub fn file(a: Attachment) -> FileShape {
    FileShape {
        id: a.id,
        filename: a.filename,
        content_type: a.content_type,
        size_bytes: a.size_bytes,
        inline: a.inline,
        content_id: a.content_id,
    }
}

/// Returns the shapes of messages with their files and what became of their mails. Its HTML is made safe, with inline
/// images led to our own files; an agent's own address is for agents alone.
pub fn messages(actor: &Actor, all: Vec<Message>, files: Vec<Attachment>, mails: &[Delivery]) -> Vec<MessageShape> {
    all.into_iter()
        .map(|m| {
            let own: Vec<&Attachment> = files.iter().filter(|f| f.ticket_message_id == Some(m.id)).collect();
            let delivery = mails
                .iter()
                .filter(|d| d.ticket_message_id == Some(m.id) && d.kind == shared::mail_out::kinds::Kind::Reply)
                .map(|d| DeliveryShape { outbox_id: d.id, to: d.to_email.clone(), state: d.state, due_at: d.due_at })
                .collect();
            let hide = m.side == Side::Agent && !actor.is_agent();
            let view = MailView::from_json(m.mail_view.as_deref());
            MessageShape {
                body_html: m.body_html.as_deref().map(|html| safe_html(html, &own)),
                attachments: own.into_iter().cloned().map(file).collect(),
                author: AuthorShape {
                    side: m.side,
                    id: m.author_id,
                    name: m.author_name,
                    email: m.author_email.filter(|_| !hide),
                },
                delivery,
                id: m.id,
                ticket_id: m.ticket_id,
                seq: m.seq,
                kind: m.kind,
                body: m.body,
                visible_text: m.visible_text,
                mail_id: m.mail_id,
                cards: view.cards,
                reply_to_offered: view.reply_to.filter(|_| actor.is_agent() && m.forwarded_by.is_none()),
                withdrawn_at: m.withdrawn_at,
                forwarded_by: m.forwarded_by.filter(|_| actor.is_agent()),
                written_at: m.written_at,
                created_at: m.created_at,
            }
        })
        .collect()
}

fn safe_html(html: &str, files: &[&Attachment]) -> String {
    let url = |cid: &str| {
        let found = files.iter().find(|f| f.content_id.as_deref() == Some(cid))?;
        Some(format!("/api/support/attachments/{}", found.id))
    };
    sanitise::html(html, url).html
}
