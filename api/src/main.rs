//! The binary `postroom`.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Once per process, before anything speaks TLS.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match api::commands::run() {
        Ok(code) => ExitCode::from(code),
        Err(e) => {
            eprintln!("postroom: {e:#}");
            ExitCode::FAILURE
        }
    }
}
