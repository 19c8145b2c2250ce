//! The ids that our mail bears (E3.5, E3.6) and the loop guard (E5.2): all signed, all checked without a look-up.
//!
//! Ids are handled bare, as they are stored and compared (E1.11): without angle brackets, domain in lower case.
//! Composing adds the brackets.

use crate::ids::{TenantId, TicketId};
use crate::keys::{Keys, base32, from_base32};
use crate::mail_out::kinds::Kind;

/// The longest Message-ID, brackets included (E3.5).
pub const MAX_OCTETS: usize = 150;

const MAC_OCTETS: usize = 10;

/// What an id of ours says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OurId {
    /// A mail: `row` is the ticket message's id, or for mails without one their first outbox mail's (then `ticket`
    /// is the ticket it is about, None for mails about no ticket).
    Message { kind: Kind, row: i64, ticket: Option<TicketId> },
    /// The id that no mail bears and all mail about a ticket refers to.
    Anchor { ticket: TicketId },
}

/// Returns the Message-ID of a mail, bare. All copies of one message share it; a retry is the same mail.
pub fn mint(keys: &Keys, tenant: TenantId, kind: Kind, row: i64, ticket: Option<TicketId>, domain: &str) -> String {
    let body = format!("{kind}.{row}.{}", ticket.map_or(0, |t| t.0));
    signed(keys, tenant, &body, domain)
}

/// Returns a ticket's anchor, bare: first in References of all we send. Relays that replace our Message-ID leave
/// References alone.
pub fn anchor(keys: &Keys, tenant: TenantId, ticket: TicketId, domain: &str) -> String {
    signed(keys, tenant, &format!("t.{ticket}"), domain)
}

/// Returns what an id says if this instance minted it for this tenant, whatever its domain, with or without angle
/// brackets, in any case.
pub fn parse(keys: &Keys, tenant: TenantId, id: &str) -> Option<OurId> {
    let id = id.trim().trim_start_matches('<').trim_end_matches('>');
    let (local, _) = id.rsplit_once('@')?;
    let local = local.to_ascii_lowercase();
    let (body, tag) = local.rsplit_once('.')?;
    let tag = from_base32(tag).filter(|t| t.len() == MAC_OCTETS)?;
    if !keys.tenant_mac_fits(None, tenant, "message-id", &[body.as_bytes()], &tag) {
        return None;
    }
    let mut fields = body.split('.');
    let found = match fields.next()? {
        "t" => OurId::Anchor { ticket: fields.next()?.parse().ok()? },
        kind => OurId::Message {
            kind: kind.parse().ok()?,
            row: fields.next()?.parse().ok()?,
            ticket: Some(fields.next()?.parse().ok()?).filter(|t| *t != TicketId(0)),
        },
    };
    fields.next().is_none().then_some(found)
}

/// The domain that ids of Amazon SES are kept under: it tells its id bare, and sends it with its region's domain behind it.
const SES: &str = "amazonses.com";

/// Returns the Message-ID that a mail has since its relay gave it another one, from the id in the relay's final 250 (E3.7);
/// None if that id is only the relay's own name for the mail.
pub fn relayed(relay_id: &str) -> Option<String> {
    let id = relay_id.trim_matches(['<', '>']);
    match id.contains('@') {
        true => Some(id.to_owned()),
        false => id.ends_with("-000000").then(|| format!("{id}@{SES}")),
    }
}

/// Returns the form in which an id of Amazon SES is kept, whatever region sent it.
pub fn of_ses(id: &str) -> Option<String> {
    let (local, domain) = id.rsplit_once('@')?;
    let of_a_region = domain.strip_suffix(SES).is_some_and(|region| region.ends_with('.'));
    of_a_region.then(|| format!("{local}@{SES}"))
}

/// Returns the value of X-Loop-Guard: `{instance}.{tenant}.{row}.{mac}`, `row` being that
/// of its Message-ID.
pub fn mint_loop_guard(keys: &Keys, tenant: TenantId, row: i64) -> String {
    let body = format!("{}.{tenant}.{row}", keys.instance());
    let mac = keys.tenant_mac(tenant, "loop-guard", &[body.as_bytes()]);
    format!("{body}.{}", base32(&mac[..MAC_OCTETS]))
}

/// Returns the row that a loop guard names, if this instance made it for this tenant. Anything else is no loop:
/// else anyone could silence mail by a forged header.
pub fn verify_loop_guard(keys: &Keys, tenant: TenantId, value: &str) -> Option<i64> {
    let value = value.trim().to_ascii_lowercase();
    let (body, tag) = value.rsplit_once('.')?;
    let tag = from_base32(tag).filter(|t| t.len() == MAC_OCTETS)?;
    let fits = keys.tenant_mac_fits(None, tenant, "loop-guard", &[body.as_bytes()], &tag);
    fits.then(|| body.rsplit('.').next()?.parse().ok()).flatten()
}

