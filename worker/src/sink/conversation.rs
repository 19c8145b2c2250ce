//! One client's conversation with the sink (RFC 5321, 2920, 4954).

use std::io;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::net::TcpStream;

use super::stream::{End, MAX_COMMAND, Stream};
use super::{Act, Received, Shared, Step};

/// Serves one connection until either side closes it.
pub(super) async fn hold(tcp: TcpStream, shared: &Shared, number: usize) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    let mut c = Conversation {
        io: Stream::new(tcp),
        shared,
        number,
        authenticated: shared.options.login.is_none(),
        from: None,
        parameters: String::new(),
        rcpts: Vec::new(),
    };
    match c.run().await {
        Ok(()) | Err(End::Closed) => Ok(()),
        Err(End::Io(e)) => Err(e),
    }
}

struct Conversation<'a> {
    io: Stream,
    shared: &'a Shared,
    number: usize,
    authenticated: bool,
    from: Option<String>,
    parameters: String,
    rcpts: Vec<String>,
}

impl Conversation<'_> {
    async fn run(&mut self) -> Result<(), End> {
        if self.scripted(Step::Connect).await? {
            self.io.say("220 sink ESMTP\r\n");
        }
        loop {
            let line = self.io.line().await?;
            let text = String::from_utf8_lossy(&line);
            let (verb, rest) = text.split_once(' ').unwrap_or((&text, ""));
            match verb.to_ascii_uppercase().as_str() {
                "EHLO" | "HELO" => self.hello().await?,
                "AUTH" => self.auth(rest).await?,
                "MAIL" => self.mail(rest).await?,
                "RCPT" => self.rcpt(rest).await?,
                "DATA" => self.data().await?,
                "RSET" => {
                    if self.scripted(Step::Rset).await? {
                        self.reset();
                        self.io.say("250 2.0.0 Ok\r\n");
                    }
                }
                "NOOP" => {
                    if self.scripted(Step::Noop).await? {
                        self.io.say("250 2.0.0 Ok\r\n");
                    }
                }
                "QUIT" => {
                    if self.scripted(Step::Quit).await? {
                        self.io.say("221 2.0.0 Bye\r\n");
                    }
                    self.io.flush().await?;
                    return Ok(());
                }
                _ => self.io.say("500 5.5.2 unknown command\r\n"),
            }
        }
    }

    async fn hello(&mut self) -> Result<(), End> {
        if self.scripted(Step::Ehlo).await? {
            let o = &self.shared.options;
            let mut lines = vec!["sink".to_owned(), format!("SIZE {}", o.max_bytes), "ENHANCEDSTATUSCODES".to_owned()];
            for (offered, keyword) in [
                (o.eight_bit_mime, "8BITMIME"),
                (o.smtp_utf8, "SMTPUTF8"),
                (o.pipelining, "PIPELINING"),
                (o.require_tls, "REQUIRETLS"),
                (o.login.is_some(), "AUTH PLAIN LOGIN"),
            ] {
                if offered {
                    lines.push(keyword.to_owned());
                }
            }
            let last = lines.len() - 1;
            for (n, line) in lines.iter().enumerate() {
                self.io.say(if n == last { "250 " } else { "250-" });
                self.io.say(line);
                self.io.say("\r\n");
            }
        }
        Ok(())
    }

    async fn auth(&mut self, rest: &str) -> Result<(), End> {
        if !self.scripted(Step::Auth).await? {
            return Ok(());
        }
        let (mechanism, initial) = rest.split_once(' ').unwrap_or((rest, ""));
        let given = match mechanism.to_ascii_uppercase().as_str() {
            "PLAIN" => {
                let initial = match initial {
                    "" => self.prompt("334 \r\n").await?,
                    text => decode(text.as_bytes()),
                };
                let mut parts = initial.split('\0').skip(1);
                (parts.next().unwrap_or_default().to_owned(), parts.next().unwrap_or_default().to_owned())
            }
            "LOGIN" => (self.prompt("334 VXNlcm5hbWU6\r\n").await?, self.prompt("334 UGFzc3dvcmQ6\r\n").await?),
            _ => {
                self.io.say("504 5.5.4 unknown mechanism\r\n");
                return Ok(());
            }
        };
        self.authenticated = self.shared.options.login.as_ref() == Some(&given);
        self.io.say(match self.authenticated {
            true => "235 2.7.0 welcome\r\n",
            false => "535 5.7.8 wrong user or password\r\n",
        });
        Ok(())
    }

    async fn prompt(&mut self, prompt: &str) -> Result<String, End> {
        self.io.say(prompt);
        let line = self.io.line().await?;
        Ok(decode(&line))
    }

    async fn mail(&mut self, rest: &str) -> Result<(), End> {
        if !self.scripted(Step::Mail).await? {
            return Ok(());
        }
        if !self.authenticated {
            self.io.say("530 5.7.0 authentication required\r\n");
        } else if self.from.is_some() {
            self.io.say("503 5.5.1 nested MAIL\r\n");
        } else if let Some((address, parameters)) = path(rest, "FROM:") {
            self.from = Some(address);
            self.parameters = parameters;
            self.io.say("250 2.1.0 Ok\r\n");
        } else {
            self.io.say("501 5.5.4 syntax: MAIL FROM:<address>\r\n");
        }
        Ok(())
    }

    async fn rcpt(&mut self, rest: &str) -> Result<(), End> {
        let Some((address, _)) = path(rest, "TO:").filter(|(address, _)| !address.is_empty()) else {
            self.io.say("501 5.5.4 syntax: RCPT TO:<address>\r\n");
            return Ok(());
        };
        if self.from.is_none() {
            self.io.say("503 5.5.1 MAIL first\r\n");
            return Ok(());
        }
        self.rcpts.push(address);
        if self.scripted(Step::Rcpt).await? {
            self.io.say("250 2.1.5 Ok\r\n");
        } else {
            self.rcpts.pop();
        }
        Ok(())
    }

    async fn data(&mut self) -> Result<(), End> {
        if self.rcpts.is_empty() {
            self.io.say("503 5.5.1 RCPT first\r\n");
            return Ok(());
        }
        if !self.scripted(Step::Data).await? {
            return Ok(());
        }
        self.io.say("354 go ahead\r\n");
        let data = self.body().await?;
        let act = self.shared.act(Step::Dot, &self.rcpts);
        let mail = Received {
            mail_from: self.from.take().unwrap_or_default(),
            parameters: std::mem::take(&mut self.parameters),
            rcpt: std::mem::take(&mut self.rcpts),
            data,
            connection: self.number,
        };
        if matches!(act, Some(Act::KeepThenDrop | Act::KeepThenStall)) {
            self.shared.keep(mail).await?;
        } else if self.perform(act).await? {
            if mail.data.len() > self.shared.options.max_bytes {
                self.io.say("552 5.3.4 too big\r\n");
                return Ok(());
            }
            match self.shared.keep(mail).await {
                Ok(()) => {
                    let text = format!("250 2.0.0 Ok: queued as S{:09X}\r\n", *self.shared.count.borrow());
                    self.io.say(&text);
                }
                Err(e) => {
                    eprintln!("cannot keep a mail: {e}");
                    self.io.say("451 4.3.0 cannot be kept\r\n");
                }
            }
            return Ok(());
        } else {
            return Ok(());
        }
        match act {
            Some(Act::KeepThenStall) => self.io.stall().await,
            _ => Err(End::Closed),
        }
    }

    /// Reads up to the final dot and returns the mail, dots unstuffed.
    async fn body(&mut self) -> Result<Vec<u8>, End> {
        let mut data = Vec::new();
        let mut first = true;
        loop {
            let mut line_start = self.io.used;
            while let Some(n) = self.io.input[line_start..].iter().position(|b| *b == b'\n') {
                let end = line_start + n + 1;
                let line = &self.io.input[line_start..end];
                line_start = end;
                // Only CRLF.CRLF ends a mail; a dot between bare LFs does not (SMTP smuggling).
                if line == b".\r\n" && (data.is_empty() || data.ends_with(b"\r\n")) {
                    self.io.used = line_start;
                    self.io.compact();
                    return Ok(data);
                }
                data.extend_from_slice(if line[0] == b'.' { &line[1..] } else { line });
            }
            self.io.used = line_start;
            self.io.compact();
            if data.len() + self.io.input.len() > self.shared.options.max_bytes + MAX_COMMAND {
                self.io.say("552 5.3.4 too big\r\n");
                self.io.flush().await?;
                return Err(End::Closed);
            }
            if first {
                first = false;
                self.io.fill().await?;
                if !self.scripted(Step::Body).await? {
                    self.io.flush().await?;
                    return Err(End::Closed);
                }
            } else {
                self.io.fill().await?;
            }
        }
    }

    fn reset(&mut self) {
        self.from = None;
        self.parameters.clear();
        self.rcpts.clear();
    }

    /// Does what a rule wants at this step. True when the step is to go on as usual.
    async fn scripted(&mut self, step: Step) -> Result<bool, End> {
        let act = self.shared.act(step, &self.rcpts);
        self.perform(act).await
    }

    async fn perform(&mut self, act: Option<Act>) -> Result<bool, End> {
        match act {
            None => Ok(true),
            Some(Act::Slow(wait)) => {
                self.io.flush().await?;
                tokio::time::sleep(wait).await;
                Ok(true)
            }
            Some(Act::Answer(text)) => {
                self.io.say(&text);
                self.io.say("\r\n");
                if text.starts_with("421") {
                    self.io.flush().await?;
                    return Err(End::Closed);
                }
                Ok(false)
            }
            Some(Act::Raw(octets)) => {
                self.io.output.extend_from_slice(&octets);
                Ok(false)
            }
            Some(Act::Stall | Act::KeepThenStall) => self.io.stall().await,
            Some(Act::Drop | Act::KeepThenDrop) => {
                self.io.flush().await?;
                Err(End::Closed)
            }
        }
    }
}

/// Reads `FROM:<address> PARAMETERS`.
fn path(text: &str, keyword: &str) -> Option<(String, String)> {
    let head = text.get(..keyword.len())?;
    if !head.eq_ignore_ascii_case(keyword) {
        return None;
    }
    let rest = text[keyword.len()..].trim_start().strip_prefix('<')?;
    let (address, parameters) = rest.rsplit_once('>')?;
    Some((address.to_owned(), parameters.trim().to_owned()))
}

fn decode(text: &[u8]) -> String {
    STANDARD.decode(text).map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default()
}
