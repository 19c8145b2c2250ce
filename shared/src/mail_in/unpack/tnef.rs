//! TNEF (MS-OXTNEF): the stream of attributes that Outlook puts into `winmail.dat`. Body and files are read, all else is
//! passed over.

use super::mapi::{self, Value};
use super::rtf;
use crate::mail_in::html;
use encoding_rs::{Encoding, WINDOWS_1252};

/// The first octets of a TNEF stream.
pub const SIGNATURE: [u8; 4] = [0x78, 0x9f, 0x3e, 0x22];

/// Most attributes that are read of one stream.
const MAX_ATTRIBUTES: usize = 10_000;
/// Most files that are taken out of one stream.
const MAX_FILES: usize = 200;

const BODY: u32 = 0x0002_800c;
const OEM_CODEPAGE: u32 = 0x0006_9007;
const MAPI_PROPS: u32 = 0x0006_9003;
const ATTACH_REND_DATA: u32 = 0x0006_9002;
const ATTACH_TITLE: u32 = 0x0001_8010;
const ATTACH_DATA: u32 = 0x0006_800f;
const ATTACHMENT: u32 = 0x0006_9005;

/// A file within a stream.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct File {
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Its declared type.
    pub content_type: Option<String>,
    /// Its Content-ID, without angle brackets.
    pub content_id: Option<String>,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// What a stream holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// The text body, from plain text or from RTF.
    pub text: Option<String>,
    /// The HTML body.
    pub html: Option<String>,
    /// The files, in order.
    pub files: Vec<File>,
    /// The stream ended before it should.
    pub truncated: bool,
}

/// Reads a stream as far as it can be read; None if it is no TNEF.
pub fn read(data: &[u8]) -> Option<Content> {
    let mut rest = data.strip_prefix(&SIGNATURE)?.get(2..)?;
    let mut reader = Reader { charset: WINDOWS_1252, content: Content::default(), rtf: None, open: None };
    for _ in 0..MAX_ATTRIBUTES {
        let Some((head, more)) = rest.split_at_checked(9) else { break };
        let id = u32::from_le_bytes([head[1], head[2], head[3], head[4]]);
        let len = u32::from_le_bytes([head[5], head[6], head[7], head[8]]) as usize;
        let Some(value) = more.get(..len) else {
            reader.attribute(id, more);
            reader.content.truncated = true;
            break;
        };
        reader.attribute(id, value);
        // The checksum behind it is not checked: what can be read is better than nothing.
        rest = more.get(len + 2..).unwrap_or_default();
    }
    Some(reader.finish())
}

struct Reader {
    charset: &'static Encoding,
    content: Content,
    rtf: Option<String>,
    open: Option<File>,
}

impl Reader {
    fn attribute(&mut self, id: u32, value: &[u8]) {
        match id {
            OEM_CODEPAGE => {
                if let Some(bytes) = value.get(..4) {
                    self.charset = mapi::codepage(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
                }
            }
            BODY => self.text(&self.charset.decode_without_bom_handling(value).0),
            MAPI_PROPS => self.message_props(value),
            ATTACH_REND_DATA => self.begin_file(),
            ATTACH_TITLE => {
                let name = mapi::trimmed(&self.charset.decode_without_bom_handling(value).0);
                if let Some(file) = self.open.as_mut().filter(|f| f.name.is_none()) {
                    file.name = Some(name);
                }
            }
            ATTACH_DATA => {
                if let Some(file) = &mut self.open {
                    file.bytes = value.to_vec();
                }
            }
            ATTACHMENT => self.file_props(value),
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        let text = mapi::trimmed(text).replace("\r\n", "\n").replace('\r', "\n");
        if !text.trim().is_empty() && self.content.text.is_none() {
            self.content.text = Some(text);
        }
    }

    fn message_props(&mut self, value: &[u8]) {
        for (id, value) in mapi::read(value, self.charset) {
            match (id, value) {
                (mapi::BODY, Value::Text(text)) => {
                    // Unicode beats the body in the sender's codepage.
                    self.content.text = None;
                    self.text(&text);
                }
                (mapi::BODY_HTML, Value::Text(html)) => self.content.html = Some(html),
                (mapi::BODY_HTML, Value::Bytes(bytes)) => {
                    let label = meta_charset(&bytes).unwrap_or(self.charset);
                    self.content.html = Some(mapi::trimmed(&label.decode(&bytes).0));
                }
                (mapi::RTF_COMPRESSED, Value::Bytes(bytes)) => self.rtf = rtf::decompress(&bytes),
                _ => {}
            }
        }
    }

    fn begin_file(&mut self) {
        self.close_file();
        self.open = Some(File::default());
    }

    fn close_file(&mut self) {
        if let Some(file) = self.open.take()
            && self.content.files.len() < MAX_FILES
            && (file.name.is_some() || !file.bytes.is_empty())
        {
            self.content.files.push(file);
        }
    }

    fn file_props(&mut self, value: &[u8]) {
        let Some(file) = &mut self.open else { return };
        let mut display = None;
        for (id, value) in mapi::read(value, self.charset) {
            match (id, value) {
                (mapi::ATTACH_LONG_FILENAME, Value::Text(name)) => file.name = Some(name),
                (mapi::ATTACH_FILENAME, Value::Text(name)) if file.name.is_none() => file.name = Some(name),
                (mapi::DISPLAY_NAME, Value::Text(name)) => display = Some(name),
                (mapi::ATTACH_MIME_TAG, Value::Text(mime)) => file.content_type = Some(mime.to_ascii_lowercase()),
                (mapi::ATTACH_CONTENT_ID, Value::Text(id)) => {
                    file.content_id = Some(id.trim_matches(['<', '>']).to_owned()).filter(|i| !i.is_empty());
                }
                (mapi::ATTACH_DATA, Value::Bytes(bytes)) if file.bytes.is_empty() => file.bytes = bytes,
                _ => {}
            }
        }
        // An object (an enclosed mail) begins with the interface's id; what follows is a stream of its own.
        if let Some(inner) = file.bytes.get(16..).filter(|b| b.starts_with(&SIGNATURE)) {
            file.bytes = inner.to_vec();
            file.content_type = Some("application/ms-tnef".to_owned());
            let stem = display.clone().or_else(|| file.name.clone()).unwrap_or_else(|| "message".to_owned());
            file.name = Some(format!("{stem}.dat"));
        }
        if file.name.as_deref().is_none_or(|n| n.trim().is_empty()) {
            file.name = display;
        }
    }

    fn finish(mut self) -> Content {
        self.close_file();
        if let Some(rtf) = self.rtf {
            self.content.html = self.content.html.or_else(|| rtf::html(&rtf));
            if self.content.text.is_none() && self.content.html.is_none() {
                self.content.text = Some(rtf::text(&rtf)).filter(|t| !t.trim().is_empty());
            }
        }
        if self.content.text.is_none() {
            self.content.text = self.content.html.as_deref().map(html::to_text).filter(|t| !t.trim().is_empty());
        }
        self.content
    }
}

/// The charset that an HTML document's head names.
fn meta_charset(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(2048)]).to_ascii_lowercase();
    let (_, rest) = head.split_once("charset=")?;
    let label: String = rest
        .trim_start_matches(['"', '\''])
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        .collect();
    Encoding::for_label(label.as_bytes())
}

