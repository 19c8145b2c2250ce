//! HTML to plain text in one pass, with marks where quotes and signatures stand (E7.3, E7.7).
//!
//! A tokenizer, not a tree: linear in the input, no recursion, so that 10⁵ nested elements cost nothing. Text only;
//! what is safe to show as HTML is `sanitise`'s business.

use mail_parser::decoders::html::add_html_token;

/// Why a range of the text was marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A quoted mail.
    Quote,
    /// A signature.
    Signature,
}

/// A range of the derived text that a container of the HTML covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// First byte.
    pub start: usize,
    /// Behind the last byte.
    pub end: usize,
    /// What it is.
    pub kind: Kind,
    /// The container that said so, for the trace.
    pub rule: &'static str,
    /// The quote reaches to the end of the mail even if its container does not (Outlook).
    pub to_end: bool,
}

/// The text of an HTML document and the marks within.
#[derive(Debug, Default)]
pub struct Text {
    /// The text.
    pub text: String,
    /// The marks in order of their beginnings.
    pub marks: Vec<Mark>,
    /// Some of the text is styled so that nobody sees it (E12.2).
    pub invisible: bool,
}

/// Deepest element nesting that is followed; deeper elements are read as text without structure.
const MAX_OPEN: usize = 256;

/// Elements whose content is no text.
const SILENT: &[&str] =
    &["head", "script", "style", "template", "title", "noscript", "svg", "math", "object", "select"];

/// Elements that begin and end on a line of their own.
const BLOCKS: &[&str] = &[
    "address",
    "article",
    "aside",
    "blockquote",
    "body",
    "center",
    "dd",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figure",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "html",
    "li",
    "main",
    "nav",
    "ol",
    "pre",
    "section",
    "table",
    "tbody",
    "tfoot",
    "thead",
    "tr",
    "ul",
];

/// Elements that an empty line sets apart.
const PARAGRAPHS: &[&str] = &["p", "h1", "h2", "h3", "h4", "h5", "h6"];

/// Elements without content.
const VOID: &[&str] =
    &["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"];

/// Returns the text alone.
pub fn to_text(html: &str) -> String {
    read(html).text
}

/// Returns the text with its marks.
pub fn read(html: &str) -> Text {
    let mut reader = Reader { out: String::with_capacity(html.len() / 2), ..Reader::default() };
    let mut pos = 0;
    // Silent elements that were seen never to end: looking again would make the scan quadratic.
    let mut unclosed: Vec<String> = Vec::new();
    while pos < html.len() {
        let Some(lt) = html[pos..].find('<') else {
            reader.text(&html[pos..]);
            break;
        };
        reader.text(&html[pos..pos + lt]);
        pos += lt;
        pos = match tag(&html[pos..]) {
            Some(found) => {
                let end = pos + found.len;
                let silent = !found.closing && SILENT.contains(&found.name.as_str()) && !found.self_closing;
                if silent && !unclosed.contains(&found.name) {
                    skip_element(html, end, &found.name).unwrap_or_else(|| {
                        unclosed.push(found.name.clone());
                        if matches!(found.name.as_str(), "script" | "style") { html.len() } else { end }
                    })
                } else {
                    reader.tag(&found);
                    end
                }
            }
            None if html[pos..].starts_with("<!--") => {
                html[pos + 4..].find("-->").map_or(html.len(), |n| pos + 4 + n + 3)
            }
            None if html[pos..].starts_with("<!") || html[pos..].starts_with("<?") => {
                html[pos..].find('>').map_or(html.len(), |n| pos + n + 1)
            }
            None => {
                reader.text("<");
                pos + 1
            }
        };
    }
    reader.finish()
}

/// Finds where a silent element ends; None if it never does: then it hides only its own tag, except a script or style.
fn skip_element(html: &str, from: usize, name: &str) -> Option<usize> {
    let bytes = html.as_bytes();
    let mut pos = from;
    while let Some(n) = html[pos..].find("</") {
        let at = pos + n + 2;
        if bytes.get(at..at + name.len()).is_some_and(|b| b.eq_ignore_ascii_case(name.as_bytes())) {
            return Some(html[at..].find('>').map_or(html.len(), |n| at + n + 1));
        }
        pos = at;
    }
    None
}

struct Tag {
    name: String,
    closing: bool,
    self_closing: bool,
    attributes: Vec<(String, String)>,
    len: usize,
}

