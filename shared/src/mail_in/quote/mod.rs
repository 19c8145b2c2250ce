//! What is new in a reply (E7): a view that hides quotes and signatures and loses nothing.

use super::types::Mail;

/// Why a range is hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// An older mail.
    Quote,
    /// A signature.
    Signature,
}

/// A hidden range of the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hidden {
    /// First byte.
    pub start: usize,
    /// Behind the last byte.
    pub end: usize,
    /// Why.
    pub reason: Reason,
    /// What fired, for the trace.
    pub rule: &'static str,
}

/// A body and what of it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trimmed {
    /// What is shown, blank lines around it removed.
    pub visible: String,
    /// What is not, in order, without overlaps: all bytes of the body outside these ranges are shown.
    pub hidden: Vec<Hidden>,
}

/// Returns the visible text of a mail; a forward is shown whole (E7.5).
pub fn of_mail(mail: &Mail) -> String {
    if mail.forward.is_some() {
        return mail.body_text.trim().to_owned();
    }
    visible(&mail.body_text, mail.body_html.as_deref()).visible
}

/// Splits a body into what is new and what is hidden.
pub fn visible(text: &str, _html: Option<&str>) -> Trimmed {
    let mut end = text.len();
    let mut pos = text.len();
    for line in text.split_inclusive('\n').rev() {
        pos -= line.len();
        if line.starts_with('>') {
            end = pos;
        } else if !line.trim().is_empty() {
            break;
        }
    }
    let hidden = if end < text.len() {
        vec![Hidden { start: end, end: text.len(), reason: Reason::Quote, rule: "> lines" }]
    } else {
        Vec::new()
    };
    Trimmed { visible: text[..end].trim().to_owned(), hidden }
}
