//! Records: what a worker learnt about the rows it holds, many rows in one transaction.

use crate::clock::Time;
use crate::events::{By, EventKind};
use crate::ids::{OutboxId, TenantId, TicketId};
use crate::keys::Keys;
use crate::mail_out::kinds::OutboxState;
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
        /// The octets, if small; else they lie in the blob store.
        mime: Option<Vec<u8>>,
        /// The blob of the octets.
        mime_blob: Option<String>,
    },
    /// The attempt is over.
    Done {
        /// The state it leads to.
        state: OutboxState,
        /// How long from now until the next try; None rests.
        again_in: Option<Duration>,
        /// `sent`, `temporary`, `permanent`, `relay_fault`, `unknown`.
        result: &'static str,
        /// How far the attempt came.
        phase: String,
        /// The relay's reply code.
        code: Option<u16>,
        /// The relay's enhanced status code.
        enhanced: Option<String>,
        /// What the relay, or the failure, said.
        text: String,
        /// The id that the relay gave the mail (E3.7).
        relay_id: Option<String>,
        /// The octets, where the attempt ended before the body and they may be needed again.
        mime: Option<Vec<u8>>,
    },
}

/// Writes records in one transaction and returns, for each, whether it was accepted: a record is refused if its lease
/// is no longer the row's, unless it reports a 250, which is always worth knowing (E9.4). Sent, deferred, failed and
/// maybe-sent mails become events of their tickets.
///
/// # Errors
/// See [`crate::store::Error`]; nothing was written then.
pub async fn record(db: &Db, keys: &Keys, records: &[Record]) -> Result<Vec<bool>> {
    let mut tx = db.write(Scope::All).await?;
    let now = dialect::now(&mut tx).await?;
    let held = lock(&mut tx, records).await?;
    let mut accepted = Vec::with_capacity(records.len());
    let (mut bodies, mut dones, mut attempts, mut events) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for r in records {
        let Some(row) = held.iter().find(|h| h.id == r.id) else {
            accepted.push(false);
            continue;
        };
        let ours = row.state == OutboxState::Sending && row.lease_token.as_deref() == Some(&r.lease_token);
        let ok = match &r.step {
            Step::Body { mime, mime_blob } if ours => {
                bodies.push(vec![r.id.into(), mime.clone().into(), mime_blob.clone().into(), now.into()]);
                true
            }
            Step::Done { state, .. }
                if ours || (*state == OutboxState::Sent && row.state.may_become(OutboxState::Sent)) =>
            {
                dones.push(done_row(r, now));
                attempts.push(attempt_row(r, now));
                events.push(r);
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
        "UPDATE outbox SET state = v.column2, due_at = v.column3, reply_code = v.column4, enhanced = v.column5, \
         reply_text = v.column6, relay_id = COALESCE(v.column7, outbox.relay_id), mime = COALESCE(v.column8, outbox.mime), \
         maybes = outbox.maybes + v.column9, sent_at = COALESCE(v.column10, outbox.sent_at), updated_at = v.column11, \
         phase = NULL, lease_token = NULL, lease_until = NULL",
        dones,
        "outbox.id = v.column1",
    )
    .await?;
    insert_many(
        &mut tx,
        "INSERT INTO outbox_attempts (outbox_id, n, tenant_id, at, phase, result, code, enhanced, text)",
        attempts,
        "ON CONFLICT (outbox_id, n) DO NOTHING",
    )
    .await?;
    ticket_events(&mut tx, keys, &events).await?;
    tx.commit().await?;
    Ok(accepted)
}

#[derive(sqlx::FromRow)]
struct HeldRow {
    id: OutboxId,
    state: OutboxState,
    lease_token: Option<String>,
}

async fn lock(tx: &mut Tx, records: &[Record]) -> Result<Vec<HeldRow>> {
    let lock = dialect::for_update(tx);
    sql("SELECT id, state, lease_token FROM outbox WHERE id IN ")
        .list(records.iter().map(|r| r.id))
        .push(" ORDER BY id")
        .push(lock)
        .all(tx)
        .await
}

fn done_row(r: &Record, now: Time) -> Vec<Value> {
    let Step::Done { state, again_in, code, enhanced, text, relay_id, mime, .. } = &r.step else {
        unreachable!("only finished attempts come here")
    };
    vec![
        r.id.into(),
        (*state).into(),
        again_in.map(|d| now + d).into(),
        code.map(i64::from).into(),
        enhanced.clone().into(),
        text.as_str().into(),
        relay_id.clone().into(),
        mime.clone().into(),
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
        phase.as_str().into(),
        (*result).into(),
        code.map(i64::from).into(),
        enhanced.clone().into(),
        text.as_str().into(),
    ]
}

/// Adds the events of finished attempts to their tickets; a relay's own id becomes an alias that answers may name
/// (E3.7).
async fn ticket_events(tx: &mut Tx, keys: &Keys, records: &[&Record]) -> Result<()> {
    let ids: Vec<TicketId> = records.iter().filter_map(|r| r.ticket_id).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let mut work = Work::new(keys);
    work.lock(tx, &ids).await?;
    for r in records {
        let (Some(ticket), Step::Done { state, result, code, enhanced, relay_id, .. }) = (r.ticket_id, &r.step) else {
            continue;
        };
        let kind = match state {
            OutboxState::Sent => EventKind::MailSent,
            OutboxState::Deferred | OutboxState::Queued => EventKind::MailDeferred,
            OutboxState::MaybeSent => EventKind::MailMaybeSent,
            _ => EventKind::MailFailed,
        };
        let data =
            json!({"outbox_id": r.id, "attempt": r.attempt, "result": result, "code": code, "enhanced": enhanced});
        work.event(ticket, kind, By::WORKER, data, None);
        if let Some(alias) = relay_id.as_deref().filter(|id| id.contains('@')) {
            work.message_id(NewMessageId {
                tenant_id: r.tenant_id,
                message_id: alias.trim_matches(['<', '>']).to_owned(),
                ticket_id: ticket,
                ticket_message_id: None,
                kind: "alias",
                public: false,
            });
        }
    }
    work.flush(tx).await
}

/// Adds the event of a mail whose worker died in the body.
pub(super) async fn maybe_event(
    tx: &mut Tx,
    keys: &Keys,
    ticket: Option<TicketId>,
    id: OutboxId,
    state: OutboxState,
) -> Result<()> {
    let Some(ticket) = ticket else { return Ok(()) };
    let mut work = Work::new(keys);
    work.lock(tx, &[ticket]).await?;
    work.event(
        ticket,
        EventKind::MailMaybeSent,
        By::WORKER,
        json!({"outbox_id": id, "result": "lost", "state": state}),
        None,
    );
    work.flush(tx).await
}
