//! A client's commands, from their lines (RFC 5321 4.1, 1870, 6152, 6531). Pure.

use shared::address;

/// A path's octets at most, its brackets included (RFC 5321 4.5.3.1.3).
const MOST_PATH: usize = 256;

/// A command as it was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `HELO` and its name.
    Helo(String),
    /// `EHLO` and its name.
    Ehlo(String),
    /// `LHLO` and its name (RFC 2033).
    Lhlo(String),
    /// `MAIL FROM`.
    Mail {
        /// The reverse path without brackets; empty: the null path.
        from: String,
        /// The size that was announced.
        size: Option<u64>,
        /// Whether headers and paths may hold UTF-8.
        utf8: bool,
    },
    /// `RCPT TO` and the forward path without brackets.
    Rcpt(String),
    /// `DATA`.
    Data,
    /// `RSET`.
    Rset,
    /// `NOOP`, whatever follows.
    Noop,
    /// `QUIT`.
    Quit,
    /// `VRFY`.
    Vrfy,
    /// `HELP`.
    Help,
    /// `STARTTLS`.
    StartTls,
    /// A command that exists and that this door does not have: AUTH, ETRN, EXPN, BDAT, …
    NotHere,
    /// The first line of an HTTP request: a browser that was led here.
    Http,
}

/// Why a line is no command that can be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// The verb is unknown.
    Verb,
    /// What follows the verb is not as it must be.
    Syntax,
    /// The sender's path.
    Sender,
    /// The recipient's path.
    Recipient,
    /// A parameter that was not offered.
    Parameter,
}

