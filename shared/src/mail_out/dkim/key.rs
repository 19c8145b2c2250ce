//! Private keys for signing: made here or read from PEM, and the public half as DNS records bear it.
//!
//! ring signs but cannot find RSA primes. A new RSA key is therefore asked of the host's `openssl`, which comes with the
//! certificates that TLS needs anyway: a crate for this one act would weigh more than the signing itself. The key comes
//! by a pipe and never lies in a file.

use crate::text_enum;
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// As RFC 8301 3.2 advises; longer ones do not fit the DNS answers that every resolver takes.
const RSA_BITS: &str = "rsa_keygen_bits:2048";
/// How long `openssl` may look for primes.
const PATIENCE: Duration = Duration::from_secs(60);

text_enum! {
    /// How a key signs.
    pub enum Algorithm ("DKIM algorithm") {
        /// RSA with SHA-256: what everybody checks.
        Rsa = "rsa-sha256" | "rsa",
        /// Ed25519 (RFC 8463): short, but few receivers check it. Best beside an RSA key.
        Ed25519 = "ed25519-sha256" | "ed25519",
    }
}

impl Algorithm {
    /// Returns the `k=` of the DNS record.
    pub fn key_type(self) -> &'static str {
        match self {
            Algorithm::Rsa => "rsa",
            Algorithm::Ed25519 => "ed25519",
        }
    }
}

/// A private key that was checked: ring can sign with it.
pub struct PrivateKey {
    algorithm: Algorithm,
    der: PrivateKeyDer<'static>,
    public: Vec<u8>,
}

impl PrivateKey {
    /// Makes a new key. RSA takes up to some seconds.
    ///
    /// # Errors
    /// One clause for people: what is missing, and what to do instead.
    pub async fn generate(algorithm: Algorithm) -> Result<PrivateKey, &'static str> {
        match algorithm {
            Algorithm::Rsa => Self::from_pem(&openssl().await.ok_or(NO_OPENSSL)?),
            Algorithm::Ed25519 => {
                let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new());
                let key = key.map_err(|_| "cannot be made: the machine gives no random numbers")?;
                Self::from_der(PrivateKeyDer::Pkcs8(key.as_ref().to_vec().into()))
            }
        }
    }

    /// Reads what `openssl genrsa` and `openssl genpkey` write: PKCS#1 or PKCS#8.
    ///
    /// # Errors
    /// One clause for people.
    pub fn from_pem(pem: &str) -> Result<PrivateKey, &'static str> {
        let der = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| "is no private key in PEM form")?;
        Self::from_der(der)
    }

    fn from_der(der: PrivateKeyDer<'static>) -> Result<PrivateKey, &'static str> {
        let rsa = match &der {
            PrivateKeyDer::Pkcs1(key) => RsaKeyPair::from_der(key.secret_pkcs1_der()).ok(),
            PrivateKeyDer::Pkcs8(key) => RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).ok(),
            _ => None,
        };
        if let Some(rsa) = rsa {
            let public = subject_public_key_info(rsa.public_key().as_ref());
            return Ok(PrivateKey { algorithm: Algorithm::Rsa, der, public });
        }
        let PrivateKeyDer::Pkcs8(pkcs8) = &der else { return Err(UNFIT) };
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8.secret_pkcs8_der()).map_err(|_| UNFIT)?;
        let public = pair.public_key().as_ref().to_vec();
        Ok(PrivateKey { algorithm: Algorithm::Ed25519, der, public })
    }

    /// Returns how it signs.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns the public half as the `p=` of a DNS record.
    pub fn public_base64(&self) -> String {
        BASE64.encode(&self.public)
    }

    /// Returns the DER as it is stored (sealed), with its form before it.
    pub fn to_stored(&self) -> Vec<u8> {
        let form = if matches!(self.der, PrivateKeyDer::Pkcs1(_)) { b'1' } else { b'8' };
        [&[form], self.der.secret_der()].concat()
    }

    /// Reads what [`PrivateKey::to_stored`] wrote.
    pub fn der_of(stored: &[u8]) -> Option<PrivateKeyDer<'static>> {
        let (form, der) = stored.split_first()?;
        match form {
            b'1' => Some(PrivateKeyDer::Pkcs1(der.to_vec().into())),
            b'8' => Some(PrivateKeyDer::Pkcs8(der.to_vec().into())),
            _ => None,
        }
    }
}

const UNFIT: &str = "is neither an RSA key of 2048 bits or more nor an Ed25519 key";

const NO_OPENSSL: &str = "cannot be made: the program openssl is not installed here; give a private key in PEM form, \
                          as `openssl genrsa 2048` makes it elsewhere";

/// Asks `openssl` for an RSA key as PEM; None if it is not there or fails.
async fn openssl() -> Option<String> {
    let mut command = Command::new("openssl");
    command.args(["genpkey", "-algorithm", "RSA", "-pkeyopt", RSA_BITS]);
    let run = command.stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true).output();
    let output = tokio::time::timeout(PATIENCE, run).await.ok()?.ok()?;
    String::from_utf8(output.stdout).ok().filter(|pem| output.status.success() && !pem.is_empty())
}

/// Wraps PKCS#1's RSAPublicKey as X.509 does (RFC 3279 2.3.1): what DKIM records bear in fact (RFC 6376 erratum 3017).
fn subject_public_key_info(public: &[u8]) -> Vec<u8> {
    /// `rsaEncryption` with NULL parameters.
    const ALGORITHM: [u8; 15] =
        [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
    let bits = tagged(0x03, &[&[0], public].concat());
    tagged(0x30, &[&ALGORITHM[..], &bits].concat())
}

/// DER: tag, length, content.
fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let short = &length[length.iter().position(|b| *b != 0).unwrap_or(length.len() - 1)..];
    let mut out = vec![tag];
    if content.len() >= 0x80 {
        out.push(0x80 | short.len() as u8);
    }
    out.extend_from_slice(short);
    out.extend_from_slice(content);
    out
}
