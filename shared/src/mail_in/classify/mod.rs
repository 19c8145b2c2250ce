//! What sort of mail it is (E5.1–E5.9): a pure function of the mail and its envelope. Effects are `apply`'s.

use super::bounce;
use super::types::{Class, Classified, Facts, Mail};
use crate::address;

/// What only this instance can know about a mail: whether it is ours.
pub trait Ours {
    /// Tells whether a Message-ID was made and signed by this instance (E3.5).
    fn is_our_message_id(&self, id: &str) -> bool;
    /// Tells whether an `X-Loop-Guard` value is ours, its MAC valid (E5.2).
    fn is_our_loop_guard(&self, value: &str) -> bool;
    /// Tells whether an address is one of our mailboxes.
    fn is_our_mailbox(&self, email: &str) -> bool;
    /// Returns how many hosts a mail went through, and how often ours (E5.13).
    fn hops(&self) -> (usize, usize) {
        (0, 0)
    }
}

/// A mail that went through more hosts, or more often through ours, goes round in circles (E5.13).
const MOST_HOPS: usize = 50;
const MOST_OF_OURS: usize = 4;

/// Headers whose mere presence (unless `no`) marks an automatic answer (E5.5).
const AUTO_REPLY_HEADERS: &[&str] = &[
    "x-autoreply",
    "x-autorespond",
    "x-autoresponder",
    "x-autoreply-from",
    "x-mail-autoreply",
    "x-fc-machinegenerated",
];

/// Headers that only mailing lists set (E5.8).
const LIST_HEADERS: &[&str] = &["list-id", "list-post", "x-mailing-list", "x-beenthere"];

/// Subjects of automatic answers, lower case, tested as the subject's beginning after `Re:` (E5.9).
const AUTO_SUBJECTS: &[&str] = &[
    "automatic reply",
    "autoreply",
    "auto reply",
    "auto-reply",
    "auto:",
    "autoresponse",
    "auto response",
    "auto-response",
    "automatic response",
    "automated response",
    "automated reply",
    "out of office",
    "out of the office",
    "out-of-office",
    "ooo:",
    "vacation reply",
    "vacation notice",
    "away from my mail",
    "on vacation",
    "automatische antwort",
    "abwesenheitsnotiz",
    "abwesenheit:",
    "abwesend:",
    "abwesenheitsnachricht",
    "ich bin nicht im büro",
    "réponse automatique",
    "reponse automatique",
    "absence du bureau",
    "absent du bureau",
    "message d'absence",
    "respuesta automática",
    "respuesta automatica",
    "fuera de la oficina",
    "fuera de oficina",
    "risposta automatica",
    "fuori sede",
    "fuori ufficio",
    "assente dall'ufficio",
    "automatisch antwoord",
    "automatische reactie",
    "afwezig",
    "niet aanwezig",
    "autosvar",
    "automatisk svar",
    "automatiskt svar",
    "frånvaro",
    "fravær",
    "ikke til stede",
    "inte på kontoret",
    "automaattinen vastaus",
    "poissa toimistosta",
    "poissaoloilmoitus",
    "resposta automática",
    "resposta automatica",
    "ausência temporária",
    "fora do escritório",
    "ausente do escritório",
    "automatyczna odpowiedź",
    "autoodpowiedź",
    "poza biurem",
    "nieobecność",
    "automatická odpověď",
    "mimo kancelář",
    "odpověď v nepřítomnosti",
    "automatická odpoveď",
    "automatikus válasz",
    "házon kívül",
    "răspuns automat",
    "raspuns automat",
    "αυτόματη απάντηση",
    "автоответ",
    "автоматический ответ",
    "отсутствую",
    "автоматична відповідь",
    "автоматичен отговор",
    "otomatik yanıt",
    "otomatik cevap",
    "ofis dışında",
    "自动回复",
    "自動回覆",
    "自動応答",
    "自動返信",
    "不在",
    "자동 회신",
    "자동응답",
];

