//! What is known about a mail's surroundings: everything that deciding a batch of mails must look up, in a handful of
//! queries whatever the batch's size. The decision itself is pure.

use super::decide::Read;
use super::sql;
use super::variants::Variant;
use crate::access::Role;
use crate::address;
use crate::clock::Time;
use crate::ids::{MailId, MailboxId, MessageId, OutboxId, TenantId, TicketId, UserId};
use crate::keys::Keys;
use crate::mail_out::enqueue::Desk;
use crate::mail_out::message_id::{self, OurId};
use crate::mail_out::token::Token;
use crate::store::{Exec, Result};
use crate::tenants::spam_rules::SpamRule;
use crate::tickets::{self, Participant, Status, Ticket};
use chrono::Duration;
use std::collections::{BTreeSet, HashMap};

/// A tenant as the pipeline needs it.
#[derive(Debug, Clone)]
pub struct TenantFacts {
    /// Its name.
    pub name: String,
    /// In front of its PIDs.
    pub pid_prefix: Option<String>,
    /// Whether it is open.
    pub active: bool,
    /// For how many days after closing a mail reopens a ticket.
    pub reopen_days: i64,
    /// Whether mail that fails authentication is only shown with a warning.
    pub auth_warn_only: bool,
    /// What is spam and what is none (E5.10).
    pub spam_rules: Vec<SpamRule>,
}

impl TenantFacts {
    /// Reads a tenant's columns.
    pub(super) fn new(name: &str, pid_prefix: Option<&str>, active: bool, settings: &str) -> TenantFacts {
        let crate::tenants::Settings { reopen_days, auth_warn_only, spam_rules, .. } =
            crate::tenants::Settings::from_json(settings);
        let (name, pid_prefix) = (name.to_owned(), pid_prefix.map(str::to_owned));
        TenantFacts { name, pid_prefix, active, reopen_days, auth_warn_only, spam_rules }
    }
}

/// A user as the pipeline needs it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct KnownUser {
    /// Who.
    pub id: UserId,
    /// None: a platform user.
    pub tenant_id: Option<TenantId>,
    /// The compared form of the address.
    pub email_key: String,
    /// What they are.
    pub role: Role,
    /// Their name.
    pub name: Option<String>,
    /// Their language.
    pub locale: Option<crate::i18n::Locale>,
    /// Whether they may log in and act.
    pub active: bool,
}

/// See the module.
#[derive(Default)]
pub struct Known {
    duplicates: HashMap<(TenantId, String), MailId>,
    /// Every mailbox of the tenants concerned, each tenant's first one first.
    pub desks: Vec<Desk>,
    tenants: HashMap<TenantId, TenantFacts>,
    users: HashMap<(TenantId, String), KnownUser>,
    ids: HashMap<(TenantId, String), Vec<TicketId>>,
    /// Ids that tickets refer to, though nobody here has their mails.
    referenced: HashMap<(TenantId, String), Vec<TicketId>>,
    /// Ids of messages that were split from a ticket: from where, and where they are now (E4.8).
    moved: HashMap<(TenantId, String), (TicketId, TicketId)>,
    pids: HashMap<(TenantId, String), TicketId>,
    /// Tickets that mails point to, and those they were merged into.
    pub tickets: HashMap<TicketId, Ticket>,
    participants: HashMap<TicketId, Vec<(String, Participant)>>,
    /// The tickets, of those here, that were merged into one, at whatever remove.
    merged: HashMap<TicketId, Vec<TicketId>>,
    outbox: HashMap<OutboxId, sql::OutboxRef>,
    sent_ids: HashMap<(TenantId, String), OutboxId>,
    /// What the helping side's people are called; None as tenant: platform users.
    agents: Vec<(Option<TenantId>, String)>,
    /// When our newest mail about a ticket went to an address; only for mail that looks like an automatic answer.
    mailed: HashMap<(TicketId, String), Time>,
    /// Mail to these tickets' people of which nobody knows whether it arrived (E9.9).
    maybes: Vec<sql::Maybe>,
    keys: Option<Keys>,
    /// Of each mail, those with its Message-ID that it was compared with (E1.9).
    pub(super) variants: HashMap<MailId, Vec<Variant>>,
    /// The newest mail with a mail's Message-ID, as it was when they were compared.
    pub(super) variants_seen: HashMap<MailId, MailId>,
}

