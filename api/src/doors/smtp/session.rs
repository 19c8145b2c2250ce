//! One conversation's state (RFC 5321, RFC 2033): lines in, answers out. Pure; [`super::connection`] does what it asks.

use super::command::{self, Command, Wrong};
use std::fmt::Write;
use std::sync::Arc;

/// Recipients of one mail at the most (E10.7, RFC 5321 4.5.3.1.8).
const MOST_RECIPIENTS: usize = 100;
/// Wrong commands until the connection is closed.
const MOST_WRONG: u32 = 20;
/// Unknown recipients until the connection is closed: somebody tries names. A mail server that speaks LMTP may do so.
const MOST_UNKNOWN: u32 = 30;
/// Mails on one connection.
const MOST_MAILS: u32 = 1000;

/// Which of the two protocols.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// From anybody.
    Smtp,
    /// From a mail server of the operator's (RFC 2033): one answer per recipient.
    Lmtp,
}

/// What the conversation is held about.
#[derive(Debug, Clone)]
pub struct Terms {
    /// Which protocol.
    pub protocol: Protocol,
    /// Our name.
    pub hostname: Arc<str>,
    /// The largest mail.
    pub most_bytes: usize,
    /// Whether STARTTLS can be offered.
    pub offers_tls: bool,
}

/// What is to be done about a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Do {
    /// Answer and read on.
    Say(String),
    /// Find out whether mail to this address is taken, then ask [`Session::recipient`].
    Ask(String),
    /// Answer, then read a mail, keep it, and ask [`Session::ended`].
    Read(String),
    /// Answer, drop what was read ahead, encrypt, then tell [`Session::encrypted`].
    Encrypt(String),
    /// Answer and close.
    Close(String),
}

/// Whether mail to an address is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It is.
    Known,
    /// It is nobody's here, in a domain that is ours.
    Unknown,
    /// It is in no domain of ours.
    Foreign,
    /// The store does not answer.
    Away,
}

/// What became of a mail that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate<'a> {
    /// It is durable, by this name.
    Kept(&'a str),
    /// The store does not answer: the sender must come again.
    Away,
    /// It was larger than may be.
    TooBig,
    /// It held a bare CR or LF.
    BareLineEnd,
}

/// The envelope of the mail that is to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The reverse path; empty: the null path.
    pub from: String,
    /// The forward paths, at least one.
    pub to: Vec<String>,
    /// The client's name.
    pub helo: String,
    /// How the connection is encrypted.
    pub tls: Option<String>,
    /// The mail's number on this connection, from 1.
    pub number: u32,
}

/// The state of a conversation.
#[derive(Debug)]
pub struct Session {
    terms: Terms,
    helo: Option<String>,
    tls: Option<String>,
    from: Option<(String, bool)>,
    to: Vec<String>,
    wrong: u32,
    unknown: u32,
    mails: u32,
}

impl Session {
    /// Begins a conversation.
    pub fn new(terms: Terms) -> Session {
        Session { terms, helo: None, tls: None, from: None, to: Vec::new(), wrong: 0, unknown: 0, mails: 0 }
    }

    /// What the client is greeted with.
    pub fn greeting(&self) -> String {
        let name = if self.lmtp() { "LMTP" } else { "ESMTP" };
        format!("220 {} {name} Postroom\r\n", self.terms.hostname)
    }

    /// What a client is told that cannot be served any more.
    pub fn farewell(&self, why: &str) -> String {
        format!("421 {why}\r\n").replace("{host}", &self.terms.hostname)
    }

    /// Takes a line, its CRLF taken off.
    pub fn line(&mut self, line: &[u8]) -> Do {
        match command::parse(line) {
            Ok(command) => self.command(command),
            Err(wrong) => self.wrong(match wrong {
                Wrong::Verb => "500 5.5.2 command unknown",
                Wrong::Syntax => "501 5.5.4 syntax error",
                Wrong::Sender => "501 5.1.7 no valid sender address",
                Wrong::Recipient => "501 5.1.3 no valid recipient address",
                Wrong::Parameter => "555 5.5.4 parameter not offered",
            }),
        }
    }

