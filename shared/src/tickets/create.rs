//! Opening a ticket by form, page or API. Mail opens tickets in [`crate::mail_in`]; both write by the same unit of work.

use super::change::by;
use super::error::{Error, Result};
use super::types::{Channel, Folder, Priority};
use super::{NewMessage, NewTicket, Work, sql, take_pids};
use crate::access::{Actor, Capability};
use crate::address;
use crate::app::App;
use crate::attachments::{self, Attach};
use crate::compiled_here;
use crate::ids::{CategoryId, MessageId, OutboxId, TenantId, TicketId};
use crate::mail_out::caps;
use crate::mail_out::enqueue::{self, Automatic, Recipient, Trigger};
use crate::mail_out::kinds::Kind;
use crate::mail_out::outbox::Template;
use crate::messages::{MessageKind, Side};
use crate::store::{Scope, Tx, dialect};

/// A ticket to open.
#[derive(Debug, Clone)]
pub struct Create {
    /// The tenant; None: the actor's, else the default one.
    pub tenant: Option<TenantId>,
    /// What it is about.
    pub subject: String,
    /// A narrower subject.
    pub sub_subject: Option<String>,
    /// The first message.
    pub body: String,
    /// A category's id or slug.
    pub category: Option<String>,
    /// How much it presses; None: medium.
    pub priority: Option<Priority>,
    /// `support` or another short slug; None: `support`.
    pub kind: Option<String>,
    /// Whose problem it is: name and address; None: the actor's own.
    pub requester: Option<(Option<String>, String)>,
    /// How it came.
    pub channel: Channel,
    /// Files of the first message.
    pub attachments: Vec<Attach>,
}

/// The longest subject, in characters.
pub const MOST_SUBJECT: usize = 500;

/// Opens a ticket. Its requester is acknowledged by mail, unless an agent opened it for them (E5.14).
///
/// # Errors
/// `Denied`, or `Invalid` for a field that cannot be taken.
#[compiled_here]
pub async fn create(app: &App, actor: &Actor, new: Create) -> Result<TicketId> {
    actor.require(Capability::TicketsCreate)?;
    let for_another =
        new.requester.as_ref().is_some_and(|(_, email)| address::key(email) != address::key(&actor.email));
    if for_another && actor.user.is_some() {
        actor.require(Capability::TicketsCreateFor)?;
    }
    check(&new)?;
    let tenant = match new.tenant.or(actor.within) {
        Some(tenant) if actor.sees_tenant(tenant) => tenant,
        Some(_) => return Err(Error::NotFound),
        None => sql::default_tenant(&app.db).await?,
    };
    let mut tx = app.db.write(Scope::Tenant(tenant)).await?;
    if !sql::tenant_is_active(&mut tx, tenant).await? {
        return Err(Error::TenantClosed);
    }
    let requester = match &new.requester {
        Some((name, email)) if for_another => sql::ensure_user(&mut tx, tenant, email, name.as_deref()).await?,
        _ => sql::user(&mut tx, actor.user.ok_or_else(no_requester)?).await?,
    };
    let category = match &new.category {
        Some(name) => Some(find_category(&mut tx, tenant, name, None).await?),
        None => None,
    };
    let mut work = Work::new(&app.keys);
    let id = TicketId(dialect::take_ids(&mut tx, dialect::IdTable::Tickets, 1).await?[0]);
    let message = MessageId(dialect::take_ids(&mut tx, dialect::IdTable::Messages, 1).await?[0]);
    let desk = enqueue::desk(&mut tx, tenant, None).await?;
    let prefix = sql::pid_prefix(&mut tx, tenant).await?;
    let pid = take_pids(&mut tx, tenant, prefix.as_deref(), work.now(), 1).await?.remove(0);
    let by = actor.user.map_or_else(
        || crate::events::By { kind: crate::events::ByKind::System, id: Some(requester.user_id) },
        |_| by(actor),
    );
    let ticket = NewTicket {
        id,
        tenant_id: tenant,
        pid,
        subject: new.subject.trim().to_owned(),
        sub_subject: new.sub_subject,
        priority: new.priority.unwrap_or(Priority::Medium),
        kind: new.kind.unwrap_or_else(|| "support".to_owned()),
        channel: new.channel,
        folder: Folder::Inbox,
        category_id: category,
        mailbox_id: Some(desk.mailbox_id),
        requester_id: requester.user_id,
        created_by: actor.user.filter(|u| *u != requester.user_id),
        follow_up_of: None,
    };
    let ticket = work.create(ticket, by).clone();
    let text = new.body.clone();
    work.message(first_message(message, &ticket, &requester, new.body), by);
    attachments::attach(app, &mut tx, &mut work, actor, &ticket, message, new.attachments).await?;
    if !for_another || actor.user.is_none() {
        acknowledge(&mut tx, &mut work, &desk, &ticket, &requester, message, &text).await?;
    }
    let rung = work.queued();
    work.flush(&mut tx).await?;
    tx.commit().await?;
    app.bell.ring(&rung);
    Ok(id)
}

