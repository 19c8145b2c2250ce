//! MAPI properties as TNEF encodes them (MS-OXTNEF 2.1.3.4).

use encoding_rs::{Encoding, UTF_8, UTF_16LE, WINDOWS_1252};

/// Plain text body.
pub const BODY: u16 = 0x1000;
/// HTML body.
pub const BODY_HTML: u16 = 0x1013;
/// RTF body, compressed.
pub const RTF_COMPRESSED: u16 = 0x1009;
/// A name to show.
pub const DISPLAY_NAME: u16 = 0x3001;
/// A file's bytes.
pub const ATTACH_DATA: u16 = 0x3701;
/// A file's name in 8.3 form.
pub const ATTACH_FILENAME: u16 = 0x3704;
/// A file's name.
pub const ATTACH_LONG_FILENAME: u16 = 0x3707;
/// A file's type.
pub const ATTACH_MIME_TAG: u16 = 0x370e;
/// A file's Content-ID.
pub const ATTACH_CONTENT_ID: u16 = 0x3712;

/// Most properties that are read of one attribute.
const MAX_PROPS: u32 = 4096;

/// A value that matters here.
#[derive(Debug)]
pub enum Value {
    /// Text of either kind, decoded.
    Text(String),
    /// Binary, or an object.
    Bytes(Vec<u8>),
}

/// Reads the properties of an attribute, those of a kind that matters; stops where it cannot go on.
pub fn read(data: &[u8], charset: &'static Encoding) -> Vec<(u16, Value)> {
    let mut cursor = Cursor { data, at: 0 };
    let mut found = Vec::new();
    let Some(count) = cursor.u32() else { return found };
    for _ in 0..count.min(MAX_PROPS) {
        if one(&mut cursor, charset, &mut found).is_none() {
            break;
        }
    }
    found
}

fn one(cursor: &mut Cursor<'_>, charset: &'static Encoding, found: &mut Vec<(u16, Value)>) -> Option<()> {
    let kind = cursor.u16()?;
    let id = cursor.u16()?;
    let named = id >= 0x8000;
    if named {
        cursor.take(16)?;
        if cursor.u32()? == 0 {
            cursor.u32()?;
        } else {
            let len = cursor.u32()? as usize;
            cursor.padded(len)?;
        }
    }
    let variable = matches!(kind & 0x0fff, 0x1e | 0x1f | 0x102 | 0x0d);
    let values = if variable || kind & 0x1000 != 0 { cursor.u32()? } else { 1 };
    for _ in 0..values.min(MAX_PROPS) {
        let size = match kind & 0x0fff {
            0x02 | 0x03 | 0x04 | 0x0a | 0x0b => 4,
            0x05 | 0x06 | 0x07 | 0x14 | 0x40 => 8,
            0x48 => 16,
            _ if variable => cursor.u32()? as usize,
            _ => return None,
        };
        let bytes = cursor.padded(size)?;
        if named {
            continue;
        }
        match kind & 0x0fff {
            0x1e => found.push((id, Value::Text(trimmed(&decode(bytes, charset))))),
            0x1f => found.push((id, Value::Text(trimmed(&UTF_16LE.decode_without_bom_handling(bytes).0)))),
            0x102 | 0x0d => found.push((id, Value::Bytes(bytes.to_vec()))),
            _ => {}
        }
    }
    Some(())
}

/// Text of the sender's codepage, unless it is UTF-8 beyond doubt.
fn decode(bytes: &[u8], charset: &'static Encoding) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !bytes.is_ascii() => text.to_owned(),
        _ => charset.decode_without_bom_handling(bytes).0.into_owned(),
    }
}

/// Without the NUL that ends it.
pub fn trimmed(text: &str) -> String {
    text.split('\0').next().unwrap_or_default().to_owned()
}

/// The charset of a Windows codepage's number.
pub fn codepage(number: u32) -> &'static Encoding {
    let label = match number {
        65001 => return UTF_8,
        932 => "shift_jis".to_owned(),
        936 => "gbk".to_owned(),
        949 => "euc-kr".to_owned(),
        950 => "big5".to_owned(),
        20866 => "koi8-r".to_owned(),
        866 => "ibm866".to_owned(),
        28591..=28605 => format!("iso-8859-{}", number - 28590),
        _ => format!("windows-{number}"),
    };
    Encoding::for_label(label.as_bytes()).unwrap_or(WINDOWS_1252)
}

struct Cursor<'a> {
    data: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let bytes = self.data.get(self.at..self.at.checked_add(len)?)?;
        self.at += len;
        Some(bytes)
    }

    /// A value and the octets that fill it up to a multiple of four; those may be missing at the end.
    fn padded(&mut self, len: usize) -> Option<&'a [u8]> {
        let bytes = self.take(len)?;
        self.at = self.at.checked_next_multiple_of(4)?.min(self.data.len());
        Some(bytes)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2).map(|b| u16::from_le_bytes([b[0], b[1]]))
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
    }
}
