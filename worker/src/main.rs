//! The binary `postroom-worker`: sends mail for servers that do not, and opens no port.

use std::process::ExitCode;

use anyhow::Context;
use shared::app::App;
use shared::config::Config;
use shared::mail_in::Ingest;
use tokio_util::sync::CancellationToken;

fn main() -> ExitCode {
    // Once per process, before anything speaks TLS.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("postroom-worker: {e:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let config = Config::from_env()?;
    shared::logging::start(&config.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")?;
    let result = runtime.block_on(work(config));
    // Whatever still hangs after the orderly end must not hold the process back.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    result
}

async fn work(config: Config) -> anyhow::Result<()> {
    let app = App::start(config).await?;
    let stop = CancellationToken::new();
    tokio::spawn(stop_on_signal(stop.clone()));
    let ingest = Ingest::start(app.clone());
    // Servers tell their pages what becomes of mail.
    tokio::spawn(worker::live::carry(app.clone(), stop.clone()));
    tracing::info!(captures = app.config.smtp_url.is_none(), redis = app.config.redis_url.is_some(), "worker started");
    worker::run(app.clone(), ingest, stop).await?;
    // A connection that is lost at the very end costs nothing: all is on record.
    let _ = tokio::time::timeout(std::time::Duration::from_secs(1), app.db.close()).await;
    tracing::info!("worker stopped");
    Ok(())
}

async fn stop_on_signal(stop: CancellationToken) {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => tokio::select! { _ = interrupt => {}, _ = terminate.recv() => {} },
            Err(e) => {
                tracing::warn!(error = %e, "SIGTERM will not be heard");
                let _ = interrupt.await;
            }
        }
    }
    #[cfg(not(unix))]
    let _ = interrupt.await;
    tracing::info!("stopping: mail that is under way finishes");
    stop.cancel();
}
