//! The signature that programs of the operator's own can make: HMAC-SHA256 over time, envelope and octets. A bearer token
//! that is overheard opens the door for ever; a signature that is overheard repeats one mail for a quarter of an hour.
//!
//! Signed are, each followed by a line feed, the time in seconds since 1970, the envelope's sender and its recipients as
//! the request gives them, and then the body as it is.

use super::call::{Call, Signature};
use super::verify;
use shared::config::Secret;

/// Header with the time.
pub const TIME: &str = "x-postroom-time";
/// Header with the signature, in hex.
pub const SIGNATURE: &str = "x-postroom-signature";

/// Checks a call's signature under one of the keys; `from` and `to` are the envelope as the request gives it.
pub fn check(call: &Call, keys: &[Secret], from: &str, to: &str) -> Signature {
    if keys.is_empty() {
        return Signature::NotAsked;
    }
    let (Some(time), Some(signature)) = (call.header(TIME), call.header(SIGNATURE)) else {
        return Signature::Wrong("the signature is missing");
    };
    let head = format!("{time}\n{from}\n{to}\n");
    if !verify::hmac_fits(keys, &[head.as_bytes(), &call.body], signature) {
        return Signature::Wrong("the signature does not fit");
    }
    match verify::is_fresh(time) {
        true => Signature::Fits,
        false => Signature::Wrong("the signature is too old"),
    }
}
