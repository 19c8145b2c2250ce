//! Match: which ticket a mail belongs to (E4.1 to E4.3). The first rule with a live ticket wins; what every rule found
//! is in the trace. Finding a ticket is no permission to join it: see [`super::senders`].

use super::Trace;
use super::decide::{Read, is_live};
use super::known::Known;
use super::types::{Class, Classified};
use crate::ids::{MailboxId, TicketId};
use crate::mail_out::message_id::OurId;
use crate::mail_out::token::Token;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Match {
    /// The number of the rule of E4.1, 0 if none fired.
    pub rule: u8,
    /// The ticket.
    pub ticket: Option<TicketId>,
    /// Further tickets that the mail points to.
    pub links: Vec<TicketId>,
    /// The ticket that the mail names, if that was merged into the one found (E4.7).
    pub merged: Option<TicketId>,
}

/// Finds the ticket that a mail belongs to.
pub fn find(read: &Read, known: &Known, trace: &mut Trace) -> Match {
    // E1.12: a mailbox with tickets of its own looks among those first.
    if let Some(own) = read.kept.mailbox_id.filter(|_| read.kept.own_tickets) {
        let mut tried = Trace::default();
        let found = among(read, known, Some(own), &mut tried);
        if found.ticket.is_some() {
            trace.0.extend(tried.0);
            return found;
        }
    }
    among(read, known, None, trace)
}

/// Finds the ticket among those of one mailbox, or among all.
fn among(read: &Read, known: &Known, mailbox: Option<MailboxId>, trace: &mut Trace) -> Match {
    let is_its = |t: &TicketId| mailbox.is_none() || known.survivor(*t).is_some_and(|t| t.mailbox_id == mailbox);
    let report = matches!(read.classified.class, Class::Dsn | Class::Mdn | Class::Arf);
    let tokens = by_token(read);
    if let Some((from, to)) = moved_answer(read, known, &tokens).filter(|(_, to)| is_its(to)) {
        let found = resolve(read, known, 1, vec![to], trace);
        if let Some(ticket) = found.ticket {
            let evidence = format!("{} was split from {}", known.pid(ticket), known.pid(from));
            trace.add("match", "E4.8", "answers a moved message", evidence);
            return found;
        }
    }
    let mut rules: Vec<(u8, &str, Vec<TicketId>)> = vec![(1, "recipient token", tokens)];
    if report {
        rules.push((2, "report about mail of ours", by_report(read, known)));
    }
    rules.push((3, "ids of ours", by_our_ids(read, known)));
    rules.push((4, "stored ids", known.tickets_by_ids(read)));
    rules.push((5, "common ancestor", known.tickets_by_ancestor(read)));
    rules.push((6, "mark in the text", by_marker(read, known)));
    rules.push((7, "PID in the subject", by_subject(read, known)));
    for (rule, name, mut tickets) in rules {
        tickets.retain(is_its);
        let found = resolve(read, known, rule, tickets, trace);
        if found.ticket.is_some() || !found.links.is_empty() {
            let list = found.ticket.iter().chain(&found.links).map(|t| known.pid(*t)).collect::<Vec<_>>().join(", ");
            trace.add("match", &format!("E4.1({rule})"), name, list);
            return found;
        }
        trace.add("match", &format!("E4.1({rule})"), "nothing", name);
    }
    Match::default()
}

fn by_token(read: &Read) -> Vec<TicketId> {
    read.tokens
        .iter()
        .filter_map(|t| match t {
            Token::Reply { ticket, .. } | Token::Agent { ticket, .. } => Some(*ticket),
            Token::Bounce { .. } | Token::Probe { .. } => None,
        })
        .collect()
}

fn by_report(read: &Read, known: &Known) -> Vec<TicketId> {
    known.reported_outbox(read).and_then(|(id, _)| known.outbox_ticket(id)).into_iter().collect()
}

/// What a mail answers, if that was split from the ticket of its token: the sole exception to the order of the rules. The
/// token was made for that message, so it proves as much as before (E4.8).
fn moved_answer(read: &Read, known: &Known, tokens: &[TicketId]) -> Option<(TicketId, TicketId)> {
    let moved = read.mail.in_reply_to.iter().find_map(|id| known.moved(read.kept.tenant_id, id))?;
    tokens.contains(&moved.0).then_some(moved)
}

