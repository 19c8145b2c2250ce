//! Reading lines and gathering answers on one connection of the sink.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// RFC 5321 4.5.3.1.4 allows 512 octets; extensions add to it.
pub(super) const MAX_COMMAND: usize = 8 * 1024;

/// Why a conversation is over.
pub(super) enum End {
    Closed,
    Io(io::Error),
}

impl From<io::Error> for End {
    fn from(e: io::Error) -> End {
        End::Io(e)
    }
}

/// A connection with what came in and is not read yet, and what is to be said.
pub(super) struct Stream {
    tcp: TcpStream,
    pub input: Vec<u8>,
    pub used: usize,
    pub output: Vec<u8>,
}

impl Stream {
    pub fn new(tcp: TcpStream) -> Stream {
        Stream { tcp, input: Vec::with_capacity(16 * 1024), used: 0, output: Vec::with_capacity(512) }
    }

    pub async fn line(&mut self) -> Result<Vec<u8>, End> {
        loop {
            if let Some(n) = self.input[self.used..].iter().position(|b| *b == b'\n') {
                let line = &self.input[self.used..self.used + n];
                let line = line.strip_suffix(b"\r").unwrap_or(line).to_vec();
                self.used += n + 1;
                return Ok(line);
            }
            self.compact();
            if self.input.len() > MAX_COMMAND {
                self.say("500 5.5.2 line too long\r\n");
                self.flush().await?;
                return Err(End::Closed);
            }
            self.fill().await?;
        }
    }

    pub fn compact(&mut self) {
        self.input.drain(..self.used);
        self.used = 0;
    }

    /// Says what is to be said, now that no further command waits, and reads on.
    pub async fn fill(&mut self) -> Result<(), End> {
        self.flush().await?;
        match self.tcp.read_buf(&mut self.input).await? {
            0 => Err(End::Closed),
            _ => Ok(()),
        }
    }

    pub fn say(&mut self, text: &str) {
        self.output.extend_from_slice(text.as_bytes());
    }

    pub async fn flush(&mut self) -> Result<(), End> {
        if !self.output.is_empty() {
            self.tcp.write_all(&self.output).await?;
            self.output.clear();
        }
        Ok(())
    }

    /// Reads and answers nothing until the client hangs up.
    pub async fn stall<T>(&mut self) -> Result<T, End> {
        self.flush().await?;
        let mut void = [0u8; 4096];
        while self.tcp.read(&mut void).await? > 0 {}
        Err(End::Closed)
    }
}
