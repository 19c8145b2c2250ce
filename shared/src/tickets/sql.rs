//! The SQL of tickets and of what hangs on them.

use super::joins::{JoinState, NewJoin};
use super::types::{Participant, ParticipantKind, ParticipantState, Ticket};
use super::work::{NewAttachment, NewMessage, NewMessageId, NewParticipant};
use super::{EventView, TicketRef};
use crate::access::{Role, TicketScope};
use crate::clock::Time;
use crate::events::Event;
use crate::i18n::Locale;
use crate::ids::{AttachmentId, CategoryId, MessageId, TenantId, TicketId, UserId};
use crate::mail_out::enqueue::Recipient;
use crate::store::{Db, Exec, Q, Result, Scope, Tx, Value, dialect, insert_many, sql, update_many};
use serde_json::Value as Json;
use std::collections::BTreeSet;

pub(super) async fn lock(tx: &mut Tx, ids: &[TicketId]) -> Result<Vec<Ticket>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let lock = dialect::for_update(tx);
    sql("SELECT * FROM tickets WHERE id IN ").among(ids.iter().copied()).push(" ORDER BY id").push(lock).all(tx).await
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

pub(super) async fn with_files(ex: &mut impl Exec, tickets: &[TicketId]) -> Result<Vec<TicketId>> {
    let q = sql("SELECT DISTINCT ticket_id FROM attachments \
         WHERE ticket_message_id IS NOT NULL AND NOT inline AND ticket_id IN ");
    let found: Vec<(TicketId,)> = q.list(tickets.iter().copied()).all(ex).await?;
    Ok(found.into_iter().map(|(id,)| id).collect())
}

pub(super) async fn with_failed_mail(ex: &mut impl Exec, tickets: &[TicketId]) -> Result<Vec<TicketId>> {
    let q = sql("SELECT DISTINCT ticket_id FROM outbox WHERE state IN ('dead', 'bounced') AND ticket_id IN ");
    let found: Vec<(TicketId,)> = q.list(tickets.iter().copied()).all(ex).await?;
    Ok(found.into_iter().map(|(id,)| id).collect())
}

/// Adds the comparison that a ticket `t` has a message by somebody else beyond what `user` has read; nobody has read all.
pub(super) fn has_unread(q: Q, user: Option<UserId>) -> Q {
    q.push("EXISTS (SELECT 1 FROM ticket_messages um WHERE um.ticket_id = t.id AND um.withdrawn_at IS NULL AND (um.author_id IS NULL OR um.author_id <> ")
        .arg(user)
        .push(") AND um.seq > COALESCE((SELECT ur.seq FROM ticket_reads ur WHERE ur.ticket_id = t.id AND ur.user_id = ")
        .arg(user)
        .push("), 0))")
}

pub(super) async fn unread(ex: &mut impl Exec, user: UserId, tickets: &[TicketId]) -> Result<Vec<TicketId>> {
    let q = has_unread(sql("SELECT t.id FROM tickets t WHERE "), Some(user)).push(" AND t.id IN ");
    let found: Vec<(TicketId,)> = q.list(tickets.iter().copied()).all(ex).await?;
    Ok(found.into_iter().map(|(id,)| id).collect())
}

pub(super) async fn read_up_to(ex: &mut impl Exec, user: UserId, ticket: TicketId) -> Result<Option<i64>> {
    let q = sql("SELECT seq FROM ticket_reads WHERE user_id = ").arg(user).push(" AND ticket_id = ").arg(ticket);
    let found: Option<(i64,)> = q.opt(ex).await?;
    Ok(found.map(|(seq,)| seq))
}

/// Two pages that were opened at once may come in any order: who has read further stays.
pub(super) async fn note_read(tx: &mut Tx, user: UserId, tenant: TenantId, ticket: TicketId, seq: i64) -> Result<()> {
    sql("INSERT INTO ticket_reads (user_id, ticket_id, tenant_id, seq) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (user_id, ticket_id) DO UPDATE SET seq = excluded.seq WHERE ticket_reads.seq < excluded.seq")
    .bind(user)
    .bind(ticket)
    .bind(tenant)
    .bind(seq)
    .exec(tx)
    .await?;
    Ok(())
}

