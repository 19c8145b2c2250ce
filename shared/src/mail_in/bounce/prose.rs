//! Delivery reports in prose, as older and home-grown servers write them (E5.3).

use super::{report, status};
use crate::address;
use crate::mail_in::types::{Bounce, Mail};

/// Most recipients that are read of one report.
const MAX_RECIPIENTS: usize = 200;
/// Longest report text that is read; what is longer is the returned mail.
const MAX_BYTES: usize = 64 * 1024;

/// Local parts of senders of reports beyond [`address::is_daemon`], lower case.
const REPORTERS: &[&str] = &[
    "post_master",
    "mailer_daemon",
    "mail.delivery.system",
    "postmaster_",
    "mdaemon",
    "mailadmin",
    "mail-deamon",
    "mailerdeamon",
    "mmsc-postmaster",
];

/// Names that such senders show, lower case.
const REPORTER_NAMES: &[&str] = &[
    "mail delivery",
    "mailer-daemon",
    "mailer daemon",
    "system administrator",
    "postmaster",
    "mail administrator",
    "mmsc",
    "mail deliver system",
    "delivery system",
    "delivery subsystem",
];

/// Subjects of reports, lower case, anywhere in the subject.
const SUBJECTS: &[&str] = &[
    "undeliver",
    "returned mail",
    "returned message",
    "failure notice",
    "delivery failed",
    "delivery failure",
    "delivery has failed",
    "delivery status notification",
    "delivery status report",
    "delivery notification",
    "delivery report",
    "mail delivery",
    "delivery problem",
    "delivery error",
    "could not be delivered",
    "not delivered",
    "non-delivery",
    "nondeliverable",
    "error sending your mail",
    "mail system error",
    "message delivery",
    "failed mail",
    "mail failed",
    "mail failure",
    "returning message to sender",
    "returned to sender",
    "message status - undeliverable",
    "unzustellbar",
    "nicht zustellbar",
    "non remis",
    "non distribué",
    "no entregado",
    "mancata consegna",
    "niet besteld",
    "kan niet worden bezorgd",
    "недоставлен",
    "ваше сообщение",
    "не доставлено",
    "配信不能",
    "送信エラー",
    "delivery delayed",
    "warning: message",
    "warning: could not send",
    "niedostarczon",
    "nedoručiteln",
    "ej levererat",
    "kunne ikke leveres",
];

/// Sentences of reports, lower case, anywhere in the text.
const SENTENCES: &[&str] = &[
    "could not be delivered",
    "couldn't be delivered",
    "cannot be delivered",
    "unable to deliver",
    "wasn't able to deliver",
    "was not able to deliver",
    "not able to deliver",
    "delivery to the following",
    "delevery to the following",
    "delivery failed",
    "delivery has failed",
    "failed permanently",
    "failed recipient",
    "permanent fatal errors",
    "fatal errors",
    "delivery errors",
    "permanent error",
    "did not reach the following",
    "error delivering your mail",
    "trouble delivering your message",
    "error occurred while trying to deliver",
    "error has occurred while attempting to deliver",
    "undeliverable",
    "undelivered",
    "returned to sender",
    "mail delivery software",
    "recipients was rejected",
    "following addresses failed",
    "failed addresses",
    "unknown user",
    "user unknown",
    "unsent message",
    "message is delayed",
    "delivery status notification",
    "address(es) failed",
    "address failed",
    "rejected recipient",
    "failure reasons",
    "transcript of session",
    "not be delivered",
    "has not been delivered",
    "nicht zugestellt werden",
    "n'a pas pu être",
    "no se ha podido entregar",
    "no se pudo entregar",
    "non può essere consegnato",
    "non è stato possibile",
    "не может быть доставлено",
    "не удалось доставить",
    "送信できません",
    "配信できません",
    "配信に失敗",
    "送信に失敗",
    "無法投遞",
    "无法投递",
    "kon niet worden",
    "has been rejected",
    "was rejected",
    "mail delivery report",
    "delivery is delayed",
    "returned below",
    "error message below",
    "invalid user address",
    "account is disabled",
    "did not receive this message",
    "was not delivered",
    "could not be reached",
    "did not reach some or all",
    "no such user",
];

