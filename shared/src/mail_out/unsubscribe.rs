//! One-click unsubscription (RFC 8058, E8.10): an opaque signed id that stands for a user and for a sort of mail.
//!
//! It needs no login and no cookie, as the mail program acts for its reader; so it can do one thing alone: switch that
//! sort of mail off, and on again.

use crate::access::Role;
use crate::compiled_here;
use crate::ids::{TenantId, UserId};
use crate::keys::{Keys, base32, from_base32};
use crate::store::{Db, Result, Scope};
use crate::{text_enum, users};

const DOMAIN: &str = "unsubscribe";
const MAC_OCTETS: usize = 12;
const ID_OCTETS: usize = 8;

text_enum! {
    /// A sort of mail that can be switched off.
    pub enum Sort ("sort of mail") {
        /// Notices and digests for agents.
        Notices = "notices",
        /// Requests to rate the help.
        Ratings = "ratings",
        /// Of the notices: that a ticket is theirs now.
        Assigned = "assigned",
        /// Of the notices: that a customer wrote.
        Answered = "answered",
    }
}

impl Sort {
    /// Whether users of the role ever get such mail.
    pub fn is_for(self, role: Role) -> bool {
        (self == Sort::Ratings) != role.is_agent()
    }

    /// Whether a user with these stored preferences wants it: what is part of the notices, only with them.
    pub fn is_wanted(self, preferences: &serde_json::Value) -> bool {
        let on = |sort: Sort| preferences[sort.as_str()].as_bool().unwrap_or(true);
        on(self) && (self == Sort::Ratings || on(Sort::Notices))
    }
}

/// What an id stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsubscribe {
    /// The tenant whose mail it stood in.
    pub tenant: TenantId,
    /// Who gets it.
    pub user: UserId,
    /// What.
    pub sort: Sort,
}

impl Unsubscribe {
    /// Returns the id, in lower case; equal for every mail of the sort to the user, until the key changes.
    pub fn mint(self, keys: &Keys) -> String {
        let body = self.body();
        let mac = keys.tenant_mac(self.tenant, DOMAIN, &[&body]);
        base32(&[&body[..], &mac[..MAC_OCTETS]].concat())
    }

    /// Reads an id, in whatever case it came back; None if we did not sign it.
    pub fn parse(keys: &Keys, text: &str) -> Option<Unsubscribe> {
        let bytes = from_base32(text)?;
        let (body, mac) = bytes.split_at_checked(2 * ID_OCTETS + 1)?;
        let id = |at: usize| Some(i64::from_be_bytes(body.get(at..at + ID_OCTETS)?.try_into().ok()?));
        let found = Unsubscribe {
            tenant: TenantId(id(0)?),
            user: UserId(id(ID_OCTETS)?),
            sort: *Sort::ALL.get(usize::from(*body.last()?))?,
        };
        let fits = mac.len() == MAC_OCTETS && keys.tenant_mac_fits(None, found.tenant, DOMAIN, &[body], mac);
        fits.then_some(found)
    }

    /// Returns the address that a mail names.
    pub fn url(self, keys: &Keys, base_url: &str) -> String {
        format!("{base_url}/unsubscribe/{}", self.mint(keys))
    }

    fn body(self) -> Vec<u8> {
        let sort = Sort::ALL.iter().position(|s| *s == self.sort).unwrap_or_default();
        [&self.tenant.0.to_be_bytes()[..], &self.user.0.to_be_bytes(), &[sort as u8]].concat()
    }
}

/// Switches the sort of mail off for its user, or on again. Doing it twice changes nothing.
///
/// # Errors
/// See [`crate::store::Error`].
#[compiled_here]
pub async fn act(db: &Db, what: Unsubscribe, on: bool) -> Result<()> {
    let mut tx = db.write(Scope::All).await?;
    users::set_preference(&mut tx, what.user, what.sort.as_str(), on.into()).await?;
    tx.commit().await
}

#[cfg(test)]
mod tests {
    use super::*;

    /// E8.10.
    #[test]
    fn an_id_is_read_again_and_no_other() {
        let keys = Keys::new(b"secret", "1");
        for &sort in Sort::ALL {
            let what = Unsubscribe { tenant: TenantId(3), user: UserId(i64::MAX), sort };
            let id = what.mint(&keys);
            assert!(id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()), "{id}");
            assert_eq!(Unsubscribe::parse(&keys, &id.to_uppercase()), Some(what));
            assert_eq!(Unsubscribe::parse(&Keys::new(b"other", "1"), &id), None);
            let mut bytes = from_base32(&id).unwrap();
            for bit in 0..bytes.len() * 8 {
                bytes[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(Unsubscribe::parse(&keys, &base32(&bytes)), None, "{bit}");
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
        }
        for text in ["", "x", "aaaa", "ü", &"a".repeat(500)] {
            assert_eq!(Unsubscribe::parse(&keys, text), None, "{text}");
        }
    }
}
