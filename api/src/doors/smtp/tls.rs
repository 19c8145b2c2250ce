//! The certificate for STARTTLS. Read again when its file changed, so that renewing it needs no restart.

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;
use tokio_rustls::TlsAcceptor;

/// A certificate and its key.
#[derive(Debug)]
pub struct Certificate {
    cert: PathBuf,
    key: PathBuf,
    current: Mutex<(Option<SystemTime>, Arc<ServerConfig>)>,
}

/// A certificate or its key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read, or holds none.
    #[error("no certificate or key in {path}: {why}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// They do not fit each other, or are of a kind that is not known.
    #[error("the certificate and its key cannot be used")]
    Unfit(#[from] rustls::Error),
}

impl Certificate {
    /// Loads PEM files: the certificate with its chain, and its key.
    ///
    /// # Errors
    /// If they cannot be used.
    pub fn load(cert: &Path, key: &Path) -> Result<Certificate, CertificateError> {
        let current = Mutex::new((changed(cert), Arc::new(config(cert, key)?)));
        Ok(Certificate { cert: cert.to_owned(), key: key.to_owned(), current })
    }

    /// Returns what encrypts the next connection.
    pub fn acceptor(&self) -> TlsAcceptor {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let at = changed(&self.cert);
        if at.is_some() && at != current.0 {
            match config(&self.cert, &self.key) {
                Ok(config) => *current = (at, Arc::new(config)),
                // Half-way through being renewed, perhaps: the old one serves on, and the next connection looks again.
                Err(e) => {
                    tracing::warn!(error = &e as &dyn std::error::Error, "the new certificate cannot be used yet")
                }
            }
        }
        TlsAcceptor::from(current.1.clone())
    }
}

fn changed(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|m| m.modified()).ok()
}

fn config(cert: &Path, key: &Path) -> Result<ServerConfig, CertificateError> {
    let failed = |path: &Path, why: String| CertificateError::File { path: path.to_owned(), why };
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_file_iter(cert).and_then(Iterator::collect).map_err(|e| failed(cert, e.to_string()))?;
    if chain.is_empty() {
        return Err(failed(cert, "the file is empty".to_owned()));
    }
    let key = PrivateKeyDer::from_pem_file(key).map_err(|e| failed(key, e.to_string()))?;
    // Asked for by name: whether the process chose a default is not this module's to know.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.with_no_client_auth().with_single_cert(chain, key)?)
}
