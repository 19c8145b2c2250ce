//! Short forms of tokens (E3.2). A local part has at most 64 octets; where a mailbox's name leaves no room for a token,
//! a stored random handle of 80 bits stands for it.

use crate::compiled_here;
use crate::ids::TenantId;
use crate::keys;
use crate::store::{Exec, Result, Tx, insert_many, sql};
use std::collections::HashMap;

/// 80 bits as base32.
const LETTERS: usize = 16;

/// A handle to be stored with the mail that bears it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handle {
    /// What stands in the address.
    pub handle: String,
    /// The token it stands for.
    pub token: String,
}

/// Returns a new handle for a token.
pub fn mint(token: String) -> Handle {
    Handle { handle: keys::base32(&rand::random::<[u8; 10]>()), token }
}

/// Whether a tag may be a handle: then it is worth a look-up.
pub fn looks_like_one(tag: &str) -> bool {
    tag.len() == LETTERS && tag.bytes().all(|b| b.is_ascii_alphabetic() || (b'2'..=b'7').contains(&b))
}

/// Stores the handles of a tenant's mails.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn insert(tx: &mut Tx, new: Vec<(TenantId, Handle)>) -> Result<()> {
    if new.is_empty() {
        return Ok(());
    }
    let rows = new.into_iter().map(|(tenant, h)| vec![tenant.into(), h.handle.into(), h.token.into()]).collect();
    insert_many(tx, "INSERT INTO address_handles (tenant_id, handle, token)", rows, "").await?;
    Ok(())
}

/// Returns the tokens that `tags` stand for, by tag in lower case. Asks the database only for what may be a handle.
///
/// # Errors
/// See [`crate::store::Error`].
pub async fn resolve(
    ex: &mut impl Exec,
    tenant: TenantId,
    tags: impl Iterator<Item = &str>,
) -> Result<HashMap<String, String>> {
    let wanted: Vec<String> = tags.filter(|t| looks_like_one(t)).map(str::to_ascii_lowercase).collect();
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let q = sql("SELECT handle, token FROM address_handles WHERE tenant_id = ").arg(tenant).push(" AND handle IN ");
    let rows: Vec<(String, String)> = q.list(wanted.iter().map(String::as_str)).all(ex).await?;
    Ok(rows.into_iter().collect())
}
