//! Finding: tickets by their newest message that fits, newest first, and people by how their address or name begins.

use super::expression::{Within, expression};
use super::query::{Assigned, Condition, Query};
use super::snippet::{Piece, snippet};
use super::sql::{self, HitRow, Somebody};
use crate::access::{Actor, Capability};
use crate::address;
use crate::app::App;
use crate::compiled_here;
use crate::ids::{MessageId, TicketId};
use crate::messages::Message;
use crate::store::{Exec, Q, Read};
use crate::tickets::{self, Folder, Status, TicketView};
use std::collections::{HashMap, HashSet};
use unicode_normalization::UnicodeNormalization;

/// How many documents one step looks at for each ticket that is wanted: a ticket often has several.
const PER_TICKET: i64 = 4;
/// How many people are shown.
const PEOPLE: i64 = 5;

/// A ticket that was found, by one of its messages.
#[derive(Debug, Clone)]
pub struct Hit {
    /// The ticket.
    pub ticket: TicketView,
    /// Its newest message that fits.
    pub message: Message,
    /// The piece of it that shows why.
    pub snippet: Vec<Piece>,
}

/// A page of what was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// Tickets, by their newest message that fits, newest first.
    pub hits: Vec<Hit>,
    /// Where the next page begins, if there is one.
    pub next: Option<MessageId>,
}

/// Finds tickets that the actor sees, at most `limit`, by messages older than `before`.
///
/// # Errors
/// `Denied` if the actor may not read tickets; else see [`crate::store::Error`].
#[compiled_here]
pub async fn search(
    app: &App,
    actor: &Actor,
    query: &Query,
    before: Option<MessageId>,
    limit: i64,
) -> tickets::Result<Found> {
    actor.require(Capability::TicketsRead)?;
    let mut read = app.db.read(actor.tickets().rows());
    let mut found: Vec<HitRow> = Vec::new();
    let mut seen: HashSet<TicketId> = HashSet::new();
    let mut cursor = before;
    let mut more = true;
    while more && (found.len() as i64) <= limit {
        let step = (limit + 1) * PER_TICKET;
        let rows = step_of(&mut read, actor, query, cursor, step).await?;
        more = rows.len() as i64 == step;
        cursor = rows.last().map(|r| r.message_id).or(cursor);
        let fresh: Vec<HitRow> = rows.into_iter().filter(|r| seen.insert(r.ticket_id)).collect();
        let shown_before = match before {
            Some(before) => newer(&mut read, actor, query, before, &fresh).await?,
            None => HashSet::new(),
        };
        found.extend(fresh.into_iter().filter(|r| !shown_before.contains(&r.ticket_id)));
    }
    let next = (found.len() as i64 > limit).then(|| found[limit.max(1) as usize - 1].message_id);
    found.truncate(limit.max(0) as usize);
    Ok(Found { hits: with_texts(app, actor, query, found).await?, next })
}

/// Returns, for those of the tickets that have one, the newest message that fits and the piece of it that shows why.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn hits_of(
    app: &App,
    actor: &Actor,
    query: &Query,
    tickets: &[TicketId],
) -> tickets::Result<HashMap<TicketId, (Message, Vec<Piece>)>> {
    if tickets.is_empty() || query.words.iter().all(|w| w.negated) {
        return Ok(HashMap::new());
    }
    let mut read = app.db.read(actor.tickets().rows());
    let q = fitting(&read, actor, query, "MAX(m.id) AS message_id, m.ticket_id").push(" AND m.ticket_id IN ");
    // From their oldest message on: a list's tickets mostly have the newest documents, and older ones are not looked at.
    let id = sql::document_id(read.is_sqlite());
    let oldest = "(SELECT MIN(o.id) FROM ticket_messages o WHERE o.ticket_id IN ";
    let q = q.list(tickets.iter().copied()).push(" AND ").push(id).push(" >= ").push(oldest);
    let q = q.list(tickets.iter().copied()).push(") GROUP BY m.ticket_id");
    let rows: Vec<HitRow> = q.all(&mut read).await?;
    let ids: Vec<MessageId> = rows.iter().map(|r| r.message_id).collect();
    let messages = crate::messages::by_ids(&mut read, &ids).await?;
    let hit = |m: Message| {
        let text: String = super::index::text_of(m.seq, &m.body, &m.visible_text).nfc().collect();
        (m.ticket_id, (m, snippet(&text, query)))
    };
    Ok(messages.into_iter().map(hit).collect())
}

