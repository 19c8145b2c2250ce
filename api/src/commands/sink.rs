//! `postroom sink`.

use anyhow::Context;
use clap::Args;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Where it listens unless `--listen` says otherwise; POSTROOM_LISTEN is the server's.
const LISTEN: &str = "127.0.0.1:2525";

#[derive(Debug, Args)]
pub struct Options {
    /// Keep each mail as a file in this folder, made if need be
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
}

/// Runs until it is told to stop.
pub async fn run(options: Options, listen: Option<&str>) -> anyhow::Result<()> {
    let text = listen.unwrap_or(LISTEN);
    let listen: SocketAddr = text.parse().with_context(|| format!("--listen: {text:?} is no address and port"))?;
    let stop = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    worker::sink::run(listen, options.keep, stop).await.with_context(|| format!("cannot listen on {listen}"))
}
