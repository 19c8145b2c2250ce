//! The byte stream under lettre's SMTP connection.
//!
//! lettre (0.11) reads replies with an unbounded `read_line`, fails on text that is not UTF-8 and on a bare LF,
//! keeps bytes that arrived before STARTTLS as if they had come encrypted, and writes a body and its final dot as
//! two writes. All of that is put right here: replies reach lettre one tidy, bounded line at a time, and the
//! transport can write a body past lettre and upgrade to TLS by itself.
//!
//! Must not know SMTP's sequence; that is [`super::session`].

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use lettre::transport::smtp::client::AsyncTokioStream;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A longer line of a reply is an attack or a broken server. RFC 5321 4.5.3.1.5 allows 512 octets.
const MAX_LINE: usize = 8 * 1024;
/// What is kept of a line; lettre refuses more than 1,000.
const MAX_KEPT_LINE: usize = 900;
/// A reply with more lines is refused. lettre parses a reply anew with each line, so a long one would burn time.
const MAX_LINES: usize = 128;

/// A handle on the stream. lettre holds one, the session another.
#[derive(Clone)]
pub(super) struct Wire(Arc<Mutex<State>>);

struct State {
    io: Io,
    /// Octets from the peer that are not yet a whole line.
    raw: Vec<u8>,
    /// The tidied line that lettre reads, and how far it has.
    line: Vec<u8>,
    line_read: usize,
    /// The reply that is being read or was read last, each line tidied and ended by LF.
    reply: String,
    reply_lines: usize,
    reply_done: bool,
}

enum Io {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    /// Being upgraded, or closed.
    Gone,
}

impl Wire {
    pub fn new(tcp: TcpStream) -> Wire {
        Wire(Arc::new(Mutex::new(State {
            io: Io::Plain(tcp),
            raw: Vec::new(),
            line: Vec::new(),
            line_read: 0,
            reply: String::new(),
            reply_lines: 0,
            reply_done: true,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no code panics while it holds the wire")
    }

    /// Returns the lines of the reply read last, also when lettre could not make sense of them.
    pub fn last_reply(&self) -> String {
        self.state().reply.clone()
    }

    /// Forgets the last reply, so that [`Wire::last_reply`] is empty until the next one arrives.
    pub fn forget_reply(&self) {
        self.state().reply.clear();
    }

    /// Encrypts the stream. Octets that came in clear after the server's go-ahead were slipped in by somebody
    /// between (CVE-2011-0411) and are an error.
    pub async fn upgrade(&self, connector: &TlsConnector, name: ServerName<'static>) -> io::Result<()> {
        let tcp = {
            let mut s = self.state();
            if !s.raw.is_empty() || s.line_read < s.line.len() {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "the server spoke before TLS began"));
            }
            match std::mem::replace(&mut s.io, Io::Gone) {
                Io::Plain(tcp) => tcp,
                other => {
                    s.io = other;
                    return Err(io::Error::other("the stream is encrypted already or closed"));
                }
            }
        };
        let tls = connector.connect(name, tcp).await?;
        self.state().io = Io::Tls(Box::new(tls));
        Ok(())
    }

    /// Writes some of `octets` and returns how many the stream took: they may reach the peer from now on, the others
    /// certainly have not.
    pub async fn write(&self, octets: &[u8]) -> io::Result<usize> {
        let taken = std::future::poll_fn(|cx| self.state().io.poll_write(cx, octets)).await?;
        if taken == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        Ok(taken)
    }

    /// Hands everything written to the network.
    pub async fn flush(&self) -> io::Result<()> {
        std::future::poll_fn(|cx| self.state().io.poll_flush(cx)).await
    }

    /// Tells whether the idle stream is still open and silent. A server that hung up or said "421 timeout" while
    /// the connection lay in the pool shows here, before a mail is tried on it.
    pub fn is_quiet(&self) -> bool {
        let mut s = self.state();
        if !s.raw.is_empty() || s.line_read < s.line.len() {
            return false;
        }
        let mut byte = [0u8; 64];
        let mut buf = ReadBuf::new(&mut byte);
        let mut cx = Context::from_waker(Waker::noop());
        s.io.poll_read(&mut cx, &mut buf).is_pending()
    }
}

impl Io {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Io::Plain(s) => Pin::new(s).poll_read(cx, buf),
            Io::Tls(s) => Pin::new(s.as_mut()).poll_read(cx, buf),
            Io::Gone => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Io::Plain(s) => Pin::new(s).poll_write(cx, octets),
            Io::Tls(s) => Pin::new(s.as_mut()).poll_write(cx, octets),
            Io::Gone => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Io::Plain(s) => Pin::new(s).poll_flush(cx),
            Io::Tls(s) => Pin::new(s.as_mut()).poll_flush(cx),
            Io::Gone => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Io::Plain(s) => Pin::new(s).poll_shutdown(cx),
            Io::Tls(s) => Pin::new(s.as_mut()).poll_shutdown(cx),
            Io::Gone => Poll::Ready(Ok(())),
        }
    }
}