/// Lines behind which the returned mail begins, lower case; they count at a line's beginning after dashes.
const RETURNED: &[&str] = &[
    "original message",
    "original mail",
    "this is a copy of",
    "below is a copy",
    "below this line is a copy",
    "the header of the original",
    "the header of the message",
    "message headers follow",
    "message header follow",
    "header follows",
    "returned message",
    "unsent message",
    "message text follows",
    "text of your message",
    "copy of the message",
    "copy of your message",
    "your message follows",
    "the original message follows",
    "the body of your message",
    "the following is a copy",
    "undelivered message",
    "message follows",
    "returned text",
    "original text",
    "body of message generated response",
    "your original message",
    "attached is a copy",
    "included is a copy",
    "first lines of",
    "start of message",
    "beginning of message",
    "begin message",
];

/// Header fields that begin a returned mail without any such line.
const RETURNED_FIELDS: &[&str] = &[
    "received:",
    "return-path:",
    "dkim-signature:",
    "x-originating-ip:",
    "delivered-to:",
    "mime-version:",
    "domainkey-signature:",
    "x-received:",
];

/// What a report's text says, and the returned mail behind it.
#[derive(Debug, Clone, Copy)]
pub struct Split<'a> {
    /// The report's own words.
    pub report: &'a str,
    /// The returned mail or its header, if it stands in the text.
    pub returned: Option<&'a str>,
}

/// Splits a report's text where the returned mail begins.
pub fn split(text: &str) -> Split<'_> {
    let mut pos = 0;
    let mut written = false;
    for line in text.split_inclusive('\n') {
        let next = pos + line.len();
        let trimmed = line.trim();
        if written && begins_returned(trimmed, line) {
            let behind = if is_field(trimmed) { pos } else { next };
            return Split { report: cap(&text[..pos]), returned: Some(&text[behind..]) };
        }
        written |= !trimmed.is_empty();
        pos = next;
    }
    Split { report: cap(text), returned: None }
}

fn cap(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_BYTES)]
}

fn is_field(line: &str) -> bool {
    RETURNED_FIELDS.iter().any(|f| line.get(..f.len()).is_some_and(|l| l.eq_ignore_ascii_case(f)))
}

fn begins_returned(trimmed: &str, line: &str) -> bool {
    if trimmed.len() > 120 {
        return !line.starts_with([' ', '\t']) && is_field(trimmed);
    }
    if !line.starts_with([' ', '\t']) && is_field(trimmed) {
        return true;
    }
    let inner = trimmed.trim_start_matches(['-', '=', '*', '|', '_', ' ', '>', '+']);
    let ruled = inner.len() < trimmed.len();
    let lower = inner.to_lowercase();
    let begins = RETURNED.iter().any(|r| lower.starts_with(r));
    // "The original message was received at …" is sendmail's first line.
    begins && (ruled || trimmed.ends_with([':', '.', '-'])) && !lower.contains("was received")
}

