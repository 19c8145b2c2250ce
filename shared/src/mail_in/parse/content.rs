//! What a part says of itself: type, parameters, disposition, name.

use super::{transfer::Encoding, words};
use crate::mail_in::headers::Block;
use mail_parser::parsers::MessageStream;

/// The header fields of one part that decide how it is read.
#[derive(Debug, Default)]
pub struct Content {
    /// `type/subtype`, lower case; `text/plain` if absent or unreadable.
    pub mime: String,
    /// A Content-Type field was there and could be read.
    pub declared: bool,
    /// Parameters of Content-Type: lower-case name, decoded value.
    params: Vec<(String, String)>,
    /// The disposition, lower case; empty if absent.
    pub disposition: String,
    /// The name as it was sent: Content-Disposition's `filename`, else Content-Type's `name`.
    pub filename: Option<String>,
    /// Content-ID without angle brackets.
    pub id: Option<String>,
    /// The transfer encoding.
    pub encoding: Option<Encoding>,
}

impl Content {
    /// Returns a parameter of Content-Type by its lower-case name.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// Returns the part before the slash.
    pub fn top(&self) -> &str {
        self.mime.split('/').next().unwrap_or_default()
    }
}

/// Reads a part's own header block; `default_mime` is taken if it has no type (RFC 2046, 5.1.5).
pub fn read(block: &Block<'_>, default_mime: &str) -> Content {
    let mut content = Content { mime: default_mime.to_owned(), ..Content::default() };
    for field in &block.fields {
        if field.name.len() < 10 || !field.name[..8].eq_ignore_ascii_case(b"content-") {
            continue;
        }
        match field.name[8..].to_ascii_lowercase().as_slice() {
            b"type" if !content.declared => read_type(field.value, &mut content),
            b"transfer-encoding" if content.encoding.is_none() => {
                content.encoding = Some(Encoding::of(&String::from_utf8_lossy(field.value)));
            }
            b"disposition" if content.disposition.is_empty() => {
                let (value, params) = structured(field.value);
                content.disposition = value.split('/').next().unwrap_or_default().trim().to_owned();
                if let Some((_, name)) = params.into_iter().find(|(n, v)| n == "filename" && !v.trim().is_empty()) {
                    content.filename = Some(name);
                }
            }
            b"id" if content.id.is_none() => {
                let id = words::unfolded(field.value, None);
                let id = id.trim().trim_start_matches('<').trim_end_matches('>').trim();
                content.id = Some(id.to_owned()).filter(|id| !id.is_empty());
            }
            _ => {}
        }
    }
    if content.filename.is_none() {
        content.filename = content.param("name").filter(|n| !n.trim().is_empty()).map(str::to_owned);
    }
    content
}

fn read_type(raw: &[u8], content: &mut Content) {
    let (value, params) = structured(raw);
    content.params = params;
    let value: String = value.split_whitespace().collect();
    let well_formed =
        |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_graphic() && !b"()<>@,;:\\\"[]?=/".contains(&b));
    content.declared = true;
    content.mime = match value.split_once('/') {
        Some((top, sub)) if well_formed(top) && well_formed(sub) => value,
        // A bare type (RFC 822 times) or a broken one.
        _ if value == "text" || value.starts_with("text/") => "text/plain".to_owned(),
        _ if value.starts_with("multipart") => "multipart/mixed".to_owned(),
        _ if value.is_empty() || value == "/" => {
            content.declared = false;
            content.mime.clone()
        }
        _ => "application/octet-stream".to_owned(),
    };
}

/// Splits `value; name=value…`, RFC 2231 and (illegal) encoded-words in parameters decoded.
fn structured(raw: &[u8]) -> (String, Vec<(String, String)>) {
    let mut text = words::unfolded(raw, None).into_owned();
    text.push('\n');
    let mut stream = MessageStream::new(text.as_bytes());
    let parsed = stream.parse_content_type();
    let Some(ct) = parsed.as_content_type() else {
        return (text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase(), Vec::new());
    };
    let value = match ct.subtype() {
        Some(sub) => format!("{}/{}", ct.ctype(), sub),
        None => ct.ctype().to_owned(),
    };
    let params = ct.attributes().unwrap_or_default().iter().map(|a| {
        let value = a.value.trim();
        let value = if value.contains("=?") { words::decode(value.as_bytes(), None) } else { value.to_owned() };
        (a.name.trim().to_ascii_lowercase(), value)
    });
    (value.to_ascii_lowercase(), params.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail_in::headers;

    fn of(header: &str) -> Content {
        read(&headers::split(header.as_bytes()), "text/plain")
    }

    #[test]
    fn type_and_params() {
        let c = of("Content-Type: Multipart/Mixed;\r\n boundary=\"a b\"; charset=UTF-8\r\n\r\n");
        assert_eq!(
            (c.mime.as_str(), c.param("boundary"), c.param("charset")),
            ("multipart/mixed", Some("a b"), Some("UTF-8"))
        );
    }

    #[test]
    fn names() {
        assert_eq!(
            of("Content-Disposition: attachment; filename*=utf-8''%e2%82%ac.txt; filename=e.txt\n").filename.as_deref(),
            Some("€.txt")
        );
        assert_eq!(of("Content-Type: a/b; name=\"=?utf-8?Q?gr=C3=BCn.txt?=\"\n").filename.as_deref(), Some("grün.txt"));
        assert_eq!(of("Content-Type: a/b; name=\"caf\u{e9}.txt\"\n").filename.as_deref(), Some("café.txt"));
        assert_eq!(
            of("Content-Disposition: attachment; filename*0=\"a\"; filename*1=\"b.txt\"\n").filename.as_deref(),
            Some("ab.txt")
        );
    }

    #[test]
    fn broken_types() {
        assert_eq!(of("Content-Type: text\n").mime, "text/plain");
        assert_eq!(of("Content-Type:\n").mime, "text/plain");
        assert_eq!(of("Content-Type: nonsense\n").mime, "application/octet-stream");
    }
}
