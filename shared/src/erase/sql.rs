//! The SQL of erasing. Long lists go in pieces, so that no statement has too many values.

use super::Elsewhere;
use super::reach::{Outgoing, Reach};
use crate::clock::Time;
use crate::ids::{AttachmentId, MailId, MessageId, OutboxId, RawId, TenantId, TicketId, UserId};
use crate::search;
use crate::store::{Db, Q, Result, Row, Scope, Tx, Value, dialect, sql};

/// How many ids one statement names.
const PIECE: usize = 500;

async fn exec_in<T: Copy + Into<Value>>(tx: &mut Tx, ids: &[T], q: impl Fn(&[T]) -> Q) -> Result<u64> {
    let mut n = 0;
    for piece in ids.chunks(PIECE) {
        n += q(piece).exec(tx).await?;
    }
    Ok(n)
}

async fn all_in<T: Copy + Into<Value>, R: Row>(tx: &mut Tx, ids: &[T], q: impl Fn(&[T]) -> Q) -> Result<Vec<R>> {
    let mut rows = Vec::new();
    for piece in ids.chunks(PIECE) {
        rows.extend(q(piece).all::<R>(tx).await?);
    }
    Ok(rows)
}

fn firsts<T>(rows: Vec<(T,)>) -> Vec<T> {
    rows.into_iter().map(|(one,)| one).collect()
}

// ---- what an erasure takes

pub(super) async fn tickets_of(tx: &mut Tx, tenant: TenantId, user: UserId) -> Result<Vec<TicketId>> {
    let q = sql("SELECT id FROM tickets WHERE tenant_id = $1 AND requester_id = $2 AND erased_at IS NULL ORDER BY id");
    Ok(firsts(q.bind(tenant).bind(user).all(tx).await?))
}

/// Every ticket on which a person's erasure changes anything.
pub(super) async fn tickets_with(tx: &mut Tx, tenant: TenantId, user: UserId, key: &str) -> Result<Vec<TicketId>> {
    let q = sql("SELECT id FROM tickets WHERE tenant_id = $1 AND requester_id = $2 \
         UNION SELECT ticket_id FROM ticket_participants WHERE user_id = $2 \
         UNION SELECT ticket_id FROM ticket_messages WHERE author_id = $2 \
         UNION SELECT ticket_id FROM outbox WHERE user_id = $2 AND ticket_id IS NOT NULL \
         UNION SELECT ticket_id FROM outbox WHERE tenant_id = $1 AND to_key = $3 AND ticket_id IS NOT NULL \
         ORDER BY 1");
    Ok(firsts(q.bind(tenant).bind(user).bind(key).all(tx).await?))
}

pub(super) async fn messages_of(tx: &mut Tx, tickets: &[TicketId]) -> Result<Vec<MessageId>> {
    let q = |ids: &[TicketId]| sql("SELECT id FROM ticket_messages WHERE ticket_id IN ").among(ids.iter().copied());
    Ok(firsts(all_in(tx, tickets, q).await?))
}

pub(super) async fn written_by(tx: &mut Tx, user: UserId) -> Result<Vec<Elsewhere>> {
    sql("SELECT id, ticket_id FROM ticket_messages WHERE (body <> '' OR author_email IS NOT NULL) AND author_id = ")
        .arg(user)
        .push(" ORDER BY id")
        .all(tx)
        .await
}

pub(super) async fn files_of(tx: &mut Tx, tickets: &[TicketId]) -> Result<Vec<AttachmentId>> {
    let q = |ids: &[TicketId]| sql("SELECT id FROM attachments WHERE ticket_id IN ").among(ids.iter().copied());
    Ok(firsts(all_in(tx, tickets, q).await?))
}

/// The files of messages, and what the person uploaded for none.
pub(super) async fn files_on(tx: &mut Tx, messages: &[MessageId], user: UserId) -> Result<Vec<AttachmentId>> {
    let loose = sql("SELECT id FROM attachments WHERE ticket_message_id IS NULL AND uploaded_by = ").arg(user);
    let mut found: Vec<AttachmentId> = firsts(loose.all(tx).await?);
    let q =
        |ids: &[MessageId]| sql("SELECT id FROM attachments WHERE ticket_message_id IN ").among(ids.iter().copied());
    let theirs: Vec<AttachmentId> = firsts(all_in(tx, messages, q).await?);
    found.extend(theirs);
    Ok(found)
}

pub(super) async fn mails_of(tx: &mut Tx, tickets: &[TicketId]) -> Result<Vec<MailId>> {
    let q = |ids: &[TicketId]| {
        sql("SELECT id FROM inbound_mails WHERE erased_at IS NULL AND ticket_id IN ").among(ids.iter().copied())
    };
    Ok(firsts(all_in(tx, tickets, q).await?))
}

