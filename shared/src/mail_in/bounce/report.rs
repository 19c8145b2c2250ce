//! The machine-readable part of a delivery report (RFC 3464).

use super::status;
use crate::mail_in::headers::{self, Block};
use crate::mail_in::parse::words;
use crate::mail_in::types::{Bounce, Mail};

/// Types of the machine-readable part.
pub const STATUS_TYPES: &[&str] = &["message/delivery-status", "message/global-delivery-status"];

/// Most recipients that are read of one report.
const MAX_RECIPIENTS: usize = 1000;

/// Reads the recipients of all machine-readable parts.
pub fn read(mail: &Mail) -> Vec<Bounce> {
    let mut bounces = Vec::new();
    for part in mail.parts.iter().filter(|p| STATUS_TYPES.contains(&p.content_type.as_str())) {
        for group in groups(&part.bytes) {
            if bounces.len() < MAX_RECIPIENTS {
                bounces.extend(recipient(&group, &mail.body_text));
            }
        }
    }
    bounces
}

/// Splits the part at its empty lines: one group for the message, then one for each recipient.
fn groups(bytes: &[u8]) -> Vec<Block<'_>> {
    let mut groups = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() && groups.len() <= MAX_RECIPIENTS {
        let block = headers::split(rest);
        let taken = block.body.max(1);
        if block.fields.is_empty() && block.body == 0 {
            // Not a field at all: on to the next line.
            let (_, next) = headers::line_end(rest, 0);
            rest = &rest[next.max(1)..];
            continue;
        }
        if !block.fields.is_empty() {
            groups.push(block);
        }
        rest = &rest[taken.min(rest.len())..];
    }
    groups
}

fn recipient(group: &Block<'_>, prose: &str) -> Option<Bounce> {
    let get = |name: &str| group.get(name).map(|v| words::decode(v, None)).filter(|v| !v.is_empty());
    let last = get("final-recipient").as_deref().and_then(address_of);
    let first = get("original-recipient").as_deref().and_then(address_of);
    let action = get("action").map(|a| a.split([' ', ';', '(']).next().unwrap_or_default().to_ascii_lowercase());
    if last.is_none() && first.is_none() && action.is_none() && get("status").is_none() {
        return None;
    }
    let diagnostic = get("diagnostic-code").map(|d| after_type(&d));
    let field = get("status").as_deref().and_then(status::enhanced);
    let said = diagnostic.as_deref().and_then(status::enhanced);
    let status = status::better(field, said);
    let action = action.filter(|a| !a.is_empty()).unwrap_or_else(|| status::action_of(status.as_deref()).to_owned());
    let kind = status::kind(&action, status.as_deref(), diagnostic.as_deref(), prose);
    Some(Bounce { recipient: last.or(first), action, status, kind, diagnostic })
}

/// `rfc822; <a@b>` → `a@b`.
fn address_of(value: &str) -> Option<String> {
    let value = after_type(value);
    let inner = match (value.rfind('<'), value.rfind('>')) {
        (Some(from), Some(to)) if from < to => value[from + 1..to].to_owned(),
        _ => value,
    };
    let address = inner.trim().trim_matches(['<', '>', '"']).trim();
    (!address.is_empty()).then(|| address.to_owned())
}

fn after_type(value: &str) -> String {
    match value.split_once(';') {
        Some((kind, rest)) if !kind.trim().contains(' ') => rest.trim().to_owned(),
        _ => value.trim().to_owned(),
    }
}
