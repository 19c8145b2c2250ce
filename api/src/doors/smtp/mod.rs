//! The SMTP and LMTP listener (E10.7), off by default: for mail exchangers to deliver to, and for a mail server of the
//! operator's to hand mail in by.
//!
//! The conversation is [`session`], pure, as are [`command`] and [`body`]; [`connection`] does what it asks. A mail is
//! answered with 250 once it is durable (E10.1) and decided after that; a crash between the two is the sweep's to mend.

mod body;
mod command;
mod connection;
mod limits;
mod session;
mod stream;
mod tls;

pub use session::Protocol;
pub use tls::{Certificate, CertificateError};

use crate::Api;
use limits::Connections;
use session::Terms;
use shared::config::{Config, ListenAt};
use shared::mail_in::{self, Kept};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;
use stream::Io;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long a client may be silent (RFC 5321 4.5.3.2.7).
const PATIENCE: Duration = Duration::from_secs(5 * 60);
/// How many mails are decided at once. Beyond it a client's next mail waits; what is kept is safe all the same.
const DECIDING: usize = 64;
/// How long clients may take to finish their mail once the server stops.
const GRACE: Duration = Duration::from_secs(10);

/// The listener cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address or socket cannot be had.
    #[error("cannot listen on {at}")]
    Bind {
        /// Where.
        at: ListenAt,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The certificate cannot be used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

/// An open port or socket.
#[derive(Debug)]
pub struct Listener {
    protocol: Protocol,
    socket: Socket,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
}

/// The ports and sockets that the settings name, open, and the certificate.
#[derive(Debug, Default)]
pub struct Listeners {
    all: Vec<Listener>,
    tls: Option<Certificate>,
}

impl Listeners {
    /// Opens what the settings name; nothing unless they do.
    ///
    /// # Errors
    /// If a port cannot be had or the certificate is of no use: both stop the start.
    pub async fn bind(config: &Config) -> Result<Listeners, Error> {
        let mut all = Vec::new();
        for (protocol, at) in [(Protocol::Smtp, &config.smtp_listen), (Protocol::Lmtp, &config.lmtp_listen)] {
            let Some(at) = at else { continue };
            let socket = bind(at).await.map_err(|source| Error::Bind { at: at.clone(), source })?;
            all.push(Listener { protocol, socket });
        }
        let tls = match &config.smtp_tls {
            Some((cert, key)) if !all.is_empty() => Some(Certificate::load(cert, key)?),
            _ => None,
        };
        Ok(Listeners { all, tls })
    }

    /// Returns where each listens, by protocol.
    pub fn addresses(&self) -> Vec<(Protocol, String)> {
        let at = |socket: &Socket| match socket {
            Socket::Tcp(tcp) => tcp.local_addr().map(|a| a.to_string()).unwrap_or_default(),
            Socket::Unix(_, path) => path.display().to_string(),
        };
        self.all.iter().map(|l| (l.protocol, at(&l.socket))).collect()
    }

    /// Serves until `stop`; then clients may finish the mail they are at, and what was taken is decided.
    pub async fn serve(self, api: Api, stop: CancellationToken) {
        if self.all.is_empty() {
            return;
        }
        let config = &api.app.config;
        let door = Arc::new(Door {
            hostname: config.smtp_hostname.as_str().into(),
            most_bytes: config.max_mail_bytes,
            patience: PATIENCE,
            connections: Connections::new(config.door_connections, config.door_connections_per_peer),
            tls: self.tls,
            buffered: AtomicUsize::new(0),
            deciding: Arc::new(Semaphore::new(DECIDING)),
            clients: TaskTracker::new(),
            decisions: TaskTracker::new(),
            stop: stop.clone(),
            api,
        });
        let all = self.all.into_iter().map(|listener| accept(door.clone(), Arc::new(listener)));
        futures::future::join_all(all).await;
        door.clients.close();
        if tokio::time::timeout(GRACE, door.clients.wait()).await.is_err() {
            tracing::warn!("clients were still sending mail after {} s; they come again", GRACE.as_secs());
        }
        door.decisions.close();
        if tokio::time::timeout(GRACE, door.decisions.wait()).await.is_err() {
            tracing::warn!("kept mail was not decided in time; the worker takes it up");
        }
    }
}

async fn bind(at: &ListenAt) -> std::io::Result<Socket> {
    match at {
        ListenAt::Tcp(addr) => crate::serve::listen(*addr).map(Socket::Tcp),
        ListenAt::Unix(path) => {
            // A socket that a killed process left is in the way, a living one's is not ours to take.
            if tokio::net::UnixStream::connect(path)
                .await
                .is_err_and(|e| e.kind() == std::io::ErrorKind::ConnectionRefused)
            {
                std::fs::remove_file(path)?;
            }
            let listener = UnixListener::bind(path)?;
            // The mail server is another user; who may come near is the folder's permissions.
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o666);
            std::fs::set_permissions(path, mode)?;
            Ok(Socket::Unix(listener, path.clone()))
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Socket::Unix(_, path) = self {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// What all connections share.
struct Door {
    api: Api,
    hostname: Arc<str>,
    most_bytes: usize,
    patience: Duration,
    connections: Connections,
    tls: Option<Certificate>,
    /// Octets of mails that are being read.
    buffered: AtomicUsize,
    deciding: Arc<Semaphore>,
    clients: TaskTracker,
    decisions: TaskTracker,
    stop: CancellationToken,
}

impl Door {
    fn terms(&self, protocol: Protocol) -> Terms {
        Terms { protocol, hostname: self.hostname.clone(), most_bytes: self.most_bytes, offers_tls: self.tls.is_some() }
    }

    /// Has a kept mail decided, beside the conversation.
    async fn decide(&self, kept: Kept) {
        let permit = self.deciding.clone().acquire_owned().await.expect("it is never closed");
        let (app, ingest) = (self.api.app.clone(), self.api.ingest.clone());
        self.decisions.spawn(async move {
            mail_in::process(&app, &ingest, kept).await;
            drop(permit);
        });
    }
}

async fn accept(door: Arc<Door>, listener: Arc<Listener>) {
    loop {
        let accepted = tokio::select! {
            () = door.stop.cancelled() => return,
            accepted = one(&listener.socket) => accepted,
        };
        let (io, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(e) => {
                // Out of file descriptors, for example: others may close theirs.
                tracing::warn!(error = %e, "a connection cannot be taken");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        metrics::counter!("smtp_door_connections_total").increment(1);
        let Some(place) = door.connections.take(peer) else {
            metrics::counter!("smtp_door_connections_refused_total").increment(1);
            let goodbye = format!("421 4.7.0 {} too many connections, come again\r\n", door.hostname);
            let stream = stream::Stream::new(io, Duration::from_secs(2));
            door.clients.spawn(async move { stream.close(&goodbye).await });
            continue;
        };
        let (shared, listener) = (door.clone(), listener.clone());
        door.clients.spawn(async move {
            connection::serve(&shared, &listener, io, peer).await;
            drop(place);
        });
    }
}

async fn one(socket: &Socket) -> std::io::Result<(Box<dyn Io>, Option<IpAddr>)> {
    match socket {
        Socket::Tcp(listener) => {
            let (tcp, peer): (_, SocketAddr) = listener.accept().await?;
            tcp.set_nodelay(true)?;
            Ok((Box::new(tcp), Some(peer.ip().to_canonical())))
        }
        Socket::Unix(listener, _) => {
            let (unix, _) = listener.accept().await?;
            Ok((Box::new(unix), None))
        }
    }
}
