//! What proves that mail of ours arrived, though its relay never said that it took it: an answer to it, or a report of its
//! delivery. It is not sent a second time then (E9.9).

use super::{Batch, Planned};
use crate::events::{By, EventKind};
use crate::ids::{OutboxId, TicketId};
use crate::mail_in::{Error, Trace, sql};
use crate::store::Tx;
use serde_json::json;

impl Batch<'_> {
    /// Whoever answers a mail of ours has it.
    pub(super) async fn answered(
        &mut self,
        tx: &mut Tx,
        mail: &Planned,
        ticket: TicketId,
        trace: &mut Trace,
    ) -> Result<(), Error> {
        let settled: Vec<OutboxId> = self.known.maybes_answered_by(&mail.read, ticket).collect();
        for id in settled {
            self.arrived(tx, id, Some(ticket), "answered", trace).await?;
        }
        Ok(())
    }

    /// Settles a mail that may have been sent; any other is left as it is.
    pub(super) async fn arrived(
        &mut self,
        tx: &mut Tx,
        id: OutboxId,
        ticket: Option<TicketId>,
        why: &'static str,
        trace: &mut Trace,
    ) -> Result<(), Error> {
        if !sql::settle_maybe(tx, id, self.now).await? {
            return Ok(());
        }
        trace.add("apply", "E9.9", "a mail that may have been sent arrived", why);
        if let Some(ticket) = ticket.filter(|t| self.work.ticket(*t).is_some()) {
            let data = json!({"outbox_id": id, "result": "settled", "why": why});
            self.work.event(ticket, EventKind::MailSent, By::SYSTEM, data, None);
        }
        Ok(())
    }
}
