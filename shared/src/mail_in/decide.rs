//! Decide: what is to become of a mail. Pure: the mail as read and what is known about its surroundings in, a decision
//! and its trace out. The same decision is taken again when the ticket changed before it could be locked.

use super::authenticate::{Authentication, Policy};
use super::impostor;
use super::known::Known;
use super::matching::{self, Match};
use super::origin::{self, Origin};
use super::outcome::Outcome;
use super::senders::{self, Cell};
use super::types::{Class, Classified, Mail, Spam, Verdict};
use super::variants::Likeness;
use super::{Door, Error, Kept, Trace, authenticate, classify, fingerprint, forward, parse, spam};
use crate::address;
use crate::app::App;
use crate::compiled_here;
use crate::ids::{MailId, OutboxId, TicketId};
use crate::keys::Keys;
use crate::mail_out::message_id::{self, OurId};
use crate::mail_out::token::{self, Token, TokenError};
use crate::mail_out::{handle, marker};
use crate::mailboxes::IdState;
use crate::store::Scope;
use crate::tickets::{Folder, Status, Ticket};
use chrono::Duration;
use std::collections::BTreeSet;

/// How long a ticket is silent before an answer to it may well be about something else (E4.10).
const SILENT_DAYS: i64 = 14;

/// A mail as it was read: everything that follows from the mail and its envelope alone.
#[derive(Debug, Clone)]
pub struct Read {
    /// The arrival and its bytes.
    pub kept: Kept,
    /// What it says.
    pub mail: Mail,
    /// What makes it the same mail (E1.8).
    pub dedupe_key: String,
    /// What sort it is.
    pub classified: Classified,
    /// Whether the sender is proven.
    pub verdict: Verdict,
    /// By whom, and how.
    pub authentication: Authentication,
    /// What those whom we believe say about spam (E5.10).
    pub spam_told: Option<spam::Told>,
    /// Valid tokens in its recipient addresses, in order (E3.4).
    pub tokens: Vec<Token>,
    /// Ids of ours that it names, In-Reply-To first, then References from the right (E4.1(3)).
    pub our_ids: Vec<(String, OurId)>,
    /// All ids that it names, in the same order.
    pub ids: Vec<String>,
    /// PIDs in brackets in its subject.
    pub subject_pids: Vec<String>,
    /// What its own Message-ID says, if that is ours.
    pub own_id: Option<OurId>,
    /// PIDs that marks of ours in its text name (E3.8).
    pub marks: Vec<String>,
    /// What was seen so far.
    pub trace: Trace,
}

impl Read {
    /// The sender's address key, if it has a sender.
    pub fn sender_key(&self) -> Option<String> {
        self.mail.from.as_ref().map(|f| address::key(&f.email))
    }

    /// The probe of ours that it is, by the address that it came to. Enclosed in another mail, a report on it for one, it is
    /// none.
    fn probe(&self) -> Option<OutboxId> {
        if matches!(self.classified.class, Class::Dsn | Class::Mdn | Class::Arf | Class::AutoReply) {
            return None;
        }
        self.tokens.iter().find_map(|t| match t {
            Token::Probe { outbox } => Some(*outbox),
            _ => None,
        })
    }

    /// Whether its Message-ID is the one that we gave an outbox mail without a ticket.
    fn is_mail_of_ours(&self, outbox: OutboxId) -> bool {
        self.own_id.is_some_and(|id| matches!(id, OurId::Message { row, ticket: None, .. } if row == outbox.0))
    }

    /// Whether it came in elsewhere, perhaps years ago, and is only taken over.
    pub fn is_imported(&self) -> bool {
        self.kept.door == Door::Import
    }

    /// Not readable as mail at all: no header names a sender, and nothing else speaks for a mail.
    pub fn is_not_mail(&self) -> bool {
        let mail = &self.mail;
        mail.from.is_none() && mail.flags.iter().any(|f| f == "degraded")
    }
}

