//! Signed tags of our addresses (E3.1 to E3.4): `support+{token}@example.com` says which ticket and whom an answer
//! belongs to, and nobody can make one up.
//!
//! A token is base32 of: one octet of key version and purpose, the ids as varints, and 10 octets of MAC. Reply
//! tokens carry a ticket and a participant, bounce tokens an outbox mail. Purposes are not valid for each other.

use crate::ids::{OutboxId, TenantId, TicketId, UserId};
use crate::keys::{Keys, base32, from_base32};

/// The highest key version that a token can name.
pub const MAX_VERSION: u8 = 63;
/// The longest local part that every mail system takes (RFC 5321 4.5.3.1.1).
pub const MAX_LOCAL_OCTETS: usize = 64;
/// The characters that may stand between a mailbox's name and a token.
pub const SEPARATORS: [char; 3] = ['+', '=', '-'];

const MAC_OCTETS: usize = 10;
const DOMAIN: &str = "address";
/// Shortest and longest base32: one octet of head, one or two varints of 1 to 9 octets, the MAC.
const TEXT_LENGTH: std::ops::RangeInclusive<usize> = 20..=47;

/// What a valid token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token {
    /// An answer of a participant (purpose `r`).
    Reply { ticket: TicketId, participant: UserId },
    /// An answer of an agent to a notice (purpose `a`).
    Agent { ticket: TicketId, agent: UserId },
    /// A report about one outbox mail (purpose `b`).
    Bounce { outbox: OutboxId },
    /// A mailbox's probe (E3.1), which comes back as what it is (purpose `p`).
    Probe { outbox: OutboxId },
}

// Part of the format: never renumber.
const REPLY: u8 = 0;
const AGENT: u8 = 1;
const BOUNCE: u8 = 2;
const PROBE: u8 = 3;

impl Token {
    fn purpose(self) -> u8 {
        match self {
            Token::Reply { .. } => REPLY,
            Token::Agent { .. } => AGENT,
            Token::Bounce { .. } => BOUNCE,
            Token::Probe { .. } => PROBE,
        }
    }
}

/// Why a text is no valid token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It has a token's form, but was not signed by this instance for this tenant: `token_invalid` in the trace.
    #[error("token is not signed by us for this tenant")]
    BadMac,
    /// It is something else, for example somebody's own plus tag.
    #[error("not a token")]
    NotAToken,
}

/// Returns the text of a token, in lower case. Equal tokens have equal texts until the key changes.
pub fn mint(keys: &Keys, tenant: TenantId, token: Token) -> String {
    let mut bytes = vec![keys.version() << 2 | token.purpose()];
    match token {
        Token::Reply { ticket, participant: user } | Token::Agent { ticket, agent: user } => {
            push_varint(&mut bytes, ticket.0);
            push_varint(&mut bytes, user.0);
        }
        Token::Bounce { outbox } | Token::Probe { outbox } => push_varint(&mut bytes, outbox.0),
    }
    let mac = keys.tenant_mac(tenant, DOMAIN, &[&bytes]);
    bytes.extend_from_slice(&mac[..MAC_OCTETS]);
    base32(&bytes)
}

/// Returns what a token says, in whatever case it came back. The MAC is compared in constant time, under the key
/// version that the token names (E3.3); there is no other expiry.
///
/// # Errors
/// `NotAToken` if the text cannot be one by its letters and length, else `BadMac`.
pub fn parse(keys: &Keys, tenant: TenantId, token: &str) -> Result<Token, TokenError> {
    let base32_letters = |b: u8| b.is_ascii_alphabetic() || (b'2'..=b'7').contains(&b);
    if !TEXT_LENGTH.contains(&token.len()) || !token.bytes().all(base32_letters) {
        return Err(TokenError::NotAToken);
    }
    // From here on it has the form of a token: whatever is wrong with it, somebody changed or made it up.
    let bytes = from_base32(token).ok_or(TokenError::BadMac)?;
    let (body, tag) = bytes.split_at(bytes.len() - MAC_OCTETS);
    if !keys.tenant_mac_fits(Some(body[0] >> 2), tenant, DOMAIN, &[body], tag) {
        return Err(TokenError::BadMac);
    }
    read(body).ok_or(TokenError::BadMac)
}

