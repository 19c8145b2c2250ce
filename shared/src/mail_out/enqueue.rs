//! Making outbox rows: who gets a mail, under which ids and addresses. All of it is fixed here, in the transaction of
//! what the mail tells; the worker only builds and sends.

mod sql;

use crate::compiled_here;
use sql::thread_ids;
pub use sql::{desk, desks, notice_recipients, recipients, suppressed};

use crate::clock::Time;
use crate::i18n::{self, Locale};
use crate::ids::{MailId, MailboxId, MessageId, OutboxId, TenantId, TicketId, UserId};
use crate::keys::Keys;
use crate::mail_in::types::Address;
use crate::mail_out::answered::Answered;
use crate::mail_out::contents::DigestLine;
use crate::mail_out::handle::{self, Handle};
use crate::mail_out::kinds::{Kind, OutboxState};
use crate::mail_out::outbox::{Draft, NewOutbox, Template};
use crate::mail_out::token::{self, Token};
use crate::mail_out::{marker, message_id, threading};
use crate::store::{Result, Tx, dialect};
use crate::tenants::{PidInSubject, Settings};
use crate::tickets::{NewMessageId, Ticket, Work};

/// Whom a tenant sends as: a mailbox, or the tenant's first one.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Desk {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The tenant's language.
    pub locale: Locale,
    /// The tenant's name.
    pub tenant_name: String,
    /// Whether the tenant is open.
    pub tenant_active: bool,
    /// What stands in front of the tenant's PIDs.
    pub pid_prefix: Option<String>,
    /// The mailbox.
    pub mailbox_id: MailboxId,
    /// Its address.
    pub address: String,
    /// The team's name.
    pub name: String,
    /// What stands between its name and a token; None if its host takes no tags, or is not known to take them yet (E3.1).
    pub tag_separator: Option<String>,
    /// The tenant's settings, as stored.
    pub settings: String,
    /// Whether what we send ends with the ticket's signed marker (E3.8).
    pub body_marker: bool,
    /// The senders of web forms whose Reply-To is the requester (E6.6), JSON.
    pub gateways: String,
    /// Whether requesters of web forms get an acknowledgement.
    pub ack_forms: bool,
    /// Whether mail to it and to others opens a ticket here for itself (E1.12).
    pub split_per_mailbox: bool,
}

impl Desk {
    /// Whether an address key is on the list of web forms' senders.
    pub fn has_gateway(&self, key: &str) -> bool {
        let all: Vec<String> = serde_json::from_str(&self.gateways).unwrap_or_default();
        all.iter().any(|g| g == key)
    }

    /// Returns the mailbox's address with `token`, or with a handle for it where the token does not fit (E3.2); plain
    /// where the mailbox takes no tags, or has no room even for a handle.
    fn tagged(&self, keys: &Keys, token: Token, handles: &mut Vec<Handle>) -> String {
        let Some(separator) = self.tag_separator.as_deref().and_then(|s| s.chars().next()) else {
            return self.address.clone();
        };
        let token = token::mint(keys, self.tenant_id, token);
        if let Some(address) = token::address(&self.address, separator, &token) {
            return address;
        }
        let handle = handle::mint(token);
        let Some(address) = token::address(&self.address, separator, &handle.handle) else {
            return self.address.clone();
        };
        handles.push(handle);
        address
    }

    /// Returns the subject line of a mail about a ticket (E8.2). Where the tenant wants its number only without a token,
    /// and answers come to a tagged address, it has none.
    fn subject(&self, ticket: &Ticket, is_reply: bool) -> String {
        let token_does = || Settings::from_json(&self.settings).pid_in_subject == PidInSubject::OnlyWithoutToken;
        match self.tag_separator.is_some() && token_does() {
            true => threading::subject_line(&ticket.subject, "", is_reply),
            false => threading::subject_line(&ticket.subject, &ticket.pid, is_reply),
        }
    }