/// Sorts a mail. `facts` says what the door knows of the envelope; without it the Return-Path stands in (E5.5).
pub fn classify(mail: &Mail, facts: &Facts, ours: &dyn Ours) -> Classified {
    let (class, rule, evidence) = class_of(mail, facts, ours);
    let mut found = Classified { class, rule, evidence, flags: Vec::new() };
    let flags = &mut found.flags;
    if auto_subject(&mail.subject).is_some() && class == Class::Person {
        flags.push("auto_suspect");
    }
    if list_post(mail).is_some() {
        flags.push("list_post");
    }
    if mail.headers.iter().any(|(n, _)| n.starts_with("resent-")) {
        flags.push("redirected");
    }
    if mail.content_types.iter().any(|t| t == "text/calendar") {
        flags.push("calendar");
    }
    if class != Class::Person || !flags.is_empty() && flags != &["redirected"] || forbids_ack(mail, facts, ours) {
        flags.push("no_ack");
    }
    found
}

fn class_of(mail: &Mail, facts: &Facts, ours: &dyn Ours) -> (Class, &'static str, String) {
    if let Some(evidence) = own_loop(mail, facts, ours) {
        return (Class::OwnLoop, "E5.2", evidence);
    }
    // Reports say what they are by their structure: mdn and arf before the wider test for bounces.
    if let Some(evidence) = report(mail, "disposition-notification") {
        return (Class::Mdn, "E5.4", evidence);
    }
    if let Some(evidence) = report(mail, "feedback-report") {
        return (Class::Arf, "E5.4", evidence);
    }
    if let Some(evidence) = old_complaint(mail) {
        return (Class::Arf, "E5.4", evidence);
    }
    if let Some(evidence) = bounce::evidence(mail) {
        return (Class::Dsn, "E5.3", evidence);
    }
    if let Some((rule, evidence)) = auto_reply(mail, facts) {
        return (Class::AutoReply, rule, evidence);
    }
    let list = list(mail);
    if let Some(evidence) = auto_generated(mail, list.is_some()) {
        return (Class::AutoGenerated, "E5.6", evidence);
    }
    if let Some(evidence) = list {
        return (Class::ListBulk, "E5.8", evidence);
    }
    (Class::Person, "E5.1", "no automatic or list header".to_owned())
}

/// A mail of ours that came back: a valid guard on automatic mail, or our id sent by a mailbox of ours (E5.2).
fn own_loop(mail: &Mail, facts: &Facts, ours: &dyn Ours) -> Option<String> {
    let automatic = auto_submitted(mail).is_some_and(|v| v != "no") || precedence(mail).is_some();
    if automatic && let Some(guard) = mail.header_all("x-loop-guard").find(|v| ours.is_our_loop_guard(v.trim())) {
        return Some(shown("X-Loop-Guard", guard));
    }
    let (hops, of_ours) = ours.hops();
    if hops > MOST_HOPS || of_ours > MOST_OF_OURS {
        return Some(format!("Received: {hops} times, {of_ours} by us"));
    }
    let id = mail.message_id.as_deref()?;
    let from = mail.from.as_ref().map(|f| f.email.as_str()).unwrap_or_default();
    let received_by_sender = facts.envelope_to.iter().any(|to| address::key(to) == address::key(from))
        || facts.envelope_to.is_empty() && ours.is_our_mailbox(from);
    (ours.is_our_message_id(id) && ours.is_our_mailbox(from) && received_by_sender).then(|| shown("Message-ID", id))
}

/// A report by its own type or by a part of it outside enclosed messages.
fn report(mail: &Mail, what: &str) -> Option<String> {
    if mail.report_type.as_deref() == Some(what) {
        return Some(format!("report-type={what}"));
    }
    let part = format!("message/{what}");
    mail.content_types.contains(&part).then(|| format!("part {part}"))
}

