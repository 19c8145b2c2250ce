//! Delivery reports (E5.3, E9.11, E9.12): who did not get what, and why.
//!
//! `report` reads the machine-readable kind (RFC 3464), `prose` what older servers write; `status` decides what a
//! failure means; `original` finds the mail that it is about.

mod json;
mod original;
mod prose;
mod report;
mod status;

pub(crate) use status::{kind, says_full};

use super::parse;
use super::types::{Bounce, Mail};

/// Fills a mail's `bounces` and `reported_message_id` if its structure or wording says that it is a report. Read
/// receipts and abuse reports (E5.4) are about a mail too (E4.1(2)).
pub fn fill(mail: &mut Mail) {
    if evidence(mail).is_some() {
        mail.bounces = read(mail);
    } else if !is_receipt_or_complaint(mail) {
        return;
    }
    mail.reported_message_id = original::message_id(mail);
}

fn is_receipt_or_complaint(mail: &Mail) -> bool {
    let kind = mail.report_type.as_deref();
    matches!(kind, Some("disposition-notification" | "feedback-report"))
        || mail.content_types.iter().any(|t| t == original::RECEIPT || t == "message/feedback-report")
}

/// Reads all recipients of a delivery report, the machine-readable part first, else its prose.
pub fn read(mail: &Mail) -> Vec<Bounce> {
    let from_report = report::read(mail, prose::split(&mail.body_text).report);
    if !from_report.is_empty() {
        return from_report;
    }
    let enclosed = enclosed_report(mail);
    if enclosed.is_empty() { prose::read(mail) } else { enclosed }
}

/// A gateway may enclose the real report in one of its own.
fn enclosed_report(mail: &Mail) -> Vec<Bounce> {
    let Some(part) = mail.parts.iter().find(|p| p.content_type == "message/rfc822") else { return Vec::new() };
    let Some(inner) = parse::read_mime(parse::skip_preamble(&part.bytes)) else { return Vec::new() };
    if inner.report_type.as_deref() != Some("delivery-status") {
        return Vec::new();
    }
    report::read(&inner, prose::split(&inner.body_text).report)
}

/// Tells from what a mail is seen to be a delivery report (E5.3); None if it is none.
pub fn evidence(mail: &Mail) -> Option<String> {
    if mail.report_type.as_deref() == Some("delivery-status") {
        return Some("report-type=delivery-status".to_owned());
    }
    if let Some(part) = mail.content_types.iter().find(|t| report::STATUS_TYPES.contains(&t.as_str())) {
        return Some(format!("part {part}"));
    }
    prose::evidence(mail)
}
