//! One SMTP connection and the steps of a transaction on it, each with its own timer (E9.5).

use std::fmt::Display;
use std::io;
use std::time::Duration;

use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Auth, Data, Ehlo, Mail, Quit, Rcpt, Rset, Starttls};
use lettre::transport::smtp::extension::{ClientId, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::Response;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::address::Path;
use super::outcome::{Failure, Fault, Halt, Phase, Reply, SendOutcome};
use super::relay::{Relay, Tls};
use super::wire::Wire;
use super::{SmtpOptions, Timeouts};

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

/// What the relay said it can do, in its last answer to EHLO.
#[derive(Debug, Default, PartialEq, Eq)]
struct Capabilities {
    starttls: bool,
    eight_bit_mime: bool,
    smtp_utf8: bool,
    pipelining: bool,
    /// RFC 1870: offered, and the largest mail if it named one.
    size: Option<usize>,
    size_offered: bool,
    plain: bool,
    login: bool,
}

impl Capabilities {
    /// Reads the lines of an EHLO reply. Keywords are compared without case, as RFC 5321 2.4 wants.
    fn parse(lines: &str) -> Capabilities {
        let mut caps = Capabilities::default();
        for line in lines.lines().skip(1) {
            let line = line.get(4..).unwrap_or_default().to_ascii_uppercase();
            let mut words = line.split([' ', '=']).filter(|w| !w.is_empty());
            match words.next() {
                Some("STARTTLS") => caps.starttls = true,
                Some("8BITMIME") => caps.eight_bit_mime = true,
                Some("SMTPUTF8") => caps.smtp_utf8 = true,
                Some("PIPELINING") => caps.pipelining = true,
                Some("SIZE") => {
                    caps.size_offered = true;
                    caps.size = words.next().and_then(|n| n.parse().ok()).filter(|n| *n > 0);
                }
                Some("AUTH") => {
                    for mechanism in words {
                        caps.plain |= mechanism == "PLAIN";
                        caps.login |= mechanism == "LOGIN";
                    }
                }
                _ => {}
            }
        }
        caps
    }
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
    wire: Wire,
    caps: Capabilities,
    timeouts: Timeouts,
    /// Transactions begun.
    pub mails: u32,
    /// A transaction was left half way; the next begins with RSET.
    unfinished: bool,
    /// Not to be used again.
    pub broken: bool,
}

impl Session {
    /// Connects, greets, encrypts and authenticates.
    pub async fn open(relay: &Relay, options: &SmtpOptions) -> Result<Session, Halt> {
        let limits = options.timeouts.clone();
        let at = |phase| move |fault| Halt { phase, fault };
        let wire = connect(relay, limits.connect).await.map_err(at(Phase::Connect))?;
        let hello = ClientId::Domain(options.hello.clone());
        let greeted =
            timeout(limits.greeting, AsyncSmtpConnection::connect_with_transport(Box::new(wire.clone()), &hello));
        let conn = match greeted.await {
            Ok(Ok(conn)) => conn,
            Ok(Err(e)) => return Err(at(Phase::Greeting)(fault(&wire, e, "greeting"))),
            Err(_) => return Err(at(Phase::Greeting)(late("greeting", limits.greeting))),
        };
        let caps = Capabilities::parse(&wire.last_reply());
        let mut session = Session { conn, wire, caps, timeouts: limits, mails: 0, unfinished: false, broken: false };
        if let Tls::Start(connector, name) = &relay.tls {
            session.encrypt(connector, name.clone(), hello).await.map_err(at(Phase::Greeting))?;
        }
        if let Some(credentials) = &relay.credentials {
            session.authenticate(credentials).await.map_err(at(Phase::Auth))?;
        }
        Ok(session)
    }

    async fn encrypt(
        &mut self,
        connector: &tokio_rustls::TlsConnector,
        name: rustls::pki_types::ServerName<'static>,
        hello: ClientId,
    ) -> Result<(), Fault> {
        if !self.caps.starttls {
            let text = "the relay offers no STARTTLS, and TLS is required except on loopback or with ?tls=off";
            return Err(Fault::Unfit(text.into()));
        }
        self.command(Starttls, "STARTTLS", self.timeouts.command).await?;
        match timeout(self.timeouts.connect, self.wire.upgrade(connector, name)).await {
            Ok(Ok(())) => {}
            Ok(Err(e)) => return Err(Fault::Broken(format!("TLS failed: {e}"))),
            Err(_) => return Err(late("the TLS handshake", self.timeouts.connect)),
        }
        self.command(Ehlo::new(hello), "EHLO", self.timeouts.command).await?;
        self.caps = Capabilities::parse(&self.wire.last_reply());
        Ok(())
    }

    async fn authenticate(&mut self, credentials: &Credentials) -> Result<(), Fault> {
        let (mechanism, prompts): (_, &[Option<&str>]) = match (self.caps.plain, self.caps.login) {
            (true, _) => (Mechanism::Plain, &[None]),
            // The two prompts are fixed by use, their wording is not: answer in order, whatever the server asks.
            (false, true) => (Mechanism::Login, &[None, Some("Username:"), Some("Password:")]),
            (false, false) => return Err(Fault::Unfit("the relay offers neither AUTH PLAIN nor AUTH LOGIN".into())),
        };
        let mut code = 0;
        for prompt in prompts {
            let auth = Auth::new(mechanism, credentials.clone(), prompt.map(str::to_owned))
                .expect("PLAIN is given no challenge, and LOGIN the two that it knows");
            code = self.command(auth, "AUTH", self.timeouts.command).await?.code;
        }
        match code {
            200..300 => Ok(()),
            other => Err(Fault::Broken(format!("unexpected answer {other} to AUTH"))),
        }
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

    async fn command(&mut self, command: impl Display, name: &str, limit: Duration) -> Result<Reply, Fault> {
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
            let end = body.len().min(taken + BLOCK);
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

async fn connect(relay: &Relay, limit: Duration) -> Result<Wire, Fault> {
    let connecting = async {
        let tcp = TcpStream::connect((relay.host.as_str(), relay.port)).await?;
        // Without it the kernel holds back each mail's last packet for 40 ms.
        tcp.set_nodelay(true)?;
        Ok::<_, io::Error>(tcp)
    };
    let tcp = match timeout(limit, connecting).await {
        Ok(Ok(tcp)) => tcp,
        Ok(Err(e)) => return Err(Fault::Broken(format!("cannot connect to the relay: {e}"))),
        Err(_) => return Err(late("connecting", limit)),
    };
    let wire = Wire::new(tcp);
    if let Tls::Implicit(connector, name) = &relay.tls {
        match timeout(limit, wire.upgrade(connector, name.clone())).await {
            Ok(Ok(())) => {}
            Ok(Err(e)) => return Err(Fault::Broken(format!("TLS failed: {e}"))),
            Err(_) => return Err(late("the TLS handshake", limit)),
        }
    }
    Ok(wire)
}

/// Reads the reply that lettre took off the wire, and tells refusals from failures.
fn answered(wire: &Wire, answer: Result<Response, SmtpError>, step: &str) -> Result<Reply, Fault> {
    match answer {
        Ok(_) => Reply::parse(&wire.last_reply()).ok_or_else(|| Fault::Broken(format!("no valid answer to {step}"))),
        Err(e) => Err(fault(wire, e, step)),
    }
}

fn fault(wire: &Wire, error: SmtpError, step: &str) -> Fault {
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

fn late(step: &str, limit: Duration) -> Fault {
    Fault::Late(format!("no answer to {step} within {} s", limit.as_secs_f32()))
}

/// Returns a failure of ours, found before any connection was made.
pub(super) fn unsendable(enhanced: &str, text: &str) -> SendOutcome {
    SendOutcome::Permanent(Failure {
        phase: Phase::Connect,
        code: None,
        enhanced: Some(enhanced.to_owned()),
        text: text.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::Capabilities;

    #[test]
    fn capabilities_are_read_without_case() {
        let lines = "250-mail.example STARTTLS\n250-8bitmime\n250-size 1000\n250-AUTH=LOGIN plain XOAUTH2\n250 \n";
        let caps = Capabilities::parse(lines);
        let expected = Capabilities {
            eight_bit_mime: true,
            size: Some(1000),
            size_offered: true,
            plain: true,
            login: true,
            ..Capabilities::default()
        };
        assert_eq!(caps, expected);
        assert_eq!(Capabilities::parse("250-x\n250-SIZE 0\n250 STARTTLS\n").size, None);
        assert!(Capabilities::parse("250-x\n250 STARTTLS\n").starttls);
    }
}
