//! What a failure means (E9.12): by wording where it is plain, else by enhanced status (RFC 3463).
//!
//! Servers give `5.1.1` for a full mailbox and `5.7.1` for an unknown user; what they write is more exact than the code.

use crate::mail_in::types::BounceKind;

/// Returns the enhanced status code of a text (`5.1.1`): the first one that stands behind a reply code, else the first.
pub fn enhanced(text: &str) -> Option<String> {
    let mut first = None;
    let mut from = 0;
    while let Some((start, end)) = next_code(text, from) {
        if behind_reply_code(&text[..start]) {
            return Some(text[start..end].to_owned());
        }
        first.get_or_insert((start, end));
        from = end;
    }
    first.map(|(start, end)| text[start..end].to_owned())
}

fn next_code(text: &str, from: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let digits = |from: usize| bytes.get(from..).unwrap_or_default().iter().take_while(|b| b.is_ascii_digit()).count();
    (from..bytes.len()).find_map(|at| {
        if !matches!(bytes[at], b'2' | b'4' | b'5') || bytes.get(at + 1) != Some(&b'.') {
            return None;
        }
        if at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || matches!(bytes[at - 1], b'.' | b'_' | b'/' | b'@')) {
            return None;
        }
        let subject = digits(at + 2);
        let dot = at + 2 + subject;
        if !(1..=3).contains(&subject) || bytes.get(dot) != Some(&b'.') {
            return None;
        }
        let detail = digits(dot + 1);
        let end = dot + 1 + detail;
        // `5.1.1.2` is an address or a version.
        let goes_on = match bytes.get(end) {
            Some(b'.') => bytes.get(end + 1).is_some_and(u8::is_ascii_digit),
            Some(b) => b.is_ascii_alphanumeric(),
            None => false,
        };
        ((1..=3).contains(&detail) && !goes_on).then_some((at, end))
    })
}

/// `550 5.1.1`, `550-5.1.1`, `550-'5.1.1`.
fn behind_reply_code(before: &str) -> bool {
    let before = before.trim_end_matches([' ', '-', '\'', '"', '#', '(']);
    let bytes = before.as_bytes();
    let [.., a, b, c] = bytes else { return false };
    matches!(a, b'2' | b'4' | b'5')
        && b.is_ascii_digit()
        && c.is_ascii_digit()
        && (bytes.len() == 3 || !bytes[bytes.len() - 4].is_ascii_alphanumeric())
}

/// Returns the first SMTP reply code of a text that begins a word and is followed by a blank or dash.
pub fn reply_code(text: &str) -> Option<u16> {
    let bytes = text.as_bytes();
    (0..bytes.len()).find_map(|at| {
        let [a @ (b'2' | b'4' | b'5'), b @ b'0'..=b'7', c] = bytes.get(at..at + 3)? else { return None };
        let begins =
            at == 0 || !(bytes[at - 1].is_ascii_alphanumeric() || matches!(bytes[at - 1], b'.' | b'-' | b'_' | b'@'));
        let ends = matches!(bytes.get(at + 3), None | Some(b' ' | b'-' | b':' | b'\n' | b',' | b';'));
        (begins && ends && c.is_ascii_digit())
            .then(|| u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0'))
    })
}

/// Chooses between the Status field and the code in the diagnostic text: the latter if the field is absent or
/// says nothing (`5.0.0`).
pub fn better(field: Option<String>, said: Option<String>) -> Option<String> {
    match (field, said) {
        (Some(field), Some(said)) if vague(&field) && !vague(&said) && class(&field) == class(&said) => Some(said),
        (Some(field), _) => Some(field),
        (None, said) => said,
    }
}

fn vague(status: &str) -> bool {
    status[1..] == *".0.0"
}

fn class(status: &str) -> u8 {
    status.as_bytes().first().copied().unwrap_or(b'5')
}

/// The action that a status alone stands for.
pub fn action_of(status: Option<&str>) -> &'static str {
    match status.map(class) {
        Some(b'2') => "delivered",
        Some(b'4') => "delayed",
        _ => "failed",
    }
}

/// Most of what is said of a recipient that is looked through.
const MAX_SAID: usize = 16 * 1024;

