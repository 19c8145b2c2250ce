//! Signatures of webhooks, over bytes as they came. Every comparison takes the same time whatever it finds.

use ring::hmac;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
    RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, UnparsedPublicKey, VerificationAlgorithm,
};
use shared::config::Secret;
use x509_parser::prelude::FromDer;
use x509_parser::x509::SubjectPublicKeyInfo;

/// How old a signature may be, and how far ahead the signer's clock, in seconds (E10.1).
pub const FRESH_S: i64 = 15 * 60;

/// Whether `signature` (hex) is the HMAC-SHA256 of `text` under one of the keys.
pub fn hmac_fits(keys: &[Secret], text: &[&[u8]], signature: &str) -> bool {
    let Some(signature) = unhex(signature.trim()) else { return false };
    let whole = text.concat();
    let fits = |key: &Secret| {
        hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, key.reveal().as_bytes()), &whole, &signature).is_ok()
    };
    keys.iter().any(fits)
}

/// Whether a time in seconds since 1970 is about now.
pub fn is_fresh(timestamp: &str) -> bool {
    let Ok(at) = timestamp.trim().parse::<i64>() else { return false };
    (shared::clock::now().timestamp() - at).abs() <= FRESH_S
}

/// How a public key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// RSA, PKCS #1 1.5, SHA-1: old installations still sign so.
    RsaSha1,
    /// RSA, PKCS #1 1.5, SHA-256.
    RsaSha256,
    /// ECDSA on P-256, SHA-256, in DER.
    EcdsaP256,
}

/// Whether `signature` is that of `message` by the owner of a public key (SubjectPublicKeyInfo in DER).
pub fn public_key_fits(spki: &[u8], scheme: Scheme, message: &[u8], signature: &[u8]) -> bool {
    let Ok((_, spki)) = SubjectPublicKeyInfo::from_der(spki) else { return false };
    let algorithm: &dyn VerificationAlgorithm = match scheme {
        Scheme::RsaSha1 => &RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
        Scheme::RsaSha256 => &RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
        Scheme::EcdsaP256 => &ECDSA_P256_SHA256_ASN1,
    };
    let key = UnparsedPublicKey::new(algorithm, &spki.subject_public_key.data);
    key.verify(message, signature).is_ok()
}

/// Whether two texts are equal, without telling by the time taken where they differ.
pub fn same(a: &str, b: &str) -> bool {
    shared::keys::hash_token(a) == shared::keys::hash_token(b)
}

/// Returns a name for these contents, for doors whose provider gives a delivery none: the same delivery again has the
/// same one.
pub fn digest(parts: &[&[u8]]) -> String {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    for part in parts {
        // With its length before it: no two lists of parts are the same octets.
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    hex(context.finish().as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_hmac_of_one_of_the_keys_fits() {
        let keys = [Secret::new("key-old-1"), Secret::new("key-new-1")];
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"key-new-1"), b"12token");
        let tag = hex(tag.as_ref());
        assert!(hmac_fits(&keys, &[b"12", b"token"], &tag));
        assert!(hmac_fits(&keys, &[b"12token"], &tag.to_uppercase()));
        assert!(!hmac_fits(&keys[..1], &[b"12token"], &tag));
        for wrong in ["", "zz", "é", &tag[..62], &format!("{tag}00")] {
            assert!(!hmac_fits(&keys, &[b"12token"], wrong), "{wrong}");
        }
    }

    #[test]
    fn a_time_is_fresh_for_a_quarter_of_an_hour() {
        let now = shared::clock::now().timestamp();
        assert!(is_fresh(&now.to_string()) && is_fresh(&(now - FRESH_S + 5).to_string()));
        for wrong in [(now - FRESH_S - 5).to_string(), (now + FRESH_S + 5).to_string(), "x".into(), String::new()] {
            assert!(!is_fresh(&wrong), "{wrong}");
        }
    }

    #[test]
    fn what_is_no_key_fits_nothing() {
        for scheme in [Scheme::RsaSha1, Scheme::RsaSha256, Scheme::EcdsaP256] {
            assert!(!public_key_fits(b"", scheme, b"x", b"y"));
            assert!(!public_key_fits(&[0x30; 90], scheme, b"x", b"y"));
        }
    }
}
