//! Which leaves are the body, and what becomes of the others (E2.5–E2.9).

use super::{
    charset, filename, transfer,
    tree::{self, Node, Trouble},
};
use crate::mail_in::unpack::{self, cms::Cms, tnef};
use crate::mail_in::{headers, html, types::Part};

/// The body and the parts, collected in order.
#[derive(Debug, Default)]
pub struct Collected {
    items: Vec<Item>,
    /// All leaves that are not body.
    pub parts: Vec<Part>,
    /// Types of all nodes, in order.
    pub content_types: Vec<String>,
    /// How many leaves became the body.
    pub body_leaves: usize,
    /// A body's charset was guessed.
    pub guessed: bool,
    /// A part is encrypted (E2.12).
    pub encrypted: bool,
    /// A part is signed (E2.12).
    pub signed: bool,
    /// The charset that a reader chose instead of the declared one (E2.1).
    charset: Option<String>,
    /// Body from `winmail.dat`, for a mail that has none else (E2.10).
    tnef: Option<(Option<String>, Option<String>)>,
    leaf: usize,
    /// How many opaque signatures are open around what is read.
    unwrapped: usize,
}

/// Opaque signatures within each other that are unwrapped.
const MAX_UNWRAPPED: usize = 3;

/// One piece of the body: a text, an HTML, or both as alternatives.
#[derive(Debug, Default)]
struct Item {
    text: Option<String>,
    html: Option<String>,
}

/// The body as it goes into the mail.
#[derive(Debug, Default)]
pub struct Body {
    /// The text.
    pub text: String,
    /// The HTML, if any piece had one.
    pub html: Option<String>,
    /// The text, or a piece of it, comes from HTML.
    pub derived: bool,
}

/// How the parent of a node uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The mail itself.
    Top,
    /// The first child, or the root of a related group: body if it is text.
    First,
    /// A further child: body if it is text without a name of its own.
    Further,
    /// A child that never is body (related resources, signatures).
    Never,
}

/// Walks the tree; `charset` is read instead of what the texts declare.
pub fn collect(root: &Node<'_>, charset: Option<&str>, trouble: &mut Trouble) -> Collected {
    let mut collected = Collected { charset: charset.map(str::to_owned), ..Collected::default() };
    collected.node(root, Place::Top, trouble);
    collected
}

impl Collected {
    fn node(&mut self, node: &Node<'_>, place: Place, trouble: &mut Trouble) {
        self.content_types.push(node.content.mime.clone());
        if node.children.is_empty() {
            return self.leaf(node, place, trouble);
        }
        self.encrypted |= node.content.mime == "multipart/encrypted";
        self.signed |= node.content.mime == "multipart/signed";
        match node.content.mime.as_str() {
            "multipart/alternative" => self.alternative(node, place, trouble),
            "multipart/related" => {
                let start = node.content.param("start").map(|s| s.trim_matches(['<', '>']).to_owned());
                let root = start
                    .and_then(|s| node.children.iter().position(|c| c.content.id.as_deref() == Some(&s)))
                    .or_else(|| node.children.iter().position(|c| node.content.param("type") == Some(&c.content.mime)))
                    .or_else(|| node.children.iter().position(|c| c.content.disposition != "attachment"))
                    .unwrap_or(0);
                for (n, child) in node.children.iter().enumerate() {
                    let first = n == root && place != Place::Never;
                    self.node(child, if first { Place::First } else { Place::Never }, trouble);
                }
            }
            _ => {
                for (n, child) in node.children.iter().enumerate() {
                    let place = match place {
                        Place::Never => Place::Never,
                        _ if n == 0 => Place::First,
                        _ => Place::Further,
                    };
                    self.node(child, place, trouble);
                }
            }
        }
    }

    /// Of alternatives the text and the HTML are one piece; whatever else there is stays a part.
    fn alternative(&mut self, node: &Node<'_>, place: Place, trouble: &mut Trouble) {
        let mut item = Item::default();
        for child in &node.children {
            let before = self.items.len();
            let place = if place == Place::Never { Place::Never } else { Place::First };
            self.node(child, place, trouble);
            for found in self.items.split_off(before) {
                join(&mut item.text, found.text);
                join(&mut item.html, found.html);
            }
        }
        if item.text.is_some() || item.html.is_some() {
            self.items.push(item);
        }
    }

