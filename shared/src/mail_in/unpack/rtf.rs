//! RTF as Outlook puts it into TNEF: decompressed (MS-OXRTFCP), then the HTML that it wraps (MS-OXRTFEX), else its text.

use encoding_rs::{Encoding, WINDOWS_1252};

/// Largest RTF that is unpacked.
const MAX_BYTES: usize = 8 * 1024 * 1024;
/// Deepest group that is followed.
const MAX_DEPTH: usize = 200;

/// What the dictionary of the compression begins with.
const PREFILL: &[u8] = b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor MS \
Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx";

/// Unpacks compressed RTF; None if it is none.
pub fn decompress(data: &[u8]) -> Option<String> {
    let word = |at: usize| data.get(at..at + 4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    let size = (word(4)? as usize).min(MAX_BYTES);
    let body = data.get(16..)?;
    let bytes = match &data[8..12] {
        b"MELA" => body[..size.min(body.len())].to_vec(),
        b"LZFu" => inflate(body, size),
        _ => return None,
    };
    // Seven bits with escapes, whatever the codepage; what is not so is read byte by byte.
    Some(bytes.iter().map(|&b| b as char).collect())
}

/// LZ77 over a ring of 4096 octets: flags of eight steps, each a literal or (offset, length).
fn inflate(body: &[u8], size: usize) -> Vec<u8> {
    let mut ring = [b' '; 4096];
    ring[..PREFILL.len()].copy_from_slice(PREFILL);
    let mut write = PREFILL.len();
    let mut out = Vec::with_capacity(size.min(1 << 20));
    let mut input = body.iter().copied();
    'all: while let Some(flags) = input.next() {
        for bit in 0..8 {
            if out.len() >= size {
                break 'all;
            }
            if flags & (1 << bit) == 0 {
                let Some(literal) = input.next() else { break 'all };
                out.push(literal);
                ring[write] = literal;
                write = (write + 1) % ring.len();
                continue;
            }
            let (Some(high), Some(low)) = (input.next(), input.next()) else { break 'all };
            let token = usize::from(high) << 8 | usize::from(low);
            let (offset, len) = (token >> 4, (token & 0xf) + 2);
            // A step that points at itself is the end.
            if offset == write {
                break 'all;
            }
            for n in 0..len {
                let byte = ring[(offset + n) % ring.len()];
                out.push(byte);
                ring[write] = byte;
                write = (write + 1) % ring.len();
            }
        }
    }
    out.truncate(size);
    out
}

/// The HTML that the RTF was made from, if it was.
pub fn html(rtf: &str) -> Option<String> {
    rtf.get(..rtf.len().min(1024))?.contains("\\fromhtml").then(|| walk(rtf, true))
}

/// The text of RTF that was written as such.
pub fn text(rtf: &str) -> String {
    walk(rtf, false)
}

#[derive(Clone, Copy)]
struct Group {
    /// Its content is no text: font and colour tables, pictures.
    silent: bool,
    /// It holds HTML as it was (`\*\htmltag`).
    html_tag: bool,
    /// RTF that stands for a tag (`\htmlrtf`): not for us.
    rtf_only: bool,
    /// Characters that follow `\u` for readers that do not know it.
    skip: usize,
}

/// Outside of every group.
const OUTER: Group = Group { silent: false, html_tag: false, rtf_only: false, skip: 1 };

/// Destinations that hold no text.
const SILENT: &[&str] = &[
    "fonttbl",
    "colortbl",
    "stylesheet",
    "pict",
    "info",
    "header",
    "footer",
    "object",
    "themedata",
    "listtable",
    "listoverridetable",
    "generator",
    "xmlnstbl",
    "rsidtbl",
    "mmathPr",
    "latentstyles",
    "datastore",
];

fn walk(rtf: &str, html: bool) -> String {
    let bytes = rtf.as_bytes();
    let mut out = Out { text: String::new(), pending: Vec::new(), charset: WINDOWS_1252, high: None };
    let mut groups = vec![OUTER];
    let (mut at, mut ignore, mut star) = (0, 0usize, false);
    while at < bytes.len() {
        let group = groups.last().copied().unwrap_or(OUTER);
        let shown = !group.silent && (!html || group.html_tag || !group.rtf_only);
        match bytes[at] {
            b'{' => {
                if groups.len() < MAX_DEPTH {
                    groups.push(group);
                }
                at += 1;
            }
            b'}' => {
                if groups.len() > 1 {
                    groups.pop();
                }
                at += 1;
            }
            b'\\' => {
                let Some(&next) = bytes.get(at + 1) else { break };
                if next == b'\'' {
                    let hex = bytes.get(at + 2..at + 4).and_then(|h| std::str::from_utf8(h).ok());
                    if let Some(byte) = hex.and_then(|h| u8::from_str_radix(h, 16).ok()) {
                        if ignore > 0 {
                            ignore -= 1;
                        } else if shown {
                            out.byte(byte);
                        }
                    }
                    at += 4;
                } else if next.is_ascii_alphabetic() {
                    let word_len = bytes[at + 1..].iter().take(32).take_while(|b| b.is_ascii_alphabetic()).count();
                    let word = &rtf[at + 1..at + 1 + word_len];
                    at += 1 + word_len;
                    let number_len = bytes[at..]
                        .iter()
                        .take(11)
                        .enumerate()
                        .take_while(|(n, b)| b.is_ascii_digit() || *n == 0 && **b == b'-')
                        .count();
                    let number: Option<i32> = rtf[at..at + number_len].parse().ok();
                    at += number_len;
                    if bytes.get(at) == Some(&b' ') {
                        at += 1;
                    }
                    let last = groups.len() - 1;
                    match word {
                        "ansicpg" => {
                            out.charset = number.map_or(WINDOWS_1252, |n| super::mapi::codepage(n.max(0) as u32))
                        }
                        "uc" => groups[last].skip = number.unwrap_or(1).clamp(0, 8) as usize,
                        "u" => {
                            let code = number.map_or(0xfffd, |n| if n < 0 { n + 65536 } else { n }) as u32;
                            if shown {
                                out.unit(code);
                            }
                            ignore = group.skip;
                        }
                        "htmltag" | "mhtmltag" => {
                            groups[last].html_tag = word == "htmltag";
                            groups[last].silent = !html || word == "mhtmltag";
                        }
                        "htmlrtf" => groups[last].rtf_only = number != Some(0),
                        "par" | "line" | "row" if shown => out.char('\n'),
                        "tab" | "cell" if shown => out.char('\t'),
                        "emdash" if shown => out.char('—'),
                        "endash" if shown => out.char('–'),
                        "lquote" if shown => out.char('‘'),
                        "rquote" if shown => out.char('’'),
                        "ldblquote" if shown => out.char('“'),
                        "rdblquote" if shown => out.char('”'),
                        "bullet" if shown => out.char('•'),
                        "bin" => at = (at + number.unwrap_or(0).max(0) as usize).min(bytes.len()),
                        _ if SILENT.contains(&word) || star => groups[last].silent = true,
                        _ => {}
                    }
                    star = false;
                } else {
                    at += 2;
                    match next {
                        b'*' => star = true,
                        b'~' if shown => out.char('\u{a0}'),
                        b'_' if shown => out.char('-'),
                        b'{' | b'}' | b'\\' if shown => out.char(next as char),
                        b'\n' | b'\r' if shown => out.char('\n'),
                        _ => {}
                    }
                }
            }
            b'\r' | b'\n' => at += 1,
            // The text is one character to an octet (see `decompress`), so that what is beyond ASCII takes two here.
            _ => {
                let c = rtf[at..].chars().next().unwrap_or(' ');
                at += c.len_utf8();
                if ignore > 0 {
                    ignore -= 1;
                } else if shown {
                    out.byte(u8::try_from(u32::from(c)).unwrap_or(b'?'));
                }
            }
        }
    }
    out.finish()
}

/// Collects octets of the codepage and characters in order.
struct Out {
    text: String,
    pending: Vec<u8>,
    charset: &'static Encoding,
    /// The first half of a pair, whose second is to come.
    high: Option<u32>,
}

impl Out {
    fn byte(&mut self, byte: u8) {
        self.pending.push(byte);
    }

    fn char(&mut self, c: char) {
        self.flush();
        self.text.push(c);
    }

    /// A UTF-16 unit; the halves of a pair come one after the other.
    fn unit(&mut self, code: u32) {
        let high = self.high.take();
        self.flush();
        match (high, code) {
            (Some(high), 0xdc00..0xe000) => {
                let joined = 0x10000 + ((high - 0xd800) << 10) + (code - 0xdc00);
                self.text.push(char::from_u32(joined).unwrap_or('\u{fffd}'));
            }
            (_, 0xd800..0xdc00) => self.high = Some(code),
            _ => self.text.push(char::from_u32(code).unwrap_or('\u{fffd}')),
        }
    }

    fn flush(&mut self) {
        if !self.pending.is_empty() {
            self.text.push_str(&self.charset.decode_without_bom_handling(&self.pending).0);
            self.pending.clear();
        }
    }

    fn finish(mut self) -> String {
        self.flush();
        self.text.replace('\0', "\u{fffd}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_rtf() {
        let rtf = "{\\rtf1\\ansi\\ansicpg1252{\\fonttbl{\\f0 Arial;}}\\f0 Gr\\'fc\\'dfe\\par \\u8364?5 {\\b fett}{\\*\\x y}\\u-10179?\\u-8704?}";
        assert_eq!(text(rtf), "Grüße\n€5 fett😀");
    }

    #[test]
    fn html_within_rtf() {
        let rtf = "{\\rtf1\\ansi\\ansicpg1252\\fromhtml1 {\\*\\htmltag64 <p>}\\htmlrtf {\\htmlrtf0 Hello\\htmlrtf }\\htmlrtf0 {\\*\\htmltag72 </p>}}";
        assert_eq!(html(rtf).as_deref(), Some("<p>Hello</p>"));
        assert_eq!(html("{\\rtf1 x}"), None);
    }

    /// The example of MS-OXRTFCP 4.1.
    #[test]
    fn decompressed() {
        let data = [
            0x2d, 0, 0, 0, 0x2b, 0, 0, 0, 0x4c, 0x5a, 0x46, 0x75, 0xf1, 0xc5, 0xc7, 0xa7, 0x03, 0x00, 0x0a, 0x00, 0x72,
            0x63, 0x70, 0x67, 0x31, 0x32, 0x35, 0x42, 0x32, 0x0a, 0xf3, 0x20, 0x68, 0x65, 0x6c, 0x09, 0x00, 0x20, 0x62,
            0x77, 0x05, 0xb0, 0x6c, 0x64, 0x7d, 0x0a, 0x80, 0x0f, 0xa0,
        ];
        assert_eq!(decompress(&data).as_deref(), Some("{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"));
        for end in 0..data.len() {
            let _ = decompress(&data[..end]);
        }
    }
}
