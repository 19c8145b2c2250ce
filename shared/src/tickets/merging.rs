//! Merging: all of one ticket goes to another one, which goes on for both; the first is closed and its mail reaches the
//! other from now on (E4.7). What undoing needs is written down with it, so that it is exact: each message goes back to
//! its place, and what came after the merge stays with the survivor.

mod sql;

pub use sql::{Merged, Offered};

use super::error::{Error, Result};
use super::moving::{self, move_messages};
use super::types::{ParticipantKind, ParticipantState, Status, Ticket, snippet};
use super::{Change, TicketRef, by};
use crate::access::{Actor, Capability};
use crate::app::App;
use crate::clock::Time;
use crate::compiled_here;
use crate::events::EventKind;
use crate::ids::{MessageId, TicketId, UserId};
use crate::messages::{MessageKind, Side};
use crate::store::{self, Tx};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// How many tickets a page offers to merge with.
const MOST_OFFERED: i64 = 5;

/// What undoing a merge needs.
#[derive(Debug, Serialize, Deserialize)]
struct Undo {
    /// The messages that moved, each with its seq on its own ticket.
    messages: Vec<(MessageId, i64)>,
    /// Who takes part in the survivor since then.
    joined: Vec<UserId>,
    /// Who was new there and is accepted since then.
    accepted: Vec<UserId>,
    /// How the merged ticket stood.
    before: Stood,
    /// How the survivor stood, and when it was last active.
    survivor: (Status, Time),
    /// The survivor's version right after.
    version: i64,
}

/// How a ticket stood before it was merged.
#[derive(Debug, Serialize, Deserialize)]
struct Stood {
    status: Status,
    solved_at: Option<Time>,
    solved_by: Option<UserId>,
    closed_at: Option<Time>,
    closed_by: Option<UserId>,
    last_activity_at: Time,
}

impl Stood {
    fn of(t: &Ticket) -> Stood {
        Stood {
            status: t.status,
            solved_at: t.solved_at,
            solved_by: t.solved_by,
            closed_at: t.closed_at,
            closed_by: t.closed_by,
            last_activity_at: t.last_activity_at,
        }
    }

    fn restore(self, t: &mut Ticket) {
        (t.solved_at, t.solved_by) = (self.solved_at, self.solved_by);
        (t.closed_at, t.closed_by) = (self.closed_at, self.closed_by);
        t.last_activity_at = self.last_activity_at;
    }
}

/// Merges a ticket into another one of its tenant, or into the one that this was merged into. Returns the survivor.
/// Nobody is sent anything.
///
/// # Errors
/// `Invalid` for a ticket that is not there for the actor, for one of another tenant and for the same one; `Merged` if it
/// was merged before; else see [`Error`].
#[compiled_here]
pub async fn merge(
    app: &App,
    actor: &Actor,
    which: &TicketRef,
    into: &TicketRef,
    expected: Option<i64>,
) -> Result<TicketId> {
    let scope = actor.tickets();
    let mut tx = app.db.write(scope.rows()).await?;
    let id = super::sql::find_id(&mut tx, which, scope).await?.ok_or(Error::NotFound)?;
    actor.require(Capability::TicketsMerge)?;
    let unknown = || Error::invalid("into", "ticket_unknown", "there is no such ticket");
    let into = super::sql::find_id(&mut tx, into, scope).await?.ok_or_else(unknown)?;
    let into = survivor(&mut tx, into).await?;
    if into == id {
        return Err(Error::invalid("into", "same_ticket", "is the same ticket"));
    }
    let mut change = Change::lock(app, actor, tx, id, &[into], expected).await?;
    change.refuse_merged().await?;
    change.merge(into).await?;
    change.commit().await?;
    Ok(into)
}

/// Undoes a merge: the ticket has its messages, its people and its status again. Returns the ticket.
///
/// # Errors
/// `CannotUndo` for a ticket that is not merged, or whose survivor was merged or erased since.
#[compiled_here]
pub async fn unmerge(app: &App, actor: &Actor, which: &TicketRef, expected: Option<i64>) -> Result<TicketId> {
    let scope = actor.tickets();
    let mut tx = app.db.write(scope.rows()).await?;
    let id = super::sql::find_id(&mut tx, which, scope).await?.ok_or(Error::NotFound)?;
    actor.require(Capability::TicketsMerge)?;
    let not_merged = || Error::CannotUndo("the ticket is not merged into another one");
    let seen = sql::open_merge(&mut tx, id).await?.ok_or_else(not_merged)?;
    let mut change = Change::lock(app, actor, tx, id, &[seen.into_id], expected).await?;
    // Somebody else may have undone it while this waited for the locks.
    let merge = sql::open_merge(&mut change.tx, id).await?.filter(|m| m.id == seen.id).ok_or_else(not_merged)?;
    let undo =
        serde_json::from_str(&merge.undo).map_err(|e| store::Error::Corrupt(sqlx::Error::Decode(Box::new(e))))?;
    change.unmerge(merge.into_id, undo).await?;
    sql::undone(&mut change.tx, merge.id, actor.user, change.work.now()).await?;
    change.commit().await
}