    /// Returns the last line of mail about a ticket, where the mailbox wants it (E3.8).
    fn marker(&self, keys: &Keys, ticket: &Ticket) -> Option<String> {
        self.body_marker.then(|| marker::mint(keys, self.tenant_id, &ticket.pid))
    }

    fn domain(&self) -> &str {
        self.address.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

/// Who gets a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// Who.
    pub user_id: UserId,
    /// The address as received.
    pub email: String,
    /// The name.
    pub name: Option<String>,
    /// The language, if known.
    pub locale: Option<Locale>,
}

impl Recipient {
    fn address(&self) -> Address {
        Address { name: self.name.clone(), email: self.email.clone() }
    }
}

/// The received mail that an automatic mail answers.
#[derive(Debug, Clone, Default)]
pub struct Trigger {
    /// Its arrival.
    pub mail_id: Option<MailId>,
    /// Its Message-ID, bare.
    pub message_id: Option<String>,
    /// Its References, bare.
    pub references: Vec<String>,
}

/// An agent's public message on its way out: one row per recipient, all the same mail but for the reply address.
pub struct Reply<'a> {
    /// The message.
    pub message_id: MessageId,
    /// Who wrote it.
    pub agent_name: Option<&'a str>,
    /// Who gets it, the requester first.
    pub to: &'a [Recipient],
    /// Who gets it unseen by the others (E8.8): by the envelope alone.
    pub bcc: &'a [Recipient],
    /// The public ids of the thread, oldest first, the answered one last.
    pub thread: Vec<String>,
    /// What the answered mail says about its answer.
    pub answered: &'a Answered,
    /// Addresses that are suppressed.
    pub suppressed: &'a [String],
    /// Whether suppressed addresses are tried all the same.
    pub force: bool,
    /// When it may leave, by the database's clock.
    pub due_at: Time,
    /// Whether it waits until then (undo window, send later).
    pub held: bool,
}

/// Queues a reply; `ids` has one for each recipient, those of Bcc last. Returns the Message-ID that all copies bear, which leads to the
/// ticket from now on.
pub fn reply(work: &mut Work<'_>, desk: &Desk, ticket: &Ticket, reply: Reply<'_>, ids: &[OutboxId]) -> String {
    let keys = work.keys();
    let id = message_id::mint(keys, ticket.tenant_id, Kind::Reply, reply.message_id.0, Some(ticket.id), desk.domain());
    let name = match reply.agent_name {
        Some(agent) => format!("{agent} – {}", desk.name),
        None => desk.name.clone(),
    };
    let anchor = message_id::anchor(keys, ticket.tenant_id, ticket.id, desk.domain());
    let in_reply_to = reply.thread.last().cloned();
    let references: Vec<String> = std::iter::once(anchor).chain(reply.thread).collect();
    let Some(first) = reply.to.first() else { return id };
    let index = reply.answered.thread_index.as_deref();
    let index = index.and_then(|i| threading::thread_index_child(i, work.now(), reply.message_id.0 as u8));
    let thread = index.map(|i| (i, reply.answered.thread_topic.clone()));
    let cc: Vec<Address> = reply.to[1..].iter().map(Recipient::address).collect();
    let seen = reply.to.iter().map(|to| (to, false));
    let all = seen.chain(reply.bcc.iter().map(|to| (to, true)));
    for ((to, bcc), &row) in all.zip(ids) {
        let suppressed = !reply.force && reply.suppressed.contains(&crate::address::key(&to.email));
        let state = match (suppressed, reply.held) {
            (true, _) => OutboxState::Suppressed,
            (false, true) => OutboxState::Held,
            (false, false) => OutboxState::Queued,
        };
        let participant = Token::Reply { ticket: ticket.id, participant: to.user_id };
        let mut handles = Vec::new();
        work.enqueue(NewOutbox {
            id: row,
            tenant_id: ticket.tenant_id,
            kind: Kind::Reply,
            ticket_id: Some(ticket.id),
            ticket_message_id: Some(reply.message_id),
            user_id: Some(to.user_id),
            cause_mail_id: None,
            to_email: to.email.clone(),
            to_name: to.name.clone(),
            subject: desk.subject(ticket, true),
            message_id: id.clone(),
            envelope_from: desk.tagged(keys, Token::Bounce { outbox: row }, &mut handles),
            draft: Draft {
                template: Template::Reply,
                locale: to.locale.unwrap_or(desk.locale),
                from: Address { name: Some(name.clone()), email: desk.address.clone() },
                reply_to: Some(desk.tagged(keys, participant, &mut handles)),
                to: first.address(),
                cc: cc.clone(),
                in_reply_to: in_reply_to.clone(),
                references: references.clone(),
                row: reply.message_id.0,
                link: None,
                digest: None,
                thread: thread.clone(),
                bcc,
                marker: desk.marker(keys, ticket),
            },
            state,
            due_at: (!suppressed).then_some(reply.due_at),
            handles,
            pattern: None,
        });
    }
    work.message_id(NewMessageId {
        tenant_id: ticket.tenant_id,
        message_id: id.clone(),
        ticket_id: ticket.id,
        ticket_message_id: Some(reply.message_id),
        kind: "sent",
        public: true,
    });
    id
}

