//! Records: what a worker learnt about the rows it holds, many rows in one transaction.

use super::undelivered::{give_back, tell_author};
use crate::clock::Time;
use crate::compiled_here;
use crate::events::{By, EventKind};
use crate::ids::{OutboxId, TenantId, TicketId};
use crate::keys::Keys;
use crate::mail_out::kinds::OutboxState;
use crate::mail_out::message_id;
use crate::mail_out::outbox::Kept;
use crate::mail_out::suppress::{self, FailureKind};
use crate::store::{Db, Result, Scope, Tx, Value, dialect, insert_many, sql, update_many};
use crate::tickets::{NewMessageId, Work};
use chrono::Duration;
use serde_json::json;

/// Something to write down about a row.
#[derive(Debug, Clone)]
pub struct Record {
    /// The row.
    pub id: OutboxId,
    /// Its tenant.
    pub tenant_id: TenantId,
    /// The ticket it is about.
    pub ticket_id: Option<TicketId>,
    /// The lease it was claimed under.
    pub lease_token: String,
    /// Which try it is, from 1.
    pub attempt: i64,
    /// What to write.
    pub step: Step,
}

/// What a worker learnt.
#[derive(Debug, Clone)]
pub enum Step {
    /// The octets were built; the body goes out next. Nothing may leave before this is committed.
    Body {
        /// The octets, unless the row has them already.
        kept: Option<Kept>,
    },
    /// Nothing was tried: the row is given back as it was before the claim, due now.
    Release,
    /// The attempt is over.
    Done {
        /// The state it leads to.
        state: OutboxState,
        /// How long from now until the next try; None rests.
        again_in: Option<Duration>,
        /// `sent`, `temporary`, `permanent`, `relay_fault`, `unknown`.
        result: &'static str,
        /// How far the attempt came.
        phase: &'static str,
        /// The relay's reply code.
        code: Option<u16>,
        /// The relay's enhanced status code.
        enhanced: Option<String>,
        /// What the relay, or the failure, said.
        text: String,
        /// The id that the relay gave the mail (E3.7).
        relay_id: Option<String>,
        /// The octets, where the attempt ended before the body and they may be needed again.
        kept: Option<Kept>,
        /// Whether the author of a reply is told that it does not arrive (E9.8).
        tell_author: bool,
    },
}

/// Writes records in one transaction and returns, for each, whether it was accepted: a record is refused if its lease
/// is no longer the row's, unless it reports a 250, which is always worth knowing (E9.4). Sent, deferred, failed and
/// maybe-sent mails become events of their tickets. No row may occur twice.
///
/// # Errors
/// See [`crate::store::Error`]; nothing was written then.
#[compiled_here]
pub async fn record(db: &Db, keys: &Keys, records: &[Record]) -> Result<Vec<bool>> {
    let mut tx = db.write(Scope::All).await?;
    let now = dialect::now(&mut tx).await?;
    // Tickets before outbox rows, as everybody locks them.
    let mut work = Work::new(keys);
    let done = |r: &&Record| matches!(r.step, Step::Done { .. });
    let tickets: Vec<TicketId> = records.iter().filter(done).filter_map(|r| r.ticket_id).collect();
    work.lock(&mut tx, &tickets).await?;
    let held = lock(&mut tx, records).await?;
    let mut accepted = Vec::with_capacity(records.len());
    let mut failures = Vec::new();
    let (mut bodies, mut dones, mut attempts, mut released) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for r in records {
        let Some(row) = held.iter().find(|h| h.id == r.id) else {
            accepted.push(false);
            continue;
        };
        let ours = row.state == OutboxState::Sending && row.lease_token.as_deref() == Some(&r.lease_token);
        let ok = match &r.step {
            Step::Body { kept } if ours => {
                let (mime, mime_blob) = columns(kept);
                bodies.push(vec![r.id.into(), mime, mime_blob, now.into()]);
                true
            }
            Step::Release if ours => {
                released.push(vec![r.id.into(), now.into()]);
                true
            }
            Step::Done { state, .. }
                if ours || (*state == OutboxState::Sent && row.state.may_become(OutboxState::Sent)) =>
            {
                dones.push(done_row(r, now));
                attempts.push(attempt_row(r, now));
                add_event(&mut work, r);
                failures.extend(failure(r, &row.to_key));
                true
            }
            _ => false,
        };
        accepted.push(ok);
    }
    update_many(
        &mut tx,
        "UPDATE outbox SET phase = 'body', mime = COALESCE(v.column2, outbox.mime), \
         mime_blob = COALESCE(v.column3, outbox.mime_blob), updated_at = v.column4",
        bodies,
        "outbox.id = v.column1",
    )
    .await?;
    update_many(
        &mut tx,
        "UPDATE outbox SET state = 'queued', due_at = v.column2, updated_at = v.column2, attempts = outbox.attempts - 1, \
         phase = NULL, lease_token = NULL, lease_until = NULL",
        released,
        "outbox.id = v.column1",
    )
    .await?;
    update_many(
        &mut tx,
        "UPDATE outbox SET state = v.column2, due_at = v.column3, reply_code = v.column4, enhanced = v.column5, \
         reply_text = v.column6, relay_id = COALESCE(v.column7, outbox.relay_id), mime = COALESCE(v.column8, outbox.mime), \
         mime_blob = COALESCE(v.column9, outbox.mime_blob), maybes = outbox.maybes + v.column10, \
         sent_at = COALESCE(v.column11, outbox.sent_at), updated_at = v.column12, \
         phase = NULL, lease_token = NULL, lease_until = NULL",
        dones,
        "outbox.id = v.column1",
    )
    .await?;
    // A 250 that comes late knows better than the sweep that gave its worker up.
    insert_many(
        &mut tx,
        "INSERT INTO outbox_attempts (outbox_id, n, tenant_id, at, phase, result, code, enhanced, text)",
        attempts,
        "ON CONFLICT (outbox_id, n) DO UPDATE SET at = excluded.at, phase = excluded.phase, result = excluded.result, \
         code = excluded.code, enhanced = excluded.enhanced, text = excluded.text",
    )
    .await?;
    let untold = records
        .iter()
        .zip(&accepted)
        .filter(|(r, accepted)| **accepted && matches!(r.step, Step::Done { tell_author: true, .. }));
    for (record, _) in untold {
        tell_author(&mut tx, &mut work, record, now).await?;
    }
    let mut given = Vec::new();
    for (record, _) in records.iter().zip(&accepted).filter(|(r, accepted)| **accepted && is_dead(r)) {
        given.extend(give_back(&mut tx, &work, record, &given, now).await?);
    }
    for failure in &failures {
        suppress::failed(&mut tx, failure, now).await?;
    }
    work.flush(&mut tx).await?;
    tx.commit().await?;
    Ok(accepted)
}

