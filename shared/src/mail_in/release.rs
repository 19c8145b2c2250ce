//! Letting a held mail out of quarantine (E5.10, E1.3): it goes through the same pipeline again, which nothing of what held
//! it stops any more, and so lands where it would have landed. What would have landed nowhere, a report about nothing of ours
//! or octets that are hardly a mail, opens a ticket: somebody has looked at it and wants to work with it.

use super::decide::held_as;
use super::{Applied, Error, InboundMail, Ingest, MailState, Outcome, keep, process, sql};
use crate::access::Actor;
use crate::app::App;
use crate::audit::{self, AuditKind, Entry};
use crate::clock::now;
use crate::compiled_here;
use crate::store::Scope;
use serde_json::json;

impl InboundMail {
    /// Whether somebody may let it out of quarantine.
    pub fn is_releasable(&self) -> bool {
        self.state == MailState::Quarantined && self.erased_at.is_none()
    }

    /// Whether it is held as spam.
    pub fn is_held_spam(&self) -> bool {
        self.state == MailState::Quarantined && self.reason.as_deref().is_some_and(|r| held_as(r) == Outcome::SpamHeld)
    }
}

/// What became of the wish to release a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Released {
    /// It went through the pipeline.
    Now(Applied),
    /// It was released before: this is what became of it.
    Before(Applied),
    /// It is not held.
    Never,
}

/// Releases a mail for somebody who may. Doing it twice does it once. Who did it stands in the audit; a crash on the way is
/// resumed by the worker, as for any kept mail.
///
/// # Errors
/// If a store refuses.
#[compiled_here]
pub async fn release(app: &App, ingest: &Ingest, actor: &Actor, mail: &InboundMail) -> Result<Released, Error> {
    let mut tx = app.db.write(Scope::Tenant(mail.tenant_id)).await?;
    if !mail.is_releasable() || !sql::release(&mut tx, mail.id, now()).await? {
        tx.rollback().await?;
        return before(app, mail).await;
    }
    let entry = Entry {
        tenant: Some(mail.tenant_id),
        kind: AuditKind::MailReleased,
        subject: format!("mail:{}", mail.id),
        data: json!({"reason": mail.reason}),
    };
    audit::record(&mut tx, actor, entry).await?;
    tx.commit().await?;
    let kept = keep::load(app, mail.id).await?;
    Ok(Released::Now(process(app, ingest, kept).await))
}

/// What became of a mail that is not held any more.
async fn before(app: &App, mail: &InboundMail) -> Result<Released, Error> {
    let found = super::get(app, Scope::Tenant(mail.tenant_id), mail.id).await?.ok_or(Error::NotFound)?;
    if found.released_at.is_none() {
        return Ok(Released::Never);
    }
    Ok(Released::Before(Applied {
        mail_id: found.id,
        outcome: found.outcome,
        ticket_id: found.ticket_id,
        pid: found.pid,
        ticket_message_id: found.ticket_message_id,
    }))
}