#[cfg(test)]
pub mod tests {
    use super::*;

    fn attribute(level: u8, id: u32, value: &[u8]) -> Vec<u8> {
        let mut out = vec![level];
        out.extend(id.to_le_bytes());
        out.extend((value.len() as u32).to_le_bytes());
        out.extend(value);
        let sum: u16 = value.iter().fold(0, |sum, b| sum.wrapping_add(u16::from(*b)));
        out.extend(sum.to_le_bytes());
        out
    }

    fn prop(out: &mut Vec<u8>, kind: u16, id: u16, value: &[u8]) {
        out.extend(kind.to_le_bytes());
        out.extend(id.to_le_bytes());
        out.extend(1u32.to_le_bytes());
        out.extend((value.len() as u32).to_le_bytes());
        out.extend(value);
        out.resize(out.len().next_multiple_of(4), 0);
    }

    fn utf16(text: &str) -> Vec<u8> {
        text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
    }

    /// Returns a stream as Outlook writes it: a body, a file by attributes alone, a file by MAPI properties.
    pub fn stream() -> Vec<u8> {
        let mut out = SIGNATURE.to_vec();
        out.extend([1, 0]);
        out.extend(attribute(1, OEM_CODEPAGE, &[0xe4, 4, 0, 0, 0, 0, 0, 0]));
        let mut props = 1u32.to_le_bytes().to_vec();
        prop(&mut props, 0x1f, mapi::BODY, &utf16("Grüße aus Outlook\r\n"));
        out.extend(attribute(1, MAPI_PROPS, &props));
        out.extend(attribute(2, ATTACH_REND_DATA, &[0; 14]));
        out.extend(attribute(2, ATTACH_TITLE, b"short.txt\0"));
        out.extend(attribute(2, ATTACH_DATA, b"one"));
        out.extend(attribute(2, ATTACH_REND_DATA, &[0; 14]));
        out.extend(attribute(2, ATTACH_TITLE, b"REPORT~1.PDF\0"));
        out.extend(attribute(2, ATTACH_DATA, b"%PDF-two"));
        let mut props = 2u32.to_le_bytes().to_vec();
        prop(&mut props, 0x1f, mapi::ATTACH_LONG_FILENAME, &utf16("Отчёт за март.pdf"));
        prop(&mut props, 0x1e, mapi::ATTACH_MIME_TAG, b"application/pdf\0");
        out.extend(attribute(2, ATTACHMENT, &props));
        out
    }

    /// E2.10.
    #[test]
    fn body_and_files() {
        let content = read(&stream()).unwrap();
        assert_eq!(content.text.as_deref(), Some("Grüße aus Outlook\n"));
        let names: Vec<_> = content.files.iter().map(|f| f.name.as_deref().unwrap()).collect();
        assert_eq!(names, ["short.txt", "Отчёт за март.pdf"]);
        assert_eq!(content.files[1].bytes, b"%PDF-two");
        assert_eq!(content.files[1].content_type.as_deref(), Some("application/pdf"));
    }

    /// E2.10: a stream that is cut anywhere gives what it has.
    #[test]
    fn a_cut_stream_gives_what_it_has() {
        let whole = stream();
        for end in 0..whole.len() {
            let _ = read(&whole[..end]);
        }
        let cut = read(&whole[..whole.len() - 120]).unwrap();
        assert!(cut.truncated && cut.files[0].bytes == b"one");
        assert_eq!(read(b"no tnef"), None);
    }
}