/// The flag of mail whose subject alone says that it is an automatic answer (E5.9).
const AUTO_SUSPECT: &str = "auto_suspect";

/// On how many tickets an id may be seen before it is weak (E4.3).
const MOST_OF_ONE_ID: usize = 3;

/// How many merges are followed (E4.7).
const MOST_HOPS: usize = 10;

/// Looks up what is known about the surroundings of `mails`.
///
/// # Errors
/// See [`crate::store::Error`].
pub async fn gather(ex: &mut impl Exec, keys: &Keys, mails: &[&Read]) -> Result<Known> {
    let tenants: BTreeSet<TenantId> = mails.iter().map(|m| m.kept.tenant_id).collect();
    let tenants: Vec<TenantId> = tenants.into_iter().collect();
    let mut known = Known { keys: Some(keys.clone()), ..Known::default() };
    for (tenant, key, mail) in sql::find_keys(ex, mails).await? {
        known.duplicates.insert((tenant, key), mail);
    }
    known.desks = crate::mail_out::enqueue::desks(ex, &tenants).await?;
    for desk in &known.desks {
        let facts =
            || TenantFacts::new(&desk.tenant_name, desk.pid_prefix.as_deref(), desk.tenant_active, &desk.settings);
        known.tenants.entry(desk.tenant_id).or_insert_with(facts);
    }
    let without_desk: Vec<TenantId> = tenants.iter().copied().filter(|t| !known.tenants.contains_key(t)).collect();
    if !without_desk.is_empty() {
        known.tenants.extend(sql::tenant_facts(ex, &without_desk).await?);
    }
    let senders: BTreeSet<String> = mails.iter().flat_map(|m| people(m)).collect();
    let is_named = mails.iter().any(|m| m.mail.from.as_ref().is_some_and(|f| f.name.is_some()));
    for user in sql::find_users(ex, &tenants, &senders, is_named).await? {
        if user.role.is_agent()
            && user.active
            && let Some(name) = &user.name
        {
            known.agents.push((user.tenant_id, name.clone()));
        }
        match user.tenant_id {
            Some(tenant) => {
                known.users.insert((tenant, user.email_key.clone()), user);
            }
            // A platform user is a member of every tenant; a tenant's own row comes first.
            None => {
                for tenant in &tenants {
                    known.users.entry((*tenant, user.email_key.clone())).or_insert_with(|| user.clone());
                }
            }
        }
    }
    for id in sql::find_message_ids(ex, mails).await? {
        if let Some(from) = id.moved_from.filter(|_| !id.referenced) {
            known.moved.insert((id.tenant_id, id.message_id.clone()), (from, id.ticket_id));
        }
        let map = if id.referenced { &mut known.referenced } else { &mut known.ids };
        map.entry((id.tenant_id, id.message_id)).or_default().push(id.ticket_id);
    }
    for (tenant, pid, ticket) in sql::find_pids(ex, mails).await? {
        known.pids.insert((tenant, pid), ticket);
    }
    known.gather_reports(ex, mails).await?;
    known.gather_tickets(ex, mails).await?;
    known.gather_mailed(ex, mails).await?;
    Ok(known)
}

/// The addresses whose users a mail needs: its sender, and on a person's mail those who got it too (E4.5).
pub(super) fn people(read: &Read) -> Vec<String> {
    let forwarded = read.mail.forward.iter().filter_map(|f| f.from_email.as_deref()).map(address::key);
    // E6.6: a web form's visitor.
    let visitor = read.mail.reply_to.iter().take(1).map(|a| address::key(&a.email));
    let others = read.others().map(|a| address::key(&a.email));
    read.sender_key().into_iter().chain(others).chain(forwarded).chain(visitor).collect()
}

impl Read {
    /// Those in To and Cc, of a mail whose To and Cc may become participants (E4.5): at most 20.
    pub fn others(&self) -> impl Iterator<Item = &super::types::Address> {
        let takes = self.classified.class == super::types::Class::Person;
        self.mail.to.iter().chain(&self.mail.cc).filter(move |a| takes && address::is_valid(&a.email)).take(20)
    }
}

