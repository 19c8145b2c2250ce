//! Transfer encodings, read tolerantly: what is wrong is reported, never refused (E2.13).

/// The transfer encodings that are known; all others are taken as identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// 7bit, 8bit, binary, absent or unknown.
    Identity,
    /// base64.
    Base64,
    /// quoted-printable.
    QuotedPrintable,
    /// x-uuencode and its spellings.
    Uuencode,
}

impl Encoding {
    /// Reads a Content-Transfer-Encoding value; comments and blanks are ignored.
    pub fn of(value: &str) -> Encoding {
        let token: String = value
            .split(['(', ';'])
            .next()
            .unwrap_or_default()
            .chars()
            .filter(|c| c.is_ascii_alphanumeric())
            .map(|c| c.to_ascii_lowercase())
            .collect();
        match token.as_str() {
            "base64" => Encoding::Base64,
            "quotedprintable" => Encoding::QuotedPrintable,
            "xuuencode" | "uuencode" | "xuue" | "uue" => Encoding::Uuencode,
            _ => Encoding::Identity,
        }
    }
}

/// Decodes base64; bytes outside the alphabet are skipped, padding may be missing or stand in the middle.
/// The flag tells that something was wrong.
pub fn base64(data: &[u8]) -> (Vec<u8>, bool) {
    let mut out = Vec::with_capacity(data.len() / 4 * 3 + 3);
    let (mut acc, mut bits, mut wrong) = (0u32, 0u32, false);
    for &b in data {
        let value = match b {
            b'A'..=b'Z' => b - b'A',
            b'a'..=b'z' => b - b'a' + 26,
            b'0'..=b'9' => b - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'=' => {
                (acc, bits) = (0, 0);
                continue;
            }
            b' ' | b'\t' | b'\r' | b'\n' => continue,
            _ => {
                wrong = true;
                continue;
            }
        };
        acc = acc << 6 | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((acc >> bits) as u8);
            acc &= (1 << bits) - 1;
        }
    }
    (out, wrong || bits == 6)
}

/// Decodes quoted-printable; a `=` without two hexadecimal digits stays as it is and sets the flag.
pub fn quoted_printable(data: &[u8]) -> (Vec<u8>, bool) {
    let mut out = Vec::with_capacity(data.len());
    let mut wrong = false;
    let mut i = 0;
    while i < data.len() {
        let b = data[i];
        if b == b'=' {
            if let (Some(h), Some(l)) = (hex(data.get(i + 1)), hex(data.get(i + 2))) {
                out.push(h << 4 | l);
                i += 3;
                continue;
            }
            // A soft line break, trailing blanks forgiven.
            let rest = data[i + 1..].iter().position(|b| !matches!(b, b' ' | b'\t' | b'\r'));
            match rest.map(|n| (i + 1 + n, data[i + 1 + n])) {
                Some((at, b'\n')) => i = at + 1,
                None => i = data.len(),
                _ => {
                    wrong = true;
                    out.push(b);
                    i += 1;
                }
            }
            continue;
        }
        if b == b' ' || b == b'\t' {
            // Blanks at the end of a line were added in transport (RFC 2045, 6.7 (3)).
            let run = data[i..].iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
            let after = &data[i + run..];
            if !(after.starts_with(b"\n") || after.starts_with(b"\r\n")) {
                out.extend_from_slice(&data[i..i + run]);
            }
            i += run;
            continue;
        }
        out.push(b);
        i += 1;
    }
    (out, wrong)
}

/// Decodes the `Q` encoding of RFC 2047.
pub fn q_word(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len());
    let mut i = 0;
    while i < data.len() {
        match data[i] {
            b'_' => out.push(b' '),
            b'=' => {
                if let (Some(h), Some(l)) = (hex(data.get(i + 1)), hex(data.get(i + 2))) {
                    out.push(h << 4 | l);
                    i += 2;
                } else {
                    out.push(b'=');
                }
            }
            b => out.push(b),
        }
        i += 1;
    }
    out
}

fn hex(b: Option<&u8>) -> Option<u8> {
    (*b? as char).to_digit(16).map(|d| d as u8)
}

/// A uuencoded file within a text.
#[derive(Debug)]
pub struct UuFile {
    /// The name on the `begin` line; may be empty.
    pub name: String,
    /// The decoded bytes.
    pub bytes: Vec<u8>,
}