impl State {
    /// Makes the next line of the reply ready for lettre. Returns false at the end of the stream.
    fn poll_line(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        loop {
            if let Some(end) = self.raw.iter().position(|b| *b == b'\n') {
                let raw: Vec<u8> = self.raw.drain(..=end).collect();
                self.take_line(&raw)?;
                return Poll::Ready(Ok(true));
            }
            if self.raw.len() > MAX_LINE {
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "a line of the reply is too long")));
            }
            let mut chunk = [0u8; 2048];
            let mut buf = ReadBuf::new(&mut chunk);
            std::task::ready!(self.io.poll_read(cx, &mut buf))?;
            if buf.filled().is_empty() {
                return Poll::Ready(Ok(false));
            }
            self.raw.extend_from_slice(buf.filled());
        }
    }

    fn take_line(&mut self, raw: &[u8]) -> io::Result<()> {
        if self.reply_done {
            self.reply.clear();
            self.reply_lines = 0;
        }
        self.reply_lines += 1;
        if self.reply_lines > MAX_LINES {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the reply is too long"));
        }
        let tidy = tidy(raw);
        self.reply_done = tidy.as_bytes().get(3) != Some(&b'-');
        self.reply.push_str(&tidy);
        self.reply.push('\n');
        self.line.clear();
        self.line_read = 0;
        self.line.extend_from_slice(tidy.as_bytes());
        self.line.extend_from_slice(b"\r\n");
        // RFC 5321 4.3.2: a client goes by the first digit when it does not know the rest, and servers do send
        // 571 and the like. lettre knows second digits up to 5 only; the true code stays in `reply`.
        if let [b'2'..=b'5', second @ b'6'..=b'9', ..] = self.line.as_mut_slice() {
            *second = b'5';
        }
        Ok(())
    }
}

/// Returns the line without its end, as UTF-8, without control characters, at most 900 octets; a code without
/// text gets the blank that RFC 5321 4.2 makes optional and lettre demands.
fn tidy(raw: &[u8]) -> String {
    let raw = raw.strip_suffix(b"\n").unwrap_or(raw);
    let raw = raw.strip_suffix(b"\r").unwrap_or(raw);
    let mut line: String = String::from_utf8_lossy(raw).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    line.truncate(line.floor_char_boundary(MAX_KEPT_LINE));
    if line.len() == 3 {
        line.push(' ');
    }
    line
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let s = &mut *self.state();
        if s.line_read == s.line.len() && !std::task::ready!(s.poll_line(cx))? {
            return Poll::Ready(Ok(()));
        }
        let rest = &s.line[s.line_read..];
        let n = rest.len().min(buf.remaining());
        buf.put_slice(&rest[..n]);
        s.line_read += n;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        self.state().io.poll_write(cx, octets)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.state().io.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.state().io.poll_shutdown(cx)
    }
}

impl AsyncTokioStream for Wire {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        match &self.state().io {
            Io::Plain(s) => s.peer_addr(),
            Io::Tls(s) => s.get_ref().0.peer_addr(),
            Io::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_tidy() {
        assert_eq!(tidy(b"250 Ok\r\n"), "250 Ok");
        assert_eq!(tidy(b"250 Ok\n"), "250 Ok");
        assert_eq!(tidy(b"250\r\n"), "250 ");
        assert_eq!(tidy(b"550 unbekannter Empf\xe4nger\r\n"), "550 unbekannter Empf\u{fffd}nger");
        assert_eq!(tidy(b"250 a\0\x1b[31m\r\n"), "250 a  [31m");
        assert_eq!(tidy(format!("250 {}\r\n", "\u{e4}".repeat(3000)).as_bytes()).len(), 900);
    }
}