/// Understands a line, its line end taken off.
///
/// # Errors
/// What is wrong with it.
pub fn parse(line: &[u8]) -> Result<Command, Wrong> {
    let line = std::str::from_utf8(line).map_err(|_| Wrong::Verb)?;
    if line.chars().any(|c| c.is_control() && c != '\t') {
        return Err(Wrong::Syntax);
    }
    let line = line.trim_end_matches([' ', '\t']);
    let (verb, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    let rest = rest.trim_start_matches([' ', '\t']);
    let alone = |command| if rest.is_empty() { Ok(command) } else { Err(Wrong::Syntax) };
    match verb.to_ascii_uppercase().as_str() {
        "HELO" => host(rest).map(Command::Helo),
        "EHLO" => host(rest).map(Command::Ehlo),
        "LHLO" => host(rest).map(Command::Lhlo),
        "MAIL" => mail(rest),
        "RCPT" => rcpt(rest),
        "DATA" => alone(Command::Data),
        "RSET" => alone(Command::Rset),
        "QUIT" => alone(Command::Quit),
        "STARTTLS" => alone(Command::StartTls),
        "NOOP" => Ok(Command::Noop),
        "HELP" => Ok(Command::Help),
        "VRFY" if rest.is_empty() => Err(Wrong::Syntax),
        "VRFY" => Ok(Command::Vrfy),
        "AUTH" | "BDAT" | "BURL" | "ETRN" | "EXPN" | "SAML" | "SEND" | "SOML" | "TURN" | "XCLIENT" | "XFORWARD" => {
            Ok(Command::NotHere)
        }
        "GET" | "POST" | "PUT" | "HEAD" | "CONNECT" | "OPTIONS" if rest.contains("HTTP/") => Ok(Command::Http),
        _ => Err(Wrong::Verb),
    }
}

fn host(rest: &str) -> Result<String, Wrong> {
    let name = rest.split([' ', '\t']).next().unwrap_or_default();
    if name.is_empty() || name.len() > 255 { Err(Wrong::Syntax) } else { Ok(name.to_owned()) }
}

fn mail(rest: &str) -> Result<Command, Wrong> {
    let (from, parameters) = path(rest, "FROM:").map_err(|e| e.unwrap_or(Wrong::Sender))?;
    let mut command = (None, false);
    for parameter in parameters {
        let (name, value) = parameter.split_once('=').map_or((parameter, None), |(n, v)| (n, Some(v)));
        match (name.to_ascii_uppercase().as_str(), value) {
            ("SIZE", Some(value)) => {
                let digits = !value.is_empty() && value.len() <= 20 && value.bytes().all(|b| b.is_ascii_digit());
                // More than fits is too large in any case.
                command.0 = Some(if digits { value.parse().unwrap_or(u64::MAX) } else { return Err(Wrong::Syntax) });
            }
            ("BODY", Some(value)) if ["7BIT", "8BITMIME"].iter().any(|b| b.eq_ignore_ascii_case(value)) => {}
            ("BODY", _) => return Err(Wrong::Syntax),
            ("SMTPUTF8", None) => command.1 = true,
            _ => return Err(Wrong::Parameter),
        }
    }
    Ok(Command::Mail { from, size: command.0, utf8: command.1 })
}

fn rcpt(rest: &str) -> Result<Command, Wrong> {
    let (to, mut parameters) = path(rest, "TO:").map_err(|e| e.unwrap_or(Wrong::Recipient))?;
    match (to.is_empty(), parameters.next()) {
        (true, _) => Err(Wrong::Recipient),
        (_, Some(_)) => Err(Wrong::Parameter),
        _ => Ok(Command::Rcpt(to)),
    }
}

/// Reads `FROM:<path>` or `TO:<path>`, and the parameters behind it. None as the error: the path itself is wrong.
fn path<'a>(rest: &'a str, keyword: &str) -> Result<(String, impl Iterator<Item = &'a str>), Option<Wrong>> {
    let head =
        rest.get(..keyword.len()).filter(|head| head.eq_ignore_ascii_case(keyword)).ok_or(Some(Wrong::Syntax))?;
    let inner = rest[head.len()..].trim_start().strip_prefix('<').ok_or(Some(Wrong::Syntax))?;
    let end = closing(inner).ok_or(Some(Wrong::Syntax))?;
    let parameters = &inner[end + 1..];
    if !parameters.is_empty() && !parameters.starts_with([' ', '\t']) {
        return Err(Some(Wrong::Syntax));
    }
    let mut path = &inner[..end];
    if path.len() + 2 > MOST_PATH {
        return Err(None);
    }
    // A source route is ignored (RFC 5321, appendix C).
    if path.starts_with('@') {
        path = path.split_once(':').ok_or(None)?.1;
    }
    // A name without a domain is some machine's own, and the postmaster's.
    let fine = path.is_empty() || !path.contains('@') && !path.contains([' ', '\t']) || is_address(path);
    if !fine {
        return Err(None);
    }
    Ok((path.to_owned(), parameters.split([' ', '\t']).filter(|p| !p.is_empty())))
}

/// Where the bracket closes: not within a quoted string, in which `\` makes any letter itself.
fn closing(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (i, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '>' if !quoted => return Some(i),
            _ => {}
        }
    }
    None
}