impl Tag {
    fn attribute(&self, name: &str) -> &str {
        self.attributes.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v.as_str())
    }

    fn has_class(&self, wanted: &str) -> bool {
        self.attribute("class").split_ascii_whitespace().any(|c| c.eq_ignore_ascii_case(wanted))
    }
}

/// Most attributes of one tag; more is no tag.
const MAX_ATTRIBUTES: usize = 64;

/// Reads the tag that `html` begins with. None if it is none: no end, too many attributes, or another `<` within.
fn tag(html: &str) -> Option<Tag> {
    let bytes = html.as_bytes();
    let closing = bytes.get(1) == Some(&b'/');
    let start = 1 + usize::from(closing);
    if !bytes.get(start)?.is_ascii_alphabetic() {
        return None;
    }
    let name_len =
        bytes[start..].iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b':' | b'-' | b'_')).count();
    let name = html[start..start + name_len].to_ascii_lowercase();
    let mut attributes = Vec::new();
    let mut pos = start + name_len;
    let limit = bytes.len();
    let mut self_closing = false;
    loop {
        while pos < limit && (bytes[pos].is_ascii_whitespace() || bytes[pos] == b'/') {
            self_closing = bytes[pos] == b'/';
            pos += 1;
        }
        if pos >= limit {
            return None;
        }
        if bytes[pos] == b'>' {
            return Some(Tag { name, closing, self_closing, attributes, len: pos + 1 });
        }
        let key_start = pos;
        while pos < limit && !bytes[pos].is_ascii_whitespace() && !matches!(bytes[pos], b'=' | b'>' | b'/' | b'<') {
            pos += 1;
        }
        if bytes.get(pos) == Some(&b'<') || attributes.len() >= MAX_ATTRIBUTES {
            return None;
        }
        let key = &bytes[key_start..pos];
        while pos < limit && bytes[pos].is_ascii_whitespace() {
            pos += 1;
        }
        let mut value = &bytes[0..0];
        if pos < limit && bytes[pos] == b'=' {
            pos += 1;
            while pos < limit && bytes[pos].is_ascii_whitespace() {
                pos += 1;
            }
            match bytes.get(pos) {
                Some(&quote @ (b'"' | b'\'')) => {
                    let end = bytes[pos + 1..limit].iter().position(|&b| b == quote)? + pos + 1;
                    value = &bytes[pos + 1..end];
                    pos = end + 1;
                }
                _ => {
                    let from = pos;
                    while pos < limit && !bytes[pos].is_ascii_whitespace() && !matches!(bytes[pos], b'>' | b'<') {
                        pos += 1;
                    }
                    if bytes.get(pos) == Some(&b'<') {
                        return None;
                    }
                    value = &bytes[from..pos];
                }
            }
        } else if pos == key_start {
            pos += 1;
        }
        let key = String::from_utf8_lossy(key).to_ascii_lowercase();
        attributes.push((key, String::from_utf8_lossy(value).into_owned()));
    }
}

#[derive(Default)]
struct Reader {
    out: String,
    marks: Vec<Mark>,
    /// Open elements, the mark that each began, and whether it hides what it holds.
    open: Vec<(String, Option<usize>, bool)>,
    /// How many open elements hide what they hold.
    hiding: usize,
    invisible: bool,
    /// A blank is owed before the next word.
    space: bool,
    /// Line ends owed before the next word.
    breaks: usize,
    /// Depth of `pre`.
    pre: usize,
}

impl Reader {
    fn text(&mut self, raw: &str) {
        if raw.is_empty() {
            return;
        }
        let decoded = entities(raw);
        if self.pre > 0 {
            for (n, line) in decoded.split('\n').enumerate() {
                if n > 0 {
                    self.breaks += 1;
                }
                let line = line.trim_end_matches('\r');
                if !line.trim().is_empty() {
                    self.flush();
                    self.out.push_str(line);
                }
            }
            return;
        }
        let mut first = true;
        for word in decoded.split([' ', '\t', '\r', '\n']) {
            if !first {
                self.space = true;
            }
            first = false;
            if word.is_empty() || word.chars().all(|c| matches!(c, '\u{feff}' | '\u{200b}')) {
                continue;
            }
            self.invisible |= self.hiding > 0 && word.chars().any(char::is_alphanumeric);
            self.flush();
            for c in word.chars() {
                self.out.push(if c == '\u{a0}' { ' ' } else { c });
            }
        }
    }

