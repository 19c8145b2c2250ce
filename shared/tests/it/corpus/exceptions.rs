//! Facts of the manifest that are not taken for right, each with the reason. They are counted apart.

/// Check, file, reason.
pub const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("body text", "mime/invalid_utf8.eml", "the source writes `?` for a byte that is no UTF-8; it is shown as U+FFFD"),
    (
        "body text",
        "mime/mp-malformed-020.eml",
        "two Content-Type fields; the source takes the second one and shows the MIME lines as text, here the parts are read",
    ),
    ("read in full", "mime/en-erroneous.eml", "no header line at all: shown as text, with the original as a file"),
    ("subject", "mime/long-header.eml", "a subject of 200 kB is cut at 64 KiB and flagged `limit:headers` (E10.9)"),
    ("forward from", "forward/unknown_en_body_variant_12.txt", "the address stands nowhere in the mail"),
    ("class none", "mime/fs-message-5-iso-2022-jp.eml", "From is a no-reply address: auto_generated (E5.6)"),
    ("class none", "mime/sy-raw_message_with_ical_invite.eml", "From is a no-reply address: auto_generated (E5.6)"),
    ("rfc3464 kind", "dsn/bounce-mailbox-full.eml", "a full mailbox is soft (E9.12)"),
    ("rfc3464 kind", "dsn/multipart_report_multiple_status.eml", "5.3.0 is not among the codes that are hard (E9.12)"),
    ("rfc3464 kind", "dsn/lhost-receivingses-01.eml", "5.1.1 is hard (E9.12)"),
    ("rfc3464 kind", "dsn/lhost-receivingses-02.eml", "5.1.1 is hard (E9.12)"),
    ("freeform status", "dsn/rfc3464-28.eml", "the file holds two mails; a door receives one"),
    ("freeform kind", "dsn/rfc3464-28.eml", "the file holds two mails; a door receives one"),
    ("freeform kind", "dsn/lhost-x2-01.eml", "an account that does not exist is hard (E9.12, userunknown)"),
    ("freeform kind", "dsn/lhost-x2-02.eml", "an account that does not exist is hard (E9.12, userunknown)"),
];

/// Why a failed check of a file does not count; None if it counts.
pub fn reason(check: &str, file: &str) -> Option<&'static str> {
    let same = |c: &str| c == check || check == "class" && c.starts_with("class ");
    EXCEPTIONS.iter().find(|(c, f, _)| same(c) && *f == file).map(|(_, _, r)| *r)
}