/// Finds people whose address or name begins with the search's text. Nobody for whom only sees own tickets.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn people(app: &App, actor: &Actor, text: &str) -> tickets::Result<Vec<Somebody>> {
    let text = text.trim();
    if text.chars().count() < 2 || !actor.can(Capability::TicketsNote) {
        return Ok(Vec::new());
    }
    let scope = actor.tickets();
    let prefix = if text.contains('@') { address::key(text) } else { text.to_lowercase() };
    Ok(sql::people(&mut app.db.read(scope.rows()), scope.tenant(), &prefix, PEOPLE).await?)
}

async fn step_of(
    read: &mut Read<'_>,
    actor: &Actor,
    query: &Query,
    before: Option<MessageId>,
    n: i64,
) -> tickets::Result<Vec<HitRow>> {
    let id = sql::document_id(read.is_sqlite());
    let mut q = fitting(read, actor, query, "m.id AS message_id, m.ticket_id");
    if let Some(before) = before {
        q = q.push(" AND ").push(id).push(" < ").arg(before);
    }
    Ok(q.push(" ORDER BY ").push(id).push(" DESC LIMIT ").arg(n).all(read).await?)
}

/// Which of the tickets have a newer message that fits, and so stand on an earlier page.
async fn newer(
    read: &mut Read<'_>,
    actor: &Actor,
    query: &Query,
    before: MessageId,
    rows: &[HitRow],
) -> tickets::Result<HashSet<TicketId>> {
    if rows.is_empty() {
        return Ok(HashSet::new());
    }
    let id = sql::document_id(read.is_sqlite());
    let q = fitting(read, actor, query, "DISTINCT m.ticket_id").push(" AND ").push(id).push(" >= ").arg(before);
    let q = q.push(" AND m.ticket_id IN ").list(rows.iter().map(|r| r.ticket_id));
    let found: Vec<(TicketId,)> = q.all(read).await?;
    Ok(found.into_iter().map(|(id,)| id).collect())
}

/// Messages that the actor sees and the search names.
fn fitting(read: &Read<'_>, actor: &Actor, query: &Query, select: &'static str) -> Q {
    let sqlite = read.is_sqlite();
    let within = Within { tenant: actor.tickets().tenant(), notes: actor.can(Capability::TicketsNote) };
    let q = sql::fitting(sql::over_documents(select, sqlite), expression(query, within, sqlite), sqlite);
    let mut q = actor.tickets().filter(readable(q, within));
    if query.folder().is_none() {
        q = q.push(" AND t.folder = ").arg(Folder::Inbox);
    }
    written(conditions(q, actor, &query.conditions), &query.conditions)
}

/// Adds what the search says about when messages `m` were written.
fn written(mut q: Q, conditions: &[Condition]) -> Q {
    for condition in conditions {
        q = match condition {
            Condition::Before(at) => q.push(" AND m.created_at < ").arg(*at),
            Condition::After(at) => q.push(" AND m.created_at >= ").arg(*at),
            _ => q,
        };
    }
    q
}

