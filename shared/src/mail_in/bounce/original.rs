//! The mail that a report is about: its id, from the enclosed copy or header block (E9.14).

use crate::mail_in::headers;
use crate::mail_in::parse::{ids, skip_preamble, words};
use crate::mail_in::types::{Mail, Part};

/// Types of parts that hold the original or its header.
const ENCLOSED: &[&str] = &[
    "message/rfc822",
    "message/global",
    "text/rfc822-headers",
    "message/rfc822-headers",
    "message/global-headers",
    "text/rfc822",
];

/// The type of a read receipt's fields (RFC 8098 3.1).
pub const RECEIPT: &str = "message/disposition-notification";

/// Tells whether a part's type is that of an enclosed mail or header block.
pub fn is_enclosed(content_type: &str) -> bool {
    ENCLOSED.contains(&content_type)
}

/// Finds the original's Message-ID: in an enclosed part, in a read receipt's fields, else in a header block within the
/// text.
pub fn message_id(mail: &Mail) -> Option<String> {
    let field = |name: &'static str| {
        move |p: &Part| headers::split(skip_preamble(&p.bytes)).get(name).map(|v| words::decode(v, None))
    };
    let enclosed = mail.parts.iter().filter(|p| ENCLOSED.contains(&p.content_type.as_str()));
    let receipts = mail.parts.iter().filter(|p| p.content_type == RECEIPT);
    enclosed
        .filter_map(field("message-id"))
        .chain(receipts.filter_map(field("original-message-id")))
        .chain(mail.body_text.lines().filter_map(in_line))
        .find_map(|v| ids::normalise(&v))
}

fn in_line(line: &str) -> Option<String> {
    let line = line.trim_start_matches(['>', ' ', '\t', '|']);
    let (name, value) = line.split_once(':')?;
    (name.eq_ignore_ascii_case("message-id") && value.contains('@')).then(|| value.trim().to_owned())
}
