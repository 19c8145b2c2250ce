//! Digests: notices above an agent's cap are told in one mail an hour, so that nothing stays untold (E5.12).

mod sql;

use crate::app::App;
use crate::clock::now;
use crate::compiled_here;
use crate::i18n;
use crate::ids::{OutboxId, TenantId, TicketId, UserId};
use crate::mail_out::caps;
use crate::mail_out::contents::DigestLine;
use crate::mail_out::enqueue::{self, DigestMail};
use crate::mail_out::outbox::Template;
use crate::mail_out::unsubscribe::Sort;
use crate::store::{Result, Scope, Tx, dialect};
use chrono::Duration;

/// The reason that a cap gives for a notice that goes into the digest.
pub const CAP: &str = "cap_agent_hour";
/// How long the first notice of a digest waits for company: so often an agent gets one.
const COLLECTED_FOR: Duration = Duration::hours(1);
/// Digests written in one round.
const ROUND: i64 = 50;
/// The most lines of one digest; what is beyond them is counted.
const MOST_LINES: usize = 100;

/// Keeps a notice for the next digest.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn keep(tx: &mut Tx, tenant: TenantId, user: UserId, ticket: TicketId, template: Template) -> Result<()> {
    sql::insert(tx, tenant, user, ticket, template, now()).await
}

/// Queues the digests that are due; returns how many.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn send_due(app: &App) -> Result<usize> {
    let before = now() - COLLECTED_FOR;
    let due = sql::due(&mut app.db.read(Scope::All), before, ROUND).await?;
    let mut queued = Vec::new();
    for (tenant, user) in &due {
        queued.extend(send(app, *tenant, *user).await?);
    }
    app.bell.ring(&queued);
    Ok(queued.len())
}

async fn send(app: &App, tenant: TenantId, user: UserId) -> Result<Option<OutboxId>> {
    let mut tx = app.db.write(Scope::Tenant(tenant)).await?;
    let items = sql::take(&mut tx, tenant, user).await?;
    let to = enqueue::notice_recipients(&mut tx, &[user], Sort::Notices).await?.remove(&user);
    let id = match to {
        // Who wants no notices any more wants no digest of them; somebody else may have sent it meanwhile.
        Some(to) if !items.is_empty() && caps::is_open(&mut tx, tenant, &to.email, now()).await? => {
            let desk = enqueue::desk(&mut tx, tenant, None).await?;
            let locale = to.locale.unwrap_or(desk.locale);
            let more = items.len().saturating_sub(MOST_LINES);
            let count = items.len().to_string();
            let lines = items.into_iter().take(MOST_LINES).map(|i| DigestLine {
                event: i.template.notice_event(),
                pid: i.pid,
                subject: i.subject,
                url: format!("{}/dashboard/support/{}", app.config.base_url, i.ticket_id),
            });
            let mail = DigestMail {
                subject: i18n::text(locale, "mail-digest-subject", &[("count", &count), ("team", &desk.name)]),
                lines: lines.collect(),
                more,
                due_at: dialect::now(&mut tx).await?,
            };
            Some(enqueue::digest(&mut tx, &app.keys, &desk, &to, mail).await?)
        }
        _ => None,
    };
    tx.commit().await?;
    Ok(id)
}