/// How a recipient's line is to be taken: delayed and delivered by action, hard as E9.12 says, all else soft.
/// `text` is what the report says of this recipient.
pub fn kind(action: &str, status: Option<&str>, text: &str) -> BounceKind {
    match action {
        "delayed" => return BounceKind::Delayed,
        "delivered" | "relayed" | "expanded" | "deliverable" => return BounceKind::Delivered,
        _ => {}
    }
    let text = squeezed(&text[..text.floor_char_boundary(MAX_SAID)]);
    // A mailbox that is inactive may come back, unless the code says that there is none.
    if status == Some("5.1.1") && SUSPENDED.iter().any(|s| text.contains(s)) {
        return BounceKind::Hard;
    }
    // The mailbox is there, but takes nothing (RFC 3463: "may be only temporary"); that it is unknown holds only of a
    // server that says so when asked for the recipient.
    if status == Some("5.2.1") && USER_UNKNOWN.iter().any(|u| text.contains(u)) && !at_rcpt(&text) {
        return BounceKind::Soft;
    }
    let known_code = matches!(status, Some("5.1.1" | "5.1.2" | "5.1.3" | "5.1.6" | "5.1.10"));
    if let Some(hard) = by_wording(&text, known_code) {
        return if hard { BounceKind::Hard } else { BounceKind::Soft };
    }
    match status {
        Some("5.1.1" | "5.1.2" | "5.1.3" | "5.1.6" | "5.1.10" | "5.2.1" | "5.4.4") => BounceKind::Hard,
        _ => BounceKind::Soft,
    }
}

/// The recipient was refused when it was named, or the reporter itself calls the mailbox bad.
fn at_rcpt(text: &str) -> bool {
    ["rcpt", "recipient address rejected", "bad-mailbox"].iter().any(|w| text.contains(w))
}

/// Whether a refusal's text says that there is no room.
pub fn says_full(text: &str) -> bool {
    let text = squeezed(text);
    FULL.iter().any(|words| text.contains(words))
}

/// Lower case, white space collapsed.
fn squeezed(text: &str) -> String {
    // IronPort writes this before every reply that it relays.
    text.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ").replace("unknown address error", "")
}

/// Tells whether the wording means that the address will never work; None if it says nothing plain. `bad_address`: the
/// code says that the address is bad.
fn by_wording(text: &str, bad_address: bool) -> Option<bool> {
    let has = |words: &[&str]| words.iter().any(|w| text.contains(w));
    if has(MOVED) {
        return Some(true);
    }
    // An address that was taken at RCPT is known; what was refused then is the content (E9.12, filtered).
    if has(AFTER_DATA) && !has(NO_ACCOUNT) && !bad_address {
        return Some(false);
    }
    if has(NOT_THE_ADDRESS) {
        return Some(false);
    }
    if has(FULL) || has(SUSPENDED) || has(SENDER) {
        return Some(false);
    }
    if has(USER_UNKNOWN) || has(NO_ACCOUNT) {
        return Some(true);
    }
    if has(HOST_UNKNOWN) {
        return Some(true);
    }
    if has(ABOUT_US) || has(TEMPORARY) {
        return Some(false);
    }
    None
}

const MOVED: &[&str] = &[
    "has moved",
    "no forwarding address",
    "user has left",
    "has been replaced by",
    "please try <",
    "no longer with the company",
    "address has changed",
    "has left the company",
];

/// The refusal came when the whole mail was there.
const AFTER_DATA: &[&str] = &[
    "in reply to end of data",
    "after end of data",
    "end of message",
    "(in reply to data",
    "550 : user unknown",
    "550: : user unknown",
    "rejected by the domain filter",
    "smtp command data",
    ">>> data <<< 5",
];

/// Names a user that is not the recipient, or leaves open whether there is one.
const NOT_THE_ADDRESS: &[&str] = &[
    "procmail:",
    "couldn't create",
    "can't create",
    "may not have permission",
    "not taken: mailbox unavailable",
    "not a member",
    "only members",
];

const FULL: &[&str] = &[
    "mailbox full",
    "mailbox is full",
    "mailbox was full",
    "mailbox has exceeded",
    "over quota",
    "overquota",
    "quota exceed",
    "exceeded storage",
    "exceeds quota",
    "exceed quota",
    "out of quota",
    "over the allowed quota",
    "quota full",
    "disk quota",
    "storage limit",
    "insufficient storage",
    "not enough storage",
    "not enough disk space",
    "mailbox size",
    "mailbox limit",
    "user is over",
    "account is over",
    "is full",
    "quota violation",
    "maildir over quota",
    "full mailbox",
    "mailfolder is full",
    "exceeded the quota",
    "exceeded its quota",
    "exceeded quota",
    "out of space",
    "storage space",
    "inbox is full",
    "box full",
    "übersteigt",
    "size limit",
    "too large",
    "message size exceeds",
    "exceeds maximum",
    "exceeds size",
    "too big",
    "exceeds the maximum",
    "maximum message size",
    "message length exceeds",
    "exceeds limit",
    "maximum size",
];