/// Reads a kept mail: parse, authenticate, classify. No database, but for a recipient that bears a handle.
///
/// # Errors
/// `Store` if a handle could not be looked up.
#[compiled_here]
pub async fn read(app: &App, kept: Kept) -> Result<Read, Error> {
    let keys = &app.keys;
    let mut trace = Trace::default();
    trace.add("keep", "E1.1", kept.door.as_str(), format!("{} octets", kept.raw.len()));
    let mut mail = parse::parse_guarded(kept.raw[..].into()).await;
    // E10.5: it stands for a message that was not fetched whole.
    if kept.door == Door::Imap && mail.header("x-postroom-stub").is_some() {
        mail.flags.push("stub".to_owned());
    }
    let flags = mail.flags.iter().chain(&mail.defects).cloned().collect::<Vec<_>>().join(", ");
    trace.add("parse", "E1.4", if flags.is_empty() { "clean" } else { &flags }, "");
    // E1.10: two identical mails without any id or trace, in two SMTP sessions, are two.
    let session = matches!(kept.door, Door::Smtp | Door::Lmtp).then(|| kept.id.to_string());
    let own = kept.mailbox_id.filter(|_| kept.own_tickets);
    let dedupe_key = fingerprint::within(own, fingerprint::dedupe_key(&mail, &kept.raw, session.as_deref(), &[]));
    let authentication = authenticate::check(app, &kept, &mail, &mut trace).await?;
    let verdict = authentication.verdict;
    let spam_told = authenticate::told_of_spam(app, &kept, &mail).await?;
    let ours = OursOf { keys, kept: &kept, host: &app.config.smtp_hostname };
    let classified = classify::classify(&mail, &kept.facts, &ours);
    trace.add("classify", classified.rule, classified.class.as_str(), classified.evidence.clone());
    let tokens = tokens(app, &kept, &mail, &mut trace).await?;
    let named = mail.in_reply_to.iter().chain(mail.references.iter().rev());
    let ids: Vec<String> = named.flat_map(|id| std::iter::once(id.clone()).chain(message_id::of_ses(id))).collect();
    let own_id = mail.message_id.as_ref().and_then(|id| message_id::parse(keys, kept.tenant_id, id));
    // Mail of ours that came back names its ticket itself.
    let own = mail.message_id.iter().filter(|_| classified.class == Class::OwnLoop);
    let ours = |id: &String| Some((id.clone(), message_id::parse(keys, kept.tenant_id, id)?));
    let our_ids = own.chain(&ids).filter_map(ours).collect();
    let subject_pids = subject_pids(&mail.subject);
    let marker::Found { pids: marks, forged } = marker::find(keys, kept.tenant_id, &mail.body_text);
    forged.into_iter().for_each(|pid| trace.add("match", "E3.8", "mark_invalid", pid));
    Ok(Read {
        kept,
        mail,
        dedupe_key,
        classified,
        verdict,
        authentication,
        spam_told,
        tokens,
        our_ids,
        ids,
        subject_pids,
        own_id,
        marks,
        trace,
    })
}

struct OursOf<'a> {
    keys: &'a Keys,
    kept: &'a Kept,
    host: &'a str,
}

impl classify::Ours for OursOf<'_> {
    fn hops(&self) -> (usize, usize) {
        let block = super::headers::split(parse::skip_preamble(&self.kept.raw));
        let trace = || block.fields.iter().filter(|f| f.name.eq_ignore_ascii_case(b"received"));
        (trace().count(), trace().filter(|f| fingerprint::is_ours(f.value, &[self.host])).count())
    }

    fn is_our_message_id(&self, id: &str) -> bool {
        message_id::parse(self.keys, self.kept.tenant_id, id).is_some()
    }
    fn is_our_loop_guard(&self, value: &str) -> bool {
        message_id::verify_loop_guard(self.keys, self.kept.tenant_id, value).is_some()
    }
    fn is_our_mailbox(&self, email: &str) -> bool {
        // The mailbox that received it: known without a lookup.
        let key = address::key(email);
        super::keep::recipients_of(&self.kept.facts, &self.kept.raw)
            .iter()
            .any(|r| super::keep::mailbox_keys(r).contains(&key))
    }
}

/// What a door is told of a mail that is held for this reason.
pub(super) fn held_as(reason: &str) -> Outcome {
    match reason {
        "not_mail" => Outcome::KeptUnparsed,
        DMARC_QUARANTINE | SPAM => Outcome::SpamHeld,
        _ => Outcome::Quarantined,
    }
}

