//! Lines in, answers out, over TCP, a Unix socket, or TLS.

use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// The longest command. RFC 5321 allows 512 octets, SMTPUTF8 and other extensions add to it.
const MOST_LINE: usize = 2048;
/// How much is read at once.
const CHUNK: usize = 32 * 1024;

/// Anything a client may come by.
pub trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// Why a conversation is over.
#[derive(Debug)]
pub enum End {
    /// The client hung up, or the connection broke.
    Gone,
    /// The client said nothing for too long.
    Silent,
    /// The server stops.
    Stopping,
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> End {
        End::Gone
    }
}

/// A line, or what stands in its place.
pub enum Line {
    /// Without its CRLF.
    Whole(Vec<u8>),
    /// Too long, or not ended by CRLF.
    Unreadable,
}

/// A connection, what was read and not used yet, and what is to be said.
pub struct Stream {
    io: Box<dyn Io>,
    input: Vec<u8>,
    used: usize,
    output: Vec<u8>,
    patience: Duration,
}

impl Stream {
    pub fn new(io: Box<dyn Io>, patience: Duration) -> Stream {
        Stream { io, input: Vec::new(), used: 0, output: Vec::new(), patience }
    }

    /// Says something when the client's turn comes (RFC 2920: answers to commands sent together go together).
    pub fn say(&mut self, text: &str) {
        self.output.extend_from_slice(text.as_bytes());
    }

    pub async fn flush(&mut self) -> Result<(), End> {
        if self.output.is_empty() {
            return Ok(());
        }
        let write = async {
            self.io.write_all(&self.output).await?;
            self.io.flush().await
        };
        tokio::time::timeout(self.patience, write).await.map_err(|_| End::Silent)??;
        self.output.clear();
        Ok(())
    }

    /// Returns the next line; a stop ends the wait for it, not the reading of it.
    pub async fn line(&mut self, stop: &CancellationToken) -> Result<Line, End> {
        let mut overlong = false;
        loop {
            if let Some(n) = self.input[self.used..].iter().position(|b| *b == b'\n') {
                let line = self.input[self.used..self.used + n].to_vec();
                self.used += n + 1;
                return Ok(match line.strip_suffix(b"\r") {
                    Some(line) if !overlong && line.len() <= MOST_LINE && !line.contains(&b'\r') => {
                        Line::Whole(line.to_vec())
                    }
                    _ => Line::Unreadable,
                });
            }
            if self.input.len() - self.used > MOST_LINE + 2 {
                overlong = true;
                self.used = self.input.len();
            }
            self.flush().await?;
            tokio::select! {
                () = stop.cancelled() => return Err(End::Stopping),
                filled = self.fill() => filled?,
            }
        }
    }

    /// Returns what was read and not used yet.
    pub fn waiting(&self) -> &[u8] {
        &self.input[self.used..]
    }

    /// Marks octets as used.
    pub fn use_up(&mut self, n: usize) {
        self.used += n;
    }

    /// Reads more.
    pub async fn fill(&mut self) -> Result<(), End> {
        self.input.drain(..self.used);
        self.used = 0;
        self.input.reserve(CHUNK);
        let read = self.io.read_buf(&mut self.input);
        match tokio::time::timeout(self.patience, read).await {
            Err(_) => Err(End::Silent),
            Ok(Ok(0)) => Err(End::Gone),
            Ok(read) => Ok(read.map(drop)?),
        }
    }

    /// Encrypts the connection. What was sent in clear behind STARTTLS is dropped unread: it may be somebody else's
    /// (CVE-2011-0411, E10.7). Returns the protocol's version.
    pub async fn encrypt(self, acceptor: &TlsAcceptor) -> Result<(Stream, String), End> {
        let accept = acceptor.accept(self.io);
        let tls = tokio::time::timeout(self.patience, accept).await.map_err(|_| End::Silent)??;
        let version = tls.get_ref().1.protocol_version().and_then(|v| v.as_str()).unwrap_or("TLS").to_owned();
        Ok((Stream::new(Box::new(tls), self.patience), version))
    }

    /// Says goodbye and closes.
    pub async fn close(mut self, text: &str) {
        self.say(text);
        // Who does not listen any more need not hear it.
        if self.flush().await.is_ok() {
            let _ = tokio::time::timeout(Duration::from_secs(1), self.io.shutdown()).await;
        }
    }
}