    /// Takes a line that was longer than a command may be, or did not end in CRLF.
    pub fn unreadable(&mut self) -> Do {
        self.wrong("500 5.5.2 a command is one short line that ends in CRLF")
    }

    fn command(&mut self, command: Command) -> Do {
        match command {
            Command::Helo(name) if !self.lmtp() => {
                self.greeted(name);
                self.say(&format!("250 {}", self.terms.hostname))
            }
            Command::Ehlo(name) if !self.lmtp() => self.extensions(name),
            Command::Lhlo(name) if self.lmtp() => self.extensions(name),
            Command::Helo(_) | Command::Ehlo(_) | Command::Lhlo(_) => self.wrong(match self.lmtp() {
                true => "500 5.5.1 this is LMTP: say LHLO",
                false => "500 5.5.1 this is SMTP: say EHLO",
            }),
            Command::Mail { from, size, utf8 } => self.mail(from, size, utf8),
            Command::Rcpt(to) => self.rcpt(to),
            Command::Data => self.data(),
            Command::StartTls => self.start_tls(),
            Command::Rset => {
                self.reset();
                self.say("250 2.0.0 forgotten")
            }
            Command::Noop => self.say("250 2.0.0 ok"),
            Command::Help => self.say("214 2.0.0 https://www.rfc-editor.org/rfc/rfc5321"),
            Command::Vrfy => self.say("252 2.5.0 send some mail, and see"),
            Command::Quit => Do::Close("221 2.0.0 bye\r\n".to_owned()),
            Command::NotHere => self.wrong("502 5.5.1 not here"),
            Command::Http => Do::Close("521 5.5.2 this is no web server\r\n".to_owned()),
        }
    }

    fn extensions(&mut self, name: String) -> Do {
        self.greeted(name);
        let mut text = format!("250-{}\r\n250-SIZE {}\r\n", self.terms.hostname, self.terms.most_bytes);
        for keyword in ["8BITMIME", "SMTPUTF8", "PIPELINING"] {
            let _ = write!(text, "250-{keyword}\r\n");
        }
        if self.terms.offers_tls && self.tls.is_none() {
            text.push_str("250-STARTTLS\r\n");
        }
        text.push_str("250 ENHANCEDSTATUSCODES\r\n");
        Do::Say(text)
    }

    fn greeted(&mut self, name: String) {
        self.reset();
        self.helo = Some(name);
    }

    fn mail(&mut self, from: String, size: Option<u64>, utf8: bool) -> Do {
        if self.helo.is_none() {
            return self.wrong("503 5.5.1 say hello first");
        }
        if self.from.is_some() {
            return self.wrong("503 5.5.1 one mail at a time");
        }
        if self.mails >= MOST_MAILS {
            return Do::Close(self.farewell("4.7.0 {host} enough mails on one connection"));
        }
        if !utf8 && !from.is_ascii() {
            return self.wrong("553 5.6.7 an address beyond ASCII needs SMTPUTF8");
        }
        if size.is_some_and(|n| n > self.terms.most_bytes as u64) {
            return self.say(&self.too_big());
        }
        self.from = Some((from, utf8));
        self.say("250 2.1.0 ok")
    }

    fn rcpt(&mut self, to: String) -> Do {
        match &self.from {
            None => self.wrong("503 5.5.1 MAIL first"),
            Some(_) if self.to.len() >= MOST_RECIPIENTS => self.say("452 4.5.3 too many recipients"),
            Some((_, false)) if !to.is_ascii() => self.wrong("553 5.6.7 an address beyond ASCII needs SMTPUTF8"),
            Some(_) => Do::Ask(to),
        }
    }

