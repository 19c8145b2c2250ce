//! A report about mail of ours: a bounce, a read receipt, a complaint.

use super::rows::Line;
use super::{Batch, Planned};
use crate::events::{By, EventKind};
use crate::ids::{OutboxId, TicketId};
use crate::mail_in::outcome::Outcome;
use crate::mail_in::types::{BounceKind, Class};
use crate::mail_in::{Error, Trace, sql};
use crate::mail_out::kinds::OutboxState;
use crate::mail_out::suppress::{self, FailureKind};
use crate::store::Tx;
use serde_json::json;

impl Batch<'_> {
    /// A report about mail of ours: what it says goes to that mail and to its ticket's timeline (E9.11 to E9.14).
    pub(super) async fn report(
        &mut self,
        tx: &mut Tx,
        mail: &Planned,
        ticket: Option<TicketId>,
        outbox: Option<(OutboxId, bool)>,
        trace: &mut Trace,
    ) -> Result<Line, Error> {
        let read = &mail.read;
        let bounce = read.mail.bounces.first();
        let failed = bounce.is_some_and(|b| matches!(b.kind, BounceKind::Hard | BounceKind::Soft));
        let dsn = read.classified.class == Class::Dsn;
        let state = match read.classified.class {
            Class::Dsn if failed => Some(OutboxState::Bounced),
            Class::Arf => Some(OutboxState::Complained),
            _ => None,
        };
        let mut proven = false;
        if let Some((id, by_token)) = outbox {
            proven = by_token;
            if let Some(state) = state {
                let text = bounce.and_then(|b| b.diagnostic.as_deref());
                sql::report_outbox(tx, id, state, text, self.now).await?;
            }
            // Who writes a report without our token may have made it up: then the second try comes, and is harmless.
            if by_token && bounce.is_some_and(|b| b.kind == BounceKind::Delivered) {
                self.arrived(tx, id, ticket, "delivery_report", trace).await?;
            }
            self.suppress(tx, mail, id, by_token, trace).await?;
        }
        if let Some(ticket) = ticket {
            let kind = if dsn && failed { EventKind::MailBounced } else { EventKind::MailReported };
            let data = json!({
                "mail_id": read.kept.id, "outbox_id": outbox.map(|o| o.0), "class": read.classified.class,
                "action": bounce.map(|b| b.action.as_str()), "status": bounce.and_then(|b| b.status.as_deref()),
                "kind": bounce.map(|b| b.kind), "verified": proven,
            });
            let values = bounce.map(|b| json!({"recipient": b.recipient, "diagnostic": b.diagnostic}));
            self.work.event(ticket, kind, By::SYSTEM, data, values);
        }
        trace.add("apply", "E9.11", if proven { "recorded" } else { "recorded, unverified" }, "");
        let outcome = if dsn { Outcome::BounceRecorded } else { Outcome::ReportRecorded };
        Ok(self.line(mail, outcome, ticket, None))
    }

    /// Only a valid bounce token, or a complaint about mail that we did send, stops further automatic mail (E9.14, E5.4).
    pub(super) async fn suppress(
        &mut self,
        tx: &mut Tx,
        mail: &Planned,
        id: OutboxId,
        by_token: bool,
        trace: &mut Trace,
    ) -> Result<(), Error> {
        let read = &mail.read;
        let Some(sent) = self.known.outbox(id).cloned() else { return Ok(()) };
        let evidence = json!({"mail_id": read.kept.id, "outbox_id": id});
        let reason = match read.classified.class {
            Class::Arf => {
                suppress::complained(tx, sent.tenant_id, &sent.to_key, &evidence, self.now).await?;
                Some(suppress::Reason::Complaint)
            }
            Class::Dsn if by_token => {
                let kinds = read.mail.bounces.iter().filter_map(|b| match b.kind {
                    BounceKind::Hard => Some(FailureKind::Hard),
                    BounceKind::Soft => {
                        FailureKind::of(b.status.as_deref(), b.diagnostic.as_deref().unwrap_or_default())
                    }
                    BounceKind::Delayed | BounceKind::Delivered => None,
                });
                match kinds.min() {
                    Some(kind) => {
                        let (tenant, email_key) = (sent.tenant_id, sent.to_key.clone());
                        let failure = suppress::Failure { tenant, email_key, outbox: id, kind, evidence };
                        suppress::failed(tx, &failure, self.now).await?
                    }
                    None => None,
                }
            }
            _ => None,
        };
        if let Some(reason) = reason {
            trace.add("apply", "E9.13", "address suppressed", reason.as_str());
        }
        Ok(())
    }
}
