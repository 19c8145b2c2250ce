//! The machine-readable part of a delivery report (RFC 3464).

use super::status;
use crate::mail_in::headers::{self, Block};
use crate::mail_in::parse::words;
use crate::mail_in::types::{Bounce, Mail};

/// Types of the machine-readable part.
pub const STATUS_TYPES: &[&str] = &["message/delivery-status", "message/global-delivery-status"];

/// Most recipients that are read of one report.
const MAX_RECIPIENTS: usize = 1000;

/// Most of the prose that is taken as said of one recipient: a report may name as many as it likes.
const MAX_SAID: usize = 4000;

/// Reads the recipients of all machine-readable parts.
pub fn read(mail: &Mail, prose: &str) -> Vec<Bounce> {
    let mut bounces = Vec::new();
    for part in mail.parts.iter().filter(|p| STATUS_TYPES.contains(&p.content_type.as_str())) {
        read_fields(&part.bytes, prose, &mut bounces);
    }
    bounces
}

/// Reads the groups of fields in `bytes`; lines that are no fields are passed over.
pub fn read_fields(bytes: &[u8], prose: &str, bounces: &mut Vec<Bounce>) {
    let groups = groups(bytes);
    let sole = groups.iter().filter(|g| g.get("final-recipient").is_some()).count() <= 1;
    for group in groups {
        if bounces.len() >= MAX_RECIPIENTS {
            return;
        }
        bounces.extend(recipient(&group, prose, sole));
    }
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

fn recipient(group: &Block<'_>, prose: &str, sole: bool) -> Option<Bounce> {
    let get = |name: &str| group.get(name).map(|v| words::decode(v, None)).filter(|v| !v.is_empty());
    let last = get("final-recipient").as_deref().and_then(address_of);
    let first = get("original-recipient").as_deref().and_then(address_of);
    let action = get("action").map(|a| a.split([' ', ';', '(']).next().unwrap_or_default().to_ascii_lowercase());
    if last.is_none() && first.is_none() && action.is_none() {
        return None;
    }
    let diagnostic = get("diagnostic-code").map(|d| after_type(&d)).filter(|d| !d.is_empty());
    let field = get("status").as_deref().and_then(status::enhanced);
    let said = diagnostic.as_deref().and_then(status::enhanced);
    let status = status::better(field, said);
    let action = action.filter(|a| !a.is_empty()).unwrap_or_else(|| status::action_of(status.as_deref()).to_owned());
    let recipient = match last.filter(|l| l.contains('@')) {
        Some(last) => Some(last),
        None => first.or_else(|| get("final-recipient").as_deref().and_then(address_of)),
    };
    let mut text = about(recipient.as_deref().filter(|_| !sole), diagnostic.as_deref(), prose);
    // PowerMTA says in a field of its own what it takes the refusal for.
    if let Some(category) = get("x-powermta-bouncecategory") {
        text.push(' ');
        text.push_str(&category);
    }
    let kind = status::kind(&action, status.as_deref(), &text);
    Some(Bounce { recipient, action, status, kind, diagnostic })
}

/// What the report says of a recipient (None: of the only one): the diagnostic, and of the prose the reply that it
/// was taken from.
fn about(recipient: Option<&str>, diagnostic: Option<&str>, prose: &str) -> String {
    let mut text = diagnostic.unwrap_or_default().to_owned();
    let telling = ["in reply to end of DATA", "in reply to DATA", ">>> DATA\n<<< 5"].iter().any(|w| prose.contains(w));
    if telling {
        text.push_str(" (in reply to end of data)");
    }
    // A delivery agent's own reason (Dovecot), whatever the fields copy.
    if let Some((_, reason)) = prose.split_once("was automatically rejected:") {
        text = reason.split_whitespace().take(40).collect::<Vec<_>>().join(" ");
    }
    if prose.contains("in reply to RCPT") || prose.contains(">>> RCPT") {
        text.push_str(" (in reply to rcpt)");
    }
    if diagnostic.is_none() {
        let lines: Vec<&str> = match recipient {
            Some(recipient) if prose.contains(recipient) => lines_about(recipient, prose),
            _ => prose.lines().collect(),
        };
        let mut said = lines.join(" ");
        said.truncate(said.floor_char_boundary(MAX_SAID));
        text.push_str(&said);
    }
    text
}

/// The lines that name the recipient and the three that follow each.
fn lines_about<'a>(recipient: &str, prose: &'a str) -> Vec<&'a str> {
    let mut left = 0;
    prose
        .lines()
        .filter(|line| {
            left = if line.contains(recipient) { 4 } else { left };
            left = usize::saturating_sub(left, 1);
            left > 0 || line.contains(recipient)
        })
        .collect()
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