/// Adds what the search says about tickets `t`.
fn conditions(mut q: Q, actor: &Actor, conditions: &[Condition]) -> Q {
    let statuses = |done: bool| Status::ALL.iter().copied().filter(move |s| s.is_done() == done);
    for condition in conditions {
        q = match condition {
            Condition::Status(list) => q.push(" AND t.status IN ").list(list.iter().copied()),
            Condition::Open(open) => q.push(" AND t.status IN ").list(statuses(!open)),
            Condition::Priority(list) => q.push(" AND t.priority IN ").list(list.iter().copied()),
            Condition::Assigned(Assigned::Me) => q.push(" AND t.assigned_to = ").arg(actor.user),
            Condition::Assigned(Assigned::Nobody) => q.push(" AND t.assigned_to IS NULL"),
            Condition::Assigned(Assigned::Somebody(email)) => q
                .push(" AND t.assigned_to IN (SELECT id FROM users WHERE email_key = ")
                .arg(address::key(email))
                .push(")"),
            Condition::Tag(tag) => tickets::tagged(q, tag),
            Condition::Tenant(slug) => {
                q.push(" AND t.tenant_id IN (SELECT id FROM tenants WHERE slug = ").arg(slug.as_str()).push(")")
            }
            Condition::Category(slug) => {
                q.push(" AND t.category_id IN (SELECT id FROM categories WHERE slug = ").arg(slug.as_str()).push(")")
            }
            Condition::AtRisk => tickets::at_risk(q),
            Condition::In(folder) => q.push(" AND t.folder = ").arg(*folder),
            Condition::HasAttachment => q.push(" AND EXISTS (SELECT 1 FROM attachments f WHERE f.ticket_id = t.id)"),
            Condition::Before(_) | Condition::After(_) => q,
            Condition::Since(at) => q.push(" AND t.created_at >= ").arg(*at),
            Condition::Until(at) => q.push(" AND t.created_at < ").arg(*at),
            Condition::Requester(email) => q
                .push(" AND t.requester_id IN (SELECT id FROM users WHERE email_key = ")
                .arg(address::key(email))
                .push(")"),
            Condition::Unread => tickets::unread_by(q, actor),
            Condition::Snoozed(snoozed) => tickets::put_off(q, actor, *snoozed),
        };
    }
    q
}

/// Adds to a list of tickets `t` what the search says about them: its conditions, and that one of their messages fits, or
/// that they are found at once by PID, requester's address or the beginning of the subject.
pub(crate) fn among_tickets(q: Q, actor: &Actor, query: &Query, sqlite: bool) -> Q {
    let mut q = conditions(q, actor, &query.conditions);
    let dated = query.conditions.iter().any(|c| matches!(c, Condition::Before(_) | Condition::After(_)));
    if query.words.is_empty() && !dated {
        return q;
    }
    q = q.push(" AND t.id IN (");
    if let Some(text) = query.plain_text().filter(|_| !dated) {
        q = sql::at_once(q, &text, sqlite).push(" UNION ");
    }
    let within = Within { tenant: actor.tickets().tenant(), notes: actor.can(Capability::TicketsNote) };
    q = q
        .push("SELECT m.ticket_id FROM search_index s JOIN ticket_messages m ON m.id = ")
        .push(sql::document_id(sqlite));
    q = q.push(" WHERE ").push(sql::fits(sqlite));
    q = readable(sql::fitting(q, expression(query, within, sqlite), sqlite), within);
    written(q, &query.conditions).push(")")
}

/// Keeps what was taken back out of what is found, and for those who see no notes what was not said yet.
fn readable(q: Q, within: Within) -> Q {
    // The few that were taken back are named by an index of their own: in the row the column lies behind the whole text,
    // which is read up to there.
    q.push(if within.notes {
        " AND m.id NOT IN (SELECT w.id FROM ticket_messages w WHERE w.withdrawn_at IS NOT NULL)"
    } else {
        crate::messages::SAID
    })
}

async fn with_texts(app: &App, actor: &Actor, query: &Query, rows: Vec<HitRow>) -> tickets::Result<Vec<Hit>> {
    let ids: Vec<TicketId> = rows.iter().map(|r| r.ticket_id).collect();
    let mut views: HashMap<TicketId, TicketView> =
        tickets::views(app, actor, &ids).await?.into_iter().map(|v| (v.ticket.id, v)).collect();
    let mut read = app.db.read(actor.tickets().rows());
    let messages: Vec<MessageId> = rows.iter().map(|r| r.message_id).collect();
    let messages = crate::messages::by_ids(&mut read, &messages).await?;
    let mut messages: HashMap<MessageId, Message> = messages.into_iter().map(|m| (m.id, m)).collect();
    let hit = |r: HitRow| {
        let (ticket, message) = (views.remove(&r.ticket_id)?, messages.remove(&r.message_id)?);
        let text: String = super::index::text_of(message.seq, &message.body, &message.visible_text).nfc().collect();
        Some(Hit { ticket, snippet: snippet(&text, query), message })
    };
    Ok(rows.into_iter().filter_map(hit).collect())
}
