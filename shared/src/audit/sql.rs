//! The SQL of the audit: `audit_events`, and `ticket_events` beside it.

use super::{Entry, Filter, KindName};
use crate::access::{Actor, ActorKind};
use crate::clock::Time;
use crate::ids::{TenantId, TicketId, UserId};
use crate::store::{Db, Q, Result, Tx, sql};

/// A row of the audit, of either source.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct AuditRow {
    /// The ticket; 0 if it concerns none.
    pub ticket_id: i64,
    /// The event's number on its ticket; the row's id if it concerns none.
    pub seq: i64,
    /// The tenant; None: the installation.
    pub tenant_id: Option<TenantId>,
    /// The kind's main name: the timeline's, or the dotted one.
    pub kind: String,
    /// Who made it.
    pub actor_kind: ActorKind,
    /// The user behind it.
    pub actor_id: Option<UserId>,
    /// The user's name, else their address.
    pub actor_name: Option<String>,
    /// What it happened to, if no ticket.
    pub subject: Option<String>,
    /// The client's address, where known.
    pub address: Option<String>,
    /// The request, where known.
    pub request_id: Option<String>,
    /// JSON.
    pub data: String,
    /// When.
    pub at: Time,
    /// The timeline's hash; None if it concerns no ticket.
    pub hash: Option<Vec<u8>>,
}

/// Where a page of the audit ended.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Place(pub Time, pub i64, pub i64);

impl AuditRow {
    /// Returns this row's place in the list.
    pub fn place(&self) -> Place {
        Place(self.at, self.ticket_id, self.seq)
    }

    /// Returns the ticket, if the row concerns one.
    pub fn ticket(&self) -> Option<TicketId> {
        (self.ticket_id != 0).then_some(TicketId(self.ticket_id))
    }

    /// Returns the kind's audit names, upper case and dotted.
    pub fn names(&self) -> Option<[&'static str; 2]> {
        let kind: KindName = self.kind.parse().ok()?;
        Some(match kind {
            KindName::Ticket(kind) => kind.audit(),
            KindName::Audit(kind) => kind.audit(),
        })
    }
}

pub(super) async fn insert(tx: &mut Tx, actor: &Actor, entry: &Entry, at: Time) -> Result<()> {
    sql("INSERT INTO audit_events (tenant_id, kind, actor_kind, actor_id, subject, address, request_id, data, at) VALUES ")
        .list([
            entry.tenant.into(),
            entry.kind.into(),
            actor.kind.into(),
            super::actor_id(actor).into(),
            entry.subject.as_str().into(),
            actor.origin.address.clone().into(),
            actor.origin.request_id.clone().into(),
            (&entry.data).into(),
            crate::store::Value::from(at),
        ])
        .exec(tx)
        .await?;
    Ok(())
}

/// Each source gives its own newest rows by its index; the merge sorts at most twice `limit` rows.
pub(super) async fn list(
    db: &Db,
    actor: &Actor,
    filter: &Filter,
    after: Option<&Place>,
    limit: u32,
) -> Result<Vec<AuditRow>> {
    let mut q = sql("SELECT r.ticket_id, r.seq, r.tenant_id, r.kind, r.actor_kind, r.actor_id, \
         COALESCE(u.name, u.email) AS actor_name, r.subject, r.address, r.request_id, r.data, r.at, r.hash FROM (");
    let (tickets, others) = match filter.kind {
        Some(KindName::Ticket(_)) => (true, false),
        Some(KindName::Audit(_)) => (false, true),
        None => (true, filter.ticket.is_none()),
    };
    if tickets {
        q = q
            .push("SELECT * FROM (SELECT e.ticket_id, e.seq, e.tenant_id, e.kind, e.actor_kind, e.actor_id, ")
            .push("CAST(NULL AS TEXT) AS subject, CAST(NULL AS TEXT) AS address, CAST(NULL AS TEXT) AS request_id, ")
            .push("e.data, e.at, e.hash FROM ticket_events e JOIN tickets t ON t.id = e.ticket_id WHERE 1 = 1");
        q = actor.tickets().filter(q);
        if let Some(ticket) = filter.ticket {
            q = q.push(" AND e.ticket_id = ").arg(ticket);
        }
        if let Some(KindName::Ticket(kind)) = filter.kind {
            q = q.push(" AND e.kind = ").arg(kind);
        }
        q = common(q, filter);
        if let Some(Place(at, ticket, seq)) = after {
            q = q.push(" AND e.at <= ").arg(*at).push(" AND (e.at, e.ticket_id, e.seq) < (").arg(*at);
            q = q.push(", ").arg(*ticket).push(", ").arg(*seq).push(")");
        }
        q = q.push(" ORDER BY e.at DESC, e.ticket_id DESC, e.seq DESC LIMIT ").arg(limit).push(") AS of_tickets");
    }
    if tickets && others {
        q = q.push(" UNION ALL ");
    }
    if others {
        q = q
            .push("SELECT * FROM (SELECT CAST(0 AS BIGINT) AS ticket_id, e.id AS seq, e.tenant_id, e.kind, e.actor_kind, ")
            .push("e.actor_id, e.subject, e.address, e.request_id, e.data, e.at, ")
            .arg(None::<Vec<u8>>)
            .push(" AS hash FROM audit_events e WHERE 1 = 1");
        if let Some(tenant) = actor.within {
            q = q.push(" AND e.tenant_id = ").arg(tenant);
        }
        if let Some(KindName::Audit(kind)) = filter.kind {
            q = q.push(" AND e.kind = ").arg(kind);
        }
        q = common(q, filter);
        if let Some(Place(at, ticket, id)) = after {
            q = q.push(" AND e.at <= ").arg(*at).push(" AND (e.at, CAST(0 AS BIGINT), e.id) < (").arg(*at);
            q = q.push(", ").arg(*ticket).push(", ").arg(*id).push(")");
        }
        q = q.push(" ORDER BY e.at DESC, e.id DESC LIMIT ").arg(limit).push(") AS of_others");
    }
    q.push(") AS r LEFT JOIN users u ON u.id = r.actor_id ORDER BY r.at DESC, r.ticket_id DESC, r.seq DESC LIMIT ")
        .arg(limit)
        .all(&mut db.read(actor.rows()))
        .await
}

fn common(mut q: Q, filter: &Filter) -> Q {
    if let Some(user) = filter.actor {
        q = q.push(" AND e.actor_id = ").arg(user);
    }
    if let Some(tenant) = filter.tenant {
        q = q.push(" AND e.tenant_id = ").arg(tenant);
    }
    if let Some(since) = filter.since {
        q = q.push(" AND e.at >= ").arg(since);
    }
    if let Some(until) = filter.until {
        q = q.push(" AND e.at < ").arg(until);
    }
    q
}
