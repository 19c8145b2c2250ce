//! Safe names of files (E2.8): what a name shows and stores can neither leave its folder nor deceive the eye.

use unicode_normalization::UnicodeNormalization;

/// Longest safe name in bytes, extension included.
const MAX_BYTES: usize = 200;

/// Endings for parts without a name, by declared type.
const EXTENSIONS: &[(&str, &str)] = &[
    ("application/gzip", "gz"),
    ("application/json", "json"),
    ("application/ms-tnef", "dat"),
    ("application/msword", "doc"),
    ("application/pdf", "pdf"),
    ("application/pgp-encrypted", "asc"),
    ("application/pgp-keys", "asc"),
    ("application/pgp-signature", "asc"),
    ("application/pkcs7-mime", "p7m"),
    ("application/pkcs7-signature", "p7s"),
    ("application/rtf", "rtf"),
    ("application/vnd.ms-excel", "xls"),
    ("application/vnd.ms-tnef", "dat"),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"),
    ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"),
    ("application/x-pkcs7-mime", "p7m"),
    ("application/x-pkcs7-signature", "p7s"),
    ("application/xml", "xml"),
    ("application/zip", "zip"),
    ("audio/mpeg", "mp3"),
    ("image/gif", "gif"),
    ("image/jpeg", "jpg"),
    ("image/jpg", "jpg"),
    ("image/png", "png"),
    ("image/svg+xml", "svg"),
    ("image/tiff", "tif"),
    ("image/webp", "webp"),
    ("message/delivery-status", "txt"),
    ("message/disposition-notification", "txt"),
    ("message/feedback-report", "txt"),
    ("message/global", "eml"),
    ("message/rfc822", "eml"),
    ("text/calendar", "ics"),
    ("text/csv", "csv"),
    ("text/html", "html"),
    ("text/plain", "txt"),
    ("text/rfc822-headers", "txt"),
    ("text/vcard", "vcf"),
    ("text/x-vcard", "vcf"),
    ("text/xml", "xml"),
    ("video/mp4", "mp4"),
];

/// Returns the safe form of a name as sent, never empty: NFC; path separators, controls and leading dots out;
/// bidi controls and invisible characters as `%XXXX`; at most 200 bytes with the extension kept.
pub fn safe(name: &str) -> Option<String> {
    // Some clients send the whole path.
    let base = name.rsplit(['/', '\\']).find(|p| !p.trim().trim_matches('.').is_empty())?;
    let mut out = String::with_capacity(base.len());
    for c in base.nfc() {
        match c {
            '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}'
            | '\u{e0000}'..='\u{e007f}' => {
                out.push_str(&format!("%{:04X}", c as u32));
            }
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    let out = out.trim().trim_start_matches('.').trim_end_matches(['.', ' ']);
    (!out.is_empty()).then(|| shorten(out))
}

/// Returns a name for a part that has none: `part-3.png`, `message-2.eml`.
pub fn made_up(number: usize, mime: &str) -> String {
    let stem = if mime.starts_with("message/rfc822") || mime == "message/global" { "message" } else { "part" };
    let extension = EXTENSIONS.binary_search_by_key(&mime, |(m, _)| m).map_or("bin", |at| EXTENSIONS[at].1);
    format!("{stem}-{number}.{extension}")
}

fn shorten(name: &str) -> String {
    if name.len() <= MAX_BYTES {
        return name.to_owned();
    }
    let (stem, extension) = match name.rsplit_once('.') {
        Some((stem, ext)) if ext.len() <= 16 => (stem, format!(".{ext}")),
        _ => (name, String::new()),
    };
    let cut = stem.floor_char_boundary(MAX_BYTES - extension.len());
    format!("{}{extension}", &stem[..cut])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// E2.8.
    #[test]
    fn safe_names() {
        assert_eq!(safe("../../etc/x").as_deref(), Some("x"));
        assert_eq!(safe("C:\\temp\\отчёт.pdf").as_deref(), Some("отчёт.pdf"));
        assert_eq!(safe("gnp\u{202e}.exe").as_deref(), Some("gnp%202E.exe"));
        assert_eq!(safe(".bash\u{7}rc").as_deref(), Some("bashrc"));
        assert_eq!(safe("cafe\u{301}.txt").as_deref(), Some("café.txt"));
        assert_eq!(safe("../.."), None);
        assert_eq!(safe(" "), None);
        let long = safe(&format!("{}.tar", "ä".repeat(300))).unwrap();
        assert!(long.len() <= 200 && long.ends_with("ä.tar"));
    }

    /// E2.7, E2.8.
    #[test]
    fn names_for_the_nameless() {
        assert!(EXTENSIONS.is_sorted());
        assert_eq!(made_up(3, "image/png"), "part-3.png");
        assert_eq!(made_up(1, "message/rfc822"), "message-1.eml");
        assert_eq!(made_up(1, "x/y"), "part-1.bin");
    }
}