    /// Goes on after [`Do::Ask`].
    pub fn recipient(&mut self, to: String, answer: Answer) -> Do {
        match answer {
            Answer::Known => {
                self.to.push(to);
                self.say("250 2.1.5 ok")
            }
            Answer::Away => self.say("451 4.3.0 cannot look that up now, come again"),
            Answer::Unknown | Answer::Foreign => {
                self.unknown += 1;
                if !self.lmtp() && self.unknown > MOST_UNKNOWN {
                    return Do::Close(self.farewell("4.7.0 {host} too many unknown recipients"));
                }
                // The address is the client's own text, of one line (RFC 5321 4.2: no control characters).
                self.say(&match answer {
                    // RFC 3463 3.8: not a wrong address but one that we are not to deliver to (RFC 5321 3.6.2).
                    Answer::Foreign => format!("550 5.7.1 <{to}> is in no domain of ours, and nothing is relayed"),
                    _ => format!("550 5.1.1 <{to}> is no mailbox here"),
                })
            }
        }
    }

    fn data(&mut self) -> Do {
        if self.from.is_none() {
            return self.wrong("503 5.5.1 MAIL first");
        }
        if self.to.is_empty() {
            return self.say(if self.lmtp() {
                "503 5.5.1 no valid recipients"
            } else {
                "554 5.5.1 no valid recipients"
            });
        }
        Do::Read("354 end with a dot alone on a line\r\n".to_owned())
    }

    /// Hands out the envelope of the mail that is to be read after [`Do::Read`], and forgets it.
    pub fn envelope(&mut self) -> Envelope {
        self.mails += 1;
        let (from, _) = self.from.take().unwrap_or_default();
        Envelope {
            from,
            to: std::mem::take(&mut self.to),
            helo: self.helo.clone().unwrap_or_default(),
            tls: self.tls.clone(),
            number: self.mails,
        }
    }

    /// The answer at the mail's end: one on SMTP, one for each of `recipients` on LMTP.
    pub fn ended(&self, fate: Fate<'_>, recipients: usize) -> String {
        let line = match fate {
            Fate::Kept(name) => format!("250 2.0.0 kept as {name}"),
            Fate::Away => "451 4.3.0 cannot be kept now, come again".to_owned(),
            Fate::TooBig => self.too_big(),
            Fate::BareLineEnd => "550 5.6.11 bare CR or LF: lines end in CRLF".to_owned(),
        };
        format!("{line}\r\n").repeat(if self.lmtp() { recipients } else { 1 })
    }

    fn start_tls(&mut self) -> Do {
        if self.tls.is_some() || !self.terms.offers_tls {
            return self.wrong("503 5.5.1 not offered");
        }
        Do::Encrypt("220 2.0.0 go ahead\r\n".to_owned())
    }

    /// The connection is encrypted: all that was said before is forgotten (RFC 3207 4.2).
    pub fn encrypted(&mut self, how: String) {
        self.reset();
        self.helo = None;
        self.tls = Some(how);
    }

    fn too_big(&self) -> String {
        format!("552 5.3.4 a mail may have {} octets", self.terms.most_bytes)
    }

    fn reset(&mut self) {
        self.from = None;
        self.to.clear();
    }

    fn lmtp(&self) -> bool {
        self.terms.protocol == Protocol::Lmtp
    }

    fn say(&self, text: &str) -> Do {
        Do::Say(format!("{text}\r\n"))
    }