/// Finds tokens in all values that may hold a recipient, in E3.4's order.
async fn tokens(app: &App, kept: &Kept, mail: &Mail, trace: &mut Trace) -> Result<Vec<Token>, Error> {
    const NAMES: [&str; 7] =
        ["delivered-to", "x-original-to", "envelope-to", "x-forwarded-to", "to", "cc", "resent-to"];
    let mut addresses: Vec<String> = kept.facts.envelope_to.clone();
    for name in NAMES {
        for value in mail.header_all(name) {
            addresses.extend(super::keep::addresses_in(value));
        }
    }
    let tags: Vec<(&str, &str)> = addresses.iter().flat_map(|a| tags(a).map(move |tag| (a.as_str(), tag))).collect();
    let mut db = app.db.read(Scope::Tenant(kept.tenant_id));
    let handles = handle::resolve(&mut db, kept.tenant_id, tags.iter().map(|(_, tag)| *tag)).await?;
    let mut found = Vec::new();
    for (address, tag) in tags {
        let tag = handles.get(&tag.to_ascii_lowercase()).map_or(tag, String::as_str);
        match token::parse(&app.keys, kept.tenant_id, tag) {
            Ok(token) if !found.contains(&token) => found.push(token),
            Ok(_) | Err(TokenError::NotAToken) => {}
            Err(TokenError::BadMac) => trace.add("match", "E3.4", "token_invalid", address),
        }
    }
    Ok(found)
}

/// What follows each separator in an address's local part.
pub(super) fn tags(address: &str) -> impl Iterator<Item = &str> {
    let local = address.rsplit_once('@').map_or("", |(local, _)| local);
    local.char_indices().filter(|(_, c)| token::SEPARATORS.contains(c)).map(|(i, _)| &local[i + 1..])
}

fn subject_pids(subject: &str) -> Vec<String> {
    let mut rest = subject;
    let mut found = Vec::new();
    while let Some(open) = rest.find('[') {
        let after = &rest[open + 1..];
        let Some(close) = after.find(']') else { break };
        let inner = after[..close].trim();
        if matching::looks_like_pid(inner) {
            found.push(inner.to_ascii_uppercase());
        }
        rest = &after[close + 1..];
    }
    found
}

/// Held because From's domain asks for mail that fails to be refused (E11.3).
pub const DMARC_REJECT: &str = "dmarc_reject";
/// Held as spam, because From's domain asks for that (E11.3).
pub const DMARC_QUARANTINE: &str = "dmarc_quarantine";

/// Held as spam, by the tenant's rules or by those whom we believe (E5.10).
pub const SPAM: &str = "spam";

/// What is to become of a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It came before: the same mail, or a list's copy of it (E1.9).
    Duplicate {
        /// The first arrival.
        of: MailId,
    },
    /// Held for somebody to look at.
    Quarantine {
        /// Why, a stable name.
        reason: &'static str,
    },
    /// It opens a ticket.
    Open(Opening),
    /// It joins a ticket.
    Join(Joining),
    /// A report about mail of ours.
    Report {
        /// The ticket it is about.
        ticket: Option<TicketId>,
        /// The mail it is about, and whether a token of ours proves it (E9.14).
        outbox: Option<(OutboxId, bool)>,
    },
    /// An agent sent it by another mail program, from the desk's own account (E10.5).
    Sent {
        /// The ticket that it answers.
        ticket: TicketId,
    },
    /// Mail of ours that came back.
    Loop {
        /// The ticket it is about.
        ticket: Option<TicketId>,
    },
    /// A mailbox's probe came back (E3.1).
    Probe {
        /// The probe.
        outbox: OutboxId,
        /// Whether it still bears our Message-ID (E3.7).
        ids: IdState,
    },
}

/// How a mail opens a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// Tickets that it may belong to: linked both ways, and waiting in the tray (E4.4).
    pub links: Vec<TicketId>,
    /// The rule that found them.
    pub rule: u8,
    /// A ticket of another mailbox that it answers (E4.6): linked, and no doubt about it.
    pub beside: Option<TicketId>,
    /// The closed ticket that it follows.
    pub follow_up_of: Option<TicketId>,
    /// Whether an acknowledgement is due, else the reason why not.
    pub ack: Result<(), &'static str>,
    /// Whose it is.
    pub origin: Origin,
}

/// How a mail joins a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joining {
    /// The ticket.
    pub ticket: TicketId,
    /// The rule that found it.
    pub rule: u8,
    /// How its sender stands to the ticket.
    pub cell: Cell,
    /// The class whose effects it has (E5.11).
    pub class: Class,
    /// Whether it is marked as what may be spam (E5.10).
    pub spam: Spam,
    /// Whether it brings the ticket back to work.
    pub revive: Option<&'static str>,
    /// Tickets of further tokens: they get a linking event (E4.3).
    pub links: Vec<TicketId>,
    /// The ticket that it was sent to, which was merged into this one (E4.7).
    pub merged: Option<TicketId>,
    /// Whether it seems to be about something else, so that the tray offers to split it (E4.10).
    pub offer_split: bool,
}