pub(super) async fn mails_behind(tx: &mut Tx, messages: &[MessageId]) -> Result<Vec<MailId>> {
    let q = |ids: &[MessageId]| {
        sql("SELECT i.id FROM inbound_mails i JOIN ticket_messages m ON m.mail_id = i.id WHERE i.erased_at IS NULL AND m.id IN ")
            .among(ids.iter().copied())
    };
    Ok(firsts(all_in(tx, messages, q).await?))
}

/// What was decided already: mail on its way in is judged first.
pub(super) async fn mails_from(tx: &mut Tx, tenant: TenantId, key: &str) -> Result<Vec<MailId>> {
    let q = sql("SELECT id FROM inbound_mails WHERE tenant_id = $1 AND erased_at IS NULL AND state <> 'kept' \
         AND (from_key = $2 OR LOWER(from_email) = $2) ORDER BY id");
    Ok(firsts(q.bind(tenant).bind(key).all(tx).await?))
}

pub(super) async fn repeats_of(tx: &mut Tx, mails: &[MailId]) -> Result<Vec<MailId>> {
    let q = |ids: &[MailId]| {
        sql("SELECT id FROM inbound_mails WHERE erased_at IS NULL AND duplicate_of IN ").among(ids.iter().copied())
    };
    Ok(firsts(all_in(tx, mails, q).await?))
}

pub(super) async fn outgoing_of(tx: &mut Tx, tickets: &[TicketId]) -> Result<Vec<Outgoing>> {
    let lock = dialect::for_update(tx);
    let q = |ids: &[TicketId]| {
        sql("SELECT id, ticket_id, state FROM outbox WHERE ticket_id IN ")
            .among(ids.iter().copied())
            .push(" ORDER BY id")
            .push(lock)
    };
    all_in(tx, tickets, q).await
}

pub(super) async fn outgoing_to(tx: &mut Tx, tenant: TenantId, user: UserId, key: &str) -> Result<Vec<Outgoing>> {
    let lock = dialect::for_update(tx);
    sql("SELECT id, ticket_id, state FROM outbox WHERE tenant_id = $1 AND (user_id = $2 OR to_key = $3) ORDER BY id")
        .bind(tenant)
        .bind(user)
        .bind(key)
        .push(lock)
        .all(tx)
        .await
}

/// The text of a ticket's last public message; empty without one.
pub(super) async fn latest_text(tx: &mut Tx, ticket: TicketId) -> Result<String> {
    let row: Option<(String,)> = sql("SELECT visible_text FROM ticket_messages WHERE kind = 'reply' AND ticket_id = ")
        .arg(ticket)
        .push(" ORDER BY seq DESC LIMIT 1")
        .opt(tx)
        .await?;
    Ok(row.map(|(text,)| text).unwrap_or_default())
}

// ---- taking it

/// Outgoing mail says nothing any more; what had not left, and what would be sent again, never will.
pub(super) async fn empty_outgoing(tx: &mut Tx, reach: &Reach, at: Time) -> Result<()> {
    let ids: Vec<OutboxId> = reach.outgoing.iter().map(|o| o.id).collect();
    exec_in(tx, &ids, |ids| {
        sql("INSERT INTO doomed_blobs (tenant_id, sha256, since, due_at, tries) SELECT DISTINCT tenant_id, mime_blob, ")
            .arg(at)
            .push(", ")
            .arg(at)
            .push(", 0 FROM outbox WHERE mime_blob IS NOT NULL AND id IN ")
            .among(ids.iter().copied())
            .push(" ON CONFLICT (tenant_id, sha256) DO NOTHING")
    })
    .await?;
    exec_in(tx, &ids, |ids| {
        sql("UPDATE outbox SET state = CASE WHEN state IN ('held', 'queued', 'deferred') THEN 'cancelled' ELSE state END, \
             due_at = NULL, subject = '', letter = '{}', mime = NULL, mime_blob = NULL, reply_text = NULL, pattern = NULL, \
             to_name = NULL, updated_at = ")
        .arg(at)
        .push(" WHERE id IN ")
        .among(ids.iter().copied())
    })
    .await?;
    let q =
        |ids: &[OutboxId]| sql("UPDATE outbox_attempts SET text = '' WHERE outbox_id IN ").among(ids.iter().copied());
    exec_in(tx, &ids, q).await?;
    Ok(())
}