impl Read {
    /// The address keys of those in To and Cc.
    fn recipient_keys(&self) -> impl Iterator<Item = String> {
        self.mail.to.iter().chain(&self.mail.cc).map(|a| address::key(&a.email))
    }
}

impl Known {
    async fn gather_reports(&mut self, ex: &mut impl Exec, mails: &[&Read]) -> Result<()> {
        let by_token: Vec<OutboxId> = mails
            .iter()
            .flat_map(|m| &m.tokens)
            .filter_map(|t| match t {
                Token::Bounce { outbox } => Some(*outbox),
                _ => None,
            })
            .collect();
        let reported: Vec<(TenantId, String)> =
            mails.iter().filter_map(|m| Some((m.kept.tenant_id, m.mail.reported_message_id.clone()?))).collect();
        if by_token.is_empty() && reported.is_empty() {
            return Ok(());
        }
        for row in sql::find_outbox(ex, &by_token, &reported).await? {
            self.sent_ids.insert((row.tenant_id, row.message_id.clone()), row.id);
            self.outbox.insert(row.id, row);
        }
        Ok(())
    }

    async fn gather_tickets(&mut self, ex: &mut impl Exec, mails: &[&Read]) -> Result<()> {
        let mut wanted: BTreeSet<TicketId> = BTreeSet::new();
        for mail in mails {
            wanted.extend(mail.tokens.iter().filter_map(|t| match t {
                Token::Reply { ticket, .. } | Token::Agent { ticket, .. } => Some(*ticket),
                Token::Bounce { .. } | Token::Probe { .. } => None,
            }));
            wanted.extend(mail.our_ids.iter().filter_map(|(_, id)| match id {
                OurId::Message { ticket, .. } => *ticket,
                OurId::Anchor { ticket } => Some(*ticket),
            }));
            wanted.extend(self.reported_outbox(mail).and_then(|(id, _)| self.outbox_ticket(id)));
        }
        wanted.extend(self.ids.values().chain(self.referenced.values()).flatten().copied());
        wanted.extend(self.pids.values().copied());
        for _ in 0..=MOST_HOPS {
            wanted.retain(|id| !self.tickets.contains_key(id));
            if wanted.is_empty() {
                break;
            }
            let found = sql::find_tickets(ex, &wanted).await?;
            wanted = found.iter().filter_map(|t| t.merged_into).collect();
            self.tickets.extend(found.into_iter().map(|t| (t.id, t)));
        }
        let all: Vec<TicketId> = self.tickets.keys().copied().collect();
        for id in &all {
            if let Some(survivor) = self.survivor(*id).map(|t| t.id).filter(|s| s != id) {
                self.merged.entry(survivor).or_default().push(*id);
            }
        }
        if !all.is_empty() {
            self.maybes = sql::maybes(ex, &all).await?;
            for p in tickets::participants(ex, &all).await? {
                self.participants.entry(p.ticket_id).or_default().push((address::key(&p.email), p));
            }
        }
        Ok(())
    }

    async fn gather_mailed(&mut self, ex: &mut impl Exec, mails: &[&Read]) -> Result<()> {
        let suspects: BTreeSet<String> = mails
            .iter()
            .filter(|m| m.classified.flags.contains(&AUTO_SUSPECT))
            .filter_map(|m| m.sender_key())
            .collect();
        let tickets: Vec<TicketId> = self.tickets.keys().copied().collect();
        if suspects.is_empty() || tickets.is_empty() {
            return Ok(());
        }
        for (ticket, to, at) in sql::last_mailed(ex, &tickets, &suspects).await? {
            self.mailed.insert((ticket, to), at);
        }
        Ok(())
    }

    /// Whether a mail answers mail of ours to its sender faster than a person would (E5.9).
    pub fn answers_at_once(&self, read: &Read, ticket: TicketId) -> bool {
        let sender = read.sender_key().unwrap_or_default();
        let mailed = self.mailed.get(&(ticket, sender));
        mailed.is_some_and(|at| read.kept.received_at - *at <= Duration::minutes(10))
    }

