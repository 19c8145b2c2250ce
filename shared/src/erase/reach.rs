//! What an erasure takes, gathered before anything changes.

use super::{Elsewhere, sql};
use crate::compiled_here;
use crate::ids::{AttachmentId, MailId, MessageId, OutboxId, TenantId, TicketId, UserId};
use crate::mail_out::kinds::OutboxState;
use crate::store::{Result, Tx};
use std::collections::{BTreeMap, BTreeSet};

/// An outgoing mail that is emptied.
#[derive(Debug, Clone, Copy, sqlx::FromRow)]
pub(super) struct Outgoing {
    pub id: OutboxId,
    pub ticket_id: Option<TicketId>,
    pub state: OutboxState,
}

impl Outgoing {
    /// Whether it has not left yet.
    pub fn waits(&self) -> bool {
        matches!(self.state, OutboxState::Held | OutboxState::Queued | OutboxState::Deferred)
    }
}

/// All of one tenant.
#[derive(Debug)]
pub(super) struct Reach {
    pub tenant: TenantId,
    /// Emptied whole.
    pub tickets: Vec<TicketId>,
    pub messages: Vec<MessageId>,
    pub files: Vec<AttachmentId>,
    pub mails: Vec<MailId>,
    pub outgoing: Vec<Outgoing>,
    /// Of these, what went or was to go to the person.
    pub of_person: Vec<OutboxId>,
    elsewhere: Vec<Elsewhere>,
}

impl Reach {
    /// Whole tickets: whatever anybody said in them, and all mail about them.
    #[compiled_here]
    pub async fn tickets(tx: &mut Tx, tenant: TenantId, tickets: &[TicketId]) -> Result<Reach> {
        let messages = sql::messages_of(tx, tickets).await?;
        let mut mails = sql::mails_of(tx, tickets).await?;
        mails.extend(sql::repeats_of(tx, &mails).await?);
        Ok(Reach {
            tenant,
            files: sql::files_of(tx, tickets).await?,
            outgoing: sql::outgoing_of(tx, tickets).await?,
            tickets: tickets.to_vec(),
            messages,
            mails,
            of_person: Vec::new(),
            elsewhere: Vec::new(),
        })
    }

    /// What a person said on others' tickets, their uploads that no message has, the mail they sent and were sent.
    pub async fn add_person(&mut self, tx: &mut Tx, user: UserId, key: &str) -> Result<()> {
        let whole: BTreeSet<TicketId> = self.tickets.iter().copied().collect();
        let written = sql::written_by(tx, user).await?;
        self.elsewhere = written.into_iter().filter(|(_, ticket)| !whole.contains(ticket)).collect();
        let messages: Vec<MessageId> = self.elsewhere.iter().map(|(id, _)| *id).collect();
        self.files.extend(sql::files_on(tx, &messages, user).await?);
        let mut mails = sql::mails_from(tx, self.tenant, key).await?;
        mails.extend(sql::mails_behind(tx, &messages).await?);
        mails.extend(sql::repeats_of(tx, &mails).await?);
        self.mails = mails.into_iter().chain(self.mails.drain(..)).collect::<BTreeSet<_>>().into_iter().collect();
        self.messages.extend(messages);
        let to_them = sql::outgoing_to(tx, self.tenant, user, key).await?;
        self.of_person = to_them.iter().map(|o| o.id).collect();
        let known: BTreeSet<OutboxId> = self.outgoing.iter().map(|o| o.id).collect();
        self.outgoing.extend(to_them.into_iter().filter(|o| !known.contains(&o.id)));
        Ok(())
    }

    /// How many messages were taken from each of the tickets that stay.
    pub fn elsewhere(&self) -> BTreeMap<TicketId, usize> {
        let mut counts = BTreeMap::new();
        for (_, ticket) in &self.elsewhere {
            *counts.entry(*ticket).or_default() += 1;
        }
        counts
    }
}
