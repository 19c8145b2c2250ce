//! Looking at received mail: lists, one mail with its trace, and what it was understood to be.
//!
//! What was understood is read again from the bytes: it is a pure function of them, so it needs no copy in the database
//! and can never differ from what was received.

use super::authenticate::Authentication;
use super::decide::{self, Read};
use super::outcome::{MailState, Outcome};
use super::types::{Class, Spam, Verdict};
use super::{Door, Error, keep};
use crate::access::Actor;
use crate::app::App;
use crate::audit::{self, AuditKind, Entry};
use crate::clock::Time;
use crate::compiled_here;
use crate::ids::{MailId, MailboxId, MessageId, TenantId, TicketId};
use crate::store::{Result as StoreResult, Scope, sql};
use bytes::Bytes;

/// An arrival and what was decided about it.
#[derive(Debug, Clone, sqlx::FromRow)]
#[allow(missing_docs)]
pub struct InboundMail {
    pub id: MailId,
    pub tenant_id: TenantId,
    pub mailbox_id: Option<MailboxId>,
    pub door: Door,
    pub envelope_from: Option<String>,
    pub envelope_to: String,
    pub received_at: Time,
    pub state: MailState,
    pub outcome: Option<Outcome>,
    pub class: Option<Class>,
    pub verdict: Option<Verdict>,
    pub reason: Option<String>,
    pub message_id: Option<String>,
    pub from_email: Option<String>,
    pub from_name: Option<String>,
    pub subject: Option<String>,
    pub flags: String,
    pub trace: String,
    pub ticket_id: Option<TicketId>,
    pub pid: Option<String>,
    pub ticket_message_id: Option<MessageId>,
    pub duplicate_of: Option<MailId>,
    /// An earlier arrival with the same Message-ID and other content (E1.9).
    pub variant_of: Option<MailId>,
    pub tries: i64,
    pub next_try_at: Option<Time>,
    pub error: Option<String>,
    pub decided_at: Option<Time>,
    /// 0 once it is erased.
    pub size_bytes: i64,
    /// When its octets and all that was read from them were erased (E13).
    pub erased_at: Option<Time>,
    /// JSON, as it is stored; read it by [`InboundMail::authentication`].
    pub authentication: Option<String>,
    pub pipeline: i64,
    pub checks: i64,
    pub check_due_at: Option<Time>,
    pub spam: Option<Spam>,
    pub released_at: Option<Time>,
}

impl InboundMail {
    /// What was found out about the sender; None as long as nobody looked.
    pub fn authentication(&self) -> Option<Authentication> {
        serde_json::from_str(self.authentication.as_deref()?).ok()
    }
}

/// Which arrivals to list.
#[derive(Debug, Clone, Default)]
pub struct MailFilter {
    /// Only those in this state.
    pub state: Option<MailState>,
    /// Only those with this outcome.
    pub outcome: Option<Outcome>,
    /// Only those taken for spam so (E5.10).
    pub spam: Option<Spam>,
    /// Only those that led to this ticket.
    pub ticket: Option<TicketId>,
    /// Only those before this one: the cursor.
    pub before: Option<MailId>,
}

const COLUMNS: &str = "SELECT m.id, m.tenant_id, m.mailbox_id, m.door, m.envelope_from, m.envelope_to, m.received_at, \
     m.state, m.outcome, m.class, m.verdict, m.reason, m.message_id, m.from_email, m.from_name, m.subject, m.flags, m.trace, \
     m.ticket_id, t.pid, m.ticket_message_id, m.duplicate_of, m.variant_of, m.tries, m.next_try_at, m.error, m.decided_at, \
     COALESCE(r.size_bytes, 0) AS size_bytes, m.erased_at, \
     m.authentication, m.pipeline, m.checks, m.check_due_at, m.spam, m.released_at \
     FROM inbound_mails m LEFT JOIN raw_mails r ON r.id = m.raw_id LEFT JOIN tickets t ON t.id = m.ticket_id WHERE 1 = 1";

fn within(scope: Scope) -> crate::store::Q {
    match scope {
        Scope::All => sql(COLUMNS),
        Scope::Tenant(tenant) => sql(COLUMNS).push(" AND m.tenant_id = ").arg(tenant),
    }
}

/// Lists arrivals within `scope`, newest first, at most `limit`.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn list(app: &App, scope: Scope, filter: &MailFilter, limit: i64) -> StoreResult<Vec<InboundMail>> {
    let mut q = within(scope);
    if let Some(state) = filter.state {
        q = q.push(" AND m.state = ").arg(state);
    }
    if let Some(outcome) = filter.outcome {
        q = q.push(" AND m.outcome = ").arg(outcome);
    }
    if let Some(spam) = filter.spam {
        q = q.push(" AND m.spam = ").arg(spam);
    }
    if let Some(ticket) = filter.ticket {
        q = q.push(" AND m.ticket_id = ").arg(ticket);
    }
    if let Some(before) = filter.before {
        q = q.push(" AND m.id < ").arg(before);
    }
    q.push(" ORDER BY m.id DESC LIMIT ").arg(limit).all(&mut app.db.read(scope)).await
}

/// Returns one arrival within `scope`, if it is there.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn get(app: &App, scope: Scope, id: MailId) -> StoreResult<Option<InboundMail>> {
    within(scope).push(" AND m.id = ").arg(id).opt(&mut app.db.read(scope)).await
}

/// Returns an arrival's bytes, as received.
///
/// # Errors
/// `NotFound` if there is none with this id.
#[compiled_here]
pub async fn raw(app: &App, id: MailId) -> Result<Bytes, Error> {
    Ok(keep::load(app, id).await?.raw)
}

/// Returns an arrival's bytes for somebody to look at, and notes that they did.
///
/// # Errors
/// `NotFound` if it is gone.
#[compiled_here]
pub async fn look_at(app: &App, actor: &Actor, mail: &InboundMail) -> Result<Bytes, Error> {
    let mut tx = app.db.write(Scope::Tenant(mail.tenant_id)).await?;
    let entry = Entry {
        tenant: Some(mail.tenant_id),
        kind: AuditKind::RawViewed,
        subject: format!("mail:{}", mail.id),
        data: serde_json::json!({}),
    };
    audit::record(&mut tx, actor, entry).await?;
    tx.commit().await?;
    raw(app, mail.id).await
}

/// Returns what an arrival's bytes are understood to be, whatever became of it.
///
/// # Errors
/// `NotFound` if there is none with this id.
#[compiled_here]
pub async fn understood(app: &App, id: MailId) -> Result<Read, Error> {
    let mut kept = keep::load(app, id).await?;
    // Looking at a mail asks nobody: a sender that was not checked yet is unknown.
    kept.authentication.get_or_insert_with(Authentication::unknown);
    decide::read(app, kept).await
}
