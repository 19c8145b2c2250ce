//! What became of a mail, and the rules that read it out of a relay's answer (E9.7).

/// How far a transaction had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// Nothing was said yet: address, name lookup, TCP, TLS.
    Connect,
    /// The banner, EHLO and STARTTLS.
    Greeting,
    /// AUTH.
    Auth,
    /// MAIL FROM.
    Mail,
    /// RCPT TO.
    Rcpt,
    /// DATA, up to its 354.
    Data,
    /// Our own last step before the body leaves.
    BeforeBody,
    /// The body, before its end was handed over.
    Body,
    /// The final dot was handed over.
    Dot,
}

impl Phase {
    /// Returns the text stored with an attempt.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Connect => "connect",
            Phase::Greeting => "greeting",
            Phase::Auth => "auth",
            Phase::Mail => "mail",
            Phase::Rcpt => "rcpt",
            Phase::Data => "data",
            Phase::BeforeBody => "before_body",
            Phase::Body => "body",
            Phase::Dot => "dot",
        }
    }
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A relay's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Reply code, RFC 5321 4.2.
    pub code: u16,
    /// Enhanced status code as sent, RFC 3463: `5.1.1`.
    pub enhanced: Option<String>,
    /// The text of all lines, without codes; at most 1,000 octets.
    pub text: String,
    /// The id the relay gave the mail, where its text has one (E3.7).
    pub relay_id: Option<String>,
}

/// Why a mail was not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Where it stopped.
    pub phase: Phase,
    /// The relay's reply code; None when it was not the relay that said no.
    pub code: Option<u16>,
    /// Enhanced status code, the relay's or ours.
    pub enhanced: Option<String>,
    /// One clause for people: the relay's own words, or ours.
    pub text: String,
}

/// What became of one mail to one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendOutcome {
    /// The relay took it over.
    Sent(Reply),
    /// Not accepted, certainly; try again later.
    Temporary(Failure),
    /// Not accepted and never will be.
    Permanent(Failure),
    /// Not this mail's fault: our access to the relay is. Every other mail would fare alike.
    RelayFault(Failure),
    /// The body was handed over and no answer came: accepted or not, nobody knows (E9.9).
    Unknown {
        /// What happened instead of an answer.
        text: String,
    },
}

/// Why a step did not succeed.
#[derive(Debug, Clone)]
pub(super) enum Fault {
    /// The relay said no.
    Refused(Reply),
    /// The connection failed, or what came was no SMTP.
    Broken(String),
    /// No answer in time.
    Late(String),
    /// We will not go on: E9.16, or nothing in common to authenticate by.
    Unfit(String),
}

/// A step and why it did not succeed.
#[derive(Debug, Clone)]
pub(super) struct Halt {
    pub phase: Phase,
    pub fault: Fault,
}

impl Halt {
    /// Tells whether the connection rather than the mail failed: 421 announces that it closes (RFC 5321 3.8).
    pub fn lost_connection(&self) -> bool {
        match &self.fault {
            Fault::Broken(_) => true,
            Fault::Refused(reply) => reply.code == 421,
            Fault::Late(_) | Fault::Unfit(_) => false,
        }
    }

    /// Classifies by E9.7. Not for [`Phase::Dot`] without an answer, which is [`SendOutcome::Unknown`].
    pub fn outcome(self) -> SendOutcome {
        let phase = self.phase;
        match self.fault {
            Fault::Broken(text) | Fault::Late(text) => {
                SendOutcome::Temporary(Failure { phase, code: None, enhanced: None, text })
            }
            Fault::Unfit(text) => SendOutcome::RelayFault(Failure { phase, code: None, enhanced: None, text }),
            Fault::Refused(reply) => {
                let kind = classify(phase, &reply);
                let failure = Failure { phase, code: Some(reply.code), enhanced: reply.enhanced, text: reply.text };
                match kind {
                    Kind::Temporary => SendOutcome::Temporary(failure),
                    Kind::Permanent => SendOutcome::Permanent(failure),
                    Kind::RelayFault => SendOutcome::RelayFault(failure),
                }
            }
        }
    }
}

enum Kind {
    Temporary,
    Permanent,
    RelayFault,
}