pub(super) async fn readdress_outgoing(tx: &mut Tx, ids: &[OutboxId], nobody: &str) -> Result<()> {
    exec_in(tx, ids, |ids| {
        sql("UPDATE outbox SET to_email = ")
            .arg(nobody)
            .push(", to_key = ")
            .arg(nobody)
            .push(", to_domain = 'erased.invalid' WHERE id IN ")
            .among(ids.iter().copied())
    })
    .await?;
    Ok(())
}

/// A file's row stays, as its id was given out; its name, kind and bytes go, and so do links to it.
pub(super) async fn empty_files(tx: &mut Tx, files: &[AttachmentId], at: Time) -> Result<()> {
    exec_in(tx, files, |ids| {
        sql("INSERT INTO doomed_blobs (tenant_id, sha256, since, due_at, tries) SELECT DISTINCT tenant_id, sha256, ")
            .arg(at)
            .push(", ")
            .arg(at)
            .push(", 0 FROM attachments WHERE sha256 IS NOT NULL AND id IN ")
            .among(ids.iter().copied())
            .push(" ON CONFLICT (tenant_id, sha256) DO NOTHING")
    })
    .await?;
    exec_in(tx, files, |ids| {
        sql("UPDATE attachments SET filename = 'erased', original_filename = NULL, sha256 = NULL, size_bytes = 0, \
             content_type = 'application/octet-stream', sniffed_type = NULL, content_id = NULL, meta = NULL, \
             preview = NULL WHERE id IN ")
        .among(ids.iter().copied())
    })
    .await?;
    exec_in(tx, files, |ids| sql("DELETE FROM thumbnails WHERE attachment_id IN ").among(ids.iter().copied())).await?;
    exec_in(tx, files, |ids| {
        sql("UPDATE file_links SET revoked_at = ")
            .arg(at)
            .push(" WHERE revoked_at IS NULL AND attachment_id IN ")
            .among(ids.iter().copied())
    })
    .await?;
    Ok(())
}

/// Messages say nothing any more, and nothing finds them; so the index is emptied here and not by the worker.
pub(super) async fn empty_messages(tx: &mut Tx, messages: &[MessageId]) -> Result<()> {
    exec_in(tx, messages, |ids| {
        sql("DELETE FROM message_ids WHERE kind IN ('received', 'referenced') AND ticket_message_id IN ")
            .among(ids.iter().copied())
    })
    .await?;
    exec_in(tx, messages, |ids| {
        sql("UPDATE ticket_messages SET body = '', body_html = NULL, visible_text = '', mail_view = NULL, \
             author_name = NULL, author_email = NULL, message_id = NULL, written_at = NULL WHERE id IN ")
        .among(ids.iter().copied())
    })
    .await?;
    for piece in messages.chunks(PIECE) {
        search::unindex(tx, piece).await?;
    }
    Ok(())
}

/// Received mail keeps its line, its outcome and its dedupe key (E13.1), and loses all else.
pub(super) async fn empty_mails(tx: &mut Tx, tenant: TenantId, mails: &[MailId], at: Time) -> Result<u64> {
    let raws = |ids: &[MailId]| {
        sql("SELECT DISTINCT raw_id FROM inbound_mails WHERE raw_id IS NOT NULL AND id IN ").among(ids.iter().copied())
    };
    let raws: Vec<RawId> = firsts(all_in(tx, mails, raws).await?);
    let erased = exec_in(tx, mails, |ids| {
        sql("UPDATE inbound_mails SET raw_id = NULL, envelope_from = NULL, envelope_to = '[]', peer_ip = NULL, helo = NULL, \
             tls = NULL, vouched = NULL, authentication = NULL, door_facts = NULL, also_mailboxes = NULL, message_id = NULL, \
             from_email = NULL, from_name = NULL, from_key = NULL, subject = NULL, flags = '[]', trace = '[]', error = NULL, \
             next_try_at = NULL, check_due_at = NULL, degraded = FALSE, erased_at = ")
        .arg(at)
        .push(" WHERE erased_at IS NULL AND id IN ")
        .among(ids.iter().copied())
    })
    .await?;
    exec_in(tx, &raws, |ids| {
        sql("INSERT INTO doomed_blobs (tenant_id, sha256, since, due_at, tries) SELECT tenant_id, sha256, ")
            .arg(at)
            .push(", ")
            .arg(at)
            .push(", 0 FROM raw_mails WHERE encoding = 'blob' AND id IN ")
            .among(ids.iter().copied())
            .push(" ON CONFLICT (tenant_id, sha256) DO NOTHING")
    })
    .await?;
    exec_in(tx, &raws, |ids| {
        sql("DELETE FROM raw_mails WHERE tenant_id = ")
            .arg(tenant)
            .push(" AND NOT EXISTS (SELECT 1 FROM inbound_mails m WHERE m.raw_id = raw_mails.id) AND id IN ")
            .among(ids.iter().copied())
    })
    .await?;
    Ok(erased)
}