/// Returns the category that a tenant's ticket is to have, by id or slug; one that is switched off only if the ticket has
/// it already.
///
/// # Errors
/// `Invalid` if there is none, or it is off.
pub(super) async fn find_category(
    tx: &mut Tx,
    tenant: TenantId,
    name: &str,
    present: Option<CategoryId>,
) -> Result<CategoryId> {
    match sql::find_category(tx, tenant, name).await? {
        Some((id, active)) if active || present == Some(id) => Ok(id),
        Some(_) => Err(Error::invalid("category", "category_inactive", "this category is switched off")),
        None => Err(Error::invalid("category", "category_unknown", "no such category")),
    }
}

fn no_requester() -> Error {
    Error::invalid("requester", "required", "whose problem is it?")
}

/// # Errors
/// `Invalid` for a subject that a ticket cannot have.
pub(super) fn check_subject(subject: &str) -> Result<()> {
    if subject.trim().is_empty() {
        return Err(Error::invalid("subject", "required", "a ticket needs a subject"));
    }
    if subject.chars().count() > MOST_SUBJECT {
        return Err(Error::invalid("subject", "too_long", format!("at most {MOST_SUBJECT} characters")));
    }
    // E8.6: a line break in a subject would be a header of somebody's making.
    if subject.contains(['\r', '\n', '\0']) {
        return Err(Error::invalid("subject", "control_character", "no line breaks in a subject"));
    }
    Ok(())
}

fn check(new: &Create) -> Result<()> {
    check_subject(&new.subject)?;
    if new.body.trim().is_empty() && new.attachments.is_empty() {
        return Err(Error::invalid("description", "required", "say what happened"));
    }
    if let Some((_, email)) = &new.requester
        && !address::is_valid(email)
    {
        return Err(Error::invalid("requester.email", "address_invalid", "not a mail address"));
    }
    Ok(())
}

fn first_message(id: MessageId, ticket: &super::Ticket, requester: &Recipient, body: String) -> NewMessage {
    NewMessage {
        id,
        tenant_id: ticket.tenant_id,
        ticket_id: ticket.id,
        seq: 0,
        kind: MessageKind::Reply,
        side: Side::Customer,
        author_id: Some(requester.user_id),
        author_name: requester.name.clone(),
        author_email: Some(requester.email.clone()),
        visible_text: body.clone(),
        body,
        body_html: None,
        class: None,
        verdict: None,
        mail_id: None,
        mail_view: None,
        message_id: None,
        created_at: None,
        forwarded_by: None,
        written_at: None,
    }
}

/// The form is open to everybody: its acknowledgements keep to the same caps as those to mail (E5.12).
async fn acknowledge(
    tx: &mut Tx,
    work: &mut Work<'_>,
    desk: &enqueue::Desk,
    ticket: &super::Ticket,
    requester: &Recipient,
    message: MessageId,
    text: &str,
) -> Result<()> {
    if let Err(reason) = caps::may_acknowledge(tx, ticket.tenant_id, &requester.email, text, work.now()).await? {
        let data = serde_json::json!({"kind": "ack", "reason": reason});
        work.event(ticket.id, crate::events::EventKind::AutoSuppressed, crate::events::By::SYSTEM, data, None);
        return Ok(());
    }
    let row = OutboxId(dialect::take_ids(tx, dialect::IdTable::Outbox, 1).await?[0]);
    let mail = Automatic {
        kind: Kind::Ack,
        template: Template::Ack,
        to: requester,
        to_agent: false,
        trigger: Trigger::default(),
        ticket_message_id: Some(message),
        due_at: dialect::now(tx).await?,
        pattern: Some(caps::pattern(text)),
    };
    enqueue::automatic(work, desk, ticket, mail, row);
    Ok(())
}