    /// Returns those of our mails about a ticket, of which nobody knows whether they arrived, that this mail's sender got
    /// and names.
    pub fn maybes_answered_by(&self, read: &Read, ticket: TicketId) -> impl Iterator<Item = OutboxId> {
        let sender = read.sender_key();
        let of_ticket = self.maybes.iter().filter(move |m| m.ticket_id == ticket && Some(&m.to_key) == sender.as_ref());
        of_ticket.filter(|m| read.ids.contains(&m.message_id)).map(|m| m.id)
    }

    /// Returns the first arrival of the same mail.
    pub fn duplicate_of(&self, read: &Read) -> Option<MailId> {
        let first = self.duplicates.get(&(read.kept.tenant_id, read.dedupe_key.clone())).copied()?;
        (first != read.kept.id).then_some(first)
    }

    /// Returns the mail of which a mail is a list's copy (E1.9).
    pub fn copy_of(&self, read: &Read) -> Option<&Variant> {
        self.variants.get(&read.kept.id)?.iter().find(|v| v.likeness.is_copy())
    }

    /// Returns the first mail with a mail's Message-ID, if that is another one (E1.9).
    pub fn variant_of(&self, read: &Read) -> Option<&Variant> {
        self.variants.get(&read.kept.id)?.first()
    }

    /// Returns a tenant's facts.
    pub fn tenant(&self, id: TenantId) -> &TenantFacts {
        self.tenants.get(&id).expect("a mail's tenant exists: its row points to it")
    }

    /// Returns a user of this tenant, or a platform user, by address key.
    pub fn user(&self, tenant: TenantId, key: &str) -> Option<&KnownUser> {
        self.users.get(&(tenant, key.to_owned()))
    }

    /// Returns what a tenant, its desks and those who help there are called.
    pub fn team_names(&self, tenant: TenantId) -> impl Iterator<Item = &str> {
        let agents = self.agents.iter().filter(move |(t, _)| t.is_none_or(|t| t == tenant)).map(|(_, n)| n.as_str());
        let desks = self.desks.iter().filter(move |d| d.tenant_id == tenant).map(|d| d.name.as_str());
        agents.chain(desks).chain(self.tenants.get(&tenant).map(|t| t.name.as_str()))
    }

    /// Returns the domains of a tenant's mailboxes.
    pub fn desk_domains(&self, tenant: TenantId) -> impl Iterator<Item = String> {
        self.desks.iter().filter(move |d| d.tenant_id == tenant).filter_map(|d| crate::address::domain(&d.address))
    }

    /// Returns the role of an address.
    pub fn role_of(&self, tenant: TenantId, key: &str) -> Option<Role> {
        self.user(tenant, key).map(|u| u.role)
    }

    /// Whether an address key is an accepted participant of a ticket, or of one that was merged into it (E4.7). Our own
    /// mailboxes are nobody: they never match as a sender (E6.6).
    pub fn is_participant(&self, ticket: TicketId, key: &str) -> bool {
        self.participant_keys(ticket).any(|k| k == key) && !self.is_our_address(key)
    }

    /// Returns those who get a ticket's mail, the requester first.
    pub fn mailed_participants(&self, ticket: TicketId) -> impl Iterator<Item = &Participant> {
        let all = self.participants.get(&ticket).into_iter().flatten().map(|(_, p)| p);
        all.filter(|p| p.state == tickets::ParticipantState::Accepted && p.kind != tickets::ParticipantKind::Follower)
    }

    /// Whether an address got a reply of a ticket as Bcc, and no agent has accepted it yet (E8.8).
    pub fn is_unseen(&self, ticket: TicketId, key: &str) -> bool {
        self.participants.get(&ticket).is_some_and(|all| all.iter().any(|(k, p)| k == key && p.is_unseen()))
    }