/// Decides. Adds to the trace what was looked at.
pub fn decide(read: &Read, known: &Known, trace: &mut Trace) -> Decision {
    if let Some(of) = known.duplicate_of(read) {
        trace.add("dedupe", "E1.8", "duplicate", format!("first arrival {of}"));
        return Decision::Duplicate { of };
    }
    if let Some(copy) = known.copy_of(read) {
        let Likeness { same_lines, lines, .. } = copy.likeness;
        let evidence = format!("{same_lines} of {lines} lines are those of arrival {}", copy.id);
        trace.add("dedupe", "E1.9", "copy", evidence);
        return Decision::Duplicate { of: copy.id };
    }
    match known.variant_of(read) {
        None => trace.add("dedupe", "E1.8", "new", ""),
        Some(first) => trace.add("dedupe", "E1.9", "variant", format!("arrival {} has the same Message-ID", first.id)),
    }
    if read.is_not_mail() {
        if read.kept.released.is_none() {
            trace.add("apply", "E1.5", "kept_unparsed", "no header names a sender");
            return Decision::Quarantine { reason: "not_mail" };
        }
        trace.add("apply", "E1.5", "released", "no header names a sender");
    }
    for warning in impostor::warnings(read, known) {
        let name = read.mail.from.as_ref().and_then(|f| f.name.as_deref()).unwrap_or_default();
        trace.add("authenticate", impostor::RULE, warning, name);
    }
    if let Some(outbox) = read.probe() {
        let ids = if read.is_mail_of_ours(outbox) { IdState::Kept } else { IdState::Replaced };
        trace.add("match", "E3.1", "probe", format!("Message-ID {ids}"));
        return Decision::Probe { outbox, ids };
    }
    let found = matching::find(read, known, trace);
    if read.kept.facts.is_sent() {
        return sent(read, known, &found, trace);
    }
    match read.classified.class {
        Class::OwnLoop => Decision::Loop { ticket: found.ticket },
        Class::Dsn | Class::Mdn | Class::Arf => report(read, known, found, trace),
        _ => conversation(read, known, found, trace),
    }
}

/// Held because it was sent to somebody about no ticket.
pub const SENT_UNMATCHED: &str = "sent_unmatched";

/// Mail from a folder of sent mail (E10.5): ours is known already, an answer joins its ticket, and what answers nothing is
/// no request for help. Only what it names by id counts: who sent it needs no proof, as the account's login is one.
fn sent(read: &Read, known: &Known, found: &Match, trace: &mut Trace) -> Decision {
    if read.classified.class == Class::OwnLoop {
        trace.add("apply", "E10.5", "ours", "sent by way of this account");
        return Decision::Loop { ticket: None };
    }
    match found.ticket.filter(|id| found.rule <= 4 && known.tickets.contains_key(id)) {
        Some(ticket) => {
            trace.add("apply", "E10.5", "sent by an agent", "no effects");
            Decision::Sent { ticket }
        }
        None => {
            trace.add("apply", "E10.5", "quarantined", SENT_UNMATCHED);
            Decision::Quarantine { reason: SENT_UNMATCHED }
        }
    }
}

/// A delivery report, read receipt or abuse report: an event at the mail it is about, never a ticket (E5.3) unless somebody
/// says so.
fn report(read: &Read, known: &Known, found: Match, trace: &mut Trace) -> Decision {
    let outbox = known.reported_outbox(read);
    let ticket = outbox.and_then(|(id, _)| known.outbox_ticket(id)).or(found.ticket);
    if outbox.is_none() && ticket.is_none() {
        if read.kept.released.is_some() {
            trace.add("apply", "E9.14", "released", "the report is about no mail of ours");
            return unmatched(read, known, found, trace);
        }
        trace.add("apply", "E9.14", "quarantined", "the report is about no mail of ours");
        return Decision::Quarantine { reason: "backscatter" };
    }
    Decision::Report { ticket, outbox }
}