/// Empties what customers said about the help that they got; what they chose stays, as a number.
pub(super) async fn empty_ratings(tx: &mut Tx, tickets: &[TicketId]) -> Result<()> {
    exec_in(tx, tickets, |ids| sql("UPDATE ratings SET comment = NULL WHERE ticket_id IN ").among(ids.iter().copied()))
        .await?;
    Ok(())
}

/// Empties what events say in words: all of the tickets' (DESIGN 3), or only what names an address.
pub(super) async fn empty_values(tx: &mut Tx, tickets: &[TicketId], naming: Option<&str>) -> Result<()> {
    exec_in(tx, tickets, |ids| {
        let q = sql("UPDATE event_values SET content = '{}' WHERE ticket_id IN ").among(ids.iter().copied());
        match naming {
            Some(key) => q.push(" AND LOWER(content) LIKE ").arg(format!("%{key}%")),
            None => q,
        }
    })
    .await?;
    Ok(())
}

/// Ids of received mail lead to an erased ticket no more. Ours do, as they bear no content.
pub(super) async fn forget_ids(tx: &mut Tx, tickets: &[TicketId]) -> Result<()> {
    exec_in(tx, tickets, |ids| {
        sql("DELETE FROM message_ids WHERE kind IN ('received', 'referenced') AND ticket_id IN ")
            .among(ids.iter().copied())
    })
    .await?;
    Ok(())
}

/// Answers kept for repeated POSTs may hold what a ticket said.
pub(super) async fn forget_answers(tx: &mut Tx, naming: &str) -> Result<()> {
    sql("DELETE FROM idempotency_keys WHERE LOWER(body) LIKE ")
        .arg(format!("%{}%", naming.to_lowercase()))
        .exec(tx)
        .await?;
    Ok(())
}

/// Takes a person off the tickets of others; returns which.
pub(super) async fn leave(tx: &mut Tx, user: UserId) -> Result<Vec<TicketId>> {
    let q = sql("DELETE FROM ticket_participants WHERE kind <> 'requester' AND user_id = ").arg(user);
    let mut left: Vec<TicketId> = firsts(q.push(" RETURNING ticket_id").all(tx).await?);
    left.sort_unstable();
    Ok(left)
}

/// Deletes what is known of a person beside tickets: logins, tokens, links, failures, suppressions.
pub(super) async fn forget_facts(tx: &mut Tx, tenant: TenantId, user: UserId, key: &str) -> Result<()> {
    for of_user in [
        "DELETE FROM sessions WHERE user_id = ",
        "DELETE FROM login_steps WHERE user_id = ",
        "DELETE FROM recovery_codes WHERE user_id = ",
        "DELETE FROM two_factor WHERE user_id = ",
        "DELETE FROM api_tokens WHERE user_id = ",
        "DELETE FROM links WHERE user_id = ",
        "DELETE FROM coverage WHERE user_id = ",
        "DELETE FROM customer_notes WHERE user_id = ",
        "DELETE FROM digest_items WHERE user_id = ",
        "DELETE FROM storms WHERE user_id = ",
    ] {
        sql(of_user).arg(user).exec(tx).await?;
    }
    for of_address in [
        "DELETE FROM suppressions WHERE tenant_id = $1 AND email_key = $2",
        "DELETE FROM delivery_failures WHERE tenant_id = $1 AND email_key = $2",
    ] {
        sql(of_address).bind(tenant).bind(key).exec(tx).await?;
    }
    forget_answers(tx, key).await
}

pub(super) async fn make_nobody(tx: &mut Tx, user: UserId, nobody: &str, at: Time) -> Result<()> {
    sql(
        "UPDATE users SET email = $1, email_key = $1, name = NULL, role = 'customer', member = FALSE, active = FALSE, \
         locale = NULL, password_hash = NULL, capabilities = '[]', preferences = '{}', erased_at = $2, updated_at = $2 \
         WHERE id = $3",
    )
    .bind(nobody)
    .bind(at)
    .bind(user)
    .exec(tx)
    .await?;
    Ok(())
}

// ---- bytes

/// A blob that no row needs.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Doomed {
    pub tenant_id: TenantId,
    pub sha256: String,
    pub tries: i64,
}

