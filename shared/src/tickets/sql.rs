//! The SQL of tickets and of what hangs on them.

use super::types::{Participant, Ticket};
use super::work::{NewAttachment, NewMessage, NewMessageId, NewParticipant};
use crate::clock::Time;
use crate::events::Event;
use crate::ids::{TenantId, TicketId};
use crate::store::{Exec, Result, Tx, Value, dialect, insert_many, sql, update_many};
use serde_json::Value as Json;

pub(super) async fn lock(tx: &mut Tx, ids: &[TicketId]) -> Result<Vec<Ticket>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let lock = dialect::for_update(tx);
    sql("SELECT * FROM tickets WHERE id IN ").list(ids.iter().copied()).push(" ORDER BY id").push(lock).all(tx).await
}

pub(super) async fn take_numbers(tx: &mut Tx, tenant: TenantId, period: &str, n: i64) -> Result<i64> {
    let (last,): (i64,) = sql("INSERT INTO pid_counters (tenant_id, period, last) VALUES ($1, $2, $3) \
         ON CONFLICT (tenant_id, period) DO UPDATE SET last = pid_counters.last + $3 RETURNING last")
    .bind(tenant)
    .bind(period)
    .bind(n)
    .one(tx)
    .await?;
    Ok(last)
}

pub(super) async fn participants(ex: &mut impl Exec, tickets: &[TicketId]) -> Result<Vec<Participant>> {
    sql("SELECT p.ticket_id, p.user_id, p.kind, p.state, u.email, u.name FROM ticket_participants p \
         JOIN users u ON u.id = p.user_id WHERE p.ticket_id IN ")
    .list(tickets.iter().copied())
    .push(" ORDER BY p.ticket_id, p.created_at, p.user_id")
    .all(ex)
    .await
}

pub(super) async fn insert_tickets(tx: &mut Tx, tickets: Vec<Ticket>) -> Result<()> {
    let rows = tickets
        .into_iter()
        .map(|t| {
            let mut row: Vec<Value> = vec![
                t.id.into(),
                t.tenant_id.into(),
                (&t.pid).into(),
                t.channel.into(),
                t.created_by.into(),
                t.created_at.into(),
            ];
            row.extend(mutable(t));
            row
        })
        .collect();
    insert_many(
        tx,
        "INSERT INTO tickets (id, tenant_id, pid, channel, created_by, created_at, subject, sub_subject, status, priority, \
         type, folder, category_id, mailbox_id, requester_id, assigned_to, version, last_conflict_seq, chain_head, \
         merged_into, follow_up_of, snippet, message_count, updated_at, last_activity_at, first_response_at, \
         response_due_at, resolution_due_at, solved_at, solved_by, closed_at, closed_by, resolution_notes)",
        rows,
        "",
    )
    .await?;
    Ok(())
}

pub(super) async fn update_tickets(tx: &mut Tx, tickets: Vec<Ticket>) -> Result<()> {
    let rows = tickets
        .into_iter()
        .map(|t| {
            let mut row: Vec<Value> = vec![t.id.into()];
            row.extend(mutable(t));
            row
        })
        .collect();
    update_many(
        tx,
        "UPDATE tickets SET subject = v.column2, sub_subject = v.column3, status = v.column4, priority = v.column5, \
         type = v.column6, folder = v.column7, category_id = v.column8, mailbox_id = v.column9, requester_id = v.column10, \
         assigned_to = v.column11, version = v.column12, last_conflict_seq = v.column13, chain_head = v.column14, \
         merged_into = v.column15, follow_up_of = v.column16, snippet = v.column17, message_count = v.column18, \
         updated_at = v.column19, last_activity_at = v.column20, first_response_at = v.column21, \
         response_due_at = v.column22, resolution_due_at = v.column23, solved_at = v.column24, solved_by = v.column25, \
         closed_at = v.column26, closed_by = v.column27, resolution_notes = v.column28",
        rows,
        "tickets.id = v.column1",
    )
    .await?;
    Ok(())
}

/// The columns that change, in one order for insert and update.
fn mutable(t: Ticket) -> [Value; 27] {
    [
        t.subject.into(),
        t.sub_subject.into(),
        t.status.into(),
        t.priority.into(),
        t.kind.into(),
        t.folder.into(),
        t.category_id.into(),
        t.mailbox_id.into(),
        t.requester_id.into(),
        t.assigned_to.into(),
        t.version.into(),
        t.last_conflict_seq.into(),
        t.chain_head.into(),
        t.merged_into.into(),
        t.follow_up_of.into(),
        t.snippet.into(),
        t.message_count.into(),
        t.updated_at.into(),
        t.last_activity_at.into(),
        t.first_response_at.into(),
        t.response_due_at.into(),
        t.resolution_due_at.into(),
        t.solved_at.into(),
        t.solved_by.into(),
        t.closed_at.into(),
        t.closed_by.into(),
        t.resolution_notes.into(),
    ]
}