/// Tells from what a mail without a machine-readable part is seen to be a report: a reporter or a report's subject,
/// **and** a recipient with a failure text or a returned mail (E5.3).
pub fn evidence(mail: &Mail) -> Option<String> {
    if let Some(failed) = mail.header("x-failed-recipients") {
        return Some(format!("X-Failed-Recipients: {failed}"));
    }
    if is_json_notification(mail) {
        return Some("notification of a mail relay".to_owned());
    }
    // A reply or forward of a person bears a prefix; a list or a suppressed answer is no report.
    if mail.header("list-id").is_some() || !mail.in_reply_to.is_empty() && !from_reporter(mail) {
        return None;
    }
    let subject = mail.subject.to_lowercase();
    let by_subject = SUBJECTS.iter().any(|s| subject.contains(s)) && !is_prefixed(&subject);
    let reporter = from_reporter(mail);
    // A null return path, a report's sentence and the returned mail together are one, whoever it says it is from.
    let returned_part = mail.parts.iter().any(|p| super::original::is_enclosed(&p.content_type));
    if !(reporter || by_subject || null_path(mail) && returned_part) {
        return None;
    }
    if crate::mail_in::classify::has_auto_subject(&mail.subject) {
        return None;
    }
    let split = split(&mail.body_text);
    let text = split.report.to_lowercase();
    let says_so = SENTENCES.iter().any(|s| text.contains(s));
    let returned = split.returned.is_some() || returned_part;
    let named = status::enhanced(split.report).is_some() || status::reply_code(split.report).is_some_and(|c| c >= 400);
    let enough = match (reporter, by_subject) {
        // Both: one more sign is enough.
        (true, true) => says_so || returned || named,
        (true, false) => says_so && (returned || named || has_address(&text)) || returned && named || report_type(mail),
        (false, false) => says_so && returned,
        (false, true) => [says_so, returned, null_path(mail)].iter().filter(|sign| **sign).count() >= 2,
    };
    let from = mail.from.as_ref().map(|f| f.email.as_str()).unwrap_or_default();
    enough.then(|| {
        if reporter {
            format!("From: {from}, with a report's wording")
        } else {
            format!("Subject: {}, with a returned mail", mail.subject)
        }
    })
}

fn report_type(mail: &Mail) -> bool {
    mail.content_types.first().is_some_and(|t| t == "multipart/report")
}

fn null_path(mail: &Mail) -> bool {
    mail.header("return-path").is_some_and(|p| matches!(p.trim(), "<>" | ""))
}

fn is_prefixed(subject: &str) -> bool {
    ["re: ", "fw: ", "fwd: ", "aw: ", "wg: ", "sv: ", "tr: ", "vs: ", "rv: "].iter().any(|p| subject.starts_with(p))
}

fn from_reporter(mail: &Mail) -> bool {
    let Some(from) = &mail.from else {
        return mail.header("from").is_some_and(|f| f.to_lowercase().contains("mailer-daemon"));
    };
    let local = address::local_part(&from.email).unwrap_or(&from.email).to_lowercase();
    let name = from.name.as_deref().unwrap_or_default().to_lowercase();
    address::is_daemon(&from.email)
        || REPORTERS.iter().any(|r| local.starts_with(r))
        || REPORTER_NAMES.iter().any(|n| name.contains(n))
}

fn has_address(text: &str) -> bool {
    text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '@' | '.' | '-' | '_' | '+')))
        .any(|w| w.split_once('@').is_some_and(|(l, d)| !l.is_empty() && !d.is_empty()))
}

/// A relay's notification in JSON (Amazon SES through SNS).
fn is_json_notification(mail: &Mail) -> bool {
    let text = mail.body_text.trim_start();
    text.starts_with('{') && text.contains("notificationType") && super::json::read(mail).is_some()
}

/// Reads the recipients that the text names with a reason.
pub fn read(mail: &Mail) -> Vec<Bounce> {
    if let Some(bounces) = super::json::read(mail) {
        return bounces;
    }
    let split = split(&mail.body_text);
    // Some write the machine's fields into the text.
    if split.report.contains("Final-Recipient:") {
        let mut bounces = Vec::new();
        report::read_fields(split.report.as_bytes(), split.report, &mut bounces);
        bounces.retain(|b| b.recipient.is_some());
        if !bounces.is_empty() {
            return bounces;
        }
    }
    let own = mail.to.first().map(|a| address::key(&a.email)).unwrap_or_default();
    let mut heads = heads(split.report, &own);
    if heads.is_empty() {
        heads = failed_recipients(mail).into_iter().map(|a| (a, String::new())).collect();
    }
    if heads.is_empty() {
        heads = mentioned(split.report, &own);
    }
    if heads.is_empty() {
        heads = split.returned.and_then(to_of_returned).into_iter().map(|a| (a, String::new())).collect();
    }
    // One that failed, named in a field of its own: that beats the prose, which may show an alias.
    if let ([(address, _)], [failed]) = (heads.as_mut_slice(), failed_recipients(mail).as_slice()) {
        address.clone_from(failed);
    }
    let action = action_of(mail, split.report);
    if heads.is_empty() {
        return vec![bounce(None, split.report, action)];
    }
    let one = heads.len() == 1;
    heads
        .into_iter()
        .take(MAX_RECIPIENTS)
        .map(|(address, text)| bounce(Some(address), if one || text.is_empty() { split.report } else { &text }, action))
        .collect()
}

