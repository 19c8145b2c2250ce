//! One-time codes by time (RFC 6238): HMAC-SHA-1, six digits, steps of 30 seconds, which is what every authenticator app
//! takes. Pure.

use crate::clock::Time;
use data_encoding::BASE32_NOPAD;
use ring::hmac::{self, HMAC_SHA1_FOR_LEGACY_USE_ONLY};
use subtle::ConstantTimeEq;
use url::form_urlencoded::byte_serialize;

/// As many octets as the hash has (RFC 4226, R6).
pub const SECRET_OCTETS: usize = 20;
const STEP_S: i64 = 30;

/// Returns the step that a moment lies in (RFC 6238, 4.2).
pub fn step(at: Time) -> i64 {
    at.timestamp().div_euclid(STEP_S)
}

/// Returns the code of a step.
pub fn code(secret: &[u8], step: i64) -> String {
    format!("{:06}", number(secret, step) % 1_000_000)
}

/// Returns the step whose code it is, if it is that of the moment, or of the step before or after: clocks differ, and
/// people type slowly (RFC 6238, 5.2).
pub fn find(secret: &[u8], typed: &str, at: Time) -> Option<i64> {
    let present = step(at);
    [present, present - 1, present + 1].into_iter().find(|s| code(secret, *s).as_bytes().ct_eq(typed.as_bytes()).into())
}

/// The truncated HMAC (RFC 4226, 5.3).
fn number(secret: &[u8], step: i64) -> u32 {
    let tag = hmac::sign(&hmac::Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret), &step.to_be_bytes());
    let octets = tag.as_ref();
    let from = octets.last().map_or(0, |last| usize::from(last & 0x0f));
    octets.iter().skip(from).take(4).fold(0, |n, octet| n << 8 | u32::from(*octet)) & 0x7fff_ffff
}

/// Returns the secret as people type it.
pub fn shown(secret: &[u8]) -> String {
    BASE32_NOPAD.encode(secret)
}

/// Returns what an app reads from the picture: `otpauth://totp/…`.
pub fn uri(secret: &[u8], issuer: &str, account: &str) -> String {
    let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20");
    let (issuer, account) = (encoded(issuer), encoded(account));
    format!("otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}", shown(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"12345678901234567890";

    fn at(seconds: i64) -> Time {
        Time::from_timestamp(seconds, 0).expect("a moment")
    }

    /// RFC 6238, appendix B, its rows of SHA-1.
    #[test]
    fn the_vectors_of_rfc_6238() {
        for (seconds, expected) in [
            (59, 94_287_082),
            (1_111_111_109, 7_081_804),
            (1_111_111_111, 14_050_471),
            (1_234_567_890, 89_005_924),
            (2_000_000_000, 69_279_037),
            (20_000_000_000, 65_353_130),
        ] {
            assert_eq!(number(SECRET, step(at(seconds))) % 100_000_000, expected, "{seconds}");
        }
    }

    /// RFC 4226, appendix D.
    #[test]
    fn the_vectors_of_rfc_4226() {
        let expected =
            ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"];
        for (count, expected) in (0..).zip(expected) {
            assert_eq!(code(SECRET, count), expected);
        }
    }

    #[test]
    fn neighbours_fit_and_nothing_further_away() {
        let now = at(1_800_000_010);
        let present = step(now);
        for (away, fits) in [(-2, false), (-1, true), (0, true), (1, true), (2, false)] {
            let found = find(SECRET, &code(SECRET, present + away), now);
            assert_eq!(found, fits.then_some(present + away), "{away}");
        }
        for typed in ["", "0", "12345", "1234567", "abcdef"] {
            assert_eq!(find(SECRET, typed, now), None, "{typed}");
        }
    }

    #[test]
    fn the_picture_says_who_and_where() {
        assert_eq!(
            uri(SECRET, "Kaiwerk & Co", "ann@desk.example"),
            "otpauth://totp/Kaiwerk%20%26%20Co:ann%40desk.example?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=Kaiwerk%20%26%20Co"
        );
    }
}