/// Returns a mailbox's address with a token: `{local}{separator}{token}@{domain}`. None if the local part would be
/// longer than 64 octets (E3.2) or the address has no `@`.
pub fn address(mailbox: &str, separator: char, token: &str) -> Option<String> {
    let (local, domain) = mailbox.rsplit_once('@')?;
    let length = local.len() + separator.len_utf8() + token.len();
    (length <= MAX_LOCAL_OCTETS).then(|| format!("{local}{separator}{token}@{domain}"))
}

/// Returns what follows the mailbox's name in a recipient address, be it a token or not; None if the address is not
/// the mailbox's with a tag. Separator and case do not matter.
pub fn split<'a>(recipient: &'a str, mailbox: &str) -> Option<&'a str> {
    let (local, domain) = recipient.rsplit_once('@')?;
    let (base, base_domain) = mailbox.rsplit_once('@')?;
    let (name, tag) = (local.get(..base.len())?, local.get(base.len()..)?);
    let same = name.eq_ignore_ascii_case(base) && domain.eq_ignore_ascii_case(base_domain);
    tag.strip_prefix(SEPARATORS).filter(|tag| same && !tag.is_empty())
}

fn read(body: &[u8]) -> Option<Token> {
    let (head, mut rest) = body.split_first()?;
    let mut id = || take_varint(&mut rest);
    let token = match head & 3 {
        REPLY => Token::Reply { ticket: TicketId(id()?), participant: UserId(id()?) },
        AGENT => Token::Agent { ticket: TicketId(id()?), agent: UserId(id()?) },
        BOUNCE => Token::Bounce { outbox: OutboxId(id()?) },
        _ => Token::Probe { outbox: OutboxId(id()?) },
    };
    rest.is_empty().then_some(token)
}

/// Appends seven bits an octet, lowest first. Row ids are never negative.
fn push_varint(bytes: &mut Vec<u8>, id: i64) {
    let mut left = id.unsigned_abs();
    while left >= 0x80 {
        bytes.push(left as u8 | 0x80);
        left >>= 7;
    }
    bytes.push(left as u8);
}