fn bounce(recipient: Option<String>, text: &str, action: Option<&'static str>) -> Bounce {
    let status = status::enhanced(text);
    let action = match (action, status.as_deref()) {
        (Some(action), _) => action,
        (None, Some(s)) if s.starts_with('2') => "delivered",
        _ => "failed",
    };
    let kind = status::kind(action, status.as_deref(), text);
    let diagnostic = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let cut = diagnostic.floor_char_boundary(2000);
    Bounce {
        recipient,
        action: action.to_owned(),
        status,
        kind,
        diagnostic: Some(diagnostic[..cut].to_owned()).filter(|d| !d.is_empty()),
    }
}

/// Wordings of a report that only warns.
const DELAYS: &[&str] = &[
    "warning message only",
    "do not need to resend",
    "do not need to re-send",
    "need not resend",
    "has not yet been delivered",
    "not been delivered yet",
    "is delayed",
    "been delayed",
    "only a temporary failure report",
    "will be retried for",
    "will continue to be",
    "will keep trying",
    "delivery attempts will continue",
    "still trying",
];

fn action_of(mail: &Mail, report: &str) -> Option<&'static str> {
    let text = report.to_lowercase();
    let subject = mail.subject.to_lowercase();
    if DELAYS.iter().any(|d| text.contains(d)) || subject.contains("(delay)") || subject.contains("delayed") {
        return Some("delayed");
    }
    let delivered =
        ["successfully delivered", "was delivered", "delivery via", "successfully relayed", "has been delivered"]
            .iter()
            .any(|d| text.contains(d));
    let failed = ["not ", "fail", "error", "unable", "undeliver", "unknown"].iter().any(|f| text.contains(f));
    (delivered && !failed).then_some("delivered")
}

fn failed_recipients(mail: &Mail) -> Vec<String> {
    let value = mail.header("x-failed-recipients").unwrap_or_default();
    value
        .split([',', ' ', ';'])
        .map(|r| r.trim_matches(['<', '>', ' ']))
        .filter(|r| r.contains('@'))
        .map(str::to_owned)
        .collect()
}

/// A reply about a host, of which the recipients follow: `550 example.org (smtp)... 550 Host unknown`.
fn is_about_a_host(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let code = words.next().is_some_and(|w| w.len() == 3 && w.bytes().all(|b| b.is_ascii_digit()));
    let host = words.next().is_some_and(|w| w.contains('.') && !w.contains(['@', '<']));
    code && host && words.next().is_some_and(|w| w.starts_with('(') && w.contains(")..."))
}

/// Recipients whose address begins a line, each with the text up to the next one.
fn heads(report: &str, own: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    // What is said before the recipients that it is about.
    let mut ahead = String::new();
    for line in report.lines() {
        if is_about_a_host(line) || line.starts_with("While talking to ") {
            ahead.push_str(line);
            ahead.push('\n');
            continue;
        }
        if let Some(address) = head_of(line)
            && address::key(&address) != own
        {
            match found.iter().position(|(a, _)| a.eq_ignore_ascii_case(&address)) {
                // A recipient that comes again continues; it goes to the end, where the text is collected.
                Some(at) => {
                    let mut again = found.remove(at);
                    again.1.push_str(&std::mem::take(&mut ahead));
                    found.push(again);
                }
                None => found.push((address, std::mem::take(&mut ahead))),
            }
        }
        if !ahead.is_empty() {
            ahead.push_str(line);
            ahead.push('\n');
            continue;
        }
        if let Some((_, text)) = found.last_mut() {
            text.push_str(line);
            text.push('\n');
        }
    }
    found
}