/// Hotmail's complaints from before RFC 5965: the mail complained of, under a fixed subject.
fn old_complaint(mail: &Mail) -> Option<String> {
    let subject = mail.subject.to_lowercase();
    let encloses = mail.content_types.iter().any(|t| t == "message/rfc822");
    (encloses && subject.starts_with("complaint about message from ")).then(|| shown("Subject", &mail.subject))
}

fn auto_reply(mail: &Mail, facts: &Facts) -> Option<(&'static str, String)> {
    let submitted = auto_submitted(mail);
    if submitted.as_deref() == Some("auto-replied") {
        return Some(("E5.5", shown("Auto-Submitted", "auto-replied")));
    }
    let denied = submitted.as_deref() == Some("no");
    if !denied {
        for (name, value) in &mail.headers {
            if AUTO_REPLY_HEADERS.contains(&name.as_str()) && !value.trim().eq_ignore_ascii_case("no") {
                return Some(("E5.5", shown(name, value)));
            }
        }
        if let Some(value) = precedence(mail).filter(|p| p == "auto_reply" || p == "auto-reply") {
            return Some(("E5.5", shown("Precedence", &value)));
        }
        if let Some(value) = mail.header_all("delivered-to").find(|v| v.trim().eq_ignore_ascii_case("autoresponder")) {
            return Some(("E5.5", shown("Delivered-To", value)));
        }
    }
    let envelope = null_envelope(mail, facts);
    if let Some(subject) = auto_subject(&mail.subject) {
        let also = match (&envelope, &submitted) {
            (Some(envelope), _) => Some(envelope.clone()),
            (None, Some(value)) if value != "no" => Some(shown("Auto-Submitted", value)),
            // Vacation programs mark their answers as bulk too.
            _ => mail
                .header("x-auto-response-suppress")
                .map(|v| shown("X-Auto-Response-Suppress", v))
                .or_else(|| list(mail)),
        };
        if let Some(also) = also.filter(|_| !denied) {
            return Some(("E5.9", format!("subject {subject:?} with {also}")));
        }
    }
    // Alarms and bulk mail come with a null or daemon envelope too: those say so themselves.
    let says_otherwise = denied || submitted.is_some() || list(mail).is_some();
    envelope.filter(|_| !says_otherwise).map(|e| ("E5.5", e))
}

/// The envelope's sender, if it is known to be null or a daemon: the arrival's first, else Return-Path (E5.5).
fn null_envelope(mail: &Mail, facts: &Facts) -> Option<String> {
    let (source, sender) = match (&facts.envelope_from, mail.header("return-path")) {
        (Some(from), _) => ("envelope sender", from.as_str()),
        (None, Some(path)) => ("Return-Path", path),
        (None, None) => return None,
    };
    let bare = sender.trim().trim_matches(['<', '>']).trim();
    if bare.is_empty() && (source == "envelope sender" || sender.contains("<>")) {
        return Some(format!("null {source}"));
    }
    (!bare.is_empty() && address::is_daemon(bare)).then(|| format!("{source} {bare}"))
}

fn auto_generated(mail: &Mail, list: bool) -> Option<String> {
    if let Some(value) = auto_submitted(mail)
        && !matches!(value.as_str(), "no" | "auto-forwarded")
    {
        return Some(shown("Auto-Submitted", &value));
    }
    if let Some(value) = mail.header("x-auto-generated").or_else(|| mail.header("x-autogenerated")) {
        return Some(shown("X-Auto-Generated", value));
    }
    if let Some(reply) = mail.parts.iter().find(|p| p.content_type == "text/calendar" && is_calendar_reply(&p.bytes)) {
        return Some(format!("calendar METHOD:REPLY in {}", reply.filename));
    }
    let from = mail.from.as_ref()?;
    (!list && address::is_no_reply(&from.email)).then(|| shown("From", &from.email))
}