/// Of these tickets those that stand for a storm, each with how many untouched others it stands for.
pub(super) async fn storms_of(ex: &mut impl Exec, tickets: &[TicketId]) -> Result<Vec<(TicketId, i64)>> {
    sql("SELECT s.lead_ticket_id, COUNT(*) FROM storms s JOIN tickets t ON t.requester_id = s.user_id \
         AND t.created_at >= s.began_at AND t.created_at <= s.ended_at AND t.id <> s.lead_ticket_id \
         WHERE t.status = 'new' AND t.folder = 'inbox' AND s.lead_ticket_id IN ")
    .list(tickets.iter().copied())
    .push(" GROUP BY s.lead_ticket_id")
    .all(ex)
    .await
}

pub(super) async fn participants(ex: &mut impl Exec, tickets: &[TicketId]) -> Result<Vec<Participant>> {
    sql("SELECT p.ticket_id, p.user_id, p.kind, p.state, u.email, u.name FROM ticket_participants p \
         JOIN users u ON u.id = p.user_id WHERE p.ticket_id IN ")
    .among(tickets.iter().copied())
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
         response_due_at, resolution_due_at, solved_at, solved_by, closed_at, closed_by, resolution_notes, erased_at, risk_at, \
         snoozed_until, incident_id)",
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
         closed_at = v.column26, closed_by = v.column27, resolution_notes = v.column28, erased_at = v.column29, \
         risk_at = v.column30, snoozed_until = v.column31, incident_id = v.column32",
        rows,
        "tickets.id = v.column1",
    )
    .await?;
    Ok(())
}

/// The columns that change, in one order for insert and update.
fn mutable(t: Ticket) -> [Value; 31] {
    let risk_at = t.risk_at();
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
        t.erased_at.into(),
        risk_at.into(),
        t.snoozed_until.into(),
        t.incident_id.into(),
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
                m.mail_view.into(),
                m.message_id.into(),
                m.created_at.unwrap_or(at).into(),
                m.forwarded_by.into(),
                m.written_at.into(),
            ]
        })
        .collect();
    insert_many(
        tx,
        "INSERT INTO ticket_messages (id, tenant_id, ticket_id, seq, kind, side, author_id, author_name, author_email, body, \
         body_html, visible_text, class, verdict, mail_id, mail_view, message_id, created_at, forwarded_by, written_at)",
        rows,
        "",
    )
    .await?;
    Ok(())
}

