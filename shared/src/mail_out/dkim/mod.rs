//! DKIM (RFC 6376, E8.9): keys by domain, and the signatures that mail from there leaves with.
//!
//! A key belongs to one tenant, or to all that send from its domain. Its private half is stored sealed. What is signed
//! are the final octets, once: a retry sends the same signature. Read next: [`key`] (keys and their DNS records),
//! [`sign`] (the signature).

pub mod key;
pub mod sign;
mod sql;

pub use key::Algorithm;
pub use sign::{Signer, Signers};

use crate::access::refused::Checks;
use crate::access::{Actor, Capability, Noun, Refused};
use crate::address;
use crate::app::App;
use crate::audit::{self, AuditKind, Entry};
use crate::clock::{Time, now};
use crate::compiled_here;
use crate::ids::{DkimKeyId, TenantId};
use crate::store::{Db, Scope};
use key::PrivateKey;
use serde_json::json;

/// What a sealed private key is sealed for.
const PURPOSE: &str = "dkim";

/// A key, its private half aside.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct DkimKey {
    /// Its row.
    pub id: DkimKeyId,
    /// Whose mail it signs; None: that of all tenants.
    pub tenant_id: Option<TenantId>,
    /// The domain that it signs for, in A-labels.
    pub domain: String,
    /// Its name below the domain.
    pub selector: String,
    /// How it signs.
    pub algorithm: Algorithm,
    /// The public half, in base64, as the DNS record bears it.
    pub public_key: String,
    /// When it was added.
    pub created_at: Time,
    /// Since when it signs nothing any more.
    pub retired_at: Option<Time>,
}

impl DkimKey {
    /// Returns the name under which the domain must publish the key.
    pub fn record_name(&self) -> String {
        format!("{}._domainkey.{}", self.selector, self.domain)
    }

    /// Returns what the TXT record there must say.
    pub fn record_value(&self) -> String {
        format!("v=DKIM1; k={}; p={}", self.algorithm.key_type(), self.public_key)
    }

    /// Returns the record as a line of a zone file: a TXT record's texts have at most 255 octets each.
    pub fn zone_line(&self) -> String {
        let value = self.record_value();
        let pieces: Vec<String> =
            value.as_bytes().chunks(255).map(|piece| format!("\"{}\"", String::from_utf8_lossy(piece))).collect();
        format!("{}. IN TXT ( {} )", self.record_name(), pieces.join(" "))
    }
}

/// A key to be added.
#[derive(Debug, Clone, Default)]
pub struct NewKey {
    /// Whose mail it signs; None: the actor's tenant's, or all tenants' for platform users.
    pub tenant: Option<TenantId>,
    /// The domain.
    pub domain: String,
    /// Its name; None: `pr` and the month.
    pub selector: Option<String>,
    /// How it signs, where it is to be made.
    pub algorithm: Option<Algorithm>,
    /// The private key as PEM; None: a new one is made.
    pub pem: Option<String>,
}

/// Returns a page of keys, oldest first: the tenant's own and those of all tenants.
///
/// # Errors
/// `Denied` without `support.mailboxes.manage`.
#[compiled_here]
pub async fn list(db: &Db, actor: &Actor, after: Option<DkimKeyId>, limit: u32) -> Result<Vec<DkimKey>, Refused> {
    actor.require(Capability::MailboxesManage)?;
    Ok(sql::list(&mut db.read(Scope::All), actor.within, after, limit).await?)
}

/// Adds a key, made here or given, which signs from now on. Another active key of the domain with the same algorithm
/// goes on signing until it is retired; the newest of each algorithm signs.
///
/// # Errors
/// `Denied`; wrong values; `Taken` if the domain has a key of this name.
#[compiled_here]
pub async fn add(app: &App, actor: &Actor, new: NewKey) -> Result<DkimKey, Refused> {
    actor.require(Capability::MailboxesManage)?;
    let tenant_id = new.tenant.or(actor.within);
    if tenant_id.is_some_and(|t| !actor.sees_tenant(t)) {
        return Err(Refused::NotFound(Noun::Tenant));
    }
    let selector = new.selector.unwrap_or_else(|| format!("pr{}", now().format("%Y%m"))).to_ascii_lowercase();
    let domain = address::domain(&format!("x@{}", new.domain.trim()));
    let mut checks = Checks::default();
    checks.check(domain.as_deref().is_some_and(is_domain), "domain", "must be a domain name");
    checks.check(is_selector(&selector), "selector", "must be letters, digits, - and dots, as in a host name");
    checks.done()?;
    let domain = domain.unwrap_or_default();
    if tenant_id.is_some() && !sql::has_mailbox(&mut app.db.read(Scope::All), tenant_id, &domain).await? {
        return Err(Refused::invalid("domain", "no mailbox of the tenant is in this domain"));
    }
    let private = match new.pem {
        Some(pem) => PrivateKey::from_pem(&pem).map_err(|why| Refused::invalid("key", why))?,
        None => {
            let made = PrivateKey::generate(new.algorithm.unwrap_or(Algorithm::Rsa)).await;
            made.map_err(|why| Refused::invalid("key", why))?
        }
    };
    let mut key = DkimKey {
        id: DkimKeyId(0),
        tenant_id,
        domain,
        selector,
        algorithm: private.algorithm(),
        public_key: private.public_base64(),
        created_at: now(),
        retired_at: None,
    };
    let sealed = app.keys.seal(PURPOSE, &private.to_stored());
    let mut tx = app.db.write(tenant_id.map_or(Scope::All, Scope::Tenant)).await?;
    key.id = sql::insert(&mut tx, &key, sealed).await.map_err(Refused::taken("selector"))?;
    audit::record(&mut tx, actor, entry(&key, AuditKind::DkimMade)).await?;
    tx.commit().await?;
    Ok(key)
}

/// Lets a key sign no more. Its DNS record should stay for some days: mail that it signed may still be on its way.
///
/// # Errors
/// `NotFound` outside the scope, or of all tenants for a tenant's actor; `Denied`.
#[compiled_here]
pub async fn retire(app: &App, actor: &Actor, id: DkimKeyId) -> Result<DkimKey, Refused> {
    let found = sql::find(&mut app.db.read(Scope::All), id).await?;
    let own = |k: &DkimKey| match k.tenant_id {
        Some(tenant) => actor.sees_tenant(tenant),
        None => actor.within.is_none(),
    };
    let mut key = found.filter(own).ok_or(Refused::NotFound(Noun::DkimKey))?;
    actor.require(Capability::MailboxesManage)?;
    if key.retired_at.is_none() {
        key.retired_at = Some(now());
        let mut tx = app.db.write(key.tenant_id.map_or(Scope::All, Scope::Tenant)).await?;
        sql::retire(&mut tx, id, key.retired_at).await?;
        audit::record(&mut tx, actor, entry(&key, AuditKind::DkimRetired)).await?;
        tx.commit().await?;
    }
    Ok(key)
}

fn entry(key: &DkimKey, kind: AuditKind) -> Entry {
    let data = json!({"domain": key.domain, "selector": key.selector, "algorithm": key.algorithm});
    Entry { tenant: key.tenant_id, kind, subject: format!("dkim_key:{}", key.id), data }
}

fn is_domain(text: &str) -> bool {
    text.contains('.') && is_selector(text)
}

/// Labels of letters, digits and hyphens (RFC 6376 3.1).
fn is_selector(text: &str) -> bool {
    let label = |l: &str| {
        (1..=63).contains(&l.len())
            && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !l.starts_with('-')
            && !l.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

#[cfg(test)]
mod tests;