    /// Returns the address keys of a ticket's accepted participants, and of those merged into it.
    pub fn participant_keys(&self, ticket: TicketId) -> impl Iterator<Item = &str> {
        let merged = self.merged.get(&ticket).into_iter().flatten().copied();
        let all = merged.chain([ticket]).filter_map(|t| self.participants.get(&t)).flatten();
        all.filter(|(_, p)| p.state == tickets::ParticipantState::Accepted).map(|(k, _)| k.as_str())
    }

    /// Whether an address is on the ticket, accepted or not.
    pub fn is_on_ticket(&self, ticket: TicketId, key: &str) -> bool {
        self.participants.get(&ticket).is_some_and(|all| all.iter().any(|(k, _)| k == key))
    }

    /// How many participants a ticket has.
    pub fn participant_count(&self, ticket: TicketId) -> usize {
        self.participants.get(&ticket).map_or(0, Vec::len)
    }

    /// Returns the tickets that stored ids of a mail lead to, in the mail's order (E4.1(4)).
    pub fn tickets_by_ids(&self, read: &Read) -> Vec<TicketId> {
        read.ids.iter().flat_map(|id| self.led_to(&self.ids, read, id)).collect()
    }

    /// Returns where the message with this id was moved from, and where it is now (E4.8).
    pub fn moved(&self, tenant: TenantId, id: &str) -> Option<(TicketId, TicketId)> {
        self.moved.get(&(tenant, id.to_owned())).copied()
    }

    /// Returns the tickets that share an ancestor with a mail: they refer to a mail that it refers to, or to itself
    /// (E4.1(5)). Weak evidence: closed tickets are left out, and a ticket on which neither sender nor another recipient
    /// takes part counts for 30 days only (E4.3).
    pub fn tickets_by_ancestor(&self, read: &Read) -> Vec<TicketId> {
        let people: Vec<String> = read.sender_key().into_iter().chain(read.recipient_keys()).collect();
        let fits = |id: &TicketId| {
            self.survivor(*id).is_some_and(|t| {
                let takes_part = people.iter().any(|p| self.is_participant(t.id, p));
                let is_young = read.kept.received_at - t.created_at <= Duration::days(30);
                t.status != Status::Closed && (takes_part || is_young)
            })
        };
        let ids = read.ids.iter().chain(&read.mail.message_id);
        let mut found: Vec<TicketId> =
            ids.flat_map(|id| self.led_to(&self.referenced, read, id)).filter(fits).collect();
        found.dedup();
        found
    }

