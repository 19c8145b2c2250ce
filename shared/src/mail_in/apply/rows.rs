//! One mail's line in `inbound_mails`.

use super::Planned;
use crate::clock::Time;
use crate::ids::{MailId, MailboxId, TenantId};
use crate::mail_in::PIPELINE;
use crate::mail_in::authenticate::due_after;
use crate::mail_in::decide::{Decision, Read};
use crate::mail_in::impostor;
use crate::mail_in::known::Known;
use crate::mail_in::outcome::{Applied, MailState, Outcome};
use crate::mail_in::types::Spam;
use crate::mail_in::{Error, Trace, sql};
use crate::store::{Tx, Value};
use serde_json::json;
use std::collections::{BTreeSet, HashMap};

/// The longest subject a ticket shows; the mail keeps its own.
const SUBJECT_CHARS: usize = 500;

/// One mail's line in `inbound_mails`, and what the door is told.
pub(super) struct Line {
    pub(super) state: MailState,
    pub(super) applied: Applied,
    pub(super) reason: Option<String>,
    pub(super) duplicate_of: Option<MailId>,
    /// What was seen only when it was applied: beside the flags that follow from the mail alone.
    pub(super) flags: Vec<&'static str>,
    /// Whether it was taken for spam (E5.10).
    pub(super) spam: Option<Spam>,
    /// An earlier arrival with the same Message-ID and other content (E1.9).
    pub(super) variant_of: Option<MailId>,
}

/// Mails whose key another one took between planning and now, or in the same batch.
pub(super) async fn late_duplicates(
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

/// Holds the row of each Message-ID until the batch is committed, and writes down who bears it now (E1.9). Whoever decided
/// a variant since these were compared with those there were, their mail must be looked at again.
pub(super) async fn lock_variants(
    tx: &mut Tx,
    known: &Known,
    mails: &[Planned],
    undecided: &BTreeSet<MailId>,
    late: &HashMap<MailId, MailId>,
) -> Result<(), Error> {
    let is_new = |m: &&Planned| {
        let id = m.read.kept.id;
        undecided.contains(&id) && !late.contains_key(&id) && !matches!(m.decision, Decision::Duplicate { .. })
    };
    let mut rows: Vec<(TenantId, String, MailId)> = mails
        .iter()
        .filter(is_new)
        .filter_map(|m| Some((m.read.kept.tenant_id, m.read.variant_key()?, m.read.kept.id)))
        .collect();
    rows.sort_unstable();
    let first = sql::insert_variants(tx, &rows).await?;
    rows.retain(|(_, _, id)| !first.contains(id));
    if rows.is_empty() {
        return Ok(());
    }
    let newest = sql::lock_variants(tx, &rows).await?;
    for (tenant, key, id) in &rows {
        if newest.get(&(*tenant, key.clone())) != known.variants_seen.get(id) {
            return Err(Error::Overtaken);
        }
    }
    sql::renew_variants(tx, &rows).await?;
    Ok(())
}

pub(super) async fn duplicate(tx: &mut Tx, id: MailId, of: MailId) -> Result<Line, Error> {
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
        flags: Vec::new(),
        spam: None,
        variant_of: None,
    })
}

pub(super) fn decision_row(read: &Read, known: &Known, line: &Line, trace: &Trace, now: Time) -> Vec<Value> {
    let mail = &read.mail;
    // E1.12: the other mailboxes that it was sent to.
    let also: Vec<MailboxId> = known.addressed(read).into_iter().filter(|m| Some(*m) != read.kept.mailbox_id).collect();
    let also = (!also.is_empty()).then(|| json!(also).to_string());
    let mut flags: Vec<&str> = mail.flags.iter().map(String::as_str).collect();
    flags.extend(read.classified.flags.iter().copied());
    flags.extend(mail.defects.iter().map(String::as_str));
    flags.extend(trace.0.iter().filter(|l| l.rule == impostor::RULE).map(|l| l.result.as_str()));
    flags.extend(line.flags.iter().copied());
    flags.extend(read.kept.facts.flags.iter().map(String::as_str));
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
        serde_json::to_string(&read.authentication).expect("plain data").into(),
        read.authentication.temporary.then(|| due_after(0, now)).flatten().into(),
        PIPELINE.into(),
        mail.flags.iter().any(|f| f == "degraded").into(),
        also.into(),
        read.sender_key().into(),
        line.spam.into(),
        line.variant_of.into(),
    ]
}

pub(in crate::mail_in) fn cut(subject: &str) -> String {
    subject.chars().take(SUBJECT_CHARS).collect()
}