    /// Pays what is owed: line ends, else a blank.
    fn flush(&mut self) {
        if self.breaks > 0 {
            if !self.out.is_empty() {
                while self.out.ends_with(' ') {
                    self.out.pop();
                }
                for _ in 0..self.breaks.min(3) {
                    self.out.push('\n');
                }
            }
        } else if self.space && !self.out.is_empty() && !self.out.ends_with(['\n', ' ']) {
            self.out.push(' ');
        }
        self.breaks = 0;
        self.space = false;
    }

    fn tag(&mut self, tag: &Tag) {
        let name = tag.name.as_str();
        if tag.closing {
            self.close(name);
        } else {
            self.begin(tag);
        }
    }

    fn begin(&mut self, tag: &Tag) {
        let name = tag.name.as_str();
        match name {
            "br" => {
                self.breaks += 1;
                self.space = false;
                return;
            }
            "td" | "th" => self.space = true,
            "p" => self.breaks = self.breaks.max(2),
            _ if BLOCKS.contains(&name) => {
                self.breaks = self.breaks.max(if PARAGRAPHS.contains(&name) { 2 } else { 1 })
            }
            _ => {}
        }
        let mark = container(tag).map(|(kind, rule, to_end)| {
            let start = self.out.len();
            self.marks.push(Mark { start, end: usize::MAX, kind, rule, to_end });
            self.marks.len() - 1
        });
        if name == "pre" {
            self.pre += 1;
        }
        if name == "li" {
            self.flush();
            self.out.push_str("* ");
        }
        if !VOID.contains(&name) && !tag.self_closing && self.open.len() < MAX_OPEN {
            let hides = hides(tag.attribute("style"));
            self.hiding += usize::from(hides);
            self.open.push((name.to_owned(), mark, hides));
        }
    }

    fn close(&mut self, name: &str) {
        if name == "p" {
            self.breaks = self.breaks.max(2);
        } else if BLOCKS.contains(&name) {
            self.breaks = self.breaks.max(if PARAGRAPHS.contains(&name) { 2 } else { 1 });
        } else if name == "br" {
            self.breaks += 1;
        }
        let Some(at) = self.open.iter().rposition(|(n, _, _)| n == name) else { return };
        for (closed, mark, hides) in self.open.drain(at..) {
            self.hiding -= usize::from(hides);
            if closed == "pre" {
                self.pre = self.pre.saturating_sub(1);
            }
            if let Some(mark) = mark {
                self.marks[mark].end = self.out.len();
            }
        }
    }

    fn finish(mut self) -> Text {
        let len = self.out.len();
        for mark in &mut self.marks {
            mark.end = if mark.to_end { len } else { mark.end.min(len) };
        }
        self.marks.retain(|m| m.start < m.end);
        Text { text: self.out, marks: self.marks, invisible: self.invisible }
    }
}

/// Tells whether a style hides what it is set on (E12.2).
pub fn hides(style: &str) -> bool {
    !style.is_empty() && style.split(';').any(hides_by)
}

/// Tells whether one declaration hides: none, transparent, nothing high, far outside.
pub fn hides_by(declaration: &str) -> bool {
    let declaration: String =
        declaration.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase();
    let Some((property, value)) = declaration.split_once(':') else { return false };
    let value = value.trim_end_matches("!important");
    let number = || {
        let end = value.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-'))).unwrap_or(value.len());
        value[..end].parse::<f64>().ok()
    };
    match property {
        "display" => value == "none",
        "visibility" => matches!(value, "hidden" | "collapse"),
        "mso-hide" => value == "all",
        "opacity" => number().is_some_and(|n| n < 0.05),
        "font-size" | "line-height" | "max-height" | "max-width" => {
            number().is_some_and(|n| n <= 1.0 && (n < 0.05 || value.ends_with("px") && property == "font-size"))
        }
        "color" => value == "transparent" || value.starts_with("rgba(") && value.ends_with(",0)"),
        "text-indent" => number().is_some_and(|n| n <= -100.0),
        _ => false,
    }
}