pub(super) async fn insert_messages(tx: &mut Tx, messages: Vec<NewMessage>, at: Time) -> Result<()> {
    let rows = messages
        .into_iter()
        .map(|m| {
            vec![
                m.id.into(),
                m.tenant_id.into(),
                m.ticket_id.into(),
                m.seq.into(),
                m.kind.into(),
                m.side.into(),
                m.author_id.into(),
                m.author_name.into(),
                m.author_email.into(),
                m.body.into(),
                m.body_html.into(),
                m.visible_text.into(),
                m.class.into(),
                m.verdict.into(),
                m.mail_id.into(),
                m.message_id.into(),
                m.created_at.unwrap_or(at).into(),
            ]
        })
        .collect();
    insert_many(
        tx,
        "INSERT INTO ticket_messages (id, tenant_id, ticket_id, seq, kind, side, author_id, author_name, author_email, body, \
         body_html, visible_text, class, verdict, mail_id, message_id, created_at)",
        rows,
        "",
    )
    .await?;
    Ok(())
}

pub(super) async fn insert_events(tx: &mut Tx, events: Vec<Event>) -> Result<()> {
    let rows = events
        .into_iter()
        .map(|e| {
            vec![
                e.ticket_id.into(),
                e.seq.into(),
                e.tenant_id.into(),
                e.kind.into(),
                e.actor_kind.into(),
                e.actor_id.into(),
                e.data.into(),
                e.at.into(),
                e.hash.into(),
            ]
        })
        .collect();
    insert_many(
        tx,
        "INSERT INTO ticket_events (ticket_id, seq, tenant_id, kind, actor_kind, actor_id, data, at, hash)",
        rows,
        "",
    )
    .await?;
    Ok(())
}

pub(super) async fn insert_event_values(tx: &mut Tx, values: Vec<(TicketId, i64, TenantId, Json)>) -> Result<()> {
    let rows = values
        .into_iter()
        .map(|(ticket, seq, tenant, content)| vec![ticket.into(), seq.into(), tenant.into(), content.into()])
        .collect();
    insert_many(tx, "INSERT INTO event_values (ticket_id, seq, tenant_id, content)", rows, "").await?;
    Ok(())
}

pub(super) async fn insert_participants(tx: &mut Tx, new: Vec<NewParticipant>, at: Time) -> Result<()> {
    let rows = new
        .into_iter()
        .map(|p| {
            vec![p.ticket_id.into(), p.user_id.into(), p.tenant_id.into(), p.kind.into(), p.state.into(), at.into()]
        })
        .collect();
    insert_many(
        tx,
        "INSERT INTO ticket_participants (ticket_id, user_id, tenant_id, kind, state, created_at)",
        rows,
        "ON CONFLICT (ticket_id, user_id) DO NOTHING",
    )
    .await?;
    Ok(())
}

/// Sorted, so that transactions that insert the same ids wait for each other in one order.
pub(super) async fn insert_message_ids(tx: &mut Tx, mut new: Vec<NewMessageId>, at: Time) -> Result<()> {
    new.sort_by(|a, b| (a.tenant_id, &a.message_id, a.ticket_id).cmp(&(b.tenant_id, &b.message_id, b.ticket_id)));
    new.dedup_by(|a, b| (a.tenant_id, &a.message_id, a.ticket_id) == (b.tenant_id, &b.message_id, b.ticket_id));
    let rows = new
        .into_iter()
        .map(|m| {
            vec![
                m.tenant_id.into(),
                m.message_id.into(),
                m.ticket_id.into(),
                m.ticket_message_id.into(),
                m.kind.into(),
                m.public.into(),
                at.into(),
            ]
        })
        .collect();
    insert_many(
        tx,
        "INSERT INTO message_ids (tenant_id, message_id, ticket_id, ticket_message_id, kind, public, created_at)",
        rows,
        "ON CONFLICT (tenant_id, message_id, ticket_id) DO NOTHING",
    )
    .await?;
    Ok(())
}

pub(super) async fn insert_attachments(tx: &mut Tx, new: Vec<NewAttachment>, at: Time) -> Result<()> {
    let blobs = new
        .iter()
        .filter_map(|a| Some(vec![a.tenant_id.into(), a.sha256.clone()?.into(), a.size_bytes.into(), at.into()]))
        .collect();
    insert_many(
        tx,
        "INSERT INTO blobs (tenant_id, sha256, size_bytes, created_at)",
        blobs,
        "ON CONFLICT (tenant_id, sha256) DO NOTHING",
    )
    .await?;
    let rows = new
        .into_iter()
        .map(|a| {
            vec![
                a.id.into(),
                a.tenant_id.into(),
                a.ticket_id.into(),
                a.ticket_message_id.into(),
                a.uploaded_by.into(),
                a.filename.into(),
                a.original_filename.into(),
                a.content_type.into(),
                a.sniffed_type.into(),
                a.size_bytes.into(),
                a.sha256.into(),
                a.inline.into(),
                a.content_id.into(),
                a.meta.into(),
                at.into(),
            ]
        })
        .collect();
    insert_many(
        tx,
        "INSERT INTO attachments (id, tenant_id, ticket_id, ticket_message_id, uploaded_by, filename, original_filename, \
         content_type, sniffed_type, size_bytes, sha256, inline, content_id, meta, created_at)",
        rows,
        "",
    )
    .await?;
    Ok(())
}
