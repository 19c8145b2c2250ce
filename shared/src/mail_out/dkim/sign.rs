//! Signing: rsa-sha256 (and ed25519-sha256 beside it), relaxed/relaxed, From signed twice so that no second one can be
//! added, no `l=` (E8.9).

use super::key::PrivateKey;
use super::{Algorithm, PURPOSE, sql};
use crate::address;
use crate::ids::{DkimKeyId, TenantId};
use crate::keys::Keys;
use crate::store::{Exec, Result};
use mail_auth::common::crypto::{Ed25519Key, RsaKey, Sha256, SigningKey};
use mail_auth::common::headers::HeaderWriter;
use mail_auth::dkim::{Canonicalization, DkimSigner};
use rustls::pki_types::PrivateKeyDer;
use std::sync::Arc;

/// What is signed of a mail's header, as far as it is there (E8.9).
const SIGNED: [&str; 14] = [
    "From",
    "To",
    "Cc",
    "Subject",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Reply-To",
    "MIME-Version",
    "Content-Type",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "Auto-Submitted",
];

/// The keys that sign one domain's mail: the newest of each algorithm.
#[derive(Debug, Clone, Default)]
pub struct Signer(Vec<Arc<Active>>);

#[derive(Debug)]
struct Active {
    id: DkimKeyId,
    tenant_id: Option<TenantId>,
    domain: String,
    selector: String,
    algorithm: Algorithm,
    stored: Vec<u8>,
}

/// The keys of several domains, read once for a batch of mails.
#[derive(Debug, Default)]
pub struct Signers(Vec<Arc<Active>>);

impl Signers {
    /// Reads the keys that sign mail from `addresses`.
    ///
    /// # Errors
    /// See [`crate::store::Error`].
    pub async fn load(ex: &mut impl Exec, keys: &Keys, addresses: impl Iterator<Item = &str>) -> Result<Signers> {
        let mut domains: Vec<String> = addresses.filter_map(address::domain).collect();
        domains.sort_unstable();
        domains.dedup();
        if domains.is_empty() {
            return Ok(Signers::default());
        }
        let mut found = Vec::new();
        for key in sql::active(ex, &domains).await? {
            let Some(stored) = keys.unseal(PURPOSE, &key.sealed_key) else {
                tracing::error!(dkim_key.id = key.id.0, "a DKIM key was sealed with another secret and signs nothing");
                continue;
            };
            let sql::Active { id, tenant_id, domain, selector, algorithm, .. } = key;
            found.push(Arc::new(Active { id, tenant_id, domain, selector, algorithm, stored }));
        }
        Ok(Signers(found))
    }

    /// Returns what signs a tenant's mail from `address`: its own keys before those of all tenants.
    pub fn of(&self, tenant: TenantId, address: &str) -> Signer {
        let domain = address::domain(address);
        let fits = |k: &&Arc<Active>| Some(&k.domain) == domain.as_ref();
        let newest = |algorithm: Algorithm| {
            let of = |owner: Option<TenantId>| {
                self.0.iter().filter(fits).find(|k| k.algorithm == algorithm && k.tenant_id == owner)
            };
            of(Some(tenant)).or_else(|| of(None)).cloned()
        };
        Signer(Algorithm::ALL.iter().filter_map(|a| newest(*a)).collect())
    }
}

impl Signer {
    /// Returns the mail with its signatures before it; as it is where no key signs.
    ///
    /// # Errors
    /// One clause for people: a key that can no longer sign must not let mail go out unsigned by accident.
    pub fn sign(&self, mail: Vec<u8>) -> std::result::Result<Vec<u8>, String> {
        if self.0.is_empty() {
            return Ok(mail);
        }
        let headers = signed_headers(&mail);
        let mut out = Vec::with_capacity(mail.len() + 1024);
        for key in &self.0 {
            let header = key.signature(&mail, &headers).ok_or_else(|| format!("DKIM key {} cannot sign", key.id))?;
            out.extend_from_slice(header.as_bytes());
        }
        out.extend_from_slice(&mail);
        Ok(out)
    }
}

impl Active {
    fn signature(&self, mail: &[u8], headers: &[&'static str]) -> Option<String> {
        let der = PrivateKey::der_of(&self.stored)?;
        match (self.algorithm, der) {
            (Algorithm::Rsa, der) => self.signed_by(RsaKey::<Sha256>::from_key_der(der).ok()?, mail, headers),
            (Algorithm::Ed25519, PrivateKeyDer::Pkcs8(der)) => {
                let key = Ed25519Key::from_pkcs8_maybe_unchecked_der(der.secret_pkcs8_der()).ok()?;
                self.signed_by(key, mail, headers)
            }
            _ => None,
        }
    }

    fn signed_by<K: SigningKey>(&self, key: K, mail: &[u8], headers: &[&'static str]) -> Option<String> {
        let signer = DkimSigner::from_key(key)
            .domain(&self.domain)
            .selector(&self.selector)
            .headers(headers.iter().copied())
            .header_canonicalization(Canonicalization::Relaxed)
            .body_canonicalization(Canonicalization::Relaxed);
        Some(signer.sign(mail).ok()?.to_header())
    }
}

/// The names to sign: those that the mail has, and From once more than it has it.
fn signed_headers(mail: &[u8]) -> Vec<&'static str> {
    let end = mail.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or(mail.len());
    let present = |name: &&&str| {
        mail[..end].split(|b| *b == b'\n').any(|line| {
            line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
                && line.get(name.len()) == Some(&b':')
        })
    };
    SIGNED.iter().filter(present).copied().chain(["From"]).collect()
}