/// Tells whether an element is a client's container of a quote or signature.
fn container(tag: &Tag) -> Option<(Kind, &'static str, bool)> {
    if tag.attributes.is_empty() {
        return None;
    }
    let id = tag.attribute("id");
    let name = tag.attribute("name");
    for (class, kind, rule) in CLASSES {
        if tag.has_class(class) {
            return Some((*kind, rule, false));
        }
    }
    for (wanted, kind, to_end, rule) in IDS {
        if id.eq_ignore_ascii_case(wanted) || id.strip_prefix("x_").is_some_and(|i| i.eq_ignore_ascii_case(wanted)) {
            return Some((*kind, rule, *to_end));
        }
    }
    let lower_class = tag.attribute("class").to_ascii_lowercase();
    if lower_class.contains("yahoo_quoted") || id.to_ascii_lowercase().contains("yahoo_quoted") {
        return Some((Kind::Quote, "yahoo_quoted", false));
    }
    if tag.name == "blockquote" && tag.attribute("type").eq_ignore_ascii_case("cite") {
        return Some((Kind::Quote, "blockquote[type=cite]", false));
    }
    if matches!(name, "quote" | "messageReplySection") {
        return Some((Kind::Quote, "[name=quote]", false));
    }
    if tag.attribute("data-marker") == "__QUOTED_TEXT__" {
        return Some((Kind::Quote, "[data-marker=__QUOTED_TEXT__]", false));
    }
    let style: String =
        tag.attribute("style").chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase();
    if tag.name == "div"
        && style.contains("border-top:solid")
        && style.contains("1.0pt")
        && style.contains("border:none")
    {
        return Some((Kind::Quote, "div[border-top:solid]", true));
    }
    None
}

/// Classes of quotes and signatures, by client.
const CLASSES: &[(&str, Kind, &str)] = &[
    ("gmail_quote", Kind::Quote, ".gmail_quote"),
    ("gmail_quote_container", Kind::Quote, ".gmail_quote"),
    ("gmail_extra", Kind::Quote, ".gmail_extra"),
    ("moz-cite-prefix", Kind::Quote, ".moz-cite-prefix"),
    ("protonmail_quote", Kind::Quote, ".protonmail_quote"),
    ("zmail_extra", Kind::Quote, ".zmail_extra"),
    ("tutanota_quote", Kind::Quote, ".tutanota_quote"),
    ("gmail_signature", Kind::Signature, ".gmail_signature"),
    ("moz-signature", Kind::Signature, ".moz-signature"),
    ("protonmail_signature_block", Kind::Signature, ".protonmail_signature_block"),
];

/// Ids of quotes and signatures, by client; the flag: what follows the element is quote too.
const IDS: &[(&str, Kind, bool, &str)] = &[
    ("divRplyFwdMsg", Kind::Quote, true, "#divRplyFwdMsg"),
    ("appendonsend", Kind::Quote, true, "#appendonsend"),
    ("OLK_SRC_BODY_SECTION", Kind::Quote, false, "#OLK_SRC_BODY_SECTION"),
    ("mail-editor-reference-message-container", Kind::Quote, false, "#mail-editor-reference-message-container"),
    ("Signature", Kind::Signature, false, "#Signature"),
    ("AppleMailSignature", Kind::Signature, false, "#AppleMailSignature"),
];

/// Decodes character references; unknown ones stay as they are.
pub fn entities(raw: &str) -> std::borrow::Cow<'_, str> {
    if !raw.contains('&') {
        return raw.into();
    }
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.bytes().take(34).position(|b| b == b';' || b.is_ascii_whitespace());
        match end {
            Some(end) if rest.as_bytes()[end] == b';' && end > 1 => {
                add_html_token(&mut out, &rest.as_bytes()[..=end], false);
                rest = &rest[end + 1..];
            }
            _ if rest.starts_with("&nbsp") => {
                out.push('\u{a0}');
                rest = &rest[5..];
            }
            _ => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out.replace('\0', "\u{fffd}").into()
}

/// Plain text as HTML, for a body that mixes both.
pub fn from_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\n' => out.push_str("<br>\n"),
            '\r' => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_and_entities() {
        let html = "<html><head><title>no</title></head><body><p>Gr&uuml;&szlig;e&nbsp;&#x21;</p><p>a<br>b</p><script>x</script></body>";
        assert_eq!(to_text(html), "Grüße !\n\na\nb");
    }

    #[test]
    fn stray_angle_and_open_comment() {
        assert_eq!(to_text("1 < 2 & 3 &foo; <!-- x --> y <!-- z"), "1 < 2 & 3 &foo; y");
    }

    #[test]
    fn gmail_quote_is_marked() {
        let got = read("<div>new</div><div class=\"gmail_quote\">On x wrote:<blockquote>old</blockquote></div>");
        assert_eq!(got.marks.len(), 1);
        assert_eq!(&got.text[got.marks[0].start..got.marks[0].end], "\nOn x wrote:\nold");
        assert_eq!(got.marks[0].kind, Kind::Quote);
    }

    #[test]
    fn nesting_is_cheap() {
        let html = format!("{}x{}", "<div>".repeat(100_000), "</div>".repeat(100_000));
        assert_eq!(to_text(&html), "x");
    }
}