fn classify(phase: Phase, reply: &Reply) -> Kind {
    let permanent = reply.code >= 500;
    match phase {
        // A 554 banner or a refused EHLO speaks of the connection, not of a mail.
        Phase::Connect | Phase::Greeting => Kind::Temporary,
        Phase::Auth if permanent => Kind::RelayFault,
        _ if is_access_code(reply.code) || denies_relaying(&reply.text) => Kind::RelayFault,
        Phase::Mail if permanent && reply.enhanced.as_deref().is_some_and(|e| e.starts_with("5.7.")) => {
            Kind::RelayFault
        }
        _ if permanent => Kind::Permanent,
        _ => Kind::Temporary,
    }
}

/// Authentication required, failed, needs encryption, mechanism too weak (RFC 4954 6).
fn is_access_code(code: u16) -> bool {
    matches!(code, 530 | 534 | 535 | 538)
}

/// Relays refuse strangers with 454, 550, 551, 553 or 554; only the text tells.
fn denies_relaying(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    const DENIALS: [&str; 6] = ["denied", "not permitted", "not allowed", "prohibited", "unable to", "do not relay"];
    const LOGIN: [&str; 4] =
        ["authentication required", "not authenticated", "must authenticate", "authenticate first"];
    let denied = names_relaying(&text) && DENIALS.iter().any(|d| text.contains(d));
    denied || LOGIN.iter().any(|l| text.contains(l))
}

/// "denied by relay.example" is about the mail; "relay access denied", "relaying denied", "unable to relay" are
/// about us. So the word must stand alone.
fn names_relaying(text: &str) -> bool {
    text.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | ':' | '(' | ')'))
        .any(|w| matches!(w.trim_end_matches('.'), "relay" | "relaying"))
}

impl Reply {
    /// Reads a reply's lines, each `250-text` or `250 text`. None if they do not begin with a code.
    pub(super) fn parse(lines: &str) -> Option<Reply> {
        let first = lines.lines().next()?;
        let code: u16 = first.get(..3).filter(|c| c.bytes().all(|b| b.is_ascii_digit()))?.parse().ok()?;
        let enhanced = first.get(4..).and_then(enhanced_code).map(str::to_owned);
        let mut text = String::new();
        for line in lines.lines() {
            let words = line.get(4..).unwrap_or_default();
            let words = match &enhanced {
                // Gmail repeats the enhanced code on each line.
                Some(e) => words.strip_prefix(e.as_str()).unwrap_or(words),
                None => words,
            };
            let words = words.trim();
            if !words.is_empty() {
                if !text.is_empty() {
                    text.push(' ');
                }
                text.push_str(words);
            }
        }
        text.truncate(text.floor_char_boundary(1000));
        let relay_id = if (200..300).contains(&code) { relay_id(&text) } else { None };
        Some(Reply { code, enhanced, text, relay_id })
    }
}

/// Returns the enhanced status code the text begins with (RFC 2034 4).
fn enhanced_code(text: &str) -> Option<&str> {
    let word = text.split_whitespace().next()?;
    let mut parts = word.split('.');
    let class = parts.next()?;
    let (subject, detail) = (parts.next()?, parts.next()?);
    let digits = |p: &str| (1..=3).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_digit());
    (matches!(class, "2" | "4" | "5") && digits(subject) && digits(detail) && parts.next().is_none()).then_some(word)
}

