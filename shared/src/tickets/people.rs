//! Whose a ticket is, and who takes part.

use super::error::{Error, Result};
use super::types::{ParticipantKind, ParticipantState};
use super::{Change, TicketRef, by, sql};
use crate::access::{Actor, Capability};
use crate::address;
use crate::app::App;
use crate::compiled_here;
use crate::events::EventKind;
use crate::ids::{TicketId, UserId};
use serde_json::json;

/// Makes a ticket somebody else's problem: replies go to them from now on (E6.3). Who stood in for them (an agent who
/// forwarded their mail, the contact of our own mailbox) leaves; a customer stays in copy.
///
/// # Errors
/// `Invalid` for an address that cannot be one, or is ours; else see [`Error`].
#[compiled_here]
pub async fn set_requester(
    app: &App,
    actor: &Actor,
    which: &TicketRef,
    email: &str,
    name: Option<&str>,
    expected: Option<i64>,
) -> Result<TicketId> {
    let mut change = Change::begin(app, actor, which, Capability::TicketsUpdate, expected).await?;
    change.set_requester(email, name).await?;
    change.commit().await
}

/// What is to become of somebody on a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Participation {
    /// Gets what is written from now on.
    Accepted,
    /// Leaves.
    Removed,
}

/// Whom a change is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whom {
    /// Somebody who is on the ticket.
    User(UserId),
    /// Whoever has this address, with the name if they are new.
    Address(String, Option<String>),
}

/// Adds somebody to a ticket's conversation, accepts who wrote to it (E4.4), or removes them. What was written before is
/// sent to nobody.
///
/// # Errors
/// `Invalid` for who is not on the ticket, for an address that cannot be one or is ours, and for removing the requester;
/// else see [`Error`].
#[compiled_here]
pub async fn set_participant(
    app: &App,
    actor: &Actor,
    which: &TicketRef,
    whom: Whom,
    to: Participation,
    expected: Option<i64>,
) -> Result<TicketId> {
    let mut change = Change::begin(app, actor, which, Capability::TicketsUpdate, expected).await?;
    let here = super::participants(&mut change.tx, &[change.id]).await?;
    let user = match whom {
        Whom::User(user) if here.iter().any(|p| p.user_id == user) => user,
        Whom::User(_) => {
            return Err(Error::invalid("user_id", "participant_unknown", "nobody on this ticket has this id"));
        }
        Whom::Address(email, name) => change.user_of("email", &email, name.as_deref()).await?,
    };
    let known = here.iter().find(|p| p.user_id == user);
    match (to, known) {
        (Participation::Accepted, None) => {
            change.add_cc(user);
        }
        (Participation::Accepted, Some(p)) if p.state == ParticipantState::NewSender => change.accept(user).await?,
        (Participation::Removed, Some(p)) if p.kind == ParticipantKind::Requester => {
            return Err(Error::invalid("user_id", "is_requester", "set another requester instead"));
        }
        (Participation::Removed, Some(_)) => change.remove(user).await?,
        (Participation::Accepted, Some(_)) | (Participation::Removed, None) => {}
    }
    change.commit().await
}

impl Change<'_> {
    /// Returns the user with this address, made if there is none.
    ///
    /// # Errors
    /// `Invalid` for an address that cannot be one, or is ours.
    pub(crate) async fn user_of(&mut self, field: &'static str, email: &str, name: Option<&str>) -> Result<UserId> {
        let email = email.trim();
        if !address::is_valid(email) {
            return Err(Error::invalid(field, "address_invalid", "not a mail address"));
        }
        let key = address::key(email);
        if sql::is_mailbox(&mut self.tx, &key).await? {
            return Err(Error::invalid(field, "address_ours", "this is an address of ours"));
        }
        let tenant = self.ticket().tenant_id;
        Ok(sql::ensure_user(&mut self.tx, tenant, email, name.map(str::trim).filter(|n| !n.is_empty())).await?.user_id)
    }

    /// See [`set_requester`].
    ///
    /// # Errors
    /// See [`set_requester`].
    pub(super) async fn set_requester(&mut self, email: &str, name: Option<&str>) -> Result<()> {
        let user = self.user_of("email", email, name).await?;
        let (id, tenant, before) = (self.id, self.ticket().tenant_id, self.ticket().requester_id);
        if user == before {
            return Ok(());
        }
        let stood_in = sql::stands_in(&mut self.tx, before).await?;
        match stood_in {
            true => sql::remove_participant(&mut self.tx, id, before).await?,
            false => {
                let cc = (ParticipantKind::Cc, ParticipantState::Accepted);
                sql::put_participant(&mut self.tx, tenant, id, before, cc, self.work.now()).await?;
            }
        }
        let requester = (ParticipantKind::Requester, ParticipantState::Accepted);
        sql::put_participant(&mut self.tx, tenant, id, user, requester, self.work.now()).await?;
        if stood_in {
            // What was written down as the stand-in's is the requester's.
            sql::reattribute(&mut self.tx, id, before, user).await?;
        }
        self.work.update(id, |t| t.requester_id = user);
        let data = json!({"from": before, "to": user});
        self.work.event(id, EventKind::RequesterChanged, by(self.actor), data, None);
        Ok(())
    }

    pub(crate) fn add_cc(&mut self, user: UserId) {
        self.work.add_participant(self.id, user, ParticipantKind::Cc, ParticipantState::Accepted, by(self.actor));
    }

    /// Accepts a new sender: from now on they get what is written (E4.4).
    ///
    /// # Errors
    /// See [`crate::store::Error`].
    pub(crate) async fn accept(&mut self, user: UserId) -> Result<()> {
        sql::set_participant_state(&mut self.tx, self.id, user, ParticipantState::Accepted).await?;
        let data = json!({"user_id": user, "state": ParticipantState::Accepted});
        self.work.event(self.id, EventKind::ParticipantChanged, by(self.actor), data, None);
        Ok(())
    }

    /// Removes somebody from the conversation.
    ///
    /// # Errors
    /// See [`crate::store::Error`].
    pub(super) async fn remove(&mut self, user: UserId) -> Result<()> {
        sql::remove_participant(&mut self.tx, self.id, user).await?;
        let data = json!({"user_id": user});
        self.work.event(self.id, EventKind::ParticipantRemoved, by(self.actor), data, None);
        Ok(())
    }
}
