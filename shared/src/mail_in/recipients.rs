//! Whose a recipient address is: a mailbox's, a tag of one (E3.1), or the postmaster's, whom every domain has (RFC 5321
//! 4.5.1) and whose mail goes to the domain's first mailbox.

use super::keep::mailbox_keys;
use super::types::Facts;
use super::{Error, sql};
use crate::address;
use crate::app::App;
use crate::compiled_here;
use crate::ids::{MailboxId, TenantId};
use crate::mail_out::{handle, token};
use crate::store::{self, Db, Scope};
use std::collections::{BTreeSet, HashMap};

/// What an address is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recipient {
    /// Mail to it is taken.
    Known,
    /// It is nobody's here, though others of its domain are.
    Unknown,
    /// Nobody of its domain is here: taking it would be relaying.
    Foreign,
}

/// A mailbox, and whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub(super) struct Place {
    #[sqlx(rename = "tenant_id")]
    pub tenant: TenantId,
    #[sqlx(rename = "id")]
    pub mailbox: MailboxId,
    #[sqlx(rename = "split_per_mailbox")]
    pub own_tickets: bool,
}

/// Tells whether mail to an address is taken, for doors that can refuse a single recipient (E10.2). Behind `+` any tag
/// is (RFC 5233); behind the other separators, which names have too, only a token of ours or its handle.
///
/// # Errors
/// If the store cannot be asked.
#[compiled_here]
pub async fn recipient(app: &App, address: &str) -> Result<Recipient, Error> {
    let keys = mailbox_keys(address);
    let found = sql::mailboxes_by_key(&app.db, &keys.iter().cloned().collect()).await?;
    let own = &keys[0];
    if found.contains_key(own) {
        return Ok(Recipient::Known);
    }
    for (mailbox, Place { tenant, .. }) in &found {
        let Some(tag) = token::split(own, mailbox) else { continue };
        let local = mailbox.rsplit_once('@').map_or(mailbox.len(), |(local, _)| local.len());
        let known = own[local..].starts_with('+')
            || token::parse(&app.keys, *tenant, tag).is_ok()
            || !handle::resolve(&mut app.db.read(Scope::Tenant(*tenant)), *tenant, std::iter::once(tag))
                .await?
                .is_empty();
        if known {
            return Ok(Recipient::Known);
        }
    }
    let postmaster =
        is_postmaster(own) && !mailboxes_of(&app.db, std::iter::once(&address.to_owned())).await?.is_empty();
    if postmaster {
        return Ok(Recipient::Known);
    }
    let ours = match address::domain(own) {
        Some(domain) => {
            sql::all_mailboxes(&app.db).await?.iter().any(|(m, ..)| address::domain(m).as_ref() == Some(&domain))
        }
        // `postmaster` and the like, without a domain, are asked of us.
        None => true,
    };
    Ok(if ours { Recipient::Unknown } else { Recipient::Foreign })
}

/// Returns the recipients that a mail's own head names and that are mailboxes of `tenant`, for a door that is one
/// tenant's and knows no envelope.
///
/// # Errors
/// If the store cannot be asked.
#[compiled_here]
pub async fn recipients_of_tenant(app: &App, tenant: TenantId, raw: &[u8]) -> Result<Vec<String>, Error> {
    let named = super::keep::recipients_of(&Facts::default(), raw);
    let found = mailboxes_of(&app.db, named.iter()).await?;
    let mut ours: Vec<String> = Vec::new();
    for address in named {
        if found.get(&address).is_some_and(|of| of.tenant == tenant) && !ours.contains(&address) {
            ours.push(address);
        }
    }
    Ok(ours)
}

/// Finds the mailboxes of addresses; those without one are missing.
///
/// # Errors
/// See [`store::Error`].
pub(super) async fn mailboxes_of(
    db: &Db,
    addresses: impl Iterator<Item = &String> + Clone,
) -> store::Result<HashMap<String, Place>> {
    let keys: BTreeSet<String> = addresses.clone().flat_map(|a| mailbox_keys(a)).collect();
    let mailboxes = sql::mailboxes_by_key(db, &keys).await?;
    let mut found = HashMap::new();
    let mut all = None;
    for address in addresses {
        let home = mailbox_keys(address).into_iter().find_map(|k| mailboxes.get(&k)).copied();
        let home = match (home, is_postmaster(&address::key(address))) {
            (None, true) => {
                if all.is_none() {
                    all = Some(sql::all_mailboxes(db).await?);
                }
                of_postmaster(&address::key(address), all.as_deref().unwrap_or_default())
            }
            (home, _) => home,
        };
        found.extend(home.map(|home| (address.clone(), home)));
    }
    Ok(found)
}

fn is_postmaster(key: &str) -> bool {
    key.split('@').next() == Some("postmaster")
}

/// The first mailbox of the postmaster's domain; without a domain, the very first one.
fn of_postmaster(key: &str, all: &[(String, Place)]) -> Option<Place> {
    let domain = key.split_once('@').map(|(_, domain)| domain);
    let fits = |mailbox: &str| domain.is_none_or(|d| mailbox.rsplit_once('@').is_some_and(|(_, m)| m == d));
    all.iter().find(|(mailbox, _)| fits(mailbox)).map(|(_, place)| *place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{TicketId, UserId};
    use crate::mail_out::token::Token;
    use crate::store::testing::{on_both_apps, seed};

    /// E10.2, E10.7, E3.1, E3.2.
    #[tokio::test]
    async fn mailboxes_their_tags_tokens_handles_and_postmasters_are_known() {
        on_both_apps(async |app| {
            seed(
                &app.db,
                "INSERT INTO tenants (id, slug, name, audience, pid_prefix, locale, settings, created_at) VALUES \
                 (7, 'ka', 'K', 'public', 'KA', 'en', '{}', '2026-11-01T00:00:00+00:00'); \
                 INSERT INTO mailboxes (tenant_id, address, address_key, name, tag_separator, active, created_at) VALUES \
                 (7, 'Help@ka.example', 'help@ka.example', 'K', '-', TRUE, '2026-11-01T00:00:00+00:00'), \
                 (7, 'old@gone.example', 'old@gone.example', 'K', '+', FALSE, '2026-11-01T00:00:00+00:00'); \
                 INSERT INTO address_handles (tenant_id, handle, token) VALUES (7, 'abcdefghijklmnop', 'x')",
            )
            .await;
            let token = Token::Reply { ticket: TicketId(3), participant: UserId(4) };
            let token = token::mint(&app.keys, TenantId(7), token);
            let other = token::mint(&app.keys, TenantId(1), Token::Reply { ticket: TicketId(3), participant: UserId(4) });
            for (address, expected) in [
                ("support@desk.example", true),
                ("SUPPORT@Desk.Example", true),
                ("support+anything@desk.example", true),
                ("help@ka.example", true),
                (&format!("HELP-{}@ka.example", token.to_uppercase()), true),
                ("help-ABCDEFGHIJKLMNOP@ka.example", true),
                ("help-bcdefghijklmnopa@ka.example", false),
                (&format!("help-{other}@ka.example"), false),
                ("help-desk@ka.example", false),
                ("postmaster", true),
                ("Postmaster@KA.example", true),
                ("postmaster@elsewhere.example", false),
                ("postmaster@gone.example", false),
                ("old@gone.example", false),
                ("nobody@desk.example", false),
                ("support@elsewhere.example", false),
                ("", false),
                ("@", false),
            ] {
                let found = recipient(&app, address).await.expect("the store answers");
                assert_eq!(found == Recipient::Known, expected, "{address}");
            }
        })
        .await;
    }
}