/// Takes uuencoded files (`begin 644 name` … `end`) out of a text; the text that is left is returned with them.
/// Text without any is returned as None.
pub fn take_uuencoded(text: &str) -> Option<(String, Vec<UuFile>)> {
    if !text.starts_with("begin ") && !text.contains("\nbegin ") {
        return None;
    }
    let mut rest = String::with_capacity(text.len());
    let mut files = Vec::new();
    let mut lines = text.split_inclusive('\n').peekable();
    while let Some(line) = lines.next() {
        let Some(name) = uu_begin(line) else {
            rest.push_str(line);
            continue;
        };
        if !lines.peek().is_some_and(|l| is_uu_line(l)) {
            rest.push_str(line);
            continue;
        }
        let mut bytes = Vec::new();
        while let Some(line) = lines.peek() {
            let trimmed = line.trim_end_matches(['\r', '\n']);
            if trimmed.trim_end() == "end" {
                lines.next();
                break;
            }
            if !is_uu_line(line) {
                break;
            }
            uu_line(trimmed.as_bytes(), &mut bytes);
            lines.next();
        }
        files.push(UuFile { name, bytes });
    }
    (!files.is_empty()).then_some((rest, files))
}

/// Decodes a body whose transfer encoding is uuencode.
pub fn uuencoded(data: &[u8]) -> (Vec<u8>, bool) {
    let text = String::from_utf8_lossy(data);
    match take_uuencoded(&text) {
        Some((_, files)) => (files.into_iter().next().map(|f| f.bytes).unwrap_or_default(), false),
        None => (data.to_vec(), true),
    }
}

fn uu_begin(line: &str) -> Option<String> {
    let rest = line.strip_prefix("begin ")?;
    let (mode, name) = rest.split_once(' ').unwrap_or((rest.trim_end(), ""));
    let octal = (3..=4).contains(&mode.len()) && mode.bytes().all(|b| (b'0'..=b'7').contains(&b));
    octal.then(|| name.trim().to_owned())
}

fn is_uu_line(line: &str) -> bool {
    let line = line.trim_end_matches(['\r', '\n']).as_bytes();
    let Some((&first, data)) = line.split_first() else { return false };
    if !(b' '..=b'`').contains(&first) {
        return false;
    }
    let want = uu_value(first).div_ceil(3) * 4;
    data.iter().all(|b| (b' '..=b'`').contains(b)) && data.len() <= want + 2 && data.len() + 4 >= want
}

fn uu_value(b: u8) -> usize {
    usize::from(b.wrapping_sub(b' ') & 0x3f)
}

fn uu_line(line: &[u8], out: &mut Vec<u8>) {
    let Some((&first, data)) = line.split_first() else { return };
    let want = uu_value(first);
    let start = out.len();
    for group in data.chunks(4) {
        let v = |i: usize| uu_value(group.get(i).copied().unwrap_or(b' ')) as u32;
        let n = v(0) << 18 | v(1) << 12 | v(2) << 6 | v(3);
        out.extend_from_slice(&[(n >> 16) as u8, (n >> 8) as u8, n as u8]);
    }
    out.truncate(start + want.min(out.len() - start));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_tolerates() {
        assert_eq!(base64(b"aGVs\r\nbG8="), (b"hello".to_vec(), false));
        assert_eq!(base64(b"aGVsbG8"), (b"hello".to_vec(), false));
        assert_eq!(base64(b"aGVs*bG8=aGk="), (b"hellohi".to_vec(), true));
    }

    #[test]
    fn quoted_printable_tolerates() {
        assert_eq!(quoted_printable(b"a=3Db=\r\nc  \r\nd"), (b"a=bc\r\nd".to_vec(), false));
        assert_eq!(quoted_printable(b"1 = 2"), (b"1 = 2".to_vec(), true));
        assert_eq!(quoted_printable(b"end="), (b"end".to_vec(), false));
    }

    #[test]
    fn encoding_names() {
        assert_eq!(Encoding::of(" Quoted-Printable (x)"), Encoding::QuotedPrintable);
        assert_eq!(Encoding::of("BASE64"), Encoding::Base64);
        assert_eq!(Encoding::of("7-bit"), Encoding::Identity);
    }

    #[test]
    fn uuencoded_file_is_taken_out() {
        let (rest, files) = take_uuencoded("Hi\nbegin 644 cat.txt\n#0V%T\n`\nend\nbye\n").unwrap();
        assert_eq!(rest, "Hi\nbye\n");
        assert_eq!((files[0].name.as_str(), files[0].bytes.as_slice()), ("cat.txt", &b"Cat"[..]));
        assert!(take_uuencoded("begin 2 things\nnow\n").is_none());
    }
}
