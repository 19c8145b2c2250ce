//! What a failure means (E9.12): by enhanced status (RFC 3463), else reply code, else wording.

use crate::mail_in::types::BounceKind;

/// Returns the first enhanced status code (`5.1.1`) of a text.
pub fn enhanced(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    (0..bytes.len()).find_map(|at| {
        if !matches!(bytes[at], b'2' | b'4' | b'5') || bytes.get(at + 1) != Some(&b'.') {
            return None;
        }
        if at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || matches!(bytes[at - 1], b'.' | b'-' | b'_' | b'/')) {
            return None;
        }
        let digits = |from: usize| bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
        let subject = digits(at + 2);
        let dot = at + 2 + subject;
        if !(1..=3).contains(&subject) || bytes.get(dot) != Some(&b'.') {
            return None;
        }
        let detail = digits(dot + 1);
        let end = dot + 1 + detail;
        // `5.1.1.2` is an address or a version.
        let clean = !matches!(bytes.get(end), Some(b) if b.is_ascii_alphanumeric() || *b == b'.' && bytes.get(end + 1).is_some_and(u8::is_ascii_digit));
        ((1..=3).contains(&detail) && clean).then(|| text[at..end].to_owned())
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

/// How a recipient's line is to be taken: delayed and delivered by action, hard by E9.12, all else soft.
pub fn kind(action: &str, status: Option<&str>, diagnostic: Option<&str>, _prose: &str) -> BounceKind {
    match action {
        "delayed" => return BounceKind::Delayed,
        "delivered" | "relayed" | "expanded" => return BounceKind::Delivered,
        _ => {}
    }
    let text = diagnostic.unwrap_or_default().to_lowercase();
    match status {
        Some("5.1.1" | "5.1.2" | "5.1.3" | "5.1.6" | "5.1.10" | "5.2.1") => BounceKind::Hard,
        Some(s) if class(s) == b'4' => BounceKind::Soft,
        _ if UNKNOWN.iter().any(|w| text.contains(w)) => BounceKind::Hard,
        _ => BounceKind::Soft,
    }
}

/// Wordings that say that there is no such address.
const UNKNOWN: &[&str] =
    &["user unknown", "unknown user", "no such user", "does not exist", "host unknown", "host not found"];
