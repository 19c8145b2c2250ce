//! Caps on automatic mail, and to whom none goes at all (E5.12, E5.14, E5.15): loaded for a batch and counted on while it
//! is written. Acknowledgements and agents' notices alike ask here before they are queued.

mod sql;

use crate::address;
use crate::clock::Time;
use crate::ids::{TenantId, TicketId};
use crate::store::{Exec, Result};
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, HashMap, HashSet};

/// How often a mail of the same sender is acknowledged (E5.12).
const ACKS_PER_HOUR: i64 = 3;
const ACKS_PER_DAY: i64 = 10;
const ACKS_PER_DOMAIN_HOUR: i64 = 60;
/// How many notices an agent gets in an hour (E5.12).
const NOTICES_PER_HOUR: i64 = 60;

/// How much automatic mail about one ticket goes out in an hour (E5.12).
const PER_TICKET_HOUR: i64 = 5;
/// How many mails of one sender in ten minutes are no storm yet (E5.13).
const ARRIVALS: i64 = 20;

/// An address key within a tenant.
pub type Whom = (TenantId, String);

/// What a batch may cause to be sent, so what is to be counted.
#[derive(Debug, Default)]
pub struct Wanted {
    /// Who may be acknowledged.
    pub acks: BTreeSet<Whom>,
    /// Agents who may be told.
    pub notices: BTreeSet<Whom>,
    /// Tickets that it may be about.
    pub tickets: BTreeSet<TicketId>,
    /// What mails that may be acknowledged say but for their digits; see [`pattern`].
    pub patterns: BTreeSet<String>,
    /// Whose mail came in now; what was imported came in elsewhere.
    pub senders: BTreeSet<Whom>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Caps {
    suppressed: HashSet<Whom>,
    by_address: HashMap<Whom, (i64, i64)>,
    by_domain: HashMap<Whom, i64>,
    by_ticket: HashMap<TicketId, i64>,
    by_pattern: HashMap<(TenantId, String, String), i64>,
    arrivals: HashMap<Whom, i64>,
    storms: HashSet<Whom>,
}

/// Returns what a mail says but for its digits and its white space, as a digest: mails of a robot that writes from ever
/// new addresses have the same (E5.12).
pub fn pattern(text: &str) -> String {
    let mut hash = Sha256::new();
    for word in text.split_whitespace() {
        let kept: String = word.chars().filter(|c| !c.is_numeric()).collect();
        if !kept.is_empty() {
            hash.update(kept.as_bytes());
            hash.update(b" ");
        }
    }
    data_encoding::HEXLOWER.encode(&hash.finalize()[..16])
}

impl Caps {
    /// Loads what stands against what is wanted, in one query.
    ///
    /// # Errors
    /// See [`crate::store::Error`].
    pub async fn load(ex: &mut impl Exec, wanted: Wanted, at: Time) -> Result<Caps> {
        let mut caps = Caps::default();
        for count in sql::automatic(ex, &wanted, at).await? {
            let whom = (count.tenant_id, count.to_whom);
            match count.what.as_str() {
                "address" => drop(caps.by_address.insert(whom, (count.last_hour, count.last_day))),
                "domain" => drop(caps.by_domain.insert(whom, count.last_hour)),
                "ticket" => drop(caps.by_ticket.insert(TicketId(count.last_day), count.last_hour)),
                "arrivals" => drop(caps.arrivals.insert(whom, count.last_hour)),
                "storm" => drop(caps.storms.insert(whom)),
                "suppressed" => drop(caps.suppressed.insert(whom)),
                pattern => {
                    caps.by_pattern.insert((whom.0, whom.1, pattern.to_owned()), count.last_hour);
                }
            }
        }
        Ok(caps)
    }

    /// Counts a mail that came in. Returns whether its sender sends more than a person can (E5.13).
    pub fn arrived(&mut self, tenant: TenantId, key: &str) -> bool {
        let count = self.arrivals.entry((tenant, key.to_owned())).or_default();
        *count += 1;
        *count > ARRIVALS
    }

    /// Says that nothing automatic goes to a sender from now on (E5.13). Returns whether that is news.
    pub fn storm(&mut self, tenant: TenantId, key: &str) -> bool {
        self.storms.insert((tenant, key.to_owned()))
    }

