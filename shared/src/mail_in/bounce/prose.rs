//! Delivery reports in prose, as older and home-grown servers write them (E5.3).

use super::status;
use crate::address;
use crate::mail_in::types::{Bounce, Mail};

/// Tells from what a mail without a machine-readable part is seen to be a report.
pub fn evidence(mail: &Mail) -> Option<String> {
    if let Some(failed) = mail.header("x-failed-recipients") {
        return Some(format!("X-Failed-Recipients: {failed}"));
    }
    let from = mail.from.as_ref()?;
    (address::is_daemon(&from.email) && !read(mail).is_empty()).then(|| format!("From: {}", from.email))
}

/// Reads the recipients that the text names with a reason.
pub fn read(mail: &Mail) -> Vec<Bounce> {
    let recipients = mail.header("x-failed-recipients").unwrap_or_default();
    let diagnostic = Some(mail.body_text.trim().to_owned()).filter(|t| !t.is_empty());
    let status = status::enhanced(&mail.body_text);
    let action = status::action_of(status.as_deref()).to_owned();
    let kind = status::kind(&action, status.as_deref(), diagnostic.as_deref(), &mail.body_text);
    recipients
        .split(',')
        .map(str::trim)
        .filter(|r| r.contains('@'))
        .map(|r| Bounce {
            recipient: Some(r.to_owned()),
            action: action.clone(),
            status: status.clone(),
            kind,
            diagnostic: diagnostic.clone(),
        })
        .collect()
}