/// A quoted local part may hold what no plain one may.
fn is_address(path: &str) -> bool {
    let Some((local, domain)) = path.rsplit_once('@') else { return false };
    if local.len() >= 2 && local.starts_with('"') && local.ends_with('"') {
        return local.len() <= 64 && address::is_valid(&format!("quoted@{domain}"));
    }
    address::is_valid(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn from(line: &str) -> Result<(String, Option<u64>, bool), Wrong> {
        match parse(line.as_bytes())? {
            Command::Mail { from, size, utf8 } => Ok((from, size, utf8)),
            other => panic!("{line}: {other:?}"),
        }
    }

    /// E10.7: SIZE (RFC 1870), 8BITMIME (RFC 6152), SMTPUTF8 (RFC 6531); the null sender.
    #[test]
    fn mail_commands() {
        let of = |from: &str| Ok((from.to_owned(), None, false));
        for (line, expected) in [
            ("MAIL FROM:<>", of("")),
            ("mail from: <a@b.example>", of("a@b.example")),
            ("MAIL FROM:<@relay.example,@two.example:a@b.example>", of("a@b.example")),
            ("MAIL FROM:<\"a b>c\\\"\"@b.example>", of("\"a b>c\\\"\"@b.example")),
            ("MAIL FROM:<root>", of("root")),
            ("MAIL FROM:<a@[192.0.2.1]>", of("a@[192.0.2.1]")),
            ("MAIL FROM:<a@b.example> SIZE=12 body=8bitmime", Ok(("a@b.example".into(), Some(12), false))),
            ("MAIL FROM:<é@b.example> SMTPUTF8", Ok(("é@b.example".into(), None, true))),
            ("MAIL FROM:<a@b.example> SIZE=99999999999999999999", Ok(("a@b.example".into(), Some(u64::MAX), false))),
            ("MAIL FROM:<a@b.example> SIZE=-1", Err(Wrong::Syntax)),
            ("MAIL FROM:<a@b.example> SIZE=", Err(Wrong::Syntax)),
            ("MAIL FROM:<a@b.example> BODY=BINARYMIME", Err(Wrong::Syntax)),
            ("MAIL FROM:<a@b.example> RET=HDRS", Err(Wrong::Parameter)),
            ("MAIL FROM:<a@b.example>SIZE=1", Err(Wrong::Syntax)),
            ("MAIL FROM:a@b.example", Err(Wrong::Syntax)),
            ("MAIL FROM:<a@b.example", Err(Wrong::Syntax)),
            ("MAIL <a@b.example>", Err(Wrong::Syntax)),
            ("MAIL FROM:<a@b@c d>", Err(Wrong::Sender)),
            ("MAIL FROM:<@relay.example>", Err(Wrong::Sender)),
        ] {
            assert_eq!(from(line), expected, "{line}");
        }
        let long = format!("MAIL FROM:<{}@b.example>", "a".repeat(300));
        assert_eq!(from(&long), Err(Wrong::Sender));
    }

    #[test]
    fn other_commands() {
        for (line, expected) in [
            ("EHLO client.example", Ok(Command::Ehlo("client.example".into()))),
            ("HELO [192.0.2.1] more", Ok(Command::Helo("[192.0.2.1]".into()))),
            ("lhlo x", Ok(Command::Lhlo("x".into()))),
            ("EHLO", Err(Wrong::Syntax)),
            ("RCPT TO:<Postmaster>", Ok(Command::Rcpt("Postmaster".into()))),
            ("RCPT TO:<>", Err(Wrong::Recipient)),
            ("RCPT TO:<a b>", Err(Wrong::Recipient)),
            ("RCPT TO:<a@b.example> NOTIFY=NEVER", Err(Wrong::Parameter)),
            ("DATA", Ok(Command::Data)),
            ("DATA now", Err(Wrong::Syntax)),
            ("quit ", Ok(Command::Quit)),
            ("NOOP anything", Ok(Command::Noop)),
            ("VRFY root", Ok(Command::Vrfy)),
            ("VRFY", Err(Wrong::Syntax)),
            ("AUTH PLAIN AGEAYg==", Ok(Command::NotHere)),
            ("EXPN staff", Ok(Command::NotHere)),
            ("GET / HTTP/1.1", Ok(Command::Http)),
            ("GET /", Err(Wrong::Verb)),
            ("", Err(Wrong::Verb)),
            ("EHLO a\0b", Err(Wrong::Syntax)),
        ] {
            assert_eq!(parse(line.as_bytes()), expected, "{line}");
        }
        assert_eq!(parse(b"MAIL FROM:<\xff@b.example>"), Err(Wrong::Verb));
    }

    proptest! {
        #[test]
        fn no_line_panics(line in prop::collection::vec(any::<u8>(), 0..80), text in "(MAIL FROM:|RCPT TO:|EHLO )[<>@\"\\\\: a-zé=]{0,30}") {
            let _ = parse(&line);
            // What is taken never holds a line end or another control character: nothing can be injected with it.
            if let Ok(Command::Rcpt(path) | Command::Mail { from: path, .. }) = parse(text.as_bytes()) {
                prop_assert!(!path.chars().any(char::is_control));
            }
        }
    }
}