/// An id of ours says which ticket it was minted for; one whose message was moved since leads to where that is now.
fn by_our_ids(read: &Read, known: &Known) -> Vec<TicketId> {
    let lead = |(text, id): &(String, OurId)| match id {
        OurId::Message { ticket, .. } => known.moved(read.kept.tenant_id, text).map(|(_, to)| to).or(*ticket),
        OurId::Anchor { ticket } => Some(*ticket),
    };
    read.our_ids.iter().filter_map(lead).collect()
}

/// A mark of ours in the text, quoted or not (E3.8).
fn by_marker(read: &Read, known: &Known) -> Vec<TicketId> {
    read.marks.iter().filter_map(|pid| known.ticket_by_pid(read.kept.tenant_id, pid)).collect()
}

/// A number in a subject proves nothing: only a proven participant joins by it (E4.1(7)), and what others get is no more
/// than E4.4 says. Of several numbers one counts, the sender's before others'.
fn by_subject(read: &Read, known: &Known) -> Vec<TicketId> {
    let sender = read.sender_key().unwrap_or_default();
    let named = || read.subject_pids.iter().filter_map(|pid| known.ticket_by_pid(read.kept.tenant_id, pid));
    let takes_part = |t: &TicketId| known.survivor(*t).is_some_and(|t| known.is_participant(t.id, &sender));
    named().find(takes_part).or_else(|| named().next()).into_iter().collect()
}

/// Follows merges, passes over what is gone, and settles several hits (E4.3, E4.7).
fn resolve(read: &Read, known: &Known, rule: u8, tickets: Vec<TicketId>, trace: &mut Trace) -> Match {
    let mut live: Vec<TicketId> = Vec::new();
    let mut merged: Vec<(TicketId, TicketId)> = Vec::new();
    for id in tickets {
        let Some(ticket) = known.survivor(id) else {
            trace.add("match", "E4.9", "gone", format!("ticket {id} is not ours or was purged"));
            continue;
        };
        if ticket.tenant_id != read.kept.tenant_id {
            continue;
        }
        if !is_live(ticket.folder) {
            trace.add("match", "E4.9", "in the trash", ticket.pid.as_str());
            continue;
        }
        if ticket.id != id {
            trace.add("match", "E4.7", "merged", format!("{} into {}", known.pid(id), ticket.pid));
            merged.push((ticket.id, id));
        }
        if !live.contains(&ticket.id) {
            live.push(ticket.id);
        }
    }
    let ticket = match (live.as_slice(), rule) {
        ([], _) => None,
        ([one], _) => Some(*one),
        // Tokens and ids of ours: the first in order.
        ([first, ..], 1..=3) => Some(*first),
        // Others: the one whose participant the sender is, else none of them.
        (several, _) => {
            let sender = read.sender_key().unwrap_or_default();
            several.iter().copied().find(|t| known.is_participant(*t, &sender))
        }
    };
    let links = live.into_iter().filter(|t| Some(*t) != ticket).collect();
    let merged = merged.into_iter().find(|(into, _)| Some(*into) == ticket).map(|(_, from)| from);
    Match { rule, ticket, links, merged }
}

/// Whether a text has the form of a PID: `YYYYMM-NNNN`, perhaps with a prefix.
pub(crate) fn looks_like_pid(text: &str) -> bool {
    let mut parts = text.rsplitn(3, '-');
    let (Some(number), Some(period), prefix) = (parts.next(), parts.next(), parts.next()) else { return false };
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    number.len() >= 4
        && number.len() <= 12
        && digits(number)
        && period.len() == 6
        && digits(period)
        && prefix
            .is_none_or(|p| !p.is_empty() && p.len() <= 20 && p.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
}

/// Whether the null envelope sender was the only sign of an automatic reply (E5.5): then it may open a ticket.
pub(super) fn envelope_only(classified: &Classified) -> bool {
    classified.flags.contains(&"envelope_only")
}