    /// Takes one acknowledgement to `key` out of its caps; `pattern` is that of the mail it answers.
    ///
    /// # Errors
    /// The name of what stands against it.
    pub fn ack(&mut self, tenant: TenantId, key: &str, pattern: &str) -> std::result::Result<(), &'static str> {
        let (hour, day) = self.counted(tenant, key)?;
        if hour >= ACKS_PER_HOUR {
            return Err("cap_address_hour");
        }
        if day >= ACKS_PER_DAY {
            return Err("cap_address_day");
        }
        let domain = address::domain(key).unwrap_or_default();
        let alike = self.by_pattern.entry((tenant, domain.clone(), pattern.to_owned())).or_default();
        if *alike >= ACKS_PER_HOUR {
            return Err("cap_pattern_hour");
        }
        // A freemail domain is no party of its own: its addresses are strangers to each other.
        if !address::is_freemail(&domain) {
            let of_domain = self.by_domain.entry((tenant, domain)).or_default();
            if *of_domain >= ACKS_PER_DOMAIN_HOUR {
                return Err("cap_domain_hour");
            }
            *of_domain += 1;
        }
        *alike += 1;
        self.by_address.insert((tenant, key.to_owned()), (hour + 1, day + 1));
        Ok(())
    }

    /// Takes one notice about `ticket` to the agent `key` out of its caps.
    ///
    /// # Errors
    /// The name of what stands against it.
    pub fn notice(&mut self, tenant: TenantId, key: &str, ticket: TicketId) -> std::result::Result<(), &'static str> {
        let (hour, day) = self.counted(tenant, key)?;
        if hour >= NOTICES_PER_HOUR {
            return Err("cap_agent_hour");
        }
        let about = self.by_ticket.entry(ticket).or_default();
        if *about >= PER_TICKET_HOUR {
            return Err("cap_ticket_hour");
        }
        *about += 1;
        self.by_address.insert((tenant, key.to_owned()), (hour + 1, day + 1));
        Ok(())
    }

    /// The mail of the last hour and day, unless the address is suppressed or storms.
    fn counted(&self, tenant: TenantId, key: &str) -> std::result::Result<(i64, i64), &'static str> {
        let at = (tenant, key.to_owned());
        if self.suppressed.contains(&at) {
            return Err("suppressed_address");
        }
        if self.storms.contains(&at) {
            return Err("storm");
        }
        Ok(self.by_address.get(&at).copied().unwrap_or_default())
    }
}

/// Whether an address may be acknowledged outside the mail pipeline (the public form) for what it wrote, by the same rules
/// and caps; the reason if not.
///
/// # Errors
/// See [`crate::store::Error`].
pub async fn may_acknowledge(
    ex: &mut impl Exec,
    tenant: TenantId,
    email: &str,
    text: &str,
    at: Time,
) -> Result<std::result::Result<(), &'static str>> {
    let key = address::key(email);
    if !address::is_valid(email) || address::takes_no_auto_mail(&key) {
        return Ok(Err("daemon"));
    }
    let pattern = pattern(text);
    let wanted = Wanted {
        acks: BTreeSet::from([(tenant, key.clone())]),
        patterns: BTreeSet::from([pattern.clone()]),
        ..Wanted::default()
    };
    Ok(Caps::load(ex, wanted, at).await?.ack(tenant, &key, &pattern))
}

/// Whether an address may be sent automatic mail at all, caps aside.
///
/// # Errors
/// See [`crate::store::Error`].
pub async fn is_open(ex: &mut impl Exec, tenant: TenantId, email: &str, at: Time) -> Result<bool> {
    let key = address::key(email);
    let wanted = Wanted { notices: BTreeSet::from([(tenant, key.clone())]), ..Wanted::default() };
    let caps = Caps::load(ex, wanted, at).await?;
    Ok(caps.counted(tenant, &key).is_ok())
}

/// Whether an agent may be sent a notice now; the reason if not.
///
/// # Errors
/// See [`crate::store::Error`].
pub async fn may_notify(
    ex: &mut impl Exec,
    tenant: TenantId,
    email: &str,
    ticket: TicketId,
    at: Time,
) -> Result<std::result::Result<(), &'static str>> {
    let key = address::key(email);
    let wanted = Wanted {
        notices: BTreeSet::from([(tenant, key.clone())]),
        tickets: BTreeSet::from([ticket]),
        ..Wanted::default()
    };
    Ok(Caps::load(ex, wanted, at).await?.notice(tenant, &key, ticket))
}
