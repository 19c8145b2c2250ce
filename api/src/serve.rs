//! Binds, serves, and stops well: what is in flight finishes.

use crate::Api;
use crate::doors::smtp::{self, Listeners, Protocol};
use shared::access::Refused;
use shared::app::{self, App};
use shared::config::{Config, WorkerMode};
use shared::mailboxes::probe;
use shared::setup;
use shared::users::PrintedOnce;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tokio_util::sync::CancellationToken;

/// The longest that requests in flight may take to finish once the server stops.
const GRACE: Duration = Duration::from_secs(30);

/// The server cannot start, or broke off.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The listen address cannot be had.
    #[error("cannot listen on {addr}")]
    Bind {
        /// The address.
        addr: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The port's file cannot be written.
    #[error("cannot write the port to {path}")]
    PortFile {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The application cannot start.
    #[error(transparent)]
    App(#[from] app::Error),
    /// What the first start makes cannot be made as the settings want it.
    #[error("the first start's tenant, mailbox or admin cannot be made")]
    FirstStart(#[from] Refused),
    /// The worker inside this process cannot start.
    #[error("the worker cannot start")]
    Worker(#[from] worker::Error),
    /// The SMTP or LMTP door cannot open.
    #[error(transparent)]
    MailDoor(#[from] smtp::Error),
    /// The listener broke.
    #[error("the server broke off")]
    Serve(#[source] std::io::Error),
}

/// Runs the server until it is told to stop (SIGTERM, SIGINT).
///
/// # Errors
/// See [`Error`].
pub async fn run(config: Config) -> Result<(), Error> {
    let listener = bind(config.listen)?;
    let addr = listener.local_addr().map_err(Error::Serve)?;
    let mail_doors = Listeners::bind(&config).await?;
    let app = App::start(config.bound_to(addr)).await?;
    let first_admin = setup::ensure(&app).await?;
    // E3.1: tagged addresses are tried before they are used.
    probe::ask_untested(&app).await.map_err(Refused::from)?;
    announce(&app, first_admin, &mail_doors)?;
    let stop = CancellationToken::new();
    tokio::spawn(stop_on_signal(stop.clone()));
    let api = Api::new(app.clone());
    let mail_doors = tokio::spawn(mail_doors.serve(api.clone(), stop.clone()));
    let result = serve(api, listener, stop.clone()).await;
    stop.cancel();
    if let Err(e) = mail_doors.await {
        tracing::error!(error = %e, "the SMTP door broke off");
    }
    app.db.close().await;
    result
}

/// Serves until `stop` is cancelled, then lets requests in flight finish.
///
/// # Errors
/// If the listener breaks, or the worker inside cannot start.
pub async fn serve(api: Api, listener: TcpListener, stop: CancellationToken) -> Result<(), Error> {
    use axum::serve::ListenerExt;
    let listener = listener.tap_io(|tcp| {
        // Answers are small and complete: waiting to fill a packet only delays them.
        if let Err(e) = tcp.set_nodelay(true) {
            tracing::debug!(error = %e, "cannot set TCP_NODELAY");
        }
    });
    let working = tokio::spawn(work(api.clone(), stop.clone()));
    tokio::spawn(shared::live::tail::run(api.app.clone(), stop.clone()));
    tokio::spawn(worker::live::carry(api.app.clone(), stop.clone()));
    let service = crate::router(api).into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, service).with_graceful_shutdown(stop.clone().cancelled_owned());
    let guard = async {
        stop.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        result = server.into_future() => result.map_err(Error::Serve)?,
        () = guard => tracing::warn!("requests were still in flight after {} s, stopped without them", GRACE.as_secs()),
    }
    // The listener may have broken by itself: the worker stops all the same.
    stop.cancel();
    working.await.map_err(|e| Error::Serve(std::io::Error::other(e)))?
}

/// Sends mail in this process, or only tells the workers elsewhere that there is some.
async fn work(api: Api, stop: CancellationToken) -> Result<(), Error> {
    let result = match api.app.config.worker {
        WorkerMode::Inline => worker::run(api.app, api.ingest, stop.clone()).await,
        WorkerMode::Off => {
            let spool = tokio::spawn(worker::spool_only(api.app.clone(), api.ingest.clone(), stop.clone()));
            let rung = worker::ring_only(api.app, worker::queue::Health::redis(), stop.clone()).await;
            if let Err(e) = spool.await {
                tracing::error!(error = %e, "taking up the spool broke off");
            }
            rung
        }
    };
    // A server that was told to send mail and cannot must not look as if it did.
    if result.is_err() {
        stop.cancel();
    }
    Ok(result?)
}

/// Opens the port. SO_REUSEADDR, so that a restart need not wait for the old connections to be forgotten.
///
/// # Errors
/// If the address cannot be had.
pub fn bind(addr: SocketAddr) -> Result<TcpListener, Error> {
    listen(addr).map_err(|source| Error::Bind { addr, source })
}

pub(crate) fn listen(addr: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if addr.is_ipv6() { TcpSocket::new_v6()? } else { TcpSocket::new_v4()? };
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    socket.listen(1024)
}

/// Tells people and scripts where the server is.
fn announce(app: &App, first_admin: Option<PrintedOnce>, mail_doors: &Listeners) -> Result<(), Error> {
    let config = &app.config;
    if let Some(path) = &config.port_file {
        write_port(path, config.listen.port()).map_err(|source| Error::PortFile { path: path.clone(), source })?;
    }
    let mut text = format!("Postroom listening on http://{}\n", config.listen);
    let base = &config.base_url;
    text.push_str(&format!("  dashboard    {base}/dashboard/support\n"));
    text.push_str(&format!("  public form  {base}/new\n"));
    if config.is_development() {
        text.push_str(&format!("  sent mail    {base}/dev/mail\n"));
    }
    for (protocol, at) in mail_doors.addresses() {
        let name = if protocol == Protocol::Smtp { "SMTP" } else { "LMTP" };
        text.push_str(&format!("  {name} door    {at}\n"));
    }
    if let Some(admin) = first_admin {
        text.push_str(&format!("\nThe first admin is {}", admin.email));
        match admin.password {
            Some(password) => text.push_str(&format!(", password {password} (shown only now)\n")),
            None => text.push_str(", with the password of POSTROOM_ADMIN_PASSWORD\n"),
        }
    }
    if config.is_development() {
        text.push_str("\nPost a mail to it:\n");
        text.push_str(&format!("  {}\n", curl_line(base, &config.mail_from)));
    }
    // A closed stdout is no reason to stop.
    let _ = std::io::stdout().write_all(text.as_bytes()).and_then(|()| std::io::stdout().flush());
    if config.worker == WorkerMode::Off {
        tracing::info!("no worker in this process: postroom-worker sends the mail");
    }
    Ok(())
}

/// Returns a line for a shell that posts a mail, another one each time.
fn curl_line(base: &str, to: &str) -> String {
    // printf reads % as its own, and an address may hold a quote.
    let to = to.replace('%', "%%").replace('\'', r"'\''");
    format!(
        "printf 'From: Ann <ann@example.com>\\r\\nTo: {to}\\r\\nSubject: Printer on fire\\r\\n\
         Message-ID: <%s@example.com>\\r\\n\\r\\nPlease help.\\r\\n' $(date +%s%N) | \
         curl -s {base}/api/inbound/raw -H 'Content-Type: message/rfc822' --data-binary @-"
    )
}

/// Whole or not at all: who waits for the file must not read half a number.
fn write_port(path: &std::path::Path, port: u16) -> std::io::Result<()> {
    let draft = path.with_extension("new");
    std::fs::write(&draft, format!("{port}\n"))?;
    std::fs::rename(&draft, path)
}

async fn stop_on_signal(stop: CancellationToken) {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => {
                tokio::select! { _ = interrupt => {}, _ = terminate.recv() => {} }
            }
            Err(e) => {
                tracing::warn!(error = %e, "SIGTERM will not be heard");
                let _ = interrupt.await;
            }
        }
    }
    #[cfg(not(unix))]
    let _ = interrupt.await;
    tracing::info!("stopping: requests in flight finish");
    stop.cancel();
}