/// The address that a line begins with: `<a@b>:`, `a@b`, `"a@b":`, `* a@b`, `>>> a@b <a@b>`, `550 <a@b>... reason`.
fn head_of(line: &str) -> Option<String> {
    let line = line.trim_start_matches([' ', '\t', '*', '-', '>', '|', '•', '"', '\'']);
    let line = match line.get(..4) {
        Some(code)
            if code.as_bytes()[..3].iter().all(u8::is_ascii_digit) && matches!(code.as_bytes()[3], b' ' | b'-') =>
        {
            let rest = line[4..].trim_start();
            // `550 5.1.1 <a@b>... User unknown`, but not a bare reply that only quotes the address.
            let rest = match rest.split_once(' ') {
                Some((code, rest)) if status::enhanced(code).is_some() => rest,
                _ => rest,
            };
            if !rest.contains("...") {
                return None;
            }
            rest
        }
        _ => line,
    };
    let line = line.strip_prefix("To: ").unwrap_or(line).trim_start_matches(['<', '"', '\'']);
    let end = line
        .find(|c: char| c.is_whitespace() || matches!(c, '>' | '"' | '\'' | ':' | ',' | ';' | '(' | '[' | '<'))
        .unwrap_or(line.len());
    let word = line[..end].trim_end_matches(['.', ',', ')']);
    let (local, domain) = word.split_once('@')?;
    (!local.is_empty() && !domain.is_empty() && !domain.contains('@') && word.len() <= 254).then(|| word.to_owned())
}

/// Beginnings of lines whose address is none of a recipient, lower case.
const NOT_RECIPIENT: &[&str] = &[
    "from",
    "for further",
    "please contact",
    "contact",
    "sender",
    "return-path",
    "reply-to",
    "help",
    "if you",
    "dear",
    "hello",
    "hi ",
    "to help",
    "message-id",
    "id:",
    "date",
    "sent by",
];

/// Recipients named within lines, with the line and what follows.
fn mentioned(report: &str, own: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for line in report.lines() {
        let lower = line.trim().to_lowercase();
        if NOT_RECIPIENT.iter().any(|n| lower.starts_with(n)) {
            continue;
        }
        let addresses = line.split(|c: char| {
            c.is_whitespace() || matches!(c, '<' | '>' | '"' | '\'' | ',' | ';' | '(' | ')' | '[' | ']')
        });
        for word in addresses {
            let word =
                word.trim_matches(|c| matches!(c, '.' | ':')).trim_start_matches("to:").trim_start_matches("mailto:");
            let is_address = word
                .split_once('@')
                .is_some_and(|(l, d)| !l.is_empty() && d.contains('.') && !d.contains('@') && !l.contains(['=', '/']));
            if is_address
                && address::key(word) != own
                && !address::is_daemon(word)
                && !found.iter().any(|(a, _)| a.eq_ignore_ascii_case(word))
            {
                found.push((word.to_owned(), String::new()));
            }
        }
        if let Some((_, text)) = found.last_mut() {
            text.push_str(line);
            text.push('\n');
        }
    }
    found.truncate(1);
    found
}

/// To of a returned mail's header.
fn to_of_returned(returned: &str) -> Option<String> {
    let line = returned.lines().take(200).find(|l| l.get(..3).is_some_and(|p| p.eq_ignore_ascii_case("to:")))?;
    line[3..].split([' ', '<', '>', ',', '"', '\t']).find(|w| w.contains('@')).map(str::to_owned)
}