fn is_calendar_reply(bytes: &[u8]) -> bool {
    bytes.split(|&b| b == b'\n').take(40).any(|l| l.trim_ascii().eq_ignore_ascii_case(b"METHOD:REPLY"))
}

/// Lists and bulk mail; `Feedback-ID` or `List-Unsubscribe` alone is neither (E5.7).
fn list(mail: &Mail) -> Option<String> {
    if let Some(evidence) = list_post(mail) {
        return Some(evidence);
    }
    if let Some(value) = precedence(mail).filter(|p| matches!(p.as_str(), "list" | "bulk" | "junk")) {
        return Some(shown("Precedence", &value));
    }
    let hints: Vec<&str> =
        ["list-unsubscribe", "feedback-id"].into_iter().filter(|h| mail.header(h).is_some()).collect();
    let campaign = mail.headers.iter().find(|(n, _)| n.starts_with("x-campaign")).map(|(n, _)| n.as_str());
    let hints: Vec<&str> = hints.into_iter().chain(campaign).collect();
    (hints.len() >= 2).then(|| hints.join(" and "))
}

fn list_post(mail: &Mail) -> Option<String> {
    mail.headers.iter().find(|(n, _)| LIST_HEADERS.contains(&n.as_str())).map(|(n, v)| shown(n, v))
}

/// Headers that forbid our ack without being evidence of anything (E5.2, E5.7), and senders that get none (E5.14).
fn forbids_ack(mail: &Mail, facts: &Facts, ours: &dyn Ours) -> bool {
    let suppressed = mail.header_all("x-auto-response-suppress").any(|value| {
        value
            .split([',', ';', ' '])
            .any(|v| ["all", "oof", "autoreply"].iter().any(|w| v.trim().eq_ignore_ascii_case(w)))
    });
    let looped = mail.header_all("x-loop").any(|v| ours.is_our_mailbox(v.trim().trim_matches(['<', '>'])));
    let from = mail.from.as_ref().map(|f| f.email.as_str()).unwrap_or_default();
    suppressed
        || looped
        || null_envelope(mail, facts).is_some()
        || address::takes_no_auto_mail(from)
        || ours.is_our_mailbox(from)
}

/// Auto-Submitted's first token, lower case (RFC 3834, 5; values come in any case and with parameters).
fn auto_submitted(mail: &Mail) -> Option<String> {
    let value = mail.header("auto-submitted")?;
    let token = value.split([';', ' ', '(', ',']).next().unwrap_or_default().trim().to_ascii_lowercase();
    Some(token).filter(|t| !t.is_empty())
}

fn precedence(mail: &Mail) -> Option<String> {
    let value = mail.header("precedence").or_else(|| mail.header("x-precedence"))?;
    Some(value.split([';', ' ', '(']).next().unwrap_or_default().trim().to_ascii_lowercase()).filter(|v| !v.is_empty())
}

/// Tells whether a subject is one of an automatic answer (E5.9).
pub fn has_auto_subject(subject: &str) -> bool {
    auto_subject(subject).is_some()
}

/// Returns the automatic answer's subject that this one begins with, reply prefixes skipped.
fn auto_subject(subject: &str) -> Option<&'static str> {
    let lower = subject.to_lowercase();
    let mut rest = lower.trim();
    while let Some(more) = ["re:", "aw:", "sv:", "antw:", "fw:", "fwd:"].iter().find_map(|p| rest.strip_prefix(p)) {
        rest = more.trim_start();
    }
    let rest = rest.trim_start_matches(['[', '*', '(', '"']);
    AUTO_SUBJECTS.iter().find(|s| rest.starts_with(*s)).copied()
}

fn shown(name: &str, value: &str) -> String {
    let value = value.trim();
    let cut = value.floor_char_boundary(120);
    format!("{name}: {}", &value[..cut])
}

#[cfg(test)]
mod tests;