/// An automatic mail about a ticket to one person.
pub struct Automatic<'a> {
    /// `ack` or `notice`.
    pub kind: Kind,
    /// What renders it.
    pub template: Template,
    /// Who gets it.
    pub to: &'a Recipient,
    /// Whether they are an agent: their answers then bear an agent's token.
    pub to_agent: bool,
    /// The received mail that it answers.
    pub trigger: Trigger,
    /// The message it tells of.
    pub ticket_message_id: Option<MessageId>,
    /// When it may leave, by the database's clock.
    pub due_at: Time,
    /// What the mail that it acknowledges says but for its digits (E5.12).
    pub pattern: Option<String>,
}

/// Queues an automatic mail about a ticket as outbox row `row`.
pub fn automatic(work: &mut Work<'_>, desk: &Desk, ticket: &Ticket, mail: Automatic<'_>, row: OutboxId) {
    let keys = work.keys();
    let (tenant, to) = (ticket.tenant_id, mail.to);
    // For mails without a ticket message, ids name their outbox line (EMAIL: Row).
    let id = message_id::mint(keys, tenant, mail.kind, row.0, Some(ticket.id), desk.domain());
    let anchor = message_id::anchor(keys, tenant, ticket.id, desk.domain());
    let references =
        std::iter::once(anchor).chain(mail.trigger.references).chain(mail.trigger.message_id.clone()).collect();
    let reply_token = if mail.to_agent {
        Token::Agent { ticket: ticket.id, agent: to.user_id }
    } else {
        Token::Reply { ticket: ticket.id, participant: to.user_id }
    };
    let mut handles = Vec::new();
    work.enqueue(NewOutbox {
        id: row,
        tenant_id: tenant,
        kind: mail.kind,
        ticket_id: Some(ticket.id),
        ticket_message_id: mail.ticket_message_id,
        user_id: Some(to.user_id),
        cause_mail_id: mail.trigger.mail_id,
        to_email: to.email.clone(),
        to_name: to.name.clone(),
        subject: desk.subject(ticket, mail.kind == Kind::Ack),
        message_id: id.clone(),
        envelope_from: desk.tagged(keys, Token::Bounce { outbox: row }, &mut handles),
        draft: Draft {
            template: mail.template,
            locale: to.locale.unwrap_or(desk.locale),
            from: Address { name: Some(desk.name.clone()), email: desk.address.clone() },
            reply_to: Some(desk.tagged(keys, reply_token, &mut handles)),
            to: to.address(),
            cc: Vec::new(),
            in_reply_to: mail.trigger.message_id,
            references,
            row: row.0,
            link: None,
            digest: None,
            thread: None,
            bcc: false,
            marker: desk.marker(keys, ticket).filter(|_| !mail.to_agent),
        },
        state: OutboxState::Queued,
        due_at: Some(mail.due_at),
        handles,
        pattern: mail.pattern,
    });
    work.message_id(NewMessageId {
        tenant_id: tenant,
        message_id: id,
        ticket_id: ticket.id,
        ticket_message_id: None,
        kind: "sent",
        // An agent's notice is no part of what the customer sees.
        public: !mail.to_agent,
    });
}