    fn wrong(&mut self, text: &str) -> Do {
        self.wrong += 1;
        match self.wrong > MOST_WRONG {
            true => Do::Close(self.farewell("4.7.0 {host} too many errors")),
            false => self.say(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn session(protocol: Protocol) -> Session {
        Session::new(Terms { protocol, hostname: "mx.example".into(), most_bytes: 1000, offers_tls: true })
    }

    /// Plays lines; recipients `known@…` are known, `away@…` cannot be looked up. Returns the answers' beginnings.
    fn play(s: &mut Session, lines: &[&str]) -> Vec<String> {
        lines
            .iter()
            .map(|line| {
                let mut done = s.line(line.as_bytes());
                if let Do::Ask(to) = done {
                    let answer = match to.split('@').next() {
                        Some("known" | "postmaster") => Answer::Known,
                        Some("away") => Answer::Away,
                        _ if to.ends_with("@elsewhere.c") => Answer::Foreign,
                        _ => Answer::Unknown,
                    };
                    done = s.recipient(to, answer);
                }
                match done {
                    Do::Say(t) | Do::Read(t) | Do::Encrypt(t) | Do::Close(t) => {
                        let line = t.lines().last().unwrap_or_default();
                        let mut words = line.split(' ');
                        let code = words.next().unwrap_or_default().to_owned();
                        match words.next().filter(|w| w.contains('.') && w.as_bytes()[0].is_ascii_digit()) {
                            Some(enhanced) => format!("{code} {enhanced}"),
                            None => code,
                        }
                    }
                    Do::Ask(_) => unreachable!("it was answered"),
                }
            })
            .collect()
    }

    /// E10.7, E10.2, E10.1.
    #[test]
    fn conversations() {
        let table: &[(&[&str], &[&str])] = &[
            (&["EHLO c", "MAIL FROM:<>", "RCPT TO:<postmaster>", "DATA"], &["250", "250 2.1.0", "250 2.1.5", "354"]),
            (&["MAIL FROM:<a@b.c>"], &["503 5.5.1"]),
            (&["HELO c", "MAIL FROM:<a@b.c>", "MAIL FROM:<a@b.c>"], &["250", "250 2.1.0", "503 5.5.1"]),
            (&["EHLO c", "RCPT TO:<known@b.c>", "DATA"], &["250", "503 5.5.1", "503 5.5.1"]),
            (
                &["EHLO c", "MAIL FROM:<a@b.c>", "RCPT TO:<nobody@b.c>", "RCPT TO:<away@b.c>", "DATA"],
                &["250", "250 2.1.0", "550 5.1.1", "451 4.3.0", "554 5.5.1"],
            ),
            (
                &["EHLO c", "MAIL FROM:<a@b.c>", "RCPT TO:<somebody@elsewhere.c>", "DATA"],
                &["250", "250 2.1.0", "550 5.7.1", "554 5.5.1"],
            ),
            (&["EHLO c", "MAIL FROM:<a@b.c> SIZE=1001"], &["250", "552 5.3.4"]),
            (&["EHLO c", "MAIL FROM:<a@b.c> SIZE=1000"], &["250", "250 2.1.0"]),
            (&["EHLO c", "MAIL FROM:<é@b.c>"], &["250", "553 5.6.7"]),
            (&["EHLO c", "MAIL FROM:<a@b.c> SMTPUTF8", "RCPT TO:<ä@b.c>"], &["250", "250 2.1.0", "550 5.1.1"]),
            (&["EHLO c", "MAIL FROM:<a@b.c>", "RCPT TO:<ä@b.c>"], &["250", "250 2.1.0", "553 5.6.7"]),
            (
                &["VRFY root", "EXPN x", "AUTH PLAIN", "HELP", "NOOP"],
                &["252 2.5.0", "502 5.5.1", "502 5.5.1", "214 2.0.0", "250 2.0.0"],
            ),
            (
                &["EHLO c", "MAIL FROM:<a@b.c>", "RSET", "RCPT TO:<known@b.c>"],
                &["250", "250 2.1.0", "250 2.0.0", "503 5.5.1"],
            ),
            (&["LHLO c", "QUIT"], &["500 5.5.1", "221 2.0.0"]),
            (&["GET / HTTP/1.0"], &["521 5.5.2"]),
        ];
        for (lines, expected) in table {
            assert_eq!(play(&mut session(Protocol::Smtp), lines), *expected, "{lines:?}");
        }
        let lmtp = play(&mut session(Protocol::Lmtp), &["EHLO c", "HELO c", "LHLO c", "MAIL FROM:<>", "DATA"]);
        assert_eq!(lmtp, ["500 5.5.1", "500 5.5.1", "250", "250 2.1.0", "503 5.5.1"]);
    }

    /// E10.7: 100 recipients, then 452, and the mail still goes to the hundred.
    #[test]
    fn the_hundred_and_first_recipient_comes_again() {
        let mut s = session(Protocol::Lmtp);
        play(&mut s, &["LHLO c", "MAIL FROM:<a@b.c>"]);
        let answers = play(&mut s, &["RCPT TO:<known@b.c>"; 101]);
        assert!(answers[..100].iter().all(|a| a == "250 2.1.5"));
        assert_eq!(answers[100], "452 4.5.3");
        assert_eq!(play(&mut s, &["DATA"]), ["354"]);
        let envelope = s.envelope();
        assert_eq!((envelope.to.len(), envelope.number), (100, 1));
        // LMTP answers for each.
        assert_eq!(s.ended(Fate::Kept("x"), 100).lines().count(), 100);
        assert_eq!(play(&mut s, &["RCPT TO:<known@b.c>"]), ["503 5.5.1"], "the envelope is forgotten");
    }

    /// E10.7: nothing said in clear counts after STARTTLS (RFC 3207 4.2), and it is not offered again.
    #[test]
    fn what_was_said_in_clear_is_forgotten() {
        let mut s = session(Protocol::Smtp);
        assert_eq!(play(&mut s, &["EHLO c", "MAIL FROM:<a@b.c>", "STARTTLS"]), ["250", "250 2.1.0", "220 2.0.0"]);
        s.encrypted("TLSv1_3".to_owned());
        assert_eq!(play(&mut s, &["RCPT TO:<known@b.c>", "MAIL FROM:<a@b.c>", "STARTTLS"]), ["503 5.5.1"; 3]);
        assert_eq!(s.line(b"EHLO c"), Do::Say("250-mx.example\r\n250-SIZE 1000\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-PIPELINING\r\n250 ENHANCEDSTATUSCODES\r\n".to_owned()));
    }

    /// E10.1, E10.7 (T61, T64): what each fate answers.
    #[test]
    fn fates() {
        let s = session(Protocol::Smtp);
        for (fate, code) in [
            (Fate::Kept("a-1"), "250 2.0.0"),
            (Fate::Away, "451 4.3.0"),
            (Fate::TooBig, "552 5.3.4"),
            (Fate::BareLineEnd, "550 5.6.11"),
        ] {
            let text = s.ended(fate, 3);
            assert!(text.starts_with(code) && text.lines().count() == 1, "{text}");
        }
    }

    #[test]
    fn who_errs_too_often_is_sent_away() {
        let mut s = session(Protocol::Smtp);
        let answers = play(&mut s, &["NONSENSE"; 21]);
        assert_eq!((answers[19].as_str(), answers[20].as_str()), ("500 5.5.2", "421 4.7.0"));
        let mut s = session(Protocol::Smtp);
        play(&mut s, &["EHLO c", "MAIL FROM:<a@b.c>"]);
        assert_eq!(play(&mut s, &["RCPT TO:<x@b.c>"; 31])[30], "421 4.7.0");
    }

    proptest! {
        /// Any conversation: no panic, each answer is whole lines with a code, and a mail is only read with an envelope.
        #[test]
        fn any_lines_are_answered(lines in prop::collection::vec(prop::sample::select(vec![
            "EHLO c", "HELO c", "LHLO c", "MAIL FROM:<a@b.c>", "MAIL FROM:<> SIZE=5", "RCPT TO:<known@b.c>", "RCPT TO:<x@b.c>",
            "DATA", "RSET", "NOOP", "STARTTLS", "", "XYZ", "VRFY a", "QUIT",
        ]), 0..40), lmtp in any::<bool>()) {
            let mut s = session(if lmtp { Protocol::Lmtp } else { Protocol::Smtp });
            for line in lines {
                let mut done = s.line(line.as_bytes());
                if let Do::Ask(to) = done {
                    let answer = if to.starts_with("known") { Answer::Known } else { Answer::Unknown };
                    done = s.recipient(to, answer);
                }
                let (Do::Say(text) | Do::Read(text) | Do::Encrypt(text) | Do::Close(text)) = &done else { unreachable!() };
                prop_assert!(text.ends_with("\r\n") && text.split_terminator("\r\n").all(|l| l.len() > 3 && l.as_bytes()[..3].iter().all(u8::is_ascii_digit)));
                if matches!(done, Do::Read(_)) {
                    let envelope = s.envelope();
                    prop_assert!(!envelope.to.is_empty() && !envelope.helo.is_empty());
                    s.ended(Fate::Kept("x"), envelope.to.len());
                }
            }
        }
    }
}