fn signed(keys: &Keys, tenant: TenantId, body: &str, domain: &str) -> String {
    let mac = keys.tenant_mac(tenant, "message-id", &[body.as_bytes()]);
    let local = format!("{body}.{}", base32(&mac[..MAC_OCTETS]));
    let domain = domain.to_ascii_lowercase();
    // The domain is not signed and names nobody: of an over-long one the last labels do.
    let mut domain = domain.as_str();
    while "<>@".len() + local.len() + domain.len() > MAX_OCTETS {
        match domain.split_once('.') {
            Some((_, parent)) => domain = parent,
            None => break,
        }
    }
    format!("{local}@{domain}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const T: TenantId = TenantId(3);

    fn keys() -> Keys {
        Keys::new(b"secret", "1")
    }

    proptest! {
        /// E3.5.
        #[test]
        fn what_was_minted_is_read(kind in prop::sample::select(Kind::ALL.to_vec()), row in 0..i64::MAX, ticket in 0..i64::MAX) {
            let ticket = Some(TicketId(ticket)).filter(|t| t.0 != 0);
            let id = mint(&keys(), T, kind, row, ticket, "Help.Example");
            prop_assert!(id.ends_with("@help.example"));
            let expected = Some(OurId::Message { kind, row, ticket });
            prop_assert_eq!(parse(&keys(), T, &id), expected);
            prop_assert_eq!(parse(&keys(), T, &format!(" <{}> ", id.to_uppercase())), expected);
            let moved = id.replace("help.example", "eu-west-1.relay.example");
            prop_assert_eq!(parse(&keys(), T, &moved), expected);
            prop_assert_eq!(parse(&keys(), TenantId(4), &id), None);
        }

        /// E3.6.
        #[test]
        fn anchors_are_read(ticket in 0..i64::MAX) {
            let id = anchor(&keys(), T, TicketId(ticket), "help.example");
            prop_assert_eq!(parse(&keys(), T, &id), Some(OurId::Anchor { ticket: TicketId(ticket) }));
            prop_assert_eq!(parse(&keys(), TenantId(4), &id), None);
        }

        #[test]
        fn another_letter_anywhere_before_the_domain_is_refused(at: prop::sample::Index, letter in "[a-z0-9.]") {
            let id = mint(&keys(), T, Kind::Reply, 41, Some(TicketId(5)), "h.example");
            let at = at.index(id.find('@').unwrap());
            prop_assume!(id[at..=at] != letter);
            let changed = format!("{}{letter}{}", &id[..at], &id[at + 1..]);
            prop_assert_eq!(parse(&keys(), T, &changed), None);
        }

        #[test]
        fn any_text_is_refused_without_panic(text in "\\PC{0,80}") {
            prop_assert_eq!(parse(&keys(), T, &text), None);
            prop_assert_eq!(verify_loop_guard(&keys(), T, &text), None);
        }

        /// E5.2.
        #[test]
        fn loop_guards_are_checked(row in 0..i64::MAX) {
            let value = mint_loop_guard(&keys(), T, row);
            prop_assert_eq!(value.split('.').count(), 4);
            prop_assert_eq!(verify_loop_guard(&keys(), T, &value), Some(row));
            prop_assert_eq!(verify_loop_guard(&keys(), TenantId(4), &value), None);
            prop_assert_eq!(verify_loop_guard(&Keys::new(b"other", "1"), T, &value), None);
        }
    }

    #[test]
    fn an_anchor_is_no_message_and_a_guard_no_id() {
        let guard = mint_loop_guard(&keys(), T, 5);
        assert_eq!(parse(&keys(), T, &format!("{guard}@h.example")), None);
        assert_eq!(verify_loop_guard(&keys(), T, &anchor(&keys(), T, TicketId(5), "h.example")), None);
    }

    /// E3.5.
    #[test]
    fn even_the_longest_domain_gives_150_octets() {
        let domain = ["a".repeat(60), "b".repeat(60), "c".repeat(60), "example".into()].join(".");
        let id = mint(&keys(), T, Kind::Password, i64::MAX, Some(TicketId(i64::MAX)), &domain);
        assert!(id.len() + 2 <= MAX_OCTETS, "{}", id.len());
        assert!(id.ends_with(&format!("@{}.example", "c".repeat(60))));
        assert!(parse(&keys(), T, &id).is_some());
    }
}