/// Returns the id in a final 250's text (E3.7): Postfix `queued as ID`, Exim `id=ID`, Sendmail `ID Message accepted
/// for delivery`, Amazon SES `Ok ID`, Gmail `OK TIME ID - gsmtp`, Exchange `<ID> [InternalId=...`.
fn relay_id(text: &str) -> Option<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let after = |marker: [&str; 2]| {
        let at = words
            .windows(2)
            .position(|w| w[0].eq_ignore_ascii_case(marker[0]) && w[1].eq_ignore_ascii_case(marker[1]))?;
        words.get(at + 2).copied()
    };
    let found =
        after(["queued", "as"]).or_else(|| words.iter().find_map(|w| w.strip_prefix("id="))).or_else(|| match words
            .as_slice()
        {
            [id, "Message", "accepted", ..] => Some(*id),
            [ok, _, id, "-", "gsmtp"] if ok.eq_ignore_ascii_case("ok") => Some(*id),
            [id, rest, ..] if id.starts_with('<') && rest.starts_with("[InternalId") => Some(*id),
            [ok, id] if ok.eq_ignore_ascii_case("ok") => Some(*id),
            _ => None,
        })?;
    let id = found.trim_matches(|c: char| matches!(c, '<' | '>' | '(' | ')' | ';' | ',')).trim_end_matches('.');
    let plausible = (6..=200).contains(&id.len())
        && id.bytes().any(|b| b.is_ascii_digit())
        && id.bytes().all(|b| b.is_ascii_graphic());
    plausible.then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(phase: Phase, lines: &str) -> &'static str {
        match (Halt { phase, fault: Fault::Refused(Reply::parse(lines).unwrap()) }).outcome() {
            SendOutcome::Temporary(_) => "temporary",
            SendOutcome::Permanent(_) => "permanent",
            SendOutcome::RelayFault(_) => "relay fault",
            other => panic!("{other:?}"),
        }
    }

    /// E9.7.
    #[test]
    fn answers_are_classified() {
        use Phase::{Auth, Data, Dot, Greeting, Mail, Rcpt};
        for (phase, lines, expected) in [
            (Greeting, "554 no service", "temporary"),
            (Greeting, "421 too many connections", "temporary"),
            (Auth, "535 5.7.8 wrong", "relay fault"),
            (Auth, "454 4.7.0 Temporary authentication failure", "temporary"),
            (Mail, "530 5.7.0 Must issue a STARTTLS command first", "relay fault"),
            (Mail, "538 encryption required", "relay fault"),
            (Mail, "550 5.7.1 sender not allowed", "relay fault"),
            (Mail, "552 5.3.4 too big", "permanent"),
            (Mail, "451 4.3.0 later", "temporary"),
            (Rcpt, "550 5.1.1 no such user", "permanent"),
            (Rcpt, "550 5.7.1 spam", "permanent"),
            (Rcpt, "554 5.7.1 <a@b.example>: Relay access denied", "relay fault"),
            (Rcpt, "454 4.7.1 <a@b.example>: Relay access denied", "relay fault"),
            (Rcpt, "550 5.7.1 Unable to relay", "relay fault"),
            (Rcpt, "550 relaying denied.", "relay fault"),
            (Rcpt, "550 mail from relay.example denied", "permanent"),
            (Rcpt, "450 4.2.0 greylisted", "temporary"),
            (Rcpt, "571 Delivery not authorized", "permanent"),
            (Rcpt, "550 5.7.60 Client was not authenticated", "relay fault"),
            (Data, "451 4.3.0 no", "temporary"),
            (Data, "554 5.5.1 no valid recipients", "permanent"),
            (Dot, "552 5.2.2 mailbox full", "permanent"),
            (Dot, "550 5.7.1 content rejected", "permanent"),
            (Dot, "421 4.7.0 try later", "temporary"),
        ] {
            assert_eq!(kind(phase, lines), expected, "{phase} {lines}");
        }
    }

    #[test]
    fn replies_are_read() {
        let reply = Reply::parse("550-5.7.25 The address sending this\n550 5.7.25 has no name.\n").unwrap();
        assert_eq!((reply.code, reply.enhanced.as_deref()), (550, Some("5.7.25")));
        assert_eq!(reply.text, "The address sending this has no name.");
        let bare = Reply::parse("250 \n").unwrap();
        assert_eq!((bare.code, bare.enhanced, bare.text.as_str()), (250, None, ""));
        assert_eq!(Reply::parse("250 2.0.0.1 ok\n").unwrap().enhanced, None);
        for lines in ["", "hello", "25", "25x ok"] {
            assert_eq!(Reply::parse(lines), None, "{lines:?}");
        }
    }

    /// E3.7.
    #[test]
    fn relay_ids_are_found() {
        for (text, id) in [
            ("250 2.0.0 Ok: queued as 4XyZ12abcd", Some("4XyZ12abcd")),
            ("250 OK id=1tDabc-0001Ab-2x", Some("1tDabc-0001Ab-2x")),
            ("250 2.0.0 4ALBxyz1012345 Message accepted for delivery", Some("4ALBxyz1012345")),
            ("250 Ok 0102018f1a2b3c4d-5e6f-7a8b-9c0d-000000", Some("0102018f1a2b3c4d-5e6f-7a8b-9c0d-000000")),
            ("250 2.0.0 OK  1732180000 5b1f17b1804b1-4338 - gsmtp", Some("5b1f17b1804b1-4338")),
            ("250 2.6.0 <x1@y.example> [InternalId=123, Hostname=h] Queued mail for delivery", Some("x1@y.example")),
            ("250 Ok", None),
            ("250 Message accepted", None),
            ("250 Great success", None),
            ("550 Ok 0102018f1a2b", None),
        ] {
            assert_eq!(Reply::parse(text).unwrap().relay_id.as_deref(), id, "{text}");
        }
    }
}
