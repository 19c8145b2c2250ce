//! A raw SMTP client: what a test says is exactly what goes over the wire.

use crate::harness::Server;
use api::doors::smtp::{Listeners, Protocol};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The doors that a server's settings name.
pub struct Doors {
    pub smtp: Option<SocketAddr>,
    pub lmtp: Option<String>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Doors {
    pub async fn open(s: &Server) -> Doors {
        let listeners = Listeners::bind(&s.app.config).await.expect("the doors open");
        let (mut smtp, mut lmtp) = (None, None);
        for (protocol, at) in listeners.addresses() {
            match protocol {
                Protocol::Smtp => smtp = Some(at.parse().expect("an address")),
                Protocol::Lmtp => lmtp = Some(at),
            }
        }
        let stop = CancellationToken::new();
        let task = tokio::spawn(listeners.serve(api::Api::new(s.app.clone()), stop.clone()));
        Doors { smtp, lmtp, stop, task }
    }

    pub async fn smtp(&self) -> Client {
        Client::tcp(self.smtp.expect("SMTP is on")).await
    }

    pub async fn lmtp(&self) -> Client {
        let at = self.lmtp.as_deref().expect("LMTP is on");
        match at.parse() {
            Ok(addr) => Client::tcp(addr).await,
            Err(_) => Client::over(UnixStream::connect(at).await.expect("the socket is there")).await,
        }
    }

    /// Tells the doors to stop, and leaves them to it.
    pub fn cancel(&self) {
        self.stop.cancel();
    }

    /// Stops as SIGTERM does: what was taken is decided then.
    pub async fn close(self) {
        self.stop.cancel();
        tokio::time::timeout(Duration::from_secs(25), self.task).await.expect("in time").expect("without panic");
    }
}

pub trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

pub struct Client {
    io: Box<dyn Io>,
    input: Vec<u8>,
}

impl Client {
    pub async fn tcp(addr: SocketAddr) -> Client {
        Client::over(TcpStream::connect(addr).await.expect("the door listens")).await
    }

    /// Waits for the greeting.
    pub async fn over(io: impl Io + 'static) -> Client {
        let mut client = Client { io: Box::new(io), input: Vec::new() };
        let greeting = client.answer().await;
        assert!(greeting.starts_with("220 ") || greeting.starts_with("421 "), "{greeting}");
        client
    }

    pub async fn send(&mut self, octets: impl AsRef<[u8]>) {
        self.io.write_all(octets.as_ref()).await.expect("the door reads");
        self.io.flush().await.expect("the door reads");
    }

    /// Returns the next answer, all its lines; empty: the door hung up.
    pub async fn answer(&mut self) -> String {
        let mut text = String::new();
        loop {
            let line = self.line().await;
            let last = line.get(3..4) != Some("-");
            text.push_str(&line);
            if last {
                return text;
            }
            text.push('\n');
        }
    }

    async fn line(&mut self) -> String {
        let read = async {
            loop {
                if let Some(n) = self.input.windows(2).position(|w| w == b"\r\n") {
                    let line: Vec<u8> = self.input.drain(..n + 2).collect();
                    return String::from_utf8_lossy(&line[..n]).into_owned();
                }
                if self.io.read_buf(&mut self.input).await.unwrap_or(0) == 0 {
                    return String::new();
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(30), read).await.expect("an answer in time")
    }

    /// Says a line and returns the answer.
    pub async fn say(&mut self, line: &str) -> String {
        self.send(format!("{line}\r\n")).await;
        self.answer().await
    }

    /// Says a line, and the answer must begin like this.
    #[track_caller]
    pub fn expect<'a>(&'a mut self, line: &'a str, begins: &'a str) -> impl Future<Output = String> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            let answer = self.say(line).await;
            assert!(answer.starts_with(begins), "{line} → {answer}, not {begins} ({caller})");
            answer
        }
    }

    /// Delivers a mail to one recipient; returns the answer to its dot.
    pub async fn deliver(&mut self, from: &str, to: &str, mail: &str) -> String {
        self.expect(&format!("MAIL FROM:<{from}>"), "250 2.1.0").await;
        self.expect(&format!("RCPT TO:<{to}>"), "250 2.1.5").await;
        self.expect("DATA", "354").await;
        self.send(mail).await;
        self.say(".").await
    }

    /// Encrypts, trusting `ca` alone.
    pub async fn encrypt(self, ca: &rustls::pki_types::CertificateDer<'static>, name: &'static str) -> Client {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(ca.clone()).expect("a certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let name = rustls::pki_types::ServerName::try_from(name).expect("a name");
        let tls = connector.connect(name, self.io).await.expect("the door encrypts");
        Client { io: Box::new(tls), input: Vec::new() }
    }
}
