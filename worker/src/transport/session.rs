//! The steps of a transaction on one SMTP connection, each with its own timer (E9.5).
//!
//! How the connection comes about is `open`'s part; whether it is used again is `pool`'s.

use std::fmt::Display;
use std::io;
use std::time::Duration;

use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail, Quit, Rcpt, Rset};
use lettre::transport::smtp::extension::{MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::Response;
use shared::fault;
use tokio::time::timeout;

use super::Timeouts;
use super::address::Path;
use super::capabilities::Capabilities;
use super::outcome::{Fault, Halt, Phase, Reply, SendOutcome};
use super::wire::Wire;

/// Octets written per turn of the block timer.
const BLOCK: usize = 64 * 1024;

/// A mail ready for a transaction.
pub(super) struct Letter {
    /// None is the null sender, `<>`.
    pub from: Option<Path>,
    pub to: Path,
    /// The body as it goes over the wire, final dot included.
    pub body: Vec<u8>,
    /// Some octet is above 127.
    pub eight_bit: bool,
}

/// A command and what is known of it.
struct Step {
    phase: Phase,
    name: &'static str,
    line: String,
    limit: Duration,
}

pub(super) struct Session {
    conn: AsyncSmtpConnection,
    pub(super) wire: Wire,
    pub(super) caps: Capabilities,
    pub(super) timeouts: Timeouts,
    /// Transactions begun.
    pub mails: u32,
    /// A transaction was left half way; the next begins with RSET.
    unfinished: bool,
    /// Not to be used again.
    pub broken: bool,
    /// Each mail asks for TLS on all of its way (RFC 8689).
    pub(super) require_tls: bool,
}

impl Session {
    pub(super) fn new(conn: AsyncSmtpConnection, wire: Wire, caps: Capabilities, timeouts: Timeouts) -> Session {
        Session { conn, wire, caps, timeouts, mails: 0, unfinished: false, broken: false, require_tls: false }
    }

    /// Goes up to the 354 after which the body may leave.
    pub async fn begin(&mut self, letter: &Letter) -> Result<(), Halt> {
        let at = |phase| move |fault| Halt { phase, fault };
        let begun = self.steps(letter).await.map_err(|(phase, fault)| at(phase)(fault));
        if let Err(halt) = &begun {
            self.broken |= halt.lost_connection() || matches!(halt.fault, Fault::Late(_));
        }
        begun
    }

    async fn steps(&mut self, letter: &Letter) -> Result<(), (Phase, Fault)> {
        let parameters = self.parameters(letter).map_err(|fault| (Phase::Mail, fault))?;
        let limits = self.timeouts.clone();
        self.mails += 1;
        let mut steps = Vec::with_capacity(4);
        if self.unfinished {
            steps.push(Step { phase: Phase::Mail, name: "RSET", line: Rset.to_string(), limit: limits.command });
        }
        self.unfinished = true;
        let mail = Mail::new(letter.from.as_ref().map(|p| p.address.clone()), parameters).to_string();
        steps.push(Step { phase: Phase::Mail, name: "MAIL", line: mail, limit: limits.command });
        let rcpt = Rcpt::new(letter.to.address.clone(), Vec::new()).to_string();
        steps.push(Step { phase: Phase::Rcpt, name: "RCPT", line: rcpt, limit: limits.command });
        steps.push(Step { phase: Phase::Data, name: "DATA", line: Data.to_string(), limit: limits.data });
        if self.caps.pipelining {
            return self.at_once(&steps).await;
        }
        for step in &steps {
            self.say(&step.line, step.limit).await.map_err(|fault| (step.phase, fault))?;
            self.hear(step).await.map_err(|fault| (step.phase, fault))?;
        }
        Ok(())
    }

    /// Says all commands in one breath and hears the answers (RFC 2920): one journey instead of three or four.
    async fn at_once(&mut self, steps: &[Step]) -> Result<(), (Phase, Fault)> {
        let lines: String = steps.iter().map(|step| step.line.as_str()).collect();
        let limit = self.timeouts.command;
        self.say(&lines, limit).await.map_err(|fault| (Phase::Mail, fault))?;
        for (n, step) in steps.iter().enumerate() {
            if let Err(fault) = self.hear(step).await {
                let rest = steps.len() - n - 1;
                if matches!(&fault, Fault::Refused(reply) if reply.code != 421) {
                    self.broken |= !self.hear_out(rest).await;
                }
                return Err((step.phase, fault));
            }
        }
        Ok(())
    }

    /// Takes the answers to commands that a refusal made pointless. False when the connection cannot be used after
    /// them: it failed, or the relay takes a body all the same. That would have to be an empty mail; better hang up.
    async fn hear_out(&mut self, rest: usize) -> bool {
        let hearing = async {
            let mut usable = true;
            for _ in 0..rest {
                let answer = self.conn.read_response().await;
                usable =
                    matches!(answered(&self.wire, answer, ""), Err(Fault::Refused(_)) | Ok(Reply { code: ..300, .. }));
            }
            usable
        };
        timeout(self.timeouts.quit, hearing).await.unwrap_or(false)
    }

    async fn say(&mut self, lines: &str, limit: Duration) -> Result<(), Fault> {
        self.wire.forget_reply();
        let saying = async {
            let mut taken = 0;
            while taken < lines.len() {
                taken += self.wire.write(&lines.as_bytes()[taken..]).await?;
            }
            self.wire.flush().await
        };
        match timeout(limit, saying).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(e)) => Err(broken("MAIL", &e)),
            Err(_) => Err(late("MAIL", limit)),
        }
    }

    /// Reads the answer to a step; DATA wants 354, the others 250.
    async fn hear(&mut self, step: &Step) -> Result<(), Fault> {
        self.wire.forget_reply();
        let reply = match timeout(step.limit, self.conn.read_response()).await {
            Ok(answer) => answered(&self.wire, answer, step.name)?,
            Err(_) => return Err(late(step.name, step.limit)),
        };
        let wanted = if step.phase == Phase::Data { 300..400 } else { 200..300 };
        match wanted.contains(&reply.code) {
            true => Ok(()),
            false => Err(Fault::Broken(format!("unexpected answer {} to {}", reply.code, step.name))),
        }
    }

    fn parameters(&self, letter: &Letter) -> Result<Vec<MailParameter>, Fault> {
        let refuse = |code, enhanced: &str, text: String| {
            Err(Fault::Refused(Reply { code, enhanced: Some(enhanced.to_owned()), text, relay_id: None }))
        };
        let mut parameters = Vec::new();
        if let Some(limit) = self.caps.size.filter(|limit| letter.body.len() > *limit) {
            return refuse(552, "5.3.4", format!("the mail has {} octets, the relay takes {limit}", letter.body.len()));
        }
        if self.caps.size_offered {
            parameters.push(MailParameter::Size(letter.body.len()));
        }
        if self.require_tls {
            parameters.push(MailParameter::Other { keyword: "REQUIRETLS".to_owned(), value: None });
        }
        // A relay that does not offer it gets 8-bit mail all the same: they all pass it, and refusing would lose it.
        if letter.eight_bit && self.caps.eight_bit_mime {
            parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        if letter.to.needs_utf8 || letter.from.as_ref().is_some_and(|p| p.needs_utf8) {
            if !self.caps.smtp_utf8 {
                // E8.7: never transliterated.
                let text = "the address has letters outside ASCII before the @, and the relay does not offer SMTPUTF8";
                return refuse(553, "5.6.7", text.to_owned());
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        Ok(parameters)
    }

    /// Says one command and hears its answer.
    pub(super) async fn command(&mut self, command: impl Display, name: &str, limit: Duration) -> Result<Reply, Fault> {
        self.wire.forget_reply();
        match timeout(limit, self.conn.command(command)).await {
            Ok(answer) => answered(&self.wire, answer, name),
            Err(_) => Err(late(name, limit)),
        }
    }

    /// Sends the body and its final dot and waits for the verdict.
    pub async fn finish(&mut self, body: &[u8]) -> SendOutcome {
        self.wire.forget_reply();
        let mut taken = 0;
        while taken < body.len() {
            let mut end = body.len().min(taken + BLOCK);
            if fault::is_armed("in_body") {
                end = end.min(if taken < body.len() / 2 { body.len() / 2 } else { body.len() });
            }
            let block = async {
                while taken < end {
                    taken += self.wire.write(&body[taken..end]).await?;
                }
                Ok::<_, io::Error>(())
            };
            match timeout(self.timeouts.block, block).await {
                Ok(Ok(())) => {}
                Ok(Err(e)) => return self.cut_short(broken("the body", &e)).await,
                Err(_) => return self.cut_short(late("the body", self.timeouts.block)).await,
            }
            if taken == body.len() / 2 {
                fault::point("in_body");
            }
        }
        // From here on the end of the body may have reached the relay: no failure is certain any more.
        let flushed = timeout(self.timeouts.block, self.wire.flush()).await;
        let verdict = match flushed {
            Ok(Ok(())) => match timeout(self.timeouts.dot, self.conn.read_response()).await {
                Ok(answer) => answered(&self.wire, answer, "the final dot"),
                Err(_) => Err(late("the final dot", self.timeouts.dot)),
            },
            Ok(Err(e)) => Err(broken("the final dot", &e)),
            Err(_) => Err(late("the final dot", self.timeouts.block)),
        };
        match verdict {
            Ok(reply) if reply.code < 300 => {
                self.unfinished = false;
                SendOutcome::Sent(reply)
            }
            Ok(reply) => {
                self.broken = true;
                SendOutcome::Unknown { text: format!("unexpected answer {} to the final dot", reply.code) }
            }
            Err(Fault::Refused(reply)) => {
                self.unfinished = false;
                self.broken |= reply.code == 421;
                Halt { phase: Phase::Dot, fault: Fault::Refused(reply) }.outcome()
            }
            Err(Fault::Broken(text) | Fault::Late(text) | Fault::Unfit(text)) => {
                self.broken = true;
                SendOutcome::Unknown { text }
            }
        }
    }

    /// The body's end never left this machine, so the relay cannot have accepted the mail. It may have said why
    /// before it hung up.
    async fn cut_short(&mut self, fault: Fault) -> SendOutcome {
        self.broken = true;
        let said = timeout(self.timeouts.quit, self.conn.read_response()).await;
        let fault = match said.map(|answer| answered(&self.wire, answer, "the body")) {
            Ok(Err(Fault::Refused(reply))) => Fault::Refused(reply),
            _ => fault,
        };
        Halt { phase: Phase::Body, fault }.outcome()
    }

    /// Tells whether the connection, idle until now, can still be used.
    pub fn is_usable(&self) -> bool {
        !self.broken && self.wire.is_quiet()
    }

    /// Takes leave and closes.
    pub async fn quit(mut self) {
        if !self.broken {
            let _ = timeout(self.timeouts.quit, self.conn.command(Quit)).await;
        }
    }
}

/// Reads the reply that lettre took off the wire, and tells refusals from failures.
fn answered(wire: &Wire, answer: Result<Response, SmtpError>, step: &str) -> Result<Reply, Fault> {
    match answer {
        Ok(_) => Reply::parse(&wire.last_reply()).ok_or_else(|| Fault::Broken(format!("no valid answer to {step}"))),
        Err(e) => Err(fault(wire, e, step)),
    }
}

pub(super) fn fault(wire: &Wire, error: SmtpError, step: &str) -> Fault {
    if let Some(status) = error.status() {
        // After a refused EHLO lettre says QUIT by itself, whose answer is then the last on the wire.
        let refusal = Reply::parse(&wire.last_reply()).filter(|r| r.code / 100 == status.severity as u16);
        return Fault::Refused(refusal.unwrap_or_else(|| Reply {
            code: status.into(),
            enhanced: None,
            text: std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default(),
            relay_id: None,
        }));
    }
    if error.is_response() {
        return Fault::Broken(match wire.last_reply().is_empty() {
            true => format!("the relay closed the connection instead of answering {step}"),
            false => format!("the relay's answer to {step} is not SMTP"),
        });
    }
    let cause = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
    Fault::Broken(format!("the connection failed at {step}: {cause}"))
}

fn broken(step: &str, error: &io::Error) -> Fault {
    Fault::Broken(format!("the connection failed at {step}: {error}"))
}

pub(super) fn late(step: &str, limit: Duration) -> Fault {
    Fault::Late(format!("no answer to {step} within {} s", limit.as_secs_f32()))
}
