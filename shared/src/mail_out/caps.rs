//! Caps on automatic mail, and to whom none goes at all (E5.12, E5.14, E5.15): loaded for a batch and counted on while it
//! is written. Acknowledgements and agents' notices alike ask here before they are queued.

mod sql;

use crate::address;
use crate::clock::Time;
use crate::ids::TenantId;
use crate::store::{Exec, Result};
use std::collections::{BTreeSet, HashMap, HashSet};

/// How often a mail of the same sender is acknowledged (E5.12).
const ACKS_PER_HOUR: i64 = 3;
const ACKS_PER_DAY: i64 = 10;
const ACKS_PER_DOMAIN_HOUR: i64 = 60;
/// How many notices an agent gets in an hour (E5.12).
const NOTICES_PER_HOUR: i64 = 60;

/// An address key within a tenant.
pub type Whom = (TenantId, String);

/// See the module.
#[derive(Debug, Default)]
pub struct Caps {
    suppressed: HashSet<Whom>,
    by_address: HashMap<Whom, (i64, i64)>,
    by_domain: HashMap<Whom, i64>,
}

impl Caps {
    /// Loads what stands against acknowledgements to `acks` and notices to `notices`, in one query.
    ///
    /// # Errors
    /// See [`crate::store::Error`].
    pub async fn load(ex: &mut impl Exec, acks: BTreeSet<Whom>, notices: BTreeSet<Whom>, at: Time) -> Result<Caps> {
        let domains: BTreeSet<Whom> = acks.iter().filter_map(|(t, a)| Some((*t, address::domain(a)?))).collect();
        let addresses: BTreeSet<&Whom> = acks.iter().chain(&notices).collect();
        let addresses: Vec<(TenantId, &str)> = addresses.into_iter().map(|(t, a)| (*t, a.as_str())).collect();
        let domains: Vec<(TenantId, &str)> = domains.iter().map(|(t, d)| (*t, d.as_str())).collect();
        let mut caps = Caps::default();
        for count in sql::automatic(ex, &addresses, &domains, at).await? {
            let whom = (count.tenant_id, count.to_whom);
            match count.what.as_str() {
                "address" => drop(caps.by_address.insert(whom, (count.last_hour, count.last_day))),
                "domain" => drop(caps.by_domain.insert(whom, count.last_hour)),
                _ => drop(caps.suppressed.insert(whom)),
            }
        }
        Ok(caps)
    }

    /// Takes one acknowledgement to `key` out of its caps.
    ///
    /// # Errors
    /// The name of what stands against it.
    pub fn ack(&mut self, tenant: TenantId, key: &str) -> std::result::Result<(), &'static str> {
        let (hour, day) = self.counted(tenant, key)?;
        if hour >= ACKS_PER_HOUR {
            return Err("cap_address_hour");
        }
        if day >= ACKS_PER_DAY {
            return Err("cap_address_day");
        }
        let domain = address::domain(key).unwrap_or_default();
        // A freemail domain is no party of its own: its addresses are strangers to each other.
        if !address::is_freemail(&domain) {
            let of_domain = self.by_domain.entry((tenant, domain)).or_default();
            if *of_domain >= ACKS_PER_DOMAIN_HOUR {
                return Err("cap_domain_hour");
            }
            *of_domain += 1;
        }
        self.by_address.insert((tenant, key.to_owned()), (hour + 1, day + 1));
        Ok(())
    }

    /// Takes one notice to the agent `key` out of its caps.
    ///
    /// # Errors
    /// The name of what stands against it.
    pub fn notice(&mut self, tenant: TenantId, key: &str) -> std::result::Result<(), &'static str> {
        let (hour, day) = self.counted(tenant, key)?;
        if hour >= NOTICES_PER_HOUR {
            return Err("cap_agent_hour");
        }
        self.by_address.insert((tenant, key.to_owned()), (hour + 1, day + 1));
        Ok(())
    }

    /// The mail of the last hour and day, unless the address is suppressed.
    fn counted(&self, tenant: TenantId, key: &str) -> std::result::Result<(i64, i64), &'static str> {
        let at = (tenant, key.to_owned());
        if self.suppressed.contains(&at) {
            return Err("suppressed_address");
        }
        Ok(self.by_address.get(&at).copied().unwrap_or_default())
    }
}

/// Whether an address may be acknowledged outside the mail pipeline (the public form), by the same rules and caps; the
/// reason if not.
///
/// # Errors
/// See [`crate::store::Error`].
pub async fn may_acknowledge(
    ex: &mut impl Exec,
    tenant: TenantId,
    email: &str,
    at: Time,
) -> Result<std::result::Result<(), &'static str>> {
    let key = address::key(email);
    if !address::is_valid(email) || address::takes_no_auto_mail(&key) {
        return Ok(Err("daemon"));
    }
    let mut caps = Caps::load(ex, BTreeSet::from([(tenant, key.clone())]), BTreeSet::new(), at).await?;
    Ok(caps.ack(tenant, &key))
}

/// Whether an address may be sent automatic mail at all, caps aside.
///
/// # Errors
/// See [`crate::store::Error`].
pub async fn is_open(ex: &mut impl Exec, tenant: TenantId, email: &str, at: Time) -> Result<bool> {
    let key = address::key(email);
    let caps = Caps::load(ex, BTreeSet::new(), BTreeSet::from([(tenant, key.clone())]), at).await?;
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
    at: Time,
) -> Result<std::result::Result<(), &'static str>> {
    let key = address::key(email);
    let mut caps = Caps::load(ex, BTreeSet::new(), BTreeSet::from([(tenant, key.clone())]), at).await?;
    Ok(caps.notice(tenant, &key))
}