    fn leaf(&mut self, node: &Node<'_>, place: Place, trouble: &mut Trouble) {
        self.leaf += 1;
        let content = &node.content;
        let bytes = tree::bytes_of(node, trouble);
        if is_body(node, place) {
            self.body_leaves += 1;
            let declared = self.charset.as_deref().or_else(|| content.param("charset"));
            let decoded = charset::decode(&bytes, declared);
            self.guessed |= decoded.guessed;
            let text = tidy(&decoded.text);
            if content.mime == "text/html" {
                self.items.push(Item { html: Some(text), text: None });
                return;
            }
            let mut text = if is_flowed(node) { unflow(&text, del_sp(node)) } else { text };
            if let Some((rest, files)) = transfer::take_uuencoded(&text) {
                for file in files {
                    self.uuencoded(file);
                }
                text = rest;
            }
            self.items.push(Item { text: Some(text), html: None });
            return;
        }
        let original = content.filename.clone();
        let safe = original.as_deref().and_then(filename::safe);
        let filename = safe.unwrap_or_else(|| filename::made_up(self.leaf, &content.mime));
        if unpack::is_cms(&content.mime, original.as_deref()) {
            self.cms(&bytes, &filename, place, trouble);
        }
        let stream = unpack::is_tnef(&content.mime, original.as_deref(), &bytes).then(|| tnef::read(&bytes)).flatten();
        let name = filename.clone();
        self.parts.push(Part {
            original_filename: original.filter(|o| *o != filename),
            filename,
            content_type: content.mime.clone(),
            bytes,
            inline: content.disposition == "inline" || content.disposition.is_empty() && content.id.is_some(),
            content_id: content.id.clone(),
            unpacked_from: None,
        });
        if let Some(stream) = stream {
            self.tnef(stream, &name, trouble);
        }
    }

    /// What an opaque signature holds is read in its place; the signed file stays a part (E2.12).
    fn cms(&mut self, bytes: &[u8], name: &str, place: Place, trouble: &mut Trouble) {
        match unpack::cms::read(bytes) {
            Cms::Encrypted => self.encrypted = true,
            Cms::Signed(inner) if self.unwrapped < MAX_UNWRAPPED => {
                self.signed = true;
                let block = headers::split(&inner);
                let content = super::content::read(&block, "text/plain");
                let node = tree::build(content, &inner[block.body..], tree::MAX_DEPTH / 2, trouble);
                let before = (self.parts.len(), self.content_types.len(), self.body_leaves);
                self.unwrapped += 1;
                self.node(&node, place, trouble);
                self.unwrapped -= 1;
                for part in &mut self.parts[before.0..] {
                    part.unpacked_from.get_or_insert_with(|| name.to_owned());
                }
                // Those are no leaves of the mail itself.
                self.content_types.truncate(before.1);
                self.body_leaves = before.2;
            }
            Cms::Signed(_) | Cms::Other => {}
        }
    }

    /// The files of `winmail.dat` follow it; its text is the body of a mail that has none (E2.10).
    fn tnef(&mut self, stream: tnef::Content, name: &str, trouble: &mut Trouble) {
        if stream.truncated {
            trouble.defect("bad_tnef");
        }
        for (n, file) in stream.files.into_iter().enumerate() {
            let mime = file.content_type.unwrap_or_else(|| "application/octet-stream".to_owned());
            let original = file.name.filter(|n| !n.trim().is_empty());
            let safe = original.as_deref().and_then(filename::safe);
            let filename = safe.unwrap_or_else(|| filename::made_up(n + 1, &mime));
            self.parts.push(Part {
                original_filename: original.filter(|o| *o != filename),
                filename,
                content_type: mime,
                bytes: file.bytes,
                inline: false,
                content_id: file.content_id,
                unpacked_from: Some(name.to_owned()),
            });
        }
        if self.tnef.is_none() && (stream.text.is_some() || stream.html.is_some()) {
            self.tnef = Some((stream.text.map(|t| tidy(&t)), stream.html.map(|h| tidy(&h))));
        }
    }

    fn uuencoded(&mut self, file: transfer::UuFile) {
        let filename = filename::safe(&file.name).unwrap_or_else(|| format!("part-{}.bin", self.parts.len() + 1));
        self.parts.push(Part {
            original_filename: Some(file.name).filter(|n| !n.is_empty() && *n != filename),
            filename,
            content_type: "application/octet-stream".to_owned(),
            bytes: file.bytes,
            inline: false,
            content_id: None,
            unpacked_from: Some("text".to_owned()),
        });
    }