fn conversation(read: &Read, known: &Known, found: Match, trace: &mut Trace) -> Decision {
    // E2.4, E10.2: who wrote it and for whom must be known, unless a recipient token of ours says where it belongs, or
    // somebody looked at it and released it.
    let is_released = read.kept.released.is_some();
    if found.rule != 1 && !is_released {
        if read.mail.from.is_none() {
            trace.add("apply", "E2.4", "quarantined", "no_sender");
            return Decision::Quarantine { reason: "no_sender" };
        }
        if read.kept.mailbox_id.is_none() && read.kept.has_recipients {
            trace.add("apply", "E10.2", "quarantined", "no_mailbox");
            return Decision::Quarantine { reason: "no_mailbox" };
        }
    }
    if let Some(reason) = refused_by_owner(read, known) {
        trace.add("apply", "E11.3", "quarantined", reason);
        return Decision::Quarantine { reason };
    }
    let spam = spam::decide(read, known, &found, trace);
    if spam == Spam::Held {
        trace.add("apply", "E5.10", "quarantined", SPAM);
        return Decision::Quarantine { reason: SPAM };
    }
    let Some(ticket) = found.ticket.and_then(|id| known.tickets.get(&id)) else {
        return unmatched(read, known, found, trace);
    };
    if found.rule > 4
        && let Some(forwarded) = origin::forwarded(read, known, &found, trace)
    {
        return opened(read, known, Opening { origin: Origin::Forward(Box::new(forwarded)), ..Opening::new() }, trace);
    }
    if let Some(beside) = beside(read, known, ticket, &found, trace) {
        return beside;
    }
    let cell = senders::cell(read, known, ticket, found.rule);
    trace.add("match", "E4.4", cell.as_str(), "");
    let opening = Opening { rule: found.rule, ..Opening::new() };
    match cell {
        Cell::Quarantine if !is_released => return Decision::Quarantine { reason: "stranger_failed" },
        Cell::Quarantine | Cell::NewLinked => {
            return open(read, known, Opening { links: vec![ticket.id], ..opening }, &found, trace);
        }
        Cell::New => return open(read, known, opening, &found, trace),
        _ => {}
    }
    let class = treated_as(read, known, ticket.id, &found, trace);
    if ticket.status == Status::Closed && class == Class::Person && !cell.is_desks() {
        let window = known.tenant(read.kept.tenant_id).reopen_days;
        let closed = ticket.closed_at.unwrap_or(ticket.updated_at);
        if read.kept.received_at - closed > Duration::days(window) {
            trace.add("match", "E4.9", "follow-up", format!("closed more than {window} days ago"));
            return open(read, known, Opening { follow_up_of: Some(ticket.id), ..opening }, &found, trace);
        }
    }
    let offer_split = matches!(found.rule, 3..=6) && is_another_matter(read, ticket);
    if offer_split {
        trace.add("match", "E4.10", "split offered", "no word of the subject in common, and a silent ticket");
    }
    Decision::Join(Joining {
        ticket: ticket.id,
        rule: found.rule,
        cell,
        class,
        spam,
        revive: senders::revives(class, ticket, cell).filter(|_| !read.kept.quiet),
        links: found.links,
        merged: found.merged,
        offer_split,
    })
}

/// A mail to another mailbox than its ticket's, without a token of it, opens a ticket there (E4.6): somebody handed it on,
/// whatever the subject's prefix says. So does one to several mailboxes, if one of them has tickets of its own (E1.12). Automatic answers follow what they answer.
fn beside(read: &Read, known: &Known, ticket: &Ticket, found: &Match, trace: &mut Trace) -> Option<Decision> {
    let (to, of) = (read.kept.mailbox_id?, ticket.mailbox_id?);
    // E1.12: where one of the two has tickets of its own, the mail comes to the other by itself.
    let own = read.kept.own_tickets || known.has_own_tickets(read.kept.tenant_id, of);
    let elsewhere = to != of
        && match own {
            true => found.rule > 1 || known.addresses(read, of),
            false => found.rule > 1 && !known.addresses(read, of),
        };
    if !elsewhere || read.classified.class == Class::AutoReply {
        return None;
    }
    // Who may not join by what matched gets no link either: they are told apart by the table first.
    match senders::cell(read, known, ticket, found.rule) {
        Cell::Quarantine => return None,
        Cell::New => return None,
        _ => {}
    }
    trace.add("match", "E4.6", "new ticket in the other mailbox", ticket.pid.as_str());
    let opening = Opening { beside: Some(ticket.id), rule: found.rule, ..Opening::new() };
    Some(open(read, known, opening, found, trace))
}

