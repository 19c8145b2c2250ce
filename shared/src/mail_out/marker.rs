//! The mark in a mail's text (E3.8): `ref:{PID}.{mac16}` says which ticket the mail is about where neither its addresses nor
//! its headers survive. Anybody who has the mail can read and repeat it, so it proves no more than an id of ours (E4.4).

use crate::ids::TenantId;
use crate::keys::{Keys, base32, from_base32};

const BEGINS: &str = "ref:";
const MAC_OCTETS: usize = 10;
const MAC_LETTERS: usize = 16;
/// The longest PID: a prefix, the month, the number.
const MOST_PID: usize = 40;
/// How many marks of a text are looked at.
const MOST_MARKS: usize = 50;

/// Returns the mark of a ticket.
pub fn mint(keys: &Keys, tenant: TenantId, pid: &str) -> String {
    let mac = keys.tenant_mac(tenant, "marker", &[pid.as_bytes()]);
    format!("{BEGINS}{pid}.{}", base32(&mac[..MAC_OCTETS]))
}

/// What a text has that looks like a mark.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The PIDs of those that are ours, each once, in order.
    pub pids: Vec<String>,
    /// Those that are not.
    pub forged: Vec<String>,
}

/// Finds the marks in a text, quoted or not, in any case.
pub fn find(keys: &Keys, tenant: TenantId, text: &str) -> Found {
    let mut found = Found::default();
    let mut rest = text;
    for _ in 0..MOST_MARKS {
        let Some(at) = next(rest) else { break };
        rest = &rest[at + BEGINS.len()..];
        let Some((pid, tag)) = candidate(rest) else { continue };
        let pid = pid.to_ascii_uppercase();
        let is_ours =
            from_base32(tag).is_some_and(|tag| keys.tenant_mac_fits(None, tenant, "marker", &[pid.as_bytes()], &tag));
        let list = if is_ours { &mut found.pids } else { &mut found.forged };
        if !list.contains(&pid) {
            list.push(pid);
        }
    }
    found
}

fn next(text: &str) -> Option<usize> {
    text.as_bytes().windows(BEGINS.len()).position(|w| w.eq_ignore_ascii_case(BEGINS.as_bytes()))
}

/// The PID and the MAC, if what follows has the form of a mark.
fn candidate(text: &str) -> Option<(&str, &str)> {
    let (pid, after) = text.split_once('.')?;
    let form = pid.len() <= MOST_PID && crate::mail_in::looks_like_pid(pid);
    let tag = after.get(..MAC_LETTERS).filter(|t| t.bytes().all(|b| b.is_ascii_alphanumeric()))?;
    let ends = !after[MAC_LETTERS..].starts_with(|c: char| c.is_alphanumeric());
    (form && ends).then_some((pid, tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// E3.8.
    #[test]
    fn what_was_minted_is_read_wherever_it_stands() {
        let keys = Keys::new(b"secret", "epoch");
        let tenant = TenantId(1);
        let mark = mint(&keys, tenant, "KA-202611-0004");
        assert_eq!(mark.rsplit('.').next().map(str::len), Some(MAC_LETTERS));
        let pids = |text: &str| find(&keys, tenant, text).pids;
        for text in [mark.clone(), format!("> > {mark}\n"), format!("see ({mark})."), mark.to_uppercase()] {
            assert_eq!(pids(&text), ["KA-202611-0004"], "{text}");
        }
        assert_eq!(pids(&format!("{mark}\n{mark}")).len(), 1);
    }

    /// E3.8: another tenant's, another ticket's, a changed and an unfinished one are none.
    #[test]
    fn what_is_not_ours_is_none() {
        let keys = Keys::new(b"secret", "epoch");
        let mark = mint(&keys, TenantId(1), "202611-0004");
        let none = |text: &str| assert!(find(&keys, TenantId(1), text).pids.is_empty(), "{text}");
        none(&mark.replace("0004", "0005"));
        none(&mint(&keys, TenantId(2), "202611-0004"));
        none(&mark[..mark.len() - 1]);
        none(&format!("{mark}a"));
        let (head, last) = mark.split_at(mark.len() - 1);
        none(&format!("{head}{}", if last == "a" { "b" } else { "a" }));
        none("ref:202611-0004. and ref: nothing");
        assert_eq!(find(&keys, TenantId(1), &mark.replace("0004", "0005")).forged, ["202611-0005"]);
    }
}
