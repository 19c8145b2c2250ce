//! The MIME tree: which bytes are which part. Boundaries count only as whole lines (RFC 2046, 5.1.1), so one
//! that begins like another, or text that holds one, splits nothing.

use super::{
    content::{self, Content},
    transfer::Encoding,
};
use crate::mail_in::headers;

/// Deepest nesting that is split (E10.9).
pub const MAX_DEPTH: usize = 20;
/// Most parts that are split off (E10.9).
pub const MAX_PARTS: usize = 1000;

/// One node of the tree.
#[derive(Debug)]
pub struct Node<'a> {
    /// What its header says.
    pub content: Content,
    /// Its body as received (for a multipart: all of it).
    pub raw: &'a [u8],
    /// The parts, if it is a multipart that could be split.
    pub children: Vec<Node<'a>>,
}

/// What went wrong while splitting.
#[derive(Debug, Default)]
pub struct Trouble {
    /// Short names of defects (E2.13).
    pub defects: Vec<&'static str>,
    /// Limits of E10.9 that were hit.
    pub limits: Vec<&'static str>,
    parts: usize,
}

impl Trouble {
    /// Notes a defect once.
    pub fn defect(&mut self, name: &'static str) {
        if !self.defects.contains(&name) {
            self.defects.push(name);
        }
    }

    /// Notes a limit once.
    pub fn limit(&mut self, name: &'static str) {
        if !self.limits.contains(&name) {
            self.limits.push(name);
        }
    }
}

/// Builds the tree below a header that was read already.
pub fn build<'a>(content: Content, raw: &'a [u8], depth: usize, trouble: &mut Trouble) -> Node<'a> {
    let mut node = Node { content, raw, children: Vec::new() };
    if node.content.top() != "multipart" {
        return node;
    }
    if depth >= MAX_DEPTH {
        trouble.limit("depth");
        return node;
    }
    let mut lines = match node.content.param("boundary").map(str::trim_end) {
        Some(boundary) if !boundary.is_empty() => delimiters(raw, boundary.as_bytes()),
        _ => {
            trouble.defect("no_boundary");
            Vec::new()
        }
    };
    if lines.iter().all(|l| l.closing) {
        if node.content.param("boundary").is_some() {
            trouble.defect("wrong_boundary");
        }
        let Some(boundary) = guess_boundary(raw) else {
            node.content.mime = "text/plain".to_owned();
            return node;
        };
        lines = delimiters(raw, boundary);
    }
    if !lines.last().is_some_and(|l| l.closing) {
        trouble.defect("no_closing_boundary");
    }
    let default = if node.content.mime == "multipart/digest" { "message/rfc822" } else { "text/plain" };
    for (n, line) in lines.iter().enumerate() {
        if line.closing {
            break;
        }
        if trouble.parts >= MAX_PARTS {
            trouble.limit("parts");
            break;
        }
        trouble.parts += 1;
        let end = lines.get(n + 1).map_or(raw.len(), |next| next.before);
        let part = &raw[line.after.min(end)..end];
        let block = headers::split(part);
        if block.limited {
            trouble.limit("headers");
        }
        let content = content::read(&block, default);
        node.children.push(build(content, &part[block.body..], depth + 1, trouble));
    }
    node
}

/// A boundary line.
struct Delimiter {
    /// Where the part before it ends: the line end before the boundary belongs to the boundary.
    before: usize,
    /// Where the part behind it begins.
    after: usize,
    closing: bool,
}

fn delimiters(raw: &[u8], boundary: &[u8]) -> Vec<Delimiter> {
    let mut found = Vec::new();
    let mut pos = 0;
    // The boundary that the part being passed declares, if it begins with this one: `a--` closes `a` and opens `a--`.
    let mut inner: Option<Vec<u8>> = None;
    while pos < raw.len() {
        let (end, next) = headers::line_end(raw, pos);
        if let Some(rest) = raw[pos..end].strip_prefix(b"--").and_then(|l| l.strip_prefix(boundary)) {
            let blank = |b: &[u8]| b.iter().all(|c| matches!(c, b' ' | b'\t' | b'\r'));
            let closing = rest.strip_prefix(b"--").is_some_and(blank);
            let line = raw[pos + 2..end].trim_ascii_end();
            if let Some(nested) = &inner {
                if line == nested {
                    pos = next;
                    continue;
                }
                if line.strip_prefix(&nested[..]).is_some_and(|l| l == b"--") {
                    inner = None;
                    pos = next;
                    continue;
                }
            }
            if closing || blank(rest) {
                if !closing {
                    inner = declared_inside(&raw[next..raw.len().min(next + 4096)], boundary);
                }
                let before = match &raw[..pos] {
                    [.., b'\r', b'\n'] => pos - 2,
                    [.., b'\n'] => pos - 1,
                    _ => pos,
                };
                found.push(Delimiter { before, after: next, closing });
                if closing {
                    break;
                }
            }
        }
        pos = next;
    }
    found
}

/// The boundary that the part at the beginning of `raw` declares, if it begins with the one around it.
fn declared_inside(raw: &[u8], boundary: &[u8]) -> Option<Vec<u8>> {
    let content = content::read(&headers::split(raw), "text/plain");
    let nested = content.param("boundary").filter(|_| content.top() == "multipart")?.trim_end().as_bytes();
    (nested.len() > boundary.len() && nested.starts_with(boundary)).then(|| nested.to_vec())
}

/// Finds what must be the boundary where none or a wrong one was declared: the first line of two dashes and more
/// that a Content- field follows.
fn guess_boundary(raw: &[u8]) -> Option<&[u8]> {
    let mut pos = 0;
    for _ in 0..200 {
        if pos >= raw.len() {
            return None;
        }
        let (end, next) = headers::line_end(raw, pos);
        let line = raw[pos..end].trim_ascii_end();
        let follows = raw.get(next..next + 8).is_some_and(|f| f.eq_ignore_ascii_case(b"content-"));
        if line.len() > 4 && line.len() <= 202 && line.starts_with(b"--") && follows {
            return Some(&line[2..]);
        }
        pos = next;
    }
    None
}

/// Decodes a leaf's bytes by its transfer encoding.
pub fn bytes_of(node: &Node<'_>, trouble: &mut Trouble) -> Vec<u8> {
    let (bytes, wrong, name) = match node.content.encoding.unwrap_or(Encoding::Identity) {
        Encoding::Identity => return node.raw.to_vec(),
        Encoding::Base64 => {
            let (bytes, wrong) = super::transfer::base64(node.raw);
            // Text that was never encoded, whatever its header says.
            let plain = wrong && node.content.top() == "text" && std::str::from_utf8(&bytes).is_err();
            let bytes = if plain && std::str::from_utf8(node.raw).is_ok() { node.raw.to_vec() } else { bytes };
            (bytes, wrong, "bad_base64")
        }
        Encoding::QuotedPrintable => {
            let (bytes, wrong) = super::transfer::quoted_printable(node.raw);
            (bytes, wrong, "bad_quoted_printable")
        }
        Encoding::Uuencode => {
            let (bytes, wrong) = super::transfer::uuencoded(node.raw);
            (bytes, wrong, "bad_uuencode")
        }
    };
    if wrong {
        trouble.defect(name);
    }
    bytes
}