const SUSPENDED: &[&str] = &[
    "suspend",
    "inactive",
    "account is disabled",
    "account has been disabled",
    "disabled or discontinued",
    "mailbox disabled",
    "account disabled",
    "user disabled",
    "is disabled",
    "account locked",
    "is locked",
    "deactivated",
    "not active",
    "temporarily locked",
    "mailbox is frozen",
    "mailbox frozen",
    "account is frozen",
    "user is disabled",
    "is currently disabled",
    "has been locked",
    "is not enabled",
    "account expired",
    "mailbox currently suspended",
];

/// The server does not like the sender, whatever it says of a user or host.
const SENDER: &[&str] = &[
    "domain of sender",
    "sender address rejected",
    "sender domain",
    "sender rejected",
    "sender was rejected",
    "invalid sender",
    "sender verify failed",
    "sender verification",
    "unknown sender",
    "from address",
    "sender address",
    "sender is not",
    "your domain",
    "my name was rejected",
    "unverified sender",
    "invalid domain name",
    "cannot send email to yourself",
    "reverse dns",
    "client host rejected",
    "cannot find your hostname",
    "cannot find your reverse",
    "rdns",
    "ptr record",
    "helo command rejected",
    "sending host",
];

const USER_UNKNOWN: &[&str] = &[
    "user unknown",
    "unknown user",
    "unknown recipient",
    "recipient unknown",
    "unknown address",
    "address unknown",
    "unknown local",
    "unknown or illegal alias",
    "unknown mailbox",
    "unknown account",
    "unknown login",
    "unknown e-mail address",
    "no such user",
    "no such recipient",
    "no such address",
    "no such mailbox",
    "no such account",
    "no such person",
    "no such local user",
    "no such email",
    "no such person at",
    "no such id",
    "no user",
    "no mailbox",
    "no account",
    "no recipient",
    "no valid recipients",
    "no known user",
    "no matches to nameserver query",
    "does not exist",
    "doesn't exist",
    "do not exist",
    "not exist",
    "doesn't have",
    "does not have",
    "user not found",
    "recipient not found",
    "address not found",
    "mailbox not found",
    "account not found",
    "not found in directory",
    "cannot find the user",
    "user doesn't",
    "not a valid user",
    "not a valid recipient",
    "not a valid mailbox",
    "invalid recipient",
    "invalid user",
    "invalid mailbox",
    "invalid address",
    "invalid local",
    "bad address",
    "bad destination mailbox",
    "bad recipient",
    "bad local",
    "address invalid",
    "recipient is not",
    "recipient name is not recognized",
    "is not a known user",
    "not known at this",
    "not our customer",
    "not listed in",
    "is not listed",
    "user is unknown",
    "isn't listed",
    "unrouteable address",
    "unroutable address",
    "unknown to me",
    "undeliverable address",
    "mailbox unavailable or",
    "is not a registered",
    "not registered",
    "not a user",
    "is not a member",
    "couldn't be found",
    "could not be found",
    "wasn't found",
    "was not found at",
    "not recognised",
    "not recognized",
    "recipient address rejected: access denied",
    "recipient rejected",
    "addressee unknown",
    "destination address unknown",
    "user email address is marked as invalid",
    "this address no longer accepts mail",
    "no longer available",
    "no longer valid",
    "no longer exists",
    "no longer in use",
    "can't find recipient",
    "cannot resolve recipient",
    "ディレクトリのリストにありません",
    "見つかりませんでした",
    "宛先が見つかりません",
    "не существует",
    "адресат неизвестен",
    "empfänger unbekannt",
    "unbekannter empfänger",
    "destinataire inconnu",
    "usuario desconocido",
    "utente sconosciuto",
    "destinatario sconosciuto",
    "brak użytkownika",
    "there is no one at this address",
    "mailbox does not",
    "no one by that name",
    "5.1.1 recipient",
    "no-such-user",
    "nosuchuser",
    "relay recipient table",
    "local recipient table",
    "virtual alias table",
    "virtual mailbox table",
    "user invalid",
];

/// Words for an unknown user that hold whenever they are said.
const NO_ACCOUNT: &[&str] = &[
    "this user doesn't have",
    "doesn't have a yahoo",
    "no account by that name",
    "account that you tried to reach does not exist",
];

