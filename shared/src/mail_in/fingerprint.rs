//! What makes two arrivals the same message (E1.8, E1.10).

use super::types::Mail;
use super::{headers, parse};
use crate::address;
use crate::ids::MailboxId;
use sha2::{Digest, Sha256};

/// Returns the message's key, hexadecimal SHA-256.
///
/// With a Message-ID it is made of the id and the fingerprint (author, date, subject, bodies, files: no
/// recipients, no trace), so that a mail to two mailboxes or by two ways is one message. Without one it is made of
/// the raw minus the trace lines that `our_hosts` added; if no foreign trace line is left, `session` (the SMTP
/// transaction) joins it, so that two identical alarms stay two.
pub fn dedupe_key(mail: &Mail, raw: &[u8], session: Option<&str>, our_hosts: &[&str]) -> String {
    let mut hash = Sha256::new();
    match &mail.message_id {
        Some(id) => {
            field(&mut hash, b"id");
            field(&mut hash, id.as_bytes());
            field(&mut hash, fingerprint(mail).as_bytes());
        }
        None => {
            field(&mut hash, b"raw");
            if !hash_without_our_trace(&mut hash, raw, our_hosts)
                && let Some(session) = session
            {
                field(&mut hash, session.as_bytes());
            }
        }
    }
    data_encoding::HEXLOWER.encode(&hash.finalize())
}

/// Returns the key of a mail in a mailbox that keeps tickets of its own (E1.12): there it is another message than elsewhere.
pub fn within(mailbox: Option<MailboxId>, key: String) -> String {
    let Some(mailbox) = mailbox else { return key };
    let mut hash = Sha256::new();
    field(&mut hash, b"mailbox");
    field(&mut hash, mailbox.to_string().as_bytes());
    field(&mut hash, key.as_bytes());
    data_encoding::HEXLOWER.encode(&hash.finalize())
}

/// Returns the fingerprint of E1.8, hexadecimal SHA-256: equal for two copies of one mail.
pub fn fingerprint(mail: &Mail) -> String {
    let mut hash = Sha256::new();
    field(&mut hash, mail.from.as_ref().map(|f| address::key(&f.email)).unwrap_or_default().as_bytes());
    field(&mut hash, mail.date.map(|d| d.timestamp().to_string()).unwrap_or_default().as_bytes());
    field(&mut hash, mail.subject.as_bytes());
    collapsed(&mut hash, &mail.body_text);
    collapsed(&mut hash, mail.body_html.as_deref().unwrap_or_default());
    let mut parts: Vec<_> = mail.parts.iter().map(|p| Sha256::digest(&p.bytes)).collect();
    parts.sort_unstable();
    for part in parts {
        hash.update(part);
    }
    data_encoding::HEXLOWER.encode(&hash.finalize())
}

/// Length before content: no two different lists of fields give the same bytes.
fn field(hash: &mut Sha256, bytes: &[u8]) {
    hash.update((bytes.len() as u64).to_be_bytes());
    hash.update(bytes);
}

fn collapsed(hash: &mut Sha256, text: &str) {
    for word in text.split_whitespace() {
        hash.update(word.as_bytes());
        hash.update(b" ");
    }
    hash.update([0xff]);
}

/// Hashes the raw without the trace fields of our own hosts. Tells whether a foreign `Received` is left.
fn hash_without_our_trace(hash: &mut Sha256, raw: &[u8], our_hosts: &[&str]) -> bool {
    let data = parse::skip_preamble(raw);
    let block = headers::split(data);
    let mut foreign = false;
    for f in &block.fields {
        let received = f.name.eq_ignore_ascii_case(b"received");
        if received && is_ours(f.value, our_hosts) {
            continue;
        }
        foreign |= received;
        field(hash, f.name);
        field(hash, f.value);
    }
    hash.update(&data[block.body..]);
    foreign
}

/// Tells whether a Received field was added `by` one of our hosts.
pub(super) fn is_ours(value: &[u8], our_hosts: &[&str]) -> bool {
    let value = String::from_utf8_lossy(value).to_ascii_lowercase();
    let mut words = value.split_ascii_whitespace();
    words.any(|w| w == "by")
        && words.next().is_some_and(|host| our_hosts.iter().any(|h| h.eq_ignore_ascii_case(host.trim_end_matches(';'))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(raw: &str, session: Option<&str>) -> String {
        dedupe_key(&parse::parse(raw.as_bytes()), raw.as_bytes(), session, &["mx.ours.example"])
    }

    const WITH_ID: &str =
        "From: a@b.example\nDate: Mon, 2 Nov 2026 10:00:00 +0000\nSubject: s\nMessage-ID: <1@b.example>\n";

    /// E1.8.
    #[test]
    fn recipients_and_trace_do_not_count() {
        let one =
            key(&format!("Received: from x by y.example; now\nTo: support@o.example\n{WITH_ID}\nhello  you\n"), None);
        let two = key(
            &format!("Received: from z by w.example; later\nTo: sales@o.example\n{WITH_ID}\nhello you"),
            Some("t1"),
        );
        assert_eq!(one, two);
        assert_eq!(one.len(), 64);
    }

    /// E1.9.
    #[test]
    fn same_id_other_text() {
        assert_ne!(key(&format!("{WITH_ID}\nhello"), None), key(&format!("{WITH_ID}\nhallo"), None));
    }

    /// E1.10.
    #[test]
    fn without_id_the_raw_counts() {
        let raw = "From: a@b.example\n\nalarm";
        assert_eq!(key(raw, None), key(raw, None));
        assert_ne!(key(raw, Some("t1")), key(raw, Some("t2")));
        let ours = "Received: from a by mx.ours.example; now\nFrom: a@b.example\n\nalarm";
        assert_eq!(key(raw, Some("t1")), key(ours, Some("t1")));
        let foreign = "Received: from a by mx.b.example; now\nFrom: a@b.example\n\nalarm";
        assert_eq!(key(foreign, Some("t1")), key(foreign, Some("t2")));
    }
}