    /// Joins the pieces: text and HTML each in order, what one lacks derived from the other.
    pub fn body(&mut self) -> Body {
        let items = std::mem::take(&mut self.items);
        // A text and an HTML side by side are alternatives that a client labelled wrongly: the text is not said twice.
        let mislabelled =
            items.len() == 2 && is_filled(&items[0].text) && items[0].html.is_none() && items[1].text.is_none();
        let any_html = items.iter().any(|i| i.html.as_deref().is_some_and(|h| !h.trim().is_empty()));
        let mut body = Body::default();
        let mut html_out = String::new();
        for item in items {
            let blank = item.text.as_deref().is_none_or(|t| t.trim().is_empty());
            let text = match (&item.text, &item.html) {
                (None, Some(_)) if mislabelled => String::new(),
                (_, Some(html)) if blank => {
                    let derived = html::to_text(html);
                    body.derived |= !derived.is_empty();
                    derived
                }
                (text, _) => text.clone().unwrap_or_default(),
            };
            if any_html {
                match &item.html {
                    Some(html) => html_out.push_str(html),
                    None => html_out.push_str(&html::from_text(&text)),
                }
            }
            if !body.text.is_empty() && !text.is_empty() {
                if !body.text.ends_with('\n') {
                    body.text.push('\n');
                }
                body.text.push('\n');
            }
            body.text.push_str(&text);
        }
        body.html = any_html.then_some(html_out);
        if body.text.trim().is_empty()
            && body.html.as_deref().is_none_or(|h| h.trim().is_empty())
            && let Some((text, html)) = self.tnef.take()
        {
            body.text = text.unwrap_or_default();
            body.html = html;
        }
        body
    }
}

fn is_filled(text: &Option<String>) -> bool {
    text.as_deref().is_some_and(|t| !t.trim().is_empty())
}

fn join(into: &mut Option<String>, more: Option<String>) {
    match (into.as_mut(), more) {
        (Some(old), Some(more)) => {
            if !old.is_empty() && !old.ends_with('\n') {
                old.push('\n');
            }
            old.push_str(&more);
        }
        (None, more) => *into = more,
        (Some(_), None) => {}
    }
}

/// Tells whether a leaf is text to be read as the mail's body.
fn is_body(node: &Node<'_>, place: Place) -> bool {
    let content = &node.content;
    if !matches!(content.mime.as_str(), "text/plain" | "text/html") || place == Place::Never {
        return false;
    }
    match place {
        Place::Top => !(content.disposition == "attachment" && content.filename.is_some()),
        Place::First => {
            content.disposition != "attachment" && (content.filename.is_none() || content.disposition == "inline")
        }
        _ => content.disposition != "attachment" && content.filename.is_none(),
    }
}

fn is_flowed(node: &Node<'_>) -> bool {
    node.content.mime == "text/plain" && node.content.param("format").is_some_and(|f| f.eq_ignore_ascii_case("flowed"))
}

fn del_sp(node: &Node<'_>) -> bool {
    node.content.param("delsp").is_some_and(|d| d.eq_ignore_ascii_case("yes"))
}

/// LF line ends; NUL cannot be stored (E1.6).
fn tidy(text: &str) -> String {
    let text = if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text.to_owned() };
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

/// Unwraps `format=flowed` (RFC 3676): a line that ends in a blank goes on in the next one of the same quote depth.
fn unflow(text: &str, del_sp: bool) -> String {
    let mut out = String::with_capacity(text.len());
    // The quote depth of the line that goes on.
    let mut flowing: Option<usize> = None;
    for line in text.split_inclusive('\n') {
        let ended = line.ends_with('\n');
        let line = line.trim_end_matches('\n');
        let depth = line.bytes().take_while(|&b| b == b'>').count();
        let content = &line[depth..];
        let content = content.strip_prefix(' ').unwrap_or(content);
        let signature = content == "-- ";
        match flowing {
            Some(open) if open == depth && !signature => {}
            before => {
                if before.is_some() {
                    out.push('\n');
                }
                for _ in 0..depth {
                    out.push('>');
                }
                if depth > 0 && !content.is_empty() {
                    out.push(' ');
                }
            }
        }
        flowing = None;
        if content.ends_with(' ') && !signature && ended {
            out.push_str(if del_sp { &content[..content.len() - 1] } else { content });
            flowing = Some(depth);
        } else {
            out.push_str(content);
            if ended {
                out.push('\n');
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// E2.6.
    #[test]
    fn flowed() {
        assert_eq!(unflow("a \nb\n> q \n> r\n-- \nx\n", false), "a b\n> q r\n-- \nx\n");
        assert_eq!(unflow("日 \n本\n", true), "日本\n");
        assert_eq!(unflow("a \n> q\n", false), "a \n> q\n");
        assert_eq!(unflow(" >x\n", false), ">x\n");
    }
}