pub(super) async fn insert_events(tx: &mut Tx, events: Vec<Event>) -> Result<()> {
    tx.tell();
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
    // A mail that is here counts for more than one that is only referred to.
    let place = |m: &NewMessageId| (m.tenant_id, m.message_id.clone(), m.ticket_id, m.kind == "referenced");
    new.sort_by_cached_key(place);
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
        "ON CONFLICT (tenant_id, message_id, ticket_id) DO UPDATE SET kind = excluded.kind, public = excluded.public, \
         ticket_message_id = excluded.ticket_message_id, created_at = excluded.created_at \
         WHERE message_ids.kind = 'referenced' AND excluded.kind <> 'referenced'",
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

/// Finds a ticket that `scope` sees.
pub(super) async fn find_id(ex: &mut impl Exec, which: &TicketRef, scope: TicketScope) -> Result<Option<TicketId>> {
    let q = which.condition(scope.filter(sql("SELECT t.id FROM tickets t WHERE 1 = 1")));
    let row: Option<(TicketId,)> = q.opt(ex).await?;
    Ok(row.map(|(id,)| id))
}

pub(super) async fn is_erased(ex: &mut impl Exec, id: TicketId) -> Result<bool> {
    let row: Option<(bool,)> = sql("SELECT erased_at IS NOT NULL FROM tickets WHERE id = ").arg(id).opt(ex).await?;
    Ok(row.is_some_and(|(erased,)| erased))
}

/// Whether a user may be made responsible for a tenant's tickets: active, on the helping side, of that tenant or of all.
pub(super) async fn is_assignable(ex: &mut impl Exec, user: UserId, tenant: TenantId) -> Result<bool> {
    let role: Option<(Role,)> =
        sql("SELECT role FROM users WHERE id = $1 AND active AND (tenant_id IS NULL OR tenant_id = $2)")
            .bind(user)
            .bind(tenant)
            .opt(ex)
            .await?;
    Ok(role.is_some_and(|(role,)| role.is_agent()))
}

/// Whether a tenant takes new tickets.
pub(super) async fn tenant_is_active(ex: &mut impl Exec, tenant: TenantId) -> Result<bool> {
    let (active,): (bool,) = sql("SELECT active FROM tenants WHERE id = ").arg(tenant).one(ex).await?;
    Ok(active)
}

/// Finds a category of a tenant, or one for all, by id or slug, and whether it is active.
pub(super) async fn find_category(
    ex: &mut impl Exec,
    tenant: TenantId,
    name: &str,
) -> Result<Option<(CategoryId, bool)>> {
    sql("SELECT id, active FROM categories WHERE (tenant_id IS NULL OR tenant_id = $1) \
         AND (slug = $2 OR id = $3) ORDER BY CASE WHEN tenant_id IS NULL THEN 1 ELSE 0 END LIMIT 1")
    .bind(tenant)
    .bind(name)
    .bind(name.parse::<i64>().unwrap_or(0))
    .opt(ex)
    .await
}

pub(super) async fn tags_of(ex: &mut impl Exec, ticket: TicketId) -> Result<Vec<String>> {
    let q = sql("SELECT g.name FROM ticket_tags tt JOIN tags g ON g.id = tt.tag_id WHERE tt.ticket_id = ").arg(ticket);
    let rows: Vec<(String,)> = q.push(" ORDER BY g.name").all(ex).await?;
    Ok(rows.into_iter().map(|(name,)| name).collect())
}

/// Makes a ticket's tags these; returns those added and removed.
pub(super) async fn set_tags(
    tx: &mut Tx,
    tenant: TenantId,
    ticket: TicketId,
    names: &[String],
) -> Result<(Vec<String>, Vec<String>)> {
    let wanted: BTreeSet<String> = names.iter().map(|n| n.trim().to_owned()).filter(|n| !n.is_empty()).collect();
    let rows: Vec<(i64, String)> =
        sql("SELECT g.id, g.name FROM ticket_tags tt JOIN tags g ON g.id = tt.tag_id WHERE tt.ticket_id = $1")
            .bind(ticket)
            .all(tx)
            .await?;
    let removed: Vec<(i64, String)> = rows.iter().filter(|(_, n)| !wanted.contains(n)).cloned().collect();
    let added: Vec<String> = wanted.into_iter().filter(|n| !rows.iter().any(|(_, r)| r == n)).collect();
    if !removed.is_empty() {
        sql("DELETE FROM ticket_tags WHERE ticket_id = ")
            .arg(ticket)
            .push(" AND tag_id IN ")
            .list(removed.iter().map(|(id, _)| *id))
            .exec(tx)
            .await?;
    }
    for name in &added {
        sql("INSERT INTO tags (tenant_id, name) VALUES ($1, $2) ON CONFLICT (tenant_id, name) DO NOTHING")
            .bind(tenant)
            .bind(name)
            .exec(tx)
            .await?;
        sql("INSERT INTO ticket_tags (ticket_id, tag_id, tenant_id) SELECT $1, id, tenant_id FROM tags WHERE tenant_id = $2 AND name = $3")
            .bind(ticket)
            .bind(tenant)
            .bind(name)
            .exec(tx)
            .await?;
    }
    Ok((added, removed.into_iter().map(|(_, n)| n).collect()))
}

#[derive(sqlx::FromRow)]
struct UserRow {
    id: UserId,
    email: String,
    name: Option<String>,
    locale: Option<Locale>,
}

impl From<UserRow> for Recipient {
    fn from(u: UserRow) -> Recipient {
        Recipient { user_id: u.id, email: u.email, name: u.name, locale: u.locale }
    }
}

/// Returns a user as a recipient.
pub(super) async fn user(ex: &mut impl Exec, id: UserId) -> Result<Recipient> {
    let row: UserRow = sql("SELECT id, email, name, locale FROM users WHERE id = $1").bind(id).one(ex).await?;
    Ok(row.into())
}

/// Returns the tenant's user with this address, or the platform's, or makes one who only ever mailed.
pub(super) async fn ensure_user(tx: &mut Tx, tenant: TenantId, email: &str, name: Option<&str>) -> Result<Recipient> {
    let key = crate::address::key(email);
    let at = crate::clock::now();
    let find = || {
        sql("SELECT id, email, name, locale FROM users WHERE email_key = $1 AND (tenant_id = $2 OR tenant_id IS NULL) \
             ORDER BY CASE WHEN tenant_id IS NULL THEN 1 ELSE 0 END LIMIT 1")
        .bind(key.as_str())
        .bind(tenant)
    };
    if let Some(row) = find().opt::<UserRow>(tx).await? {
        return Ok(row.into());
    }
    sql("INSERT INTO users (tenant_id, email, email_key, name, role, member, active, capabilities, preferences, created_at, \
         updated_at) VALUES ($1, $2, $3, $4, 'customer', $5, $6, '[]', '{}', $7, $7) ON CONFLICT DO NOTHING")
    .bind(tenant)
    .bind(email)
    .bind(key.as_str())
    .bind(name)
    .bind(false)
    .bind(true)
    .bind(at)
    .exec(tx)
    .await?;
    let row: UserRow = find().one(tx).await?;
    Ok(row.into())
}

/// Whether an address is one of our mailboxes, whosever.
pub(super) async fn is_mailbox(ex: &mut impl Exec, key: &str) -> Result<bool> {
    let row: Option<(i64,)> = sql("SELECT id FROM mailboxes WHERE address_key = ").arg(key).opt(ex).await?;
    Ok(row.is_some())
}

/// Whether a requester only stands in for one: an agent who forwarded a mail, or a contact without an address (E6.3, E6.6).
pub(super) async fn stands_in(ex: &mut impl Exec, user: UserId) -> Result<bool> {
    let (role, email): (Role, String) = sql("SELECT role, email FROM users WHERE id = ").arg(user).one(ex).await?;
    Ok(role.is_agent() || !email.contains('@'))
}

pub(super) async fn remove_participant(tx: &mut Tx, ticket: TicketId, user: UserId) -> Result<()> {
    sql("DELETE FROM ticket_participants WHERE ticket_id = $1 AND user_id = $2")
        .bind(ticket)
        .bind(user)
        .exec(tx)
        .await?;
    Ok(())
}

/// Makes somebody a participant of this kind and state, whatever they were.
pub(super) async fn put_participant(
    tx: &mut Tx,
    tenant: TenantId,
    ticket: TicketId,
    user: UserId,
    (kind, state): (ParticipantKind, ParticipantState),
    at: Time,
) -> Result<()> {
    sql("INSERT INTO ticket_participants (ticket_id, user_id, tenant_id, kind, state, created_at)          VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (ticket_id, user_id) DO UPDATE SET kind = $4, state = $5")
    .bind(ticket)
    .bind(user)
    .bind(tenant)
    .bind(kind)
    .bind(state)
    .bind(at)
    .exec(tx)
    .await?;
    Ok(())
}

pub(super) async fn set_participant_state(
    tx: &mut Tx,
    ticket: TicketId,
    user: UserId,
    state: ParticipantState,
) -> Result<()> {
    sql("UPDATE ticket_participants SET state = $1 WHERE ticket_id = $2 AND user_id = $3")
        .bind(state)
        .bind(ticket)
        .bind(user)
        .exec(tx)
        .await?;
    Ok(())
}

/// Writes the customer's messages of a stand-in down as the requester's.
pub(super) async fn reattribute(tx: &mut Tx, ticket: TicketId, from: UserId, to: UserId) -> Result<()> {
    let user = user(tx, to).await?;
    sql("UPDATE ticket_messages SET author_id = $1, author_name = $2, author_email = $3          WHERE ticket_id = $4 AND author_id = $5 AND side = 'customer'")
    .bind(to)
    .bind(user.name)
    .bind(user.email)
    .bind(ticket)
    .bind(from)
    .exec(tx)
    .await?;
    Ok(())
}

pub(super) async fn pid_prefix(ex: &mut impl Exec, tenant: TenantId) -> Result<Option<String>> {
    let (prefix,): (Option<String>,) = sql("SELECT pid_prefix FROM tenants WHERE id = $1").bind(tenant).one(ex).await?;
    Ok(prefix)
}

pub(super) async fn default_tenant(db: &Db) -> Result<TenantId> {
    let (id,): (TenantId,) =
        sql("SELECT id FROM tenants ORDER BY CASE WHEN slug = 'default' THEN 0 ELSE 1 END, id LIMIT 1")
            .one(&mut db.read(Scope::All))
            .await?;
    Ok(id)
}

/// Returns a ticket's events after `seq`, oldest first, with their actors' names and their texts.
pub(super) async fn events(ex: &mut impl Exec, ticket: TicketId, after: i64, limit: i64) -> Result<Vec<EventView>> {
    sql("SELECT e.*, u.name AS actor_name, u.email AS actor_email, v.content FROM ticket_events e \
         LEFT JOIN users u ON u.id = e.actor_id LEFT JOIN event_values v ON v.ticket_id = e.ticket_id AND v.seq = e.seq \
         WHERE e.ticket_id = $1 AND e.seq > $2 ORDER BY e.seq LIMIT $3")
    .bind(ticket)
    .bind(after)
    .bind(limit)
    .all(ex)
    .await
}

pub(super) async fn events_after(ex: &mut impl Exec, ticket: TicketId, after: i64, limit: i64) -> Result<Vec<Event>> {
    sql("SELECT * FROM ticket_events WHERE ticket_id = $1 AND seq > $2 ORDER BY seq LIMIT $3")
        .bind(ticket)
        .bind(after)
        .bind(limit)
        .all(ex)
        .await
}

pub(super) async fn insert_joins(tx: &mut Tx, new: Vec<NewJoin>, at: Time) -> Result<()> {
    let rows = new
        .into_iter()
        .map(|j| {
            vec![
                j.tenant_id.into(),
                j.kind.into(),
                j.ticket_id.into(),
                j.other_id.into(),
                j.user_id.into(),
                j.ticket_message_id.into(),
                j.why.into(),
                JoinState::Open.into(),
                at.into(),
            ]
        })
        .collect();
    insert_many(
        tx,
        "INSERT INTO ticket_joins (tenant_id, kind, ticket_id, other_id, user_id, ticket_message_id, why, state, created_at)",
        rows,
        "",
    )
    .await?;
    Ok(())
}

pub(super) async fn attach_uploads(tx: &mut Tx, uploads: Vec<(AttachmentId, TicketId, MessageId)>) -> Result<()> {
    let rows =
        uploads.into_iter().map(|(id, ticket, message)| vec![id.into(), ticket.into(), message.into()]).collect();
    update_many(
        tx,
        "UPDATE attachments SET ticket_id = v.column2, ticket_message_id = v.column3",
        rows,
        "attachments.id = v.column1",
    )
    .await?;
    Ok(())
}
