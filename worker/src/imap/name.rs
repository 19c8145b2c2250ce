//! Folder names as IMAP writes them: modified UTF-7 (RFC 3501 5.1.3).

use base64::Engine;
use base64::alphabet::IMAP_MUTF7;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::NO_PAD;

/// Returns a folder's name as it goes over the wire. Printable ASCII stays; a name that is encoded already has an `&`
/// that means itself, so it is written as such.
pub fn encode(name: &str) -> String {
    let engine = GeneralPurpose::new(&IMAP_MUTF7, NO_PAD);
    let mut out = String::new();
    let mut other: Vec<u8> = Vec::new();
    let close = |out: &mut String, other: &mut Vec<u8>| {
        if !other.is_empty() {
            out.push('&');
            out.push_str(&engine.encode(&other));
            out.push('-');
            other.clear();
        }
    };
    for c in name.chars() {
        if (' '..='~').contains(&c) {
            close(&mut out, &mut other);
            out.push(c);
            if c == '&' {
                out.push('-');
            }
        } else {
            let mut units = [0u16; 2];
            other.extend(c.encode_utf16(&mut units).iter().flat_map(|u| u.to_be_bytes()));
        }
    }
    close(&mut out, &mut other);
    out
}

#[cfg(test)]
mod tests {
    use super::encode;

    /// E10.5: the examples of RFC 3501, and a folder as a German server has it.
    #[test]
    fn names() {
        for (name, wire) in [
            ("INBOX", "INBOX"),
            ("Gelöschte Objekte", "Gel&APY-schte Objekte"),
            ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            ("A & B", "A &- B"),
            ("😀", "&2D3eAA-"),
            ("", ""),
        ] {
            assert_eq!(encode(name), wire);
        }
    }
}