/// Returns the tickets that were merged into one, newest first, to who can undo it.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn merged_here(app: &App, actor: &Actor, ticket: TicketId) -> Result<Vec<Merged>> {
    if !actor.can(Capability::TicketsMerge) {
        return Ok(Vec::new());
    }
    Ok(sql::merged_into(&mut app.db.read(actor.tickets().rows()), ticket).await?)
}

/// Returns tickets that one is likely to be merged with: the same requester's, open ones first.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn merges_offered(app: &App, actor: &Actor, ticket: &Ticket) -> Result<Vec<Offered>> {
    if !actor.can(Capability::TicketsMerge) || ticket.merged_into.is_some() {
        return Ok(Vec::new());
    }
    let scope = actor.tickets();
    Ok(sql::of_requester(&mut app.db.read(scope.rows()), scope, ticket, MOST_OFFERED).await?)
}

/// The ticket that a ticket's mail goes to now (E4.7).
///
/// # Errors
/// See [`crate::store::Error`].
pub(super) async fn survivor(tx: &mut Tx, id: TicketId) -> Result<TicketId> {
    let mut id = id;
    for _ in 0..10 {
        match sql::pointer(tx, id).await? {
            Some(next) => id = next,
            None => break,
        }
    }
    Ok(id)
}

impl Change<'_> {
    /// Refuses if the ticket was merged: what is said of it belongs to the survivor.
    ///
    /// # Errors
    /// `Merged`.
    pub(super) async fn refuse_merged(&mut self) -> Result<()> {
        let Some(into) = self.ticket().merged_into else { return Ok(()) };
        let into = survivor(&mut self.tx, into).await?;
        Err(Error::Merged { pid: sql::pid(&mut self.tx, into).await? })
    }

    /// Moves all of this ticket into another one, which is locked too.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` if the two cannot be one any more.
    pub(super) async fn merge(&mut self, into: TicketId) -> Result<()> {
        let from = self.id;
        let (Some(old), Some(new)) = (self.work.ticket(from).cloned(), self.work.ticket(into).cloned()) else {
            return Err(Error::NotFound);
        };
        if new.tenant_id != old.tenant_id {
            return Err(Error::invalid("into", "other_tenant", "is another tenant's"));
        }
        if old.merged_into.is_some() || new.merged_into.is_some() || from == into || new.erased_at.is_some() {
            return Err(Error::invalid("into", "join_decided", "one of them was merged or erased meanwhile"));
        }
        let who = by(self.actor);
        let moved = moving::sql::messages(&mut self.tx, from, None).await?;
        let by_customer = moved.iter().any(|m| m.side != Side::Agent && m.kind == MessageKind::Reply);
        let places = moved.iter().map(|m| (m.id, m.seq)).collect();
        move_messages(&mut self.tx, &mut self.work, who, (from, into), moved).await?;
        let (joined, accepted) = self.unite(into).await?;
        self.work.update(from, |t| t.merged_into = Some(into));
        self.work.event(from, EventKind::Merged, who, json!({"into": into}), Some(json!({"pid": new.pid})));
        self.work.event(into, EventKind::Merged, who, json!({"from": from}), Some(json!({"pid": old.pid})));
        self.work.set_status(from, Status::Closed, who, "merged");
        if by_customer && (new.status.is_done() || new.status == Status::WaitingOnCustomer) {
            self.work.set_status(into, Status::InProgress, who, "joined");
        }
        let version = self.work.ticket(into).map_or(0, |t| t.version);
        let undo = Undo {
            messages: places,
            joined,
            accepted,
            before: Stood::of(&old),
            survivor: (new.status, new.last_activity_at),
            version,
        };
        let undo = json!(undo).to_string();
        sql::insert(&mut self.tx, &old, into, &undo, self.actor.user, self.work.now()).await?;
        Ok(())
    }

    /// Who took part in this ticket takes part in `into`. Returns who is there since then, and who was accepted.
    async fn unite(&mut self, into: TicketId) -> Result<(Vec<UserId>, Vec<UserId>)> {
        let (from, who) = (self.id, by(self.actor));
        let all = super::participants(&mut self.tx, &[from, into]).await?;
        let here: BTreeMap<UserId, ParticipantState> =
            all.iter().filter(|p| p.ticket_id == into).map(|p| (p.user_id, p.state)).collect();
        let (mut joined, mut accepted) = (Vec::new(), Vec::new());
        for p in all.iter().filter(|p| p.ticket_id == from) {
            match here.get(&p.user_id) {
                None => {
                    let follows = p.kind == ParticipantKind::Follower;
                    let kind = if follows { ParticipantKind::Follower } else { ParticipantKind::Cc };
                    self.work.add_participant(into, p.user_id, kind, p.state, who);
                    joined.push(p.user_id);
                }
                // Whom an agent joins is nobody new any more.
                Some(ParticipantState::NewSender) if p.kind == ParticipantKind::Requester => {
                    self.set_state(into, p.user_id, ParticipantState::Accepted).await?;
                    accepted.push(p.user_id);
                }
                Some(_) => {}
            }
        }
        Ok((joined, accepted))
    }

    async fn set_state(&mut self, ticket: TicketId, user: UserId, state: ParticipantState) -> Result<()> {
        super::sql::set_participant_state(&mut self.tx, ticket, user, state).await?;
        let data = json!({"user_id": user, "state": state});
        self.work.event(ticket, EventKind::ParticipantChanged, by(self.actor), data, None);
        Ok(())
    }

    /// Gives this ticket back what `into`, locked too, got from it.
    async fn unmerge(&mut self, into: TicketId, undo: Undo) -> Result<()> {
        let (id, who) = (self.id, by(self.actor));
        let Some(survivor) = self.work.ticket(into).cloned() else { return Err(Error::NotFound) };
        if survivor.merged_into.is_some() {
            return Err(Error::CannotUndo("the other ticket was merged itself since: undo that first"));
        }
        if survivor.erased_at.is_some() {
            return Err(Error::CannotUndo("the other ticket was erased since"));
        }
        let ids: BTreeSet<MessageId> = undo.messages.iter().map(|(id, _)| *id).collect();
        // What was moved elsewhere since stays there.
        let here = moving::sql::messages(&mut self.tx, into, Some(&ids)).await?;
        let still: BTreeSet<MessageId> = here.iter().map(|m| m.id).collect();
        let places: Vec<_> = undo.messages.into_iter().filter(|(id, _)| still.contains(id)).collect();
        moving::sql::move_messages(&mut self.tx, into, id, &places).await?;
        self.disunite(into, &undo.joined, &undo.accepted).await?;
        let (moved, into_last) = (here.len() as i64, sql::last(&mut self.tx, into).await?);
        let own_last = here.iter().rfind(|m| m.kind == MessageKind::Reply).map(|m| snippet(&m.visible_text));
        self.work.update(id, |t| {
            t.merged_into = None;
            t.message_count += moved;
            t.snippet = own_last.unwrap_or_default();
        });
        self.work.update(into, |t| {
            t.message_count -= moved;
            t.snippet = into_last.text.map(|text| snippet(&text)).unwrap_or_default();
            t.last_activity_at = into_last.at.unwrap_or(t.created_at);
        });
        let data = |key: &str, other: TicketId| json!({key: other, "message_ids": still});
        self.work.event(id, EventKind::Unmerged, who, data("into", into), Some(json!({"pid": survivor.pid})));
        let pid = self.ticket().pid.clone();
        self.work.event(into, EventKind::Unmerged, who, data("from", id), Some(json!({"pid": pid})));
        self.work.set_status(id, undo.before.status, who, "unmerged");
        self.work.update(id, |t| undo.before.restore(t));
        // Only where nobody has decided otherwise meanwhile.
        if survivor.last_conflict_seq <= undo.version {
            let (status, active) = undo.survivor;
            self.work.set_status(into, status, who, "unmerged");
            self.work.update(into, |t| t.last_activity_at = active);
        }
        Ok(())
    }

    /// Who came with the merge leaves again, unless they have written since.
    async fn disunite(&mut self, into: TicketId, joined: &[UserId], accepted: &[UserId]) -> Result<()> {
        let wrote = sql::authors(&mut self.tx, into).await?;
        for user in joined.iter().filter(|u| !wrote.contains(u)) {
            super::sql::remove_participant(&mut self.tx, into, *user).await?;
            let data = json!({"user_id": user});
            self.work.event(into, EventKind::ParticipantRemoved, by(self.actor), data, None);
        }
        for user in accepted {
            self.set_state(into, *user, ParticipantState::NewSender).await?;
        }
        Ok(())
    }
}