/// Whether an answer seems to be about something else (E4.10): it shares no word of the subject with a ticket on which
/// nothing happened for two weeks.
fn is_another_matter(read: &Read, ticket: &Ticket) -> bool {
    if read.kept.received_at - ticket.last_activity_at <= Duration::days(SILENT_DAYS) {
        return false;
    }
    let (mail, of) = (subject_words(&read.mail.subject), subject_words(&ticket.subject));
    !mail.is_empty() && !of.is_empty() && mail.is_disjoint(&of)
}

/// The words of a subject: without prefixes and PIDs, lower case, of two letters or more.
fn subject_words(subject: &str) -> BTreeSet<String> {
    let subject = forward::without_prefix(subject);
    let words = subject.split_whitespace().filter(|w| !matching::looks_like_pid(w.trim_matches(['[', ']'])));
    let words = words.flat_map(|w| w.split(|c: char| !c.is_alphanumeric())).map(str::to_lowercase);
    words.filter(|w| w.chars().count() > 1).collect()
}

/// What the owner of the From address's domain asks to be done with a mail that fails authentication (E11.3), unless the
/// tenant only wants to be warned. Held mail can be released.
fn refused_by_owner(read: &Read, known: &Known) -> Option<&'static str> {
    let is_warning = known.tenant(read.kept.tenant_id).auth_warn_only || read.kept.released.is_some();
    if read.verdict != Verdict::Fail || is_warning {
        return None;
    }
    match read.authentication.policy() {
        Policy::Reject => Some(DMARC_REJECT),
        Policy::Quarantine => Some(DMARC_QUARANTINE),
        Policy::None => None,
    }
}

/// The class whose effects a mail has (E5.11): its own, but for one that only its subject makes suspect and that answers
/// mail of ours at once (E5.9).
fn treated_as(read: &Read, known: &Known, ticket: TicketId, found: &Match, trace: &mut Trace) -> Class {
    let by_ours = matches!(found.rule, 1 | 3);
    if by_ours && read.classified.class == Class::Person && known.answers_at_once(read, ticket) {
        trace.add("classify", "E5.9", "treated as auto_reply", "it answers mail of ours at once");
        return Class::AutoReply;
    }
    read.classified.class
}

/// No ticket was found, or none that the mail may join.
fn unmatched(read: &Read, known: &Known, found: Match, trace: &mut Trace) -> Decision {
    let is_auto = read.classified.class == Class::AutoReply && !matching::envelope_only(&read.classified);
    if is_auto && read.kept.released.is_none() {
        // E5.5: an automatic answer to nothing of ours is nobody's problem.
        trace.add("apply", "E5.5", "quarantined", "auto_unmatched");
        return Decision::Quarantine { reason: "auto_unmatched" };
    }
    let opening = Opening { links: found.links.clone(), rule: found.rule, ..Opening::new() };
    open(read, known, opening, &found, trace)
}

fn open(read: &Read, known: &Known, opening: Opening, found: &Match, trace: &mut Trace) -> Decision {
    let origin = origin::of(read, known, found, trace);
    opened(read, known, Opening { origin, ..opening }, trace)
}

fn opened(read: &Read, known: &Known, opening: Opening, trace: &mut Trace) -> Decision {
    let ack = senders::ack_allowed(read, known, &opening.origin);
    if let Err(reason) = ack {
        trace.add("apply", "E5.14", "no acknowledgement", reason);
    }
    Decision::Open(Opening { ack, ..opening })
}

impl Opening {
    fn new() -> Opening {
        Opening { links: Vec::new(), rule: 0, beside: None, follow_up_of: None, ack: Ok(()), origin: Origin::Sender }
    }
}

/// Whether a ticket can take mail: in the trash it is found but gets none (E4.9).
pub(super) fn is_live(folder: Folder) -> bool {
    folder != Folder::Trash
}

#[cfg(test)]
mod tests {
    use super::subject_pids;

    #[test]
    fn pids_are_found_in_brackets_only() {
        assert_eq!(subject_pids("Re: x [202611-0004] y [KA-202611-12345]"), ["202611-0004", "KA-202611-12345"]);
        assert!(subject_pids("202611-0004 [hello] [2026-1]").is_empty());
    }
}