const HOST_UNKNOWN: &[&str] = &[
    "host unknown",
    "unknown host",
    "host not found",
    "host or domain name not found",
    "domain not found",
    "domain name not found",
    "domain does not exist",
    "domain is not reachable",
    "no such domain",
    "no such host",
    "unknown domain",
    "domain unknown",
    "nxdomain",
    "name service error",
    "name or service not known",
    "illegal host",
    "bad destination system",
    "bad destination host",
    "invalid domain",
    "unroutable domain",
    "unrouteable domain",
    "unrouteable mail domain",
    "dns lookup failure",
    "nullmx",
    "null mx",
    "domain isn't",
    "no mx",
    "is not a valid domain",
    "domain must resolve",
    "host does not exist",
    "domain doesn't exist",
    "could not find any mx",
    "mx records",
    "mail exchangers",
];

/// Policy, reputation, spam: about us and our mail, not the address.
const ABOUT_US: &[&str] = &[
    "spam",
    "blocked",
    "blacklist",
    "blocklist",
    "block list",
    "black list",
    "reputation",
    "policy",
    "virus",
    "dmarc",
    "dkim",
    "spf",
    "relay",
    "access denied",
    "not allowed",
    "denied",
    "rejected",
    "banned",
    "listed",
    "rate limit",
    "too many",
    "throttl",
    "content",
    "prohibited",
    "unauthenticated",
    "authentication",
    "poor",
    "not authorized",
    "administrat",
    "greylist",
];

const TEMPORARY: &[&str] = &[
    "timed out",
    "timeout",
    "timeout exceeded",
    "connection refused",
    "retry",
    "retries",
    "temporar",
    "try again",
    "expired",
    "too long",
    "in the queue",
    "queue",
    "unreachable",
    "not reachable",
    "no route",
    "deferred",
    "delayed",
    "gave up",
    "giving up",
    "loop",
    "could not find a gateway",
    "system error",
    "i/o error",
    "hops",
    "attempts",
];

#[cfg(test)]
mod tests {
    use super::*;

    /// E9.12.
    #[test]
    fn codes() {
        assert_eq!(enhanced("550 5.1.1 no").as_deref(), Some("5.1.1"));
        assert_eq!(enhanced("5.1.0 - error 550-'5.7.1 <x>").as_deref(), Some("5.7.1"));
        assert_eq!(enhanced("(#5.1.1)").as_deref(), Some("5.1.1"));
        assert_eq!(enhanced("from 5.2.1.9 or v4.1.2b"), None);
        assert_eq!(reply_code("said: 550 no"), Some(550));
        assert_eq!(reply_code("port 2525 or 5501"), None);
    }

    #[test]
    fn the_field_unless_it_is_vague() {
        let some = |s: &str| Some(s.to_owned());
        assert_eq!(better(some("5.0.0"), some("5.1.1")), some("5.1.1"));
        assert_eq!(better(some("5.2.2"), some("5.1.1")), some("5.2.2"));
        assert_eq!(better(some("4.0.0"), some("5.1.1")), some("4.0.0"));
        assert_eq!(better(None, some("5.1.1")), some("5.1.1"));
    }

    /// E9.12.
    #[test]
    fn kinds() {
        use BounceKind::{Delayed, Delivered, Hard, Soft};
        for (action, status, text, want) in [
            ("failed", Some("5.1.1"), "", Hard),
            ("failed", Some("5.1.1"), "552 mailbox over quota", Soft),
            ("failed", Some("5.7.1"), "550 5.7.1 User unknown", Hard),
            ("failed", Some("5.7.1"), "554 message blocked as spam", Soft),
            ("failed", Some("5.1.8"), "Domain of sender address x does not exist", Soft),
            ("failed", Some("5.2.1"), "", Hard),
            ("failed", Some("5.2.1"), "550 5.2.1 User unknown (in reply to RCPT TO command)", Hard),
            ("failed", Some("5.2.1"), "550 5.2.1 User unknown", Soft),
            ("failed", Some("5.2.2"), "", Soft),
            ("failed", Some("4.4.7"), "expired", Soft),
            ("failed", None, "Host or domain name not found", Hard),
            ("failed", None, "", Soft),
            ("delayed", Some("4.4.7"), "", Delayed),
            ("delivered", Some("2.1.5"), "", Delivered),
        ] {
            assert_eq!(kind(action, status, text), want, "{action} {status:?} {text}");
        }
    }
}