/// An invitation, password or sign-in mail.
pub struct AccountMail<'a> {
    /// The tenant that sends: the user's, or the default one for platform users.
    pub tenant_id: TenantId,
    /// `invite`, `password` or `link`.
    pub kind: Kind,
    /// Who gets it.
    pub to: Recipient,
    /// The link it carries.
    pub link: &'a str,
}

/// Queues an account mail in `tx`. Returns its id, for the doorbell after commit.
///
/// # Errors
/// See [`crate::store::Error`].
pub async fn account_mail(tx: &mut Tx, keys: &Keys, mail: AccountMail<'_>) -> Result<OutboxId> {
    let desk = desk(tx, mail.tenant_id, None).await?;
    let now = dialect::now(tx).await?;
    let id = OutboxId(dialect::take_ids(tx, dialect::IdTable::Outbox, 1).await?[0]);
    let (template, subject_key) = match mail.kind {
        Kind::Invite => (Template::Invite, "mail-invite-subject"),
        Kind::Password => (Template::Password, "mail-password-subject"),
        _ => (Template::Link, "mail-link-subject"),
    };
    let locale = mail.to.locale.unwrap_or(desk.locale);
    let mut handles = Vec::new();
    let row = NewOutbox {
        id,
        tenant_id: desk.tenant_id,
        kind: mail.kind,
        ticket_id: None,
        ticket_message_id: None,
        user_id: Some(mail.to.user_id),
        cause_mail_id: None,
        to_email: mail.to.email.clone(),
        to_name: mail.to.name.clone(),
        subject: i18n::text(locale, subject_key, &[("team", &desk.name)]),
        message_id: message_id::mint(keys, desk.tenant_id, mail.kind, id.0, None, desk.domain()),
        envelope_from: desk.tagged(keys, Token::Bounce { outbox: id }, &mut handles),
        draft: Draft {
            template,
            locale,
            from: Address { name: Some(desk.name.clone()), email: desk.address.clone() },
            reply_to: None,
            to: mail.to.address(),
            cc: Vec::new(),
            in_reply_to: None,
            references: Vec::new(),
            row: id.0,
            link: Some(mail.link.to_owned()),
            digest: None,
            thread: None,
            bcc: false,
            marker: None,
        },
        state: OutboxState::Queued,
        due_at: Some(now),
        handles,
        pattern: None,
    };
    crate::mail_out::outbox::insert(tx, vec![row], crate::clock::now()).await?;
    Ok(id)
}

/// Queues a mailbox's probe in `tx`: a mail to its tagged address (E3.1). Its own envelope sender is the plain address, as
/// nobody knows yet whether others work. Returns its id, for the doorbell after commit.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn probe(tx: &mut Tx, keys: &Keys, tenant: TenantId, mailbox: MailboxId) -> Result<OutboxId> {
    let desk = Desk { tag_separator: sql::separator(tx, mailbox).await?, ..desk(tx, tenant, Some(mailbox)).await? };
    let now = dialect::now(tx).await?;
    let id = OutboxId(dialect::take_ids(tx, dialect::IdTable::Outbox, 1).await?[0]);
    let mut handles = Vec::new();
    let to = desk.tagged(keys, Token::Probe { outbox: id }, &mut handles);
    let row = NewOutbox {
        id,
        tenant_id: desk.tenant_id,
        kind: Kind::Notice,
        ticket_id: None,
        ticket_message_id: None,
        user_id: None,
        cause_mail_id: None,
        to_email: to.clone(),
        to_name: None,
        subject: i18n::text(desk.locale, "mail-probe-subject", &[]),
        message_id: message_id::mint(keys, desk.tenant_id, Kind::Notice, id.0, None, desk.domain()),
        envelope_from: desk.address.clone(),
        draft: Draft {
            template: Template::Probe,
            locale: desk.locale,
            from: Address { name: Some(desk.name.clone()), email: desk.address.clone() },
            reply_to: None,
            to: Address { name: None, email: to },
            cc: Vec::new(),
            in_reply_to: None,
            references: Vec::new(),
            row: id.0,
            link: None,
            digest: None,
            thread: None,
            bcc: false,
            marker: None,
        },
        state: OutboxState::Queued,
        due_at: Some(now),
        handles,
        pattern: None,
    };
    crate::mail_out::outbox::insert(tx, vec![row], crate::clock::now()).await?;
    Ok(id)
}

