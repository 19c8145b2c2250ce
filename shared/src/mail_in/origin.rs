//! Who a new ticket is for, where that is not simply the sender: an agent's forward is its original author's (E6.1 to
//! E6.5), a web form is its visitor's, and mail from our own mailbox is nobody's until somebody says whose (E6.6).

use super::Trace;
use super::decide::Read;
use super::forward;
use super::known::Known;
use super::matching::Match;
use super::types::{Address, Class, Forward, Verdict};
use crate::access::Role;
use crate::address;
use crate::clock::Time;

/// Whose a new ticket is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Origin {
    /// The sender's.
    #[default]
    Sender,
    /// That of the author of the mail that an agent forwarded.
    Forward(Box<Forwarded>),
    /// A web form's visitor's.
    Form(Address),
    /// From our own mailbox, and it does not say whose.
    Own,
}

/// What an agent forwarded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forwarded {
    /// The original author; None if the forward names no address: then the agent stands in, until somebody says who it is.
    pub requester: Option<Address>,
    /// The original subject, without a forward's prefix.
    pub subject: String,
    /// When the original was written.
    pub written_at: Option<Time>,
    /// The original's Message-ID, if the forward has it.
    pub message_id: Option<String>,
    /// What the agent wrote above it.
    pub note: String,
    /// The original text.
    pub body: String,
}

/// A forward says so in the first line of its text, where nothing else does (E6.1).
const COMMAND: &str = "#fwd";

/// Whether a mail is a forward, whoever sent it.
pub fn may_be_forward(read: &Read) -> bool {
    read.mail.forward.is_some() || is_commanded(read)
}

fn is_commanded(read: &Read) -> bool {
    read.mail.body_text.trim_start().get(..COMMAND.len()).is_some_and(|w| w.eq_ignore_ascii_case(COMMAND))
}

/// Whether the sender's address is an active agent's.
pub fn is_agent(read: &Read, known: &Known) -> bool {
    let key = read.sender_key().unwrap_or_default();
    known.user(read.kept.tenant_id, &key).is_some_and(|u| u.active && Role::is_agent(u.role))
}

/// Whether the mail claims to be an agent's without proof (E6.5, E11.5).
pub fn is_unverified_agent(read: &Read, known: &Known) -> bool {
    read.verdict != Verdict::Pass && is_agent(read, known)
}

/// Returns what an agent forwarded, if that is what the mail is: from an active agent, proven, matched by none of the
/// rules 1 to 4 (E6.1). Without proof it is ordinary mail (E6.5).
pub fn forwarded(read: &Read, known: &Known, found: &Match, trace: &mut Trace) -> Option<Forwarded> {
    let matched = found.ticket.is_some() && (1..=4).contains(&found.rule);
    if matched || read.classified.class != Class::Person || !is_agent(read, known) {
        return None;
    }
    if !may_be_forward(read) {
        return None;
    }
    if read.verdict != Verdict::Pass {
        trace.add("apply", "E6.5", "agent_unverified", "an agent's address without proof: ordinary mail");
        return None;
    }
    let forward = if is_commanded(read) { commanded(read) } else { read.mail.forward.clone()? };
    let named = forward.from_email.filter(|e| address::is_valid(e) && !known.is_our_address(&address::key(e)));
    let requester = named.map(|email| Address { name: forward.from_name, email });
    let found =
        requester.as_ref().map_or("no address found: set the requester", |_| "requester is the original's From");
    trace.add("apply", "E6.2", "agent's forward", found);
    Some(Forwarded {
        requester,
        subject: forward::without_prefix(forward.subject.as_deref().unwrap_or(&read.mail.subject)),
        written_at: forward.date,
        message_id: forward.message_id,
        note: forward.message,
        body: forward.body,
    })
}

/// The forward of a mail that begins with the command: as it is read without that line, else all of it.
fn commanded(read: &Read) -> Forward {
    let text = read.mail.body_text.trim_start();
    let rest = text[COMMAND.len()..].trim_start_matches([' ', '\t']).trim_start_matches(['\r', '\n']);
    let as_forward = format!("Fwd: {}", read.mail.subject);
    if let Some(found) = forward::read(&as_forward, rest) {
        return found.forward;
    }
    if let Some(attached) = read.mail.forward.clone() {
        let message = attached.message.trim_start().get(COMMAND.len()..).unwrap_or_default().trim().to_owned();
        return Forward { message, ..attached };
    }
    Forward { body: rest.trim().to_owned(), ..Forward::default() }
}

/// Returns whose a new ticket is.
pub fn of(read: &Read, known: &Known, found: &Match, trace: &mut Trace) -> Origin {
    if let Some(forwarded) = forwarded(read, known, found, trace) {
        return Origin::Forward(Box::new(forwarded));
    }
    let Some(sender) = read.sender_key() else { return Origin::Sender };
    let own = known.is_our_mailbox(read.kept.tenant_id, &sender);
    let gateway = || known.desk(read.kept.tenant_id, read.kept.mailbox_id).is_some_and(|d| d.has_gateway(&sender));
    if !own && !gateway() {
        return Origin::Sender;
    }
    if read.our_ids.is_empty() && read.tokens.is_empty() {
        let foreign: Vec<&Address> = read
            .mail
            .reply_to
            .iter()
            .filter(|a| address::is_valid(&a.email) && !known.is_our_address(&address::key(&a.email)))
            .collect();
        if let [visitor] = foreign.as_slice()
            && address::key(&visitor.email) != sender
        {
            trace.add("apply", "E6.6", "web form", "requester is the only Reply-To");
            return Origin::Form((*visitor).clone());
        }
    }
    if own {
        trace.add("apply", "E6.6", "from our own mailbox", "nobody's until somebody says whose");
        return Origin::Own;
    }
    Origin::Sender
}
