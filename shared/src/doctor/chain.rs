//! The timeline: gapless and chained (4).

use super::sql::{Table, TicketHead};
use super::{Finding, Invariant, Probe, Result, sql, sweep};
use crate::app::App;
use crate::clock;
use crate::compiled_here;
use crate::events::Event;
use crate::ids::TicketId;
use crate::keys::Keys;

/// The first event of a ticket at which its chain does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenLink {
    /// The ticket.
    pub ticket_id: TicketId,
    /// Its PID.
    pub pid: String,
    /// The event's number, or the one that is missing.
    pub seq: i64,
    /// What is wrong with it.
    pub what: &'static str,
}

/// What going through all chains gave.
#[derive(Debug, Clone, Default)]
pub struct Chains {
    /// How many tickets were gone through.
    pub tickets: u64,
    /// How many events.
    pub events: u64,
    /// The tickets whose chains are broken, at most a hundred of them.
    pub broken: Vec<BrokenLink>,
    /// How many there are in all.
    pub broken_count: u64,
}

const MISSING: &str = "missing events";
const ALTERED: &str = "events do not fit their hash";
const HEAD: &str = "chains do not end in the hash that the ticket names";
const MOST_BROKEN: usize = 100;

const BEYOND: &[Probe] = &[Probe::new(
    "events are newer than their ticket's version",
    "SELECT 'ticket ' || t.pid FROM tickets t WHERE t.id > $1 AND t.id <= $2 \
     AND EXISTS (SELECT 1 FROM ticket_events e WHERE e.ticket_id = t.id AND e.seq > t.version) ORDER BY t.id",
)];

const UNTOLD: &[Probe] = &[Probe::new(
    "messages have no event",
    "SELECT 'message ' || CAST(m.id AS TEXT) FROM ticket_messages m WHERE m.id > $1 AND m.id <= $2 \
     AND NOT EXISTS (SELECT 1 FROM ticket_events e WHERE e.ticket_id = m.ticket_id AND e.seq = m.seq) ORDER BY m.id",
)];

/// Promise 4: Each change has exactly one event; seq is gapless; hashes chain.
pub(super) async fn whole(app: &App) -> Result<Finding> {
    let mut finding = Finding::new(Invariant::Timeline);
    let chains = chains(app).await?;
    finding.looked(chains.events);
    for link in chains.broken {
        finding.fault(link.what, format!("ticket {} event {}", link.pid, link.seq));
    }
    sweep(app, &mut finding, Table::Tickets, BEYOND, clock::now()).await?;
    sweep(app, &mut finding, Table::Messages, UNTOLD, clock::now()).await?;
    Ok(finding)
}

/// Recomputes the hash chains of all tickets.
///
/// Tickets are read before their events, and events are only ever added: up to the version that a ticket had, all of
/// them must be there.
///
/// # Errors
/// If the database cannot be read.
#[compiled_here]
pub async fn chains(app: &App) -> Result<Chains> {
    let mut chains = Chains::default();
    let mut after = TicketId(0);
    loop {
        let tickets = sql::heads(&app.db, after).await?;
        let (Some(first), Some(last)) = (tickets.first(), tickets.last()) else { return Ok(chains) };
        let (from, to) = (first.id, last.id);
        let mut walk = Walk { keys: &app.keys, tickets: &tickets, at: 0, seq: 0, hash: Vec::new(), broken: None };
        let mut position = (from, 0);
        loop {
            let events = sql::events(&app.db, position, to).await?;
            let Some(end) = events.last() else { break };
            position = (end.ticket_id, end.seq);
            chains.events += events.len() as u64;
            for event in events {
                walk.event(event, &mut chains);
            }
        }
        walk.finish(&mut chains);
        chains.tickets += tickets.len() as u64;
        after = to;
    }
}

/// A walk along the events of one page of tickets, both in the order of the tickets' ids.
struct Walk<'a> {
    keys: &'a Keys,
    tickets: &'a [TicketHead],
    at: usize,
    seq: i64,
    hash: Vec<u8>,
    broken: Option<(i64, &'static str)>,
}

impl Walk<'_> {
    fn event(&mut self, raw: sql::RawEvent, chains: &mut Chains) {
        while self.tickets.get(self.at).is_some_and(|t| t.id < raw.ticket_id) {
            self.close(chains);
        }
        // Tickets that came after the page was read, and what happened to known ones since.
        let Some(ticket) = self.tickets.get(self.at).filter(|t| t.id == raw.ticket_id && raw.seq <= t.version) else {
            return;
        };
        debug_assert_eq!(ticket.id, raw.ticket_id);
        if self.broken.is_some() {
            return;
        }
        if raw.seq != self.seq + 1 {
            self.broken = Some((self.seq + 1, MISSING));
            return;
        }
        self.seq = raw.seq;
        match raw.event() {
            Some(event) if fits(&event, self.keys, &self.hash) => self.hash = event.hash,
            _ => self.broken = Some((self.seq, ALTERED)),
        }
    }

    /// Ends the current ticket.
    fn close(&mut self, chains: &mut Chains) {
        let ticket = &self.tickets[self.at];
        let broken = self.broken.take().or_else(|| {
            if self.seq != ticket.version {
                Some((self.seq + 1, MISSING))
            } else {
                (self.hash != ticket.chain_head).then_some((self.seq, HEAD))
            }
        });
        if let Some((seq, what)) = broken {
            chains.broken_count += 1;
            if chains.broken.len() < MOST_BROKEN {
                chains.broken.push(BrokenLink { ticket_id: ticket.id, pid: ticket.pid.clone(), seq, what });
            }
        }
        (self.seq, self.hash) = (0, Vec::new());
        self.at += 1;
    }

    fn finish(mut self, chains: &mut Chains) {
        while self.at < self.tickets.len() {
            self.close(chains);
        }
    }
}

fn fits(event: &Event, keys: &Keys, previous: &[u8]) -> bool {
    event.expected_hash(keys, previous).as_slice() == event.hash.as_slice()
}