/// Forgets the files' bytes that no file has any more.
pub(super) async fn release_blobs(tx: &mut Tx, tenant: TenantId) -> Result<()> {
    sql("DELETE FROM blobs WHERE tenant_id = $1 AND sha256 IN (SELECT sha256 FROM doomed_blobs WHERE tenant_id = $1) \
         AND NOT EXISTS (SELECT 1 FROM attachments a WHERE a.tenant_id = blobs.tenant_id AND a.sha256 = blobs.sha256)")
    .bind(tenant)
    .exec(tx)
    .await?;
    Ok(())
}

pub(super) async fn due_blobs(db: &Db, now: Time, n: i64) -> Result<Vec<Doomed>> {
    sql("SELECT tenant_id, sha256, tries FROM doomed_blobs WHERE due_at <= $1 ORDER BY due_at, sha256 LIMIT $2")
        .bind(now)
        .bind(n)
        .all(&mut db.read(Scope::All))
        .await
}

/// Whether any row still needs a blob.
pub(super) async fn is_named(db: &Db, blob: &Doomed) -> Result<bool> {
    let (named,): (bool,) = sql("SELECT EXISTS (SELECT 1 FROM blobs WHERE tenant_id = $1 AND sha256 = $2) \
         OR EXISTS (SELECT 1 FROM raw_mails WHERE tenant_id = $1 AND sha256 = $2 AND encoding = 'blob') \
         OR EXISTS (SELECT 1 FROM outbox WHERE tenant_id = $1 AND mime_blob = $2)")
    .bind(blob.tenant_id)
    .bind(&blob.sha256)
    .one(&mut db.read(Scope::Tenant(blob.tenant_id)))
    .await?;
    Ok(named)
}

pub(super) async fn forget_blob(tx: &mut Tx, blob: &Doomed) -> Result<()> {
    sql("DELETE FROM doomed_blobs WHERE tenant_id = $1 AND sha256 = $2")
        .bind(blob.tenant_id)
        .bind(&blob.sha256)
        .exec(tx)
        .await?;
    Ok(())
}

pub(super) async fn postpone_blob(tx: &mut Tx, blob: &Doomed, due_at: Time) -> Result<()> {
    sql("UPDATE doomed_blobs SET tries = tries + 1, due_at = $1 WHERE tenant_id = $2 AND sha256 = $3")
        .bind(due_at)
        .bind(blob.tenant_id)
        .bind(&blob.sha256)
        .exec(tx)
        .await?;
    Ok(())
}

// ---- forgetting

/// Mail in quarantine that came before `before`: what is held as spam, or all the rest.
pub(super) async fn held_before(db: &Db, before: Time, spam: bool, n: i64) -> Result<Vec<(TenantId, MailId)>> {
    let which = match spam {
        true => " AND (spam = 'held' OR outcome = 'spam_held')",
        false => " AND (spam IS NULL OR spam <> 'held') AND outcome <> 'spam_held'",
    };
    sql("SELECT tenant_id, id FROM inbound_mails WHERE state = 'quarantined' AND erased_at IS NULL AND received_at < ")
        .arg(before)
        .push(which)
        .push(" ORDER BY received_at, id LIMIT ")
        .arg(n)
        .all(&mut db.read(Scope::All))
        .await
}

pub(super) async fn spam_before(db: &Db, before: Time, n: i64) -> Result<Vec<(TenantId, TicketId)>> {
    sql("SELECT tenant_id, id FROM tickets WHERE folder = 'spam' AND erased_at IS NULL AND updated_at < $1 \
         ORDER BY updated_at, id LIMIT $2")
    .bind(before)
    .bind(n)
    .all(&mut db.read(Scope::All))
    .await
}

/// Mails that came again after the first of them was erased.
pub(super) async fn repeats_of_erased(db: &Db, since: Time, n: i64) -> Result<Vec<(TenantId, MailId)>> {
    sql("SELECT m.tenant_id, m.id FROM inbound_mails m JOIN inbound_mails f ON f.id = m.duplicate_of \
         WHERE m.duplicate_of IS NOT NULL AND m.erased_at IS NULL AND m.decided_at >= $1 AND f.erased_at IS NOT NULL \
         ORDER BY m.decided_at LIMIT $2")
    .bind(since)
    .bind(n)
    .all(&mut db.read(Scope::All))
    .await
}

pub(super) async fn forget_tombstones(tx: &mut Tx, before: Time, n: i64) -> Result<u64> {
    sql("DELETE FROM mail_keys WHERE mail_id IN (SELECT k.mail_id FROM inbound_mails m JOIN mail_keys k ON k.mail_id = m.id \
         WHERE m.erased_at IS NOT NULL AND m.erased_at < $1 ORDER BY m.erased_at LIMIT $2)")
    .bind(before)
    .bind(n)
    .exec(tx)
    .await
}