    /// Where an id leads. One seen on more than three tickets is a list's or a device's: only a participant's counts
    /// (E4.3).
    fn led_to<'a>(
        &'a self,
        map: &'a HashMap<(TenantId, String), Vec<TicketId>>,
        read: &'a Read,
        id: &str,
    ) -> impl Iterator<Item = TicketId> + 'a {
        let tickets = map.get(&(read.kept.tenant_id, id.to_owned())).map(Vec::as_slice).unwrap_or_default();
        let is_weak = tickets.len() > MOST_OF_ONE_ID;
        let sender = read.sender_key().unwrap_or_default();
        tickets.iter().copied().filter(move |t| !is_weak || self.is_participant(*t, &sender))
    }

    /// Returns a ticket by its PID.
    pub fn ticket_by_pid(&self, tenant: TenantId, pid: &str) -> Option<TicketId> {
        self.pids.get(&(tenant, pid.to_owned())).copied()
    }

    /// Returns a ticket's PID, or its id where it is not known.
    pub fn pid(&self, id: TicketId) -> String {
        self.tickets.get(&id).map_or_else(|| id.to_string(), |t| t.pid.clone())
    }

    /// Forgets a ticket, so that nothing leads to it: a mail is no evidence for the ticket that it opened itself.
    pub(super) fn forget(&mut self, ticket: TicketId) {
        for map in [&mut self.ids, &mut self.referenced] {
            map.values_mut().for_each(|all| all.retain(|t| *t != ticket));
        }
        self.pids.retain(|_, t| *t != ticket);
    }

    /// Returns the ticket that a ticket's mail goes to now: itself, or where it was merged into (E4.7).
    pub fn survivor(&self, id: TicketId) -> Option<&Ticket> {
        let mut ticket = self.tickets.get(&id)?;
        for _ in 0..MOST_HOPS {
            match ticket.merged_into {
                Some(next) => ticket = self.tickets.get(&next)?,
                None => return Some(ticket),
            }
        }
        None
    }

    /// Whether mail to a mailbox and to others opens a ticket there for itself (E1.12).
    pub fn has_own_tickets(&self, tenant: TenantId, mailbox: MailboxId) -> bool {
        self.desks.iter().any(|d| d.tenant_id == tenant && d.mailbox_id == mailbox && d.split_per_mailbox)
    }

    /// Whether a mail names a mailbox among its recipients, tagged or not.
    pub fn addresses(&self, read: &Read, mailbox: MailboxId) -> bool {
        self.addressed(read).contains(&mailbox)
    }

    /// Returns the tenant's mailboxes that a mail names among its recipients: of the envelope, then of its headers (E1.12).
    pub fn addressed(&self, read: &Read) -> Vec<MailboxId> {
        let headers = read.mail.to.iter().chain(&read.mail.cc).map(|a| a.email.clone());
        let all = super::keep::recipients_of(&read.kept.facts, &read.kept.raw).into_iter().chain(headers);
        let mut found = Vec::new();
        for key in all.flat_map(|a| super::keep::mailbox_keys(&a)) {
            let of_tenant = |d: &&Desk| d.tenant_id == read.kept.tenant_id && address::key(&d.address) == key;
            if let Some(desk) = self.desks.iter().find(of_tenant)
                && !found.contains(&desk.mailbox_id)
            {
                found.push(desk.mailbox_id);
            }
        }
        found
    }

    /// Whether an address is one of our mailboxes, tagged or not.
    pub fn is_our_address(&self, key: &str) -> bool {
        let keys = super::keep::mailbox_keys(key);
        self.desks.iter().any(|d| keys.contains(&address::key(&d.address)))
    }

    /// Whether an address is a mailbox of this tenant, tagged or not.
    pub fn is_our_mailbox(&self, tenant: TenantId, key: &str) -> bool {
        let keys = super::keep::mailbox_keys(key);
        self.desks.iter().any(|d| d.tenant_id == tenant && keys.contains(&address::key(&d.address)))
    }

    /// Returns the outbox mail that a report is about, and whether a bounce token proves it (E9.14).
    pub fn reported_outbox(&self, read: &Read) -> Option<(OutboxId, bool)> {
        let by_token = read.tokens.iter().find_map(|t| match t {
            Token::Bounce { outbox } => Some(*outbox),
            _ => None,
        });
        if let Some(id) = by_token.filter(|id| self.outbox.get(id).is_some_and(|o| o.tenant_id == read.kept.tenant_id))
        {
            return Some((id, true));
        }
        // E4.1(2): the enclosed original's id, if it is ours; a foreign one matches nothing.
        let tenant = read.kept.tenant_id;
        let reported = read.mail.reported_message_id.as_ref()?;
        message_id::parse(self.keys.as_ref()?, tenant, reported)?;
        self.sent_ids.get(&(tenant, reported.clone())).map(|id| (*id, false))
    }

    /// Returns the ticket that an outbox mail is about.
    pub fn outbox_ticket(&self, id: OutboxId) -> Option<TicketId> {
        self.outbox.get(&id).and_then(|o| o.ticket_id)
    }

    /// Returns what is known of an outbox mail.
    pub fn outbox(&self, id: OutboxId) -> Option<&sql::OutboxRef> {
        self.outbox.get(&id)
    }

    /// Returns whom the tenant sends as: the given mailbox, else its first; None if it has none.
    pub fn desk(&self, tenant: TenantId, mailbox: Option<MailboxId>) -> Option<&Desk> {
        let of_tenant = || self.desks.iter().filter(move |d| d.tenant_id == tenant);
        of_tenant().find(|d| Some(d.mailbox_id) == mailbox).or_else(|| of_tenant().next())
    }
}

/// What became of the mail that a duplicate repeats.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct FirstArrival {
    /// The ticket it led to.
    pub ticket_id: Option<TicketId>,
    /// That ticket's PID.
    pub pid: Option<String>,
    /// The message it became.
    pub ticket_message_id: Option<MessageId>,
}