fn is_dead(record: &Record) -> bool {
    matches!(record.step, Step::Done { state: OutboxState::Dead, .. })
}

/// The columns `mime` and `mime_blob`.
fn columns(kept: &Option<Kept>) -> (Value, Value) {
    match kept {
        Some(Kept::Row(octets)) => (octets.clone().into(), None::<String>.into()),
        Some(Kept::Blob(name)) => (None::<Vec<u8>>.into(), name.into()),
        None => (None::<Vec<u8>>.into(), None::<String>.into()),
    }
}

#[derive(sqlx::FromRow)]
struct HeldRow {
    id: OutboxId,
    state: OutboxState,
    lease_token: Option<String>,
    to_key: String,
}

async fn lock(tx: &mut Tx, records: &[Record]) -> Result<Vec<HeldRow>> {
    let lock = dialect::for_update(tx);
    sql("SELECT id, state, lease_token, to_key FROM outbox WHERE id IN ")
        .among(records.iter().map(|r| r.id))
        .push(" ORDER BY id")
        .push(lock)
        .all(tx)
        .await
}

fn done_row(r: &Record, now: Time) -> Vec<Value> {
    let Step::Done { state, again_in, code, enhanced, text, relay_id, kept, .. } = &r.step else {
        unreachable!("only finished attempts come here")
    };
    let (mime, mime_blob) = columns(kept);
    vec![
        r.id.into(),
        (*state).into(),
        again_in.map(|d| now + d).into(),
        code.map(i64::from).into(),
        enhanced.clone().into(),
        text.as_str().into(),
        relay_id.clone().into(),
        mime,
        mime_blob,
        i64::from(*state == OutboxState::MaybeSent).into(),
        (*state == OutboxState::Sent).then_some(now).into(),
        now.into(),
    ]
}

fn attempt_row(r: &Record, now: Time) -> Vec<Value> {
    let Step::Done { result, phase, code, enhanced, text, .. } = &r.step else {
        unreachable!("only finished attempts come here")
    };
    vec![
        r.id.into(),
        r.attempt.into(),
        r.tenant_id.into(),
        now.into(),
        (*phase).into(),
        (*result).into(),
        code.map(i64::from).into(),
        enhanced.clone().into(),
        text.as_str().into(),
    ]
}

/// What a mail's end says of its address: only where the other side spoke, and of the recipient or the mail (E9.14).
fn failure(r: &Record, to_key: &str) -> Option<suppress::Failure> {
    let Step::Done { state: OutboxState::Dead, phase: "rcpt" | "dot", code: Some(code), enhanced, text, .. } = &r.step
    else {
        return None;
    };
    let kind = FailureKind::of(enhanced.as_deref(), text)?;
    let evidence = json!({"outbox_id": r.id, "attempt": r.attempt, "code": code, "enhanced": enhanced});
    Some(suppress::Failure { tenant: r.tenant_id, email_key: to_key.to_owned(), outbox: r.id, kind, evidence })
}

/// Adds the event of a finished attempt to its ticket; a relay's own id becomes an alias that answers may name (E3.7).
fn add_event(work: &mut Work<'_>, r: &Record) {
    let Step::Done { state, result, code, enhanced, relay_id, .. } = &r.step else { return };
    let Some(ticket) = r.ticket_id.filter(|t| work.ticket(*t).is_some()) else { return };
    let kind = match state {
        OutboxState::Sent => EventKind::MailSent,
        OutboxState::Deferred | OutboxState::Queued => EventKind::MailDeferred,
        OutboxState::MaybeSent => EventKind::MailMaybeSent,
        _ => EventKind::MailFailed,
    };
    let data = json!({"outbox_id": r.id, "attempt": r.attempt, "result": result, "code": code, "enhanced": enhanced});
    work.event(ticket, kind, By::WORKER, data, None);
    if let Some(alias) = relay_id.as_deref().and_then(message_id::relayed) {
        work.message_id(NewMessageId {
            tenant_id: r.tenant_id,
            message_id: alias,
            ticket_id: ticket,
            ticket_message_id: None,
            kind: "alias",
            public: false,
        });
    }
}