/// Several notices for one agent.
pub struct DigestMail {
    /// The subject line.
    pub subject: String,
    /// The notices, oldest first.
    pub lines: Vec<DigestLine>,
    /// How many more there were.
    pub more: usize,
    /// When it may leave, by the database's clock.
    pub due_at: Time,
}

/// Queues a digest in `tx`. Returns its id, for the doorbell after commit.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn digest(tx: &mut Tx, keys: &Keys, desk: &Desk, to: &Recipient, mail: DigestMail) -> Result<OutboxId> {
    let id = OutboxId(dialect::take_ids(tx, dialect::IdTable::Outbox, 1).await?[0]);
    let mut handles = Vec::new();
    let row = NewOutbox {
        id,
        tenant_id: desk.tenant_id,
        kind: Kind::Digest,
        ticket_id: None,
        ticket_message_id: None,
        user_id: Some(to.user_id),
        cause_mail_id: None,
        to_email: to.email.clone(),
        to_name: to.name.clone(),
        subject: mail.subject,
        message_id: message_id::mint(keys, desk.tenant_id, Kind::Digest, id.0, None, desk.domain()),
        envelope_from: desk.tagged(keys, Token::Bounce { outbox: id }, &mut handles),
        draft: Draft {
            template: Template::Digest,
            locale: to.locale.unwrap_or(desk.locale),
            from: Address { name: Some(desk.name.clone()), email: desk.address.clone() },
            reply_to: None,
            to: to.address(),
            cc: Vec::new(),
            in_reply_to: None,
            references: Vec::new(),
            row: id.0,
            link: None,
            digest: Some((mail.lines, mail.more)),
            thread: None,
            bcc: false,
            marker: None,
        },
        state: OutboxState::Queued,
        due_at: Some(mail.due_at),
        handles,
        pattern: None,
    };
    crate::mail_out::outbox::insert(tx, vec![row], crate::clock::now()).await?;
    Ok(id)
}

/// Returns the ids of a ticket's thread as References name them: its first and its newest, at most 60.
pub fn thread(ids: Vec<String>) -> Vec<String> {
    const MOST: usize = 60;
    if ids.len() <= MOST {
        return ids;
    }
    let newest = ids.len() - (MOST - 1);
    ids.iter().take(1).chain(&ids[newest..]).cloned().collect()
}

/// Where a ticket's mail comes from: read with [`desk`], once per unit of work.
pub type Desks = std::collections::HashMap<(TenantId, Option<MailboxId>), Desk>;

/// Returns the ticket's public ids so far for a reply: oldest first, but the answered one last. That is the newest one
/// that came in: our own acknowledgement of it is not what an agent answers (E8.1, E8.3).
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn thread_of(tx: &mut Tx, ticket: TicketId) -> Result<Vec<String>> {
    let mut ids = thread_ids(tx, ticket).await?;
    if let Some(answered) = ids.iter().rposition(|id| id.received) {
        let answered = ids.remove(answered);
        ids.push(answered);
    }
    Ok(thread(ids.into_iter().map(|id| id.message_id).collect()))
}
