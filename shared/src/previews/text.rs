//! The beginning of a text file.

use super::Beginning;

/// How many bytes are shown.
const MOST: usize = 64 * 1024;

/// Whether a file is text, by its type, else by its name.
pub(super) fn is_text(content_type: &str, filename: &str) -> bool {
    const TYPES: [&str; 6] = [
        "application/json",
        "application/xml",
        "application/x-yaml",
        "application/yaml",
        "application/toml",
        "application/sql",
    ];
    const ENDINGS: [&str; 12] =
        ["txt", "log", "csv", "tsv", "json", "jsonl", "xml", "yml", "yaml", "toml", "md", "ini"];
    if content_type.starts_with("text/") {
        // A page of the Web is looked at by its source at most: never drawn.
        return true;
    }
    let ending = filename.rsplit_once('.').map(|(_, e)| e.to_ascii_lowercase()).unwrap_or_default();
    TYPES.contains(&content_type)
        || content_type.ends_with("+json")
        || content_type.ends_with("+xml") && !content_type.starts_with("image/")
        || content_type == "application/octet-stream" && ENDINGS.contains(&ending.as_str())
}

/// Returns the beginning as text, and whether there is more. UTF-8 and UTF-16 with a mark are read as such, else Windows'
/// Western letters; what no text holds is shown as a replacement.
pub(super) fn beginning(bytes: &[u8]) -> Beginning {
    let more = bytes.len() > MOST;
    let mut shown = &bytes[..bytes.len().min(MOST)];
    if more {
        // Not within a letter of UTF-8: up to a first octet, not one of those that follow it.
        let whole = shown.iter().rposition(|b| b & 0b1100_0000 != 0b1000_0000).unwrap_or(shown.len());
        shown = if std::str::from_utf8(&shown[..whole]).is_ok() { &shown[..whole] } else { shown };
    }
    let encoding = match encoding_rs::Encoding::for_bom(shown) {
        Some((marked, _)) => marked,
        None if std::str::from_utf8(shown).is_ok() => encoding_rs::UTF_8,
        None => encoding_rs::WINDOWS_1252,
    };
    let (text, _, _) = encoding.decode(shown);
    let plain = |c: char| if c.is_control() && !matches!(c, '\n' | '\t') { '\u{FFFD}' } else { c };
    Beginning { text: text.replace("\r\n", "\n").chars().map(plain).collect(), more }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_known_by_type_or_name() {
        assert!(is_text("text/plain", "x") && is_text("application/json", "x") && is_text("application/ld+json", "x"));
        assert!(is_text("application/octet-stream", "server.LOG"));
        assert!(!is_text("application/octet-stream", "a.exe") && !is_text("image/svg+xml", "a.svg"));
        assert!(!is_text("application/zip", "a.txt"));
    }

    fn text(bytes: &[u8]) -> String {
        beginning(bytes).text
    }

    #[test]
    fn letters_are_read_as_they_were_written() {
        assert_eq!(beginning("Grüße\r\n".as_bytes()), Beginning { text: "Grüße\n".to_owned(), more: false });
        assert_eq!(text(b"Gr\xfc\xdfe"), "Grüße");
        assert_eq!(text(b"\xff\xfeG\x00\xfc\x00"), "Gü");
        assert_eq!(text(b"a\x00b\x1b[0m"), "a\u{FFFD}b\u{FFFD}[0m");
    }

    /// E12.6: of a file of any size only so much is shown, and no letter is cut.
    #[test]
    fn a_long_text_is_shown_from_its_beginning() {
        let long = format!("a{}", "ü".repeat(512 * 1024));
        let shown = beginning(long.as_bytes());
        assert!(shown.more && shown.text.ends_with('ü') && shown.text.len() <= MOST);
        assert!(beginning(&vec![b'x'; MOST]).text.len() == MOST && !beginning(&vec![b'x'; MOST]).more);
        // What is no UTF-8 is cut anywhere, and stays within three times as many octets.
        assert!(beginning(&vec![0xfc; 1024 * 1024]).text.len() <= 3 * MOST);
    }
}