fn take_varint(bytes: &mut &[u8]) -> Option<i64> {
    let mut value = 0u64;
    for shift in (0..63).step_by(7) {
        let (&octet, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(octet & 0x7f) << shift;
        if octet < 0x80 {
            return i64::try_from(value).ok();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const T: TenantId = TenantId(7);

    fn keys() -> Keys {
        Keys::new(b"secret", "1")
    }

    fn id() -> impl Strategy<Value = i64> {
        prop_oneof![0..200i64, 0..=i64::MAX]
    }

    fn any_token() -> impl Strategy<Value = Token> {
        (0..3u8, id(), id()).prop_map(|(purpose, a, b)| match purpose {
            REPLY => Token::Reply { ticket: TicketId(a), participant: UserId(b) },
            AGENT => Token::Agent { ticket: TicketId(a), agent: UserId(b) },
            _ => Token::Bounce { outbox: OutboxId(a) },
        })
    }

    proptest! {
        /// E3.1.
        #[test]
        fn what_was_minted_is_read(token in any_token()) {
            let text = mint(&keys(), T, token);
            prop_assert!(TEXT_LENGTH.contains(&text.len()), "{}", text.len());
            prop_assert_eq!(parse(&keys(), T, &text), Ok(token));
            prop_assert_eq!(parse(&keys(), T, &text.to_uppercase()), Ok(token));
        }

        /// T22: whichever bit of the token's octets is turned.
        /// E3.1.
        #[test]
        fn a_flipped_bit_is_refused(token in any_token(), at: prop::sample::Index) {
            let token = mint(&keys(), T, token);
            let mut bytes = from_base32(&token).unwrap();
            let bit = at.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(parse(&keys(), T, &base32(&bytes)), Err(TokenError::BadMac));
        }

        #[test]
        fn another_tenant_secret_or_epoch_refuses(token in any_token(), tenant in 0..1000i64) {
            prop_assume!(tenant != T.0);
            let token = mint(&keys(), T, token);
            prop_assert_eq!(parse(&keys(), TenantId(tenant), &token), Err(TokenError::BadMac));
            prop_assert_eq!(parse(&Keys::new(b"other", "1"), T, &token), Err(TokenError::BadMac));
            prop_assert_eq!(parse(&Keys::new(b"secret", "2"), T, &token), Err(TokenError::BadMac));
        }

        #[test]
        fn any_text_is_refused_without_panic(text in "\\PC{0,70}", letters in "[a-z2-7]{20,47}") {
            prop_assert!(parse(&keys(), T, &text).is_err());
            prop_assert_eq!(parse(&keys(), T, &letters), Err(TokenError::BadMac));
        }

        #[test]
        fn addresses_come_apart(local in "[a-z.]{1,20}", sep in prop::sample::select(SEPARATORS.to_vec()), token in any_token()) {
            let mailbox = format!("{local}@help.example");
            let text = mint(&keys(), T, token);
            let Some(tagged) = address(&mailbox, sep, &text) else {
                prop_assert!(local.len() + 1 + text.len() > MAX_LOCAL_OCTETS);
                return Ok(());
            };
            prop_assert_eq!(split(&tagged, &mailbox), Some(text.as_str()));
            let shouted = tagged.to_uppercase();
            prop_assert_eq!(parse(&keys(), T, split(&shouted, &mailbox).unwrap()), Ok(token));
        }
    }

    /// E3.1: the purpose is signed, so that turning one token into another purpose's breaks it.
    #[test]
    fn purposes_are_not_valid_for_each_other() {
        let (ticket, participant, agent) = (TicketId(5), UserId(6), UserId(6));
        let all = [
            Token::Reply { ticket, participant },
            Token::Agent { ticket, agent },
            Token::Bounce { outbox: OutboxId(5) },
        ];
        for token in all {
            for purpose in 0..4 {
                let mut bytes = from_base32(&mint(&keys(), T, token)).unwrap();
                bytes[0] = bytes[0] & !3 | purpose;
                assert_eq!(parse(&keys(), T, &base32(&bytes)).is_ok(), purpose == token.purpose());
            }
        }
    }

    /// E3.3.
    #[test]
    fn tokens_of_an_older_key_stay_valid() {
        let token = Token::Bounce { outbox: OutboxId(1) };
        let old = mint(&keys(), T, token);
        let rotated = Keys::with_versions(&[(2, b"new"), (1, b"secret")], "1");
        assert!(parse(&rotated, T, &old).is_ok());
        assert!(parse(&rotated, T, &mint(&rotated, T, token)).is_ok());
        assert_eq!(parse(&keys(), T, &mint(&rotated, T, token)), Err(TokenError::BadMac));
    }

    /// E3.2.
    #[test]
    fn the_local_part_never_passes_64_octets() {
        let token = Token::Reply { ticket: TicketId(123_456_789), participant: UserId(123_456_789) };
        let token = mint(&keys(), T, token);
        for length in 1..=64 {
            let mailbox = format!("{}@help.example", "a".repeat(length));
            match address(&mailbox, '+', &token) {
                Some(tagged) => assert!(tagged.split('@').next().unwrap().len() <= MAX_LOCAL_OCTETS),
                None => assert!(length + 1 + token.len() > MAX_LOCAL_OCTETS),
            }
        }
        assert!(address(&format!("{}@help.example", "a".repeat(30)), '+', &token).is_some());
    }

    #[test]
    fn other_tags_and_other_boxes_are_told_apart() {
        assert_eq!(split("support+sales@help.example", "support@help.example"), Some("sales"));
        assert_eq!(parse(&keys(), T, "sales"), Err(TokenError::NotAToken));
        assert_eq!(split("support@help.example", "support@help.example"), None);
        assert_eq!(split("support+@help.example", "support@help.example"), None);
        assert_eq!(split("supporter+x@help.example", "support@help.example"), None);
        assert_eq!(split("support+x@other.example", "support@help.example"), None);
        assert_eq!(split("süpport+x@help.example", "s@help.example"), None);
    }
}
